//! What people do on the portal before others look at it: the city asks and agrees, the contractor registers and hands
//! over. All of it through the pages.

use crate::chromium::Browser;
use anyhow::ensure;
use std::io::Write as _;
use tempfile::NamedTempFile;
use yakujo_paper::{Book, BookCell, BookSheet, write_book};

/// Agrees to whatever waits on the first page.
///
/// # Errors
/// When the portal refuses.
pub async fn agree_to_everything(browser: &Browser) -> anyhow::Result<()> {
    for _ in 0..20 {
        browser.go("/c/main").await?;
        let waiting = "return document.querySelector('main th a[href*=\"/agreements/\"]')?.href";
        let waiting = browser.run(waiting).await?;
        let Some(address) = waiting.as_str() else { return Ok(()) };
        browser.go(address).await?;
        browser.press("form[action$='/agree'] .button").await?;
        ensure!(browser.texts("dl.fields dd").await?.iter().any(|text| text == "合意済み"), "not agreed");
    }
    anyhow::bail!("there is no end to what waits")
}

/// The city asks to be shown something.
///
/// # Errors
/// When the portal refuses.
pub async fn ask(browser: &Browser, what: &str) -> anyhow::Result<()> {
    browser.go("/c/main/disclosures?lang=ja").await?;
    browser.tick("#f-duty [value='9.b']").await?;
    browser.tick("#f-system [value=main]").await?;
    browser.fill("#f-detail", what).await?;
    browser.fill("#f-due", "R20.4.1").await?;
    browser.press("form.sheet .button").await?;
    let rows = browser.texts("tbody th").await?;
    ensure!(rows.iter().any(|row| row == what), "{what} is not among {rows:?}");
    Ok(())
}

/// The contractor hands over what was asked for first.
///
/// # Errors
/// When the portal refuses.
pub async fn hand_over(browser: &Browser) -> anyhow::Result<()> {
    let file = file("日時,利用率\r\n令和8年10月,35%\r\n")?;
    browser.go("/c/main/disclosures?lang=ja").await?;
    browser.press("td a[href*='/disclosures/r-']").await?;
    browser.attach("#f-file", file.path()).await?;
    browser.press("form.sheet .button").await?;
    ensure!(!browser.texts("a[href$='/file']").await?.is_empty(), "nothing was handed over");
    Ok(())
}

/// The city brings its check-sheet, and says that the duties which are proposed for its rows are right.
///
/// # Errors
/// When the portal refuses.
pub async fn bring_checksheet(browser: &Browser) -> anyhow::Result<()> {
    let text = |words: &str| BookCell::Text(words.to_owned());
    let question = |number: &str, words: &str| vec![text(number), text(words), text(""), text(""), text("")];
    let sheet = BookSheet {
        name: "点検表".to_owned(),
        heads: ["No.", "確認事項", "回答", "根拠", "確認日"].map(str::to_owned).to_vec(),
        rows: vec![
            question("1", "時刻を同期しているか。"),
            question("2", "停止の前に市の了承を得ているか。"),
        ],
        ..BookSheet::default()
    };
    let book = Book { made: "2026-11-22T05:05:03Z".to_owned(), sheets: vec![sheet], ..Book::default() };
    let mut file = NamedTempFile::with_suffix(".xlsx")?;
    file.write_all(&write_book(&book)?)?;
    browser.go("/c/main/checksheets?lang=ja").await?;
    browser.fill("#f-title", "令和8年度 点検表").await?;
    browser.attach("#f-file", file.path()).await?;
    browser.press("form.sheet .button").await?;
    browser.until_heading("令和8年度 点検表").await?;
    browser.press("#duties form.sheet .button").await?;
    ensure!(!browser.texts("a[href$='/file']").await?.is_empty(), "it was not settled");
    Ok(())
}

/// The contractor registers a procedure.
///
/// # Errors
/// When the portal refuses.
pub async fn register(browser: &Browser) -> anyhow::Result<()> {
    let file = file("起動：電源を入れ、監視画面の緑を確かめる。")?;
    browser.go("/c/main/documents/new?lang=ja").await?;
    browser.fill("#f-title", "サーバの起動と停止").await?;
    browser.tick("#f-kind [value=procedure]").await?;
    browser.tick("[name=work][value=start_stop]").await?;
    browser.tick("[name=audience][value=operator]").await?;
    browser.fill("#f-version", "1.0").await?;
    browser.fill("#f-reason", "初版").await?;
    browser.attach("#f-file", file.path()).await?;
    browser.press("form.sheet .button").await?;
    browser.until_heading("サーバの起動と停止").await
}

/// Leaves.
///
/// # Errors
/// When the portal refuses.
pub async fn sign_out(browser: &Browser) -> anyhow::Result<()> {
    browser.press("button.plain").await
}

fn file(text: &str) -> anyhow::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
