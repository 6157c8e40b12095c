//! クローラへの耐性: a crawler finds little, changes nothing, and stops nobody.

use super::attack::city;
use super::site::Site;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

/// Addresses in a page.
fn links(body: &str) -> Vec<String> {
    let found = body.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    found
        .filter(|link| link.starts_with('/'))
        .map(|link| link.replace("&amp;", "&").replace("&#38;", "&"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_the_door_and_nothing_else() {
    let site = Site::start().await;
    let mut browser = site.stranger();
    let (mut known, mut waiting) = (BTreeSet::new(), vec!["/".to_owned()]);
    while let Some(path) = waiting.pop() {
        if known.insert(path.clone()) {
            let reply = browser.get(&path).await;
            assert!(reply.status < 400, "{path}");
            waiting.extend(links(&reply.body));
            waiting.extend(Some(reply.header("location").to_owned()).filter(|target| !target.is_empty()));
        }
        assert!(known.len() < 20, "{known:?}");
    }
    assert!(site.entries("main", 0).iter().all(|entry| !entry.contains("session")), "nothing is kept of it");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_follows_every_link_comes_to_an_end_and_changes_nothing() {
    let (site, mut browser) = city().await;
    let before = site.entries("main", 0).len();
    let (mut known, mut waiting) = (BTreeSet::new(), vec!["/c/main".to_owned()]);
    while let Some(path) = waiting.pop() {
        if known.insert(path.clone()) {
            let reply = browser.get(&path).await;
            assert!(reply.status < 400, "{path}: {}", reply.status);
            assert!(reply.body.len() < 2_000_000, "{path} is {} bytes", reply.body.len());
            waiting.extend(links(&reply.body));
        }
        assert!(known.len() < 1_000, "no end");
    }
    assert!(known.len() > 50, "{}", known.len());
    assert_eq!(site.entries("main", 0).len(), before);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_many_ask_at_once_everybody_is_answered() {
    let (site, browser) = city().await;
    let mut asking = JoinSet::new();
    for number in 0..200 {
        let browser = if number % 2 == 0 { site.stranger() } else { browser.clone() };
        asking.spawn(async move { browser.send("GET", "/c/main", &[], "").await.status });
    }
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|status| [200, 303].contains(status)));
    site.stop().await;
}
