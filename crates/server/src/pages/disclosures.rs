//! 提示の求め: the city asks to be shown something by a date (5.c, 9.b, 10.c); the contractor hands it over.

use super::block::{self, Block, Cell, Field, Form, Input, Table, Tone, Upload};
use super::frame::{self, Page};
use super::list::{List, Wanted, attachment};
use super::visit::{Answer, Refusal, Visit};
use super::{board, duty, era};
use crate::audience::Audience;
use crate::shelf::Shelf;
use yakujo_contract::act::Act;
use yakujo_contract::duty::DutyId;
use yakujo_contract::entry::{Body, Entry};
use yakujo_contract::evidence::Disclosure;
use yakujo_contract::id::{EntryNumber, ProposalId};

/// The duties that promise to show something.
const ASKED_FOR: [&str; 3] = ["9.b", "5.c", "10.c"];

/// The page.
///
/// # Errors
/// When an entry cannot be read.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let mut all: Vec<(ProposalId, Disclosure)> = {
        let court = visit.office.court();
        court.evidence().disclosures.iter().map(|(id, request)| (id.clone(), request.clone())).collect()
    };
    all.retain(|(_, request)| request.asked.is_some());
    all.sort_by_key(|(_, request)| (request.delivered.is_some(), std::cmp::Reverse(asked_at(request))));
    let key = |(id, request): &(ProposalId, Disclosure)| {
        format!("{}{:020}{id}", u8::from(request.delivered.is_some()), u64::MAX - asked_at(request))
    };
    let (rows, next) = wanted.take(all.into_iter(), key, |(id, request)| row(&visit, id, request));
    let heads = [
        visit.of("求めた内容", "Asked for"),
        visit.of("義務", "Duty"),
        visit.of("情報システム", "System"),
        visit.of("期限", "Due"),
        visit.of("提示", "Shown"),
        visit.of("証拠", "Entries"),
    ];
    let table = Table {
        caption: visit.of("提示の求めの一覧", "Requests").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ求めがありません。", "Nothing was asked for yet.").to_owned(),
    };
    let list = List { name: "disclosures", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "市が資料の提示を求め、受託者が期限までに渡した記録です。期限を過ぎると、その義務は「不適合」になります。",
        "What the city asked to be shown, and what was handed over. A request that is overdue breaks its duty.",
    );
    let mut page = Page::new("disclosures", visit.of("提示の求め", "Requests to be shown"), lead);
    page.blocks.extend(list.blocks(&visit, &wanted));
    if visit.may(Audience::City) {
        page.push(Block::Heading(visit.of("提示を求める", "Ask to be shown").to_owned()));
        page.push(Block::Form(visit.form("/disclosures", visit.of("求める", "Ask"), fields(&visit))));
    }
    frame::show(&visit, &page)
}

fn asked_at(request: &Disclosure) -> u64 {
    request.asked.as_ref().map_or(0, |asked| asked.stamp.entry.0)
}

fn fields(visit: &Visit) -> Vec<Field> {
    let duties = visit.office.terms().duties.iter().filter(|terms| ASKED_FOR.contains(&terms.duty.key()));
    let duties = duties.map(|terms| (terms.duty.to_string(), duty::title(visit, terms.duty)));
    let systems = board::system_names(visit).into_iter().map(|(id, name)| (id.to_string(), name));
    let due = visit.of("期限", "Due");
    vec![
        Field::one_of("duty", visit.of("義務", "Duty"), duties),
        Field::one_of("system", visit.of("情報システム", "System"), systems),
        Field::new("detail", visit.of("求める内容", "What"), Input::Lines(String::new()))
            .hint(visit.of("例：10月の資源の利用率", "For example: use of resources in October")),
        Field::line("due", due, "")
            .hint(visit.of("例：R8.12.1、2026-12-01 17:15", "For example 2026-12-01 17:15")),
    ]
}

fn act_of(visit: &Visit, number: EntryNumber) -> Option<Act> {
    let bytes = visit.office.reader().entry(number.0).ok()?;
    match Entry::from_bytes(&bytes).ok()?.body {
        Body::Act(act) => Some(act),
        Body::Fact(_) => None,
    }
}

