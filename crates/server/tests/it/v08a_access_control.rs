//! アクセス制御: `walk.rs` walks everything; here, what stands outside the table of routes.

use super::site::{JSON, Site};
use yakujo_contract::act::Role;

#[tokio::test(flavor = "multi_thread")]
async fn programs_doors_open_for_no_person_and_peoples_for_no_program() {
    let site = Site::start().await;
    let person = site.person("main", Role::CitySecurity).await;
    let browser = site.sign_in(&person).await;
    for path in ["/intake/v1/facts", "/intake/v1/pulse", "/metrics", "/admin", "/api", "/debug/pprof"] {
        assert_eq!(browser.send("GET", path, &[], "").await.status, 404, "{path}");
        assert_eq!(browser.send("POST", path, JSON, "{}").await.status, 404, "{path}");
    }
    let device = site.device("main", "web-1").await;
    for path in ["/c/main", "/c/main/ledger", "/c/main/sign-in", "/enrol/v1"] {
        assert_eq!(device.post(path, "{}").await.unwrap().status, 404, "{path}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_out_at_the_next_request() {
    let site = Site::start().await;
    let person = site.person("main", Role::Operator).await;
    let mut browser = site.sign_in(&person).await;
    let office = site.office("main");
    let id = office.people.by_login(&person.login).await.unwrap().id;
    office.people.leave(&id, site.clock.now()).await.unwrap();
    assert_eq!(browser.get("/c/main").await.status, 303);
    site.stop().await;
}
