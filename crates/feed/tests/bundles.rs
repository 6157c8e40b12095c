//! Bundles that must be refused, and what was in use stays in use; and those that may be used.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use yakujo_feed::build::{Maker, Plan, build};
use yakujo_feed::import::{Checked, Site, check};
use yakujo_feed::manifest::{Kind, Manifest};
use yakujo_feed::refused::Refused;
use yakujo_feed::signed::{MakerKey, new_pair, sign};
use yakujo_feed::store::{Import, Store};

static KEYS: LazyLock<(String, String)> = LazyLock::new(|| new_pair().unwrap());

fn now() -> Timestamp {
    "2026-11-26T00:00:00Z".parse().unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

/// A maker's folder: samples beside a plan.
struct Desk {
    folder: tempfile::TempDir,
    plan: Plan,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
        for name in ["tracker.json", "kev.json", "epss.csv"] {
            std::fs::copy(samples.join(name), folder.path().join(name)).unwrap();
        }
        let plan = r#"
            usable_days = 7
            [[part]]
            kind = "debian_tracker"
            file = "tracker.json"
            source = "https://security-tracker.debian.org/tracker/data/json"
            upstream_time = "2026-11-25T20:00:00Z"
            licence = "sample"
            [[part]]
            kind = "kev"
            file = "kev.json"
            source = "https://www.cisa.gov/known-exploited-vulnerabilities-catalog"
            licence = "CC0-1.0"
            [[part]]
            kind = "epss"
            file = "epss.csv"
            source = "https://www.first.org/epss"
            licence = "sample"
        "#;
        std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
        let plan = yakujo_feed::build::read_plan(&folder.path().join("plan.toml")).unwrap();
        Self { folder, plan }
    }

    fn at(&self, previous: Option<&Manifest>, now: Timestamp) -> Vec<u8> {
        let mut bundle = Vec::new();
        let maker = Maker { secret: &KEYS.0, previous, now };
        build(&self.plan, self.folder.path(), maker, &mut bundle).unwrap();
        bundle
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

fn keys() -> Vec<MakerKey> {
    vec![MakerKey::read(&KEYS.1).unwrap()]
}

fn checked(bundle: &[u8], current: Option<&Manifest>) -> Result<Checked, Refused> {
    check(bundle, &Site { keys: &keys(), current, now: now() + hours(24), fewer: None })
}

/// A site with one bundle in use.
fn site(desk: &Desk) -> (tempfile::TempDir, Store, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::of(folder.path());
    let first = checked(&desk.at(None, now()), None).unwrap();
    first.install(&store, &Import::default()).unwrap();
    let current = store.current().unwrap().unwrap();
    (folder, store, current)
}

/// The members of a bundle, each altered by `alter`, put together again with the same signature.
fn altered(bundle: &[u8], alter: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut old = tar::Archive::new(zstd::Decoder::new(bundle).unwrap());
    let mut new = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    for member in old.entries().unwrap() {
        let mut member = member.unwrap();
        let name = member.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let Some(bytes) = alter(&name, bytes) else { continue };
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len().try_into().unwrap());
        new.append_data(&mut header, &name, bytes.as_slice()).unwrap();
    }
    new.into_inner().unwrap().finish().unwrap()
}

/// A refusal leaves what is in use as it was, byte for byte.
fn stays(store: &Store, folder: &Path, before: &Manifest, refused: Result<Checked, Refused>) -> Refused {
    let error = match refused {
        Err(error) => error,
        Ok(checked) => panic!("serial {} was taken", checked.manifest.serial),
    };
    assert_eq!(store.current().unwrap().as_ref(), Some(before), "{error}");
    assert!(store.known().unwrap().is_some_and(|(_, known)| known.debian.is_some()), "{error}");
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names.len(), 3, "one bundle, the name of it, and the lock: {names:?}");
    error
}

