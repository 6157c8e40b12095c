//! Holidays and freeze periods: their fields, read back, and in one line.

use super::block::Field;
use super::era;
use super::matter::{self, Misread, Typed};
use super::visit::Visit;
use super::words::Lang;
use jiff::civil::Date;
use std::collections::BTreeMap;
use yakujo_contract::act::{Freeze, HolidayTable};

/// The fields of a table of holidays.
#[must_use]
pub fn holiday_fields(visit: &Visit) -> Vec<Field> {
    vec![
        Field::line("from", visit.of("この表の初日", "First day of the table"), "").hint("2028-01-01"),
        Field::line("until", visit.of("この表の末日", "Last day of the table"), "").hint("2028-12-31"),
        matter::words_of("days", visit.of("祝日（1行に1日）", "Holidays, one a line")).hint(visit.of(
            "内閣府の祝日CSVの行をそのまま貼り付けられます。例：2028/1/10,成人の日。期間の外の行は読みません。",
            "Lines of the Cabinet Office's CSV: 2028/1/10,成人の日. Lines outside the period are left out.",
        )),
    ]
}

/// The table that was typed.
///
/// # Errors
/// The field that cannot be read.
pub fn read_holidays(visit: &Visit) -> Result<HolidayTable, Misread> {
    let from = day(visit.typed("from")).ok_or(Misread("from"))?;
    let until = day(visit.typed("until")).ok_or(Misread("until"))?;
    let days = read_days(visit.typed("days"), from, until).ok_or(Misread("days"))?;
    Ok(HolidayTable { from, until, days })
}

/// Every line is a day and its name; the header of the Cabinet Office's file is skipped.
fn read_days(text: &str, from: Date, until: Date) -> Option<BTreeMap<Date, String>> {
    let mut days = BTreeMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines.filter(|line| !line.starts_with("国民の祝日")) {
        let (date, name) = line.split_once([',', '、', '，', '\t'])?;
        let date = day(date)?;
        if name.trim().is_empty() {
            return None;
        }
        if (from..=until).contains(&date) {
            days.insert(date, name.trim().to_owned());
        }
    }
    Some(days)
}

/// `2028-01-10` or `2028/1/10`.
fn day(text: &str) -> Option<Date> {
    let text = era::half_width(text);
    let mut parts = text.trim().split(['-', '/']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A table in one line.
#[must_use]
pub fn holidays(lang: Lang, table: &HolidayTable) -> String {
    let (from, until, count) = (table.from, table.until, table.days.len());
    match lang {
        Lang::Ja => format!("{from} から {until} まで、祝日 {count} 日"),
        Lang::En => format!("{from} to {until}: {count} holidays"),
    }
}

/// The fields of a freeze period.
#[must_use]
pub fn freeze_fields(visit: &Visit) -> Vec<Field> {
    vec![
        matter::any_system(visit),
        matter::moment(visit, "from", visit.of("開始", "From")),
        matter::moment(visit, "until", visit.of("終了", "Until")),
        matter::words_of("reason", visit.of("理由（選挙、税の通知など）", "Why")),
    ]
}

/// The freeze that was typed.
///
/// # Errors
/// The field that cannot be read.
pub fn read_freeze(visit: &Visit) -> Result<Freeze, Misread> {
    let typed = Typed(visit);
    Ok(Freeze {
        system: typed.optional("system")?,
        from: typed.moment("from")?,
        until: typed.moment("until")?,
        reason: typed.text("reason"),
    })
}

/// A freeze in one line.
#[must_use]
pub fn freeze(lang: Lang, freeze: &Freeze) -> String {
    let every = lang.of("全システム", "every system");
    let system = freeze.system.as_ref().map_or(every, |system| system.as_str());
    let (from, until) = (era::wareki(lang, freeze.from), era::wareki(lang, freeze.until));
    format!("{system} {from}〜{until}：{}", freeze.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_cabinet_office_are_read_and_others_are_refused() {
        let (from, until) = (Date::constant(2028, 1, 1), Date::constant(2028, 12, 31));
        let text = "国民の祝日・休日月日,国民の祝日・休日名称\r\n2027/1/1,元日\n2028/1/10,成人の日\n\n２０２８/２/１１,建国記念の日\n";
        let days = read_days(text, from, until).unwrap();
        assert_eq!(days.len(), 2);
        assert_eq!(days[&Date::constant(2028, 2, 11)], "建国記念の日");
        for wrong in ["2028/13/1,何", "2028/1/10", "2028/1/10,", "成人の日,2028/1/10", "2028/1/10/1,x"] {
            assert!(read_days(wrong, from, until).is_none(), "{wrong}");
        }
    }
}
