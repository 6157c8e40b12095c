//! The program `yakujo-verify` as the city uses it: its own key, cosigning head after head, refusing what contradicts.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as expected")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden/bundles").join(name)
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yakujo-verify")).args(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A city with a fresh witness key and a policy that trusts the golden log.
struct City {
    folder: tempfile::TempDir,
}

impl City {
    fn new() -> City {
        let folder = tempfile::tempdir().unwrap();
        let out = program(&["keygen", "city.test/witness", "--out", text(folder.path())]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let vkey = String::from_utf8(out.stdout).unwrap();
        let golden = fs::read_to_string(golden("city.policy")).unwrap();
        let log = golden.lines().find(|line| line.starts_with("log ")).unwrap();
        let policy = format!("{log}\nwitness city {}\nquorum city\n", vkey.trim());
        fs::write(folder.path().join("policy"), policy).unwrap();
        City { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cosign(&self, rest: &[&str]) -> Output {
        let (key, policy, state) =
            (self.path("city.test_witness.key"), self.path("policy"), self.path("state"));
        let mut arguments =
            vec!["cosign", "--key", text(&key), "--policy", text(&policy), "--state", text(&state)];
        arguments.extend(rest);
        program(&arguments)
    }
}

#[test]
fn the_witness_cosigns_what_continues_and_refuses_what_contradicts() {
    let city = City::new();
    let file = |name: &str| golden(name).to_str().unwrap().to_owned();

    let first = city.cosign(&[&file("head-100.checkpoint")]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let without_proof = city.cosign(&[&file("head-256.checkpoint")]);
    assert_eq!(without_proof.status.code(), Some(1), "a larger head without a bundle proves nothing");
    let rolled_back = city.cosign(&["--bundle", &file("rolled-back.yakujo")]);
    assert_eq!(rolled_back.status.code(), Some(0), "256 continues 100");
    let smaller = city.cosign(&[&file("head-100.checkpoint")]);
    assert_eq!(smaller.status.code(), Some(3), "100 after 256 is a rollback");
    let forked = city.cosign(&["--bundle", &file("forked.yakujo")]);
    assert_eq!(forked.status.code(), Some(3), "another tree of 310");
    let altered = city.cosign(&["--bundle", &file("mutated-byte.yakujo")]);
    assert_eq!(altered.status.code(), Some(3), "an altered bundle is no ground to cosign");
    let other_bundle = city.cosign(&[&file("head-300.checkpoint"), "--bundle", &file("rolled-back.yakujo")]);
    assert_eq!(other_bundle.status.code(), Some(1), "the bundle is of another head");
    let next = city.cosign(&["--bundle", &file("intact.yakujo")]);
    assert_eq!(next.status.code(), Some(0), "{}", String::from_utf8_lossy(&next.stderr));
    let again = city.cosign(&[&file("head-300.checkpoint")]);
    assert_eq!(again.status.code(), Some(0), "the same head may be cosigned again");

    // What the witness said is a kept head that verifies under the city's own policy.
    let kept = city.path("kept");
    fs::write(&kept, &next.stdout).unwrap();
    let policy = city.path("policy");
    let report =
        program(&[&file("intact.yakujo"), "--policy", text(&policy), "--head", text(&kept), "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["heads"][0]["result"], "same");
    assert_eq!(
        report["cosigned"], 300,
        "the kept head carries the quorum, the bundle's own checkpoint does not"
    );
    assert_eq!(report["verdict"], "signature");
}

#[test]
fn a_foreign_head_is_never_cosigned() {
    let out = City::new().cosign(&[text(&golden("head-foreign.checkpoint"))]);
    assert_eq!(out.status.code(), Some(1));
    assert!(out.stdout.is_empty());
}

#[test]
fn a_key_is_never_overwritten_and_only_its_owner_reads_it() {
    let city = City::new();
    let again = program(&["keygen", "city.test/witness", "--out", text(city.folder.path())]);
    assert_eq!(again.status.code(), Some(1));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(city.path("city.test_witness.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn the_exit_codes_are_those_of_the_manual() {
    let policy = golden("city.policy");
    let verify = |name: &str| program(&[text(&golden(name)), "--policy", text(&policy)]).status.code();
    assert_eq!(verify("intact.yakujo"), Some(0));
    assert_eq!(verify("unreadable-cut-header.yakujo"), Some(1));
    assert_eq!(verify("no-such-file.yakujo"), Some(1));
    assert_eq!(program(&["--what"]).status.code(), Some(2));
    assert_eq!(program(&[]).status.code(), Some(2));
    for name in ["mutated-byte", "reordered", "dropped-middle", "dropped-newest", "foreign-key"] {
        assert_eq!(verify(&format!("{name}.yakujo")), Some(3), "{name}");
    }
    let words = program(&[text(&golden("reordered.yakujo")), "--policy", text(&policy), "--lang", "ja"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.starts_with("× 改ざん（記録 60 番）"), "{words}");
    assert!(words.contains("台帳に届かなかった出来事"), "what the chain does not prove is said");
}
