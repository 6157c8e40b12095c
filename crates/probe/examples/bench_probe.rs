//! What a thousand targets cost: the processor time of the probe that tries each once a minute, the entries it makes, and
//! the time to find the outages of a year. The answering side is a process of its own, so that only the probe is measured.

use jiff::{SignedDuration, Timestamp};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::evidence::Evidence;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::probe::{Availability, Fault, ProbeAvailability, ProbeWatch};
use yakujo_contract::id::{EntryNumber, HostId, TargetId};
use yakujo_contract::outage::{Threshold, WATCH_EVERY_S};
use yakujo_contract::target::{Expected, Means, Target};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const TARGETS: usize = 1_000;
const MINUTES: u64 = 3;

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return runtime.block_on(serve());
    }
    let mut served = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(served.stdout.take().ok_or("a pipe")?).read_line(&mut line)?;
    let measured = runtime.block_on(probe(line.trim().parse()?));
    served.kill()?;
    served.wait()?;
    let (cpu_ms, facts, bytes) = measured?;
    let (fold_us, outages_ms, found) = year()?;
    println!(
        "targets={TARGETS} minutes={MINUTES} cpu_ms_per_minute={} facts={facts} fact_bytes={bytes} \
         year_fold_us_per_fact={fold_us} year_outages_ms={outages_ms} year_outages={found}",
        cpu_ms / MINUTES
    );
    Ok(())
}

/// Answers every request with one page of 20 kB.
async fn serve() -> Outcome<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let page = format!("<h1>窓口</h1>{}", "x".repeat(20_000));
    let answer =
        Arc::new(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len()).into_bytes());
    loop {
        let (mut stream, _) = listener.accept().await?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let mut request = [0_u8; 1_024];
            // A probe of TCP sends nothing.
            if stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                let _ = stream.write_all(&answer).await;
            }
        });
    }
}

fn target(index: usize, port: u16, every_s: u32) -> Outcome<Target> {
    let page = index.is_multiple_of(2);
    let text = page.then(|| "窓口".to_owned());
    Ok(Target {
        target: format!("t-{index}").parse()?,
        system: "main".parse()?,
        name: "対象".to_owned(),
        means: if page { Means::Http } else { Means::Tcp },
        address: if page { format!("http://127.0.0.1:{port}/") } else { format!("127.0.0.1:{port}") },
        expected: Expected { text, ..Expected::default() },
        authority: None,
        reference: None,
        every_s,
        probes: vec!["server".parse()?, "out-1".parse()?],
    })
}

/// Half of them pages, half of them connections, each once a minute.
async fn probe(port: u16) -> Outcome<(u64, usize, usize)> {
    let targets: Vec<Target> = (0..TARGETS).map(|index| target(index, port, 60)).collect::<Outcome<_>>()?;
    let (_assign, assigned) = watch::channel(Arc::new(targets));
    let (tell, mut facts) = mpsc::channel(64);
    let (end, ended) = watch::channel(());
    let before = cpu_ms()?;
    let probing = tokio::spawn(yakujo_probe::run::run(Arc::new(Timestamp::now), assigned, tell, ended));
    let counting = tokio::spawn(async move {
        let (mut count, mut bytes, mut failed) = (0, 0, 0);
        while let Some(told) = facts.recv().await {
            for fact in told {
                count += 1;
                bytes += serde_json::to_vec(&fact).map_or(0, |fact| fact.len());
                failed += usize::from(matches!(&fact, Fact::ProbeAvailability(it) if it.failed > 0));
            }
        }
        (count, bytes, failed)
    });
    tokio::time::sleep(Duration::from_secs(MINUTES * 60)).await;
    let used = cpu_ms()? - before;
    end.send(())?;
    probing.await?;
    let (count, bytes, failed) = counting.await?;
    if failed > 0 {
        return Err(format!("{failed} facts of failures on an idle machine").into());
    }
    Ok((used, count, bytes))
}

/// Processor time of this process.
fn cpu_ms() -> Outcome<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit_once(')').ok_or("stat")?.1;
    let ticks: Vec<u64> =
        after.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<u64>() * 10)
}

struct Year {
    evidence: Evidence,
    next: u64,
}

impl Year {
    fn enter(&mut self, author: Author, at: Timestamp, body: Body) {
        let host = match &author {
            Author::Agent(host) => Some(host.clone()),
            Author::Server | Author::Person { .. } => None,
        };
        let seq = host.is_some().then_some(self.next + 1);
        let entry = Entry { v: 1, author, host, seq, observed: at, received: at, seen: None, body };
        self.evidence.enter(EntryNumber(self.next), &entry);
        self.next += 1;
    }

    fn agree(&mut self, target: Target, at: Timestamp) -> Outcome<()> {
        let proposal: yakujo_contract::id::ProposalId = format!("p-{}", target.target).parse()?;
        let person =
            |party| -> Outcome<Author> { Ok(Author::Person { id: "p".parse()?, party, post: None }) };
        let matter = Matter::Target(target);
        let proposed = Act::Proposed { proposal: proposal.clone(), matter };
        self.enter(person(Party::Contractor)?, at, Body::Act(proposed));
        self.enter(person(Party::City)?, at, Body::Act(Act::Agreed { proposal }));
        Ok(())
    }
}

/// A year of two probes, with a stop of each target every week.
fn year() -> Outcome<(u128, u128, usize)> {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let host: HostId = "out-1".parse()?;
    let mut year = Year { evidence: Evidence::default(), next: 0 };
    for index in 0..TARGETS {
        year.agree(target(index, 80, 60)?, begin)?;
    }
    let ids: Vec<TargetId> =
        (0..TARGETS).map(|index| format!("t-{index}").parse()).collect::<Result<_, _>>()?;
    let seconds = i64::from(WATCH_EVERY_S);
    let (began, first) = (Instant::now(), year.next);
    for round in 0..365 * 24 * 12_i64 {
        let from = begin + SignedDuration::from_secs(round * seconds);
        let to = from + SignedDuration::from_secs(seconds);
        // Once a week of each target: two minutes of this round.
        let down = usize::try_from(round)? % (7 * 24 * 12);
        for author in [Author::Server, Author::Agent(host.clone())] {
            for part in ids.chunks(500) {
                let up =
                    part.iter().filter(|id| ids.get(down) != Some(id)).map(|id| (id.clone(), 20)).collect();
                let watch = ProbeWatch { from, to, up, cannot: std::collections::BTreeMap::new() };
                year.enter(author.clone(), to, Body::Fact(Fact::ProbeWatch(watch)));
            }
            if let Some(id) = ids.get(down) {
                let stop = ProbeAvailability {
                    target: id.clone(),
                    state: Availability::Down,
                    from: from + SignedDuration::from_secs(60),
                    to: from + SignedDuration::from_secs(180),
                    tries: 13,
                    failed: 13,
                    p95_ms: None,
                    why: Some(Fault::Refused),
                    detail: "refused".to_owned(),
                };
                year.enter(author.clone(), to, Body::Fact(Fact::ProbeAvailability(stop)));
            }
        }
    }
    let fold = began.elapsed().as_micros() / u128::from(year.next - first);
    let began = Instant::now();
    let threshold = Threshold { stop: SignedDuration::from_secs(60), tries: 3 };
    let found = year.evidence.outages_of(&"main".parse()?, threshold).len();
    Ok((fold, began.elapsed().as_millis(), found))
}
