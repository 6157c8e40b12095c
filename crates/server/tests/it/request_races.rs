//! Requests at the same instant: no update is lost, nothing is approved twice, every number is given once and in order.

use super::browser::OWN_FORM;
use super::site::{Site, a_stop};
use std::collections::BTreeSet;
use tokio::task::JoinSet;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::id::{Digest, EntryNumber, RequestId};
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;
use yakujo_contract::request::{Manner, RequestNumber, Step};
use yakujo_server::decide::{Actor, Decision};

fn q1() -> RequestId {
    "q-1".parse().unwrap()
}

/// Two approvers who both hold the post.
async fn approvers(site: &Site) -> Vec<Actor> {
    let office = site.office("main");
    let mut actors = Vec::new();
    for login in ["sato", "suzuki"] {
        let post = Some("kachou".parse().unwrap());
        office.enter_person(None, login, login, Role::CityApprover, post, None).await.unwrap();
        actors.push(site.actor("main", login).await.unwrap());
    }
    actors
}

fn approves(newest: Option<EntryNumber>, actor: Actor) -> Decision {
    let step = Step::Approved {
        post: "kachou".parse().unwrap(),
        manner: Manner::Own,
        conditions: Vec::new(),
        window: None,
        scope: None,
    };
    Decision { actor: Some(actor), act: Act::RequestStep { request: q1(), step }, seen: None, newest }
}

fn newest(site: &Site) -> Option<EntryNumber> {
    site.office("main").court().evidence().requests.get(&q1()).unwrap().newest()
}

fn state(site: &Site) -> State {
    let office = site.office("main");
    let court = office.court();
    court.evidence().requests.get(&q1()).unwrap().progress.as_ref().unwrap().state
}

fn steps(site: &Site, word: &str) -> usize {
    let word = format!("\"step\":\"{word}\"");
    site.entries("main", 0).iter().filter(|entry| entry.contains(&word)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_approve_at_once_one_does() {
    let site = Site::start().await;
    let actors = approvers(&site).await;
    let seen = newest(&site);
    let mut tries = JoinSet::new();
    for number in 0..20 {
        let (office, actor) = (site.office("main"), actors[number % 2].clone());
        tries.spawn(async move { office.settle(approves(seen, actor)).await.is_ok() });
    }
    let approved = tries.join_all().await.into_iter().filter(|done| *done).count();
    assert_eq!((approved, steps(&site, "approved"), state(&site)), (1, 1, State::Approved));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_withdraws_while_it_is_approved_is_first_or_is_told_that_he_is_not() {
    let site = Site::start().await;
    let approver = approvers(&site).await.remove(0);
    let contractor = site.actor("main", "contractor").await;
    let seen = newest(&site);
    let step = Step::Withdrawn { reason: "不要".to_owned() };
    let act = Act::RequestStep { request: q1(), step };
    let withdraws = Decision { actor: contractor, act, seen: None, newest: seen };
    let (one, other) = (site.office("main"), site.office("main"));
    let (approved, withdrawn) = tokio::join!(
        tokio::spawn(async move { one.settle(approves(seen, approver)).await.is_ok() }),
        tokio::spawn(async move { other.settle(withdraws).await.is_ok() }),
    );
    let (approved, withdrawn) = (approved.unwrap(), withdrawn.unwrap());
    assert!(approved != withdrawn, "one of them");
    let wanted = if approved { State::Approved } else { State::Withdrawn };
    assert_eq!(state(&site), wanted);
    assert_eq!(steps(&site, "approved") + steps(&site, "withdrawn"), 1);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_ask_at_once_each_get_a_number_of_their_own_without_a_gap() {
    let site = Site::start().await;
    let contractor = site.actor("main", "contractor").await;
    let digest: Digest = "ab".repeat(32).try_into().unwrap();
    let mut tries = JoinSet::new();
    for number in 0..1_000 {
        let (office, actor) = (site.office("main"), contractor.clone());
        let filled = Box::new(a_stop(site.clock.now(), digest.clone()));
        let request = format!("n-{number}").parse().unwrap();
        let act = Act::RequestAsked { request, number: RequestNumber::new("R0", Form::F07, 1), filled };
        tries.spawn(async move { office.decide(actor, act, None).await.is_ok() });
    }
    assert!(tries.join_all().await.into_iter().all(|done| done));
    let office = site.office("main");
    let all: Vec<String> = {
        let court = office.court();
        court.evidence().requests.all().map(|(_, it)| it.number.as_ref().unwrap().to_string()).collect()
    };
    let serial = |number: &String| number.rsplit_once('-').unwrap().1.parse::<u32>().unwrap();
    let numbers: BTreeSet<u32> = all.iter().map(serial).collect();
    assert_eq!((all.len(), numbers.len()), (1_001, 1_001));
    assert_eq!((numbers.first(), numbers.last()), (Some(&1), Some(&1_001)));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_ten_times_at_once_is_one_request() {
    let site = Site::start().await;
    let _approvers = approvers(&site).await;
    let mut browser = site.contractor().await;
    let page = browser.get("/c/main/requests/call").await;
    let nonce = page.between("name=\"nonce\" value=\"", "\"").to_owned();
    let until = (site.clock.now() + jiff::SignedDuration::from_hours(3)).to_string();
    let at = site.clock.now().to_string();
    let fields = [
        ("nonce", nonce.as_str()),
        ("kind", "F-07"),
        ("systems", "main"),
        ("at", at.as_str()),
        ("to", until.as_str()),
        ("post", "kachou"),
        ("who", "佐藤 次郎"),
        ("read_back", "窓口を22時から止めて、ディスクを替える。"),
    ];
    let before = site.office("main").court().evidence().requests.all().count();
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let (browser, body) = (browser.clone(), browser.form(&browser.csrf, &fields));
        tries.spawn(
            async move { browser.send("POST", "/c/main/requests/call", OWN_FORM, &body).await.status },
        );
    }
    let answers = tries.join_all().await;
    assert!(answers.iter().all(|status| *status == 303), "{answers:?}");
    assert_eq!(site.office("main").court().evidence().requests.all().count(), before + 1);
    assert_eq!(steps(&site, "consented"), 1, "and one consent");
    assert!(!site.entries("main", 0).iter().any(|entry| entry.contains("佐藤")), "a name stays outside");
    site.stop().await;
}
