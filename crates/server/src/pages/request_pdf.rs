//! A request as a form on paper (A4): the same rows as on its page, for the file of the city. What people said about it
//! stays in the portal: comments of one organisation never leave with the form.

use super::request_show::{self, Names, Seen};
use super::visit::{Answer, Visit};
use super::words::Lang;
use super::{paper, press, request, request_words};
use serde_json::{Value, json};
use yakujo_contract::request::Attachment;

/// The PDF.
///
/// # Errors
/// Absent, where there is no such request.
pub async fn show(visit: Visit) -> Answer {
    let seen = request_show::found(&visit)?;
    if !press::can_print() {
        // The slip prints from any browser.
        return visit.go(&format!("/requests/{}/slip", seen.id));
    }
    let names = Names::of(&visit, Some(&seen.request)).await?;
    let page = request::on_paper(&visit, &seen, &names);
    let mut sheet = paper::of_page(&visit, &page, &seen.number.to_string());
    if visit.lang == Lang::Ja {
        sheet = paper::sealed(sheet, json!(request::seal_texts(&visit, &seen.progress, &names)));
    }
    annex(&visit, &seen, &mut sheet);
    paper::answer(sheet, &format!("request-{}", seen.id)).await
}

/// All documents with their digests, as the last part of the form: there may be many.
fn annex(visit: &Visit, seen: &Seen, sheet: &mut Value) {
    let reported: Vec<&Attachment> =
        seen.progress.reports.iter().flat_map(|report| &report.attachments).collect();
    let asked: Vec<&Attachment> = seen.progress.filled.attachments.iter().collect();
    let lists = [
        (visit.of("添付書類の一覧", "Attachments"), asked),
        (visit.of("報告とともに提出された資料の一覧", "Handed over with the reports"), reported),
    ];
    let Some(blocks) = sheet["blocks"].as_array_mut() else { return };
    for (heading, files) in lists.into_iter().filter(|(_, files)| !files.is_empty()) {
        let annex = |file: &&Attachment| json!({ "name": file.name, "size": request_words::bytes(file.bytes), "sha256": file.digest.as_str() });
        let annexes: Vec<Value> = files.iter().map(annex).collect();
        let heads = match visit.lang {
            Lang::Ja => ["番号", "添付書類", "大きさ", "照合値（SHA-256）"],
            Lang::En => ["No.", "Document", "Size", "SHA-256"],
        };
        blocks.push(json!({ "kind": "heading", "text": heading }));
        blocks.push(json!({ "kind": "annexes", "heads": heads, "annexes": annexes }));
    }
}
