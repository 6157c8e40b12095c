//! ホーム: the first screen, another one for each role: what waits for me, what is wrong, what turned lately.

use super::block::{Block, Cell, Chip, DutyCard, Figure, Link, Table, Tone};
use super::board;
use super::clause::card;
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{deliveries, duty, era, request_new, today};
use crate::decide::may;
use yakujo_contract::act::{Act, Role};
use yakujo_contract::court::Ruling;
use yakujo_contract::duty::Clause;
use yakujo_contract::entry::Party;
use yakujo_contract::evidence::agreement::Stage;
use yakujo_contract::standing::Standing;

/// Turns shown.
const TURNS: u32 = 10;
/// Turns shown on the sheet of those who decide, which is one page of paper.
const TURNS_ON_PAPER: u32 = 3;
/// Requests shown.
const REQUESTS: usize = 8;
/// Requests shown on the sheet.
const REQUESTS_ON_PAPER: usize = 3;
/// Duties shown to the contractor at first.
const DUTIES: usize = 12;

/// The page.
///
/// # Errors
/// When the views fail.
pub async fn show(visit: Visit) -> Answer {
    let role = visit.session()?.person.role;
    let rulings = board::rulings(&visit);
    let mut page = match role {
        Role::CityStaff => staff(&visit, &rulings).await?,
        Role::CityApprover | Role::CitySecurity => sheet(&visit, &rulings).await?,
        Role::Operator | Role::SecurityLead => contractor(&visit, &rulings).await?,
        Role::Auditor => auditor(&visit),
    };
    page.blocks.splice(0..0, deliveries::trouble(&visit).await?);
    frame::show(&visit, &page)
}

async fn staff(visit: &Visit, rulings: &[Ruling]) -> Result<Page, Refusal> {
    let requests = today::requests(visit);
    let lead = visit.of(
        "いま市の判断を待っていることと、契約の状態です。",
        "What waits for the city, and how the contract stands.",
    );
    let mut page = Page::new("", visit.of("ホーム", "Home"), lead);
    page.push(board::figures(visit, rulings));
    silent(visit, &mut page);
    page.blocks.extend(today::unreported(visit));
    page.blocks.extend(today::waiting(visit, &requests, REQUESTS));
    page.blocks.extend(today::today(visit, &requests));
    page.blocks.extend(today::incidents(visit, &requests));
    page.blocks.extend(today::found(visit));
    waiting(visit, &mut page);
    turns(visit, &mut page, TURNS).await?;
    Ok(page)
}

/// One A4 page for those who decide: 14 clauses, three sentences.
async fn sheet(visit: &Visit, rulings: &[Ruling]) -> Result<Page, Refusal> {
    let requests = today::requests(visit);
    let mut page = Page::new("", visit.of("契約履行の状況", "How the contract is kept"), "");
    if visit.lang == Lang::Ja {
        page.push(Block::Seals(["決裁者", "担当", "起案"].map(str::to_owned).to_vec()));
    }
    for sentence in three_sentences(visit, rulings) {
        page.push(Block::Text(sentence));
    }
    page.push(board::figures(visit, rulings));
    let squares = board::squares(rulings);
    let mut rows = Vec::new();
    for clause in Clause::ALL {
        let of: Vec<_> =
            squares.iter().filter(|((other, _), _)| *other == clause).map(|(_, square)| square).collect();
        let Some(worst) = of.iter().max_by_key(|square| square.worst.severity()) else { continue };
        let href = format!("{}/clause/{}", visit.base(), clause.key());
        let number = words::clause_number(clause);
        rows.push(vec![
            Cell::link(href, format!("{number}. {}", words::clause(visit.lang, clause))),
            Cell::Chip(Chip::of(visit.lang, &worst.worst, String::new())),
            Cell::number(of.iter().map(|square| square.broken).sum::<usize>()),
            Cell::number(of.iter().map(|square| square.unknown).sum::<usize>()),
            Cell::number(of.iter().map(|square| square.all).sum::<usize>()),
            Cell::text(era::day(visit.lang, worst.since)),
        ]);
    }
    let heads = [
        visit.of("条項", "Clause"),
        visit.of("判定", "Standing"),
        visit.of("不適合", "Broken"),
        visit.of("未確認", "Unknown"),
        visit.of("義務の数", "Duties"),
        visit.of("いつから", "Since"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("14条項の判定", "The 14 clauses").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: String::new(),
    }));
    page.blocks.extend(today::unreported(visit));
    page.blocks.extend(today::overdue(visit, &requests, REQUESTS_ON_PAPER));
    page.blocks.extend(today::waiting(visit, &requests, REQUESTS_ON_PAPER));
    waiting(visit, &mut page);
    turns(visit, &mut page, TURNS_ON_PAPER).await?;
    Ok(page)
}

