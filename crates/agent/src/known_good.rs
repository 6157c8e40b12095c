//! Right contents that the host itself does not hold. They are sought in the snapshots of its backup jobs, by the part that
//! saves, for the part that acts, which believes a content by its digest alone.
//!
//! ```text
//! act (holds contents)      keep (follows orders)              save (reaches the repositories)
//!   "I do not hold it"  ──►  note: wanted              ──►      backup-job content … into known-good/DIGEST
//!   compares, puts      ◄──  the file, held open       ◄──      note: found in this snapshot, or nowhere
//! ```

use crate::backups::{Jobs, MEMORY_KEY, process};
use crate::outbox::remembered;
use crate::parts::Notebook;
use crate::reading::digest_of;
use crate::settings::BackupJob;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use yakujo_contract::fact::integrity::{KnownGood, WhyNotHeld};
use yakujo_contract::id::Digest;

/// Under this key the outbox keeps what is sought.
pub(crate) const WANTED_KEY: &str = "known-good/wanted";
/// Under this key, where it was found.
pub(crate) const FOUND_KEY: &str = "known-good/found";
/// Under this key, the files that the host does not hold.
pub(crate) const MISSING_KEY: &str = "known-good/missing";
/// Under this key, which of them a snapshot has.
pub(crate) const SAVED_KEY: &str = "known-good/saved";
/// The folder of contents that were found, within the agent's.
const FOLDER: &str = "known-good";
/// The list for the job, in that folder.
const LIST: &str = "missing.json";
/// Between two looks at what is sought.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// What was nowhere is sought again after so long: a job may have run.
const AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// What was found is looked for again after so long: a snapshot may have been removed.
const STILL: SignedDuration = SignedDuration::from_hours(24);

/// No job would have it.
pub(crate) const NO_JOB: &str = "the host does not hold it, and no backup job of it saves this file";

/// A content of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The file.
    pub path: String,
    /// SHA-256 of the content.
    pub digest: Digest,
}

/// What a content is sought for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum For {
    /// Somebody wants to know whether it is there.
    Knowing,
    /// It is put back.
    Order,
}

/// A search.
pub(crate) type Search = (Wanted, For);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub search: Search,
    /// When.
    at: Timestamp,
    /// Where; or why nowhere.
    pub found: Result<KnownGood, String>,
}

/// A watched file whose content the host does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The file.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Modified: seconds, nanoseconds.
    pub modified: (i64, i64),
    /// Why it is not held.
    pub why: WhyNotHeld,
}

/// Which of the missing files a snapshot has as they are now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// Digests of the list of missing files this is about, and of what is known of the last runs.
    about: (String, String),
    /// The job that saved a file, by its path.
    pub by: BTreeMap<String, String>,
}

impl Saved {
    /// Whether it is about this list.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_about(&self, missing: &str) -> bool {
        self.about.0 == digest_of(missing)
    }
}

/// Where a content is that was found.
pub(crate) fn place(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(FOLDER).join(digest.as_str())
}

/// Seeks what is wanted, until the end.
pub(crate) async fn seek_until(
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    jobs: Arc<Jobs>,
    notebook: Notebook,
    mut ended: watch::Receiver<()>,
) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = look(&clock, &jobs, &notebook, &ended).await {
            tracing::warn!("right contents cannot be sought: {error}");
        }
    }
}

async fn look(
    clock: &Arc<dyn Fn() -> Timestamp + Send + Sync>,
    jobs: &Arc<Jobs>,
    notebook: &Notebook,
    ended: &watch::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let wanted: BTreeSet<Search> = remembered(notebook.recall(WANTED_KEY).await?.as_deref());
    let before: Vec<Found> = remembered(notebook.recall(FOUND_KEY).await?.as_deref());
    let now = clock();
    let mut found: Vec<Found> = before
        .iter()
        .filter(|found| wanted.contains(&found.search) && found.counts(jobs, now))
        .cloned()
        .collect();
    tidy(&jobs.folder, &wanted)?;
    let next = wanted.into_iter().find(|search| !found.iter().any(|found| found.search == *search));
    if let Some(search) = next {
        let (jobs, ended, own) = (jobs.clone(), ended.clone(), search.clone());
        let sought = tokio::task::spawn_blocking(move || seek(&jobs, &own, &ended)).await?;
        let Some(sought) = sought else { return Ok(()) };
        found.push(Found { search, at: clock(), found: sought });
    }
    if found != before {
        keep(notebook, clock(), FOUND_KEY, &found).await?;
    }
    compare(clock, jobs, notebook, ended).await
}

async fn keep<T: Serialize>(
    notebook: &Notebook,
    now: Timestamp,
    key: &str,
    value: &T,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let note = (key.to_owned(), Some(serde_json::to_string(value)?));
    Ok(notebook.put_with(now, &[], &[note]).await?)
}

