//! When each collector runs, and what of its reading is worth a fact: only what changed, capacity every few minutes,
//! and a beat that says when everything was last looked at.

pub mod devices;
pub mod flows;
pub mod logins;
pub mod packages;
mod past;
pub mod releases;
pub mod services;
pub mod states;
pub mod test_data;
pub mod updates;

use crate::collect::{
    c03_software, c03_support, c03_updates, c04_certificates, c04_network, c04_segment, c04_sessions,
    c04_tls, c06_clocks, c07_stops, c08_containers, c08_jobs, c08_kernel, c08_schema, c09_capacity,
    c09_databases, c11_access, c11_roles, c13_devices,
};
use crate::collectors::{self, COLLECTORS, Outcomes};
use crate::malware::{self, Guard};
use crate::outbox::Note;
use crate::reading::{Items, Reading, Sources, digest_of};
use crate::watch::files::{Files, Left};
use devices::Devices;
use flows::Flows;
use jiff::{SignedDuration, Timestamp};
use logins::Logins;
use packages::Packages;
pub(crate) use past::observer;
use releases::Releases;
use serde::{Deserialize, Serialize};
use services::Running;
use states::{Listing, States};
use std::collections::BTreeMap;
use std::time::Instant;
use test_data::TestData;
use updates::Updates;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{CollectorRun, RunOutcome};
use yakujo_contract::fact::state::Seen;

/// Facts and beats of the running agent.
pub struct Observer {
    sources: Sources,
    runs: BTreeMap<String, CollectorRun>,
    due: BTreeMap<&'static str, Timestamp>,
    sent: BTreeMap<String, String>,
    /// When the clock was last told, and its offset then, µs.
    clock_sent: Option<(Timestamp, i64)>,
    packages: Packages,
    releases: Releases,
    test_data: TestData,
    roles: c11_roles::Roles,
    logins: Logins,
    devices: Devices,
    flows: Flows,
    updates: Updates,
    running: Option<Running>,
    /// What ran was compared once in this run of the agent.
    services: Seen,
    states: States,
    files: Files,
    malware: Guard,
    looks: Vec<c09_capacity::Look>,
    looks_from: Option<Timestamp>,
    drift_ms: Option<i64>,
}

/// What outlives a run of the agent, as one text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The boot that was told.
    pub boot: Option<String>,
    /// The services that ran.
    pub running: Option<Running>,
}

/// Keys without their prefix, and values, as the outbox kept them.
pub type Kept = Vec<(String, String)>;

/// Everything that an earlier run left.
#[derive(Debug, Default)]
pub struct Past {
    /// As one text.
    pub memory: Memory,
    /// Watched files.
    pub files: Left,
    /// Items of lists, and the lists.
    pub states: (Kept, Kept),
    /// Packages, and when they were looked at.
    pub packages: (Kept, Option<String>),
    /// Releases.
    pub releases: Kept,
    /// People on the host.
    pub logins: Option<String>,
    /// Communication with other hosts.
    pub flows: Kept,
    /// Devices.
    pub devices: Option<String>,
    /// Updates on offer.
    pub updates: Option<String>,
    /// Protection against malware.
    pub malware: malware::Left,
}

/// Under this key the outbox keeps [`Memory`].
pub const MEMORY_KEY: &str = "observer";

/// Capacity is told so often.
const CAPACITY_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// An unchanged clock is told again so often.
const CLOCK_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// A clock that moved by more is told at once, µs.
const CLOCK_MOVED_US: u64 = 100_000;
/// Between the two looks of the first sample, so that it has a processor share, too.
const FIRST_LOOKS_APART: std::time::Duration = std::time::Duration::from_millis(200);

impl Observer {
    /// An observer of these sources that goes on where an earlier run stopped, so that a restart of the agent is no boot of
    /// the host, and what changed meanwhile is told. `seal` is a secret for digests, used where none was left.
    #[must_use]
    pub fn new(sources: Sources, past: &Past, seal: [u8; 32]) -> Self {
        let boot = past.memory.boot.iter().map(|boot| ("boot".to_owned(), boot.clone()));
        Self {
            files: Files::new(sources.clone(), sources.settings.roots(), &past.files, seal),
            packages: Packages::from(&past.packages.0, past.packages.1.as_deref()),
            roles: c11_roles::Roles::default(),
            logins: Logins::from(past.logins.as_deref()),
            flows: Flows::from(&past.flows),
            devices: Devices::from(past.devices.as_deref()),
            updates: Updates::from(past.updates.as_deref()),
            releases: Releases::from(&past.releases, &sources.settings.releases),
            test_data: TestData::default(),
            running: past.memory.running.clone(),
            services: Seen::WhileAway,
            states: States::from(&past.states.0, &past.states.1),
            malware: Guard::new(&sources, &past.malware),
            sources,
            runs: BTreeMap::new(),
            due: BTreeMap::new(),
            sent: boot.collect(),
            clock_sent: None,
            looks: Vec::new(),
            looks_from: None,
            drift_ms: None,
        }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        let memory = Memory { boot: self.sent.get("boot").cloned(), running: self.running.clone() };
        let mut notes = vec![(MEMORY_KEY.to_owned(), serde_json::to_string(&memory).ok())];
        notes.extend(self.packages.notes());
        notes.extend(self.releases.notes());
        notes.extend(self.logins.notes());
        notes.extend(self.devices.notes());
        notes.extend(self.flows.notes());
        notes.extend(self.updates.notes());
        notes.extend(self.states.notes());
        notes.extend(self.files.notes());
        notes.extend(self.malware.notes());
        notes
    }

