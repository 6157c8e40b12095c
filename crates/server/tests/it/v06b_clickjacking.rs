//! クリックジャッキング: no answer may be put into a frame.

use super::attack::{city, everywhere, pages};

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_may_be_framed() {
    let (site, mut browser) = city().await;
    let mut all = pages(&site, &mut browser).await;
    all.extend(everywhere(&site, &browser, "x").await);
    for (path, reply) in all {
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
    }
    site.stop().await;
}
