//! Every scenario of `tests/scenarios` leads to what it expects; each duty that is judged fully has one that passes and
//! one that fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use yakujo_contract::terms::Terms;

/// The duties whose judges decide on facts that exist.
const JUDGED: [&str; 13] =
    ["1.a", "1.b", "1.c", "2.1.a", "3.1.a", "3.5.a", "4.4.a", "4.5.b", "6.a", "9.a", "9.b", "11.a", "11.b"];

fn scenarios() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
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
