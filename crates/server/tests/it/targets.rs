//! Targets: what may be agreed, who is told to try it, and what the city sees of it.

use super::site::Site;
use serde_json::{Value, json};
use yakujo_contract::act::{Act, Matter};
use yakujo_server::decide::Refusal;

/// A declaration of a target, as it stands in the ledger.
fn declared(change: impl Fn(&mut Value)) -> Matter {
    let mut matter = json!({ "matter": "target", "target": "portal", "system": "main", "name": "ポータル",
        "means": "https", "address": "https://portal.example.jp/", "every_s": 20, "probes": ["server"] });
    change(&mut matter);
    serde_json::from_value(matter).unwrap()
}

async fn propose(site: &Site, id: &str, matter: Matter) -> Result<(), Refusal> {
    let act = Act::Proposed { proposal: id.parse().unwrap(), matter };
    site.office("main").decide(site.actor("main", "contractor").await, act, None).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_probe_may_or_can_try_is_not_agreed() {
    let site = Site::start().await;
    let value = |field: &str| Err(Refusal::Value(field.to_owned()));
    let rows: [(&str, &str, Value, Result<(), Refusal>); 9] = [
        ("a1", "address", json!("https://169.254.169.254/latest"), value("address")),
        ("a2", "address", json!("https://user:pass@portal.example.jp/"), value("address")),
        ("a3", "address", json!("file:///etc/passwd"), value("address")),
        ("a4", "every_s", json!(1), value("every_s")),
        ("a5", "probes", json!(["nobody"]), value("probes")),
        (
            "a6",
            "authority",
            json!("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
            value("authority"),
        ),
        ("a7", "system", json!("other"), Err(Refusal::NoSuchThing)),
        ("a8", "name", json!("窓\u{7}口"), Err(Refusal::Text)),
        ("a9", "every_s", json!(30), Ok(())),
    ];
    for (id, field, value, wanted) in rows {
        let matter = declared(|matter| matter[field] = value.clone());
        assert_eq!(propose(&site, id, matter).await, wanted, "{field} {value}");
    }
    let end = || Act::Ended { proposal: "target-web".parse().unwrap(), reason: "要らない".to_owned() };
    let office = site.office("main");
    let alone = office.decide(site.actor("main", "contractor").await, end(), None).await;
    assert_eq!(alone.err(), Some(Refusal::NotYours), "less would be seen");
    assert!(office.decide(site.actor("main", "city").await, end(), None).await.is_ok());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_told_what_was_agreed_for_it_and_nothing_else() {
    let site = Site::start().await;
    let device = site.device("main", "out-1").await;
    let ask = async |known: &str| {
        let body = json!({ "known": known }).to_string();
        let reply = device.post("/intake/v1/targets", &body).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        serde_json::from_str::<Value>(&reply.body).unwrap()
    };
    assert_eq!(ask("").await["targets"], json!([]), "what is for this-host is not for it");
    let matter = declared(|matter| matter["probes"] = json!(["server", "out-1"]));
    propose(&site, "portal", matter).await.unwrap();
    assert_eq!(ask("").await["targets"], json!([]), "the city did not agree yet");
    let agreed = Act::Agreed { proposal: "portal".parse().unwrap() };
    site.office("main").decide(site.actor("main", "city").await, agreed, None).await.unwrap();
    let answer = ask("").await;
    assert_eq!(answer["targets"][0]["target"], "portal");
    let again = ask(answer["digest"].as_str().unwrap()).await;
    assert_eq!(again.get("targets"), None, "it has the list");
    let stranger = device.post("/intake/v1/targets", "{\"known\":1}").await.unwrap();
    assert_eq!(stranger.status, 422);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_city_sees_who_watches_and_what_two_of_them_saw() {
    let site = Site::start().await;
    let devices = [site.device("main", "out-1").await, site.device("main", "out-2").await];
    site.watch("main", "db", "データベース", &["out-1", "out-2"]).await;
    let person = site.person("main", yakujo_contract::act::Role::CityStaff).await;
    let mut city = site.sign_in(&person).await;
    let page = city.get("/c/main/targets").await;
    assert!(page.body.contains("だれも監視していません"), "{}", page.body);
    site.clock.pass(jiff::SignedDuration::from_mins(5));
    let now = site.clock.now();
    let at = |second: i64| (now - jiff::SignedDuration::from_secs(second)).to_string();
    for (number, device) in devices.iter().enumerate() {
        let down = json!({ "kind": "probe.availability", "target": "db", "state": "down", "from": at(100),
            "to": at(10), "tries": 10, "failed": 10, "why": "refused", "detail": "refused" });
        let fact = json!({ "seq": 1, "observed": at(5), "fact": down });
        let body = json!({ "epoch": "e1", "lowest": 1, "facts": [fact] }).to_string();
        assert_eq!(device.post("/intake/v1/facts", &body).await.unwrap().status, 200);
        let page = city.get("/c/main/targets/db").await;
        let wanted = ["一つの監視点だけ（未確認）", "二つ以上の監視点が一致"][number];
        assert!(page.body.contains(wanted), "{}", page.body);
    }
    let page = city.get("/c/main/targets").await;
    assert!(page.body.contains("停止") && page.body.contains("×"), "{}", page.body);
    let system = city.get("/c/main/systems/main").await;
    assert!(system.body.contains("データベース"), "{}", system.body);
    site.stop().await;
}
