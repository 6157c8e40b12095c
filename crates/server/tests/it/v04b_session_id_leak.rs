//! URL 埋め込みのセッション ID の外部への漏えい: the secret is in no address, no page, and no page leads outside.

use super::attack::{city, pages};

#[tokio::test(flavor = "multi_thread")]
async fn no_page_and_no_header_holds_the_secret_and_no_page_loads_from_elsewhere() {
    let (site, mut browser) = city().await;
    let secret = browser.cookie("__Host-yakujo-").unwrap().to_owned();
    for (path, reply) in pages(&site, &mut browser).await {
        assert!(!reply.body.contains(&secret), "{path}");
        assert!(reply.headers.iter().all(|(_, value)| !value.contains(&secret)), "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        for begins in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "action=\"http", "url(http"] {
            assert!(!reply.body.contains(begins), "{path} leads outside");
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_an_address_opens_nothing() {
    let (site, browser) = city().await;
    let secret = browser.cookie("__Host-yakujo-").unwrap().to_owned();
    let mut stranger = site.stranger();
    for path in [
        format!("/c/main?session={secret}"),
        format!("/c/main?__Host-yakujo-main={secret}"),
        format!("/c/main/board;jsessionid={secret}"),
        format!("/c/main/{secret}"),
    ] {
        assert_eq!(stranger.get(&path).await.status, 303, "{path}");
    }
    site.stop().await;
}
