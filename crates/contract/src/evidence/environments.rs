//! What users have to rely on, as each probe saw it over time: the sights are kept as they were told, and what changed from
//! one to the next is worked out when it is asked for ([`crate::environment`]).

use super::latest::Stamp;
use super::watching::probe_of;
use crate::entry::Author;
use crate::fact::Fact;
use crate::fact::network::EnvironmentSeen;
use crate::id::{ProbeId, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sights are kept so long before the newest one.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Most sights of one target by one probe: a dozen changes a week fit.
const MOST_SIGHTS: usize = 1_024;
/// Most targets: a probe may tell of what was agreed later, but not of anything without end.
const MOST_TARGETS: usize = 20_000;

/// The sights of one target by one probe, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sights(#[serde(with = "super::latest::pairs")] BTreeMap<(Timestamp, Stamp), EnvironmentSeen>);

impl Sights {
    /// Of sights that show the same one after the other, the first and the last tell everything: a year of daily ones costs
    /// two. A probe tells in its order, so nothing comes to lie between them later.
    fn insert(&mut self, stamp: Stamp, seen: &EnvironmentSeen) {
        let at = (stamp.observed, stamp);
        let same = |other: &EnvironmentSeen| {
            EnvironmentSeen { since: None, ..other.clone() }
                == EnvironmentSeen { since: None, ..seen.clone() }
        };
        let before: Vec<_> = self
            .0
            .range(..at)
            .rev()
            .take(2)
            .take_while(|(_, other)| same(other))
            .map(|(key, _)| *key)
            .collect();
        let after: Vec<_> =
            self.0.range(at..).take(2).take_while(|(_, other)| same(other)).map(|(key, _)| *key).collect();
        match (before.as_slice(), after.as_slice()) {
            ([_, ..], [_, ..]) => return,
            ([middle, _], []) | ([], [middle, _]) => {
                self.0.remove(middle);
            }
            _ => {}
        }
        self.0.insert(at, seen.clone());
    }

    /// The sights with their stamps, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Stamp, &EnvironmentSeen)> {
        self.0.iter().map(|((_, stamp), seen)| (stamp, seen))
    }
}

/// All sights.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Environments {
    targets: BTreeMap<TargetId, BTreeMap<ProbeId, Sights>>,
}

impl Environments {
    pub(super) fn enter(&mut self, stamp: Stamp, author: &Author, fact: &Fact) {
        let (Some(probe), Fact::EnvironmentSeen(seen)) = (probe_of(author), fact) else { return };
        let sights = self.targets.entry(seen.target.clone()).or_default().entry(probe).or_default();
        sights.insert(stamp, seen);
        let newest = sights.0.last_key_value().map_or(stamp.observed, |((at, _), _)| *at);
        let cut = newest.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        while let Some(first) = sights.0.first_entry()
            && (first.key().0 < cut || sights.0.len() > MOST_SIGHTS)
        {
            sights.0.pop_first();
        }
        while self.targets.len() > MOST_TARGETS {
            self.targets.pop_last();
        }
    }

    /// A target as each probe saw it.
    pub fn of(&self, target: &TargetId) -> impl Iterator<Item = (&ProbeId, &Sights)> {
        self.targets.get(target).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EntryNumber;

    fn seen(address: &str) -> EnvironmentSeen {
        EnvironmentSeen {
            target: "web".parse().unwrap(),
            name: "portal.example.jp".to_owned(),
            since: None,
            addresses: [address.parse().unwrap()].into(),
            tls: None,
            page: None,
        }
    }

    #[test]
    fn of_a_year_without_a_change_the_first_and_the_last_sight_are_kept() {
        let mut sights = Sights::default();
        let day = |n: i64| Timestamp::from_second(1_795_000_000 + n * 86_400).unwrap();
        for n in 0..365_u32 {
            let (at, entry) = (day(n.into()), EntryNumber(n.into()));
            let address = if n == 200 { "192.0.2.2" } else { "192.0.2.1" };
            sights.insert(Stamp { seq: n.into(), observed: at, received: at, entry }, &seen(address));
        }
        let kept: Vec<u64> = sights.iter().map(|(stamp, _)| stamp.seq).collect();
        assert_eq!(kept, [0, 199, 200, 201, 364]);
    }
}
