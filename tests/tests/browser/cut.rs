//! Before an idle session is cut the person is told, and can go on without losing what was typed (4.2.a, WCAG 2.2.1).

use crate::chromium::{Browser, Script, story};
use crate::paperwork::{agree_to_everything, sign_out};
use crate::person::Person;
use crate::walk::first_link;
use anyhow::{Context, ensure};
use std::time::Duration;

const LEFT: &str = "const it = document.querySelector('aside.cut'); return it.hidden ? null : Number(it.querySelector('[data-left]').textContent)";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_about_to_be_cut_is_told_and_goes_on_with_what_was_typed() -> anyhow::Result<()> {
    story(Script::On, async |city, browser| {
        let mut person = Person::prepare(browser, "city", &first_link(city, "city")?).await?;
        person.sign_in(browser).await?;
        agree_to_everything(browser).await?;
        ensure!(left(browser).await?.is_none(), "ten minutes before the cut it is said already");
        sign_out(browser).await?;
        let mut contractor = Person::prepare(browser, "contractor", &first_link(city, "contractor")?).await?;
        contractor.sign_in(browser).await?;
        browser.go("/c/main/parameters/propose?id=P-11").await?;
        browser.fill("#f-v-admin_min", "2").await?;
        browser.press("form.sheet .button").await?;
        sign_out(browser).await?;
        person.sign_in(browser).await?;
        agree_to_everything(browser).await?;
        browser.go("/c/main/parameters/propose?id=P-11").await?;
        browser.fill("#f-v-staff_min", "25").await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = left(browser).await?.context("two minutes before the cut nothing is said")?;
        ensure!(before <= 118, "the seconds do not pass: {before}");
        browser.tick("aside.cut .button").await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let after = left(browser).await?.context("the warning is gone before its time")?;
        ensure!(after > before, "the session was not extended: {before}, then {after}");
        let typed = browser.run("return document.querySelector('#f-v-staff_min').value").await?;
        ensure!(typed == "25", "what was typed is lost: {typed}");
        Ok(())
    })
    .await
}

/// The seconds that the warning names, if it is shown.
async fn left(browser: &Browser) -> anyhow::Result<Option<u64>> {
    Ok(browser.run(LEFT).await?.as_u64())
}
