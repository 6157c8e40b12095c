//! SQL インジェクション: texts that would change a statement change nothing but the text.

use super::attack::{city, everywhere, nowhere_in_the_code, right_but_for_the_name};

const TEXTS: [&str; 8] = [
    "'",
    "' OR '1'='1",
    "' OR 1=1 --",
    "1; DROP TABLE person; --",
    "' UNION SELECT digest, name, csrf FROM session --",
    "\" OR \"\"=\"",
    "%' OR login LIKE '%",
    "'; UPDATE person SET role='auditor",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_becomes_part_of_a_statement() {
    let (site, browser) = city().await;
    site.contractor().await;
    let before = site.office("main").people.everybody().await.unwrap();
    for text in TEXTS {
        for (place, reply) in everywhere(&site, &browser, text).await {
            assert!(reply.status < 500, "{text} in {place}: {}", reply.status);
            assert!(!reply.body.to_lowercase().contains("sqlite"), "{text} in {place}");
        }
    }
    let after = site.office("main").people.everybody().await.unwrap();
    let words = |people: &[yakujo_server::people::Person]| {
        let mut words: Vec<_> =
            people.iter().map(|person| format!("{}{:?}", person.id, person.role)).collect();
        words.sort();
        words
    };
    assert_eq!(words(&before), words(&after));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_always_true_finds_nobody_and_nothing() {
    let (site, mut browser) = city().await;
    for list in ["agreements", "parameters"] {
        let all = browser.get(&format!("/c/main/{list}")).await;
        assert!(all.body.contains("<tbody>"), "{list} has rows");
        let found = browser.get(&format!("/c/main/{list}?find=%27%20OR%20%271%27%3D%271")).await;
        assert!(!found.body.contains("<tbody>"), "{list}");
    }
    let mut stranger = site.stranger();
    for name in ["city' --", "' OR 1=1 --", "city'/*"] {
        stranger.get("/c/main/sign-in").await;
        assert_eq!(stranger.post("/c/main/sign-in", &right_but_for_the_name(name)).await.status, 422);
    }
    site.stop().await;
}

#[test]
fn no_statement_is_composed_at_run_time() {
    nowhere_in_the_code("AssertSqlSafe");
    nowhere_in_the_code("QueryBuilder");
}
