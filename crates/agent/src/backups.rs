//! Backup jobs of this host: when each is due, and what came of it.
//!
//! A job runs in a process of its own, with a limit on its memory: it reads everything, needs much, and must not take the
//! agent down with it. It hands facts back, one a line. One job at a time: two would only wait for the same disks.

pub mod import;
#[cfg(target_os = "linux")]
pub(crate) mod process;
pub mod schedule;

#[cfg(not(target_os = "linux"))]
pub(crate) use crate::elsewhere::process;
use crate::outbox::remembered;
use crate::parts::Notebook;
use crate::settings::BackupJob;
use jiff::Timestamp;
use schedule::{Past, Work};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use yakujo_contract::fact::Coverage;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::backup::{BackupRun, RestoreDrill};
use yakujo_contract::fact::malware::Done;

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Where the outbox keeps when what ran.
pub(crate) const MEMORY_KEY: &str = "backups";
/// Where the outbox keeps until when results of other products were told.
const TOLD_KEY: &str = "backups-told";

/// The jobs, and what runs them.
pub struct Jobs {
    /// The jobs.
    pub jobs: Vec<BackupJob>,
    /// The agent's folder.
    pub folder: PathBuf,
    /// The program with the sub-command `backup-job`.
    pub program: PathBuf,
}

/// Runs jobs when they are due, until the end.
pub async fn run_until(
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    jobs: Arc<Jobs>,
    notebook: Notebook,
    mut ended: watch::Receiver<()>,
) {
    let text = notebook.recall(MEMORY_KEY).await.ok().flatten();
    // What an older version remembered otherwise is simply done anew.
    let mut past: BTreeMap<String, Past> = remembered(text.as_deref());
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        let Some((job, work)) = next(&jobs.jobs, &past, clock()) else { continue };
        let (started, running, signal) = (clock(), jobs.clone(), ended.clone());
        let (name, own) = (job.name.clone(), job.clone());
        let done = tokio::task::spawn_blocking(move || process::one(&running, &own, work, &signal)).await;
        let Ok(Some(said)) = done else { return };
        let facts = told(job, work, said, (started, clock()));
        let worked = facts.iter().all(worked);
        past.entry(name).or_default().note(work, started, worked);
        let notes = [(MEMORY_KEY.to_owned(), serde_json::to_string(&past).ok())];
        if let Err(error) = notebook.put_with(clock(), &facts, &notes).await {
            tracing::error!("{} facts of backups could not be kept and count as lost: {error}", facts.len());
        }
    }
}

/// Tells the results of other products, until the end.
pub async fn import_until(
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    files: Vec<PathBuf>,
    notebook: Notebook,
    mut ended: watch::Receiver<()>,
) {
    let text = notebook.recall(TOLD_KEY).await.ok().flatten();
    let mut told: import::Told = remembered(text.as_deref());
    let mut marks: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        for file in &files {
            let mark = import::mark(file);
            if marks.get(file) == Some(&mark) {
                continue;
            }
            marks.insert(file.clone(), mark);
            let facts = match import::read(file, &mut told, clock()) {
                Ok(facts) => facts,
                Err(reason) => {
                    tracing::warn!("{} is not imported: {reason}", file.display());
                    continue;
                }
            };
            let notes = [(TOLD_KEY.to_owned(), serde_json::to_string(&told).ok())];
            if let Err(error) = notebook.put_with(clock(), &facts, &notes).await {
                tracing::error!("{} results could not be kept and count as lost: {error}", facts.len());
            }
        }
    }
}

/// The first thing that is due: runs before everything else.
fn next<'a>(
    jobs: &'a [BackupJob],
    past: &BTreeMap<String, Past>,
    now: Timestamp,
) -> Option<(&'a BackupJob, Work)> {
    let none = Past::default();
    for work in Work::ALL {
        let mut due =
            jobs.iter().filter(|job| schedule::is_due(job, work, past.get(&job.name).unwrap_or(&none), now));
        if let Some(job) = due.next() {
            return Some((job, work));
        }
    }
    None
}

/// What a process of its own said, or why it said nothing.
pub(crate) type Said = Result<Vec<Fact>, String>;

/// The facts of a job; of one that ended without a word, that it failed. A check that was not made is no fact: that none
/// comes any more is seen by its age.
fn told(job: &BackupJob, work: Work, said: Said, (started, ended): (Timestamp, Timestamp)) -> Vec<Fact> {
    let reason = match said {
        Ok(facts) => return facts,
        Err(reason) => reason,
    };
    tracing::warn!("the {} of backup job {} failed: {reason}", work.word(), job.name);
    match work {
        Work::Run => vec![Fact::BackupRun(failed_run(job, reason, (started, ended)))],
        Work::Drill => vec![Fact::RestoreDrill(RestoreDrill {
            job: job.name.clone(),
            snapshot: String::new(),
            tool: String::new(),
            files_compared: 0,
            files_skipped: 0,
            tables_compared: None,
            mismatches: 1,
            reason,
            took_s: u64::try_from(ended.duration_since(started).as_secs()).unwrap_or(0),
            ended,
        })],
        Work::Check => Vec::new(),
    }
}

fn failed_run(job: &BackupJob, reason: String, (started, ended): (Timestamp, Timestamp)) -> BackupRun {
    BackupRun {
        job: job.name.clone(),
        asset: job.asset.clone(),
        snapshot: String::new(),
        tree: None,
        files: 0,
        bytes: 0,
        rows: None,
        added: 0,
        repository: String::new(),
        medium: String::new(),
        encrypted: false,
        started,
        ended,
        result: Done::Failed,
        reason,
        tool: String::new(),
        originals: None,
        coverage: Coverage::default(),
    }
}

fn worked(fact: &Fact) -> bool {
    match fact {
        Fact::BackupRun(run) => run.is_good(),
        Fact::BackupCheck(check) => check.errors == 0,
        Fact::RestoreDrill(drill) => drill.is_good(),
        _ => true,
    }
}

/// The folder of a job within the agent's.
#[must_use]
pub fn folder_of(agent: &Path, job: &str) -> PathBuf {
    agent.join("backups").join(job)
}
