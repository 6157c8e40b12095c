//! What waits too long or was never worth anything: answers that are due, approvals that are void, standing approvals used
//! beyond their terms. Shown against either party: the city's delay as plainly as the contractor's.

use crate::case::Case;
use crate::entry::Party;
use crate::evidence::requests::Request;
use crate::finding::{Finding, Rule};
use crate::id::{EntryNumber, RequestId};
use crate::occurrence::{When, finding_id};
use crate::parameter::ParameterId;
use crate::reconcile::{Beyond, Join, Missing};
use crate::request::Step;
use crate::request::flow::{Progress, State};
use crate::request::form::Path;
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};

const P19: ParameterId = ParameterId::new(19);

/// of one system.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, request) in case.evidence.requests.of_system(case.system) {
        found.extend(void(case, id, request));
        let Some(progress) = &request.progress else { continue };
        found.extend(used_beyond(case, id, progress));
        found.extend(answer_late(case, id, progress));
    }
    found
}

fn found(
    case: &Case<'_>,
    rule: Rule,
    id: &RequestId,
    at: Timestamp,
    join: Join,
    entry: EntryNumber,
) -> Finding {
    Finding {
        id: finding_id(rule, id.as_str(), Object::Target, at),
        rule,
        system: case.system.clone(),
        host: None,
        object: Object::Target,
        names: vec![id.to_string()],
        count: 1,
        join,
        when: When::Between { earliest: Some(at), latest: at },
        since: at,
        entries: vec![entry],
        by: None,
        against: Party::Contractor,
    }
}

/// a step that looked like a decision and was none.
fn void(case: &Case<'_>, id: &RequestId, request: &Request) -> Vec<Finding> {
    let pretended = request.steps().filter(|(stamp, _, step)| {
        request.void.contains(&stamp.entry) && matches!(step, Step::Approved { .. } | Step::Signed { .. })
    });
    let one = |stamp: &crate::evidence::latest::Stamp| Finding {
        against: Party::City,
        ..found(
            case,
            Rule::R20,
            id,
            stamp.received,
            Join::NotApproved(Missing::Revoked(id.clone())),
            stamp.entry,
        )
    };
    pretended.map(|(stamp, _, _)| one(stamp)).collect()
}

/// a standing approval used more often than agreed, or without the report that was agreed.
fn used_beyond(case: &Case<'_>, id: &RequestId, progress: &Progress) -> Vec<Finding> {
    let Some(terms) = &progress.filled.standing else { return Vec::new() };
    let mut all = Vec::new();
    for (number, used) in (1_u32..).zip(&progress.uses) {
        let (at, entry) = (used.at, used.stamp.entry);
        if number > terms.uses {
            let join = Join::OutsideScope { request: id.clone(), beyond: Beyond::Uses };
            all.push(found(case, Rule::R19, id, at, join, entry));
            continue;
        }
        let due = at
            .saturating_add(SignedDuration::from_hours(i64::from(terms.report_h)))
            .unwrap_or(Timestamp::MAX);
        let late = match used.reported {
            Some(stamp) => stamp.received > due,
            None => case.passed(due),
        };
        if late {
            all.push(found(case, Rule::R19, id, at, Join::Late { request: Some(id.clone()), due }, entry));
        }
    }
    all
}

/// nobody answered in time: a request that waits, one that was given back, a report that waits for its confirmation.
fn answer_late(case: &Case<'_>, id: &RequestId, progress: &Progress) -> Option<Finding> {
    let against = progress.turn()?;
    let answer_by = |from| case.after_open_days(from, case.measure(P19, "decide_bd").value).at;
    let waits = progress.state.is_open() && progress.settled_by_talk().is_none();
    let (from, due) = match (progress.state, progress.form().row().path) {
        (_, Path::Delivery) if waits => (progress.handed_in, progress.filled.moment("due")?),
        // A report that was given back: whoever made it makes it again.
        (State::Received, Path::Report) if against == progress.by.party => {
            (progress.since, answer_by(progress.since.received))
        }
        _ if waits => (progress.handed_in, answer_by(progress.handed_in.received)),
        (State::Returned | State::Reported, _) => (progress.since, answer_by(progress.since.received)),
        _ => return None,
    };
    let join = Join::Late { request: Some(id.clone()), due };
    let finding = found(case, Rule::R23, id, from.received, join, from.entry);
    case.passed(due).then_some(Finding { against, since: due, ..finding })
}
