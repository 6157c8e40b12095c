//! The join, kept up to date: only what an entry can have changed is joined again.

use crate::act::{Environment, Matter};
use crate::evidence::Evidence;
use crate::evidence::agreement::{Line, Need};
use crate::evidence::occurrences::KEPT;
use crate::fact::integrity::Explanation;
use crate::fact::network::FlowPath;
use crate::finding::{Finding, Rule, Said, Settled};
use crate::id::{EntryNumber, FindingId, HostId, RequestId, SystemId};
use crate::occurrence::{Key, Occurrence, finding_id};
use crate::reconcile::{GENEROUS, Join, NEAR, Place, Question, Why, forms_for, join, minus, plus};
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the join says of everything that happened on hosts, and what of it somebody has to look into.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Joins {
    hosts: BTreeMap<HostId, OfHost>,
    findings: BTreeMap<SystemId, Listed>,
}

/// What was found of one system. What is settled stays in it for ever, so judges look only at what weighs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Listed {
    all: BTreeMap<FindingId, Finding>,
    weighs: BTreeSet<FindingId>,
    #[serde(with = "crate::evidence::latest::pairs")]
    settled: BTreeMap<(Rule, Object), u32>,
}

impl Listed {
    fn insert(&mut self, evidence: &Evidence, finding: Finding) {
        self.remove(&finding.id);
        let said = evidence.sayings.of(&finding.id).map_or(Settled::Open, Said::settled);
        if matches!(said, Settled::Closed | Settled::Excused(_)) {
            let count = self.settled.entry((finding.rule, finding.object)).or_default();
            *count = count.saturating_add(1);
        } else {
            self.weighs.insert(finding.id.clone());
        }
        self.all.insert(finding.id.clone(), finding);
    }

