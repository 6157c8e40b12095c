//! A copy that was made while the ledger was written opens, is sound, and holds what was published before.

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use support::{check, entries, entry, key, ledger_with_all_kinds_of_files};
use yakujo_ledger::files::{CopyError, Ledger, LedgerError, copy};

/// Tells the writer to end, also when a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn copies_made_while_a_writer_appends_open_and_hold_what_was_published_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    let (published, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let _ended = Ends(&ended);
        threads.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                let size = ledger.size();
                ledger.append(&entries(size..size + 1 + size % 7)).unwrap();
                published.store(ledger.integrate().unwrap().size(), Ordering::SeqCst);
            }
        });
        // Until the writer, too, has had its time: this machine may be busy.
        for round in 0.. {
            if round > 20 && published.load(Ordering::SeqCst) > 600 {
                break;
            }
            let before = published.load(Ordering::SeqCst);
            let to = folder.path().join(format!("copy-{round}"));
            std::fs::create_dir(&to).unwrap();
            let head = copy(&path, &key().verifier(), &to).unwrap();
            assert!(head.size() >= before, "{} of {before}", head.size());
            assert_eq!(check(&to).damage, [], "round {round}");
            let (copied, _) = Ledger::open(&to, key()).unwrap();
            for (number, found) in (0..).zip(copied.reader().entries(0..head.size())) {
                assert_eq!(found.unwrap(), entry(number));
            }
        }
    });
}

#[test]
fn a_ledger_that_nobody_writes_is_copied_with_what_was_never_published_but_not_with_a_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("ledger"), folder.path().join("copy"));
    ledger_with_all_kinds_of_files(&path);
    let mut log = std::fs::read(path.join("write-ahead")).unwrap();
    log.extend(b"a write that a crash ended");
    std::fs::write(path.join("write-ahead"), log).unwrap();
    std::fs::create_dir(&to).unwrap();
    copy(&path, &key().verifier(), &to).unwrap();
    assert_eq!(check(&to).damage, []);
    let (ledger, recovery) = Ledger::open(&to, key()).unwrap();
    assert_eq!((ledger.size(), recovery.pending, recovery.torn_bytes), (548, 8, 0));
    let again = copy(&path, &key().verifier(), &to);
    assert!(matches!(again, Err(CopyError::Ledger(LedgerError::Occupied(_)))), "{again:?}");
}

#[test]
fn a_damaged_ledger_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("ledger"), folder.path().join("copy"));
    ledger_with_all_kinds_of_files(&path);
    let bundle = path.join("tile/entries/001");
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes.reverse();
    std::fs::write(&bundle, bytes).unwrap();
    std::fs::create_dir(&to).unwrap();
    let copied = copy(&path, &key().verifier(), &to);
    assert!(matches!(copied, Err(CopyError::Read(_))), "{copied:?}");
    assert!(!to.join("checkpoint").exists());
}
