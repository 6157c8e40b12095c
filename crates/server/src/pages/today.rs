//! What of requests and findings stands on the first screen: what waits for whom with the time that is left, what happens
//! today, what was reported lately.

use super::block::{self, Block, Cell, Table};
use super::request_show::{self, Seen};
use super::visit::Visit;
use super::words::{self, Lang};
use super::{era, finding_words, findings, request, request_clock, request_words, requests};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use yakujo_contract::court::found::Found;
use yakujo_contract::court::unreported::Unreported;
use yakujo_contract::request::clock;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;

/// Rows of a table on the first screen.
const SHOWN: usize = 8;
/// Reports so new are news.
const NEW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The requests of which the first screen tells: what is not over, and what is new.
#[must_use]
pub fn requests(visit: &Visit) -> Vec<Seen> {
    requests::open_or_since(visit, visit.now.checked_sub(NEW).unwrap_or(Timestamp::MIN))
}

/// What waits for the visitor's side, what is due first at the top, at most so many.
#[must_use]
pub fn waiting(visit: &Visit, all: &[Seen], at_most: usize) -> Vec<Block> {
    let mut ours: Vec<&Seen> = all.iter().filter(|seen| requests::waits_for_us(visit, seen)).collect();
    ours.sort_by_key(|seen| {
        let due = clock::next(&seen.clocks).map_or(Timestamp::MAX, |clock| clock.due.at);
        (due, seen.id.clone())
    });
    let heads = [
        visit.of("番号", "Number"),
        visit.of("件名", "Title"),
        visit.of("状態", "State"),
        visit.of("期限と残り", "Due, left"),
        visit.of("開始まで", "Until it begins"),
    ];
    let rows = ours.iter().take(at_most).map(|seen| waiting_row(visit, seen)).collect();
    let mut blocks = vec![
        Block::Heading(visit.of("申請・報告：こちらの番", "Requests: our turn").to_owned()),
        table(
            visit.of("期限の早い順", "What is due first"),
            &heads,
            rows,
            visit.of("こちらの番の申請・報告はありません。", "None waits for this side."),
        ),
    ];
    if ours.len() > at_most {
        let text = match visit.lang {
            Lang::Ja => format!("すべて見る（{}件）", ours.len()),
            Lang::En => format!("See all {}", ours.len()),
        };
        blocks.push(Block::Buttons(vec![(format!("{}/requests", visit.base()), text, "second")]));
    }
    blocks
}

fn waiting_row(visit: &Visit, seen: &Seen) -> Vec<Cell> {
    let due = clock::next(&seen.clocks).map(|clock| {
        let mut cells = vec![
            Cell::Time {
                iso: clock.due.at.to_string(),
                shown: era::wareki(visit.lang, clock.due.at),
                wareki: era::exact(clock.due.at),
            },
            Cell::Small(request_clock::left(visit, clock)),
        ];
        if clock.is_late(visit.now) {
            cells.push(Cell::Tag(visit.of("期限超過", "Overdue").to_owned()));
        }
        Cell::Many(cells)
    });
    let begins = seen.progress.window().map(|window| {
        let left = window.from.duration_since(visit.now).as_secs();
        if left > 0 {
            request_show::length(visit.lang, left)
        } else {
            visit.of("開始済み", "Begun").to_owned()
        }
    });
    vec![
        link(visit, seen),
        Cell::text(seen.progress.filled.title.as_str()),
        Cell::Chip(request::chip(visit.lang, seen.progress.state, String::new())),
        due.unwrap_or_else(|| Cell::text("－")),
        Cell::text(begins.unwrap_or_else(|| "－".to_owned())),
    ]
}

fn link(visit: &Visit, seen: &Seen) -> Cell {
    Cell::link(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string())
}

