//! Facts of backups. When the server heard of one is the entry's `received`: a host cannot forge it.

use super::Coverage;
use super::malware::Done;
use crate::act::Importance;
use crate::id::Digest;
use crate::retention::Generations;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `backup.run` (10.a, 10.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRun {
    /// The job.
    pub job: String,
    /// The asset it saves, as it is called in the register of assets (F-22); empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asset: String,
    /// Id of the snapshot.
    pub snapshot: String,
    /// Digest over its tree; absent where there is no snapshot, or its product has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Digest>,
    /// Files in it.
    pub files: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Rows of tables in it, of a data base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes added to the repository.
    pub added: u64,
    /// The repository.
    pub repository: String,
    /// What the repository lies on: `folder`, `sftp`, `object_store`, `server`; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub medium: String,
    /// Its content cannot be read without the key.
    pub encrypted: bool,
    /// Began.
    pub started: Timestamp,
    /// Ended.
    pub ended: Timestamp,
    /// Whether it worked.
    pub result: Done,
    /// Why it did not, in plain English, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Tool and version; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tool: String,
    /// Digest over the list of the originals, which a restore drill is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originals: Option<Digest>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Coverage::is_complete")]
    pub coverage: Coverage,
}

/// Whose key opened a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyHolder {
    /// The one the jobs use.
    #[default]
    Job,
    /// The one that is kept for the city (鍵の預託).
    City,
}

impl KeyHolder {
    fn is_job(&self) -> bool {
        *self == Self::Job
    }
}

/// `backup.check` (10.a, 10.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupCheck {
    /// The repository.
    pub repository: String,
    /// The job it was checked for; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// Whose key was tried.
    #[serde(default, skip_serializing_if = "KeyHolder::is_job")]
    pub key: KeyHolder,
    /// Tool and version.
    pub tool: String,
    /// Percent of the content that was read back (0: the index alone).
    pub read_percent: u8,
    /// Errors found.
    pub errors: u64,
    /// What the first of them was, in plain English, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What was saved with this key can be removed with it: tried with a snapshot made for that. Absent: not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removable: Option<bool>,
    /// Ended.
    pub ended: Timestamp,
}

/// `backup.restore_drill` (10.a): restored elsewhere, by another program than made it, and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreDrill {
    /// The job; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// Id of the snapshot.
    pub snapshot: String,
    /// Tool and version.
    pub tool: String,
    /// Files compared with the originals' digests.
    pub files_compared: u64,
    /// Files left out because they changed while they were backed up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_skipped: u64,
    /// Tables of a data base whose rows were counted after it was loaded into a scratch data base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables_compared: Option<u64>,
    /// Files and tables that differ or are missing.
    pub mismatches: u64,
    /// What the first of them was, or why there was nothing to compare, in plain English, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Seconds it took.
    pub took_s: u64,
    /// Ended.
    pub ended: Timestamp,
}

/// What is told of a removal of old snapshots: first what will be removed, then what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionStage {
    /// Entered before anything is removed.
    Planned,
    /// Everything that was planned is removed.
    Done,
    /// Not everything; `removed` says what is gone all the same.
    Failed,
}

/// `backup.retention` (10.a): the server removed the snapshots of one job that no generation needs (P-25). The server alone
/// tells this; the entry's host is the one whose job it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupRetention {
    /// Names one run of the command: the same in what was planned and in what came of it.
    pub run: String,
    /// Planned, or done.
    pub stage: RetentionStage,
    /// The repository.
    pub repository: String,
    /// The job.
    pub job: String,
    /// Importance of the system the host serves; absent where both parties have not agreed on both: the most of every rank is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<Importance>,
    /// The rule: so many of each are kept.
    pub generations: Generations,
    /// Snapshots of the job that the ledger knows and that stay.
    pub kept: u64,
    /// Ids of the snapshots that are removed.
    pub removed: Vec<String>,
    /// Snapshots that could go, but stay for the next run: one removes at most [`BackupRetention::MOST`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: u64,
    /// Snapshots that the generations need and that are not there; no removal in the ledger names them that needed them no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// Snapshots in the repository that the ledger does not know; they stay.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Why it failed, in plain English, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Tool and version.
    pub tool: String,
    /// When this was found or done.
    pub ended: Timestamp,
}

/// A snapshot that should be there and is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// Its id.
    pub snapshot: String,
    /// When the server had heard of it.
    pub heard: Timestamp,
}

impl BackupRetention {
    /// Most ids in one list: an entry has room for no more (64 KiB).
    pub const MOST: usize = 250;
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl BackupRun {
    /// It worked and holds something: a job that says "done" of nothing has saved nothing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.result == Done::Done && !self.is_empty()
    }

    /// It says that it worked, and nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files == 0 || self.bytes == 0 || self.rows == Some(0)
    }
}

impl BackupCheck {
    /// How the tool of a key is marked that was tried on a copy of a repository's `config` and `keys`: of the time of the copy.
    pub const OF_A_COPY: &str = " (copy)";
}

impl RestoreDrill {
    /// Everything that was compared is equal, and something was.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.mismatches == 0 && self.files_compared > 0
    }
}
