//! Who is heard. A host that misses three pulses is silent, and the silence is a fact.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use yakujo_contract::id::HostId;

/// An agent sends a pulse every 15 s.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(45);

#[derive(Debug, Clone)]
struct Heard {
    last: Timestamp,
    silent: Option<Timestamp>,
    epoch: String,
}

/// Signs of life, in memory: after a restart every host has the full time again.
#[derive(Default)]
pub struct Watch {
    hosts: Mutex<HashMap<HostId, Heard>>,
}

/// Whether a sign of life ended a silence.
#[derive(Debug, PartialEq, Eq)]
pub enum Sign {
    /// Nothing special.
    Regular,
    /// The host was silent since then.
    AfterSilence(Timestamp),
    /// Another run of an agent with the same certificate spoke just now: two at once.
    Clone,
}

impl Watch {
    /// Expects a host from now on; `silent` since then, where the ledger says so.
    pub fn expect(&self, host: &HostId, now: Timestamp, silent: Option<Timestamp>) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(host.clone()).or_insert(Heard { last: now, silent, epoch: String::new() });
    }

    /// Forgets a host whose device was revoked.
    pub fn forget(&self, host: &HostId) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// A sign of life of one run (`epoch`) of an agent.
    pub fn heard(&self, host: &HostId, epoch: &str, now: Timestamp) -> Sign {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known =
            hosts.entry(host.clone()).or_insert(Heard { last: now, silent: None, epoch: String::new() });
        let other = !known.epoch.is_empty() && known.epoch != epoch;
        let recent = now.duration_since(known.last) < SignedDuration::from_secs(10);
        // A restarted agent has a new epoch, too: only two that speak in turns are two.
        if other && recent && known.epoch.as_str() > epoch {
            return Sign::Clone;
        }
        epoch.clone_into(&mut known.epoch);
        known.last = now;
        known.silent.map_or(Sign::Regular, Sign::AfterSilence)
    }

    /// The end of the silence stands in the ledger.
    pub fn is_heard(&self, host: &HostId) {
        self.set_silent(host, None);
    }

    /// Hosts whose silence does not stand in the ledger yet, with their last sign of life.
    pub fn newly_silent(&self, now: Timestamp) -> Vec<(HostId, Timestamp)> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = |heard: &Heard| heard.silent.is_none() && now.duration_since(heard.last) > SILENT_AFTER;
        let silent = hosts.iter().filter(|(_, heard)| overdue(heard));
        silent.map(|(host, heard)| (host.clone(), heard.last)).collect()
    }

    /// The silence stands in the ledger.
    pub fn is_silent(&self, host: &HostId, since: Timestamp) {
        self.set_silent(host, Some(since));
    }

    fn set_silent(&self, host: &HostId, since: Option<Timestamp>) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get_mut(host) {
            known.silent = since;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_and_its_end_are_told_until_they_stand_in_the_ledger() {
        let (watch, host): (Watch, HostId) = (Watch::default(), "web-1".parse().unwrap());
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        assert_eq!(watch.heard(&host, "e1", at(0)), Sign::Regular);
        assert!(watch.newly_silent(at(45)).is_empty());
        for second in [46, 47] {
            assert_eq!(watch.newly_silent(at(second)), vec![(host.clone(), at(0))]);
        }
        watch.is_silent(&host, at(0));
        assert!(watch.newly_silent(at(60)).is_empty());
        for second in [61, 62] {
            assert_eq!(watch.heard(&host, "e1", at(second)), Sign::AfterSilence(at(0)));
        }
        watch.is_heard(&host);
        assert_eq!(watch.heard(&host, "e1", at(63)), Sign::Regular);
    }

    #[test]
    fn a_host_that_was_silent_before_a_restart_is_heard_after_it() {
        let (watch, host): (Watch, HostId) = (Watch::default(), "web-1".parse().unwrap());
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        watch.expect(&host, at(100), Some(at(0)));
        assert!(watch.newly_silent(at(200)).is_empty(), "its silence stands in the ledger already");
        assert_eq!(watch.heard(&host, "e2", at(210)), Sign::AfterSilence(at(0)));
    }
}
