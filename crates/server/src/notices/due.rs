//! Deadlines: told before they pass, when they pass, and to whom it goes up then. Of either party: the city's delay is told
//! as plainly as the contractor's.
//!
//! Planned a few times an hour from what is open, not from what was; the key of a notice names the clock, so that each is
//! told once whatever happens to the planner in between.

use super::plan::{Circle, Kind, Notice, Urgency};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use yakujo_contract::calendar::{Calendar, japan};
use yakujo_contract::court::Court;
use yakujo_contract::court::found::Found;
use yakujo_contract::court::roll::Findings;
use yakujo_contract::entry::Party;
use yakujo_contract::request::clock::{Clock, Duty};
use yakujo_contract::standing::Sentence;
use yakujo_contract::terms::Terms;

/// A deadline that is nearer than this when it is set is told of when a quarter of it is left.
const SHORT: SignedDuration = SignedDuration::from_hours(48);

/// A review takes a few days: it is told of so long before.
const REVIEW_NEAR: SignedDuration = SignedDuration::from_hours(24 * 14);

/// How far a deadline is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Near,
    Over,
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Over => "over",
        }
    }
}

/// The notices of deadlines that are near or over.
#[must_use]
pub fn notices(terms: &Terms, court: &Court, roll: &Findings, now: Timestamp) -> Vec<Notice> {
    let calendar = terms.calendar.with(&court.evidence().agreements.holidays());
    let mut told = of_requests(terms, court, &calendar, now);
    told.extend(of_findings(court, roll, now));
    told.extend(of_detections(roll, now));
    told.extend(of_reviews(terms, court, now));
    told
}

/// The city's review of accounts and rights, system by system (P-27). Once told that it is over, it is left to the page.
fn of_reviews(terms: &Terms, court: &Court, now: Timestamp) -> Vec<Notice> {
    let mut told = Vec::new();
    for system in court.places().keys() {
        let Some(due) = court.review_due(terms, system) else { continue };
        let stage = match (now > due, due.checked_sub(REVIEW_NEAR)) {
            (true, _) => Stage::Over,
            (false, Ok(near)) if now >= near => Stage::Near,
            (false, _) => continue,
        };
        let of = Told {
            key: format!("due/review/{system}/{}/{}", due.as_second(), stage.word()),
            matter: Sentence::new(
                format!("情報システム {system} のアカウントと権限の棚卸し"),
                format!("the review of accounts and rights of {system}"),
            ),
            link: format!("/systems/{system}"),
            due,
            urgency: Urgency::Plain,
        };
        told.extend(of.notices(stage, Party::City, now));
    }
    told
}

/// Malware has to be reported within the hour, or by the next open day: nobody asked anything yet, and the clock runs.
fn of_detections(roll: &Findings, now: Timestamp) -> Vec<Notice> {
    let mut told = Vec::new();
    for one in roll.unreported() {
        let whole = one.due.duration_since(one.detected);
        let stage = match (now > one.due, one.due.saturating_sub(whole / 4)) {
            (true, _) => Stage::Over,
            (false, Ok(near)) if now >= near => Stage::Near,
            (false, _) => continue,
        };
        let matter = Sentence::new(
            format!("{} で検知した不正プログラムの報告（F-05）", one.host),
            format!("the report of the malware on {} (F-05)", one.host),
        );
        let of = Told {
            key: format!("due/detection/{}/{}", one.entry, stage.word()),
            matter,
            link: format!("/requests/new/F-05?about={}", one.entry),
            due: one.due,
            urgency: Urgency::Urgent,
        };
        // The city has no such form: it is led to the record.
        let lead = |notice: Notice| match notice.party {
            Party::City => Notice { link: format!("/ledger/{}", one.entry), ..notice },
            Party::Contractor | Party::Auditor => notice,
        };
        told.extend(of.notices(stage, Party::Contractor, now).into_iter().map(lead));
    }
    told
}

fn of_requests(terms: &Terms, court: &Court, calendar: &Calendar, now: Timestamp) -> Vec<Notice> {
    let mut told = Vec::new();
    for (id, request) in court.evidence().requests.open() {
        let Some((number, progress)) = request.number.as_ref().zip(request.progress.as_ref()) else {
            continue;
        };
        if progress.state.is_over() {
            continue;
        }
        for clock in court.clocks(terms, progress).iter().filter(|clock| clock.met.is_none()) {
            let Some(stage) = stage(clock, calendar, now) else { continue };
            let what = yakujo_contract::report::due(clock.duty);
            let matter = Sentence::new(
                format!("{number} の「{}」", what.ja),
                format!("{number}: {}", what.en.to_lowercase()),
            );
            let key = format!("due/{id}/{}/{}", clock.due.at.as_second(), stage.word());
            let urgency = if in_hours(clock.duty) { Urgency::Urgent } else { Urgency::Plain };
            let of = Told { key, matter, link: format!("/requests/{id}"), due: clock.due.at, urgency };
            told.extend(of.notices(stage, clock.of, now));
        }
    }
    told
}

