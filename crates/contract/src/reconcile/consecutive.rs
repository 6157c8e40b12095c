//! Windows that follow each other without a hole: a stop that was prolonged in time is as approved, though no single
//! approval covers all of it. A prolongation counts from its decision; a hole between two windows stays a hole.

use super::{Fit, GENEROUS, Join, Question, fit, minus, number, plus};
use crate::evidence::requests::Grant;
use jiff::{SignedDuration, Timestamp};

/// From when to when one approval allows the act, and what it says.
struct Part {
    from: Timestamp,
    end: Timestamp,
    join: Join,
}

/// Several approvals without a hole between them.
struct Chain {
    from: Timestamp,
    end: Timestamp,
    joins: Vec<Join>,
}

/// What the approvals say together; none where no two of them follow each other about this act.
pub(super) fn join(question: &Question<'_>, grants: &[Grant<'_>]) -> Option<Join> {
    if question.tolerance > GENEROUS {
        return None;
    }
    let mut parts: Vec<Part> = grants.iter().filter_map(|grant| part(question, grant)).collect();
    parts.sort_by_key(|part| (part.from, part.end));
    let chains = chained(parts).into_iter().filter(|chain| chain.joins.len() > 1);
    chains.filter_map(|chain| of_chain(question, chain)).min_by_key(Join::nearness)
}

fn part(question: &Question<'_>, grant: &Grant<'_>) -> Option<Part> {
    let window = grant.window?;
    let join = match fit(question, grant) {
        Fit::Within => number(question, grant),
        Fit::ContentNotSeen | Fit::Outside(_) | Fit::NotAbout => return None,
    };
    if !matches!(join, Join::AsApproved(_) | Join::Waiting { .. }) {
        return None;
    }
    let from = window.from.max(grant.since);
    let end = grant.until.map_or(window.last(), |until| until.min(window.last()));
    (from < end).then_some(Part { from, end, join })
}

fn chained(parts: Vec<Part>) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for part in parts {
        match chains.last_mut().filter(|chain| part.from <= chain.end) {
            Some(chain) => {
                chain.end = chain.end.max(part.end);
                chain.joins.push(part.join);
            }
            None => chains.push(Chain { from: part.from, end: part.end, joins: vec![part.join] }),
        }
    }
    chains
}

fn of_chain(question: &Question<'_>, chain: Chain) -> Option<Join> {
    let (first, last) = (question.occurrence.when.first(), question.occurrence.when.last());
    let tolerance = question.tolerance;
    if last < minus(chain.from, tolerance) || first > plus(chain.end, tolerance) {
        return None;
    }
    let early = chain.from.duration_since(first).max(SignedDuration::ZERO);
    let late = last.duration_since(chain.end).max(SignedDuration::ZERO);
    let waiting = chain.joins.iter().find(|join| matches!(join, Join::Waiting { .. }));
    let said = waiting.or(chain.joins.first())?;
    if early <= tolerance && late <= tolerance {
        return Some(said.clone());
    }
    let request = chain.joins.last()?.request()?.clone();
    Some(Join::OutsideWindow { request, by_s: early.saturating_add(late).as_secs() })
}
