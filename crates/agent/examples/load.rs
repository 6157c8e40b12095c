//! An agent whose facts are numbered, so that each can be looked for: the real outbox, the real delivery, and beside it a
//! second sender with the same certificate that offers what was offered before again, late and in the wrong order.
//!
//! `load FOLDER INTAKE FIRST`: the folder of an enrolled agent, where the server's door is, the number to begin with. It
//! says on standard output what becomes of each number and goes on until it is killed, or until its standard input says
//! `drain`: then it ends when the server has everything.
//!
//! ```text
//! try 17 4       17, 18, 19 and 20 are being put into the outbox
//! taken 17 4     they are on the disk
//! refused 17 4   they are not: they will be declared as lost
//! replayed 35    so many facts were offered once more
//! ```

use jiff::Timestamp;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use yakujo_agent::deliver::Line;
use yakujo_agent::outbox::{Bound, Numbered, Outbox};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentStart;
use yakujo_contract::fact::host::{ServiceChange, Turn};
use yakujo_contract::fact::state::Seen;

/// Most facts put in at once.
const MOST: u64 = 60;
/// Batches that the second sender remembers.
const REMEMBERED: usize = 12;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, intake, first] = arguments.as_slice() else { return Err("load FOLDER INTAKE FIRST".into()) };
    let (folder, intake): (PathBuf, SocketAddr) = (folder.into(), intake.parse()?);
    let epoch = format!("{:013}-{}", Timestamp::now().as_millisecond(), std::process::id());
    let line = Line::open(&folder, Some(intake))?;
    let outbox = loop {
        match Outbox::open(&folder, epoch.clone(), Bound::default()).await {
            Ok(outbox) => break Arc::new(outbox),
            // The disk may be full already.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let start = AgentStart { version: "load".to_owned(), epoch, rights: "root".to_owned() };
    while outbox.put(Timestamp::now(), &[Fact::AgentStart(start.clone())]).await.is_err() {
        println!("refused-start");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("started");
    let draining = Arc::new(AtomicBool::new(false));
    read_orders(draining.clone());
    let (end, ended) = watch::channel(());
    let (told, news) = watch::channel(0_u64);
    let delivering = tokio::spawn(yakujo_agent::deliver_until(line.clone(), outbox.clone(), news, ended));
    let replaying = tokio::spawn(replay(line, outbox.clone()));
    push(&outbox, first.parse()?, &told, &draining).await?;
    while outbox.depth().await?.0 > 0 {
        told.send_modify(|count| *count += 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    replaying.abort();
    end.send(())?;
    drop(told);
    delivering.await?;
    println!("drained");
    Ok(())
}

fn read_orders(draining: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        // The end of the input is no order: whoever started this may have been killed.
        while std::io::stdin().lines().map_while(Result::ok).all(|line| line != "drain") {
            std::thread::sleep(Duration::from_secs(1));
        }
        draining.store(true, Ordering::Relaxed);
    });
}

fn chance(below: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes) % below.max(1))
}

async fn push(
    outbox: &Outbox,
    first: u64,
    told: &watch::Sender<u64>,
    draining: &AtomicBool,
) -> Result<(), Failure> {
    let mut next = first;
    while !draining.load(Ordering::Relaxed) {
        let count = 1 + chance(MOST);
        let now = Timestamp::now();
        let fact = |n: u64| {
            Fact::ServiceChange(ServiceChange {
                service: format!("load-{n}"),
                change: Turn::Started,
                at: now,
                since: None,
                seen: Seen::Running,
            })
        };
        let facts: Vec<Fact> = (next..next + count).map(fact).collect();
        println!("try {next} {count}");
        let word = match outbox.put(now, &facts).await {
            Ok(()) => "taken",
            Err(_) => "refused",
        };
        println!("{word} {next} {count}");
        next += count;
        told.send_modify(|count| *count += 1);
        // With the second sender's, this stays below the requests that the server takes from one host.
        tokio::time::sleep(Duration::from_millis(100 + chance(150))).await;
    }
    Ok(())
}

/// A batch as it once was in the outbox.
struct Batch {
    lowest: u64,
    facts: Vec<Numbered>,
}

/// Remembers batches and offers them again: whole ones and pieces, the newest and old ones, forwards and backwards.
async fn replay(line: Line, outbox: Arc<Outbox>) {
    let mut batches: VecDeque<Batch> = VecDeque::new();
    loop {
        tokio::time::sleep(Duration::from_millis(150 + chance(300))).await;
        if let Ok(facts) = outbox.take(500).await
            && let Some(lowest) = facts.first().map(|first| first.seq)
        {
            batches.push_back(Batch { lowest, facts });
        }
        while batches.len() > REMEMBERED {
            batches.pop_front();
        }
        let which = usize::try_from(chance(batches.len() as u64)).unwrap_or_default();
        let Some(batch) = batches.get(which) else { continue };
        let mut facts = batch.facts.clone();
        match chance(3) {
            0 => facts.reverse(),
            // The second half arrives before the first.
            1 => drop(facts.drain(..facts.len() / 2)),
            _ => {}
        }
        if line.offer(outbox.epoch(), batch.lowest, &facts).await.is_ok() {
            println!("replayed {}", facts.len());
        }
    }
}
