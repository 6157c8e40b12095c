//! Notes against the examples of the specification, against changed bytes, and against nonsense.

use super::*;
use proptest::prelude::*;

fn log() -> SigningKey {
    SigningKey::from_seed("yakujo.example/main", &[7; 32]).unwrap()
}

fn witness() -> CosigningKey {
    CosigningKey::from_seed("city.example/witness", &[9; 32]).unwrap()
}

fn signed() -> Note {
    let mut note = Note::unsigned("yakujo.example/main\n0\nabc\n").unwrap();
    log().sign(&mut note).unwrap();
    let cosignature = witness().cosign(&note, 1_700_000_000).unwrap();
    note.add(cosignature).unwrap();
    note
}

#[test]
fn the_example_note_of_the_go_package_verifies() {
    // golang.org/x/mod/sumdb/note, package example: independent of this code.
    let key =
        VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let note = Note::parse(&format!("{text}\n{line}")).unwrap();
    assert_eq!(key.signed(&note), Signed::Good { time: None });
    let skey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let signer = SigningKey::parse(skey).unwrap();
    let mut again = Note::unsigned(text).unwrap();
    signer.sign(&mut again).unwrap();
    assert_eq!(again.to_string(), note.to_string());
    assert_eq!(signer.to_secret_text().as_str(), format!("{skey}\n"));
}

#[test]
fn the_example_of_the_signed_note_specification_is_read_and_written_back() {
    let text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
        — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
    let note = Note::parse(text).unwrap();
    assert!(note.text().ends_with("sera.\n"));
    assert_eq!(note.to_string(), text);
}

#[test]
fn a_note_with_both_signatures_is_read_back_and_both_keys_find_theirs() {
    let note = Note::parse(&signed().to_string()).unwrap();
    assert_eq!(log().verifier().signed(&note), Signed::Good { time: None });
    assert_eq!(witness().verifier().signed(&note), Signed::Good { time: Some(1_700_000_000) });
    let stranger = SigningKey::from_seed("yakujo.example/main", &[8; 32]).unwrap();
    assert_eq!(stranger.verifier().signed(&note), Signed::Absent);
}

#[test]
fn a_log_signature_is_no_cosignature_even_with_the_same_seed_and_name() {
    let log_key = SigningKey::from_seed("x", &[1; 32]).unwrap();
    let witness_key = CosigningKey::from_seed("x", &[1; 32]).unwrap();
    let mut note = Note::unsigned("a\n").unwrap();
    log_key.sign(&mut note).unwrap();
    assert_eq!(witness_key.verifier().signed(&note), Signed::Absent);
    assert_ne!(log_key.verifier().to_string(), witness_key.verifier().to_string());
}

#[test]
fn every_changed_byte_of_a_note_loses_a_signature_or_is_refused() {
    let text = signed().to_string();
    for position in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let Ok(note) = Note::parse(&changed) else { continue };
            let both = [log().verifier().signed(&note), witness().verifier().signed(&note)];
            let good = both.iter().filter(|s| matches!(s, Signed::Good { .. })).count();
            assert!(good < 2, "byte {position} bit {bit} changed nothing");
        }
    }
}

#[test]
fn a_key_text_with_any_changed_character_is_refused() {
    for text in [log().verifier().to_string(), witness().verifier().to_string()] {
        assert_eq!(VerifierKey::parse(&text).unwrap().to_string(), text);
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(VerifierKey::parse(&changed).is_err(), "{changed}");
            }
        }
    }
}

#[test]
fn a_secret_of_the_other_kind_is_refused_by_name() {
    let text = log().to_secret_text();
    assert!(matches!(CosigningKey::parse(&text), Err(NoteError::Key(_))));
    assert!(SigningKey::parse(&text).is_ok());
}

#[test]
fn a_signing_key_never_prints_its_secret() {
    let shown = format!("{:?} {:?}", log(), witness());
    assert!(!shown.contains(&STANDARD.encode([7u8; 32])[4..20]), "{shown}");
    assert!(shown.contains("secret"));
}

#[test]
fn malformed_notes_are_refused() {
    let line = "— a AAAAAAA=\n";
    for (bad, why) in [
        ("", NoteError::Shape),
        ("a\n", NoteError::Shape),
        ("a\n\n", NoteError::Shape),
        ("a\n\nb\n", NoteError::SignatureLine(1)),
        (&format!("a\n\n{line}{line}"), NoteError::RepeatedKey(2)),
        (&format!("a\r\n\n{line}"), NoteError::ControlCharacter),
        (&format!("a\n\n{}", line.trim_end()), NoteError::Shape),
        ("a\n\n— a+b AAAAAAA=\n", NoteError::SignatureLine(1)),
        ("a\n\n— a AAAAAAA\n", NoteError::SignatureLine(1)),
        ("a\n\n— a AAAAAA==\n", NoteError::SignatureLine(1)),
        ("a\n\n—  a AAAAAAA=\n", NoteError::SignatureLine(1)),
    ] {
        assert_eq!(Note::parse(bad), Err(why), "{bad:?}");
    }
    assert!(Note::parse(&format!("a\n\n{line}")).is_ok());
    let many: String = (0..33).map(|i| format!("— k{i} AAAAAAA=\n")).collect();
    assert_eq!(Note::parse(&format!("a\n\n{many}")), Err(NoteError::TooManySignatures));
}

#[test]
fn cosigning_again_replaces_the_older_cosignature() {
    let mut note = signed();
    let newer = witness().cosign(&note, 1_700_000_060).unwrap();
    note.add(newer).unwrap();
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(witness().verifier().signed(&note), Signed::Good { time: Some(1_700_000_060) });
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in ".{0,200}") {
        let _ = Note::parse(&text);
        let _ = Note::unsigned(&text);
        let _ = VerifierKey::parse(&text);
        let _ = SigningKey::parse(&text);
        let _ = Signature::parse(&text);
    }

    #[test]
    fn a_note_that_is_read_is_written_back_byte_for_byte(
        text in "[a-z\u{3040}-\u{3050}\n ]{0,20}",
        names in proptest::collection::vec("[a-z.]{0,3}", 0..4),
        tail in "[A-Za-z0-9+/]{4}{2,6}",
    ) {
        let lines: String = names.iter().map(|n| format!("— {n} {tail}\n")).collect();
        let whole = format!("{text}\n\n{lines}");
        if let Ok(note) = Note::parse(&whole) {
            prop_assert_eq!(note.to_string(), whole);
        }
    }

    #[test]
    fn every_key_is_written_and_read_back(name in "[a-zあ-ん./-]{1,20}", seed: [u8; 32]) {
        let key = CosigningKey::from_seed(&name, &seed).unwrap();
        prop_assert_eq!(VerifierKey::parse(&key.verifier().to_string()).unwrap(), key.verifier());
        prop_assert_eq!(CosigningKey::parse(&key.to_secret_text()).unwrap().verifier(), key.verifier());
    }
}
