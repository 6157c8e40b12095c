//! What was done about malware, for the report of it (F-05): refused or cut off, put away or removed. Facts that came after
//! the detection count, too: a detection only tells what was done at that moment.

use super::auto::{Auto, Item, Known};
use crate::entry::{Body, Entry};
use crate::evidence::host::Host;
use crate::evidence::outside::View;
use crate::fact::Fact;
use crate::fact::malware::{AvAction, AvDetection, Done};
use jiff::Timestamp;

/// What a detection is, where and when.
struct Detected<'a> {
    detection: &'a AvDetection,
    host: Option<&'a Host>,
    at: Timestamp,
}

impl<'a> Detected<'a> {
    fn of(known: &Known<'a>) -> Option<Self> {
        let entry = known.about?;
        let Body::Fact(Fact::AvDetection(detection)) = &entry.body else { return None };
        Some(Self { detection, host: host_of(known, entry), at: entry.observed })
    }
}

fn host_of<'a>(known: &Known<'a>, entry: &Entry) -> Option<&'a Host> {
    known.evidence.hosts.get(entry.host.as_ref()?)
}

/// Whether access was refused, and when the machine was cut off from the network: until the matter was closed, where it is.
pub(super) fn cut_off(known: &Known<'_>, closed: Option<Timestamp>) -> Auto {
    let Some(entry) = known.about else { return Auto::NotObserved };
    let host = host_of(known, entry);
    let refused = Detected::of(known).filter(|it| it.detection.action == AvAction::Denied);
    let refused = refused.map(|it| Item::Action(AvAction::Denied, it.detection.result));
    let spans = host.map(|host| spans(host, entry.observed, closed)).unwrap_or_default();
    let items: Vec<Item> = refused.into_iter().chain(spans).collect();
    // A state that is older than the detection shows that somebody looks.
    let is_watched = host
        .and_then(|host| host.isolations.first_key_value())
        .is_some_and(|(first, _)| first.observed <= entry.observed);
    match (items.is_empty(), is_watched) {
        (false, _) => Auto::Known(items),
        (true, true) => Auto::Nothing,
        (true, false) => Auto::NotObserved,
    }
}

/// Times a host was cut off that were not over at this instant, and had begun before the matter was closed, each with what
/// answered from outside and how it looked last.
fn spans(host: &Host, at: Timestamp, closed: Option<Timestamp>) -> Vec<Item> {
    let mut items = Vec::new();
    for time in host.cut_off() {
        let (from, over) = (time.from.observed, time.over.map(|(over, _)| over.observed));
        if over.is_some_and(|over| over < at) || closed.is_some_and(|closed| from > closed) {
            continue;
        }
        items.push(Item::CutOff(from, over));
        let runs = host.seen_during(&time);
        let last = runs.last().map(|run| run.first);
        let told = runs.iter().filter(|run| run.view == View::Answers || last == Some(run.first));
        items.extend(told.map(|run| Item::FromOutside(run.words(), run.first.observed)));
    }
    items
}

