//! What probes say together: stops, restrictions, blips, candidates and gaps, in any order in which their facts arrive.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "what a test needs fails like the test"
)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use yakujo_contract::entry::Entry;
use yakujo_contract::evidence::Evidence;
use yakujo_contract::fact::probe::Availability;
use yakujo_contract::id::EntryNumber;
use yakujo_contract::outage::{Outage, Threshold, Weight};

const THRESHOLD: Threshold = Threshold { stop: SignedDuration::from_secs(60), tries: 3 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn entry(
    author: serde_json::Value,
    host: Option<&str>,
    second: i64,
    body: (&str, serde_json::Value),
) -> Entry {
    let mut entry = json!({ "v": 1, "author": author, "observed": at(second), "received": at(second) });
    if let Some(host) = host {
        entry["host"] = json!(host);
        entry["seq"] = json!(second + 1_000_000);
    }
    entry[body.0] = body.1;
    Entry::from_bytes(entry.to_string().as_bytes()).unwrap()
}

fn person(party: &str, second: i64, act: serde_json::Value) -> Entry {
    entry(json!({ "person": { "id": party, "party": party } }), None, second, ("act", act))
}

fn target(id: &str, probes: &[&str], second: i64) -> Vec<Entry> {
    let proposal = format!("t-{id}-{second}");
    let proposed = json!({ "kind": "proposed", "proposal": proposal, "matter": "target", "target": id, "system": "main",
        "name": "窓口", "means": "tcp", "address": "192.0.2.1:80", "every_s": 20, "probes": probes });
    vec![
        person("contractor", second, proposed),
        person("city", second, json!({ "kind": "agreed", "proposal": proposal })),
    ]
}

/// A fact of a probe, which the server has two seconds after its last try.
fn told(probe: &str, to: i64, fact: serde_json::Value) -> Entry {
    match probe {
        "server" => entry(json!("server"), None, to + 2, ("fact", fact)),
        host => entry(json!({ "agent": host }), Some(host), to + 2, ("fact", fact)),
    }
}

fn stood(probe: &str, target: &str, state: &str, from: i64, to: i64) -> Entry {
    let tries = (to - from) / 10 + 1;
    let failed = if state == "up" { 0 } else { tries };
    let fact = json!({ "kind": "probe.availability", "target": target, "state": state, "from": at(from), "to": at(to),
        "tries": tries, "failed": failed, "why": if state == "up" { json!(null) } else { json!("timeout") } });
    told(probe, to, fact)
}

fn watched(probe: &str, targets: &[&str], from: i64, to: i64) -> Entry {
    let up: serde_json::Map<String, serde_json::Value> =
        targets.iter().map(|target| ((*target).to_owned(), json!(12))).collect();
    told(probe, to, json!({ "kind": "probe.watch", "from": at(from), "to": at(to), "up": up }))
}

fn blind(probe: &str, from: i64, to: i64) -> Entry {
    let fact =
        json!({ "kind": "probe.blind", "from": at(from), "to": at(to), "why": "no_network", "tries": 3 });
    told(probe, to, fact)
}

fn evidence(entries: &[Entry]) -> Evidence {
    let mut evidence = Evidence::default();
    for (number, entry) in (0..).zip(entries) {
        evidence.enter(EntryNumber(number), entry);
    }
    evidence
}

fn outages(entries: &[Entry]) -> Vec<Outage> {
    evidence(entries).outages_of(&"main".parse().unwrap(), THRESHOLD)
}

/// Weight, state, from and to in seconds of the story; -1: it lasts.
fn short(outages: &[Outage]) -> Vec<(Weight, Availability, i64, i64)> {
    let second = |instant: Timestamp| instant.as_second() - 1_795_000_000;
    outages.iter().map(|it| (it.weight, it.state, second(it.from), it.to.map_or(-1, second))).collect()
}

fn two(more: Vec<Entry>) -> Vec<Entry> {
    let mut entries = target("web", &["server", "out-1"], -1_000);
    entries.extend(more);
    entries
}

#[test]
fn a_stop_is_what_two_probes_saw_at_once() {
    let entries = two(vec![
        watched("server", &["web"], -300, 0),
        stood("server", "web", "down", 20, 140),
        stood("server", "web", "up", 150, 150),
        watched("out-1", &["web"], -300, 10),
        stood("out-1", "web", "down", 30, 130),
        stood("out-1", "web", "up", 140, 140),
    ]);
    let found = outages(&entries);
    assert_eq!(short(&found), [(Weight::Agreed, Availability::Down, 30, 130)]);
    assert_eq!(found[0].probes.len(), 2);
    assert_eq!(found[0].entries.len(), 2);
    assert_eq!(found[0].tolerance, SignedDuration::from_secs(10), "nobody measured the clock of out-1");
}

#[test]
fn a_stop_that_lasts_has_no_end() {
    let entries = two(vec![
        stood("server", "web", "down", 0, 0),
        stood("server", "web", "down", 0, 70),
        stood("out-1", "web", "down", 5, 75),
    ]);
    let found = outages(&entries);
    assert_eq!(short(&found), [(Weight::Agreed, Availability::Down, 5, -1)]);
    assert_eq!(found[0].seen_to, at(70));
}

#[test]
fn under_the_threshold_it_is_a_blip_and_with_one_probe_a_candidate() {
    let blip = two(vec![stood("server", "web", "down", 0, 50), stood("out-1", "web", "down", 0, 50)]);
    assert!(outages(&blip).iter().all(|it| it.weight == Weight::Blip));
    let two_tries = two(vec![
        told(
            "server",
            90,
            json!({ "kind": "probe.availability", "target": "web", "state": "down", "from": at(0),
            "to": at(90), "tries": 2, "failed": 2 }),
        ),
        stood("out-1", "web", "down", 0, 90),
    ]);
    assert_eq!(
        short(&outages(&two_tries)),
        [(Weight::OneProbe, Availability::Down, 0, -1), (Weight::Blip, Availability::Down, 0, -1)]
    );
    let one = two(vec![stood("server", "web", "down", 0, 600), watched("out-1", &["web"], -300, 600)]);
    assert_eq!(short(&outages(&one)), [(Weight::OneProbe, Availability::Down, 0, -1)]);
}

#[test]
fn a_probe_that_is_cut_off_itself_sees_nothing() {
    let entries = two(vec![
        stood("server", "web", "down", 0, 200),
        stood("out-1", "web", "down", 0, 200),
        blind("out-1", 0, 200),
        watched("out-1", &["web"], 210, 510),
        watched("server", &["web"], 210, 510),
    ]);
    assert_eq!(short(&outages(&entries)), [(Weight::OneProbe, Availability::Down, 0, 200)]);
}

#[test]
fn a_probe_that_nobody_agreed_on_counts_for_nothing() {
    let entries = two(vec![stood("server", "web", "down", 0, 200), stood("out-9", "web", "down", 0, 200)]);
    assert_eq!(short(&outages(&entries)), [(Weight::OneProbe, Availability::Down, 0, -1)]);
    let mut proposed = target("web", &["server", "out-1"], -1_000);
    proposed.pop();
    proposed.extend([stood("server", "web", "down", 0, 200), stood("out-1", "web", "down", 0, 200)]);
    assert_eq!(short(&outages(&proposed)), [], "the city did not agree to the target");
}

#[test]
fn an_agent_on_a_host_called_like_the_server_is_no_second_probe() {
    let mut entries = two(vec![stood("server", "web", "down", 0, 200)]);
    let fact = entries.pop().unwrap();
    let text = String::from_utf8(fact.to_bytes().unwrap()).unwrap();
    let by_agent =
        text.replace(r#""author":"server""#, r#""author":{"agent":"server"},"host":"server","seq":1"#);
    entries.push(Entry::from_bytes(by_agent.as_bytes()).unwrap());
    assert_eq!(short(&outages(&entries)), []);
}

#[test]
fn each_target_of_a_system_stands_for_itself() {
    let mut entries =
        two(vec![stood("server", "web", "down", 0, 100), stood("out-1", "web", "down", 0, 100)]);
    entries.extend(target("db", &["server", "out-1"], -1_000));
    entries.extend([stood("server", "db", "down", 50, 150), stood("out-1", "db", "up", 50, 150)]);
    let found = outages(&entries);
    let told: Vec<(&str, Weight)> = found.iter().map(|it| (it.target.as_str(), it.weight)).collect();
    assert_eq!(told, [("web", Weight::Agreed), ("db", Weight::OneProbe)]);
}

#[test]
fn a_restriction_is_told_apart_from_the_stop_within_it() {
    let saw = |probe: &str, late: i64| {
        vec![
            stood(probe, "web", "restricted", late, 100 + late),
            stood(probe, "web", "down", 110 + late, 200 + late),
            stood(probe, "web", "restricted", 210 + late, 300 + late),
            stood(probe, "web", "up", 310 + late, 310 + late),
        ]
    };
    let mut entries = two(saw("server", 0));
    entries.extend(saw("out-1", 3));
    assert_eq!(
        short(&outages(&entries)),
        [
            (Weight::Agreed, Availability::Restricted, 3, 113),
            (Weight::Agreed, Availability::Down, 113, 200),
            (Weight::Agreed, Availability::Restricted, 200, 300),
        ]
    );
    let mixed =
        two(vec![stood("server", "web", "restricted", 0, 100), stood("out-1", "web", "down", 0, 100)]);
    assert_eq!(short(&outages(&mixed)), [(Weight::Agreed, Availability::Restricted, 0, -1)]);
}

#[test]
fn a_probe_that_is_started_anew_goes_on_with_the_stop_it_saw() {
    let entries = two(vec![
        stood("server", "web", "down", 0, 50),
        stood("server", "web", "down", 75, 140),
        stood("server", "web", "up", 150, 150),
        stood("out-1", "web", "down", 0, 140),
        stood("out-1", "web", "up", 150, 150),
    ]);
    assert_eq!(short(&outages(&entries)), [(Weight::Agreed, Availability::Down, 0, 140)]);
    let up_between = two(vec![
        stood("server", "web", "down", 0, 50),
        stood("server", "web", "up", 60, 60),
        stood("server", "web", "down", 70, 140),
    ]);
    let found = outages(&up_between);
    assert_eq!(short(&found)[0], (Weight::Blip, Availability::Down, 0, 50));
    assert_eq!(found.len(), 2);
}

#[test]
fn an_end_of_the_agreement_ends_the_tries_but_not_what_was_seen() {
    let mut entries =
        two(vec![stood("server", "web", "down", 0, 100), stood("out-1", "web", "down", 0, 100)]);
    entries.push(person(
        "city",
        200,
        json!({ "kind": "ended", "proposal": "t-web--1000", "reason": "廃止" }),
    ));
    assert_eq!(short(&outages(&entries)), [(Weight::Agreed, Availability::Down, 0, -1)]);
}

#[test]
fn where_fewer_than_two_probes_watched_there_is_a_gap() {
    let entries = two(vec![
        watched("server", &["web"], 0, 300),
        watched("server", &["web"], 300, 600),
        watched("server", &["web"], 600, 900),
        watched("out-1", &["web"], 0, 300),
        watched("out-1", &["web"], 500, 900),
        blind("server", 700, 800),
    ]);
    let evidence = evidence(&entries);
    let watched = evidence.agreements.target(&"web".parse().unwrap()).unwrap();
    let gaps = |at_least| {
        let gaps = evidence.gaps_of(&watched, at(0), at(1_000), at_least);
        let second = |instant: Timestamp| instant.as_second() - 1_795_000_000;
        gaps.iter().map(|gap| (second(gap.from), second(gap.to))).collect::<Vec<_>>()
    };
    assert_eq!(gaps(2), [(300, 500), (700, 800), (900, 1_000)]);
    assert_eq!(gaps(1), [(900, 1_000)]);
    assert_eq!(evidence.watched_until(&watched, 2), Some(at(900)));
    assert_eq!(evidence.watched_until(&watched, 3), None);
}

#[test]
fn how_a_target_stands_takes_two_that_say_so_lately() {
    use yakujo_contract::outage::Stands;
    let stands = |more: Vec<Entry>, now: i64| {
        let evidence = evidence(&two(more));
        let watched = evidence.agreements.target(&"web".parse().unwrap()).unwrap();
        let (stands, since) = evidence.stands(&watched, at(now));
        (stands, since.map(|since| since.as_second() - 1_795_000_000))
    };
    let up = |probe| watched(probe, &["web"], 0, 300);
    assert_eq!(stands(vec![], 300), (Stands::Nobody, None));
    assert_eq!(stands(vec![up("server")], 300), (Stands::OneProbe(Availability::Up), Some(0)));
    assert_eq!(stands(vec![up("server"), up("out-1")], 300), (Stands::As(Availability::Up), Some(0)));
    assert_eq!(stands(vec![up("server"), up("out-1")], 1_000), (Stands::Nobody, None));
    let trouble = |probe, state, from| stood(probe, "web", state, from, 400);
    let one = vec![up("server"), up("out-1"), trouble("server", "down", 310)];
    assert_eq!(stands(one.clone(), 400), (Stands::Differ, Some(310)));
    let both = [one.clone(), vec![trouble("out-1", "down", 320)]].concat();
    assert_eq!(stands(both, 400), (Stands::As(Availability::Down), Some(320)));
    let mixed = [one.clone(), vec![trouble("out-1", "restricted", 320)]].concat();
    assert_eq!(stands(mixed, 400), (Stands::As(Availability::Restricted), Some(320)));
    let cut = [one, vec![blind("out-1", 350, 400)]].concat();
    assert_eq!(stands(cut, 400), (Stands::OneProbe(Availability::Down), Some(310)));
}

#[test]
fn a_year_without_a_stop_is_one_span_and_older_ones_are_forgotten() {
    let mut entries =
        two(vec![stood("server", "web", "down", 0, 100), stood("out-1", "web", "down", 0, 100)]);
    let day = 24 * 3_600;
    for start in 0..500 {
        entries.push(watched("server", &["web"], 110 + start * day, 110 + (start + 1) * day));
    }
    let evidence = evidence(&entries);
    let id = "web".parse().unwrap();
    let (_, seen) = evidence.watching.of(&id).find(|(probe, _)| probe.as_str() == "server").unwrap();
    assert_eq!((seen.up.iter().count(), seen.down.iter().count()), (1, 0));
    let (from, to, ()) = seen.up.iter().next().unwrap();
    assert_eq!(to.duration_since(from), SignedDuration::from_hours(400 * 24));
}

/// One probe's tries, ten seconds apart: u up, r restricted, d down, b the probe was cut off, - no probe.
fn tell(probe: &str, offset: i64, tries: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut last: Option<(char, i64)> = None;
    for (index, state) in (0..).zip(tries.chars()) {
        let now = index * 10 + offset;
        let from = last.filter(|(before, _)| *before == state).map_or(now, |(_, at)| at);
        match state {
            'u' if from < now => entries.push(watched(probe, &["web"], from, now)),
            'u' => entries.push(stood(probe, "web", "up", from, now)),
            'r' => entries.push(stood(probe, "web", "restricted", from, now)),
            'd' => entries.push(stood(probe, "web", "down", from, now)),
            'b' => entries.push(blind(probe, from, now)),
            _ => {}
        }
        last = Some((state, now));
    }
    entries
}

fn numbered(entries: &[Entry], order: &[usize]) -> Vec<Outage> {
    let mut evidence = Evidence::default();
    for index in order {
        evidence.enter(EntryNumber(*index as u64), &entries[*index]);
    }
    evidence.outages_of(&"main".parse().unwrap(), THRESHOLD)
}

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_same_outages(
        one in "[urdb-]{0,8}d{0,9}[urdb-]{0,8}",
        other in "[urdb-]{0,8}d{0,9}[urdb-]{0,8}",
        third in "[urdb-]{0,4}d{0,9}",
        seed in any::<u64>(),
    ) {
        let mut entries = target("web", &["server", "out-1", "out-2"], -1_000);
        entries.extend(tell("server", 0, &one));
        entries.extend(tell("out-1", 3, &other));
        entries.extend(tell("out-2", 6, &third));
        let order: Vec<usize> = (0..entries.len()).collect();
        let mut keyed: Vec<(u64, usize)> = order
            .iter()
            .map(|index| ((seed ^ *index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31), *index))
            .collect();
        keyed.sort_unstable();
        let shuffled: Vec<usize> = keyed.into_iter().map(|(_, index)| index).collect();
        prop_assert_eq!(numbered(&entries, &order), numbered(&entries, &shuffled));
    }

    #[test]
    fn what_counts_was_seen_by_two_at_every_instant_of_it(
        one in "[urd]{0,30}", other in "[urd]{0,30}",
    ) {
        let mut entries = target("web", &["server", "out-1"], -1_000);
        entries.extend(tell("server", 0, &one));
        entries.extend(tell("out-1", 3, &other));
        for outage in outages(&entries).iter().filter(|it| it.weight == Weight::Agreed) {
            for (tries, offset) in [(&one, 0), (&other, 3)] {
                for (index, state) in (0..).zip(tries.chars()) {
                    let now = at(index * 10 + offset);
                    let within = now >= outage.from && now <= outage.seen_to;
                    prop_assert!(!within || state != 'u', "{:?} {}", outage, tries);
                    prop_assert!(!within || outage.state != Availability::Down || state == 'd');
                }
            }
        }
    }

    #[test]
    fn long_trouble_of_a_probe_is_never_passed_over_in_silence(one in "[urd]{0,5}d{20,25}[urd]{0,5}", other in "[urd]{0,30}") {
        let mut entries = target("web", &["server", "out-1"], -1_000);
        entries.extend(tell("server", 0, &one));
        entries.extend(tell("out-1", 3, &other));
        let found = outages(&entries);
        for begin in one.match_indices("dddddddddddddddddddd") {
            let from = at(i64::try_from(begin.0).unwrap() * 10);
            let to = at((i64::try_from(begin.0).unwrap() + 19) * 10);
            let told = found.iter().any(|it| it.weight != Weight::Blip && it.from <= to && it.seen_to >= from);
            prop_assert!(told, "{} {:?}", one, found);
        }
    }
}
