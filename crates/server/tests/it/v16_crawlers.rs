//! クローラへの耐性: a crawler finds little, changes nothing, and stops nobody.

use super::attack::city;
use super::site::Site;
use super::wire::HELD;
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_connection_without_asking_is_let_go() {
    use tokio::io::AsyncReadExt as _;
    let site = Site::start().await;
    let device = site.device("main", "web-1").await;
    let silent = async {
        let since = std::time::Instant::now();
        let mut silent = tokio::net::TcpStream::connect(site.server.portal).await.unwrap();
        let _ = tokio::time::timeout(HELD, silent.read_to_end(&mut Vec::new())).await;
        since.elapsed()
    };
    let stranger = site.stranger();
    let half = b"GET /c/main/sign-in HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    let (without_tls, nothing, half_a_request, half_of_a_device) =
        tokio::join!(silent, stranger.wire.held(b""), stranger.wire.held(half), device.wire.held(half));
    for held in [without_tls, nothing, half_a_request, half_of_a_device] {
        assert!(held.as_secs() < 15, "{held:?}");
    }
    site.stop().await;
}
