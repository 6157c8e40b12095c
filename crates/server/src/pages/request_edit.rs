//! The two steps that fill in a form: handing in again after a return, and reporting or delivering.

use super::block::{Block, Cell, Choice, Field, Form as Sheet, Input, Link, Tone, Upload};
use super::frame::{self, Page};
use super::request_fields::{self, of_column};
use super::request_new;
use super::request_read::{self, Read, Reading, Wrong};
use super::request_show::{self, Names, Seen};
use super::request_steps::{NEWEST, of_visitor};
use super::request_words;
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use std::collections::BTreeMap;
use yakujo_contract::act::{Act, Withheld};
use yakujo_contract::id::EntryNumber;
use yakujo_contract::request::form::{Ask, Form, Kind, Part, Path};
use yakujo_contract::request::{Attachment, Edition, FieldValue, Step, check_fields};

/// What the request page leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// 再提出
    Edit,
    /// 報告・提供
    Report,
}

impl Task {
    fn word(self) -> &'static str {
        match self {
            Self::Edit => "resubmitted",
            Self::Report => "reported",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Report => "report",
        }
    }
}

/// The form, filled in as it was.
///
/// # Errors
/// Absent, where there is no such request.
pub async fn edit(visit: Visit) -> Answer {
    show(&visit, Task::Edit).await
}

/// Hands in again.
///
/// # Errors
/// When the shelf or the database fails.
pub async fn resubmit(visit: Visit) -> Answer {
    take(&visit, Task::Edit).await
}

/// The part of the form that is filled in afterwards.
///
/// # Errors
/// Absent, where there is no such request.
pub async fn report(visit: Visit) -> Answer {
    show(&visit, Task::Report).await
}

/// Reports or delivers.
///
/// # Errors
/// When the shelf or the database fails.
pub async fn deliver(visit: Visit) -> Answer {
    take(&visit, Task::Report).await
}

async fn show(visit: &Visit, task: Task) -> Answer {
    let seen = request_show::found(visit)?;
    let page = page(visit, &seen, task, &[]).await?;
    if is_possible(visit, &seen, task) { frame::show(visit, &page) } else { frame::show_wrong(visit, &page) }
}

fn is_possible(visit: &Visit, seen: &Seen, task: Task) -> bool {
    of_visitor(visit, seen).iter().any(|step| step.word == task.word())
}

async fn page(visit: &Visit, seen: &Seen, task: Task, wrong: &[Wrong]) -> Result<Page, Refusal> {
    let lang = visit.lang;
    let (verb, _) = super::request_steps::verb(lang, task.word());
    let title = match lang {
        Lang::Ja => format!("{} を{verb}", seen.number),
        Lang::En => format!("{}: {verb}", seen.number),
    };
    let mut page = Page::new("requests", title, "");
    let here = Link::new(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string());
    page.trail = vec![request_new::back(visit), here];
    if !is_possible(visit, seen, task) {
        let state = request_words::state(lang, seen.progress.state);
        let text = match lang {
            Lang::Ja => format!(
                "現在の状態は「{state}」です。いま、この操作を行う方ではないか、行う時ではありません。"
            ),
            Lang::En => format!("It is “{state}” now; this step is not yours, or not for now."),
        };
        page.push(Block::note(Tone::Bad, "", text));
        return Ok(page);
    }
    let names = Names::of(visit, Some(&seen.request)).await?;
    let people = |value: &FieldValue| names.text(lang, value);
    let (fields, pairs) = match task {
        Task::Edit => {
            returned_for(visit, seen, &mut page);
            let pairs = request_fields::pairs_of(visit, &seen.progress.filled, &people);
            (request_fields::of_form(visit, seen.progress.form()), pairs)
        }
        Task::Report => (report_fields(visit, seen), reported_pairs(seen, &people)),
    };
    let path = format!("/requests/{}/{}", seen.id, task.path());
    let mut sheet = request_new::sheet(visit, &path, fields, &pairs, wrong, &mut page);
    sheet.hidden.push((NEWEST.to_owned(), seen.newest.to_string()));
    page.push(Block::Form(Sheet { upload: Upload::Yes, ..sheet }));
    Ok(page)
}

/// Why it was returned stands where it is mended.
fn returned_for(visit: &Visit, seen: &Seen, page: &mut Page) {
    let last = seen.request.steps().filter_map(|(stamp, _, step)| match step {
        Step::Returned { reason } if !seen.request.void.contains(&stamp.entry) => Some(reason),
        _ => None,
    });
    if let Some(reason) = last.last() {
        page.push(Block::note(Tone::Warn, visit.of("差戻しの理由", "Why it was returned"), reason.as_str()));
    }
}

fn report_fields(visit: &Visit, seen: &Seen) -> Vec<Field> {
    let form = seen.progress.form();
    let mut fields = Vec::new();
    if let Some(editions) = editions(visit, form) {
        fields.push(Field::one_of("edition", visit.of("報の区分", "Which report"), editions));
    }
    if form == Form::F26 {
        let open = (1_u32..).zip(&seen.progress.uses).filter(|(_, used)| used.reported.is_none());
        let choices = open.map(|(number, used)| Choice {
            value: number.to_string(),
            label: format!("{number}（{}）", super::era::wareki(visit.lang, used.at)),
            chosen: false,
        });
        let label = visit.of("どの発動についてか", "About which use");
        fields.push(Field::new("of_use", label, Input::OneOf(choices.collect())));
    }
    let own =
        form.row().fields.iter().filter(|column| column.part == Part::Result && column.kind != Kind::Auto);
    fields.extend(own.map(|column| of_column(visit, column)));
    fields.extend(request_fields::of_file(visit));
    fields
}

