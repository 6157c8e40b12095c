//! When a system was stopped or restricted, as its probes say together (7.a, R-01, R-02).
//!
//! A stop counts where two probes agree. Each has to have seen it by itself for as long as both parties agreed (P-20), and
//! where they overlap the system was down: from the later first failure to the earlier last one, so that nobody is accused
//! of a minute that no two probes saw. What one probe alone saw is a candidate, which a person looks into; what was
//! shorter is a blip; while a probe's own network was cut it saw nothing, and while no probe watched nothing is known.

use crate::evidence::Evidence;
use crate::evidence::agreement::Watched;
use crate::evidence::watching::{Seen, Spans, Trouble, ends};
use crate::fact::probe::{Availability, Fault};
use crate::id::{EntryNumber, HostId, ProbeId, SystemId, TargetId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What counts as a stop (P-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// At least so long.
    pub stop: SignedDuration,
    /// At least so many tries failed.
    pub tries: u32,
}

/// What an observed interval weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// Two probes agree, and it was long enough: it happened.
    Agreed,
    /// Long enough, but seen by one probe only: 未確認.
    OneProbe,
    /// Shorter than what both parties call a stop.
    Blip,
}

/// An interval in which a target did not stand as promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The target.
    pub target: TargetId,
    /// Its system.
    pub system: SystemId,
    /// `Down` or `Restricted`.
    pub state: Availability,
    /// It had begun by then.
    pub from: Timestamp,
    /// It lasted at least until then; none while it lasts.
    pub to: Option<Timestamp>,
    /// The last instant at which it was seen: equals `to` once it has ended.
    pub seen_to: Timestamp,
    /// Whether it counts.
    pub weight: Weight,
    /// The probes that saw it.
    pub probes: BTreeSet<ProbeId>,
    /// Tries that failed, by the probe that saw the fewest.
    pub failed: u32,
    /// What was wrong at first.
    pub why: Option<Fault>,
    /// More about it, in plain English.
    pub detail: String,
    /// `from` and `to` may be off by so much: twice the largest known offset of the clocks of these probes.
    pub tolerance: SignedDuration,
    /// The first and the last entries that say so.
    pub entries: BTreeSet<EntryNumber>,
}

/// A time in which too few probes watched a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The target.
    pub target: TargetId,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
}

/// How a target stands, as its probes say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Two probes or more say so.
    As(Availability),
    /// One probe sees trouble that the others do not.
    Differ,
    /// Only one probe watches; it sees this.
    OneProbe(Availability),
    /// Nobody watches.
    Nobody,
}

/// What a probe said longer ago than this is no longer how a target stands: two rounds of `probe.watch`.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// A clock that is called good is within this (P-18); none is known better.
const CLOCK_AT_BEST: SignedDuration = SignedDuration::from_millis(500);
/// A clock nobody measured may be off by the most that is no breach (P-18).
const CLOCK_NOT_MEASURED: SignedDuration = SignedDuration::from_secs(5);
/// A target in trouble is tried again after at most so long.
pub const RETRY_S: u32 = 10;
/// A try takes at most so long.
pub const TRY_LASTS_S: u32 = 10;
/// Probes tell that all is well so often. Nothing newer is known of a target whose probes live.
pub const WATCH_EVERY_S: u32 = 300;

impl Evidence {
    /// The outages of a system by all its targets, oldest first.
    #[must_use]
    pub fn outages_of(&self, system: &SystemId, threshold: Threshold) -> Vec<Outage> {
        let targets = self.agreements.targets().filter(|watched| watched.target.system == *system);
        let mut outages: Vec<Outage> =
            targets.flat_map(|watched| self.outages_of_target(&watched, threshold)).collect();
        outages.sort_by(|one, other| (one.from, &one.target).cmp(&(other.from, &other.target)));
        outages
    }

