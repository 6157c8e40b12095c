//! The contract file as TOML: read once, checked at the door.

use super::{ClauseTerms, DutyTerms, Field, MAX_BYTES, ParameterTerms, Terms, TermsError, Vulnerability};
use crate::calendar::Calendar;
use crate::duty::{Clause, DutyId, MEASURES, Measured};
use crate::parameter::{ParameterId, Values};
use jiff::civil::{Date, Time};
use serde::Deserialize;
use std::collections::BTreeSet;
use toml::Spanned;

const FORMAT: &str = "yakujo-contract/v1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTerms {
    format: Spanned<String>,
    title_ja: String,
    title_en: String,
    #[serde(default)]
    city: String,
    #[serde(default)]
    contractor: String,
    calendar: RawCalendar,
    clause: Vec<RawClause>,
    duty: Vec<RawDuty>,
    parameter: Vec<RawParameter>,
    #[serde(default)]
    vulnerability: Vec<RawVulnerability>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    open: Spanned<String>,
    close: Spanned<String>,
    closed: Vec<Spanned<String>>,
    holidays_until: Spanned<String>,
    holidays: Vec<RawHoliday>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHoliday {
    date: Spanned<String>,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClause {
    key: Spanned<String>,
    number: String,
    ja: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDuty {
    key: Spanned<String>,
    label: String,
    clause: Spanned<String>,
    ja: String,
    en: String,
    guide_ja: String,
    guide_en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParameter {
    id: Spanned<String>,
    ja: String,
    en: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    basis: String,
    values: Vec<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawValue {
    key: Spanned<String>,
    ja: String,
    en: String,
    unit: String,
    default: i64,
    min: i64,
    max: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVulnerability {
    key: Spanned<String>,
    number: Spanned<u8>,
    ja: String,
    en: String,
    cwe: Vec<u32>,
    #[serde(default)]
    chapter: String,
    #[serde(default)]
    letter: String,
}

/// Turns places in the text into lines.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.0.as_bytes().get(..offset).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
    }

    fn error<T>(&self, at: &Spanned<T>, reason: impl Into<String>) -> TermsError {
        TermsError { line: self.line(at.span().start), reason: reason.into() }
    }
}

pub(super) fn parse(text: &str) -> Result<Terms, TermsError> {
    let lines = Lines(text);
    if text.len() > MAX_BYTES {
        let reason = format!("the file has {} bytes, at most {MAX_BYTES} are read", text.len());
        return Err(TermsError { line: 1, reason });
    }
    let raw: RawTerms = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.line(span.start));
        TermsError { line, reason: error.message().to_owned() }
    })?;
    if raw.format.get_ref() != FORMAT {
        return Err(lines.error(&raw.format, format!("the format must be \"{FORMAT}\"")));
    }
    let mut terms = Terms {
        title_ja: raw.title_ja,
        title_en: raw.title_en,
        city: raw.city,
        contractor: raw.contractor,
        calendar: calendar(&lines, &raw.calendar)?,
        ..Terms::default()
    };
    clauses(&lines, raw.clause, &mut terms)?;
    let keys: Vec<Spanned<String>> = raw.duty.iter().map(|duty| duty.key.clone()).collect();
    duties(&lines, raw.duty, &mut terms)?;
    parameters(&lines, raw.parameter, &mut terms)?;
    measures(&lines, &keys, &terms)?;
    vulnerabilities(&lines, raw.vulnerability, &mut terms)?;
    Ok(terms)
}

fn calendar(lines: &Lines<'_>, raw: &RawCalendar) -> Result<Calendar, TermsError> {
    let date = |at: &Spanned<String>| {
        at.get_ref()
            .parse::<Date>()
            .map_err(|_| lines.error(at, format!("`{}` is no date: write 2026-04-29", at.get_ref())))
    };
    let time = |at: &Spanned<String>| {
        at.get_ref()
            .parse::<Time>()
            .map_err(|_| lines.error(at, format!("`{}` is no time of day: write 08:30", at.get_ref())))
    };
    let mut calendar = Calendar {
        open: time(&raw.open)?,
        close: time(&raw.close)?,
        holidays_until: date(&raw.holidays_until)?,
        ..Calendar::default()
    };
    if calendar.close <= calendar.open {
        return Err(lines.error(&raw.close, "closing time must be after opening time"));
    }
    for closed in &raw.closed {
        let day = format!("2024-{}", closed.get_ref()).parse::<Date>();
        let day =
            day.map_err(|_| lines.error(closed, format!("`{}` is no day: write 12-29", closed.get_ref())))?;
        if !calendar.closed.insert((day.month(), day.day())) {
            return Err(lines.error(closed, format!("`{}` stands here twice", closed.get_ref())));
        }
    }
    for holiday in &raw.holidays {
        let day = date(&holiday.date)?;
        if day > calendar.holidays_until {
            let until = calendar.holidays_until;
            return Err(
                lines.error(&holiday.date, format!("the holiday {day} is after holidays_until, {until}"))
            );
        }
        if let Some(other) = calendar.holidays.insert(day, holiday.name.clone()) {
            return Err(lines.error(&holiday.date, format!("the holiday {day} stands here twice ({other})")));
        }
    }
    Ok(calendar)
}