/// Whether it was put into the quarantine or removed, at once or later.
pub(super) fn put_away(known: &Known<'_>) -> Auto {
    let Some(Detected { detection, host, at }) = Detected::of(known) else { return Auto::NotObserved };
    let told = matches!(detection.action, AvAction::Quarantined | AvAction::Removed)
        .then_some(Item::Action(detection.action, detection.result));
    let is_over = told.is_some() && detection.result == Done::Done;
    let later = host.filter(|_| !is_over).and_then(|host| host.held(at, detection).next());
    let later = later.map(|_| Item::Action(AvAction::Quarantined, Done::Done));
    let items: Vec<Item> = told.into_iter().chain(later).collect();
    if items.is_empty() { Auto::Nothing } else { Auto::Known(items) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Author;
    use crate::evidence::Evidence;
    use crate::id::EntryNumber;
    use serde_json::{Value, json};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + minute * 60).unwrap()
    }

    fn told(minute: i64, fact: Value) -> Entry {
        Entry {
            v: 1,
            author: Author::Agent("web-1".parse().unwrap()),
            host: Some("web-1".parse().unwrap()),
            seq: Some(minute.unsigned_abs() + 1),
            observed: at(minute),
            received: at(minute),
            seen: None,
            body: Body::Fact(serde_json::from_value(fact).unwrap()),
        }
    }

    fn found(minute: i64, action: &str, result: &str) -> Entry {
        told(
            minute,
            json!({ "kind": "av.detection", "path": "/srv/x", "digest": "ab".repeat(32), "size": 1, "owner": 0,
                "signature": "x", "trigger": "access", "action": action, "result": result }),
        )
    }

    fn isolated(minute: i64, is: bool) -> Entry {
        told(
            minute,
            json!({ "kind": "isolation.state", "isolated": is, "allowed_peers": [], "ruleset": "ab".repeat(32),
                "blocked_packets": 0, "verified_at": at(minute), "unreachable_from_outside": "unsaid" }),
        )
    }

    fn held(minute: i64, digest: &str) -> Entry {
        held_from(minute, digest, "/srv/x")
    }

    fn held_from(minute: i64, digest: &str, from: &str) -> Entry {
        told(
            minute,
            json!({ "kind": "quarantine.item", "item": "q-1", "from": from, "digest": digest.repeat(32),
                "size": 1, "meta": "0644 0 0", "result": "done" }),
        )
    }

    /// What stands in both fields of a report of the last of these entries that is a detection.
    fn shown(entries: &[Entry]) -> (Auto, Auto) {
        shown_until(entries, None)
    }

    fn shown_until(entries: &[Entry], closed: Option<Timestamp>) -> (Auto, Auto) {
        let mut evidence = Evidence::default();
        for (number, entry) in (1..).zip(entries) {
            evidence.enter(EntryNumber(number), entry);
        }
        let is_detection = |entry: &&Entry| matches!(entry.body, Body::Fact(Fact::AvDetection(_)));
        let about = entries.iter().rev().find(is_detection);
        let known = Known { about, ..Known::nothing(&evidence, at(600)) };
        (cut_off(&known, closed), put_away(&known))
    }

    #[test]
    fn a_host_that_was_cut_off_after_the_detection_is_not_said_to_be_connected() {
        let quarantined = Auto::Known(vec![Item::Action(AvAction::Quarantined, Done::Done)]);
        let found = || found(10, "quarantined", "done");
        let cut = |from, to| Auto::Known(vec![Item::CutOff(at(from), to)]);
        assert_eq!(
            shown(&[found()]),
            (Auto::NotObserved, quarantined.clone()),
            "nobody tells of the network"
        );
        assert_eq!(shown(&[isolated(0, false), found()]), (Auto::Nothing, quarantined.clone()));
        let open = [isolated(0, false), found(), isolated(11, true), isolated(16, true)];
        assert_eq!(shown(&open), (cut(11, None), quarantined.clone()));
        let over = [found(), isolated(11, true), isolated(40, false)];
        assert_eq!(shown(&over), (cut(11, Some(at(40))), quarantined.clone()));
        let before = [isolated(1, true), isolated(5, false), found()];
        assert_eq!(shown(&before), (Auto::Nothing, quarantined), "what was over before is no answer to it");
    }

    #[test]
    fn however_long_it_lasts_its_beginning_is_known_and_a_later_one_belongs_to_another_report() {
        let caused = |minute: i64, is: bool| {
            let mut entry = isolated(minute, is);
            if let Body::Fact(Fact::IsolationState(state)) = &mut entry.body {
                state.cause = Some(crate::fact::malware::IsolationCause::Order);
            }
            entry
        };
        let mut entries = vec![isolated(0, false), found(10, "quarantined", "done"), caused(11, true)];
        entries.extend((0..300).map(|look| isolated(15 + 5 * look, true)));
        let cut = |from, to| Item::CutOff(at(from), to);
        assert_eq!(shown(&entries).0, Auto::Known(vec![cut(11, None)]));
        entries.extend([caused(2_000, false), caused(3_000, true)]);
        let first = cut(11, Some(at(2_000)));
        assert_eq!(shown(&entries).0, Auto::Known(vec![first.clone(), cut(3_000, None)]));
        assert_eq!(shown_until(&entries, Some(at(2_500))).0, Auto::Known(vec![first]));
    }

    #[test]
    fn how_it_looked_from_outside_is_said_beside_it() {
        let seen = |minute: i64, what: Value| {
            let mut entry = told(minute, what);
            (entry.author, entry.seq) = (Author::Server, None);
            entry
        };
        let silent = |minute| seen(minute, json!({ "kind": "isolation.seen", "tried": ["192.0.2.9:22"] }));
        let answers = |minute| {
            let door = ["192.0.2.9:22"];
            seen(minute, json!({ "kind": "isolation.seen", "tried": door, "answered": door }))
        };
        let mut story = vec![found(10, "quarantined", "done"), isolated(11, true)];
        let says = |entries: &[Entry]| match shown(entries).0 {
            Auto::Known(items) => items
                .into_iter()
                .filter_map(|item| match item {
                    Item::FromOutside(words, since) => Some((words.ja, since)),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        assert_eq!(says(&story), []);
        story.extend([silent(12), silent(22), answers(32), silent(42), isolated(60, false), answers(61)]);
        let said = says(&story);
        let [(open, since), (dark, last)] = &said[..] else { panic!("{said:?}") };
        assert!(open.contains("192.0.2.9:22") && *since == at(32), "an answer is not forgotten: {said:?}");
        assert!(dark.contains("応答がありません") && *last == at(42), "{said:?}");
    }

    #[test]
    fn what_was_put_away_later_is_said_and_another_content_is_not() {
        let put = Item::Action(AvAction::Quarantined, Done::Done);
        let failed = Item::Action(AvAction::Quarantined, Done::Failed);
        let removed = |entries: &[Entry]| shown(entries).1;
        assert_eq!(removed(&[found(10, "none", "failed")]), Auto::Nothing);
        assert_eq!(removed(&[found(10, "none", "failed"), held(12, "ab")]), Auto::Known(vec![put.clone()]));
        assert_eq!(removed(&[found(10, "none", "failed"), held(12, "cd")]), Auto::Nothing);
        let copy = [found(10, "none", "failed"), held_from(12, "ab", "/srv/copy")];
        assert_eq!(removed(&copy), Auto::Nothing, "one of two copies");
        let tried = [found(10, "quarantined", "failed"), held(12, "ab")];
        assert_eq!(removed(&tried), Auto::Known(vec![failed, put]));
        let denied = shown(&[isolated(0, false), found(10, "denied", "done")]);
        assert_eq!(denied, (Auto::Known(vec![Item::Action(AvAction::Denied, Done::Done)]), Auto::Nothing));
    }
}
