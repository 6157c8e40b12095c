//! Debian's Chromium, driven by Debian's chromedriver. A browser of its own for each story: a fresh profile, no
//! background traffic, and trust in this one server's authority instead of trust in everybody.

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use thirtyfour::{
    By, ChromiumLikeCapabilities as _, DesiredCapabilities, LoggingPrefsLogLevel, TypingData, WebDriver,
};
use yakujo_stories::City;

/// Where a browser saves files, in its profile.
const SAVED: &str = "saved";

/// Nothing on these pages may take longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Making and saving a paper may take longer, where the machine does much else.
const LONG_PATIENCE: Duration = Duration::from_secs(90);

const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    // The machine that runs the tests is a container whose only user is root.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// Whether pages may run their script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// As a browser is delivered.
    On,
    /// As some cities set it.
    Off,
}

/// The widths that the pages are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// 1366×768, the usual one of a city's desk.
    Desk,
    /// 320 px, which is also 1280 px magnified fourfold.
    Narrow,
}

/// A browser before one city's portal.
pub struct Browser {
    driver: WebDriver,
    door: Child,
    portal: String,
    profile: TempDir,
}

impl Browser {
    /// Starts a browser that trusts this city's server.
    ///
    /// # Errors
    /// When chromedriver or Chromium does not start.
    pub async fn open(city: &City, script: Script) -> anyhow::Result<Self> {
        let profile = tempfile::tempdir()?;
        let (door, port) = chromedriver()?;
        let mut wishes = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            wishes.add_arg(argument)?;
        }
        wishes.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        wishes.add_arg(&format!("--ignore-certificate-errors-spki-list={}", key_of(city)?))?;
        // 1 allows, 2 blocks.
        let runs = if script == Script::Off { 2 } else { 1 };
        let prefs = json!({
            "download.default_directory": profile.path().join(SAVED),
            "profile.managed_default_content_settings.javascript": runs,
        });
        wishes.add_experimental_option("prefs", prefs)?;
        wishes.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::new(&format!("http://127.0.0.1:{port}"), wishes).await?;
        let portal = format!("https://{}", city.server.portal);
        let browser = Self { driver, door, portal, profile };
        browser.look_at(Screen::Desk).await?;
        Ok(browser)
    }

    /// Closes it; where the story failed, says what it showed.
    async fn end(self, mut outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        if outcome.is_err() {
            let shown = self.describe().await.unwrap_or_else(|error| error.to_string());
            outcome = outcome.with_context(|| format!("the browser showed {shown}"));
        }
        outcome.and(self.close().await)
    }

    async fn close(mut self) -> anyhow::Result<()> {
        let quit = self.driver.clone().quit().await;
        self.door.kill()?;
        self.door.wait()?;
        Ok(quit?)
    }

    async fn describe(&self) -> anyhow::Result<String> {
        Ok(format!("{}\n{}", self.address().await?, self.texts("main").await?.join("\n")))
    }

    /// Goes to a path of the portal or to a whole address.
    ///
    /// # Errors
    /// When the page does not load.
    pub async fn go(&self, to: &str) -> anyhow::Result<()> {
        let address = if to.starts_with('/') { format!("{}{to}", self.portal) } else { to.to_owned() };
        self.driver.goto(&address).await.with_context(|| format!("going to {to}"))
    }

    /// Where the browser is.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn address(&self) -> anyhow::Result<String> {
        Ok(self.driver.current_url().await?.to_string())
    }

    /// The path where the browser is, without query.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn path(&self) -> anyhow::Result<String> {
        Ok(self.driver.current_url().await?.path().to_owned())
    }

    /// The address of the portal.
    pub fn portal(&self) -> &str {
        &self.portal
    }

    /// Presses the first element that the selector finds, and waits for the page it leads to.
    ///
    /// # Errors
    /// When there is none, or it leads nowhere.
    pub async fn press(&self, css: &str) -> anyhow::Result<()> {
        let found = self.driver.find(By::Css(css)).await.with_context(|| format!("finding {css}"))?;
        let left = self.driver.find(By::Css("html")).await?.element_id();
        found.click().await.with_context(|| format!("pressing {css}"))?;
        let began = Instant::now();
        while !self.driver.find(By::Css("html")).await.is_ok_and(|page| page.element_id() != left) {
            ensure!(began.elapsed() < PATIENCE, "pressing {css} leads nowhere");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ticks a box.
    ///
    /// # Errors
    /// When there is none.
    pub async fn tick(&self, css: &str) -> anyhow::Result<()> {
        let found = self.driver.find(By::Css(css)).await.with_context(|| format!("finding {css}"))?;
        Ok(found.click().await?)
    }

    /// Chooses a file.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn attach(&self, css: &str, file: &Path) -> anyhow::Result<()> {
        let found = self.driver.find(By::Css(css)).await.with_context(|| format!("finding {css}"))?;
        Ok(found.send_keys(file.display().to_string()).await?)
    }

    /// Types into a field.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fill(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let found = self.driver.find(By::Css(css)).await.with_context(|| format!("finding {css}"))?;
        found.clear().await?;
        Ok(found.send_keys(text).await?)
    }

    /// The texts of all elements that the selector finds, as a person sees them.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn texts(&self, css: &str) -> anyhow::Result<Vec<String>> {
        let mut texts = Vec::new();
        for found in self.driver.find_all(By::Css(css)).await? {
            texts.push(found.text().await?);
        }
        Ok(texts)
    }

    /// The title of the page.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn title(&self) -> anyhow::Result<String> {
        Ok(self.driver.title().await?)
    }

    /// Waits until the page's heading holds these words.
    ///
    /// # Errors
    /// When it does not.
    pub async fn until_heading(&self, words: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let headings = self.texts("h1").await.unwrap_or_default();
            if headings.iter().any(|heading| heading.contains(words)) {
                return Ok(());
            }
            let at = self.address().await?;
            ensure!(began.elapsed() < PATIENCE, "no heading {words}, but {headings:?} at {at}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends keys to whatever has the focus, as a keyboard does.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn keys(&self, keys: impl Into<TypingData>) -> anyhow::Result<()> {
        Ok(self.driver.action_chain().send_keys(keys).perform().await?)
    }

    /// Runs a script in the page.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Runs a script that calls its last argument when it is done.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run_to_end(&self, script: &str, arguments: Vec<Value>) -> anyhow::Result<Value> {
        Ok(self.driver.execute_async(script, arguments).await?.json().clone())
    }

    /// Sets the size of the page, exactly; windows have a least width.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn look_at(&self, screen: Screen) -> anyhow::Result<()> {
        let (width, height) = match screen {
            Screen::Desk => (1366, 768),
            Screen::Narrow => (320, 640),
        };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tools("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// What the page's console complained about since it was last asked: refused scripts, missing files, thrown errors.
    /// That the page itself is an answer of refusal is no complaint.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn console(&self) -> anyhow::Result<Vec<String>> {
        let own = format!(
            "{} - Failed to load resource: the server responded with a status of 4",
            self.address().await?
        );
        let said = self.driver.browser_log().await?.into_iter();
        let grave = said.filter(|line| ["SEVERE", "WARNING"].contains(&line.level.as_str()));
        Ok(grave.map(|line| line.message).filter(|text| !text.starts_with(&own)).collect())
    }

    /// What is on the screen, as PNG.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn picture(&self) -> anyhow::Result<Vec<u8>> {
        Ok(self.driver.screenshot_as_png().await?)
    }

    /// The whole page from its head to its end, as PNG.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn whole_picture(&self) -> anyhow::Result<Vec<u8>> {
        let taken = self.tools("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await?;
        let text = taken.get("data").and_then(Value::as_str).context("no picture")?;
        Ok(STANDARD.decode(text)?)
    }

    /// The page as it leaves the printer, as PDF.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn paper(&self) -> anyhow::Result<Vec<u8>> {
        let wish = json!({ "preferCSSPageSize": true, "generateTaggedPDF": true });
        let printed = self.tools("Page.printToPDF", wish).await?;
        let text = printed.get("data").and_then(Value::as_str).context("no PDF")?;
        Ok(STANDARD.decode(text)?)
    }

    /// The next file that the browser saves whose name ends so, once it is whole.
    ///
    /// # Errors
    /// When none is saved.
    pub async fn saved(&self, ending: &str) -> anyhow::Result<Vec<u8>> {
        let folder = self.profile.path().join(SAVED);
        let began = Instant::now();
        loop {
            let files = std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
            if let Some(file) =
                files.map(|file| file.path()).find(|path| path.to_string_lossy().ends_with(ending))
            {
                let bytes = std::fs::read(&file)?;
                std::fs::remove_file(&file)?;
                return Ok(bytes);
            }
            ensure!(began.elapsed() < LONG_PATIENCE, "no {ending} was saved");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The secret of the session of a contract, as the browser keeps it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn session(&self, contract: &str) -> anyhow::Result<String> {
        let name = format!("__Host-yakujo-{contract}");
        let kept = self.tools("Network.getCookies", json!({ "urls": [self.portal] })).await?;
        let cookies = kept.get("cookies").and_then(Value::as_array).context("no cookies")?;
        let own = cookies.iter().find(|cookie| cookie.get("name").is_some_and(|it| *it == name));
        let value = own.and_then(|cookie| cookie.get("value")).and_then(Value::as_str);
        Ok(value.with_context(|| format!("no cookie {name}"))?.to_owned())
    }

    /// Forgets everybody, and goes on as the person whose session this is.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn go_on_as(&self, contract: &str, session: &str) -> anyhow::Result<()> {
        self.forget().await?;
        let cookie = json!({ "name": format!("__Host-yakujo-{contract}"), "value": session, "url": self.portal,
            "path": "/", "secure": true, "httpOnly": true, "sameSite": "Strict" });
        self.tools("Network.setCookie", cookie).await?;
        Ok(())
    }

    /// Forgets everybody.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn forget(&self) -> anyhow::Result<()> {
        self.tools("Network.clearBrowserCookies", json!({})).await?;
        Ok(())
    }

    async fn tools(&self, command: &str, wish: Value) -> anyhow::Result<Value> {
        self.driver.cdp().send_raw(command, wish).await.with_context(|| command.to_owned())
    }
}

