//! What every page must fulfil: the laws of `laws.js`, the checker's rules of WCAG 2.2 AA, no scrolling sideways at
//! 320 px, and a console that has nothing to say.

use crate::chromium::{Browser, Screen};
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

/// What is wrong on a page, and what would be better.
#[derive(Debug, Default)]
pub struct Findings {
    /// Each of these fails the story.
    pub faults: BTreeSet<String>,
    /// These are printed.
    pub remarks: BTreeSet<String>,
    /// Pages looked at.
    pages: usize,
}

impl Findings {
    /// Looks at the page the browser shows.
    ///
    /// # Errors
    /// When the browser is gone or the checker is missing.
    pub async fn add(&mut self, browser: &Browser, lang: &str) -> anyhow::Result<()> {
        self.pages += 1;
        let address = browser.address().await?;
        let at = address.strip_prefix(browser.portal()).unwrap_or(&address).to_owned();
        for said in browser.console().await? {
            self.faults.insert(format!("{at}: console: {said}"));
        }
        let script = format!("return ((...arguments) => {{ {} }})({})", include_str!("laws.js"), json!(lang));
        for broken in browser.run(&script).await?.as_array().context("laws answer with a list")? {
            let broken = broken.as_str().unwrap_or_default();
            let pile = if broken.starts_with("remark") { &mut self.remarks } else { &mut self.faults };
            pile.insert(format!("{at}: {broken}"));
        }
        keep_picture(browser, &at, lang, 1366).await?;
        self.check(browser, &at, "1366").await?;
        browser.look_at(Screen::Narrow).await?;
        keep_picture(browser, &at, lang, 320).await?;
        let width = browser.run("return document.scrollingElement.scrollWidth").await?.as_u64();
        if width.is_none_or(|width| width > 320) {
            let widest = browser.run(WIDEST).await?;
            self.faults.insert(format!("{at}: at 320 px the page is {width:?} px wide: {widest}"));
        }
        // What a narrow screen changes in a page does not depend on its language.
        if lang == "ja" {
            self.check(browser, &at, "320").await?;
        }
        browser.look_at(Screen::Desk).await
    }

    async fn check(&mut self, browser: &Browser, at: &str, screen: &str) -> anyhow::Result<()> {
        // The checker is there once it has run on the page.
        let text = if browser.run("return 'axe' in window").await? == true { "" } else { axe()? };
        let answer = browser.run_to_end(&format!("{text}\n{RUN}"), Vec::new()).await?;
        let found = answer.as_array().with_context(|| format!("the checker failed: {answer}"))?;
        for violation in found {
            let word = |name: &str| violation.get(name).and_then(Value::as_str).unwrap_or_default();
            let line = format!("{at} ({screen}): {}: {}: {}", word("id"), word("help"), word("where"));
            let standard = violation.get("standard").and_then(Value::as_bool) == Some(true);
            if standard {
                self.faults.insert(line)
            } else {
                self.remarks.insert(line)
            };
        }
        Ok(())
    }

    /// Prints the remarks, and fails when there are faults.
    ///
    /// # Errors
    /// The faults.
    pub fn close(self) -> anyhow::Result<()> {
        for remark in &self.remarks {
            println!("remark: {remark}");
        }
        println!("{} pages looked at", self.pages);
        let count = self.faults.len();
        anyhow::ensure!(
            count == 0,
            "{count} faults on {} pages:\n{}",
            self.pages,
            Vec::from_iter(self.faults).join("\n")
        );
        Ok(())
    }
}

/// Runs the checker: the rules of WCAG 2.0, 2.1 and 2.2, A and AA; best practice beside them.
const RUN: &str = r#"
const done = arguments[arguments.length - 1];
const standard = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
axe.run(document, { runOnly: { type: "tag", values: [...standard, "best-practice"] }, resultTypes: ["violations"] }).then(
  (result) => done(result.violations.map((it) => ({
    id: it.id,
    help: it.help,
    standard: it.tags.some((tag) => standard.includes(tag)),
    where: it.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | "),
  }))),
  (error) => done(String(error)),
);"#;

const WIDEST: &str =
    "return [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > 321)
    .slice(0, 4).map((it) => it.outerHTML.slice(0, 100));";

/// The checker's text.
fn axe() -> anyhow::Result<&'static str> {
    static TEXT: OnceLock<String> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(text);
    }
    let file = std::env::var_os("YAKUJO_AXE");
    let file =
        file.context("YAKUJO_AXE does not name axe.min.js: `cargo xtask test` fetches it and says where")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    Ok(TEXT.get_or_init(|| text))
}

/// The page as it is seen, for whoever wants to look at all of them: `YAKUJO_EVERY_PAGE` names a folder.
async fn keep_picture(browser: &Browser, at: &str, lang: &str, width: u32) -> anyhow::Result<()> {
    let Some(folder) = std::env::var_os("YAKUJO_EVERY_PAGE").map(PathBuf::from) else { return Ok(()) };
    let name: String =
        at.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(120).collect();
    std::fs::write(folder.join(format!("{name}.{lang}.{width}.png")), browser.whole_picture().await?)?;
    Ok(())
}
