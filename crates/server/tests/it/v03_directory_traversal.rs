//! ディレクトリ・トラバーサル: no address leads out of what the program itself holds.

use super::attack::{city, everywhere};
use super::wire::Reply;

const CLIMBS: [&str; 9] = [
    "../../../../../../etc/passwd",
    "..\\..\\..\\..\\etc\\passwd",
    "/etc/passwd",
    "....//....//etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%252f..%252fetc%252fpasswd",
    "..%c0%af..%c0%afetc/passwd",
    "../people.db\0.css",
];

fn holds_a_file(reply: &Reply) -> bool {
    ["root:", "SQLite format", "PRIVATE KEY", "format = \"yakujo-contract"]
        .iter()
        .any(|sign| reply.body.contains(sign))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_names_a_file() {
    let (site, browser) = city().await;
    for text in CLIMBS {
        for (place, reply) in everywhere(&site, &browser, text).await {
            assert!(reply.status < 500 && !holds_a_file(&reply), "{text} in {place}: {}", reply.status);
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_climbs_out_of_the_files_of_the_look() {
    let (site, mut browser) = city().await;
    let home = browser.get("/c/main").await;
    let style = home.between("<link rel=\"stylesheet\" href=\"", "\"").to_owned();
    let (folder, _) = style.rsplit_once('/').unwrap();
    assert_eq!(browser.get(&style).await.status, 200);
    for climb in CLIMBS.iter().map(|climb| climb.replace('\0', "%00")) {
        for path in [
            format!("/static/{climb}"),
            format!("{folder}/{climb}"),
            format!("{folder}/..%2f..%2f..%2f..%2fca%2fauthority.key"),
            format!("/{climb}"),
            format!("/c/{climb}"),
            format!("/c/main/{climb}"),
            format!("/c/main/../../{climb}"),
        ] {
            let reply = browser.get(&path).await;
            assert!([303, 400, 404].contains(&reply.status), "{path}: {}", reply.status);
            assert!(!holds_a_file(&reply), "{path}");
        }
    }
    site.stop().await;
}
