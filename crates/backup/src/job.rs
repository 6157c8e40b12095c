//! One job: what is saved where, and the four things that are done with it. Each ends with a fact, whatever happened.

use crate::dump::{self, Source};
use crate::engine::{BackupError, Engine, Medium, Place, Snapshot};
use crate::manifest::{Compared, Manifest, Owners};
use crate::restic::Restic;
use crate::rustic::Rustic;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::Coverage;
use yakujo_contract::fact::backup::{BackupCheck, BackupRun, KeyHolder, RestoreDrill};
use yakujo_contract::fact::malware::Done;
use yakujo_contract::id::Digest;

/// Which implementation makes the backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `rustic_core`, linked.
    Rustic,
    /// The program `restic`.
    Restic,
}

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name on this host.
    pub name: String,
    /// The asset it saves, as the register of assets calls it.
    pub asset: String,
    /// The host.
    pub host: String,
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Data bases.
    pub source: Option<Source>,
    /// The repository.
    pub place: Place,
    /// What makes the backups.
    pub tool: Tool,
    /// The job's own folder: the list of the originals, dumps while they are saved, restored files while they are compared.
    pub folder: PathBuf,
}

/// The clock.
pub type Clock<'a> = &'a dyn Fn() -> Timestamp;

/// The last good run, for the next drill.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    snapshot: String,
    originals: Digest,
    /// The file with the list.
    list: String,
}

const LAST: &str = "last.json";
const DUMP: &str = "dump";
const SCRATCH: &str = "scratch";
const COPY: &str = "copy";
const TRY: &str = "try";
/// Letters of a reason in a fact.
const MOST_LETTERS: usize = 400;

/// A folder that only its owner may enter, emptied, and gone when this is dropped: neither a dump nor a restored file of
/// the city stays behind.
struct Passing(PathBuf);

