//! The month on paper: F-24 (how every duty stood) and F-23 (what happened), computed from the entries alone.
//!
//! The city computes it again from its bundle, on its own machine, and must get the same bytes: nothing here knows a
//! clock, a machine or a language setting. A part of which nothing was observed says 未観測, never 0 件.

mod changes;
mod clocks;
mod sections;
mod uptime;

pub use sections::due;

use crate::calendar::japan;
use crate::court::{Court, Ruling, Turned};
use crate::duty::DutyId;
use crate::entry::Entry;
use crate::id::{EntryNumber, SystemId};
use crate::standing::{EvidenceClass, Sentence, Standing};
use crate::terms::Terms;
use jiff::Timestamp;
use jiff::civil::Date;
use sections::Tally;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One month of the city's calendar (Japanese time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: i16,
    month: i8,
}

/// The text is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no month: write 2026-10")]
pub struct NotAMonth(String);

impl Month {
    /// The month an instant lies in.
    #[must_use]
    pub fn of(instant: Timestamp) -> Self {
        let day = instant.to_zoned(japan()).date();
        Self { year: day.year(), month: day.month() }
    }

    /// The month before.
    #[must_use]
    pub fn before(self) -> Self {
        match self.month {
            1 => Self { year: self.year.saturating_sub(1), month: 12 },
            month => Self { year: self.year, month: month.saturating_sub(1) },
        }
    }

    /// The month after.
    #[must_use]
    pub fn after(self) -> Self {
        match self.month {
            12 => Self { year: self.year.saturating_add(1), month: 1 },
            month => Self { year: self.year, month: month.saturating_add(1) },
        }
    }

    /// Year of the Western calendar, and month.
    #[must_use]
    pub fn parts(self) -> (i16, i8) {
        (self.year, self.month)
    }

    /// Its first instant.
    #[must_use]
    pub fn begin(self) -> Timestamp {
        let first = Date::new(self.year, self.month, 1).ok();
        let zoned = first.and_then(|first| first.to_zoned(japan()).ok());
        zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
    }

    /// The first instant of the next month.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.after().begin()
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Month {
    type Err = NotAMonth;
    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        let wrong = || NotAMonth(text.chars().take(20).collect());
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let month =
            Self { year: year.parse().map_err(|_| wrong())?, month: month.parse().map_err(|_| wrong())? };
        let known = (2000..=2999).contains(&month.year) && (1..=12).contains(&month.month);
        if known && month.to_string() == text { Ok(month) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Month {
    type Error = NotAMonth;
    fn try_from(text: String) -> Result<Self, NotAMonth> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> String {
        month.to_string()
    }
}

/// How long a duty stood how within the month, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// 適合
    pub kept: i64,
    /// 不適合
    pub broken: i64,
    /// 未確認
    pub unknown: i64,
    /// 例外承認中
    pub exempt: i64,
    /// 対象外
    pub not_applicable: i64,
}

impl Spent {
    fn add(&mut self, standing: &Standing, from: Timestamp, to: Timestamp) {
        let seconds = to.duration_since(from).as_secs().max(0);
        let slot = match standing {
            Standing::Kept => &mut self.kept,
            Standing::Broken => &mut self.broken,
            Standing::Unknown => &mut self.unknown,
            Standing::Exempt(_) => &mut self.exempt,
            Standing::NotApplicable => &mut self.not_applicable,
        };
        *slot = slot.saturating_add(seconds);
    }
}

/// How one duty of one system stood (F-24).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyLine {
    /// The duty.
    pub duty: DutyId,
    /// What the city calls it.
    pub label: String,
    /// The system.
    pub system: SystemId,
    /// At the end of the month.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub cause: Sentence,
    /// What to do next.
    pub next: Sentence,
    /// The weakest class it rests on.
    pub class: Option<EvidenceClass>,
    /// Entries it rests on.
    pub evidence: u32,
    /// How often it turned 不適合 in the month.
    pub broken: u32,
    /// How often it turned at all in the month.
    pub turned: u32,
    /// How long it stood how.
    pub spent: Spent,
    /// Dates of the contractor that passed in the month without what was due, by the forms of this duty.
    pub late: u32,
}

/// One value of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// As it is in both languages.
    Plain(String),
    /// In both languages.
    Both(Sentence),
    /// An instant.
    At(Timestamp),
    /// A number.
    Number(u64),
}

/// What a part of the report rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Watched all the month: no rows means 0 件.
    Whole,
    /// Watched for a part of the month only.
    Partly,
    /// Nobody watched: no rows means nothing.
    No,
}

/// One part of F-23.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Key.
    pub key: String,
    /// Title.
    pub title: Sentence,
    /// What it rests on.
    pub observed: Observed,
    /// What has to be known to read it; empty: nothing.
    pub note: Sentence,
    /// Heads of the columns.
    pub columns: Vec<Sentence>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that did not fit ([`MOST_ROWS`]).
    pub more: u64,
}

/// Rows of one part at most; the rest is counted.
pub const MOST_ROWS: usize = 2_000;

