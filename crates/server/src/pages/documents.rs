//! 手順書・文書の台帳 (F-20): what is registered, which version is in force, who has to do what with it.

use super::block::{Block, Cell, Field, Form, Input, Link, Table, Tone, Upload};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::{board, words};
use crate::audience::Audience;
use crate::shelf::Shelf;
use yakujo_contract::act::{Act, Document, DocumentKind, LoginMethod, Role, WorkType};
use yakujo_contract::evidence::documents::Registered;
use yakujo_contract::id::{DocumentId, SystemId};

const KINDS: [DocumentKind; 5] = [
    DocumentKind::Procedure,
    DocumentKind::FailureMeasures,
    DocumentKind::AuthenticationSheet,
    DocumentKind::BackupPlan,
    DocumentKind::Other,
];

const WORKS: [WorkType; 10] = [
    WorkType::StartStop,
    WorkType::Patching,
    WorkType::Accounts,
    WorkType::Backup,
    WorkType::LogExtraction,
    WorkType::IncidentResponse,
    WorkType::Media,
    WorkType::ServerRoom,
    WorkType::Configuration,
    WorkType::Other,
];

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let (rows, next) = {
        let court = visit.office.court();
        let all = court.evidence().documents.all();
        wanted.take(all, |(id, _)| id.to_string(), |(id, registered)| row(&visit, id, registered))
    };
    let heads = [
        visit.of("名称", "Title"),
        visit.of("種類", "Kind"),
        visit.of("作業", "Work"),
        visit.of("版", "Version"),
        visit.of("状態", "State"),
        visit.of("登録", "Registered"),
        visit.of("既読", "Read by"),
    ];
    let table = Table {
        caption: visit.of("登録された文書", "Registered documents").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ文書が登録されていません。", "No document is registered yet.").to_owned(),
    };
    let list = List { name: "documents", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "操作手順書などの最新版です。受託者が登録し、市が承認し、対象者が読んだことを記録します（条項1）。",
        "Procedures and other documents: the contractor registers, the city approves, readers confirm (clause 1).",
    );
    let mut page = Page::new("documents", visit.of("手順書・文書", "Documents"), lead);
    if visit.may(Audience::Contractor) {
        let href = format!("{}/documents/new", visit.base());
        page.push(Block::Buttons(vec![(
            href,
            visit.of("文書を登録する", "Register a document").to_owned(),
            "second",
        )]));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// In which state a document is, in one word.
#[must_use]
pub fn state(visit: &Visit, registered: &Registered) -> &'static str {
    if registered.in_use().is_none() {
        visit.lang.of("使用終了", "Withdrawn")
    } else if registered.approval().is_some() {
        visit.lang.of("承認済み", "Approved")
    } else {
        visit.lang.of("市の承認待ち", "Waits for the city")
    }
}

fn row(visit: &Visit, id: &DocumentId, registered: &Registered) -> Vec<Cell> {
    let Some(newest) = &registered.newest else { return Vec::new() };
    let (lang, document) = (visit.lang, &newest.value);
    let works: Vec<&str> = document.work.iter().map(|work| words::work(lang, *work)).collect();
    let readers = registered.read.keys().filter(|(version, _)| *version == document.version).count();
    vec![
        Cell::link(format!("{}/documents/{id}", visit.base()), document.title.as_str()),
        Cell::text(words::document_kind(lang, document.kind)),
        Cell::text(works.join("、")),
        Cell::code(document.version.as_str()),
        Cell::Tag(state(visit, registered).to_owned()),
        Cell::time(lang, newest.stamp.received),
        Cell::number(readers),
    ]
}

/// The form; `?of=` takes up a document for a new version.
///
/// # Errors
/// When a template fails.
pub async fn form(visit: Visit) -> Answer {
    frame::show(&visit, &form_page(&visit, ""))
}

fn form_page(visit: &Visit, wrong: &str) -> Page {
    let of = super::visit::find(visit.given(), "of").trim().to_owned();
    let known = of.parse::<DocumentId>().ok().and_then(|id| {
        let court = visit.office.court();
        let newest = court.evidence().documents.get(&id)?.newest.as_ref()?;
        Some(newest.value.clone())
    });
    let title = if known.is_some() {
        visit.of("新しい版を登録する", "Register a new version")
    } else {
        visit.of("文書を登録する", "Register a document")
    };
    let mut page = Page::new("documents", title, "");
    page.trail =
        vec![Link::new(format!("{}/documents", visit.base()), visit.of("手順書・文書", "Documents"))];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    let fields = visit.retyped(fields(visit, known.as_ref()));
    let label = visit.of("登録する", "Register");
    let mut form = Form { upload: Upload::Yes, ..visit.form("/documents/new", label, fields) };
    form.hidden.push(("of".to_owned(), known.map_or_else(String::new, |known| known.document.to_string())));
    page.push(Block::Form(form));
    page
}

