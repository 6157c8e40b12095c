//! What is right, and whether it could be put back: the contractor puts the baseline of a host before the city, the city
//! agrees, and before it answers to a restoration (F-06) it reads which contents cannot come back.

use super::matrix::filled;
use super::site::Site;
use jiff::SignedDuration;
use serde_json::{Value, json};
use yakujo_contract::act::{Act, Role};
use yakujo_contract::id::{HostId, RequestId};
use yakujo_contract::request::form::Form;
use yakujo_contract::request::{RequestNumber, Scope};
use yakujo_contract::thing::{Object, Thing};
use yakujo_server::writer::NumberedFact;

const PATH: &str = "/srv/www/a-name-that-is-as-long-as-names-of-films-on-sites-of-cities-are/film.mp4";

pub async fn tell(site: &Site, host: &HostId, seq: u64, fact: Value) {
    let fact = NumberedFact { seq, observed: site.clock.now(), fact: serde_json::from_value(fact).unwrap() };
    site.office("main").store_facts(host.clone(), 1, vec![fact]).await.unwrap();
    site.heard("main", host, seq).await;
}

pub fn baseline(tree: &str) -> Value {
    json!({ "kind": "integrity.baseline", "roots": ["/etc", "/srv/www"], "entries": 1_204, "bytes": 9,
        "tree": tree.repeat(32), "algorithm": "sha256", "origin": "kept" })
}

/// Nothing of it is held on the host; `sought` is what a restoration asked for.
fn held(sought: &Value) -> Value {
    json!({ "kind": "integrity.held", "roots": ["/srv/www"], "files": 1_203, "left_out": 1, "lost": 1,
        "missing": [{ "path": PATH, "size": 73_400_320, "why": "too_large" }], "sought": sought })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_is_put_before_the_city_and_holds_once_it_agrees() {
    let site = Site::start().await;
    let host = site.place_host("main", "web-7").await;
    tell(&site, &host, 1, baseline("ab")).await;
    tell(&site, &host, 2, held(&json!([]))).await;
    let (city, operator) =
        (site.person("main", Role::CityApprover).await, site.person("main", Role::Operator).await);
    let (mut city, mut operator) = (site.sign_in(&city).await, site.sign_in(&operator).await);
    let page = city.get("/c/main/hosts/web-7").await;
    for text in [
        "ファイル監視の基準",
        "1204 件",
        "未合意",
        "正しい内容の控え",
        "どこにもない 1 件",
        "この内容は戻せません",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("基準を市に示す"), "that is the contractor's");
    let page = operator.get("/c/main/hosts/web-7").await;
    let tree = "ab".repeat(32);
    let way = format!("/c/main/agreements/new/baseline?system=main&host=web-7&tree={tree}");
    assert!(page.body.replace("&amp;", "&").replace("&#38;", "&").contains(&way), "{}", page.body);
    let form = operator.get(&way).await;
    assert!(form.body.contains(&tree), "{}", form.body);

    let fields =
        |tree: &str| [("system", "main".to_owned()), ("host", "web-7".to_owned()), ("tree", tree.to_owned())];
    let post = async |operator: &mut super::browser::Browser, tree: &str| {
        let fields = fields(tree);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        operator.post("/c/main/agreements/new/baseline", &fields).await
    };
    let refused = post(&mut operator, &"cd".repeat(32)).await;
    assert_ne!(refused.status, 303, "a digest that the host never told: {}", refused.body);
    operator.get(&way).await;
    let proposed = post(&mut operator, &tree).await;
    assert_eq!(proposed.status, 303, "{}", proposed.body);
    let line = proposed.header("location").to_owned();
    assert!(city.get("/c/main/hosts/web-7").await.body.contains("合意待ち"));
    let page = city.get(&line).await;
    assert!(page.body.contains("web-7 の 1204 件"), "{}", page.body);
    let agreed = city.post(&format!("{line}/agree"), &[]).await;
    assert_eq!(agreed.status, 303, "{}", agreed.body);
    let page = city.get("/c/main/hosts/web-7").await;
    assert!(page.body.contains("合意済み") && !page.body.contains("未合意"), "{}", page.body);

    // Other trees are another watch.
    site.clock.pass(SignedDuration::from_mins(5));
    let mut wider = baseline("ef");
    wider["roots"] = json!(["/etc", "/opt", "/srv/www"]);
    tell(&site, &host, 3, wider).await;
    assert!(city.get("/c/main/hosts/web-7").await.body.contains("前の合意の後に作り直された"));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_city_reads_which_contents_cannot_come_back_before_it_answers() {
    let site = Site::start().await;
    let host = site.place_host("main", "web-7").await;
    let digest = "ab".repeat(32);
    let thing = Thing {
        object: Object::File,
        name: PATH.to_owned(),
        digest: Some(digest.clone().try_into().unwrap()),
    };
    let mut form = filled(Form::F06, site.clock.now());
    form.scope = Scope {
        systems: ["main".parse().unwrap()].into(),
        hosts: [host.clone()].into(),
        things: [thing].into(),
        ..Scope::default()
    };
    let request: RequestId = "q-restore".parse().unwrap();
    let number = RequestNumber::new("R8", Form::F06, 1);
    let act = Act::RequestAsked { request: request.clone(), number, filled: Box::new(form) };
    let contractor = site.actor("main", "contractor").await;
    site.office("main").decide(contractor, act, None).await.unwrap();
    let city = site.person("main", Role::CityApprover).await;
    let mut city = site.sign_in(&city).await;
    let path = "/c/main/requests/q-restore";
    assert!(city.get(path).await.body.contains("確認中（まだ返事がありません）"));

    let nowhere = json!([{ "path": PATH, "digest": digest, "reason": "no snapshot has it" }]);
    tell(&site, &host, 1, held(&nowhere)).await;
    let page = city.get(path).await;
    for text in ["戻せない内容があります", "この内容は戻せません", "no snapshot has it", PATH]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let source =
        json!({ "snapshot": { "job": "site", "snapshot": "4bba301e9f", "at": "2026-11-21T17:10:00Z" } });
    let found = json!([{ "path": PATH, "digest": digest, "source": source }]);
    tell(&site, &host, 2, held(&found)).await;
    let page = city.get(path).await;
    for text in ["戻せます", "バックアップ site", "4bba301e"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains("この内容は戻せません"), "{}", page.body);
    site.stop().await;
}
