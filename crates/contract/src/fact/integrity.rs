//! Facts of integrity: what files were, and which changed.

use super::state::{Actor, Seen};
use super::{Coverage, Part};
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `integrity.baseline` (2.1.f, 8.b): against what files are compared from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityBaseline {
    /// The watched trees.
    pub roots: Vec<String>,
    /// Trees that were watched before and are no longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Entries in them.
    pub entries: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Digest over all of them.
    pub tree: Digest,
    /// `sha256`.
    pub algorithm: String,
    /// New, or carried on.
    pub origin: Origin,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// Where a baseline comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Made anew: nobody can say what changed before it.
    Fresh,
    /// Carried on from the baseline before; every difference was told.
    Kept,
}

/// `integrity.held` (2.1.f): which of the watched files could be put back with the content they have, and which could not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityHeld {
    /// The trees whose content is held.
    pub roots: Vec<String>,
    /// Files whose content the host itself holds.
    pub files: u64,
    /// Files it does not hold.
    pub left_out: u32,
    /// Of these, files that are in no snapshot of a backup job as they are now: they could not be put back.
    pub lost: u32,
    /// The first files it does not hold, those that are in no snapshot before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<NotHeld>,
    /// The contents that restorations (F-06) ask for, and where each was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sought: Vec<Sought>,
}

/// A watched file whose content the host itself does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotHeld {
    /// Where.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Why.
    pub why: WhyNotHeld,
    /// The backup job whose last snapshot has it as it is now. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_by: Option<String>,
}

/// Why a content is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNotHeld {
    /// The file is larger than what is held of one.
    TooLarge,
    /// As much is held as may be.
    Full,
    /// It could not be read.
    Unreadable,
}

/// A content that a restoration asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sought {
    /// The file.
    pub path: String,
    /// SHA-256 of the content.
    pub digest: Digest,
    /// Where it was found, read there and compared. Absent: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<KnownGood>,
    /// Why it was not found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Where the right content of a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum KnownGood {
    /// What the agent of the host holds.
    Store,
    /// A snapshot of a backup job of the host.
    Snapshot {
        /// The job.
        job: String,
        /// Id of the snapshot.
        snapshot: String,
        /// When it was made.
        at: Timestamp,
    },
}

/// `integrity.change` (8.a, 8.b): watched files that are not as they were, found in one sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityChange {
    /// Part of the list.
    pub part: Part,
    /// The last time the files were seen as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The first time they were seen as after.
    pub until: Timestamp,
    /// Whether the agent ran when it happened.
    #[serde(default, skip_serializing_if = "Seen::is_running")]
    pub seen: Seen,
    /// The files.
    pub files: Vec<FileChange>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// One file that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileChange {
    /// Where.
    pub path: String,
    /// Absent: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FileState>,
    /// Absent: it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FileState>,
    /// When, by the file system (the time of the last change of content, owner or mode), where it lies between `since`
    /// and `until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Who changed it, where the kernel told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// What explains it.
    pub explained_by: Explanation,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A file.
    File,
    /// A symbolic link; its content is where it points.
    Link,
    /// A folder; only owner and mode are watched.
    Folder,
    /// A socket, a pipe, a device.
    Other,
}

/// A file at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// SHA-256 of the content. Absent: see `sealed`, or it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// SHA-256 over a secret of the host and the content, for files that not everybody on the host may read: they may hold
    /// a secret, and nothing can be guessed from this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Digest>,
    /// Mode bits.
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Content last modified.
    pub modified: Timestamp,
}

/// What explains a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// A transaction of this package (`name version`), and the content is the package's own.
    Package(String),
    /// An approved change, by its number.
    Change(String),
    /// Nothing: this is the alarm.
    None,
}
