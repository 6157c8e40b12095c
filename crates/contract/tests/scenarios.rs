//! Every scenario of `tests/scenarios` leads to what it expects; each duty that is judged fully has one that passes and
//! one that fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use yakujo_contract::terms::Terms;

/// The duties whose judges decide on facts that exist.
const JUDGED: [&str; 34] = [
    "1.a", "1.b", "1.c", "2.1.a", "2.1.b", "2.1.c", "2.1.d", "2.1.e", "2.1.f", "3.1.a", "3.2.b", "3.3.a",
    "3.3.b", "3.3.c", "3.5.a", "4.2.a", "4.3.a", "4.4.a", "4.5.b", "5.c", "6.a", "7.a", "8.a", "8.b", "9.a",
    "9.b", "10.a", "10.b", "10.c", "11.a", "11.b", "12.1.b", "12.1.d", "12.2.a",
];

fn scenarios() -> Vec<(String, String)> {
    scenarios_of("../../tests/scenarios")
}

fn scenarios_of(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|found| found.expect("a file").path());
    let read = |path: std::path::PathBuf| {
        (path.display().to_string(), std::fs::read_to_string(path).expect("a text"))
    };
    files.map(read).collect()
}

#[test]
fn every_scenario_leads_to_what_it_expects() {
    let terms = Terms::standard();
    let mut wrong = Vec::new();
    for (name, text) in scenarios() {
        let mismatches =
            yakujo_contract::scenario::run(&terms, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        wrong.extend(mismatches.iter().map(|mismatch| format!("{name}: {mismatch}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_the_lines_does_not_matter() {
    let terms = Terms::standard();
    for (name, text) in scenarios() {
        let backwards: Vec<&str> = text.lines().rev().collect();
        let forwards = yakujo_contract::scenario::run(&terms, &text).unwrap();
        let turned = yakujo_contract::scenario::run(&terms, &backwards.join("\n"));
        assert_eq!(turned.unwrap().len(), forwards.len(), "{name}");
    }
}

#[test]
fn every_judged_duty_is_seen_to_be_kept_and_not_kept() {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, text) in scenarios() {
        for line in text.lines().filter_map(|line| line.strip_prefix("expect ")) {
            let words: Vec<&str> = line.split(' ').collect();
            seen.entry(words[1].to_owned()).or_default().insert(words[3].to_owned());
        }
    }
    for duty in JUDGED {
        let standings = seen.get(duty).unwrap_or_else(|| panic!("{duty} has no scenario"));
        assert!(standings.contains("kept"), "{duty} is never kept");
        assert!(standings.contains("broken"), "{duty} is never broken");
    }
}

/// A city with fewer clauses, other words and other numbers: another file, not another build.
const SMALL: &str = include_str!("../../../contracts/example-small.toml");

#[test]
fn another_citys_contract_is_judged_by_its_own_numbers() {
    let terms = Terms::parse(SMALL).unwrap();
    for (name, text) in scenarios_of("tests/small") {
        let mismatches = yakujo_contract::scenario::run(&terms, &text).unwrap();
        assert!(mismatches.is_empty(), "{name}: {mismatches:?}");
    }
}

#[test]
fn another_citys_contract_has_its_own_duties_words_and_proposed_numbers() {
    let (small, standard) = (Terms::parse(SMALL).unwrap(), Terms::standard());
    let limits = |terms: &Terms| {
        let mut court = yakujo_contract::court::Court::default();
        let entries = [
            r#"{"v":1,"author":"server","observed":"2026-11-22T00:00:00Z","received":"2026-11-22T00:00:00Z","act":{"kind":"proposed","proposal":"s","matter":"system","system":"main","name":"庁内","importance":"B","segment":"internet","internet_facing":"no"}}"#,
            r#"{"v":1,"author":"server","observed":"2026-11-22T00:00:00Z","received":"2026-11-22T00:00:00Z","act":{"kind":"proposed","proposal":"h","matter":"host","host":"web-1","system":"main","environment":"production"}}"#,
            r#"{"v":1,"author":{"agent":"web-1"},"host":"web-1","seq":1,"observed":"2026-11-22T00:01:00Z","received":"2026-11-22T00:01:00Z","fact":{"kind":"clock.state","daemon":"chrony","says_synchronised":true,"kernel_unsynchronised":false,"sources":[],"measured_offset_us":3000000}}"#,
        ];
        for (number, text) in (0..).zip(entries) {
            let entry = yakujo_contract::entry::Entry::from_bytes(text.as_bytes()).unwrap();
            let _ = court.enter(terms, yakujo_contract::id::EntryNumber(number), &entry);
        }
        let duty = yakujo_contract::duty::DutyId::parse("6.a").unwrap();
        let cause = court.ruling(duty, &"main".parse().unwrap()).unwrap().verdict.cause.en;
        (court.rulings().count(), cause)
    };
    let ((duties, cause), (all, standard_cause)) = (limits(&small), limits(&standard));
    assert_eq!((duties, all), (5, 49));
    assert!(cause.contains("By the proposed value it is broken"), "{cause}");
    assert!(standard_cause.contains("By the proposed value it is kept"), "{standard_cause}");
    let duty = yakujo_contract::duty::DutyId::parse("11.a").unwrap();
    assert_eq!(small.duty(duty).map(|duty| duty.label.as_str()), Some("第3条第1項"));
}

/// Cases in which something that happened is joined with what was approved.
const JOINED_CASES: usize = 60;
/// Clauses whose cases are all of that kind: each file has both twins, of one duty.
const JOINED: [&str; 3] = ["c07_", "c08_", "c12_"];

#[test]
fn what_happened_is_joined_with_what_was_approved_in_both_directions() {
    let (mut cases, mut kept, mut not_kept) = (0, 0, 0);
    for (name, text) in scenarios() {
        let file = name.rsplit('/').next().unwrap().to_owned();
        if !text.lines().any(|line| line.starts_with("contract ")) || !file.starts_with('c') {
            continue;
        }
        cases += 1;
        let expected = text.lines().filter(|line| line.starts_with("expect "));
        let expected: Vec<Vec<&str>> = expected.map(|line| line.split(' ').collect()).collect();
        let of = |is_kept: bool| -> BTreeSet<&str> {
            expected.iter().filter(|words| (words[4] == "kept") == is_kept).map(|words| words[2]).collect()
        };
        let (good, bad) = (of(true), of(false));
        let is_joined = JOINED.iter().any(|clause| file.starts_with(clause));
        assert!(!is_joined || good.intersection(&bad).next().is_some(), "{file} has one direction alone");
        kept += usize::from(!good.is_empty());
        not_kept += usize::from(!bad.is_empty());
    }
    assert!(
        cases >= JOINED_CASES && kept >= JOINED_CASES && not_kept >= JOINED_CASES,
        "{cases} {kept} {not_kept}"
    );
}
