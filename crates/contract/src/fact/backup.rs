//! Facts of backups. When the server heard of one is the entry's `received`: a host cannot forge it.

use super::malware::Done;
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `backup.run` (10.a, 10.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRun {
    /// The job.
    pub job: String,
    /// Id of the snapshot.
    pub snapshot: String,
    /// Digest over its tree.
    pub tree: Digest,
    /// Files in it.
    pub files: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes added to the repository.
    pub added: u64,
    /// The repository.
    pub repository: String,
    /// Its content cannot be read without the key.
    pub encrypted: bool,
    /// Began.
    pub started: Timestamp,
    /// Ended.
    pub ended: Timestamp,
    /// Whether it worked.
    pub result: Done,
}

/// `backup.check` (10.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupCheck {
    /// The repository.
    pub repository: String,
    /// Tool and version.
    pub tool: String,
    /// Percent of the content that was read back (0: the index alone).
    pub read_percent: u8,
    /// Errors found.
    pub errors: u64,
    /// Ended.
    pub ended: Timestamp,
}

/// `backup.restore_drill` (10.a): restored elsewhere, by another program than made it, and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreDrill {
    /// Id of the snapshot.
    pub snapshot: String,
    /// Tool and version.
    pub tool: String,
    /// Files compared with the originals' digests.
    pub files_compared: u64,
    /// Files that differ or are missing.
    pub mismatches: u64,
    /// Seconds it took.
    pub took_s: u64,
    /// Ended.
    pub ended: Timestamp,
}
