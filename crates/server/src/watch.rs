//! Who is heard. A host that misses three pulses is silent, and the silence is a fact.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use yakujo_contract::id::HostId;

/// An agent sends a pulse every 15 s.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(45);
/// Heard within so long is heard at this moment: one pulse, and some patience.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(20);
/// That two agents use one certificate is told again so often while they do.
const TWIN_TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone)]
struct Heard {
    last: Timestamp,
    silent: Option<Timestamp>,
    /// The newest run of the agent, and when it was last heard.
    epoch: String,
    twin_told: Option<Timestamp>,
    /// Where the last sign of life came from.
    from: Option<IpAddr>,
}

impl Heard {
    fn at(now: Timestamp, silent: Option<Timestamp>) -> Self {
        Self { last: now, silent, epoch: String::new(), twin_told: None, from: None }
    }
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
    /// Another run of an agent with the same certificate spoke just now: two at once. It does not stand in the ledger yet.
    Clone,
    /// As before, and it stands in the ledger.
    CloneAgain,
}

impl Watch {
    /// Expects a host from now on; `silent` since then, where the ledger says so.
    pub fn expect(&self, host: &HostId, now: Timestamp, silent: Option<Timestamp>) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(host.clone()).or_insert(Heard::at(now, silent));
    }

    /// Forgets a host whose device was revoked.
    pub fn forget(&self, host: &HostId) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// A sign of life of one run (`epoch`) of an agent.
    pub fn heard(&self, host: &HostId, epoch: &str, now: Timestamp) -> Sign {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.entry(host.clone()).or_insert(Heard::at(now, None));
        let recent = now.duration_since(known.last) <= SILENT_AFTER;
        // A restarted agent has a new epoch, too, but a later one: only an earlier run that still speaks while the later one
        // does is a second agent. After a clock was set back the later run is refused until the earlier one is forgotten.
        if recent && known.epoch.as_str() > epoch {
            let is_told = known.twin_told.is_some_and(|told| now.duration_since(told) < TWIN_TOLD_EVERY);
            return if is_told { Sign::CloneAgain } else { Sign::Clone };
        }
        epoch.clone_into(&mut known.epoch);
        known.last = now;
        known.silent.map_or(Sign::Regular, Sign::AfterSilence)
    }

    /// The sign of life came from here.
    pub fn came_from(&self, host: &HostId, address: IpAddr) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get_mut(host) {
            known.from = Some(address.to_canonical());
        }
    }

    /// Where the host was heard from, and whether that was just now.
    pub fn place(&self, host: &HostId, now: Timestamp) -> Option<(IpAddr, bool)> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.get(host)?;
        Some((known.from?, now.duration_since(known.last) <= JUST_NOW))
    }

    /// The end of the silence stands in the ledger.
    pub fn is_heard(&self, host: &HostId) {
        self.set_silent(host, None);
    }

    /// That two use one certificate stands in the ledger.
    pub fn twin_is_told(&self, host: &HostId, now: Timestamp) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hosts.get_mut(host) {
            known.twin_told = Some(now);
        }
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
    fn where_a_host_was_heard_from_is_known_and_whether_it_still_speaks() {
        let (watch, host): (Watch, HostId) = (Watch::default(), "web-1".parse().unwrap());
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        watch.expect(&host, at(0), None);
        assert_eq!(watch.place(&host, at(1)), None);
        watch.heard(&host, "e1", at(2));
        watch.came_from(&host, "::ffff:192.0.2.9".parse().unwrap());
        let address = "192.0.2.9".parse().unwrap();
        assert_eq!(watch.place(&host, at(22)), Some((address, true)));
        assert_eq!(watch.place(&host, at(23)), Some((address, false)));
    }

    #[test]
    fn two_agents_with_one_certificate_are_found_whenever_in_the_rhythm_of_the_other_they_speak() {
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        for behind in 1..15 {
            let (watch, host): (Watch, HostId) = (Watch::default(), "web-1".parse().unwrap());
            assert_eq!(watch.heard(&host, "e1", at(0)), Sign::Regular);
            assert_eq!(watch.heard(&host, "e2", at(behind)), Sign::Regular, "a restart");
            for turn in 1..10 {
                assert_eq!(watch.heard(&host, "e1", at(15 * turn)), Sign::Clone, "{behind}");
                assert_eq!(watch.heard(&host, "e2", at(15 * turn + behind)), Sign::Regular, "{behind}");
            }
        }
    }

    #[test]
    fn after_a_clock_was_set_back_a_restarted_agent_is_heard_again_within_a_minute() {
        let (watch, host): (Watch, HostId) = (Watch::default(), "web-1".parse().unwrap());
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        watch.heard(&host, "e9", at(0));
        assert_eq!(watch.heard(&host, "e1", at(15)), Sign::Clone);
        assert_eq!(watch.heard(&host, "e1", at(46)), Sign::Regular);
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