/// What nobody classified in time goes up: both sides are told that it is late, and those who lead them that it is theirs.
fn of_findings(court: &Court, roll: &Findings, now: Timestamp) -> Vec<Notice> {
    let late = roll.waiting().iter().filter(|found| found.is_late(now));
    let one = |found: &Arc<Found>| {
        let id = &found.finding.id;
        let rule = found.finding.rule.row();
        let of = Told {
            key: format!("due/{id}/over"),
            matter: Sentence::new(
                format!("所見（{}）の分類", rule.ja),
                format!("the word on a finding ({})", rule.en),
            ),
            link: format!("/findings/{id}"),
            due: found.due,
            urgency: Urgency::Plain,
        };
        let mut told = of.notices(Stage::Over, found.turn.unwrap_or(Party::Contractor), now);
        let above = court.above(found);
        let sentence = Sentence::new(
            format!("所見（{}）が期限までに分類されず、{}に上げられました。", rule.ja, above.ja),
            format!("A finding ({}) was not classified in time and goes up to {}.", rule.en, above.en),
        );
        told.extend([Party::City, Party::Contractor].map(|party| Notice {
            key: format!("due/{id}/above"),
            party,
            circle: Circle::Leads,
            kind: Kind::Due,
            urgency: Urgency::Plain,
            sentence: sentence.clone(),
            link: format!("/findings/{id}"),
            at: now,
        }));
        told
    };
    late.flat_map(one).collect()
}

struct Told {
    key: String,
    matter: Sentence,
    link: String,
    due: Timestamp,
    urgency: Urgency,
}

impl Told {
    /// Before it passes the one who has to act is told; when it passed, both are.
    fn notices(&self, stage: Stage, of: Party, now: Timestamp) -> Vec<Notice> {
        let due = yakujo_contract::calendar::wareki(self.due);
        let exact = yakujo_contract::standing::jst(self.due);
        let (whose_ja, whose_en) = match of {
            Party::City => ("市", "the city"),
            Party::Contractor | Party::Auditor => ("受託者", "the contractor"),
        };
        let sentence = match stage {
            Stage::Near => Sentence::new(
                format!("{}の期限（{due}）が近づいています。", self.matter.ja),
                format!("Due at {exact}: {}.", self.matter.en),
            ),
            Stage::Over => Sentence::new(
                format!("{}の期限（{due}）を過ぎました（{whose_ja}の番）。", self.matter.ja),
                format!("Overdue since {exact}, turn of {whose_en}: {}.", self.matter.en),
            ),
        };
        let parties: &[Party] = match stage {
            Stage::Near => &[of],
            Stage::Over => &[Party::City, Party::Contractor],
        };
        let to = |party: &Party| Notice {
            key: self.key.clone(),
            party: *party,
            circle: Circle::All,
            kind: Kind::Due,
            urgency: self.urgency,
            sentence: sentence.clone(),
            link: self.link.clone(),
            at: now,
        };
        parties.iter().map(to).collect()
    }
}

/// Clocks that run through nights and holidays.
fn in_hours(duty: Duty) -> bool {
    match duty {
        Duty::First | Duty::Next | Duty::Use(_) => true,
        Duty::Answer | Duty::Writing | Duty::Final | Duty::Presentation | Duty::Delivery => false,
    }
}

fn stage(clock: &Clock, calendar: &Calendar, now: Timestamp) -> Option<Stage> {
    let due = clock.due.at;
    if now > due {
        return Some(Stage::Over);
    }
    let whole = due.duration_since(clock.from);
    let near = if whole < SHORT { due.saturating_sub(whole / 4) } else { Ok(open_day_before(calendar, due)) };
    (now >= near.unwrap_or(due)).then_some(Stage::Near)
}

/// The same hour of the last open day before.
fn open_day_before(calendar: &Calendar, due: Timestamp) -> Timestamp {
    const DAY: SignedDuration = SignedDuration::from_hours(24);
    let mut at = due;
    // New Year and a weekend on either side are the longest time nobody is there.
    for _ in 0..12 {
        at = at.checked_sub(DAY).unwrap_or(at);
        if calendar.is_open_day(at.to_zoned(japan()).date()) {
            break;
        }
    }
    at
}
