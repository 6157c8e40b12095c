//! What the city asked for and when it got it (F-19): one rule for every duty that begins with 「市の求めに応じて」.

use crate::case::Case;
use crate::evidence::latest::Stamp;
use crate::request::RequestNumber;
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::{SignedDuration, Timestamp};

/// A delivery proves for a year that what is asked for can be given.
const PROVES_FOR: SignedDuration = SignedDuration::from_hours(24 * 366);

/// How the requests of these subjects were answered. `due` says when each has to be.
pub(super) fn answered<'a>(
    case: &Case<'a>,
    what: &Sentence,
    subjects: &[&str],
    due: impl Fn(&Progress) -> Timestamp,
) -> Verdict {
    if let Some(late) = late(case, what, subjects, &due, &[]) {
        return late;
    }
    let asked = asked(case, subjects);
    let given =
        asked.iter().filter_map(|(number, progress)| Some((delivered(progress)?, *number, due(progress))));
    match given.max() {
        Some((stamp, number, due)) if !case.older_than(stamp.received, PROVES_FOR) => {
            let given =
                if stamp.received <= due { in_time(what, number) } else { after_all(what, number, due) };
            Verdict::kept(given).with_evidence(EvidenceClass::E3, [stamp.entry])
        }
        Some(_) | None => never_tried(what),
    }
}

fn in_time(what: &Sentence, number: &RequestNumber) -> Sentence {
    Sentence::new(
        format!("市の求め（{number} など）に、{}を期限までに提供しています。", what.ja),
        format!("The city got the {} it asked for in time ({number} and others).", what.en),
    )
}

/// Late, and the city has accepted it: that it was late stays said.
fn after_all(what: &Sentence, number: &RequestNumber, due: Timestamp) -> Sentence {
    let due = jst(due);
    Sentence::new(
        format!("市の求め {number} に、期限 {due} より遅れて{}を提供し、市が確認しました。", what.ja),
        format!("The city got the {} it asked for after {due}, and has accepted it ({number}).", what.en),
    )
}

/// The requests of these subjects.
fn asked<'a>(case: &Case<'a>, subjects: &[&str]) -> Vec<(&'a RequestNumber, &'a Progress)> {
    let of_subject =
        |progress: &Progress| progress.filled.text("subject").is_some_and(|word| subjects.contains(&word));
    case.requests(Form::F19).filter(|(_, progress)| of_subject(progress)).collect()
}

/// The first request of these subjects that was not answered in time. `instead` are other answers that count as well.
pub(super) fn late(
    case: &Case<'_>,
    what: &Sentence,
    subjects: &[&str],
    due: impl Fn(&Progress) -> Timestamp,
    instead: &[Stamp],
) -> Option<Verdict> {
    asked(case, subjects).into_iter().find_map(|(number, progress)| {
        let due = due(progress);
        let answers = |stamp: &&Stamp| **stamp > progress.handed_in && stamp.received <= due;
        if instead.iter().any(|stamp| answers(&stamp)) {
            return None;
        }
        overdue(case, what, number, progress, due)
    })
}

/// Not delivered in time; delivered late, until the city has accepted it.
fn overdue(
    case: &Case<'_>,
    what: &Sentence,
    number: &RequestNumber,
    progress: &Progress,
    due: Timestamp,
) -> Option<Verdict> {
    let in_time = delivered(progress).is_some_and(|stamp| stamp.received <= due);
    // Given back with a question before it was due, it waits for the city; given back afterwards it is late all the same.
    let asked_back = progress.state == State::Returned && progress.since.received <= due;
    let over = asked_back || matches!(progress.state, State::Withdrawn | State::Confirmed);
    if in_time || over || !case.passed(due) {
        return None;
    }
    let due = jst(due);
    let verdict = Verdict::broken(
        Sentence::new(
            format!("市の求め {number}（{}）に、期限 {due} までに応じていません。", what.ja),
            format!("{number} ({}) was not answered by {due}.", what.en),
        ),
        Sentence::new(
            "受託者は直ちに提供し、遅れた理由を報告してください。市は受け取ったら確認してください。",
            "The contractor delivers at once and says why it is late; the city confirms.",
        ),
    );
    Some(verdict.with_evidence(EvidenceClass::E1, [progress.handed_in.entry]))
}

/// The first delivery of the newest version.
fn delivered(progress: &Progress) -> Option<Stamp> {
    progress.reports.iter().map(|report| report.stamp).find(|stamp| *stamp > progress.handed_in)
}

fn never_tried(what: &Sentence) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("この1年、市から{}の求め（F-19）がないため、応じられるかを確かめていません。", what.ja),
            format!(
                "The city has not asked for the {} within a year (F-19), so nothing proves that it can be had.",
                what.en
            ),
        ),
        Sentence::new(
            "市は、年に1回は F-19 で求めて、提供を確かめてください。",
            "The city asks by F-19 once a year and sees that it is delivered.",
        ),
    )
}
