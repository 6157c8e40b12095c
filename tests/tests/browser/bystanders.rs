//! Who looks on, in a browser of his own, while others ask and decide: each role of both organisations sees the request
//! and is offered exactly the steps that are his; a person of another contract meets what he meets where nothing is.

use crate::chromium::Browser;
use crate::person::Person;
use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use yakujo_contract::act::Role;
use yakujo_contract::id::PersonId;
use yakujo_server::office::Office;
use yakujo_stories::City;

/// A request that nobody knows.
const NOBODYS: &str = "q-0000000000000000";

/// What somebody is to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eye {
    /// Of the city, without a post.
    City,
    /// Of the city: holds the post that decides.
    Holder,
    /// Of the city: stands in for the holder.
    Deputy,
    /// Of the contractor.
    Contractor,
    /// Reads only.
    Auditor,
}

impl Eye {
    /// The steps that are offered to him after a step, in the order of the alphabet.
    fn steps(self, after: &str) -> &'static [&'static str] {
        match (self, after) {
            (Self::City, "asked" | "resubmitted") => &["consulted", "received", "returned"],
            (Self::Holder | Self::Deputy, "asked" | "resubmitted") => {
                &["approved", "consulted", "received", "refused", "returned"]
            }
            (Self::Contractor, "asked" | "resubmitted") => &["consented", "withdrawn"],
            (Self::Contractor, "returned") => &["resubmitted", "withdrawn"],
            (Self::Holder, "approved") => &["countersigned", "revoked"],
            (Self::Deputy, "approved") => &["revoked"],
            // An approved stop also covers cutting its hosts off, while its window lasts.
            (Self::Contractor, "approved") => &["done", "order", "withdrawn"],
            (Self::Holder, "done" | "confirmed") => &["countersigned"],
            (Self::Contractor, "done" | "reported") => &["reported"],
            (Self::Holder, "reported") => &["confirmed", "countersigned", "returned"],
            (Self::City | Self::Deputy, "reported") => &["confirmed", "returned"],
            _ => &[],
        }
    }

    /// What is offered to him on a finding.
    fn words(self, violation: bool) -> &'static [&'static str] {
        match (self, violation) {
            (Self::Auditor, _) => &[],
            (Self::City | Self::Holder | Self::Deputy, true) => &["classify", "close"],
            _ => &["classify"],
        }
    }

    fn is_of_the_city(self) -> bool {
        matches!(self, Self::City | Self::Holder | Self::Deputy)
    }
}

/// What stands on the page of a request after each step, for everybody; and what the city alone reads from then on.
const SHOWN: [(&str, &str); 8] = [
    ("asked", "提出済（受付待ち）"),
    ("returned", "代替手段を書いてください。"),
    ("resubmitted", "隣の窓口で受け付ける。"),
    ("approved", "終了後、すぐに電話で報告すること。"),
    ("done", "実施済（報告待ち）"),
    ("reported", "窓口の発行を確かめた。"),
    ("confirmed", "確認済"),
    ("countersigned", "後閲"),
];
/// What one of the city said to the others of the city.
pub const AMONG_THE_CITY: &str = "前回も同じ窓口でした。課長に口頭で伝えます。";

/// The steps and reports that the page offers.
const OFFERED: &str = r#"
const at = location.pathname;
const steps = [...document.querySelectorAll("main form")].map((it) => new URL(it.action).pathname)
  .filter((it) => it.startsWith(at + "/")).map((it) => it.split("/").pop());
const links = [["edit", "resubmitted"], ["report", "reported"]]
  .filter(([page]) => document.querySelector(`main a[href="${at}/${page}"]`)).map(([, word]) => word);
return [...steps, ...links].sort();"#;

