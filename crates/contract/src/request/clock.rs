//! How long whose turn may take: the clocks of a request, each with the agreement it rests on. The city's own delay is
//! counted by the same rules as the contractor's, or nobody would believe either.

use super::Edition;
use super::flow::{Progress, State};
use super::form::{Form, Path};
use crate::act::Importance;
use crate::calendar::{Calendar, Due, Holidays};
use crate::case::Measure;
use crate::entry::Party;
use crate::parameter::ParameterId;
use jiff::{SignedDuration, Timestamp};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// The city's answer to a request.
    Answer,
    /// The city's written answer to what it said on the telephone.
    Writing,
    /// The first report.
    First,
    /// The next report.
    Next,
    /// The final report.
    Final,
    /// Presenting a vulnerability.
    Presentation,
    /// Handing over what was asked for.
    Delivery,
    /// The report on a use of a standing approval, from 1.
    Use(u32),
}

/// What a deadline rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A parameter of the contract.
    Parameter(ParameterId, &'static str, Measure),
    /// The form itself says until when.
    Form,
}

/// One clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What is due.
    pub duty: Duty,
    /// From whom.
    pub of: Party,
    /// Since when it runs.
    pub from: Timestamp,
    /// When it is due.
    pub due: Due,
    /// Why then.
    pub basis: Basis,
    /// When it was done; none: not yet.
    pub met: Option<Timestamp>,
}

impl Clock {
    /// Past its time at an instant, or done too late.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.met.unwrap_or(now) > self.due.at
    }
}

/// How much time lies between handing in and the begin of what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// The act may begin from here on.
    pub earliest: Due,
    /// It is to begin.
    pub begins: Timestamp,
    /// What it rests on.
    pub basis: Basis,
}

impl Lead {
    /// Asked for too late.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.begins < self.earliest.at
    }
}

/// What clocks are counted by.
#[derive(Clone, Copy)]
pub struct Count<'a> {
    /// Open days of the city.
    pub calendar: &'a Calendar,
    /// The highest rank of the systems.
    pub importance: Importance,
    /// The numbers both agreed on.
    pub measure: &'a dyn Fn(ParameterId, &'static str) -> Measure,
    /// When what the request is about was observed, where it names an entry.
    pub observed: Option<Timestamp>,
}

impl Count<'_> {
    fn parameter(&self, number: u8, key: &'static str) -> (i64, Basis) {
        let id = ParameterId::new(number);
        let measure = (self.measure)(id, key);
        (measure.value, Basis::Parameter(id, key, measure))
    }

    fn open_days(&self, from: Timestamp, days: i64) -> Due {
        let close = (self.measure)(ParameterId::new(37), "close_min").value;
        self.calendar.after_open_days(from, days, close)
    }

    fn days(&self, from: Timestamp, number: u8, key: &'static str) -> (Due, Basis) {
        let (days, basis) = self.parameter(number, key);
        (self.open_days(from, days), basis)
    }

    fn minutes(&self, from: Timestamp, number: u8, key: &'static str, unit: i64) -> (Due, Basis) {
        let (value, basis) = self.parameter(number, key);
        (after(from, value.saturating_mul(unit)), basis)
    }
}

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// Clocks in minutes, hours and days know no holidays.
fn after(from: Timestamp, minutes: i64) -> Due {
    let length = SignedDuration::from_mins(minutes.clamp(0, 1_000_000_000));
    let at = from.saturating_add(length).unwrap_or(Timestamp::MAX);
    Due { at, holidays: Holidays::Known }
}

/// All clocks of a request, those that have stopped as well.
#[must_use]
pub fn clocks(progress: &Progress, count: Count<'_>) -> Vec<Clock> {
    match progress.form().row().path {
        Path::Approval | Path::Consultation => of_decision(progress, count),
        Path::Report => of_report(progress, count),
        Path::Delivery => of_delivery(progress, count),
    }
}

fn of_decision(progress: &Progress, count: Count<'_>) -> Vec<Clock> {
    let from = progress.handed_in.received;
    let met = match (&progress.approved, progress.state) {
        (Some(decided), _) => Some(decided.stamp.received),
        (None, _) if progress.settled_by_talk().is_some() => {
            progress.settled_by_talk().map(|stamp| stamp.received)
        }
        (None, state) if state.is_open() => None,
        (None, _) => Some(progress.since.received),
    };
    let (due, basis) = count.days(from, 19, "decide_bd");
    let mut clocks = vec![Clock { duty: Duty::Answer, of: Party::City, from, due, basis, met }];
    if let Some(consent) = &progress.consent {
        let from = consent.stamp.received;
        let (due, basis) = count.days(from, 22, "emergency_bd");
        clocks.push(Clock { duty: Duty::Writing, of: Party::City, from, due, basis, met });
    }
    let report_h = progress.filled.standing.as_ref().map_or(0, |terms| terms.report_h);
    for (number, used) in (1..).zip(&progress.uses) {
        clocks.push(Clock {
            duty: Duty::Use(number),
            of: Party::Contractor,
            from: used.at,
            due: after(used.at, i64::from(report_h).saturating_mul(HOUR)),
            basis: Basis::Form,
            met: used.reported.map(|stamp| stamp.received),
        });
    }
    clocks
}

