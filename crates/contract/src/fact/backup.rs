//! Facts of backups. When the server heard of one is the entry's `received`: a host cannot forge it.

use super::Coverage;
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

impl RestoreDrill {
    /// Everything that was compared is equal, and something was.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.mismatches == 0 && self.files_compared > 0
    }
}
