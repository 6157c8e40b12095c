//! What of all that is known concerns a host: by its release, source packages and source versions, and nothing else.
//!
//! Names of products and versions of upstream are not matched: distributors carry fixes back without changing either.

use crate::debian::{InRelease, Status};
use crate::parts::Known;
use debversion::Version;
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::fact::vulnerability::VulnStatus;

/// Where an installed package came from, the less is known of it the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The distributor, for this release.
    Distributor,
    /// It cannot be told.
    Unknown,
    /// Somebody else, a backport, or nobody who has a list.
    Elsewhere,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Binary package.
    pub name: String,
    /// Its source package.
    pub source: String,
    /// Version of the source package; that of the binary package may differ.
    pub source_version: String,
    /// Where it came from.
    pub origin: Origin,
}

/// One vulnerability of one source package of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// `CVE-2026-12345`.
    pub id: String,
    /// Source package.
    pub source: String,
    /// Its installed version.
    pub version: String,
    /// How it stands.
    pub status: VulnStatus,
    /// First version without it.
    pub fixed_version: Option<String>,
    /// What the distributor said of it (`unimportant`, `no-dsa: Minor issue`).
    pub note: Option<String>,
    /// Known to be exploited; absent: the feed has no list of what is.
    pub exploited: Option<bool>,
    /// EPSS in millionths.
    pub epss_millionths: Option<u32>,
}

/// What concerns a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concerns {
    /// By source package and vulnerability.
    pub matches: Vec<Match>,
    /// Source packages of which the feed knows nothing: they did not come from the distributor, or nobody can say.
    pub unknown: BTreeSet<String>,
}

/// What is known beside what is installed. `release` is the code name (`bookworm`).
#[must_use]
pub fn concerns(known: &Known, release: &str, installed: &[Installed]) -> Concerns {
    let mut concerns = Concerns::default();
    let tracker = known.debian.as_ref().filter(|tracker| tracker.knows(release));
    for (source, (version, origin)) in by_source(installed) {
        let (Some(tracker), Origin::Distributor | Origin::Unknown) = (tracker, origin) else {
            concerns.unknown.insert(source.to_owned());
            continue;
        };
        let Ok(installed) = version.parse::<Version>() else {
            concerns.unknown.insert(source.to_owned());
            continue;
        };
        for (id, state) in tracker.of(release, source) {
            let (status, note) = stands(state, &installed, origin);
            let fixed_version = state.fixed_version.clone().filter(|version| version != "0");
            concerns.matches.push(Match {
                id: id.to_owned(),
                source: source.to_owned(),
                version: version.to_owned(),
                status,
                fixed_version,
                note,
                exploited: known.exploited.as_ref().map(|ids| ids.contains(id)),
                epss_millionths: known.epss.as_ref().and_then(|scores| scores.get(id).copied()),
            });
        }
    }
    concerns
}

/// Several binary packages of one source are one; of different versions the lowest counts, of origins the least known.
fn by_source(installed: &[Installed]) -> BTreeMap<&str, (&str, Origin)> {
    let mut sources: BTreeMap<&str, (&str, Origin)> = BTreeMap::new();
    for package in installed {
        let origin = if is_backport(&package.source_version) { Origin::Elsewhere } else { package.origin };
        let new = (package.source_version.as_str(), origin);
        let entry = sources.entry(&package.source).or_insert(new);
        entry.1 = entry.1.max(origin);
        if is_lower(new.0, entry.0) {
            entry.0 = new.0;
        }
    }
    sources
}

fn is_lower(one: &str, other: &str) -> bool {
    match (one.parse::<Version>(), other.parse::<Version>()) {
        (Ok(one), Ok(other)) => one < other,
        _ => false,
    }
}

/// Debian's own mark of a backport; the tracker does not follow those.
fn is_backport(version: &str) -> bool {
    version.contains("~bpo")
}

fn stands(state: &InRelease, installed: &Version, origin: Origin) -> (VulnStatus, Option<String>) {
    let fixed = state.fixed_version.as_deref();
    match (state.status, fixed) {
        (Status::Undetermined, _) => (VulnStatus::UnknownToFeed, None),
        // Of what may be anybody's only the bad news is taken.
        (Status::Resolved, Some("0")) if origin != Origin::Distributor => (VulnStatus::UnknownToFeed, None),
        (Status::Resolved, Some("0")) => (VulnStatus::NotAffected, None),
        (Status::Resolved, Some(fixed)) => match fixed.parse::<Version>() {
            // A higher version is a fix only where it is the distributor's.
            Ok(fixed) if *installed >= fixed && origin == Origin::Distributor => (VulnStatus::Fixed, None),
            Ok(fixed) if *installed >= fixed => (VulnStatus::UnknownToFeed, None),
            Ok(_) => (VulnStatus::UpdateAvailable, None),
            Err(_) => (VulnStatus::UnknownToFeed, None),
        },
        (Status::Resolved, None) => (VulnStatus::UnknownToFeed, None),
        (Status::Open, _) => open(state),
    }
}

/// What the distributor said it will not fix by an advisory is not counted as open, and not as fixed either.
fn open(state: &InRelease) -> (VulnStatus, Option<String>) {
    if state.urgency.as_deref() == Some("unimportant") {
        return (VulnStatus::WillNotFix, Some("unimportant".to_owned()));
    }
    match &state.nodsa {
        Some(reason) => (VulnStatus::WillNotFix, Some(format!("no-dsa: {reason}"))),
        None => (VulnStatus::Open, None),
    }
}
