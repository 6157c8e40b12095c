//! One document: its newest version, and what its readers, the city and the contractor do with it.

use super::block::{Block, Cell, Field, Form, Input, Link, Tone};
use super::documents::state;
use super::frame::{self, Page};
use super::list::attachment;
use super::visit::{Answer, Refusal, Visit};
use super::{block, words};
use crate::decide::may;
use crate::shelf::Shelf;
use yakujo_contract::act::{Act, Document, ReviewOutcome};
use yakujo_contract::evidence::documents::Registered;
use yakujo_contract::evidence::latest::Latest;
use yakujo_contract::id::DocumentId;

fn found(visit: &Visit) -> Result<(DocumentId, Registered, Latest<Document>), Refusal> {
    let id: DocumentId = visit.part("document")?.parse().map_err(|_| Refusal::Absent)?;
    let registered = visit.office.court().evidence().documents.get(&id).cloned().ok_or(Refusal::Absent)?;
    let newest = registered.newest.clone().ok_or(Refusal::Absent)?;
    Ok((id, registered, newest))
}

/// The page.
///
/// # Errors
/// Absent, where there is no such document.
pub async fn show(visit: Visit) -> Answer {
    let (id, registered, newest) = found(&visit)?;
    let mut page = Page::new("documents", newest.value.title.as_str(), "");
    page.trail =
        vec![Link::new(format!("{}/documents", visit.base()), visit.of("手順書・文書", "Documents"))];
    page.push(Block::Fields(fields(&visit, &registered, &newest)));
    let download = format!("{}/documents/{id}/file", visit.base());
    page.push(Block::Buttons(vec![(
        download,
        visit.of("ファイルを開く（保存）", "Download the file").to_owned(),
        "second",
    )]));
    if registered.in_use().is_some() {
        actions(&visit, &id, &registered, &newest.value, &mut page)?;
    }
    frame::show(&visit, &page)
}

fn fields(visit: &Visit, registered: &Registered, newest: &Latest<Document>) -> Vec<(String, Cell)> {
    let (lang, document) = (visit.lang, &newest.value);
    let join = |words: Vec<&str>| words.join("、");
    let works = join(document.work.iter().map(|work| words::work(lang, *work)).collect());
    let audience = join(document.audience.iter().map(|role| words::role(lang, *role)).collect());
    let systems = match document.systems.as_slice() {
        [] => visit.of("すべてのシステム", "Every system").to_owned(),
        some => some.iter().map(ToString::to_string).collect::<Vec<_>>().join("、"),
    };
    let moment = |stamp: yakujo_contract::evidence::latest::Stamp| {
        Cell::Many(vec![Cell::time(lang, stamp.received), block::entries(&visit.base(), &[stamp.entry])])
    };
    let mut fields = vec![
        (visit.of("状態", "State").to_owned(), Cell::Tag(state(visit, registered).to_owned())),
        (visit.of("種類", "Kind").to_owned(), Cell::text(words::document_kind(lang, document.kind))),
        (visit.of("版", "Version").to_owned(), Cell::code(document.version.as_str())),
        (visit.of("作成・改定の理由", "Why").to_owned(), Cell::text(document.reason.as_str())),
        (visit.of("対象のシステム", "Systems").to_owned(), Cell::text(systems)),
        (visit.of("作業", "Work").to_owned(), Cell::text(works)),
        (visit.of("必要とする人", "Who needs it").to_owned(), Cell::text(audience)),
        (visit.of("登録", "Registered").to_owned(), moment(newest.stamp)),
    ];
    if !document.methods.is_empty() {
        let names = document.methods.iter().map(|method| lang.of(method.name().0, method.name().1));
        let names = names.collect::<Vec<_>>().join("、");
        fields.push((visit.of("SSHで使う認証方式", "Ways to log in by SSH").to_owned(), Cell::text(names)));
    }
    if let Some(approval) = registered.approval() {
        fields.push((visit.of("市の承認", "Approved by the city").to_owned(), moment(approval)));
    }
    if let Some(reviewed) = &registered.reviewed {
        let outcome = format!("{}（{}）", words::outcome(lang, reviewed.value.1), reviewed.value.0);
        let cells = vec![Cell::text(outcome), moment(reviewed.stamp)];
        fields.push((visit.of("最後の見直し", "Last review").to_owned(), Cell::Many(cells)));
    }
    if let Some(withdrawn) = registered.withdrawn {
        fields.push((visit.of("使用終了", "Withdrawn").to_owned(), moment(withdrawn)));
    }
    let readers = registered.read.keys().filter(|(version, _)| *version == document.version).count();
    fields.push((visit.of("この版を読んだ人数", "Read by").to_owned(), Cell::number(readers)));
    fields.push((
        visit.of("ファイルの指紋（SHA-256）", "SHA-256").to_owned(),
        Cell::code(document.digest.as_str()),
    ));
    fields
}

