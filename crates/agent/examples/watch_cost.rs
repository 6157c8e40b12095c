//! What watching costs: the first reading of the trees given as arguments, then idle turns. Prints one line.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::Instant;
use yakujo_agent::reading::Sources;
use yakujo_agent::watch::files::{Files, Left};
use yakujo_contract::fact::Fact;

fn cpu_ms() -> u64 {
    let stat = procfs::process::Process::myself().and_then(|process| process.stat());
    let ticks = stat.map_or(0, |stat| stat.utime.saturating_add(stat.stime));
    ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1)
}

fn main() {
    let roots: Vec<String> = std::env::args().skip(1).collect();
    let mut files = Files::new(Sources::of_this_host(), roots, &Left::default(), [7; 32]);
    let (began, before) = (Instant::now(), cpu_ms());
    let (mut turns, mut told) = (0_u32, None);
    while told.is_none() && turns < 10_000 {
        turns = turns.saturating_add(1);
        told = files.turn(jiff::Timestamp::now()).into_iter().find_map(|fact| match fact {
            Fact::IntegrityBaseline(baseline) => Some((baseline.entries, baseline.bytes)),
            _ => None,
        });
    }
    let (first, wall) = (cpu_ms().saturating_sub(before), began.elapsed().as_millis());
    let notes = files.notes().len();
    let idle = cpu_ms();
    for _ in 0..100 {
        files.turn(jiff::Timestamp::now());
    }
    let idle = cpu_ms().saturating_sub(idle);
    let rss = procfs::process::Process::myself().and_then(|it| it.stat()).map_or(0, |stat| stat.rss);
    let mib = rss.saturating_mul(procfs::page_size()) >> 20;
    let (entries, bytes) = told.unwrap_or_default();
    println!(
        "watch entries={entries} bytes={bytes} turns={turns} first_cpu_ms={first} first_wall_ms={wall} idle_cpu_ms_of_100_turns={idle} notes={notes} rss_mib={mib}"
    );
}
