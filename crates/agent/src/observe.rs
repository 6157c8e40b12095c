//! When each collector runs, and what of its reading is worth a fact: only what changed, capacity every few minutes,
//! and a beat that says when everything was last looked at.

use crate::collect::{
    c02_malware, c03_software, c03_support, c04_network, c06_clocks, c07_stops, c09_capacity, c11_access,
};
use crate::reading::{Reading, Sources, digest_of};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{CollectorRun, RunOutcome};
use yakujo_contract::fact::host::{ClockStep, ServiceChange, Turn};

/// Facts and beats of the running agent.
pub struct Observer {
    sources: Sources,
    runs: BTreeMap<String, CollectorRun>,
    due: BTreeMap<&'static str, Timestamp>,
    sent: BTreeMap<String, String>,
    /// When the clock was last told, and its offset then, µs.
    clock_sent: Option<(Timestamp, i64)>,
    inventory: Option<c03_software::Inventory>,
    inventory_stamp: Option<(i64, i64, u64)>,
    services: Option<BTreeSet<String>>,
    looks: Vec<c09_capacity::Look>,
    looks_from: Option<Timestamp>,
    drift_ms: Option<i64>,
}

/// What outlives a run of the agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The boot that was told.
    pub boot: Option<String>,
    /// The services that ran.
    pub services: Option<BTreeSet<String>>,
}

/// Name of a collector and seconds between its runs.
const COLLECTORS: [(&str, i64); 8] = [
    ("boots", 15),
    ("clock", 15),
    ("listeners", 10),
    ("accounts", 15),
    ("malware", 15),
    ("capacity", 15),
    ("packages", 30),
    ("support", 24 * 3600),
];

/// Capacity is told so often.
const CAPACITY_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// An unchanged clock is told again so often.
const CLOCK_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// A clock that moved by more is told at once, µs.
const CLOCK_MOVED_US: u64 = 100_000;
/// Between the two looks of the first sample, so that it has a processor share, too.
const FIRST_LOOKS_APART: std::time::Duration = std::time::Duration::from_millis(200);
/// A jump of the wall clock against the monotonic one worth a fact, ms.
const STEP_MS: i64 = 500;

