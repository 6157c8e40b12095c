//! What joining brings to light beside verdicts: work that was approved and never seen, hosts nobody watches, procedures
//! nobody looks at.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::sync::Arc;
use yakujo_contract::court::Court;
use yakujo_contract::court::found::Found;
use yakujo_contract::entry::{Entry, Party};
use yakujo_contract::finding::Rule;
use yakujo_contract::id::{EntryNumber, FindingId};
use yakujo_contract::reconcile::{Join, Missing};
use yakujo_contract::terms::Terms;

const HOSTS: &str = "contract main=web-1
alive web-1 11-24T00:00 11-24T03:00
alive web-1 11-26T03:00 11-26T06:00
";
const END: &str = "expect 11-26T06:00 7.a main kept
";

fn found(lines: &str) -> Vec<Arc<Found>> {
    let terms = Terms::standard();
    court(&terms, lines).roll(&terms).all().to_vec()
}

fn court(terms: &Terms, lines: &str) -> Court {
    let text = format!("{HOSTS}{lines}{END}");
    let mut entries = yakujo_contract::scenario::entries(terms, &text).unwrap();
    entries.sort_by_key(|entry| entry.received);
    let mut court = heard(terms, &entries);
    let end: Timestamp = "2026-11-26T06:00:00Z".parse().unwrap();
    let _ = court.advance(terms, end);
    court
}

/// A court that heard these entries in this order.
fn heard(terms: &Terms, entries: &[Entry]) -> Court {
    let mut court = Court::default();
    for (number, entry) in (0..).map(EntryNumber).zip(entries) {
        let _ = court.enter(terms, number, entry);
    }
    court
}

fn undone(lines: &str) -> Vec<String> {
    let all = found(lines).into_iter().filter(|found| matches!(found.finding.join, Join::NotDone(_)));
    all.map(|found| found.words.ja.clone()).collect()
}

const STOP: &str = "ask F-07 g1 11-09T00:00 systems=main from=11-24T01:00 to=11-24T02:00
approve g1 11-12T00:00
";
const CHANGE: &str =
    "ask F-09 g1 11-09T00:00 systems=main things=package:nginx from=11-24T01:00 to=11-24T02:00
approve g1 11-12T00:00
";
const WATCHED: &str = "watch t-main 11-22T23:00 11-26T06:00
";

#[test]
fn an_approved_stop_that_did_not_happen_is_told_where_it_would_have_been_seen() {
    let words = undone(&format!("{STOP}{WATCHED}"));
    assert!(words.len() == 1 && words[0].contains("承認されたが未実施"), "{words:?}");
    assert!(undone(STOP).is_empty(), "nobody watched, so nobody knows");
    let gap = "watch t-main 11-22T23:00 11-24T01:20\nwatch t-main 11-24T01:40 11-26T06:00\n";
    assert!(undone(&format!("{STOP}{gap}")).is_empty(), "nobody watched in the middle of it");
}

#[test]
fn an_approved_stop_that_happened_or_was_taken_back_is_none() {
    let stopped = "watch t-main 11-22T23:00 11-24T01:10\ndown t-main 11-24T01:10:10 11-24T01:30:05\n\
        watch t-main 11-24T01:30:15 11-26T06:00\n";
    assert!(undone(&format!("{STOP}{stopped}")).is_empty());
    assert!(undone(&format!("{STOP}{WATCHED}withdraw g1 11-23T00:00\n")).is_empty());
    assert!(undone(&format!("{STOP}{WATCHED}revoke g1 11-23T00:00\n")).is_empty());
    assert!(
        undone(&format!("{WATCHED}ask F-07 g1 11-09T00:00 systems=main from=11-24T01:00 to=11-24T02:00\n"))
            .is_empty()
    );
    let to_come =
        "ask F-07 g1 11-09T00:00 systems=main from=11-26T05:00 to=11-26T05:30\napprove g1 11-12T00:00\n";
    assert!(undone(&format!("{to_come}{WATCHED}")).is_empty(), "what was seen may be on its way");
}

#[test]
fn an_approved_change_that_no_agent_saw_is_told_and_one_it_saw_is_not() {
    let early = "alive web-1 11-23T00:00 11-23T01:00\n";
    assert_eq!(undone(&format!("{early}{CHANGE}")).len(), 1);
    let changed = "change web-1 package nginx 11-24T01:10\n";
    assert!(undone(&format!("{early}{CHANGE}{changed}")).is_empty());
    let file = CHANGE.replace("package:nginx", "file:/opt/app/settings");
    assert!(undone(&format!("{early}{file}")).is_empty(), "which files are watched is not known here");
}