/// Detected malware that has still to be reported, with its clock and, for those who report, the report that begins from it.
#[must_use]
pub fn unreported(visit: &Visit) -> Vec<Block> {
    let roll = findings::roll(visit);
    let open = roll.unreported();
    if open.is_empty() {
        return Vec::new();
    }
    let reports = visit.may(crate::audience::Audience::Contractor);
    let row = |one: &Unreported| {
        let left = one.due.duration_since(visit.now).as_secs();
        let left = match left {
            ..0 => visit.of("期限超過", "Overdue").to_owned(),
            left => request_show::length(visit.lang, left),
        };
        let entry = block::entries(&visit.base(), &[one.entry]);
        let report = if reports {
            let href = format!("{}/requests/new/F-05?about={}", visit.base(), one.entry);
            Cell::link(href, visit.of("報告書を書き始める", "Begin the report"))
        } else {
            Cell::text(visit.of("受託者の番", "Turn of the contractor"))
        };
        vec![
            Cell::link(format!("{}/hosts/{}", visit.base(), one.host), one.host.as_str()),
            Cell::time(visit.lang, one.detected),
            Cell::Many(vec![Cell::time(visit.lang, one.due), Cell::Small(left)]),
            report,
            entry,
        ]
    };
    let heads = [
        visit.of("ホスト", "Host"),
        visit.of("検知", "Detected"),
        visit.of("報告の期限と残り", "Report due, left"),
        visit.of("報告（F-05）", "Report (F-05)"),
        visit.of("証拠", "Entry"),
    ];
    let rows = open.iter().take(SHOWN).map(row).collect();
    vec![
        Block::Heading(visit.of("報告を要する検知", "Detections to report").to_owned()),
        table(visit.of("期限の早い順", "What is due first"), &heads, rows, ""),
    ]
}

/// What was approved and happens today.
#[must_use]
pub fn today(visit: &Visit, all: &[Seen]) -> Vec<Block> {
    let day = |at: Timestamp| era::day(Lang::En, at);
    let is_today = |seen: &&Seen| {
        let granted = matches!(seen.progress.state, State::Approved | State::Done);
        let window = seen.progress.window().filter(|_| granted && seen.progress.form() != Form::F26);
        window.is_some_and(|window| {
            let now = visit.now;
            (window.from <= now && now <= window.last()) || day(window.from) == day(now)
        })
    };
    let row = |seen: &Seen| {
        let window = seen.progress.window();
        vec![
            link(visit, seen),
            Cell::text(seen.progress.filled.title.as_str()),
            Cell::text(request_words::form(visit.lang, seen.progress.form())),
            window.map_or_else(|| Cell::text("－"), |window| request_show::window(visit.lang, &window)),
        ]
    };
    let heads = [
        visit.of("番号", "Number"),
        visit.of("件名", "Title"),
        visit.of("様式", "Form"),
        visit.of("時間", "Time"),
    ];
    vec![
        Block::Heading(visit.of("今日の停止・作業", "Stops and work of today").to_owned()),
        table(
            visit.of("承認されたもの", "As approved"),
            &heads,
            all.iter().filter(is_today).take(SHOWN).map(row).collect(),
            visit.of("今日の停止・作業はありません。", "Nothing stops today."),
        ),
    ]
}

/// Incidents and failures that were reported lately, or that the city has not confirmed.
#[must_use]
pub fn incidents(visit: &Visit, all: &[Seen]) -> Vec<Block> {
    let is_told = |seen: &&Seen| {
        let form = matches!(seen.progress.form(), Form::F05 | Form::F08);
        let new = visit.now.duration_since(seen.progress.handed_in.received) <= NEW;
        form && (new || !seen.progress.state.is_over())
    };
    let mut own: Vec<&Seen> = all.iter().filter(is_told).collect();
    own.sort_by_key(|seen| std::cmp::Reverse(seen.progress.handed_in.received));
    let row = |seen: &Seen| {
        vec![
            link(visit, seen),
            Cell::text(seen.progress.filled.title.as_str()),
            Cell::Chip(request::chip(visit.lang, seen.progress.state, String::new())),
            request_show::moment(visit.lang, seen.progress.handed_in.received),
        ]
    };
    let heads = [
        visit.of("番号", "Number"),
        visit.of("件名", "Title"),
        visit.of("状態", "State"),
        visit.of("報告", "Reported"),
    ];
    vec![
        Block::Heading(visit.of("新着の事案・障害", "New incidents and failures").to_owned()),
        table(
            visit.of("7日以内の報告と、確認の済んでいない報告", "Of seven days, or not confirmed"),
            &heads,
            own.into_iter().take(SHOWN).map(row).collect(),
            visit.of("新しい報告はありません。", "There are none."),
        ),
    ]
}

