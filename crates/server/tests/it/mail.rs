//! Notices by mail, to a real SMTP server (aiosmtpd): taken, away for a while, "later", "never", and over TLS.

use super::matrix::filled;
use super::site::{Site, a_stop};
use super::smtp::{Smtp, Town};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::calendar::japan;
use yakujo_contract::request::RequestNumber;
use yakujo_contract::request::form::Form;
use yakujo_server::notices::pacing::Pacing;
use yakujo_server::writer::NumberedFact;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_says_that_there_is_something_and_where_and_nothing_else() {
    let mut town = Town::start("local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    town.happens().await;
    let mail = smtp.mail().await;
    assert!(mail.body.contains("https://portal.example.jp/c/main/agreements/mail-1"), "{}", mail.body);
    assert!(mail.body.contains("申告・提案が合意を待っています。"), "{}", mail.body);
    assert!(mail.body.contains("サインインが必要です") && !mail.body.contains("秘密"), "{}", mail.body);
    assert!(
        mail.head.contains("To: sato@city.example.jp") && mail.head.contains("Auto-Submitted"),
        "{}",
        mail.head
    );
    town.pace("none").await;
    town.happens().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(smtp.mails.try_recv().is_err(), "whoever wants none gets none");
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_out_waits_and_what_is_refused_for_good_is_said() {
    let mut town = Town::start("local", "").await;
    let mut smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    drop(smtp);
    town.happens().await;
    town.until("the server is away", |choice| choice.waiting == 1 && !choice.why.is_empty()).await;
    smtp = Smtp::start(town.port, None);
    town.site.clock.pass(SignedDuration::from_mins(1));
    assert!(smtp.mail().await.body.contains("mail-1"));
    town.until("it went out", |choice| choice.waiting == 0 && choice.why.is_empty()).await;

    smtp.answer("451 4.3.0 later");
    tokio::time::sleep(Duration::from_millis(300)).await;
    town.happens().await;
    town.until("later", |choice| choice.waiting == 1 && choice.why.contains("later")).await;
    smtp.answer("250 OK");
    town.site.clock.pass(SignedDuration::from_mins(1));
    assert!(smtp.mail().await.body.contains("mail-2"));

    smtp.answer("550 5.1.1 nobody here");
    tokio::time::sleep(Duration::from_millis(300)).await;
    town.happens().await;
    town.until("never", |choice| choice.given_up == 1).await;
    let page = town.city.get("/c/main/account/mail").await;
    assert!(page.body.contains("nobody here") && page.body.contains("断念 1 件"), "{}", page.body);
    town.site.stop().await;
}

/// The clock goes to the next evening after closing time.
fn to_the_evening(site: &Site) {
    let evening = |at: Timestamp| {
        let local = at.to_zoned(japan());
        local.date().at(20, 0, 0, 0).to_zoned(japan()).unwrap().timestamp()
    };
    let now = site.clock.now();
    let at = Some(evening(now)).filter(|at| *at > now);
    let at = at.unwrap_or_else(|| evening(now + SignedDuration::from_hours(24)));
    site.clock.pass(at.duration_since(now));
}

/// The clock goes to the next opening of the city; less than a minute before, where `early` says so.
fn to_the_opening(site: &Site, early: SignedDuration) {
    let calendar = &yakujo_contract::terms::Terms::standard().calendar;
    let now = site.clock.now();
    let mut at = now;
    while Pacing::at(calendar, at).morning.is_none_or(|morning| morning <= now) {
        at += SignedDuration::from_mins(30);
    }
    let opening = Pacing::at(calendar, at).morning.unwrap();
    site.clock.pass(opening.duration_since(now) - early);
}

/// The contractor tells of a failure: that is urgent.
async fn fails(site: &Site, id: &str) {
    let now = site.clock.now();
    let act = Act::RequestAsked {
        request: id.parse().unwrap(),
        number: RequestNumber::new("R0", Form::F08, 1),
        filled: Box::new(filled(Form::F08, now)),
    };
    let contractor = site.actor("main", "contractor").await;
    site.office("main").decide(contractor, act, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_digest_waits_for_the_morning_over_a_restart_and_comes_once_with_everything() {
    let mut town = Town::start("local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    town.pace("digest").await;
    to_the_evening(&town.site);
    town.happens().await;
    town.happens().await;
    assert!(smtp.is_quiet_about("mail-").await, "not before the morning");
    town = town.restart().await;
    town.happens().await;
    to_the_opening(&town.site, SignedDuration::from_secs(30));
    assert!(smtp.is_quiet_about("mail-").await, "not a minute before");
    town.until("three wait", |choice| choice.waiting >= 3).await;
    town.site.clock.pass(SignedDuration::from_secs(30));
    let mail = smtp.mail_with("mail-1").await;
    let links: Vec<String> =
        mail.links().into_iter().filter(|link| link.contains("/agreements/mail-")).collect();
    assert_eq!(links, [1, 2, 3].map(|number| format!("/c/main/agreements/mail-{number}")));
    assert!(mail.subject.starts_with("約定：お知らせ ") && mail.subject.ends_with('件'), "{}", mail.subject);
    assert_eq!(mail.body.matches("申告・提案が合意を待っています。").count(), 3, "{}", mail.body);
    // Between the answer of the mail server and the note of it, a stop would send it again rather than never.
    town.until("none waits", |choice| choice.waiting == 0).await;
    town = town.restart().await;
    assert!(smtp.is_quiet_about("mail-").await, "once");
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nights_are_quiet_but_for_what_is_urgent() {
    let mut town = Town::start("local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    for pace in ["hours", "digest"] {
        town.again().await;
        town.pace(pace).await;
        to_the_evening(&town.site);
        town.happens().await;
        fails(&town.site, &format!("q-urgent-{pace}")).await;
        let urgent = smtp.mail_with(&format!("/requests/q-urgent-{pace}")).await;
        assert!(urgent.subject.starts_with("【至急】"), "{pace}: {}", urgent.subject);
        assert!(smtp.is_quiet_about("mail-").await, "{pace}: the rest waits");
        to_the_opening(&town.site, SignedDuration::ZERO);
        smtp.mail_with("/agreements/mail-").await;
    }
    town.again().await;
    town.pace("hours").await;
    town.happens().await;
    // At once while the city is open.
    smtp.mail_with("/agreements/mail-3").await;
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_no_mail_of_a_kind_gets_none_but_what_is_urgent() {
    let mut town = Town::start("local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    let page = "/c/main/account/mail";
    town.city.get(page).await;
    let chosen = town.city.post(&format!("{page}/kinds"), &[("kind", "request")]).await;
    assert_eq!(chosen.status, 303, "{}", chosen.body);
    let shown = town.city.get(page).await;
    assert!(shown.body.contains("value=\"request\" checked"), "{}", shown.body);
    assert_eq!(shown.body.matches(" checked").count(), 1);
    town.happens().await;
    fails(&town.site, "q-urgent").await;
    smtp.mail_with("/requests/q-urgent").await;
    assert!(smtp.is_quiet_about("mail-1").await, "proposals were not wanted");
    let notices = town.city.get("/c/main/notices").await;
    assert!(notices.body.contains("/agreements/mail-1"), "they are in the portal");
    town.site.stop().await;
}

/// One more job on the host of the site's first finding.
pub async fn another_job(site: &Site) {
    let now = site.clock.now();
    let part = serde_json::json!({ "index": 0, "of": 1, "set": "ef".repeat(32) });
    let fact = serde_json::json!({ "kind": "state.change", "part": part, "object": "job", "until": now.to_string(),
        "items": [{ "name": "/etc/cron.d/second", "after": { "digest": "cd".repeat(32), "value": "0 4 * * *" } }] });
    let told = NumberedFact { seq: 2, observed: now, fact: serde_json::from_value(fact).unwrap() };
    site.office("main").store_facts("jobs-1".parse().unwrap(), 1, vec![told]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn to_open_every_link_of_every_mail_decides_nothing() {
    let mut town = Town::of(Site::start().await, Role::CityApprover, "local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    town.happens().await;
    fails(&town.site, "q-urgent").await;
    let office = town.site.office("main");
    let contractor = town.site.actor("main", "contractor").await;
    let digest = "ab".repeat(32).try_into().unwrap();
    let asked = Act::RequestAsked {
        request: "q-stop".parse().unwrap(),
        number: RequestNumber::new("R0", Form::F07, 1),
        filled: Box::new(a_stop(town.site.clock.now(), digest)),
    };
    office.decide(contractor.clone(), asked, None).await.unwrap();
    office.say(contractor.unwrap(), "duty/9.b/main".parse().unwrap(), "文", None).await.unwrap();
    another_job(&town.site).await;
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    let mut links = std::collections::BTreeSet::new();
    for wanted in ["/agreements/mail-1", "/requests/q-urgent", "/requests/q-stop", "/duty/9.b", "/findings/"]
    {
        while !links.iter().any(|link: &String| link.contains(wanted)) {
            links.extend(smtp.mail().await.links());
        }
    }
    let before = office.size();
    for link in &links {
        let page = town.city.get(link).await;
        assert_eq!(page.status, 200, "{link}");
    }
    let acts = town.site.entries("main", before).into_iter().filter(|entry| entry.contains("\"act\""));
    let acts: Vec<String> = acts.collect();
    assert!(acts.is_empty(), "{links:?} left {acts:?}");
    let state = |id: &str| {
        let court = office.court();
        let request = court.evidence().requests.get(&id.parse().unwrap()).unwrap();
        request.progress.as_ref().unwrap().state
    };
    for id in ["q-stop", "q-urgent"] {
        assert_eq!(state(id), yakujo_contract::request::flow::State::Asked, "{id}");
    }
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_for_long_is_told_in_the_portal_and_a_lead_sends_again() {
    let mut town = Town::of(Site::start().await, Role::CitySecurity, "local", "").await;
    let mut smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    drop(smtp);
    town.happens().await;
    town.until("the server is away", |choice| choice.waiting == 1 && !choice.why.is_empty()).await;
    let home = town.city.get("/c/main").await;
    assert!(!home.body.contains("お知らせが届いていません"), "not at once");
    town.site.clock.pass(SignedDuration::from_hours(2));
    town.again().await;
    for page in ["/c/main", "/c/main/notices"] {
        let page = town.city.get(page).await;
        assert!(page.body.contains("お知らせが届いていません"), "{}", page.body);
        assert!(page.body.contains("あなたあてのメール") && page.body.contains("あなたの組織あてのメール"));
    }
    let mut other = town.site.contractor().await;
    assert!(!other.get("/c/main").await.body.contains("お知らせが届いていません"));
    let theirs = other.get("/c/main/deliveries").await;
    assert!(theirs.body.contains("すべて届いています（0件）") && !theirs.body.contains("mail-1"));

    let queue = "/c/main/deliveries";
    let page = town.city.get(queue).await;
    assert!(page.body.contains("/agreements/mail-1") && page.body.contains("mail.toml"), "{}", page.body);
    let asked = town.city.post(&format!("{queue}/again"), &[]).await;
    assert!(asked.status == 200 && asked.body.contains("件、断念 0 件"), "{}", asked.body);
    smtp = Smtp::start(town.port, None);
    smtp.answer("550 5.1.1 nobody here");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(town.city.post(&format!("{queue}/again"), &[("go", "send")]).await.status, 303);
    town.until("refused for good", |choice| choice.given_up > 0).await;
    smtp.answer("250 OK");
    tokio::time::sleep(Duration::from_millis(300)).await;
    town.city.get(queue).await;
    assert_eq!(town.city.post(&format!("{queue}/again"), &[("go", "send")]).await.status, 303);
    smtp.mail_with("mail-1").await;
    town.until("it went out", |choice| choice.waiting == 0 && choice.given_up == 0).await;
    assert!(!town.city.get("/c/main").await.body.contains("お知らせが届いていません"));
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_set_up_wrongly_waits_and_the_portal_says_so() {
    let mut town = Town::start("local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    let file = town.data.join("mail.toml");
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "host = 1").unwrap();
    town.happens().await;
    town.until("it waits", |choice| choice.waiting == 1 && choice.why.contains("mail.toml")).await;
    town.site.clock.pass(SignedDuration::from_hours(2));
    town.again().await;
    assert!(town.city.get("/c/main").await.body.contains("お知らせが届いていません"));
    std::fs::write(&file, right).unwrap();
    smtp.mail_with("mail-1").await;
    town.site.stop().await;
}

fn authority() -> (String, String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut own = rcgen::CertificateParams::new(Vec::new()).unwrap();
    own.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = own.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(own, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (pem, server.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_over_tls_to_a_server_whose_authority_is_known_and_to_no_other() {
    let mut town = Town::start("starttls", "ca_file = \"mail-ca.pem\"\n").await;
    let (own, certificate, key) = authority();
    let file = |name: &str, text: &str| {
        let path = town.data.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = (file("smtp.pem", &certificate), file("smtp.key", &key));
    file("mail-ca.pem", &own);
    let smtp = Smtp::start(town.port, Some((&certificate, &key)));
    town.prove(&smtp).await;
    std::fs::write(town.data.join("mail-ca.pem"), authority().0).unwrap();
    town.happens().await;
    town.until("a foreign authority", |choice| choice.waiting == 1 && !choice.why.is_empty()).await;
    assert!(smtp.mails.try_recv().is_err());
    std::fs::write(town.data.join("mail-ca.pem"), own).unwrap();
    town.site.clock.pass(SignedDuration::from_mins(1));
    assert!(smtp.mail().await.body.contains("mail-1"));
    town.site.stop().await;
}