fn row(visit: &Visit, id: &ProposalId, request: &Disclosure) -> Vec<Cell> {
    let Some(asked) = &request.asked else { return Vec::new() };
    let (of, system, due) = &asked.value;
    let detail = match act_of(visit, asked.stamp.entry) {
        Some(Act::DisclosureRequested { detail, .. }) => detail,
        _ => String::new(),
    };
    let mut entries = vec![asked.stamp.entry];
    let shown = match &request.delivered {
        Some(delivered) => {
            entries.push(delivered.stamp.entry);
            let file = format!("{}/disclosures/{id}/file", visit.base());
            Cell::Many(vec![
                Cell::time(visit.lang, delivered.stamp.received),
                Cell::link(file, visit.of("資料を保存する", "Download")),
            ])
        }
        None if visit.may(Audience::Contractor) => {
            Cell::link(format!("{}/disclosures/{id}", visit.base()), visit.of("資料を渡す", "Hand over"))
        }
        None => Cell::Tag(visit.of("まだです", "Not yet").to_owned()),
    };
    vec![
        Cell::text(detail),
        Cell::text(of.key()),
        Cell::code(system.as_str()),
        Cell::time(visit.lang, *due),
        shown,
        block::entries(&visit.base(), &entries),
    ]
}

/// Asks.
///
/// # Errors
/// When a field cannot be read, or the act is refused.
pub async fn ask(visit: Visit) -> Answer {
    let wrong = |ja: &str, en: &str| Refusal::Wrong(visit.of(ja, en).to_owned());
    let duty = DutyId::parse(visit.typed("duty"))
        .ok()
        .filter(|duty| ASKED_FOR.contains(&duty.key()))
        .ok_or_else(|| wrong("義務を選んでください。", "Choose a duty."))?;
    let due = era::read(visit.typed("due"));
    let due =
        due.ok_or_else(|| wrong("期限の日付を読み取れません。例：R8.12.1", "The date cannot be read."))?;
    let act = Act::DisclosureRequested {
        request: crate::people::new_id('r')?.try_into()?,
        duty,
        system: visit.typed("system").parse().map_err(|_| Refusal::Absent)?,
        detail: visit.typed("detail").to_owned(),
        due,
    };
    visit.act(act).await?;
    visit.go("/disclosures")
}

fn open(visit: &Visit) -> Result<(ProposalId, Disclosure), Refusal> {
    let id: ProposalId = visit.part("disclosure")?.parse().map_err(|_| Refusal::Absent)?;
    let request = visit.office.court().evidence().disclosures.get(&id).cloned().ok_or(Refusal::Absent)?;
    Ok((id, request))
}

/// The form to hand something over.
///
/// # Errors
/// Absent, where nothing was asked for.
pub async fn form(visit: Visit) -> Answer {
    frame::show(&visit, &form_page(&visit, "")?)
}

fn form_page(visit: &Visit, wrong: &str) -> Result<Page, Refusal> {
    let (id, request) = open(visit)?;
    let mut page = Page::new("disclosures", visit.of("資料を渡す", "Hand over"), "");
    page.trail = vec![block::Link::new(
        format!("{}/disclosures", visit.base()),
        visit.of("提示の求め", "Requests to be shown"),
    )];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    page.push(Block::Text(row(visit, &id, &request).first().map(Cell::plain).unwrap_or_default()));
    let fields =
        vec![Field::new("file", visit.of("ファイル（32 MBまで）", "File (up to 32 MB)"), Input::File)];
    let form = visit.form(&format!("/disclosures/{id}"), visit.of("渡す", "Hand over"), fields);
    page.push(Block::Form(Form { upload: Upload::Yes, ..form }));
    Ok(page)
}

/// Hands a file over.
///
/// # Errors
/// When there is no file, or the act is refused.
pub async fn deliver(visit: Visit) -> Answer {
    let (request, _) = open(&visit)?;
    let bytes = visit.file.as_ref().map(|file| file.bytes.clone()).filter(|bytes| !bytes.is_empty());
    let Some(bytes) = bytes else {
        let text = visit.of("ファイルを選んでください。", "Choose a file.");
        return frame::show_wrong(&visit, &form_page(&visit, text)?);
    };
    let shelf = Shelf::of(visit.office.folder());
    let digest = tokio::task::spawn_blocking(move || shelf.keep(&bytes)).await??;
    visit.act(Act::DisclosureDelivered { request, digest }).await?;
    visit.go("/disclosures")
}

/// What was handed over.
///
/// # Errors
/// Absent, where nothing was.
pub async fn file(visit: Visit) -> Answer {
    let (id, request) = open(&visit)?;
    let delivered = request.delivered.ok_or(Refusal::Absent)?;
    let Some(Act::DisclosureDelivered { digest, .. }) = act_of(&visit, delivered.stamp.entry) else {
        return Err(Refusal::Absent);
    };
    let shelf = Shelf::of(visit.office.folder());
    let bytes = tokio::task::spawn_blocking(move || shelf.take(&digest)).await??;
    attachment(bytes, "application/octet-stream", id.as_str())
}
