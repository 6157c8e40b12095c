//! One entry: what it says, its exact bytes, and the proof that it is in the tree.

use super::block::{Block, Cell, Field, Form, Input, Link, Tone};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::{request_draft, words};
use crate::audience::Audience;
use crate::disclose::{DiscloseError, prove};
use yakujo_contract::act::Act;
use yakujo_contract::entry::Entry;
use yakujo_contract::id::EntryNumber;

/// The page.
///
/// # Errors
/// Absent, where there is no such entry.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let number: u64 = visit.part("number")?.parse().map_err(|_| Refusal::Absent)?;
    if number >= visit.office.size() {
        return Err(Refusal::Absent);
    }
    let bytes = visit.office.reader().entry(number)?;
    let entry = Entry::from_bytes(&bytes)?;
    let mut page = Page::new("ledger", format!("#{number} {}", words::entry(lang, &entry)), "");
    page.trail = vec![Link::new(format!("{}/ledger", visit.base()), visit.of("台帳", "Ledger"))];
    let field = |ja: &str, en: &str, cell| (lang.of(ja, en).to_owned(), cell);
    let host = entry.host.as_ref().map_or_else(|| Cell::text("－"), |host| Cell::code(host.as_str()));
    page.push(Block::Fields(vec![
        field("作成者", "Author", Cell::text(words::author(lang, &entry.author))),
        field("ホスト", "Host", host),
        field("観測", "Observed", Cell::time(lang, entry.observed)),
        field("受信", "Received", Cell::time(lang, entry.received)),
    ]));
    if visit.office.court().evidence().corrected.contains(&EntryNumber(number)) {
        let text = visit.of(
            "この記録には、後から訂正が付けられています。元の記録はそのまま残ります。",
            "A later entry corrects this one, which stays as it was.",
        );
        page.push(Block::note(Tone::Warn, "", text));
    }
    page.blocks.extend(request_draft::shown(&visit, EntryNumber(number), &entry));
    page.push(Block::Heading(visit.of("記録の内容", "Content").to_owned()));
    let value: serde_json::Value = serde_json::from_slice(&bytes)?;
    page.push(Block::Pre(serde_json::to_string_pretty(&value)?));
    page.push(Block::Heading(visit.of("台帳に入っている証明", "Proof of inclusion").to_owned()));
    match prove(&visit.office, number) {
        Ok(proof) => {
            let hashes: Vec<String> = proof.hashes.iter().map(ToString::to_string).collect();
            let text = format!("leaf {}\n{}\n\n{}", proof.leaf, hashes.join("\n"), proof.checkpoint);
            page.push(Block::Pre(text));
        }
        Err(DiscloseError::Range { .. }) => {
            let soon = visit.of(
                "この記録は保存済みです。証明は、次のチェックポイント（10秒以内）の後に示します。",
                "The entry is stored; its proof follows the next checkpoint (within 10 seconds).",
            );
            page.push(Block::Text(soon.to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    if visit.may(Audience::Parties) {
        page.push(Block::Heading(visit.of("訂正を付ける", "Correct").to_owned()));
        let text = visit.of(
            "誤りがあったときは、正しい内容と理由を別の記録として付けます（見え消し）。元の記録は消えません。",
            "If this is wrong, say what is right and why in another entry. This one stays.",
        );
        page.push(Block::Text(text.to_owned()));
        let reason = visit.of("正しい内容と理由", "What is right, and why");
        let fields = vec![Field::new("reason", reason, Input::Lines(String::new()))];
        let label = visit.of("訂正を記録する", "Record the correction");
        let form = visit.form(&format!("/ledger/{number}/correct"), label, fields);
        page.push(Block::Form(Form { class: "second", ..form }));
    }
    frame::show(&visit, &page)
}

/// Adds a correction: the entry itself stays.
///
/// # Errors
/// Absent, where there is no such entry.
pub async fn correct(visit: Visit) -> Answer {
    let entry: u64 = visit.part("number")?.parse().map_err(|_| Refusal::Absent)?;
    if entry >= visit.office.size() {
        return Err(Refusal::Absent);
    }
    let reason = visit.typed("reason").to_owned();
    let correction = visit.act(Act::EntryCorrected { entry, reason }).await?;
    visit.go(&format!("/ledger/{correction}"))
}
