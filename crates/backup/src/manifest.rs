//! What the originals were when they were backed up, one line each, and the comparison of a restored tree with it.
//!
//! Read from the originals by this program, not from the repository: a drill that compared two answers of one repository
//! would find neither a file that was never in it nor one that both programs read wrongly. The digest over the lines goes
//! to the ledger with the run, so that nobody changes them afterwards unseen.

use crate::engine::BackupError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;
use yakujo_contract::id::Digest;

/// Mode bits that are compared.
const MODE: u32 = 0o7777;
/// Longest line that is read back.
const MOST_LINE: u64 = 64 * 1024;

/// One original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Original {
    /// Path, as bytes in hexadecimal digits where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    path: Option<String>,
    /// As bytes.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    bytes: Option<Vec<u8>>,
    /// What it is.
    kind: Kind,
    /// Mode without the kind.
    mode: u32,
    /// Owner.
    uid: u32,
    /// Group.
    gid: u32,
    /// Bytes of a file; 0 otherwise.
    size: u64,
    /// Modified, seconds and nanoseconds; of files only.
    modified: (i64, i64),
    /// Digest of the content of a file, or of the target of a link; absent where it changed while it was backed up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    digest: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    File,
    Folder,
    Link,
    Other,
}

/// The originals of one run.
#[derive(Debug, Default)]
pub struct Manifest {
    originals: BTreeMap<PathBuf, Original>,
    /// By path: what tells whether it changed since.
    marks: BTreeMap<PathBuf, Mark>,
    /// Originals that could not be read.
    pub unreadable: u32,
    /// The first of them, with the reason.
    pub reason: String,
}

/// A file that has the same mark has the same content, short of somebody who sets the clock back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark(u64, i64, i64, i64, i64, u64);

impl Mark {
    fn of(about: &Metadata) -> Self {
        let (modified, changed) = (about.mtime(), about.ctime());
        Self(about.size(), modified, about.mtime_nsec(), changed, about.ctime_nsec(), about.ino())
    }
}

/// What a comparison found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Originals compared.
    pub compared: u64,
    /// Of these, those that are missing or differ.
    pub mismatches: u64,
    /// Originals left out because they changed while they were backed up.
    pub skipped: u64,
    /// The first that differs, and in what.
    pub first: String,
}

/// Whether owners can be compared: only root can give files back to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// They must be equal.
    Compared,
    /// Files were restored by somebody who may not give them away.
    NotRestorable,
}

impl Owners {
    /// By what this process may do.
    #[must_use]
    pub fn of_this_process() -> Self {
        if rustix::process::geteuid().is_root() { Self::Compared } else { Self::NotRestorable }
    }
}

impl Manifest {
    /// Reads the originals below some paths. What cannot be read is counted.
    #[must_use]
    pub fn of(paths: &[PathBuf]) -> Self {
        let mut manifest = Self::default();
        for path in paths {
            for found in WalkDir::new(path).follow_links(false) {
                match found {
                    Ok(found) => manifest.take(found.path()),
                    Err(error) => manifest.missed(&error.to_string()),
                }
            }
        }
        manifest
    }

    fn missed(&mut self, reason: &str) {
        self.unreadable = self.unreadable.saturating_add(1);
        if self.reason.is_empty() {
            self.reason = reason.chars().take(200).collect();
        }
    }

    fn take(&mut self, path: &Path) {
        let read = std::fs::symlink_metadata(path).and_then(|about| {
            let original = original(path, &about)?;
            self.marks.insert(path.to_owned(), Mark::of(&about));
            self.originals.insert(path.to_owned(), original);
            Ok(())
        });
        if let Err(error) = read {
            self.missed(&format!("{}: {error}", path.display()));
        }
    }

    /// Leaves out the folders themselves that a job names; what is in them stays.
    pub fn leave_out_folders(&mut self, named: &[PathBuf]) {
        let is_folder = |original: &Original| original.kind == Kind::Folder;
        self.originals.retain(|path, original| !(is_folder(original) && named.contains(path)));
    }

    /// Files among the originals.
    #[must_use]
    pub fn files(&self) -> u64 {
        let files = self.originals.values().filter(|original| original.kind == Kind::File);
        u64::try_from(files.count()).unwrap_or(u64::MAX)
    }

    /// Everything among the originals but folders.
    #[must_use]
    pub fn but_folders(&self) -> u64 {
        let others = self.originals.values().filter(|original| original.kind != Kind::Folder);
        u64::try_from(others.count()).unwrap_or(u64::MAX)
    }

    /// Forgets the content of what changed since it was read: nobody can say which content the snapshot has.
    pub fn settle(&mut self) {
        for (path, mark) in &self.marks {
            let now = std::fs::symlink_metadata(path).map(|about| Mark::of(&about));
            let changed = now.map_or(true, |now| now != *mark);
            if let Some(original) = self.originals.get_mut(path).filter(|_| changed) {
                original.digest = None;
            }
        }
    }

