//! 契約の判定表: every clause of every system with symbol, word and colour, since when, and how much is unknown.

use super::block::{Block, Cell, Chip, Figure, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::words::{self, Lang};
use jiff::Timestamp;
use std::collections::BTreeMap;
use yakujo_contract::court::Ruling;
use yakujo_contract::duty::{Clause, DutyId};
use yakujo_contract::id::SystemId;
use yakujo_contract::standing::Standing;

/// How a clause of a system stands: the worst of its duties stands for all.
#[derive(Debug, Clone)]
pub struct Square {
    /// The worst standing.
    pub worst: Standing,
    /// Since when the duty that stands worst does so.
    pub since: Timestamp,
    /// Duties by how they stand: broken, unknown, all.
    pub broken: usize,
    /// Unknown ones.
    pub unknown: usize,
    /// All.
    pub all: usize,
}

/// All rulings of the duties in force, as the court stands.
#[must_use]
pub fn rulings(visit: &Visit) -> Vec<Ruling> {
    let in_force: std::collections::BTreeSet<DutyId> =
        visit.office.terms().duties.iter().map(|terms| terms.duty).collect();
    visit.office.court().rulings().filter(|ruling| in_force.contains(&ruling.duty)).collect()
}

/// The squares by clause and system.
#[must_use]
pub fn squares(rulings: &[Ruling]) -> BTreeMap<(Clause, SystemId), Square> {
    let mut squares: BTreeMap<(Clause, SystemId), Square> = BTreeMap::new();
    for ruling in rulings {
        let standing = &ruling.verdict.standing;
        let square = squares.entry((ruling.duty.row().clause, ruling.system.clone())).or_insert_with(|| {
            Square { worst: standing.clone(), since: ruling.since, broken: 0, unknown: 0, all: 0 }
        });
        square.all += 1;
        match standing {
            Standing::Broken => square.broken += 1,
            Standing::Unknown => square.unknown += 1,
            Standing::Kept | Standing::Exempt(_) | Standing::NotApplicable => {}
        }
        if standing.severity() > square.worst.severity() {
            square.worst = standing.clone();
            square.since = ruling.since;
        } else if standing == &square.worst && ruling.since < square.since {
            square.since = ruling.since;
        }
    }
    squares
}

/// Names of the systems, as declared.
#[must_use]
pub fn system_names(visit: &Visit) -> BTreeMap<SystemId, String> {
    use yakujo_contract::act::Matter;
    let court = visit.office.court();
    let declared = court.evidence().agreements.systems();
    let name = |line: &yakujo_contract::evidence::agreement::Line<'_>| match line.matter {
        Matter::System(system) => system.name.clone(),
        _ => String::new(),
    };
    declared.iter().map(|(id, line)| (id.clone(), name(line))).collect()
}

/// How many duties stand how, as figures.
#[must_use]
pub fn figures(visit: &Visit, rulings: &[Ruling]) -> Block {
    let count = |word: &str| rulings.iter().filter(|ruling| ruling.verdict.standing.word() == word).count();
    let unit = visit.of("件", "");
    let figure = |standing: Standing| Figure {
        number: format!("{}{unit}", count(standing.word())),
        of: format!("{} {}", words::sign(&standing), words::standing(visit.lang, &standing)),
        class: standing.word(),
        href: format!("{}/board?of={}", visit.base(), standing.word()),
    };
    let mut figures = vec![
        figure(Standing::Broken),
        figure(Standing::Unknown),
        figure(Standing::Kept),
        figure(Standing::NotApplicable),
    ];
    let exempt = count("exempt");
    if exempt > 0 {
        figures.insert(
            2,
            Figure {
                number: format!("{exempt}{unit}"),
                of: format!("△ {}", visit.of("例外承認中", "Exempt")),
                class: "exempt",
                href: format!("{}/board?of=exempt", visit.base()),
            },
        );
    }
    Block::Figures(figures)
}

/// The board, or the list of the duties that stand in one way.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let rulings = rulings(&visit);
    match visit.asked("of") {
        word @ ("open" | "kept" | "broken" | "unknown" | "exempt" | "not_applicable") => {
            of_standing(&visit, &rulings, word).await
        }
        _ => whole(&visit, &rulings).await,
    }
}

