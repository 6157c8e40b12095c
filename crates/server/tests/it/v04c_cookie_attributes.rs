//! クッキーのセキュア属性不備: every cookie of every answer.

use super::site::{PASSWORD, Site};
use super::wire::Reply;
use yakujo_contract::act::Role;

fn check(reply: &Reply) -> usize {
    for cookie in reply.all("set-cookie") {
        let parts: Vec<&str> = cookie.split("; ").collect();
        for wanted in ["Secure", "HttpOnly", "Path=/"] {
            assert!(parts.contains(&wanted), "{wanted}: {cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        let opens = !cookie.starts_with("lang=");
        assert_eq!(opens, cookie.starts_with("__Host-"), "{cookie}");
        assert_eq!(opens, parts.contains(&"SameSite=Strict"), "{cookie}");
        assert!(opens || parts.contains(&"SameSite=Lax"), "{cookie}");
    }
    reply.all("set-cookie").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    check(&person.redeemed);
    let mut browser = site.stranger();
    assert_eq!(check(&browser.get("/c/main/sign-in").await), 1);
    assert!(check(&browser.get("/c/main/sign-in?lang=en").await) >= 1);
    assert!(check(&site.try_sign_in(&mut browser, &person, PASSWORD).await) >= 1);
    browser.get("/c/main").await;
    assert_eq!(check(&browser.post("/c/main/sign-out", &[]).await), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_door_without_tls() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let site = Site::start().await;
    for door in [site.server.portal, site.server.intake] {
        let mut plain = tokio::net::TcpStream::connect(door).await.unwrap();
        plain.write_all(b"GET /c/main/sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    }
    site.stop().await;
}
