//! What the parties agree on, on paper (A4): 例外承認 (F-25), the agreement on numbers (F-29), and every other line that
//! one party declares and the other confirms. Who agreed is named with the post held on that day and the entry that
//! proves it.

use super::block::{Block, Cell, Table};
use super::frame::Page;
use super::request_show::{self, Names};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{agreements, board, duty, era, paper, parameters};
use serde_json::json;
use yakujo_contract::act::Matter;
use yakujo_contract::entry::{Author, Party};
use yakujo_contract::evidence::agreement::Proposal;
use yakujo_contract::evidence::latest::Stamp;
use yakujo_contract::id::{EntryNumber, ProposalId, SystemId};
use yakujo_contract::request::flow::By;

/// One proposal.
///
/// # Errors
/// Absent, where there is no such proposal, or no printer.
pub async fn show(visit: Visit) -> Answer {
    let id: ProposalId = visit.part("proposal")?.parse().map_err(|_| Refusal::Absent)?;
    let proposal =
        visit.office.court().evidence().agreements.proposal(&id).cloned().ok_or(Refusal::Absent)?;
    let matter = proposal.matter().ok_or(Refusal::Absent)?;
    let names = Names::of(&visit, None).await?;
    let mut page = Page::new("agreements", title(visit.lang, matter), "");
    page.push(Block::Fields(header(&visit, &proposal, matter, &names)));
    page.push(Block::Heading(visit.of("内容", "What is agreed").to_owned()));
    page.push(Block::Fields(content(&visit, matter, &proposal, &names)));
    if let Matter::Parameters { values, .. } = matter {
        page.push(parameters::proposed(&visit, values));
    }
    page.push(Block::Heading(visit.of("経過", "What happened").to_owned()));
    page.push(Block::Table(course(&visit, &proposal, &names)));
    let mut sheet = paper::of_page(&visit, &page, id.as_str());
    if visit.lang == Lang::Ja {
        sheet = paper::sealed(sheet, json!(seals(&visit, &proposal, &names)));
    }
    paper::answer(sheet, &format!("{}-agreement-{id}", visit.office.id())).await
}

fn title(lang: Lang, matter: &Matter) -> String {
    match matter {
        Matter::Exemption { .. } => lang.of("例外承認申請書（F-25）", "Exemption (F-25)").to_owned(),
        Matter::Parameters { .. } => lang.of("パラメータ合意書（F-29）", "Parameters (F-29)").to_owned(),
        _ => {
            let kind = agreements::matter_name(lang, matter);
            match lang {
                Lang::Ja => format!("申告・合意書：{kind}"),
                Lang::En => format!("Declared and agreed: {kind}"),
            }
        }
    }
}

fn header(visit: &Visit, proposal: &Proposal, matter: &Matter, names: &Names) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let label = |ja, en| visit.of(ja, en).to_owned();
    let contract = format!("{}（{}）", visit.office.title(lang), visit.office.id());
    let mut rows = vec![
        (label("契約件名・番号", "Contract"), Cell::text(contract)),
        (label("対象システム", "System"), Cell::text(systems(visit, matter))),
        (label("状態", "State"), Cell::text(words::stage(lang, proposal.stage()))),
        (label("版", "Version"), Cell::text(visit.of("第1版（改めるときは別の合意）", "1"))),
        (label("根拠条項", "Duties"), Cell::text(duties(visit, matter))),
        (label("関連番号", "Entries"), Cell::text(entries(proposal))),
        (label("添付", "Attachments"), Cell::text(visit.of("なし", "None"))),
    ];
    if let Some(proposed) = &proposal.proposed {
        let to = match proposed.value.0 {
            Party::City => Party::Contractor,
            Party::Contractor | Party::Auditor => Party::City,
        };
        let from = signer(visit, names, proposed.value.0, proposed.stamp.entry);
        let at = request_show::moment(lang, proposed.stamp.received);
        rows.insert(2, (label("提出者", "From"), Cell::text(from)));
        rows.insert(3, (label("提出日時", "Handed in"), at));
        rows.insert(4, (label("宛先", "To"), Cell::text(request_show::organisation(visit, to))));
    }
    rows
}

fn signer(visit: &Visit, names: &Names, party: Party, number: EntryNumber) -> String {
    match request_show::entry(visit, number).map(|entry| (entry.author, entry.received)) {
        Some((Author::Person { id, .. }, at)) => {
            request_show::signer(visit, names, &By { person: id, party }, at)
        }
        _ => request_show::organisation(visit, party),
    }
}

fn systems(visit: &Visit, matter: &Matter) -> String {
    let names = board::system_names(visit);
    let named = |id: &SystemId| match names.get(id) {
        Some(name) if !name.is_empty() => format!("{name}（{id}）"),
        _ => id.to_string(),
    };
    match matter.system() {
        Some(system) => named(system),
        None => {
            let all: Vec<String> = names.keys().map(named).collect();
            let all = all.join("、");
            match visit.lang {
                Lang::Ja => format!("契約の全システム {all}"),
                Lang::En => format!("Every system of the contract {all}"),
            }
        }
    }
}

