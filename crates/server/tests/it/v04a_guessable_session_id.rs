//! 推測可能なセッション ID: long, random, and not what the pages and the ledger call the session.

use super::site::Site;
use std::collections::BTreeSet;
use yakujo_contract::act::Role;

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_session_is_long_new_each_time_and_nothing_near_it_opens() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let mut secrets = BTreeSet::new();
    for _ in 0..5 {
        let browser = site.sign_in(&person).await;
        let secret = browser.cookie("__Host-yakujo-").unwrap().to_owned();
        assert_eq!(secret.len(), 43, "32 bytes as base64url");
        for place in [0, 20, 42] {
            let mut near: Vec<char> = secret.chars().collect();
            near[place] = if near[place] == 'A' { 'B' } else { 'A' };
            assert_eq!(opened_with(&site, &near.into_iter().collect::<String>()).await, 303);
        }
        assert_eq!(opened_with(&site, &secret).await, 200);
        secrets.insert(secret);
    }
    assert_eq!(secrets.len(), 5);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_that_the_ledger_shows_opens_nothing_and_neither_does_what_the_database_holds() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let browser = site.sign_in(&person).await;
    let name = site.sessions(&person).await.pop().unwrap();
    assert_eq!(name.len(), 14);
    assert!(site.entries("main", 0).iter().any(|entry| entry.contains(&name)));
    assert_eq!(opened_with(&site, &name).await, 303);
    let secret = browser.cookie("__Host-yakujo-").unwrap().to_owned();
    let mut whole = Vec::new();
    for file in ["people.db", "people.db-wal"] {
        whole.extend(std::fs::read(site.folder.path().join("contracts/main").join(file)).unwrap_or_default());
    }
    assert!(!whole.is_empty());
    assert!(
        !whole.windows(secret.len()).any(|window| window == secret.as_bytes()),
        "only its digest is kept"
    );
    site.stop().await;
}

#[test]
fn secrets_do_not_repeat_and_use_every_character() {
    let secrets: BTreeSet<String> =
        (0..2_000).map(|_| yakujo_server::people::new_secret().unwrap().to_string()).collect();
    assert_eq!(secrets.len(), 2_000);
    for place in 0..42 {
        let used: BTreeSet<u8> = secrets.iter().map(|secret| secret.as_bytes()[place]).collect();
        assert_eq!(used.len(), 64, "place {place}");
    }
}

async fn opened_with(site: &Site, secret: &str) -> u16 {
    let mut browser = site.stranger();
    browser.cookies.insert("__Host-yakujo-main".to_owned(), secret.to_owned());
    browser.get("/c/main").await.status
}
