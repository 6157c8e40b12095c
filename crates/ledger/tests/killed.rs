//! A writer that is killed at any moment has kept every entry it acknowledged.

#![expect(clippy::unwrap_used, reason = "a test program: an error ends it, and that is what is wanted")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{check, entry, key};
use yakujo_ledger::files::{Ledger, Reader};
use yakujo_ledger::fsck::fsck;

/// The example of this crate. `cargo test` builds it beside the test programs, unless only this test was asked for.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().unwrap().parent().unwrap();
    let program = profile.join("examples").join("append_forever");
    if !program.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "yakujo-ledger", "--example", "append_forever"]);
        assert!(cargo.arg("--target-dir").arg(profile.parent().unwrap()).status().unwrap().success());
    }
    program
}

#[test]
fn killed_ten_times_at_any_moment_it_has_every_entry_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut acknowledged = 0;
    for round in 0..10u64 {
        let mut writer = Command::new(program()).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(60 + 23 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        // A half-written last line is no acknowledgement that anybody could have read.
        let mut lines = BufReader::new(writer.stdout.take().unwrap());
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some(number) = line.strip_suffix('\n') {
                acknowledged = number.parse::<u64>().unwrap() + 1;
            }
            line.clear();
        }
        if acknowledged == 0 {
            continue;
        }
        let head = Reader::open(&path, &key().verifier()).unwrap().checkpoint();
        let (ledger, _) = Ledger::open(&path, key()).unwrap();
        assert!(ledger.size() >= acknowledged, "round {round}: {} of {acknowledged}", ledger.size());
        for (number, found) in (0..).zip(ledger.reader().entries(0..ledger.size())) {
            assert_eq!(found.unwrap(), entry(number), "round {round}");
        }
        drop(ledger);
        assert_eq!(fsck(&path, &key().verifier(), &[head]).unwrap().damage, [], "round {round}");
    }
    assert!(acknowledged > 100, "only {acknowledged} entries: the writer was hardly running");
    assert_eq!(check(&path).damage, []);
}

#[test]
fn a_second_writer_process_is_refused_with_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = Ledger::create(&path, key()).unwrap();
    let second = Command::new(program()).arg(&path).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("InUse"), "{said}");
    drop(ledger);
}