impl Found {
    fn counts(&self, jobs: &Jobs, now: Timestamp) -> bool {
        let age = now.duration_since(self.at).abs();
        match (&self.found, self.search.1) {
            (Ok(_), For::Order) => place(&jobs.folder, &self.search.0.digest).exists(),
            (Ok(_), For::Knowing) => age < STILL,
            (Err(_), _) => age < AGAIN,
        }
    }
}

/// Contents that nobody waits for any more are removed.
fn tidy(folder: &Path, wanted: &BTreeSet<Search>) -> std::io::Result<()> {
    let Ok(lies) = std::fs::read_dir(folder.join(FOLDER)) else { return Ok(()) };
    for lies in lies {
        let lies = lies?;
        let name = lies.file_name();
        let waits = |(wanted, why): &Search| *why == For::Order && name == *wanted.digest.as_str();
        if name != *LIST && !wanted.iter().any(waits) {
            std::fs::remove_file(lies.path())?;
        }
    }
    Ok(())
}

/// Asks the jobs that save a file. Nothing when the agent ends first.
fn seek(
    jobs: &Jobs,
    (wanted, why): &Search,
    ended: &watch::Receiver<()>,
) -> Option<Result<KnownGood, String>> {
    let path = Path::new(&wanted.path);
    let saves = |job: &&BackupJob| job.paths.iter().any(|saved| path.starts_with(saved));
    let mut reason = NO_JOB.to_owned();
    let into = place(&jobs.folder, &wanted.digest);
    for job in jobs.jobs.iter().filter(saves) {
        let words = ["--path", &wanted.path, "--digest", wanted.digest.as_str(), "--into"];
        let words = words.into_iter().map(OsString::from).chain([into.clone().into_os_string()]);
        match sought(jobs, job, "content", words.collect(), ended)? {
            Ok(Some(Snapshot { snapshot, at })) => {
                if *why == For::Knowing {
                    // What stays is removed by the next look.
                    let _ = std::fs::remove_file(&into);
                }
                return Some(Ok(KnownGood::Snapshot { job: job.name.clone(), snapshot, at }));
            }
            Ok(None) => {
                "no snapshot of a backup job has the file with this content".clone_into(&mut reason);
            }
            Err(error) => reason = format!("the snapshots of job {} cannot be read: {error}", job.name),
        }
    }
    Some(Err(reason.chars().take(300).collect()))
}

/// What `backup-job content` says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub snapshot: String,
    /// When it was made.
    pub at: Timestamp,
}

/// One question to a job, in a process of its own.
fn sought<T: DeserializeOwned>(
    jobs: &Jobs,
    job: &BackupJob,
    word: &str,
    further: Vec<OsString>,
    ended: &watch::Receiver<()>,
) -> Option<Result<T, String>> {
    if let Err(error) = crate::deliver::private_folder(&jobs.folder.join(FOLDER)) {
        return Some(Err(error.to_string()));
    }
    let said = process::ask(jobs, job, word, further, ended)?;
    Some(said.and_then(|said| serde_json::from_str(said.trim()).map_err(|error| error.to_string())))
}

/// Compares the files that the host does not hold with what the last runs saved, after either changed.
async fn compare(
    clock: &Arc<dyn Fn() -> Timestamp + Send + Sync>,
    jobs: &Arc<Jobs>,
    notebook: &Notebook,
    ended: &watch::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Some(missing) = notebook.recall(MISSING_KEY).await? else { return Ok(()) };
    let runs = notebook.recall(MEMORY_KEY).await?.unwrap_or_default();
    let about = (digest_of(&missing), digest_of(&runs));
    let before: Saved = remembered(notebook.recall(SAVED_KEY).await?.as_deref());
    if before.about == about {
        return Ok(());
    }
    let (own, ended) = (jobs.clone(), ended.clone());
    let by = tokio::task::spawn_blocking(move || saved_by(&own, &missing, &ended)).await?;
    let Some(by) = by? else { return Ok(()) };
    keep(notebook, clock(), SAVED_KEY, &Saved { about, by }).await
}

fn saved_by(
    jobs: &Jobs,
    missing: &str,
    ended: &watch::Receiver<()>,
) -> std::io::Result<Option<BTreeMap<String, String>>> {
    let mut by = BTreeMap::new();
    if missing == "[]" {
        return Ok(Some(by));
    }
    crate::deliver::private_folder(&jobs.folder.join(FOLDER))?;
    let list = jobs.folder.join(FOLDER).join(LIST);
    crate::deliver::write_private(&list, missing.as_bytes())?;
    for job in &jobs.jobs {
        let words = vec![OsString::from("--list"), list.clone().into_os_string()];
        let Some(said) = sought::<Vec<String>>(jobs, job, "saved", words, ended) else { return Ok(None) };
        // A job that never ran has saved nothing: it says so, and the files count as not saved by it.
        by.extend(said.unwrap_or_default().into_iter().map(|path| (path, job.name.clone())));
    }
    Ok(Some(by))
}
