//! Orders to agents: in the ledger before they are handed out, each on the ground of what the city approved or consented to,
//! to its own host alone.

use super::intake::facts;
use super::matrix::filled;
use super::site::{Device, Site};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use yakujo_agent_orders::read;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::duty::DutyId;
use yakujo_contract::fact::Fact;
use yakujo_contract::id::{EntryNumber, HostId, RequestId};
use yakujo_contract::order::allowed::NotAllowed;
use yakujo_contract::order::{Order, Work};
use yakujo_contract::request::form::Form;
use yakujo_contract::request::{
    FieldValue, Filled, Manner, Outcome, RequestNumber, Scope, StandingTerms, Step, Trigger,
};
use yakujo_contract::thing::{Object, Thing};
use yakujo_server::decide::Refusal;
use yakujo_server::writer::NumberedFact;

/// Reads what an agent would: by the key that was handed out, and no other.
mod yakujo_agent_orders {
    use yakujo_contract::order::Order;
    use yakujo_ledger::note::{Note, VerifierKey};

    pub fn read(note: &str, key: &str) -> Order {
        let note = Note::parse(note).unwrap();
        let text =
            VerifierKey::parse(key).unwrap().signed_alone(&note).expect("signed by this key").to_owned();
        Order::parse(&text).unwrap()
    }
}

/// What a device is handed: the orders, read with the key beside them.
async fn fetch(device: &Device) -> Vec<Order> {
    let reply = device.post("/intake/v1/orders", "{}").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    let key = answer["key"].as_str().unwrap();
    let notes = answer["orders"].as_array().unwrap();
    notes.iter().map(|note| read(note.as_str().unwrap(), key)).collect()
}

async fn ask(site: &Site, id: &str, filled: Filled) -> RequestId {
    let request: RequestId = id.parse().unwrap();
    let number = RequestNumber::new("R0", filled.form, 1);
    let act = Act::RequestAsked { request: request.clone(), number, filled: Box::new(filled) };
    site.office("main").decide(site.actor("main", "contractor").await, act, None).await.unwrap();
    request
}

async fn step(site: &Site, request: &RequestId, step: Step) {
    let act = Act::RequestStep { request: request.clone(), step };
    site.office("main").decide(site.actor("main", "city").await, act, None).await.unwrap();
}

/// The first person of the city holds a post from now on.
async fn seat(site: &Site) {
    site.name_post("main", "kachou-2", "情報政策課長").await;
    let city = site.actor("main", "city").await;
    let person = city.as_ref().unwrap().person.clone();
    let act =
        Act::PostTaken { post: "kachou-2".parse().unwrap(), person, from: site.clock.now(), until: None };
    site.office("main").decide(city, act, None).await.unwrap();
    site.clock.pass(SignedDuration::from_secs(1));
}

async fn approve(site: &Site, request: &RequestId) {
    let (post, manner) = ("kachou-2".parse().unwrap(), Manner::Own);
    step(site, request, Step::Approved { post, manner, conditions: Vec::new(), window: None, scope: None })
        .await;
}

fn standing(now: Timestamp, host: &str) -> Filled {
    let terms = StandingTerms { trigger: Trigger::MalwareSuspected, longest_min: 30, uses: 2, report_h: 24 };
    let scope = Scope {
        systems: ["main".parse().unwrap()].into(),
        hosts: [host.parse().unwrap()].into(),
        ..Scope::default()
    };
    Filled { standing: Some(terms), scope, ..filled(Form::F26, now) }
}

async fn tell(site: &Site, host: &HostId, seq: u64, fact: serde_json::Value) {
    let fact: Fact = serde_json::from_value(fact).unwrap();
    let told = NumberedFact { seq, observed: site.clock.now(), fact };
    site.office("main").store_facts(host.clone(), 1, vec![told]).await.unwrap();
    site.heard("main", host, seq).await;
}

