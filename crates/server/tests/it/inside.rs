//! What one organisation keeps to itself (comments within it, drafts, addresses of its people, where its notices go and
//! why they do not arrive) is found nowhere on the other side: no page, list, file, paper, bundle, mail or webhook.

use super::browser::Browser;
use super::comments::{say, topics};
use super::site::Site;
use super::smtp::Smtp;
use super::walk::concrete;
use super::webhooks::{declare_for, receiver};
use std::io::Read as _;
use std::time::Duration;
use yakujo_contract::act::Role;
use yakujo_contract::id::PersonId;
use yakujo_server::notices::pacing::Pace;
use yakujo_server::people::drafts::Draft;
use yakujo_server::routes::{ROUTES, Verb};

/// Words that stand in one internal place each; all begin so.
const MARK: &str = "naibu-5d1c";

/// A file as text: what stands in a workbook or on paper is packed.
fn read(kind: &str, bytes: &[u8]) -> String {
    if kind.contains("spreadsheet") {
        let mut book = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        for at in 0..book.len() {
            let mut part = Vec::new();
            book.by_index(at).unwrap().read_to_end(&mut part).unwrap();
            text.push_str(&String::from_utf8_lossy(&part));
        }
        return text;
    }
    if kind.contains("pdf") {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.pdf");
        std::fs::write(&file, bytes).unwrap();
        let read = std::process::Command::new("pdftotext").arg("-raw").arg(&file).arg("-").output().unwrap();
        assert!(read.status.success(), "Debian: poppler-utils");
        // Long words are broken over lines on paper.
        return String::from_utf8_lossy(&read.stdout).split_whitespace().collect();
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every page, list, file and paper somebody may open, as text.
async fn everything(site: &Site, browser: &Browser) -> Vec<(String, String)> {
    let routes = ROUTES.iter().filter(|route| route.verb == Verb::Get);
    let mut paths: Vec<String> = routes.map(|route| concrete(site, route.path)).collect();
    paths.extend(topics(site).map(|(_, page)| format!("/c/main/{page}")));
    let all = ["", "?lang=en", "?find=naibu", "?format=csv", "?format=csv932", "?format=xlsx", "?format=pdf"];
    let mut seen = Vec::new();
    for path in paths {
        let asked = if path.ends_with("/pdf") { &all[..1] } else { &all[..] };
        for query in asked {
            let asked = format!("{path}{query}");
            let (reply, bytes) = browser.save(&asked).await;
            seen.push((asked, read(reply.header("content-type"), &bytes)));
        }
    }
    seen
}

/// Puts a word of its own into every internal place of this person's organisation. Returns the words.
async fn plant(site: &Site, person: &PersonId, role: Role, browser: &mut Browser) -> Vec<String> {
    let office = site.office("main");
    let word = |place: &str| format!("{MARK}-{place}");
    say(site, browser, "internal", &word("comment")).await;
    let draft = Draft {
        id: "d-inside".to_owned(),
        form: if role == Role::SecurityLead { "F-07" } else { "F-19" }.to_owned(),
        title: word("draft"),
        fields: vec![("title".to_owned(), word("draft")), ("reason".to_owned(), word("draftfield"))],
        at: site.clock.now(),
    };
    office.people.keep_draft(person, &draft).await.unwrap();
    let address = format!("{}@example.jp", word("address"));
    let code = office.people.choose_address(person, &address, site.clock.now()).await.unwrap().unwrap();
    assert!(office.people.verify_address(person, &code, site.clock.now()).await.unwrap());
    // Nobody listens there: what is wrong with it is kept, too.
    let url = format!("https://localhost:9/{}", word("webhook"));
    declare_for(site, role, &url, Pace::AtOnce).await;
    ["comment", "draft", "address", "webhook"].map(word).to_vec()
}

/// What the other side is sent until it is quiet.
async fn sent(smtp: &Smtp, got: &mut tokio::sync::mpsc::UnboundedReceiver<String>) -> Vec<String> {
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut all: Vec<String> =
        smtp.mails.try_iter().map(|mail| format!("{}{}", mail.head, mail.body)).collect();
    while let Ok(request) = got.try_recv() {
        all.push(request);
    }
    all
}

async fn kept_inside(own: Role, other: Role) {
    let (port, authority, mut got) = receiver(&[], 1).await;
    let site = Site::trusting(&authority).await;
    let office = site.office("main");
    let (one, two) = (site.person("main", own).await, site.person("main", other).await);
    let id = async |login: &str| office.people.by_login(login).await.unwrap().id;
    let (own_id, other_id) = (id(&one.login).await, id(&two.login).await);
    let mut speaking = site.sign_in(&one).await;
    let outside = site.sign_in(&two).await;
    let auditor = site.sign_in(&site.person("main", Role::Auditor).await).await;

    // The other side is told everything there is to tell, at once.
    let smtp_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "host = \"127.0.0.1\"\nport = {smtp_port}\ntls = \"local\"\nfrom = \"y@example.jp\"\n\
         portal_url = \"https://portal.example.jp\"\n"
    );
    std::fs::write(site.folder.path().join("mail.toml"), text).unwrap();
    let smtp = Smtp::start(smtp_port, None);
    let now = site.clock.now();
    let code = office.people.choose_address(&other_id, "other@example.jp", now).await.unwrap().unwrap();
    assert!(office.people.verify_address(&other_id, &code, now).await.unwrap());
    office.people.choose_pace(&other_id, Pace::AtOnce).await.unwrap();
    declare_for(&site, other, &format!("https://localhost:{port}/hook"), Pace::AtOnce).await;

    let words = plant(&site, &own_id, own, &mut speaking).await;
    let unread = office.people.unread(&other_id, other).await.unwrap();
    // Something for everybody, so that the way out is seen to be open and the own side's fails.
    let about = "duty/9.b/main".parse().unwrap();
    let login = if own == Role::SecurityLead { "contractor" } else { "city" };
    let actor = site.actor("main", login).await.unwrap();
    office.say(actor, about, "双方へ", None).await.unwrap();
    yakujo_server::notices::plan_all(&office).await.unwrap();
    let told = sent(&smtp, &mut got).await;
    assert!(told.len() >= 2, "a mail and a webhook: {told:?}");
    assert!(told.iter().all(|text| !text.contains(MARK)), "{told:?}");
    assert_eq!(office.people.unread(&other_id, other).await.unwrap(), unread + 1, "what is shared, alone");

    for (who, browser) in [("the other side", &outside), ("the auditor", &auditor)] {
        for (path, text) in everything(&site, browser).await {
            assert!(!text.contains(MARK), "{who} {path}");
        }
    }
    let own_sees = everything(&site, &speaking).await;
    for word in words {
        assert!(own_sees.iter().any(|(_, text)| text.contains(&word)), "the own side sees {word}");
    }
    let entries = site.entries("main", 0);
    assert!(entries.iter().all(|entry| !entry.contains(MARK)), "nor does it stand in the ledger");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_city_keeps_to_itself_reaches_the_contractor_nowhere() {
    kept_inside(Role::CitySecurity, Role::SecurityLead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_contractor_keeps_to_itself_reaches_the_city_nowhere() {
    kept_inside(Role::SecurityLead, Role::CitySecurity).await;
}