    /// The outages of one target, oldest first.
    #[must_use]
    pub fn outages_of_target(&self, watched: &Watched<'_>, threshold: Threshold) -> Vec<Outage> {
        let probes: Vec<ProbeRuns> = self.runs_of(watched);
        let long = |run: &&Run| run.is_stop(threshold);
        let mut down: Vec<Found> = Vec::new();
        let mut troubled: Vec<Found> = Vec::new();
        for (index, one) in probes.iter().enumerate() {
            for other in probes.iter().skip(index.saturating_add(1)) {
                down.extend(overlaps(one.down.iter().filter(long), other.down.iter().filter(long)));
                troubled
                    .extend(overlaps(one.troubled.iter().filter(long), other.troubled.iter().filter(long)));
            }
        }
        let down = united(down);
        let restricted = united(troubled).into_iter().flat_map(|found| without(found, &down, threshold));
        let mut found: Vec<Found> = restricted.collect();
        found.extend(down);
        let alone: Vec<Found> = probes
            .iter()
            .flat_map(|probe| &probe.troubled)
            .flat_map(|run| alone(run, &found, threshold))
            .collect();
        found.extend(alone);
        let mut outages: Vec<Outage> = found.into_iter().map(|found| self.outage(watched, found)).collect();
        outages.sort_by_key(|outage| (outage.from, outage.state));
        outages
    }

    /// When fewer than so many of its probes watched a target, within a period, from when it was agreed on.
    #[must_use]
    pub fn gaps_of(
        &self,
        watched: &Watched<'_>,
        from: Timestamp,
        to: Timestamp,
        at_least: usize,
    ) -> Vec<Gap> {
        let from = from.max(watched.since.received);
        let to = watched.ended.map_or(to, |ended| to.min(ended.received));
        let mut changes: Vec<(Timestamp, i32)> = Vec::new();
        for (probe, seen) in self.seen_by_its_probes(watched) {
            for (begin, end) in coverage(seen, self.watching.blind(probe), slack(watched)) {
                changes.push((begin, 1));
                changes.push((end, -1));
            }
        }
        changes.push((to, 0));
        changes.sort_by_key(|(at, by)| (*at, -by));
        let (mut depth, mut begin, mut gaps) = (0_i32, from, Vec::<(Timestamp, Timestamp)>::new());
        for (at, by) in changes {
            let at = at.clamp(from, to.max(from));
            let thin = usize::try_from(depth).unwrap_or_default() < at_least;
            match gaps.last_mut() {
                Some((_, end)) if thin && *end == begin => *end = at,
                _ if thin && at > begin => gaps.push((begin, at)),
                _ => {}
            }
            depth = depth.saturating_add(by);
            begin = at;
        }
        // Until the first try was due nobody was late.
        let slack = slack(watched);
        gaps.retain(|(from, to)| to.duration_since(*from) > slack);
        let gap = |(from, to)| Gap { target: watched.target.target.clone(), from, to };
        gaps.into_iter().map(gap).collect()
    }

    /// Until when so many of its probes watched a target: the instant behind which the picture is stale.
    #[must_use]
    pub fn watched_until(&self, watched: &Watched<'_>, at_least: usize) -> Option<Timestamp> {
        let mut newest: Vec<Timestamp> =
            self.seen_by_its_probes(watched).filter_map(|(_, seen)| Some(seen.newest?.0)).collect();
        newest.sort_unstable();
        newest.into_iter().rev().nth(at_least.saturating_sub(1))
    }

