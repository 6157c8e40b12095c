//! バックアップ: every asset that work stops without, with what saves it, and how it was proved. The list, taken away as a
//! workbook or PDF, is what the city needs for procedures of its own (10.c): data, amounts, times, tools, places, drills.

use super::block::{Block, Cell, Chip, Link, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::request_show::length;
use super::visit::{Answer, Visit};
use super::{asset_form, request_words, retentions, words};
use std::collections::BTreeMap;
use yakujo_contract::act::{AssetLine, Matter};
use yakujo_contract::court::Court;
use yakujo_contract::evidence::agreement::{Line, Stage};
use yakujo_contract::evidence::backups::{Job, Repository};
use yakujo_contract::id::{HostId, SystemId};

/// The tab of old backups that were removed.
const REMOVED: &str = "removed";

/// One row: an asset, and one job that saves it.
struct Row<'a> {
    asset: &'a str,
    system: Option<&'a SystemId>,
    line: Option<(&'a AssetLine, Stage)>,
    job: Option<(&'a HostId, &'a str, &'a Job, Option<&'a Repository>)>,
}

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let is_of_removed = visit.asked("of") == REMOVED;
    let list = if is_of_removed {
        let (table, next) = retentions::table(&visit, &wanted);
        let keep = vec![("of".to_owned(), REMOVED.to_owned())];
        List { name: "backups-removed", table, next, keep }
    } else {
        let (table, next) = saved(&visit, &wanted);
        List { name: "backups", table, next, keep: Vec::new() }
    };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "業務の継続に必要な情報資産（申告と合意の「情報資産台帳」）ごとに、何が保存し、復元と鍵をいつ確かめたかを示します。",
        "For every asset that work stops without: what saves it, and when restoring it and the key of the city were tried.",
    );
    let mut page = Page::new("backups", visit.of("バックアップ", "Backups"), lead);
    let tabs = [
        ("", visit.of("保存の状況", "What is saved"), !is_of_removed),
        (REMOVED, visit.of("世代の整理（削除）", "Old ones removed"), is_of_removed),
    ];
    let tab = |(of, words, here): (&str, &str, bool)| {
        Link::new(format!("{}?of={of}", visit.uri_path), words).here_if(here)
    };
    page.push(Block::Tabs(tabs.map(tab).into_iter().collect()));
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn saved(visit: &Visit, wanted: &Wanted) -> (Table, Option<String>) {
    let (rows, next) = {
        let court = visit.office.court();
        wanted.take(rows_of(&court).into_iter(), key, |row| shown(visit, row))
    };
    let table = Table {
        caption: visit.of("バックアップの一覧", "Backups").to_owned(),
        heads: heads(visit),
        rows,
        empty: visit
            .of(
                "情報資産の申告も、バックアップの記録もありません。受託者が「申告と合意」で情報資産を申告すると、ここに並びます。",
                "There are none. What the contractor declares as an information asset under “Declared and agreed” is listed here.",
            )
            .to_owned(),
    };
    (table, next)
}

fn heads(visit: &Visit) -> Vec<String> {
    let heads = [
        visit.of("資産", "Asset"),
        visit.of("媒体・所在", "Medium and place"),
        visit.of("ジョブ", "Job"),
        visit.of("最新の成功", "Newest good"),
        visit.of("保存先と暗号", "Repository"),
        visit.of("復元試験", "Restore drill"),
        visit.of("検査・鍵・削除", "Read back, key, removal"),
    ];
    heads.into_iter().map(str::to_owned).collect()
}

/// Every asset with its jobs, and every job whose asset nobody declared.
fn rows_of(court: &Court) -> Vec<Row<'_>> {
    let evidence = court.evidence();
    let mut assets: BTreeMap<(&SystemId, &str), Line<'_>> = BTreeMap::new();
    for line in evidence.agreements.of_any("asset").filter(Line::is_declared) {
        let Matter::Asset(asset) = line.matter else { continue };
        let place = (&asset.system, asset.asset.as_str());
        let counts = assets.get(&place).is_none_or(|known| known.weight() < line.weight());
        if counts {
            assets.insert(place, line);
        }
    }
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut saved: BTreeMap<(&SystemId, &str), usize> = BTreeMap::new();
    for (id, host) in &evidence.hosts {
        let system = evidence.agreements.place_of(id).map(|place| &place.system);
        for (name, job) in &host.backups.jobs {
            let Some(last) = &job.last else { continue };
            let asset = last.value.asset.as_str();
            let line = system.and_then(|system| assets.get(&(system, asset)));
            if let (Some(system), Some(_)) = (system, line) {
                saved
                    .entry((system, asset))
                    .and_modify(|count| *count = count.saturating_add(1))
                    .or_insert(1);
            }
            let repository = job.repository().and_then(|name| host.backups.repositories.get(name));
            let job = Some((id, name.as_str(), job, repository));
            rows.push(Row { asset, system, line: line.and_then(declared), job });
        }
    }
    for ((system, asset), line) in &assets {
        if !saved.contains_key(&(*system, *asset)) {
            rows.push(Row { asset, system: Some(system), line: declared(line), job: None });
        }
    }
    rows.sort_by_key(key);
    rows
}

fn declared<'a>(line: &Line<'a>) -> Option<(&'a AssetLine, Stage)> {
    match line.matter {
        Matter::Asset(asset) => Some((asset, line.stage)),
        _ => None,
    }
}