fn duties(visit: &Visit, matter: &Matter) -> String {
    match matter {
        Matter::Exemption { duty, .. } | Matter::NotApplicable { duty, .. } => duty::title(visit, *duty),
        Matter::Parameters { .. } => visit.of("基準値の合意", "Agreement on numbers").to_owned(),
        _ => visit.of("申告と合意", "Declared and agreed").to_owned(),
    }
}

fn entries(proposal: &Proposal) -> String {
    let proposed = proposal.proposed.iter().map(|proposed| proposed.stamp);
    let all = proposed.chain(proposal.agreed.values().copied()).chain(proposal.refused.values().copied());
    let all = all.chain(proposal.ended);
    let numbers: Vec<String> = all.map(|stamp| format!("台帳 #{}", stamp.entry)).collect();
    numbers.join("、")
}

fn content(visit: &Visit, matter: &Matter, proposal: &Proposal, names: &Names) -> Vec<(String, Cell)> {
    let label = |ja, en| visit.of(ja, en).to_owned();
    let Matter::Exemption { duty, until, reason, .. } = matter else {
        let text = agreements::summary(visit.lang, matter);
        return vec![(label("内容", "What"), Cell::text(text))];
    };
    let terms = visit.office.terms().duties.iter().find(|terms| terms.duty == *duty);
    let clause = terms.map_or("", |terms| visit.lang.of(&terms.ja, &terms.en));
    let agreed = proposal.agreed.values().next();
    let carries = agreed.and_then(|stamp| who(visit, names, stamp.entry));
    let from = proposal.proposed.as_ref().map(|proposed| era::wareki(visit.lang, proposed.stamp.received));
    let until = era::wareki(visit.lang, *until);
    let period = match visit.lang {
        Lang::Ja => format!("承認の時から {until} まで（申請 {}）", from.unwrap_or_default()),
        Lang::En => format!("from the approval until {until}"),
    };
    let none = || {
        visit.of("（承認した者がリスクを受容する。まだ承認されていない）", "(not approved yet)").to_owned()
    };
    vec![
        (label("条項", "Duty"), Cell::text(duty::title(visit, *duty))),
        (label("条項の文", "What the contract says"), Cell::text(clause)),
        (label("理由・代替措置", "Reason and substitute"), Cell::text(reason.as_str())),
        (label("期間", "Period"), Cell::text(period)),
        (label("リスク受容者", "Who carries the risk"), Cell::text(carries.unwrap_or_else(none))),
    ]
}

/// The person of an entry, with the posts held on that day.
fn who(visit: &Visit, names: &Names, number: EntryNumber) -> Option<String> {
    let entry = request_show::entry(visit, number)?;
    let Author::Person { id, post, .. } = entry.author else { return None };
    let seats = {
        let court = visit.office.court();
        court.evidence().offices.seats_of(&id, entry.received)
    };
    let held = post.into_iter().chain(seats.into_iter().map(|(post, _)| post)).next();
    let post = held.map(|post| format!("{} ", request_show::post(visit, &post))).unwrap_or_default();
    Some(format!("{post}{}", names.person(&id)))
}

fn course(visit: &Visit, proposal: &Proposal, names: &Names) -> Table {
    let lang = visit.lang;
    let row = |what: &str, party: Option<Party>, stamp: &Stamp| {
        let by = who(visit, names, stamp.entry).unwrap_or_default();
        let party = party.map_or("", |party| words::party(lang, party));
        vec![
            Cell::text(what),
            Cell::text(format!("{party} {by}")),
            request_show::moment(lang, stamp.received),
            Cell::text(format!("#{}", stamp.entry)),
        ]
    };
    let mut rows = Vec::new();
    if let Some(proposed) = &proposal.proposed {
        rows.push(row(visit.of("申告・提案", "Proposed"), Some(proposed.value.0), &proposed.stamp));
    }
    rows.extend(
        proposal
            .agreed
            .iter()
            .map(|(party, stamp)| row(visit.of("合意・承認", "Agreed"), Some(*party), stamp)),
    );
    rows.extend(
        proposal.refused.iter().map(|(party, stamp)| row(visit.of("不同意", "Refused"), Some(*party), stamp)),
    );
    rows.extend(proposal.ended.iter().map(|stamp| row(visit.of("終了・取下げ", "Ended"), None, stamp)));
    let heads = [
        visit.of("行為", "Act"),
        visit.of("者（職・氏名）", "Who"),
        visit.of("日時", "When"),
        visit.of("台帳", "Entry"),
    ];
    Table { heads: heads.map(str::to_owned).to_vec(), rows, ..Table::default() }
}

/// The two who agreed; what nobody has signed is room for a seal.
fn seals(visit: &Visit, proposal: &Proposal, names: &Names) -> Vec<serde_json::Value> {
    let proposed = proposal.proposed.as_ref().map(|proposed| (proposed.value.0, proposed.stamp));
    let of = |party: Party| {
        let own = proposed.filter(|(by, _)| *by == party).map(|(_, stamp)| stamp);
        proposal.agreed.get(&party).copied().or(own)
    };
    let seal = |title: &str, party: Party| {
        let text = of(party).map(|stamp| {
            let who = who(visit, names, stamp.entry).unwrap_or_default();
            format!("{who}\n{}\n#{}", era::short_day(stamp.received), stamp.entry)
        });
        json!({ "title": title, "text": text.unwrap_or_default() })
    };
    vec![seal("市", Party::City), seal("受託者", Party::Contractor)]
}