    /// How a target stands at an instant, as its probes say together, and since when.
    #[must_use]
    pub fn stands(&self, watched: &Watched<'_>, at: Timestamp) -> (Stands, Option<Timestamp>) {
        let mut sights: Vec<(Availability, Timestamp)> = Vec::new();
        for (probe, seen) in self.seen_by_its_probes(watched) {
            let Some((to, state, _)) = seen.newest else { continue };
            let cut = self.watching.blind(probe).and_then(|blind| blind.iter().next_back());
            let is_cut = cut.is_some_and(|(_, cut, _)| cut > to);
            if !is_cut && at.duration_since(to) <= FRESH {
                sights.push((state, seen.since(state).unwrap_or(to)));
            }
        }
        let since = |states: &[Availability]| {
            sights.iter().filter(|(state, _)| states.contains(state)).map(|(_, since)| *since).max()
        };
        let count = |state| sights.iter().filter(|(seen, _)| *seen == state).count();
        let (down, restricted) = (count(Availability::Down), count(Availability::Restricted));
        let troubled = [Availability::Down, Availability::Restricted];
        match (sights.as_slice(), down, down.saturating_add(restricted)) {
            ([], _, _) => (Stands::Nobody, None),
            ([(state, since)], _, _) => (Stands::OneProbe(*state), Some(*since)),
            (_, 2.., _) => (Stands::As(Availability::Down), since(&[Availability::Down])),
            (_, _, 2..) => (Stands::As(Availability::Restricted), since(&troubled)),
            (_, _, 1) => (Stands::Differ, since(&troubled)),
            (_, _, 0) => (Stands::As(Availability::Up), since(&[Availability::Up])),
        }
    }

    fn seen_by_its_probes<'a>(
        &'a self,
        watched: &Watched<'a>,
    ) -> impl Iterator<Item = (&'a ProbeId, &'a Seen)> {
        let target = watched.target;
        self.watching.of(&target.target).filter(|(probe, _)| target.probes.contains(probe))
    }

    fn runs_of(&self, watched: &Watched<'_>) -> Vec<ProbeRuns> {
        let slack = slack(watched);
        let began = watched.since.received;
        let seen = self.seen_by_its_probes(watched);
        seen.map(|(probe, seen)| ProbeRuns::of(probe, seen, self.watching.blind(probe), slack, began))
            .collect()
    }

    fn outage(&self, watched: &Watched<'_>, found: Found) -> Outage {
        let offset = found.run.probes.iter().map(|probe| self.clock_of(probe)).max().unwrap_or(CLOCK_AT_BEST);
        let run = found.run;
        Outage {
            target: watched.target.target.clone(),
            system: watched.target.system.clone(),
            state: run.state,
            from: run.from,
            to: if run.open { None } else { Some(run.to) },
            seen_to: run.to,
            weight: found.weight,
            probes: run.probes,
            failed: run.failed,
            why: run.first.2,
            detail: run.first.3,
            tolerance: offset.checked_add(offset).unwrap_or(SignedDuration::MAX),
            entries: run.entries,
        }
    }

    /// How far the clock of a probe may be off. The server's is the one the ledger counts by.
    pub(crate) fn clock_of(&self, probe: &ProbeId) -> SignedDuration {
        if *probe == ProbeId::server() {
            return CLOCK_AT_BEST;
        }
        let host: Option<HostId> = probe.as_str().parse().ok();
        let clock = host.and_then(|host| self.hosts.get(&host)).and_then(|host| host.clock.as_ref());
        let measured = clock.and_then(|clock| clock.value.measured_offset_us);
        measured
            .map_or(CLOCK_NOT_MEASURED, |offset| SignedDuration::from_micros(offset).abs().max(CLOCK_AT_BEST))
    }
}

/// Two facts of one probe that are no further apart than this had no try between them.
fn slack(watched: &Watched<'_>) -> SignedDuration {
    let pause = watched.target.every_s.max(RETRY_S).saturating_add(TRY_LASTS_S);
    SignedDuration::from_secs(i64::from(pause).saturating_mul(2))
}

/// A time of trouble of one probe, or of several together.
#[derive(Debug, Clone)]
struct Run {
    state: Availability,
    from: Timestamp,
    to: Timestamp,
    open: bool,
    probes: BTreeSet<ProbeId>,
    /// Tries that failed, by the probe that saw the fewest.
    failed: u32,
    first: (Timestamp, EntryNumber, Option<Fault>, String),
    entries: BTreeSet<EntryNumber>,
}

