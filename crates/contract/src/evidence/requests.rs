//! Requests and how far they have come: every step is kept, and followed in the order of its stamp.

use super::latest::Stamp;
use super::offices::Offices;
use crate::act::Importance;
use crate::id::{EntryNumber, HostId, RequestId, SystemId};
use crate::request::flow::{By, Progress, Rules};
use crate::request::form::Form;
use crate::request::{FieldValue, Filled, RequestNumber, Scope, StandingTerms, Step, Window};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Request {
    #[serde(with = "super::latest::pairs")]
    asked: BTreeMap<Stamp, (By, RequestNumber, Filled)>,
    #[serde(with = "super::latest::pairs")]
    steps: BTreeMap<Stamp, (By, Step)>,
    /// Hosts whose agents said that they used it, as a standing approval.
    #[serde(default, with = "super::latest::pairs")]
    used: BTreeMap<Stamp, HostId>,
    /// The number people use; none while only a step has arrived.
    pub number: Option<RequestNumber>,
    /// How far it has come; none while it was not asked as its form demands.
    pub progress: Option<Progress>,
    /// Steps that changed nothing.
    pub void: BTreeSet<EntryNumber>,
}

impl Request {
    /// Every step with who took it, oldest first.
    pub fn steps(&self) -> impl Iterator<Item = (&Stamp, &By, &Step)> {
        self.steps.iter().map(|(stamp, (by, step))| (stamp, by, step))
    }

    /// The request as it was first asked.
    #[must_use]
    pub fn first(&self) -> Option<(&Stamp, &By, &Filled)> {
        self.asked.first_key_value().map(|(stamp, (by, _, filled))| (stamp, by, filled))
    }

    /// The newest entry about it: whoever acts on an older view has not seen what was said since.
    #[must_use]
    pub fn newest(&self) -> Option<EntryNumber> {
        let asked = self.asked.keys().map(|stamp| stamp.entry);
        self.steps.keys().map(|stamp| stamp.entry).chain(asked).max()
    }

    fn follow(
        &mut self,
        offices: &Offices,
        importance: impl Fn(&BTreeSet<SystemId>, Timestamp) -> Importance,
    ) {
        (self.number, self.progress) = (None, None);
        self.void.clear();
        let Some((stamp, (by, number, filled))) = self.asked.first_key_value() else { return };
        self.number = Some(number.clone());
        let Ok(mut progress) = Progress::begin(by.clone(), *stamp, filled.clone()) else { return };
        let mut used: Vec<(Stamp, &HostId)> = self.used.iter().map(|(stamp, host)| (*stamp, host)).collect();
        used.sort_by_key(|(stamp, _)| (stamp.received, stamp.entry));
        let mut used = used.into_iter().peekable();
        for (stamp, (by, step)) in self.steps.range(*stamp..) {
            let before =
                |(one, _): &(Stamp, &HostId)| (one.received, one.entry) < (stamp.received, stamp.entry);
            while let Some((stamp, host)) = used.next_if(before) {
                progress.used_by_an_agent(stamp, host);
            }
            let rules =
                Rules { offices, importance: importance(&progress.filled.scope.systems, stamp.received) };
            if progress.follow(rules, by, *stamp, step).is_err() {
                self.void.insert(stamp.entry);
            }
        }
        used.for_each(|(stamp, host)| progress.used_by_an_agent(stamp, host));
        self.progress = Some(progress);
    }
}

/// What makes an act allowed: an approval, a consent by telephone, or one use of a standing approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The request it comes from.
    pub request: &'a RequestId,
    /// Its number.
    pub number: &'a RequestNumber,
    /// The form.
    pub form: Form,
    /// What it covers.
    pub scope: &'a Scope,
    /// When the act may happen; absent where the form has no window.
    pub window: Option<Window>,
    /// From when on it counts: an act that began before was not allowed then.
    pub since: Timestamp,
    /// Taken back at.
    pub until: Option<Timestamp>,
    /// How often.
    pub limit: Option<u32>,
    /// What it rests on.
    pub ground: Ground<'a>,
    /// The fields of the form.
    pub fields: &'a BTreeMap<String, FieldValue>,
    /// When the record heard of it.
    pub recorded: Timestamp,
    /// The entry that says so.
    pub entry: EntryNumber,
}

/// What a grant rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground<'a> {
    /// A decision of the city.
    Decision,
    /// Consent by telephone that the city has not confirmed in writing.
    Telephone {
        /// Recorded at: the confirmation is due from here.
        recorded: Timestamp,
    },
    /// Use `number` (from 1) of a standing approval.
    Standing {
        /// Which use.
        number: u32,
        /// What is allowed.
        terms: &'a StandingTerms,
    },
}

