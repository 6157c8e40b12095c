//! What is known of one host.

use super::backups::Backups;
use super::clocks::Clocks;
use super::engine_offers::EngineOffers;
use super::flows::Flows;
use super::inventory::Inventory;
use super::latest::{Latest, Stamp, keep_newer};
use super::log_ons::LogOns;
use super::outside::{Outside, Run};
use super::usage::Usage;
use crate::act::WorkType;
use crate::entry::Author;
use crate::fact::access::SessionPolicy;
use crate::fact::agent::{AgentBeat, AgentLoss, AgentStart, AgentStop};
use crate::fact::container::{Container, Image};
use crate::fact::host::{
    Account, AccountSet, CapacitySample, ClockState, ClockStep, HostBoot, HostSystem, PrivilegeRules,
};
use crate::fact::integrity::{IntegrityBaseline, IntegrityHeld};
use crate::fact::logs::LogSource;
use crate::fact::malware::{
    AvDetection, AvEngine, AvGap, AvScan, AvSelfTest, Done, IsolationCause, IsolationState, QuarantineItem,
    QuarantineRestore,
};
use crate::fact::network::{Listener, NetFirewall, NetInterfaces, TlsEndpoint};
use crate::fact::server::{AgentGap, HostHeard, HostSilence, HostTwin};
use crate::fact::software::SupportPhase;
use crate::fact::{Coverage, Fact, Part};
use crate::id::EntryNumber;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The end of an isolation and what was seen just before it may be told in any order.
const TOGETHER: SignedDuration = SignedDuration::from_secs(5);
/// Work events kept per host, newest first to be dropped last.
const WORK_KEPT: usize = 200;

/// One observed host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Host {
    /// The newest entry an agent sent, by the server's clock.
    pub last_received: Option<Stamp>,
    /// First entry of all.
    pub first_received: Option<Timestamp>,
    /// Last beat.
    pub beat: Option<Latest<AgentBeat>>,
    /// Last start of the agent.
    pub started: Option<Latest<AgentStart>>,
    /// Last orderly stop of the agent.
    pub stopped: Option<Latest<AgentStop>>,
    /// Last silence noticed by the server.
    pub silence: Option<Latest<HostSilence>>,
    /// Last sign of life after a silence.
    pub heard: Option<Latest<HostHeard>>,
    /// Last time two agents spoke at once with one certificate.
    #[serde(default)]
    pub twin: Option<Latest<HostTwin>>,
    /// Last loss declared by the agent.
    pub loss: Option<Latest<AgentLoss>>,
    /// Last gap in the numbers.
    pub gap: Option<Latest<AgentGap>>,
    /// Clock.
    pub clock: Option<Latest<ClockState>>,
    /// Last step of the clock.
    pub step: Option<Latest<ClockStep>>,
    /// Malware that was detected, newest kept.
    #[serde(with = "super::latest::pairs")]
    pub detections: BTreeMap<Stamp, AvDetection>,
    /// What was put into the quarantine, newest kept.
    #[serde(with = "super::latest::pairs")]
    pub quarantined: BTreeMap<Stamp, QuarantineItem>,
    /// What was taken out of the quarantine, newest kept.
    #[serde(with = "super::latest::pairs")]
    pub released: BTreeMap<Stamp, QuarantineRestore>,
    /// Whether it was cut off from the network, newest kept.
    #[serde(with = "super::latest::pairs")]
    pub isolations: BTreeMap<Stamp, IsolationState>,
    /// How it looked from outside while it was.
    #[serde(default)]
    pub outside: Outside,
    /// The addresses of its interfaces.
    #[serde(default)]
    pub addresses: Option<Latest<BTreeSet<IpAddr>>>,
    /// The last baseline of its watched files.
    #[serde(default)]
    pub baseline: Option<Latest<IntegrityBaseline>>,
    /// Which of its watched files could be put back.
    #[serde(default)]
    pub held: Option<Latest<IntegrityHeld>>,
    /// The last harmless sample that was laid out.
    pub selftest: Option<Latest<AvSelfTest>>,
    /// The last scan of everything.
    pub scan: Option<Latest<AvScan>>,
    /// The last time something was not scanned when it should have been.
    pub not_scanned: Option<Latest<AvGap>>,
    /// How far its clock could be believed, over time.
    pub clocks: Clocks,
    /// Operating system.
    pub system: Option<Latest<HostSystem>>,
    /// Last boot.
    pub boot: Option<Latest<HostBoot>>,
    /// Malware protection.
    pub av: Option<Latest<AvEngine>>,
    /// Newer versions of its engine.
    #[serde(default)]
    pub engine_offers: EngineOffers,
    /// Last sample of capacity.
    pub capacity: Option<Latest<CapacitySample>>,
    /// What was used within the last month.
    #[serde(default)]
    pub usage: Usage,
    /// When each resource was first seen, by its name.
    pub resource_first_seen: BTreeMap<String, Stamp>,
    /// Support phases.
    pub support: Option<Latest<SupportPhase>>,
    /// Rules of privilege.
    pub privileges: Option<Latest<PrivilegeRules>>,
    /// How long one may idle, and how one logs in.
    #[serde(default)]
    pub sessions: Option<Latest<SessionPolicy>>,
    /// The log people's log-ons are read from.
    #[serde(default)]
    pub log: Option<Latest<LogSource>>,
    /// When each account was last used, as that log tells.
    #[serde(default)]
    pub log_ons: LogOns,
    /// Listening sockets.
    pub listeners: Listed<Listener>,
    /// What its own doors accept, by port.
    #[serde(default)]
    pub tls: BTreeMap<u16, Latest<TlsEndpoint>>,
    /// The rules of its firewall.
    #[serde(default)]
    pub firewall: Option<Latest<NetFirewall>>,
    /// Communication with other hosts.
    #[serde(default)]
    pub flows: Flows,
    /// Accounts.
    pub accounts: Listed<Account>,
    /// When each account was first seen, by its name.
    pub account_first_seen: BTreeMap<String, Stamp>,
    /// Packages.
    pub packages: Inventory,
    /// Containers.
    #[serde(default)]
    pub containers: Listed<Container>,
    /// Images that containers start from.
    #[serde(default)]
    pub images: Listed<Image>,
    /// Backups it makes.
    #[serde(default)]
    pub backups: Backups,
    /// Work that was seen (1.a, 1.b), by stamp.
    #[serde(with = "super::latest::pairs")]
    pub work: BTreeMap<Stamp, WorkType>,
}