fn three_sentences(visit: &Visit, rulings: &[Ruling]) -> [String; 3] {
    let count = |word: &str| rulings.iter().filter(|ruling| ruling.verdict.standing.word() == word).count();
    let (broken, unknown, kept) = (count("broken"), count("unknown"), count("kept"));
    let waits = proposals_for(visit, visit.party()).len() + documents_for(visit).len();
    if visit.lang == Lang::En {
        return [
            format!("{broken} duties are broken, {kept} are kept."),
            format!("{unknown} are unknown: there is no evidence that they are kept."),
            format!("{waits} proposals and documents wait for this side."),
        ];
    }
    let first = if broken == 0 {
        format!("不適合はありません。適合は {kept} 件です。")
    } else {
        format!("不適合が {broken} 件あります。適合は {kept} 件です。")
    };
    [
        first,
        format!("未確認は {unknown} 件です。守られているという証拠が、まだありません。"),
        format!("こちらの合意・承認・確認を待っているものは {waits} 件です。"),
    ]
}

async fn contractor(visit: &Visit, rulings: &[Ruling]) -> Result<Page, Refusal> {
    let requests = today::requests(visit);
    let lead =
        visit.of("行動が必要な義務を、重いものから示します。", "Duties that need action, the gravest first.");
    let mut page = Page::new("", visit.of("ホーム", "Home"), lead);
    page.push(board::figures(visit, rulings));
    silent(visit, &mut page);
    if visit.session()?.person.role == Role::SecurityLead {
        page.blocks.extend(today::overdue(visit, &requests, REQUESTS));
    }
    page.blocks.extend(today::unreported(visit));
    page.blocks.extend(today::waiting(visit, &requests, REQUESTS));
    page.blocks.extend(today::found(visit));
    request_new::drafts(visit, &mut page).await?;
    waiting(visit, &mut page);
    page.push(Block::Heading(visit.of("次に行うこと", "What to do next").to_owned()));
    let names = board::system_names(visit);
    let mut open: Vec<&Ruling> = rulings.iter().filter(|ruling| needs_action(ruling)).collect();
    open.sort_by_key(|ruling| {
        std::cmp::Reverse((ruling.verdict.standing.severity(), ruling.verdict.class.is_some()))
    });
    if open.is_empty() {
        page.push(Block::note(
            Tone::Good,
            "",
            visit.of("行動が必要な義務はありません。", "Nothing needs action."),
        ));
    }
    let all = open.len();
    for ruling in open.into_iter().take(DUTIES) {
        let name = names.get(&ruling.system).cloned().unwrap_or_default();
        let title = format!("{}{}{name}", duty::title(visit, ruling.duty), visit.of("：", ": "));
        page.push(Block::Duty(DutyCard { title, ..card(visit, ruling, &name) }));
    }
    if all > DUTIES {
        let text = match visit.lang {
            Lang::Ja => format!("行動が必要な義務をすべて見る（{all}件）"),
            Lang::En => format!("See all {all}"),
        };
        page.push(Block::Buttons(vec![(format!("{}/board?of=open", visit.base()), text, "second")]));
    }
    turns(visit, &mut page, TURNS).await?;
    Ok(page)
}

fn needs_action(ruling: &Ruling) -> bool {
    matches!(ruling.verdict.standing, Standing::Broken | Standing::Unknown)
}

fn auditor(visit: &Visit) -> Page {
    let lead = visit.of(
        "条項を選び、義務ごとの判定から証拠の記録までたどれます。証拠は持ち出して、このサーバなしで検証できます。",
        "Choose a clause, follow each verdict to its entries, take the proof away and verify it without this server.",
    );
    let mut page = Page::new("", visit.of("監査のはじめに", "Begin the audit"), lead);
    let duties = |clause: Clause| {
        visit.office.terms().duties.iter().filter(|terms| terms.duty.row().clause == clause).count()
    };
    let row = |clause: Clause| {
        let href = format!("{}/clause/{}", visit.base(), clause.key());
        let title = format!("{}. {}", words::clause_number(clause), words::clause(visit.lang, clause));
        vec![Cell::link(href, title), Cell::number(duties(clause))]
    };
    page.push(Block::Table(Table {
        caption: visit.of("条項", "Clauses").to_owned(),
        heads: vec![visit.of("条項", "Clause").to_owned(), visit.of("義務の数", "Duties").to_owned()],
        rows: Clause::ALL.into_iter().filter(|clause| duties(*clause) > 0).map(row).collect(),
        empty: String::new(),
    }));
    let bundle = format!("{}/bundle", visit.base());
    page.push(Block::Buttons(vec![(
        bundle,
        visit.of("証拠を持ち出す", "Take the proof away").to_owned(),
        "",
    )]));
    page
}

