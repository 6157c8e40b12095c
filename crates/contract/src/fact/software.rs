//! Facts of installed software.

use super::state::{Actor, Seen};
use super::{Coverage, Part};
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Name; with `:arch` where several architectures are installed.
    #[serde(rename = "n")]
    pub name: String,
    /// Installed version.
    #[serde(rename = "v")]
    pub version: String,
    /// Source package, when it differs from the name.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Source version, when it differs from the version.
    #[serde(rename = "sv", default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
}

/// `package.set`: the whole list, in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSet {
    /// Part of the list.
    pub part: Part,
    /// `dpkg` or `rpm`.
    pub manager: String,
    /// The packages.
    pub packages: Vec<Package>,
    /// Those of them that do not come from the distributor of the system; absent: nobody looked where they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Vec<String>>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// `package.change`: what one transaction changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageChange {
    /// Installed or upgraded, with the new versions.
    pub present: Vec<Package>,
    /// Those of them that do not come from the distributor of the system; absent: nobody looked where they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Vec<String>>,
    /// Removed names.
    pub removed: Vec<String>,
    /// Digest of the whole list before, as in [`Part::set`].
    pub before: String,
    /// Digest of the whole list after.
    pub after: String,
    /// The versions before, of those that were there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<Package>,
    /// The last time the list was seen as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When the package manager last wrote its list, where that lies after `since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Whether the agent ran when it happened.
    #[serde(default, skip_serializing_if = "Seen::is_running")]
    pub seen: Seen,
    /// Who asked for it, where the package manager wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
}

/// Phase of support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Full support.
    Full,
    /// Security support by a long-term team, free of charge.
    Lts,
    /// Extended support that must be paid for.
    Extended,
    /// Ended.
    Ended,
    /// The product is not in the table.
    NotListed,
}

/// `support.phase` (3.5.a): one fact lists every product found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportPhase {
    /// Products in use.
    pub products: Vec<ProductSupport>,
    /// Name and date of the table of dates.
    pub table: String,
}

/// One product in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductSupport {
    /// Product (`debian`, `postgresql`, `php` …).
    pub product: String,
    /// Cycle (`12`, `15` …).
    pub cycle: String,
    /// Phase on the day of the reading.
    pub phase: Phase,
    /// End of full support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_until: Option<Timestamp>,
    /// End of every support that costs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Where the dates come from.
    pub basis: String,
}

/// `package.update_available` (3.2.c): what the signed lists of the distributor offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdatesAvailable {
    /// Part of the list.
    pub part: Part,
    /// The updates.
    pub updates: Vec<Update>,
    /// The latest date the distributor put into its lists: what came after it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<Timestamp>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// One update that is not installed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Package.
    pub name: String,
    /// Installed version.
    pub installed: String,
    /// Version on offer.
    pub candidate: String,
    /// It comes from the security suite.
    pub security: bool,
    /// When it was first seen on offer.
    pub first_seen: Timestamp,
}

/// `code.stale_running`: updated, but the old code still runs (3.2.c).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaleRunning {
    /// Processes that run deleted files.
    pub processes: Vec<StaleProcess>,
    /// Kernel that runs.
    pub kernel_running: String,
    /// Newest kernel installed.
    pub kernel_installed: String,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// A process that runs a deleted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaleProcess {
    /// Process id.
    pub pid: u32,
    /// Its unit, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Its program.
    pub exe: String,
    /// The deleted file.
    pub deleted: String,
    /// The package the file came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
}

/// `release.checked`: what a tool found in one release before it was used (3.4.a, 12.1.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseChecked {
    /// Name of the release.
    pub artefact: String,
    /// SHA-256 of it.
    pub digest: Digest,
    /// The tool and its version.
    pub tool: String,
    /// `code`, `dependencies` or `tests`.
    pub subject: String,
    /// Checks made.
    pub checks: u32,
    /// Findings left open.
    pub open: u32,
}

/// `release.deployed`: a release lies on a host (12.1.b, R-04).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseDeployed {
    /// Name of the release.
    pub artefact: String,
    /// SHA-256 of what lies there.
    pub digest: Digest,
    /// Where.
    pub path: String,
    /// When it was first seen.
    pub at: Timestamp,
}