    /// Whether so much waits to be noted that it should not wait for the next fact.
    #[must_use]
    pub fn has_much_to_note(&self) -> bool {
        self.files.waiting_notes() > 2_000
    }

    /// When each collector last ran, and how.
    #[must_use]
    pub fn runs(&self) -> &BTreeMap<String, CollectorRun> {
        &self.runs
    }

    /// Runs what is due. Returns the facts worth telling, and whether the outcome of a collector changed. Blocking.
    pub fn look(&mut self, now: Timestamp) -> (Vec<Fact>, Outcomes) {
        let before: BTreeMap<String, RunOutcome> =
            self.runs.iter().map(|(name, run)| (name.clone(), run.outcome)).collect();
        let mut facts = Vec::new();
        let began = Instant::now();
        for (name, every) in COLLECTORS {
            // A collector may have waited for the ones before it.
            let passed = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
            let now = now.saturating_add(passed).unwrap_or(now);
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
            "files" => self.files(now),
            "boots" => self.boots(now),
            "clock" => {
                let reading = c06_clocks::collect(&self.sources, now);
                self.clock(reading, now)
            }
            "listeners" => {
                let reading = c04_network::collect(&self.sources, now);
                self.compared(c04_network::items(&self.sources, &reading), reading, name, now)
            }
            "accounts" => {
                self.roles.look(&self.sources, now);
                let reading = c11_access::collect(&self.sources, &self.roles);
                self.compared(c11_access::items(&reading), reading, name, now)
            }
            "malware" => self.malware.turn(now),
            "capacity" => self.capacity(now),
            "packages" => self.packages(now),
            "firewall" => {
                let (fact, items) = c04_segment::firewall(&self.sources);
                self.segment(fact, items, name, now)
            }
            "network" => {
                let (fact, items) = c04_segment::network(&self.sources);
                self.segment(fact, items, name, now)
            }
            "certificates" => {
                let listening = c04_network::tcp_ports();
                self.lists(c04_certificates::collect(&self.sources, &listening), Listing::Whole, now)
            }
            "jobs" => {
                self.lists(c08_jobs::collect(&self.sources, self.files.seal()), Listing::WholeWithFiles, now)
            }
            "logins" => {
                let booted = c07_stops::boot(&self.sources).map(|boot| boot.at);
                self.logins.look(&self.sources, booted, now)
            }
            "releases" => self.releases.look(&self.sources, now),
            "test_data" => self.test_data.look(&self.sources, now),
            "kernel" => self.lists(c08_kernel::collect(&self.sources), Listing::Whole, now),
            "schema" => self.lists(c08_schema::collect(&self.sources), Listing::Whole, now),
            "support" => self.support(now),
            _ => self.read_seldom(name, now),
        }
    }

    fn read_seldom(&mut self, name: &str, now: Timestamp) -> Reading {
        match name {
            "flows" => self.flows.look(now),
            "devices" => self.devices.look(&self.sources, now),
            "containers" => {
                let reading = c08_containers::collect(&self.sources);
                self.compared(c08_containers::items(&reading), reading, name, now)
            }
            "updates" => self.updates.look(&self.sources, now),
            "stale" => {
                let stale = c03_updates::stale(&self.sources);
                let reason = stale.coverage.reason.clone();
                self.changed(name, Reading::of(vec![Fact::StaleRunning(stale)], reason))
            }
            "identity" => match c13_devices::identity(&self.sources) {
                Some(identity) => {
                    self.changed(name, Reading::of(vec![Fact::HostIdentity(identity)], String::new()))
                }
                None => Reading::failed("/etc/machine-id cannot be read"),
            },
            "tls" => {
                let listening = c04_network::tcp_ports();
                self.changed(name, c04_tls::collect(&self.sources, &listening))
            }
            _ => self.changed(name, c04_sessions::collect(&self.sources)),
        }
    }

    fn files(&mut self, now: Timestamp) -> Reading {
        let facts = self.files.turn(now);
        // A transaction is told as soon as it is over: its files are, too.
        if self.files.has_package_news(now) {
            self.due.remove("packages");
        }
        Reading::of(facts, self.files.coverage().reason)
    }

    /// Tells what differs in lists that have a kind of fact of their own.
    fn compared(&mut self, items: Vec<Items>, reading: Reading, name: &str, now: Timestamp) -> Reading {
        if reading.outcome == RunOutcome::Failed {
            return reading;
        }
        let mut facts: Vec<Fact> = Vec::new();
        for items in items {
            facts.extend(self.states.compare(items, Listing::Elsewhere, now));
        }
        let mut reading = self.changed(name, reading);
        reading.facts.extend(facts);
        reading
    }

