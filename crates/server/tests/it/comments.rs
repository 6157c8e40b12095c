//! What is said inside one organisation stays there. The walk goes over the table of routes: a page that is added is
//! looked at by itself.

use super::browser::{Browser, OWN_FORM};
use super::site::Site;
use super::walk::concrete;
use super::wire::Reply;
use std::path::Path;
use yakujo_contract::act::Role;
use yakujo_server::routes::{ROUTES, Verb};

/// A word that stands only in an internal comment.
const MARK: &str = "naibu-no-hanashi-7f3a";
/// So many pages are compared at once.
const AT_ONCE: usize = 40;

/// What is talked about, and the page where it is.
pub fn topics(site: &Site) -> [(String, String); 4] {
    let office = site.office("main");
    let court = office.court();
    let proposal = court.evidence().agreements.of_any("parameters").next().unwrap().id.to_string();
    let request = court.evidence().requests.all().next().unwrap().0.to_string();
    let finding = court.roll(office.terms()).all().first().unwrap().finding.id.to_string();
    let of = |topic: &str, page: &str, id: &str| (format!("{topic}/{id}"), format!("{page}/{id}"));
    [
        ("duty/9.b/main".to_owned(), "duty/9.b".to_owned()),
        of("proposal", "agreements", &proposal),
        of("request", "requests", &request),
        of("finding", "findings", &finding),
    ]
}

/// The newest notice of each party: the planner tells of deadlines whenever they come.
async fn newest(site: &Site) -> Vec<i64> {
    let office = site.office("main");
    let anybody = office.people.by_login("city").await.unwrap().id;
    let mut newest = Vec::new();
    for role in [Role::CitySecurity, Role::SecurityLead] {
        let told = office.people.notices(&anybody, role, None, 1).await.unwrap();
        newest.push(told.first().map_or(0, |kept| kept.number));
    }
    newest
}

/// Everything somebody can be asked to be shown, in every form.
///
/// Printing takes long: lists are printed for those who see most, papers once in each language.
fn everything(site: &Site, role: Role) -> Vec<String> {
    let prints = matches!(role, Role::CitySecurity | Role::SecurityLead);
    let routes = ROUTES.iter().filter(|route| route.verb == Verb::Get);
    let mut paths: Vec<String> = routes.map(|route| concrete(site, route.path)).collect();
    paths.extend(topics(site).map(|(_, page)| format!("/c/main/{page}")));
    let all = ["", "?lang=en", "?find=naibu", "?format=csv", "?format=csv932", "?format=xlsx", "?format=pdf"];
    let mut asked = Vec::new();
    for path in paths {
        let queries = if path.ends_with("/pdf") { &all[..2] } else { &all[..] };
        let queries = queries.iter().filter(|query| prints || **query != "?format=pdf");
        asked.extend(queries.map(|query| format!("{path}{query}")));
    }
    asked
}

/// What somebody is shown.
async fn shown(browser: &Browser, asked: &[String]) -> Vec<Reply> {
    let mut seen = Vec::new();
    for asked in asked {
        let mut reply = browser.send("GET", asked, &[], "").await;
        // The length of a compressed file depends on the moment that is written into it.
        if !reply.header("content-disposition").is_empty() {
            reply.headers.retain(|(name, _)| name != "content-length");
        }
        // A form that is handed in once carries a number of its own.
        let nonce = reply.between("name=\"nonce\" value=\"", "\"").to_owned();
        if !nonce.is_empty() {
            reply.body = reply.body.replace(&nonce, "NONCE");
        }
        seen.push(reply);
    }
    seen
}

pub async fn say(site: &Site, browser: &mut Browser, scope: &str, text: &str) {
    for (topic, page) in topics(site) {
        browser.get(&format!("/c/main/{page}")).await;
        let fields = [("about", topic.as_str()), ("scope", scope), ("text", text)];
        let reply = browser.post("/c/main/comments", &fields).await;
        assert_eq!(reply.status, 303, "{}", reply.body);
        assert_eq!(reply.header("location"), format!("/c/main/{page}#comments"));
    }
}

/// Files of the data folder that hold these bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if std::fs::read(&path).is_ok_and(|all| all.windows(bytes.len()).any(|part| part == bytes)) {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

/// Compares what somebody is shown before and after others talked among themselves.
///
/// The server tries its own doors now and then, and tells of what is due: where the ledger grew meanwhile or somebody was
/// told of something, the comparison says nothing. So few pages are compared at once that this is rare on a slow machine, too.
async fn compared(
    site: &Site,
    (role, browser): (Role, &Browser),
    speaking: &mut Browser,
    asked: &[String],
) -> bool {
    let told = newest(site).await;
    let size = site.office("main").publish().await.unwrap();
    let before = shown(browser, asked).await;
    say(site, speaking, "internal", MARK).await;
    let after = shown(browser, asked).await;
    let alone = site.office("main").size() == size && newest(site).await == told;
    for (asked, (before, after)) in asked.iter().zip(before.iter().zip(&after)) {
        assert!(!after.body.contains(MARK), "{role:?} {asked}");
        assert!(!alone || before == after, "{role:?} sees {asked} change");
    }
    alone
}