fn of_report(progress: &Progress, count: Count<'_>) -> Vec<Clock> {
    let asked = progress.asked.received;
    let known = count.observed.or_else(|| progress.filled.moment("known"));
    let own = |duty, from, (due, basis): (Due, Basis), met| Clock {
        duty,
        of: Party::Contractor,
        from,
        due,
        basis,
        met,
    };
    match (progress.form(), known) {
        (Form::F05, known) => {
            let from = known.unwrap_or(asked);
            let first = match progress.filled.text("executed").unwrap_or_default() {
                "no" => count.days(from, 4, "blocked_bd"),
                _ => count.minutes(from, 4, "first_min", 1),
            };
            let mut clocks = vec![own(Duty::First, from, first, Some(asked))];
            clocks.extend(further(progress, count, from));
            clocks
        }
        (Form::F08, Some(from)) => {
            let first = match count.importance {
                Importance::S => count.minutes(from, 21, "s_min", 1),
                Importance::A => count.minutes(from, 21, "a_min", 1),
                Importance::B => count.days(from, 21, "b_bd"),
            };
            vec![own(Duty::First, from, first, Some(asked))]
        }
        (Form::F16, Some(from)) => {
            let key = if count.importance == Importance::S { "s_bd" } else { "a_bd" };
            vec![own(Duty::Presentation, from, count.days(from, 8, key), Some(asked))]
        }
        _ => Vec::new(),
    }
}

/// 続報 every so often until the 確報.
fn further(progress: &Progress, count: Count<'_>, from: Timestamp) -> Vec<Clock> {
    let of = Party::Contractor;
    let last = progress.reports.iter().rfind(|report| report.edition == Edition::Final);
    let met = last.map(|report| report.stamp.received);
    let (due, basis) = count.minutes(from, 6, "final_d", DAY);
    let mut clocks = vec![Clock { duty: Duty::Final, of, from, due, basis, met }];
    if met.is_none() && !progress.state.is_over() {
        let newest = progress.reports.last().map_or(progress.asked, |report| report.stamp).received;
        let (due, basis) = count.minutes(newest, 6, "follow_h", HOUR);
        clocks.push(Clock { duty: Duty::Next, of, from: newest, due, basis, met: None });
    }
    clocks
}

fn of_delivery(progress: &Progress, count: Count<'_>) -> Vec<Clock> {
    let from = progress.asked.received;
    let of = Party::Contractor;
    let met = progress.reports.first().map(|report| report.stamp.received);
    let met = met.or((progress.state == State::Withdrawn).then_some(progress.since.received));
    let (agreed, basis) = count.days(from, 16, "deliver_bd");
    let (due, basis) = match progress.filled.moment("due") {
        Some(at) => (Due { at, holidays: Holidays::Known }, Basis::Form),
        None => (agreed, basis),
    };
    vec![Clock { duty: Duty::Delivery, of, from, due, basis, met }]
}

/// The lead time that a form has to keep; none where nothing is agreed about it, or in an emergency.
#[must_use]
pub fn lead(progress: &Progress, count: Count<'_>) -> Option<Lead> {
    let begins = progress.filled.window?.from;
    let from = progress.handed_in.received;
    let class = progress.filled.text("class").unwrap_or_default();
    let (earliest, basis) = match progress.form() {
        Form::F07 if count.importance == Importance::S => count.days(from, 19, "s_bd"),
        Form::F07 => count.days(from, 19, "ab_bd"),
        Form::F09 => match class {
            "normal" => count.days(from, 22, "normal_bd"),
            "major" => count.days(from, 22, "major_bd"),
            _ => return None,
        },
        Form::F11 if class == "browser" => count.days(from, 30, "browser_bd"),
        Form::F11 => count.days(from, 30, "notice_bd"),
        Form::F14 => count.days(from, 28, "lead_bd"),
        Form::F05
        | Form::F06
        | Form::F08
        | Form::F13
        | Form::F15
        | Form::F16
        | Form::F17
        | Form::F19
        | Form::F26 => return None,
    };
    Some(Lead { earliest, begins, basis })
}