impl Run {
    fn is_stop(&self, threshold: Threshold) -> bool {
        self.to.duration_since(self.from) >= threshold.stop && self.failed >= threshold.tries
    }

    /// Both at once, or one after the other: whatever is the same for a run of one and of two probes.
    fn with(&self, other: &Self, from: Timestamp, to: Timestamp) -> Self {
        let entries = self.entries.union(&other.entries).copied().collect();
        Self {
            state: self.state.max(other.state),
            from,
            to,
            open: self.open && other.open,
            probes: self.probes.union(&other.probes).cloned().collect(),
            failed: self.failed.min(other.failed),
            first: self.first.clone().min(other.first.clone()),
            entries: ends(entries),
        }
    }
}

#[derive(Debug, Clone)]
struct Found {
    run: Run,
    weight: Weight,
}

/// What one probe saw of one target: each list is in order and without overlaps.
struct ProbeRuns {
    down: Vec<Run>,
    /// Down or restricted, without a break.
    troubled: Vec<Run>,
}

impl ProbeRuns {
    fn of(
        probe: &ProbeId,
        seen: &Seen,
        blind: Option<&Spans<crate::evidence::watching::Blind>>,
        slack: SignedDuration,
        began: Timestamp,
    ) -> Self {
        let newest = seen.newest.map(|(at, _, _)| at);
        let all = |spans: &Spans<Trouble>, state| -> Vec<Run> {
            let parts = spans.iter().filter(|(_, to, _)| *to >= began);
            parts
                .flat_map(|(from, to, trouble)| {
                    seeing(from.max(began), to, blind).into_iter().map(move |it| (it, trouble))
                })
                .map(|((from, to), trouble)| Run {
                    state,
                    from,
                    to,
                    open: newest == Some(to),
                    probes: BTreeSet::from([probe.clone()]),
                    failed: trouble.failed,
                    first: trouble.first.clone(),
                    entries: trouble.entries.clone(),
                })
                .collect()
        };
        let down = all(&seen.down, Availability::Down);
        let mut both = all(&seen.restricted, Availability::Restricted);
        both.extend(down.iter().cloned());
        both.sort_by_key(|run| (run.from, run.to));
        let unbroken = |from: Timestamp, to: Timestamp| {
            let answered = seen.up.within(from, to).next().is_some();
            let cut = blind.is_some_and(|blind| blind.within(from, to).next().is_some());
            to.duration_since(from) <= slack && !answered && !cut
        };
        // A try that gave another trouble between two of one kind stands in `both` as well: there it is one run.
        let other = |from, to| unbroken(from, to) && seen.restricted.within(from, to).next().is_none();
        Self { down: chained(down, other), troubled: chained(both, unbroken) }
    }
}

/// Runs with nothing between them are one: a probe that was started anew goes on where it stopped.
fn chained(runs: Vec<Run>, unbroken: impl Fn(Timestamp, Timestamp) -> bool) -> Vec<Run> {
    let mut chained: Vec<Run> = Vec::new();
    for run in runs {
        match chained.last_mut() {
            Some(last) if run.from <= last.to || unbroken(last.to, run.from) => {
                let mut one = last.with(&run, last.from, last.to.max(run.to));
                one.open = last.open || run.open;
                one.failed = last.failed.saturating_add(run.failed);
                *last = one;
            }
            _ => chained.push(run),
        }
    }
    chained
}

/// The parts of a span in which the probe was not cut off itself.
fn seeing(
    from: Timestamp,
    to: Timestamp,
    blind: Option<&Spans<crate::evidence::watching::Blind>>,
) -> Vec<(Timestamp, Timestamp)> {
    let (mut begin, mut parts) = (from, Vec::new());
    for (cut, back, _) in blind.into_iter().flat_map(|blind| blind.within(from, to)) {
        if cut > begin {
            parts.push((begin, cut));
        }
        begin = begin.max(back);
    }
    let whole = parts.is_empty() && begin == from;
    if begin < to || whole {
        parts.push((begin, to));
    }
    parts
}