fn clauses(lines: &Lines<'_>, raw: Vec<RawClause>, terms: &mut Terms) -> Result<(), TermsError> {
    for raw in raw {
        let key = raw.key.get_ref();
        let clause = Clause::from_key(key).ok_or_else(|| {
            lines.error(&raw.key, format!("`{key}` is not a clause: keys are c01_procedures …"))
        })?;
        if terms.clause(clause).is_some() {
            return Err(lines.error(&raw.key, format!("clause `{key}` stands here twice")));
        }
        terms.clauses.push(ClauseTerms { clause, number: raw.number, ja: raw.ja, en: raw.en });
    }
    Ok(())
}

fn duties(lines: &Lines<'_>, raw: Vec<RawDuty>, terms: &mut Terms) -> Result<(), TermsError> {
    for raw in raw {
        let duty =
            DutyId::parse(raw.key.get_ref()).map_err(|error| lines.error(&raw.key, error.to_string()))?;
        if terms.duty(duty).is_some() {
            return Err(lines.error(&raw.key, format!("duty {duty} stands here twice")));
        }
        let clause = duty.row().clause;
        if clause.key() != raw.clause.get_ref() {
            return Err(lines.error(&raw.clause, format!("duty {duty} belongs to {}", clause.key())));
        }
        if terms.clause(clause).is_none() {
            return Err(lines.error(&raw.clause, format!("clause `{}` is not in this file", clause.key())));
        }
        terms.duties.push(DutyTerms {
            duty,
            label: raw.label,
            ja: raw.ja,
            en: raw.en,
            guide_ja: raw.guide_ja,
            guide_en: raw.guide_en,
        });
    }
    Ok(())
}

fn parameters(lines: &Lines<'_>, raw: Vec<RawParameter>, terms: &mut Terms) -> Result<(), TermsError> {
    for raw in raw {
        let id: ParameterId = raw
            .id
            .get_ref()
            .clone()
            .try_into()
            .map_err(|error: crate::parameter::NotAParameter| lines.error(&raw.id, error.to_string()))?;
        let (mut fields, mut defaults) = (Vec::new(), Values::new());
        for value in raw.values {
            let (key, range) = (value.key.get_ref().clone(), value.min..=value.max);
            if range.is_empty() {
                let reason = format!("min {} of {id} {key} is above max {}", value.min, value.max);
                return Err(lines.error(&value.key, reason));
            }
            if !range.contains(&value.default) {
                let reason = format!(
                    "the default {} of {id} {key} is outside {} to {}",
                    value.default, value.min, value.max
                );
                return Err(lines.error(&value.key, reason));
            }
            if defaults.insert(key.clone(), value.default).is_some() {
                return Err(lines.error(&value.key, format!("`{key}` stands in {id} twice")));
            }
            fields.push(Field { key, ja: value.ja, en: value.en, unit: value.unit, range });
        }
        let parameter =
            ParameterTerms { ja: raw.ja, en: raw.en, by: raw.by, basis: raw.basis, fields, defaults };
        if terms.parameters.insert(id, parameter).is_some() {
            return Err(lines.error(&raw.id, format!("{id} stands here twice")));
        }
    }
    Ok(())
}

/// A duty whose numbers are not in the file could never be judged.
fn measures(lines: &Lines<'_>, keys: &[Spanned<String>], terms: &Terms) -> Result<(), TermsError> {
    for key in keys {
        for measured in MEASURES.iter().filter(|measured| measured.duty == key.get_ref()) {
            let Measured { duty, parameter, value } = measured;
            let known =
                terms.parameters.get(parameter).is_some_and(|terms| terms.defaults.contains_key(*value));
            if !known {
                let reason =
                    format!("duty {duty} is measured by {parameter} {value}, which is not in this file");
                return Err(lines.error(key, reason));
            }
        }
    }
    Ok(())
}

/// The list of the standard terms has 16 numbers.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=16;

fn vulnerabilities(
    lines: &Lines<'_>,
    raw: Vec<RawVulnerability>,
    terms: &mut Terms,
) -> Result<(), TermsError> {
    let mut keys = BTreeSet::new();
    for raw in raw {
        let key = raw.key.get_ref().clone();
        if !keys.insert(key.clone()) {
            return Err(lines.error(&raw.key, format!("`{key}` stands here twice")));
        }
        let number = *raw.number.get_ref();
        if !NUMBERS.contains(&number) {
            return Err(lines.error(&raw.number, format!("number {number} of `{key}` is not 1 to 16")));
        }
        if !key.starts_with(&format!("v{number:02}")) {
            return Err(
                lines.error(&raw.number, format!("`{key}` does not begin with its number, v{number:02}"))
            );
        }
        if terms.vulnerabilities.iter().any(|other| other.ja == raw.ja) {
            return Err(lines.error(&raw.key, format!("「{}」 stands here twice", raw.ja)));
        }
        terms.vulnerabilities.push(Vulnerability {
            key,
            number,
            ja: raw.ja,
            en: raw.en,
            cwe: raw.cwe,
            chapter: raw.chapter,
            letter: raw.letter,
        });
    }
    Ok(())
}