/// The newest of many.
fn keep<T: Clone>(kept: &mut BTreeMap<Stamp, T>, stamp: Stamp, new: &T) {
    kept.insert(stamp, new.clone());
    while kept.len() > WORK_KEPT {
        kept.pop_first();
    }
}

/// A time a host was cut off from the network.
pub(crate) struct CutOff {
    /// The first word of it.
    pub from: Stamp,
    /// The last word that it is.
    pub last: Stamp,
    /// The word that it is over, and what brought that about.
    pub over: Option<(Stamp, Option<IsolationCause>)>,
}

impl Host {
    /// The times it was cut off, oldest first.
    pub(crate) fn cut_off(&self) -> Vec<CutOff> {
        let mut times: Vec<CutOff> = Vec::new();
        for (stamp, state) in &self.isolations {
            match times.last_mut().filter(|time| time.over.is_none()) {
                Some(open) if state.isolated => open.last = *stamp,
                Some(open) => open.over = Some((*stamp, state.cause)),
                None if state.isolated => times.push(CutOff { from: *stamp, last: *stamp, over: None }),
                None => {}
            }
        }
        times
    }

    /// The time it is cut off that is not over; none where it is connected.
    pub(crate) fn cut_off_now(&self) -> Option<CutOff> {
        self.cut_off().pop().filter(|time| time.over.is_none())
    }

