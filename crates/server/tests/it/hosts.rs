//! What a city reads of one host: its protection against malware, who came and was refused, and the draft of a report that
//! nobody has opened yet.

use super::site::Site;
use serde_json::{Value, json};
use yakujo_contract::act::{ReviewedAccount, Role};
use yakujo_contract::id::HostId;
use yakujo_server::writer::NumberedFact;

async fn tell(site: &Site, facts: &[Value]) -> HostId {
    let host = site.place_host("main", "web-7").await;
    let observed = site.clock.now();
    let fact = |(seq, fact): (u64, &Value)| {
        let fact = serde_json::from_value(fact.clone()).unwrap();
        NumberedFact { seq, observed, fact }
    };
    let facts: Vec<NumberedFact> = (1..).zip(facts).map(fact).collect();
    let last = facts.last().unwrap().seq;
    site.office("main").store_facts(host.clone(), 1, facts).await.unwrap();
    site.heard("main", &host, last).await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protection_of_a_host_is_read_without_raw_entries() {
    let site = Site::start().await;
    let engine = json!({ "kind": "av.engine", "product": "clamav", "engine_version": "1.4.6", "definition_version": 27_001,
        "definition_time": "2026-11-21T00:00:00Z", "databases": [], "daemon": "blind", "real_time": "off",
        "exclusions": [{ "rule": "ExcludePath ^/srv/www", "leaves_out": ["/srv/www"] }],
        "not_protection": ["apparmor"], "reason": "empty reply" });
    let item = json!({ "kind": "quarantine.item", "item": "q-9", "from": "/srv/x.exe", "digest": "ab".repeat(32),
        "size": 1, "meta": "0644 0 0", "result": "failed", "reason": "it cannot be moved" });
    let over = json!({ "kind": "agent.budget", "resource": "memory", "declared": 50_331_648_u64, "used": 62_914_560_u64 });
    tell(&site, &[engine, item, over]).await;
    let city = site.person("main", Role::CityStaff).await;
    let mut city = site.sign_in(&city).await;
    let page = city.get("/c/main/hosts/web-7?tab=malware").await;
    for text in [
        "clamav 1.4.6",
        "27001",
        "応答するが、検査していません",
        "無効",
        "検査されない場所：/srv/www",
        "apparmor",
        "empty reply",
        "q-9 ← /srv/x.exe（失敗）",
        "it cannot be moved",
        "メモリ：60 MiB（枠 48 MiB）",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_to_a_host_is_listed_newest_first_a_page_at_a_time() {
    let site = Site::start().await;
    let mut facts: Vec<Value> = (0..120)
        .map(|number| {
            json!({ "kind": "login.open", "account": format!("op-{number}"), "session": "s", "from": "192.0.2.9",
                "method": "key", "at": "2026-11-22T00:00:00Z" })
        })
        .collect();
    facts.push(json!({ "kind": "login.failure", "from": "198.51.100.9", "method": "password", "count": 7,
        "since": "2026-11-22T00:00:00Z", "until": "2026-11-22T00:05:00Z" }));
    facts.push(json!({ "kind": "login.close", "account": "op-3", "session": "s", "lasted_s": 61, "reason": "inferred",
        "at": "2026-11-22T00:05:00Z" }));
    facts.push(json!({ "kind": "priv.use", "account": "op-3", "target": "root", "command": "/usr/bin/id", "folder": "/",
        "allowed": false, "at": "2026-11-22T00:05:00Z" }));
    tell(&site, &facts).await;
    let city = site.person("main", Role::CityStaff).await;
    let mut city = site.sign_in(&city).await;
    let first = city.get("/c/main/hosts/web-7?tab=logins").await;
    let words = [
        "198.51.100.9（password） 7 回",
        "（存在しない名前）",
        "終了の記録なし（推定）",
        "/usr/bin/id → root（拒否）",
        ">op-119<",
    ];
    for text in words {
        assert!(first.body.contains(text), "{text}: {}", first.body);
    }
    assert!(!first.body.contains(">op-0<"), "the oldest stands on the next page");
    let next = first.body.split("href=\"").find(|rest| rest.contains("after=")).expect("a next page");
    let next = next.split_once('"').unwrap().0.replace("&amp;", "&").replace("&#38;", "&");
    let second = city.get(&next).await;
    assert!(second.body.contains(">op-0<") && !second.body.contains(">op-119<"), "{}", second.body);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_city_reads_the_draft_of_a_report_that_nobody_has_opened() {
    let site = Site::start().await;
    let found = json!({ "kind": "av.detection", "path": "/srv/www/update", "digest": "ab".repeat(32), "size": 1, "owner": 0,
        "signature": "Own.Backdoor", "trigger": "access", "action": "quarantined", "result": "done", "program": true });
    tell(&site, &[found]).await;
    let number = site.office("main").size() - 1;
    let (city, operator) =
        (site.person("main", Role::CityStaff).await, site.person("main", Role::Operator).await);
    let path = (0..=number).rev().map(|number| format!("/c/main/ledger/{number}"));
    let mut city = site.sign_in(&city).await;
    for path in path {
        let page = city.get(&path).await;
        if !page.body.contains("av.detection") {
            continue;
        }
        for text in
            ["速報案", "まだ提出されていません", "残り", "Own.Backdoor", "隔離しました", "不正プログラム"]
        {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        let begins = "requests/new/F-05?about=";
        assert!(!page.body.contains(begins), "the city has no such form");
        let mut operator = site.sign_in(&operator).await;
        assert!(operator.get(&path).await.body.contains(begins));
        site.stop().await;
        return;
    }
    panic!("no entry of the detection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_keeps_what_was_shown_and_says_nothing_of_what_came_since() {
    let site = Site::start().await;
    let account = |name: &str| json!({ "name": name, "uid": 1_000, "login": "possible", "groups": [], "privileged": false, "keys": [] });
    let set = json!({ "kind": "account.set", "part": { "index": 0, "of": 1, "set": "ab".repeat(32) },
        "accounts": [account("hanako"), account("taro"), account("jiro")] });
    let host = tell(&site, &[set]).await;
    let city = site.person("main", Role::CitySecurity).await;
    let mut city = site.sign_in(&city).await;
    let page = city.get("/c/main/systems/main").await;
    for name in ["hanako", "taro", "jiro"] {
        let shown = format!("name=\"shown\" value=\"web-7|{name}\"");
        assert!(page.body.contains(&shown), "{shown}: {}", page.body);
    }
    // The page that the city looked at had no `jiro` yet.
    let fields = [
        ("remark", "確認した"),
        ("revoke", "web-7|taro"),
        ("shown", "web-7|hanako"),
        ("shown", "web-7|taro"),
    ];
    let recorded = city.post("/c/main/systems/main/review", &fields).await;
    assert_eq!(recorded.status, 303, "{}", recorded.body);
    {
        let office = site.office("main");
        let court = office.court();
        let review = &court.evidence().access_reviews[&"main".parse().unwrap()].value;
        let named = |name: &str| ReviewedAccount { host: host.clone(), account: name.to_owned() };
        assert_eq!(review.kept, [named("hanako")].into());
        assert_eq!(review.revoke, [named("taro")]);
    }
    let page = city.get("/c/main/systems/main").await;
    assert!(page.body.contains("継続 1 件、廃止 1 件"), "{}", page.body);
    site.stop().await;
}
