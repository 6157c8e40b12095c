//! The intake as agents meet it, over mutual TLS: at least once, in order, nobody else.

use super::site::{Device, Site};
use super::wire::Reply;
use jiff::SignedDuration;
use serde_json::json;
use yakujo_server::console::revoke;

/// Facts with these numbers; a number says how far off the clock is.
pub fn facts(epoch: &str, numbers: &[u64]) -> String {
    let fact = |seq: &u64| {
        json!({ "seq": seq, "observed": "2026-11-22T00:00:00Z", "fact": {
            "kind": "clock.state", "daemon": "chrony", "says_synchronised": true,
            "kernel_unsynchronised": false, "sources": [], "measured_offset_us": seq } })
    };
    let facts: Vec<_> = numbers.iter().map(fact).collect();
    json!({ "epoch": epoch, "lowest": numbers.first(), "facts": facts }).to_string()
}

async fn send(device: &Device, body: &str) -> Reply {
    device.post("/intake/v1/facts", body).await.unwrap()
}

fn stored_to(reply: &Reply) -> u64 {
    assert_eq!(reply.status, 200, "{}", reply.body);
    serde_json::from_str::<serde_json::Value>(&reply.body).unwrap()["stored_to"].as_u64().unwrap()
}

/// The numbers of the facts of `web-1` in the ledger, in its order, and the gaps.
fn ledger(site: &Site) -> (Vec<u64>, Vec<(u64, u64)>) {
    let (mut numbers, mut gaps) = (Vec::new(), Vec::new());
    for text in site.entries("main", 0) {
        let entry: serde_json::Value = serde_json::from_str(&text).unwrap();
        if entry["host"] == "web-1" && entry["fact"]["kind"] == "clock.state" {
            assert_eq!(entry["seq"], entry["fact"]["measured_offset_us"]);
            numbers.push(entry["seq"].as_u64().unwrap());
        }
        if entry["fact"]["kind"] == "agent.gap" {
            let end = |name: &str| entry["fact"][name].as_u64().unwrap();
            gaps.push((end("from"), end("to")));
        }
    }
    (numbers, gaps)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_twice_is_stored_once() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    for _ in 0..3 {
        assert_eq!(stored_to(&send(&device, &facts("e1", &[1, 2, 3])).await), 3);
    }
    assert_eq!(stored_to(&send(&device, &facts("e1", &[2, 3, 4])).await), 4);
    assert_eq!(stored_to(&send(&device, &facts("e1", &[5])).await), 5);
    assert_eq!(ledger(&site), (vec![1, 2, 3, 4, 5], vec![]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_facts_sent_at_once_are_stored_once() {
    let site = Site::start().await;
    let device = std::sync::Arc::new(site.device("main", "web-1").await);
    let numbers: Vec<u64> = (1..=20).collect();
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (device, body) = (device.clone(), facts("e1", &numbers));
        tries.spawn(async move { stored_to(&send(&device, &body).await) });
    }
    assert_eq!(tries.join_all().await, vec![20; 16]);
    assert_eq!(ledger(&site), (numbers, vec![]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_of_order_waits_until_what_is_before_it_has_come() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    assert_eq!(stored_to(&send(&device, &facts("e1", &[1])).await), 1);
    let mut early: serde_json::Value = serde_json::from_str(&facts("e1", &[3, 4, 5])).unwrap();
    early["lowest"] = json!(2);
    assert_eq!(stored_to(&send(&device, &early.to_string()).await), 1, "2 is still to come");
    assert_eq!(stored_to(&send(&device, &facts("e1", &[2, 3, 4, 5])).await), 5);
    assert_eq!(ledger(&site), (vec![1, 2, 3, 4, 5], vec![]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agent_has_lost_is_a_gap_in_the_ledger_and_told_once() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    stored_to(&send(&device, &facts("e1", &[1, 2])).await);
    assert_eq!(
        stored_to(&send(&device, &facts("e1", &[6, 7])).await),
        7,
        "the first number is the lowest it has"
    );
    assert_eq!(stored_to(&send(&device, &facts("e1", &[6, 7])).await), 7);
    assert_eq!(ledger(&site), (vec![1, 2, 6, 7], vec![(3, 5)]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_used_for_another_fact_is_no_repetition() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    assert_eq!(stored_to(&send(&device, &facts("e1", &[1, 2, 3])).await), 3);
    // An outbox that was set back: 1 and 2 are the same, its 3 is another fact.
    let other = facts("e1", &[1, 2, 3]).replace(r#""measured_offset_us":3"#, r#""measured_offset_us":9"#);
    let reply = send(&device, &other).await;
    assert_eq!((reply.status, reply.body.as_str()), (409, r#"{"stored_to":2,"taken_to":3}"#));
    assert_eq!(ledger(&site), (vec![1, 2, 3], vec![]), "nothing was stored");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_behind_are_brought_up_from_the_ledger() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    let file = site.office("main").folder().join("views.db");
    let other = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query("ALTER TABLE entry RENAME TO gone").execute(&other).await.unwrap();
    assert_eq!(stored_to(&send(&device, &facts("e1", &[1, 2])).await), 2, "the ledger has them");
    sqlx::query("ALTER TABLE gone RENAME TO entry").execute(&other).await.unwrap();
    assert_eq!(stored_to(&send(&device, &facts("e1", &[3])).await), 3);
    let (office, host) = (site.office("main"), "web-1".parse().unwrap());
    // Answered first, shown an instant later.
    let mut shown = Vec::new();
    for _ in 0..100 {
        shown = office.views().numbered(&host, 1..=3).await.unwrap().into_keys().collect();
        if shown.len() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(shown, vec![1, 2, 3]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_come_in_the_order_of_their_numbers() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    assert_eq!(send(&device, &facts("e1", &[2, 1])).await.status, 422);
    assert_eq!(send(&device, &facts("e1", &[1, 1])).await.status, 422);
    assert_eq!(ledger(&site), (vec![], vec![]));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_certificate_of_this_server_gets_no_answer() {
    let site = Site::start().await;
    let bare = super::browser::Browser::new(site.intake(None));
    assert_eq!(bare.try_send("POST", "/intake/v1/pulse", super::site::JSON, "{}").await, None);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["web-1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let forged = super::browser::Browser::new(site.intake(Some((&own.pem(), &key.serialize_pem()))));
    assert_eq!(forged.try_send("POST", "/intake/v1/pulse", super::site::JSON, "{}").await, None);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_registered_or_revoked_or_too_old_is_refused() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    stored_to(&send(&device, &facts("e1", &[1])).await);
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let issued = site.server.house.authority.issue(&request, "web-1 d-x", site.clock.now()).unwrap();
    let wire = site.intake(Some((&issued.pem, &key.serialize_pem())));
    let unknown = Device { wire, certificate: issued.pem, key };
    let before = site.entries("main", 0).len();
    let stranger = send(&unknown, &facts("e1", &[2])).await;
    assert_eq!((stranger.status, stranger.body.contains("not enrolled")), (403, true));
    let office = site.office("main");
    let id = office.people.devices().await.unwrap()[0].id.clone();
    revoke(&office, &id, "試験".to_owned()).await.unwrap();
    let revoked = send(&device, &facts("e1", &[2])).await;
    assert_eq!((revoked.status, revoked.body.contains("revoked")), (403, true));
    assert_eq!(site.entries("main", 0).len(), before + 1, "the revocation and nothing else");
    let late = site.device("main", "web-1").await;
    site.clock.pass(SignedDuration::from_hours(366 * 24));
    let wire = site.intake(Some((&late.certificate, &late.key.serialize_pem())));
    let late = Device { wire, ..late };
    assert_eq!(late.post("/intake/v1/pulse", PULSE).await.map(|reply| reply.status), Some(403));
    site.stop().await;
}

const PULSE: &str = r#"{"epoch":"e1","waiting":0,"next_seq":1}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_not_an_agents_to_say_is_refused_and_nothing_of_it_is_stored() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    let numbered = |fact: serde_json::Value| {
        json!({ "epoch": "e1", "lowest": 1, "facts": [{ "seq": 1, "observed": "2026-11-22T00:00:00Z", "fact": fact }] })
            .to_string()
    };
    let large =
        numbered(json!({ "kind": "clock.state", "daemon": "x".repeat(65_000), "says_synchronised": true,
        "kernel_unsynchronised": false, "sources": [], "measured_offset_us": 1 }));
    let many: Vec<u64> = (1..=501).collect();
    let heard = numbered(json!({ "kind": "host.heard", "silent_since": "2026-11-22T00:00:00Z" }));
    let failure = numbered(json!({ "kind": "auth.failure", "from": "10.0.0.1", "count": 1 }));
    let odd = numbered(json!({ "kind": "no.such.fact" }));
    let field = r#"{"epoch":"e1","lowest":1,"facts":[],"host":"web-2"}"#.to_owned();
    for (body, status) in [
        (large, 422),
        (facts("e1", &many), 422),
        (facts("e1", &[2, 1]), 422),
        (facts("e1", &[1, 1]), 422),
        (heard, 422),
        (failure, 422),
        (odd, 422),
        (field, 422),
        ("{".to_owned(), 400),
        ("[".repeat(100_000), 422),
        (numbered(json!({ "kind": "X" })).replace("\"X\"", &"[".repeat(100_000)), 422),
        (" ".repeat((1 << 20) + 1), 413),
    ] {
        let reply = send(&device, &body).await;
        assert_eq!(reply.status, status, "{} bytes: {}", body.len(), reply.body);
    }
    assert_eq!(ledger(&site), (vec![], vec![]));
    assert_eq!(stored_to(&send(&device, &facts("e1", &[1])).await), 1, "the door still works");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_asks_too_often_waits_and_the_others_do_not() {
    let site = Site::start().await;
    let (device, other) = (site.device("main", "web-1").await, site.device("main", "web-2").await);
    for _ in 0..100 {
        assert_eq!(device.post("/intake/v1/pulse", PULSE).await.unwrap().status, 200);
    }
    let slow = device.post("/intake/v1/pulse", PULSE).await.unwrap();
    assert_eq!((slow.status, slow.header("retry-after")), (429, "10"));
    assert_eq!(other.post("/intake/v1/pulse", PULSE).await.unwrap().status, 200);
    site.clock.pass(SignedDuration::from_secs(10));
    assert_eq!(device.post("/intake/v1/pulse", PULSE).await.unwrap().status, 200);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_speak_in_turns_with_one_certificate_are_found() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    stored_to(&send(&device, &facts("e1", &[1])).await);
    stored_to(&send(&device, &facts("e2", &[2])).await);
    let clone = send(&device, &facts("e1", &[3])).await;
    assert_eq!((clone.status, clone.body.contains("two agents")), (409, true));
    let again = send(&device, &facts("e1", &[3])).await;
    assert_eq!(again.status, 409);
    let twins = site.entries("main", 0).into_iter().filter(|entry| entry.contains("\"host.twin\""));
    assert_eq!(twins.count(), 1, "it stands in the ledger, once a day");
    assert_eq!(ledger(&site), (vec![1, 2], vec![]));
    site.clock.pass(SignedDuration::from_secs(46));
    assert_eq!(stored_to(&send(&device, &facts("e3", &[3])).await), 3, "a restarted agent goes on");
    site.stop().await;
}

/// Every kind that a program of ours on a host makes, as its golden file has it.
fn kinds_of_agents() -> Vec<String> {
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut text = String::new();
    let mut folders = vec![repository.join("crates/agent/src"), repository.join("crates/probe/src")];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let whole = std::fs::read_to_string(path).unwrap();
                text += whole.split_once("#[cfg(test)]").map_or(whole.as_str(), |(program, _)| program);
            }
        }
    }
    let golden = std::fs::read_dir(repository.join("docs/formats/golden/facts")).unwrap();
    let facts = golden.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let made = |fact: &String| {
        let fact: yakujo_contract::fact::Fact = serde_json::from_str(fact).unwrap();
        let variant = format!("{fact:?}");
        let variant = variant.split_once('(').unwrap().0;
        // `Fact::ClockStep(step)` makes one; `Fact::ClockStep(_)` only looks.
        let words = format!("Fact::{variant}(");
        text.split(&words).skip(1).any(|rest| !rest.starts_with("_)") && !rest.starts_with(".."))
    };
    facts.filter(made).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_our_own_agent_makes_is_taken() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    let facts = kinds_of_agents();
    assert!(facts.len() > 20, "{}", facts.len());
    for (seq, fact) in (1..).zip(&facts) {
        let fact: serde_json::Value = serde_json::from_str(fact).unwrap();
        let numbered = json!({ "seq": seq, "observed": "2026-11-22T00:00:00Z", "fact": fact });
        let reply =
            send(&device, &json!({ "epoch": "e1", "lowest": seq, "facts": [numbered] }).to_string()).await;
        assert_eq!(reply.status, 200, "{}: {}", fact["kind"], reply.body);
    }
    site.stop().await;
}