    /// Whether it is cut off from the network, as its agent says.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.isolations.values().next_back().is_some_and(|state| state.isolated)
    }

    /// How it looks from outside since it was cut off; none where it is connected, or nobody looked yet.
    #[must_use]
    pub fn seen_from_outside(&self) -> Option<Run<'_>> {
        self.seen_during(&self.cut_off_now()?).pop()
    }

    /// How it looked from outside in one time it was cut off. What answered when it was about to be connected again is left
    /// out: the instant of that is the host's word, and may be told in any order with the answer.
    pub(crate) fn seen_during(&self, time: &CutOff) -> Vec<Run<'_>> {
        let to = time.over.map_or(Timestamp::MAX, |(over, _)| {
            let before = self.clocks.tolerance(over).saturating_add(TOGETHER);
            over.observed.saturating_sub(before).unwrap_or(Timestamp::MIN)
        });
        self.outside.runs(time.from.received, to)
    }

    /// The looks from outside of which one is in this entry.
    #[must_use]
    pub fn looks_around(&self, entry: EntryNumber) -> Option<Run<'_>> {
        let times = self.cut_off();
        let runs = times.iter().flat_map(|time| self.seen_during(time));
        runs.into_iter().find(|run| run.first.entry <= entry && entry <= run.last.entry)
    }

    /// What brought an isolation about or ended it is kept longer than the looks in between, one every few minutes: however
    /// long it lasts, its beginning is known.
    fn isolation(&mut self, stamp: Stamp, state: &IsolationState) {
        self.isolations.insert(stamp, state.clone());
        let alike = |known: &IsolationState| known.cause.is_some() == state.cause.is_some();
        while self.isolations.values().filter(|known| alike(known)).count() > WORK_KEPT {
            let oldest = self.isolations.iter().find(|(_, known)| alike(known)).map(|(stamp, _)| *stamp);
            oldest.and_then(|stamp| self.isolations.remove(&stamp));
        }
    }

    /// What was put into the quarantine of a detection, from an instant on: that content, from there. A second copy of it,
    /// elsewhere, is another matter.
    pub(crate) fn held<'a>(
        &'a self,
        after: Timestamp,
        detection: &'a AvDetection,
    ) -> impl Iterator<Item = (Stamp, &'a QuarantineItem)> + 'a {
        let items = self.quarantined.iter().filter(move |(stamp, item)| {
            let same = item.digest == detection.digest && item.from == detection.path;
            stamp.observed >= after && item.result == Done::Done && same
        });
        items.map(|(stamp, item)| (*stamp, item))
    }

    /// Whether the file of a detection was given back since.
    pub(crate) fn was_given_back(&self, since: Timestamp, detection: &AvDetection) -> bool {
        self.released.iter().any(|(stamp, back)| {
            let other = |item: &QuarantineItem| item.item == back.item && item.digest != detection.digest;
            let is_there = back.result == Done::Done && back.to == detection.path;
            stamp.observed >= since && is_there && !self.quarantined.values().any(other)
        })
    }

    pub(super) fn enter(&mut self, stamp: Stamp, author: &Author, fact: &Fact) {
        self.lives(stamp, author);
        match fact {
            Fact::AvDetection(detection) => keep(&mut self.detections, stamp, detection),
            Fact::QuarantineItem(item) => keep(&mut self.quarantined, stamp, item),
            Fact::QuarantineRestore(restored) => keep(&mut self.released, stamp, restored),
            Fact::IsolationState(state) => self.isolation(stamp, state),
            Fact::IsolationSeen(seen) if *author == Author::Server => self.outside.enter(stamp, seen),
            Fact::IntegrityBaseline(told) => keep_newer(&mut self.baseline, stamp, told.clone()),
            Fact::IntegrityHeld(told) => keep_newer(&mut self.held, stamp, told.clone()),
            Fact::AvSelfTest(test) => keep_newer(&mut self.selftest, stamp, test.clone()),
            Fact::AvScan(scan) => keep_newer(&mut self.scan, stamp, scan.clone()),
            Fact::AvGap(gap) => keep_newer(&mut self.not_scanned, stamp, gap.clone()),
            Fact::ClockState(state) => {
                self.clocks.measured(stamp, state.measured_offset_us);
                keep_newer(&mut self.clock, stamp, state.clone());
            }
            Fact::ClockStep(step) => {
                self.clocks.stepped(stamp, step.moved_ms);
                keep_newer(&mut self.step, stamp, step.clone());
            }
            Fact::HostSystem(system) => keep_newer(&mut self.system, stamp, system.clone()),
            Fact::HostBoot(boot) => {
                keep_newer(&mut self.boot, stamp, boot.clone());
                self.saw_work(stamp, WorkType::StartStop);
            }
            Fact::ServiceChange(_) => self.saw_work(stamp, WorkType::StartStop),
            Fact::CapacitySample(sample) => self.sampled(stamp, sample),
            Fact::BackupRun(run) => self.backups.ran(stamp, run),
            Fact::BackupCheck(check) => self.backups.checked(stamp, check),
            Fact::RestoreDrill(drill) => self.backups.restored(stamp, drill),
            Fact::BackupRetention(told) if *author == Author::Server => self.backups.retained(stamp, told),
            Fact::AccountSet(set) => self.has_accounts(stamp, set),
            Fact::PrivilegeRules(rules) => keep_newer(&mut self.privileges, stamp, rules.clone()),
            Fact::LogSource(source) => {
                self.log_ons.are_told(stamp, source);
                keep_newer(&mut self.log, stamp, source.clone());
            }
            Fact::LoginOpen(open) => self.log_ons.was_used(stamp, &open.account, open.at),
            Fact::PrivilegeUse(acted) => self.log_ons.was_used(stamp, &acted.account, acted.at),
            Fact::SessionPolicy(policy) => keep_newer(&mut self.sessions, stamp, policy.clone()),
            Fact::UpdatesAvailable(told) => self.engine_offers.enter(stamp, told),
            Fact::AvEngine(engine) => keep_newer(&mut self.av, stamp, engine.clone()),
            Fact::PackageSet(set) => self.packages.enter_set(stamp, set),
            Fact::PackageChange(change) => {
                self.packages.enter_change(stamp, change);
                self.saw_work(stamp, WorkType::Patching);
            }
            Fact::SupportPhase(phase) => keep_newer(&mut self.support, stamp, phase.clone()),
            Fact::AgentBeat(beat) => keep_newer(&mut self.beat, stamp, beat.clone()),
            Fact::AgentStart(start) => keep_newer(&mut self.started, stamp, start.clone()),
            Fact::AgentStop(stop) => keep_newer(&mut self.stopped, stamp, stop.clone()),
            Fact::AgentLoss(loss) => keep_newer(&mut self.loss, stamp, loss.clone()),
            Fact::HostSilence(silence) => keep_newer(&mut self.silence, stamp, silence.clone()),
            Fact::HostHeard(heard) => keep_newer(&mut self.heard, stamp, heard.clone()),
            Fact::HostTwin(twin) => keep_newer(&mut self.twin, stamp, twin.clone()),
            Fact::AgentGap(gap) => keep_newer(&mut self.gap, stamp, gap.clone()),
            other => self.enter_rest(stamp, other),
        }
    }

    /// Network, containers.
    fn enter_rest(&mut self, stamp: Stamp, fact: &Fact) {
        match fact {
            Fact::ContainerSet(set) => {
                self.containers.enter(stamp, &set.part, &set.containers, &set.coverage);
            }
            Fact::ImageSet(set) => self.images.enter(stamp, &set.part, &set.images, &set.coverage),
            Fact::NetInterfaces(found) => keep_newer(&mut self.addresses, stamp, addresses(found)),
            Fact::NetListeners(set) => self.listeners.enter(stamp, &set.part, &set.listeners, &set.coverage),
            Fact::TlsEndpoint(door) => self.tried_door(stamp, door),
            Fact::NetFirewall(rules) => keep_newer(&mut self.firewall, stamp, rules.clone()),
            Fact::NetFlows(set) => self.flows.enter(stamp, set),
            // No judge uses the other kinds (`tests/not_yet_used.txt`).
            _ => {}
        }
    }

    /// What the server or a probe says about a host is no sign of its life.
    fn lives(&mut self, stamp: Stamp, author: &Author) {
        if matches!(author, Author::Agent(_)) {
            let newest = self.last_received.map_or(stamp, |known| newest_received(known, stamp));
            self.last_received = Some(newest);
            let first = self.first_received.map_or(stamp.received, |known| known.min(stamp.received));
            self.first_received = Some(first);
        }
    }

    fn has_accounts(&mut self, stamp: Stamp, set: &AccountSet) {
        for account in &set.accounts {
            let first = self.account_first_seen.entry(account.name.clone()).or_insert(stamp);
            *first = (*first).min(stamp);
            // Nothing remembers who was connected to a data base: what a reading saw is all that is ever known.
            if let Some(used) = account.last_login.filter(|_| account.database().is_some()) {
                self.log_ons.was_used(stamp, &account.name, used);
            }
        }
        self.accounts.enter(stamp, &set.part, &set.accounts, &set.coverage);
    }

    fn tried_door(&mut self, stamp: Stamp, door: &TlsEndpoint) {
        let known = self.tls.entry(door.port).or_insert_with(|| Latest::new(stamp, door.clone()));
        known.replace(stamp, door.clone());
    }

    fn sampled(&mut self, stamp: Stamp, sample: &CapacitySample) {
        for used in &sample.resources {
            let first = self.resource_first_seen.entry(used.resource.clone()).or_insert(stamp);
            *first = (*first).min(stamp);
        }
        self.usage.enter(stamp.received, sample);
        keep_newer(&mut self.capacity, stamp, sample.clone());
    }

    /// Since when the host is silent, if it is.
    #[must_use]
    pub fn silent_since(&self) -> Option<Timestamp> {
        let silence = self.silence.as_ref()?;
        let over = self.heard.as_ref().is_some_and(|heard| heard.stamp.entry > silence.stamp.entry);
        (!over).then_some(silence.value.since)
    }

    /// Work that was seen, with the accounts that were issued: those that were not there from the beginning.
    pub fn work_seen(&self) -> impl Iterator<Item = (Stamp, WorkType)> {
        let beginning = self.account_first_seen.values().map(|first| first.observed).min();
        let issued = self.account_first_seen.values().filter(move |first| Some(first.observed) > beginning);
        let work = self.work.iter().map(|(stamp, work)| (*stamp, *work));
        work.chain(issued.map(|first| (*first, WorkType::Accounts)))
    }

    fn saw_work(&mut self, stamp: Stamp, work: WorkType) {
        self.work.insert(stamp, work);
        while self.work.len() > WORK_KEPT {
            self.work.pop_first();
        }
    }
}

