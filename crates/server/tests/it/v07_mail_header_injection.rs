//! メールヘッダ・インジェクション: an address with a line end is none, and none is kept. Line ends in whatever else comes
//! near a mail or a webhook make no header, no further recipient and no further line: through the real sending code, to a
//! real SMTP server whose mails a mail program's own parser reads.

use super::site::{Site, a_stop};
use super::smtp::{Mail, Smtp, Town};
use super::webhooks::{declare, receiver};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::time::Duration;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::entry::Party;
use yakujo_contract::request::RequestNumber;
use yakujo_contract::request::form::Form;
use yakujo_contract::standing::Sentence;
use yakujo_server::notices::pacing::Pace;
use yakujo_server::notices::plan::{Circle, Kind, Notice, Urgency};
use yakujo_server::people::notices::Cursor;

/// The headers of every mail, and no other.
const HEADERS: [&str; 9] = [
    "from",
    "to",
    "subject",
    "message-id",
    "content-type",
    "content-transfer-encoding",
    "date",
    "auto-submitted",
    "mime-version",
];
/// What programs add to a request of ours.
const OF_REQUESTS: [&str; 7] =
    ["host", "content-type", "content-length", "yakujo-signature", "user-agent", "accept", "accept-encoding"];
/// What somebody would type.
const TYPED: [&str; 8] = [
    "x\r\nBcc: all@example.jp",
    "x\nBcc: all@example.jp\n\nbody",
    "x\rCc: all@example.jp",
    "\r\n.\r\nMAIL FROM:<a@example.jp>\r\nRCPT TO:<all@example.jp>\r\nDATA\r\n",
    "=?UTF-8?B?DQpCY2M6IGFsbEBleGFtcGxlLmpw?=",
    "件名\u{2028}Bcc: all@example.jp\u{85}\u{b}",
    "--boundary\r\nContent-Type: text/html\r\n\r\n<b>x</b>",
    "\u{202e}\u{feff}\u{0}漢字",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_would_make_a_header_is_refused() {
    let site = Site::start().await;
    let person = site.person("main", Role::CityStaff).await;
    let mut city = site.sign_in(&person).await;
    for address in [
        "sato@example.jp\r\nBcc: all@example.jp",
        "sato@example.jp\nSubject: x",
        "sato@example.jp%0d%0aBcc: x",
        "sato@example.jp, other@example.jp",
        "\"sato\" <sato@example.jp>",
        "sato",
    ] {
        city.get("/c/main/account/mail").await;
        let reply = city.post("/c/main/account/mail", &[("address", address)]).await;
        assert_eq!(reply.status, 422, "{address:?}");
    }
    let id = site.office("main").people.by_login(&person.login).await.unwrap().id;
    assert_eq!(site.office("main").people.mail_choice(&id).await.unwrap(), None);
    site.stop().await;
}

/// What was typed, and as many texts of chance.
fn texts() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = "(?s)[\r\n\u{85}\u{2028}\u{0}-\u{20}A-Za-z0-9:=?<>@.,;\"漢字かな]{0,80}";
    let strategy = proptest::string::string_regex(strategy).unwrap();
    let chance = (0..24).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    let all: BTreeSet<String> = TYPED.into_iter().map(str::to_owned).chain(chance).collect();
    all.into_iter().collect()
}

/// A mail that is as ours are.
fn assert_sound(mail: &Mail, what: &str) {
    let names: BTreeSet<&str> = mail.names.iter().map(String::as_str).collect();
    assert!(names.iter().all(|name| HEADERS.contains(name)), "{what}: {}", mail.head);
    assert_eq!(names.len(), mail.names.len(), "{what}: each once: {}", mail.head);
    assert_eq!(mail.to, ["sato@city.example.jp"], "{what}");
    assert_eq!(mail.parts, ["text/plain"], "{what}: {}", mail.head);
    assert!(mail.head.is_ascii() && !mail.head.replace("\r\n", "").contains(['\r', '\n']), "{what}");
    let subject = mail.subject.trim_start_matches("【至急】");
    assert!(subject.starts_with("約定：") && !subject.contains(char::is_control), "{what}: {subject:?}");
    assert!(mail.body.starts_with("約定にお知らせがあります。\n"), "{what}: {}", mail.body);
    assert!(mail.body.contains("サインインが必要です"), "{what}: readable Japanese");
}