/// A city whose machine is observed, and a browser before its portal. Both end in good order, whatever the outcome.
///
/// # Errors
/// The story's own, with what the browser showed.
pub async fn story(
    script: Script,
    tell: impl AsyncFnOnce(&mut City, &Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    story_of(&["main"], script, tell).await
}

/// The same, with these contracts on the server.
///
/// # Errors
/// The story's own, with what the browser showed.
pub async fn story_of(
    contracts: &[&str],
    script: Script,
    tell: impl AsyncFnOnce(&mut City, &Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    crate::press::install();
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    for contract in contracts {
        std::fs::create_dir_all(data.join("contracts").join(contract))?;
    }
    let mut city = City::start(&data).await?;
    city.observe().await?;
    let browser = Browser::open(&city, script).await?;
    let outcome = tell(&mut city, &browser).await;
    let closed = browser.end(outcome).await;
    city.stop().await;
    closed
}

/// One more browser before the portal: of somebody else, at a desk of his own.
///
/// # Errors
/// The story's own, with what this browser showed.
pub async fn beside(
    city: &City,
    tell: impl AsyncFnOnce(&Browser) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let browser = Browser::open(city, Script::On).await?;
    let outcome = tell(&browser).await;
    browser.end(outcome).await
}

/// Starts chromedriver on a port of its choice.
fn chromedriver() -> anyhow::Result<(Child, u16)> {
    let mut door = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting chromedriver (Debian: chromium-driver; `cargo xtask test` installs it)")?;
    let lines = BufReader::new(door.stdout.take().context("no output of chromedriver")?).lines();
    for line in lines {
        let line = line?;
        let port = line.rsplit_once("started successfully on port ").map(|(_, port)| port);
        if let Some(port) = port {
            return Ok((door, port.trim_end_matches('.').parse()?));
        }
    }
    anyhow::bail!("chromedriver ended before it said its port")
}

/// The digest by which Chromium is told to trust what this authority signed, and nothing else.
fn key_of(city: &City) -> anyhow::Result<String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(city.server.house.authority.pem().as_bytes())?;
    Ok(STANDARD.encode(Sha256::digest(pem.parse_x509()?.public_key().raw)))
}