/// The clock that runs out first among those that still run.
#[must_use]
pub fn next(clocks: &[Clock]) -> Option<&Clock> {
    clocks.iter().filter(|clock| clock.met.is_none()).min_by_key(|clock| clock.due.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::latest::Stamp;
    use crate::id::EntryNumber;
    use crate::request::FieldValue;
    use crate::request::flow::By;
    use crate::request::{Filled, Scope, Window};
    use crate::terms::Terms;

    fn at(text: &str) -> Timestamp {
        format!("{}:00+09:00", text.replace(' ', "T")).parse().unwrap()
    }

    fn begun(form: Form, fields: &[(&str, &str)], asked: &str, window: Option<(&str, &str)>) -> Progress {
        let received = at(asked);
        let stamp = Stamp { seq: 0, observed: received, received, entry: EntryNumber(1) };
        let party = if form == Form::F19 { Party::City } else { Party::Contractor };
        let by = By { person: "p-1".parse().unwrap(), party };
        let window = window.map(|(from, to)| Window { from: at(from), to: at(to), reserve_min: 0 });
        let clear = |text: &str| FieldValue::Clear(text.to_owned());
        let filled = Filled {
            form,
            title: "x".into(),
            scope: Scope { systems: ["main".parse().unwrap()].into(), ..Scope::default() },
            window,
            limit: None,
            standing: None,
            fields: fields.iter().map(|(key, text)| ((*key).to_owned(), clear(text))).collect(),
            attachments: Vec::new(),
            links: [].into(),
            about: None,
        };
        Progress::begin(by, stamp, filled).unwrap()
    }

    fn filled_fields(form: Form) -> Vec<(&'static str, &'static str)> {
        use crate::request::form::{Ask, Kind, Part};
        let own = form.row().fields.iter().filter(|field| field.part == Part::Ask && field.need == Ask::Must);
        own.map(|field| match field.kind {
            Kind::Choice(choices) => (field.key, choices[0].0),
            _ => (field.key, "2026-11-24T00:00:00Z"),
        })
        .collect()
    }

    fn with_standard<T>(importance: Importance, use_it: impl FnOnce(Count<'_>) -> T) -> T {
        let terms = Terms::standard();
        let measure = |id: ParameterId, key: &'static str| Measure {
            value: terms.parameters[&id].defaults[key],
            agreed: false,
            entry: None,
        };
        use_it(Count { calendar: &terms.calendar, importance, measure: &measure, observed: None })
    }

    #[test]
    fn the_city_answers_within_its_own_open_days() {
        let window = Some(("2026-12-10 22:00", "2026-12-11 02:00"));
        let progress = begun(Form::F07, &filled_fields(Form::F07), "2026-11-20 10:00", window);
        let clocks = with_standard(Importance::B, |count| clocks(&progress, count));
        assert_eq!((clocks[0].of, clocks[0].due.at), (Party::City, at("2026-11-26 17:15")));
        assert!(!clocks[0].is_late(at("2026-11-26 17:15")) && clocks[0].is_late(at("2026-11-26 17:16")));
    }

    #[test]
    fn a_stop_of_an_important_system_needs_a_longer_lead() {
        let window = Some(("2026-12-02 22:00", "2026-12-03 02:00"));
        let progress = begun(Form::F07, &filled_fields(Form::F07), "2026-11-20 10:00", window);
        let lead = |rank| with_standard(rank, |count| lead(&progress, count).unwrap());
        assert!(!lead(Importance::B).is_short(), "five open days until 30 November");
        assert!(lead(Importance::S).is_short(), "ten open days until 7 December");
    }

    #[test]
    fn an_incident_is_told_within_the_hour_and_again_every_day_until_the_final_report() {
        let fields: Vec<_> = filled_fields(Form::F05)
            .into_iter()
            .map(|(key, value)| match key {
                "known" => (key, "2026-11-21T16:00:00Z"),
                other => (other, value),
            })
            .collect();
        let progress = begun(Form::F05, &fields, "2026-11-22 02:30", None);
        let clocks = with_standard(Importance::B, |count| clocks(&progress, count));
        let of = |duty| clocks.iter().find(|clock| clock.duty == duty).unwrap();
        assert_eq!(of(Duty::First).due.at, at("2026-11-22 02:00"), "hours run through nights and Sundays");
        assert!(of(Duty::First).is_late(Timestamp::MIN), "told half an hour too late, for ever");
        assert_eq!(of(Duty::Next).due.at, at("2026-11-23 02:30"));
        assert_eq!(next(&clocks).map(|clock| clock.duty), Some(Duty::Next));
    }

    #[test]
    fn what_the_city_asks_for_is_due_when_the_city_says() {
        let progress = begun(Form::F19, &filled_fields(Form::F19), "2026-11-20 10:00", None);
        let clocks = with_standard(Importance::B, |count| clocks(&progress, count));
        assert_eq!((clocks[0].of, clocks[0].due.at), (Party::Contractor, at("2026-11-24 09:00")));
    }
}
