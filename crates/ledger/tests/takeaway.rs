//! From a ledger on disk to a bundle in the city's hands: the way the portal makes one.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as expected")]

use std::num::NonZeroUsize;
use std::ops::Range;
use yakujo_ledger::bundle::{About, Header, Writer};
use yakujo_ledger::files::{Ledger, Reader};
use yakujo_ledger::note::{Note, SigningKey};
use yakujo_ledger::policy::Policy;
use yakujo_ledger::verdict::{KeptHead, Means, Report, Verdict, verify};

fn key() -> SigningKey {
    SigningKey::from_seed("log.example/takeaway", &[5; 32]).unwrap()
}

fn entries(range: Range<u64>) -> Vec<Vec<u8>> {
    let at = |n: u64| format!("2026-11-22T00:{:02}:{:02}Z", n / 60 % 60, n % 60);
    let entry = |n| {
        format!(r#"{{"v":1,"author":"server","observed":"{0}","received":"{0}","fact":{{"n":{n}}}}}"#, at(n))
    };
    range.map(|n| entry(n).into_bytes()).collect()
}

fn signed(reader: &Reader) -> Note {
    Note::parse(&reader.signed_checkpoint()).unwrap()
}

fn bundle(reader: &Reader, older: &[Note], range: Range<u64>) -> Vec<u8> {
    let policy = Policy::of_log(&key().verifier()).unwrap().text().to_owned();
    let about = About { made: "2026-11-23T00:00:00Z".to_owned(), policy, ..About::default() };
    let read = |level, index| reader.hash(level, index);
    let header = Header::of_tree(about, &signed(reader), older, range.clone(), &read).unwrap();
    let mut writer = Writer::new(Vec::new(), header).unwrap();
    for number in range {
        writer.write_entry(&reader.entry(number).unwrap()).unwrap();
    }
    writer.finish().unwrap()
}

fn judged(bundle: &[u8], heads: &[KeptHead]) -> Report {
    verify(bundle, &Means { policy: None, heads, workers: NonZeroUsize::MIN }).unwrap()
}

#[test]
fn every_range_of_a_growing_ledger_is_intact_and_continues_the_heads_the_city_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::create(folder.path(), key()).unwrap();
    let mut kept = Vec::new();
    let mut older: Vec<Note> = Vec::new();
    let mut size = 0;
    for grow in [1, 6, 93, 156, 44, 300] {
        ledger.append(&entries(size..size + grow)).unwrap();
        size += grow;
        ledger.integrate().unwrap();
        let reader = ledger.reader();
        for range in [0..size, size / 3..size, size - 1..size, 0..size / 2 + 1] {
            let report = judged(&bundle(&reader, &older, range.clone()), &kept);
            assert_eq!(report.verdict(), Verdict::Intact, "{range:?} of {size}: {:?}", report.findings);
        }
        let note = signed(&reader);
        kept.push(KeptHead { name: format!("head of {size}"), text: note.to_string() });
        older.push(note);
    }
    assert_eq!(kept.len(), 6);
}
