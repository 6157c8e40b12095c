//! 所見: what joining observed facts with approvals brought to light, and whose word is missing on it.

use super::block::{Block, Cell, Link, Table, Tone};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::{board, era, finding_words};
use crate::audience::Audience;
use std::cmp::Reverse;
use std::sync::Arc;
use yakujo_contract::court::found::Found;
use yakujo_contract::court::roll::Findings;
use yakujo_contract::finding::Settled;

/// Which findings are wanted.
const TABS: [&str; 5] = ["", "open", "above", "violation", "all"];

fn tab_name(visit: &Visit, tab: &str) -> &'static str {
    match tab {
        "open" => visit.lang.of("未解決", "Open"),
        "above" => visit.lang.of("上げられたもの", "Gone up"),
        "violation" => visit.lang.of("違反", "Violations"),
        "all" => visit.lang.of("すべて", "All"),
        _ => visit.lang.of("こちらの番", "Our turn"),
    }
}

/// Everything that was found, the newest first.
#[must_use]
pub fn roll(visit: &Visit) -> Arc<Findings> {
    visit.office.court().roll(visit.office.terms())
}

/// Whether the visitor's party has to say something.
#[must_use]
pub fn waits_for_us(visit: &Visit, found: &Found) -> bool {
    found.turn.is_some() && found.turn == visit.party()
}

fn is_in(visit: &Visit, found: &Found, tab: &str) -> bool {
    match tab {
        "open" => matches!(found.settled, Settled::Open | Settled::Proposed(_)),
        "above" => found.is_late(visit.now),
        "violation" => matches!(found.settled, Settled::Violation | Settled::Closed),
        "all" => true,
        _ => waits_for_us(visit, found),
    }
}

/// The list.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let tab = TABS.into_iter().find(|tab| *tab == visit.asked("of")).unwrap_or("");
    // It is never an auditor's turn: he looks at everything.
    let tab = if tab.is_empty() && !visit.may(Audience::Parties) { "all" } else { tab };
    let roll = roll(&visit);
    let late = roll.waiting().iter().filter(|found| found.is_late(visit.now)).count();
    let all = if matches!(tab, "violation" | "all") { roll.all() } else { roll.waiting() };
    let begin = all.partition_point(|found| place(found) <= wanted.after);
    let own = all.iter().skip(begin).filter(|found| is_in(&visit, found, tab));
    let (rows, next) = wanted.take(own, |found| place(found), |found| row(&visit, found));
    let table = Table {
        caption: visit.of("所見の一覧（新しい順）", "Findings, newest first").to_owned(),
        heads: heads(&visit),
        rows,
        empty: visit.of("該当する所見はありません（0件）。", "There are none (0).").to_owned(),
    };
    let keep = vec![("of".to_owned(), tab.to_owned())];
    let list = List { name: "findings", table, next, keep };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "観測したことと承認を突き合わせて、合わなかったものです。受託者が説明し、市が分類を決めます。どちらも消せません。",
        "What was observed and is not as approved. The contractor explains, the city decides, nobody removes.",
    );
    let mut page = Page::new("findings", visit.of("所見", "Findings"), lead);
    if late > 0 {
        let text = match visit.lang {
            super::words::Lang::Ja => {
                format!(
                    "分類の期限を過ぎ、責任者に上げられた所見が {late} 件あります。双方の責任者が対応してください。"
                )
            }
            super::words::Lang::En => format!(
                "{late} findings were not classified in time: those who lead both sides look at them."
            ),
        };
        page.push(Block::note(Tone::Bad, visit.of("期限超過", "Overdue"), text));
    }
    let offered = TABS.into_iter().filter(|it| !it.is_empty() || visit.may(Audience::Parties));
    let tabs = offered
        .map(|it| Link::new(format!("{}?of={it}", visit.uri_path), tab_name(&visit, it)).here_if(it == tab));
    page.push(Block::Tabs(tabs.collect()));
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// The headings of a table of findings.
#[must_use]
pub fn heads(visit: &Visit) -> Vec<String> {
    let heads = [
        visit.of("所見", "Finding"),
        visit.of("情報システム", "System"),
        visit.of("突合", "Join"),
        visit.of("分類", "Class"),
        visit.of("分類の期限", "Due"),
        visit.of("規則", "Rule"),
    ];
    heads.map(str::to_owned).to_vec()
}

/// To whom a finding went up that nobody classified in time.
#[must_use]
pub fn above(visit: &Visit, found: &Found) -> String {
    let above = visit.office.court().above(found);
    match visit.lang {
        super::words::Lang::Ja => format!("上申先：{}", above.ja),
        super::words::Lang::En => format!("Gone up to {}", above.en),
    }
}

/// The key by which the list pages, in the order of the roll.
fn place(found: &Found) -> String {
    let (Reverse(second), id) = found.place();
    format!("{:020}{id}", i64::MAX.saturating_sub(second))
}

/// One row.
#[must_use]
pub fn row(visit: &Visit, found: &Found) -> Vec<Cell> {
    let lang = visit.lang;
    let finding = &found.finding;
    let rule = finding.rule.row();
    let name = board::system_names(visit).get(&finding.system).cloned();
    let mut due = vec![Cell::Time {
        iso: found.due.to_string(),
        shown: era::day(lang, found.due),
        wareki: era::exact(found.due),
    }];
    if found.is_late(visit.now) {
        due.push(Cell::Tag(visit.of("期限超過", "Overdue").to_owned()));
        due.push(Cell::Small(above(visit, found)));
    }
    let open = matches!(found.settled, Settled::Open | Settled::Proposed(_));
    vec![
        Cell::link(format!("{}/findings/{}", visit.base(), finding.id), lang.say(&found.words)),
        Cell::text(name.unwrap_or_else(|| finding.system.to_string())),
        Cell::Chip(finding_words::join(lang, &finding.join)),
        Cell::Chip(finding_words::settled(lang, found.settled)),
        if open { Cell::Many(due) } else { Cell::text("－") },
        Cell::Small(format!("{} {}", rule.key, lang.of(rule.ja, rule.en))),
    ]
}
