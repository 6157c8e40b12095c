//! Without script, as some cities set their browsers: everything works, only the warning before the cut is missing.

use crate::chromium::{Script, story};
use crate::person::Person;
use crate::walk::first_link;
use anyhow::ensure;
use yakujo_contract::act::{Act, Matter, Ruling, SoftwareLine};

/// A page whose script would change its title.
const CONTROL: &str = "data:text/html,<title>still</title><h1>x</h1><script>document.title='ran'</script>";

#[tokio::test(flavor = "multi_thread")]
async fn without_script_people_sign_in_agree_and_page_through_a_list() -> anyhow::Result<()> {
    story(Script::Off, async |city, browser| {
        browser.go(CONTROL).await?;
        ensure!(browser.title().await? == "still", "this browser runs scripts");
        for number in 0..150 {
            let line = SoftwareLine {
                system: None,
                pattern: format!("program-{number:03}"),
                ruling: Ruling::Allowed,
                reason: "業務に使用".to_owned(),
            };
            let proposal = format!("a-{number:03}").parse()?;
            city.office()?
                .decide(None, Act::Proposed { proposal, matter: Matter::Software(line) }, None)
                .await?;
        }
        let mut person = Person::prepare(browser, "city", &first_link(city, "city")?).await?;
        person.sign_in(browser).await?;
        browser.press("main th a[href*='/agreements/']").await?;
        browser.press("form[action$='/agree'] .button").await?;
        ensure!(browser.texts("dl.fields dd").await?.iter().any(|text| text == "合意済み"), "not agreed");
        browser.go("/c/main/agreements?of=software").await?;
        ensure!(browser.texts("tbody tr").await?.len() == 100, "a page of the list has 100 rows");
        browser.press(".pager a[href*='after=']").await?;
        ensure!(browser.texts("tbody tr").await?.len() == 50, "the rest is on the second page");
        browser.fill("#find", "program-007").await?;
        browser.press(".finder .button").await?;
        ensure!(browser.texts("tbody tr").await?.len() == 1, "the filter finds one line");
        browser.press("button.plain").await?;
        browser.until_heading("サインイン").await
    })
    .await
}
