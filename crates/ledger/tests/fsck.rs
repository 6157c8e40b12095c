//! The full check finds every damage and names the file.

mod support;

use std::fs;
use std::path::Path;

use support::{changes_not_found, check, entries, files_below, key, ledger_with_all_kinds_of_files};
use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::files::{Ledger, LedgerError};
use yakujo_ledger::fsck::{Writer, fsck};
use yakujo_ledger::hash::leaf_hash;

#[test]
fn a_sound_ledger_has_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    ledger_with_all_kinds_of_files(&path);
    let report = check(&path);
    assert_eq!(report.damage, []);
    assert_eq!((report.head.unwrap().size(), report.pending, report.writer), (540, 8, Writer::Absent));
    let kinds: Vec<_> = files_below(&path).iter().map(|file| file.display().to_string()).collect();
    assert_eq!(
        kinds,
        [
            "checkpoint",
            "lock",
            "log.key",
            "tile/0/000",
            "tile/0/001",
            "tile/0/002.p/18",
            "tile/0/002.p/28",
            "tile/1/000.p/1",
            "tile/1/000.p/2",
            "tile/entries/000",
            "tile/entries/001",
            "tile/entries/002.p/18",
            "tile/entries/002.p/28",
            "write-ahead",
        ]
    );
}

/// The same with every byte of every file is `examples/soak.rs`.
#[test]
fn a_changed_byte_in_any_file_is_found_and_only_this_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    ledger_with_all_kinds_of_files(&path);
    let mut missed = Vec::new();
    for file in files_below(&path) {
        let length = fs::metadata(path.join(&file)).unwrap().len();
        missed.extend(changes_not_found(&path, &file, if length > 400 { 61 } else { 1 }));
    }
    assert_eq!(missed, Vec::<String>::new());
    assert_eq!(check(&path).damage, []);
}

#[test]
fn a_missing_or_shortened_or_foreign_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    ledger_with_all_kinds_of_files(&path);
    let optional = ["lock", "log.key", "tile/0/002.p/18", "tile/1/000.p/1", "tile/entries/002.p/18"];
    for file in files_below(&path).into_iter().filter(|file| file != Path::new("checkpoint")) {
        let original = fs::read(path.join(&file)).unwrap();
        fs::remove_file(path.join(&file)).unwrap();
        let named: Vec<_> = check(&path).damage.into_iter().map(|damage| damage.file).collect();
        let expected =
            if optional.iter().any(|name| file == Path::new(name)) { vec![] } else { vec![file.clone()] };
        assert_eq!(named, expected);
        if let Some(length) = original.len().checked_sub(1) {
            fs::write(path.join(&file), &original[..length]).unwrap();
            let named: Vec<_> = check(&path).damage.into_iter().map(|damage| damage.file).collect();
            assert_eq!(named, std::slice::from_ref(&file));
        }
        fs::write(path.join(&file), &original).unwrap();
    }
    for foreign in
        ["notes.txt", "tile/0/000.bak", "tile/0/003", "tile/1/007", "tile/0/002.p/200", "tile/0/002.p/038"]
    {
        fs::write(path.join(foreign), "x").unwrap();
        let named: Vec<_> = check(&path).damage.into_iter().map(|damage| damage.file).collect();
        assert_eq!(named, [Path::new(foreign)]);
        fs::remove_file(path.join(foreign)).unwrap();
    }
    assert_eq!(check(&path).damage, []);
}

#[test]
fn several_damaged_files_are_all_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    ledger.append(&entries(0..70_000)).unwrap();
    ledger.integrate().unwrap();
    drop(ledger);
    let files = ["tile/0/017", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1", "tile/entries/273.p/112"];
    for file in files {
        let mut bytes = fs::read(path.join(file)).unwrap();
        bytes[5] ^= 1;
        fs::write(path.join(file), bytes).unwrap();
    }
    let named: Vec<_> =
        check(&path).damage.into_iter().map(|damage| damage.file.display().to_string()).collect();
    assert_eq!(named, files);
}

#[test]
fn a_tail_that_was_cut_off_and_signed_again_shows_against_a_known_head() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, rolled_back) = (folder.path().join("honest"), folder.path().join("back"));
    let mut ledger = Ledger::create(&honest, key()).unwrap();
    let mut known = Vec::new();
    for until in [10, 300] {
        ledger.append(&entries(ledger.size()..until)).unwrap();
        known.push(ledger.integrate().unwrap());
    }
    assert_eq!(fsck(&honest, &key().verifier(), &known).unwrap().damage, []);
    let mut ledger = Ledger::create(&rolled_back, key()).unwrap();
    ledger.append(&entries(0..200)).unwrap();
    ledger.integrate().unwrap();
    drop(ledger);
    assert_eq!(check(&rolled_back).damage, [], "nobody can see it who knows no head");
    let damage = fsck(&rolled_back, &key().verifier(), &known).unwrap().damage;
    assert!(matches!(damage.as_slice(), [one] if one.what.contains("cut off")), "{damage:?}");
}

#[test]
fn a_rewritten_entry_that_was_signed_again_shows_against_a_known_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    let mut changed = entries(0..300);
    changed[7] = b"{\"entry\":8}".to_vec();
    ledger.append(&changed).unwrap();
    ledger.integrate().unwrap();
    let mut honest = yakujo_ledger::tree::Frontier::new();
    let mut known = Vec::new();
    for entry in entries(0..300) {
        honest.push(leaf_hash(&entry));
        known.push(Checkpoint::new("city.example/main", honest.size(), honest.root()).unwrap());
    }
    for (size, head) in (1..).zip(&known) {
        let damage = fsck(&path, &key().verifier(), std::slice::from_ref(head)).unwrap().damage;
        assert_eq!(damage.len(), usize::from(size > 7), "size {size}: {damage:?}");
    }
}

#[test]
fn an_old_checkpoint_put_back_shows_against_the_write_ahead_file_or_a_known_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    ledger.append(&entries(0..5)).unwrap();
    ledger.integrate().unwrap();
    let old = fs::read(path.join("checkpoint")).unwrap();
    ledger.append(&entries(5..9)).unwrap();
    let known = ledger.integrate().unwrap();
    ledger.append(&entries(9..11)).unwrap();
    drop(ledger);
    fs::write(path.join("checkpoint"), &old).unwrap();
    assert!(check(&path).damage.iter().any(|damage| damage.what.contains("older than the write-ahead")));
    assert!(matches!(Ledger::open(&path, key()), Err(LedgerError::Damaged { .. })));
    let damage = fsck(&path, &key().verifier(), &[known]).unwrap().damage;
    assert!(damage.iter().any(|damage| damage.what.contains("an old state was put back")));
}

#[test]
fn a_ledger_may_be_checked_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let report = check(&path);
                assert_eq!((report.writer, report.damage), (Writer::Active, vec![]));
            }
        });
        for step in 0..300u64 {
            let size = ledger.size();
            ledger.append(&entries(size..size + step % 13 + 1)).unwrap();
            ledger.integrate().unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
