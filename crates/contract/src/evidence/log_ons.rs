//! When each account of a host was last used, as its logs tell, and since when they tell: systems of today keep no list of
//! last log-ons any more, and where it is left over nobody writes it.

use super::host::Host;
use super::latest::Stamp;
use crate::fact::host::Account;
use crate::fact::logs::LogSource;
use crate::id::EntryNumber;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Accounts of a host that are remembered; of more, those that were used last.
const MOST_ACCOUNTS: usize = 10_000;

/// Log-ons of a host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogOns {
    /// The newest of each account, and the entry that says so.
    used: BTreeMap<String, (Timestamp, EntryNumber)>,
    /// The server heard of a log of log-ons for the first time.
    since: Option<Timestamp>,
    /// The end of the newest time of which lines are missing.
    gap_until: Option<Timestamp>,
}

impl LogOns {
    /// A log is read.
    pub(super) fn are_told(&mut self, stamp: Stamp, source: &LogSource) {
        let first = self.since.map_or(stamp.received, |known| known.min(stamp.received));
        self.since = Some(first);
        let gap = source.gaps.iter().map(|gap| gap.to.min(stamp.received)).max();
        self.gap_until = self.gap_until.max(gap);
    }

    /// Somebody came, or acted with it. Nobody did later than the server heard of it.
    pub(super) fn was_used(&mut self, stamp: Stamp, account: &str, at: Timestamp) {
        let used = (at.min(stamp.received), stamp.entry);
        let known = self.used.entry(account.to_owned()).or_insert(used);
        *known = (*known).max(used);
        if self.used.len() > MOST_ACCOUNTS {
            let oldest = self.used.iter().min_by_key(|(name, (at, _))| (*at, *name));
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.and_then(|name| self.used.remove(&name));
        }
    }

    /// Since when log-ons are told of; none: no log of them was ever read.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// The end of the newest time of which lines are missing: who came until then is not known.
    #[must_use]
    pub fn gap_until(&self) -> Option<Timestamp> {
        self.gap_until
    }

    /// When an account was last used, and the entry that says so.
    #[must_use]
    pub fn of(&self, account: &str) -> Option<(Timestamp, EntryNumber)> {
        self.used.get(account).copied()
    }
}

impl Host {
    /// When an account was last used, by whatever tells of it; none: nothing does.
    #[must_use]
    pub fn last_use(&self, account: &Account) -> Option<Timestamp> {
        let logged = self.log_ons.of(&account.name).map(|(at, _)| at);
        account.last_login.max(logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn told(logs: &mut LogOns, account: &str, second: i64, heard: i64) {
        let stamp = Stamp { seq: 1, observed: at(heard), received: at(heard), entry: EntryNumber(1) };
        logs.was_used(stamp, account, at(second));
    }

    #[test]
    fn the_newest_counts_whatever_came_first_and_none_lies_ahead() {
        let mut logs = LogOns::default();
        told(&mut logs, "yamada", 50, 60);
        told(&mut logs, "yamada", 10, 70);
        told(&mut logs, "tanaka", 9_000, 80);
        assert_eq!(logs.of("yamada"), Some((at(50), EntryNumber(1))));
        assert_eq!(logs.of("tanaka"), Some((at(80), EntryNumber(1))));
    }

    #[test]
    fn of_too_many_names_those_used_last_are_kept() {
        let mut logs = LogOns::default();
        for n in 0..10_050_i64 {
            told(&mut logs, &format!("u{n}"), n, 20_000);
        }
        assert_eq!(logs.used.len(), MOST_ACCOUNTS);
        assert_eq!((logs.of("u49"), logs.of("u50").is_some()), (None, true));
    }
}
