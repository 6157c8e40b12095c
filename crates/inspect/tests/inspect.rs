//! Columns decide: what is personal is found by heading or shape, what only looks like it by chance is not, and no value
//! reaches the result.

use proptest::prelude::*;
use yakujo_inspect::{Inspected, inspect, values};

/// A number with its check digit, from any eleven digits.
fn with_check(first: u64) -> String {
    let eleven = format!("{first:011}");
    let all = (0..10).map(|check| format!("{eleven}{check}"));
    let mut good = all.filter(|text| values::is_individual_number(&values::digits(text).unwrap_or_default()));
    good.next().unwrap_or_default()
}

fn personal(name: &str, text: &str) -> Vec<String> {
    inspect(name, text).personal.into_iter().collect()
}

fn column(heading: &str, rows: impl Iterator<Item = String>) -> String {
    std::iter::once(heading.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_check_digit_is_that_of_the_ordinance() {
    // The example of the ordinance's own calculation: 12345678901 has the check digit 8.
    assert_eq!(with_check(12_345_678_901), "123456789018");
    assert!(!values::is_individual_number(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 7]));
    assert!(!values::is_individual_number(&[1, 2, 3]));
}

#[test]
fn a_table_of_residents_is_found_by_its_headings_in_any_script() {
    let text = "宛名番号,氏名,SEINENGAPPI,住所,TEL\n0012345,山田 太郎,昭和50年4月1日,東京都千代田区1-1,03-1234-5678\n";
    let found = personal("residents.csv", text);
    assert_eq!(
        found,
        ["SEINENGAPPI:birth_date", "TEL:phone", "住所:address", "宛名番号:city_number", "氏名:name"]
    );
    let dump = "COPY public.person (id, kojin_no, denwa) FROM stdin;\n1\t123456789018\t090-1234-5678\n\\.\n";
    assert_eq!(personal("city.sql", dump), ["DENWA:phone", "KOJINNO:individual_number"]);
}

#[test]
fn a_column_without_a_heading_is_found_by_most_of_its_values_and_named_by_its_number() {
    let numbers = column("id", (0..20).map(|n| with_check(n * 7_777_777 + 10_000_000_000)));
    assert_eq!(personal("a.csv", &numbers), ["#1:individual_number"]);
    let names = (0..9).map(|n| format!("{n},山田 太郎")).collect::<Vec<_>>().join("\n");
    assert_eq!(personal("a.csv", &names), ["#2:name"]);
    let addresses = (0..9).map(|n| format!("東京都千代田区{n}-1")).collect::<Vec<_>>().join("\n");
    assert_eq!(personal("a.tsv", &addresses), ["#1:address"]);
    let mails = (0..9).map(|n| format!("user{n}@city.lg.jp")).collect::<Vec<_>>().join("\n");
    assert_eq!(personal("a.csv", &mails), ["#1:mail"]);
}

#[test]
fn what_looks_like_it_by_chance_or_reaches_nobody_is_not_found() {
    // Every twelve digits in a row: one in ten passes the check digit.
    let serial = column("serial", (0..200_u64).map(|n| (100_000_000_000 + n * 13).to_string()));
    assert!(personal("a.csv", &serial).is_empty());
    let instants = column("at", (0..60).map(|n| format!("2026112712{n:02}")));
    assert!(personal("a.csv", &instants).is_empty());
    let nobody = column("m", (0..9).map(|n| format!("user{n}@example.jp")));
    assert!(personal("a.csv", &nobody).is_empty());
    let masked = column("個人番号", (0..9).map(|_| "000000000000".to_owned()));
    assert!(personal("a.csv", &masked).is_empty());
    let same = std::iter::repeat_n(format!("ref={}", with_check(12_345_678_901)), 20).collect::<Vec<_>>();
    assert!(personal("app.log", &same.join("\n")).is_empty(), "one number, however often");
    let prefectures = column("ken", (0..9).map(|_| "三重県".to_owned()));
    assert!(personal("a.csv", &prefectures).is_empty());
    let dummies = column("個人番号", (0..50_u64).map(|n| (200_000_000_000 + n * 17).to_string()));
    assert!(personal("a.csv", &dummies).is_empty(), "numbers without their check digits");
    let towns = column("t", (0..9).map(|n| format!("{n}丁目")));
    assert!(personal("a.csv", &towns).is_empty());
    assert!(personal("a.csv", "氏名,住所\n,\n").is_empty(), "headings without values");
}

#[test]
fn text_is_found_by_its_labels() {
    let text = "2026-11-27 登録 氏名：山田太郎、電話：03-1234-5678\n処理番号=123456789012";
    assert_eq!(personal("app.log", text), ["text:name", "text:phone"]);
    assert!(personal("app.log", "氏名：\n電話番号：なし").is_empty());
}

#[test]
fn rows_and_columns_are_counted() {
    let told = inspect("a.csv", "\u{feff}x,y\n1,2\n3,4,5\n");
    assert_eq!(told, Inspected { rows: 3, columns: 3, ..Inspected::default() });
    assert_eq!(inspect("a.sql", "INSERT INTO t VALUES (1);\n-- end").unread, 1);
}

proptest! {
    #[test]
    fn no_value_reaches_the_result(name in "[a-z]{1,4}\\.(csv|tsv|sql|txt)", secret in "[a-z]{8}[0-9]{4}") {
        let rows = format!("{secret} 氏名：{secret},山田 太郎\n").repeat(9);
        let text = format!("生活保護{secret},{secret}phone\n{rows}");
        prop_assert!(inspect(&name, &text).personal.iter().all(|found| !found.contains(&secret)));
    }

    #[test]
    fn no_text_makes_the_inspector_fail(name in "[a-z]{0,4}\\.?(csv|tsv|sql|txt)?", text in "(?s).{0,400}") {
        let _ = inspect(&name, &text);
    }
}
