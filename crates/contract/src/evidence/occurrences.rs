//! What happened on each host, by when it happened: changes, boots, releases, test data. The same occurrences stand here
//! whatever order their facts came in.

use super::latest::Stamp;
use crate::change::changes;
use crate::entry::{Author, Entry};
use crate::fact::Fact;
use crate::fact::integrity::Explanation;
use crate::id::HostId;
use crate::occurrence::{Key, Occurrence, Sure, When, rule_of};
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Entries kept of one occurrence: the same thing may be told again.
const ENTRIES_KEPT: usize = 8;

/// Occurrences by host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Occurrences {
    hosts: BTreeMap<HostId, OfHost>,
}

/// The occurrences of one host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct OfHost {
    #[serde(with = "super::latest::pairs")]
    by_key: BTreeMap<Key, Occurrence>,
    /// The first baseline: the beginning of the watch.
    beginning: Option<Stamp>,
}

/// Settled occurrences are kept so long.
pub const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

impl Occurrences {
    /// Takes in what an entry shows. Returns the keys of what is new or otherwise.
    pub(super) fn enter(&mut self, stamp: Stamp, entry: &Entry) -> Vec<Key> {
        let Some(host) = &entry.host else { return Vec::new() };
        let changed = changes(entry).into_iter().filter_map(|change| Occurrence::of_change(change, stamp));
        let found: Vec<Occurrence> = changed.chain(of_fact(host, stamp, entry)).collect();
        if found.is_empty() {
            return Vec::new();
        }
        let known = self.hosts.entry(host.clone()).or_default();
        let mut keys = Vec::new();
        for occurrence in found {
            let key = occurrence.key();
            if occurrence.sure == Sure::BaselineLost {
                known.beginning = Some(known.beginning.map_or(stamp, |first| first.min(stamp)));
                // Which of several was the first is known only now.
                keys.extend(known.by_key.keys().filter(|key| key.1 == Object::Baseline).cloned());
            }
            match known.by_key.get_mut(&key) {
                Some(same) => unite(same, occurrence),
                None => {
                    known.by_key.insert(key.clone(), occurrence);
                }
            }
            keys.push(key);
        }
        keys
    }

    /// The occurrences of a host, oldest first.
    pub fn of_host(&self, host: &HostId) -> impl DoubleEndedIterator<Item = (&Key, &Occurrence)> {
        self.hosts.get(host).into_iter().flat_map(|known| &known.by_key)
    }

    /// Those of a host between two instants.
    pub fn between(
        &self,
        host: &HostId,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (&Key, &Occurrence)> {
        let begin = (from, Object::ALL.into_iter().min().unwrap_or(Object::Target), String::new());
        let known = self.hosts.get(host).filter(|_| from <= to);
        known
            .into_iter()
            .flat_map(move |known| known.by_key.range(begin.clone()..))
            .take_while(move |((mark, _, _), _)| *mark <= to)
    }

    /// One occurrence.
    #[must_use]
    pub fn get(&self, host: &HostId, key: &Key) -> Option<&Occurrence> {
        self.hosts.get(host)?.by_key.get(key)
    }

    /// Whether a baseline is the beginning of the watch.
    #[must_use]
    pub fn is_beginning(&self, occurrence: &Occurrence) -> bool {
        let Some(host) = &occurrence.host else { return false };
        let begun = self.hosts.get(host).and_then(|known| known.beginning);
        occurrence.object == Object::Baseline && begun.is_some_and(|begun| begun == occurrence.stamp)
    }

    /// Whether files of a host are watched.
    #[must_use]
    pub fn is_watched(&self, host: &HostId) -> bool {
        self.hosts.get(host).is_some_and(|known| known.beginning.is_some())
    }

    /// Forgets one that is settled for long.
    pub(crate) fn forget(&mut self, host: &HostId, key: &Key) {
        if let Some(known) = self.hosts.get_mut(host) {
            known.by_key.remove(key);
        }
    }

    /// The hosts something happened on.
    pub fn hosts(&self) -> impl Iterator<Item = &HostId> {
        self.hosts.keys()
    }
}

/// The same thing, told twice: the narrower time, the earlier entry.
fn unite(known: &mut Occurrence, again: Occurrence) {
    if again.stamp < known.stamp {
        let entries = std::mem::take(&mut known.entries);
        *known = again;
        known.entries.extend(entries);
    } else {
        known.entries.extend(again.entries);
    }
    while known.entries.len() > ENTRIES_KEPT {
        known.entries.pop_last();
    }
}

/// What is no change of a list, but happened.
fn of_fact(host: &HostId, stamp: Stamp, entry: &Entry) -> Option<Occurrence> {
    let own = matches!(&entry.author, Author::Agent(agent) if agent == host);
    let fact = entry.fact().filter(|_| own)?;
    let plain = |object, name: &str, latest: Timestamp| Occurrence {
        rule: rule_of(object),
        host: Some(host.clone()),
        object,
        name: name.to_owned(),
        effect: None,
        when: When::Between {
            earliest: Some(latest.min(stamp.observed)),
            latest: latest.min(stamp.observed),
        },
        digest_before: None,
        digest_after: None,
        beside: (None, None),
        texts: (None, None),
        by: None,
        explained_by: Explanation::None,
        sure: Sure::Yes,
        stamp,
        entries: BTreeSet::from([stamp.entry]),
    };
    match fact {
        Fact::ReleaseDeployed(release) => {
            let digest_after = Some(release.digest.clone());
            Some(Occurrence { digest_after, ..plain(Object::Release, &release.artefact, release.at) })
        }
        Fact::DevicePlugged(device) => {
            let serial = device.serial.as_deref().unwrap_or("");
            let name = format!("{} {serial}", device.product);
            Some(plain(Object::Device, name.trim(), device.at))
        }
        Fact::ContentTestData(data) => {
            let real = data.origin == "real" || data.matches.is_some_and(|matches| matches > 0);
            let personal = data.origin == "unknown" && !data.personal.is_empty();
            // Whatever is said of their origin: Individual Numbers are never published, and nobody makes them by chance.
            let numbers = data.personal.iter().any(|found| found.ends_with(":individual_number"));
            (real || personal || numbers).then(|| plain(Object::TestData, &data.set, stamp.observed))
        }
        _ => None,
    }
}
