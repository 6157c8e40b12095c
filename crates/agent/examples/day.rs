//! Bar of the budget: a day of this host, or `YAKUJO_HOURS`, observed by the real collectors on their own schedule, without the
//! waiting between two looks. What they make is kept in an outbox and taken out again.
//!
//! Prints a line an hour; ends with an error where the processor is used for more than 1 % of a core over the day or more
//! than 10 % in ten seconds of it once the first readings are done, or memory for more than the collector's 96 MiB.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use jiff::{SignedDuration, Timestamp};
use std::process::ExitCode;
use yakujo_agent::budget::{self, Used};
use yakujo_agent::observe::{Observer, Past};
use yakujo_agent::outbox::{BATCH_FACTS, Bound, Outbox, OutboxError};
use yakujo_agent::reading::Sources;

/// Between two looks of the agent, s.
const TICK_S: i64 = 5;
/// The first readings: every tree is read once, paced.
const FIRST_S: i64 = 600;
const MOST_PER_MILLE: u64 = 10;
const MOST_OF_TEN_SECONDS: u64 = 100;
const MOST_MIB: u64 = 96;

/// Looks once, and keeps what is told.
async fn turn(
    mut observer: Observer,
    outbox: &Outbox,
    now: Timestamp,
) -> Result<(Observer, usize), OutboxError> {
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
    Ok((observer, facts.len()))
}

/// What was used from one instant of the day to another.
#[derive(Debug, Default)]
struct Day {
    worst: u64,
    most_mib: u64,
    facts: usize,
}

fn per_mille(from: Used, to: Used, seconds: i64) -> u64 {
    to.cpu_ms.saturating_sub(from.cpu_ms) / seconds.unsigned_abs().max(1)
}

async fn run(hours: i64) -> Result<ExitCode, OutboxError> {
    let folder = std::env::temp_dir().join(format!("yakujo-day-{}", std::process::id()));
    let outbox = Outbox::open(&folder, "day".to_owned(), Bound::default()).await?;
    let mut observer = Observer::new(Sources::of_this_host(), &Past::default(), [7; 32]);
    let (began, mut day) = (Timestamp::now(), Day::default());
    let at = |second| began.saturating_add(SignedDuration::from_secs(second)).unwrap_or(began);
    let (mut settled, mut last, mut hour) = (Used::default(), Used::default(), Used::default());
    for second in (0..hours * 3_600 + FIRST_S).step_by(usize::try_from(TICK_S).unwrap_or(1)) {
        let facts;
        (observer, facts) = turn(observer, &outbox, at(second)).await?;
        day.facts += facts;
        let used = budget::used_by_all();
        day.most_mib = day.most_mib.max(used.memory() >> 20);
        let since = second - FIRST_S;
        if since == 0 {
            (settled, last, hour) = (used, used, used);
        }
        if since > 0 && since % 10 == 0 {
            day.worst = day.worst.max(per_mille(last, used, 10));
            last = used;
        }
        if since > 0 && since % 3_600 == 0 {
            let (number, share) = (since / 3_600, per_mille(hour, used, 3_600));
            println!("hour {number}: {share} per mille of a core, {} MiB, {} facts", day.most_mib, day.facts);
            hour = used;
        }
    }
    let average = per_mille(settled, budget::used_by_all(), hours * 3_600);
    outbox.close().await;
    std::fs::remove_dir_all(&folder)?;
    let Day { worst, most_mib, facts } = day;
    println!(
        "day hours={hours} cpu_per_mille={average} worst_10s_per_mille={worst} rss_mib={most_mib} facts={facts}"
    );
    let holds = average <= MOST_PER_MILLE && worst <= MOST_OF_TEN_SECONDS && most_mib <= MOST_MIB;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn main() -> ExitCode {
    let hours = std::env::var("YAKUJO_HOURS").ok().and_then(|text| text.parse().ok()).unwrap_or(24);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match runtime.map(|runtime| runtime.block_on(run(hours))) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            println!("day: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("day: {error}");
            ExitCode::FAILURE
        }
    }
}
