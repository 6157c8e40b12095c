//! Asking, telling, presenting: choose a form, fill it in, look at it once more, hand it in. What is not finished is kept
//! as a draft (下書き) that only its writer sees.

use super::block::{Block, Cell, Field, Form as Sheet, Further, Link, Table, Tone, Upload};
use super::frame::{self, Page};
use super::request_fields::{self, ATTACHED, begins};
use super::request_read::{self, Read, Reading, Wrong};
use super::request_show::{self, Names};
use super::visit::{Answer, Refusal, SEEN, Visit};
use super::words::{self, Lang};
use super::{request_draft, request_words, visit};
use crate::audience::Audience;
use crate::decide;
use crate::people::drafts::Draft;
use crate::people::hex;
use crate::resent::TAKEN;
use sha2::{Digest as _, Sha256};
use yakujo_contract::act::Act;
use yakujo_contract::id::RequestId;
use yakujo_contract::request::form::{Form, Path};
use yakujo_contract::request::{Attachment, RequestNumber};

/// Which forms there are for this party, and its drafts.
///
/// # Errors
/// When the database fails.
pub async fn choose(visit: Visit) -> Answer {
    let lead = visit.of(
        "様式を選んでください。夜間・緊急で電話の了承を得て行うときは「電話による了承」を使います。",
        "Choose a form. Where the city consents by telephone, at night or in an emergency, record that.",
    );
    let mut page = Page::new("requests/new", visit.of("新しい申請・報告", "New request or report"), lead);
    page.trail = vec![back(&visit)];
    if visit.may(Audience::Contractor) {
        let href = format!("{}/requests/call", visit.base());
        let label = visit.of("電話による了承を記録する（緊急・夜間）", "Record a consent by telephone");
        page.push(Block::Buttons(vec![(href, label.to_owned(), "grave")]));
    }
    let row = |form: &Form| {
        let row = form.row();
        vec![
            Cell::link(
                format!("{}/requests/new/{}", visit.base(), row.key),
                request_words::form(visit.lang, *form),
            ),
            Cell::text(way(visit.lang, row.path)),
            Cell::text(row.duties.join("、")),
        ]
    };
    let heads = [visit.of("様式", "Form"), visit.of("進み方", "Way"), visit.of("根拠条項", "Duties")];
    page.push(Block::Table(Table {
        caption: visit.of("こちらから出す様式", "Forms of this side").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: Form::ALL.iter().filter(|form| Some(begins(**form)) == visit.party()).map(row).collect(),
        empty: String::new(),
    }));
    drafts(&visit, &mut page).await?;
    frame::show(&visit, &page)
}

/// The way back to the list.
#[must_use]
pub fn back(visit: &Visit) -> Link {
    Link::new(format!("{}/requests", visit.base()), visit.of("申請・報告", "Requests and reports"))
}

fn way(lang: Lang, path: Path) -> &'static str {
    match path {
        Path::Approval => lang.of("市の承認を得てから行う", "The city decides before the act"),
        Path::Consultation => lang.of("市と協議してから行う", "Both talk before the act"),
        Path::Report => lang.of("市に報告・提示する", "The city is told"),
        Path::Delivery => lang.of("受託者に提供を求める", "The contractor delivers"),
    }
}

/// Adds the visitor's own drafts.
///
/// # Errors
/// When the database fails.
pub async fn drafts(visit: &Visit, page: &mut Page) -> Result<(), Refusal> {
    let own = visit.office.people.drafts(&visit.session()?.person.id).await?;
    let row = |draft: &Draft| {
        let title =
            if draft.title.is_empty() { visit.of("（件名なし）", "(no title)") } else { &draft.title };
        let href = format!("{}/requests/new/{}?draft={}", visit.base(), draft.form, draft.id);
        let form = Form::from_key(&draft.form).map(|form| request_words::form(visit.lang, form));
        let drop = visit.of("削除する", "Delete");
        vec![
            Cell::link(href, title),
            Cell::text(form.unwrap_or_default()),
            Cell::time(visit.lang, draft.at),
            Cell::Act(visit.button(&format!("/requests/drafts/{}/drop", draft.id), drop, "second")),
        ]
    };
    page.push(Block::Heading(visit.of("下書き", "Drafts").to_owned()));
    let heads = [visit.of("件名", "Title"), visit.of("様式", "Form"), visit.of("保存", "Kept"), ""];
    page.push(Block::Table(Table {
        caption: visit
            .of("自分の下書き（ほかの人には見えません）", "Own drafts, seen by nobody else")
            .to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: own.iter().map(row).collect(),
        empty: visit.of("下書きはありません。", "There are no drafts.").to_owned(),
    }));
    Ok(())
}

