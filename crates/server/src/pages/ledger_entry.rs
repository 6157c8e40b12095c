//! One entry: what it says, its exact bytes, and the proof that it is in the tree.

use super::block::{Block, Cell, Link};
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use crate::disclose::{DiscloseError, prove};
use yakujo_contract::entry::Entry;

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
    let pretty = serde_json::from_slice::<serde_json::Value>(&bytes)
        .and_then(|value| serde_json::to_string_pretty(&value))?;
    page.push(Block::Heading(visit.of("記録の内容", "Content").to_owned()));
    page.push(Block::Pre(pretty));
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
    frame::show(&visit, &page)
}
