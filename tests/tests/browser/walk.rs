//! Each side walks every page it may see, in both languages, by following links from its first page. Every page keeps
//! the laws, and every route that the side may use is reached: a page to which no link leads does not exist for people.

use crate::asked::something_of_each;
use crate::chromium::{Browser, Script, story};
use crate::laws::Findings;
use crate::paperwork::{agree_to_everything, ask, bring_checksheet, hand_over, register, sign_out};
use crate::person::Person;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use yakujo_contract::act::{Matter, Role};
use yakujo_contract::entry::Party;
use yakujo_contract::target::{Expected, Means, Target};
use yakujo_server::audience::Caller;
use yakujo_server::decide::Actor;
use yakujo_server::routes::{ROUTES, Verb};
use yakujo_stories::City;

/// The languages, with how many pages of each kind are looked at: an empty and a full list are not the same page.
const LANGUAGES: [(&str, usize); 2] = [("ja", 2), ("en", 1)];

/// Routes to which no link of the first page leads; each is looked at on the way in.
const ON_THE_WAY_IN: [&str; 2] = ["/c/{contract}/sign-in", "/c/{contract}/link/{secret}"];

/// Routes that answer with a file to be saved: a link to them is enough.
const FILES: [&str; 7] = [
    "/c/{contract}/requests/{request}/pdf",
    "/c/{contract}/agreements/{proposal}/pdf",
    "/c/{contract}/parameters/pdf",
    "/c/{contract}/checksheets/{sheet}/file",
    "/c/{contract}/documents/{document}/file",
    "/c/{contract}/disclosures/{disclosure}/file",
    "/c/{contract}/requests/{request}/file/{digest}",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_citys_pages_can_be_used_by_everybody() -> anyhow::Result<()> {
    look_around("city", Role::CitySecurity).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contractors_pages_can_be_used_by_everybody() -> anyhow::Result<()> {
    look_around("contractor", Role::SecurityLead).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditors_pages_can_be_used_by_everybody() -> anyhow::Result<()> {
    look_around("auditor", Role::Auditor).await
}

/// Both parties leave something to look at, each through its own pages; then one side walks.
async fn look_around(who: &str, role: Role) -> anyhow::Result<()> {
    story(Script::On, async |city, browser| {
        observed(city).await?;
        something_of_each(city).await?;
        let mut findings = Findings::default();
        let mut client = arrive(browser, city, "city", who, &mut findings).await?;
        ask(browser, "10月の資源の利用率").await?;
        ask(browser, "11月の資源の利用率").await?;
        bring_checksheet(browser).await?;
        if who == "city" {
            agree_to_everything(browser).await?;
        }
        sign_out(browser).await?;
        arrive(browser, city, "contractor", who, &mut findings).await?;
        register(browser).await?;
        hand_over(browser).await?;
        match role.party() {
            Party::Contractor => {}
            Party::City => {
                sign_out(browser).await?;
                client.sign_in(browser).await?;
            }
            Party::Auditor => {
                sign_out(browser).await?;
                arrive(browser, city, "auditor", who, &mut findings).await?;
            }
        }
        walk_both(browser, role, &mut findings).await?;
        findings.close()
    })
    .await
}

/// A person comes for the first time; the way in is looked at where it is the side whose pages are.
async fn arrive(
    browser: &Browser,
    city: &City,
    login: &str,
    who: &str,
    findings: &mut Findings,
) -> anyhow::Result<Person> {
    let link = if login == "auditor" { auditors_link(city).await? } else { first_link(city, login)? };
    if login == who {
        return way_in(browser, &link, login, findings).await;
    }
    let mut person = Person::prepare(browser, login, &link).await?;
    person.sign_in(browser).await?;
    Ok(person)
}

async fn auditors_link(city: &City) -> anyhow::Result<String> {
    let office = city.office()?;
    let until = Some(Timestamp::now().checked_add(SignedDuration::from_hours(24))?);
    let secret = office.enter_person(None, "auditor", "監査 花子", Role::Auditor, None, until).await?;
    Ok(yakujo_server::console::link(&city.server.house, &office, &secret))
}

/// The one-time link of a first person, as the server prints it at its first start.
///
/// # Errors
/// When there is none.
pub fn first_link(city: &City, login: &str) -> anyhow::Result<String> {
    let mut links = city.server.first_links.iter();
    let (_, link) = links
        .find(|(contract, link)| contract.as_str() == "main" && link.login == login)
        .context("a first person")?;
    Ok(yakujo_server::console::link(&city.server.house, &*city.office()?, &link.secret))
}

/// Waits until the pages have facts of this machine to show.
///
/// # Errors
/// When nothing is observed.
pub async fn observed(city: &City) -> anyhow::Result<()> {
    watch(city).await?;
    say(city).await?;
    let seen = |city: &City| Ok(!city.ruling("3.1.a")?.verdict.evidence.is_empty());
    city.until(Duration::from_secs(60), "packages are seen", seen).await?;
    let stopped = |city: &City| {
        let office = city.office()?;
        let court = office.court();
        let seen = court.evidence().watching.of(&"web".parse()?).count();
        Ok(seen == 2)
    };
    city.until(Duration::from_secs(60), "both probes tried a target", stopped).await
}

/// Both parties talk about a duty, so that there is a comment to look at.
async fn say(city: &City) -> anyhow::Result<()> {
    let office = city.office()?;
    let person = office.people.by_login("contractor").await?;
    let actor = Actor { person: person.id, role: person.role, post: None };
    // Of every duty, because a walk looks at some pages of a kind only.
    for duty in &office.terms().duties {
        let about = format!("duty/{}/main", duty.duty).parse()?;
        office.say(actor.clone(), about, "資料を更新しました。", None).await?;
    }
    Ok(())
}

/// A target where nobody listens: it is down, as both probes of this machine see.
async fn watch(city: &City) -> anyhow::Result<()> {
    let target = Target {
        target: "web".parse()?,
        system: "main".parse()?,
        name: "住民ポータル".to_owned(),
        means: Means::Tcp,
        address: "127.0.0.1:1".to_owned(),
        expected: Expected::default(),
        authority: None,
        reference: None,
        every_s: 10,
        probes: vec!["server".parse()?, "this-host".parse()?],
    };
    city.agree(Matter::Target(target)).await
}

/// Link, recovery codes, a refused sign-in, sign-in: each looked at.
async fn way_in(
    browser: &Browser,
    link: &str,
    login: &str,
    findings: &mut Findings,
) -> anyhow::Result<Person> {
    browser.go(link).await?;
    findings.add(browser, "ja").await?;
    let mut person = Person::prepare(browser, login, link).await?;
    findings.add(browser, "ja").await?;
    for lang in ["en", "ja"] {
        browser.go(&format!("/c/main/sign-in?lang={lang}")).await?;
        findings.add(browser, lang).await?;
    }
    browser.fill("#f-login", login).await?;
    browser.fill("#f-password", "wrong").await?;
    browser.fill("#f-code", "000000").await?;
    browser.press("main form .button").await?;
    ensure!(browser.texts(".note.bad").await?.len() == 1, "the refusal is not said");
    findings.add(browser, "ja").await?;
    browser.go("/c/main/no-such-page").await?;
    person.sign_in(browser).await?;
    browser.go("/c/main/no-such-page").await?;
    browser.until_heading("ページが見つかりません").await?;
    findings.add(browser, "ja").await?;
    Ok(person)
}

async fn walk_both(browser: &Browser, role: Role, findings: &mut Findings) -> anyhow::Result<()> {
    for (lang, each) in LANGUAGES {
        let seen = walk(browser, lang, each, findings).await?;
        let caller = Caller::Person(role);
        for route in ROUTES.iter().filter(|route| route.verb == Verb::Get && route.audience.admits(caller)) {
            if !seen.contains(route.path) && !ON_THE_WAY_IN.contains(&route.path) {
                findings.faults.insert(format!("no link leads to {}", route.path));
            }
        }
    }
    Ok(())
}

async fn walk(
    browser: &Browser,
    lang: &str,
    each: usize,
    findings: &mut Findings,
) -> anyhow::Result<BTreeSet<&'static str>> {
    browser.go(&format!("/c/main?lang={lang}")).await?;
    let mut ahead = VecDeque::from([("/c/main".to_owned(), "the start".to_owned())]);
    let mut known = BTreeSet::new();
    let mut times: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    while let Some((to, from)) = ahead.pop_front() {
        let Some(kind) = kind_of(&to) else {
            findings.faults.insert(format!("a link on {from} leads to {to}, which no route answers"));
            continue;
        };
        let route = kind.0;
        let times = times.entry(kind).or_default();
        // Which links a request shows depends on how far it has come: all of them are looked at.
        let each = if route.ends_with("/requests/{request}") { 4 } else { each };
        if *times == each {
            continue;
        }
        *times += 1;
        if FILES.contains(&route) {
            continue;
        }
        browser.go(&to).await?;
        let at = browser.path().await?;
        ensure!(to.split('?').next() == Some(&at), "{to} leads to {at}");
        if let Some(said) = browser.texts(REFUSED).await?.first() {
            findings.faults.insert(format!("a link on {from} leads to {to}: {said}"));
            continue;
        }
        findings.add(browser, lang).await?;
        let links = browser.run(LINKS).await?;
        if route.ends_with("/findings/{finding}") && *times == 1 {
            gone(browser, &at, lang, findings).await?;
        }
        for link in links.as_array().context("links are a list")? {
            let link = link.as_str().and_then(|link| link.strip_prefix(browser.portal())).unwrap_or_default();
            if !link.is_empty() && known.insert(link.to_owned()) {
                ahead.push_back((link.to_owned(), to.clone()));
            }
        }
    }
    Ok(times.into_keys().map(|(route, _)| route).collect())
}

/// The page of a finding that stands no more: as if it had been said to begin an instant earlier.
async fn gone(browser: &Browser, at: &str, lang: &str, findings: &mut Findings) -> anyhow::Result<()> {
    let (begin, nanos) = at.rsplit_once('.').context("an instant")?;
    browser.go(&format!("{begin}.{}", nanos.parse::<i128>()? - 1)).await?;
    ensure!(browser.texts(REFUSED).await?.is_empty(), "{at}: nothing is said of what it was");
    findings.add(browser, lang).await
}

/// What a page says instead of itself: the only page whose mark leads out of the contract.
const REFUSED: &str = r#"body:has(> header .mark[href="/"]) main .lead"#;

/// Where links lead: pages only, neither files nor the other language.
const LINKS: &str = r#"return [...document.querySelectorAll("a[href]")].map((it) => it.href.split('#')[0])
    .filter((it) => it.startsWith(location.origin) && !/[?&](format|lang)=/.test(it));"#;

/// The route that answers an address, the one with the fewest parts left open, and the tab on its page.
fn kind_of(address: &str) -> Option<(&'static str, String)> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let fits = |pattern: &str| {
        let (mut left, mut right) = (pattern.split('/'), path.split('/'));
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(part), Some(word)) if part == word || part.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let gets = ROUTES.iter().filter(|route| route.verb == Verb::Get && fits(route.path));
    let route = gets.min_by_key(|route| route.path.matches('{').count())?;
    let tab = query.split('&').find_map(|field| field.strip_prefix("tab="));
    Some((route.path, tab.unwrap_or_default().to_owned()))
}
