//! 認可処理: who acts comes from the session; what is another's cannot be reached by its id.

use super::site::Site;
use yakujo_contract::act::{Act, Matter, Role};
use yakujo_contract::duty::DutyId;
use yakujo_contract::id::ProposalId;
use yakujo_server::decide::Actor;

async fn propose(site: &Site, login: &str, id: &str) {
    let office = site.office("main");
    let person = office.people.by_login(login).await.unwrap();
    let actor = Actor { person: person.id, role: person.role, post: None };
    let matter = Matter::NotApplicable {
        duty: DutyId::parse("6.a").unwrap(),
        system: None,
        reason: "試験".to_owned(),
    };
    let proposal: ProposalId = id.parse().unwrap();
    office.decide(Some(actor), Act::Proposed { proposal, matter }, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_session_of_another() {
    let site = Site::start().await;
    let (one, two) =
        (site.person("main", Role::CitySecurity).await, site.person("main", Role::CityStaff).await);
    let (mut mine, mut theirs) = (site.sign_in(&one).await, site.sign_in(&two).await);
    let name = site.sessions(&two).await.pop().unwrap();
    assert_eq!(mine.post("/c/main/account/end", &[("session", &name)]).await.status, 404);
    assert_eq!(theirs.get("/c/main").await.status, 200);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_decide_agree_and_only_to_what_the_other_party_proposed() {
    let site = Site::start().await;
    let lead = site.person("main", Role::SecurityLead).await;
    propose(&site, &lead.login, "by-contractor").await;
    for (role, allowed) in [
        (Role::Operator, false),
        (Role::SecurityLead, false),
        (Role::CityStaff, false),
        (Role::Auditor, false),
        (Role::CityApprover, true),
    ] {
        let person = if role == Role::SecurityLead { &lead } else { &site.person("main", role).await };
        let mut browser = site.sign_in(person).await;
        let before = site.entries("main", 0).len();
        browser.get("/c/main/bundle").await;
        let claims = [("role", "city_approver"), ("person", "p-1"), ("party", "city")];
        let reply = browser.post("/c/main/agreements/by-contractor/agree", &claims).await;
        assert_eq!(reply.status == 303, allowed, "{role:?}: {}", reply.status);
        let new = site.entries("main", before as u64);
        assert_eq!(new.iter().any(|entry| entry.contains("\"agreed\"")), allowed, "{role:?}");
    }
    site.stop().await;
}