/// Deletes a draft.
///
/// # Errors
/// When the database fails.
pub async fn drop_draft(visit: Visit) -> Answer {
    visit.office.people.drop_draft(&visit.session()?.person.id, visit.part("draft")?).await?;
    visit.go("/requests/new")
}

fn form_of(visit: &Visit) -> Result<Form, Refusal> {
    Form::from_key(visit.part("form")?).ok_or(Refusal::Absent)
}

/// The form, empty or from a draft.
///
/// # Errors
/// Absent, where there is no such form.
pub async fn show(visit: Visit) -> Answer {
    let form = form_of(&visit)?;
    if Some(begins(form)) != visit.party() {
        return frame::show_wrong(&visit, &not_this_side(&visit, form));
    }
    let own = visit.office.people.drafts(&visit.session()?.person.id).await?;
    let draft = own.into_iter().find(|draft| draft.id == visit.asked("draft"));
    let known = || request_draft::from_detection(&visit, form);
    let pairs = draft.map_or_else(known, |draft| draft.fields);
    frame::show(&visit, &asking(&visit, form, &pairs, &[])?)
}

fn not_this_side(visit: &Visit, form: Form) -> Page {
    let mut page = Page::new("requests/new", request_words::form(visit.lang, form), "");
    page.trail = vec![back(visit)];
    let text = visit.of("この様式は、相手方が出すものです。", "The other party begins this form.");
    page.push(Block::note(Tone::Bad, "", text));
    page
}

fn asking(visit: &Visit, form: Form, pairs: &[(String, String)], wrong: &[Wrong]) -> Result<Page, Refusal> {
    let row = form.row();
    let lead = visit.of(
        "●の欄（検知の日時など）は、記録から自動で入ります。次の画面で確かめてから提出します。",
        "Fields marked ● are filled in from what was observed. You look at everything once more before it is handed in.",
    );
    let mut page = Page::new("requests/new", request_words::form(visit.lang, form), lead);
    page.trail = vec![
        back(visit),
        Link::new(format!("{}/requests/new", visit.base()), visit.of("新しい申請・報告", "New")),
    ];
    let fields = request_fields::of_form(visit, form);
    let mut sheet = sheet(visit, &format!("/requests/new/{}", row.key), fields, pairs, wrong, &mut page);
    sheet.hidden.extend(nonce(visit)?);
    let draft = visit::find(if visit.form.is_empty() { &visit.query } else { &visit.form }, "draft");
    sheet.hidden.push(("draft".to_owned(), draft.to_owned()));
    sheet.further = vec![Further {
        go: "keep",
        label: visit.of("下書きに保存する", "Keep as a draft").to_owned(),
        class: "second",
    }];
    page.push(Block::Form(sheet));
    Ok(page)
}

/// A form whose next step is the page of confirmation. What is wrong stands at the top, with a link to each field.
#[must_use]
pub fn sheet(
    visit: &Visit,
    action: &str,
    fields: Vec<Field>,
    pairs: &[(String, String)],
    wrong: &[Wrong],
    page: &mut Page,
) -> Sheet {
    let given = if visit.form.is_empty() { pairs } else { &visit.form };
    let fields = request_fields::filled_with(fields, given).into_iter().map(|field| {
        let found = wrong.iter().find(|wrong| wrong.field == field.name);
        found.map_or_else(|| field.clone(), |wrong| field.clone().wrong(&wrong.text))
    });
    let fields: Vec<Field> = fields.collect();
    if !wrong.is_empty() {
        page.push(mistakes(visit, &fields, wrong));
    }
    let mut sheet = visit.form(action, visit.of("確認画面へ進む", "Go on"), fields);
    let carried = given.iter().filter(|(name, _)| name == ATTACHED).cloned();
    sheet.hidden.extend(carried);
    Sheet { go: "confirm", upload: Upload::Yes, ..sheet }
}

