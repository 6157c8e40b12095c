//! The court: the one driver that takes entries in, in the order they were received, and knows how every duty of every
//! system stands, since when, and why. The server and `yakujo replay` use the same court.
//!
//! It judges again only what an entry can have changed, and each verdict at the very instant at which time alone
//! changes it. So a standing of any past instant is found by entering the entries up to it, and work per entry does not
//! grow with the age of the ledger.

mod clocks;
pub mod found;
pub mod joins;
mod late;
mod panel;
pub mod reconciled;
pub mod roll;
mod undone;
pub mod unreported;

use crate::act::{Act, HostPlace, Matter};
use crate::case::{Case, HostCase};
use crate::duty::{DutyId, Judge};
use crate::entry::{Body, Entry};
use crate::evidence::Evidence;
use crate::evidence::host::Host;
use crate::fact::Fact;
use crate::fact::agent::{CollectorRun, RunOutcome};
use crate::id::{EntryNumber, HostId, SystemId};
use crate::standing::Verdict;
use crate::terms::Terms;
use jiff::{SignedDuration, Timestamp};
use joins::Joins;
use panel::Panel;
use roll::Roll;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How one duty of one system stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The duty.
    pub duty: DutyId,
    /// The system.
    pub system: SystemId,
    /// When it was judged so.
    pub at: Timestamp,
    /// Since when the standing is this one.
    pub since: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// The standing turned (the verdict's words may change without that).
    pub turned: Turned,
}

/// Whether a standing turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turned {
    /// Another standing than before, or the first.
    Yes,
    /// The same standing in other words or on other entries.
    No,
}

/// Kinds that tell whether a host lives and whether its collectors can be believed.
pub const SIGNS_OF_LIFE: [&str; 7] =
    ["agent.beat", "agent.start", "agent.stop", "agent.loss", "agent.gap", "host.silence", "host.heard"];

/// Which duties a fact of a host makes the court judge again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    DutiesThatUse,
    /// A beat puts off the instant of silence, which the deadlines find out by themselves, but tells of collectors.
    EveryHostDuty,
    /// The host came, went, or changed its rhythm: systems whose judges ask whether hosts live, too.
    EveryDutyAboutLife,
    /// The host was not heard before: its system as a whole may stand otherwise, too.
    Everything,
}

/// How often a host beats, and which of its collectors can be believed.
type Rhythm = (u32, Vec<(String, bool)>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Deadline {
    at: Timestamp,
    duty: DutyId,
    system: SystemId,
    host: Option<HostId>,
}

/// Evidence, and how everything stands on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Court {
    evidence: Evidence,
    now: Timestamp,
    places: BTreeMap<SystemId, BTreeMap<HostId, HostPlace>>,
    system_of: BTreeMap<HostId, SystemId>,
    joins: Joins,
    /// Occurrences that stand otherwise since the last entry.
    #[serde(skip)]
    rejoined: usize,
    #[serde(with = "crate::evidence::latest::pairs")]
    panels: BTreeMap<(DutyId, SystemId), Panel>,
    deadlines: BTreeSet<Deadline>,
    #[serde(skip)]
    roll: Roll,
}

impl Default for Court {
    fn default() -> Self {
        Self {
            evidence: Evidence::default(),
            now: Timestamp::MIN,
            places: BTreeMap::new(),
            system_of: BTreeMap::new(),
            joins: Joins::default(),
            rejoined: 0,
            panels: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            roll: Roll::default(),
        }
    }
}

impl Court {
    /// Everything known.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The instant of the last judgement.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The hosts of each system.
    #[must_use]
    pub fn places(&self) -> &BTreeMap<SystemId, BTreeMap<HostId, HostPlace>> {
        &self.places
    }

