//! Newer versions of the engine against malware that the lists of the distributor offer a host (2.1.a, P-03).

use super::host::{Complete, Listed};
use super::latest::{Latest, Stamp, keep_newer};
use crate::fact::software::{Update, UpdatesAvailable};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The packages the engine of ClamAV comes in; its library comes in one that is named after its version.
const ENGINE: [&str; 6] =
    ["clamav", "clamav-base", "clamav-daemon", "clamav-freshclam", "clamav-milter", "clamdscan"];
const LIBRARY: &str = "libclamav";
/// Most versions of which is remembered since when they are behind.
const MOST_BEHIND: usize = 64;

/// What is on offer for the engine of a host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EngineOffers {
    sets: Listed<Update>,
    lists: Option<Latest<Option<Timestamp>>>,
    /// Since when an installed version is behind, and the last word of it: a newer offer does not begin the time anew.
    #[serde(with = "super::latest::pairs")]
    behind: BTreeMap<(String, String), (Timestamp, Stamp)>,
}

/// Whether the engine of ClamAV comes in a package of this name.
#[must_use]
pub fn is_of_engine(package: &str) -> bool {
    ENGINE.contains(&package) || package.starts_with(LIBRARY)
}

impl EngineOffers {
    pub(super) fn enter(&mut self, stamp: Stamp, told: &UpdatesAvailable) {
        let updates: Vec<Update> =
            told.updates.iter().filter(|update| is_of_engine(&update.name)).cloned().collect();
        for update in &updates {
            let (first, last) = (update.first_seen.min(stamp.received), stamp);
            let version = (update.name.clone(), update.installed.clone());
            let known = self.behind.entry(version).or_insert((first, last));
            *known = (known.0.min(first), known.1.max(last));
        }
        while self.behind.len() > MOST_BEHIND {
            let oldest = self.behind.iter().min_by_key(|(_, (_, last))| *last).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.behind.remove(&key));
        }
        self.sets.enter(stamp, &told.part, &updates, &told.coverage);
        keep_newer(&mut self.lists, stamp, told.lists);
    }

    /// The newest whole word of what is on offer; none: it was never told.
    #[must_use]
    pub fn newest(&self) -> Option<Complete<'_, Update>> {
        self.sets.newest()
    }

    /// The date the distributor put into the lists.
    #[must_use]
    pub fn lists(&self) -> Option<Timestamp> {
        self.lists.as_ref().and_then(|lists| lists.value)
    }

    /// Since when the installed version is behind.
    #[must_use]
    pub fn behind_since(&self, update: &Update) -> Timestamp {
        let version = (update.name.clone(), update.installed.clone());
        self.behind.get(&version).map_or(update.first_seen, |(first, _)| *first)
    }
}
