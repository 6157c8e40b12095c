//! The golden bundles in `docs/formats/golden/bundles`: the verifier of the command line and the page `verify.html`
//! must both give the expected verdict for each of them. To add one, add it to `golden_files` and run `make_golden`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as expected"
)]

mod golden_files;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use yakujo_ledger::verdict::{KeptHead, Means, Report, verify};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden/bundles")
}

/// The names of the golden bundles, without ending.
fn names() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|name| name.strip_suffix(".yakujo").map(str::to_owned)).collect();
    names.sort();
    assert!(names.len() > 20, "the golden bundles are there: {names:?}");
    names
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn expected(name: &str) -> Value {
    serde_json::from_str(&text(&format!("{name}.expected.json"))).unwrap()
}

fn kept(expected: &Value) -> Vec<KeptHead> {
    let names = expected["heads"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    names.map(|name| KeptHead { name: name.to_owned(), text: text(name) }).collect()
}

fn verified(bundle: &[u8], heads: &[KeptHead], policy: Option<&str>) -> Report {
    let workers = NonZeroUsize::new(2).unwrap();
    verify(bundle, &Means { policy, heads, workers }).unwrap()
}

/// What must agree between the expectation and a report.
fn compare(name: &str, expected: &Value, report: &Value) {
    for key in ["verdict", "at", "how"] {
        if !expected[key].is_null() {
            assert_eq!(expected[key], report[key], "{name}: {key} in {report:#}");
        }
    }
}

#[test]
fn the_command_lines_verifier_gives_the_expected_verdict_for_every_golden_bundle() {
    for name in names() {
        let expected = expected(&name);
        let policy = expected["policy"].as_str().map(text);
        let bundle = fs::read(folder().join(format!("{name}.yakujo"))).unwrap();
        let report = verified(&bundle, &kept(&expected), policy.as_deref());
        compare(&name, &expected, &report.to_json());
    }
}

#[test]
fn the_page_gives_the_same_verdict_for_every_golden_bundle() {
    let mut jobs = Vec::new();
    for name in names() {
        let expected = expected(&name);
        let heads: Vec<Value> =
            kept(&expected).iter().map(|head| json!({"name": head.name, "text": head.text})).collect();
        let policy = expected["policy"].as_str().map(text);
        jobs.push(json!({"name": name, "bundle": text(&format!("{name}.yakujo")), "heads": heads, "policy": policy}));
    }
    let reports = by_the_page(&jobs);
    for job in &jobs {
        let name = job["name"].as_str().unwrap();
        let expected = expected(name);
        let page = &reports[name];
        compare(name, &expected, page);
        let policy = expected["policy"].as_str().map(text);
        let bundle = job["bundle"].as_str().unwrap();
        let own = verified(bundle.as_bytes(), &kept(&expected), policy.as_deref()).to_json();
        for key in [
            "format",
            "verdict",
            "verdict_ja",
            "verdict_en",
            "at",
            "how",
            "origin",
            "size",
            "root",
            "first",
            "count",
            "read",
            "whole",
            "level",
            "cosigned",
            "witnesses",
            "policy",
            "heads",
            "contract",
            "made",
        ] {
            assert_eq!(page[key], own[key], "{name}: the page and the program differ in `{key}`");
        }
    }
}

/// Runs the script of the page in node for all jobs at once.
fn by_the_page(jobs: &[Value]) -> BTreeMap<String, Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("jobs.json");
    fs::write(&input, serde_json::to_vec(jobs).unwrap()).unwrap();
    let mut node = Command::new("node");
    node.arg(here.join("tests/page.mjs")).arg(here.join("web/verify.html")).arg(&input);
    let output = node.output().expect("node 20 or later is needed to test web/verify.html");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_golden_files_are_those_the_generator_makes() {
    for (name, bytes) in golden_files::all() {
        let file = fs::read(folder().join(&name)).unwrap_or_default();
        assert!(file == bytes, "{name} differs: run `cargo run -p yakujo-ledger --example make_golden`");
    }
}

/// Every byte of the file counts: changed in any place (also in the header's free words), it is no longer intact.
#[test]
fn no_single_changed_byte_leaves_the_intact_bundle_intact() {
    let whole = fs::read(folder().join("intact.yakujo")).unwrap();
    let policy = text("city.policy");
    let heads = [KeptHead { name: "h".into(), text: text("head-256.checkpoint") }];
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
    // A fixed walk over the file with a step that is prime to its length: header densely, entries sparsely.
    let places = (0..header).step_by(37).chain((header..whole.len()).step_by(211));
    for (round, place) in places.enumerate() {
        let mut changed = whole.clone();
        changed[place] ^= [0x01, 0x20, 0x80, 0x03][round % 4];
        let verdict = verified(&changed, &heads, Some(&policy)).verdict().name();
        assert_ne!(verdict, "intact", "byte {place}");
    }
}

#[test]
fn a_bundle_cut_at_any_place_is_not_intact() {
    let whole = fs::read(folder().join("intact-partial-range.yakujo")).unwrap();
    let policy = text("city.policy");
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for end in (0..whole.len()).step_by(397).chain([header, header + 1, whole.len() - 1]) {
        let verdict = verified(&whole[..end], &[], Some(&policy)).verdict().name();
        assert_eq!(verdict, if end <= header { "unreadable" } else { "tail_missing" }, "cut at {end}");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let whole = fs::read(folder().join("reordered.yakujo")).unwrap();
    let policy = text("city.policy");
    let by = |workers| {
        let means = Means { policy: Some(&policy), heads: &[], workers: NonZeroUsize::new(workers).unwrap() };
        verify(whole.as_slice(), &means).unwrap().to_json()
    };
    assert_eq!(by(1), by(7));
}

/// The page allows exactly its own script and style, by their hashes; so nothing can be put into it unnoticed, and it
/// cannot speak to any network (`default-src 'none'`).
#[test]
fn the_page_allows_only_its_own_script_and_style() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("web/verify.html")).unwrap();
    let hash = |tag: &str| {
        let start = page.find(&format!("<{tag}>")).unwrap() + tag.len() + 2;
        let end = page.find(&format!("</{tag}>")).unwrap();
        let digest = sha2::Sha256::digest(&page.as_bytes()[start..end]);
        format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(digest))
    };
    let expected = format!(
        "default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash("script"),
        hash("style")
    );
    assert!(page.contains(&expected), "the policy in web/verify.html must be: {expected}");
    for forbidden in
        ["http:", "https:", "innerHTML", "fetch(", "XMLHttpRequest", "eval(", " style=", " onclick="]
    {
        assert!(!page.contains(forbidden), "verify.html contains `{forbidden}`");
    }
}

