//! The agent: observes a host and reports facts. It opens no port, and what it may not read it says so.

pub mod collect;
mod command;
pub mod deliver;
pub mod enrol;
pub mod observe;
pub mod outbox;
pub mod reading;

use deliver::{DeliverError, Line};
use jiff::Timestamp;
use observe::{Observer, Outcomes};
use outbox::{Bound, Outbox, OutboxError};
use reading::Sources;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{AgentBeat, AgentBudget, AgentStart, AgentStop};

/// A beat comes so often, s.
const BEAT_EVERY: u32 = 600;
/// A pulse comes so often.
const PULSE_EVERY: Duration = Duration::from_secs(15);
/// Declared use of the processor: 1 % of a core.
const CPU_PER_MILLE: u64 = 10;
/// Where the outbox keeps what outlives a run.
const MEMORY_KEY: &str = "observer";
/// Declared resident memory when the agent runs alone, bytes.
const MEMORY: u64 = 48 << 20;

/// How an agent is started.
pub struct Settings {
    /// Its folder: key, certificate, outbox.
    pub folder: PathBuf,
    /// Address of the intake, instead of the one named at enrolment.
    pub intake: Option<SocketAddr>,
    /// What it reads from.
    pub sources: Sources,
    /// The clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Runs alone, or inside the server's process (whose memory is not the agent's).
    pub home: Home,
}

/// Where an agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// A process of its own.
    Alone,
    /// In the process of `yakujo up`.
    WithServer,
}

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The enrolment.
    #[error(transparent)]
    Line(#[from] DeliverError),
    /// No random bytes.
    #[error("no random bytes from the operating system")]
    Random,
}

/// A running agent.
pub struct Handle {
    end: watch::Sender<()>,
    observing: JoinHandle<()>,
    delivering: JoinHandle<()>,
}

impl Handle {
    /// Ends in good order: the last facts are in the outbox, and delivered if the server answers.
    pub async fn stop(self) {
        // Nobody listening means that both have ended.
        let _ = self.end.send(());
        for task in [self.observing, self.delivering] {
            if let Err(error) = task.await {
                tracing::error!("a part of the agent failed: {error}");
            }
        }
    }
}

/// Starts the agent.
///
/// # Errors
/// Any [`StartError`].
pub async fn start(settings: Settings) -> Result<Handle, StartError> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| StartError::Random)?;
    // Later runs sort after earlier ones: the server tells a restart from a second agent by it.
    let epoch = format!("{:013}-{}", (settings.clock)().as_millisecond(), reading::hex(&bytes));
    let line = Line::open(&settings.folder, settings.intake)?;
    let outbox = Arc::new(Outbox::open(&settings.folder, epoch.clone(), Bound::default()).await?);
    let rights = if rustix::process::geteuid().is_root() { "root" } else { "user" };
    let start =
        AgentStart { version: env!("CARGO_PKG_VERSION").to_owned(), epoch, rights: rights.to_owned() };
    outbox.put((settings.clock)(), &[Fact::AgentStart(start)]).await?;
    let (end, ended) = watch::channel(());
    let (observed, news) = watch::channel(0_u64);
    let observing = tokio::spawn(observe_until(settings, outbox.clone(), observed, ended.clone()));
    let delivering = tokio::spawn(deliver_until(line, outbox, news, ended));
    Ok(Handle { end, observing, delivering })
}

async fn observe_until(
    settings: Settings,
    outbox: Arc<Outbox>,
    observed: watch::Sender<u64>,
    mut ended: watch::Receiver<()>,
) {
    let began = Instant::now();
    let mut observer = Observer::new(settings.sources.clone());
    if let Ok(Some(text)) = outbox.recall(MEMORY_KEY).await {
        // What an older version remembered otherwise is simply seen anew.
        observer.remember(serde_json::from_str(&text).unwrap_or_default());
    }
    let mut budget = Budget::default();
    let mut beat_due = Duration::ZERO;
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            _ = ended.changed() => break,
            _ = ticks.tick() => {}
        }
        let now = (settings.clock)();
        let looked = tokio::task::spawn_blocking(move || {
            let looked = observer.look(now);
            (observer, looked)
        });
        let (back, (mut facts, outcomes)) = match looked.await {
            Ok(looked) => looked,
            Err(error) => return tracing::error!("a collector failed: {error}"),
        };
        observer = back;
        let monotonic = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        facts.extend(observer.step((settings.clock)(), monotonic));
        facts.extend(budget.over(settings.home, began.elapsed()));
        if began.elapsed() >= beat_due || outcomes == Outcomes::Changed {
            beat_due = began.elapsed().saturating_add(Duration::from_secs(u64::from(BEAT_EVERY)));
            facts.push(beat(&observer, &outbox).await);
        }
        tell(&outbox, now, &facts, &mut observer).await;
        observed.send_modify(|count| *count = count.wrapping_add(1));
    }
    let stop = Fact::AgentStop(AgentStop { reason: "stopped by its operator".to_owned() });
    tell(&outbox, (settings.clock)(), &[stop], &mut observer).await;
    observed.send_modify(|count| *count = count.wrapping_add(1));
}

