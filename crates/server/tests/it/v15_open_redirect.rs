//! オープンリダイレクト: every redirect leads to a path of this very contract.

use super::attack::{city, everywhere};
use super::browser::OWN_FORM;

const TEXTS: [&str; 6] = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "https:evil.example",
    "/c/main@evil.example",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_leads_elsewhere() {
    let (site, browser) = city().await;
    for text in TEXTS {
        for (place, reply) in everywhere(&site, &browser, text).await {
            let target = reply.header("location");
            assert!(target.is_empty() || target.starts_with("/c/main"), "{text} in {place}: {target}");
            assert!(!target.contains("evil"), "{text} in {place}: {target}");
            assert_eq!(reply.header("refresh"), "");
        }
    }
    for path in
        ["//evil.example/", "//evil.example/c/main", "/c//evil.example", "https://evil.example/c/main"]
    {
        let target = site.stranger().send("GET", path, &[], "").await.header("location").to_owned();
        assert!(target.is_empty() || target.starts_with("/c/main"), "{path}: {target}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_the_request_leads_nowhere() {
    let (site, browser) = city().await;
    for headers in [
        "Host: evil.example",
        "Host: evil.example\r\nX-Forwarded-Host: evil.example",
        "Host: localhost\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example",
    ] {
        let raw = format!("GET /c/main HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
        let reply = browser.wire.send(raw.as_bytes()).await.unwrap();
        assert_eq!((reply.status, reply.header("location")), (303, "/c/main/sign-in"));
        assert!(!reply.body.contains("evil"));
    }
    let stranger = site.stranger().send("POST", "/c/main/sign-in", OWN_FORM, "").await;
    assert_eq!(stranger.header("location"), "");
    site.stop().await;
}
