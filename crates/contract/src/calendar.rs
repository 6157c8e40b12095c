//! The city's calendar (P-37): open days, fiscal years, and Japanese dates.
//!
//! Deadlines in open days exclude the first day (初日不算入) and end at closing time. Clocks in hours know no holidays.

use crate::act::HolidayTable;
use jiff::civil::{Date, Time, Weekday, date, time};
use jiff::tz::{TimeZone, offset};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Open days and hours.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Opens.
    pub open: Time,
    /// Closes.
    pub close: Time,
    /// Days of the year on which the city is closed, as month and day.
    pub closed: BTreeSet<(i8, i8)>,
    /// Holidays by date.
    pub holidays: BTreeMap<Date, String>,
    /// Beyond this date holidays are not known yet.
    pub holidays_until: Date,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            open: time(8, 30, 0, 0),
            close: time(17, 15, 0, 0),
            closed: BTreeSet::new(),
            holidays: BTreeMap::new(),
            holidays_until: date(1970, 1, 1),
        }
    }
}

/// Years of the eras, newest first: name, letter, first day. A new era is a new row.
pub const ERAS: [(&str, char, Date); 5] = [
    ("令和", 'R', date(2019, 5, 1)),
    ("平成", 'H', date(1989, 1, 8)),
    ("昭和", 'S', date(1926, 12, 25)),
    ("大正", 'T', date(1912, 7, 30)),
    ("明治", 'M', date(1873, 1, 1)),
];

impl Calendar {
    /// With the holidays both parties agreed on later, oldest first.
    #[must_use]
    pub fn with(&self, tables: &[&HolidayTable]) -> Self {
        let mut calendar = self.clone();
        for table in tables {
            calendar.holidays.retain(|day, _| *day < table.from || *day > table.until);
            calendar.holidays.extend(table.days.iter().map(|(day, name)| (*day, name.clone())));
            // A table that begins after a gap does not make the days of the gap known.
            let joined = calendar.holidays_until.tomorrow().is_ok_and(|next| table.from <= next);
            if joined {
                calendar.holidays_until = calendar.holidays_until.max(table.until);
            }
        }
        calendar
    }

    /// Whether the city works on this day.
    #[must_use]
    pub fn is_open_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        !weekend && !self.closed.contains(&(day.month(), day.day())) && !self.holidays.contains_key(&day)
    }

    /// Closing time of the day on which so many open days have passed. The first day does not count; on a closed day
    /// nothing is due. `close_min` is the agreed closing time, in minutes after midnight.
    pub fn after_open_days(&self, from: Timestamp, open_days: i64, close_min: i64) -> Due {
        let mut day = from.to_zoned(japan()).date();
        let mut left = open_days.max(0);
        while left > 0 || !self.is_open_day(day) {
            let Ok(next) = day.tomorrow() else {
                return Due { at: Timestamp::MAX, holidays: Holidays::NotKnown };
            };
            day = next;
            if self.is_open_day(day) {
                left = left.saturating_sub(1);
            }
        }
        let midnight = day.to_zoned(japan()).map_or(Timestamp::MAX, |day| day.timestamp());
        let at = midnight.saturating_add(SignedDuration::from_mins(close_min)).unwrap_or(Timestamp::MAX);
        let holidays = if day <= self.holidays_until { Holidays::Known } else { Holidays::NotKnown };
        Due { at, holidays }
    }
}

/// When something is due that is counted in open days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Due {
    /// The instant; where holidays are not known, it may be later.
    pub at: Timestamp,
    /// Whether every holiday on the way was known.
    pub holidays: Holidays,
}

/// Whether the table of holidays reaches far enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holidays {
    /// It does.
    Known,
    /// It ends before: every weekday beyond was counted as open.
    NotKnown,
}

/// Japanese time; it has had no other offset since 1951.
#[must_use]
pub fn japan() -> TimeZone {
    TimeZone::fixed(offset(9))
}

/// Era name, letter and year of a day; none before 1873.
#[must_use]
pub fn era(day: Date) -> Option<(&'static str, char, i16)> {
    let (name, letter, first) = ERAS.iter().find(|(_, _, first)| *first <= day)?;
    Some((name, *letter, day.year().saturating_sub(first.year()).saturating_add(1)))
}

/// `令和8年11月22日（日）14時05分`
#[must_use]
pub fn wareki(instant: Timestamp) -> String {
    let local = instant.to_zoned(japan());
    let day = local.date();
    let year = match era(day) {
        Some((name, _, 1)) => format!("{name}元年"),
        Some((name, _, year)) => format!("{name}{year}年"),
        None => format!("{}年", day.year()),
    };
    let weekday = match day.weekday() {
        Weekday::Sunday => "日",
        Weekday::Monday => "月",
        Weekday::Tuesday => "火",
        Weekday::Wednesday => "水",
        Weekday::Thursday => "木",
        Weekday::Friday => "金",
        Weekday::Saturday => "土",
    };
    let (month, date, hour, minute) = (day.month(), day.day(), local.hour(), local.minute());
    format!("{year}{month}月{date}日（{weekday}）{hour}時{minute:02}分")
}

/// The fiscal year that an instant lies in: its first instant, and that of the next year.
#[must_use]
pub fn fiscal_span(instant: Timestamp) -> (Timestamp, Timestamp) {
    let day = instant.to_zoned(japan()).date();
    let year = if day.month() >= 4 { day.year() } else { day.year().saturating_sub(1) };
    let begin = |year: i16| {
        let first = Date::new(year, 4, 1).and_then(|date| date.to_zoned(japan()));
        first.map(|zoned| zoned.timestamp()).ok()
    };
    (begin(year).unwrap_or(Timestamp::MIN), begin(year.saturating_add(1)).unwrap_or(Timestamp::MAX))
}

