//! The agent as it is delivered, in its parts, and `kill -9` of every one of them at any time: no file that appeared and no
//! result of a backup is lost or told twice, and the numbers have no gap.
//!
//! `cargo xtask soak parts` kills 1,000 times (`YAKUJO_KILLS` says how often instead).

pub mod town;

use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};
use town::{Town, Victim};
use yakujo_stories::alone::{alone, is_alone};

fn kills() -> u32 {
    let named = std::env::var("YAKUJO_KILLS").ok().and_then(|kills| kills.parse().ok());
    let soak = std::env::var_os("YAKUJO_SOAK").is_some();
    named.unwrap_or(if soak { 1_000 } else { 15 })
}

#[test]
fn whichever_part_is_killed_everything_is_told_once_and_in_order() -> anyhow::Result<()> {
    if !is_alone() {
        super::losses::world::build()?;
    }
    alone("parts::whichever_part_is_killed_everything_is_told_once_and_in_order", || async { story() })
}

fn story() -> anyhow::Result<()> {
    let mut town = Town::found()?;
    town.until("the first look at the files is told", |told| told.baselines > 0)?;
    rights(&town)?;
    let writer = town.write();
    let mut random = super::losses::Random::of_now();
    let mut killed: BTreeMap<Victim, u32> = BTreeMap::new();
    let began = Instant::now();
    while killed.values().sum::<u32>() < kills() {
        sleep(Duration::from_millis(200 + random.next() % 1_000));
        let number = usize::try_from(random.next())? % Victim::ALL.len();
        let victim = Victim::ALL.into_iter().nth(number).context("a victim")?;
        if town.kill(victim)? {
            *killed.entry(victim).or_default() += 1;
        }
    }
    let written = writer.stop()?;
    println!(
        "{killed:?} in {:.0} s, {} files, {} results",
        began.elapsed().as_secs_f64(),
        written.files,
        written.results
    );
    town.until("all files and results are told", |told| {
        told.files.len() as u64 >= written.files && told.results.contains_key(&written.results)
    })?;
    let told = town.end()?;
    told.is_exact(&written)?;
    ensure!(told.is_stopped, "that the agent was stopped in good order is not told");
    Ok(())
}

/// What a part does not need, it does not have.
fn rights(town: &Town) -> anyhow::Result<()> {
    // CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE.
    let collects = 1 << 2 | 1 << 19;
    for (part, capabilities) in [(Victim::Keep, 0), (Victim::Collect, collects)] {
        let status = std::fs::read_to_string(format!("/proc/{}/status", town.pid(part)?))?;
        let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let permitted = u64::from_str_radix(of("CapPrm:").context("capabilities")?, 16)?;
        ensure!(permitted == capabilities, "{part:?} has {permitted:x}");
        ensure!((of("NoNewPrivs:"), of("Seccomp:")) == (Some("1"), Some("2")), "{part:?} gave nothing up");
    }
    Ok(())
}