impl Passing {
    fn make(path: PathBuf) -> Result<Self, BackupError> {
        if let Err(error) = std::fs::remove_dir_all(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(BackupError::File(path, error));
        }
        private_folder(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // The next run empties it again, and says so when it cannot.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn private_folder(path: &Path) -> Result<(), BackupError> {
    let made = std::fs::DirBuilder::new().mode(0o700).recursive(true).create(path);
    made.map_err(|error| BackupError::File(path.to_owned(), error))
}

impl Tool {
    fn engine(self, place: &Place) -> Box<dyn Engine> {
        match self {
            Self::Rustic => Box::new(Rustic::new(place.clone())),
            Self::Restic => Box::new(Restic::new(place.clone())),
        }
    }
}

impl Job {
    /// What makes the backups.
    #[must_use]
    pub fn engine(&self) -> Box<dyn Engine> {
        self.tool.engine(&self.place)
    }

    /// What restores them in a drill: the other implementation.
    fn other(&self) -> Tool {
        match self.tool {
            Tool::Restic => Tool::Rustic,
            Tool::Rustic => Tool::Restic,
        }
    }

    /// Restores a snapshot by the other implementation. rustic reaches folders only: what lies elsewhere is brought into a
    /// repository on this host first, which is gone afterwards.
    fn restore(&self, snapshot: &str, into: &Path) -> Result<(), BackupError> {
        if self.tool == Tool::Rustic || self.place.medium() == Medium::Folder {
            return self.other().engine(&self.place).restore(snapshot, into);
        }
        let folder = Passing::make(self.folder.join(COPY))?;
        let (place, snapshot) =
            Restic::new(self.place.clone()).copy(snapshot, &folder.0.join("repository"))?;
        self.other().engine(&place).restore(&snapshot, into)
    }

    /// Whether this host can remove what it saved; none where that could not be tried, with the reason.
    fn removes(&self) -> (Option<bool>, String) {
        let tried = private_folder(&self.folder)
            .and_then(|()| Passing::make(self.folder.join(TRY)))
            .and_then(|folder| Restic::new(self.place.clone()).removes(&folder.0));
        match tried {
            Ok(removes) => (Some(removes), String::new()),
            Err(error) => (None, cut(&format!("whether it can be removed was not tried: {error}"))),
        }
    }

    /// Backs up.
    pub fn back_up(&self, clock: Clock<'_>) -> BackupRun {
        let mut run = BackupRun {
            job: self.name.clone(),
            asset: self.asset.clone(),
            snapshot: String::new(),
            tree: None,
            files: 0,
            bytes: 0,
            rows: None,
            added: 0,
            repository: String::new(),
            medium: self.place.medium().word().to_owned(),
            encrypted: false,
            started: clock(),
            ended: clock(),
            result: Done::Failed,
            reason: String::new(),
            tool: String::new(),
            originals: None,
            coverage: Coverage::default(),
        };
        match self.try_back_up(&mut run) {
            Ok(()) => run.result = Done::Done,
            Err(error) => run.reason = cut(&error.to_string()),
        }
        run.ended = clock();
        run
    }

    fn try_back_up(&self, run: &mut BackupRun) -> Result<(), BackupError> {
        private_folder(&self.folder)?;
        let engine = self.engine();
        run.tool = engine.tool()?;
        run.repository = engine.identity()?;
        run.encrypted = self.refuses_another_key()?;
        let mut paths = self.paths.clone();
        let dumped = self.source.as_ref().map(|source| self.dump(source)).transpose()?;
        if let Some((folder, rows)) = &dumped {
            run.rows = Some(dump::total(rows));
            paths.push(folder.0.clone());
        }
        let mut originals = Manifest::of(&paths);
        let made = engine.back_up(&paths, &self.host, &self.name)?;
        originals.settle();
        if !engine.keeps_named_folders() {
            originals.leave_out_folders(&paths);
        }
        drop(dumped);
        run.originals = Some(self.remember(&made, &originals)?);
        run.coverage = coverage(&originals, engine.expects(&originals).saturating_sub(made.files));
        (run.snapshot, run.tree) = (made.id, Some(made.tree));
        (run.files, run.bytes, run.added) = (made.files, made.bytes, made.added);
        Ok(())
    }

    fn dump(&self, source: &Source) -> Result<(Passing, dump::Rows), BackupError> {
        let folder = Passing::make(self.folder.join(DUMP))?;
        let rows = dump::dump(source, &folder.0)?;
        Ok((folder, rows))
    }

    /// Encryption is proven, not believed: another key must not open the repository.
    fn refuses_another_key(&self) -> Result<bool, BackupError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let folder = Passing::make(self.folder.join("wrong-key"))?;
        let password = folder.0.join("password");
        let wrong = |error| BackupError::File(password.clone(), error);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&password).map_err(wrong)?;
        std::io::Write::write_all(&mut &file, b"no key of this repository\n").map_err(wrong)?;
        match self.with_key(&password).identity() {
            Err(BackupError::WrongKey) => Ok(true),
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn with_key(&self, password: &Path) -> Box<dyn Engine> {
        self.tool.engine(&Place { password: password.to_owned(), ..self.place.clone() })
    }

    /// Keeps the list of the originals for the next drill, in place of the one before.
    fn remember(&self, made: &Snapshot, originals: &Manifest) -> Result<Digest, BackupError> {
        let list = format!("originals-{}.jsonl", made.id.chars().take(16).collect::<String>());
        let digest = originals.write(&self.folder.join(&list))?;
        let before = self.last().ok();
        let last = Last { snapshot: made.id.clone(), originals: digest.clone(), list };
        let (file, new) = (self.folder.join(LAST), self.folder.join("last.new"));
        let wrong = |error: std::io::Error| BackupError::File(file.clone(), error);
        std::fs::write(&new, serde_json::to_vec(&last).map_err(|error| wrong(error.into()))?)
            .map_err(wrong)?;
        std::fs::rename(&new, &file).map_err(wrong)?;
        if let Some(before) = before.filter(|before| before.list != last.list) {
            // What stays is only a file too many.
            let _ = std::fs::remove_file(self.folder.join(before.list));
        }
        Ok(digest)
    }

    fn last(&self) -> Result<Last, BackupError> {
        let file = self.folder.join(LAST);
        let text = std::fs::read(&file).map_err(|error| BackupError::File(file.clone(), error))?;
        serde_json::from_slice(&text).map_err(|error| BackupError::File(file, error.into()))
    }

    /// The originals of the last good run.
    pub(crate) fn last_originals(&self) -> Result<Manifest, BackupError> {
        let last = self.last()?;
        Manifest::read(&self.folder.join(&last.list), &last.originals)
    }

    /// Checks the repository and reads so many percent of it back.
    ///
    /// # Errors
    /// When it could not be checked; damage is no error.
    pub fn check(&self, read_percent: u8, clock: Clock<'_>) -> Result<BackupCheck, BackupError> {
        let engine = self.engine();
        let (tool, repository) = (engine.tool()?, engine.identity()?);
        let found = engine.check(read_percent)?;
        let (removable, reason) = self.removes();
        Ok(BackupCheck {
            repository,
            job: self.name.clone(),
            key: KeyHolder::Job,
            tool,
            read_percent,
            errors: found.errors,
            reason,
            removable,
            ended: clock(),
        })
    }

    /// Restores the last good snapshot into a scratch folder and compares it with the originals of its time; loads data
    /// bases into a scratch data base and counts their rows.
    pub fn drill(&self, clock: Clock<'_>) -> RestoreDrill {
        let began = clock();
        let mut drill = RestoreDrill {
            job: self.name.clone(),
            snapshot: String::new(),
            tool: String::new(),
            files_compared: 0,
            files_skipped: 0,
            tables_compared: None,
            mismatches: 0,
            reason: String::new(),
            took_s: 0,
            ended: began,
        };
        if let Err(error) = self.try_drill(&mut drill) {
            drill.mismatches = drill.mismatches.saturating_add(1);
            drill.reason = cut(&error.to_string());
        }
        drill.ended = clock();
        drill.took_s = u64::try_from(drill.ended.duration_since(began).as_secs()).unwrap_or(0);
        drill
    }

    fn try_drill(&self, drill: &mut RestoreDrill) -> Result<(), BackupError> {
        drill.tool = self.other().engine(&self.place).tool()?;
        let last = self.last()?;
        drill.snapshot.clone_from(&last.snapshot);
        let originals = Manifest::read(&self.folder.join(&last.list), &last.originals)?;
        let scratch = Passing::make(self.folder.join(SCRATCH))?;
        self.restore(&last.snapshot, &scratch.0)?;
        let Compared { compared, mismatches, skipped, first } =
            originals.compare(&scratch.0, Owners::of_this_process());
        (drill.files_compared, drill.files_skipped) = (compared, skipped);
        (drill.mismatches, drill.reason) = (mismatches, first);
        if let Some(source) = &self.source {
            let dumps = self.folder.join(DUMP);
            let dumps = scratch.0.join(dumps.strip_prefix("/").unwrap_or(&dumps));
            let (tables, wrong) = dump::try_load(source, &dumps)?;
            drill.tables_compared = Some(tables);
            drill.mismatches =
                drill.mismatches.saturating_add(u64::try_from(wrong.len()).unwrap_or(u64::MAX));
            if drill.reason.is_empty() {
                drill.reason = cut(&wrong.into_iter().next().unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// What the snapshot lacks: what could not be read, or what the program left out without a word.
fn coverage(originals: &Manifest, lacking: u64) -> Coverage {
    let lacking = u32::try_from(lacking).unwrap_or(u32::MAX);
    let reason = if originals.unreadable > 0 {
        originals.reason.clone()
    } else if lacking > 0 {
        "fewer files in the snapshot than were there".to_owned()
    } else {
        String::new()
    };
    Coverage { unreadable: originals.unreadable.max(lacking), skipped: 0, reason }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_LETTERS).collect()
}
