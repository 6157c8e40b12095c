//! The agent: observes a host and reports facts. It opens no port, and what it may not read it says so.

pub mod act;
pub mod backups;
pub mod budget;
pub mod collect;
mod command;
pub mod deliver;
pub mod enrol;
pub mod malware;
pub mod observe;
pub mod outbox;
pub mod probing;
pub mod reading;
pub mod settings;
pub mod watch;

use act::follow::Follower;
use act::hand::Hand;
use budget::Budget;
use deliver::{DeliverError, Line};
use jiff::Timestamp;
use observe::{Observer, Outcomes, Past, devices, flows, logins, packages, releases, states, updates};
use outbox::{Bound, Outbox, OutboxError};
use reading::Sources;
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use watch::files::{FILE_KEY, Left};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{AgentBeat, AgentStart, AgentStop, AgentUpdate};
use yakujo_contract::fact::malware::Done;
use yakujo_contract::id::Digest;

/// A beat comes so often, s.
const BEAT_EVERY: u32 = 600;
/// A pulse comes so often.
const PULSE_EVERY: Duration = Duration::from_secs(15);
/// The part that acts answers so soon.
const HEARD_WITHIN: Duration = Duration::from_secs(10);
/// Under this key the outbox keeps which version of the agent ran last.
const VERSION_KEY: &str = "agent.version";

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
    /// The part that acts, where there is one. Without it the agent only looks.
    pub hand: Option<Hand>,
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
    /// The settings of the operator.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// No random bytes.
    #[error("no random bytes from the operating system")]
    Random,
}

/// A running agent.
pub struct Handle {
    end: signal::Sender<()>,
    observing: JoinHandle<()>,
    probing: JoinHandle<()>,
    saving: JoinHandle<()>,
    importing: JoinHandle<()>,
    delivering: JoinHandle<()>,
    acting: Option<JoinHandle<()>>,
}

