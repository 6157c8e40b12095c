//! Facts of integrity: what files were, and which changed.

use super::malware::ProcessSeen;
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `integrity.baseline` (2.1.f, 8.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityBaseline {
    /// The watched trees.
    pub roots: Vec<String>,
    /// Entries in them.
    pub entries: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Digest over all of them.
    pub tree: Digest,
    /// `sha256` or `blake3`.
    pub algorithm: String,
}

/// `integrity.change`: one watched file is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityChange {
    /// Where.
    pub path: String,
    /// Absent: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FileState>,
    /// Absent: it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FileState>,
    /// Who changed it, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessSeen>,
    /// What explains it.
    pub explained_by: Explanation,
}

/// A file at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Digest of the content.
    pub digest: Digest,
    /// Mode bits.
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Bytes.
    pub size: u64,
    /// Last modified.
    pub modified: Timestamp,
}

/// What explains a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// The checksums of this package.
    Package(String),
    /// An approved change, by its number.
    Change(String),
    /// Nothing: this is the alarm.
    None,
}
