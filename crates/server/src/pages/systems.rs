//! 情報システム: every system with its importance, its network, its environments, and its worst standing.

use super::block::{Block, Cell, Chip, Table};
use super::board;
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::words;
use crate::audience::Audience;
use yakujo_contract::act::{Environment, Matter, System};
use yakujo_contract::court::{Court, Ruling};
use yakujo_contract::evidence::agreement::Line;
use yakujo_contract::id::SystemId;

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let rulings = board::rulings(&visit);
    let (rows, next) = {
        let court = visit.office.court();
        let systems = court.evidence().agreements.systems();
        let known = systems.iter().filter_map(|(id, line)| Some((id, line, declared(line)?)));
        wanted.take(
            known,
            |(id, _, _)| id.to_string(),
            |(id, line, system)| row(&visit, &court, &rulings, id, line, system),
        )
    };
    let heads = [
        visit.of("情報システム", "System"),
        visit.of("判定", "Standing"),
        visit.of("業務の重要度", "Importance"),
        visit.of("ネットワーク", "Network"),
        visit.of("インターネットに公開", "Internet-facing"),
        visit.of("運用環境", "Production"),
        visit.of("テスト環境", "Test"),
        visit.of("保守用", "Maintenance"),
        visit.of("市の確認", "Confirmed"),
    ];
    let table = Table {
        caption: visit.of("情報システムの一覧", "Systems").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ情報システムが申告されていません。", "No system is declared yet.").to_owned(),
    };
    let list = List { name: "systems", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "この契約の対象となる情報システムと、環境ごとのホストの数です。重要度とネットワークは、期限などの基準を決めます。",
        "The systems of this contract and their hosts by environment. Importance and network decide some numbers.",
    );
    let mut page = Page::new("systems", visit.of("情報システム", "Systems"), lead);
    if visit.may(Audience::Parties) {
        let href = format!("{}/agreements/new/system", visit.base());
        let words = visit.of("情報システムを申告する", "Declare a system").to_owned();
        page.push(Block::Buttons(vec![(href, words, "second")]));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// The system a line declares.
#[must_use]
pub fn declared<'a>(line: &Line<'a>) -> Option<&'a System> {
    match line.matter {
        Matter::System(system) => Some(system),
        _ => None,
    }
}

fn row(
    visit: &Visit,
    court: &Court,
    rulings: &[Ruling],
    id: &SystemId,
    line: &Line<'_>,
    system: &System,
) -> Vec<Cell> {
    let lang = visit.lang;
    let of: Vec<&Ruling> = rulings.iter().filter(|ruling| ruling.system == *id).collect();
    let worst = of.iter().max_by_key(|ruling| ruling.verdict.standing.severity());
    let standing = worst.map_or_else(
        || Cell::text("－"),
        |worst| Cell::Chip(Chip::of(lang, &worst.verdict.standing, String::new())),
    );
    let places = court.places().get(id);
    let count = |environment: Environment| {
        let hosts = places.into_iter().flat_map(|hosts| hosts.values());
        Cell::number(hosts.filter(|place| place.environment == environment).count())
    };
    vec![
        Cell::link(format!("{}/systems/{id}", visit.base()), system.name.as_str()),
        standing,
        Cell::text(words::importance(lang, system.importance)),
        Cell::text(words::segment(lang, system.segment)),
        Cell::text(words::trit(lang, system.internet_facing)),
        count(Environment::Production),
        count(Environment::Test),
        count(Environment::Maintenance),
        Cell::text(words::stage(lang, line.stage)),
    ]
}
