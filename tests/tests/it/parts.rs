//! The agent as it is delivered, in its parts, and `kill -9` of every one of them at any time: no file that appeared and no
//! result of a backup is lost or told twice, and the numbers have no gap.
//!
//! `cargo xtask soak parts` kills 1,000 times (`YAKUJO_KILLS` says how often instead).

pub mod town;

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
        let victim = Victim::ALL[usize::try_from(random.next() % Victim::ALL.len() as u64)?];
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
    anyhow::ensure!(told.is_stopped, "that the agent was stopped in good order is not told");
    Ok(())
}

/// What a part may not need, it does not have.
fn rights(town: &Town) -> anyhow::Result<()> {
    let of = |victim| -> anyhow::Result<BTreeMap<String, String>> {
        let pid = town.pid(victim)?;
        let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Ok(lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    };
    let (keep, collect) = (of(Victim::Keep)?, of(Victim::Collect)?);
    assert_eq!(u64::from_str_radix(&keep["CapPrm"], 16)?, 0);
    // CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_SYS_PTRACE.
    assert_eq!(u64::from_str_radix(&collect["CapPrm"], 16)?, 1 << 2 | 1 << 12 | 1 << 19);
    for status in [keep, collect] {
        assert_eq!((status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()), ("1", "2"));
    }
    Ok(())
}
