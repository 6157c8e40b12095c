//! Whether the watched files of a host stand as both parties agreed that they are right (2.1.f).
//!
//! A baseline is agreed once. From then on every change is joined with the approvals near it, and one that an approval or an
//! agreement covers carries the baseline on: nobody has to agree to each release twice. What nothing covers, a baseline
//! that was made anew, or other trees than those that were agreed on, need a new agreement.

use crate::act::{BaselineLine, Matter};
use crate::court::joins::Joins;
use crate::evidence::Evidence;
use crate::evidence::agreement::{Line, Stage};
use crate::evidence::latest::{Latest, Stamp};
use crate::fact::integrity::IntegrityBaseline;
use crate::finding::Finding;
use crate::id::{HostId, ProposalId, SystemId};
use crate::occurrence::Occurrence;
use crate::thing::Object;
use jiff::Timestamp;

/// Things that are watched files, or the watch itself.
const WATCHED: [Object; 5] = [Object::File, Object::Job, Object::HostKey, Object::Baseline, Object::Watch];

/// How the baseline of a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Stands<'a> {
    /// The host has told none.
    NotTold,
    /// Nobody has agreed to one.
    NotAgreed,
    /// It was put before the other party, which has not answered.
    Waiting(&'a ProposalId),
    /// Agreed, and made anew since, or of other trees.
    Anew(&'a ProposalId),
    /// Agreed, and since then changes were seen that nothing covers.
    Changed {
        /// The agreement.
        line: &'a ProposalId,
        /// The first of these changes.
        first: &'a Finding,
        /// How many things they are.
        count: u32,
    },
    /// Agreed; what changed since is covered by approvals and agreements.
    Agreed {
        /// The agreement.
        line: &'a ProposalId,
        /// When it was agreed.
        stamp: Stamp,
    },
}

/// How the baseline of a host stands.
pub fn stands<'a>(evidence: &'a Evidence, joins: &'a Joins, system: &SystemId, host: &HostId) -> Stands<'a> {
    let told = evidence.hosts.get(host).and_then(|host| host.baseline.as_ref());
    let Some(newest) = told else { return Stands::NotTold };
    let lines: Vec<(Line<'a>, &'a BaselineLine)> = evidence
        .agreements
        .of_host("baseline", system, host)
        .filter_map(|line| match line.matter {
            Matter::Baseline(baseline) => Some((line, baseline)),
            _ => None,
        })
        .collect();
    let state = agreed(evidence, joins, (system, host), newest, &lines);
    if matches!(state, Stands::Agreed { .. }) {
        return state;
    }
    let waits = lines.iter().filter(|(line, it)| line.stage == Stage::Open && it.tree == newest.value.tree);
    waits.max_by_key(|(line, _)| line.proposed).map_or(state, |(line, _)| Stands::Waiting(line.id))
}

fn agreed<'a>(
    evidence: &'a Evidence,
    joins: &'a Joins,
    (system, host): (&SystemId, &HostId),
    newest: &Latest<IntegrityBaseline>,
    lines: &[(Line<'a>, &'a BaselineLine)],
) -> Stands<'a> {
    let agreed = lines.iter().filter_map(|(line, baseline)| match line.stage {
        Stage::Agreed(stamp) => Some((line.id, stamp, *baseline)),
        Stage::Open | Stage::Refused | Stage::Ended => None,
    });
    let Some((line, stamp, baseline)) = agreed.max_by_key(|(_, stamp, it)| (it.seen, *stamp)) else {
        return Stands::NotAgreed;
    };
    let mut since = evidence.occurrences.between(host, baseline.seen, Timestamp::MAX);
    let lost = since.any(|((mark, object, _), _)| *object == Object::Baseline && *mark > baseline.seen);
    if lost || newest.value.roots != baseline.roots {
        return Stands::Anew(line);
    }
    // With the same digest over all of them, whatever happened in between was undone.
    let same = newest.value.tree == baseline.tree;
    let from = if same { newest.stamp.observed.max(baseline.seen) } else { baseline.seen };
    let open = joins.weighing(system).filter(|finding| {
        finding.host.as_ref() == Some(host)
            && WATCHED.contains(&finding.object)
            && finding.when.mark() > from
            && !is_undone(evidence, host, from, finding)
    });
    let open: Vec<&Finding> = open.collect();
    let count = open.iter().fold(0_u32, |sum, finding| sum.saturating_add(finding.count));
    match open.into_iter().min_by_key(|finding| finding.when.mark()) {
        Some(first) => Stands::Changed { line, first, count },
        None => Stands::Agreed { line, stamp },
    }
}

/// Everything of a finding is now as it was before the first change since the baseline, content, mode and owners: put back, or
/// gone again. Of what has no content that was told, a folder or a file too large, that is not known.
fn is_undone(evidence: &Evidence, host: &HostId, from: Timestamp, finding: &Finding) -> bool {
    let happened = evidence.occurrences.between(host, from, Timestamp::MAX).map(|(_, it)| it);
    let since: Vec<&Occurrence> =
        happened.filter(|it| it.object == finding.object && it.when.mark() > from).collect();
    let mark = finding.when.mark();
    let mut of_finding = since.iter().filter(|it| it.when.mark() == mark).peekable();
    of_finding.peek().is_some()
        && of_finding.all(|it| {
            let of_it: Vec<&&Occurrence> = since.iter().filter(|other| other.name == it.name).collect();
            let told = of_it.iter().all(|it| it.before() != it.after());
            let (first, last) =
                (of_it.first().and_then(|it| it.before()), of_it.last().and_then(|it| it.after()));
            told && first.is_some() && first == last
        })
}
