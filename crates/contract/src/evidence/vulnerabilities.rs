//! What is known of vulnerabilities: the feeds that were brought in, and what of those that are known to be exploited concerns
//! which host. Only the server states either.

use super::latest::{Latest, Stamp};
use crate::fact::Fact;
use crate::fact::vulnerability::{FeedImported, VulnMatch, VulnStatus};
use crate::id::HostId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Feeds and matches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Vulnerabilities {
    feeds: BTreeMap<String, Latest<FeedImported>>,
    #[serde(default, with = "super::latest::pairs")]
    matches: BTreeMap<(HostId, String, String), Latest<VulnMatch>>,
}

impl Vulnerabilities {
    pub(super) fn enter(&mut self, stamp: Stamp, host: Option<&HostId>, fact: &Fact) {
        match (fact, host) {
            (Fact::FeedImported(feed), _) => put(&mut self.feeds, feed.name.clone(), stamp, feed),
            (Fact::VulnMatch(found), Some(host)) => {
                let key = (host.clone(), found.id.clone(), found.source.clone());
                put(&mut self.matches, key, stamp, found);
            }
            _ => {}
        }
    }

    /// The newest import of each feed, by its name.
    pub fn feeds(&self) -> impl Iterator<Item = &Latest<FeedImported>> {
        self.feeds.values()
    }

    /// What was told of a host, newest of each vulnerability and source package.
    pub fn of_host<'a>(&'a self, host: &HostId) -> impl Iterator<Item = &'a Latest<VulnMatch>> + 'a {
        let first = (host.clone(), String::new(), String::new());
        let host = host.clone();
        self.matches.range(first..).take_while(move |((of, _, _), _)| *of == host).map(|(_, found)| found)
    }

    /// What is known to be exploited and stands on a host without a fix: a fix is on offer, there is none, or nobody knows.
    pub fn exploited_on<'a>(&'a self, host: &HostId) -> impl Iterator<Item = &'a Latest<VulnMatch>> + 'a {
        self.of_host(host).filter(|found| found.value.exploited && !is_over(found.value.status))
    }
}

/// Whether a vulnerability is none any more.
#[must_use]
pub fn is_over(status: VulnStatus) -> bool {
    match status {
        VulnStatus::Fixed | VulnStatus::NotAffected => true,
        VulnStatus::UpdateAvailable
        | VulnStatus::Open
        | VulnStatus::WillNotFix
        | VulnStatus::UnknownToFeed => false,
    }
}

fn put<K: Ord, V: Clone>(map: &mut BTreeMap<K, Latest<V>>, key: K, stamp: Stamp, value: &V) {
    match map.get_mut(&key) {
        Some(latest) => latest.replace(stamp, value.clone()),
        None => {
            map.insert(key, Latest::new(stamp, value.clone()));
        }
    }
}
