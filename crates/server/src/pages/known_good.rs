//! Whether what is right is known and could be put back: on the page of a host, and on that of a restoration (F-06) before
//! the city answers.

use super::block::{self, Block, Cell, Table, Tone};
use super::era;
use super::request_show::Seen;
use super::visit::Visit;
use super::words::Lang;
use crate::audience::Audience;
use std::collections::BTreeSet;
use yakujo_contract::baseline::Stands;
use yakujo_contract::court::Court;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::evidence::latest::Latest;
use yakujo_contract::fact::integrity::{IntegrityHeld, KnownGood, NotHeld, Sought, WhyNotHeld};
use yakujo_contract::id::HostId;
use yakujo_contract::request::form::Form;
use yakujo_contract::thing::Object;

/// Files that are named on the page of a host.
const NAMED: usize = 10;

/// The rows of a host: its baseline, and what could be put back.
#[must_use]
pub fn rows(visit: &Visit, court: &Court, id: &HostId, host: &Host) -> Vec<(String, Cell)> {
    vec![
        (
            visit.of("ファイル監視の基準", "Baseline of watched files").to_owned(),
            baseline(visit, court, id, host),
        ),
        (visit.of("正しい内容の控え", "Known-good content").to_owned(), held(visit, host.held.as_ref())),
    ]
}

fn baseline(visit: &Visit, court: &Court, id: &HostId, host: &Host) -> Cell {
    let Some(told) = &host.baseline else { return Cell::text(super::host::not_observed(visit)) };
    let (lang, tree) = (visit.lang, &told.value.tree);
    let short = tree.as_str().get(..12).unwrap_or_default();
    let (entries, seen) = (told.value.entries, era::wareki(lang, told.stamp.observed));
    let text = match lang {
        Lang::Ja => format!("{entries} 件、{seen}に観測（SHA-256 {short}…）"),
        Lang::En => format!("{entries} files, seen {seen} (SHA-256 {short}…)"),
    };
    let mut cells = vec![Cell::text(text)];
    let Some(place) = court.evidence().agreements.place_of(id) else { return Cell::Many(cells) };
    let stands = court.baseline(&place.system, id);
    cells.extend(stand(visit, &stands));
    let is_open = matches!(stands, Stands::NotAgreed | Stands::Anew(_) | Stands::Changed { .. });
    if is_open && visit.may(Audience::Contractor) {
        let query = format!("system={}&host={id}&tree={tree}", place.system);
        let href = format!("{}/agreements/new/baseline?{query}", visit.base());
        cells.push(Cell::link(href, visit.of("基準を市に示す", "Put it before the city")));
    }
    cells.push(block::entries(&visit.base(), &[told.stamp.entry]));
    Cell::Many(cells)
}

fn stand(visit: &Visit, stands: &Stands<'_>) -> Vec<Cell> {
    let line = |id, text: &str| Cell::link(format!("{}/agreements/{id}", visit.base()), text);
    let not_agreed = visit.of("未合意", "Not agreed");
    match stands {
        Stands::NotTold => Vec::new(),
        Stands::NotAgreed => vec![Cell::Tag(not_agreed.to_owned())],
        Stands::Waiting(id) => vec![line(*id, visit.of("合意待ち", "Waits to be agreed"))],
        Stands::Anew(id) => vec![
            Cell::Tag(not_agreed.to_owned()),
            line(*id, visit.of("前の合意の後に作り直された", "Made anew after this agreement")),
        ],
        Stands::Changed { line: id, first, count } => {
            let text = match visit.lang {
                Lang::Ja => format!("合意の後の変化 {count} 件が承認と結び付かない"),
                Lang::En => format!("{count} changes since are covered by no approval"),
            };
            let href = format!("{}/findings/{}", visit.base(), first.id);
            vec![
                Cell::Tag(not_agreed.to_owned()),
                Cell::link(href, text),
                line(*id, visit.of("前の合意", "The agreement before")),
            ]
        }
        Stands::Agreed { line: id, .. } => vec![line(*id, visit.of("合意済み", "Agreed"))],
    }
}

fn held(visit: &Visit, held: Option<&Latest<IntegrityHeld>>) -> Cell {
    let Some(Latest { stamp, value }) = held else { return Cell::text(super::host::not_observed(visit)) };
    let saved = value.left_out.saturating_sub(value.lost);
    let text = match visit.lang {
        Lang::Ja => format!(
            "ホストに {} 件、バックアップだけに {saved} 件、どこにもない {} 件",
            value.files, value.lost
        ),
        Lang::En => format!("{} on the host, {saved} in backups alone, {} nowhere", value.files, value.lost),
    };
    let mut cells = vec![Cell::text(text)];
    cells.extend(value.missing.iter().take(NAMED).map(|file| Cell::Small(missing(visit, file))));
    cells.push(Cell::time(visit.lang, stamp.observed));
    cells.push(block::entries(&visit.base(), &[stamp.entry]));
    Cell::Many(cells)
}

