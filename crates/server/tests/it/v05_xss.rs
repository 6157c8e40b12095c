//! クロスサイト・スクリプティング: every text that somebody or some program can bring in is shown as text.

use super::attack::{city, everywhere, pages, sources};
use super::site::Site;
use super::wire::Reply;
use serde_json::json;
use yakujo_contract::act::{Act, Matter, Role};
use yakujo_contract::duty::DutyId;

const TEXTS: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "<!--<script>alert(1)//",
];

/// Signs of a text that became part of a page.
fn assert_only_text(reply: &Reply, what: &str) {
    if reply.header("content-disposition").starts_with("attachment") {
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{what}");
        return assert!(!reply.header("content-type").contains("html"), "{what}");
    }
    let page = reply.body.as_str();
    for sign in [
        "<script>",
        "<img",
        "<svg onload",
        "<!--<",
        "href=\"javascript:",
        "action=\"javascript:",
        "<textarea></textarea>",
    ] {
        assert!(!page.contains(sign), "{what}: {sign}");
    }
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let inside = tag.split('"').step_by(2).collect::<String>().to_lowercase();
        for handler in [" onerror", " onload", " onmouseover", " onclick", " style="] {
            assert!(!inside.contains(handler), "{what}: <{tag}>");
        }
    }
}

