//! The list of findings page by page, and a finding that stands no more.

use super::site::{Site, job};
use super::stage::Stage;
use std::collections::BTreeSet;
use yakujo_contract::act::Role;
use yakujo_contract::id::FindingId;
use yakujo_server::pages::list::PAGE;
use yakujo_server::writer::NumberedFact;

/// More than a page, all heard of at one instant.
const AT_ONCE: i64 = 250;

async fn at_once(stage: &Stage) {
    let site = &stage.town.site;
    let (office, now) = (site.office("main"), site.clock.now());
    let host = site.place_host("main", "jobs-2").await;
    let fact = |number: i64| {
        let until = now - jiff::SignedDuration::from_millis(number);
        let fact = job(&format!("/etc/cron.d/once-{number}"), until);
        NumberedFact { seq: number.unsigned_abs() + 1, observed: until, fact }
    };
    office.store_facts(host.clone(), 1, (0..AT_ONCE).map(fact).collect()).await.unwrap();
    for _ in 0..2_000 {
        let roll = office.court().roll(office.terms());
        let told = roll.all().iter().filter(|found| found.finding.host.as_ref() == Some(&host));
        if i64::try_from(told.count()).unwrap() == AT_ONCE {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("they were not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_of_one_second_are_each_on_one_page() {
    let stage = Stage::set(Site::start().await).await;
    at_once(&stage).await;
    let mut browser = stage.browser(Role::CityStaff);
    let (mut seen, mut pages, mut path) = (BTreeSet::new(), 0, "/c/main/findings?of=all".to_owned());
    loop {
        let page = browser.get(&path).await;
        let links = page.body.split("/c/main/findings/r").skip(1);
        let rows: Vec<&str> = links.map(|link| link.split('"').next().unwrap()).collect();
        assert!(rows.len() <= PAGE);
        for id in rows {
            assert!(seen.insert(id.to_owned()), "{id} is on two pages");
        }
        pages += 1;
        let Some((_, next)) = page.body.split_once("?after=") else { break };
        path = format!("/c/main/findings?after={}", next.split('"').next().unwrap().replace("&#38;", "&"));
    }
    let office = stage.town.site.office("main");
    assert_eq!(seen.len(), office.court().roll(office.terms()).all().len());
    assert!(pages > 2, "{pages}");
    stage.town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_that_stands_no_more_says_why_and_one_that_never_was_is_absent() {
    let stage = Stage::set(Site::start().await).await;
    let id = stage.finding().await.finding.id.to_string();
    let (begin, instant) = id.rsplit_once('.').unwrap();
    let mut browser = stage.browser(Role::CityStaff);
    let moved: FindingId = format!("{begin}.{}", instant.parse::<i128>().unwrap() - 1).parse().unwrap();
    let page = browser.get(&format!("/c/main/findings/{moved}")).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("いまは所見ではありません"), "{}", page.body);
    let nowhere = begin.replace("jobs-1", "jobs-9");
    assert_ne!(nowhere, begin);
    for never in [
        format!("{nowhere}.{instant}"),
        begin.replace("r03", "r99") + ".1",
        "r03".to_owned(),
        format!("{begin}.soon"),
    ] {
        assert_eq!(browser.get(&format!("/c/main/findings/{never}")).await.status, 404, "{never}");
    }
    stage.town.site.stop().await;
}