impl Observer {
    /// An observer of these sources that has seen nothing yet.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            runs: BTreeMap::new(),
            due: BTreeMap::new(),
            sent: BTreeMap::new(),
            clock_sent: None,
            inventory: None,
            inventory_stamp: None,
            services: None,
            looks: Vec::new(),
            looks_from: None,
            drift_ms: None,
        }
    }

    /// Remembers what an earlier run saw, so that a restart of the agent is no boot of the host, and what started or
    /// stopped meanwhile is told.
    pub fn remember(&mut self, memory: Memory) {
        if let Some(boot) = memory.boot {
            self.sent.insert("boot".to_owned(), boot);
        }
        self.services = memory.services;
    }

    /// What the next run should know.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory { boot: self.sent.get("boot").cloned(), services: self.services.clone() }
    }

    /// When each collector last ran, and how.
    #[must_use]
    pub fn runs(&self) -> &BTreeMap<String, CollectorRun> {
        &self.runs
    }

    /// Forgets what was sent: after a loss everything is told anew.
    pub fn tell_all_again(&mut self) {
        self.sent.clear();
        self.clock_sent = None;
        self.inventory = None;
        self.inventory_stamp = None;
        self.due.clear();
    }

    /// Runs what is due. Returns the facts worth telling, and whether the outcome of a collector changed. Blocking.
    pub fn look(&mut self, now: Timestamp) -> (Vec<Fact>, Outcomes) {
        let before: BTreeMap<String, RunOutcome> =
            self.runs.iter().map(|(name, run)| (name.clone(), run.outcome)).collect();
        let mut facts = Vec::new();
        for (name, every) in COLLECTORS {
            if self.due.get(name).is_some_and(|due| now < *due) {
                continue;
            }
            self.due.insert(name, now.saturating_add(SignedDuration::from_secs(every)).unwrap_or(now));
            let reading = self.read(name, now);
            let run = CollectorRun { ran: now, outcome: reading.outcome, reason: reading.reason };
            self.runs.insert(name.to_owned(), run);
            facts.extend(reading.facts);
        }
        let same = self.runs.iter().all(|(name, run)| before.get(name) == Some(&run.outcome));
        (facts, if same { Outcomes::Same } else { Outcomes::Changed })
    }

    fn read(&mut self, name: &str, now: Timestamp) -> Reading {
        match name {
            "boots" => self.boots(now),
            "clock" => {
                let reading = c06_clocks::collect(&self.sources, now);
                self.clock(reading, now)
            }
            "listeners" => {
                let reading = c04_network::collect(&self.sources, now);
                self.changed(name, reading)
            }
            "accounts" => {
                let reading = c11_access::collect(&self.sources, now);
                self.changed(name, reading)
            }
            "malware" => {
                let reading = c02_malware::collect(&self.sources, now);
                self.changed(name, reading)
            }
            "capacity" => self.capacity(now),
            "packages" => self.packages(),
            _ => self.support(now),
        }
    }

    /// Keeps the facts only if they differ from those sent before.
    fn changed(&mut self, name: &str, reading: Reading) -> Reading {
        if reading.outcome == RunOutcome::Failed {
            return reading;
        }
        let digest = digest_of(&reading.facts);
        if self.sent.get(name) == Some(&digest) {
            return Reading { facts: Vec::new(), ..reading };
        }
        self.sent.insert(name.to_owned(), digest);
        reading
    }

    fn clock(&mut self, reading: Reading, now: Timestamp) -> Reading {
        let Some(Fact::ClockState(state)) = reading.facts.first() else { return reading };
        let class = c06_clocks::class_of(state);
        let offset = state.measured_offset_us.unwrap_or(0);
        let known = self.clock_sent.is_some_and(|(sent, told)| {
            now.duration_since(sent) < CLOCK_EVERY && offset.abs_diff(told) <= CLOCK_MOVED_US
        });
        if known && self.sent.get("clock") == Some(&class) {
            return Reading { facts: Vec::new(), ..reading };
        }
        self.sent.insert("clock".to_owned(), class);
        self.clock_sent = Some((now, offset));
        reading
    }

    fn boots(&mut self, now: Timestamp) -> Reading {
        let Some(boot) = c07_stops::boot(&self.sources) else {
            return Reading::failed("/proc/stat or the boot id cannot be read");
        };
        let mut facts = Vec::new();
        if self.sent.get("boot") != Some(&boot.boot_id) {
            self.sent.insert("boot".to_owned(), boot.boot_id.clone());
            facts.push(Fact::HostBoot(boot));
        }
        let running = c07_stops::services(&self.sources);
        if let Some(before) = &self.services {
            let change = |service: &String, change| {
                Fact::ServiceChange(ServiceChange { service: service.clone(), change, at: now })
            };
            facts.extend(running.difference(before).map(|service| change(service, Turn::Started)));
            facts.extend(before.difference(&running).map(|service| change(service, Turn::Stopped)));
        }
        self.services = Some(running);
        Reading::of(facts, c07_stops::limits(&self.sources))
    }

    fn capacity(&mut self, now: Timestamp) -> Reading {
        self.looks.push(c09_capacity::look(&self.sources));
        let from = *self.looks_from.get_or_insert(now);
        let first = !self.sent.contains_key("capacity");
        if first {
            std::thread::sleep(FIRST_LOOKS_APART);
            self.looks.push(c09_capacity::look(&self.sources));
        }
        // The processor's share needs two looks.
        let enough = self.looks.len() >= 2 && (first || now.duration_since(from) >= CAPACITY_EVERY);
        if !enough {
            return Reading::of(Vec::new(), String::new());
        }
        let sample = c09_capacity::summarise(&self.looks, from, now);
        self.looks.drain(..self.looks.len().saturating_sub(1));
        self.looks_from = Some(now);
        self.sent.insert("capacity".to_owned(), String::new());
        let reason = sample.coverage.reason.clone();
        Reading::of(vec![Fact::CapacitySample(sample)], reason)
    }

    fn packages(&mut self) -> Reading {
        let stamp = c03_software::stamp(&self.sources);
        if self.inventory.is_some() && stamp == self.inventory_stamp {
            let reason =
                self.inventory.as_ref().map(|known| known.coverage.reason.clone()).unwrap_or_default();
            return Reading::of(Vec::new(), reason);
        }
        let inventory = match c03_software::read(&self.sources) {
            Ok(inventory) => inventory,
            Err(reason) => return Reading::failed(reason),
        };
        let mut facts = match &self.inventory {
            Some(before) if *before == inventory => Vec::new(),
            Some(before) => match c03_software::change(before, &inventory) {
                Some(change) => vec![change],
                None => c03_software::whole(&inventory).0,
            },
            None => c03_software::whole(&inventory).0,
        };
        if let Some(system) = c03_software::system(&self.sources) {
            let digest = digest_of(&system);
            if self.sent.get("system") != Some(&digest) {
                self.sent.insert("system".to_owned(), digest);
                facts.push(Fact::HostSystem(system));
            }
        }
        let reason = inventory.coverage.reason.clone();
        self.inventory = Some(inventory);
        self.inventory_stamp = stamp;
        // Other packages may mean other products.
        if !facts.is_empty() {
            self.due.remove("support");
        }
        Reading::of(facts, reason)
    }

    fn support(&mut self, now: Timestamp) -> Reading {
        match c03_support::read(&self.sources, self.inventory.as_ref(), now) {
            Ok(phase) => self.changed("support", Reading::of(vec![Fact::SupportPhase(phase)], String::new())),
            Err(reason) => Reading::failed(reason),
        }
    }

    /// A jump of the wall clock: `monotonic_ms` is a clock that never jumps.
    pub fn step(&mut self, now: Timestamp, monotonic_ms: i64) -> Option<Fact> {
        let drift = now.as_millisecond().saturating_sub(monotonic_ms);
        let before = self.drift_ms.replace(drift)?;
        let moved_ms = drift.saturating_sub(before);
        (moved_ms.abs() >= STEP_MS).then_some(Fact::ClockStep(ClockStep { moved_ms }))
    }
}