#[test]
fn a_bundle_is_taken_and_says_what_it_knows() {
    let desk = Desk::new();
    let (_folder, store, current) = site(&desk);
    assert_eq!((current.serial, current.parts.len()), (1, 3));
    let (_, known) = store.known().unwrap().unwrap();
    assert_eq!(known.debian.unwrap().records(), 8);
    assert!(known.exploited.unwrap().contains("CVE-2026-0001"));
    let times: Vec<String> = current.parts.iter().map(|part| part.upstream_time.to_string()).collect();
    assert_eq!(times, ["2026-11-25T20:00:00Z", "2026-11-25T18:00:00Z", "2026-11-25T12:55:00Z"]);
}

#[test]
fn a_bundle_of_another_maker_or_with_a_changed_manifest_is_refused() {
    let desk = Desk::new();
    let (folder, store, current) = site(&desk);
    let next = desk.at(Some(&current), now() + hours(1));
    let strangers = [MakerKey::read(&new_pair().unwrap().1).unwrap()];
    let site = Site { keys: &strangers, current: Some(&current), now: now() + hours(2), fewer: None };
    let error = stays(&store, folder.path(), &current, check(next.as_slice(), &site));
    assert!(matches!(error, Refused::Signature(_)), "{error}");
    let changed = altered(&next, |name, bytes| {
        let text = String::from_utf8_lossy(&bytes).replace("\"serial\": 2", "\"serial\": 3");
        Some(if name == "manifest.json" { text.into_bytes() } else { bytes })
    });
    let error = stays(&store, folder.path(), &current, checked(&changed, Some(&current)));
    assert!(matches!(error, Refused::Signature(_)), "{error}");
    let unsigned = altered(&next, |name, bytes| (!name.ends_with(".minisig")).then_some(bytes));
    let error = stays(&store, folder.path(), &current, checked(&unsigned, Some(&current)));
    assert!(matches!(error, Refused::NoBundle(_)), "{error}");
}

#[test]
fn a_serial_that_is_not_above_the_one_in_use_is_refused() {
    let desk = Desk::new();
    let (folder, store, current) = site(&desk);
    let again = desk.at(None, now() + hours(1));
    let error = stays(&store, folder.path(), &current, checked(&again, Some(&current)));
    assert!(matches!(error, Refused::Serial { offered: 1, known: 1 }), "{error}");
    // Also where two were looked through at the same time and the lower one is put into use last.
    let (second, third) = (desk.at(Some(&current), now() + hours(1)), {
        let second = checked(&desk.at(Some(&current), now() + hours(1)), Some(&current)).unwrap();
        desk.at(Some(&second.manifest), now() + hours(2))
    });
    let (second, third) =
        (checked(&second, Some(&current)).unwrap(), checked(&third, Some(&current)).unwrap());
    third.install(&store, &Import::default()).unwrap();
    assert!(matches!(
        second.install(&store, &Import::default()),
        Err(Refused::Serial { offered: 2, known: 3 })
    ));
    assert_eq!(store.current().unwrap().unwrap().serial, 3);
}

#[test]
fn what_upstream_made_before_what_is_in_use_is_refused_whatever_its_serial() {
    let mut desk = Desk::new();
    let (folder, store, current) = site(&desk);
    desk.plan.parts[0].upstream_time = Some("2026-11-24T20:00:00Z".parse().unwrap());
    let older = desk.at(Some(&current), now() + hours(1));
    let error = stays(&store, folder.path(), &current, checked(&older, Some(&current)));
    assert!(matches!(error, Refused::Older { kind: Kind::DebianTracker, .. }), "{error}");
    desk.plan.parts[0].upstream_time = Some("2027-01-01T00:00:00Z".parse().unwrap());
    let ahead = desk.at(Some(&current), now() + hours(1));
    let error = stays(&store, folder.path(), &current, checked(&ahead, Some(&current)));
    assert!(matches!(error, Refused::Future { kind: Kind::DebianTracker, .. }), "{error}");
    desk.plan.parts.remove(0);
    let without = desk.at(Some(&current), now() + hours(1));
    let error = stays(&store, folder.path(), &current, checked(&without, Some(&current)));
    assert!(matches!(error, Refused::Missing(Kind::DebianTracker)), "{error}");
}

