//! Facts of content: what an inspector found in public areas and in test data. Never the content itself.

use super::Coverage;
use crate::id::Digest;
use serde::{Deserialize, Serialize};

/// `content.public` (4.1.a, R-16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentPublic {
    /// The public area.
    pub area: String,
    /// Files looked at.
    pub files: u64,
    /// Bytes looked at.
    pub bytes: u64,
    /// What was found.
    pub findings: Vec<ContentFinding>,
    /// Inspector and the version of its rules.
    pub inspector: String,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// Something found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentFinding {
    /// The file.
    pub path: String,
    /// SHA-256 of it.
    pub digest: Digest,
    /// The rule that fired.
    pub rule: String,
    /// How often.
    pub count: u64,
}

/// `content.test_data` (12.1.c, R-17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentTestData {
    /// The data set, by its number in F-15.
    pub set: String,
    /// Where it lies.
    pub place: String,
    /// `generated`, `masked`, `public`, `real` or `unknown`.
    pub origin: String,
    /// Rows looked at.
    pub rows: u64,
    /// Columns looked at.
    pub columns: u32,
    /// Columns that look personal, each with its rule.
    pub personal: Vec<String>,
    /// Rows whose keyed fingerprint stands in production, too; absent: not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<u64>,
    /// Inspector and the version of its rules.
    pub inspector: String,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}
