//! CSRF: the walk shows that no forged form is taken; here, that looking changes nothing and that a token is its own.

use super::attack::{city, pages};
use super::browser::{OWN_FORM, form};
use super::site::Site;
use yakujo_contract::act::Role;

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_every_page_leaves_no_entry() {
    let (site, mut browser) = city().await;
    let before = site.entries("main", 0).len();
    for query in ["", "?agree=1&csrf=x", "?format=xlsx"] {
        for (path, _) in pages(&site, &mut browser).await {
            browser.get(&format!("{path}{query}")).await;
        }
    }
    assert_eq!(site.entries("main", 0).len(), before);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_another_person_or_of_an_earlier_session_is_none() {
    let site = Site::start().await;
    let (one, two) = (site.person("main", Role::CityStaff).await, site.person("main", Role::Operator).await);
    let (mine, other) = (site.sign_in(&one).await, site.sign_in(&two).await);
    let earlier = site.sign_in(&one).await;
    for token in [&other.csrf, &earlier.csrf, "", "\0"] {
        let reply = mine.send("POST", "/c/main/sign-out", OWN_FORM, &form(token, &[])).await;
        assert_eq!(reply.status, 404);
    }
    assert_eq!(mine.send("GET", "/c/main", &[], "").await.status, 200, "still signed in");
    let twice = format!("csrf={}&csrf={}", other.csrf, mine.csrf);
    assert_eq!(mine.send("POST", "/c/main/sign-out", OWN_FORM, &twice).await.status, 404, "the first counts");
    assert_eq!(mine.send("POST", "/c/main/sign-out", OWN_FORM, &form(&mine.csrf, &[])).await.status, 303);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_our_own_page_is_taken_whatever_the_browser_tells_of_it() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let browser = site.sign_in(&person).await;
    let own = format!("https://{}", browser.wire.door);
    let kind = OWN_FORM[0];
    let told: [&[(&str, &str)]; 5] = [
        OWN_FORM,
        &[kind, ("Origin", &own), ("Sec-Fetch-Site", "same-origin")],
        &[kind, ("Origin", &own)],
        &[kind, ("Sec-Fetch-Site", "same-origin")],
        &[kind],
    ];
    for headers in told {
        let reply = browser.send("POST", "/c/main/extend", headers, &form(&browser.csrf, &[])).await;
        assert_eq!(reply.status, 204, "{headers:?}");
    }
    site.stop().await;
}
