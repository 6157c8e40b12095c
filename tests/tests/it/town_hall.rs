//! The people of a story who ask and decide: somebody of the contractor, and a head of a section of the city who sits on a
//! post, has a session of her own, and looks at the portal's pages over HTTPS as any other client does.

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use totp_rs::{Builder, Secret, Totp};
use yakujo_contract::act::{Act, Role};
use yakujo_contract::id::PostId;
use yakujo_contract::request::form::{Ask, Form, Kind, Part};
use yakujo_server::decide::Actor;
use yakujo_stories::City;

const POST: &str = "kachou";
const LOGIN: &str = "sato";
const PASSWORD: &str = "ゆうびんきょくの 角を まがる";
/// Seconds of one step of an authenticator (RFC 6238).
const STEP: u64 = 30;
/// A verdict has to stand on the city's page so soon.
pub const MINUTE: Duration = Duration::from_secs(60);

/// The city's side of a story, or whoever else looks at the portal.
pub struct TownHall {
    folder: PathBuf,
    portal: std::net::SocketAddr,
}

/// From when to when something may happen, as distances from now.
#[derive(Debug, Clone, Copy)]
pub struct Within {
    pub from: SignedDuration,
    pub to: SignedDuration,
}

impl Within {
    /// From now on, long enough for any story.
    pub const AN_HOUR: Self = Self { from: SignedDuration::ZERO, to: SignedDuration::from_hours(1) };
}

impl TownHall {
    /// Names the post, enters its head, and signs her in.
    pub async fn open(city: &City) -> anyhow::Result<Self> {
        let office = city.office()?;
        let post: PostId = POST.parse()?;
        let named = Act::PostNamed { post: post.clone(), name: "情報政策課長".to_owned() };
        office.decide(city.actor("city").await?, named, None).await?;
        Self::enter(city, (LOGIN, "佐藤 桜"), Role::CityApprover, Some(post)).await
    }

    /// Enters somebody who only looks, and signs them in.
    pub async fn visitor(city: &City, who: (&str, &str), role: Role) -> anyhow::Result<Self> {
        Self::enter(city, who, role, None).await
    }

