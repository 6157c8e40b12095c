//! Every form on paper, with everything in it that can be: each field, twenty documents, rare characters. Read back by
//! poppler: what was written stands there, in fonts that the file carries along. Where `YAKUJO_EVERY_PAGE` names a
//! folder, the pages are put there as pictures.

use super::matrix::filled;
use super::site::Site;
use super::wire::keep_paper;
use jiff::SignedDuration;
use std::path::Path;
use std::process::Command;
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::duty::DutyId;
use yakujo_contract::id::RequestId;
use yakujo_contract::parameter::ParameterId;
use yakujo_contract::request::form::{Form, Kind, Part};
use yakujo_contract::request::{Attachment, FieldValue, Filled, RequestNumber};
use yakujo_contract::thing::{Object, Thing};
use yakujo_server::writer::NumberedFact;

/// Written in JIS X 0213 and beyond the basic plane: names of people and places as a city writes them.
const RARE: &str = "髙﨑𠮷野・辻󠄀・齋藤";
/// Documents of one form.
const DOCUMENTS: usize = 20;
/// Pages of a form that says all it can, with its documents; more would be an empty page or a broken table.
const MOST_PAGES: usize = 6;

/// A value nobody else writes, so that it is found again.
fn value(form: Form, key: &str, kind: Kind, site: &Site) -> Option<FieldValue> {
    let text = match kind {
        Kind::Choice(choices) => choices.last()?.0.to_owned(),
        Kind::Moment => site.clock.now().to_string(),
        Kind::Count => "1234".to_owned(),
        Kind::Line => mark(form, key),
        Kind::Text => format!("{}\n{}", mark(form, key), "二行目も残る。".repeat(12)),
        Kind::People | Kind::Auto => return None,
    };
    Some(FieldValue::Clear(text))
}

fn mark(form: Form, key: &str) -> String {
    format!("記載{}{key}", form.row().key)
}

fn whole(form: Form, site: &Site) -> Filled {
    let now = site.clock.now();
    let fields = form.row().fields.iter().filter(|field| field.part == Part::Ask);
    let mut filled = filled(form, now);
    filled.title = format!("{RARE}の申請");
    for field in fields {
        if let Some(value) = value(form, field.key, field.kind, site) {
            filled.fields.insert(field.key.to_owned(), value);
        }
    }
    if !filled.scope.things.is_empty() {
        let path = |n: usize| format!("/srv/www/{}/index-{n}.html", "long-name-of-a-folder".repeat(3));
        let thing = |n| Thing { object: Object::File, name: path(n), digest: None };
        filled.scope.things = (0..30).map(thing).collect();
    }
    filled.attachments = documents("添付");
    filled
}

fn documents(kind: &str) -> Vec<Attachment> {
    let document = |n: usize| Attachment {
        name: format!("{kind}資料{n:02}.pdf"),
        digest: format!("{n:064x}").try_into().unwrap(),
        bytes: 1_234_567,
    };
    (0..DOCUMENTS).map(document).collect()
}