/// Only reports come in several editions.
fn editions(visit: &Visit, form: Form) -> Option<Vec<(String, String)>> {
    if form.row().path != Path::Report {
        return None;
    }
    let word =
        |edition| (request_words::spelled(&edition), request_words::edition(visit.lang, edition).to_owned());
    Some(vec![word(Edition::Further), word(Edition::Final)])
}

/// What was reported before is there to be mended, not to be typed again.
fn reported_pairs(seen: &Seen, people: &dyn Fn(&FieldValue) -> String) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for column in seen.progress.form().row().fields.iter().filter(|column| column.part == Part::Result) {
        let newest = seen.progress.reports.iter().rev().find_map(|report| report.fields.get(column.key));
        let Some(value) = newest else { continue };
        let text = people(value);
        let text = match column.kind {
            Kind::Moment => text.parse().map_or(text, request_fields::typed_moment),
            _ => text,
        };
        pairs.push((request_fields::name_of(column), text));
    }
    pairs
}

async fn take(visit: &Visit, task: Task) -> Answer {
    let seen = request_show::found(visit)?;
    if !is_possible(visit, &seen, task) {
        return frame::show_wrong(visit, &page(visit, &seen, task, &[]).await?);
    }
    let attachments = request_read::attachments(visit).await?;
    if visit.typed("go") == "edit" {
        return frame::show(visit, &page(visit, &seen, task, &[]).await?);
    }
    let mut reading = Reading::of(visit);
    let read = match task {
        Task::Edit => {
            let Read { filled, people } = reading.filled(seen.progress.form(), attachments);
            Taken { step: Step::Resubmitted { filled: Box::new(filled) }, people }
        }
        Task::Report => read_report(&mut reading, &seen, attachments),
    };
    if !reading.wrong.is_empty() {
        let wrong = reading.wrong;
        return frame::show_wrong(visit, &page(visit, &seen, task, &wrong).await?);
    }
    if visit.typed("go") == "send" {
        record(visit, &seen, task, read).await
    } else {
        look(visit, &seen, task, read).await
    }
}

/// A step that was read, without the texts about people.
struct Taken {
    step: Step,
    people: Vec<(String, String)>,
}

fn read_report(reading: &mut Reading<'_>, seen: &Seen, attachments: Vec<Attachment>) -> Taken {
    let form = seen.progress.form();
    let edition = if form.row().path == Path::Report {
        reading.word("edition", Ask::Must).unwrap_or(Edition::Further)
    } else {
        Edition::First
    };
    let of_use = if form == Form::F26 { reading.number("of_use", Ask::Must) } else { None };
    let (fields, people) = reading.columns(form, Part::Result);
    if reading.wrong.is_empty()
        && let Err(why) = check_fields(form, Part::Result, &fields)
    {
        let text = request_words::not_filled(reading.lang(), &why);
        reading.wrong.push(Wrong { field: "edition".to_owned(), text });
    }
    Taken { step: Step::Reported { edition, fields, attachments, of_use }, people }
}

async fn look(visit: &Visit, seen: &Seen, task: Task, read: Taken) -> Answer {
    let (verb, _) = super::request_steps::verb(visit.lang, task.word());
    let title = match visit.lang {
        Lang::Ja => format!("{} を{verb}", seen.number),
        Lang::En => format!("{}: {verb}", seen.number),
    };
    let names = Names::of(visit, Some(&seen.request)).await?;
    let form = seen.progress.form();
    let (mut rows, files) = match &read.step {
        Step::Resubmitted { filled } => {
            (request_show::rows(visit, filled, &names, None), filled.attachments.clone())
        }
        Step::Reported { fields, attachments, .. } => {
            let mut rows = super::request_details::details(visit, &names, &read.step);
            rows.extend(request_show::columns(visit, form, Part::Result, fields, &names, None));
            (rows, attachments.clone())
        }
        _ => (Vec::new(), Vec::new()),
    };
    request_new::of_people(visit, form, &read.people, &mut rows);
    let shown = files.iter().map(|file| {
        Cell::Many(vec![
            Cell::text(format!("{}（{}）", file.name, request_words::bytes(file.bytes))),
            Cell::code(file.digest.as_str()),
        ])
    });
    let shown: Vec<Cell> = shown.collect();
    if !shown.is_empty() {
        rows.push((visit.of("添付", "Attachments").to_owned(), Cell::Many(shown)));
    }
    request_new::confirmation(visit, &title, rows, &files, verb, "")
}

async fn record(visit: &Visit, seen: &Seen, task: Task, mut read: Taken) -> Answer {
    let newest = visit.typed(NEWEST).parse().ok().map(EntryNumber).ok_or(Refusal::Absent)?;
    let mut none = BTreeMap::new();
    let fields = match &mut read.step {
        Step::Resubmitted { filled } => &mut filled.fields,
        Step::Reported { fields, .. } => fields,
        _ => &mut none,
    };
    let kept: Vec<Withheld> = request_read::withhold(visit, fields, &read.people).await?;
    let act = Act::RequestStep { request: seen.id.clone(), step: read.step };
    match visit.settle(act, Some(newest)).await? {
        Ok(_) => visit.go(&format!("/requests/{}", seen.id)),
        Err(refusal) => {
            request_read::forget(visit, &kept).await?;
            let now = request_show::found(visit)?;
            let mut page = page(visit, &now, task, &[]).await?;
            let text = super::request_steps::not_taken(visit, &now, &refusal).await?;
            page.blocks.insert(0, Block::note(Tone::Bad, "", text));
            frame::show_wrong(visit, &page)
        }
    }
}