    /// Writes the lines to a file that only its owner may read, and gives the digest over them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<Digest, BackupError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let wrong = |error: std::io::Error| BackupError::File(file.to_owned(), error);
        let mut options = std::fs::OpenOptions::new();
        let out = options.write(true).create(true).truncate(true).mode(0o600).open(file).map_err(wrong)?;
        let (mut out, mut digest) = (std::io::BufWriter::new(out), Sha256::new());
        for original in self.originals.values() {
            let mut line = serde_json::to_vec(original).map_err(|error| wrong(error.into()))?;
            line.push(b'\n');
            digest.update(&line);
            out.write_all(&line).map_err(wrong)?;
        }
        let file_itself = out.into_inner().map_err(|error| wrong(error.into_error()))?;
        file_itself.sync_all().map_err(wrong)?;
        Ok(digest_of(&digest.finalize()))
    }

    /// Reads the lines back.
    ///
    /// # Errors
    /// When the file cannot be read, or its digest is another than the one of the run.
    pub fn read(file: &Path, expected: &Digest) -> Result<Self, BackupError> {
        let wrong = |error: std::io::Error| BackupError::File(file.to_owned(), error);
        let (mut manifest, mut digest) = (Self::default(), Sha256::new());
        let mut lines = BufReader::new(std::fs::File::open(file).map_err(wrong)?);
        loop {
            let mut line = Vec::new();
            lines.by_ref().take(MOST_LINE).read_until(b'\n', &mut line).map_err(wrong)?;
            if line.is_empty() {
                break;
            }
            digest.update(&line);
            let original: Original = serde_json::from_slice(&line).map_err(|error| wrong(error.into()))?;
            manifest.originals.insert(original.place()?, original);
        }
        if digest_of(&digest.finalize()) != *expected {
            return Err(BackupError::Refused("the list of the originals was changed after the backup"));
        }
        Ok(manifest)
    }

    /// Whether a file that looks so is among the originals with its content.
    #[must_use]
    pub fn has(&self, path: &Path, size: u64, modified: (i64, i64)) -> bool {
        self.originals.get(path).is_some_and(|original| {
            original.kind == Kind::File
                && !original.is_unsettled()
                && (original.size, original.modified) == (size, modified)
        })
    }

    /// Compares every original with what stands at its path below `root`: content, kind, mode, owner, time.
    #[must_use]
    pub fn compare(&self, root: &Path, owners: Owners) -> Compared {
        let mut compared = Compared::default();
        for (path, original) in &self.originals {
            if original.is_unsettled() {
                compared.skipped = compared.skipped.saturating_add(1);
                continue;
            }
            compared.compared = compared.compared.saturating_add(1);
            let restored = root.join(path.strip_prefix("/").unwrap_or(path));
            if let Some(difference) = original.differs(&restored, owners) {
                compared.mismatches = compared.mismatches.saturating_add(1);
                if compared.first.is_empty() {
                    compared.first = format!("{}: {difference}", path.display()).chars().take(300).collect();
                }
            }
        }
        compared
    }
}

impl Original {
    fn place(&self) -> Result<PathBuf, BackupError> {
        let name = match (&self.path, &self.bytes) {
            (Some(path), _) => OsString::from(path),
            (None, Some(bytes)) => OsString::from_vec(bytes.clone()),
            (None, None) => return Err(BackupError::Refused("a line of the list of originals has no path")),
        };
        Ok(PathBuf::from(name))
    }

    fn is_unsettled(&self) -> bool {
        self.digest.is_none() && matches!(self.kind, Kind::File | Kind::Link)
    }

    /// What differs, in a word; nothing where all is equal.
    fn differs(&self, restored: &Path, owners: Owners) -> Option<&'static str> {
        let Ok(about) = std::fs::symlink_metadata(restored) else { return Some("is missing") };
        let Ok(now) = original(restored, &about) else { return Some("cannot be read") };
        let is_link = self.kind == Kind::Link;
        if now.kind != self.kind {
            return Some("is something else");
        }
        if now.digest != self.digest || now.size != self.size {
            return Some("has another content");
        }
        if !is_link && now.mode != self.mode {
            return Some("has another mode");
        }
        if owners == Owners::Compared && (now.uid, now.gid) != (self.uid, self.gid) {
            return Some("has another owner");
        }
        (now.modified != self.modified).then_some("has another time")
    }
}

/// What stands at a path.
fn original(path: &Path, about: &Metadata) -> std::io::Result<Original> {
    let name: &OsStr = path.as_os_str();
    let text = name.to_str().map(ToOwned::to_owned);
    let bytes = text.is_none().then(|| name.as_bytes().to_vec());
    let (kind, digest) = if about.is_file() {
        (Kind::File, Some(digest_of_file(path)?))
    } else if about.is_dir() {
        (Kind::Folder, None)
    } else if about.is_symlink() {
        let target = std::fs::read_link(path)?;
        (Kind::Link, Some(digest_of(&Sha256::digest(target.as_os_str().as_bytes()))))
    } else {
        (Kind::Other, None)
    };
    let is_file = kind == Kind::File;
    Ok(Original {
        path: text,
        bytes,
        kind,
        mode: about.mode() & MODE,
        uid: about.uid(),
        gid: about.gid(),
        size: if is_file { about.size() } else { 0 },
        // The time of a folder changes when somebody looks into it from above: its content is compared, not its time.
        modified: if is_file { (about.mtime(), about.mtime_nsec()) } else { (0, 0) },
        digest,
    })
}

fn digest_of_file(path: &Path) -> std::io::Result<Digest> {
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut piece = vec![0_u8; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(digest_of(&digest.finalize())),
            read => digest.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Digest::try_from(text).expect("a SHA-256 has 64 hexadecimal digits")
}