/// A notice of this text in every place a notice has.
fn notice(text: &str, number: usize) -> Notice {
    Notice {
        key: format!("{text}/{number}"),
        party: Party::City,
        circle: Circle::All,
        kind: Kind::Request,
        urgency: if number.is_multiple_of(2) { Urgency::Urgent } else { Urgency::Plain },
        sentence: Sentence::new(format!("始{text}終"), text.to_owned()),
        link: format!("/requests/{text}"),
        at: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_ends_in_any_text_of_a_notice_make_no_header_of_a_mail_or_of_a_request() {
    let (port, authority, mut got) = receiver(&[], 1).await;
    let mut town = Town::of(Site::trusting(&authority).await, Role::CityStaff, "local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    declare(&town.site, &format!("https://localhost:{port}/hook"), Pace::AtOnce).await;
    let office = town.site.office("main");
    let texts = texts();
    let all: Vec<Notice> = texts.iter().enumerate().map(|(number, text)| notice(text, number)).collect();
    let cursor = office.people.cursor(Cursor::Dues).await.unwrap().unwrap_or_default();
    office.people.keep_notices(Cursor::Dues, cursor, &all).await.unwrap();
    for _ in &texts {
        let mail = smtp.mail_with("始").await;
        assert_sound(&mail, &mail.body);
        let line = mail.body.lines().find(|line| line.starts_with("- ")).unwrap();
        assert!(line.contains('始') && line.contains('終'), "one line: {}", mail.body);
        assert_eq!(mail.body.lines().count(), 7, "{}", mail.body);
    }
    let mut arrived = BTreeSet::new();
    while arrived.len() < texts.len() {
        let request = tokio::time::timeout(Duration::from_secs(20), got.recv()).await.unwrap().unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        for header in head.split("\r\n").skip(1) {
            let name = header.split(':').next().unwrap().to_lowercase();
            assert!(OF_REQUESTS.contains(&name.as_str()), "{body}: {header}");
        }
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        if told["ja"].as_str().unwrap().contains('始') {
            arrived.insert(told["en"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(arrived, texts.into_iter().collect(), "and arrives as it is");
    town.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_ends_in_names_titles_and_comments_come_into_no_mail() {
    let mut town = Town::start("local", "").await;
    let smtp = Smtp::start(town.port, None);
    town.prove(&smtp).await;
    let office = town.site.office("main");
    let mut taken = 0;
    for (number, text) in TYPED.into_iter().enumerate() {
        let login = format!("op{number}");
        let entered = office.enter_person(None, &login, text, Role::Operator, None, None).await;
        let by = if entered.is_ok() { login.as_str() } else { "contractor" };
        let actor = town.site.actor("main", by).await;
        let mut stop = a_stop(town.site.clock.now(), "ab".repeat(32).try_into().unwrap());
        stop.title = text.to_owned();
        for value in stop.fields.values_mut() {
            if *value == yakujo_contract::request::FieldValue::Clear("保守のため".to_owned()) {
                *value = yakujo_contract::request::FieldValue::Clear(text.to_owned());
            }
        }
        let asked = Act::RequestAsked {
            request: format!("q-typed-{number}").parse().unwrap(),
            number: RequestNumber::new("R0", Form::F07, 1),
            filled: Box::new(stop),
        };
        taken += u32::from(office.decide(actor.clone(), asked, None).await.is_ok());
        let about = "duty/9.b/main".parse().unwrap();
        taken += u32::from(office.say(actor.unwrap(), about, text, None).await.is_ok());
    }
    assert!(taken >= 4, "some are taken: {taken}");
    for _ in 0..taken {
        let mail = smtp.mail().await;
        assert_sound(&mail, &mail.body);
        assert!(!mail.body.contains("all@example.jp") && !mail.body.contains("boundary"), "{}", mail.body);
    }
    town.site.stop().await;
}
