//! Every list of the portal as Excel, CSV, CSV in Shift_JIS and PDF: the same rows in each of them, for the files of the
//! city. The walk goes over the table of routes: a list that is added is looked at by itself.

use super::browser::Browser;
use super::site::Site;
use super::walk::concrete;
use super::wire::Reply;
use std::collections::BTreeSet;
use yakujo_contract::act::Role;
use yakujo_server::pages::list::{PAPER, WHOLE};
use yakujo_server::routes::{ROUTES, Verb};

const FORMATS: [(&str, &str, &str); 4] = [
    ("csv", "text/csv; charset=utf-8", ".csv"),
    ("csv932", "text/csv; charset=Shift_JIS", ".csv"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    ("pdf", "application/pdf", ".pdf"),
];

async fn saved(browser: &Browser, path: &str, format: &str) -> Reply {
    let join = if path.contains('?') { '&' } else { '?' };
    let reply = browser.send("GET", &format!("{path}{join}format={format}"), &[], "").await;
    assert_eq!(reply.status, 200, "{path} as {format}: {}", reply.body);
    reply
}

/// Without what a line of a page or a tag adds.
fn flat(text: &str) -> String {
    let mut plain = String::new();
    let mut tag = false;
    for c in text.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            _ if tag || c.is_whitespace() => {}
            _ => plain.push(c),
        }
    }
    plain.replace("&gt;", ">").replace("&lt;", "<").replace("&quot;", "\"").replace("&amp;", "&")
}

fn rows(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_given_as_excel_csv_and_pdf_with_the_same_rows() {
    let site = Site::start().await;
    let browser = site.sign_in(&site.person("main", Role::SecurityLead).await).await;
    let mut lists = BTreeSet::new();
    for route in ROUTES.iter().filter(|route| route.verb == Verb::Get) {
        let path = concrete(&site, route.path);
        let page = browser.send("GET", &path, &[], "").await;
        // A monthly report is several tables, not a list.
        let is_report = route.path.ends_with("/reports/{month}");
        if is_report || (!page.body.contains("format=csv\"") && !page.body.contains("format=csv&")) {
            continue;
        }
        let csv = saved(&browser, &path, "csv").await;
        let rows = rows(&csv.body);
        for (format, kind, ending) in FORMATS {
            assert!(page.body.contains(&format!("format={format}")), "{path} offers no {format}");
            let file = saved(&browser, &path, format).await;
            assert_eq!(file.header("content-type"), kind, "{path}");
            let name = file.header("content-disposition");
            assert!(name.starts_with("attachment; filename=\"main-") && name.contains(ending), "{name}");
            if format == "xlsx" || format == "pdf" {
                let text = flat(&file.body);
                for cell in rows.iter().filter_map(|row| row.first()) {
                    // On paper a long cell is broken, and its lines stand between those of its neighbours.
                    let most = if format == "pdf" { 5 } else { usize::MAX };
                    let begin: String = flat(cell).chars().take(most).collect();
                    assert!(text.contains(&begin), "{path} as {format} lacks {cell}");
                }
            }
        }
        if !rows.is_empty() {
            lists.insert(route.path);
        }
    }
    assert!(lists.len() >= 14, "lists with rows: {lists:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_papers_of_a_month_are_given_in_every_form() {
    let site = Site::start().await;
    let browser = site.sign_in(&site.person("main", Role::Auditor).await).await;
    let month = yakujo_contract::report::Month::of(site.clock.now());
    for paper in ["f24", "f23"] {
        let path = format!("/c/main/reports/{month}?form={paper}");
        let page = browser.send("GET", &path, &[], "").await;
        assert!(page.status == 200 && page.body.contains("台帳の最初の"), "{}", page.body);
        for (format, kind, ending) in FORMATS {
            let file = saved(&browser, &path, format).await;
            assert_eq!(file.header("content-type"), kind, "{path}");
            assert!(file.header("content-disposition").contains(ending), "{path}");
            assert!(format == "csv932" || flat(&file.body).contains("対象期間"), "{path} as {format}");
        }
        let json = saved(&browser, &path, "json").await;
        let report: yakujo_contract::report::Report = serde_json::from_str(&json.body).unwrap();
        assert_eq!((report.month, report.duties.len()), (month, 49));
    }
    for absent in ["2001-01", "2999-01", "none"] {
        assert_eq!(
            browser.send("GET", &format!("/c/main/reports/{absent}"), &[], "").await.status,
            404,
            "{absent}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_formula_stays_text_in_every_file() {
    let site = Site::start().await;
    let formula = "=HYPERLINK(\"http://example.invalid\",\"窓口\")";
    site.name_post("main", "kakarichou", formula).await;
    site.watch("main", "formula", formula, &["this-host"]).await;
    let browser = site.contractor().await;
    let csv = saved(&browser, "/c/main/targets", "csv").await;
    assert!(csv.body.contains("\"'=HYPERLINK(\"\"http"), "{}", csv.body);
    let book = saved(&browser, "/c/main/targets", "xlsx").await;
    assert!(book.body.contains("HYPERLINK") && !book.body.contains("<f>"), "{}", book.body);
    let pdf = saved(&browser, "/c/main/targets", "pdf").await;
    assert!(flat(&pdf.body).contains("=HYPERLINK"), "{}", pdf.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_too_long_for_a_file_is_refused_with_words_and_never_cut() {
    let site = Site::start().await;
    let office = site.office("main");
    for number in 0..PAPER {
        let post = format!("p{number}");
        let act = yakujo_contract::act::Act::PostNamed { post: post.parse().unwrap(), name: post };
        office.decide(site.actor("main", "city").await, act, None).await.unwrap();
    }
    let browser = site.contractor().await;
    let reply = browser.send("GET", "/c/main/ledger?format=pdf", &[], "").await;
    assert_eq!(reply.status, 422);
    assert!(reply.body.contains(&format!("{PAPER}件まで")), "{}", reply.body);
    assert!(rows(&saved(&browser, "/c/main/ledger", "csv").await.body).len() > PAPER);
    const { assert!(PAPER < WHOLE) };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paper_takes_nothing_from_its_address() {
    let site = Site::start().await;
    let browser = site.contractor().await;
    let papers = ROUTES.iter().filter(|route| route.verb == Verb::Get && route.path.ends_with("/pdf"));
    for route in papers {
        let path = concrete(&site, route.path);
        let plain = browser.send("GET", &path, &[], "").await;
        assert_eq!((plain.status, plain.header("content-type")), (200, "application/pdf"), "{path}");
        let query = ["find", "after", "of", "id", "format", "at", "next", "url", "show", "form"]
            .map(|name| format!("{name}=%27%3Cscript%3E%24%28id%29"))
            .join("&");
        let asked = browser.send("GET", &format!("{path}?{query}"), &[], "").await;
        assert_eq!((asked.status, asked.header("content-type")), (200, "application/pdf"), "{path}");
        assert!(!asked.body.contains("script"), "{path}");
    }
}
