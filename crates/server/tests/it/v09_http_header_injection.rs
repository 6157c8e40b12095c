//! HTTP ヘッダ・インジェクション: a line end in what is sent makes no new header in what is answered.

use super::attack::{city, everywhere};

const TEXTS: [&str; 5] = [
    "ja\r\nX-Injected: yes",
    "x\nSet-Cookie: __Host-yakujo-main=planted",
    "x\r\n\r\n<script>alert(1)</script>",
    "嘊嘊X-Injected: yes",
    "x\0y",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_adds_a_header() {
    let (site, browser) = city().await;
    for text in TEXTS {
        for (place, reply) in everywhere(&site, &browser, text).await {
            assert!(reply.status < 500, "{text:?} in {place}: {}", reply.status);
            assert_eq!(reply.header("x-injected"), "", "{text:?} in {place}");
            assert!(reply.all("set-cookie").all(|cookie| !cookie.contains("planted")), "{text:?} in {place}");
            // A download holds what was typed, and no browser shows it as a page.
            let page = reply.header("content-type").starts_with("text/html");
            assert!(!page || !reply.body.contains("<script>alert"), "{text:?} in {place}");
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_none_is_refused() {
    let (site, browser) = city().await;
    for raw in [
        "GET /c/main/sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "GET /c/main/sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde",
        "GET /c/main /sign-in HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /c/main/sign-in HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET /c/main/sign-in HTTP/1.1\r\nX: a\rb\r\nConnection: close\r\n\r\n",
        "\r\n\r\n\0\0\0",
    ] {
        let answer = browser.wire.send(raw.as_bytes()).await;
        let refused = answer
            .as_ref()
            .is_none_or(|reply| reply.status == 400 || reply.body.matches("HTTP/1.1").count() == 0);
        assert!(refused, "{raw:?}: {answer:?}");
        assert!(answer.is_none_or(|reply| reply.header("x").is_empty()));
    }
    let long = format!("GET /c/main/sign-in HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    let answer = browser.wire.send(long.as_bytes()).await;
    assert!(answer.is_none_or(|reply| reply.status == 431), "headers are bounded");
    site.stop().await;
}
