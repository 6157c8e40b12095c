//! A finding that stands no more: a notice, a printed list or a bookmark still leads to it, and whoever comes learns why
//! nothing is there, what was said of it, and what it may have become.

use super::block::{Block, Cell, Link, Table, Tone};
use super::frame::Page;
use super::visit::{Refusal, Visit};
use super::words::Lang;
use super::{era, finding, findings};
use jiff::Timestamp;
use yakujo_contract::finding::Rule;
use yakujo_contract::id::FindingId;
use yakujo_contract::occurrence::where_and_when;

/// The page.
///
/// # Errors
/// Absent, where there never was such a finding of this contract.
pub fn page(visit: &Visit, id: &FindingId) -> Result<Page, Refusal> {
    let rule = Rule::of_id(id).filter(|_| visit.office.court().is_ours(id)).ok_or(Refusal::Absent)?;
    let (_, nanos) = where_and_when(id).ok_or(Refusal::Absent)?;
    let at = Timestamp::from_nanosecond(nanos).map_err(|_| Refusal::Absent)?;
    let (row, when) = (rule.row(), era::wareki(visit.lang, at));
    let lead = match visit.lang {
        Lang::Ja => format!("{when} の所見「{}」は、いまは所見ではありません。", row.ja),
        Lang::En => format!("\u{201c}{}\u{201d} of {when} is no finding any more.", row.en),
    };
    let mut page = Page::new("findings", visit.lang.of(row.ja, row.en), lead);
    page.trail = vec![Link::new(format!("{}/findings", visit.base()), visit.of("所見", "Findings"))];
    page.push(Block::note(Tone::Plain, visit.of("なくなった理由", "Why"), why(visit, rule)));
    let roll = findings::roll(visit);
    let rows: Vec<Vec<Cell>> = roll.became(id).into_iter().map(|found| findings::row(visit, found)).collect();
    if !rows.is_empty() {
        page.push(Block::Heading(visit.of("改まった後の所見", "What it became").to_owned()));
        page.push(Block::Table(Table {
            caption: visit.of("同じ対象、近い時刻の所見", "Of the same target, near that instant").to_owned(),
            heads: findings::heads(visit),
            rows,
            empty: String::new(),
        }));
    }
    let said = visit.office.court().evidence().sayings.of(id).cloned();
    if said.is_some() {
        page.push(Block::Heading(visit.of("双方の説明", "What both sides said").to_owned()));
        page.push(Block::Fields(finding::said(visit, said.as_ref())));
    }
    let all = format!("{}/findings?of=all", visit.base());
    page.push(Block::Buttons(vec![(all, visit.of("所見の一覧へ", "All findings").to_owned(), "second")]));
    Ok(page)
}

fn why(visit: &Visit, rule: Rule) -> &'static str {
    match rule {
        Rule::R01 | Rule::R02 => visit.of(
            "監視点からの報告が進み、停止・制限の始まりが改まったか、合意した基準より短いとわかったか、承認と一致しました。記録は台帳に残っています。",
            "As probes went on telling, the beginning moved, or it was shorter than agreed, or it is as approved. The ledger keeps it all.",
        ),
        Rule::R22 => visit.of(
            "このホストからの報告が再び届いています。報告のなかった期間は台帳に残っています。",
            "The host is heard again. The time in which it was not stays in the ledger.",
        ),
        Rule::R19 | Rule::R20 | Rule::R23 => visit.of(
            "回答・報告があったか、手続が進みました。遅れは申請の経過と月報に残っています。",
            "It was answered or reported, or went on. The delay stays in the request and in the monthly report.",
        ),
        Rule::R03
        | Rule::R04
        | Rule::R05
        | Rule::R06
        | Rule::R09
        | Rule::R10
        | Rule::R11
        | Rule::R17
        | Rule::R24 => visit.of(
            "後から届いた記録により、承認または合意した除外と一致したか、必要な手続が済みました。記録は台帳に残っています。",
            "By what was recorded later it is as approved or agreed, or what was missing was done. The ledger keeps it all.",
        ),
    }
}
