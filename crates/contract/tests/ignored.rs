//! Which changes both parties agreed to leave out, and when.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use serde_json::json;
use yakujo_contract::act::IgnoreLine;
use yakujo_contract::change::Object;
use yakujo_contract::entry::Entry;
use yakujo_contract::evidence::Evidence;
use yakujo_contract::id::EntryNumber;

fn at(minute: u8) -> Timestamp {
    format!("2026-11-22T03:{minute:02}:00Z").parse().unwrap()
}

fn act(minute: u8, party: &str, act: serde_json::Value) -> Entry {
    let author = json!({"person": {"id": format!("p-{party}"), "party": party}});
    let entry = json!({"v": 1, "author": author, "observed": at(minute), "received": at(minute), "act": act});
    serde_json::from_value(entry).unwrap()
}

fn entries() -> Vec<Entry> {
    vec![
        act(
            1,
            "contractor",
            json!({"kind": "proposed", "proposal": "i", "matter": "ignore", "system": "main",
            "object": "file", "pattern": "/etc/ssl/certs/*.0", "reason": "made by a program"}),
        ),
        act(2, "contractor", json!({"kind": "agreed", "proposal": "i"})),
        act(5, "city", json!({"kind": "agreed", "proposal": "i"})),
        act(9, "city", json!({"kind": "ended", "proposal": "i", "reason": "no longer"})),
    ]
}

fn ignored(entries: &[(u64, Entry)], object: Object, name: &str, minute: u8) -> Option<EntryNumber> {
    let mut evidence = Evidence::default();
    for (number, entry) in entries {
        evidence.enter(EntryNumber(*number), entry);
    }
    let (system, host) = ("main".parse().unwrap(), "web-1".parse().unwrap());
    evidence.agreements.ignored(&system, &host, object, name, at(minute))
}

#[test]
fn a_change_is_left_out_only_while_both_parties_agree_in_any_arrival_order() {
    let mut numbered: Vec<(u64, Entry)> = (0..).zip(entries()).collect();
    for _ in 0..2 {
        let name = "/etc/ssl/certs/ab12.0";
        assert_eq!(ignored(&numbered, Object::File, name, 4), None, "the city had not agreed");
        assert_eq!(ignored(&numbered, Object::File, name, 6), Some(EntryNumber(2)));
        assert_eq!(ignored(&numbered, Object::File, name, 10), None, "it was ended");
        assert_eq!(ignored(&numbered, Object::Job, name, 6), None);
        assert_eq!(ignored(&numbered, Object::File, "/etc/ssl/certs/ab12.pem", 6), None);
        numbered.reverse();
    }
}

#[test]
fn a_star_stands_for_any_letters_and_everything_else_for_itself() {
    let names = |pattern: &str, name: &str| {
        let line = IgnoreLine {
            system: "main".parse().unwrap(),
            host: None,
            object: Object::File,
            pattern: pattern.to_owned(),
            reason: String::new(),
        };
        line.names(name)
    };
    for (pattern, name) in [
        ("/a", "/a"),
        ("/a*", "/a"),
        ("/a*", "/ab/c"),
        ("*b", "ab"),
        ("/a/*/c*d", "/a/b/cxd"),
        ("a*a", "aba"),
    ] {
        assert!(names(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [
        ("/a", "/ab"),
        ("/a*", "/b"),
        ("a*a", "a"),
        ("/a/*/c", "/a/c"),
        ("", "a"),
        ("/a?", "/ab"),
        ("*x*", "ab"),
    ] {
        assert!(!names(pattern, name), "{pattern} {name}");
    }
}
