//! One duty: how it stands now or stood at a past moment, host by host, with its trend and its turns.

use super::block::{Block, Cell, Chip, Finder, Link, Stretch, Table, Tone};
use super::clause::card;
use super::era;
use super::frame::{self, Page};
use super::list::escape;
use super::visit::{Answer, Refusal, Visit};
use super::words;
use super::{block, board, comments};
use crate::views::Change;
use jiff::{SignedDuration, Timestamp};
use yakujo_contract::court::{Court, Ruling, Turned};
use yakujo_contract::duty::DutyId;
use yakujo_contract::id::SystemId;
use yakujo_contract::standing::Standing;
use yakujo_contract::terms::DutyTerms;
use yakujo_contract::topic::Topic;

/// Turns shown.
const TURNS: u32 = 50;
/// Hosts shown on this page; all are in the list of hosts.
const HOSTS: usize = 100;

/// What the contract calls a duty, with its label and kind.
#[must_use]
pub fn title(visit: &Visit, duty: DutyId) -> String {
    let terms = visit.office.terms().duties.iter().find(|terms| terms.duty == duty);
    let label = terms.map_or_else(|| duty.to_string(), |terms| terms.label.clone());
    let (clause, kind) =
        (words::clause(visit.lang, duty.row().clause), words::kind(visit.lang, duty.row().kind));
    match visit.lang {
        words::Lang::Ja => format!("{label} {clause}（{kind}）"),
        words::Lang::En => format!("{label} {clause} ({kind})"),
    }
}

/// The sentence of the contract.
#[must_use]
pub fn quote(visit: &Visit, terms: &DutyTerms) -> Block {
    match visit.lang {
        words::Lang::Ja => Block::Quote(terms.ja.clone(), String::new()),
        words::Lang::En => Block::Quote(terms.en.clone(), terms.ja.clone()),
    }
}

/// The page.
///
/// # Errors
/// Absent, where the contract has no such duty.
pub async fn show(visit: Visit) -> Answer {
    let duty = DutyId::parse(visit.part("duty")?).map_err(|_| Refusal::Absent)?;
    let terms = visit.office.terms().duties.iter().find(|terms| terms.duty == duty).ok_or(Refusal::Absent)?;
    let clause = duty.row().clause;
    let mut page = Page::new("board", title(&visit, duty), "");
    let clause_name = format!("{}. {}", words::clause_number(clause), words::clause(visit.lang, clause));
    page.trail = vec![
        Link::new(format!("{}/board", visit.base()), visit.of("契約の判定表", "Board")),
        Link::new(format!("{}/clause/{}", visit.base(), clause.key()), clause_name),
    ];
    page.push(quote(&visit, terms));
    let asked = visit.asked("at").to_owned();
    let moment = if asked.is_empty() { None } else { era::read(&asked) };
    match moment {
        None if asked.is_empty() => now(&visit, duty, &mut page),
        None => {
            let text = visit.of(
                "日時を読み取れませんでした。「令和8年11月22日14時05分」「R8.11.22」「2026-11-22 14:05」のように入力してください。",
                "The moment could not be read. Write 2026-11-22 14:05, for example.",
            );
            page.push(Block::note(Tone::Bad, "", text));
        }
        Some(at) if at > visit.now => {
            page.push(Block::note(
                Tone::Bad,
                "",
                visit.of("まだ来ていない日時です。", "That moment has not come yet."),
            ));
        }
        Some(at) if visit.asked("again") == "yes" => judged_again(&visit, duty, at, &mut page).await?,
        Some(at) => past(&visit, duty, at, &mut page).await?,
    }
    page.push(Block::Heading(visit.of("過去の時点", "A past moment").to_owned()));
    page.push(finder(&visit, &asked));
    history(&visit, duty, &mut page).await?;
    let topic = |(system, name): (SystemId, String)| {
        let name = if name.is_empty() { system.to_string() } else { name };
        (Topic::Duty(duty, system), name)
    };
    let topics: Vec<_> = board::system_names(&visit).into_iter().map(topic).collect();
    comments::push(&visit, &mut page, &topics).await?;
    frame::show(&visit, &page)
}

