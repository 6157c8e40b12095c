//! 変更履歴 (F-10): everything that happened in a fiscal year, beside the ticket it stands on, with the ratio. Made of what
//! was observed: nobody can leave a line out. What nothing observes stands there as the contractor reports it.

use super::block::{Block, Cell, Chip, Choice, Field, Figure, Input, Table, Tone};
use super::frame::{self, Page};
use super::list::{Format, List, Wanted};
use super::visit::{Answer, Visit};
use super::words::{self, Lang};
use super::{block, board, finding_words, first, request_fields, request_show};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::calendar::{fiscal_span, fiscal_year};
use yakujo_contract::court::reconciled::Ratio;
use yakujo_contract::entry::Party;
use yakujo_contract::evidence::occurrences::KEPT;
use yakujo_contract::fact::integrity::Explanation;
use yakujo_contract::id::{EntryNumber, HostId, RequestId, SystemId};
use yakujo_contract::occurrence::Occurrence;
use yakujo_contract::reconcile::{Join, Why};
use yakujo_contract::request::flow::Progress;
use yakujo_contract::request::form::{Form, Kind};
use yakujo_contract::thing::Object;

/// Years that can be chosen; a host whose clock was wrong may say anything.
const MOST_YEARS: usize = 60;
/// Files of a package that are named.
const EXAMPLES: usize = 3;
/// What the join says of them.
const OF_A_PACKAGE: Join = Join::NotSubject(Why::Package);
/// What one package laid down is seen within so long.
const TOGETHER: SignedDuration = SignedDuration::from_mins(10);

/// One change: observed, or told by the contractor alone. What a package laid down is one line, however many files it has.
enum Line {
    Observed { system: SystemId, host: HostId, it: Box<Occurrence>, join: Join },
    Brought { system: SystemId, host: HostId, package: String, files: Box<Brought> },
    Told { id: RequestId, progress: Box<Progress>, begun: Timestamp },
}

/// The files of one package.
struct Brought {
    count: usize,
    /// The last one that was seen.
    last: Occurrence,
    /// Some of them.
    examples: Vec<String>,
    entries: BTreeSet<EntryNumber>,
}

impl Brought {
    /// A package may be laid down more than once: what was seen within some minutes of each other belongs together.
    fn transactions(mut files: Vec<Occurrence>) -> Vec<Self> {
        files.sort_by_key(|it| it.when.mark());
        let mut all: Vec<Self> = Vec::new();
        for it in &files {
            let near = |known: &&mut Self| it.when.mark().duration_since(known.last.when.mark()) <= TOGETHER;
            match all.last_mut().filter(near) {
                Some(known) => known.add(it),
                None => all.push(Self::new(it)),
            }
        }
        all
    }

    fn new(it: &Occurrence) -> Self {
        let mut made = Self { count: 0, last: it.clone(), examples: Vec::new(), entries: BTreeSet::new() };
        made.add(it);
        made
    }

    fn add(&mut self, it: &Occurrence) {
        self.count = self.count.saturating_add(1);
        self.entries.extend(&it.entries);
        if self.examples.len() < EXAMPLES {
            self.examples.push(it.name.clone());
        }
        if it.when.mark() > self.last.when.mark() {
            self.last = it.clone();
        }
    }
}

/// What happened within a fiscal year.
struct Year {
    lines: Vec<Line>,
    ratio: Ratio,
    told: usize,
    /// What was as approved is no longer kept one by one.
    thinned: bool,
}

