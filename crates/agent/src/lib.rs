//! The agent: observes a host and reports facts. It opens no port, and what it may not read it says so.

// What knows no system: settings, enrolment, outbox, delivery, probes, results of other products.
pub mod backups;
pub mod budget;
pub mod collectors;
pub mod deliver;
pub mod enrol;
pub mod known_good;
pub mod malware;
mod observing;
pub mod outbox;
pub mod parts;
pub mod probing;
pub mod reading;
pub mod settings;

// What looks into a Linux host and acts on it.
#[cfg(target_os = "linux")]
pub mod act;
#[cfg(target_os = "linux")]
pub mod collect;
#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
pub mod idle;
#[cfg(target_os = "linux")]
pub mod observe;
#[cfg(target_os = "linux")]
pub mod reach;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
pub mod watch;

// What stands in for it on every other system, and says what is not seen there. Its observer is tested on Linux, too.
#[cfg(any(test, not(target_os = "linux")))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere::{act, observe, system};

use act::hand::Hand;
use deliver::{DeliverError, Line};
use jiff::Timestamp;
use outbox::{Outbox, OutboxError};
use parts::Notebook;
use parts::keep::Keeper;
use reading::Sources;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

/// A pulse comes so often.
const PULSE_EVERY: Duration = Duration::from_secs(15);

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
    /// Runs as parts, or inside the server's process (whose memory is not the agent's).
    pub home: Home,
    /// The part that acts, where there is one. Without it the agent only looks.
    pub hand: Option<Hand>,
}

/// Where an agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In processes of its own.
    Parts,
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
    /// The socket between the parts.
    #[error(
        "the parts of the agent cannot reach each other in {0}: use a shorter path, and check its rights"
    )]
    Socket(PathBuf, #[source] std::io::Error),
    /// The loop of the collectors ended.
    #[error("nothing is observed any more: what was wrong stands above")]
    Observing,
    /// Rights that are not needed could not be given up.
    #[error("the agent does not start with rights it cannot give up: {0}")]
    Confine(std::io::Error),
}

/// What runs in one process until it is stopped.
pub struct Handle {
    end: signal::Sender<()>,
    tasks: Vec<JoinHandle<()>>,
}

impl Handle {
    /// Ends in good order: the last facts are in the outbox, and delivered if the server answers.
    pub async fn stop(self) {
        // Nobody listening means that all have ended.
        let _ = self.end.send(());
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!("a part of the agent failed: {error}");
            }
        }
    }
}

/// Starts the agent within this process. `yakujo agent` starts it as parts instead ([`parts`]).
///
/// # Errors
/// Any [`StartError`].
pub async fn start(mut settings: Settings) -> Result<Handle, StartError> {
    settings.load()?;
    let (end, ended) = signal::channel(());
    let Keeper { outbox, news, permitted, mut tasks } = Keeper::start(&settings, &ended).await?;
    let notebook = Notebook::Outbox(outbox, news);
    settings.sources.permitted = permitted;
    tasks.extend(parts::save::start(&settings, &notebook, &ended));
    tasks.push(observing::start(settings, notebook, ended)?);
    Ok(Handle { end, tasks })
}

impl Settings {
    /// Reads what the operator wrote.
    fn load(&mut self) -> Result<(), StartError> {
        self.sources.settings = settings::load(&self.folder)?;
        self.sources.folder = Some(self.folder.clone());
        self.sources.hand.clone_from(&self.hand);
        Ok(())
    }
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
