//! Facts of logs: which sources tell, from when to when, and what was unusual.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `log.source` (5.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSource {
    /// `journal`, a file, a product.
    pub source: String,
    /// Where reading goes on.
    pub cursor: String,
    /// Time of the first line taken.
    pub first: Timestamp,
    /// Time of the last line taken.
    pub last: Timestamp,
    /// Lines taken.
    pub lines: u64,
    /// Bytes taken.
    pub bytes: u64,
    /// What is missing in between.
    pub gaps: Vec<LogGap>,
}

/// A time of which lines are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogGap {
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// Why, in plain English.
    pub reason: String,
}

/// `log.anomaly` (5.b): access that is not the usual, by one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogAnomaly {
    /// The rule and its version.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// Account, address or device it is about.
    pub subject: String,
    /// Events that made it up.
    pub count: u64,
    /// First of them.
    pub from: Timestamp,
    /// Last of them.
    pub to: Timestamp,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Look within an hour.
    High,
    /// Look within a day.
    Medium,
    /// For the record.
    Low,
}