/// Whoever is at this browser looks at the request.
///
/// # Errors
/// When he sees or may do more or less than is his.
pub async fn looks(browser: &Browser, eye: Eye, request: &str, after: &str) -> anyhow::Result<()> {
    browser.go(request).await?;
    let who = || format!("{eye:?} after {after}");
    let offered = browser.run(OFFERED).await?;
    ensure!(offered == serde_json::json!(eye.steps(after)), "{}: is offered {offered}", who());
    let text = browser.texts("main").await?.join("\n");
    let shown = SHOWN.iter().find(|(step, _)| *step == after).context("a step of the story")?.1;
    ensure!(
        text.contains("ディスク交換による停止") && text.contains(shown),
        "{}: does not see {shown}",
        who()
    );
    let among = text.contains(AMONG_THE_CITY);
    ensure!(among == (eye.is_of_the_city() && after != "asked"), "{}: sees the city's talk: {among}", who());
    Ok(())
}

/// Whoever is at this browser looks at the finding.
///
/// # Errors
/// When he sees or may do more or less than is his.
pub async fn looks_at_finding(
    browser: &Browser,
    eye: Eye,
    finding: &str,
    said: &[&str],
    violation: bool,
) -> anyhow::Result<()> {
    browser.go(finding).await?;
    let offered = browser.run(OFFERED).await?;
    let own = eye.words(violation);
    ensure!(offered == serde_json::json!(own), "{eye:?} is offered {offered} on the finding");
    let text = browser.texts("main").await?.join("\n");
    for words in said.iter().chain(&["時間外"]) {
        ensure!(text.contains(words), "{eye:?} does not see {words} on the finding");
    }
    Ok(())
}

/// The people who look on.
pub struct Bystanders<'a> {
    browser: &'a Browser,
    /// What each is, and the session he looks with.
    eyes: Vec<(Eye, String)>,
    /// The session of a person of another contract.
    outsider: String,
    pages: usize,
}

impl<'a> Bystanders<'a> {
    /// Lets everybody in once. `holder` is the link of whoever holds the post that decides.
    ///
    /// # Errors
    /// When one cannot sign in.
    pub async fn arrive(city: &City, browser: &'a Browser, holder: &str) -> anyhow::Result<Self> {
        let office = city.office()?;
        let link = async |login: &str, role| link_of(city, &office, login, role).await.map(|it| it.1);
        let mut eyes = Vec::new();
        for (eye, login, link) in [
            (Eye::Holder, "holder", holder.to_owned()),
            (Eye::City, "city", crate::walk::first_link(city, "city")?),
            (Eye::City, "staff", link("staff", Role::CityStaff).await?),
            (Eye::Contractor, "operator", link("operator", Role::Operator).await?),
            (Eye::Auditor, "auditor", link("auditor", Role::Auditor).await?),
        ] {
            eyes.push((eye, session(browser, "main", login, &link).await?));
        }
        let other = city.server.house.office("other").context("the other contract")?;
        let link = link_of(city, &other, "outsider", Role::CitySecurity).await?.1;
        let outsider = session(browser, "other", "outsider", &link).await?;
        Ok(Self { browser, eyes, outsider, pages: 0 })
    }

