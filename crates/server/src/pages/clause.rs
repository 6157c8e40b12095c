//! One clause: its sentences as the contract words them, and how each duty of each system stands, why, and what to do.

use super::block::{self, Block, Cell, Chip, DutyCard, Link};
use super::board;
use super::duty;
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::words;
use yakujo_contract::court::Ruling;
use yakujo_contract::duty::Clause;

/// The page.
///
/// # Errors
/// Absent, where the contract has no such clause.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let clause = Clause::from_key(visit.part("clause")?).ok_or(Refusal::Absent)?;
    let terms = visit.office.terms();
    let duties: Vec<_> = terms.duties.iter().filter(|terms| terms.duty.row().clause == clause).collect();
    if duties.is_empty() {
        return Err(Refusal::Absent);
    }
    let rulings = board::rulings(&visit);
    let names = board::system_names(&visit);
    let title = format!("{}. {}", words::clause_number(clause), words::clause(lang, clause));
    let mut page = Page::new("board", title, "");
    page.trail = vec![Link::new(format!("{}/board", visit.base()), visit.of("契約の判定表", "Board"))];
    for terms in duties {
        page.push(Block::Heading(duty::title(&visit, terms.duty)));
        page.push(duty::quote(&visit, terms));
        for ruling in rulings.iter().filter(|ruling| ruling.duty == terms.duty) {
            let name = names.get(&ruling.system).cloned().unwrap_or_default();
            page.push(Block::Duty(card(&visit, ruling, &name)));
        }
    }
    let guide = format!("{}/guide/{}", visit.base(), clause.key());
    let words = visit
        .of("この条項の手引き（何を観測し、何が判定を決めるか）", "Guide: what is observed, what decides");
    page.push(Block::Buttons(vec![(guide, words.to_owned(), "second")]));
    frame::show(&visit, &page)
}

/// A ruling as a card.
#[must_use]
pub fn card(visit: &Visit, ruling: &Ruling, system: &str) -> DutyCard {
    let lang = visit.lang;
    let verdict = &ruling.verdict;
    let mut meta = vec![
        Cell::Text(match lang {
            words::Lang::Ja => format!("{} から", super::era::exact(ruling.since)),
            words::Lang::En => format!("since {}", super::era::exact(ruling.since)),
        }),
        Cell::Text(match verdict.class {
            Some(class) => words::class(lang, class).to_owned(),
            None => visit.of("証拠なし", "No evidence").to_owned(),
        }),
    ];
    if !verdict.parameters.is_empty() {
        let ids: Vec<String> = verdict.parameters.iter().map(ToString::to_string).collect();
        let href = format!("{}/parameters?find={}", visit.base(), ids.first().map_or("", String::as_str));
        meta.push(Cell::link(href, format!("{} {}", visit.of("基準値", "Parameter"), ids.join("、"))));
    }
    for number in verdict.evidence.iter().take(5) {
        let href = format!("{}/ledger/{number}", visit.base());
        meta.push(Cell::link(href, format!("{} #{number}", visit.of("証拠", "Entry"))));
    }
    let shown = u32::try_from(verdict.evidence.len().min(5)).unwrap_or(u32::MAX);
    if verdict.evidence_total > shown {
        let more = verdict.evidence_total - shown;
        meta.push(Cell::Text(format!("{} {more} {}", visit.of("ほか", "and"), visit.of("件", "more"))));
    }
    let title = if system.is_empty() { ruling.system.to_string() } else { system.to_owned() };
    DutyCard {
        id: format!("d-{}-{}", ruling.duty, ruling.system),
        class: verdict.standing.word(),
        title,
        href: format!("{}/duty/{}", visit.base(), ruling.duty),
        chip: Chip::of(lang, &verdict.standing, String::new()),
        says: lang.say(&verdict.cause),
        next: lang.say(&verdict.next),
        meta,
    }
}

/// Entries as links.
#[must_use]
pub fn proof(visit: &Visit, ruling: &Ruling) -> Cell {
    block::entries(&visit.base(), &ruling.verdict.evidence)
}
