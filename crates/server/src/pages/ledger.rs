//! 台帳: the entries, newest first.

use super::block::{Block, Cell, Link, Table};
use super::frame::{self, Page};
use super::visit::{Answer, Visit};
use crate::views::{EntryFilter, EntryRow};

/// Rows on the page.
const ROWS: u32 = 50;

/// The page.
///
/// # Errors
/// When the views cannot be read.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let some = |name: &str| Some(visit.asked(name).to_owned()).filter(|text| !text.is_empty());
    let filter = EntryFilter {
        kind: some("kind"),
        host: some("host"),
        person: some("person"),
        before: visit.asked("before").parse().ok(),
        limit: ROWS,
    };
    let rows = visit.office.views().list_entries(&filter).await?;
    let kinds = visit.office.views().kinds().await?;
    let lead = visit.of(
        "届いた記録のすべてです。後から変えることも消すこともできません。",
        "Everything that arrived. Nothing here can be changed or removed.",
    );
    let mut page = Page::new("ledger", visit.of("台帳", "Ledger"), lead);
    let base = visit.base();
    let tab = |kind: &String| {
        Link::new(format!("{base}/ledger?kind={kind}"), kind.as_str())
            .here_if(filter.kind.as_ref() == Some(kind))
    };
    let all = Link::new(format!("{base}/ledger"), visit.of("すべて", "All")).here_if(filter.kind.is_none());
    page.push(Block::Tabs([all].into_iter().chain(kinds.iter().map(tab)).collect()));
    let older = rows.last().filter(|_| rows.len() == ROWS as usize).map(|row| row.number);
    let heads = [
        visit.of("番号", "Number"),
        visit.of("種類", "Kind"),
        visit.of("ホスト・人", "Host or person"),
        visit.of("観測", "Observed"),
        visit.of("受信", "Received"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("記録の一覧（新しい順）", "Entries, newest first").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: rows.iter().map(|row| cells(&visit, row)).collect(),
        empty: visit.of("該当する記録はありません。", "There are none.").to_owned(),
    }));
    if let Some(before) = older {
        let kind = filter.kind.as_deref().map_or_else(String::new, |kind| format!("&kind={kind}"));
        let link = Link::new(
            format!("{base}/ledger?before={before}{kind}"),
            lang.of("さらに古い記録", "Older entries"),
        );
        page.push(Block::Pager(String::new(), vec![link]));
    }
    frame::show(&visit, &page)
}

fn cells(visit: &Visit, row: &EntryRow) -> Vec<Cell> {
    let who = row.host.as_ref().or(row.person.as_ref());
    vec![
        Cell::link(format!("{}/ledger/{}", visit.base(), row.number), format!("#{}", row.number)),
        Cell::code(row.kind.as_str()),
        who.map_or_else(|| Cell::text("－"), |who| Cell::code(who.as_str())),
        Cell::time(visit.lang, row.observed),
        Cell::time(visit.lang, row.received),
    ]
}
