//! 証拠の持出し: everything with its proofs as one file, and the checkpoint to keep.

use super::block::{Block, Field, Input};
use super::frame::{self, Page};
use super::list::attachment;
use super::visit::{Answer, Refusal, Visit};
use super::words;
use crate::audience::Audience;
use crate::disclose;
use crate::heads::{self, HeadError};
use crate::office::Office;
use axum::body::Body;
use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
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
    let key = visit.of("台帳の鍵（公開鍵）", "The key of the ledger (public)");
    page.push(Block::Heading(key.to_owned()));
    let compare = visit.of(
        "市の方針ファイルの log の後に書く鍵です。最初の一回だけ写し、電話など別の手段で受託者と同じであることを確かめてください。以後は変わりません。",
        "What stands behind `log` in the city's policy. Copy it once, and compare it with the contractor's by telephone or another way. It stays the same.",
    );
    page.push(Block::Text(compare.to_owned()));
    page.push(Block::Pre(visit.office.log_key().to_string()));
    if visit.may(Audience::City) {
        cosign(&visit, &mut page)?;
    }
    frame::show(&visit, &page)
}

/// What the city's witness does, and the form to hand its cosignature in.
fn cosign(visit: &Visit, page: &mut Page) -> Result<(), Refusal> {
    page.push(Block::Heading(visit.of("市の立会署名を預ける", "Hand in the city's cosignature").to_owned()));
    let text = visit.of(
        "市の端末で yakujo-verify cosign を使い、上の照合値に立会署名をすると、市がこの時点の記録を見たことを後から誰でも確かめられます。署名した数行を貼り付けてください。鍵（秘密の方）は市から出しません。",
        "Cosign the lines above with `yakujo-verify cosign` on a computer of the city and paste the result here: anybody can verify later that the city saw this state. The secret key never leaves the city.",
    );
    page.push(Block::Text(text.to_owned()));
    let known = heads::witness_key(visit.office.folder())?.map_or_else(String::new, |key| key.to_string());
    let fields = vec![
        Field::line("witness", visit.of("市の公開鍵", "Public key of the city"), &known)
            .hint(visit.of("最初に預けた鍵が登録されます。", "The first one is registered.")),
        Field::new(
            "note",
            visit.of("立会署名した照合値", "Cosigned checkpoint"),
            Input::Lines(String::new()),
        ),
    ];
    let label = visit.of("立会署名を預ける", "Hand in");
    page.push(Block::Form(visit.form("/bundle/cosigned", label, fields)));
    Ok(())
}

/// Takes a cosigned head.
///
/// # Errors
/// When it is not one of this ledger, or the signatures do not hold.
pub async fn cosigned(visit: Visit) -> Answer {
    // Browsers send line ends as CR LF; signed notes have LF.
    let note = format!("{}\n", visit.typed("note").replace("\r\n", "\n"));
    let act = heads::keep(&visit.office, visit.typed("witness"), &note);
    let act = act.map_err(|error| match error {
        HeadError::Read(_) | HeadError::File(_) => Refusal::from(error),
        HeadError::Note(_)
        | HeadError::Checkpoint(_)
        | HeadError::Key(_)
        | HeadError::Policy(_)
        | HeadError::Foreign
        | HeadError::OtherKey => Refusal::Wrong(words::head(visit.lang, &error).to_owned()),
    })?;
    let entry = visit.act(act).await?;
    visit.go(&format!("/ledger/{entry}"))
}

/// The file. Taking it away is recorded first.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn take(visit: Visit) -> Answer {
    let size = visit.office.publish().await?;
    visit.act(Act::BundleTaken { first: 0, count: size, size }).await?;
    let office = visit.office.clone();
    let made = tokio::task::spawn_blocking(move || written(&office, size));
    let file = tokio::fs::File::from_std(made.await??);
    let body = Body::from_stream(tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024));
    attachment(body, "text/plain; charset=utf-8", &format!("{}-{size}.yakujo", visit.office.id()))
}

/// The bundle in a file without a name: a million entries do not fit the memory a server may use.
fn written(office: &Office, size: u64) -> Result<File, Refusal> {
    let path = office.folder().join(format!("{}.outgoing", crate::people::new_id('b')?));
    let mut file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    let mut out = BufWriter::new(&file);
    disclose::bundle(office, 0..size, &mut out)?;
    out.flush()?;
    drop(out);
    file.rewind()?;
    Ok(file)
}
