//! Who looks on while a request goes its way: at every step, everybody of the contract sees the request and is offered
//! nothing that only the other party, or nobody but the seated, may do; whoever belongs to another contract meets what he
//! meets where nothing is.

use super::browser::Browser;
use super::matrix::{Town, filled, step};
use super::site::Site;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::entry::Party;
use yakujo_contract::id::RequestId;
use yakujo_contract::request::RequestNumber;
use yakujo_contract::request::form::Form;
use yakujo_server::decide::possible::WORDS;

/// The request that only `main` knows.
const OURS: &str = "q-only-main-knows";
/// A request that nobody knows.
const NOBODYS: &str = "q-nobody-knows-it";

/// The way of the request, after it was asked for: the step and who takes it.
const WAY: [(&str, Role); 6] = [
    ("returned", Role::CityStaff),
    ("resubmitted", Role::Operator),
    ("approved", Role::CitySecurity),
    ("done", Role::Operator),
    ("reported", Role::Operator),
    ("confirmed", Role::CityStaff),
];

/// Steps that only the contractor takes of a stop, and those that only the city takes. Either takes the others.
const CONTRACTORS: [&str; 6] = ["resubmitted", "withdrawn", "consented", "invoked", "done", "reported"];
const CITYS: [&str; 8] =
    ["received", "consulted", "signed", "approved", "refused", "returned", "revoked", "confirmed"];
/// What needs a post, which no bystander holds.
const SEATED: [&str; 5] = ["signed", "approved", "refused", "revoked", "countersigned"];

struct Bystander {
    role: Role,
    browser: Browser,
}

impl Bystander {
    fn may(&self, word: &str) -> bool {
        let own = match self.role.party() {
            Party::City => !CONTRACTORS.contains(&word),
            Party::Contractor => !CITYS.contains(&word),
            Party::Auditor => false,
        };
        own && !SEATED.contains(&word)
    }

    async fn looks(&mut self, after: &str) {
        let path = format!("/c/main/requests/{OURS}");
        let page = self.browser.get(&path).await;
        let who = format!("{:?} after {after}", self.role);
        assert_eq!(page.status, 200, "{who}");
        assert!(page.body.contains(OURS), "{who} sees the request");
        for word in WORDS {
            let offered = page.body.contains(&format!("{path}/step/{word}\""));
            assert!(!offered || self.may(word), "{who} is offered {word}");
            let waits = self.role.party() == Party::City && (after, word) == ("asked", "received");
            assert!(offered || !waits, "{who} is not offered {word}");
        }
        let contractor = self.role.party() == Party::Contractor;
        for form in ["edit", "report"] {
            let offered = page.body.contains(&format!("{path}/{form}\""));
            assert!(!offered || contractor, "{who} is offered {form}");
        }
        assert_eq!(self.browser.get(&format!("{path}/slip")).await.status, 200, "{who} prints it");
        let list = self.browser.get("/c/main/requests?of=all").await;
        assert!(list.body.contains(OURS), "{who} finds it in the list");
    }
}

/// Somebody of contract `other` looks, under the address of either contract.
async fn outsider_meets_nothing(outsider: &mut Browser, finding: &str, after: &str) {
    for contract in ["main", "other"] {
        for tail in ["", "/slip", "/pdf", "/edit", "/report"] {
            let ours = outsider.get(&format!("/c/{contract}/requests/{OURS}{tail}")).await;
            let nobodys = outsider.get(&format!("/c/{contract}/requests/{NOBODYS}{tail}")).await;
            assert_ne!(ours.status, 200, "{contract}{tail} after {after}");
            assert_eq!(ours.status, nobodys.status, "{contract}{tail} after {after}");
            let body = |text: &str, id: &str| text.replace(id, "");
            assert_eq!(
                body(&ours.body, OURS),
                body(&nobodys.body, NOBODYS),
                "{contract}{tail} after {after}"
            );
        }
        for word in WORDS {
            let path = format!("/c/{contract}/requests/{OURS}/step/{word}");
            let reply = outsider.post(&path, &[("reason", "試験")]).await;
            assert!(reply.status >= 303, "{path} after {after}: {}", reply.status);
        }
    }
    for list in ["requests?of=all", "findings?of=all", "notices", ""] {
        let page = outsider.get(&format!("/c/other/{list}")).await;
        assert!(!page.body.contains(OURS), "{list} after {after}");
    }
    let page = outsider.get(&format!("/c/main/findings/{finding}")).await;
    assert_ne!(page.status, 200, "the finding after {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_step_bystanders_see_the_request_and_are_offered_only_what_is_theirs() {
    let town = Town::of(Site::with(&["main", "other"]).await).await;
    let (site, now) = (&town.site, town.site.clock.now());
    let mut bystanders = Vec::new();
    for role in Role::ALL {
        let person = site.person("main", role).await;
        bystanders.push(Bystander { role, browser: site.sign_in(&person).await });
    }
    let mut outsider = site.sign_in(&site.person("other", Role::CitySecurity).await).await;
    let office = site.office("main");
    let finding = office.court().roll(office.terms()).all().first().unwrap().finding.id.to_string();
    let id: RequestId = OURS.parse().unwrap();
    let number = RequestNumber::new("R0", Form::F07, 9);
    let filled = Box::new(filled(Form::F07, now));
    town.act(Role::Operator, Act::RequestAsked { request: id.clone(), number, filled }).await;
    let mut after = "asked";
    for (word, role) in WAY.into_iter().map(Some).chain([None]).map(Option::unzip) {
        for bystander in &mut bystanders {
            bystander.looks(after).await;
        }
        outsider_meets_nothing(&mut outsider, &finding, after).await;
        if let (Some(word), Some(role)) = (word, role) {
            let step = step(word, role, Form::F07, site.clock.now());
            town.act(role, Act::RequestStep { request: id.clone(), step }).await;
            after = word;
        }
    }
    assert_eq!(after, "confirmed");
    town.site.stop().await;
}
