//! 世代の整理: of every job whose old backups the server removed last, by which rule, what stays, what went and what is missing.
//! A tab of the page of backups.

use super::block::{Cell, Chip, Table};
use super::list::{Format, Wanted};
use super::visit::Visit;
use yakujo_contract::court::Court;
use yakujo_contract::evidence::backups::Job;
use yakujo_contract::evidence::latest::Latest;
use yakujo_contract::fact::backup::{BackupRetention, RetentionStage};
use yakujo_contract::id::HostId;
use yakujo_contract::retention::Generations;

/// Ids named on a page; a file and the ledger have them all.
const NAMED: usize = 3;
/// Digits of an id on a page, as restic shows it.
const SHORT: usize = 8;

/// One job and the last that was told of its old backups.
struct Row<'a> {
    host: &'a HostId,
    job: &'a str,
    told: &'a Latest<BackupRetention>,
    cut_short: bool,
}

/// The table, and the key after which it goes on.
pub fn table(visit: &Visit, wanted: &Wanted) -> (Table, Option<String>) {
    let (rows, next) = {
        let court = visit.office.court();
        let key = |row: &Row<'_>| format!("{} {}", row.host, row.job);
        wanted.take(rows_of(&court).into_iter(), key, |row| shown(visit, wanted, row))
    };
    let heads = [
        visit.of("ホスト・ジョブ", "Host and job"),
        visit.of("最後の整理", "Last removal"),
        visit.of("残す規則", "Rule"),
        visit.of("残した数", "Kept"),
        visit.of("削除したもの", "Removed"),
        visit.of("見当たらないもの", "Missing"),
    ];
    let table = Table {
        caption: visit.of("古い控えの削除の一覧", "Old backups removed").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("古い控えを削除した記録はありません。", "There are none.").to_owned(),
    };
    (table, next)
}

fn rows_of(court: &Court) -> Vec<Row<'_>> {
    let hosts = court.evidence().hosts.iter();
    let jobs =
        hosts.flat_map(|(host, known)| known.backups.jobs.iter().map(move |(job, of)| (host, job, of)));
    let mut rows: Vec<Row<'_>> = jobs.filter_map(|(host, job, of)| row(host, job, of)).collect();
    rows.sort_by_key(|row| format!("{} {}", row.host, row.job));
    rows
}

fn row<'a>(host: &'a HostId, job: &'a str, of: &'a Job) -> Option<Row<'a>> {
    let cut_short = of.cut_short();
    let told = cut_short.or(of.retention.as_ref())?;
    Some(Row { host, job, told, cut_short: cut_short.is_some() })
}

fn shown(visit: &Visit, wanted: &Wanted, row: &Row<'_>) -> Vec<Cell> {
    let (told, entry) = (&row.told.value, row.told.stamp.entry);
    let removed: Vec<&str> = told.removed.iter().map(String::as_str).collect();
    let lost: Vec<&str> = told.lost.iter().map(|lost| lost.snapshot.as_str()).collect();
    let mut missing = ids(visit, wanted, &lost);
    if !lost.is_empty() {
        missing.insert(0, chip("broken", "×", visit.of("記録なしに消失", "Gone without a record")));
    }
    let mut stays = vec![Cell::text(count(visit, told.kept))];
    if told.waiting > 0 {
        let waiting = count(visit, told.waiting);
        stays.push(Cell::Small(format!("{}{waiting}", visit.of("うち次回削除 ", "of these next time "))));
    }
    if told.unknown > 0 {
        let unknown = count(visit, told.unknown);
        stays
            .push(Cell::Small(format!("{}{unknown}", visit.of("ほか台帳にないもの ", "not in the ledger "))));
    }
    let link = Cell::link(
        format!("{}/ledger/{}", visit.base(), entry.0),
        format!("{} {}", visit.of("台帳", "Entry"), entry.0),
    );
    vec![
        Cell::Many(vec![
            Cell::link(format!("{}/hosts/{}", visit.base(), row.host), row.host.as_str()),
            Cell::Small(row.job.to_owned()),
        ]),
        Cell::Many(vec![
            Cell::time(visit.lang, told.ended),
            outcome(visit, row),
            Cell::Small(told.reason.clone()),
            link,
        ]),
        Cell::Many(rule(visit, told)),
        Cell::Many(stays),
        Cell::Many(ids(visit, wanted, &removed)),
        Cell::Many(missing),
    ]
}

fn outcome(visit: &Visit, row: &Row<'_>) -> Cell {
    match row.told.value.stage {
        _ if row.cut_short => chip("unknown", "？", visit.of("結果の記録なし", "No outcome told")),
        RetentionStage::Planned | RetentionStage::Done => chip("kept", "○", visit.of("完了", "Done")),
        RetentionStage::Failed => chip("broken", "×", visit.of("失敗", "Failed")),
    }
}

fn rule(visit: &Visit, told: &BackupRetention) -> Vec<Cell> {
    let Generations { hourly, daily, weekly, monthly } = told.generations;
    let most = |most: Option<u32>| {
        most.map_or_else(|| visit.of("すべて", "all").to_owned(), |most| most.to_string())
    };
    let [hourly, daily, weekly, monthly] = [hourly, daily, weekly, monthly].map(most);
    let rank = match told.rank {
        Some(rank) => format!("{} {rank:?}", visit.of("重要度", "Rank")),
        None => visit.of("重要度は未合意", "Rank not agreed").to_owned(),
    };
    let rule = match visit.lang {
        super::words::Lang::Ja => format!("時間 {hourly}、日 {daily}、週 {weekly}、月 {monthly}"),
        super::words::Lang::En => {
            format!("{hourly} hours, {daily} days, {weekly} weeks, {monthly} months")
        }
    };
    vec![Cell::text(rank), Cell::Small(rule)]
}

/// How many, and which: on a page the first of them, in a file all.
fn ids(visit: &Visit, wanted: &Wanted, ids: &[&str]) -> Vec<Cell> {
    let mut cells = vec![Cell::text(count(visit, u64::try_from(ids.len()).unwrap_or(u64::MAX)))];
    if wanted.format != Format::Page {
        cells.extend(ids.iter().map(|id| Cell::Code((*id).to_owned())));
        return cells;
    }
    cells.extend(ids.iter().take(NAMED).map(|id| Cell::Code(id.chars().take(SHORT).collect())));
    if ids.len() > NAMED {
        cells.push(Cell::Small(visit.of("ほか（台帳に全部）", "and more (all in the ledger)").to_owned()));
    }
    cells
}

fn count(visit: &Visit, n: u64) -> String {
    format!("{n}{}", visit.of(" 件", ""))
}

fn chip(class: &'static str, sign: &'static str, word: &str) -> Cell {
    Cell::Chip(Chip { class, sign, word: word.to_owned(), href: String::new() })
}
