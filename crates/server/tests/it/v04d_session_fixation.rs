//! セッション ID の固定化: a session begins with a fresh secret, and ends on the server.

use super::site::{PASSWORD, Site};
use yakujo_contract::act::Role;

const PLANTED: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const COOKIE: &str = "__Host-yakujo-main";

async fn opened_with(site: &Site, secret: &str) -> bool {
    let mut browser = site.stranger();
    browser.cookies.insert(COOKIE.to_owned(), secret.to_owned());
    browser.get("/c/main").await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_secret_is_not_taken_over() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let mut browser = site.stranger();
    browser.cookies.insert(COOKIE.to_owned(), PLANTED.to_owned());
    assert_eq!(site.try_sign_in(&mut browser, &person, PASSWORD).await.status, 303);
    assert_ne!(browser.cookie(COOKIE).unwrap(), PLANTED);
    assert!(!opened_with(&site, PLANTED).await);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_on_the_server() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let mut browser = site.sign_in(&person).await;
    let secret = browser.cookie(COOKIE).unwrap().to_owned();
    assert!(opened_with(&site, &secret).await);
    assert_eq!(browser.post("/c/main/sign-out", &[]).await.status, 303);
    assert_eq!(browser.cookie(COOKIE), None);
    assert!(!opened_with(&site, &secret).await);
    site.stop().await;
}

/// The sessions whose end stands in the ledger.
fn ended(site: &Site) -> usize {
    site.entries("main", 0).iter().filter(|entry| entry.contains("session.close")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_again_ends_the_session_before_and_the_ledger_says_so() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let mut browser = site.sign_in(&person).await;
    let secret = browser.cookie(COOKIE).unwrap().to_owned();
    site.clock.pass(jiff::SignedDuration::from_mins(1));
    let code = site.code_of(&person);
    let fields = [("login", person.login.as_str()), ("password", PASSWORD), ("code", &code)];
    assert_eq!(browser.post("/c/main/sign-in", &fields).await.status, 303);
    assert_ne!(browser.cookie(COOKIE).unwrap(), secret);
    assert!(!opened_with(&site, &secret).await);
    assert_eq!(ended(&site), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_session_and_the_ledger_says_so() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let (one, two) = (site.sign_in(&person).await, site.sign_in(&person).await);
    let office = site.office("main");
    let id = office.people.by_login(&person.login).await.unwrap().id;
    let hour = jiff::SignedDuration::from_hours(1);
    let link = office.people.grant_link(&id, site.clock.now(), hour).await.unwrap();
    site.redeem("main", &person.login, &link).await;
    for browser in [one, two] {
        assert!(!opened_with(&site, browser.cookie(COOKIE).unwrap()).await);
    }
    assert_eq!(ended(&site), 2);
    site.stop().await;
}
