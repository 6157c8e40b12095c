//! The slip (決裁用): what a department head needs to decide, on one A4 page, with the fields for the seals.

use super::block::{Block, Cell, Link, Tone};
use super::frame::{self, Page};
use super::request_show::{self, Names, Seen};
use super::visit::{Answer, Visit};
use super::words::Lang;
use super::{request, request_clock, request_new, request_words};
use yakujo_contract::request::clock;
use yakujo_contract::request::form::Part;

/// The page.
///
/// # Errors
/// Absent, where there is no such request.
pub async fn show(visit: Visit) -> Answer {
    let seen = request_show::found(&visit)?;
    let names = Names::of(&visit, Some(&seen.request)).await?;
    let lang = visit.lang;
    let form = request_words::form(lang, seen.progress.form());
    let title = match lang {
        Lang::Ja => format!("決裁用 {} {form}", seen.number),
        Lang::En => format!("For the decision: {} {form}", seen.number),
    };
    let mut page = Page::new("requests", title, "");
    let here = Link::new(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string());
    page.trail = vec![request_new::back(&visit), here];
    if lang == Lang::Ja {
        page.push(Block::Seals(request::seals(&visit, &seen.progress)));
    }
    page.push(Block::Text(question(&visit, &seen)));
    for warning in warnings(&visit, &seen) {
        page.push(Block::note(Tone::Warn, "", warning));
    }
    let mut rows = vec![
        (
            visit.of("提出者・提出日時", "From, handed in").to_owned(),
            Cell::text(format!(
                "{}　{}",
                request_show::signer(&visit, &names, &seen.progress.by, seen.progress.handed_in.received),
                super::era::wareki(lang, seen.progress.handed_in.received)
            )),
        ),
        (
            visit.of("現在の状態", "State").to_owned(),
            Cell::Chip(request::chip(lang, seen.progress.state, String::new())),
        ),
    ];
    let told = request_show::rows(&visit, &seen.progress.filled, &names, None);
    rows.extend(told.into_iter().filter(|(_, cell)| cell.plain() != "－"));
    let signed = signed(&visit, &seen);
    if !signed.is_empty() {
        rows.push((visit.of("回議・合議", "Signed on the way").to_owned(), Cell::Many(signed)));
    }
    page.push(Block::Fields(rows));
    page.blocks.extend(request_clock::table(&visit, &seen.clocks, seen.lead.as_ref()));
    frame::show(&visit, &page)
}

fn question(visit: &Visit, seen: &Seen) -> String {
    let title = &seen.progress.filled.title;
    let due = clock::next(&seen.clocks).map(|clock| super::era::wareki(visit.lang, clock.due.at));
    match (visit.lang, seen.progress.state.is_open(), due) {
        (Lang::Ja, true, Some(due)) => format!("「{title}」について、{due}までに判断が必要です。"),
        (Lang::Ja, true, None) => format!("「{title}」について、判断が必要です。"),
        (Lang::Ja, false, _) => format!("「{title}」の記録です。"),
        (Lang::En, true, due) => format!("“{title}” needs a decision until {}.", due.unwrap_or_default()),
        (Lang::En, false, _) => format!("The record of “{title}”."),
    }
}

/// What whoever decides has to know before anything else.
fn warnings(visit: &Visit, seen: &Seen) -> Vec<String> {
    let mut warnings = Vec::new();
    if seen.lead.as_ref().is_some_and(yakujo_contract::request::clock::Lead::is_short) {
        let text = visit.of(
            "契約で定めた期間より遅い申請です。承認するかどうかは、市が判断します。",
            "It was asked for later than agreed. The city decides whether to allow it.",
        );
        warnings.push(text.to_owned());
    }
    warnings.extend(request::freeze_text(visit, &seen.progress));
    if seen.progress.consent.is_some() && seen.progress.state.is_open() {
        let text = visit.of(
            "電話で了承したと受託者が記録しています。市が書面で確認するまで、正式な承認にはなりません。",
            "The contractor recorded a consent by telephone. It is no approval until the city confirms it in writing.",
        );
        warnings.push(text.to_owned());
    }
    let missing = seen.progress.form().row().fields.iter().filter(|column| column.part == Part::Ask);
    let empty: Vec<&str> = missing
        .filter(|column| ["substitute", "tested", "tests"].contains(&column.key))
        .filter(|column| !seen.progress.filled.fields.contains_key(column.key))
        .map(|column| visit.lang.of(column.ja, column.en))
        .collect();
    if !empty.is_empty() {
        warnings.push(match visit.lang {
            Lang::Ja => format!("記入がない欄：{}", empty.join("、")),
            Lang::En => format!("Left empty: {}", empty.join(", ")),
        });
    }
    warnings
}

fn signed(visit: &Visit, seen: &Seen) -> Vec<Cell> {
    let signed = seen.progress.signed.iter().map(|(post, (stamp, opinion))| {
        let opinion = request_words::opinion(visit.lang, *opinion);
        let day = super::era::day(visit.lang, stamp.received);
        Cell::text(format!("{} {opinion}（{day}）", request_show::post(visit, post)))
    });
    signed.collect()
}