async fn whole(visit: &Visit, rulings: &[Ruling]) -> Answer {
    let lang = visit.lang;
    let wanted = Wanted::of(visit);
    let names = system_names(visit);
    let squares = squares(rulings);
    let mut heads = vec![visit.of("条項", "Clause").to_owned()];
    heads.extend(names.iter().map(|(id, name)| if name.is_empty() { id.to_string() } else { name.clone() }));
    let clauses: Vec<Clause> =
        Clause::ALL.into_iter().filter(|clause| squares.keys().any(|(of, _)| of == clause)).collect();
    let row = |clause: &Clause| {
        let number = words::clause_number(*clause);
        let href = format!("{}/clause/{}", visit.base(), clause.key());
        let mut cells = vec![Cell::link(href, format!("{number}. {}", words::clause(lang, *clause)))];
        cells.extend(names.keys().map(|system| match squares.get(&(*clause, system.clone())) {
            Some(square) => of_square(visit, *clause, square),
            None => Cell::text("－"),
        }));
        cells
    };
    let key = |clause: &Clause| format!("{:02}", words::clause_number(*clause));
    let (rows, next) = wanted.take(clauses.into_iter(), key, row);
    let table = Table {
        caption: visit.of("条項とシステムごとの判定", "Standing by clause and system").to_owned(),
        heads,
        rows,
        empty: visit.of("表示する条項がありません。", "No clauses.").to_owned(),
    };
    let list = List { name: "board", table, next, keep: Vec::new() };
    if let Some(download) = list.download(visit, &wanted).await {
        return download;
    }
    let title = visit.of("契約の判定表", "Board of the contract");
    let lead = visit.of(
        "条項ごとに、最も悪い義務の判定を示します。「未確認」は、守られている証拠がないことを表します。条項を選ぶと、理由と次の行動を確かめられます。",
        "Each clause shows the worst of its duties. “Unknown” means there is no evidence that it is kept. Choose a clause for the reason and the next action.",
    );
    let mut page = Page::new("board", title, lead);
    page.push(figures(visit, rulings));
    page.blocks.extend(list.blocks(visit, &wanted));
    frame::show(visit, &page)
}

fn of_square(visit: &Visit, clause: Clause, square: &Square) -> Cell {
    let href = format!("{}/clause/{}", visit.base(), clause.key());
    let count = match (visit.lang, square.broken, square.unknown) {
        (Lang::Ja, broken, unknown) => format!("{}件中 不適合 {broken}、未確認 {unknown}", square.all),
        (Lang::En, broken, unknown) => format!("of {}: {broken} broken, {unknown} unknown", square.all),
    };
    let since = super::era::exact(square.since);
    let since = format!("{since} {}", visit.of("から", "on"));
    Cell::Many(vec![
        Cell::Chip(Chip::of(visit.lang, &square.worst, href)),
        Cell::Small(count),
        Cell::Small(since),
    ])
}

async fn of_standing(visit: &Visit, rulings: &[Ruling], word: &str) -> Answer {
    let lang = visit.lang;
    let wanted = Wanted::of(visit);
    let names = system_names(visit);
    let wanted_word = |ruling: &&Ruling| match word {
        "open" => matches!(ruling.verdict.standing, Standing::Broken | Standing::Unknown),
        word => ruling.verdict.standing.word() == word,
    };
    let chosen = rulings.iter().filter(wanted_word);
    let key = |ruling: &&Ruling| format!("{:?}|{}", ruling.duty.row().clause, sort_key(ruling));
    let row = |ruling: &&Ruling| {
        vec![
            Cell::link(
                format!("{}/duty/{}", visit.base(), ruling.duty),
                super::duty::title(visit, ruling.duty),
            ),
            Cell::text(names.get(&ruling.system).cloned().unwrap_or_default()),
            Cell::standing(lang, &ruling.verdict.standing),
            Cell::time(lang, ruling.since),
            Cell::text(lang.say(&ruling.verdict.cause)),
            Cell::text(lang.say(&ruling.verdict.next)),
        ]
    };
    let mut sorted: Vec<&Ruling> = chosen.collect();
    sorted.sort_by_key(|ruling| key(ruling));
    let (rows, next) = wanted.take(sorted.into_iter(), key, row);
    let heads = [
        visit.of("義務", "Duty"),
        visit.of("システム", "System"),
        visit.of("判定", "Standing"),
        visit.of("いつから", "Since"),
        visit.of("理由", "Cause"),
        visit.of("次の行動", "Next action"),
    ];
    let table = Table {
        caption: visit.of("義務の一覧", "Duties").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("該当する義務はありません。", "There are none.").to_owned(),
    };
    let keep = vec![("of".to_owned(), word.to_owned())];
    let list = List { name: "duties", table, next, keep };
    if let Some(download) = list.download(visit, &wanted).await {
        return download;
    }
    let word = rulings.iter().map(|ruling| &ruling.verdict.standing).find(|standing| standing.word() == word);
    let open = visit.of("行動が必要な義務", "action needed");
    let word = word.map_or(open, |standing| words::standing(lang, standing));
    let title = format!("{}{word}", visit.of("判定別の一覧：", "Duties: "));
    let mut page = Page::new("board", title, "");
    page.trail =
        vec![super::block::Link::new(format!("{}/board", visit.base()), visit.of("契約の判定表", "Board"))];
    page.blocks.extend(list.blocks(visit, &wanted));
    frame::show(visit, &page)
}

fn sort_key(ruling: &Ruling) -> String {
    let place = DutyId::all().position(|duty| duty == ruling.duty).unwrap_or_default();
    format!("{place:03}|{}", ruling.system)
}
