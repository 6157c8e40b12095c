//! ホスト: every machine that was declared or heard of: declared, confirmed and observed side by side.

use super::block::{Block, Cell, Chip, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::words;
use crate::audience::Audience;
use std::collections::BTreeSet;
use yakujo_contract::act::Matter;
use yakujo_contract::court::Court;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::id::HostId;

/// The server noticed its silence and has not heard it since.
#[must_use]
pub fn is_silent(host: &Host) -> bool {
    host.silent_since().is_some()
}

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let (rows, next) = {
        let court = visit.office.court();
        let evidence = court.evidence();
        let all: BTreeSet<&HostId> =
            evidence.agreements.declared_hosts().chain(evidence.hosts.keys()).collect();
        let row = |id: &&HostId| row(&visit, &court, id);
        wanted.take(all.into_iter(), |id| id.to_string(), row)
    };
    let heads = [
        visit.of("ホスト", "Host"),
        visit.of("申告されたシステム", "Declared system"),
        visit.of("市の確認", "Confirmed"),
        visit.of("観測", "Observed"),
        visit.of("OS", "System"),
        visit.of("最後に届いた記録", "Last entry"),
    ];
    let table = Table {
        caption: visit.of("ホストの一覧", "Hosts").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("該当するホストはありません。", "There are none.").to_owned(),
    };
    let list = List { name: "hosts", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "申告されたこと、市が確認したこと、実際に観測されたことを、混ぜずに並べて示します。",
        "What was declared, what the city confirmed, and what is observed: side by side, never mixed.",
    );
    let mut page = Page::new("hosts", visit.of("ホスト", "Hosts"), lead);
    if visit.may(Audience::Contractor) {
        let href = format!("{}/hosts/new", visit.base());
        page.push(Block::Buttons(vec![(
            href,
            visit.of("ホストを加える", "Add a host").to_owned(),
            "second",
        )]));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn row(visit: &Visit, court: &Court, id: &HostId) -> Vec<Cell> {
    let lang = visit.lang;
    let evidence = court.evidence();
    let host = evidence.hosts.get(id);
    let line = evidence.agreements.place_line(id);
    let place = match line.as_ref().map(|line| line.matter) {
        Some(Matter::Host(place)) => {
            Cell::text(format!("{}（{}）", place.system, words::environment(lang, place.environment)))
        }
        _ => Cell::text(visit.of("申告なし", "Not declared")),
    };
    let confirmed = line.map_or_else(|| Cell::text("－"), |line| Cell::text(words::stage(lang, line.stage)));
    let observed = match host {
        None => Cell::Chip(chip("unknown", "－", visit.of("観測なし", "Never heard"))),
        Some(host) if is_silent(host) => Cell::Chip(chip("broken", "×", visit.of("通信途絶", "Silent"))),
        Some(_) => Cell::Chip(chip("kept", "○", visit.of("通信中", "Heard"))),
    };
    let system = host.and_then(|host| host.system.as_ref());
    let system = system.map_or_else(String::new, |seen| format!("{} {}", seen.value.os, seen.value.version));
    vec![
        Cell::link(format!("{}/hosts/{id}", visit.base()), id.as_str()),
        place,
        confirmed,
        observed,
        Cell::text(system),
        Cell::maybe_time(lang, host.and_then(|host| host.last_received).map(|stamp| stamp.received)),
    ]
}

fn chip(class: &'static str, sign: &'static str, word: &str) -> Chip {
    Chip { class, sign, word: word.to_owned(), href: String::new() }
}