fn actions(
    visit: &Visit,
    id: &DocumentId,
    registered: &Registered,
    document: &Document,
    page: &mut Page,
) -> Result<(), Refusal> {
    let person = &visit.session()?.person;
    let role = person.role;
    let (id_, version) = (id.clone(), document.version.clone());
    let act = Act::DocumentAcknowledged { document: id_.clone(), version: version.clone() };
    let has_read = registered.read.contains_key(&(version.clone(), person.id.clone()));
    if may(role, &act) && document.audience.contains(&role) && !has_read {
        page.push(Block::Heading(
            visit.of("読んだことを記録する", "Confirm that you have read it").to_owned(),
        ));
        let text = visit.of("ファイルを開いて読んでから押してください。", "Open and read the file first.");
        page.push(Block::Text(text.to_owned()));
        page.push(plain(
            visit,
            id,
            document,
            "read",
            visit.of("この版を読みました", "I have read this version"),
        ));
    }
    let approve = Act::DocumentApproved { document: id_.clone(), version };
    if may(role, &approve) && registered.approval().is_none() {
        page.push(Block::Heading(visit.of("市の承認", "Approval of the city").to_owned()));
        let text = visit.of(
            "承認すると、この版が手順書として判定に使われます。",
            "Once approved, this version counts as the procedure.",
        );
        page.push(Block::note(Tone::Warn, "", text));
        page.push(plain(
            visit,
            id,
            document,
            "approve",
            visit.of("この版を承認する", "Approve this version"),
        ));
    }
    if may(role, &Act::DocumentWithdrawn { document: id_, reason: String::new() }) {
        contractor(visit, id, document, page);
    }
    Ok(())
}

fn plain(visit: &Visit, id: &DocumentId, document: &Document, action: &str, label: &str) -> Block {
    let form = visit.form(&format!("/documents/{id}/{action}"), label, Vec::new());
    Block::Form(with_version(form, &document.version))
}

/// The version the reader has before his eyes: a newer one that was registered meanwhile is not meant.
fn with_version(mut form: Form, version: &str) -> Form {
    form.hidden.push(("version".to_owned(), version.to_owned()));
    form
}

fn contractor(visit: &Visit, id: &DocumentId, document: &Document, page: &mut Page) {
    let href = format!("{}/documents/new?of={id}", visit.base());
    page.push(Block::Heading(visit.of("改定と見直し", "New versions and reviews").to_owned()));
    page.push(Block::Buttons(vec![(
        href,
        visit.of("新しい版を登録する", "Register a new version").to_owned(),
        "second",
    )]));
    let outcomes = [ReviewOutcome::NoChange, ReviewOutcome::Revised]
        .map(|outcome| (outcome_word(outcome).to_owned(), words::outcome(visit.lang, outcome).to_owned()));
    let reason = |label: &str| Field::new("reason", label, Input::Lines(String::new()));
    let fields = vec![
        Field::one_of("outcome", visit.of("見直しの結果", "Result of the review"), outcomes),
        reason(visit.of("理由", "Reason")),
    ];
    let label = visit.of("見直しを記録する", "Record the review");
    let form = visit.form(&format!("/documents/{id}/review"), label, fields);
    page.push(Block::Form(with_version(form, &document.version)));
    page.push(Block::Heading(visit.of("使用を終える", "Withdraw").to_owned()));
    let label = visit.of("この文書の使用を終える", "Withdraw this document");
    let fields = vec![Field {
        name: "why".to_owned(),
        ..reason(visit.of("使用を終える理由", "Why it is withdrawn"))
    }];
    let form = visit.form(&format!("/documents/{id}/withdraw"), label, fields);
    page.push(Block::Form(Form { class: "grave", ..form }));
}

fn outcome_word(outcome: ReviewOutcome) -> &'static str {
    match outcome {
        ReviewOutcome::Revised => "revised",
        ReviewOutcome::NoChange => "no_change",
    }
}

/// The file of the newest version.
///
/// # Errors
/// When it was exchanged, or cannot be read.
pub async fn file(visit: Visit) -> Answer {
    let (id, _, newest) = found(&visit)?;
    let shelf = Shelf::of(visit.office.folder());
    let digest = newest.value.digest.clone();
    let bytes = tokio::task::spawn_blocking(move || shelf.take(&digest)).await??;
    attachment(bytes, "application/octet-stream", &format!("{id}-{}", newest.value.version))
}

async fn done(visit: &Visit, act: Act) -> Answer {
    let id = visit.part("document")?.to_owned();
    visit.act(act).await?;
    visit.go(&format!("/documents/{id}"))
}

fn shown(visit: &Visit) -> Result<(DocumentId, String), Refusal> {
    Ok((found(visit)?.0, visit.typed("version").to_owned()))
}

/// 読みました
///
/// # Errors
/// When it is refused.
pub async fn read(visit: Visit) -> Answer {
    let (document, version) = shown(&visit)?;
    done(&visit, Act::DocumentAcknowledged { document, version }).await
}

/// Approves.
///
/// # Errors
/// When it is refused.
pub async fn approve(visit: Visit) -> Answer {
    let (document, version) = shown(&visit)?;
    done(&visit, Act::DocumentApproved { document, version }).await
}

/// Records a review.
///
/// # Errors
/// When it is refused.
pub async fn review(visit: Visit) -> Answer {
    let (document, version) = shown(&visit)?;
    let outcome = match visit.typed("outcome") {
        "revised" => ReviewOutcome::Revised,
        "no_change" => ReviewOutcome::NoChange,
        _ => return Err(Refusal::Absent),
    };
    let reason = visit.typed("reason").to_owned();
    done(&visit, Act::DocumentReviewed { document, version, outcome, reason }).await
}

/// Withdraws.
///
/// # Errors
/// When it is refused.
pub async fn withdraw(visit: Visit) -> Answer {
    let (document, _) = shown(&visit)?;
    done(&visit, Act::DocumentWithdrawn { document, reason: visit.typed("why").to_owned() }).await
}
