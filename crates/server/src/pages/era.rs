//! 和暦 and 西暦: how instants are shown to people and read from them. People of the contract live in JST (+09:00).

use super::words::Lang;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use yakujo_contract::calendar::{self, ERAS, japan};

/// `2026-11-22 14:05:03 JST`, for evidence and logs.
#[must_use]
pub fn exact(instant: Timestamp) -> String {
    yakujo_contract::standing::jst(instant)
}

/// `令和8年11月22日（日）14時05分`, or the exact form in English.
#[must_use]
pub fn wareki(lang: Lang, instant: Timestamp) -> String {
    if lang == Lang::En {
        return exact(instant);
    }
    calendar::wareki(instant)
}

/// `令和8年11月22日（日）`, or `2026-11-22`: for paper, where the hour does not matter.
#[must_use]
pub fn day(lang: Lang, instant: Timestamp) -> String {
    let whole = wareki(lang, instant);
    let end = match lang {
        Lang::Ja => whole.find('）').map_or(whole.len(), |at| at + '）'.len_utf8()),
        Lang::En => whole.find(' ').unwrap_or(whole.len()),
    };
    whole.get(..end).unwrap_or(&whole).to_owned()
}

/// `R8.11.22`: where there is room for a seal only.
#[must_use]
pub fn short_day(instant: Timestamp) -> String {
    let date = instant.to_zoned(japan()).date();
    let begun = ERAS.iter().filter(|(_, _, first)| *first <= date).max_by_key(|(_, _, first)| *first);
    match begun {
        Some((_, letter, first)) => {
            let year = date.year().saturating_sub(first.year()).saturating_add(1);
            format!("{letter}{year}.{}.{}", date.month(), date.day())
        }
        None => date.to_string(),
    }
}

/// Reads what a person typed: `2026-11-22 14:05`, `2026/11/22`, `令和8年11月22日14時05分`, `R8.11.22`, `8/11/22`, or an
/// RFC 3339 instant. A date alone means the start of that day.
#[must_use]
pub fn read(text: &str) -> Option<Timestamp> {
    let plain = half_width(text);
    if let Ok(instant) = plain.trim().parse::<Timestamp>() {
        return Some(instant);
    }
    let (first_year, rest) = era_of(plain.trim());
    let numbers: Vec<i64> = numbers(&rest.replace('元', "1"));
    let (year, month, day) = (*numbers.first()?, *numbers.get(1)?, *numbers.get(2)?);
    let year = match first_year {
        Some(first) => first + year - 1,
        None if year < 100 => 2018 + year,
        None => year,
    };
    let part = |index: usize| i8::try_from(numbers.get(index).copied().unwrap_or(0)).ok();
    let date =
        Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = Time::new(part(3)?, part(4)?, part(5)?, 0).ok()?;
    DateTime::from_parts(date, time).to_zoned(japan()).ok().map(|zoned| zoned.timestamp())
}

fn era_of(text: &str) -> (Option<i64>, &str) {
    for (name, letter, first) in ERAS {
        if let Some(rest) = text.strip_prefix(name) {
            return (Some(i64::from(first.year())), rest);
        }
        let mut letters = text.chars();
        if letters.next().is_some_and(|typed| typed.eq_ignore_ascii_case(&letter)) {
            return (Some(i64::from(first.year())), letters.as_str());
        }
    }
    (None, text)
}

fn numbers(text: &str) -> Vec<i64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).take(6).collect()
}

/// Full-width digits, signs and spaces as half-width; everything else as it is.
#[must_use]
pub fn half_width(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{3000}' => ' ',
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | 'ー' => '-',
        other => other,
    };
    text.chars().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_no_hour() {
        let instant: Timestamp = "2026-11-22T05:05:03Z".parse().unwrap();
        assert_eq!(day(Lang::Ja, instant), "令和8年11月22日（日）");
        assert_eq!(day(Lang::En, instant), "2026-11-22");
    }

    #[test]
    fn the_same_moment_is_read_in_every_form() {
        let expected = "2026-11-22T05:05:00Z".parse::<Timestamp>().unwrap();
        for text in [
            "2026-11-22 14:05",
            "2026/11/22 14:05",
            "令和8年11月22日14時05分",
            "R8.11.22 14:05",
            "ｒ８．１１．２２　１４：０５",
            "8/11/22 14:05",
            "2026-11-22T05:05:00Z",
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["", "昨日", "2026-13-40", "R8", "2026-02-30"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_first_year_of_an_era_is_gannen() {
        let shown = |text: &str| wareki(Lang::Ja, read(text).unwrap());
        assert_eq!(shown("2019-05-01"), "令和元年5月1日（水）0時00分");
        assert_eq!(shown("2019-04-30"), "平成31年4月30日（火）0時00分");
        assert_eq!(read("令和元年5月1日"), read("2019-05-01"));
        assert_eq!(shown("2026-11-22 14:05"), "令和8年11月22日（日）14時05分");
    }
}
