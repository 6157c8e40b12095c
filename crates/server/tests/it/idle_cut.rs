//! 4.2.a: the portal's own sessions, as a probe finds them: left alone, a session opens nothing any more; used, it lives.

use super::site::Site;
use jiff::SignedDuration;
use yakujo_contract::act::Role;
use yakujo_contract::target::Target;
use yakujo_probe::session::{Asked, Inside, WebSession};

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_finds_an_idle_session_of_the_portal_cut_and_the_one_that_was_used_alive() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let target = serde_json::json!({ "target": "portal", "system": "main", "name": "約定", "means": "https",
        "address": format!("https://{}/", site.server.portal), "authority": site.server.house.authority.pem(),
        "every_s": 30, "probes": ["server"] });
    let target: Target = serde_json::from_value(target).unwrap();
    let cookies = [site.sign_in(&person).await, site.sign_in(&person).await].map(|browser| {
        let cookies = browser.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    });
    let inside = || Inside { page: "/c/main".to_owned(), text: "サインアウト".to_owned() };
    let [mut left, mut used] =
        cookies.map(|cookies| WebSession::of_cookies(&target, inside(), &cookies).unwrap());
    assert_eq!((left.ask().await, used.ask().await), (Asked::Alive, Asked::Alive));
    // P-11: staff may idle for thirty minutes.
    for minutes in [16, 15] {
        site.clock.pass(SignedDuration::from_mins(minutes));
        assert_eq!(used.ask().await, Asked::Alive);
    }
    assert_eq!((left.ask().await, left.ask().await), (Asked::Ended, Asked::Ended));
    let nowhere = Inside { page: "/c/main/nowhere".to_owned(), text: "サインアウト".to_owned() };
    let mut lost = WebSession::of_cookies(&target, nowhere, "a=b").unwrap();
    assert_ne!(lost.ask().await, Asked::Alive);
    site.stop().await;
    assert!(matches!(used.ask().await, Asked::Unclear(_)), "a portal that is down has cut nobody");
}
