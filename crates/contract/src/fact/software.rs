//! Facts of installed software.

use super::{Coverage, Part};
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
    /// Removed names.
    pub removed: Vec<String>,
    /// Digest of the whole list before, as in [`Part::set`].
    pub before: String,
    /// Digest of the whole list after.
    pub after: String,
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
