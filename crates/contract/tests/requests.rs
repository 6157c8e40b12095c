//! The state machine of requests: who may take which step when, and that neither order nor haste changes it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test needs fails like the test"
)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};
use yakujo_contract::act::Act;
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::evidence::Evidence;
use yakujo_contract::evidence::requests::{Ground, Request};
use yakujo_contract::id::EntryNumber;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;

const BEGIN: &str = "2026-11-24T00:00:00Z";

fn at(minutes: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

/// What somebody did so many minutes after the beginning.
fn did(person: &str, minutes: i64, act: Value) -> Entry {
    let party = if person.starts_with("c-") { Party::Contractor } else { Party::City };
    let author = Author::Person { id: person.parse().unwrap(), party, post: None };
    let act: Act = serde_json::from_value(act.clone()).unwrap_or_else(|error| panic!("{error}: {act}"));
    let at = at(minutes);
    Entry {
        v: 1,
        author,
        host: None,
        seq: None,
        observed: at,
        received: at,
        seen: None,
        body: Body::Act(act),
    }
}

fn step(person: &str, minutes: i64, mut step: Value) -> Entry {
    step["kind"] = json!("request.step");
    step["request"] = json!("r-1");
    did(person, minutes, step)
}

fn known(entries: &[Entry]) -> Evidence {
    let mut evidence = Evidence::default();
    for (number, entry) in (0..).zip(entries) {
        evidence.enter(EntryNumber(number), entry);
    }
    evidence
}

fn stop() -> Value {
    json!({
        "form": "F-07", "title": "計画停止", "scope": {"systems": ["main"]},
        "window": {"from": at(600), "to": at(720), "reserve_min": 30},
        "fields": {
            "class": "stop", "reason": "更新", "impact": "窓口", "announced": "掲示",
            "give_up": at(700), "roll_back": "戻す"
        }
    })
}

fn asked(form: &Value) -> Entry {
    did(
        "c-ito",
        60,
        json!({"kind": "request.asked", "request": "r-1", "number": "R8-停止-0001", "filled": form}),
    )
}

/// 課長 is Sato, with Suzuki for him from the second hour on; 係長 is Kato.
fn offices() -> Vec<Entry> {
    vec![
        did("y-admin", 0, json!({"kind": "post.taken", "post": "kacho", "person": "y-sato", "from": at(0)})),
        did(
            "y-admin",
            0,
            json!({"kind": "post.taken", "post": "kakaricho", "person": "y-kato", "from": at(0)}),
        ),
        did(
            "y-admin",
            0,
            json!({"kind": "deputy.named", "post": "kacho", "person": "y-suzuki", "from": at(120), "until": at(1_440), "reason": "出張"}),
        ),
    ]
}

fn approved(post: &str, manner: &str) -> Value {
    json!({"step": "approved", "post": post, "manner": manner})
}

fn request(entries: &[Entry]) -> Request {
    let id = "r-1".parse().unwrap();
    known(entries).requests.get(&id).unwrap().clone()
}

fn state_after(more: Vec<Entry>) -> State {
    let entries = [offices(), vec![asked(&stop())], more].concat();
    request(&entries).progress.unwrap().state
}

#[test]
fn the_whole_way_of_a_stop() {
    let way = [
        (step("y-kato", 70, json!({"step": "received"})), State::Received),
        (step("y-kato", 80, json!({"step": "returned", "reason": "周知の方法"})), State::Returned),
        (step("c-ito", 90, json!({"step": "resubmitted", "filled": stop()})), State::Asked),
        (
            step(
                "y-kato",
                100,
                json!({"step": "consulted", "at": at(95), "outcome": "agreed", "record": "夜に"}),
            ),
            State::Consulted,
        ),
        (step("y-suzuki", 130, approved("kacho", "deputy")), State::Approved),
        (step("y-sato", 200, json!({"step": "countersigned", "post": "kacho"})), State::Approved),
        (
            step("c-ito", 800, json!({"step": "done", "from": at(600), "to": at(760), "result": "超過"})),
            State::Done,
        ),
        (
            step("c-ito", 810, json!({"step": "reported", "edition": "final", "fields": {"checked": "済"}})),
            State::Reported,
        ),
        (step("y-kato", 820, json!({"step": "returned", "reason": "差異の理由を"})), State::Done),
        (
            step(
                "c-ito",
                830,
                json!({"step": "reported", "edition": "final", "fields": {"checked": "済", "difference": "遅延"}}),
            ),
            State::Reported,
        ),
        (step("y-kato", 840, json!({"step": "confirmed"})), State::Confirmed),
    ];
    for so_far in 1..=way.len() {
        let steps: Vec<Entry> = way[..so_far].iter().map(|(entry, _)| entry.clone()).collect();
        assert_eq!(state_after(steps), way[so_far - 1].1, "after {so_far} steps");
    }
}

#[test]
fn a_step_that_is_not_allowed_changes_nothing_and_is_marked() {
    let cases = [
        ("the asker's own party", step("c-ito", 130, approved("kacho", "own"))),
        ("nobody on the post", step("y-kato", 130, approved("kacho", "own"))),
        ("a deputy before his period", step("y-suzuki", 100, approved("kacho", "deputy"))),
        ("a deputy who calls himself holder", step("y-suzuki", 130, approved("kacho", "own"))),
        (
            "reported before it was done",
            step("c-ito", 130, json!({"step": "reported", "edition": "final", "fields": {"checked": "済"}})),
        ),
        ("confirmed before it was reported", step("y-kato", 130, json!({"step": "confirmed"}))),
        ("withdrawn by the other party", step("y-kato", 130, json!({"step": "withdrawn", "reason": "不要"}))),
        (
            "wider than asked for",
            step(
                "y-sato",
                130,
                json!({"step": "approved", "post": "kacho", "manner": "own", "scope": {"systems": ["main", "tax"]}}),
            ),
        ),
        (
            "longer than asked for",
            step(
                "y-sato",
                130,
                json!({"step": "approved", "post": "kacho", "manner": "own", "window": {"from": at(600), "to": at(900)}}),
            ),
        ),
        (
            "a use of what is no standing approval",
            step(
                "c-ito",
                130,
                json!({"step": "invoked", "at": at(120), "scope": {"systems": ["main"]}, "reason": "検知"}),
            ),
        ),
    ];
    for (why, entry) in cases {
        let entries = [offices(), vec![asked(&stop()), entry]].concat();
        let request = request(&entries);
        assert_eq!(request.progress.as_ref().unwrap().state, State::Asked, "{why}");
        assert_eq!(request.void.len(), 1, "{why}");
    }
}

#[test]
fn nobody_approves_his_own_request_through_a_second_account() {
    let twin = did(
        "y-admin",
        0,
        json!({"kind": "person.entered", "person": "y-sato", "role": "city_approver", "post": "kacho", "from": at(0),
               "name": {"digest": "0a".repeat(32)}, "same_as": "c-ito"}),
    );
    let entries =
        [offices(), vec![twin, asked(&stop()), step("y-sato", 130, approved("kacho", "own"))]].concat();
    assert_eq!(request(&entries).progress.unwrap().state, State::Asked);
    assert_eq!(state_after(vec![step("y-sato", 130, approved("kacho", "own"))]), State::Approved);
}

#[test]
fn a_route_demands_every_signature_in_its_order() {
    let route = did(
        "y-admin",
        1,
        json!({"kind": "route.set", "form": "F-07", "route": {"before": ["kakaricho"], "concur": ["jumin"], "decides": "kacho"}}),
    );
    let jumin =
        did("y-admin", 1, json!({"kind": "post.taken", "post": "jumin", "person": "y-mori", "from": at(0)}));
    let signed = |person: &str, minutes, post: &str, opinion: &str| {
        step(person, minutes, json!({"step": "signed", "post": post, "manner": "own", "opinion": opinion}))
    };
    let after = |more: Vec<Entry>| state_after([vec![route.clone(), jumin.clone()], more].concat());
    let approve = || step("y-sato", 200, approved("kacho", "own"));
    assert_eq!(after(vec![approve()]), State::Asked);
    assert_eq!(after(vec![signed("y-kato", 100, "kakaricho", "agrees"), approve()]), State::Asked);
    let objects = vec![
        signed("y-kato", 100, "kakaricho", "agrees"),
        signed("y-mori", 110, "jumin", "objects"),
        approve(),
    ];
    assert_eq!(after(objects), State::Asked);
    let agrees = vec![
        signed("y-kato", 100, "kakaricho", "agrees"),
        signed("y-mori", 110, "jumin", "agrees"),
        approve(),
    ];
    assert_eq!(after(agrees), State::Approved);
    let other_post = vec![step("y-kato", 200, approved("kakaricho", "own"))];
    assert_eq!(after(other_post), State::Asked);
}

#[test]
fn whoever_left_the_post_decides_no_more_and_what_he_decided_stands() {
    let leaves = |minutes| {
        did(
            "y-admin",
            minutes,
            json!({"kind": "post.left", "post": "kacho", "person": "y-sato", "reason": "異動"}),
        )
    };
    let approve = || step("y-sato", 130, approved("kacho", "own"));
    assert_eq!(state_after(vec![leaves(100), approve()]), State::Asked);
    assert_eq!(state_after(vec![approve(), leaves(140)]), State::Approved);
}

#[test]
fn consent_by_telephone_waits_for_paper_and_counts_from_the_call_once_it_is_there() {
    let call = step(
        "c-ito",
        65,
        json!({"step": "consented", "at": at(62), "post": "kacho", "who": {"digest": "0b".repeat(32)}, "read_back": "今から1時間"}),
    );
    let system = "main".parse().unwrap();
    let grants = |more: Vec<Entry>| {
        let evidence = known(&[offices(), vec![asked(&stop())], more].concat());
        let grants: Vec<_> = evidence
            .requests
            .grants(&system, &[Form::F07])
            .map(|grant| (grant.since, grant.ground == Ground::Decision))
            .collect();
        grants
    };
    assert_eq!(grants(vec![call.clone()]), [(at(62), false)]);
    let approve = step("y-sato", 130, approved("kacho", "own"));
    assert_eq!(grants(vec![call.clone(), approve.clone()]), [(at(62), true)]);
    assert_eq!(grants(vec![approve]), [(at(130), true)]);
    let refuse = step(
        "y-sato",
        130,
        json!({"step": "refused", "post": "kacho", "manner": "own", "reason": "聞いていない"}),
    );
    assert_eq!(grants(vec![call, refuse]), []);
}

#[test]
fn a_standing_approval_grants_each_of_its_uses_for_the_agreed_time() {
    let standing = json!({
        "form": "F-26", "title": "遮断", "scope": {"systems": ["main"]}, "window": {"from": at(0), "to": at(100_000)},
        "standing": {"trigger": "malware_suspected", "longest_min": 60, "uses": 2, "report_h": 1},
        "fields": {"condition": "実行の疑い", "measure": "遮断", "notice": "電話", "after": "1時間以内"}
    });
    let asked = did(
        "c-ito",
        60,
        json!({"kind": "request.asked", "request": "r-1", "number": "R8-包括-0001", "filled": standing}),
    );
    let used = |minutes| {
        step(
            "c-ito",
            minutes,
            json!({"step": "invoked", "at": at(minutes), "scope": {"systems": ["main"]}, "reason": "検知"}),
        )
    };
    let entries = [
        offices(),
        vec![asked, used(100), step("y-sato", 130, approved("kacho", "own")), used(200), used(300)],
    ]
    .concat();
    let evidence = known(&entries);
    let system = "main".parse().unwrap();
    let windows: Vec<_> =
        evidence.requests.grants(&system, &[Form::F26]).map(|grant| grant.window.unwrap()).collect();
    assert_eq!(windows.len(), 2, "the use before the approval counts for nothing");
    assert_eq!((windows[0].from, windows[0].to), (at(200), at(260)));
}

#[test]
fn a_talk_that_was_settled_leads_on_where_the_contract_asks_for_a_talk_and_nowhere_else() {
    let talk =
        |outcome: &str| json!({"step": "consulted", "at": at(100), "outcome": outcome, "record": "協議"});
    let done = |minutes| {
        step("c-ito", minutes, json!({"step": "done", "from": at(620), "to": at(640), "result": "済"}))
    };
    let change = json!({
        "form": "F-09", "title": "変更", "scope": {"systems": ["main"], "things": [{"object": "package", "name": "nginx"}]},
        "window": {"from": at(600), "to": at(720), "reserve_min": 0}, "fields": {}
    });
    let form = |form: &Value| {
        let mut filled: yakujo_contract::request::Filled = serde_json::from_value(form.clone()).unwrap();
        for field in filled.form.row().fields {
            let text = match field.kind {
                yakujo_contract::request::form::Kind::Choice(choices) => choices[0].0.to_owned(),
                yakujo_contract::request::form::Kind::Moment => at(600).to_string(),
                yakujo_contract::request::form::Kind::Count => "1".to_owned(),
                _ => "記入".to_owned(),
            };
            let asked = field.part == yakujo_contract::request::form::Part::Ask;
            let plain = !matches!(
                field.kind,
                yakujo_contract::request::form::Kind::Auto | yakujo_contract::request::form::Kind::People
            );
            if asked && plain {
                let value = yakujo_contract::request::FieldValue::Clear(text);
                filled.fields.entry(field.key.to_owned()).or_insert(value);
            }
        }
        serde_json::to_value(filled).unwrap()
    };
    let ends = |form: &Value, outcome: &str| {
        let entries = [offices(), vec![asked(form), step("y-sato", 110, talk(outcome)), done(650)]].concat();
        request(&entries).progress.unwrap().state
    };
    let change = form(&change);
    assert_eq!(ends(&change, "agreed"), State::Done, "a change is to be discussed, no more");
    assert_eq!(ends(&change, "failed"), State::Consulted);
    assert_eq!(ends(&stop(), "agreed"), State::Consulted, "a stop has to be approved");
}

#[test]
fn a_form_that_is_not_filled_in_is_no_request() {
    for (wrong, field, value) in [
        ("missing", "reason", Value::Null),
        ("control character", "reason", json!("a\u{7}b")),
        ("no such choice", "class", json!("maybe")),
        ("filled in by the program", "began", json!("きのう")),
        ("unknown", "colour", json!("青")),
        ("too long", "reason", json!("あ".repeat(1_501))),
    ] {
        let mut form = stop();
        if value.is_null() {
            form["fields"].as_object_mut().unwrap().remove(field);
        } else {
            form["fields"][field] = value;
        }
        assert!(request(&[asked(&form)]).progress.is_none(), "{wrong}");
    }
    let mut form = stop();
    form["window"] = json!({"from": at(720), "to": at(600)});
    assert!(request(&[asked(&form)]).progress.is_none(), "a window that ends before it begins");
    let mut form = stop();
    form["scope"] = json!({"systems": []});
    assert!(request(&[asked(&form)]).progress.is_none(), "about nothing");
}

fn any_step() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"step": "received"}),
        json!({"step": "consulted", "at": at(1), "outcome": "agreed", "record": "可"}),
        approved("kacho", "own"),
        approved("kacho", "deputy"),
        json!({"step": "refused", "post": "kacho", "manner": "own", "reason": "不可"}),
        json!({"step": "returned", "reason": "直して"}),
        json!({"step": "resubmitted", "filled": stop()}),
        json!({"step": "withdrawn", "reason": "不要"}),
        json!({"step": "revoked", "post": "kacho", "manner": "own", "reason": "警報"}),
        json!({"step": "countersigned", "post": "kacho"}),
        json!({"step": "consented", "at": at(1), "post": "kacho", "who": {"digest": "0b".repeat(32)}, "read_back": "可"}),
        json!({"step": "done", "from": at(1), "to": at(2), "result": "済"}),
        json!({"step": "reported", "edition": "final", "fields": {"checked": "済"}}),
        json!({"step": "confirmed"}),
    ])
}

