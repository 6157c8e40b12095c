//! One target: what was promised of it, how each probe sees it, and every interval in which it did not stand so.

use super::block::{self, Block, Cell, Link, Table};
use super::frame::{self, Page};
use super::target_form::promised;
use super::targets::{self, Day};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use yakujo_contract::court::Court;
use yakujo_contract::evidence::agreement::Watched;
use yakujo_contract::id::{EntryNumber, ProbeId, TargetId};
use yakujo_contract::outage::{Outage, Weight};

/// Intervals on one page, the newest.
const SHOWN: usize = 100;

/// The page.
///
/// # Errors
/// Absent, where there is no such target.
pub async fn show(visit: Visit) -> Answer {
    let id: TargetId = visit.part("target")?.parse().map_err(|_| Refusal::Absent)?;
    let mut page = {
        let court = visit.office.court();
        let watched = court.evidence().agreements.target(&id).ok_or(Refusal::Absent)?;
        page(&visit, &court, &watched)
    };
    page.trail = vec![Link::new(format!("{}/targets", visit.base()), visit.of("監視対象", "Targets"))];
    frame::show(&visit, &page)
}

fn page(visit: &Visit, court: &Court, watched: &Watched<'_>) -> Page {
    let threshold = targets::threshold(visit);
    let mut page = Page::new("targets", watched.target.name.as_str(), "");
    page.push(Block::Fields(about(visit, court, watched)));
    let day = Day::of(visit, court, watched, threshold);
    page.push(Block::Heading(visit.of("24時間の推移", "The last 24 hours").to_owned()));
    let words = visit.of(
        "24時間の推移。左が古い時刻。1時間ごとの記号：",
        "The last 24 hours, oldest first; one sign an hour: ",
    );
    page.push(Block::Trend(format!("{words}{}", day.symbols()), day.stretches()));
    page.push(Block::Text(format!(
        "{}{}",
        day.symbols(),
        visit.of(
            "（1時間ごと。○稼働、△運用制限、×停止、－未確認）",
            " (an hour each: ○ up, △ restricted, × down, － unknown)"
        )
    )));
    page.push(Block::Heading(visit.of("監視点ごとの見え方", "As each probe sees it").to_owned()));
    page.push(Block::Table(probes(visit, court, watched)));
    page.push(Block::Heading(visit.of("停止・運用制限の記録", "Stops and restrictions").to_owned()));
    page.push(Block::Table(outages(visit, court.evidence().outages_of_target(watched, threshold))));
    page
}

fn about(visit: &Visit, court: &Court, watched: &Watched<'_>) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let target = watched.target;
    let (stands, since) = court.evidence().stands(watched, visit.now);
    let promised = promised(lang, &target.expected);
    let nothing = visit.of("応答があること", "an answer");
    let reference = target.reference.as_deref().unwrap_or("－");
    vec![
        (visit.of("いま", "Now").to_owned(), targets::chip(visit, stands)),
        (visit.of("いつから", "Since").to_owned(), Cell::maybe_time(lang, since)),
        ("ID".to_owned(), Cell::code(target.target.as_str())),
        (
            visit.of("情報システム", "System").to_owned(),
            Cell::link(format!("{}/systems/{}", visit.base(), target.system), target.system.as_str()),
        ),
        (visit.of("監視の方法", "Means").to_owned(), Cell::text(words::means(lang, target.means))),
        (visit.of("監視先", "Address").to_owned(), Cell::code(target.address.as_str())),
        (
            visit.of("約束した応答", "Promised").to_owned(),
            Cell::text(if promised.is_empty() {
                nothing.to_owned()
            } else {
                promised.join(lang.of("、", ", "))
            }),
        ),
        (visit.of("監視の間隔", "Every").to_owned(), Cell::text(format!("{} s", target.every_s))),
        (visit.of("回線の確認先", "Reference").to_owned(), Cell::code(reference)),
        (
            visit.of("合意", "Agreed").to_owned(),
            Cell::Many(vec![
                Cell::time(lang, watched.since.received),
                block::entries(&visit.base(), &[watched.since.entry]),
            ]),
        ),
        (
            visit.of("終了", "Ended").to_owned(),
            Cell::maybe_time(lang, watched.ended.map(|ended| ended.received)),
        ),
    ]
}