    /// One system as its judges see it now.
    pub(crate) fn case<'a>(
        &'a self,
        terms: &'a Terms,
        system: &'a SystemId,
        places: &'a BTreeMap<HostId, HostPlace>,
    ) -> Case<'a> {
        Case::new(terms, (&self.evidence, &self.joins), system, places, self.now)
    }

    /// How everything stands, by duty and system.
    pub fn rulings(&self) -> impl Iterator<Item = Ruling> + '_ {
        self.panels.iter().map(|((duty, system), panel)| panel.ruling(*duty, system))
    }

    /// How one duty of one system stands.
    #[must_use]
    pub fn ruling(&self, duty: DutyId, system: &SystemId) -> Option<Ruling> {
        self.panels.get(&(duty, system.clone())).map(|panel| panel.ruling(duty, system))
    }

    /// The verdicts host by host, where the duty is judged host by host.
    pub fn of_hosts(&self, duty: DutyId, system: &SystemId) -> impl Iterator<Item = (&HostId, &Verdict)> {
        self.panels.get(&(duty, system.clone())).into_iter().flat_map(Panel::hosts)
    }

    /// Lets time pass up to an instant. Returns what changed, in order.
    pub fn advance(&mut self, terms: &Terms, to: Timestamp) -> Vec<Ruling> {
        let mut rulings = Vec::new();
        while let Some(due) = self.deadlines.first().filter(|deadline| deadline.at <= to).cloned() {
            self.deadlines.remove(&due);
            self.now = self.now.max(due.at);
            rulings.extend(match &due.host {
                Some(host) => self.judge_host(terms, due.duty, &due.system, host),
                None => self.judge_system(terms, due.duty, &due.system),
            });
        }
        self.now = self.now.max(to);
        rulings
    }

    /// Takes an entry in at the instant it was received. Returns what changed, in order.
    pub fn enter(&mut self, terms: &Terms, number: EntryNumber, entry: &Entry) -> Vec<Ruling> {
        let mut rulings = self.advance(terms, entry.received);
        let quiet = entry.host.as_ref().is_some_and(|host| self.is_quiet(terms, host));
        let rhythm = entry.host.as_ref().and_then(|host| self.rhythm(host));
        self.evidence.enter(number, entry);
        let touched = self.join_news(entry);
        let reach = self.reach(entry, quiet, rhythm.as_ref());
        self.unroll(entry, reach, &touched);
        match &entry.body {
            Body::Fact(fact) => match &entry.host {
                Some(host) => {
                    rulings.extend(self.after_host_fact(terms, host, fact.kind(), reach));
                    rulings.extend(self.after_probe(terms, fact));
                    rulings.extend(self.after_clock(terms, host, fact));
                }
                None if is_of_a_probe(fact) => rulings.extend(self.after_probe(terms, fact)),
                None => rulings.extend(self.after(terms, fact.kind(), None)),
            },
            Body::Act(act) => rulings.extend(self.after_act(terms, act, &touched)),
        }
        rulings
    }

    /// Which duties an entry of a host concerns; before it the host was quiet, or had this rhythm.
    fn reach(&self, entry: &Entry, quiet: bool, rhythm: Option<&Rhythm>) -> Reach {
        let (Body::Fact(fact), Some(host)) = (&entry.body, &entry.host) else { return Reach::DutiesThatUse };
        match SIGNS_OF_LIFE.contains(&fact.kind()) {
            _ if quiet => Reach::Everything,
            true if fact.kind() == "agent.beat" && self.rhythm(host).as_ref() == rhythm => {
                Reach::EveryHostDuty
            }
            true => Reach::EveryDutyAboutLife,
            false => Reach::DutiesThatUse,
        }
    }

    /// Nothing was heard of the host, or not lately: whatever it says next concerns every duty.
    ///
    /// While it is heard, a fact only moves the instant of its silence, and the deadline of each verdict finds that out.
    fn is_quiet(&self, terms: &Terms, id: &HostId) -> bool {
        let Some(host) = self.evidence.hosts.get(id) else { return true };
        let Some(system) = self.system_of.get(id) else { return true };
        let Some(places) = self.places.get(system) else { return true };
        let Some(place) = places.get(id) else { return true };
        let case = Case::new(terms, (&self.evidence, &self.joins), system, places, self.now);
        HostCase { case: &case, place, host }.alive().is_err()
    }

    /// How often the host says that it lives, and which of its collectors can be believed.
    fn rhythm(&self, host: &HostId) -> Option<Rhythm> {
        let beat = self.evidence.hosts.get(host)?.beat.as_ref()?;
        let believed = |run: &CollectorRun| {
            let age = beat.stamp.observed.duration_since(run.ran);
            run.outcome != RunOutcome::Failed && age <= SignedDuration::from_hours(1)
        };
        let runs = beat.value.collectors.iter().map(|(name, run)| (name.clone(), believed(run)));
        Some((beat.value.every_s, runs.collect()))
    }

    fn after_host_fact(&mut self, terms: &Terms, host: &HostId, kind: &str, reach: Reach) -> Vec<Ruling> {
        let Some(system) = self.system_of.get(host).cloned() else {
            return Vec::new();
        };
        let mut rulings = Vec::new();
        let life = reach == Reach::EveryDutyAboutLife;
        for duty in duties(terms) {
            let uses = duty.row().uses.iter().any(|used| *used == kind || life && *used == "life");
            let ruling = match duty.row().judge {
                Judge::PerHost(_) if uses || reach != Reach::DutiesThatUse => {
                    self.judge_host(terms, duty, &system, host)
                }
                Judge::PerSystem(_) if uses || reach == Reach::Everything => {
                    self.judge_system(terms, duty, &system)
                }
                Judge::PerHost(_) | Judge::PerSystem(_) => None,
            };
            rulings.extend(ruling);
        }
        rulings
    }

    /// After what a probe told: the systems of the targets it is about, which are not the system of the probe's host.
    fn after_probe(&mut self, terms: &Terms, fact: &Fact) -> Vec<Ruling> {
        let agreements = &self.evidence.agreements;
        let systems: BTreeSet<SystemId> = match fact {
            Fact::ProbeAvailability(stood) => agreements
                .target(&stood.target)
                .map(|watched| watched.target.system.clone())
                .into_iter()
                .collect(),
            Fact::EnvironmentSeen(seen) => agreements
                .target(&seen.target)
                .map(|watched| watched.target.system.clone())
                .into_iter()
                .collect(),
            Fact::ProbeSessionCut(tried) => {
                let watched = tried.target.parse().ok().and_then(|target| agreements.target(&target));
                watched.map(|watched| watched.target.system.clone()).into_iter().collect()
            }
            Fact::ProbeWatch(_) | Fact::ProbeBlind(_) => {
                agreements.targets().map(|watched| watched.target.system.clone()).collect()
            }
            // No other kind tells of targets.
            _ => return Vec::new(),
        };
        systems.iter().flat_map(|system| self.after(terms, fact.kind(), Some(system))).collect()
    }

    fn after_act(&mut self, terms: &Terms, act: &Act, touched: &BTreeSet<SystemId>) -> Vec<Ruling> {
        let proposal = match act {
            Act::Proposed { proposal, .. }
            | Act::Agreed { proposal }
            | Act::Refused { proposal, .. }
            | Act::Ended { proposal, .. } => proposal,
            // Only the systems it is about, besides those whose requests it moved.
            Act::RequestAsked { .. } | Act::RequestStep { .. } => {
                return self.after_requests(terms, act.kind(), touched);
            }
            other => {
                let mut rulings = self.after(terms, other.kind(), None);
                rulings.extend(self.after_requests(terms, "request.step", touched));
                return rulings;
            }
        };
        let Some(matter) =
            self.evidence.agreements.proposal(proposal).and_then(|known| known.matter()).cloned()
        else {
            return Vec::new();
        };
        match &matter {
            Matter::System(_) => self.place_system(terms),
            Matter::Host(place) => self.place_host(terms, &place.host),
            Matter::Parameters { .. }
            | Matter::Holidays(_)
            | Matter::Freeze(_)
            | Matter::Ignore(_)
            | Matter::Exemption { .. }
            | Matter::NotApplicable { .. } => self.judge_everything(terms),
            other => {
                self.join_lists(other);
                let kind = format!("matter:{}", other.word());
                self.after(terms, &kind, other.system())
            }
        }
    }

    /// Judges the duties that use this kind of entry, in one system or in all.
    fn after(&mut self, terms: &Terms, kind: &str, only: Option<&SystemId>) -> Vec<Ruling> {
        let systems: Vec<SystemId> = match only {
            Some(system) => vec![system.clone()],
            None => self.places.keys().cloned().collect(),
        };
        let mut rulings = Vec::new();
        for duty in duties(terms).filter(|duty| duty.row().uses.contains(&kind)) {
            for system in &systems {
                rulings.extend(self.judge_whole(terms, duty, system));
            }
        }
        rulings
    }

    /// After a declaration about a system: its hosts may have been declared before.
    fn place_system(&mut self, terms: &Terms) -> Vec<Ruling> {
        let systems = self.evidence.agreements.systems();
        self.places.retain(|system, _| systems.contains_key(system));
        for system in systems.into_keys() {
            self.places.entry(system).or_default();
        }
        let places = &self.places;
        self.panels.retain(|(_, system), _| places.contains_key(system));
        self.system_of.retain(|_, system| places.contains_key(system));
        let hosts: Vec<HostId> = self.evidence.agreements.declared_hosts().cloned().collect();
        for host in hosts.iter().filter(|host| !self.system_of.contains_key(host)).collect::<Vec<_>>() {
            self.put_in_place(host);
        }
        for host in &hosts {
            self.joins.renew_host(&self.evidence, self.system_of.get(host), host);
        }
        self.judge_everything(terms)
    }

    /// After a declaration about a host: only its old and its new system are judged.
    fn place_host(&mut self, terms: &Terms, host: &HostId) -> Vec<Ruling> {
        let old = self.system_of.remove(host);
        if let Some(hosts) = old.as_ref().and_then(|system| self.places.get_mut(system)) {
            hosts.remove(host);
        }
        let new = self.put_in_place(host);
        self.joins.renew_host(&self.evidence, new.as_ref(), host);
        let mut rulings = Vec::new();
        for duty in duties(terms) {
            if let Some(old) = old.as_ref().filter(|old| Some(*old) != new.as_ref()) {
                if let Some(panel) = self.panels.get_mut(&(duty, old.clone())) {
                    panel.forget(host);
                }
                rulings.extend(self.judge_system(terms, duty, old));
            }
            let Some(new) = &new else { continue };
            rulings.extend(match duty.row().judge {
                Judge::PerHost(_) => self.judge_host(terms, duty, new, host),
                Judge::PerSystem(_) => self.judge_system(terms, duty, new),
            });
        }
        rulings
    }

    fn put_in_place(&mut self, host: &HostId) -> Option<SystemId> {
        let place = self.evidence.agreements.place_of(host)?.clone();
        let system = place.system.clone();
        self.places.get_mut(&system)?.insert(host.clone(), place);
        self.system_of.insert(host.clone(), system.clone());
        Some(system)
    }

    fn judge_everything(&mut self, terms: &Terms) -> Vec<Ruling> {
        let systems: Vec<SystemId> = self.places.keys().cloned().collect();
        let mut rulings = Vec::new();
        for system in &systems {
            for duty in duties(terms) {
                rulings.extend(self.judge_whole(terms, duty, system));
            }
        }
        rulings
    }

    fn judge_whole(&mut self, terms: &Terms, duty: DutyId, system: &SystemId) -> Option<Ruling> {
        if let Judge::PerHost(judge) = duty.row().judge {
            let hosts: Vec<HostId> = self.places.get(system)?.keys().cloned().collect();
            for host in &hosts {
                self.hear(terms, duty, system, host, judge);
            }
            return self.conclude(terms, duty, system, None);
        }
        self.judge_system(terms, duty, system)
    }

    fn judge_host(
        &mut self,
        terms: &Terms,
        duty: DutyId,
        system: &SystemId,
        host: &HostId,
    ) -> Option<Ruling> {
        let Judge::PerHost(judge) = duty.row().judge else { return None };
        self.hear(terms, duty, system, host, judge);
        self.conclude(terms, duty, system, None)
    }

    fn judge_system(&mut self, terms: &Terms, duty: DutyId, system: &SystemId) -> Option<Ruling> {
        let Judge::PerSystem(judge) = duty.row().judge else {
            return self.conclude(terms, duty, system, None);
        };
        let places = self.places.get(system)?;
        let case = Case::new(terms, (&self.evidence, &self.joins), system, places, self.now);
        let verdict = panel::weaken(&case, duty, judge(&case));
        let next = case.next_change();
        self.set_deadline(duty, system, None, next);
        self.conclude(terms, duty, system, Some(verdict))
    }

    /// Judges one host and keeps the verdict in the panel of its system.
    fn hear(
        &mut self,
        terms: &Terms,
        duty: DutyId,
        system: &SystemId,
        id: &HostId,
        judge: fn(&HostCase<'_>) -> Verdict,
    ) {
        let Some(places) = self.places.get(system) else { return };
        let Some(place) = places.get(id) else { return };
        let silent = Host::default();
        let host = self.evidence.hosts.get(id).unwrap_or(&silent);
        let case = Case::new(terms, (&self.evidence, &self.joins), system, places, self.now);
        let verdict = panel::weaken(&case, duty, judge(&HostCase { case: &case, place, host }));
        let next = case.next_change();
        self.set_deadline(duty, system, Some(id), next);
        let panel = self.panels.entry((duty, system.clone())).or_insert_with(|| Panel::new(self.now));
        panel.hear(id, verdict, next);
    }

    fn set_deadline(
        &mut self,
        duty: DutyId,
        system: &SystemId,
        host: Option<&HostId>,
        next: Option<Timestamp>,
    ) {
        let old = self.panels.get(&(duty, system.clone())).and_then(|panel| panel.deadline(host));
        let deadline = |at| Deadline { at, duty, system: system.clone(), host: host.cloned() };
        if let Some(old) = old {
            self.deadlines.remove(&deadline(old));
        }
        if let Some(next) = next {
            self.deadlines.insert(deadline(next));
        }
        if host.is_none() {
            let panel = self.panels.entry((duty, system.clone())).or_insert_with(|| Panel::new(self.now));
            panel.set_own_deadline(next);
        }
    }

    /// Puts the verdict of the system together, with exceptions, and says what changed.
    fn conclude(
        &mut self,
        terms: &Terms,
        duty: DutyId,
        system: &SystemId,
        own: Option<Verdict>,
    ) -> Option<Ruling> {
        let places = self.places.get(system)?;
        let case = Case::new(terms, (&self.evidence, &self.joins), system, places, self.now);
        let now = self.now;
        let panel = self.panels.entry((duty, system.clone())).or_insert_with(|| Panel::new(now));
        if let Some(own) = own {
            panel.set_own(own);
        }
        let verdict = panel::with_exceptions(&case, duty, panel.together(system));
        let exception_ends = case.next_change();
        let turned = panel.replace(verdict, now)?;
        let ruling = panel.ruling(duty, system);
        if let Some(ends) = exception_ends {
            self.deadlines.insert(Deadline { at: ends, duty, system: system.clone(), host: None });
        }
        Some(Ruling { turned, ..ruling })
    }
}

fn is_of_a_probe(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::ProbeAvailability(_)
            | Fact::ProbeWatch(_)
            | Fact::ProbeBlind(_)
            | Fact::ProbeSessionCut(_)
            | Fact::EnvironmentSeen(_)
    )
}

fn duties(terms: &Terms) -> impl Iterator<Item = DutyId> {
    terms.duties.iter().map(|terms| terms.duty)
}