#[test]
fn a_part_that_was_cut_or_changed_is_refused() {
    let desk = Desk::new();
    let (folder, store, current) = site(&desk);
    let next = desk.at(Some(&current), now() + hours(1));
    let cut = altered(&next, |name, mut bytes| {
        if name == "debian_tracker" {
            bytes.truncate(bytes.len() / 2);
        }
        Some(bytes)
    });
    let error = stays(&store, folder.path(), &current, checked(&cut, Some(&current)));
    assert!(matches!(error, Refused::NotAsSigned { kind: Kind::DebianTracker, .. }), "{error}");
    let changed = altered(&next, |name, bytes| {
        let other = String::from_utf8_lossy(&bytes).replace("\"open\"", "\"fine\"");
        Some(if name == "debian_tracker" { other.into_bytes() } else { bytes })
    });
    let error = stays(&store, folder.path(), &current, checked(&changed, Some(&current)));
    assert!(matches!(error, Refused::NotAsSigned { kind: Kind::DebianTracker, .. }), "{error}");
    let missing = altered(&next, |name, bytes| (name != "epss").then_some(bytes));
    let error = stays(&store, folder.path(), &current, checked(&missing, Some(&current)));
    assert!(matches!(error, Refused::NotAsSigned { kind: Kind::Epss, .. }), "{error}");
    for share in [1, 3, 7] {
        let half = next.get(..next.len() * share / 8).unwrap();
        let error = stays(&store, folder.path(), &current, checked(half, Some(&current)));
        assert!(!matches!(error, Refused::Fewer { .. } | Refused::Store(_)), "{error}");
    }
}

#[test]
fn a_part_that_lost_half_of_its_records_is_refused_unless_somebody_looked_into_it() {
    let desk = Desk::new();
    let (folder, store, current) = site(&desk);
    let tracker: serde_json::Value = serde_json::from_str(include_str!("samples/tracker.json")).unwrap();
    let mut half = tracker;
    let issues = half.get_mut("openssl").unwrap().as_object_mut().unwrap();
    for id in ["CVE-2026-0002", "CVE-2026-0003", "CVE-2026-0004", "CVE-2026-0005"] {
        issues.remove(id).unwrap();
    }
    desk.write("tracker.json", &half.to_string());
    let next = desk.at(Some(&current), now() + hours(1));
    let error = stays(&store, folder.path(), &current, checked(&next, Some(&current)));
    assert!(matches!(error, Refused::Fewer { kind: Kind::DebianTracker, offered: 4, known: 8 }), "{error}");
    let keys = keys();
    let blank = Site { keys: &keys, current: Some(&current), now: now() + hours(2), fewer: Some(" ") };
    assert!(matches!(check(next.as_slice(), &blank), Err(Refused::Fewer { .. })), "a reason says something");
    let reason = Some("bullseye のサポート終了により、その記録が除かれた");
    let site = Site { keys: &keys, current: Some(&current), now: now() + hours(2), fewer: reason };
    check(next.as_slice(), &site).unwrap().install(&store, &Import::default()).unwrap();
    assert_eq!(store.current().unwrap().unwrap().serial, 2);
    assert!(std::fs::read_to_string(folder.path().join("2/fewer.txt")).unwrap().contains("bullseye"));
}

