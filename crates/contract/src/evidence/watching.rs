//! What probes saw: for each target and probe the times it stood as promised and the times it did not, and for each probe
//! the times it was cut off itself. What several probes say together is worked out in [`crate::outage`].
//!
//! Facts of one state continue each other, so a year without a stop is one span, whatever order its facts come in.

use super::latest::Stamp;
use crate::entry::Author;
use crate::fact::Fact;
use crate::fact::probe::{Availability, Blindness, Fault, ProbeAvailability, ProbeBlind, ProbeWatch};
use crate::id::{EntryNumber, ProbeId, TargetId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Spans are kept so long before the newest one of their target.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Most spans of one state of one target by one probe: enough for three turns an hour, all the time.
const MOST_SPANS: usize = 4_096 * 7;
/// Most targets that are remembered: a probe may tell of what was agreed later, but not of anything without end.
const MOST_TARGETS: usize = 20_000;
/// Entries kept of one span: its first ones and its last ones.
const ENTRIES_KEPT: usize = 8;

/// Spans of time that do not overlap; those that touch are one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spans<T>(BTreeMap<Timestamp, (Timestamp, T)>);

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// What is told of a span can be put together, in any order.
pub trait Joined: Sized {
    /// Puts the word about two parts together; which comes first does not matter.
    fn join(one: Self, other: Self) -> Self;
}

impl Joined for () {
    fn join(_: Self, _: Self) {}
}

/// What is told of a time of trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Tries.
    pub tries: u32,
    /// Tries that failed.
    pub failed: u32,
    /// What was wrong at first: since when, and the entry that said so.
    pub first: (Timestamp, EntryNumber, Option<Fault>, String),
    /// The first and the last entries that say so.
    pub entries: BTreeSet<EntryNumber>,
}

impl Joined for Trouble {
    fn join(one: Self, other: Self) -> Self {
        let mut entries = one.entries;
        entries.extend(other.entries);
        Self {
            tries: one.tries.saturating_add(other.tries),
            failed: one.failed.saturating_add(other.failed),
            first: one.first.min(other.first),
            entries: ends(entries),
        }
    }
}

/// The first and the last of many entries.
pub(crate) fn ends(entries: BTreeSet<EntryNumber>) -> BTreeSet<EntryNumber> {
    if entries.len() <= ENTRIES_KEPT * 2 {
        return entries;
    }
    let first = entries.iter().take(ENTRIES_KEPT).copied();
    let last = entries.iter().rev().take(ENTRIES_KEPT).copied();
    first.chain(last).collect()
}

impl<T: Joined> Spans<T> {
    /// Adds a span.
    pub fn add(&mut self, from: Timestamp, to: Timestamp, what: T) {
        if from > to {
            return;
        }
        let (mut from, mut to, mut what) = (from, to, what);
        // Whatever begins at or before its end, and ends at or after its beginning, is one with it.
        while let Some((known, (until, _))) = self.0.range(..=to).next_back() {
            if *until < from {
                break;
            }
            let known = *known;
            let Some((until, other)) = self.0.remove(&known) else { break };
            what = T::join(other, what);
            (from, to) = (from.min(known), to.max(until));
        }
        self.0.insert(from, (to, what));
        while self.0.len() > MOST_SPANS {
            self.0.pop_first();
        }
    }

    /// Forgets what lies before an instant.
    fn forget_before(&mut self, cut: Timestamp) {
        while let Some(first) = self.0.first_entry().filter(|first| *first.key() < cut) {
            let (to, what) = first.remove();
            if to >= cut {
                self.add(cut, to, what);
            }
        }
    }

    /// The spans, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Timestamp, Timestamp, &T)> {
        self.0.iter().map(|(from, (to, what))| (*from, *to, what))
    }

    /// The spans that touch a period.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp, &T)> {
        // Spans do not overlap: only the last one that begins before the period can reach into it.
        let begin = self.0.range(..from).next_back().map_or(from, |(begin, _)| *begin);
        let spans = (begin <= to).then(|| self.0.range(begin..=to)).into_iter().flatten();
        let spans = spans.map(|(begin, (end, what))| (*begin, *end, what));
        spans.filter(move |(_, end, _)| *end >= from)
    }
}

/// One target as one probe saw it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Seen {
    /// As promised.
    pub up: Spans<()>,
    /// Restricted.
    pub restricted: Spans<Trouble>,
    /// Down.
    pub down: Spans<Trouble>,
    /// The newest word: until when, how, and in which entry.
    pub newest: Option<(Timestamp, Availability, EntryNumber)>,
    /// 95th percentile of the answers when they were last told, ms.
    pub p95_ms: Option<(Timestamp, u32)>,
    /// When the probe last said that it cannot try the target, and why.
    pub cannot: Option<(Timestamp, String)>,
}