impl Handle {
    /// Ends in good order: the last facts are in the outbox, and delivered if the server answers.
    pub async fn stop(self) {
        // Nobody listening means that both have ended.
        let _ = self.end.send(());
        let tasks = [self.observing, self.probing, self.saving, self.importing, self.delivering];
        for task in tasks.into_iter().chain(self.acting) {
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
pub async fn start(mut settings: Settings) -> Result<Handle, StartError> {
    settings.sources.settings = settings::load(&settings.folder)?;
    settings.sources.folder = Some(settings.folder.clone());
    let mut seal = [0_u8; 32];
    getrandom::fill(&mut seal).map_err(|_| StartError::Random)?;
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| StartError::Random)?;
    // Later runs sort after earlier ones: the server tells a restart from a second agent by it.
    let epoch = format!("{:013}-{}", (settings.clock)().as_millisecond(), reading::hex(&bytes));
    let line = Line::open(&settings.folder, settings.intake)?;
    let outbox = Arc::new(Outbox::open(&settings.folder, epoch.clone(), Bound::default()).await?);
    let rights = if rustix::process::geteuid().is_root() { "root" } else { "user" };
    let start =
        AgentStart { version: env!("CARGO_PKG_VERSION").to_owned(), epoch, rights: rights.to_owned() };
    let mut facts = vec![Fact::AgentStart(start)];
    facts.extend(update(&outbox).await?);
    let version = (VERSION_KEY.to_owned(), Some(env!("CARGO_PKG_VERSION").to_owned()));
    outbox.put_with((settings.clock)(), &facts, &[version]).await?;
    let (quarantine, permitted) = signal::channel(None);
    settings.sources.permitted = permitted;
    settings.sources.hand.clone_from(&settings.hand);
    let (end, ended) = signal::channel(());
    let (observed, news) = signal::channel(0_u64);
    let clock = settings.clock.clone();
    let probing = probing::probe_until(clock, line.clone(), outbox.clone(), observed.clone(), ended.clone());
    let probing = tokio::spawn(probing);
    let acting = settings.hand.clone().map(|hand| {
        let follower = Follower {
            clock: settings.clock.clone(),
            line: line.clone(),
            outbox: outbox.clone(),
            hand,
            roots: held_roots(&settings.sources.settings),
            news: observed.clone(),
            quarantine: quarantine.clone(),
        };
        tokio::spawn(follower.follow_until(ended.clone()))
    });
    let (saving, importing) = backups(&settings, &outbox, &observed, &ended);
    let observing = observe_until(settings, seal, outbox.clone(), observed, ended.clone());
    let observing = tokio::spawn(observing);
    let delivering = tokio::spawn(deliver_until(line, outbox, news, ended));
    Ok(Handle { end, observing, probing, saving, importing, delivering, acting })
}

/// Trees whose content is held for a restoration: what is watched, but for what packages bring and can bring again.
fn held_roots(settings: &settings::AgentFile) -> Vec<String> {
    let of_packages = ["/boot", "/usr/lib/systemd"];
    settings.roots().into_iter().filter(|root| !of_packages.contains(&root.as_str())).collect()
}

/// Starts what makes backups, and what tells those of other products.
fn backups(
    settings: &Settings,
    outbox: &Arc<Outbox>,
    observed: &signal::Sender<u64>,
    ended: &signal::Receiver<()>,
) -> (JoinHandle<()>, JoinHandle<()>) {
    let file = &settings.sources.settings;
    let jobs = backups::Jobs {
        jobs: file.backups.clone(),
        folder: settings.folder.clone(),
        program: settings.sources.backup_program.clone(),
    };
    let results = file.backup_results.iter().map(PathBuf::from).collect();
    let clock = settings.clock.clone();
    let saving = backups::run_until(clock.clone(), jobs, outbox.clone(), observed.clone(), ended.clone());
    let importing = backups::import_until(clock, results, outbox.clone(), observed.clone(), ended.clone());
    (tokio::spawn(saving), tokio::spawn(importing))
}

/// That another version of the agent ran here before, up or down.
async fn update(outbox: &Outbox) -> Result<Option<Fact>, OutboxError> {
    let after = env!("CARGO_PKG_VERSION");
    let Some(before) = outbox.recall(VERSION_KEY).await?.filter(|before| before != after) else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(digest_of_program).await;
    let digest = read.ok().flatten().and_then(|text| Digest::try_from(text).ok());
    let Some(digest) = digest else { return Ok(None) };
    let update = AgentUpdate { before, after: after.to_owned(), digest, result: Done::Done };
    Ok(Some(Fact::AgentUpdate(update)))
}

/// SHA-256 of the program that runs.
fn digest_of_program() -> Option<String> {
    let mut program = std::fs::File::open("/proc/self/exe").ok()?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        match program.read(&mut buffer).ok()? {
            0 => break,
            count => sha.update(buffer.get(..count).unwrap_or_default()),
        }
    }
    Some(reading::hex(&sha.finalize()))
}

async fn observe_until(
    settings: Settings,
    seal: [u8; 32],
    outbox: Arc<Outbox>,
    observed: signal::Sender<u64>,
    mut ended: signal::Receiver<()>,
) {
    let began = Instant::now();
    hear_the_hand(&settings, ended.clone()).await;
    let mut observer = match observer(&settings, seal, &outbox).await {
        Ok(observer) => observer,
        Err(error) => return tracing::error!("what an earlier run saw cannot be read: {error}"),
    };
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
        // In the server's process the figures are the server's.
        if settings.home == Home::Alone {
            let (cpu_ms, rss) = own_use();
            facts.extend(budget.over(began.elapsed(), cpu_ms, rss));
        }
        if began.elapsed() >= beat_due || outcomes == Outcomes::Changed {
            beat_due = began.elapsed().saturating_add(Duration::from_secs(u64::from(BEAT_EVERY)));
            facts.push(beat(&observer, &outbox).await);
        }
        if tell(&outbox, now, &facts, &mut observer).await == Told::Lost {
            // What counts as lost is told anew from what was last kept.
            observer = match self::observer(&settings, seal, &outbox).await {
                Ok(observer) => observer,
                Err(error) => return tracing::error!("what was seen cannot be read again: {error}"),
            };
        }
        observed.send_modify(|count| *count = count.wrapping_add(1));
    }
    let stop = Fact::AgentStop(AgentStop { reason: "stopped by its operator".to_owned() });
    tell(&outbox, (settings.clock)(), &[stop], &mut observer).await;
    observed.send_modify(|count| *count = count.wrapping_add(1));
}

