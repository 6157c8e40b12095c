//! Every route × every caller × every method. What is not for the caller looks exactly like what does not exist; a
//! form without its token or from elsewhere changes nothing. A new row of the table is walked by itself.

use super::browser::{Browser, OWN_FORM};
use super::site::{Person, Site};
use super::wire::Reply;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::entry::Party;
use yakujo_server::audience::Caller;
use yakujo_server::office::Office;
use yakujo_server::routes::{ROUTES, Route, Verb};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

/// What every answer carries.
const SECURE: [(&str, &str); 7] = [
    ("content-security-policy", "default-src 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age="),
    ("cross-origin-opener-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cache-control", ""),
];

/// An existing value of contract `main` for each part of a path. Whoever adds a part says here what exists.
fn part(site: &Site, name: &str) -> String {
    let office = site.office("main");
    let court = office.court();
    match name {
        "contract" | "system" => "main".to_owned(),
        "clause" => "c06_clocks".to_owned(),
        "month" => yakujo_contract::report::Month::of(office.now()).to_string(),
        "duty" => "6.a".to_owned(),
        "host" => "this-host".to_owned(),
        "matter" => "flow".to_owned(),
        "target" => "web".to_owned(),
        "proposal" => court.evidence().agreements.of_any("parameters").next().unwrap().id.to_string(),
        "number" => "0".to_owned(),
        "disclosure" => court.evidence().disclosures.keys().next().unwrap().to_string(),
        "request" => court.evidence().requests.all().next().unwrap().0.to_string(),
        "form" => "F-07".to_owned(),
        "digest" => {
            let (_, request) = court.evidence().requests.all().next().unwrap();
            request.progress.as_ref().unwrap().filled.attachments[0].digest.to_string()
        }
        "step" => "received".to_owned(),
        "finding" => court.roll(office.terms()).all().first().unwrap().finding.id.to_string(),
        "post" => "kachou".to_owned(),
        "act" => "take".to_owned(),
        "draft" => "d-none".to_owned(),
        "webhook" => "w-none".to_owned(),
        "document" => court.evidence().documents.all().next().unwrap().0.to_string(),
        "person" => court.evidence().people.keys().next().unwrap().0.to_string(),
        "comment" => comment(&office),
        "sheet" => {
            let sheets = yakujo_server::checksheets::Checksheets::of(office.folder());
            sheets.all().unwrap().first().unwrap().file.to_string()
        }
        "secret" => "no-link-needs-to-exist-its-page-is-for-anyone".to_owned(),
        other => panic!("say in `part` which {{{other}}} exists"),
    }
}

/// The entry of the first comment.
fn comment(office: &Office) -> String {
    let entries = office.reader().entries(0..office.size());
    let is_comment = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().contains("\"comment.made\"");
    entries.map(|entry| is_comment(entry.unwrap())).position(|found| found).unwrap().to_string()
}

pub fn concrete(site: &Site, route: &str) -> String {
    let filled = route.split('/').map(|piece| match piece.strip_prefix('{') {
        Some(name) => part(site, name.trim_end_matches('}')),
        None => piece.to_owned(),
    });
    filled.collect::<Vec<_>>().join("/")
}

fn paths() -> BTreeSet<&'static str> {
    ROUTES.iter().map(|route| route.path).collect()
}

fn admitted(path: &str, method: &str, caller: Caller) -> bool {
    let verb = match method {
        "GET" | "HEAD" => Verb::Get,
        "POST" => Verb::Post,
        _ => return false,
    };
    ROUTES.iter().any(|route| route.path == path && route.verb == verb && route.audience.admits(caller))
}

pub fn assert_secure(reply: &Reply, what: &str) {
    for (name, begins) in SECURE {
        let found = reply.header(name);
        assert!(!found.is_empty() && found.starts_with(begins), "{what}: {name} is `{found}`");
    }
}

/// Without what may differ between two addresses: their own name in the link to the other language.
fn looks(reply: &Reply, path: &str) -> Reply {
    Reply { body: reply.body.replace(path, "PATH"), ..reply.clone() }
}