#[test]
fn a_host_that_is_silent_for_more_than_a_day_is_an_asset_nobody_watches() {
    let silent = "ask F-07 g1 11-09T00:00 systems=main from=11-28T01:00 to=11-28T02:00\n";
    assert!(found(silent).iter().all(|found| found.finding.rule != Rule::R22), "it speaks");
    let terms = Terms::standard();
    let text =
        "contract main=web-1\nalive web-1 11-24T00:00 11-24T03:00\nexpect 11-26T06:00 7.a main unknown\n";
    let mut court = heard(&terms, &yakujo_contract::scenario::entries(&terms, text).unwrap());
    let rules =
        |court: &Court| court.roll(&terms).all().iter().map(|found| found.finding.rule).collect::<Vec<_>>();
    let _ = court.advance(&terms, "2026-11-25T02:00:00Z".parse().unwrap());
    assert!(!rules(&court).contains(&Rule::R22), "not for a day yet");
    let _ = court.advance(&terms, "2026-11-25T04:00:00Z".parse().unwrap());
    assert!(rules(&court).contains(&Rule::R22));
}

#[test]
fn a_stop_whose_beginning_moved_is_what_its_old_id_became() {
    let lines = "watch t-main 11-22T23:00 11-24T01:10\ndown t-main 11-24T01:10:10 11-24T01:30:05\n\
        watch t-main 11-24T01:30:15 11-26T06:00\n";
    let terms = Terms::standard();
    let court = court(&terms, lines);
    let roll = court.roll(&terms);
    let stop = roll.all().iter().find(|found| found.finding.rule == Rule::R01).unwrap();
    let (begin, instant) = stop.finding.id.as_str().rsplit_once('.').unwrap();
    let at = |seconds: i128| {
        let nanos = instant.parse::<i128>().unwrap() + seconds * 1_000_000_000;
        format!("{begin}.{nanos}").parse::<FindingId>().unwrap()
    };
    assert_eq!(roll.get(&at(0)), Some(stop));
    assert_eq!(roll.get(&at(60)), Some(stop), "an instant within it means it");
    assert_eq!(roll.get(&at(-60)), None);
    assert_eq!(roll.became(&at(-60)), [stop], "it was said to begin a minute earlier");
    assert!(roll.became(&at(-3_600)).is_empty(), "that was another one");
    let restriction = at(-60).as_str().replacen("r01", "r02", 1).parse().unwrap();
    assert_eq!(roll.became(&restriction), [stop], "it was called a restriction before");
}

#[test]
fn a_reading_of_the_clock_that_is_told_later_makes_the_kept_list_anew() {
    let lines = "alive web-1 11-24T03:00 11-24T05:00
ask F-09 g1 11-09T00:00 systems=main things=file:/etc/motd from=11-24T01:00 to=11-24T02:00
approve g1 11-12T00:00
change web-1 file /etc/motd 11-24T02:00:20
";
    let reading = r#"{"v":1,"author":{"agent":"web-1"},"host":"web-1","seq":9000,"observed":"2026-11-24T02:05:00Z","received":"2026-11-24T02:05:00Z","fact":{"kind":"clock.state","daemon":"chrony","says_synchronised":true,"kernel_unsynchronised":false,"sources":[],"measured_offset_us":60000000}}"#;
    let terms = Terms::standard();
    let lines = format!("{lines}{reading}\n");
    let mut entries = yakujo_contract::scenario::entries(&terms, &format!("{HOSTS}{lines}{END}")).unwrap();
    entries.sort_by_key(|entry| entry.received);
    let (mut court, mut joins) = (Court::default(), Vec::new());
    for (number, entry) in (0..).map(EntryNumber).zip(&entries) {
        let _ = court.enter(&terms, number, entry);
        let roll = court.roll(&terms);
        assert_eq!(roll.all(), court.clone().roll(&terms).all(), "{number}");
        let changed = roll.all().iter().find(|found| found.finding.rule == Rule::R03);
        joins.extend(changed.map(|found| found.finding.join.clone()));
    }
    joins.dedup();
    let words: Vec<&str> =
        joins.iter().map(|join| if matches!(join, Join::Undecided { .. }) { "?" } else { "×" }).collect();
    assert_eq!(words, ["×", "?"], "{joins:?}");
}