async fn tell(outbox: &Outbox, now: Timestamp, facts: &[Fact], observer: &mut Observer) {
    if facts.is_empty() {
        return;
    }
    let memory = serde_json::to_string(&observer.memory()).unwrap_or_default();
    if let Err(error) = outbox.put_with(now, facts, &[(MEMORY_KEY, memory)]).await {
        tracing::error!("{} facts could not be kept and count as lost: {error}", facts.len());
        observer.tell_all_again();
    }
}

async fn beat(observer: &Observer, outbox: &Outbox) -> Fact {
    let waiting = outbox.depth().await.map_or(0, |(waiting, _)| waiting);
    let (cpu_ms, rss) = own_use();
    Fact::AgentBeat(AgentBeat {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        every_s: BEAT_EVERY,
        waiting,
        collectors: observer.runs().clone(),
        cpu_ms,
        rss,
    })
}

/// Processor time (ms) and resident memory (bytes) of this process.
fn own_use() -> (u64, u64) {
    let Ok(process) = procfs::process::Process::myself() else { return (0, 0) };
    let Ok(stat) = process.stat() else { return (0, 0) };
    let ticks = stat.utime.saturating_add(stat.stime);
    let per_second = procfs::ticks_per_second().max(1);
    (ticks.saturating_mul(1_000) / per_second, stat.rss.saturating_mul(procfs::page_size()))
}

/// Tells when the agent uses more than it declared; never more than once an hour per resource.
#[derive(Default)]
struct Budget {
    last: Option<(Duration, u64)>,
}

impl Budget {
    fn over(&mut self, home: Home, now: Duration) -> Vec<Fact> {
        // In the server's process the figures are the server's.
        if home == Home::WithServer {
            return Vec::new();
        }
        let (cpu_ms, rss) = own_use();
        let (since, before) = *self.last.get_or_insert((now, cpu_ms));
        let hour = Duration::from_secs(3_600);
        if now.saturating_sub(since) < hour {
            return Vec::new();
        }
        self.last = Some((now, cpu_ms));
        let passed = u64::try_from(now.saturating_sub(since).as_millis()).unwrap_or(u64::MAX).max(1);
        let per_mille = cpu_ms.saturating_sub(before).saturating_mul(1_000) / passed;
        let over = |resource: &str, declared: u64, used: u64| {
            let fact = AgentBudget { resource: resource.to_owned(), declared, used };
            (used > declared).then_some(Fact::AgentBudget(fact))
        };
        [over("cpu", CPU_PER_MILLE, per_mille), over("memory", MEMORY, rss)].into_iter().flatten().collect()
    }
}

/// Delivers what is in the outbox, and a pulse, until the end; then, when nobody tells news any more, what is left.
pub async fn deliver_until(
    line: Line,
    outbox: Arc<Outbox>,
    mut news: watch::Receiver<u64>,
    mut ended: watch::Receiver<()>,
) {
    let mut failures = 0_u32;
    let mut pulses = tokio::time::interval(PULSE_EVERY);
    pulses.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        match empty(&line, &outbox).await {
            Ok(()) => failures = 0,
            Err(error) => {
                report(&error, failures);
                failures = failures.saturating_add(1);
                let mut chance = [0_u8];
                // Without random bytes the wait is simply not spread.
                let _ = getrandom::fill(&mut chance);
                let pause = deliver::wait(failures, chance[0]).max(error.asks_to_wait());
                tokio::select! {
                    _ = ended.changed() => break,
                    () = tokio::time::sleep(pause) => continue,
                }
            }
        }
        tokio::select! {
            _ = ended.changed() => break,
            changed = news.changed() => if changed.is_err() { break },
            _ = pulses.tick() => {
                if let Err(error) = line.pulse(&outbox).await {
                    report(&error, failures);
                }
            }
        }
    }
    // The observer puts the last fact in; then everything that the server still takes goes out.
    while news.changed().await.is_ok() {}
    if let Err(error) = empty(&line, &outbox).await {
        tracing::warn!("the last facts wait in the outbox: {error}");
    }
    outbox.close().await;
}

async fn empty(line: &Line, outbox: &Outbox) -> Result<(), DeliverError> {
    let mut idle = 0;
    while outbox.depth().await?.0 > 0 && idle < 3 {
        idle = if line.deliver(outbox).await? == 0 { idle + 1 } else { 0 };
    }
    Ok(())
}

fn report(error: &DeliverError, failures: u32) {
    // The first failure is news; after that once in a while is enough.
    if failures.is_multiple_of(20) {
        match error {
            DeliverError::Away(cause) => tracing::warn!("{error}: {cause}"),
            other => tracing::warn!("{other}"),
        }
    }
}
