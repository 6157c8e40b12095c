//! The measures against failures that the contractor stated (F-17): one rule for the three duties of 3.3.

use crate::case::Case;
use crate::evidence::latest::Stamp;
use crate::request::RequestNumber;
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::SignedDuration;

/// After a failure the measures are looked at again within so many open days (obligations, 3.3).
const AFTER_FAILURE_BD: i64 = 20;
/// A statement, and a drill, is a year old at most.
const YEAR: SignedDuration = SignedDuration::from_hours(24 * 366);

/// The statement in force.
pub(super) struct Stated<'a> {
    /// Its number.
    pub number: &'a RequestNumber,
    /// How far it has come.
    pub progress: &'a Progress,
}

impl Stated<'_> {
    /// 適合, resting on the statement the city took in.
    pub(super) fn kept(&self, what: &Sentence) -> Verdict {
        let number = self.number;
        Verdict::kept(Sentence::new(
            format!("{}が {number} で明示され、市が受け付けています。", what.ja),
            format!("The {} are stated in {number}, which the city took in.", what.en),
        ))
        .with_evidence(EvidenceClass::E3, [self.progress.handed_in.entry, self.progress.since.entry])
    }

    /// 未確認, because what was stated is not seen.
    pub(super) fn not_seen(&self, cause: Sentence, next: Sentence) -> Verdict {
        Verdict::unknown(cause, next).with_evidence(EvidenceClass::E3, [self.progress.handed_in.entry])
    }

    /// The last drill is not older than a year.
    pub(super) fn drilled(&self, case: &Case<'_>) -> bool {
        let drilled = self.progress.filled.moment("drilled");
        drilled.is_some_and(|drilled| {
            drilled <= self.progress.handed_in.received && !case.older_than(drilled, YEAR)
        })
    }
}

/// The newest statement that the city took in, if it is still good.
///
/// # Errors
/// 未確認 without one, 不適合 when it is too old or a failure has passed it by.
pub(super) fn stated<'a>(case: &Case<'a>) -> Result<Stated<'a>, Box<Verdict>> {
    let all = || case.requests(Form::F17);
    let taken_in = all().filter(|(_, progress)| progress.received.is_some() && counts(progress.state));
    let Some((number, progress)) = taken_in.max_by_key(|(_, progress)| progress.handed_in) else {
        return Err(Box::new(nothing_stated(all().map(|(_, progress)| progress.handed_in).max())));
    };
    let stated = Stated { number, progress };
    if case.older_than(progress.handed_in.received, YEAR) {
        return Err(Box::new(too_old(&stated)));
    }
    match passed_by(case, progress.handed_in) {
        Some(failure) => Err(Box::new(failure)),
        None => Ok(stated),
    }
}

fn counts(state: State) -> bool {
    match state {
        State::Received | State::Consulted | State::Reported | State::Confirmed => true,
        State::Asked
        | State::Returned
        | State::Approved
        | State::Refused
        | State::Withdrawn
        | State::Revoked
        | State::Done => false,
    }
}

fn nothing_stated(waiting: Option<Stamp>) -> Verdict {
    let Some(waiting) = waiting else {
        return Verdict::unknown(
            Sentence::new(
                "障害対策明示書（F-17）が提出されていません。",
                "The measures against failures (F-17) were not stated.",
            ),
            Sentence::new("受託者は、F-17 を提出してください。", "The contractor hands in F-17."),
        );
    };
    Verdict::unknown(
        Sentence::new(
            "障害対策明示書（F-17）は、市の受付を待っています。",
            "The statement of measures (F-17) waits for the city to take it in.",
        ),
        Sentence::new("市は、F-17 を受け付けてください。", "The city takes F-17 in."),
    )
    .with_evidence(EvidenceClass::E4, [waiting.entry])
}

fn too_old(stated: &Stated<'_>) -> Verdict {
    let (number, since) = (stated.number, jst(stated.progress.handed_in.received));
    Verdict::broken(
        Sentence::new(
            format!("障害対策明示書 {number}（{since}）は、1年を超えて見直されていません。"),
            format!("The statement of measures {number} ({since}) is older than a year."),
        ),
        Sentence::new(
            "受託者は見直して、F-17 を提出し直してください。",
            "The contractor reviews it and hands in F-17 anew.",
        ),
    )
    .with_evidence(EvidenceClass::E3, [stated.progress.handed_in.entry])
}

/// A failure was reported after the statement, and its time to be looked at again is over.
fn passed_by(case: &Case<'_>, stated: Stamp) -> Option<Verdict> {
    let failures = case.requests(Form::F08).filter(|(_, failure)| failure.asked > stated);
    let (number, failure) = failures.min_by_key(|(_, failure)| failure.asked)?;
    let due = case.after_open_days(failure.asked.received, AFTER_FAILURE_BD).at;
    if !case.passed(due) {
        return None;
    }
    let due = jst(due);
    let verdict = Verdict::broken(
        Sentence::new(
            format!("障害 {number} の後、期限 {due} までに対策が見直されていません。"),
            format!("After the failure {number} the measures were not reviewed by {due}."),
        ),
        Sentence::new(
            "受託者は見直して、F-17 を提出し直してください。",
            "The contractor reviews them and hands in F-17 anew.",
        ),
    );
    Some(verdict.with_evidence(EvidenceClass::E3, [stated.entry, failure.asked.entry]))
}