/// The addresses without their prefix lengths.
fn addresses(found: &NetInterfaces) -> BTreeSet<IpAddr> {
    let all = found.interfaces.iter().flat_map(|interface| &interface.addresses);
    all.filter_map(|text| text.split('/').next()?.parse().ok()).collect()
}

fn newest_received(known: Stamp, stamp: Stamp) -> Stamp {
    if (stamp.received, stamp.seq) > (known.received, known.seq) { stamp } else { known }
}

/// A list that comes in parts: the newest set of which every part has arrived counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct Listed<T> {
    #[serde(with = "super::latest::pairs")]
    sets: BTreeMap<SetName, PartialSet<T>>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { sets: BTreeMap::new() }
    }
}

/// The same list may be read twice; each reading is a set of its own.
type SetName = (Timestamp, String, u16);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PartialSet<T> {
    parts: BTreeMap<u16, SetPart<T>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct SetPart<T> {
    stamp: Stamp,
    items: Vec<T>,
    coverage: Coverage,
}

/// A list of which every part has arrived.
#[derive(Debug)]
pub struct Complete<'a, T> {
    /// The digest that names it.
    pub set: &'a str,
    /// Its earliest part.
    pub first: Stamp,
    /// The entries of its parts.
    pub entries: Vec<EntryNumber>,
    /// The things.
    pub items: Vec<&'a T>,
    /// What could not be read.
    pub coverage: Coverage,
}

