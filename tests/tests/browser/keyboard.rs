//! The keyboard alone: sign in, agree, sign out. At each stop somebody who only looks can tell where the focus is.

use crate::chromium::{Browser, Screen, Script, story};
use crate::person::Person;
use crate::walk::{first_link, observed};
use anyhow::{Context, ensure};
use serde::Deserialize;
use thirtyfour::Key;

/// No page has more stops before what a person looks for.
const STOPS: usize = 120;

/// Where the focus is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    none: bool,
    #[serde(default)]
    tag: String,
    #[serde(default)]
    /// Id of the element.
    pub id: String,
    #[serde(default)]
    /// What it is called.
    pub name: String,
    #[serde(default)]
    /// Where it leads.
    pub href: String,
    #[serde(default)]
    outlined: bool,
    #[serde(default)]
    in_view: bool,
    #[serde(default)]
    uncovered: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_suffices_to_sign_in_agree_and_sign_out() -> anyhow::Result<()> {
    story(Script::On, async |city, browser| {
        observed(city).await?;
        let mut person = Person::prepare(browser, "city", &first_link(city, "city")?).await?;
        sign_in(browser, &mut person).await?;
        agree(browser).await?;
        menu(browser).await?;
        browser.look_at(Screen::Desk).await?;
        tab_to(browser, |stop| stop.tag == "button" && stop.name == "サインアウト").await?;
        browser.keys(Key::Enter).await?;
        browser.until_heading("サインイン").await
    })
    .await
}

async fn sign_in(browser: &Browser, person: &mut Person) -> anyhow::Result<()> {
    browser.go("/c/main/sign-in").await?;
    let first = tab_to(browser, |_| true).await?;
    ensure!(first.href == "#main", "the first stop leads past the menu, not {first:?}");
    browser.keys(Key::Enter).await?;
    let [login, password, code] = person.says().await?;
    for (id, text) in [("f-login", login), ("f-password", password), ("f-code", code)] {
        let stop = tab_to(browser, |_| true).await?;
        ensure!(stop.id == id, "after the way past the menu comes {id}, not {stop:?}");
        browser.keys(text).await?;
    }
    browser.keys(Key::Enter).await?;
    browser.until_heading("契約履行の状況").await
}

async fn agree(browser: &Browser) -> anyhow::Result<()> {
    tab_to(browser, |stop| stop.href.contains("/agreements/")).await?;
    browser.keys(Key::Enter).await?;
    tab_to(browser, |stop| stop.name == "この内容に合意する").await?;
    browser.keys(Key::Space).await?;
    let agreed = "return document.querySelector('dl.fields').innerText.includes('合意済み')";
    for _ in 0..100 {
        if browser.run(agreed).await.is_ok_and(|it| it == true) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    anyhow::bail!("the space bar on the button did not agree")
}

/// The menu of narrow screens opens, is walked, and closes; the focus returns to where it was.
async fn menu(browser: &Browser) -> anyhow::Result<()> {
    browser.look_at(Screen::Narrow).await?;
    browser.go("/c/main").await?;
    tab_to(browser, |stop| stop.name == "メニュー").await?;
    browser.keys(Key::Enter).await?;
    tab_to(browser, |stop| stop.href.ends_with("/hosts")).await?;
    browser.keys(Key::Escape).await?;
    let back = stop(browser).await?;
    ensure!(back.name == "メニュー", "the focus is lost: {back:?}");
    Ok(())
}

/// Presses the tabulator until the stop is the one looked for.
///
/// # Errors
/// When there is none, or nobody could see where the focus is.
pub async fn tab_to(browser: &Browser, wanted: impl Fn(&Stop) -> bool) -> anyhow::Result<Stop> {
    for _ in 0..STOPS {
        browser.keys(Key::Tab).await?;
        let stop = stop(browser).await?;
        if stop.none {
            continue;
        }
        ensure!(stop.outlined && stop.in_view && stop.uncovered, "the focus cannot be seen: {stop:?}");
        if wanted(&stop) {
            return Ok(stop);
        }
    }
    anyhow::bail!("no such stop within {STOPS}")
}

async fn stop(browser: &Browser) -> anyhow::Result<Stop> {
    let at = browser.run(include_str!("stop.js")).await?;
    serde_json::from_value(at).context("reading the stop")
}
