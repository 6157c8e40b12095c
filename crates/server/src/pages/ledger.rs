//! 台帳: the entries, newest first: found by number, host, person or kind.

use super::block::{Block, Cell, Link, Table, Tone};
use super::frame::{self, Page};
use super::list::{Format, List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use crate::views::{By, EntryFilter, EntryRow};
use std::collections::BTreeMap;

/// The page.
///
/// # Errors
/// When the views cannot be read.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let names = names(&visit).await?;
    let mut filter = EntryFilter {
        by: by(&visit),
        person: Some(visit.asked("person").to_owned()).filter(|id| !id.is_empty()),
        before: wanted.after.parse().ok(),
        // One more than the page shows tells whether there is another page.
        limit: u32::try_from(wanted.limit.saturating_add(1)).unwrap_or(u32::MAX),
        ..EntryFilter::default()
    };
    let found = narrow(&visit, &wanted.find, &names, &mut filter).await?;
    let mut rows = if found { visit.office.views().list_entries(&filter).await? } else { Vec::new() };
    let more = rows.len() > wanted.limit;
    rows.truncate(wanted.limit);
    let next = rows.last().filter(|_| more).map(|row| row.number.to_string());
    let heads = [
        visit.of("番号", "Number"),
        visit.of("記録", "Entry"),
        visit.of("種類", "Kind"),
        visit.of("ホスト・人", "Host or person"),
        visit.of("観測した日時", "Observed"),
        visit.of("届いた日時", "Received"),
    ];
    let table = Table {
        caption: visit.of("記録の一覧（新しい順）", "Entries, newest first").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: rows.iter().map(|row| cells(&visit, row, &names)).collect(),
        empty: visit.of("該当する記録はありません。", "There are none.").to_owned(),
    };
    let mut keep = vec![("by".to_owned(), visit.asked("by").to_owned())];
    keep.extend(filter.person.clone().map(|person| ("person".to_owned(), person)));
    let list = List { name: "ledger", table, next, keep };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "届いた記録のすべてです。後から変えることも消すこともできません。番号、ホスト名、氏名、種類（例：clock.state）で探せます。",
        "Everything that arrived. Nothing can be changed or removed. Find by number, host, name or kind (clock.state).",
    );
    let mut page = Page::new("ledger", visit.of("台帳", "Ledger"), lead);
    page.push(Block::Tabs(tabs(&visit)));
    if !found && wanted.format == Format::Page {
        let text = visit.of(
            "番号・ホスト名・氏名・種類のどれにも当てはまりません。",
            "No number, host, name or kind is like this.",
        );
        page.push(Block::note(Tone::Warn, "", text));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// People's names by their ids in the ledger, as far as they are not erased.
async fn names(visit: &Visit) -> Result<BTreeMap<String, String>, Refusal> {
    let people = visit.office.people.everybody().await?;
    Ok(people.iter().map(|person| (person.id.to_string(), super::people::name(person))).collect())
}

fn by(visit: &Visit) -> By {
    match visit.asked("by") {
        "agents" => By::Agents,
        "people" => By::People,
        "server" => By::Server,
        _ => By::Anybody,
    }
}

fn tabs(visit: &Visit) -> Vec<Link> {
    [
        ("", visit.of("すべて", "All")),
        ("agents", visit.of("機器の観測", "Agents")),
        ("people", visit.of("人の行為", "People")),
        ("server", visit.of("サーバ", "Server")),
    ]
    .into_iter()
    .map(|(word, text)| {
        Link::new(format!("{}?by={word}", visit.uri_path), text).here_if(visit.asked("by") == word)
    })
    .collect()
}

/// Makes the filter narrower by what was typed. False: nothing there is called so.
async fn narrow(
    visit: &Visit,
    typed: &str,
    names: &BTreeMap<String, String>,
    filter: &mut EntryFilter,
) -> Result<bool, Refusal> {
    let text = super::era::half_width(typed);
    let text = text.trim().trim_start_matches('#');
    if text.is_empty() {
        return Ok(true);
    }
    if let Ok(number) = text.parse::<u64>() {
        filter.only = Some(number);
    } else if visit.office.views().kinds().await?.iter().any(|kind| kind == text) {
        filter.kind = Some(text.to_owned());
    } else if let Some((id, _)) = names.iter().find(|(id, name)| *id == text || name.contains(text)) {
        filter.person = Some(id.clone());
    } else if text.parse().is_ok_and(|host| visit.office.court().evidence().hosts.contains_key(&host)) {
        filter.host = Some(text.to_owned());
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn cells(visit: &Visit, row: &EntryRow, names: &BTreeMap<String, String>) -> Vec<Cell> {
    let person = row.person.as_ref().map(|id| names.get(id).unwrap_or(id));
    let who = match (&row.host, person) {
        (Some(host), _) => Cell::code(host.as_str()),
        (None, Some(name)) => Cell::text(name.as_str()),
        (None, None) => Cell::text("－"),
    };
    vec![
        Cell::link(format!("{}/ledger/{}", visit.base(), row.number), format!("#{}", row.number)),
        Cell::text(words::kind_of_entry(visit.lang, &row.kind)),
        Cell::code(row.kind.as_str()),
        who,
        Cell::time(visit.lang, row.observed),
        Cell::time(visit.lang, row.received),
    ]
}