#[test]
fn to_cut_a_host_off_is_no_exceeded_approval_of_a_file_that_changed_meanwhile() {
    let standing = |trigger: &str| {
        let lines = format!(
            "alive web-1 11-24T03:00 11-24T05:00
ask F-26 g1 11-02T00:00 systems=main from=11-10T00:00 to=12-10T00:00 trigger={trigger}
approve g1 11-05T00:00
use g1 11-24T01:00 systems=main
change web-1 file /var/www/index.html 11-24T01:01
"
        );
        let all = found(&lines);
        all.iter().find(|found| found.finding.rule == Rule::R03).map(|found| found.finding.join.clone())
    };
    assert_eq!(standing("malware_suspected"), Some(Join::NotApproved(Missing::Request)));
    assert_eq!(standing("tamper_confirmed"), None, "that one is about files");
}

/// A delivery that came late and was accepted is over, and never becomes one that came in time.
#[test]
fn what_was_delivered_late_is_never_said_to_have_come_in_time() {
    let cause = |file: &str, end: &str| {
        let terms = Terms::standard();
        let path = format!("{}/../../tests/scenarios/{file}.txt", env!("CARGO_MANIFEST_DIR"));
        let entries = yakujo_contract::scenario::entries(&terms, &std::fs::read_to_string(path).unwrap());
        let mut court = heard(&terms, &entries.unwrap());
        let _ = court.advance(&terms, end.parse().unwrap());
        let ruling = court.ruling("5.c".to_owned().try_into().unwrap(), &"main".parse().unwrap());
        ruling.unwrap().verdict.cause.ja.clone()
    };
    let late = cause("c05_logs_provided_late", "2026-05-22T00:01:00Z");
    assert!(late.contains("より遅れて") && !late.contains("期限までに"), "{late}");
    let early = cause("c05_logs_provided", "2026-05-22T00:01:00Z");
    assert!(early.contains("期限までに提供しています"), "{early}");
}

#[test]
fn whoever_has_to_answer_and_does_not_is_told_of_in_every_state_that_waits() {
    let late = |lines: &str| -> Vec<(String, Party)> {
        let all = found(lines).into_iter().filter(|found| found.finding.rule == Rule::R23);
        all.map(|found| (found.finding.names.join(" "), found.finding.against)).collect()
    };
    let ask = "ask F-07 g1 11-09T00:00 systems=main from=11-27T01:00 to=11-27T02:00\n";
    assert_eq!(late(ask), [("g1".to_owned(), Party::City)]);
    let given_back = format!("{ask}return g1 11-10T00:00\n");
    assert_eq!(late(&given_back), [("g1".to_owned(), Party::Contractor)], "nobody handed it in again");
    assert!(late(&format!("{ask}return g1 11-26T00:00\n")).is_empty(), "given back this morning");
    assert!(late(&format!("{ask}return g1 11-10T00:00\nwithdraw g1 11-11T00:00\n")).is_empty());
    let report = "ask F-08 g1 11-09T00:00 systems=main\nreport g1 11-10T00:00\n";
    assert_eq!(late(report), [("g1".to_owned(), Party::City)], "reported, and nobody confirms");
    assert!(late(&format!("{report}confirm g1 11-11T00:00\n")).is_empty());
}

#[test]
fn what_the_contractor_did_where_nothing_looks_stands_in_the_history_as_told() {
    let told = |lines: &str, from: &str, to: &str| -> Vec<String> {
        let court = court(&Terms::standard(), lines);
        let span = (from.parse().unwrap(), to.parse().unwrap());
        court.told_changes(span).into_iter().map(|(id, _)| id.to_string()).collect()
    };
    let (from, to) = ("2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z");
    let done = "done g1 11-24T02:05 from=11-24T01:05 to=11-24T01:50\n";
    let unseen = format!("{CHANGE}{done}");
    assert_eq!(told(&unseen, from, to), ["g1"]);
    assert!(told(CHANGE, from, to).is_empty(), "nobody says that it was done");
    assert!(told(&unseen, "2026-11-25T00:00:00Z", to).is_empty(), "begun before");
    let seen = format!("{unseen}change web-1 package nginx 11-24T01:10\n");
    assert!(told(&seen, from, to).is_empty(), "it stands there as it was observed");
}
