//! Bar of the budget: this host observed as the agent observes it, with nothing to do, for ten minutes or `YAKUJO_SECONDS`.
//! What the collectors make is kept in an outbox and taken out again. Prints one line; ends with an error where the
//! processor is used for more than 1 % of a core on average once the first readings are done, or memory for more than
//! 48 MiB.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use jiff::Timestamp;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use yakujo_agent::observe::{Observer, Past};
use yakujo_agent::outbox::{BATCH_FACTS, Bound, Outbox, OutboxError};
use yakujo_agent::reading::Sources;

const TICK: Duration = Duration::from_secs(5);
/// The first readings: every tree is read once, paced.
const FIRST: Duration = Duration::from_secs(60);
const MOST_PER_MILLE: u64 = 10;
const MOST_MIB: u64 = 48;

/// Processor time of this process and the programs it ran (ms), and its resident memory (MiB).
fn used() -> (u64, u64) {
    let Ok(stat) = procfs::process::Process::myself().and_then(|process| process.stat()) else {
        return (0, 0);
    };
    let of_others = u64::try_from(stat.cutime.saturating_add(stat.cstime)).unwrap_or(0);
    let ticks = stat.utime.saturating_add(stat.stime).saturating_add(of_others);
    let milliseconds = ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1);
    (milliseconds, stat.rss.saturating_mul(procfs::page_size()) >> 20)
}

async fn turn(mut observer: Observer, outbox: &Outbox) -> Result<Observer, OutboxError> {
    let now = Timestamp::now();
    let looked = tokio::task::spawn_blocking(move || {
        let (facts, _) = observer.look(now);
        (observer, facts)
    });
    let (mut observer, facts) =
        looked.await.map_err(|error| OutboxError::Folder(std::io::Error::other(error)))?;
    if !facts.is_empty() || observer.has_much_to_note() {
        outbox.put_with(now, &facts, &observer.notes()).await?;
    }
    while let Some(last) = outbox.take(BATCH_FACTS).await?.last().map(|fact| fact.seq) {
        outbox.acked(last).await?;
    }
    Ok(observer)
}

async fn run(seconds: u64) -> Result<ExitCode, OutboxError> {
    let folder = std::env::temp_dir().join(format!("yakujo-idle-{}", std::process::id()));
    let outbox = Outbox::open(&folder, "idle".to_owned(), Bound::default()).await?;
    let mut observer = Observer::new(Sources::of_this_host(), &Past::default(), [7; 32]);
    let began = Instant::now();
    let (mut since, mut before, mut worst, mut most) = (began, used().0, 0, 0);
    let mut is_settled = false;
    let mut last = (began, before);
    let mut ticks = tokio::time::interval(TICK);
    while began.elapsed() < Duration::from_secs(seconds).max(FIRST * 2) {
        ticks.tick().await;
        observer = turn(observer, &outbox).await?;
        let (cpu, mib) = used();
        most = most.max(mib);
        if !is_settled && began.elapsed() >= FIRST {
            (is_settled, since, before, last) = (true, Instant::now(), cpu, (Instant::now(), cpu));
        }
        if is_settled && last.0.elapsed() >= TICK * 2 {
            worst = worst.max(per_mille(cpu, last.1, last.0.elapsed()));
            last = (Instant::now(), cpu);
        }
    }
    let average = per_mille(used().0, before, since.elapsed());
    outbox.close().await;
    std::fs::remove_dir_all(&folder)?;
    println!(
        "idle seconds={} cpu_per_mille={average} worst_10s_per_mille={worst} rss_mib={most}",
        since.elapsed().as_secs()
    );
    let holds = average <= MOST_PER_MILLE && most <= MOST_MIB;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn per_mille(after: u64, before: u64, passed: Duration) -> u64 {
    let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    after.saturating_sub(before).saturating_mul(1_000) / milliseconds
}

fn main() -> ExitCode {
    let seconds = std::env::var("YAKUJO_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime.map(|runtime| runtime.block_on(run(seconds))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            println!("idle: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("idle: {error}");
            ExitCode::FAILURE
        }
    }
}