fn mistakes(visit: &Visit, fields: &[Field], wrong: &[Wrong]) -> Block {
    let line = |wrong: &Wrong| {
        let label =
            fields.iter().find(|field| field.name == wrong.field).map_or("", |field| field.label.as_str());
        format!("「{label}」{}", wrong.text)
    };
    let lines: Vec<String> = wrong.iter().map(line).collect();
    let head = match visit.lang {
        Lang::Ja => format!("直すところが {} か所あります", wrong.len()),
        Lang::En => format!("{} fields have to be mended", wrong.len()),
    };
    Block::note(Tone::Bad, head, lines.join("　"))
}

/// What makes handing in twice the same as handing in once.
///
/// # Errors
/// When there is no chance to be had.
pub(super) fn nonce(visit: &Visit) -> Result<Option<(String, String)>, Refusal> {
    let typed = visit.typed("nonce");
    let nonce = if typed.is_empty() { hex(&*crate::people::random::<16>()?) } else { typed.to_owned() };
    Ok(Some(("nonce".to_owned(), nonce)))
}

/// The id of what this person hands in with this form: the same form handed in again has the same id.
///
/// # Errors
/// Absent, where the form carries no number of its own.
pub(super) fn id_of(visit: &Visit, letter: char) -> Result<RequestId, Refusal> {
    let nonce = visit.typed("nonce");
    if nonce.len() != 32 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::Absent);
    }
    let person = visit.session()?.person.id.as_str();
    let digest = hex(&Sha256::digest(format!("{person} {nonce}").as_bytes()));
    let short: String = digest.chars().take(16).collect();
    Ok(format!("{letter}-{short}").parse()?)
}

/// Keeps a draft, shows the page of confirmation, or hands in.
///
/// # Errors
/// When the shelf or the database fails.
pub async fn ask(visit: Visit) -> Answer {
    let form = form_of(&visit)?;
    if Some(begins(form)) != visit.party() {
        return frame::show_wrong(&visit, &not_this_side(&visit, form));
    }
    if visit.typed("go") == "keep" {
        return keep(&visit, form).await;
    }
    let attachments = request_read::attachments(&visit).await?;
    if visit.typed("go") == "edit" {
        return frame::show(&visit, &asking(&visit, form, &[], &[])?);
    }
    let mut reading = Reading::of(&visit);
    let read = reading.filled(form, attachments);
    if !reading.wrong.is_empty() {
        let wrong = reading.wrong;
        return frame::show_wrong(&visit, &asking(&visit, form, &[], &wrong)?);
    }
    if visit.typed("go") == "send" { send(&visit, read).await } else { look(&visit, read).await }
}

async fn keep(visit: &Visit, form: Form) -> Answer {
    let own = |(name, _): &&(String, String)| {
        !["csrf", "go", "nonce", "draft", "file", SEEN, TAKEN].contains(&name.as_str())
    };
    let id = match visit.typed("draft") {
        "" => crate::people::new_id('d')?,
        id => id.chars().take(40).collect(),
    };
    let draft = Draft {
        id,
        form: form.row().key.to_owned(),
        title: visit.typed("title").chars().take(200).collect(),
        fields: visit.form.iter().filter(own).take(200).cloned().collect(),
        at: visit.now,
    };
    visit.office.people.keep_draft(&visit.session()?.person.id, &draft).await?;
    visit.go("/requests/new")
}

