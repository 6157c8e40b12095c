//! 申請・報告: everything that was asked, told, or presented, and what of it waits for whom.

use super::block::{Block, Cell, Choice, Field, Input, Link, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted, escape};
use super::request_show::{self, Seen};
use super::visit::{Answer, Visit};
use super::words;
use super::{board, era, request, request_clock, request_words};
use crate::audience::Audience;
use jiff::Timestamp;
use std::collections::BTreeSet;
use yakujo_contract::evidence::requests::{Request, Requests};
use yakujo_contract::id::RequestId;
use yakujo_contract::request::clock;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;

/// Which requests are wanted.
const TABS: [&str; 4] = ["", "open", "late", "all"];

fn tab_name(visit: &Visit, tab: &str) -> &'static str {
    match tab {
        "open" => visit.lang.of("手続中", "Under way"),
        "late" => visit.lang.of("期限超過", "Overdue"),
        "all" => visit.lang.of("すべて", "All"),
        _ => visit.lang.of("こちらの番", "Our turn"),
    }
}

/// The list.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let tab = TABS.into_iter().find(|tab| *tab == visit.asked("of")).unwrap_or("");
    // It is never an auditor's turn: he looks at everything.
    let tab = if tab.is_empty() && !visit.may(Audience::Parties) { "all" } else { tab };
    let mut all = if tab == "all" { all(&visit) } else { open(&visit) };
    let years = years(&visit);
    all.retain(|seen| is_in(&visit, seen, tab) && is_chosen(&visit, seen));
    all.sort_by_cached_key(place);
    let (rows, next) = wanted.take(all.iter(), |seen| place(seen), |seen| row(&visit, seen));
    let heads = [
        visit.of("番号", "Number"),
        visit.of("件名", "Title"),
        visit.of("様式", "Form"),
        visit.of("状態", "State"),
        visit.of("次の番", "Turn"),
        visit.of("期限", "Due"),
        visit.of("提出", "Handed in"),
    ];
    let table = Table {
        caption: visit.of("申請・報告の一覧", "Requests and reports").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("該当する申請・報告はありません。", "There are none.").to_owned(),
    };
    let selects = selects(&visit, &years);
    let keep: Vec<(String, String)> =
        ["of", "form", "system", "year"].map(|name| (name.to_owned(), visit.asked(name).to_owned())).to_vec();
    let list = List { name: "requests", table, next, keep };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "事前の申請、報告、提示、提供の依頼です。誰の番か、いつまでかを示します。",
        "What was asked for, told or presented: whose turn it is, and until when.",
    );
    let mut page = Page::new("requests", visit.of("申請・報告", "Requests and reports"), lead);
    let tabs = TABS.into_iter().filter(|it| !it.is_empty() || visit.may(Audience::Parties));
    page.push(Block::Tabs(tabs.map(|it| link(&visit, it, tab)).collect()));
    if visit.may(Audience::Parties) {
        let href = format!("{}/requests/new", visit.base());
        page.push(Block::Buttons(vec![(href, visit.of("新しく出す", "New").to_owned(), "second")]));
    }
    let mut blocks = list.blocks(&visit, &wanted);
    for block in &mut blocks {
        if let Block::Finder(finder) = block {
            finder.label = visit.of("番号・件名でしぼり込む", "Number or title").to_owned();
            finder.hidden.retain(|(name, _)| name == "of");
            finder.selects.clone_from(&selects);
        }
    }
    page.blocks.extend(blocks);
    frame::show(&visit, &page)
}

fn years(visit: &Visit) -> BTreeSet<String> {
    visit.office.court().evidence().requests.years().into_iter().map(str::to_owned).collect()
}

fn link(visit: &Visit, tab: &'static str, here: &str) -> Link {
    let chosen = ["form", "system", "year"].into_iter().filter(|name| !visit.asked(name).is_empty());
    let kept: String = chosen.map(|name| format!("&{name}={}", escape(visit.asked(name)))).collect();
    Link::new(format!("{}?of={tab}{kept}", visit.uri_path), tab_name(visit, tab)).here_if(tab == here)
}

/// Every request with its clocks.
#[must_use]
pub fn all(visit: &Visit) -> Vec<Seen> {
    seen(visit, |requests| requests.all().map(owned).collect())
}

/// The requests that are not over, or for which something is still owed, with their clocks.
#[must_use]
pub fn open(visit: &Visit) -> Vec<Seen> {
    seen(visit, |requests| requests.open().map(owned).collect())
}