/// Whether a collector's outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcomes {
    /// As before.
    Same,
    /// Something can be read now that could not, or the other way round.
    Changed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn what_did_not_change_is_not_told_again() {
        let mut observer = Observer::new(Sources::of_this_host());
        let (first, outcomes) = observer.look(at(0));
        assert_eq!(outcomes, Outcomes::Changed);
        let kinds: BTreeSet<&str> = first.iter().map(Fact::kind).collect();
        for kind in [
            "host.boot",
            "host.system",
            "clock.state",
            "capacity.sample",
            "privilege.rule",
            "account.set",
            "av.engine",
            "package.set",
            "support.phase",
            "net.listener",
        ] {
            assert!(kinds.contains(kind), "{kind} is missing in {kinds:?}");
        }
        let (again, _) = observer.look(at(16));
        let again: BTreeSet<&str> = again.iter().map(Fact::kind).collect();
        assert!(!again.contains("account.set") && !again.contains("package.set"), "{again:?}");
        assert!(!again.contains("capacity.sample") && !again.contains("clock.state"), "{again:?}");
        let (later, _) = observer.look(at(601));
        let later: BTreeSet<&str> = later.iter().map(Fact::kind).collect();
        assert!(later.contains("capacity.sample") && later.contains("clock.state"), "{later:?}");
    }

    #[test]
    fn a_restart_of_the_agent_is_no_boot_and_tells_which_service_stopped_meanwhile() {
        let tree = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/sys/kernel/random/boot_id", "one\n");
        write("proc/stat", "btime 1700000000\n");
        write("proc/1/comm", "init\n");
        write("proc/7/comm", "clamd\n");
        let sources = Sources::under(tree.path());
        let mut first = Observer::new(sources.clone());
        assert_eq!(first.boots(at(0)).facts.len(), 1, "the boot");
        std::fs::remove_dir_all(tree.path().join("proc/7")).unwrap();
        let mut second = Observer::new(sources);
        second.remember(first.memory());
        let facts = second.boots(at(60)).facts;
        assert!(
            matches!(&facts[..], [Fact::ServiceChange(gone)] if gone.service == "clamd" && gone.change == Turn::Stopped),
            "{facts:?}"
        );
    }

    #[test]
    fn a_jump_of_the_clock_is_told_with_its_size() {
        let mut observer = Observer::new(Sources::of_this_host());
        assert_eq!(observer.step(at(0), 1_000), None);
        assert_eq!(observer.step(at(10), 11_000), None);
        let step = observer.step(at(3_620), 21_000);
        assert_eq!(step, Some(Fact::ClockStep(ClockStep { moved_ms: 3_600_000 })));
        assert_eq!(observer.step(at(3_630), 31_000), None);
    }
}
