//! A person of the contract at a browser: opens the one-time link, keeps password and authenticator, signs in.

use crate::chromium::Browser;
use anyhow::{Context, ensure};
use std::time::Duration;
use totp_rs::{Builder, Secret, Totp};

/// A password nobody else uses.
const PASSWORD: &str = "ほたるの光 まどの雪 かきつばた";
/// Seconds of one step of an authenticator (RFC 6238).
const STEP: u64 = 30;

/// What a person keeps in mind and in the pocket.
pub struct Person {
    login: String,
    /// The contract, as the link says.
    contract: String,
    authenticator: Totp,
    /// The newest step whose code was used: a code counts once.
    used: u64,
    /// The recovery codes on paper.
    pub recovery: Vec<String>,
}

impl Person {
    /// Opens a one-time link in the browser and sets everything up.
    ///
    /// # Errors
    /// When the portal refuses.
    pub async fn prepare(browser: &Browser, login: &str, link: &str) -> anyhow::Result<Self> {
        browser.go(link).await?;
        browser.until_heading("はじめてのサインインの準備").await?;
        let shown = browser.texts("main pre").await?;
        let shown = shown.first().context("no secret is shown")?;
        let secret = Secret::try_from_base32(shown.replace(char::is_whitespace, ""));
        let secret = secret.map_err(|error| anyhow::anyhow!("the secret shown is none: {error:?}"))?;
        let authenticator = Builder::new().with_secret(secret).with_account_name(login).build()?;
        let contract = link.split("/c/").nth(1).and_then(|rest| rest.split('/').next());
        let contract = contract.context("the link is of no contract")?.to_owned();
        let mut person =
            Self { login: login.to_owned(), contract, authenticator, used: 0, recovery: Vec::new() };
        browser.fill("#f-password", PASSWORD).await?;
        browser.fill("#f-again", PASSWORD).await?;
        browser.fill("#f-code", &person.code().await?).await?;
        browser.press("main form .button").await?;
        browser.until_heading("回復コードを控えてください").await?;
        person.recovery = browser.texts(".codes li").await?;
        ensure!(!person.recovery.is_empty(), "no recovery codes are shown");
        Ok(person)
    }

    /// Signs in.
    ///
    /// # Errors
    /// When the portal refuses.
    pub async fn sign_in(&mut self, browser: &Browser) -> anyhow::Result<()> {
        let home = format!("/c/{}", self.contract);
        browser.go(&format!("{home}/sign-in?lang=ja")).await?;
        browser.fill("#f-login", &self.login).await?;
        browser.fill("#f-password", PASSWORD).await?;
        browser.fill("#f-code", &self.code().await?).await?;
        browser.press("main form .button").await?;
        ensure!(browser.path().await? == home, "{} could not sign in", self.login);
        Ok(())
    }

    /// What is typed to sign in: name, password, code.
    ///
    /// # Errors
    /// When the clock stands before 1970.
    pub async fn says(&mut self) -> anyhow::Result<[String; 3]> {
        Ok([self.login.clone(), PASSWORD.to_owned(), self.code().await?])
    }

    /// A code that was not used before. The server takes those of one step to either side, so three are at hand at once.
    async fn code(&mut self) -> anyhow::Result<String> {
        let step = loop {
            let second = u64::try_from(jiff::Timestamp::now().as_second())?;
            let now = second / STEP;
            // The code of the step before dies with this one: it is taken only while there is time to type it.
            let oldest = if second % STEP < STEP / 2 { now - 1 } else { now };
            let next = (self.used + 1).max(oldest);
            if next <= now + 1 {
                break next;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        self.used = step;
        Ok(self.authenticator.generate(step * STEP).to_string())
    }
}
