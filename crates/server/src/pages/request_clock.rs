//! Clocks in words: whose turn it is, until when, what remains, and on which agreement that rests. Both parties' delays
//! are said in the same words.

use super::block::{Block, Cell, Table};
use super::request_show::{self, length};
use super::visit::Visit;
use super::words::{self, Lang};
use yakujo_contract::calendar::Holidays;
use yakujo_contract::request::clock::{Basis, Clock, Duty, Lead};

/// What is due.
#[must_use]
pub fn duty(lang: Lang, duty: Duty) -> String {
    lang.say(&yakujo_contract::report::due(duty))
}

/// What remains or is past, in one line.
#[must_use]
pub fn left(visit: &Visit, clock: &Clock) -> String {
    let lang = visit.lang;
    let at = clock.met.unwrap_or(visit.now);
    let span = length(lang, clock.due.at.duration_since(at).as_secs());
    match (lang, clock.met.is_some(), at > clock.due.at) {
        (Lang::Ja, false, false) => format!("あと {span}"),
        (Lang::Ja, false, true) => format!("！ {span} 超過"),
        (Lang::Ja, true, false) => format!("期限内（{span}前に済み）"),
        (Lang::Ja, true, true) => format!("{span} 遅れて実施"),
        (Lang::En, false, false) => format!("{span} left"),
        (Lang::En, false, true) => format!("！ {span} overdue"),
        (Lang::En, true, false) => format!("in time ({span} before)"),
        (Lang::En, true, true) => format!("{span} too late"),
    }
}

fn basis(visit: &Visit, basis: Basis) -> String {
    match basis {
        Basis::Form => visit.of("様式に書かれた期限", "As the form says").to_owned(),
        Basis::Parameter(id, key, measure) => {
            let terms = visit.office.terms().parameters.get(&id);
            let field = terms.and_then(|terms| terms.fields.iter().find(|field| field.key == key));
            let unit = field.map_or("", |field| field.unit.as_str());
            let agreed =
                if measure.agreed { "" } else { visit.of("・未合意の提案値", ", proposed only") };
            format!("{id}（{}{unit}{agreed}）", measure.value)
        }
    }
}

/// The table of clocks.
#[must_use]
pub fn table(visit: &Visit, clocks: &[Clock], lead: Option<&Lead>) -> Option<Block> {
    let lang = visit.lang;
    let row = |clock: &Clock| {
        let mut due = vec![request_show::moment(lang, clock.due.at)];
        if clock.due.holidays == Holidays::NotKnown {
            let text = visit.of(
                "（祝日が未定のため、これより後になることがあります）",
                "(holidays not known yet: it may be later)",
            );
            due.push(Cell::Small(text.to_owned()));
        }
        vec![
            Cell::text(duty(lang, clock.duty)),
            Cell::text(words::party(lang, clock.of)),
            Cell::Many(due),
            Cell::text(left(visit, clock)),
            Cell::text(basis(visit, clock.basis)),
        ]
    };
    let mut rows: Vec<Vec<Cell>> = clocks.iter().map(row).collect();
    rows.extend(lead.map(|lead| {
        let enough = if lead.is_short() {
            visit.of("！ 申請が遅く、足りません", "！ asked too late")
        } else {
            visit.of("足りています", "enough")
        };
        vec![
            Cell::text(visit.of("開始までの期間", "Lead time")),
            Cell::text(visit.of("受託者", "Contractor")),
            Cell::Many(vec![
                request_show::moment(lang, lead.earliest.at),
                Cell::Small(visit.of("以降に開始できます", "may begin then").to_owned()),
            ]),
            Cell::text(enough),
            Cell::text(basis(visit, lead.basis)),
        ]
    }));
    if rows.is_empty() {
        return None;
    }
    let heads = [
        visit.of("期限のあること", "What"),
        visit.of("誰の", "Whose"),
        visit.of("期限", "Due"),
        visit.of("残り", "Left"),
        visit.of("根拠", "By"),
    ];
    Some(Block::Table(Table {
        caption: visit.of("期限", "Deadlines").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: String::new(),
    }))
}