/// The fiscal year (年度, from 1 April) of an instant, as `R8`.
#[must_use]
pub fn fiscal_year(instant: Timestamp) -> String {
    let day = instant.to_zoned(japan()).date();
    let year = if day.month() >= 4 { day.year() } else { day.year().saturating_sub(1) };
    // The era of its last day: the year in which an era begins is already named after it (平成31年度 became 令和元年度).
    let next = Date::new(year.saturating_add(1), 3, 31).ok().and_then(era);
    next.map_or_else(
        || year.to_string(),
        |(_, letter, number)| format!("{letter}{}", number.saturating_sub(1).max(1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::Terms;

    fn jst(text: &str) -> Timestamp {
        text.parse::<jiff::civil::DateTime>().unwrap().to_zoned(japan()).unwrap().timestamp()
    }

    #[test]
    fn open_days_skip_weekends_holidays_and_the_turn_of_the_year() {
        let calendar = Terms::standard().calendar;
        for (from, days, until) in [
            ("2026-11-20 10:00", 1, "2026-11-24 17:15"), // Friday; the 23rd is a holiday
            ("2026-12-28 09:00", 1, "2027-01-04 17:15"),
            ("2026-05-01 09:00", 1, "2026-05-07 17:15"), // Golden Week
            ("2026-09-18 23:59", 1, "2026-09-24 17:15"), // three holidays in a row
            ("2026-11-24 00:00", 0, "2026-11-24 17:15"),
            ("2026-11-21 10:00", 0, "2026-11-24 17:15"), // nothing is due on a closed day
            ("2026-12-31 23:59", 0, "2027-01-04 17:15"),
        ] {
            let due = calendar.after_open_days(jst(from), days, 1_035);
            assert_eq!(due, Due { at: jst(until), holidays: Holidays::Known }, "{from} + {days}");
        }
    }

    #[test]
    fn beyond_the_table_of_holidays_a_deadline_says_that_it_may_be_later() {
        let calendar = Terms::standard().calendar;
        let due = |from, days| calendar.after_open_days(jst(from), days, 1_035).holidays;
        assert_eq!(due("2027-12-27 09:00", 1), Holidays::Known);
        assert_eq!(due("2027-12-27 09:00", 2), Holidays::NotKnown); // 4 January 2028
        assert_eq!(calendar.after_open_days(Timestamp::MAX, 3, 1_035).holidays, Holidays::NotKnown);
    }

    #[test]
    fn a_day_ends_when_both_parties_agreed_that_the_city_closes() {
        let calendar = Terms::standard().calendar;
        let due = |close_min| calendar.after_open_days(jst("2026-11-24 09:00"), 1, close_min).at;
        assert_eq!(due(1_020), jst("2026-11-25 17:00"));
        assert_eq!(due(1_440), jst("2026-11-26 00:00"));
    }

    #[test]
    fn holidays_agreed_later_replace_those_of_the_same_days_and_reach_further() {
        let days = [(date(2028, 1, 1), "元日"), (date(2028, 1, 10), "成人の日")];
        let days = days.into_iter().map(|(day, name)| (day, name.to_owned())).collect();
        let table = HolidayTable { from: date(2028, 1, 1), until: date(2028, 12, 31), days };
        let calendar = Terms::standard().calendar.with(&[&table]);
        let due = calendar.after_open_days(jst("2028-01-07 09:00"), 1, 1_035);
        assert_eq!(due, Due { at: jst("2028-01-11 17:15"), holidays: Holidays::Known });
        let empty = HolidayTable { from: date(2028, 1, 1), until: date(2028, 1, 31), days: BTreeMap::new() };
        let due = calendar.with(&[&empty]).after_open_days(jst("2028-01-07 09:00"), 1, 1_035);
        assert_eq!(due.at, jst("2028-01-10 17:15"));
        let late = HolidayTable { from: date(2030, 1, 1), until: date(2030, 12, 31), days: BTreeMap::new() };
        let due =
            Terms::standard().calendar.with(&[&late]).after_open_days(jst("2028-01-07 09:00"), 1, 1_035);
        assert_eq!(due.holidays, Holidays::NotKnown);
    }

    #[test]
    fn japanese_dates_know_their_eras() {
        assert_eq!(wareki(jst("2026-11-22 14:05")), "令和8年11月22日（日）14時05分");
        assert_eq!(wareki(jst("2019-05-01 00:00")), "令和元年5月1日（水）0時00分");
        assert_eq!(wareki(jst("2019-04-30 23:59")), "平成31年4月30日（火）23時59分");
        assert_eq!(era(date(1926, 12, 24)).map(|era| era.2), Some(15));
        assert_eq!(era(date(1872, 12, 31)), None);
    }

    #[test]
    fn a_fiscal_year_begins_on_the_first_of_april() {
        assert_eq!(fiscal_year(jst("2026-04-01 00:00")), "R8");
        assert_eq!(fiscal_year(jst("2027-03-31 23:59")), "R8");
        assert_eq!(fiscal_year(jst("2027-04-01 00:00")), "R9");
        assert_eq!(fiscal_year(jst("2019-03-31 10:00")), "H30");
        assert_eq!(fiscal_year(jst("2019-04-01 10:00")), "R1");
        let span = (jst("2026-04-01 00:00"), jst("2027-04-01 00:00"));
        assert_eq!(fiscal_span(jst("2026-04-01 00:00")), span);
        assert_eq!(fiscal_span(jst("2027-03-31 23:59")), span);
    }
}