/// All requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Requests {
    requests: BTreeMap<RequestId, Request>,
    numbers: BTreeMap<RequestNumber, RequestId>,
    by_system: BTreeMap<SystemId, BTreeSet<RequestId>>,
    /// By the end of their windows: what is over for long is not looked at again.
    #[serde(with = "super::latest::pairs")]
    by_end: BTreeMap<(SystemId, Timestamp), BTreeSet<RequestId>>,
    open: BTreeSet<RequestId>,
    handed_in: BTreeSet<(Timestamp, RequestId)>,
    named_by: BTreeMap<RequestId, BTreeSet<RequestId>>,
}

impl Requests {
    pub(super) fn ask(
        &mut self,
        id: &RequestId,
        stamp: Stamp,
        by: By,
        number: &RequestNumber,
        filled: &Filled,
    ) {
        let request = self.requests.entry(id.clone()).or_default();
        request.asked.insert(stamp, (by, number.clone(), filled.clone()));
        self.numbers.entry(number.clone()).or_insert_with(|| id.clone());
        self.index(id, stamp, filled);
    }

    pub(super) fn step(&mut self, id: &RequestId, stamp: Stamp, by: By, step: &Step) {
        self.requests.entry(id.clone()).or_default().steps.insert(stamp, (by, step.clone()));
        if let Step::Resubmitted { filled } = step {
            self.index(id, stamp, filled);
        }
    }

    /// The agent of a host says that it used a standing approval. Of a request that nobody asked it says nothing.
    pub(super) fn used(&mut self, id: &RequestId, stamp: Stamp, host: &HostId) {
        self.requests.entry(id.clone()).or_default().used.insert(stamp, host.clone());
    }

    fn index(&mut self, id: &RequestId, stamp: Stamp, filled: &Filled) {
        self.handed_in.insert((stamp.received, id.clone()));
        for named in &filled.links {
            self.named_by.entry(named.clone()).or_default().insert(id.clone());
        }
        // An approval may be narrower than what was asked for, never wider.
        let end = filled.window.map_or(Timestamp::MAX, |window| window.last());
        for system in &filled.scope.systems {
            self.by_system.entry(system.clone()).or_default().insert(id.clone());
            self.by_end.entry((system.clone(), end)).or_default().insert(id.clone());
        }
    }

    pub(super) fn follow(
        &mut self,
        id: &RequestId,
        offices: &Offices,
        importance: impl Fn(&BTreeSet<SystemId>, Timestamp) -> Importance,
    ) {
        if let Some(request) = self.requests.get_mut(id) {
            request.follow(offices, importance);
            keep_open(&mut self.open, id, request);
        }
    }

    /// After an act on posts: what was decided in a post is looked at again. Returns the requests that stand otherwise, or of
    /// which another step is void.
    pub(super) fn follow_all(
        &mut self,
        offices: &Offices,
        importance: impl Fn(&BTreeSet<SystemId>, Timestamp) -> Importance,
    ) -> Vec<RequestId> {
        let mut changed = Vec::new();
        for (id, request) in &mut self.requests {
            let before = (request.progress.clone(), request.void.clone());
            request.follow(offices, &importance);
            keep_open(&mut self.open, id, request);
            if (&request.progress, &request.void) != (&before.0, &before.1) {
                changed.push(id.clone());
            }
        }
        changed
    }

    /// One request.
    #[must_use]
    pub fn get(&self, id: &RequestId) -> Option<&Request> {
        self.requests.get(id)
    }

    /// The request with this number.
    #[must_use]
    pub fn by_number(&self, number: &RequestNumber) -> Option<&RequestId> {
        self.numbers.get(number)
    }

    /// The next number of a form in a fiscal year.
    #[must_use]
    pub fn next_number(&self, year: &str, form: Form) -> RequestNumber {
        let of_year = RequestNumber::new(year, form, 0)..=RequestNumber::new(year, form, u32::MAX);
        let last = self.numbers.range(of_year).next_back().map_or(0, |(number, _)| number.count());
        RequestNumber::new(year, form, last.saturating_add(1))
    }

    /// All requests, by id.
    pub fn all(&self) -> impl Iterator<Item = (&RequestId, &Request)> {
        self.requests.iter()
    }

    /// The requests that are not over, or for which something is still owed, by id.
    pub fn open(&self) -> impl Iterator<Item = (&RequestId, &Request)> {
        self.open.iter().filter_map(|id| Some((id, self.requests.get(id)?)))
    }

    /// The requests that were handed in, for the first time or again, at an instant or after it.
    #[must_use]
    pub fn handed_in_since(&self, since: Timestamp) -> BTreeSet<&RequestId> {
        self.handed_in.iter().rev().take_while(|(at, _)| *at >= since).map(|(_, id)| id).collect()
    }

    /// The requests that name this one, in any of their versions.
    pub fn naming(&self, id: &RequestId) -> impl Iterator<Item = (&RequestId, &Request)> {
        let ids = self.named_by.get(id).into_iter().flatten();
        ids.filter_map(|id| Some((id, self.requests.get(id)?)))
    }

    /// The fiscal years in which something was asked, as numbers spell them.
    #[must_use]
    pub fn years(&self) -> BTreeSet<&str> {
        self.numbers.keys().map(RequestNumber::year).collect()
    }