/// Open proposals that wait for this party.
#[must_use]
pub fn proposals_for(visit: &Visit, party: Option<Party>) -> Vec<(String, String, &'static str)> {
    let court = visit.office.court();
    let open = court.evidence().agreements.all().filter(|(_, proposal)| {
        let by = proposal.proposed.as_ref().map(|proposed| proposed.value.0);
        matches!(proposal.stage(), Stage::Open) && by.is_some() && by != party
    });
    let words = |matter| super::agreements::summary(visit.lang, matter);
    open.filter_map(|(id, proposal)| {
        let matter = proposal.matter()?;
        Some((id.to_string(), words(matter), super::agreements::matter_name(visit.lang, matter)))
    })
    .collect()
}

/// Documents that wait for the visitor: to be approved, or to be read.
fn documents_for(visit: &Visit) -> Vec<(String, String, &'static str)> {
    let Ok(session) = visit.session() else { return Vec::new() };
    let (role, person) = (session.person.role, &session.person.id);
    let court = visit.office.court();
    let mut waits = Vec::new();
    for (id, registered, newest) in court.evidence().documents.in_use() {
        let document = &newest.value;
        let version = document.version.clone();
        let approve = Act::DocumentApproved { document: id.clone(), version: version.clone() };
        let what = format!("{}（{version}）", document.title);
        if registered.approval().is_none() && may(role, &approve) {
            waits.push((id.to_string(), what, visit.lang.of("文書の承認", "To approve")));
        } else if document.audience.contains(&role)
            && !registered.read.contains_key(&(version, person.clone()))
        {
            waits.push((id.to_string(), what, visit.lang.of("文書の確認（読了）", "To read")));
        }
    }
    waits
}

fn waiting(visit: &Visit, page: &mut Page) {
    let waits = proposals_for(visit, visit.party());
    let documents = documents_for(visit);
    page.push(Block::Heading(visit.of("こちらを待っているもの", "Waiting for this side").to_owned()));
    let of_document = |(id, text, kind): &(String, String, &'static str)| {
        vec![Cell::link(format!("{}/documents/{id}", visit.base()), text.as_str()), Cell::text(*kind)]
    };
    let row = |(id, text, kind): &(String, String, &'static str)| {
        vec![Cell::link(format!("{}/agreements/{id}", visit.base()), text.as_str()), Cell::text(*kind)]
    };
    page.push(Block::Table(Table {
        caption: visit.of("合意待ち", "Waiting").to_owned(),
        heads: vec![visit.of("内容", "What").to_owned(), visit.of("種類", "Kind").to_owned()],
        rows: documents.iter().map(of_document).chain(waits.iter().map(row)).take(20).collect(),
        empty: visit.of("待っているものはありません。", "Nothing waits.").to_owned(),
    }));
}

fn silent(visit: &Visit, page: &mut Page) {
    let quiet: Vec<String> = {
        let court = visit.office.court();
        let hosts = court.evidence().hosts.iter();
        hosts.filter(|(_, host)| super::hosts::is_silent(host)).map(|(id, _)| id.to_string()).collect()
    };
    if quiet.is_empty() {
        return;
    }
    let head = visit.of("通信が途絶えているホストがあります", "Hosts that are silent");
    page.push(Block::note(Tone::Bad, head, quiet.join("、")));
}

async fn turns(visit: &Visit, page: &mut Page, at_most: u32) -> Result<(), Refusal> {
    let turns = visit.office.views().newest_turns(visit.now, at_most).await?;
    page.push(Block::Heading(visit.of("最近の変化", "Turned lately").to_owned()));
    let row = |turn: &crate::views::Change| {
        vec![
            Cell::time(visit.lang, turn.at),
            Cell::link(format!("{}/duty/{}", visit.base(), turn.duty), duty::title(visit, turn.duty)),
            Cell::Chip(Chip::of(visit.lang, &turn.verdict.standing, String::new())),
            Cell::text(visit.lang.say(&turn.verdict.cause)),
        ]
    };
    let heads = [
        visit.of("日時", "When"),
        visit.of("義務", "Duty"),
        visit.of("判定", "Standing"),
        visit.of("理由", "Cause"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("最近の変化（新しい順）", "Newest turns").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: turns.iter().map(row).collect(),
        empty: visit.of("まだ変化がありません。", "No turns yet.").to_owned(),
    }));
    Ok(())
}

/// A figure without a link.
#[must_use]
pub fn figure(number: impl ToString, of: &str) -> Figure {
    Figure { number: number.to_string(), of: of.to_owned(), class: "", href: String::new() }
}

/// A way back to this page.
#[must_use]
pub fn back(visit: &Visit) -> Link {
    Link::new(visit.base(), visit.of("ホーム", "Home"))
}