    /// Becomes the holder of the post.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn become_holder(&self) -> anyhow::Result<&'a Browser> {
        let holder = self.eyes.iter().find(|(eye, _)| *eye == Eye::Holder).context("the holder")?;
        self.browser.go_on_as("main", &holder.1).await?;
        Ok(self.browser)
    }

    /// Everybody looks at the request, at its slip, and for it in the list.
    ///
    /// # Errors
    /// When somebody sees or may do more or less than is his.
    pub async fn look(&mut self, request: &str, after: &str) -> anyhow::Result<()> {
        for (eye, session) in &self.eyes {
            self.browser.go_on_as("main", session).await?;
            looks(self.browser, *eye, request, after).await?;
            for page in [format!("{request}/slip"), "/c/main/requests?of=all".to_owned()] {
                self.browser.go(&page).await?;
                let text = self.browser.texts("main").await?.join("\n");
                ensure!(text.contains("ディスク交換による停止"), "{eye:?} after {after}: {page}");
            }
            self.pages += 3;
        }
        let id = request.rsplit('/').next().context("the id of the request")?;
        self.outsider_looks(&format!("requests/{id}"), &format!("requests/{NOBODYS}")).await
    }

    /// Everybody looks at the finding.
    ///
    /// # Errors
    /// When somebody sees or may do more or less than is his.
    pub async fn look_at_finding(
        &mut self,
        finding: &str,
        said: &[&str],
        violation: bool,
    ) -> anyhow::Result<()> {
        for (eye, session) in &self.eyes {
            self.browser.go_on_as("main", session).await?;
            looks_at_finding(self.browser, *eye, finding, said, violation).await?;
            self.pages += 1;
        }
        let id = finding.rsplit('/').next().context("the id of the finding")?;
        self.outsider_looks(&format!("findings/{id}"), "findings/none").await
    }

    /// The person of the other contract looks under the address of either contract: nothing tells what is there from what
    /// is not, and nothing of it is in his own lists.
    async fn outsider_looks(&mut self, ours: &str, nobodys: &str) -> anyhow::Result<()> {
        self.browser.go_on_as("other", &self.outsider).await?;
        for contract in ["main", "other"] {
            for tail in ["", "/slip", "/pdf", "/edit"] {
                let one = self.meets(&format!("/c/{contract}/{ours}{tail}"), ours).await?;
                let other = self.meets(&format!("/c/{contract}/{nobodys}{tail}"), nobodys).await?;
                ensure!(one == other, "{contract} {ours}{tail}: {one:?} is not {other:?}");
                ensure!(!one.1.contains("ディスク交換"), "{contract} {ours}{tail}: {one:?}");
                self.pages += 2;
            }
        }
        for list in ["requests?of=all", "findings?of=all", "notices"] {
            self.browser.go(&format!("/c/other/{list}")).await?;
            let text = self.browser.texts("main").await?.join("\n");
            ensure!(!text.contains("ディスク交換"), "{list} of the other contract");
            self.pages += 1;
        }
        Ok(())
    }

    /// Where an address leads, and the page there, without its own name.
    async fn meets(&self, path: &str, own: &str) -> anyhow::Result<(String, String)> {
        self.browser.go(path).await?;
        let page = self.browser.run("return document.body.outerHTML").await?;
        let page = page.as_str().map(|page| page.replace(own, "")).unwrap_or_default();
        // A visitor without a session gets a token for the door of this contract, another one each time.
        let (before, after) = page.split_once("name=\"csrf\" value=\"").unwrap_or((&page, ""));
        let after = after.split_once('"').map_or("", |(_, after)| after);
        // The minute at which a page is shown may turn between two looks.
        let (after, foot) = after.split_once("表示日時 ").unwrap_or((after, ""));
        let after = format!("{after}{}", foot.split_once('<').map_or("", |(_, foot)| foot));
        Ok((self.browser.path().await?.replace(own, ""), format!("{before}{after}")))
    }

    /// How many pages they looked at.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages
    }
}

/// Sets somebody up, signs him in, and takes his session along.
async fn session(browser: &Browser, contract: &str, login: &str, link: &str) -> anyhow::Result<String> {
    browser.forget().await?;
    Person::prepare(browser, login, link).await?.sign_in(browser).await?;
    browser.session(contract).await
}

/// A new person and the address of his one-time link.
///
/// # Errors
/// When he cannot be entered.
pub async fn link_of(
    city: &City,
    office: &Office,
    login: &str,
    role: Role,
) -> anyhow::Result<(PersonId, String)> {
    let until = (role == Role::Auditor).then(|| Timestamp::now() + SignedDuration::from_hours(24));
    let secret = office.enter_person(None, login, &format!("{login} 太郎"), role, None, until).await?;
    let person = office.people.by_login(login).await?.id;
    Ok((person, yakujo_server::console::link(&city.server.house, office, &secret)))
}