/// Findings on which the visitor's side has to say something.
#[must_use]
pub fn found(visit: &Visit) -> Vec<Block> {
    let roll = findings::roll(visit);
    let waiting = roll.waiting().iter();
    let mut ours: Vec<&Arc<Found>> = waiting.filter(|found| findings::waits_for_us(visit, found)).collect();
    ours.sort_by_key(|found| found.due);
    let row = |found: &&Arc<Found>| {
        let mut due = vec![Cell::text(era::wareki(visit.lang, found.due))];
        if found.is_late(visit.now) {
            due.push(Cell::Tag(visit.of("期限超過", "Overdue").to_owned()));
        }
        vec![
            Cell::link(
                format!("{}/findings/{}", visit.base(), found.finding.id),
                visit.lang.say(&found.words),
            ),
            Cell::Chip(finding_words::settled(visit.lang, found.settled)),
            Cell::Many(due),
        ]
    };
    let heads = [visit.of("所見", "Finding"), visit.of("分類", "Class"), visit.of("期限", "Due")];
    vec![
        Block::Heading(visit.of("所見：こちらの番", "Findings: our turn").to_owned()),
        table(
            visit.of("期限の早い順", "What is due first"),
            &heads,
            ours.iter().take(SHOWN).map(row).collect(),
            visit.of("こちらの番の所見はありません。", "None waits for this side."),
        ),
    ]
}

/// What went past its date, of either side: what those who decide have to know of (上申).
#[must_use]
pub fn overdue(visit: &Visit, all: &[Seen], at_most: usize) -> Vec<Block> {
    let mut late: Vec<(Timestamp, Vec<Cell>)> = Vec::new();
    for seen in all {
        let over = seen.clocks.iter().filter(|clock| clock.met.is_none() && clock.is_late(visit.now));
        late.extend(over.map(|clock| {
            let cells = vec![
                link(visit, seen),
                Cell::text(request_clock::duty(visit.lang, clock.duty)),
                Cell::text(words::party(visit.lang, clock.of)),
                Cell::text(era::wareki(visit.lang, clock.due.at)),
            ];
            (clock.due.at, cells)
        }));
    }
    let roll = findings::roll(visit);
    late.extend(roll.waiting().iter().filter(|found| found.is_late(visit.now)).map(|found| {
        let href = format!("{}/findings/{}", visit.base(), found.finding.id);
        let whose = found.turn.map_or("－", |party| words::party(visit.lang, party));
        let cells = vec![
            Cell::link(href, visit.lang.say(&found.words)),
            Cell::text(visit.of("所見の分類", "The word on it")),
            Cell::text(whose),
            Cell::text(era::wareki(visit.lang, found.due)),
        ];
        (found.due, cells)
    }));
    if late.is_empty() {
        return Vec::new();
    }
    late.sort_by_key(|(due, _)| *due);
    let heads = [
        visit.of("対象", "Matter"),
        visit.of("期限のあること", "What"),
        visit.of("誰の番", "Whose turn"),
        visit.of("期限", "Due"),
    ];
    let head = match visit.lang {
        Lang::Ja => format!("期限を過ぎたもの（{}件）", late.len()),
        Lang::En => format!("Overdue ({})", late.len()),
    };
    vec![
        Block::Heading(head),
        table(
            visit.of("市・受託者とも、古い順", "Of either side, the oldest first"),
            &heads,
            late.into_iter().take(at_most).map(|(_, cells)| cells).collect(),
            "",
        ),
    ]
}

fn table(caption: &str, heads: &[&str], rows: Vec<Vec<Cell>>, empty: &str) -> Block {
    Block::Table(Table {
        caption: caption.to_owned(),
        heads: heads.iter().map(|head| (*head).to_owned()).collect(),
        rows,
        empty: empty.to_owned(),
    })
}