impl Seen {
    /// Since when it stood so, the last time it did.
    #[must_use]
    pub fn since(&self, state: Availability) -> Option<Timestamp> {
        match state {
            Availability::Up => self.up.iter().next_back().map(|(from, _, ())| from),
            Availability::Restricted => self.restricted.iter().next_back().map(|(from, _, _)| from),
            Availability::Down => self.down.iter().next_back().map(|(from, _, _)| from),
        }
    }

    fn saw(&mut self, to: Timestamp, state: Availability, entry: EntryNumber, p95_ms: Option<u32>) {
        self.newest = self.newest.max(Some((to, state, entry)));
        let told = p95_ms.map(|p95| (to, p95));
        self.p95_ms = self.p95_ms.max(told);
        let newest = self.newest.map_or(to, |(newest, _, _)| newest);
        let cut = newest.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        self.up.forget_before(cut);
        self.restricted.forget_before(cut);
        self.down.forget_before(cut);
    }
}

/// Everything probes told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Watching {
    targets: BTreeMap<TargetId, BTreeMap<ProbeId, Seen>>,
    blind: BTreeMap<ProbeId, Spans<Blind>>,
}

/// What is told of a time in which a probe was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// How it knew at first: since when, and the entry that said so.
    pub first: (Timestamp, EntryNumber, Blindness),
    /// The entries that say so.
    pub entries: BTreeSet<EntryNumber>,
}

impl Joined for Blind {
    fn join(one: Self, other: Self) -> Self {
        let mut entries = one.entries;
        entries.extend(other.entries);
        Self { first: one.first.min(other.first), entries: ends(entries) }
    }
}

/// The probe an author is, if it is one.
#[must_use]
pub fn probe_of(author: &Author) -> Option<ProbeId> {
    match author {
        Author::Server => Some(ProbeId::server()),
        Author::Agent(host) => ProbeId::of_host(host),
        Author::Person { .. } => None,
    }
}

impl Watching {
    pub(super) fn enter(&mut self, stamp: Stamp, author: &Author, fact: &Fact) {
        let Some(probe) = probe_of(author) else { return };
        match fact {
            Fact::ProbeAvailability(stood) => self.stood(stamp, probe, stood),
            Fact::ProbeWatch(watch) => self.watched(stamp, &probe, watch),
            Fact::ProbeBlind(blind) => self.was_blind(stamp, probe, blind),
            // Not of a probe that watches targets.
            _ => {}
        }
        while self.targets.len() > MOST_TARGETS {
            self.targets.pop_last();
        }
    }

    fn stood(&mut self, stamp: Stamp, probe: ProbeId, stood: &ProbeAvailability) {
        // Nobody saw the future.
        let (from, to) = (stood.from.min(stamp.received), stood.to.min(stamp.received));
        let seen = self.targets.entry(stood.target.clone()).or_default().entry(probe).or_default();
        let trouble = Trouble {
            tries: stood.tries,
            failed: stood.failed,
            first: (from, stamp.entry, stood.why, stood.detail.clone()),
            entries: BTreeSet::from([stamp.entry]),
        };
        match stood.state {
            Availability::Up => seen.up.add(from, to, ()),
            Availability::Restricted => seen.restricted.add(from, to, trouble),
            Availability::Down => seen.down.add(from, to, trouble),
        }
        seen.saw(to, stood.state, stamp.entry, stood.p95_ms);
    }

    fn watched(&mut self, stamp: Stamp, probe: &ProbeId, watch: &ProbeWatch) {
        let (from, to) = (watch.from.min(stamp.received), watch.to.min(stamp.received));
        for (target, p95_ms) in &watch.up {
            let seen = self.targets.entry(target.clone()).or_default().entry(probe.clone()).or_default();
            seen.up.add(from, to, ());
            seen.saw(to, Availability::Up, stamp.entry, Some(*p95_ms));
        }
        for (target, why) in &watch.cannot {
            let seen = self.targets.entry(target.clone()).or_default().entry(probe.clone()).or_default();
            seen.cannot = seen.cannot.take().max(Some((to, why.clone())));
        }
    }

    fn was_blind(&mut self, stamp: Stamp, probe: ProbeId, blind: &ProbeBlind) {
        let (from, to) = (blind.from.min(stamp.received), blind.to.min(stamp.received));
        let spans = self.blind.entry(probe).or_default();
        let first = (from, stamp.entry, blind.why);
        spans.add(from, to, Blind { first, entries: BTreeSet::from([stamp.entry]) });
        let newest = spans.iter().next_back().map_or(to, |(_, to, _)| to);
        spans.forget_before(newest.checked_sub(KEPT).unwrap_or(Timestamp::MIN));
    }

    /// A target as each probe saw it.
    pub fn of(&self, target: &TargetId) -> impl Iterator<Item = (&ProbeId, &Seen)> {
        self.targets.get(target).into_iter().flatten()
    }

    /// When a probe was cut off.
    #[must_use]
    pub fn blind(&self, probe: &ProbeId) -> Option<&Spans<Blind>> {
        self.blind.get(probe)
    }
}
