//! 基準値 (F-29): every number both parties agree on: proposed, in force, and where it comes from.

use super::block::{Block, Cell, Field, Link, Table, Tone};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use super::{era, first};
use crate::audience::Audience;
use jiff::Timestamp;
use std::collections::BTreeMap;
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::court::Court;
use yakujo_contract::evidence::latest::Stamp;
use yakujo_contract::parameter::{ParameterId, Values};
use yakujo_contract::terms::ParameterTerms;

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let wanted = Wanted::of(&visit);
    let (rows, next) = {
        let court = visit.office.court();
        let all = visit.office.terms().parameters.iter();
        wanted.take(all, |(id, _)| id.to_string(), |(id, terms)| row(&visit, &court, **id, terms))
    };
    let heads = [
        visit.of("基準", "Parameter"),
        visit.of("内容", "Name"),
        visit.of("標準値（提案）", "Standard"),
        visit.of("合意した値", "In force"),
        visit.of("適用開始", "From"),
        visit.of("根拠", "Basis"),
    ];
    let table = Table {
        caption: visit.of("基準値の一覧", "Parameters").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("該当する基準値はありません。", "There are none.").to_owned(),
    };
    let list = List { name: "parameters", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "判定に使う数値です。双方が合意するまで、その数値による判定は「未確認」になります。",
        "The numbers that decide. Until both parties agree on one, what it decides is “unknown”.",
    );
    let mut page = Page::new("parameters", visit.of("基準値", "Parameters"), lead);
    let waits = first::proposals_for(&visit, visit.party());
    let name = super::agreements::kind_name(lang, "parameters");
    for (id, text, _) in waits.iter().filter(|(_, _, kind)| *kind == name) {
        page.push(Block::note(
            Tone::Warn,
            visit.of("こちらの合意を待っています", "Waits for this side"),
            text.as_str(),
        ));
        let href = format!("{}/agreements/{id}", visit.base());
        page.push(Block::Buttons(vec![(
            href,
            visit.of("内容を確かめて合意する", "Read and agree").to_owned(),
            "",
        )]));
    }
    if visit.may(Audience::Parties) {
        let href = format!("{}/parameters/propose", visit.base());
        let words = visit.of("値の変更を提案する", "Propose other values").to_owned();
        page.push(Block::Buttons(vec![(href, words, "second")]));
    }
    page.blocks.extend(super::agreement_pdf::button(&visit, "/parameters/pdf"));
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn row(visit: &Visit, court: &Court, id: ParameterId, terms: &ParameterTerms) -> Vec<Cell> {
    let lang = visit.lang;
    let (value, from) = match in_force(visit, court, id) {
        Some((from, values, stamp)) => (
            Cell::Many(vec![
                Cell::text(values_words(lang, terms, values)),
                super::block::entries(&visit.base(), &[stamp.entry]),
            ]),
            Cell::time(lang, from),
        ),
        None => (Cell::Tag(visit.of("未合意", "Not agreed").to_owned()), Cell::text("－")),
    };
    vec![
        Cell::code(id.to_string()),
        Cell::text(lang.of(&terms.ja, &terms.en)),
        Cell::text(values_words(lang, terms, &terms.defaults)),
        value,
        from,
        Cell::text(terms.basis.as_str()),
    ]
}

/// The values both parties agreed on that hold now, since when, and the agreement.
#[must_use]
pub fn in_force<'a>(
    visit: &Visit,
    court: &'a Court,
    id: ParameterId,
) -> Option<(Timestamp, &'a Values, Stamp)> {
    let agreed = court.evidence().agreements.agreed_values(id);
    agreed.into_iter().rev().find(|(from, _, _)| *from <= visit.now)
}

/// The proposed values beside those in force.
#[must_use]
pub fn proposed(visit: &Visit, values: &BTreeMap<ParameterId, Values>) -> Block {
    let lang = visit.lang;
    let court = visit.office.court();
    let terms = &visit.office.terms().parameters;
    let known = values.iter().filter_map(|(id, values)| Some((id, values, terms.get(id)?)));
    let row = |(id, values, terms): (&ParameterId, &Values, &ParameterTerms)| {
        let now = in_force(visit, &court, *id).map_or_else(
            || visit.of("未合意", "Not agreed").to_owned(),
            |(_, values, _)| values_words(lang, terms, values),
        );
        vec![
            Cell::text(format!("{id} {}", lang.of(&terms.ja, &terms.en))),
            Cell::text(values_words(lang, terms, values)),
            Cell::text(now),
            Cell::text(terms.basis.as_str()),
        ]
    };
    let heads = [
        visit.of("基準", "Parameter"),
        visit.of("提案された値", "Proposed"),
        visit.of("いまの値", "In force"),
        visit.of("根拠", "Basis"),
    ];
    Block::Table(Table {
        caption: visit.of("提案された値", "Proposed values").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: known.map(row).collect(),
        empty: String::new(),
    })
}

