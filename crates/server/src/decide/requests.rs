//! Requests at the door: the state machine of the contract says whether a step is allowed; the number is given here, in the
//! writer's turn, so that of a thousand who ask at once each gets his own.

use super::{Decision, LONGEST_TEXT, Refusal, check_text, known_system};
use jiff::Timestamp;
use yakujo_contract::act::Act;
use yakujo_contract::calendar::fiscal_year;
use yakujo_contract::court::Court;
use yakujo_contract::entry::Party;
use yakujo_contract::evidence::latest::Stamp;
use yakujo_contract::id::{EntryNumber, RequestId};
use yakujo_contract::request::flow::{By, Progress, WhyNot};
use yakujo_contract::request::{Filled, Step};

/// Gives a new request its number: the caller cannot know it before his turn has come.
pub fn number(court: &Court, decision: &mut Decision, now: Timestamp) {
    if let Act::RequestAsked { number, filled, .. } = &mut decision.act {
        *number = court.evidence().requests.next_number(&fiscal_year(now), filled.form);
    }
}

fn stamp(now: Timestamp) -> Stamp {
    Stamp { seq: 0, observed: now, received: now, entry: EntryNumber(u64::MAX) }
}

fn by(decision: &Decision) -> Result<By, Refusal> {
    let actor = decision.actor.as_ref().ok_or(Refusal::NotYours)?;
    Ok(By { person: actor.person.clone(), party: actor.role.party() })
}

/// Whether it may be asked now.
pub(super) fn check_asked(
    court: &Court,
    decision: &Decision,
    request: &RequestId,
    filled: &Filled,
    now: Timestamp,
) -> Result<(), Refusal> {
    if court.evidence().requests.get(request).is_some() {
        return Err(Refusal::Taken);
    }
    check_scope(court, filled)?;
    Progress::begin(by(decision)?, stamp(now), filled.clone())?;
    Ok(())
}

/// What is asked for exists, and what it refers to as well.
fn check_scope(court: &Court, filled: &Filled) -> Result<(), Refusal> {
    filled.scope.systems.iter().try_for_each(|system| known_system(court, system))?;
    let placed = |host| court.places().values().any(|hosts| hosts.contains_key(host));
    let linked = |request| court.evidence().requests.get(request).is_some();
    let known = filled.scope.hosts.iter().all(placed) && filled.links.iter().all(linked);
    if known { Ok(()) } else { Err(Refusal::NoSuchThing) }
}

/// Whether the step may be taken now.
pub(super) fn check_step(
    court: &Court,
    decision: &Decision,
    request: &RequestId,
    step: &Step,
    now: Timestamp,
) -> Result<(), Refusal> {
    let evidence = court.evidence();
    let known = evidence.requests.get(request).ok_or(Refusal::NoSuchThing)?;
    let mut progress = known.progress.as_ref().ok_or(Refusal::NoSuchThing)?.clone();
    if decision.newest.is_some() && decision.newest != known.newest() {
        return Err(Refusal::Stale);
    }
    if let Step::Resubmitted { filled } = step {
        check_scope(court, filled)?;
    }
    step_texts(step).into_iter().try_for_each(check_text)?;
    let rules = evidence.rules_for(&progress.filled.scope.systems, now);
    progress.follow(rules, &by(decision)?, stamp(now), step)?;
    Ok(())
}

fn step_texts(step: &Step) -> Vec<&str> {
    match step {
        Step::Consulted { record, .. } => vec![record],
        Step::Refused { reason, .. }
        | Step::Returned { reason }
        | Step::Withdrawn { reason }
        | Step::Revoked { reason, .. }
        | Step::Invoked { reason, .. } => vec![reason],
        Step::Approved { conditions, .. } => conditions.iter().map(String::as_str).collect(),
        Step::Consented { read_back, .. } => vec![read_back],
        Step::Done { result, .. } => vec![result],
        Step::Signed { remark, .. } | Step::Confirmed { remark } => {
            if remark.is_empty() {
                Vec::new()
            } else {
                vec![remark]
            }
        }
        // The form checks its own texts.
        Step::Received | Step::Resubmitted { .. } | Step::Countersigned { .. } | Step::Reported { .. } => {
            Vec::new()
        }
    }
}

/// Which party takes a step at all; who exactly, the state machine says.
pub(super) fn may_step(party: Party, step: &Step) -> bool {
    match step {
        Step::Consulted { .. }
        | Step::Signed { .. }
        | Step::Approved { .. }
        | Step::Refused { .. }
        | Step::Revoked { .. }
        | Step::Countersigned { .. }
        | Step::Confirmed { .. } => party == Party::City,
        Step::Consented { .. } | Step::Invoked { .. } | Step::Done { .. } | Step::Reported { .. } => {
            party == Party::Contractor
        }
        Step::Received | Step::Returned { .. } | Step::Resubmitted { .. } | Step::Withdrawn { .. } => {
            party != Party::Auditor
        }
    }
}

impl From<WhyNot> for Refusal {
    fn from(why: WhyNot) -> Self {
        Self::Step(why)
    }
}

const _: () = assert!(yakujo_contract::request::LONGEST_FIELD <= LONGEST_TEXT);
