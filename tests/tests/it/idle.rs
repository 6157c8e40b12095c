//! What the agent costs a quiet host that clamd guards, in its parts as they are delivered. Neither the server beside it nor
//! clamd itself is counted.
//!
//! `cargo xtask soak idle` measures ten minutes or `YAKUJO_SECONDS` of it, optimised, against the whole budget; without it only
//! the memory that is the parts' own is held against it, for a moment.

use super::malware::machines::clamd_here;
use super::parts::town::{Town, Victim};
use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};
use yakujo_stories::alone::{alone, is_alone};

const TICK: Duration = Duration::from_secs(10);
/// The first readings: every tree is read once, paced.
const FIRST: Duration = Duration::from_secs(120);
const MOST_PER_MILLE: u64 = 10;
const MOST_OF_TEN_SECONDS: u64 = 100;
/// The parts, and what each may have of memory, MiB.
const PARTS: [(Victim, u64); 4] =
    [(Victim::Agent, 48), (Victim::Keep, 48), (Victim::Collect, 96), (Victim::Save, 48)];

#[test]
fn the_parts_stay_within_their_budget() -> anyhow::Result<()> {
    if !is_alone() {
        super::losses::world::build()?;
    }
    alone("idle::the_parts_stay_within_their_budget", || async { story() })
}

fn is_soak() -> bool {
    std::env::var_os("YAKUJO_SOAK").is_some()
}

/// Processor time of a part with the programs it ran, ms.
fn cpu(town: &Town, part: Victim) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", town.pid(part)?))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    // utime, stime, cutime, cstime of proc(5), in hundredths of a second.
    Ok((11..=14).map(number).sum::<u64>() * 10)
}

/// Resident memory of a part, MiB. What a program that is not optimised maps of its own file is not counted.
fn memory(town: &Town, part: Victim) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", town.pid(part)?))?;
    let name = if is_soak() { "VmRSS:" } else { "RssAnon:" };
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no memory")?;
    Ok(line.split_whitespace().next().context("no number")?.parse::<u64>()? >> 10)
}

fn cpu_of_all(town: &Town) -> anyhow::Result<u64> {
    PARTS.iter().map(|(part, _)| cpu(town, *part)).sum()
}

fn story() -> anyhow::Result<()> {
    let named = std::env::var("YAKUJO_SECONDS").ok().and_then(|text| text.parse().ok());
    let (first, seconds) = if is_soak() { (FIRST, named.unwrap_or(600)) } else { (Duration::ZERO, 10) };
    let definitions = tempfile::tempdir()?;
    let _clamd = clamd_here(definitions.path())?;
    let mut town = Town::found()?;
    town.until("the first look at the files is told", |told| told.baselines > 0)?;
    sleep(first);
    let (began, before) = (Instant::now(), cpu_of_all(&town)?);
    let (mut worst, mut most_used) = (0, BTreeMap::new());
    while began.elapsed() < Duration::from_secs(seconds) {
        let (then, from) = (cpu_of_all(&town)?, Instant::now());
        sleep(TICK);
        worst = worst.max(per_mille(cpu_of_all(&town)? - then, from.elapsed()));
        for (part, _) in PARTS {
            let used = memory(&town, part)?;
            let known = most_used.entry(part).or_insert(0);
            *known = used.max(*known);
        }
    }
    let average = per_mille(cpu_of_all(&town)? - before, began.elapsed());
    println!(
        "idle seconds={seconds} cpu_per_mille={average} worst_10s_per_mille={worst} rss_mib={most_used:?}"
    );
    for (part, most) in PARTS {
        ensure!(most_used.get(&part).is_some_and(|used| *used <= most), "{part:?} may have {most} MiB");
    }
    let within = average <= MOST_PER_MILLE && worst <= MOST_OF_TEN_SECONDS;
    ensure!(within || !is_soak(), "more of the processor than the budget allows");
    town.end()?;
    Ok(())
}

fn per_mille(ms: u64, passed: Duration) -> u64 {
    ms * 1_000 / u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1)
}