/// When a probe watched a target: from each span until the next try was due.
fn coverage(
    seen: &Seen,
    blind: Option<&Spans<crate::evidence::watching::Blind>>,
    slack: SignedDuration,
) -> Vec<(Timestamp, Timestamp)> {
    let mut spans: Vec<(Timestamp, Timestamp)> = seen.up.iter().map(|(from, to, ())| (from, to)).collect();
    for troubled in [&seen.down, &seen.restricted] {
        spans.extend(troubled.iter().map(|(from, to, _)| (from, to)));
    }
    spans.sort_unstable();
    let mut covered: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in spans {
        match covered.last_mut() {
            Some(last) if from.duration_since(last.1) <= slack => last.1 = last.1.max(to),
            _ => covered.push((from, to)),
        }
    }
    covered.into_iter().flat_map(|(from, to)| seeing(from, to, blind)).collect()
}

/// Where two probes agree.
fn overlaps<'a>(one: impl Iterator<Item = &'a Run>, other: impl Iterator<Item = &'a Run>) -> Vec<Found> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    let mut found = Vec::new();
    while let (Some(left), Some(right)) = (one.peek(), other.peek()) {
        let (from, to) = (left.from.max(right.from), left.to.min(right.to));
        if from <= to {
            let mut run = left.with(right, from, to);
            // It began when the later of the two saw it: his is the cause.
            run.first = left.first.clone().max(right.first.clone());
            found.push(Found { run, weight: Weight::Agreed });
        }
        if left.to <= right.to {
            one.next();
        } else {
            other.next();
        }
    }
    found
}

/// What three probes see by twos is one outage.
fn united(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|found| (found.run.from, found.run.to));
    let mut united: Vec<Found> = Vec::new();
    for next in found {
        match united.last_mut() {
            Some(last) if next.run.from <= last.run.to => {
                let (from, to) = (last.run.from, last.run.to.max(next.run.to));
                let open = last.run.open || next.run.open;
                last.run = last.run.with(&next.run, from, to);
                last.run.open = open;
            }
            _ => united.push(next),
        }
    }
    united
}

/// What is left of a restriction beside the stops within it.
fn without(found: Found, down: &[Found], threshold: Threshold) -> Vec<Found> {
    let mut left = vec![found];
    for stop in down {
        left = left.into_iter().flat_map(|found| apart(found, stop.run.from, stop.run.to)).collect();
    }
    left.retain(|found| found.run.to.duration_since(found.run.from) >= threshold.stop);
    for part in &mut left {
        part.run.state = Availability::Restricted;
    }
    left
}

fn apart(found: Found, from: Timestamp, to: Timestamp) -> Vec<Found> {
    let run = &found.run;
    if to < run.from || from > run.to {
        return vec![found];
    }
    let part = |from, to, open| Found { run: Run { from, to, open, ..run.clone() }, weight: found.weight };
    let before = (run.from < from).then(|| part(run.from, from, false));
    let after = (run.to > to).then(|| part(to, run.to, run.open));
    before.into_iter().chain(after).collect()
}

/// What of a run no other probe saw: a blip, or a candidate.
fn alone(run: &Run, agreed: &[Found], threshold: Threshold) -> Vec<Found> {
    let touches = |found: &&Found| found.run.from <= run.to && found.run.to >= run.from;
    let seen_by_two: Vec<&Found> = agreed.iter().filter(touches).collect();
    if !run.is_stop(threshold) {
        let blip = Found { run: run.clone(), weight: Weight::Blip };
        return if seen_by_two.is_empty() { vec![blip] } else { Vec::new() };
    }
    let mut left = vec![Found { run: run.clone(), weight: Weight::OneProbe }];
    for other in seen_by_two {
        left = left.into_iter().flat_map(|found| apart(found, other.run.from, other.run.to)).collect();
    }
    left.retain(|found| found.run.to.duration_since(found.run.from) >= threshold.stop);
    left
}
