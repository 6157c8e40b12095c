//! Two contracts on one server: nothing of one is visible to a person or a device of the other.

use super::browser::OWN_FORM;
use super::site::{JSON, PASSWORD, Site};
use super::walk::concrete;
use yakujo_contract::act::{Act, Matter, Role};
use yakujo_contract::duty::DutyId;
use yakujo_server::routes::{ROUTES, Verb};

/// A word that stands only in what belongs to `main`.
const MARK: &str = "only-main-knows";

/// Two contracts; in the first, a host, a proposal and a person carry the mark.
async fn two() -> Site {
    let site = Site::with(&["main", "other"]).await;
    site.device("main", MARK).await;
    let matter =
        Matter::NotApplicable { duty: DutyId::parse("6.a").unwrap(), system: None, reason: MARK.to_owned() };
    let proposal = MARK.parse().unwrap();
    site.office("main").decide(None, Act::Proposed { proposal, matter }, None).await.unwrap();
    site.office("main").enter_person(None, MARK, MARK, Role::CityStaff, None, None).await.unwrap();
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_the_other_contract_shows_anything_of_this_one() {
    let site = two().await;
    let person = site.person("other", Role::CitySecurity).await;
    let mut browser = site.sign_in(&person).await;
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
        let own = concrete(&site, route.path).replace("/c/main", "/c/other");
        for query in ["", "?find=only", "?lang=en", "?format=csv", "?format=xlsx"] {
            let reply = browser.get(&format!("{own}{query}")).await;
            assert!(!reply.body.contains(MARK), "{own}{query}");
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_this_contract_name_nothing_in_the_other() {
    let site = two().await;
    let person = site.person("other", Role::CitySecurity).await;
    let mut browser = site.sign_in(&person).await;
    let nothing = browser.get("/c/other/nothing").await;
    let beyond = site.office("main").size().max(site.office("other").size()) - 1;
    assert!(beyond >= site.office("other").size(), "main has more entries");
    for path in [format!("hosts/{MARK}"), format!("agreements/{MARK}"), format!("ledger/{beyond}")] {
        assert_eq!(browser.get(&format!("/c/other/{path}")).await, nothing, "{path}");
        let here = site.person_of_city("main", &path).await;
        assert_ne!(here.status, 404, "{path} exists in main");
    }
    for act in ["agree", "refuse", "end"] {
        let path = format!("/c/other/agreements/{MARK}/{act}");
        let reply = browser.post(&path, &[("reason", "試験")]).await;
        assert_eq!(reply.status, 422, "{path} finds no proposal");
        assert!(!reply.body.contains(MARK));
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_passwords_of_this_contract_open_nothing_in_the_other() {
    let site = two().await;
    let link =
        site.office("main").enter_person(None, "ichiyama", MARK, Role::CityStaff, None, None).await.unwrap();
    let mut stranger = site.stranger();
    let reply = stranger.get(&format!("/c/other/link/{}", *link)).await;
    assert_eq!(reply.status, 422);
    assert!(!reply.body.contains(MARK) && !reply.body.contains("ichiyama"));
    let mut person = site.redeem("main", "ichiyama", &link).await;
    person.contract = "other".to_owned();
    let refused = site.try_sign_in(&mut stranger, &person, PASSWORD).await;
    assert_eq!(refused.status, 422);
    person.contract = "main".to_owned();
    assert_eq!(site.try_sign_in(&mut stranger, &person, PASSWORD).await.status, 303);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_this_contract_does_not_carry_a_form_into_the_other() {
    let site = two().await;
    let here = site.person("main", Role::CitySecurity).await;
    let there = site.person("other", Role::CitySecurity).await;
    let (mut both, mut other) = (site.sign_in(&here).await, site.sign_in(&there).await);
    both.cookies.extend(other.cookies.clone());
    both.get("/c/main/bundle").await;
    other.get("/c/other/bundle").await;
    let body = other.form(&both.csrf, &[]);
    let reply = both.send("POST", "/c/other/bundle", OWN_FORM, &body).await;
    assert_eq!(reply.status, 404, "the token is of main");
    let body = other.form(&other.csrf, &[]);
    assert_eq!(both.send("POST", "/c/other/bundle", OWN_FORM, &body).await.status, 200);
    site.stop().await;
}

/// The city writes it into its policy: what is verified does not vouch for itself.
#[tokio::test(flavor = "multi_thread")]
async fn each_contract_shows_the_key_that_its_bundles_are_signed_with() {
    let site = two().await;
    let mut shown = Vec::new();
    for contract in ["main", "other"] {
        let mut browser = site.sign_in(&site.person(contract, Role::CitySecurity).await).await;
        let path = format!("/c/{contract}/bundle");
        let page = browser.get(&path).await.body;
        // Behind the head, which begins with the same name.
        let key = page.split("<pre tabindex=\"0\">").nth(2).unwrap().split('<').next().unwrap().trim();
        let (key, bundle) = (key.to_owned(), browser.post(&path, &[]).await.body);
        assert!(key.starts_with("yakujo/l-"), "{key}");
        assert!(bundle.lines().next().unwrap().contains(&format!("log {key}")), "{contract}: {key}");
        shown.push(key);
    }
    assert_ne!(shown.first(), shown.last());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_speaks_for_its_own_contract_only() {
    let site = two().await;
    let device = site.device("main", "web-1").await;
    let before = site.entries("other", 0).len();
    let reply = device.post("/intake/v1/facts", &super::intake::facts("e1", &[1])).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(site.entries("other", 0).len(), before);
    assert!(site.entries("main", 0).iter().any(|entry| entry.contains("\"agent\":\"web-1\"")));
    assert!(site.office("other").people.devices().await.unwrap().is_empty());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_several_contracts_nothing_tells_which_there_are() {
    let site = two().await;
    let stranger = site.stranger();
    let first = stranger.send("GET", "/", &[], "").await;
    assert_eq!(first.status, 404);
    assert!(!first.body.contains("/c/") && !first.body.contains("other"));
    let absent = stranger.send("GET", "/c/third", &[], "").await;
    assert_eq!(absent.status, 404);
    let key = rcgen::KeyPair::generate().unwrap();
    let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let body = serde_json::json!({ "code": "x", "csr": csr }).to_string();
    let wrong = stranger.send("POST", "/enrol/v1", JSON, &body).await;
    assert_eq!((wrong.status, wrong.body.contains("main")), (403, false));
    site.stop().await;
}

impl Site {
    /// What somebody of the city sees there.
    async fn person_of_city(&self, contract: &str, path: &str) -> super::wire::Reply {
        let login = format!("p{}", path.len());
        let office = self.office(contract);
        let link = office.enter_person(None, &login, "市の人", Role::CityStaff, None, None).await.unwrap();
        let person = self.redeem(contract, &login, &link).await;
        self.sign_in(&person).await.get(&format!("/c/{contract}/{path}")).await
    }
}