/// パラメータ合意書 (F-29): every number, in force or not, with both who agreed.
///
/// # Errors
/// Absent, where there is no printer.
pub async fn parameters(visit: Visit) -> Answer {
    let names = Names::of(&visit, None).await?;
    let rows = {
        let terms = visit.office.terms().parameters.iter();
        terms.map(|(id, terms)| parameter_row(&visit, &names, *id, terms)).collect::<Vec<_>>()
    };
    let open = rows.iter().filter(|(_, agreed)| !agreed).count();
    let all = rows.len();
    let mut page = Page::new("parameters", visit.of("パラメータ合意書（F-29）", "Parameters (F-29)"), "");
    let label = |ja, en| visit.of(ja, en).to_owned();
    let contract = format!("{}（{}）", visit.office.title(visit.lang), visit.office.id());
    let state = match visit.lang {
        Lang::Ja => format!("全{all}項目のうち合意済み {}項目、未合意 {open}項目", all.saturating_sub(open)),
        Lang::En => format!("{} of {all} agreed, {open} not", all.saturating_sub(open)),
    };
    page.push(Block::Fields(vec![
        (label("契約件名・番号", "Contract"), Cell::text(contract)),
        (label("対象システム", "Systems"), Cell::text(visit.of("契約の全システム", "Every system"))),
        (label("宛先", "To"), Cell::text(visit.of("市・受託者の双方", "Both parties"))),
        (label("現在の日時", "As of"), request_show::moment(visit.lang, visit.now)),
        (label("状態", "State"), Cell::text(state)),
        (
            label("根拠条項", "Basis"),
            Cell::text(visit.of("契約の各条項の数値（根拠欄）", "The numbers of the duties")),
        ),
        (label("添付", "Attachments"), Cell::text(visit.of("なし", "None"))),
    ]));
    let heads = [
        visit.of("番号", "Id"),
        visit.of("内容", "Name"),
        visit.of("合意した値", "In force"),
        visit.of("適用日", "Since"),
        visit.of("市（職・氏名・日・台帳）", "City"),
        visit.of("受託者（氏名・日・台帳）", "Contractor"),
    ];
    page.push(Block::Table(Table {
        heads: heads.map(str::to_owned).to_vec(),
        rows: rows.into_iter().map(|(row, _)| row).collect(),
        ..Table::default()
    }));
    let mut sheet = paper::of_page(&visit, &page, "F-29");
    if visit.lang == Lang::Ja {
        sheet = paper::sealed(sheet, json!([{ "title": "市" }, { "title": "受託者" }]));
    }
    paper::answer(sheet, &format!("{}-parameters-{}", visit.office.id(), era::day(Lang::En, visit.now))).await
}

fn parameter_row(
    visit: &Visit,
    names: &Names,
    id: yakujo_contract::parameter::ParameterId,
    terms: &yakujo_contract::terms::ParameterTerms,
) -> (Vec<Cell>, bool) {
    let lang = visit.lang;
    let found = {
        let court = visit.office.court();
        let agreements = &court.evidence().agreements;
        parameters::in_force(visit, &court, id).and_then(|(from, values, stamp)| {
            let (_, proposal) =
                agreements.all().find(|(_, one)| one.agreed.values().any(|agreed| *agreed == stamp))?;
            Some((from, values.clone(), proposal.clone()))
        })
    };
    let name = Cell::text(lang.of(&terms.ja, &terms.en));
    let Some((from, values, proposal)) = found else {
        let open = Cell::Tag(visit.of("未合意", "Not agreed").to_owned());
        let none = || Cell::text("－");
        return (vec![Cell::code(id.to_string()), name, open, none(), none(), none()], false);
    };
    let side = |party: Party| {
        let proposed = proposal.proposed.as_ref().filter(|proposed| proposed.value.0 == party);
        let stamp = proposed.map(|proposed| proposed.stamp).or(proposal.agreed.get(&party).copied());
        stamp.map_or_else(
            || Cell::text("－"),
            |stamp| {
                let who = who(visit, names, stamp.entry).unwrap_or_default();
                Cell::text(format!("{who}\n{} #{}", era::day(lang, stamp.received), stamp.entry))
            },
        )
    };
    let value = Cell::text(parameters::values_words(lang, terms, &values));
    let since = Cell::text(era::day(lang, from));
    (vec![Cell::code(id.to_string()), name, value, since, side(Party::City), side(Party::Contractor)], true)
}

/// The button that saves an agreement as PDF.
#[must_use]
pub fn button(visit: &Visit, path: &str) -> Option<Block> {
    let text = visit.of("PDFで保存する（A4）", "Save as PDF (A4)").to_owned();
    let href = format!("{}{path}", visit.base());
    super::press::can_print().then(|| Block::Buttons(vec![(href, text, "second")]))
}
