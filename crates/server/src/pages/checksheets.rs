//! 委託先セキュリティチェックシート (F-27): the city's own workbooks, brought in to be answered from the evidence.

use super::block::{Block, Cell, Field, Form, Input, Link, Table, Tone, Upload};
use super::checksheet_rows::{self as rows, Layout, Question};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::press::{self, Leaf};
use super::visit::{Answer, Refusal, Visit};
use crate::audience::Audience;
use crate::checksheets::{Checksheet, Checksheets, Hand, MOST, Marks, Pick};
use crate::shelf::Shelf;
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::duty::DutyId;
use yakujo_contract::id::Digest;

/// Bytes of a workbook: a check-sheet has some hundred rows.
const BYTES: usize = 8 * 1024 * 1024;

/// The page.
///
/// # Errors
/// When the sheets cannot be read.
pub async fn show(visit: Visit) -> Answer {
    page(&visit, "").await
}

async fn page(visit: &Visit, wrong: &str) -> Answer {
    let wanted = Wanted::of(visit);
    let all = all(visit).await?;
    let (rows, next) = wanted.take(all.iter(), key, |sheet| row(visit, sheet));
    let heads = [
        visit.of("名称", "Title"),
        visit.of("受け取った日時", "Brought in"),
        visit.of("質問", "Questions"),
        visit.of("義務を選んだ質問", "With a duty"),
        visit.of("状態", "State"),
    ];
    let table = Table {
        caption: visit.of("チェックシートの一覧", "Check-sheets").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだチェックシートがありません。", "There is none yet.").to_owned(),
    };
    let list = List { name: "checksheets", table, next, keep: Vec::new() };
    if let Some(download) = list.download(visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "市の様式のチェックシート（Excel）に、台帳の証拠から回答を書き入れます。証拠のない質問に○は付きません。",
        "Answers the city’s own check-sheets (Excel) from the evidence. No question without evidence is answered with ○.",
    );
    let mut page = Page::new("checksheets", visit.of("チェックシート", "Check-sheets"), lead);
    page.blocks.extend(list.blocks(visit, &wanted));
    if visit.may(Audience::Parties) && press::can_write() {
        page.push(Block::Heading(visit.of("チェックシートを取り込む", "Bring one in").to_owned()));
        if !wrong.is_empty() {
            page.push(Block::note(Tone::Bad, "", wrong));
        }
        page.push(Block::Form(form(visit)));
    }
    if wrong.is_empty() { frame::show(visit, &page) } else { frame::show_wrong(visit, &page) }
}

fn form(visit: &Visit) -> Form {
    let fields = vec![
        Field::line("title", visit.of("名称", "Title"), "").hint(
            visit.of("例：令和8年度 委託先セキュリティチェックシート", "For example: check-sheet 2026"),
        ),
        Field::new("file", visit.of("ファイル（.xlsx、8 MBまで）", "File (.xlsx, up to 8 MB)"), Input::File)
            .hint(visit.of(
                "マクロは実行しません。パスワードは外してください。",
                "Macros are never run. Take a password off first.",
            )),
    ];
    let label = visit.of("取り込む", "Bring in");
    Form { upload: Upload::Yes, ..visit.form("/checksheets", label, visit.retyped(fields)) }
}

/// The newest first, as text that sorts alike.
fn key(sheet: &&Checksheet) -> String {
    let left = i64::MAX.saturating_sub(sheet.brought.at.as_second());
    format!("{left:020}{}", sheet.file.as_str())
}

fn row(visit: &Visit, sheet: &Checksheet) -> Vec<Cell> {
    let href = format!("{}/checksheets/{}", visit.base(), sheet.file.as_str());
    let state = match &sheet.settled {
        Some(_) => visit.of("確定", "Settled"),
        None => visit.of("対応づけの確認待ち", "To be looked at"),
    };
    vec![
        Cell::link(href, sheet.title.as_str()),
        Cell::time(visit.lang, sheet.brought.at),
        Cell::number(sheet.questions.len()),
        Cell::number(sheet.picks.len()),
        Cell::Tag(state.to_owned()),
    ]
}

/// All check-sheets of the contract, the newest first.
///
/// # Errors
/// When they cannot be read.
pub async fn all(visit: &Visit) -> Result<Vec<Checksheet>, Refusal> {
    let sheets = Checksheets::of(visit.office.folder());
    Ok(tokio::task::spawn_blocking(move || sheets.all()).await??)
}

/// The way back.
#[must_use]
pub fn back(visit: &Visit) -> Link {
    Link::new(format!("{}/checksheets", visit.base()), visit.of("チェックシート", "Check-sheets"))
}

/// Takes a workbook in.
///
/// # Errors
/// When the disk fails; what is wrong with the file stands on the page.
pub async fn bring(visit: Visit) -> Answer {
    match brought(&visit).await {
        Ok(file) => visit.go(&format!("/checksheets/{}", file.as_str())),
        Err(Refusal::Wrong(text)) => page(&visit, &text).await,
        Err(other) => Err(other),
    }
}