/// The texts in everything that an agent states and a person proposes.
async fn plant(site: &Site, text: &str, number: usize) {
    let device = site.device("main", &format!("web-{number}")).await;
    let set = "ab".repeat(32);
    let facts = [
        json!({ "kind": "package.set", "part": { "index": 0, "of": 1, "set": set }, "manager": "dpkg",
            "packages": [{ "n": text, "v": text }] }),
        json!({ "kind": "account.set", "part": { "index": 0, "of": 1, "set": set }, "accounts": [{ "name": text,
            "uid": 1, "login": "possible", "groups": [text], "privileged": false, "keys": [] }] }),
        json!({ "kind": "container.set", "part": { "index": 0, "of": 1, "set": set }, "containers": [{ "name": text,
            "id": text, "image": text, "state": "running", "privileged": true, "host_network": true,
            "ports": [text], "mounts": [text] }], "coverage": { "unreadable": 1, "reason": text } }),
        json!({ "kind": "image.set", "part": { "index": 0, "of": 1, "set": set }, "images": [{ "engine": text,
            "id": set, "names": [text] }] }),
        json!({ "kind": "net.listener", "part": { "index": 0, "of": 1, "set": set }, "listeners": [{
            "protocol": "tcp", "address": "0.0.0.0", "port": 22, "program": text, "uid": 0 }] }),
        json!({ "kind": "capacity.sample", "from": "2026-11-21T23:56:00Z", "to": "2026-11-22T00:01:00Z",
            "resources": [{ "resource": text, "limit": 1000, "min": 5, "mean": 5, "p95": 5, "max": 5 }] }),
        json!({ "kind": "clock.state", "daemon": text, "says_synchronised": true,
            "kernel_unsynchronised": false, "sources": [], "measured_offset_us": 1 }),
        json!({ "kind": "av.detection", "path": text, "digest": "ab".repeat(32), "size": 1, "owner": 0,
            "signature": text, "trigger": "access", "action": "quarantined", "result": "done", "reason": text }),
        json!({ "kind": "login.open", "account": text, "session": "s", "from": text, "method": text,
            "at": "2026-11-22T00:00:00Z" }),
        json!({ "kind": "probe.availability", "target": format!("t-{number}"), "state": "down",
            "from": "2026-11-22T00:00:00Z", "to": "2026-11-22T00:05:00Z", "tries": 9, "failed": 9, "detail": text }),
        json!({ "kind": "probe.watch", "from": "2026-11-22T00:05:00Z", "to": "2026-11-22T00:10:00Z", "up": {},
            "cannot": { format!("t-{number}"): text } }),
    ];
    site.watch("main", &format!("t-{number}"), text, &[&format!("web-{number}")]).await;
    let numbered = facts
        .iter()
        .zip(1..)
        .map(|(fact, seq)| json!({ "seq": seq, "observed": site.clock.now().to_string(), "fact": fact }));
    let body = json!({ "epoch": "e1", "lowest": 1, "facts": numbered.collect::<Vec<_>>() }).to_string();
    let reply = device.post("/intake/v1/facts", &body).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    let office = site.office("main");
    let id = |kind: &str| format!("{kind}-{number}").parse().unwrap();
    let duty = DutyId::parse("6.a").unwrap();
    let until = site.clock.now() + jiff::SignedDuration::from_hours(48);
    let line = json!({ "matter": "software", "pattern": text, "ruling": "refused", "reason": text });
    for (kind, matter) in [
        ("n", Matter::NotApplicable { duty, system: None, reason: text.to_owned() }),
        ("e", Matter::Exemption { duty, system: None, until, reason: text.to_owned() }),
        ("s", serde_json::from_value(line).unwrap()),
    ] {
        office.decide(None, Act::Proposed { proposal: id(kind), matter }, None).await.unwrap();
    }
    office.enter_person(None, &format!("p{number}"), text, Role::CityStaff, None, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_state_and_people_propose_is_shown_as_text() {
    let (site, mut browser) = city().await;
    let mut shown = 0;
    for (number, text) in TEXTS.into_iter().enumerate() {
        plant(&site, text, number).await;
        let mut paths: Vec<String> =
            ["n", "e", "s"].iter().map(|kind| format!("/c/main/agreements/{kind}-{number}")).collect();
        for tab in [
            "duties",
            "malware",
            "logins",
            "packages",
            "accounts",
            "listeners",
            "capacity",
            "containers",
            "images",
        ] {
            paths.push(format!("/c/main/hosts/web-{number}?tab={tab}"));
        }
        paths.extend(
            ["targets".to_owned(), format!("targets/t-{number}")].map(|path| format!("/c/main/{path}")),
        );
        paths.extend((0..site.office("main").size()).map(|entry| format!("/c/main/ledger/{entry}")));
        let mut all = pages(&site, &mut browser).await;
        for path in paths {
            all.push((path.clone(), browser.get(&path).await));
        }
        for (path, reply) in all {
            assert_only_text(&reply, &path);
            shown += usize::from(reply.body.contains("alert(1)"));
        }
    }
    assert!(shown > 30, "the texts are really shown: {shown}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_somebody_is_shown_as_text_on_all_pages() {
    let site = Site::start().await;
    let office = site.office("main");
    let name = TEXTS.join(" ");
    let link = office.enter_person(None, "odd", &name, Role::CityStaff, None, None).await.unwrap();
    let person = site.redeem("main", "odd", &link).await;
    let mut browser = site.sign_in(&person).await;
    for (path, reply) in pages(&site, &mut browser).await {
        assert_only_text(&reply, &path);
        let is_page = reply.status == 200 && reply.header("content-disposition").is_empty();
        assert!(!is_page || path.contains("/link/") || reply.body.contains("alert(1)"), "{path}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_sends_comes_back_as_text() {
    let (site, browser) = city().await;
    for text in TEXTS {
        for (place, reply) in everywhere(&site, &browser, text).await {
            assert_only_text(&reply, &format!("{text} in {place}"));
        }
    }
    site.stop().await;
}

#[test]
fn templates_say_safe_only_of_pieces_that_were_rendered_by_a_template() {
    for (path, text) in sources("templates", ".html") {
        for found in text.split("|safe").collect::<Vec<_>>().split_last().unwrap().1 {
            let piece = found.rsplit("{{ ").next().unwrap();
            assert!(["cell", "value", "block"].contains(&piece), "{path}: {piece}|safe");
        }
        for word in ["<script>", " onclick", " style=", "javascript:"] {
            assert!(!text.contains(word), "{path}: {word}");
        }
    }
}
