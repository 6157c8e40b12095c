//! `rustic_core`, in this process. It reaches folders only; what lies elsewhere is restic's.
//!
//! Its programming interface changes every few months, its format does not: the version is pinned and used here alone.

use crate::content::{Found, Of, emptied, has};
use crate::engine::{BackupError, Checked, Engine, Medium, Place, Snapshot, read_password};
use crate::manifest::Manifest;
use rustic_backend::BackendOptions;
use rustic_core::repofile::{Node, SnapshotFile};
use rustic_core::{
    BackupOptions, BlobId, CheckOptions, ConfigOptions, Credentials, DataId, IndexedFull, KeyOptions,
    LocalDestination, LsOptions, OpenStatus, PackedId as _, PathList, ReadSubsetOption, Repository,
    RepositoryOptions, RestoreOptions, RusticError, SnapshotOptions,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};
use yakujo_contract::id::Digest;

/// Level of zstd: a host saves beside its work, and higher levels cost it more than they spare the place.
const COMPRESSION: i32 = 1;

/// The version that is linked; `tests/engines.rs` compares it with the lock file.
pub const VERSION: &str = "0.13.0";

/// rustic on one repository.
#[derive(Debug, Clone)]
pub struct Rustic {
    place: Place,
}

impl Rustic {
    /// rustic on this repository.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self { place }
    }

    fn repository(&self) -> Result<Repository<()>, BackupError> {
        if self.place.medium() != Medium::Folder {
            return Err(BackupError::Refused("rustic reaches folders only: set tool = \"restic\""));
        }
        let backends = BackendOptions::default().repository(self.place.repository.as_str());
        let backends = backends.to_backends().map_err(said)?;
        Repository::new(&RepositoryOptions::default().no_cache(true), &backends).map_err(said)
    }

    fn open(&self) -> Result<Repository<OpenStatus>, BackupError> {
        self.open_with(&read_password(&self.place.password)?)
    }

    fn open_with(&self, password: &str) -> Result<Repository<OpenStatus>, BackupError> {
        self.repository()?.open(&Credentials::password(password)).map_err(said)
    }

    /// The id of the repository, opened with a password that lies in no file. Reads `config` and `keys`, nothing else, and
    /// writes nothing.
    ///
    /// # Errors
    /// [`BackupError::WrongKey`] or why it cannot be read.
    pub fn identity_with(&self, password: &str) -> Result<String, BackupError> {
        Ok(self.open_with(password)?.config().id.to_hex().to_string())
    }
}

/// rustic's own words, on one line.
#[expect(clippy::boxed_local, reason = "rustic hands its errors out boxed, and this is what takes them")]
fn said(error: Box<RusticError>) -> BackupError {
    if error.is_incorrect_password() {
        return BackupError::WrongKey;
    }
    let text = error.display_log();
    BackupError::Repository(text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect())
}

/// Writes the contents of all files below an empty folder, one piece after the other. rustic itself reads twenty packs at a
/// time and keeps all that is in them until it is written: more than 1 GiB, and where a pack is damaged it panics.
fn write_contents<S: IndexedFull>(
    repository: &Repository<S>,
    content: impl Iterator<Item = Result<(PathBuf, Node), Box<RusticError>>>,
    into: &Path,
) -> Result<(), BackupError> {
    let mut names_of = BTreeSet::new();
    for found in content {
        let (path, node) = found.map_err(said)?;
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(BackupError::Refused("the snapshot names a file outside of what was backed up"));
        }
        let place = into.join(path);
        let is_further_name = node.meta.links > 1 && !names_of.insert((node.meta.device_id, node.meta.inode));
        let written = if node.is_dir() {
            std::fs::create_dir_all(&place)
        } else if node.is_file() && !is_further_name {
            let file = File::options().write(true).create_new(true).mode(0o600).open(&place);
            let file = file.map_err(|error| BackupError::File(place.clone(), error))?;
            write_content(repository, &node, &file)?;
            node.meta.mtime.map_or(Ok(()), |time| file.set_modified(time.into()))
        } else {
            Ok(())
        };
        written.map_err(|error| BackupError::File(place, error))?;
    }
    Ok(())
}

fn write_content<S: IndexedFull>(
    repository: &Repository<S>,
    node: &Node,
    mut file: &File,
) -> Result<(), BackupError> {
    for id in node.content.iter().flatten() {
        let piece = repository.get_blob_cached(&BlobId::from(*id), DataId::TYPE).map_err(said)?;
        file.write_all(&piece).map_err(|error| BackupError::Repository(format!("restoring: {error}")))?;
    }
    Ok(())
}

impl Engine for Rustic {
    fn tool(&self) -> Result<String, BackupError> {
        Ok(format!("rustic_core {VERSION}"))
    }

    fn make(&self) -> Result<(), BackupError> {
        let password = read_password(&self.place.password)?;
        let credentials = Credentials::password(password);
        // Each piece is not unpacked once more as it is packed: that it can be read is shown by what was written, by checks
        // of its contents and by drills of the other implementation.
        let config = ConfigOptions::default().set_compression(COMPRESSION).set_extra_verify(false);
        let made = self.repository()?.init(&credentials, &KeyOptions::default(), &config);
        made.map(|_| ()).map_err(said)
    }

