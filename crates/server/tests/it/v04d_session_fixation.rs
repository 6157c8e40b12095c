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