async fn walk(site: &Site, browser: &Browser, caller: Caller) {
    for route in paths() {
        let path = concrete(site, route);
        let absent = "/c/main/nothing/is/here";
        for method in METHODS {
            let what = format!("{caller:?} {method} {path}");
            let reply = browser.send(method, &path, &[], "").await;
            assert_secure(&reply, &what);
            let nothing = browser.send(method, absent, &[], "").await;
            if admitted(route, method, caller) && method != "POST" {
                assert!([200, 303, 422].contains(&reply.status), "{what}: {}", reply.status);
                assert_ne!(looks(&reply, &path), looks(&nothing, absent), "{what} is not there");
            } else {
                assert_eq!(looks(&reply, &path), looks(&nothing, absent), "{what} shows that it exists");
            }
        }
        if !admitted(route, "GET", caller) {
            let english = browser.send("GET", &format!("{path}?lang=en"), &[], "").await;
            let nothing = browser.send("GET", &format!("{absent}?lang=en"), &[], "").await;
            assert_eq!(looks(&english, &path), looks(&nothing, absent), "{path} in English");
        }
    }
}

/// Every way to send a form that is not a form of the portal's own page.
async fn forged(site: &Site, browser: &Browser, caller: Caller) {
    let kind = OWN_FORM[0];
    let host = browser.wire.door.to_string();
    let own = format!("https://{host}");
    let token = browser.csrf.as_str();
    let forgeries: [(&str, &[(&str, &str)]); 9] = [
        ("", OWN_FORM),
        ("0123456789abcdef0123456789abcdef", OWN_FORM),
        (token, &[kind, ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")]),
        (token, &[kind, ("Origin", &own), ("Sec-Fetch-Site", "cross-site")]),
        (token, &[kind, ("Origin", &own), ("Sec-Fetch-Site", "same-site")]),
        (token, &[kind, ("Origin", "null"), ("Sec-Fetch-Site", "none")]),
        (token, &[kind, ("Origin", "null")]),
        (token, &[kind, ("Origin", &format!("http://{host}"))]),
        (token, &[kind, ("Origin", &format!("https://{host}.evil.example"))]),
    ];
    let posts = ROUTES.iter().filter(|route| route.verb == Verb::Post && route.audience.admits(caller));
    for route in posts {
        let path = concrete(site, route.path);
        for (token, headers) in forgeries {
            let before = site.office("main").size();
            let body = browser.form(token, fields(route));
            let reply = browser.send("POST", &path, headers, &body).await;
            let nothing = browser.send("POST", "/c/main/nothing", headers, &body).await;
            assert_eq!(reply, nothing, "{caller:?} POST {path} {headers:?}");
            let entries = site.entries("main", before);
            assert!(entries.is_empty(), "{caller:?} {path} {headers:?} left {entries:?}");
        }
    }
}

/// Fields without which a form of the table means nothing.
fn fields(route: &Route) -> &'static [(&'static str, &'static str)] {
    match route.path {
        "/c/{contract}/sign-in" => &[("login", "nobody"), ("password", "x"), ("code", "000000")],
        _ => &[
            ("reason", "試験のため"),
            ("outcome", "no_change"),
            ("version", "1"),
            ("id", "P-18"),
            ("why", "試験のため"),
            ("about", "duty/6.a/main"),
            ("scope", "shared"),
            ("text", "試験のため"),
        ],
    }
}

/// Forms of the portal's own pages reach their handler. Each may end what it is about, the session included, so each
/// gets a fresh one.
async fn permitted(site: &Site, person: &Person, role: Role) {
    let mine = |route: &&Route| route.verb == Verb::Post && route.audience.admits(Caller::Person(role));
    for route in ROUTES.iter().filter(mine) {
        let mut browser = site.sign_in(person).await;
        if route.path.ends_with("/account/end") {
            site.sign_in(person).await;
        }
        let mut all = fields(route).to_vec();
        let session = site.sessions(person).await.pop().unwrap();
        all.push(("session", &session));
        let mut path = concrete(site, route.path);
        if route.path.contains("{person}") {
            path = path.replace(&part(site, "person"), &colleague(site, role, route).await);
        }
        let device = device_of_this_host(site, route).await;
        let staff = if role.party() == Party::City { "city_staff" } else { "operator" };
        all.extend([("device", device.as_str()), ("role", staff)]);
        browser.get("/c/main/bundle").await;
        let reply = browser.post(&path, &all).await;
        assert!([200, 204, 303, 422].contains(&reply.status), "{role:?} POST {path}: {}", reply.status);
        assert_secure(&reply, &path);
    }
}

/// Somebody of the same party; for the erasure of his name, somebody who has left.
async fn colleague(site: &Site, role: Role, route: &Route) -> String {
    let office = site.office("main");
    let staff = if role.party() == Party::City { Role::CityStaff } else { Role::Operator };
    let login = format!("c{}", office.size());
    office.enter_person(None, &login, "同僚", staff, None, None).await.unwrap();
    let id = office.people.by_login(&login).await.unwrap().id;
    if route.path.ends_with("/erase") {
        let left = Act::PersonLeft { person: id.clone(), role: staff, reason: "異動".to_owned() };
        office.decide(None, left, None).await.unwrap();
        office.people.leave(&id, site.clock.now()).await.unwrap();
    }
    id.to_string()
}

/// A device that can be revoked.
async fn device_of_this_host(site: &Site, route: &Route) -> String {
    if !route.path.ends_with("/revoke") {
        return String::new();
    }
    site.device("main", "this-host").await;
    let devices = site.office("main").people.devices().await.unwrap();
    devices.into_iter().find(|device| device.revoked.is_none()).unwrap().id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_which_pages_exist() {
    let site = Site::start().await;
    walk(&site, &site.stranger(), Caller::Nobody).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_sees_exactly_its_pages_and_the_rest_does_not_exist() {
    let site = Site::start().await;
    for role in Role::ALL {
        let person = site.person("main", role).await;
        let browser = site.sign_in(&person).await;
        walk(&site, &browser, Caller::Person(role)).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_without_its_token_or_from_elsewhere() {
    let site = Site::start().await;
    let mut stranger = site.stranger();
    stranger.get("/c/main/sign-in").await;
    forged(&site, &stranger, Caller::Nobody).await;
    for role in Role::ALL {
        let person = site.person("main", role).await;
        forged(&site, &site.sign_in(&person).await, Caller::Person(role)).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_that_is_for_a_role_reaches_its_handler() {
    let site = Site::start().await;
    for role in Role::ALL {
        let person = site.person("main", role).await;
        permitted(&site, &person, role).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_whose_period_has_ended_is_nobody_at_the_very_next_request() {
    let site = Site::start().await;
    let office = site.office("main");
    let until = site.clock.now() + SignedDuration::from_mins(5);
    let link =
        office.enter_person(None, "audit", "監査 太郎", Role::Auditor, None, Some(until)).await.unwrap();
    let person = site.redeem("main", "audit", &link).await;
    let mut browser = site.sign_in(&person).await;
    site.clock.pass(SignedDuration::from_secs(239));
    assert_eq!(browser.get("/c/main").await.status, 200, "the last second");
    site.clock.pass(SignedDuration::from_secs(1));
    walk(&site, &browser, Caller::Nobody).await;
    let again = site.try_sign_in(&mut browser, &person, super::site::PASSWORD).await;
    assert_eq!(again.status, 422, "nor can he sign in again");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_of_another_contract_is_nobody_here() {
    let site = Site::with(&["main", "other"]).await;
    let person = site.person("other", Role::CitySecurity).await;
    let mut browser = site.sign_in(&person).await;
    walk(&site, &browser, Caller::Nobody).await;
    let session = browser.cookie("__Host-yakujo-other").unwrap().to_owned();
    browser.cookies.insert("__Host-yakujo-main".to_owned(), session);
    walk(&site, &browser, Caller::Nobody).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_outside_the_table_answers_with_the_same_headers() {
    let site = Site::start().await;
    let stranger = site.stranger();
    let sign_in = stranger.send("GET", "/c/main/sign-in", &[], "").await;
    let style = sign_in.between("<link rel=\"stylesheet\" href=\"", "\"");
    for path in ["/", style, "/static/0/none.css", "/nothing", "/c/none", "/enrol/v1", "//", "/c/main//board"]
    {
        for method in METHODS {
            let reply = stranger.send(method, path, &[], "").await;
            assert_secure(&reply, &format!("{method} {path}"));
            assert!(reply.status < 500, "{method} {path}: {}", reply.status);
        }
    }
    let kept = stranger.send("GET", style, &[], "").await;
    assert_eq!((kept.status, kept.header("cache-control")), (200, "public, max-age=31536000, immutable"));
    site.stop().await;
}
