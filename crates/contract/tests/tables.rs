//! Tables: every number a judge measures by stands in the contract, and every kind of fact has somebody who makes it and
//! somebody who weighs it, or stands on a list that only shrinks.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use yakujo_contract::duty::{Clause, DUTIES, DutyId, MEASURES};
use yakujo_contract::fact::Fact;
use yakujo_contract::terms::Terms;

/// Kinds nobody makes yet, when this list was begun. Never raise it.
const NOT_YET_PRODUCED: usize = 14;
/// Kinds nobody weighs yet, when this list was begun. Never raise it.
const NOT_YET_USED: usize = 49;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text of all Rust files below a folder, without their unit tests.
fn programs(folder: &Path) -> String {
    let mut text = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            text += &programs(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let whole = std::fs::read_to_string(&path).unwrap();
            text += whole.split_once("#[cfg(test)]").map_or(whole.as_str(), |(program, _)| program);
        }
    }
    text
}

fn list(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

/// The variant of a kind, as programs write it.
fn variant(kind: &str) -> String {
    let golden = repository().join(format!("docs/formats/golden/facts/{kind}.json"));
    let fact: Fact = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    format!("{fact:?}").split_once('(').unwrap().0.to_owned()
}

#[test]
fn every_kind_of_fact_is_made_by_a_program_or_stands_on_the_list() {
    let text: String = ["agent", "probe", "server"]
        .map(|own| programs(&repository().join(format!("crates/{own}/src"))))
        .concat();
    let is_made = |kind: &&str| {
        // `Fact::ClockStep(step)` makes one; `Fact::ClockStep(step) =>` and `Fact::ClockStep(_)` only look.
        let variant = format!("Fact::{}(", variant(kind));
        text.split(&variant).skip(1).any(|rest| {
            let looks = rest.split_once(')').is_some_and(|(inner, after)| {
                let after = after.trim_start_matches(')').trim_start();
                inner == "_" || inner == ".." || after.starts_with("=>") || after.starts_with("= ")
            });
            !looks
        })
    };
    let missing: BTreeSet<&str> = Fact::KINDS.iter().copied().filter(|kind| !is_made(kind)).collect();
    assert_eq!(list(include_str!("not_yet_produced.txt")), missing);
    assert!(missing.len() <= NOT_YET_PRODUCED);
}

#[test]
fn every_kind_of_fact_is_weighed_by_a_judge_or_stands_on_the_list() {
    let used: BTreeSet<&str> = DUTIES.iter().flat_map(|row| row.uses).copied().collect();
    let life = yakujo_contract::court::SIGNS_OF_LIFE;
    let missing: BTreeSet<&str> =
        Fact::KINDS.iter().copied().filter(|kind| !used.contains(kind) && !life.contains(kind)).collect();
    assert_eq!(list(include_str!("not_yet_used.txt")), missing);
    assert!(missing.len() <= NOT_YET_USED);
}

#[test]
fn what_a_judge_uses_is_a_kind_of_fact_or_act_or_a_matter() {
    for row in &DUTIES {
        for used in row.uses {
            let matter = used.strip_prefix("matter:");
            let known = Fact::KINDS.contains(used)
                || yakujo_contract::act::Act::KINDS.contains(used)
                || matter.is_some_and(|word| yakujo_contract::act::Matter::WORDS.contains(&word));
            assert!(known || *used == "life", "{}: {used}", row.key);
        }
    }
}

/// The key that stands there, or all that the named function of the same file chooses from.
fn keys(text: &str, rest: &str) -> Vec<String> {
    if let Some(rest) = rest.strip_prefix('"') {
        return vec![rest.split_once('"').unwrap().0.to_owned()];
    }
    let name = rest.split_once('(').unwrap().0;
    let body = text.split_once(&format!("fn {name}(")).unwrap().1.split_once("\n}").unwrap().0;
    body.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Each `measure(P18, "breach_ms")` of a clause's file.
fn measured_in(clause: Clause) -> BTreeSet<(u8, String)> {
    let path = repository().join(format!("crates/contract/src/clauses/{}.rs", clause.key()));
    let text = std::fs::read_to_string(path).unwrap();
    let mut found = BTreeSet::new();
    for opening in ["measure(P", "hours(P"] {
        for rest in text.split(opening).skip(1) {
            let (number, rest) = rest.split_once(", ").unwrap();
            let number = number.parse().unwrap();
            found.extend(keys(&text, rest).into_iter().map(|key| (number, key)));
        }
    }
    if text.contains("after_open_days(") {
        found.insert((37, "close_min".to_owned()));
    }
    found
}

#[test]
fn every_number_a_judge_measures_by_stands_in_the_table_and_in_the_contract() {
    let terms = Terms::standard();
    for clause in Clause::ALL {
        let told: BTreeSet<(u8, String)> = MEASURES
            .iter()
            .filter(|measured| DutyId::parse(measured.duty).unwrap().row().clause == clause)
            .map(|measured| {
                let number = measured.parameter.to_string().trim_start_matches("P-").parse().unwrap();
                (number, measured.value.to_owned())
            })
            .collect();
        assert_eq!(told, measured_in(clause), "{}", clause.key());
    }
    for measured in &MEASURES {
        let parameter = &terms.parameters[&measured.parameter];
        assert!(parameter.defaults.contains_key(measured.value), "{measured:?}");
    }
}

#[test]
fn every_parameter_has_a_name_a_basis_and_values_within_their_ranges() {
    for (id, parameter) in &Terms::standard().parameters {
        for text in [&parameter.ja, &parameter.en, &parameter.basis] {
            assert!(!text.is_empty(), "{id}");
        }
        assert!(!parameter.fields.is_empty(), "{id}");
        for field in &parameter.fields {
            let default = parameter.defaults[&field.key];
            assert!(field.range.contains(&default), "{id} {}", field.key);
            assert!(
                !field.unit.is_empty() && !field.ja.is_empty() && !field.en.is_empty(),
                "{id} {}",
                field.key
            );
        }
    }
}

#[test]
fn every_parameter_a_guide_names_is_in_the_contract() {
    let terms = Terms::standard();
    let known: BTreeSet<String> = terms.parameters.keys().map(ToString::to_string).collect();
    let mut texts: Vec<(String, String)> = Clause::ALL
        .iter()
        .map(|clause| {
            let path = repository().join(format!("docs/guides/{}.md", clause.key()));
            (clause.key().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    texts.extend(
        terms.duties.iter().map(|duty| (duty.label.clone(), format!("{} {}", duty.guide_ja, duty.guide_en))),
    );
    for (name, text) in texts {
        for rest in text.split("P-").skip(1) {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            assert!(number.is_empty() || known.contains(&format!("P-{number}")), "{name}: P-{number}");
        }
    }
}

/// Text without the white space that tells nothing in Japanese.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn the_duties_quote_the_contract_word_for_word_and_leave_nothing_out() {
    let text = include_str!("../../../contracts/standard.txt");
    let (clauses, list) = text.split_once("\n脆弱性一覧\n").unwrap();
    let terms = Terms::standard();
    let titles: BTreeSet<String> =
        terms.clauses.iter().map(|clause| bare(&clause.ja)).chain([bare(&terms.title_ja)]).collect();
    let mut rest = bare(clauses);
    for duty in &terms.duties {
        let (before, after) = rest.split_once(&bare(&duty.ja)).unwrap_or_else(|| panic!("{}", duty.label));
        // Between two duties stand only a number, a title, or the mark of a list.
        let left = before.trim_matches(|c: char| c.is_ascii_digit() || "-().".contains(c));
        assert!(left.is_empty() || titles.iter().any(|title| left.ends_with(title.as_str())), "{left}");
        rest = after.to_owned();
    }
    assert_eq!(rest, "");
    for vulnerability in &terms.vulnerabilities {
        assert!(list.contains(&vulnerability.ja), "{}", vulnerability.key);
    }
}

#[test]
fn the_table_of_support_dates_names_each_cycle_once_with_days_in_order_and_says_how_they_were_checked() {
    let table: toml::Table = include_str!("../../../contracts/support.toml").parse().unwrap();
    let mut seen = BTreeSet::new();
    for row in table["product"].as_array().unwrap() {
        let text = |key: &str| row.get(key).map(|value| value.as_str().unwrap().to_owned());
        let name = (text("name").unwrap(), text("cycle").unwrap());
        let days: Vec<jiff::civil::Date> =
            ["full", "free", "paid"].iter().filter_map(|key| Some(text(key)?.parse().unwrap())).collect();
        assert!(!days.is_empty() && days.is_sorted(), "{name:?}: {days:?}");
        let basis = text("basis").unwrap();
        assert!(basis.contains("; compared: ") || basis.ends_with("; not compared"), "{name:?}: {basis}");
        assert!(seen.insert(name.clone()), "{name:?} stands here twice");
    }
}
