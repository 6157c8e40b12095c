//! Which services run, by their main process: one that was replaced between two looks was stopped and started, however
//! short the stop, and a service is not running because an old session of it survived.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::host::{ServiceChange, Turn};
use yakujo_contract::fact::state::Seen;

/// A process: its number and when it started, in ticks since the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Ticks since the boot.
    pub start: u64,
    /// Process id.
    pub pid: u32,
}

/// One look: the boot, and the processes of each service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Id of the boot.
    pub boot: String,
    /// When it was.
    pub booted: Timestamp,
    /// Ticks of one second.
    pub ticks: u64,
    /// Processes by service.
    pub services: BTreeMap<String, Vec<Process>>,
}

/// What ran at the last look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    boot: String,
    looked: Timestamp,
    /// The main process of each service; absent: it is stopped, whatever is left of it.
    mains: BTreeMap<String, Option<Process>>,
}

impl Look {
    fn started_at(&self, process: Process) -> Timestamp {
        let ms = process.start.saturating_mul(1_000) / self.ticks.max(1);
        let passed = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        self.booted.saturating_add(passed).unwrap_or(self.booted)
    }
}

/// Compares a look with the one before. Returns what to compare the next one with, and what started and stopped.
#[must_use]
pub fn compare(before: Option<&Running>, look: &Look, seen: Seen, now: Timestamp) -> (Running, Vec<Fact>) {
    let mut mains: BTreeMap<String, Option<Process>> = BTreeMap::new();
    let mut facts = Vec::new();
    for (service, processes) in &look.services {
        let eldest = processes.iter().min().copied();
        let Some(before) = before else {
            mains.insert(service.clone(), eldest);
            continue;
        };
        let was = before.mains.get(service).copied();
        let main = match was {
            Some(Some(main)) if before.boot == look.boot && processes.contains(&main) => Some(main),
            // What is left of a stopped service is older than the last look.
            Some(_) if before.boot == look.boot => {
                processes.iter().filter(|process| look.started_at(**process) > before.looked).min().copied()
            }
            Some(_) | None => eldest,
        };
        let told = Told { service, before, look, seen, now };
        facts.extend(told.changes(was.flatten(), main));
        mains.insert(service.clone(), main);
    }
    for (service, main) in before.iter().flat_map(|before| &before.mains) {
        if let (Some(before), Some(main), false) = (before, main, look.services.contains_key(service)) {
            let told = Told { service, before, look, seen, now };
            facts.extend(told.changes(Some(*main), None));
        }
    }
    (Running { boot: look.boot.clone(), looked: now, mains }, facts)
}

struct Told<'a> {
    service: &'a str,
    before: &'a Running,
    look: &'a Look,
    seen: Seen,
    now: Timestamp,
}

