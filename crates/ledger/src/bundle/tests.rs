//! What is written is read back; what proves nothing is not written.

use super::*;
use crate::note::SigningKey;
use std::convert::Infallible;

fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("{{\"n\":{n}}}").into_bytes()).collect()
}

fn nodes(entries: &[Vec<u8>]) -> impl Fn(u8, u64) -> Result<Hash, Infallible> + use<> {
    let mut all = std::collections::HashMap::new();
    let mut frontier = crate::tree::Frontier::new();
    for entry in entries {
        frontier.push_seeing(leaf_hash(entry), |node| {
            all.insert((node.level, node.index), node.hash);
        });
    }
    move |level, index| Ok(all[&(level, index)])
}

fn signed(entries: &[Vec<u8>]) -> Note {
    let key = SigningKey::from_seed("log.example/a", &[1; 32]).unwrap();
    let read = nodes(entries);
    let root = crate::tree::root(entries.len() as u64, &read).unwrap();
    Checkpoint::new("log.example/a", entries.len() as u64, root).unwrap().sign(&key).unwrap()
}

fn header(entries: &[Vec<u8>], range: Range<u64>) -> Header {
    let about = About { made: "2026-11-23T00:00:00Z".to_owned(), ..About::default() };
    let older = [signed(&entries[..3])];
    Header::of_tree(about, &signed(entries), &older, range, &nodes(entries)).unwrap()
}

fn written(entries: &[Vec<u8>], range: Range<u64>) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), header(entries, range.clone())).unwrap();
    for entry in &entries[range.start as usize..range.end as usize] {
        writer.write_entry(entry).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn a_written_bundle_is_read_back_line_by_line() {
    let entries = entries(20);
    let bytes = written(&entries, 4..11);
    let reader = Reader::new(bytes.as_slice()).unwrap();
    assert_eq!(reader.header(), &header(&entries, 4..11));
    assert!(reader.sum_is_true());
    let (_, mut reader) = reader.into_parts();
    for entry in &entries[4..11] {
        let mut line = Vec::new();
        assert_eq!(reader.read_line(&mut line).unwrap(), LineEnd::Newline);
        assert_eq!(&line, entry);
    }
    assert_eq!(reader.read_line(&mut Vec::new()).unwrap(), LineEnd::Cut);
}

#[test]
fn the_writer_refuses_entries_that_are_not_those_of_the_tree() {
    let entries = entries(5);
    let mut writer = Writer::new(Vec::new(), header(&entries, 0..5)).unwrap();
    writer.write_entry(&entries[0]).unwrap();
    assert!(matches!(writer.write_entry(&entries[2]), Err(BundleError::EntryDiffers(1))));
    assert!(matches!(writer.write_entry(b""), Err(BundleError::Entry(1))));
    assert!(matches!(writer.write_entry(b"a\nb"), Err(BundleError::Entry(1))));
    assert!(matches!(writer.finish(), Err(BundleError::Count { promised: 5, written: 1 })));
}

#[test]
fn the_writer_refuses_a_header_that_proves_nothing() {
    let entries = entries(9);
    let good = header(&entries, 2..6);
    let mut wrong_leaf = good.clone();
    wrong_leaf.leaves.0[1] = leaf_hash(b"other");
    let mut wrong_seen = good.clone();
    wrong_seen.seen[0].proof.pop();
    let mut wrong_origin = good.clone();
    wrong_origin.origin.push('x');
    let mut wrong_place = good;
    wrong_place.first = 3;
    for header in [wrong_leaf, wrong_seen, wrong_origin, wrong_place] {
        assert!(Writer::new(Vec::new(), header).is_err());
    }
}

#[test]
fn a_converted_cut_or_foreign_file_is_named_as_such() {
    let bytes = written(&entries(4), 0..4);
    let text = String::from_utf8(bytes.clone()).unwrap();
    let error = |text: &str| Reader::new(text.as_bytes()).err().unwrap();
    assert!(matches!(error(&text.replace('\n', "\r\n")), BundleError::Converted));
    assert!(matches!(error(&format!("\u{FEFF}{text}")), BundleError::Converted));
    assert!(matches!(error(&text[..100]), BundleError::NoHeader));
    assert!(matches!(error(""), BundleError::NoHeader));
    assert!(matches!(error("{}\n"), BundleError::Header(_)));
    assert!(matches!(error(&text.replacen("{\"format", "{ \"format", 1)), BundleError::Header(_)));
    assert!(matches!(error(&text.replacen("bundle/v1", "bundle/v2", 1)), BundleError::Header(_)));
}

#[test]
fn a_line_that_is_too_long_is_skipped_without_being_held() {
    let mut bytes = written(&entries(4), 0..4);
    bytes.extend(std::iter::repeat_n(b'x', 3 * MAX_ENTRY_BYTES));
    bytes.extend(b"\nnext\n");
    let (_, mut reader) = Reader::new(bytes.as_slice()).unwrap().into_parts();
    let mut line = Vec::new();
    for _ in 0..5 {
        line.clear();
        assert_eq!(reader.read_line(&mut line).unwrap(), LineEnd::Newline);
    }
    assert_eq!(line.len(), MAX_ENTRY_BYTES + 1);
    line.clear();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, b"next");
}

#[test]
fn moments_sort_as_time_does() {
    let at = |text| moment(text).unwrap();
    assert!(at("2026-11-23T00:00:05Z") < at("2026-11-23T00:00:05.001Z"));
    assert!(at("2026-11-23T00:00:05.9Z") < at("2026-11-23T00:00:06Z"));
    for wrong in
        ["", "2026-11-23", "2026-11-23T00:00:05", "2026-11-23T00:00:05+09:00", "2026-11-23T00:00:05.Z"]
    {
        assert_eq!(moment(wrong), None, "{wrong}");
    }
}

#[test]
fn a_personal_text_is_true_only_with_its_own_salt() {
    let digest = personal_digest(b"salt", "山田");
    let personal = |salt: &str| Personal { digest: digest.clone(), salt: salt.into(), text: "山田".into() };
    assert!(personal("c2FsdA==").is_true());
    assert!(!personal("c2FsdB==").is_true());
    assert!(!personal("").is_true());
}