async fn look(visit: &Visit, read: Read) -> Answer {
    let form = read.filled.form;
    let title = match visit.lang {
        Lang::Ja => format!("{} を提出します", request_words::form(visit.lang, form)),
        Lang::En => format!("Hand in {}", request_words::form(visit.lang, form)),
    };
    let names = Names::of(visit, None).await?;
    let mut rows = request_show::rows(visit, &read.filled, &names, None);
    of_people(visit, form, &read.people, &mut rows);
    if !read.filled.links.is_empty() {
        let links = request_show::links(visit, read.filled.links.iter());
        rows.push((visit.of("関連番号", "Belongs to").to_owned(), links));
    }
    let files = read.filled.attachments.iter().map(|file| {
        Cell::Many(vec![
            Cell::text(format!("{}（{}）", file.name, request_words::bytes(file.bytes))),
            Cell::code(file.digest.as_str()),
        ])
    });
    let files: Vec<Cell> = files.collect();
    if !files.is_empty() {
        rows.push((visit.of("添付", "Attachments").to_owned(), Cell::Many(files)));
    }
    let verb = visit.of("提出する", "Hand in");
    confirmation(visit, &title, rows, &read.filled.attachments, verb, "")
}

/// Columns about people take the place of the sign for nothing.
pub fn of_people(visit: &Visit, form: Form, people: &[(String, String)], rows: &mut [(String, Cell)]) {
    for (key, text) in people {
        let column = form.row().fields.iter().find(|column| column.key == key);
        let label = column.map_or("", |column| visit.lang.of(column.ja, column.en));
        if let Some(row) = rows.iter_mut().find(|(name, _)| name == label) {
            row.1 = Cell::text(text.as_str());
        }
    }
}

/// The page before what cannot be taken back: everything that will be recorded, and the verb.
///
/// # Errors
/// When a template fails.
pub fn confirmation(
    visit: &Visit,
    title: &str,
    rows: Vec<(String, Cell)>,
    attachments: &[Attachment],
    verb: &str,
    class: &'static str,
) -> Answer {
    let lead = visit.of(
        "内容を確かめてください。台帳に記録した後は、消すことも書き換えることもできません。",
        "Look at it once more. What stands in the ledger can neither be removed nor changed.",
    );
    let mut page = Page::new("requests", title, lead);
    page.trail = vec![back(visit)];
    page.push(Block::Fields(rows));
    let drop = ["csrf", "go", "file", "file_name", "keep", ATTACHED];
    let mut hidden: Vec<(String, String)> =
        visit.form.iter().filter(|(name, _)| !drop.contains(&name.as_str())).cloned().collect();
    hidden.extend(attachments.iter().map(request_fields::attached_field));
    page.push(Block::Form(Sheet {
        action: visit.uri_path.clone(),
        csrf: visit.csrf.clone(),
        hidden,
        fields: Vec::new(),
        label: verb.to_owned(),
        class,
        upload: Upload::No,
        go: "send",
        further: vec![Further {
            go: "edit",
            label: visit.of("書き直す", "Change it").to_owned(),
            class: "second",
        }],
    }));
    frame::show(visit, &page)
}

async fn send(visit: &Visit, mut read: Read) -> Answer {
    let request = id_of(visit, 'q')?;
    if visit.office.court().evidence().requests.get(&request).is_some() {
        return visit.go(&format!("/requests/{request}"));
    }
    let form = read.filled.form;
    let kept = request_read::withhold(visit, &mut read.filled.fields, &read.people).await?;
    // The number is given in the writer's turn; until then there is none.
    let number = RequestNumber::new("R0", form, 1);
    let act = Act::RequestAsked { request: request.clone(), number, filled: Box::new(read.filled) };
    match visit.settle(act, None).await? {
        Ok(_) => {
            let draft = visit.typed("draft");
            if !draft.is_empty() {
                visit.office.people.drop_draft(&visit.session()?.person.id, draft).await?;
            }
            visit.go(&format!("/requests/{request}"))
        }
        // The same form was sent twice at once: the other one was handed in.
        Err(decide::Refusal::Taken) => {
            request_read::forget(visit, &kept).await?;
            visit.go(&format!("/requests/{request}"))
        }
        Err(refusal) => {
            request_read::forget(visit, &kept).await?;
            let mut page = asking(visit, form, &[], &[])?;
            page.blocks.insert(0, Block::note(Tone::Bad, "", words::refusal(visit.lang, &refusal)));
            frame::show_wrong(visit, &page)
        }
    }
}
