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