/// The same, and those that were handed in at an instant or after it.
#[must_use]
pub fn open_or_since(visit: &Visit, since: Timestamp) -> Vec<Seen> {
    seen(visit, |requests| {
        let mut ids = requests.handed_in_since(since);
        ids.extend(requests.open().map(|(id, _)| id));
        ids.into_iter().filter_map(|id| Some((id.clone(), requests.get(id)?.clone()))).collect()
    })
}

fn owned((id, request): (&RequestId, &Request)) -> (RequestId, Request) {
    (id.clone(), request.clone())
}

fn seen(visit: &Visit, wanted: impl Fn(&Requests) -> Vec<(RequestId, Request)>) -> Vec<Seen> {
    let wanted = wanted(&visit.office.court().evidence().requests);
    wanted.into_iter().filter_map(|(id, request)| request_show::seen(visit, id, request)).collect()
}

/// Whether a clock of it has run out.
#[must_use]
pub fn is_late(visit: &Visit, seen: &Seen) -> bool {
    clock::next(&seen.clocks).is_some_and(|clock| clock.is_late(visit.now))
}

/// Whether the visitor's party has to do something now. What is approved waits for its time.
#[must_use]
pub fn waits_for_us(visit: &Visit, seen: &Seen) -> bool {
    let ours = visit.party().is_some() && seen.progress.turn() == visit.party();
    let ahead = seen.progress.window().is_some_and(|window| window.from > visit.now);
    let standing = seen.progress.form() == Form::F26;
    let clock = seen.clocks.iter().any(|clock| clock.met.is_none() && Some(clock.of) == visit.party());
    (ours && (seen.progress.state != State::Approved || !(ahead || standing))) || clock
}

fn is_in(visit: &Visit, seen: &Seen, tab: &str) -> bool {
    match tab {
        "open" => !seen.progress.state.is_over(),
        "late" => is_late(visit, seen),
        "all" => true,
        _ => waits_for_us(visit, seen),
    }
}

fn is_chosen(visit: &Visit, seen: &Seen) -> bool {
    let (form, system, year) = (visit.asked("form"), visit.asked("system"), visit.asked("year"));
    let of_form = form.is_empty() || seen.progress.form().row().key == form;
    let of_system =
        system.is_empty() || seen.progress.filled.scope.systems.iter().any(|id| id.as_str() == system);
    of_form && of_system && (year.is_empty() || seen.number.year() == year)
}

/// What is due first stands first; what is over, last, the newest first.
fn place(seen: &Seen) -> String {
    let over = u8::from(seen.progress.state.is_over());
    let due = clock::next(&seen.clocks).map_or(i64::MAX, |clock| clock.due.at.as_second());
    let newest = i64::MAX - seen.progress.handed_in.received.as_second();
    format!("{over}{due:020}{newest:020}{}", seen.id)
}

fn row(visit: &Visit, seen: &Seen) -> Vec<Cell> {
    let (lang, progress) = (visit.lang, &seen.progress);
    let due = match clock::next(&seen.clocks) {
        Some(clock) => Cell::Many(vec![
            Cell::Time {
                iso: clock.due.at.to_string(),
                shown: era::day(lang, clock.due.at),
                wareki: era::exact(clock.due.at),
            },
            Cell::Small(format!(
                "{} {}",
                request_clock::duty(lang, clock.duty),
                request_clock::left(visit, clock)
            )),
        ]),
        None => Cell::text("－"),
    };
    vec![
        Cell::link(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string()),
        Cell::text(progress.filled.title.as_str()),
        Cell::text(request_words::form(lang, progress.form())),
        Cell::Chip(request::chip(lang, progress.state, String::new())),
        Cell::text(progress.turn().map_or("－", |party| words::party(lang, party))),
        due,
        Cell::time(lang, progress.handed_in.received),
    ]
}

fn selects(visit: &Visit, years: &BTreeSet<String>) -> Vec<Field> {
    let select = |name: &str, label: &str, all: Vec<(String, String)>| {
        let every = std::iter::once((String::new(), visit.of("すべて", "All").to_owned()));
        let asked = visit.asked(name);
        let choice = |(value, label): (String, String)| Choice { chosen: value == asked, value, label };
        Field::new(name, label, Input::OneOf(every.chain(all).map(choice).collect())).optional()
    };
    let forms =
        Form::ALL.iter().map(|form| (form.row().key.to_owned(), request_words::form(visit.lang, *form)));
    let systems = board::system_names(visit).into_iter().map(|(id, name)| (id.to_string(), name));
    let years = years.iter().map(|year| (year.clone(), year.clone()));
    vec![
        select("form", visit.of("様式", "Form"), forms.collect()),
        select("system", visit.of("情報システム", "System"), systems.collect()),
        select("year", visit.of("年度", "Year"), years.collect()),
    ]
}