    /// Tells lists, and what differs in them.
    fn lists(&mut self, lists: Vec<Items>, listing: Listing, now: Timestamp) -> Reading {
        let reasons: Vec<String> = lists.iter().map(|list| list.coverage.reason.clone()).collect();
        let reason = reasons.into_iter().find(|reason| !reason.is_empty()).unwrap_or_default();
        let mut facts = Vec::new();
        for list in lists {
            // Nothing at all could be read: what is known stays known.
            if !list.items.is_empty() || list.coverage.is_complete() {
                facts.extend(self.states.compare(list, listing, now));
            }
        }
        Reading::of(facts, reason)
    }

    /// A list that also has a fact of its own.
    fn segment(&mut self, fact: Option<Fact>, items: Items, name: &str, now: Timestamp) -> Reading {
        let mut reading = self.lists(vec![items], Listing::Whole, now);
        if let Some(fact) = fact {
            let own = self.changed(name, Reading::of(vec![fact], String::new()));
            reading.facts.extend(own.facts);
        }
        reading
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
        if let Some(look) = c07_stops::look(&self.sources) {
            let (running, changes) = services::compare(self.running.as_ref(), &look, self.services, now);
            self.running = Some(running);
            self.services = Seen::Running;
            facts.extend(changes);
        }
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
        let mut sample = c09_capacity::summarise(&self.looks, from, now);
        let (databases, coverage) = c09_databases::collect(&self.sources);
        sample.resources.extend(databases);
        sample.coverage = sample.coverage.worse(&coverage);
        self.looks.drain(..self.looks.len().saturating_sub(1));
        self.looks_from = Some(now);
        self.sent.insert("capacity".to_owned(), String::new());
        let reason = sample.coverage.reason.clone();
        Reading::of(vec![Fact::CapacitySample(sample)], reason)
    }

    fn packages(&mut self, now: Timestamp) -> Reading {
        if let Some(known) = self.packages.inventory().filter(|_| self.files.dpkg_is_at_work(now)) {
            // Half of a transaction would be told as packages that went and came.
            return Reading::of(Vec::new(), known.coverage.reason.clone());
        }
        let news = self.files.package_news();
        let mut reading = self.packages.look(&self.sources, news, now);
        if reading.outcome == RunOutcome::Failed {
            return reading;
        }
        let facts = &mut reading.facts;
        if let Some(system) = c03_software::system(&self.sources) {
            let digest = digest_of(&system);
            if self.sent.get("system") != Some(&digest) {
                self.sent.insert("system".to_owned(), digest);
                facts.push(Fact::HostSystem(system));
            }
        }
        // Other packages may mean other products.
        if !facts.is_empty() {
            self.due.remove("support");
        }
        reading
    }

    fn support(&mut self, now: Timestamp) -> Reading {
        match c03_support::read(&self.sources, self.packages.inventory(), now) {
            Ok(phase) => self.changed("support", Reading::of(vec![Fact::SupportPhase(phase)], String::new())),
            Err(reason) => Reading::failed(reason),
        }
    }

    /// A jump of the wall clock: `monotonic_ms` is a clock that never jumps.
    pub fn step(&mut self, now: Timestamp, monotonic_ms: i64) -> Option<Fact> {
        collectors::step(&mut self.drift_ms, now, monotonic_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use yakujo_contract::fact::host::{ClockStep, Turn};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn what_did_not_change_is_not_told_again() {
        let mut observer = Observer::new(Sources::of_this_host(), &Past::default(), [7; 32]);
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
        let (later, _) = observer.look(at(660));
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
        write("proc/7/stat", &format!("7 (clamd) S {}100 0\n", "0 ".repeat(18)));
        let sources = Sources::under(tree.path());
        let mut first = Observer::new(sources.clone(), &Past::default(), [7; 32]);
        assert_eq!(first.boots(at(0)).facts.len(), 1, "the boot");
        std::fs::remove_dir_all(tree.path().join("proc/7")).unwrap();
        let memory = first.notes().into_iter().find(|(key, _)| key == MEMORY_KEY).unwrap().1.unwrap();
        let past = Past { memory: serde_json::from_str(&memory).unwrap(), ..Past::default() };
        let mut second = Observer::new(sources, &past, [7; 32]);
        let facts = second.boots(at(60)).facts;
        assert!(
            matches!(&facts[..], [Fact::ServiceChange(gone)] if gone.service == "clamd" && gone.change == Turn::Stopped && gone.seen == Seen::WhileAway),
            "{facts:?}"
        );
    }

    #[test]
    fn a_jump_of_the_clock_is_told_with_its_size() {
        let mut observer = Observer::new(Sources::of_this_host(), &Past::default(), [7; 32]);
        assert_eq!(observer.step(at(0), 1_000), None);
        assert_eq!(observer.step(at(10), 11_000), None);
        let step = observer.step(at(3_620), 21_000);
        assert_eq!(step, Some(Fact::ClockStep(ClockStep { moved_ms: 3_600_000 })));
        assert_eq!(observer.step(at(3_630), 31_000), None);
    }
}