    fn remove(&mut self, id: &FindingId) -> Option<Finding> {
        let known = self.all.remove(id)?;
        if !self.weighs.remove(id)
            && let Some(count) = self.settled.get_mut(&(known.rule, known.object))
        {
            *count = count.saturating_sub(1);
        }
        Some(known)
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct OfHost {
    #[serde(with = "crate::evidence::latest::pairs")]
    by_key: BTreeMap<Key, Join>,
    /// Where that is as approved, of the few things of which judges count what is: releases and test data.
    approved: BTreeSet<Key>,
    /// Communication that nobody has to look into: it is told every day, and soon forgotten.
    passing: BTreeSet<Key>,
    system: Option<SystemId>,
}

/// Things of which judges count what is as approved.
const COUNTED: [Object; 2] = [Object::Release, Object::TestData];

impl OfHost {
    fn keep(&mut self, key: Key, join: Join) -> Option<Join> {
        if COUNTED.contains(&key.1) && matches!(join, Join::AsApproved(_)) {
            self.approved.insert(key.clone());
        } else {
            self.approved.remove(&key);
        }
        if key.1 == Object::Flow && matches!(join, Join::NotSubject(_)) {
            self.passing.insert(key.clone());
        } else {
            self.passing.remove(&key);
        }
        self.by_key.insert(key, join)
    }

    fn forget(&mut self, key: &Key) {
        self.approved.remove(key);
        self.passing.remove(key);
        self.by_key.remove(key);
    }
}

/// Communication on a list is kept so long: as long as it may still be going on (4.5.b).
const PASSING_KEPT: SignedDuration = SignedDuration::from_hours(48);
/// Forgotten with one entry at most.
const PASSING_AT_ONCE: usize = 200;
/// Names a finding lists, entries it shows.
const SHOWN: usize = 8;
/// An act whose beginning nobody knows is noticed at most so long after it.
const NOTICED_LATE: SignedDuration = SignedDuration::from_hours(31 * 24);

impl Joins {
    /// What the join says of one occurrence.
    #[must_use]
    pub fn of(&self, host: &HostId, key: &Key) -> Option<&Join> {
        self.hosts.get(host)?.by_key.get(key)
    }

    /// What happened on a host as approved, oldest first: releases or test data.
    pub fn approved(&self, host: &HostId, object: Object) -> impl Iterator<Item = &Key> {
        let known = self.hosts.get(host).into_iter();
        known.flat_map(|known| &known.approved).filter(move |key| key.1 == object)
    }

    /// What was found of a system, by id.
    pub fn findings(&self, system: &SystemId) -> impl Iterator<Item = &Finding> {
        self.findings.get(system).into_iter().flat_map(|listed| listed.all.values())
    }

    /// What was found of a system and is not settled, by id: open, explained, or a violation that is not closed.
    pub fn weighing(&self, system: &SystemId) -> impl Iterator<Item = &Finding> {
        let listed = self.findings.get(system).into_iter();
        listed.flat_map(|listed| listed.weighs.iter().filter_map(|id| listed.all.get(id)))
    }

    /// How many are settled of those that some judge weighs.
    pub fn settled(&self, system: &SystemId, weighs: impl Fn(Rule, Object) -> bool) -> u32 {
        let counts = self.findings.get(system).into_iter().flat_map(|listed| &listed.settled);
        counts.filter(|((rule, object), _)| weighs(*rule, *object)).map(|(_, count)| *count).sum()
    }

    /// After somebody said what a finding is.
    pub(super) fn heard(&mut self, evidence: &Evidence, id: &FindingId) {
        for listed in self.findings.values_mut() {
            if let Some(finding) = listed.remove(id) {
                listed.insert(evidence, finding);
            }
        }
    }

    /// The systems about which something was found.
    pub fn systems(&self) -> impl Iterator<Item = &SystemId> {
        self.findings.keys()
    }

    /// Joins some occurrences of a host again, and what hangs together with them: a later use of the same approval.
    ///
    /// Returns how many of them stand otherwise.
    pub(super) fn renew(
        &mut self,
        evidence: &Evidence,
        system: &SystemId,
        host: &HostId,
        keys: &[Key],
    ) -> usize {
        let mut all: BTreeSet<Key> = keys.iter().cloned().collect();
        for key in keys {
            let later = evidence.occurrences.between(host, key.0, plus(key.0, NOTICED_LATE));
            let same = later.filter(|(later, _)| later.1 == key.1 && later.2 == key.2);
            all.extend(same.map(|(key, _)| key.clone()));
        }
        let known = self.hosts.entry(host.clone()).or_default();
        known.system = Some(system.clone());
        let (mut groups, mut changed) = (BTreeSet::new(), 0_usize);
        for key in all {
            let Some(occurrence) = evidence.occurrences.get(host, &key) else { continue };
            let join = join_one(evidence, system, host, occurrence);
            // The same answer may rest on more things: a group is made anew in any case.
            let before = known.keep(key.clone(), join.clone());
            changed = changed.saturating_add(usize::from(before != Some(join)));
            groups.insert((key.0, key.1));
        }
        for (mark, object) in groups {
            self.group(evidence, system, host, (mark, object));
        }
        changed
    }

    /// Joins everything of a host again, after it was put elsewhere or the lists of its system changed.
    pub(super) fn renew_host(&mut self, evidence: &Evidence, system: Option<&SystemId>, host: &HostId) {
        let old = self.hosts.remove(host).and_then(|known| known.system);
        if let Some(findings) = old.and_then(|old| self.findings.get_mut(&old)) {
            let of_host = findings.all.values().filter(|finding| finding.host.as_ref() == Some(host));
            let gone: Vec<FindingId> = of_host.map(|finding| finding.id.clone()).collect();
            for id in gone {
                let _ = findings.remove(&id);
            }
        }
        let Some(system) = system else { return };
        let keys: Vec<Key> = evidence.occurrences.of_host(host).map(|(key, _)| key.clone()).collect();
        self.renew(evidence, system, host, &keys);
    }

    /// Joins again what lies near a request that stands otherwise than before.
    pub(super) fn renew_request<'a>(
        &mut self,
        evidence: &Evidence,
        request: &RequestId,
        hosts: impl Fn(&SystemId) -> Vec<&'a HostId>,
    ) -> BTreeSet<SystemId> {
        let Some((systems, from, to)) = evidence.requests.reach(request) else { return BTreeSet::new() };
        let (from, to) = (minus(from, NEAR + NEAR), plus(to, NOTICED_LATE));
        for system in &systems {
            for host in hosts(system) {
                let near = evidence.occurrences.between(host, from, to);
                let keys: Vec<Key> = near.map(|(key, _)| key.clone()).collect();
                if !keys.is_empty() {
                    self.renew(evidence, system, host, &keys);
                }
            }
        }
        systems
    }

    /// What is settled for long need not be kept. Returns what may be forgotten.
    pub(super) fn forgettable(&mut self, host: &HostId, now: Timestamp) -> Vec<Key> {
        let cut = minus(now, KEPT);
        let Some(known) = self.hosts.get_mut(host) else { return Vec::new() };
        let old = known.by_key.iter().take_while(|(key, _)| key.0 < cut).take(SHOWN);
        let mut gone: Vec<Key> =
            old.filter(|(_, join)| join.is_covered()).map(|(key, _)| key.clone()).collect();
        let cut = minus(now, PASSING_KEPT);
        gone.extend(known.passing.iter().take_while(|key| key.0 < cut).take(PASSING_AT_ONCE).cloned());
        for key in &gone {
            known.forget(key);
        }
        gone
    }

    /// What happened at one instant to things of one kind is one finding: a transaction of three hundred packages is one
    /// matter for whoever has to classify it.
    fn group(&mut self, evidence: &Evidence, system: &SystemId, host: &HostId, of: (Timestamp, Object)) {
        let (mark, object) = of;
        let id = finding_id(crate::occurrence::rule_of(object), host.as_str(), object, mark);
        let Some(known) = self.hosts.get(host) else { return };
        let begin = (mark, object, String::new());
        let members = known.by_key.range(begin..).take_while(|(key, _)| key.0 == mark && key.1 == object);
        let members: Vec<(&Key, &Join)> = members.filter(|(_, join)| !join.is_covered()).collect();
        let findings = self.findings.entry(system.clone()).or_default();
        let gravest = members.iter().max_by_key(|(_, join)| join.gravity());
        let first = gravest.and_then(|(key, join)| Some((evidence.occurrences.get(host, key)?, *join)));
        let Some((occurrence, join)) = first else {
            let _ = findings.remove(&id);
            return;
        };
        let all = members.iter().filter_map(|(key, _)| evidence.occurrences.get(host, key));
        let entries: BTreeSet<EntryNumber> =
            all.clone().flat_map(|member| member.entries.iter().copied()).collect();
        let finding = Finding {
            id,
            rule: occurrence.rule,
            system: system.clone(),
            host: Some(host.clone()),
            object,
            names: all.clone().take(SHOWN).map(|member| member.name.clone()).collect(),
            count: u32::try_from(members.len()).unwrap_or(u32::MAX),
            join: join.clone(),
            when: occurrence.when,
            since: all.map(|member| member.stamp.received).min().unwrap_or(occurrence.stamp.received),
            entries: entries.into_iter().take(SHOWN).collect(),
            by: occurrence.by.clone(),
            against: crate::entry::Party::Contractor,
        };
        findings.insert(evidence, finding);
    }
}

fn join_one(evidence: &Evidence, system: &SystemId, host: &HostId, occurrence: &Occurrence) -> Join {
    if let Some(why) = needs_none(evidence, system, host, occurrence) {
        return Join::NotSubject(why);
    }
    let place = evidence.agreements.place_of(host);
    let clocks = evidence.hosts.get(host).map(|host| &host.clocks);
    let earlier = |since: Timestamp| {
        let before = evidence.occurrences.between(host, since, minus(occurrence.when.mark(), TICK));
        let same = before.filter(|(key, _)| key.1 == occurrence.object && key.2 == occurrence.name);
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    };
    let question = Question {
        occurrence,
        place: Place { system, host: Some(host), environment: place.map(|place| place.environment) },
        tolerance: clocks.map_or(SignedDuration::ZERO, |clocks| clocks.tolerance(occurrence.stamp)),
        earlier: &earlier,
    };
    let after = minus(occurrence.when.first(), NEAR + NEAR);
    join(&question, evidence.requests.grants_after(system, forms_for(occurrence.object), after))
}

/// The smallest step of a clock.
const TICK: SignedDuration = SignedDuration::from_nanos(1);

/// What explains an occurrence without an approval of its own.
fn needs_none(evidence: &Evidence, system: &SystemId, host: &HostId, occurrence: &Occurrence) -> Option<Why> {
    if occurrence.object == Object::File && matches!(occurrence.explained_by, Explanation::Package(_)) {
        return Some(Why::Package);
    }
    if evidence.occurrences.is_beginning(occurrence) {
        return Some(Why::Beginning);
    }
    // It was started before anybody watched it: that is how it was found.
    let first = evidence.hosts.get(host).and_then(|host| host.first_received);
    if occurrence.object == Object::Boot && first.is_some_and(|first| occurrence.when.last() < first) {
        return Some(Why::Beginning);
    }
    // A host is one of the test environment when both said so; by its own word alone the contractor could call any so.
    let line = evidence.agreements.place_line(host).filter(Line::is_agreed);
    let is_test = line.is_some_and(
        |line| matches!(line.matter, Matter::Host(place) if place.environment == Environment::Test),
    );
    if is_test && occurrence.object != Object::TestData {
        return Some(Why::TestHost);
    }
    if let Some(why) = on_a_list(evidence, system, host, occurrence) {
        return Some(why);
    }
    let (object, name) = (occurrence.object, occurrence.name.as_str());
    let ignored = evidence.agreements.ignored(system, host, object, name, occurrence.when.last());
    ignored.map(|_| Why::Ignored)
}

/// What the list of needed communication says of one that was seen (4.5.b). By a clock that cannot be believed it counts
/// from when it was heard of: otherwise whoever sets a clock back would communicate before there was a list.
fn on_a_list(evidence: &Evidence, system: &SystemId, host: &HostId, occurrence: &Occurrence) -> Option<Why> {
    let seen =
        (occurrence.object == Object::Flow).then(|| FlowPath::from_name(&occurrence.name)).flatten()?;
    let clocks = evidence.hosts.get(host).map(|host| &host.clocks);
    let tolerance = clocks.map_or(SignedDuration::ZERO, |clocks| clocks.tolerance(occurrence.stamp));
    let at = if tolerance > GENEROUS { occurrence.stamp.received } else { occurrence.when.last() };
    match evidence.agreements.needed(system, host, &seen, at) {
        Need::Listed => Some(Why::Agreed),
        Need::NoList => Some(Why::NoList),
        Need::Waiting => Some(Why::Declared),
        Need::Perhaps => Some(Why::PeerNotTold),
        Need::Unlisted => None,
    }
}
