//! 競合状態: what may happen once happens once, however many ask at the same instant.

use super::browser::{OWN_FORM, form};
use super::site::{JSON, PASSWORD, Site};
use tokio::task::JoinSet;
use yakujo_contract::act::{Environment, Role};
use yakujo_server::console::enrol;

#[tokio::test(flavor = "multi_thread")]
async fn one_code_opens_one_session_for_many_who_send_it_at_once() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    site.clock.pass(jiff::SignedDuration::from_mins(1));
    let code = site.code_of(&person);
    let mut browser = site.stranger();
    browser.get("/c/main/sign-in").await;
    let fields = [("login", person.login.as_str()), ("password", PASSWORD), ("code", code.as_str())];
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let (browser, body) = (browser.clone(), form(&browser.csrf, &fields));
        tries.spawn(async move { browser.send("POST", "/c/main/sign-in", OWN_FORM, &body).await.status });
    }
    let opened = tries.join_all().await.into_iter().filter(|status| *status == 303).count();
    assert_eq!(opened, 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_link_sets_one_password_for_many_who_open_it_at_once() {
    let site = Site::start().await;
    let office = site.office("main");
    let link = office.enter_person(None, "yamada", "山田", Role::CityStaff, None, None).await.unwrap();
    let mut browser = site.stranger();
    let path = format!("/c/main/link/{}", *link);
    let page = browser.get(&path).await;
    let code = site.code(&super::site::totp_of(&page));
    let mut tries = JoinSet::new();
    for number in 0..10 {
        let (browser, path) = (browser.clone(), path.clone());
        let password = format!("{PASSWORD}{number}");
        let body = form(&browser.csrf, &[("password", &password), ("again", &password), ("code", &code)]);
        tries.spawn(async move { browser.send("POST", &path, OWN_FORM, &body).await.status });
    }
    let set = tries.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert_eq!(set, 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_enrolment_code_makes_one_device_for_many_who_send_it_at_once() {
    let site = Site::start().await;
    let office = site.office("main");
    let (host, system) = ("web-1".parse().unwrap(), "main".parse().unwrap());
    let code = enrol(&office, host, system, Environment::Production).await.unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let body = serde_json::json!({ "code": *code, "csr": request }).to_string();
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let (browser, body) = (site.stranger(), body.clone());
        tries.spawn(async move { browser.send("POST", "/enrol/v1", JSON, &body).await.status });
    }
    let enrolled = tries.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert_eq!((enrolled, office.people.devices().await.unwrap().len()), (1, 1));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_come_at_once_do_not_slip_past_the_count() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let mut browser = site.stranger();
    browser.get("/c/main/sign-in").await;
    let before = site.entries("main", 0).len();
    let mut tries = JoinSet::new();
    for number in 0..20 {
        let password = format!("falsches Kennwort {number}");
        let fields = [("login", person.login.as_str()), ("password", password.as_str()), ("code", "000000")];
        let (browser, body) = (browser.clone(), form(&browser.csrf, &fields));
        tries.spawn(async move { browser.send("POST", "/c/main/sign-in", OWN_FORM, &body).await });
    }
    let replies = tries.join_all().await;
    assert!(replies.iter().all(|reply| reply.status == 422));
    let verified = site.entries("main", before as u64).iter().filter(|e| e.contains("auth.failure")).count();
    assert_eq!(verified, 4);
    let mut own = person.browser.clone();
    let owner = site.try_sign_in(&mut own, &person, PASSWORD).await;
    assert_eq!(owner.status, 303, "the device that redeemed the link does not wait");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sign_in_name_is_entered_once_by_many_who_enter_it_at_once() {
    let site = Site::start().await;
    let office = site.office("main");
    let before = site.entries("main", 0).len();
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let office = office.clone();
        tries.spawn(async move {
            office.enter_person(None, "suzuki", "鈴木", Role::CityStaff, None, None).await
        });
    }
    let results = tries.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.to_string(), "the sign-in name `suzuki` is taken: choose another");
    }
    let entered = site.entries("main", before as u64);
    assert_eq!(entered.iter().filter(|entry| entry.contains("person.entered")).count(), 1);
    site.stop().await;
}