fn finder(visit: &Visit, asked: &str) -> Block {
    let label = visit.of("過去の日時の判定を見る", "As of a past moment");
    let hint = visit.of("例：R8.11.22 14:05、2026-11-22 14:05", "For example 2026-11-22 14:05");
    Block::Finder(Finder {
        action: visit.uri_path.clone(),
        name: "at",
        label: label.to_owned(),
        hint: hint.to_owned(),
        find: asked.to_owned(),
        hidden: Vec::new(),
        downloads: Vec::new(),
        selects: Vec::new(),
    })
}

fn now(visit: &Visit, duty: DutyId, page: &mut Page) {
    let (rulings, hosts) = {
        let court = visit.office.court();
        (of_duty(&court, duty), of_hosts(visit, &court, duty))
    };
    standing(visit, &rulings, hosts, page);
}

/// As it was judged then: the last turn of each system up to that moment.
async fn past(visit: &Visit, duty: DutyId, at: Timestamp, page: &mut Page) -> Result<(), Refusal> {
    page.push(Block::note(Tone::Plain, "", as_of(visit, at, ("の時点の判定です。", ""))));
    let mut rulings = Vec::new();
    for system in board::system_names(visit).into_keys() {
        let turn = visit.office.views().standing_at(duty, &system, at).await?;
        rulings.extend(turn.map(|turn| Ruling {
            duty,
            system,
            at,
            since: turn.at,
            verdict: turn.verdict,
            turned: Turned::No,
        }));
    }
    standing(visit, &rulings, Vec::new(), page);
    let href = format!("{}?at={}&again=yes", visit.uri_path, escape(visit.asked("at")));
    let words =
        visit.of("台帳の記録から計算し直して、ホストごとに見る", "Judge anew from the ledger, host by host");
    page.push(Block::Buttons(vec![(href, words.to_owned(), "second")]));
    Ok(())
}

/// Judged anew from every entry up to that moment. It takes longer the longer the ledger is, so only when asked for.
async fn judged_again(visit: &Visit, duty: DutyId, at: Timestamp, page: &mut Page) -> Result<(), Refusal> {
    let office = visit.office.clone();
    let court = tokio::task::spawn_blocking(move || office.court_at(at)).await??;
    let words = ("の時点の判定です。台帳の記録から計算し直しました。", ", judged anew from the ledger");
    page.push(Block::note(Tone::Plain, "", as_of(visit, at, words)));
    standing(visit, &of_duty(&court, duty), of_hosts(visit, &court, duty), page);
    Ok(())
}

fn as_of(visit: &Visit, at: Timestamp, (ja, en): (&str, &str)) -> String {
    match visit.lang {
        words::Lang::Ja => format!("{}（{}）{ja}", era::wareki(visit.lang, at), era::exact(at)),
        words::Lang::En => format!("As of {}{en}.", era::exact(at)),
    }
}

fn of_duty(court: &Court, duty: DutyId) -> Vec<Ruling> {
    court.rulings().filter(|ruling| ruling.duty == duty).collect()
}

fn of_hosts(visit: &Visit, court: &Court, duty: DutyId) -> Vec<Vec<Cell>> {
    let systems: Vec<SystemId> = court.places().keys().cloned().collect();
    let mut rows = Vec::new();
    for system in &systems {
        for (host, verdict) in court.of_hosts(duty, system).take(HOSTS) {
            rows.push(vec![
                Cell::link(format!("{}/hosts/{host}", visit.base()), host.as_str()),
                Cell::standing(visit.lang, &verdict.standing),
                Cell::text(visit.lang.say(&verdict.cause)),
                Cell::text(visit.lang.say(&verdict.next)),
                block::entries(&visit.base(), &verdict.evidence),
            ]);
        }
    }
    rows
}

