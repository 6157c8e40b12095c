//! The court as the one who joins: what an entry makes it join again, and what pages may ask of the join.

use super::{Court, Ruling, duties, late, undone};
use crate::act::{Act, Matter};
use crate::baseline::{self, Stands};
use crate::case::Case;
use crate::clauses::{c01_procedures, c02_malware, c07_stops, c08_changes, c12_environments};
use crate::entry::{Body, Entry};
use crate::fact::Fact;
use crate::finding::Finding;
use crate::id::{HostId, RequestId, SystemId};
use crate::occurrence::{Key, Occurrence};
use crate::reconcile::Join;
use crate::request::flow::Progress;
use crate::request::form::Form;
use crate::terms::Terms;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Facts that were heard of so long before a step of the clock may lie behind it.
const AROUND_A_STEP: SignedDuration = SignedDuration::from_hours(24);

/// What was told so shortly before a reading of the clock is believed no more than the reading.
const AROUND_A_READING: SignedDuration = SignedDuration::from_mins(15);

/// What is joined with a change was seen at most so long before or after it.
const LONG_WORK: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How much of what was observed stands on a ticket (F-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ratio {
    /// Occurrences that need an approval.
    pub all: u32,
    /// Those joined with one.
    pub with_ticket: u32,
}

impl Ratio {
    /// Counts one occurrence with what the join says of it.
    pub fn count(&mut self, join: &Join) {
        if !matches!(join, Join::NotSubject(_)) {
            self.all = self.all.saturating_add(1);
            self.with_ticket = self.with_ticket.saturating_add(u32::from(join.request().is_some()));
        }
    }

    /// Whole percent, rounded down; none where nothing happened.
    #[must_use]
    pub fn percent(self) -> Option<u32> {
        self.with_ticket.saturating_mul(100).checked_div(self.all)
    }
}

impl Court {
    /// How the baseline of a host of a system stands.
    pub fn baseline<'a>(&'a self, system: &SystemId, host: &HostId) -> Stands<'a> {
        baseline::stands(&self.evidence, &self.joins, system, host)
    }

    /// What happened on the hosts of a system with what the join says of it, oldest first host by host (F-10).
    pub fn occurrences<'a>(
        &'a self,
        system: &SystemId,
    ) -> impl Iterator<Item = (&'a HostId, &'a Occurrence, &'a Join)> {
        let hosts = self.places.get(system).into_iter().flat_map(|hosts| hosts.keys());
        hosts.flat_map(move |host| {
            let happened = self.evidence.occurrences.of_host(host);
            happened.filter_map(move |(key, it)| Some((host, it, self.joins.of(host, key)?)))
        })
    }

    /// Those between two instants.
    pub fn occurrences_between<'a>(
        &'a self,
        system: &SystemId,
        (from, to): (Timestamp, Timestamp),
    ) -> impl Iterator<Item = (&'a HostId, &'a Occurrence, &'a Join)> {
        let hosts = self.places.get(system).into_iter().flat_map(|hosts| hosts.keys());
        hosts.flat_map(move |host| {
            let happened = self.evidence.occurrences.between(host, from, to);
            happened.filter_map(move |(key, it)| Some((host, it, self.joins.of(host, key)?)))
        })
    }

    /// Changes the contractor says are done, begun between two instants, of which nothing was observed: on equipment
    /// without an agent this is all there is (F-10).
    pub fn told_changes(&self, (from, to): (Timestamp, Timestamp)) -> Vec<(&RequestId, &Progress)> {
        let around = (
            from.checked_sub(LONG_WORK).unwrap_or(Timestamp::MIN),
            to.checked_add(LONG_WORK).unwrap_or(Timestamp::MAX),
        );
        let systems = self.places.keys();
        let seen: BTreeSet<&RequestId> = systems
            .flat_map(|system| self.occurrences_between(system, around))
            .filter_map(|(_, _, join)| join.request())
            .collect();
        let all = self.evidence.requests.all().filter_map(|(id, request)| {
            let progress = request.progress.as_ref().filter(|progress| progress.form() == Form::F09)?;
            let begun = progress.done.is_some_and(|(_, begun, _)| from <= begun && begun <= to);
            (begun && !seen.contains(id)).then_some((id, progress))
        });
        all.collect()
    }

    /// A reading of a clock may change what is believed of acts told shortly before, and of stops a probe told of.
    pub(super) fn after_clock(&mut self, terms: &Terms, host: &HostId, fact: &Fact) -> Vec<Ruling> {
        let clock = matches!(fact, Fact::ClockStep(_) | Fact::ClockState(_));
        if !clock || !(self.rejoined > 0 || self.is_probe(host)) {
            return Vec::new();
        }
        let mut systems: BTreeSet<SystemId> = self.system_of.get(host).cloned().into_iter().collect();
        let watched = self.evidence.agreements.targets();
        systems.extend(watched.map(|watched| watched.target.system.clone()));
        self.after_requests(terms, "finding.closed", &systems)
    }

    pub(super) fn is_probe(&self, host: &HostId) -> bool {
        let probe = crate::id::ProbeId::of_host(host);
        let mut targets = self.evidence.agreements.targets();
        probe.is_some_and(|probe| targets.any(|watched| watched.target.probes.contains(&probe)))
    }

    /// Joins what an entry changed. Returns the systems whose requests it moved.
    pub(super) fn join_news(&mut self, entry: &Entry) -> BTreeSet<SystemId> {
        let news = self.evidence.take_news();
        if let Some(host) = &entry.host {
            self.join_host(host, news.happened, entry);
        }
        if let Body::Act(Act::FindingClassified { finding, .. } | Act::FindingClosed { finding, .. }) =
            &entry.body
        {
            self.joins.heard(&self.evidence, finding);
        }
        let mut touched = BTreeSet::new();
        for request in &news.requests {
            let places = &self.places;
            let hosts = |system: &SystemId| places.get(system).into_iter().flat_map(|h| h.keys()).collect();
            touched.extend(self.joins.renew_request(&self.evidence, request, hosts));
        }
        touched
    }

    fn join_host(&mut self, host: &HostId, mut keys: Vec<Key>, entry: &Entry) {
        let Some(system) = self.system_of.get(host).cloned() else { return };
        let doubted = match &entry.body {
            Body::Fact(Fact::ClockStep(_)) => Some(AROUND_A_STEP),
            Body::Fact(Fact::ClockState(clock)) => clock.measured_offset_us.map(|_| AROUND_A_READING),
            _ => None,
        };
        if let Some(doubted) = doubted {
            let from = entry.received.checked_sub(doubted).unwrap_or(jiff::Timestamp::MIN);
            let near = self.evidence.occurrences.between(host, from, jiff::Timestamp::MAX);
            keys.extend(near.map(|(key, _)| key.clone()));
        }
        self.rejoined = 0;
        if keys.is_empty() {
            return;
        }
        self.rejoined = self.joins.renew(&self.evidence, &system, host, &keys);
        self.roll.forget(&system);
        for key in self.joins.forgettable(host, entry.received) {
            self.evidence.occurrences.forget(host, &key);
        }
    }

    /// After an agreement on a list that explains occurrences.
    pub(super) fn join_lists(&mut self, matter: &Matter) {
        let explains = matches!(matter, Matter::Ignore(_) | Matter::Flow(_));
        let Some(system) = matter.system().filter(|_| explains) else { return };
        let hosts: Vec<HostId> =
            self.places.get(system).into_iter().flat_map(|hosts| hosts.keys().cloned()).collect();
        for host in &hosts {
            self.joins.renew_host(&self.evidence, Some(system), host);
        }
    }

    /// Judges what rests on requests, in the systems whose requests moved.
    pub(super) fn after_requests(
        &mut self,
        terms: &Terms,
        kind: &str,
        systems: &BTreeSet<SystemId>,
    ) -> Vec<Ruling> {
        let mut rulings = Vec::new();
        for duty in duties(terms).filter(|duty| duty.row().uses.contains(&kind)) {
            for system in systems.iter().filter(|system| self.places.contains_key(system)).collect::<Vec<_>>()
            {
                rulings.extend(self.judge_whole(terms, duty, system));
            }
        }
        rulings
    }
}

/// What was found of one system: open, classified and closed.
pub(super) fn of_system(case: &Case<'_>) -> Vec<Finding> {
    let mut all: Vec<Finding> = case.joins.findings(case.system).cloned().collect();
    all.extend(c07_stops::stops(case));
    all.extend(c02_malware::late_reports(case));
    all.extend(c02_malware::restored_too_early(case));
    all.extend(c02_malware::not_contained(case));
    all.extend(c12_environments::unannounced(case));
    all.extend(late::findings(case));
    all.extend(undone::findings(case));
    all.extend(c08_changes::unwatched_assets(case));
    all.extend(c01_procedures::outdated(case));
    all
}