    async fn enter(
        city: &City,
        (login, name): (&str, &str),
        role: Role,
        post: Option<PostId>,
    ) -> anyhow::Result<Self> {
        let office = city.office()?;
        let secret = office.enter_person(None, login, name, role, post, None).await?;
        let link = yakujo_server::console::link(&city.server.house, &office, &secret);
        let path = link.find("/c/").and_then(|begin| link.get(begin..)).context("a path")?.to_owned();
        let folder = city.data.join(format!("portal-{login}"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("authority.pem"), city.server.house.authority.pem())?;
        let hall = Self { folder, portal: city.server.portal };
        hall.sign_in(&path, login)?;
        Ok(hall)
    }

    fn sign_in(&self, link: &str, login: &str) -> anyhow::Result<()> {
        let page = self.page(link)?;
        let secret = between(&page, "<pre tabindex=\"0\">", "</pre>").replace(' ', "");
        let secret = Secret::try_from_base32(secret).map_err(|error| anyhow::anyhow!("{error:?}: {page}"))?;
        let totp = Builder::new().with_secret(secret).with_account_name(login).build()?;
        // A code counts once, and that of the step before is still taken.
        let done = self.send(
            link,
            &page,
            &[("password", PASSWORD), ("again", PASSWORD), ("code", &code(&totp, 1)?)],
        )?;
        ensure!(done.contains("回復コード"), "{done}");
        let way = "/c/main/sign-in";
        let page = self.page(way)?;
        self.send(way, &page, &[("login", login), ("password", PASSWORD), ("code", &code(&totp, 0)?)])?;
        let home = self.page("/c/main")?;
        ensure!(home.contains("/c/main/sign-out"), "nobody is signed in: {home}");
        Ok(())
    }

    fn curl(&self, path: &str, more: &[String]) -> anyhow::Result<String> {
        let port = self.portal.port();
        let jar = self.folder.join("cookies").display().to_string();
        let pem = self.folder.join("authority.pem").display().to_string();
        let route = format!("localhost:{port}:{}:{port}", self.portal.ip());
        let common =
            ["-sS", "--max-time", "30", "--cacert", &pem, "-b", &jar, "-c", &jar, "--connect-to", &route];
        let out = Command::new("curl")
            .args(common)
            .args(["-H", "Accept-Language: ja"])
            .args(more)
            .arg(format!("https://localhost:{port}{path}"))
            .output()
            .context("curl")?;
        ensure!(out.status.success(), "{path}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8(out.stdout)?)
    }

    /// A page of the portal, as she sees it.
    pub fn page(&self, path: &str) -> anyhow::Result<String> {
        self.curl(path, &[])
    }

    fn send(&self, path: &str, page: &str, fields: &[(&str, &str)]) -> anyhow::Result<String> {
        let hidden = |name: &str| between(page, &format!("name=\"{name}\" value=\""), "\"").to_owned();
        let (csrf, seen) = (hidden("csrf"), hidden("seen"));
        let mut more = vec!["-H".to_owned(), "Origin: null".to_owned()];
        more.extend(["-H".to_owned(), "Sec-Fetch-Site: same-origin".to_owned()]);
        let seen = if seen.is_empty() { "0" } else { seen.as_str() };
        for (name, value) in [("csrf", csrf.as_str()), ("seen", seen)].iter().chain(fields) {
            more.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        self.curl(path, &more)
    }

    /// Waits until a page shows all these words at one place: between two tags, or in one row of a table. Returns how long
    /// it took since `began`.
    pub async fn until_shown(&self, path: &str, words: &[&str], began: Instant) -> anyhow::Result<Duration> {
        let mut page = String::new();
        while began.elapsed() < MINUTE * 2 {
            page = self.page(path)?;
            if shows(&page, words) {
                let took = began.elapsed();
                println!("{path} shows {words:?} after {:.1} s", took.as_secs_f64());
                ensure!(took <= MINUTE, "later than a minute: {words:?}");
                return Ok(took);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        anyhow::bail!("{path} never shows {words:?}: {}", text_of(&page))
    }

    /// Whether a page shows all these words at one place.
    pub fn shows(&self, path: &str, words: &[&str]) -> anyhow::Result<bool> {
        Ok(shows(&self.page(path)?, words))
    }
}

fn shows(page: &str, words: &[&str]) -> bool {
    let places = |tag: &str| {
        let end = format!("</{tag}>");
        let all: Vec<&str> = page.split(&format!("<{tag}")).skip(1).collect();
        all.into_iter().map(move |place| place.split(&end).next().unwrap_or(place).to_owned())
    };
    let mut all = places("tr").chain(places("p")).chain(places("dd"));
    all.any(|place| words.iter().all(|word| place.contains(word)))
}

/// What a person reads on a page.
fn text_of(page: &str) -> String {
    let texts = page.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text.trim());
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" | ")
}

fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let rest = page.split_once(before).map_or("", |(_, rest)| rest);
    rest.split_once(after).map_or("", |(found, _)| found)
}

fn code(totp: &Totp, steps_ago: u64) -> anyhow::Result<String> {
    let now = u64::try_from(Timestamp::now().as_second())?;
    Ok(totp.generate((now / STEP).saturating_sub(steps_ago) * STEP).to_string())
}

/// The contractor asks, and the head of the section approves in her post. Returns the instant at which the window ends.
pub async fn approved(
    city: &City,
    id: &str,
    form: Form,
    scope: Value,
    within: Within,
) -> anyhow::Result<Timestamp> {
    let office = city.office()?;
    let now = office.now();
    let (from, to) = (now.checked_add(within.from)?, now.checked_add(within.to)?);
    let filled = json!({ "form": form.row().key, "title": format!("{id} のための申請"), "scope": scope,
        "window": { "from": from, "to": to, "reserve_min": 0 }, "fields": fields(form, to) });
    let number = format!("R8-{}-0001", form.row().word);
    act(
        city,
        "contractor",
        json!({ "kind": "request.asked", "request": id, "number": number, "filled": filled }),
    )
    .await?;
    act(city, LOGIN, json!({ "kind": "request.step", "request": id, "step": "received" })).await?;
    let yes =
        json!({ "kind": "request.step", "request": id, "step": "approved", "post": POST, "manner": "own" });
    act(city, LOGIN, yes).await?;
    Ok(to)
}

/// The contractor takes back what is left of an approval. Returns once no clock of this story can place an act before that.
pub async fn over(city: &City, id: &str) -> anyhow::Result<()> {
    let step =
        json!({ "kind": "request.step", "request": id, "step": "withdrawn", "reason": "作業が済みました。" });
    act(city, "contractor", step).await?;
    // Twice what a clock nobody measured may be off, and the time between two looks of the agent.
    tokio::time::sleep(Duration::from_secs(20)).await;
    Ok(())
}

async fn act(city: &City, login: &str, act: Value) -> anyhow::Result<()> {
    let office = city.office()?;
    let person = office.people.by_login(login).await?;
    let post = if login == LOGIN { Some(POST.parse()?) } else { None };
    let actor = Actor { person: person.id, role: person.role, post };
    let read: Act = serde_json::from_value(act.clone()).with_context(|| act.to_string())?;
    office.decide(Some(actor), read, None).await.with_context(|| act.to_string())?;
    Ok(())
}

/// What has to be filled in, with something in it.
fn fields(form: Form, moment: Timestamp) -> Map<String, Value> {
    let must = form.row().fields.iter().filter(|it| it.part == Part::Ask && it.need == Ask::Must);
    let value = |kind: Kind| match kind {
        Kind::Choice(choices) => choices.first().map_or_else(String::new, |it| it.0.to_owned()),
        Kind::Moment => moment.to_string(),
        Kind::Count => "1".to_owned(),
        Kind::Line | Kind::Text | Kind::People | Kind::Auto => "保守のため".to_owned(),
    };
    must.map(|field| (field.key.to_owned(), json!(value(field.kind)))).collect()
}