fn poppler(program: &str, arguments: &[&str], file: &Path) -> String {
    let mut run = Command::new(program);
    run.args(arguments).arg(file).args((program == "pdftotext").then_some("-"));
    let out = run.output().unwrap_or_else(|error| panic!("{program} (Debian: poppler-utils): {error}"));
    assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn on_paper(form: Form, pdf: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("form.pdf");
    std::fs::write(&file, pdf).unwrap();
    let key = form.row().key;
    let text: String = poppler("pdftotext", &["-raw"], &file).split_whitespace().collect();
    let holds = |what: &str| {
        // Which shape of a character was chosen is in the glyph, not in the text that is read back.
        let what: String = what.split_whitespace().collect::<String>().replace('\u{e0100}', "");
        assert!(text.contains(&what), "{key}: {what} is not on paper\n{text}");
    };
    holds(form.row().ja);
    holds(RARE);
    for field in form.row().fields {
        holds(field.ja);
        if matches!(field.kind, Kind::Line | Kind::Text) && field.part == Part::Ask {
            holds(&mark(form, field.key));
        }
        if let (Kind::Choice(choices), Part::Ask) = (field.kind, field.part) {
            holds(choices.last().unwrap().1);
        }
    }
    for document in documents("添付") {
        holds(&document.name);
        holds(document.digest.as_str());
    }
    let fonts = poppler("pdffonts", &[], &file);
    for line in fonts.lines().skip(2) {
        let words: Vec<&str> = line.split_whitespace().rev().collect();
        // From the right: object, number, to unicode, subset, embedded.
        assert_eq!(words[2..5], ["yes", "yes", "yes"], "{key}: {line}");
    }
    let pages = poppler("pdfinfo", &[], &file);
    let pages = pages.lines().find_map(|line| line.strip_prefix("Pages:")).unwrap().trim();
    assert!((1..=MOST_PAGES).contains(&pages.parse().unwrap()), "{key}: {pages} pages");
    keep_paper(&file, key);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_with_everything_in_it_is_whole_on_paper() {
    let site = Site::start().await;
    let contractor = site.contractor().await;
    for form in Form::ALL {
        let key = form.row().key;
        let request: RequestId = format!("q-paper-{}", key.to_lowercase()).parse().unwrap();
        let number = RequestNumber::new("R0", form, 1);
        let act =
            Act::RequestAsked { request: request.clone(), number, filled: Box::new(whole(form, &site)) };
        let party = if form == Form::F19 { "city" } else { "contractor" };
        site.office("main").decide(site.actor("main", party).await, act, None).await.unwrap();
        let (reply, pdf) = contractor.save(&format!("/c/main/requests/{request}/pdf")).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "application/pdf"), "{key}");
        on_paper(form, &pdf);
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_and_an_agreed_number_stand_on_paper_with_those_who_agreed() {
    let site = Site::start().await;
    let contractor = site.contractor().await;
    let until = site.clock.now() + SignedDuration::from_hours(24 * 30);
    let exemption = Matter::Exemption {
        duty: DutyId::parse("6.a").unwrap(),
        system: Some("main".parse().unwrap()),
        until,
        reason: format!("時刻源の移設中。代替手段：毎朝の手合わせ（担当 {RARE}）"),
    };
    let limits = [("good_ms", 432), ("warn_ms", 1_234), ("breach_ms", 5_678)];
    let limits = limits.map(|(key, value)| (key.to_owned(), value)).into();
    let values = [(ParameterId::new(18), limits)].into();
    let number = Matter::Parameters { values, from: site.clock.now() };
    for (proposal, matter) in [("f25", exemption), ("f29", number)] {
        let id = || proposal.parse().unwrap();
        let office = site.office("main");
        let proposed = Act::Proposed { proposal: id(), matter };
        office.decide(site.actor("main", "contractor").await, proposed, None).await.unwrap();
        let agreed = Act::Agreed { proposal: id() };
        office.decide(site.actor("main", "city").await, agreed, None).await.unwrap();
    }
    let holds = |text: &str, words: &[&str]| {
        let flat: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        words.iter().for_each(|words| assert!(flat.contains(words), "{words} is not in {flat}"));
    };
    let paper = contractor.send("GET", "/c/main/agreements/f25/pdf", &[], "").await;
    assert_eq!((paper.status, paper.header("content-type")), (200, "application/pdf"));
    holds(
        &paper.body,
        &["例外承認申請書（F-25）", "時刻源の移設中", "毎朝の手合わせ", "合意", "6.a", "台帳#"],
    );
    // A chosen shape of a character that no font has is printed in the usual one, and the paper says so.
    let usual: String = RARE.chars().filter(|c| *c != '\u{e0100}').collect();
    holds(&paper.body, &[&usual, "U+E0100（1か所）", "最初の利用者"]);
    let paper = contractor.send("GET", "/c/main/parameters/pdf", &[], "").await;
    assert_eq!((paper.status, paper.header("content-type")), (200, "application/pdf"));
    holds(&paper.body, &["パラメータ合意書（F-29）", "合意済み1項目", "最初の利用者"]);
    holds(&paper.body, &["良好432ミリ秒、注意1234ミリ秒、不適合5678ミリ秒"]);
    site.stop().await;
}

/// What a form says of a month of use, of missing records and of the content before tampering comes from what was observed.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_observed_stands_in_the_fields_that_the_program_fills_in() {
    let site = Site::start().await;
    let office = site.office("main");
    let host = site.place_host("main", "web-1").await;
    let now = site.clock.now();
    let ask = async |id: &str, party: &str, filled: Filled| {
        let request: RequestId = id.parse().unwrap();
        let number = RequestNumber::new("R0", filled.form, 1);
        let act = Act::RequestAsked { request, number, filled: Box::new(filled) };
        office.decide(site.actor("main", party).await, act, None).await.unwrap();
    };
    let mut logs = filled(Form::F19, now);
    logs.fields.insert("subject".to_owned(), FieldValue::Clear("logs".to_owned()));
    ask("q-logs-of", "city", logs).await;
    let mut browser = site.contractor().await;
    let page = browser.get("/c/main/requests/q-logs-of").await;
    assert!(page.body.contains("一度も観測していない"), "{}", page.body);

    let use_of = |mean: u64, max: u64| {
        serde_json::json!({ "kind": "capacity.sample", "from": now, "to": now, "resources": [
            { "resource": "memory", "limit": 1 << 30, "min": 0, "mean": mean, "p95": max, "max": max }] })
    };
    let change = serde_json::json!({ "kind": "integrity.change", "part": { "set": "s", "index": 0, "of": 1 },
        "until": now, "seen": "running", "files": [{ "path": "/srv/www/index.html",
            "before": { "type": "file", "digest": "ab".repeat(32), "mode": 420, "uid": 0, "gid": 0, "size": 1, "modified": now },
            "after": { "type": "file", "digest": "cd".repeat(32), "mode": 420, "uid": 0, "gid": 0, "size": 1, "modified": now },
            "explained_by": "none" }] });
    let facts = [use_of(100 << 20, 200 << 20), use_of(300 << 20, 500 << 20), change];
    let told = (1..).zip(facts).map(|(seq, fact)| NumberedFact {
        seq,
        observed: now,
        fact: serde_json::from_value(fact).unwrap(),
    });
    office.store_facts(host.clone(), 1, told.collect()).await.unwrap();
    site.heard("main", &host, 3).await;
    site.clock.pass(SignedDuration::from_secs(60));
    let page = browser.get("/c/main/requests/q-logs-of").await;
    assert!(page.body.contains("まだ観測していない") && page.body.contains("読んでいない"), "{}", page.body);
    let now = site.clock.now();
    ask("q-capacity", "contractor", filled(Form::F13, now)).await;
    let page = browser.get("/c/main/requests/q-capacity").await;
    assert!(page.body.contains("測定2件") && page.body.contains("平均 "), "{}", page.body);
    let thing = Thing { object: Object::File, name: "/srv/www/index.html".to_owned(), digest: None };
    let mut restoration = filled(Form::F06, now);
    restoration.scope.things = [thing].into();
    ask("q-good", "contractor", restoration).await;
    let page = browser.get("/c/main/requests/q-good").await;
    assert!(page.body.contains(&"ab".repeat(32)) && !page.body.contains(&"cd".repeat(32)), "{}", page.body);
    site.stop().await;
}
