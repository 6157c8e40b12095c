//! 秘密情報表示時のキャッシュ不停止: nothing but the files of the look is kept by a browser or a proxy.

use super::attack::{city, everywhere, pages};
use super::site::Site;
use yakujo_contract::act::Role;

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_that_depends_on_anybody_is_stored() {
    let (site, mut browser) = city().await;
    let mut all = pages(&site, &mut browser).await;
    all.extend(everywhere(&site, &browser, "x").await);
    for list in ["agreements", "parameters", "ledger", "hosts", "hosts/this-host"] {
        for format in ["csv", "csv932", "xlsx"] {
            let path = format!("/c/main/{list}?format={format}");
            all.push((path.clone(), browser.get(&path).await));
        }
    }
    for (path, reply) in all {
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_are_shown_once_and_not_stored() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let codes: Vec<&str> = person.redeemed.body.split("<li>").skip(1).collect();
    assert!(codes.len() >= 10);
    assert_eq!(person.redeemed.header("cache-control"), "no-store");
    site.stop().await;
}