fn key(row: &Row<'_>) -> String {
    let job = row.job.map_or_else(String::new, |(host, name, _, _)| format!("{host} {name}"));
    format!("{} {} {job}", row.system.map_or("", |system| system.as_str()), row.asset)
}

fn shown(visit: &Visit, row: &Row<'_>) -> Vec<Cell> {
    let lang = visit.lang;
    let dash = || Cell::text("－");
    let asset = if row.asset.is_empty() { visit.of("資産名なし", "No asset named") } else { row.asset };
    let system = row.system.map(|system| Cell::Small(system.to_string()));
    let mut cells = vec![Cell::Many(std::iter::once(Cell::text(asset)).chain(system).collect())];
    cells.push(match row.line {
        Some((line, stage)) => Cell::Many(vec![
            Cell::text(line.place.clone()),
            Cell::Small(asset_form::confidentiality(lang, line.confidentiality).to_owned()),
            Cell::Small(words::stage(lang, stage).to_owned()),
        ]),
        None => chip("unknown", "？", visit.of("台帳にありません", "Not declared")),
    });
    match row.job {
        Some((host, name, job, repository)) => {
            let link = Cell::link(format!("{}/hosts/{host}", visit.base()), host.as_str());
            cells.push(Cell::Many(vec![link, Cell::Small(name.to_owned()), last_run(visit, job)]));
            cells.extend(newest(visit, job));
            cells.extend(proofs(visit, job, repository));
        }
        None => {
            let needed = row.line.is_none_or(|(line, _)| line.continuity != yakujo_contract::act::Trit::No);
            let word = visit.of("ジョブがありません", "No job");
            cells.push(if needed { chip("unknown", "？", word) } else { dash() });
            cells.extend(std::iter::repeat_with(dash).take(4));
        }
    }
    cells
}

fn chip(class: &'static str, sign: &'static str, word: &str) -> Cell {
    Cell::Chip(Chip { class, sign, word: word.to_owned(), href: String::new() })
}

fn last_run(visit: &Visit, job: &Job) -> Cell {
    match job.failing() {
        Some(last) if last.value.result == yakujo_contract::fact::malware::Done::Done => {
            chip("unknown", "？", visit.of("最後の回：中身なし", "Last run: empty"))
        }
        Some(_) => chip("broken", "×", visit.of("最後の回：失敗", "Last run: failed")),
        None => chip("kept", "○", visit.of("最後の回：成功", "Last run: done")),
    }
}

/// When the newest good run was, what it saved, and where that lies.
fn newest(visit: &Visit, job: &Job) -> [Cell; 2] {
    let Some((_, run)) = job.newest() else { return [Cell::text("－"), Cell::text("－")] };
    let amount = match run.rows {
        Some(rows) => format!("{}、{rows} {}", request_words::bytes(run.bytes), visit.of("行", "rows")),
        None => format!("{}、{} {}", request_words::bytes(run.bytes), run.files, visit.of("件", "files")),
    };
    let took = length(visit.lang, run.ended.duration_since(run.started).as_secs());
    let sealed = if run.encrypted { visit.of("暗号化", "encrypted") } else { visit.of("平文", "plain") };
    let medium = match run.medium.as_str() {
        "folder" => visit.of("フォルダ", "Folder"),
        "sftp" => visit.of("SFTP（遠隔）", "SFTP"),
        "object_store" => visit.of("オブジェクトストア（遠隔）", "Object store"),
        "server" => visit.of("サーバ（遠隔）", "Server"),
        _ => visit.of("保存先の申告なし", "Not said"),
    };
    [
        Cell::Many(vec![
            Cell::time(visit.lang, run.started),
            Cell::Small(amount),
            Cell::Small(format!("{}{took}", visit.of("所要 ", "took "))),
        ]),
        Cell::Many(vec![Cell::text(format!("{medium}、{sealed}")), Cell::Small(run.tool.clone())]),
    ]
}

/// That it can be restored, that a part of it was read back, and that the key the city keeps opens it.
fn proofs(visit: &Visit, job: &Job, repository: Option<&Repository>) -> [Cell; 2] {
    let time = |at, good: bool| {
        if good {
            Cell::time(visit.lang, at)
        } else {
            chip("broken", "×", visit.of("不一致・破損", "Wrong"))
        }
    };
    let none = || Cell::text(visit.of("まだ", "Not yet"));
    let read = repository.and_then(|repository| repository.read.as_ref());
    let removable = match repository.and_then(|repository| repository.check.as_ref()?.value.removable) {
        None => Cell::Small(visit.of("削除：未確認", "Removal: not tried").to_owned()),
        Some(false) => Cell::Small(visit.of("削除：不可", "Removal: no").to_owned()),
        Some(true) => chip("unknown", "！", visit.of("削除できる", "Removable")),
    };
    let city_key = match repository.and_then(|repository| repository.city_key.as_ref()) {
        None => Cell::Small(visit.of("市の鍵：まだ", "City's key: not yet").to_owned()),
        Some(tried) if tried.value.errors == 0 => {
            let at = super::era::exact(tried.value.ended);
            Cell::Small(format!("{}{at}", visit.of("市の鍵：", "City's key: ")))
        }
        Some(_) => chip("broken", "×", visit.of("市の鍵で開けません", "Not opened by the city's key")),
    };
    [
        job.drill.as_ref().map_or_else(none, |drill| time(drill.value.ended, drill.value.is_good())),
        Cell::Many(vec![
            read.map_or_else(none, |read| time(read.value.ended, read.value.errors == 0)),
            city_key,
            removable,
        ]),
    ]
}
