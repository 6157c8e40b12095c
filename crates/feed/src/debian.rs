//! Debian's security tracker: for each source package, how each vulnerability stands in each release.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The tracker's table (`https://security-tracker.debian.org/tracker/data/json`): source package, vulnerability, state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Tracker {
    packages: BTreeMap<String, BTreeMap<String, Issue>>,
}

/// One vulnerability of one source package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// How it stands in each release, by code name. What is described, and in how many words, does not matter here.
    #[serde(default)]
    pub releases: BTreeMap<String, InRelease>,
}

/// How it stands in one release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InRelease {
    /// Whether it is fixed.
    pub status: Status,
    /// First version without it; `0`: never was in this release.
    #[serde(default)]
    pub fixed_version: Option<String>,
    /// How Debian weighs it.
    #[serde(default)]
    pub urgency: Option<String>,
    /// Present where no advisory of its own is planned, with the reason.
    #[serde(default)]
    pub nodsa: Option<String>,
}

/// The tracker's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Fixed in `fixed_version`.
    Resolved,
    /// Not fixed.
    Open,
    /// Nobody looked at it yet.
    Undetermined,
}

impl Tracker {
    /// Reads the table.
    ///
    /// # Errors
    /// When it is another form.
    pub fn read(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// Pairs of a package and a vulnerability.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.packages.values().map(|issues| u64::try_from(issues.len()).unwrap_or(u64::MAX)).sum()
    }

    /// Whether anything is said of a release: where nothing is, nothing can be said of its hosts.
    #[must_use]
    pub fn knows(&self, release: &str) -> bool {
        self.packages.values().flat_map(BTreeMap::values).any(|issue| issue.releases.contains_key(release))
    }

    /// What is known of a source package in a release.
    pub fn of<'a>(
        &'a self,
        release: &'a str,
        source: &str,
    ) -> impl Iterator<Item = (&'a str, &'a InRelease)> + 'a {
        let issues = self.packages.get(source).into_iter().flatten();
        issues.filter_map(move |(id, issue)| Some((id.as_str(), issue.releases.get(release)?)))
    }
}