async fn brought(visit: &Visit) -> Result<Digest, Refusal> {
    let wrong = |ja: &str, en: &str| Refusal::Wrong(visit.of(ja, en).to_owned());
    let bytes = visit.file.as_ref().map(|file| file.bytes.clone()).filter(|bytes| !bytes.is_empty());
    let bytes = bytes.ok_or_else(|| wrong("ファイルを選んでください。", "Choose a file."))?;
    if bytes.len() > BYTES {
        return Err(wrong("ファイルは8 MB以内にしてください。", "At most 8 MB."));
    }
    let title: String = visit.typed("title").chars().filter(|c| !c.is_control()).take(200).collect();
    if title.is_empty() {
        return Err(wrong("名称を入力してください。", "Give it a title."));
    }
    let known = all(visit).await?;
    if known.len() >= MOST {
        return Err(wrong("チェックシートは500枚までです。", "There are 500 check-sheets already."));
    }
    let leaves = press::read(visit, bytes.clone()).await?;
    let shelf = Shelf::of(visit.office.folder());
    let file = tokio::task::spawn_blocking(move || shelf.keep(&bytes)).await??;
    if known.iter().any(|sheet| sheet.file == file) {
        return Ok(file);
    }
    let brought = Hand { person: Some(visit.session()?.person.id.clone()), at: visit.now };
    let sheet = prepared(file.clone(), title, brought, (&leaves, &known), &in_force(visit))
        .ok_or_else(|| too_many(visit))?;
    keep(visit, sheet).await?;
    Ok(file)
}

/// What is said where a sheet asks too much.
#[must_use]
pub fn too_many(visit: &Visit) -> Refusal {
    let most = rows::MOST_QUESTIONS;
    Refusal::Wrong(match visit.lang {
        super::words::Lang::Ja => format!("質問は{most}件までです。シートを分けてください。"),
        super::words::Lang::En => format!("Up to {most} questions are taken: part the sheet."),
    })
}

/// Keeps a sheet.
///
/// # Errors
/// When the disk fails.
pub async fn keep(visit: &Visit, sheet: Checksheet) -> Result<(), Refusal> {
    let sheets = Checksheets::of(visit.office.folder());
    tokio::task::spawn_blocking(move || sheets.keep(&sheet)).await??;
    Ok(())
}

/// The duties of this contract.
#[must_use]
pub fn in_force(visit: &Visit) -> BTreeSet<DutyId> {
    visit.office.terms().duties.iter().map(|terms| terms.duty).collect()
}

/// A sheet as it is proposed: columns and rows as people settled them before, the rest by its words. None: too many
/// questions.
#[must_use]
pub fn prepared(
    file: Digest,
    title: String,
    brought: Hand,
    (leaves, known): (&[Leaf], &[Checksheet]),
    in_force: &BTreeSet<DutyId>,
) -> Option<Checksheet> {
    let settled = || known.iter().filter(|sheet| sheet.settled.is_some());
    let like =
        |sheet: &&Checksheet| heads_at(leaves, &sheet.layout).is_some_and(|heads| heads == sheet.heads);
    let before = settled().find(like);
    let layout = before.map(|sheet| sheet.layout.clone()).or_else(|| rows::layout(leaves));
    let layout = layout.unwrap_or_else(|| first_guess(leaves));
    let questions = questions(leaves, &layout)?;
    let mut sheet = Checksheet {
        file,
        title,
        brought,
        heads: heads_at(leaves, &layout).unwrap_or_default(),
        layout,
        picks: BTreeMap::new(),
        marks: before.or_else(|| settled().next()).map_or_else(Marks::default, |sheet| sheet.marks.clone()),
        questions,
        settled: None,
    };
    sheet.picks = picks(&sheet.questions, known, in_force);
    Some(sheet)
}

/// Where nothing reads like a heading, a person says which columns these are.
fn first_guess(leaves: &[Leaf]) -> Layout {
    let tab = leaves.first().map(|leaf| leaf.name.clone()).unwrap_or_default();
    Layout { tab, head: 0, question: 1, answer: 2, evidence: 3, day: 4 }
}

/// The texts of the row of headings.
#[must_use]
pub fn heads_at(leaves: &[Leaf], layout: &Layout) -> Option<Vec<String>> {
    let leaf = leaves.iter().find(|leaf| leaf.name == layout.tab)?;
    leaf.rows.get(usize::try_from(layout.head).ok()?).cloned()
}

/// The questions in these columns; none: too many.
#[must_use]
pub fn questions(leaves: &[Leaf], layout: &Layout) -> Option<Vec<Question>> {
    let leaf = leaves.iter().find(|leaf| leaf.name == layout.tab);
    let found = leaf.map(|leaf| rows::questions(leaf, layout)).unwrap_or_default();
    (found.len() <= rows::MOST_QUESTIONS).then_some(found)
}

/// What answers each row: what a person settled for the same words before, else what its words name.
#[must_use]
pub fn picks(
    questions: &[Question],
    known: &[Checksheet],
    in_force: &BTreeSet<DutyId>,
) -> BTreeMap<u32, Pick> {
    let mut before: BTreeMap<String, Option<Pick>> = BTreeMap::new();
    for sheet in known.iter().filter(|sheet| sheet.settled.is_some()) {
        for question in &sheet.questions {
            let pick = sheet.picks.get(&question.row).filter(|pick| is_in_force(pick, in_force));
            before.entry(question.key()).or_insert_with(|| pick.cloned());
        }
    }
    let pick = |question: &Question| match before.get(&question.key()) {
        Some(settled) => settled.clone(),
        None => rows::proposed(question, in_force).map(Pick::Duty),
    };
    questions.iter().filter_map(|question| Some((question.row, pick(question)?))).collect()
}

fn is_in_force(pick: &Pick, in_force: &BTreeSet<DutyId>) -> bool {
    match pick {
        Pick::Duty(duty) => in_force.contains(duty),
        Pick::Clause(key) => in_force.iter().any(|duty| duty.row().clause.key() == key),
        Pick::Leave => true,
    }
}