fn any_story() -> impl Strategy<Value = Vec<Entry>> {
    let person = prop::sample::select(vec!["c-ito", "y-sato", "y-suzuki", "y-kato"]);
    let steps = prop::collection::vec((person, any_step()), 0..14);
    steps.prop_map(|steps| {
        let steps = (0..).zip(steps).map(|(place, (person, taken))| step(person, 130 + place * 10, taken));
        [offices(), vec![asked(&stop())], steps.collect()].concat()
    })
}

proptest! {
    #[test]
    fn arrival_order_changes_nothing((story, order) in any_story().prop_flat_map(|story| {
        let places: Vec<usize> = (0..story.len()).collect();
        (Just(story), Just(places).prop_shuffle())
    })) {
        let in_order = request(&story);
        let mut evidence = Evidence::default();
        for place in order {
            evidence.enter(EntryNumber(place as u64), &story[place]);
        }
        let shuffled = evidence.requests.get(&"r-1".parse().unwrap()).unwrap().clone();
        prop_assert_eq!(&in_order.progress, &shuffled.progress);
        prop_assert_eq!(&in_order.void, &shuffled.void);
    }

    #[test]
    fn an_approval_is_always_a_seated_other_persons(story in any_story()) {
        let evidence = known(&story);
        let request = evidence.requests.get(&"r-1".parse().unwrap()).unwrap();
        let progress = request.progress.as_ref().unwrap();
        if let Some(decided) = &progress.approved {
            let day = decided.stamp.received;
            let seated = evidence.offices.holds(&decided.by, &decided.post, day)
                || evidence.offices.stands_in(&decided.by, &decided.post, day);
            prop_assert!(seated);
            prop_assert!(!evidence.offices.same_human(&decided.by, &progress.by.person));
        }
        // Every step is either followed or marked.
        let followed = request.steps().filter(|(stamp, _, _)| !request.void.contains(&stamp.entry)).count();
        prop_assert_eq!(followed + request.void.len(), request.steps().count());
        let done_without_approval = progress.done.is_some() && progress.approved.is_none();
        prop_assert!(!done_without_approval);
    }
}