fn fields(visit: &Visit, known: Option<&Document>) -> Vec<Field> {
    let lang = visit.lang;
    let word = |kind: &DocumentKind| spelled(kind);
    let kinds = KINDS.iter().map(|kind| (word(kind), words::document_kind(lang, *kind).to_owned()));
    let works = WORKS.iter().map(|work| (spelled(work), words::work(lang, *work).to_owned()));
    let methods = LoginMethod::ALL.map(|method| {
        let (ja, en) = method.name();
        (method.word().to_owned(), lang.of(ja, en).to_owned())
    });
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Auditor);
    let roles = roles.map(|role| (spelled(&role), words::role(lang, role).to_owned()));
    let systems = board::system_names(visit).into_iter().map(|(id, name)| (id.to_string(), name));
    let fields = vec![
        Field::line("title", visit.of("名称", "Title"), known.map_or("", |known| &known.title)),
        Field::one_of("kind", visit.of("種類", "Kind"), kinds),
        Field::any_of("systems", visit.of("対象のシステム", "Systems"), systems)
            .hint(visit.of("選ばなければ、すべてのシステムです。", "None chosen: every system.")),
        Field::any_of("work", visit.of("手順書に書かれている作業", "Work it describes"), works),
        Field::any_of("methods", visit.of("SSHで使う認証方式", "Ways to log in by SSH"), methods).hint(
            visit.of(
                "認証方式届のときに選びます。ホストで観測した方式と照合します。",
                "For an authentication sheet: compared with what hosts are seen to accept.",
            ),
        ),
        Field::any_of("audience", visit.of("必要とする人（役割）", "Who needs it"), roles),
        Field::line("version", visit.of("版", "Version"), "")
            .hint(visit.of("例：1.2、令和8年度版", "For example 1.2")),
        Field::new(
            "reason",
            visit.of("作成・改定の理由", "Why this version was made"),
            Input::Lines(String::new()),
        ),
        Field::new("file", visit.of("ファイル（32 MBまで）", "File (up to 32 MB)"), Input::File),
    ];
    let Some(known) = known else { return fields };
    let refill = |field: Field| match field.name.as_str() {
        "kind" => field.refill(&[&word(&known.kind)]),
        "systems" => field.refill(&known.systems.iter().map(SystemId::as_str).collect::<Vec<_>>()),
        "work" => refill_words(field, &known.work),
        "methods" => refill_words(field, &known.methods.iter().collect::<Vec<_>>()),
        "audience" => refill_words(field, &known.audience),
        _ => field,
    };
    fields.into_iter().map(refill).collect()
}

fn refill_words<T: serde::Serialize>(field: Field, chosen: &[T]) -> Field {
    let chosen: Vec<String> = chosen.iter().map(spelled).collect();
    field.refill(&chosen.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A word of a closed set, as the ledger spells it.
fn spelled<T: serde::Serialize>(word: &T) -> String {
    serde_json::to_value(word).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// Registers.
///
/// # Errors
/// When a field or the file is missing, or the act is refused.
pub async fn register(visit: Visit) -> Answer {
    match registered(&visit).await {
        Ok(id) => visit.go(&format!("/documents/{id}")),
        Err(Refusal::Wrong(text)) => frame::show_wrong(&visit, &form_page(&visit, &text)),
        Err(other) => Err(other),
    }
}

async fn registered(visit: &Visit) -> Result<DocumentId, Refusal> {
    let wrong = |ja: &str, en: &str| Refusal::Wrong(visit.of(ja, en).to_owned());
    let bytes = visit.file.as_ref().map(|file| file.bytes.as_slice()).filter(|bytes| !bytes.is_empty());
    let bytes = bytes.ok_or_else(|| wrong("ファイルを選んでください。", "Choose a file."))?.to_vec();
    let id: DocumentId = match visit.typed("of") {
        "" => crate::people::new_id('o')?.try_into()?,
        of => of.parse().map_err(|_| Refusal::Absent)?,
    };
    let kind = word(visit.typed("kind")).ok_or_else(|| wrong("種類を選んでください。", "Choose a kind."))?;
    let audience: Vec<Role> = visit.typed_all("audience").filter_map(word).collect();
    if audience.is_empty() {
        return Err(wrong("必要とする人を一つ以上選んでください。", "Choose who needs it."));
    }
    if version_exists(visit, &id) {
        return Err(wrong(
            "この版はすでに登録されています。版を変えてください。",
            "This version is registered already: give it another name.",
        ));
    }
    let shelf = Shelf::of(visit.office.folder());
    let digest = tokio::task::spawn_blocking(move || shelf.keep(&bytes)).await??;
    let systems: Result<Vec<SystemId>, _> = visit.typed_all("systems").map(str::parse).collect();
    let document = Document {
        document: id.clone(),
        title: visit.typed("title").to_owned(),
        kind,
        systems: systems.map_err(|_| Refusal::Absent)?,
        work: visit.typed_all("work").filter_map(word).collect(),
        methods: visit
            .typed_all("methods")
            .filter(|_| kind == DocumentKind::AuthenticationSheet)
            .filter_map(word)
            .collect(),
        version: visit.typed("version").to_owned(),
        digest,
        audience,
        reason: visit.typed("reason").to_owned(),
    };
    visit.act(Act::DocumentRegistered(document)).await?;
    Ok(id)
}

fn version_exists(visit: &Visit, id: &DocumentId) -> bool {
    let court = visit.office.court();
    let newest = court.evidence().documents.get(id).and_then(|known| known.newest.as_ref());
    newest.is_some_and(|newest| newest.value.version == visit.typed("version"))
}