fn probes(visit: &Visit, court: &Court, watched: &Watched<'_>) -> Table {
    let lang = visit.lang;
    let watching = &court.evidence().watching;
    let row = |probe: &ProbeId| {
        let seen =
            watching.of(&watched.target.target).find(|(known, _)| *known == probe).map(|(_, seen)| seen);
        let newest = seen.and_then(|seen| seen.newest);
        let speed = seen.and_then(|seen| seen.p95_ms).map(|(_, p95)| format!("{p95} ms"));
        let cut = watching.blind(probe).and_then(|blind| blind.iter().next_back());
        let remark = match (seen.and_then(|seen| seen.cannot.as_ref()), cut) {
            (Some((at, why)), _) if newest.is_none_or(|(to, _, _)| to < *at) => {
                format!(
                    "{}（{why}）",
                    visit.of("この監視点からは確かめられません", "This probe cannot try it")
                )
            }
            (_, Some((_, to, blind))) if newest.is_none_or(|(newest, _, _)| newest < to) => {
                format!(
                    "{}（{}）",
                    visit.of("監視点の回線が切れています", "The probe is cut off"),
                    words::blindness(lang, blind.first.2)
                )
            }
            (None, _) if newest.is_none() => {
                visit.of("まだ何も報告していません", "Has told nothing yet").to_owned()
            }
            _ => String::new(),
        };
        let state = newest.map(|(_, state, _)| words::availability(lang, state)).unwrap_or("－");
        let entries: Vec<EntryNumber> = newest.into_iter().map(|(_, _, entry)| entry).collect();
        vec![
            Cell::code(probe.as_str()),
            Cell::text(state),
            Cell::maybe_time(lang, newest.map(|(to, _, _)| to)),
            Cell::text(speed.unwrap_or_else(|| "－".to_owned())),
            Cell::text(remark),
            block::entries(&visit.base(), &entries),
        ]
    };
    let heads = [
        visit.of("監視点", "Probe"),
        visit.of("見え方", "Sees"),
        visit.of("最後の確認", "Last told"),
        visit.of("応答時間（95％）", "Answer (p95)"),
        visit.of("備考", "Remark"),
        visit.of("証拠", "Entries"),
    ];
    Table {
        caption: visit.of("監視点", "Probes").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: watched.target.probes.iter().map(row).collect(),
        empty: String::new(),
    }
}

fn outages(visit: &Visit, outages: Vec<Outage>) -> Table {
    let lang = visit.lang;
    let row = |outage: &Outage| {
        let until = outage.to.unwrap_or(outage.seen_to);
        let lasted = until.duration_since(outage.from).as_secs();
        let cause = outage.why.map(|fault| words::fault(lang, fault)).unwrap_or_default();
        let entries: Vec<EntryNumber> = outage.entries.iter().copied().collect();
        let tolerance = outage.tolerance.as_secs();
        vec![
            Cell::time(lang, outage.from),
            match outage.to {
                Some(to) => Cell::time(lang, to),
                None => Cell::text(visit.of("継続中", "lasts")),
            },
            Cell::number(format!("{lasted} s (±{tolerance} s)")),
            Cell::text(words::availability(lang, outage.state)),
            Cell::text(match (outage.weight, outage.to) {
                (Weight::Blip, None) => {
                    visit.of("まだ停止とみなす長さに達していません", "not yet as long as a stop")
                }
                (weight, _) => words::weight(lang, weight),
            }),
            Cell::Many(vec![Cell::text(cause), Cell::Small(outage.detail.clone())]),
            block::entries(&visit.base(), &entries),
        ]
    };
    let heads = [
        visit.of("始まり", "From"),
        visit.of("終わり", "To"),
        visit.of("長さ（時計の誤差）", "Length (clocks)"),
        visit.of("内容", "What"),
        visit.of("重み", "Weight"),
        visit.of("原因（始まりの時点）", "Cause at first"),
        visit.of("証拠", "Entries"),
    ];
    let blips = outages.iter().filter(|outage| outage.weight == Weight::Blip).count();
    Table {
        caption: match lang {
            words::Lang::Ja => format!("停止・運用制限（新しい順、うち瞬断 {blips} 件）"),
            words::Lang::En => format!("Stops and restrictions, newest first ({blips} blips)"),
        },
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: outages.iter().rev().take(SHOWN).map(row).collect(),
        empty: visit.of("停止も運用制限も観測されていません。", "None was seen.").to_owned(),
    }
}
