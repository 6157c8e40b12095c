//! Formats: one golden file for each kind of fact, act and author, read and written again byte for byte; and the page
//! that describes facts says of each kind what the programs do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::duty::DutyId;
use yakujo_contract::entry::{Author, Entry, Party};
use yakujo_contract::fact::Fact;

const PAGE: &str = include_str!("../../../docs/formats/fact-v1.md");

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The golden files of a folder, by name without ending.
fn golden(folder: &str) -> BTreeMap<String, String> {
    let folder = repository().join("docs/formats/golden").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn read_and_written_again<T: DeserializeOwned + Serialize>(folder: &str) -> BTreeMap<String, T> {
    let mut read = BTreeMap::new();
    for (name, text) in golden(folder) {
        let value: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"));
        let again = serde_json::to_string_pretty(&value).unwrap() + "\n";
        assert_eq!(again, text, "{folder}/{name} is written otherwise than it was read");
        read.insert(name, value);
    }
    read
}

#[test]
fn every_kind_of_fact_has_a_golden_file_that_reads_and_writes_the_same_bytes() {
    let facts: BTreeMap<String, Fact> = read_and_written_again("facts");
    for (name, fact) in &facts {
        assert_eq!(name, fact.kind());
        let (ja, en) = fact.name();
        assert!(!ja.is_empty() && !en.is_empty(), "{name}");
    }
    assert!(facts.keys().map(String::as_str).eq(Fact::KINDS.iter().copied().collect::<BTreeSet<_>>()));
}

#[test]
fn every_kind_of_act_and_matter_has_a_golden_file_that_reads_and_writes_the_same_bytes() {
    let acts: BTreeMap<String, Act> = read_and_written_again("acts");
    for (name, act) in &acts {
        match act {
            Act::Proposed { matter, .. } => assert_eq!(*name, format!("proposed.{}", matter.word())),
            Act::RequestStep { step, .. } => assert_eq!(*name, format!("request.step.{}", step.word())),
            other => assert_eq!(name, other.kind()),
        }
    }
    let kinds: BTreeSet<&str> = acts.values().map(Act::kind).collect();
    assert!(kinds.into_iter().eq(Act::KINDS.iter().copied().collect::<BTreeSet<_>>()));
    for word in Matter::WORDS {
        assert!(acts.contains_key(&format!("proposed.{word}")), "{word}");
    }
}

#[test]
fn every_author_has_a_golden_entry_that_is_the_bytes_of_the_ledger() {
    let mut seen = BTreeSet::new();
    for (name, text) in golden("entries") {
        let bytes = text.strip_suffix('\n').unwrap().as_bytes();
        let entry = Entry::from_bytes(bytes).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(entry.to_bytes().unwrap(), bytes, "{name}");
        seen.insert(match entry.author {
            Author::Agent(_) => "agent",
            Author::Server => "server",
            Author::Person { party: Party::City, .. } => "city",
            Author::Person { party: Party::Contractor, .. } => "contractor",
            Author::Person { party: Party::Auditor, .. } => "auditor",
        });
    }
    assert_eq!(seen, BTreeSet::from(["agent", "server", "city", "contractor", "auditor"]));
}

#[test]
fn an_unknown_kind_or_field_is_refused() {
    for (name, text) in golden("facts") {
        let more = text.replacen('{', "{\"more\":1,", 1);
        assert!(serde_json::from_str::<Fact>(&more).is_err(), "{more}");
        assert!(serde_json::from_str::<Fact>(&text.replacen(&name, "no.such", 1)).is_err(), "{name}");
    }
    for (name, text) in golden("acts") {
        let more = text.replacen('{', "{\"more\":1,", 1);
        // The flattened matter of `proposed` keeps serde from refusing unknown fields of the other acts.
        let matter = name.starts_with("proposed.");
        assert!(!matter || serde_json::from_str::<Act>(&more).is_err(), "{more}");
        let family = ["proposed", "request.step"].into_iter().find(|family| name.starts_with(family));
        let kind = family.unwrap_or(&name);
        assert!(serde_json::from_str::<Act>(&text.replacen(kind, "no.such", 1)).is_err(), "{name}");
    }
}

/// The section of one kind on the page.
fn section(kind: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("### `{kind}` ")).unwrap_or_else(|| panic!("no section {kind}"));
    rest.split_once("\n##").map_or(rest, |(section, _)| section)
}

#[test]
fn the_page_of_facts_describes_every_field_of_every_kind_and_who_uses_it() {
    for (name, text) in golden("facts") {
        let section = section(&name);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for field in value.as_object().unwrap().keys().filter(|field| *field != "kind") {
            assert!(section.contains(&format!("| `{field}`")), "{name}: {field} is not described");
        }
        for duty in DutyId::all() {
            let uses = duty.row().uses.contains(&name.as_str());
            let told = section.lines().find_map(|line| line.split_once("Used by: ")).unwrap().1;
            let told = told.trim_end_matches('.').split(", ").any(|user| user == duty.key());
            assert_eq!(uses, told, "{name} and {duty}");
        }
    }
}