impl<T: Clone> Listed<T> {
    pub(super) fn enter(&mut self, stamp: Stamp, part: &Part, items: &[T], coverage: &Coverage) {
        if part.index >= part.of {
            return;
        }
        let name = (stamp.observed, part.set.clone(), part.of);
        let set = self.sets.entry(name).or_insert_with(|| PartialSet { parts: BTreeMap::new() });
        let new = SetPart { stamp, items: items.to_vec(), coverage: coverage.clone() };
        let known = set.parts.entry(part.index).or_insert_with(|| new.clone());
        if stamp > known.stamp {
            *known = new;
        }
        // The newest complete set and everything after it is enough; at most a few incomplete ones wait behind.
        let newest =
            self.sets.iter().filter(|(name, set)| set.is_complete(name)).map(|(_, set)| set.last()).max();
        self.sets.retain(|_, set| set.last() >= newest.flatten());
        while self.sets.len() > 8 {
            let oldest = self.sets.iter().min_by_key(|(_, set)| set.last()).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.sets.remove(&name));
        }
    }

    /// The newest complete list.
    #[must_use]
    pub fn newest(&self) -> Option<Complete<'_, T>> {
        let complete = self.sets.iter().filter(|(name, set)| set.is_complete(name));
        let ((_, name, _), set) = complete.max_by_key(|(_, set)| set.last())?;
        let parts = || set.parts.values();
        Some(Complete {
            set: name,
            first: parts().map(|part| part.stamp).min()?,
            entries: parts().map(|part| part.stamp.entry).collect(),
            items: parts().flat_map(|part| &part.items).collect(),
            coverage: parts().map(|part| &part.coverage).fold(Coverage::default(), Coverage::worse),
        })
    }
}

impl<T> PartialSet<T> {
    fn is_complete(&self, (_, _, of): &SetName) -> bool {
        self.parts.len() == usize::from(*of)
    }

    fn last(&self) -> Option<Stamp> {
        self.parts.values().map(|part| part.stamp).max()
    }
}