impl Told<'_> {
    fn changes(&self, was: Option<Process>, is: Option<Process>) -> Vec<Fact> {
        let rebooted = self.before.boot != self.look.boot;
        if was == is && !rebooted {
            return Vec::new();
        }
        let started =
            is.map(|process| self.look.started_at(process).clamp(self.before.looked.min(self.now), self.now));
        let mut facts = Vec::new();
        if was.is_some() {
            // It ended before the next one began, and before the host began again.
            let booted = rebooted.then_some(self.look.booted);
            let at = booted.or(started).unwrap_or(self.now).clamp(self.before.looked.min(self.now), self.now);
            facts.push(self.fact(Turn::Stopped, at, self.before.looked));
        }
        if let Some(at) = started {
            facts.push(self.fact(Turn::Started, at, at));
        }
        facts
    }

    fn fact(&self, change: Turn, at: Timestamp, since: Timestamp) -> Fact {
        let service = self.service.to_owned();
        Fact::ServiceChange(ServiceChange { service, change, at, since: Some(since), seen: self.seen })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn look(boot: &str, booted: i64, services: &[(&str, &[(u64, u32)])]) -> Look {
        let processes = |all: &[(u64, u32)]| {
            all.iter().map(|(start, pid)| Process { start: *start, pid: *pid }).collect()
        };
        let services = services.iter().map(|(name, all)| ((*name).to_owned(), processes(all))).collect();
        Look { boot: boot.to_owned(), booted: at(booted), ticks: 100, services }
    }

    fn told(facts: &[Fact]) -> Vec<(String, Turn, Option<i64>, i64)> {
        let row = |fact: &Fact| {
            let Fact::ServiceChange(change) = fact else { panic!("{fact:?}") };
            let since = change.since.map(|since| since.as_second() - at(0).as_second());
            (change.service.clone(), change.change, since, change.at.as_second() - at(0).as_second())
        };
        facts.iter().map(row).collect()
    }

    #[test]
    fn a_restart_between_two_looks_is_a_stop_and_a_start() {
        let (first, facts) =
            compare(None, &look("one", 0, &[("nginx", &[(100, 7), (101, 8)])]), Seen::Running, at(10));
        assert!(facts.is_empty(), "the first look compares with nothing");
        let (second, facts) = compare(
            Some(&first),
            &look("one", 0, &[("nginx", &[(100, 7), (900, 9)])]),
            Seen::Running,
            at(25),
        );
        assert!(facts.is_empty(), "another worker is no restart");
        let (_, facts) =
            compare(Some(&second), &look("one", 0, &[("nginx", &[(3_000, 20)])]), Seen::Running, at(40));
        assert_eq!(
            told(&facts),
            [
                ("nginx".to_owned(), Turn::Stopped, Some(25), 30),
                ("nginx".to_owned(), Turn::Started, Some(30), 30),
            ]
        );
    }

    #[test]
    fn sessions_that_survive_their_service_do_not_keep_it_running() {
        let (first, _) =
            compare(None, &look("one", 0, &[("sshd", &[(100, 7), (200, 8)])]), Seen::Running, at(10));
        let (second, facts) =
            compare(Some(&first), &look("one", 0, &[("sshd", &[(200, 8)])]), Seen::Running, at(25));
        assert_eq!(told(&facts), [("sshd".to_owned(), Turn::Stopped, Some(10), 25)]);
        let (third, facts) =
            compare(Some(&second), &look("one", 0, &[("sshd", &[(200, 8)])]), Seen::Running, at(40));
        assert!(facts.is_empty());
        let (_, facts) = compare(
            Some(&third),
            &look("one", 0, &[("sshd", &[(200, 8), (4_500, 9)])]),
            Seen::Running,
            at(55),
        );
        assert_eq!(told(&facts), [("sshd".to_owned(), Turn::Started, Some(45), 45)]);
    }

    #[test]
    fn a_boot_stops_and_starts_everything_and_what_does_not_come_back_stays_stopped() {
        let (first, _) =
            compare(None, &look("one", 0, &[("a", &[(100, 7)]), ("b", &[(100, 8)])]), Seen::Running, at(10));
        let (_, facts) =
            compare(Some(&first), &look("two", 100, &[("a", &[(100, 7)])]), Seen::WhileAway, at(130));
        assert_eq!(
            told(&facts),
            [
                ("a".to_owned(), Turn::Stopped, Some(10), 100),
                ("a".to_owned(), Turn::Started, Some(101), 101),
                ("b".to_owned(), Turn::Stopped, Some(10), 100),
            ]
        );
    }

    #[test]
    fn a_clock_that_went_back_makes_no_window_that_ends_before_it_begins() {
        let (first, _) = compare(None, &look("one", 0, &[("a", &[(100, 7)])]), Seen::Running, at(40_000));
        let (_, facts) = compare(Some(&first), &look("one", -32_400, &[]), Seen::Running, at(7_600));
        let Some(Fact::ServiceChange(change)) = facts.first() else { panic!("{facts:?}") };
        assert_eq!((change.change, change.at), (Turn::Stopped, at(7_600)));
    }
}
