//! What the tests of the files share.
#![expect(dead_code, reason = "each test program uses another part of it")]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test program: an error ends it, and that is what is wanted"
)]

pub mod sim;

use std::path::{Path, PathBuf};

use yakujo_ledger::files::{Ledger, store_key};
use yakujo_ledger::fsck::{Report, fsck};
use yakujo_ledger::note::SigningKey;

pub fn key() -> SigningKey {
    SigningKey::from_seed("city.example/main", &[7; 32]).unwrap()
}

pub fn entry(number: u64) -> Vec<u8> {
    format!("{{\"entry\":{number}}}").into_bytes()
}

pub fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    range.map(entry).collect()
}

/// A ledger on a real disk with files of every kind: full and unfinished tiles of two levels, older unfinished forms,
/// bundles, a write-ahead file with entries, the key.
pub fn ledger_with_all_kinds_of_files(folder: &Path) {
    store_key(folder, &key()).unwrap();
    let mut ledger = Ledger::create(folder, key()).unwrap();
    for until in [100, 300, 310, 530, 540] {
        ledger.append(&entries(ledger.size()..until)).unwrap();
        ledger.integrate().unwrap();
    }
    ledger.append(&entries(540..545)).unwrap();
    ledger.append(&entries(545..548)).unwrap();
}

/// Every file below a folder, relative to it.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for item in std::fs::read_dir(next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_owned())
            }
        }
    }
    found.sort();
    found
}

/// Changes single bytes of one file (every `step`th one) and asks the full check each time. Returns the places where
/// the change was not found or another file was named.
pub fn changes_not_found(folder: &Path, file: &Path, step: usize) -> Vec<String> {
    let path = folder.join(file);
    let original = std::fs::read(&path).unwrap();
    let mut missed = Vec::new();
    for at in (0..original.len()).step_by(step) {
        let change = [0x01, 0x80, 0xff, 0x20][at / step % 4];
        let mut changed = original.clone();
        changed[at] ^= change;
        std::fs::write(&path, changed).unwrap();
        let report = check(folder);
        let named: Vec<_> = report.damage.iter().map(|damage| damage.file.as_path()).collect();
        if named.is_empty() || named.iter().any(|named| *named != file) {
            missed.push(format!("{} byte {at} ^ {change:#x}: {:?}", file.display(), report.damage));
        }
    }
    std::fs::write(&path, original).unwrap();
    missed
}

pub fn check(folder: &Path) -> Report {
    fsck(folder, &key().verifier(), &[]).unwrap()
}