    fn identity(&self) -> Result<String, BackupError> {
        Ok(self.open()?.config().id.to_hex().to_string())
    }

    fn back_up(&self, paths: &[PathBuf], host: &str, job: &str) -> Result<Snapshot, BackupError> {
        let repository = self.open()?.to_indexed_ids().map_err(said)?;
        let marks = SnapshotOptions::default().host(host.to_owned()).add_tags(&format!("job={job}"));
        let marks = marks.and_then(|marks| marks.to_snapshot()).map_err(said)?;
        let paths: PathList = paths.iter().collect();
        let made = repository.backup(&BackupOptions::default(), &paths, marks).map_err(said)?;
        let summary = made.summary.ok_or(BackupError::Answer("rustic"))?;
        let tree = Digest::try_from(made.tree.to_hex().to_string());
        Ok(Snapshot {
            id: made.id.to_hex().to_string(),
            tree: tree.map_err(|_| BackupError::Answer("rustic"))?,
            files: summary.total_files_processed,
            bytes: summary.total_bytes_processed,
            added: summary.data_added_packed,
        })
    }

    fn expects(&self, originals: &Manifest) -> u64 {
        originals.but_folders()
    }

    fn keeps_named_folders(&self) -> bool {
        // Its walk leaves out the folder it begins at; restored, that folder is root's with mode 755.
        false
    }

    fn check(&self, read_percent: u8) -> Result<Checked, BackupError> {
        let part = match read_percent {
            100.. => ReadSubsetOption::All,
            percent => ReadSubsetOption::Percentage(f64::from(percent)),
        };
        let options = CheckOptions::default().trust_cache(true).read_data(read_percent > 0);
        let results = self.open()?.check(options.read_data_subset(part)).map_err(said)?;
        // `check` itself only fails when it could not look; what it saw stands in the results. Their level has no public
        // name, hence its word.
        let errors = results.0.iter().filter(|(level, _)| format!("{level:?}") == "Error").count();
        if errors == 0 && results.is_ok().is_err() {
            return Ok(Checked { errors: 1 });
        }
        Ok(Checked { errors: u64::try_from(errors).unwrap_or(u64::MAX) })
    }

    fn restore(&self, snapshot: &str, into: &Path) -> Result<(), BackupError> {
        let repository = self.open()?.to_indexed().map_err(said)?;
        let node = repository.node_from_snapshot_path(snapshot, |_| true).map_err(said)?;
        let content = repository.ls(&node, &LsOptions::default()).map_err(said)?;
        let into = into.to_str().ok_or(BackupError::Refused("the scratch folder is no UTF-8"))?;
        let destination = LocalDestination::new(into, true, !node.is_dir()).map_err(said)?;
        write_contents(&repository, content.clone(), Path::new(into))?;
        // All contents are there, with size and time: rustic finds nothing to read and sets what else a file has.
        let options = RestoreOptions::default().numeric_id(true);
        let plan =
            repository.prepare_restore(&options, content.clone(), &destination, false).map_err(said)?;
        if plan.restore_size > 0 {
            return Err(BackupError::Repository(
                "a restored file is not as long as the snapshot says".into(),
            ));
        }
        repository.restore(plan, &options, content, &destination).map_err(said)
    }

    fn seek(&self, of: Of<'_>, digest: &Digest, into: &mut File) -> Result<Option<Found>, BackupError> {
        let repository = self.open()?.to_indexed().map_err(said)?;
        let tag = format!("job={}", of.job);
        let own = |snapshot: &SnapshotFile| snapshot.hostname == of.host && snapshot.tags.contains(&tag);
        let mut snapshots = repository.get_matching_snapshots(own).map_err(said)?;
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.time.timestamp()));
        let trees = snapshots.iter().map(|snapshot| snapshot.tree);
        let found = repository.find_nodes_from_path(trees, of.path).map_err(said)?;
        let failed = |error: std::io::Error| BackupError::Repository(format!("restoring: {error}"));
        // The same content is in many snapshots, and read once.
        let mut tried = BTreeSet::new();
        for (snapshot, node) in snapshots.iter().zip(&found.matches) {
            let Some((place, node)) = node.and_then(|place| Some((place, found.nodes.get(place)?))) else {
                continue;
            };
            if !node.is_file() || !tried.insert(place) {
                continue;
            }
            emptied(into).map_err(failed)?;
            write_content(&repository, node, into)?;
            if has(into, digest).map_err(failed)? {
                let (snapshot, at) = (snapshot.id.to_hex().to_string(), snapshot.time.timestamp());
                return Ok(Some(Found { snapshot, at }));
            }
        }
        Ok(None)
    }

    fn add_key(&self, password: &Path) -> Result<(), BackupError> {
        let password = read_password(password)?;
        self.open()?.add_key(&password, &KeyOptions::default()).map(|_| ()).map_err(said)
    }
}
