//! Paper: what the city's approver prints fits one A4 page and carries seals, time and head of the ledger. Where
//! `YAKUJO_PICTURES` names a folder, the pictures of `docs/pictures` are taken on the way (`pngquant` makes them small).

use crate::chromium::{Browser, Screen, Script, story};
use crate::paperwork::agree_to_everything;
use crate::person::Person;
use crate::walk::{first_link, observed};
use anyhow::{Context, ensure};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::parameter::ParameterId;
use yakujo_stories::City;

/// What is on a picture.
enum Shot {
    /// On a screen.
    On(Screen),
    /// Printed.
    Paper,
}

/// The README's pictures: name, path, how.
const PICTURES: [(&str, &str, Shot); 11] = [
    ("first", "/c/main", Shot::On(Screen::Desk)),
    ("first-320", "/c/main", Shot::On(Screen::Narrow)),
    ("first-paper", "/c/main", Shot::Paper),
    ("board", "/c/main/board", Shot::On(Screen::Desk)),
    ("duty", "/c/main/duty/6.a", Shot::On(Screen::Desk)),
    ("duty-320", "/c/main/duty/6.a", Shot::On(Screen::Narrow)),
    ("guide", "/c/main/guide/c06_clocks", Shot::On(Screen::Desk)),
    ("host", "/c/main/hosts/this-host?tab=listeners", Shot::On(Screen::Desk)),
    ("target", "/c/main/targets/web", Shot::On(Screen::Desk)),
    ("ledger", "/c/main/ledger", Shot::On(Screen::Desk)),
    ("bundle", "/c/main/bundle", Shot::On(Screen::Desk)),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_sheet_for_those_who_decide_is_one_page_with_seals() -> anyhow::Result<()> {
    story(Script::On, async |city, browser| {
        observed(city).await?;
        let mut person = Person::prepare(browser, "city", &first_link(city, "city")?).await?;
        person.sign_in(browser).await?;
        agree_to_everything(browser).await?;
        city.office()?.publish().await?;
        if let Some(folder) = folder() {
            take(browser, &folder).await?;
            browser.look_at(Screen::Desk).await?;
            take_decision(city, browser, &folder).await?;
        }
        browser.look_at(Screen::Desk).await?;
        browser.go("/c/main").await?;
        let sheet = tempfile::NamedTempFile::new()?;
        std::fs::write(sheet.path(), browser.paper().await?)?;
        let about = said("pdfinfo", &[sheet.path()])?;
        let fact =
            |name: &str| about.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        ensure!(fact("Pages:").ends_with(" 1"), "{}", fact("Pages:"));
        ensure!(fact("Page size:").contains("A4"), "{}", fact("Page size:"));
        ensure!(fact("Tagged:").ends_with("yes"), "{}", fact("Tagged:"));
        let text = said("pdftotext", &[sheet.path(), Path::new("-")])?;
        for word in ["契約履行の状況", "決裁者", "表示日時", "印刷者", "照合値"] {
            ensure!(text.contains(word), "{word} is not on the paper:\n{text}");
        }
        for word in ["サインアウト", "ダウンロード", "English"] {
            ensure!(!text.contains(word), "{word} is on the paper");
        }
        Ok(())
    })
    .await
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("YAKUJO_PICTURES").map(PathBuf::from)
}

/// What a city decides on most often: one number, proposed beside the one in force.
async fn take_decision(city: &City, browser: &Browser, folder: &Path) -> anyhow::Result<()> {
    let office = city.office()?;
    let idle_cut = ParameterId::new(11);
    let mut values = office.terms().parameters.get(&idle_cut).context("P-11")?.defaults.clone();
    values.insert("staff_min".to_owned(), 20);
    let matter = Matter::Parameters { from: Timestamp::now(), values: [(idle_cut, values)].into() };
    office.decide(None, Act::Proposed { proposal: "a-pictures".parse()?, matter }, None).await?;
    browser.go("/c/main/agreements/a-pictures").await?;
    Ok(std::fs::write(folder.join("decision.png"), browser.picture().await?)?)
}

async fn take(browser: &Browser, folder: &Path) -> anyhow::Result<()> {
    for (name, path, shot) in PICTURES {
        match shot {
            Shot::On(screen) => {
                browser.look_at(screen).await?;
                browser.go(path).await?;
                std::fs::write(folder.join(format!("{name}.png")), browser.picture().await?)?;
            }
            Shot::Paper => {
                browser.go(path).await?;
                let sheet = tempfile::NamedTempFile::new()?;
                std::fs::write(sheet.path(), browser.paper().await?)?;
                let picture = folder.join(name);
                let wish = ["-png", "-singlefile", "-r", "80"].map(Path::new);
                said("pdftoppm", &[wish.as_slice(), &[sheet.path(), &picture]].concat())?;
            }
        }
    }
    Ok(())
}

/// What a program of poppler says.
fn said(program: &str, arguments: &[&Path]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("running {program} (Debian: poppler-utils)"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