/// What is found before the part that acts has said what the city allows would count as not stopped, and the host would be
/// cut off. So it is heard first; one that does not answer stops nobody from looking.
async fn hear_the_hand(settings: &Settings, mut ended: signal::Receiver<()>) {
    if settings.hand.is_none() {
        return;
    }
    let mut permitted = settings.sources.permitted.clone();
    tokio::select! {
        _ = permitted.changed() => {}
        _ = ended.changed() => {}
        () = tokio::time::sleep(HEARD_WITHIN) => {
            tracing::warn!("the part that acts does not answer: until it does, nothing is put into the quarantine");
        }
    }
}

/// An observer that goes on where the last kept fact ended.
async fn observer(settings: &Settings, seal: [u8; 32], outbox: &Outbox) -> Result<Observer, OutboxError> {
    // What an older version remembered otherwise is simply seen anew.
    let memory = outbox.recall(observe::MEMORY_KEY).await?.and_then(|text| serde_json::from_str(&text).ok());
    let mut files = Left { files: outbox.recall_all(FILE_KEY).await?, ..Left::default() };
    for key in watch::files::LEFT {
        if let Some(text) = outbox.recall(key).await? {
            files.rest.insert(key.to_owned(), text);
        }
    }
    let states = (outbox.recall_all(states::ITEM_KEY).await?, outbox.recall_all(states::LIST_KEY).await?);
    let packages =
        (outbox.recall_all(packages::PACKAGE_KEY).await?, outbox.recall(packages::LOOKED_KEY).await?);
    let releases = outbox.recall_all(releases::RELEASE_KEY).await?;
    let held = outbox.recall_all(malware::HELD_KEY).await?.into_iter().map(|(item, _)| item).collect();
    let malware = malware::Left { memory: outbox.recall(malware::MEMORY_KEY).await?, held };
    let logins = outbox.recall(logins::LOGINS_KEY).await?;
    let devices = outbox.recall(devices::DEVICES_KEY).await?;
    let flows = outbox.recall_all(flows::FLOW_KEY).await?;
    let updates = outbox.recall(updates::UPDATES_KEY).await?;
    let memory = memory.unwrap_or_default();
    let past = Past { memory, files, states, packages, releases, logins, devices, flows, updates, malware };
    let sources = settings.sources.clone();
    let made = tokio::task::spawn_blocking(move || Observer::new(sources, &past, seal));
    made.await.map_err(|error| OutboxError::Folder(std::io::Error::other(error)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Kept,
    Lost,
}

async fn tell(outbox: &Outbox, now: Timestamp, facts: &[Fact], observer: &mut Observer) -> Told {
    if facts.is_empty() && !observer.has_much_to_note() {
        return Told::Kept;
    }
    match outbox.put_with(now, facts, &observer.notes()).await {
        Ok(()) => Told::Kept,
        Err(error) => {
            tracing::error!("{} facts could not be kept and count as lost: {error}", facts.len());
            Told::Lost
        }
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

/// Processor time (ms) of this process and of the programs it ran, and its resident memory (bytes).
fn own_use() -> (u64, u64) {
    let Ok(process) = procfs::process::Process::myself() else { return (0, 0) };
    let Ok(stat) = process.stat() else { return (0, 0) };
    let of_others = u64::try_from(stat.cutime.saturating_add(stat.cstime)).unwrap_or(0);
    let ticks = stat.utime.saturating_add(stat.stime).saturating_add(of_others);
    let per_second = procfs::ticks_per_second().max(1);
    (ticks.saturating_mul(1_000) / per_second, stat.rss.saturating_mul(procfs::page_size()))
}

/// Delivers what is in the outbox, and a pulse, until the end; then, when nobody tells news any more, what is left.
pub async fn deliver_until(
    line: Line,
    outbox: Arc<Outbox>,
    mut news: signal::Receiver<u64>,
    mut ended: signal::Receiver<()>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_version_of_the_agent_is_told_once_up_and_down() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), "run".to_owned(), Bound::default()).await.unwrap();
        assert_eq!(update(&outbox).await.unwrap(), None, "the first version replaces none");
        for before in ["0.0.1", "99.0.0"] {
            let version = [(VERSION_KEY.to_owned(), Some(before.to_owned()))];
            outbox.put_with(Timestamp::UNIX_EPOCH, &[], &version).await.unwrap();
            let told = update(&outbox).await.unwrap();
            let Some(Fact::AgentUpdate(told)) = told else { panic!("{told:?}") };
            assert_eq!((told.before.as_str(), told.after.as_str()), (before, env!("CARGO_PKG_VERSION")));
        }
    }
}