/// The entry of the first detection, once the views have it: they follow what is stored.
async fn detected(site: &Site, host: &HostId) -> EntryNumber {
    let office = site.office("main");
    for _ in 0..200 {
        let known = office.court().evidence().hosts.get(host).and_then(|host| {
            let (stamp, _) = host.detections.first_key_value()?;
            Some(stamp.entry)
        });
        if let Some(entry) = known {
            return entry;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the detection is not in the views after 10 s");
}

fn outcome(order: &Order, result: &str) -> serde_json::Value {
    json!({ "kind": "order.outcome", "order": order.order, "request": order.request, "work": order.work.word(),
        "result": result })
}

fn isolation(site: &Site, request: &RequestId, cause: &str, isolated: bool) -> serde_json::Value {
    json!({ "kind": "isolation.state", "isolated": isolated, "order": "o-x", "approval": request, "cause": cause,
        "allowed_peers": ["192.0.2.10:8444"], "ruleset": "ab".repeat(32), "blocked_packets": 0,
        "verified_at": site.clock.now(), "unreachable_from_outside": "unsaid" })
}

/// How many orders the ledger has.
fn issued(site: &Site) -> usize {
    site.entries("main", 0).iter().filter(|text| text.contains("\"order.issued\"")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_standing_approval_reaches_its_host_as_a_signed_permit_once_and_ends_when_it_is_revoked()
{
    let site = Site::start().await;
    seat(&site).await;
    let (own, other) = (site.device("main", "web-1").await, site.device("main", "web-2").await);
    let request = ask(&site, "q-standing", standing(site.clock.now(), "web-1")).await;
    assert!(fetch(&own).await.is_empty(), "nobody has approved it");
    approve(&site, &request).await;
    site.clock.pass(SignedDuration::from_secs(1));

    let handed = fetch(&own).await;
    let [permit] = &handed[..] else { panic!("{handed:?}") };
    assert!(matches!(&permit.work, Work::Permit(it) if it.longest_min == 30 && it.uses == 2), "{permit:?}");
    assert_eq!((permit.host.as_str(), &permit.request), ("web-1", &request));
    assert_eq!(issued(&site), 1, "in the ledger");
    assert!(fetch(&other).await.is_empty(), "another host gets none");
    assert_eq!(fetch(&own).await, handed, "the same one, until its host has said what became of it");
    assert_eq!(issued(&site), 1);

    let host: HostId = "web-1".parse().unwrap();
    tell(&site, &host, 1, outcome(permit, "done")).await;
    assert!(fetch(&own).await.is_empty());
    let (post, manner) = ("kachou-2".parse().unwrap(), Manner::Own);
    step(&site, &request, Step::Revoked { post, manner, reason: "見直しのため".to_owned() }).await;
    let handed = fetch(&own).await;
    assert!(
        matches!(&handed[..], [Order { work: Work::EndPermit { permit: ended }, .. }] if *ended == permit.order),
        "{handed:?}"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_cut_off_is_connected_only_after_the_city_consented_and_the_page_shows_what_became_of_it()
 {
    let site = Site::start().await;
    seat(&site).await;
    let office = site.office("main");
    let host: HostId = "web-1".parse().unwrap();
    let device = site.device("main", "web-1").await;
    let standing = ask(&site, "q-standing", standing(site.clock.now(), "web-1")).await;
    approve(&site, &standing).await;
    site.clock.pass(SignedDuration::from_secs(1));
    fetch(&device).await;
    tell(&site, &host, 1, isolation(&site, &standing, "permit", true)).await;
    {
        let court = office.court();
        let progress = court.evidence().requests.get(&standing).unwrap().progress.as_ref().unwrap();
        assert_eq!(progress.uses.len(), 1, "the agent's own act is a use of the standing approval");
        let ruling = court.ruling(DutyId::parse("2.1.e").unwrap(), &"main".parse().unwrap()).unwrap();
        let cause = ruling.verdict.cause.ja;
        assert!(!cause.contains("包括承認なしに"), "it is no emergency without approval: {cause}");
    }

    let mut incident = filled(Form::F05, site.clock.now());
    incident.fields.insert("class".to_owned(), FieldValue::Clear("malware".to_owned()));
    let incident = ask(&site, "q-incident", incident).await;
    let reconnect = || (host.clone(), incident.clone(), Work::Reconnect {});
    let contractor = site.actor("main", "contractor").await;
    let early = yakujo_server::orders::give(&office, contractor, reconnect(), None).await;
    assert_eq!(early, Err(Refusal::Order(NotAllowed::Consent)));
    assert_eq!(issued(&site), 1, "only the permit");
    let at = site.clock.now();
    let agreed =
        Step::Consulted { at, outcome: Outcome::Agreed, record: "駆除を確かめた。".to_owned() };
    step(&site, &incident, agreed).await;
    let city =
        yakujo_server::orders::give(&office, site.actor("main", "city").await, reconnect(), None).await;
    assert_eq!(city, Err(Refusal::NotYours), "the city consents; the contractor acts");

    // On the page: offered, looked at once more, given.
    let mut browser = site.contractor().await;
    let page = browser.get("/c/main/requests/q-incident").await;
    assert!(page.body.contains("遮断の解除"), "{}", page.body);
    let order = serde_json::to_string(&(&host, Work::Reconnect {})).unwrap();
    let path = "/c/main/requests/q-incident/order";
    let look = browser.post(path, &[("order", &order), ("go", "confirm")]).await;
    assert!(look.status == 200 && look.body.contains("指令を出す"), "{}", look.body);
    let given = browser.post(path, &[("order", &order), ("go", "send")]).await;
    assert_eq!(given.status, 303, "{}", given.body);
    let page = browser.get("/c/main/requests/q-incident").await;
    assert!(page.body.contains("受渡し待ち"), "{}", page.body);
    let handed = fetch(&device).await;
    let last = handed.last().unwrap();
    assert_eq!(last.work, Work::Reconnect {});
    let page = browser.get("/c/main/requests/q-incident").await;
    assert!(page.body.contains("受渡し済み"));
    tell(&site, &host, 2, isolation(&site, &incident, "order", false)).await;
    tell(&site, &host, 3, outcome(last, "done")).await;
    let page = browser.get("/c/main/requests/q-incident").await;
    assert!(page.body.contains("実行済み") && !page.body.contains("受渡し"), "{}", page.body);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_restored_only_as_both_talked_about_it() {
    let site = Site::start().await;
    let office = site.office("main");
    seat(&site).await;
    site.device("main", "web-1").await;
    let digest = |fill: &str| yakujo_contract::id::Digest::try_from(fill.repeat(32)).unwrap();
    let name = "/srv/www/index.html".to_owned();
    let thing = Thing { object: Object::File, name: name.clone(), digest: Some(digest("ab")) };
    let open = Thing { object: Object::File, name: "/srv/www/other.html".to_owned(), digest: None };
    let mut restoration = filled(Form::F06, site.clock.now());
    (restoration.scope.things, restoration.window) = ([thing, open].into(), None);
    let request = ask(&site, "q-restore", restoration).await;
    let give = async |path: &str, fill: &str| {
        let work = Work::Restore { path: path.to_owned(), digest: digest(fill) };
        let wanted = ("web-1".parse().unwrap(), request.clone(), work);
        yakujo_server::orders::give(&office, site.actor("main", "contractor").await, wanted, None).await
    };
    assert_eq!(give(&name, "ab").await, Err(Refusal::Order(NotAllowed::Consent)), "before the talk");
    let agreed =
        Step::Consulted {
            at: site.clock.now(), outcome: Outcome::Agreed, record: "合意した。".to_owned()
        };
    step(&site, &request, agreed).await;
    site.clock.pass(SignedDuration::from_secs(1));
    assert_eq!(give(&name, "cd").await, Err(Refusal::Order(NotAllowed::Content)), "another content");
    assert_eq!(give("/etc/passwd", "ab").await, Err(Refusal::Order(NotAllowed::Content)), "another file");
    assert_eq!(
        give("/srv/www/other.html", "ab").await,
        Err(Refusal::Order(NotAllowed::Content)),
        "no digest"
    );
    assert!(give(&name, "ab").await.is_ok());
    assert_eq!(issued(&site), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_of_the_quarantine_is_removed_only_after_both_talked_and_only_once() {
    let site = Site::start().await;
    let office = site.office("main");
    seat(&site).await;
    site.device("main", "web-1").await;
    let host: HostId = "web-1".parse().unwrap();
    let item = json!({ "kind": "quarantine.item", "item": "q-1", "from": "/srv/x", "digest": "ab".repeat(32),
        "size": 1, "meta": "0644 0 0", "result": "done" });
    tell(&site, &host, 1, item).await;
    let mut incident = filled(Form::F05, site.clock.now());
    incident.fields.insert("class".to_owned(), FieldValue::Clear("malware".to_owned()));
    let incident = ask(&site, "q-incident", incident).await;
    let give = async |item: &str| {
        let wanted = (host.clone(), incident.clone(), Work::Remove { item: item.to_owned() });
        yakujo_server::orders::give(&office, site.actor("main", "contractor").await, wanted, None).await
    };
    assert_eq!(give("q-1").await, Err(Refusal::Order(NotAllowed::Consent)), "before the talk");
    let at = site.clock.now();
    step(
        &site,
        &incident,
        Step::Consulted { at, outcome: Outcome::Agreed, record: "消去に同意。".to_owned() },
    )
    .await;
    site.clock.pass(SignedDuration::from_secs(1));
    assert_eq!(give("q-2").await, Err(Refusal::Order(NotAllowed::Nothing)), "another item");
    let mut browser = site.contractor().await;
    let page = browser.get("/c/main/requests/q-incident").await;
    assert!(page.body.contains("完全に消去する（元に戻せません）"), "{}", page.body);
    let id = give("q-1").await.unwrap();
    let given = office.court().evidence().orders.get(&id).unwrap().order.clone();
    tell(&site, &host, 2, outcome(&given, "done")).await;
    assert_eq!(give("q-1").await, Err(Refusal::Order(NotAllowed::Nothing)), "it is gone");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malware_is_told_to_both_at_once_and_the_report_begins_from_what_was_detected() {
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    let city = site.person("main", Role::CityStaff).await;
    let mut city = site.sign_in(&city).await;
    let mut contractor = site.contractor().await;
    let host: HostId = "web-1".parse().unwrap();
    assert_eq!(device.post("/intake/v1/facts", &facts("e1", &[1])).await.unwrap().status, 200);
    let began = std::time::Instant::now();
    let found = json!({ "kind": "av.detection", "path": "/srv/www/x.php", "digest": "ab".repeat(32), "size": 68,
        "owner": 33, "signature": "Eicar-Test", "trigger": "access", "action": "quarantined", "result": "done" });
    tell(&site, &host, 2, found).await;
    let entry = detected(&site, &host).await;
    let mut told = BTreeMap::new();
    for (name, browser) in [("city", &mut city), ("contractor", &mut contractor)] {
        for _ in 0..200 {
            let page = browser.get("/c/main/notices").await.body;
            if page.contains("ホスト web-1 で不正プログラムを検知しました") {
                told.insert(name, page);
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    println!("told after {} ms", began.elapsed().as_millis());
    assert!(told["city"].contains(&format!("/ledger/{entry}")), "the city sees the record");
    assert!(told["contractor"].contains("/requests/new/F-05?about="), "the contractor begins the report");
    let draft = contractor.get(&format!("/c/main/requests/new/F-05?about={entry}")).await.body;
    for known in
        ["web-1 で検知した不正プログラム（Eicar-Test）", "/srv/www/x.php に Eicar-Test", "value=\"web-1\""]
    {
        assert!(draft.contains(known), "{known} is not filled in");
    }
    assert!(draft.contains(&format!("value=\"{entry}\"")), "it is about the detection: its clock runs");
    let first = contractor.get("/c/main").await.body;
    assert!(
        first.contains("報告を要する検知") && first.contains("報告書を書き始める"),
        "on the first screen"
    );
    let first = city.get("/c/main").await.body;
    assert!(
        first.contains("報告を要する検知") && !first.contains("報告書を書き始める"),
        "the city sees the clock"
    );
    let nothing = contractor.get("/c/main/requests/new/F-05?about=0").await.body;
    assert!(!nothing.contains("Eicar"));
    site.stop().await;
}
