//! The roll: everything that was found, kept in order until something can have changed it. Pages and notices ask as often
//! as they like; only an entry that concerns a system, or an instant at which time alone changes an answer, makes its part
//! of the roll anew.

use super::found::{self, Found};
use super::unreported::{self, Unreported};
use super::{Court, Reach, is_of_a_probe};
use crate::case::Case;
use crate::duty::DutyId;
use crate::entry::{Body, Entry};
use crate::fact::Fact;
use crate::finding::Rule;
use crate::id::{FindingId, HostId, SystemId};
use crate::occurrence::where_and_when;
use crate::terms::Terms;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// A stop whose beginning moved begins so near to where it was said to begin.
const BECAME: SignedDuration = SignedDuration::from_mins(10);

/// Everything that was found, at one instant.
#[derive(Debug, Default)]
pub struct Findings {
    all: Vec<Arc<Found>>,
    by_id: BTreeMap<FindingId, Arc<Found>>,
    waiting: Vec<Arc<Found>>,
    unreported: Vec<Unreported>,
}

impl Findings {
    /// All of them, the newest first; those of one second by id.
    #[must_use]
    pub fn all(&self) -> &[Arc<Found>] {
        &self.all
    }

    /// Those that wait for the word of a party, in the same order.
    #[must_use]
    pub fn waiting(&self) -> &[Arc<Found>] {
        &self.waiting
    }

    /// The one that an id means.
    #[must_use]
    pub fn get(&self, id: &FindingId) -> Option<&Arc<Found>> {
        if let Some(exact) = self.by_id.get(id) {
            return Some(exact);
        }
        let (begin, _) = where_and_when(id)?;
        self.alike(begin).into_iter().find(|found| found.answers_to(id))
    }

    /// Those of one rule, place and kind of thing, the oldest first.
    fn alike(&self, begin: &str) -> Vec<&Arc<Found>> {
        let begin = format!("{begin}.");
        let Ok(first) = begin.parse::<FindingId>() else { return Vec::new() };
        let alike = self.by_id.range(first..).take_while(|(id, _)| id.as_str().starts_with(&begin));
        alike.map(|(_, found)| found).collect()
    }

    /// What an id may have become that means nothing any more: stops of the same target that begin near its instant.
    #[must_use]
    pub fn became(&self, id: &FindingId) -> Vec<&Arc<Found>> {
        let Some((begin, nanos)) = where_and_when(id) else { return Vec::new() };
        let Some((_, place)) = begin.split_once('.') else { return Vec::new() };
        let near = |found: &&Arc<Found>| {
            let first = found.finding.when.first().as_nanosecond();
            first.abs_diff(nanos) <= BECAME.as_nanos().unsigned_abs()
        };
        let of_rule = |rule: Rule| self.alike(&format!("{}.{place}", rule.word()));
        [Rule::R01, Rule::R02].into_iter().flat_map(of_rule).filter(near).collect()
    }

    /// What was detected and not reported, what is due first at the top.
    #[must_use]
    pub fn unreported(&self) -> &[Unreported] {
        &self.unreported
    }

    fn of(parts: &BTreeMap<SystemId, Part>) -> Self {
        let mut all: Vec<Arc<Found>> =
            parts.values().flat_map(|part| part.found.iter().map(Arc::clone)).collect();
        all.sort_by(|one, other| one.place().cmp(&other.place()));
        let by_id = all.iter().map(|found| (found.finding.id.clone(), Arc::clone(found))).collect();
        let waiting = all.iter().filter(|found| found.turn.is_some()).map(Arc::clone).collect();
        let mut unreported: Vec<Unreported> =
            parts.values().flat_map(|part| part.unreported.iter().cloned()).collect();
        unreported.sort_by_key(|one| (one.due, one.entry));
        Self { all, by_id, waiting, unreported }
    }
}

