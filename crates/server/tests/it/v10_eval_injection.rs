//! eval インジェクション: what looks like an expression is shown as it was typed.

use super::attack::{city, everywhere, sources};

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_is_evaluated() {
    let (site, browser) = city().await;
    for text in [
        "{{1337*1337}}",
        "${1337*1337}",
        "#{1337*1337}",
        "<%= 1337*1337 %>",
        "{% raw %}1337*1337",
        "1337*1337",
    ] {
        for (place, reply) in everywhere(&site, &browser, text).await {
            assert!(reply.status < 500, "{text} in {place}");
            assert!(!reply.body.contains("1787569"), "{text} in {place} was computed");
        }
    }
    let mut stranger = site.stranger();
    stranger.get("/c/main/sign-in").await;
    let echo =
        stranger.post("/c/main/sign-in", &super::attack::right_but_for_the_name("{{1337*1337}}")).await;
    assert!(echo.body.contains("{{1337*1337}}"), "shown as typed");
    site.stop().await;
}

#[test]
fn the_script_evaluates_nothing_and_the_policy_forbids_it() {
    for (path, text) in sources("static", ".js") {
        for word in ["eval(", "Function(", "innerHTML", "outerHTML", "document.write", "insertAdjacentHTML"] {
            assert!(!text.contains(word), "{path}: {word}");
        }
    }
    let mut headers = axum::http::HeaderMap::new();
    yakujo_server::pages::frame::secure(&mut headers);
    assert!(!headers["content-security-policy"].to_str().unwrap().contains("unsafe"));
}