/// Two readers written apart: on damaged files they must say the same, also where the damage is no valid text.
#[test]
fn the_page_and_the_program_agree_on_damaged_bundles() {
    use base64::Engine as _;
    let whole = fs::read(folder().join("intact-partial-range.yakujo")).unwrap();
    let (policy, head) = (text("city.policy"), text("head-256.checkpoint"));
    let heads = [KeptHead { name: "h".into(), text: head.clone() }];
    let mut jobs = Vec::new();
    let mut own = Vec::new();
    for round in 0..120usize {
        let mut changed = whole.clone();
        let place = round * 7919 % whole.len();
        match round % 4 {
            0 => changed[place] ^= 0x01,
            1 => changed[place] ^= 0x80,
            2 => drop(changed.remove(place)),
            _ => changed.insert(place, b'\n'),
        }
        own.push(verified(&changed, &heads, Some(&policy)).to_json());
        let encoded = base64::engine::general_purpose::STANDARD.encode(&changed);
        let name = format!("{round:03}");
        jobs.push(json!({"name": name, "base64": encoded, "heads": [{"name": "h", "text": head}], "policy": policy}));
    }
    for ((name, page), own) in by_the_page(&jobs).iter().zip(&own) {
        assert_ne!(own["verdict"], "intact", "{name}");
        for key in ["verdict", "at", "how", "cosigned", "heads"] {
            assert_eq!(page[key], own[key], "damage {name}: {key}\n{page:#}\n{own:#}");
        }
    }
}