#[test]
fn a_bundle_that_is_too_old_or_of_an_unreadable_part_is_refused() {
    let desk = Desk::new();
    let (folder, store, current) = site(&desk);
    let next = desk.at(Some(&current), now() + hours(1));
    let keys = keys();
    let late = Site { keys: &keys, current: Some(&current), now: now() + hours(24 * 8), fewer: None };
    let error = stays(&store, folder.path(), &current, check(next.as_slice(), &late));
    assert!(matches!(error, Refused::Stale(_)), "{error}");
    // Signed by the maker himself, and no such table: the maker's own reader refuses it first.
    desk.write("kev.json", "{\"dateReleased\":\"2026-11-25T18:00:00Z\"}");
    let maker = Maker { secret: &KEYS.0, previous: Some(&current), now: now() };
    assert!(build(&desk.plan, desk.folder.path(), maker, Vec::new()).is_err());
}

#[test]
fn the_last_three_are_kept_and_an_import_that_was_cut_off_harms_nothing() {
    let desk = Desk::new();
    let (folder, store, mut current) = site(&desk);
    for _ in 0..4 {
        // Left by an import that ended before it switched.
        std::fs::create_dir_all(folder.path().join("coming/rubbish")).unwrap();
        std::fs::create_dir_all(folder.path().join((current.serial + 1).to_string())).unwrap();
        let next = checked(&desk.at(Some(&current), now() + hours(1)), Some(&current)).unwrap();
        next.install(&store, &Import::default()).unwrap();
        current = store.current().unwrap().unwrap();
    }
    assert_eq!(current.serial, 5);
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["3", "4", "5", "current", "lock"]);
    assert!(store.known().unwrap().is_some());
    // What was altered after it was imported is not used, and a name that is none lets no older one in.
    std::fs::write(folder.path().join("5/kev"), b"{}").unwrap();
    assert!(store.known().is_err());
    std::fs::write(folder.path().join("current"), b"?").unwrap();
    assert!(store.current().is_err());
}

#[test]
fn a_name_that_unpacks_to_gigabytes_is_not_unpacked() {
    let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    let size: u64 = 64 << 30;
    header.set_size(size);
    header.set_path("././@LongLink").unwrap();
    header.set_cksum();
    let packed = tar.get_mut().by_ref();
    packed.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..256 {
        packed.write_all(&zeros).unwrap();
    }
    let bundle = tar.into_inner().unwrap().finish().unwrap();
    let before = resident();
    assert!(matches!(checked(&bundle, None), Err(Refused::NoBundle(_))));
    assert!(resident() - before < 64 << 20, "the name of a member is not read");
}

/// Largest memory of this process so far, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn the_program_minisign_verifies_what_is_signed_here() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.json");
    std::fs::write(&file, b"{}").unwrap();
    let signature = sign(&KEYS.0, b"{}", "serial 1").unwrap();
    let beside = folder.path().join("manifest.json.minisig");
    std::fs::File::create(&beside).unwrap().write_all(signature.as_bytes()).unwrap();
    let verified = |file: &Path| {
        let mut program = Command::new("/usr/bin/minisign");
        program.args(["-V", "-q", "-P", &keys()[0].line(), "-x"]).arg(&beside).arg("-m").arg(file);
        program.status().unwrap().success()
    };
    assert!(verified(&file));
    std::fs::write(&file, b"{ }").unwrap();
    assert!(!verified(&file), "another content");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes_are_refused_and_nothing_else_happens(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(checked(&bytes, None).is_err());
        let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
        prop_assert!(checked(&packed, None).is_err());
    }

    #[test]
    fn a_changed_byte_of_the_archive_is_never_believed(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let desk = Desk::new();
        let bundle = desk.at(None, now());
        let mut archive = zstd::decode_all(bundle.as_slice()).unwrap();
        let place = at.index(archive.len());
        archive[place] ^= flip;
        let changed = zstd::encode_all(archive.as_slice(), 1).unwrap();
        // What is no content, the padding and the marks of tar, may differ; what is believed may not.
        if let Ok(checked) = checked(&changed, None) {
            let right = self::checked(&bundle, None).unwrap();
            prop_assert_eq!(checked.manifest, right.manifest);
        }
    }
}
