//! Facts sent = entries stored + losses declared, exactly: agent and server are killed at any moment, disks are full,
//! connections are cut, and what was delivered is delivered again, late and in the wrong order.
//!
//! `cargo xtask soak kills` runs it 170 times, which is 1,020 kills (`YAKUJO_RUNS` says how often instead).

mod books;
mod proxy;
pub mod world;

use books::{Balance, compare};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use world::{Blow, World};
use yakujo_stories::alone::{alone, is_alone};

/// What every run suffers, in an order of its own.
const BLOWS: [Blow; 12] = [
    Blow::KillAgent,
    Blow::KillAgent,
    Blow::KillAgent,
    Blow::KillServer,
    Blow::KillServer,
    Blow::KillServer,
    Blow::Cut,
    Blow::CutAnswer,
    Blow::AgentDisk,
    Blow::AgentDisk,
    Blow::ServerDisk,
    Blow::ServerDisk,
];

/// SplitMix64: enough to choose orders and pauses.
pub struct Random(u64);

impl Random {
    /// Another order each time; what it is, is printed.
    pub fn of_now() -> Self {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        println!("seed {seed}");
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn order(&mut self) -> Vec<Blow> {
        let mut keyed: Vec<(u64, Blow)> = BLOWS.iter().map(|blow| (self.next(), *blow)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, blow)| blow).collect()
    }
}

fn runs() -> u32 {
    let named = std::env::var("YAKUJO_RUNS").ok().and_then(|runs| runs.parse().ok());
    let soak = std::env::var_os("YAKUJO_SOAK").is_some();
    named.unwrap_or(if soak { 170 } else { 2 })
}

#[test]
fn whatever_happens_every_fact_is_stored_once_or_declared_as_lost() -> anyhow::Result<()> {
    if !is_alone() {
        world::build()?;
    }
    alone("losses::whatever_happens_every_fact_is_stored_once_or_declared_as_lost", || async {
        story().await
    })
}

async fn story() -> anyhow::Result<()> {
    let (yakujo, load) = world::programs()?;
    let mut world = World::found(yakujo, load)?;
    let mut random = Random::of_now();
    println!(
        "| run | blows | sent | stored | declared lost | never sent | offered again | entries | s | books |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    let (mut before, mut exact) = (Balance::default(), 0);
    let runs = runs();
    for run in 1..=runs {
        let began = Instant::now();
        world.start_agent()?;
        for blow in random.order() {
            sleep(Duration::from_millis(random.next() % 500));
            world.blow(blow, random.next())?;
        }
        world.heal()?;
        let (now, mut wrong) = world.sent(|sent| compare(sent, &world.stored));
        let listed = world.listed().await?;
        if listed < world.stored.entries {
            wrong.push(format!("the pages list {listed} of {} entries", world.stored.entries));
        }
        println!(
            "| {run} | {} | {} | {} | {} | {} | {} | {} | {:.1} | {} |",
            BLOWS.len(),
            now.sent - before.sent,
            now.stored - before.stored,
            now.lost - before.lost,
            now.unborn - before.unborn,
            world.sent(|sent| std::mem::take(&mut sent.replayed)),
            world.stored.entries,
            began.elapsed().as_secs_f64(),
            if wrong.is_empty() { "exact" } else { "WRONG" }
        );
        wrong.iter().take(20).for_each(|what| println!("  {what}"));
        exact += u32::from(wrong.is_empty());
        before = now;
    }
    println!(
        "{exact} of {runs} runs exact: {} sent = {} stored + {} declared lost",
        before.sent, before.stored, before.lost
    );
    anyhow::ensure!(exact == runs, "{} runs of {runs} are not exact", runs - exact);
    world.end()
}