fn missing(visit: &Visit, file: &NotHeld) -> String {
    let why = match file.why {
        WhyNotHeld::TooLarge => visit.of("大きすぎる", "too large"),
        WhyNotHeld::Full => visit.of("控えの上限", "no room"),
        WhyNotHeld::Unreadable => visit.of("読めない", "not readable"),
    };
    match (&file.saved_by, visit.lang) {
        (None, Lang::Ja) => format!("この内容は戻せません：{}（{why}）", file.path),
        (None, Lang::En) => format!("Cannot be put back: {} ({why})", file.path),
        (Some(job), Lang::Ja) => format!("{}（{why}。バックアップ {job} にあり）", file.path),
        (Some(job), Lang::En) => format!("{} ({why}; in backup {job})", file.path),
    }
}

/// Where the contents that a restoration asks for are, host by host: before the city answers, it knows whether they can be
/// put back.
#[must_use]
pub fn blocks(visit: &Visit, seen: &Seen) -> Vec<Block> {
    let progress = &seen.progress;
    if progress.form() != Form::F06 {
        return Vec::new();
    }
    let files = progress.scope().things.iter().filter(|thing| thing.object == Object::File);
    let wanted: BTreeSet<_> =
        files.filter_map(|thing| Some((thing.name.as_str(), thing.digest.as_ref()?))).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let court = visit.office.court();
    let evidence = court.evidence();
    let (mut rows, mut is_nowhere) = (Vec::new(), false);
    for host in evidence.agreements.declared_hosts() {
        let Some(place) = evidence.agreements.place_of(host) else { continue };
        if !progress.scope().covers_place(&place.system, Some(host), Some(place.environment)) {
            continue;
        }
        let held = evidence.hosts.get(host).and_then(|known| known.held.as_ref());
        for (path, digest) in &wanted {
            let sought = held.and_then(|held| {
                let mut all = held.value.sought.iter();
                Some((held, all.find(|one| one.path == *path && one.digest == **digest)?))
            });
            is_nowhere |= sought.is_some_and(|(_, sought)| sought.source.is_none());
            rows.push(row(visit, host, (path, digest.as_str()), sought));
        }
    }
    let heads = [
        visit.of("ファイル", "File"),
        visit.of("ホスト", "Host"),
        visit.of("戻せるか", "Can it be put back"),
        visit.of("証拠", "Entries"),
    ];
    let mut blocks =
        vec![Block::Heading(visit.of("正しい内容のありか", "Where the right content is").to_owned())];
    if is_nowhere {
        let text = visit.of(
            "戻せない内容があります。別の方法（作り直し、公開の停止など）を相談してください。",
            "Some content cannot be put back. Talk about another way.",
        );
        blocks.push(Block::note(Tone::Bad, "", text));
    }
    blocks.push(Block::Table(Table {
        caption: visit
            .of("エージェントが読んで照合した結果", "As the agents read and compared it")
            .to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("対象のホストがありません。", "There is no host.").to_owned(),
    }));
    blocks
}

fn row(
    visit: &Visit,
    host: &HostId,
    (path, digest): (&str, &str),
    sought: Option<(&Latest<IntegrityHeld>, &Sought)>,
) -> Vec<Cell> {
    let digest = format!("SHA-256 {}…", digest.get(..12).unwrap_or_default());
    let state = match sought {
        None => vec![Cell::text(visit.of("確認中（まだ返事がありません）", "Not known yet"))],
        Some((_, Sought { source: Some(source), .. })) => {
            vec![Cell::text(visit.of("戻せます", "Yes")), Cell::Small(whence(visit.lang, source))]
        }
        Some((_, Sought { source: None, reason, .. })) => vec![
            Cell::text(visit.of("この内容は戻せません", "It cannot be put back")),
            Cell::Small(reason.clone()),
        ],
    };
    let entries = sought.map(|(held, _)| held.stamp.entry);
    vec![
        Cell::Many(vec![Cell::text(path), Cell::Small(digest)]),
        Cell::link(format!("{}/hosts/{host}", visit.base()), host.as_str()),
        Cell::Many(state),
        block::entries(&visit.base(), &entries.into_iter().collect::<Vec<_>>()),
    ]
}

/// Where a content comes from.
#[must_use]
pub fn whence(lang: Lang, source: &KnownGood) -> String {
    match source {
        KnownGood::Store => lang.of("ホストの控え", "held by the host").to_owned(),
        KnownGood::Snapshot { job, snapshot, at } => {
            let (short, at) = (snapshot.get(..8).unwrap_or(snapshot), era::wareki(lang, *at));
            match lang {
                Lang::Ja => format!("バックアップ {job}、{at}の世代 {short}"),
                Lang::En => format!("backup {job}, snapshot {short} of {at}"),
            }
        }
    }
}