    /// The requests about a system.
    pub fn of_system(&self, system: &SystemId) -> impl Iterator<Item = (&RequestId, &Request)> {
        let ids = self.by_system.get(system).into_iter().flatten();
        ids.filter_map(|id| Some((id, self.requests.get(id)?)))
    }

    /// The grants of these forms for a system whose windows end after an instant.
    pub fn grants_after<'a>(
        &'a self,
        system: &'a SystemId,
        forms: &'a [Form],
        after: Timestamp,
    ) -> impl Iterator<Item = Grant<'a>> {
        let near = self.by_end.range((system.clone(), after)..=(system.clone(), Timestamp::MAX));
        let ids: BTreeSet<&RequestId> = near.flat_map(|(_, ids)| ids).collect();
        ids.into_iter().flat_map(move |id| self.grants_of_request(id, forms))
    }

    fn grants_of_request<'a>(&'a self, id: &'a RequestId, forms: &[Form]) -> Vec<Grant<'a>> {
        let Some(request) = self.requests.get(id) else { return Vec::new() };
        let progress = request.progress.as_ref().filter(|progress| forms.contains(&progress.form()));
        progress
            .zip(request.number.as_ref())
            .map_or_else(Vec::new, |(progress, number)| grants_of(id, number, progress))
    }

    /// From when to when a request, in any of its versions, can have allowed something; and about which systems.
    #[must_use]
    pub fn reach(&self, id: &RequestId) -> Option<(BTreeSet<SystemId>, Timestamp, Timestamp)> {
        let request = self.requests.get(id)?;
        let asked = request.asked.values().map(|(_, _, filled)| filled);
        let again = request.steps.values().filter_map(|(_, step)| match step {
            Step::Resubmitted { filled } => Some(filled.as_ref()),
            _ => None,
        });
        let (mut systems, mut from, mut to) = (BTreeSet::new(), Timestamp::MAX, Timestamp::MIN);
        for filled in asked.chain(again) {
            systems.extend(filled.scope.systems.iter().cloned());
            from = from.min(filled.window.map_or(Timestamp::MIN, |window| window.from));
            to = to.max(filled.window.map_or(Timestamp::MAX, |window| window.last()));
        }
        Some((systems, from, to))
    }

    /// The grants of these forms that were ever given for a system.
    pub fn grants<'a>(&'a self, system: &'a SystemId, forms: &'a [Form]) -> impl Iterator<Item = Grant<'a>> {
        self.of_system(system).flat_map(move |(id, _)| self.grants_of_request(id, forms))
    }
}

fn keep_open(open: &mut BTreeSet<RequestId>, id: &RequestId, request: &Request) {
    match &request.progress {
        Some(progress) if !progress.state.is_over() || progress.owes() => open.insert(id.clone()),
        Some(_) | None => open.remove(id),
    };
}

fn grants_of<'a>(id: &'a RequestId, number: &'a RequestNumber, progress: &'a Progress) -> Vec<Grant<'a>> {
    let grant = |since, ground, stamp: Stamp| Grant {
        request: id,
        number,
        form: progress.form(),
        scope: progress.scope(),
        window: progress.window(),
        since,
        until: progress.revoked.map(|stamp| stamp.received),
        limit: progress.filled.limit,
        ground,
        fields: &progress.filled.fields,
        recorded: stamp.received,
        entry: stamp.entry,
    };
    if let (Some(terms), Some(window)) = (&progress.filled.standing, progress.window()) {
        let Some(decided) = &progress.approved else { return Vec::new() };
        let uses = (1..).zip(&progress.uses).map(|(number, used)| {
            let longest = SignedDuration::from_mins(i64::from(terms.longest_min));
            let to = used.at.saturating_add(longest).unwrap_or(Timestamp::MAX).min(window.last());
            Grant {
                scope: &used.scope,
                window: Some(Window { from: used.at.max(window.from), to, reserve_min: 0 }),
                ..grant(decided.stamp.received, Ground::Standing { number, terms }, used.stamp)
            }
        });
        return uses.collect();
    }
    match (&progress.approved, &progress.consent) {
        // The city confirmed in writing what it had said on the telephone.
        (Some(decided), Some(consent)) => {
            vec![grant(consent.counts_from().min(decided.stamp.received), Ground::Decision, decided.stamp)]
        }
        (Some(decided), None) => vec![grant(decided.stamp.received, Ground::Decision, decided.stamp)],
        // Both talked, and it was settled: where the contract asks for a talk, that is enough.
        (None, _) if progress.allowed_by_talk().is_some() => {
            let talked = progress.allowed_by_talk();
            talked.map(|stamp| grant(stamp.received, Ground::Decision, stamp)).into_iter().collect()
        }
        (None, Some(consent)) if progress.state.is_open() => {
            let ground = Ground::Telephone { recorded: consent.stamp.received };
            vec![grant(consent.counts_from(), ground, consent.stamp)]
        }
        (None, Some(_) | None) => Vec::new(),
    }
}