/// `良好 24 時間、不適合 72 時間`
#[must_use]
pub fn values_words(lang: Lang, terms: &ParameterTerms, values: &Values) -> String {
    let word = |(key, value): (&String, &i64)| {
        let field = terms.fields.iter().find(|field| field.key == *key);
        match field {
            Some(field) => format!("{} {value} {}", lang.of(&field.ja, &field.en), field.unit),
            None => format!("{key} {value}"),
        }
    };
    // As the contract file has them: good before bad.
    let place = |key: &str| terms.fields.iter().position(|field| field.key == key).unwrap_or(usize::MAX);
    let mut values: Vec<(&String, &i64)> = values.iter().collect();
    values.sort_by_key(|(key, _)| place(key));
    values.into_iter().map(word).collect::<Vec<_>>().join("、")
}

/// The form: one parameter at a time, chosen by `?id=`.
///
/// # Errors
/// Absent, where there is no such parameter.
pub async fn form(visit: Visit) -> Answer {
    let lang = visit.lang;
    let mut page = Page::new("parameters", visit.of("値の変更を提案する", "Propose other values"), "");
    page.trail = vec![Link::new(format!("{}/parameters", visit.base()), visit.of("基準値", "Parameters"))];
    let asked = visit.asked("id");
    if asked.is_empty() {
        let terms = &visit.office.terms().parameters;
        let row = |(id, terms): (&ParameterId, &ParameterTerms)| {
            vec![
                Cell::link(format!("{}?id={id}", visit.uri_path), id.to_string()),
                Cell::text(lang.of(&terms.ja, &terms.en)),
            ]
        };
        page.push(Block::Table(Table {
            caption: visit.of("変更する基準を選んでください", "Choose a parameter").to_owned(),
            heads: vec![visit.of("基準", "Parameter").to_owned(), visit.of("内容", "Name").to_owned()],
            rows: terms.iter().map(row).collect(),
            empty: String::new(),
        }));
        return frame::show(&visit, &page);
    }
    let (id, terms) = chosen(&visit, asked)?;
    page.lead = format!("{id} {}", lang.of(&terms.ja, &terms.en));
    let mut fields: Vec<Field> = terms
        .fields
        .iter()
        .map(|field| {
            let now = visit.office.measure(id, &field.key);
            let label = format!("{}（{}）", lang.of(&field.ja, &field.en), field.unit);
            let (least, most) = (field.range.start(), field.range.end());
            let hint = match lang {
                Lang::Ja => format!("{least}から{most}まで"),
                Lang::En => format!("{least} to {most}"),
            };
            Field::line(&format!("v-{}", field.key), &label, &now.to_string()).hint(&hint)
        })
        .collect();
    fields.push(
        Field::line("from", visit.of("適用開始", "In force from"), "").optional().hint(
            visit.of("空欄なら、すぐに適用します。例：R9.4.1", "Empty: at once. For example 2027-04-01"),
        ),
    );
    let mut form = visit.form("/parameters/propose", visit.of("提案する", "Propose"), fields);
    form.hidden.push(("id".to_owned(), id.to_string()));
    page.push(Block::Form(form));
    frame::show(&visit, &page)
}

fn chosen<'a>(visit: &'a Visit, text: &str) -> Result<(ParameterId, &'a ParameterTerms), Refusal> {
    let id = ParameterId::try_from(text.to_owned()).map_err(|_| Refusal::Absent)?;
    let terms = visit.office.terms().parameters.get(&id).ok_or(Refusal::Absent)?;
    Ok((id, terms))
}

/// Proposes.
///
/// # Errors
/// When a value is no number, or out of its range.
pub async fn propose(visit: Visit) -> Answer {
    let (id, terms) = chosen(&visit, visit.typed("id"))?;
    let mut values = Values::new();
    for field in &terms.fields {
        let typed = era::half_width(visit.typed(&format!("v-{}", field.key)));
        let number = typed.trim().parse::<i64>().ok().filter(|value| field.range.contains(value));
        let wrong = || {
            Refusal::Wrong(format!(
                "{}：{}–{}",
                visit.lang.of(&field.ja, &field.en),
                field.range.start(),
                field.range.end()
            ))
        };
        values.insert(field.key.clone(), number.ok_or_else(wrong)?);
    }
    let from = match visit.typed("from") {
        "" => visit.now,
        text => era::read(text).ok_or_else(|| {
            Refusal::Wrong(
                visit.of("適用開始の日付を読み取れません。", "The date cannot be read.").to_owned(),
            )
        })?,
    };
    let proposal: yakujo_contract::id::ProposalId = crate::people::new_id('a')?.try_into()?;
    let matter = Matter::Parameters { from, values: BTreeMap::from([(id, values)]) };
    visit.act(Act::Proposed { proposal: proposal.clone(), matter }).await?;
    visit.go(&format!("/agreements/{proposal}"))
}