/// What was found of one system.
#[derive(Debug)]
struct Part {
    found: Vec<Arc<Found>>,
    unreported: Vec<Unreported>,
    /// The instant at which time alone changes it.
    until: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Kept {
    parts: BTreeMap<SystemId, Part>,
    whole: Option<Arc<Findings>>,
    /// What is to be made anew: whoever asks does it, so that entries are not held up by what nobody reads.
    stale: Stale,
}

#[derive(Debug, Default)]
enum Stale {
    #[default]
    All,
    Some(BTreeSet<SystemId>),
}

/// What is kept of it. A court that was copied or read from a file makes its roll anew.
#[derive(Debug, Default)]
pub(super) struct Roll(Mutex<Kept>);

impl Clone for Roll {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Roll {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&mut self) -> &mut Kept {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&mut self, system: &SystemId) {
        if let Stale::Some(stale) = &mut self.kept().stale
            && !stale.contains(system)
        {
            stale.insert(system.clone());
        }
    }

    fn forget_all(&mut self) {
        self.kept().stale = Stale::All;
    }
}

/// The kinds of facts from which something can be found: those the duties use on which findings weigh.
static TELLING: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let duties = Rule::ALL.into_iter().flat_map(|rule| rule.row().duties);
    let rows = duties.filter_map(|key| DutyId::parse(key).ok()).map(DutyId::row);
    rows.flat_map(|row| row.uses.iter().copied()).collect()
});

impl Court {
    /// Everything that was found.
    #[must_use]
    pub fn roll(&self, terms: &Terms) -> Arc<Findings> {
        let mut kept = self.roll.lock();
        let stale = std::mem::replace(&mut kept.stale, Stale::Some(BTreeSet::new()));
        let now = self.now;
        let is_good = |system: &SystemId, part: &Part| match &stale {
            Stale::All => false,
            Stale::Some(stale) => !stale.contains(system) && part.until.is_none_or(|until| now < until),
        };
        let before = kept.parts.len();
        kept.parts.retain(|system, part| self.places.contains_key(system) && is_good(system, part));
        let whole = kept.whole.take().filter(|_| kept.parts.len() == before && before == self.places.len());
        for (system, places) in &self.places {
            if !kept.parts.contains_key(system) {
                let case = Case::new(terms, (&self.evidence, &self.joins), system, places, now);
                kept.parts.insert(system.clone(), part(&case));
            }
        }
        let whole = whole.unwrap_or_else(|| Arc::new(Findings::of(&kept.parts)));
        kept.whole = Some(Arc::clone(&whole));
        whole
    }

    /// Forgets what an entry can have changed of the roll. `touched` are the systems whose requests it moved.
    pub(super) fn unroll(&mut self, entry: &Entry, reach: Reach, touched: &BTreeSet<SystemId>) {
        touched.iter().for_each(|system| self.roll.forget(system));
        let (fact, host) = match (&entry.body, &entry.host) {
            (Body::Fact(fact), Some(host)) => (fact, host),
            (Body::Act(_), _) | (Body::Fact(_), None) => return self.roll.forget_all(),
        };
        if is_of_a_probe(fact) || self.moves_a_probe(host, fact) {
            return self.roll.forget_all();
        }
        let Some(system) = self.system_of.get(host).cloned() else { return };
        let tells = match reach {
            Reach::Everything | Reach::EveryDutyAboutLife => true,
            Reach::EveryHostDuty | Reach::DutiesThatUse => TELLING.contains(fact.kind()),
        };
        if tells {
            self.roll.forget(&system);
        }
    }

    /// A reading of the clock of a host that probes: the stops it told of are believed otherwise.
    fn moves_a_probe(&self, host: &HostId, fact: &Fact) -> bool {
        matches!(fact, Fact::ClockStep(_) | Fact::ClockState(_)) && self.is_probe(host)
    }
}

fn part(case: &Case<'_>) -> Part {
    let found = super::reconciled::of_system(case).into_iter().map(|it| Arc::new(found::found(case, it)));
    Part { found: found.collect(), unreported: unreported::of_system(case), until: case.next_change() }
}