/// The month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Format version: 1.
    pub v: u8,
    /// Which month.
    pub month: Month,
    /// Up to this instant: the end of the month, or an earlier one while it runs.
    pub until: Timestamp,
    /// Title of the contract.
    pub contract: Sentence,
    /// Entries it was computed from, the first ones of the ledger.
    pub entries: u64,
    /// Root of the tree of these entries, as heads of the ledger have it; whoever read them fills it in.
    pub root: String,
    /// SHA-256 of the contract file it was judged by; the same.
    pub terms: String,
    /// F-24.
    pub duties: Vec<DutyLine>,
    /// F-23.
    pub sections: Vec<Section>,
}

impl Report {
    /// The month is over: nothing of it changes any more.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.until == self.month.end()
    }
}

/// Takes the entries of a ledger one after another, from the first, and makes the report of one month.
pub struct Making<'a> {
    terms: &'a Terms,
    month: Month,
    until: Timestamp,
    court: Court,
    begun: bool,
    /// The first entry of the month.
    first: EntryNumber,
    lines: BTreeMap<(DutyId, SystemId), Course>,
    tally: Tally,
    entries: u64,
}

/// What became of one duty of one system in the month, as far as entries were taken.
struct Course {
    standing: Standing,
    since: Timestamp,
    turned: u32,
    broken: u32,
    spent: Spent,
}

impl<'a> Making<'a> {
    /// A report of a month up to an instant.
    #[must_use]
    pub fn new(terms: &'a Terms, month: Month, until: Timestamp) -> Self {
        Self {
            terms,
            month,
            until: until.min(month.end()),
            court: Court::default(),
            begun: false,
            first: EntryNumber(0),
            lines: BTreeMap::new(),
            tally: Tally::new(month.begin()),
            entries: 0,
        }
    }

    /// Takes the next entry. What was received after the month counts for nothing.
    pub fn enter(&mut self, number: EntryNumber, entry: &Entry) {
        if entry.received >= self.until {
            return;
        }
        if entry.received >= self.month.begin() {
            self.begin();
        }
        self.entries = number.0.saturating_add(1);
        let rulings = self.court.enter(self.terms, number, entry);
        self.count(&rulings);
        self.tally.enter(number, entry);
    }

    /// How everything stood when the month began.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let begin = self.month.begin();
        self.first = EntryNumber(self.entries);
        if self.entries == 0 {
            return;
        }
        let _ = self.court.advance(self.terms, begin);
        for ruling in self.court.rulings() {
            let course = Course {
                standing: ruling.verdict.standing,
                since: begin,
                turned: 0,
                broken: 0,
                spent: Spent::default(),
            };
            self.lines.insert((ruling.duty, ruling.system), course);
        }
    }

    fn count(&mut self, rulings: &[Ruling]) {
        if !self.begun {
            return;
        }
        for ruling in rulings.iter().filter(|ruling| ruling.turned == Turned::Yes) {
            let (standing, since) = (ruling.verdict.standing.clone(), ruling.at);
            let new =
                Course { standing: standing.clone(), since, turned: 0, broken: 0, spent: Spent::default() };
            let course = self.lines.entry((ruling.duty, ruling.system.clone())).or_insert(new);
            course.spent.add(&course.standing, course.since, since);
            course.turned = course.turned.saturating_add(1);
            course.broken = course.broken.saturating_add(u32::from(standing == Standing::Broken));
            (course.standing, course.since) = (standing, since);
        }
    }

    /// The report.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.begin();
        let rulings = self.court.advance(self.terms, self.until);
        self.count(&rulings);
        let clocks = clocks::of_month(self.terms, &self.court, self.month, self.until);
        let duties = self.court.rulings().map(|ruling| self.line(ruling, &clocks)).collect();
        let month = sections::Within {
            terms: self.terms,
            court: &self.court,
            month: self.month,
            until: self.until,
            first: self.first,
        };
        let sections = sections::all(&month, self.tally, &clocks);
        Report {
            v: 1,
            month: self.month,
            until: self.until,
            contract: Sentence::new(&self.terms.title_ja, &self.terms.title_en),
            entries: self.entries,
            root: String::new(),
            terms: String::new(),
            duties,
            sections,
        }
    }

    fn line(&self, ruling: Ruling, clocks: &[clocks::Run]) -> DutyLine {
        let (mut spent, mut turned, mut broken) = (Spent::default(), 0, 0);
        if let Some(course) = self.lines.get(&(ruling.duty, ruling.system.clone())) {
            (spent, turned, broken) = (course.spent, course.turned, course.broken);
            spent.add(&course.standing, course.since, self.until);
        }
        let label =
            self.terms.duty(ruling.duty).map_or_else(|| ruling.duty.to_string(), |duty| duty.label.clone());
        let late = clocks.iter().filter(|run| run.is_late_for(ruling.duty, &ruling.system)).count();
        let verdict = ruling.verdict;
        DutyLine {
            duty: ruling.duty,
            label,
            system: ruling.system,
            standing: verdict.standing,
            since: ruling.since,
            cause: verdict.cause,
            next: verdict.next,
            class: verdict.class,
            evidence: verdict.evidence_total,
            broken,
            turned,
            spent,
            late: u32::try_from(late).unwrap_or(u32::MAX),
        }
    }
}