/// The list.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let years = years(&visit);
    let chosen = years.iter().find(|(name, _)| name == visit.asked("year")).or(years.first());
    let span = chosen.map_or_else(|| fiscal_span(visit.now), |(_, span)| *span);
    // Who looks for a file, or takes everything away, gets every one.
    let year = of_year(&visit, span, wanted.format == Format::Page && wanted.find.is_empty());
    let (rows, next) = wanted.take(year.lines.iter(), place, |line| row(&visit, line));
    let heads = [
        visit.of("観測した日時", "Observed"),
        visit.of("場所", "Place"),
        visit.of("対象", "Thing"),
        visit.of("前 → 後", "Before, after"),
        visit.of("実施者", "Done by"),
        visit.of("突合、申請番号・概要・区分", "Join, ticket, class"),
        visit.of("検知元と証拠", "Seen by, entries"),
    ];
    let name = chosen.map_or_else(String::new, |(name, _)| name.clone());
    let table = Table {
        caption: match visit.lang {
            Lang::Ja => format!("変更履歴（F-10、{name}年度、新しい順）"),
            Lang::En => format!("Changes (F-10) of {name}, newest first"),
        },
        heads: heads.map(str::to_owned).to_vec(),
        rows,
        empty: visit
            .of("この年度に観測された変更はありません（0件）。", "No change was observed (0).")
            .to_owned(),
    };
    let keep = vec![("year".to_owned(), name.clone())];
    let list = List { name: "changes", table, next, keep };
    if let Some(download) = list.download_with(&visit, &wanted, vec![share(&visit, &year, &name)]).await {
        return download;
    }
    let lead = visit.of(
        "機器が観測したすべての変更と、対応する申請です。観測から作るため、書き漏らしがありません。観測できない機器の変更は、受託者の実施報告を「申告のみ」として載せます。",
        "Every observed change and the request it stands on; where nothing observes, what the contractor reports.",
    );
    let mut page = Page::new("changes", visit.of("変更履歴", "Changes"), lead);
    if year.thinned {
        let text = visit.of(
            "この年度の、承認どおりだった変更の多くは、日数がたったため一覧から除いています。割合と件数は、各月の月次報告で確かめてください。",
            "Most changes of this year that were as approved are no longer listed. See the monthly reports for figures.",
        );
        page.push(Block::note(Tone::Warn, "", text));
    } else {
        page.push(Block::Figures(figures(&visit, &year)));
    }
    let mut blocks = list.blocks(&visit, &wanted);
    for block in &mut blocks {
        if let Block::Finder(finder) = block {
            finder.hidden.clear();
            finder.selects = vec![select(&visit, &years, &name)];
        }
    }
    page.blocks.extend(blocks);
    frame::show(&visit, &page)
}

fn select(visit: &Visit, years: &[(String, Span)], here: &str) -> Field {
    let choice = |(name, _): &(String, Span)| Choice {
        value: name.clone(),
        label: name.clone(),
        chosen: name == here,
    };
    Field::new("year", visit.of("年度", "Year"), Input::OneOf(years.iter().map(choice).collect()))
}

type Span = (Timestamp, Timestamp);

/// The fiscal years since the first change, the newest first.
fn years(visit: &Visit) -> Vec<(String, Span)> {
    let court = visit.office.court();
    let hosts = court.places().values().flat_map(|hosts| hosts.keys());
    let first = hosts.filter_map(|host| Some(court.evidence().occurrences.of_host(host).next()?.0.0)).min();
    let done = court.evidence().requests.all().filter_map(|(_, request)| request.progress.as_ref()?.done);
    let first = first.into_iter().chain(done.map(|(_, begun, _)| begun)).min();
    let first = first.unwrap_or(visit.now).min(visit.now);
    let mut years = Vec::new();
    let mut at = visit.now;
    while years.len() < MOST_YEARS {
        let span = fiscal_span(at);
        years.push((fiscal_year(at), span));
        match span.0.checked_sub(SignedDuration::from_hours(24)) {
            Ok(earlier) if span.0 > first => at = earlier,
            Ok(_) | Err(_) => break,
        }
    }
    years
}

/// `together`: the files of a package as one line.
fn of_year(visit: &Visit, (from, next): Span, together: bool) -> Year {
    let court = visit.office.court();
    let span = (from, next.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(next));
    let mut ratio = Ratio::default();
    let mut lines = Vec::new();
    let mut laid: BTreeMap<(SystemId, HostId, String), Vec<Occurrence>> = BTreeMap::new();
    for system in court.places().keys() {
        // Communication is no change (4.5.b).
        let happened = court.occurrences_between(system, span);
        for (host, it, join) in happened.filter(|(_, it, _)| it.object != Object::Flow) {
            ratio.count(join);
            let (system, host) = (system.clone(), host.clone());
            match &it.explained_by {
                Explanation::Package(package) if together && *join == OF_A_PACKAGE => {
                    laid.entry((system, host, package.clone())).or_default().push(it.clone());
                }
                _ => {
                    let (it, join) = (Box::new(it.clone()), join.clone());
                    lines.push(Line::Observed { system, host, it, join });
                }
            }
        }
    }
    for ((system, host, package), files) in laid {
        let lines_of = Brought::transactions(files).into_iter().map(|files| {
            let (system, host, package) = (system.clone(), host.clone(), package.clone());
            Line::Brought { system, host, package, files: Box::new(files) }
        });
        lines.extend(lines_of);
    }
    let thinned = visit.now.duration_since(from) > KEPT;
    // Of old changes nobody can tell any more whether they were observed.
    let told = if thinned { Vec::new() } else { court.told_changes(span) };
    let count = told.len();
    lines.extend(told.into_iter().filter_map(|(id, progress)| {
        let (_, begun, _) = progress.done?;
        Some(Line::Told { id: id.clone(), progress: Box::new(progress.clone()), begun })
    }));
    lines.sort_by_cached_key(|line| place(&line));
    Year { lines, ratio, told: count, thinned }
}

