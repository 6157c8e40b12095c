//! 脆弱性情報: what was brought in of what is known of vulnerabilities, how old it is by its publisher's own time, and how much
//! of it concerns each host (3.1.a, 3.2.a).

use super::block::{self, Block, Cell, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::request_show::length;
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use crate::views::concerns::{Compared, Untold};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use yakujo_contract::clauses::c03_vulnerabilities::GATHERED_WITHIN;
use yakujo_contract::evidence::latest::Latest;
use yakujo_contract::fact::vulnerability::FeedImported;
use yakujo_contract::id::{HostId, PersonId};

/// The page.
///
/// # Errors
/// When the views cannot be read.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let compared = visit.office.views().compared().await?;
    let hosts: Vec<HostId> = visit.office.court().evidence().hosts.keys().cloned().collect();
    let row = |host: &HostId| host_row(&visit, host, compared.get(host));
    let (rows, next) = wanted.take(hosts.into_iter(), ToString::to_string, row);
    let table = Table {
        caption: visit.of("ホストごとの件数", "Hosts").to_owned(),
        heads: host_heads(&visit),
        rows,
        empty: visit.of("該当するホストはありません。", "There are none.").to_owned(),
    };
    let list = List { name: "feeds", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "取り込んだ脆弱性情報の新しさと、各ホストのソフトウェアとの照合の結果です。",
        "How old the information on vulnerabilities is, and how much of it concerns each host.",
    );
    let mut page = Page::new("feeds", visit.of("脆弱性情報", "Vulnerability information"), lead);
    page.push(Block::Table(feeds(&visit).await?));
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

async fn feeds(visit: &Visit) -> Result<Table, Refusal> {
    let people = visit.office.people.everybody().await?;
    let names: BTreeMap<PersonId, String> =
        people.iter().map(|person| (person.id.clone(), super::people::name(person))).collect();
    let heads = [
        visit.of("情報", "Feed"),
        visit.of("発行元の日時", "Publisher's time"),
        visit.of("通し番号", "Serial"),
        visit.of("取り込んだ人", "Brought in by"),
        visit.of("確認した人", "Confirmed by"),
        visit.of("証拠", "Entry"),
    ];
    let court = visit.office.court();
    let rows = court.evidence().vulnerabilities.feeds().map(|feed| feed_row(visit, feed, &names)).collect();
    Ok(Table {
        caption: visit.of("取り込んだ情報", "What was brought in").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit
            .of("まだ取り込んでいません。受託者が取り込むと、ここに出ます。", "Nothing was brought in yet.")
            .to_owned(),
    })
}

fn feed_row(visit: &Visit, feed: &Latest<FeedImported>, names: &BTreeMap<PersonId, String>) -> Vec<Cell> {
    let (lang, it) = (visit.lang, &feed.value);
    let age = visit.now.duration_since(it.upstream_time).max(SignedDuration::ZERO);
    let words = match lang {
        Lang::Ja => format!("{}前", length(lang, age.as_secs())),
        Lang::En => format!("{} ago", length(lang, age.as_secs())),
    };
    let mut when = vec![Cell::time(lang, it.upstream_time), Cell::text(words)];
    if age > GATHERED_WITHIN {
        let hours = GATHERED_WITHIN.as_hours();
        when.push(Cell::Tag(match lang {
            Lang::Ja => format!("{hours}時間を超過"),
            Lang::En => format!("older than {hours} h"),
        }));
    }
    let person = |id: Option<&PersonId>| match id {
        None => Cell::text(visit.of("記録なし", "not recorded")),
        Some(id) => Cell::text(names.get(id).cloned().unwrap_or_else(|| id.to_string())),
    };
    vec![
        Cell::text(name(lang, &it.name)),
        Cell::Many(when),
        Cell::number(it.serial),
        person(it.importer.as_ref()),
        person(it.confirmer.as_ref()),
        block::entries(&visit.base(), &[feed.stamp.entry]),
    ]
}

fn name(lang: Lang, word: &str) -> String {
    match word {
        "debian_tracker" => lang.of("Debian のセキュリティ情報", "Debian's security tracker").to_owned(),
        "kev" => lang.of("悪用が確認された脆弱性（KEV）", "Known exploited vulnerabilities (KEV)").to_owned(),
        "epss" => lang.of("悪用の見込み（EPSS）", "Likelihood of exploits (EPSS)").to_owned(),
        other => other.to_owned(),
    }
}

fn host_heads(visit: &Visit) -> Vec<String> {
    let heads = [
        visit.of("ホスト", "Host"),
        visit.of("悪用あり", "Exploited"),
        visit.of("修正版あり", "Fix on offer"),
        visit.of("修正版なし", "No fix yet"),
        visit.of("不明", "Unknown"),
        visit.of("照合", "Compared"),
    ];
    heads.into_iter().map(str::to_owned).collect()
}

fn host_row(visit: &Visit, host: &HostId, compared: Option<&Compared>) -> Vec<Cell> {
    let link = Cell::link(format!("{}/hosts/{host}?tab=vulnerabilities", visit.base()), host.as_str());
    let none = |words: &str| {
        let dash = || Cell::text("－");
        vec![link.clone(), dash(), dash(), dash(), dash(), Cell::text(words)]
    };
    let Some(compared) = compared else { return none(visit.of("まだ照合していません", "not yet")) };
    match compared.untold {
        Some(Untold::OtherSystem) => {
            none(visit.of("照合できません（Debian 以外）", "impossible: not Debian"))
        }
        Some(Untold::NoRelease) => {
            none(visit.of("照合できません（OS の版が不明）", "impossible: release not known"))
        }
        None => {
            let counts = &compared.counts;
            vec![
                link,
                Cell::number(counts.exploited),
                Cell::number(counts.update),
                Cell::number(counts.open),
                Cell::number(counts.unknown),
                Cell::time(visit.lang, compared.at),
            ]
        }
    }
}
