//! 証拠の持出し: everything with its proofs as one file, and the checkpoint to keep.

use super::block::Block;
use super::frame::{self, Page};
use super::list::attachment;
use super::visit::{Answer, Visit};
use crate::disclose;
use yakujo_contract::act::Act;

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let lead = visit.of(
        "記録と証明を一つのファイルで持ち出します。受託者を信用しなくても、市が自分で照合できます。",
        "Entries and proofs as one file: the city checks it without trusting anybody.",
    );
    let mut page = Page::new("bundle", visit.of("証拠の持出し", "Take the proof away"), lead);
    if visit.party().is_some_and(|party| party != yakujo_contract::entry::Party::Auditor) {
        let label = visit.of("すべての記録を持ち出す", "Take everything");
        page.push(Block::Acts(vec![visit.button("/bundle", label, "")]));
    }
    page.push(Block::Heading(visit.of("持ち出した後に", "Afterwards").to_owned()));
    let steps = [
        visit.of(
            "1. ファイルを、市が管理する端末に保存します。",
            "1. Save the file on a computer of the city.",
        ),
        visit.of(
            "2. その端末で verify.html（または yakujo-verify）を開き、ファイルを選びます。通信は行いません。",
            "2. Open verify.html (or yakujo-verify) there and choose the file. It uses no network.",
        ),
        visit.of(
            "3. 「無傷」と出れば、記録は作られた時のままです。それ以外の結果が出たときは、画面を印刷し、受託者に説明を求めてください。",
            "3. “Intact” means that the record is as it was made. Print any other result and ask the contractor.",
        ),
    ];
    page.blocks.extend(steps.map(|step| Block::Text(step.to_owned())));
    let head = visit.of("台帳の現在の照合値（チェックポイント）", "The head of the ledger (checkpoint)");
    page.push(Block::Heading(head.to_owned()));
    let keep = visit.of(
        "この数行を控えておくと、後の照合で、記録が巻き戻されたり分岐したりしていないことが分かります。",
        "Keep these lines: a later check then shows that nothing was rolled back or forked.",
    );
    page.push(Block::Text(keep.to_owned()));
    visit.office.publish().await?;
    page.push(Block::Pre(visit.office.reader().signed_checkpoint().to_string()));
    frame::show(&visit, &page)
}

/// The file. Taking it away is recorded first.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn take(visit: Visit) -> Answer {
    let size = visit.office.publish().await?;
    visit.act(Act::BundleTaken { first: 0, count: size, size }).await?;
    let office = visit.office.clone();
    let made = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        disclose::bundle(&office, 0..size, &mut bytes).map(|_| bytes)
    });
    attachment(made.await??, "text/plain; charset=utf-8", &format!("{}-{size}.yakujo", visit.office.id()))
}