fn place(line: &&Line) -> String {
    let newest = |at: Timestamp| i64::MAX.saturating_sub(at.as_second());
    match line {
        Line::Observed { system, host, it, .. } => {
            format!("{:020}{system}{host}{}{}", newest(it.when.mark()), it.object.word(), it.name)
        }
        Line::Brought { system, host, package, files } => {
            format!("{:020}{system}{host}brought{package}", newest(files.last.when.mark()))
        }
        Line::Told { id, begun, .. } => format!("{:020}{id}", newest(*begun)),
    }
}

fn figures(visit: &Visit, year: &Year) -> Vec<Figure> {
    let ratio = year.ratio;
    let percent = ratio.percent().map_or_else(|| "－".to_owned(), |percent| format!("{percent}％"));
    vec![
        first::figure(ratio.all, visit.of("承認を要する変更", "changes that need an approval")),
        first::figure(ratio.with_ticket, visit.of("申請と突き合ったもの", "joined with a request")),
        first::figure(percent, visit.of("申請のある割合", "with a request")),
        first::figure(year.told, visit.of("受託者の申告のみ", "only told by the contractor")),
    ]
}

/// The ratio in a sentence, for paper; of the whole year, whatever part of it was asked for.
fn share(visit: &Visit, year: &Year, name: &str) -> String {
    if year.thinned {
        return match visit.lang {
            Lang::Ja => {
                format!("{name}年度：承認どおりだった変更の多くは一覧から除かれている。件数は月次報告による")
            }
            Lang::En => format!(
                "{name}: most changes that were as approved are no longer listed; see the monthly reports"
            ),
        };
    }
    let (Ratio { all, with_ticket }, told) = (year.ratio, year.told);
    let percent = year.ratio.percent().map_or_else(String::new, |percent| format!("（{percent}％）"));
    match visit.lang {
        Lang::Ja => format!(
            "{name}年度：承認を要する変更 {all} 件のうち、申請と突き合ったもの {with_ticket} 件{percent}。ほかに、観測がなく受託者の申告のみの変更 {told} 件"
        ),
        Lang::En => format!(
            "{name}: {with_ticket} of {all} changes that need an approval are joined with a request; {told} more were only told by the contractor"
        ),
    }
}

fn row(visit: &Visit, line: &Line) -> Vec<Cell> {
    match line {
        Line::Observed { system, host, it, join } => observed(visit, system, host, it, join),
        Line::Brought { system, host, package, files } => brought(visit, system, host, package, files),
        Line::Told { id, progress, begun } => told(visit, id, progress, *begun),
    }
}

fn place_cell(visit: &Visit, system: &SystemId, host: &HostId) -> Cell {
    let name = board::system_names(visit).get(system).cloned();
    Cell::Many(vec![
        Cell::link(format!("{}/hosts/{host}", visit.base()), host.as_str()),
        Cell::text(name.unwrap_or_else(|| system.to_string())),
    ])
}

/// What a package laid down.
fn brought(visit: &Visit, system: &SystemId, host: &HostId, package: &str, files: &Brought) -> Vec<Cell> {
    let lang = visit.lang;
    let entries: Vec<EntryNumber> = files.entries.iter().copied().take(3).collect();
    let some = files.examples.join(lang.of("、", ", "));
    let more = if files.count > files.examples.len() { lang.of(" ほか", " …") } else { "" };
    let count = match lang {
        Lang::Ja => format!("{} 件（{some}{more}）", files.count),
        Lang::En => format!("{} ({some}{more})", files.count),
    };
    vec![
        finding_words::when(lang, &files.last.when),
        place_cell(visit, system, host),
        Cell::Many(vec![
            Cell::text(lang.of("パッケージのファイル", "Files of a package")),
            Cell::code(package),
            Cell::Small(count),
        ]),
        Cell::text("－"),
        finding_words::actor(visit, files.last.by.as_ref()),
        Cell::Many(vec![Cell::Chip(finding_words::join(lang, &OF_A_PACKAGE)), Cell::text("－")]),
        Cell::Many(vec![Cell::text(seen_by(lang, Object::File)), block::entries(&visit.base(), &entries)]),
    ]
}