fn standing(visit: &Visit, rulings: &[Ruling], hosts: Vec<Vec<Cell>>, page: &mut Page) {
    let names = board::system_names(visit);
    if rulings.is_empty() {
        let text =
            visit.of("この時点では、まだ何も判定していません。", "Nothing had been judged at that moment.");
        page.push(Block::note(Tone::Plain, "", text));
    }
    if !rulings.is_empty() {
        page.push(Block::Heading(visit.of("判定", "Standing").to_owned()));
    }
    for ruling in rulings {
        let name = names.get(&ruling.system).cloned().unwrap_or_default();
        let mut one = card(visit, ruling, &name);
        one.href = String::new();
        page.push(Block::Duty(one));
    }
    if hosts.is_empty() {
        return;
    }
    page.push(Block::Heading(visit.of("ホストごとの判定", "Host by host").to_owned()));
    let heads = [
        visit.of("ホスト", "Host"),
        visit.of("判定", "Standing"),
        visit.of("理由", "Cause"),
        visit.of("次の行動", "Next action"),
        visit.of("証拠", "Entries"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("ホストごとの判定", "Host by host").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: hosts,
        empty: String::new(),
    }));
}

async fn history(visit: &Visit, duty: DutyId, page: &mut Page) -> Result<(), Refusal> {
    let systems: Vec<(SystemId, String)> = board::system_names(visit).into_iter().collect();
    page.push(Block::Heading(visit.of("これまでの推移（30日間）", "The last 30 days").to_owned()));
    for (system, name) in systems {
        let turns = visit.office.views().turns(duty, Some(&system), visit.now, TURNS).await?;
        let name = if name.is_empty() { system.to_string() } else { name };
        let words = format!(
            "{name}{}",
            visit.of("の判定の推移。同じ内容が次の表にあります。", ": trend; the table below says the same.")
        );
        page.push(Block::Trend(words, stretches(&turns, visit.now)));
        page.push(Block::Table(turns_table(visit, &name, &turns)));
    }
    Ok(())
}

fn turns_table(visit: &Visit, name: &str, turns: &[Change]) -> Table {
    let row = |turn: &Change| {
        vec![
            Cell::time(visit.lang, turn.at),
            Cell::Chip(Chip::of(visit.lang, &turn.verdict.standing, String::new())),
            Cell::text(visit.lang.say(&turn.verdict.cause)),
            block::entries(&visit.base(), &turn.verdict.evidence),
        ]
    };
    let heads = [
        visit.of("日時", "When"),
        visit.of("判定", "Standing"),
        visit.of("理由（変化した時）", "Cause at that moment"),
        visit.of("証拠", "Entries"),
    ];
    Table {
        caption: format!("{name}{}", visit.of("：判定の変化（新しい順）", ": turns, newest first")),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: turns.iter().map(row).collect(),
        empty: visit.of("まだ変化がありません。", "No turns yet.").to_owned(),
    }
}

/// The last 30 days as stretches of a bar 1000 wide; turns come newest first.
fn stretches(turns: &[Change], now: Timestamp) -> Vec<Stretch> {
    let span = SignedDuration::from_hours(30 * 24);
    let place = |at: Timestamp| {
        let left = span.as_secs().saturating_sub(now.duration_since(at).as_secs()).max(0);
        u32::try_from(left.saturating_mul(1_000) / span.as_secs()).unwrap_or(0)
    };
    let mut end = 1_000;
    let mut stretches = Vec::new();
    for turn in turns {
        let x = place(turn.at);
        let width = u32::saturating_sub(end, x).max(2);
        let class = class(&turn.verdict.standing);
        stretches.push(Stretch { class, x: x.min(998), width });
        end = x;
        if x == 0 {
            break;
        }
    }
    stretches
}

fn class(standing: &Standing) -> &'static str {
    standing.word()
}