/// Nobody outside sees a single byte that was not there before the organisation talked.
async fn unseen(own: Role) {
    let site = Site::start().await;
    let speaker = site.person("main", own).await;
    let outside: Vec<Role> = Role::ALL.into_iter().filter(|role| role.party() != own.party()).collect();
    let mut browsers = Vec::new();
    for role in outside {
        browsers.push((role, site.sign_in(&site.person("main", role).await).await));
    }
    let mut speaking = site.sign_in(&speaker).await;
    for (role, browser) in &browsers {
        for asked in everything(&site, *role).chunks(AT_ONCE) {
            while !compared(&site, (*role, browser), &mut speaking, asked).await {}
        }
    }
    nor_in_what_is_taken_away(&site, &browsers).await;
    let page = speaking.get("/c/main/duty/9.b").await;
    let id = page.between("/c/main/comments/c-", "\"").to_owned();
    assert!(page.body.contains(MARK) && !id.is_empty(), "the own organisation reads it");
    for (role, browser) in &mut browsers {
        nor_by_its_id(browser, *role, &id).await;
    }
    let files = files_with(site.folder.path(), MARK.as_bytes());
    assert!(!files.is_empty() && files.iter().all(|name| name.starts_with("people.db")), "{files:?}");
    assert!(site.entries("main", 0).iter().all(|entry| !entry.contains(&id)));
    site.stop().await;
}

async fn nor_in_what_is_taken_away(site: &Site, browsers: &[(Role, Browser)]) {
    for (role, browser) in browsers.iter().filter(|(role, _)| *role != Role::Auditor) {
        let mut browser = browser.clone();
        browser.get("/c/main/bundle").await;
        let bundle = browser.post("/c/main/bundle", &[]).await;
        assert!(bundle.status == 200 && !bundle.body.contains(MARK), "{role:?}");
    }
    assert!(site.entries("main", 0).iter().all(|entry| !entry.contains(MARK)));
}

async fn nor_by_its_id(browser: &mut Browser, role: Role, id: &str) {
    let (path, other) = (format!("/c/main/comments/c-{id}"), "/c/main/comments/c-0000000000000000");
    let looks = |reply: Reply, path: &str| Reply { body: reply.body.replace(path, "PATH"), ..reply };
    let (one, none) = (browser.get(&path).await, browser.get(other).await);
    assert_eq!(looks(one, &path), looks(none, other), "{role:?}");
    browser.get("/c/main/duty/9.b").await;
    let body = browser.form(&browser.csrf, &[("reason", "試験")]);
    let erase = |path: &str| format!("{path}/erase");
    let one = browser.send("POST", &erase(&path), OWN_FORM, &body).await;
    let none = browser.send("POST", &erase(other), OWN_FORM, &body).await;
    assert_eq!(looks(one, &path), looks(none, other), "{role:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_city_says_among_itself_nobody_else_sees_not_even_that_it_was_said() {
    unseen(Role::CityStaff).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contractor_says_among_itself_nobody_else_sees_not_even_that_it_was_said() {
    unseen(Role::SecurityLead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_both_is_read_by_all_and_only_its_digest_is_in_the_ledger() {
    let site = Site::start().await;
    let mut speaking = site.sign_in(&site.person("main", Role::Operator).await).await;
    say(&site, &mut speaking, "shared", "<b>一行目</b>\r\n二行目").await;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Operator) {
        let mut reader = site.sign_in(&site.person("main", role).await).await;
        for (_, page) in topics(&site) {
            let page = reader.get(&format!("/c/main/{page}")).await;
            assert!(page.body.contains("&#60;b&#62;一行目&#60;/b&#62;\n二行目"), "{role:?}: {}", page.body);
        }
    }
    assert!(site.entries("main", 0).iter().all(|entry| !entry.contains("一行目")));
    let files = files_with(site.folder.path(), "一行目".as_bytes());
    assert!(files.iter().all(|name| name.starts_with("people.db")), "{files:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_cannot_be_taken_comes_back_with_what_was_typed() {
    let site = Site::start().await;
    let mut browser = site.sign_in(&site.person("main", Role::CityStaff).await).await;
    let before = site.office("main").size();
    let long = "長".repeat(2_001);
    for (scope, text) in [("", "書いた文"), ("internal", ""), ("shared", "書いた文\u{1}"), ("shared", &long)]
    {
        browser.get("/c/main/duty/9.b").await;
        let fields = [("about", "duty/9.b/main"), ("scope", scope), ("text", text)];
        let reply = browser.post("/c/main/comments", &fields).await;
        assert_eq!(reply.status, 422, "{scope}");
        assert!(reply.body.contains(text.trim_end_matches('\u{1}')), "{scope}");
    }
    for about in ["duty/99.z/main", "duty/9.b/none", "proposal/none", "request/r-1", "finding/f-1", ""] {
        let fields = [("about", about), ("scope", "shared"), ("text", "x")];
        assert_eq!(browser.post("/c/main/comments", &fields).await.status, 404, "{about}");
    }
    let entries = site.entries("main", before);
    assert!(entries.iter().all(|entry| !entry.contains("comment.made")), "{entries:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_erases_a_text_of_his_own_party_and_that_it_was_said_stays() {
    let site = Site::start().await;
    let mut city = site.sign_in(&site.person("main", Role::CitySecurity).await).await;
    say(&site, &mut city, "shared", "消すべき氏名").await;
    say(&site, &mut city, "internal", "消すべき内輪").await;
    let page = city.get("/c/main/duty/9.b").await;
    let keys: Vec<String> = page
        .body
        .split("/c/main/comments/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    let mut refused = 0;
    for key in &keys {
        city.get(&format!("/c/main/comments/{key}")).await;
        let erased = city.post(&format!("/c/main/comments/{key}/erase"), &[("reason", "個人情報")]).await;
        refused += u32::from(erased.status == 422);
    }
    assert_eq!((keys.len(), refused), (3, 1), "the contractor's own comment is not the city's to erase");
    let page = city.get("/c/main/duty/9.b").await;
    assert!(!page.body.contains("消すべき") && page.body.matches("消去されました").count() == 2);
    assert!(page.body.contains("10月の分"));
    assert!(site.entries("main", 0).iter().any(|entry| entry.contains("personal.erased")));
    site.stop().await;
}