fn observed(visit: &Visit, system: &SystemId, host: &HostId, it: &Occurrence, join: &Join) -> Vec<Cell> {
    let lang = visit.lang;
    let digest = |digest: Option<&yakujo_contract::id::Digest>| {
        digest.map(|digest| digest.as_str().chars().take(12).collect::<String>())
    };
    let shown = |text: &Option<String>, digest: Option<String>| {
        let none = || "－".to_owned();
        Cell::code(text.clone().or(digest).unwrap_or_else(none))
    };
    let entries: Vec<EntryNumber> = it.entries.iter().copied().take(3).collect();
    let mut ticket = vec![Cell::Chip(finding_words::join(lang, join))];
    match join.request() {
        Some(request) => ticket.extend(of_ticket(visit, request)),
        None => ticket.push(Cell::text("－")),
    }
    vec![
        finding_words::when(lang, &it.when),
        place_cell(visit, system, host),
        Cell::Many(vec![
            Cell::text(lang.of(it.object.name().0, it.object.name().1)),
            Cell::code(it.name.as_str()),
        ]),
        Cell::Many(vec![
            shown(&it.texts.0, digest(it.digest_before.as_ref())),
            shown(&it.texts.1, digest(it.digest_after.as_ref())),
        ]),
        finding_words::actor(visit, it.by.as_ref()),
        Cell::Many(ticket),
        Cell::Many(vec![Cell::text(seen_by(lang, it.object)), block::entries(&visit.base(), &entries)]),
    ]
}

/// The number of a ticket with its title, and its class where it is a change.
fn of_ticket(visit: &Visit, request: &RequestId) -> Vec<Cell> {
    let link = request_show::links(visit, std::iter::once(request));
    let court = visit.office.court();
    let progress = court.evidence().requests.get(request).and_then(|known| known.progress.as_ref());
    let class = progress.and_then(|progress| class(visit.lang, progress));
    std::iter::once(link).chain(class.map(|class| Cell::Small(class.to_owned()))).collect()
}

fn class(lang: Lang, progress: &Progress) -> Option<&'static str> {
    let word = progress.filled.text("class").filter(|_| progress.form() == Form::F09)?;
    let field = progress.form().row().fields.iter().find(|field| field.key == "class")?;
    let Kind::Choice(choices) = field.kind else { return None };
    choices.iter().find(|(key, _, _)| *key == word).map(|(_, ja, en)| lang.of(ja, en))
}

/// What the contractor says it did, where nothing was observed.
fn told(visit: &Visit, id: &RequestId, progress: &Progress, begun: Timestamp) -> Vec<Cell> {
    let lang = visit.lang;
    let names = board::system_names(visit);
    let scope = progress.scope();
    let systems = scope.systems.iter().map(|id| names.get(id).cloned().unwrap_or_else(|| id.to_string()));
    let hosts = scope.hosts.iter().map(|host| Cell::text(host.as_str()));
    let things = scope.things.iter().map(|thing| Cell::text(request_fields::thing_line(visit, thing)));
    let word = visit.of("申告のみ（観測なし）", "Told, not observed").to_owned();
    let unseen = Chip { class: "unknown", sign: "△", word, href: String::new() };
    let mut ticket = vec![Cell::Chip(unseen)];
    ticket.extend(of_ticket(visit, id));
    let entries: Vec<EntryNumber> = progress.done.iter().map(|(stamp, _, _)| stamp.entry).collect();
    vec![
        Cell::time(lang, begun),
        Cell::Many(hosts.chain(systems.map(Cell::text)).collect()),
        Cell::Many(things.collect()),
        Cell::text(progress.filled.text("before_after").unwrap_or("－")),
        Cell::text(words::party(lang, Party::Contractor)),
        Cell::Many(ticket),
        Cell::Many(vec![
            Cell::text(visit.of("受託者の報告", "Report of the contractor")),
            block::entries(&visit.base(), &entries),
        ]),
    ]
}

/// What of the agent sees changes of such a thing.
fn seen_by(lang: Lang, object: Object) -> &'static str {
    match object {
        Object::File | Object::Job | Object::HostKey | Object::Baseline | Object::Watch => {
            lang.of("エージェント（ファイルの監視）", "agent, watching files")
        }
        Object::Package => lang.of("エージェント（パッケージの記録）", "agent, package records"),
        Object::Service | Object::Boot => {
            lang.of("エージェント（起動・停止の監視）", "agent, starts and stops")
        }
        Object::Release => lang.of("エージェント（リリースの監視）", "agent, releases"),
        Object::TestData => lang.of("テストデータの検査", "inspection of test data"),
        Object::Target => lang.of("監視点", "probes"),
        _ => lang.of("エージェント（設定の観測）", "agent, settings"),
    }
}
