//! How a request is shown: who took part, what the form says, and what the program fills in (●). The same rows stand on
//! the page, on the page of confirmation and on paper.

use super::block::{self, Cell};
use super::visit::{Refusal, Visit};
use super::words::{self, Lang};
use super::{board, era, request_fields, request_observed, request_words};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeMap;
use yakujo_contract::act::{Role, Withheld};
use yakujo_contract::entry::{Entry, Party};
use yakujo_contract::evidence::requests::Request;
use yakujo_contract::evidence::usage::Used;
use yakujo_contract::fact::content::ContentTestData;
use yakujo_contract::fact::host::CapacitySample;
use yakujo_contract::fact::malware::{AvAction, Done};
use yakujo_contract::id::{Digest, EntryNumber, HostId, PersonId, PostId, RequestId};
use yakujo_contract::request::auto::{self, Auto, Gap, Item, Known, Missing};
use yakujo_contract::request::clock::{self, Clock, Count, Duty, Lead};
use yakujo_contract::request::flow::{By, Progress};
use yakujo_contract::request::forecast::Forecast;
use yakujo_contract::request::form::{Field as Column, Form, Kind, Part};
use yakujo_contract::request::{Attachment, FieldValue, Filled, RequestNumber, Scope, Step, Window};

/// What stands outside the court: names, withheld texts, samples of capacity, inspections of test data.
#[derive(Default)]
pub struct Names {
    people: BTreeMap<PersonId, String>,
    roles: BTreeMap<PersonId, Role>,
    texts: BTreeMap<Digest, String>,
    samples: Vec<(HostId, Vec<CapacitySample>)>,
    inspections: Vec<(Option<HostId>, ContentTestData)>,
    gaps: Option<Vec<Gap>>,
}

impl Names {
    /// Everybody, and the withheld texts of a request.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(visit: &Visit, request: Option<&Request>) -> Result<Self, Refusal> {
        let everybody = visit.office.people.everybody().await?;
        let people =
            everybody.iter().map(|person| (person.id.clone(), super::people::name(person))).collect();
        let roles = everybody.into_iter().map(|person| (person.id, person.role)).collect();
        let mut names = Self { people, roles, ..Self::default() };
        if let Some(progress) = request.and_then(|request| request.progress.as_ref()) {
            names.samples = request_observed::samples(visit, progress).await?;
            names.inspections = request_observed::inspections(visit, progress).await?;
            names.gaps = request_observed::gaps(visit, progress).await?;
        }
        for withheld in request.map(withheld_of).unwrap_or_default() {
            if let Some((_, text)) = visit.office.people.withheld(&withheld.digest).await? {
                names.texts.insert(withheld.digest, text);
            }
        }
        Ok(names)
    }

    /// A person's name, or the id once it was erased.
    #[must_use]
    pub fn person(&self, id: &PersonId) -> String {
        self.people.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// The text of a field; withheld texts as far as they are not erased.
    #[must_use]
    pub fn text(&self, lang: Lang, value: &FieldValue) -> String {
        match value {
            FieldValue::Clear(text) => text.clone(),
            FieldValue::Withheld(withheld) => self.withheld(lang, withheld),
        }
    }

    /// A withheld text, or that it was erased.
    #[must_use]
    pub fn withheld(&self, lang: Lang, withheld: &Withheld) -> String {
        let erased = || lang.of("（消去済み）", "(erased)").to_owned();
        self.texts.get(&withheld.digest).cloned().unwrap_or_else(erased)
    }
}

fn withheld_of(request: &Request) -> Vec<Withheld> {
    let of_fields = |fields: &BTreeMap<String, FieldValue>| -> Vec<Withheld> {
        let withheld = fields.values().filter_map(|value| match value {
            FieldValue::Withheld(withheld) => Some(withheld.clone()),
            FieldValue::Clear(_) => None,
        });
        withheld.collect()
    };
    let mut all = request.first().map(|(_, _, filled)| of_fields(&filled.fields)).unwrap_or_default();
    for (_, _, step) in request.steps() {
        match step {
            Step::Resubmitted { filled } => all.extend(of_fields(&filled.fields)),
            Step::Reported { fields, .. } => all.extend(of_fields(fields)),
            Step::Consented { who, .. } => all.push(who.clone()),
            _ => {}
        }
    }
    all
}

/// A request, taken out of the court for one page.
pub struct Seen {
    /// Id.
    pub id: RequestId,
    /// Number.
    pub number: RequestNumber,
    /// All its steps.
    pub request: Request,
    /// How far it has come.
    pub progress: Progress,
    /// Its newest entry.
    pub newest: EntryNumber,
    /// Its clocks.
    pub clocks: Vec<Clock>,
    /// The lead time.
    pub lead: Option<Lead>,
}

/// The request that a path names, by id or by number.
///
/// # Errors
/// Absent, where there is none.
pub fn found(visit: &Visit) -> Result<Seen, Refusal> {
    let part = visit.part("request")?;
    let court = visit.office.court();
    let requests = &court.evidence().requests;
    let by_number = || {
        let number = RequestNumber::try_from(part.to_owned()).ok()?;
        requests.by_number(&number).cloned()
    };
    let id = part.parse().ok().or_else(by_number).ok_or(Refusal::Absent)?;
    let request = requests.get(&id).ok_or(Refusal::Absent)?.clone();
    drop(court);
    seen(visit, id, request).ok_or(Refusal::Absent)
}

/// The request with its clocks; none while it was not asked as its form demands.
#[must_use]
pub fn seen(visit: &Visit, id: RequestId, request: Request) -> Option<Seen> {
    let progress = request.progress.clone()?;
    let (number, newest) = (request.number.clone()?, request.newest()?);
    let (clocks, lead) = clocks_of(visit, &progress);
    Some(Seen { id, number, request, progress, newest, clocks, lead })
}

/// What stands in the fields that the program fills in, by key.
pub type Autos = BTreeMap<&'static str, Auto>;

/// What the program knows of a request now.
#[must_use]
pub fn autos(visit: &Visit, seen: &Seen, names: &Names) -> Autos {
    let about = seen.progress.filled.about.and_then(|number| entry(visit, number));
    let next = seen.clocks.iter().find(|clock| clock.duty == Duty::Next).map(|clock| clock.due.at);
    let observed = request_observed::observed(visit, seen);
    let court = visit.office.court();
    let known = Known {
        evidence: court.evidence(),
        about: about.as_ref(),
        outages: observed.outages.as_deref(),
        changes: observed.changes.as_deref(),
        earlier: observed.earlier.as_deref(),
        good: observed.good.as_deref(),
        samples: Some(&names.samples),
        inspections: Some(&names.inspections),
        gaps: names.gaps.as_deref(),
        next_report: next,
        now: visit.now,
    };
    let columns = seen.progress.form().row().fields.iter().filter(|column| column.kind == Kind::Auto);
    columns.map(|column| (column.key, auto::auto(&seen.progress, column.key, &known))).collect()
}

/// The clocks of a request, counted on the city's calendar with the numbers in force.
#[must_use]
pub fn clocks_of(visit: &Visit, progress: &Progress) -> (Vec<Clock>, Option<Lead>) {
    let observed = progress.filled.about.and_then(|number| entry(visit, number)).map(|entry| entry.observed);
    let (importance, calendar) = {
        let court = visit.office.court();
        let evidence = court.evidence();
        let importance = evidence.rules_for(&progress.filled.scope.systems, visit.now).importance;
        (importance, visit.office.terms().calendar.with(&evidence.agreements.holidays()))
    };
    let measure = |parameter, key: &'static str| visit.office.measured(parameter, key);
    let count = Count { calendar: &calendar, importance, measure: &measure, observed };
    (clock::clocks(progress, count), clock::lead(progress, count))
}

/// An entry of the ledger.
#[must_use]
pub fn entry(visit: &Visit, number: EntryNumber) -> Option<Entry> {
    let bytes = visit.office.reader().entry(number.0).ok()?;
    Entry::from_bytes(&bytes).ok()
}

/// What a post is called.
#[must_use]
pub fn post(visit: &Visit, post: &PostId) -> String {
    let court = visit.office.court();
    court.evidence().offices.name(post).map_or_else(|| post.to_string(), str::to_owned)
}

/// A party as it signs: `霧沢市（市）`; the word alone, where the contract file does not name it.
#[must_use]
pub fn organisation(visit: &Visit, party: Party) -> String {
    let (word, terms) = (words::party(visit.lang, party), visit.office.terms());
    let name = match party {
        Party::City => terms.city.as_str(),
        Party::Contractor => terms.contractor.as_str(),
        Party::Auditor => "",
    };
    match (name, visit.lang) {
        ("", _) => word.to_owned(),
        (name, Lang::Ja) => format!("{name}（{word}）"),
        (name, Lang::En) => format!("{name} ({word})"),
    }
}

/// Whoever signs a form: organisation, the posts held on that day or else the role, and the name.
#[must_use]
pub fn signer(visit: &Visit, names: &Names, by: &By, at: jiff::Timestamp) -> String {
    let seats = visit.office.court().evidence().offices.seats_of(&by.person, at);
    let mut posts: Vec<String> = seats.iter().map(|(id, _)| post(visit, id)).collect();
    if posts.is_empty() {
        let party = words::party(visit.lang, by.party);
        let role = names.roles.get(&by.person).map(|role| words::role(visit.lang, *role));
        posts.extend(role.map(|role| role.trim_start_matches(party).trim_start().to_owned()));
    }
    let posts = posts.join("・");
    format!("{} {posts} {}", organisation(visit, by.party), names.person(&by.person))
}

/// `令和8年12月10日（木）22時00分` with the exact form on hover: forms speak 和暦.
#[must_use]
pub fn moment(lang: Lang, instant: jiff::Timestamp) -> Cell {
    Cell::Time { iso: instant.to_string(), shown: era::wareki(lang, instant), wareki: era::exact(instant) }
}

/// From, to, reserve.
#[must_use]
pub fn window(lang: Lang, window: &Window) -> Cell {
    let to = lang.of("から", "to");
    let text = format!("{} {to} {}", era::wareki(lang, window.from), era::wareki(lang, window.to));
    let until = lang.of("まで", "");
    let reserve = match (lang, window.reserve_min) {
        (_, 0) => String::new(),
        (Lang::Ja, minutes) => format!("（予備時間 {minutes}分）"),
        (Lang::En, minutes) => format!(" (reserve {minutes} min)"),
    };
    Cell::text(format!("{text}{until}{reserve}"))
}

/// The rows of a scope.
#[must_use]
pub fn scope(visit: &Visit, scope: &Scope) -> Vec<(String, Cell)> {
    let names = board::system_names(visit);
    let systems = scope.systems.iter().map(|id| {
        let name = names.get(id).cloned().unwrap_or_default();
        Cell::link(format!("{}/systems/{id}", visit.base()), format!("{name}（{id}）"))
    });
    let mut rows =
        vec![(visit.of("対象の情報システム", "Systems").to_owned(), Cell::Many(systems.collect()))];
    let hosts: Vec<&str> = scope.hosts.iter().map(yakujo_contract::id::HostId::as_str).collect();
    let every = visit.of("システムの全ホスト", "Every host of the systems").to_owned();
    let hosts = if hosts.is_empty() { every } else { hosts.join("、") };
    rows.push((visit.of("対象のホスト", "Hosts").to_owned(), Cell::text(hosts)));
    if let Some(environment) = scope.environment {
        let word = words::environment(visit.lang, environment);
        rows.push((visit.of("環境", "Environment").to_owned(), Cell::text(word)));
    }
    if !scope.things.is_empty() {
        let things = scope.things.iter().map(|thing| Cell::text(request_fields::thing_line(visit, thing)));
        rows.push((visit.of("対象物", "Things").to_owned(), Cell::Many(things.collect())));
    }
    rows
}

/// What a form says, with the fields of the program where it is known how far the request has come.
#[must_use]
pub fn rows(visit: &Visit, filled: &Filled, names: &Names, known: Option<&Autos>) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let mut rows = vec![(visit.of("件名", "Title").to_owned(), Cell::text(filled.title.as_str()))];
    rows.extend(scope(visit, &filled.scope));
    if let Some(asked) = &filled.window {
        rows.push((visit.of("期間", "Period").to_owned(), window(lang, asked)));
    }
    if let Some(limit) = filled.limit {
        rows.push((visit.of("回数の上限", "At most").to_owned(), Cell::text(limit.to_string())));
    }
    if let Some(terms) = &filled.standing {
        let (minutes, uses, hours) = (terms.longest_min, terms.uses, terms.report_h);
        let text = match lang {
            Lang::Ja => format!("1回 {minutes}分まで、{uses}回まで、発動から {hours}時間以内に報告"),
            Lang::En => format!("{minutes} min each, {uses} uses, report within {hours} h"),
        };
        let trigger = request_words::trigger(lang, terms.trigger);
        rows.push((visit.of("発動のきっかけ", "Set off by").to_owned(), Cell::text(trigger)));
        rows.push((visit.of("使用の条件", "Terms of use").to_owned(), Cell::text(text)));
    }
    rows.extend(columns(visit, filled.form, Part::Ask, &filled.fields, names, known));
    if let Some(number) = filled.about {
        let cell = block::entries(&visit.base(), &[number]);
        rows.push((visit.of("対象の記録", "Entry it is about").to_owned(), cell));
    }
    rows
}

/// The columns of one part of a form.
#[must_use]
pub fn columns(
    visit: &Visit,
    form: Form,
    part: Part,
    fields: &BTreeMap<String, FieldValue>,
    names: &Names,
    known: Option<&Autos>,
) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let mut rows = Vec::new();
    for column in form.row().fields.iter().filter(|column| column.part == part) {
        let label = lang.of(column.ja, column.en);
        match (column.kind, known) {
            (Kind::Auto, Some(known)) => {
                let shown = known.get(column.key).unwrap_or(&Auto::NotObserved);
                let cell = match (shown, form) {
                    (Auto::NotObserved, Form::F15) => not_inspected(visit),
                    _ => of_auto(visit, shown),
                };
                rows.push((format!("● {label}"), cell));
            }
            (Kind::Auto, None) => {}
            _ => {
                let value = fields.get(column.key).map(|value| names.text(lang, value));
                let cell = value.map_or_else(|| Cell::text("－"), |text| of_text(lang, column, &text));
                rows.push((label.to_owned(), cell));
            }
        }
    }
    rows
}

/// What somebody wrote into a field.
#[must_use]
pub fn of_text(lang: Lang, column: &Column, text: &str) -> Cell {
    match column.kind {
        Kind::Choice(choices) => {
            let found = choices.iter().find(|(word, _, _)| *word == text);
            Cell::text(found.map_or(text, |(_, ja, en)| lang.of(ja, en)))
        }
        Kind::Moment => text.parse().map_or_else(|_| Cell::text(text), |instant| moment(lang, instant)),
        Kind::Text | Kind::People => {
            let lines: Vec<Cell> = text.lines().map(Cell::text).collect();
            if lines.len() > 1 { Cell::Many(lines) } else { Cell::text(text) }
        }
        Kind::Line | Kind::Count | Kind::Auto => Cell::text(text),
    }
}

/// What the program fills in; where nothing is known, that.
#[must_use]
pub fn of_auto(visit: &Visit, shown: &Auto) -> Cell {
    match shown {
        Auto::Known(items) => Cell::Many(items.iter().map(|item| of_item(visit, item)).collect()),
        Auto::NotYet => Cell::text(visit.of("まだありません", "Not yet")),
        Auto::NotObserved => Cell::Tag(visit.of("未観測", "Not observed").to_owned()),
        Auto::Nothing => Cell::text(visit.of("観測したが、ありません", "Watched: nothing was seen")),
        Auto::Over => Cell::text(visit.of("手続が終わり、予定はありません", "Closed: none is due")),
        Auto::NotNamed => Cell::text(visit.of(
            "「対象物」に、照らし合わせられるもの（パッケージ、テストデータ）がありません",
            "The form names no thing that could be looked up",
        )),
    }
}

/// No inspector has told anything of this test data: what the city looks at instead.
fn not_inspected(visit: &Visit) -> Cell {
    Cell::Many(vec![
        Cell::Tag(visit.of("未観測", "Not observed").to_owned()),
        Cell::text(visit.of(
            "このデータの検査結果は届いていません。受託者が添付した検査の記録を確かめてください。",
            "No inspection of this data was told. Look at the record that the contractor attached.",
        )),
    ])
}

fn of_item(visit: &Visit, item: &Item) -> Cell {
    let lang = visit.lang;
    match item {
        Item::Moment(instant) => moment(lang, *instant),
        Item::Stated(instant) => {
            let stated = visit.of("（受託者の申告）", " (stated by the contractor)");
            Cell::text(format!("{}{stated}", era::wareki(lang, *instant)))
        }
        Item::Length(seconds) => Cell::text(length(lang, *seconds)),
        Item::Inspected(host, data) => Cell::text(inspected(lang, host.as_ref(), data)),
        Item::Host(host) => Cell::link(format!("{}/hosts/{host}", visit.base()), host.as_str()),
        Item::Segment(segment) => Cell::text(words::segment(lang, *segment)),
        Item::Thing(thing) => Cell::text(request_fields::thing_line(visit, thing)),
        Item::Action(action, done) => {
            let action = match action {
                AvAction::Quarantined => lang.of("隔離", "Quarantined"),
                AvAction::Denied => lang.of("アクセスを遮断", "Access refused"),
                AvAction::Removed => lang.of("駆除", "Removed"),
                AvAction::None => lang.of("なし", "Nothing"),
            };
            let done = match done {
                Done::Done => lang.of("実施済み", "done"),
                Done::Failed => lang.of("失敗", "failed"),
            };
            Cell::text(format!("{action}（{done}）"))
        }
        Item::CutOff(from, to) => Cell::text(cut_off(lang, *from, *to)),
        Item::FromOutside(words, since) => {
            let since = era::wareki(lang, *since);
            Cell::text(match lang {
                Lang::Ja => format!("遮断中の外からの確認：{}（{since}から）", words.ja),
                Lang::En => format!("From outside: {} (since {since})", words.en),
            })
        }
        Item::Limit(line) => {
            let limit = words::amount(&line.resource, line.limit);
            let host = line.host.as_ref().map_or("", yakujo_contract::id::HostId::as_str);
            Cell::text(format!("{host} {} {limit}（{}）", line.resource, line.at_limit))
        }
        Item::Use(host, resource, used, days) => Cell::text(used_of(lang, (host, resource), *used, *days)),
        Item::Rank(rank) => Cell::text(words::importance(lang, *rank)),
        Item::Gap(gap) => Cell::text(missing(lang, gap)),
        Item::File(name, bytes, digest) => Cell::Many(vec![
            Cell::text(format!("{name}（{}）", request_words::bytes(*bytes))),
            Cell::code(digest.as_str()),
        ]),
        Item::Change(text) => Cell::text(text.as_str()),
        Item::Version(host, name, version) => Cell::text(format!("{host} {name} {version}")),
        Item::Full(forecast) => Cell::text(full(lang, forecast)),
        Item::Stops(count, longest) => {
            let longest = length(lang, *longest);
            Cell::text(match (lang, count) {
                (Lang::Ja, 0) => "過去1年の停止 0件".to_owned(),
                (Lang::Ja, _) => format!("過去1年の停止 {count}件、最長 {longest}"),
                (Lang::En, _) => format!("{count} stops within a year, the longest {longest}"),
            })
        }
    }
}

/// `web-1 disk:/ 平均 10GB、95％ 12GB、最大 13GB（10月28日～11月27日、5分ごとの測定8,928件）`
fn used_of(lang: Lang, (host, resource): (&HostId, &str), used: Used, (first, last): (Date, Date)) -> String {
    let of = |amount| words::amount(resource, amount);
    let (mean, p95, max, count) = (of(used.mean()), of(used.p95), of(used.max), used.samples);
    let day = |day: Date| match lang {
        Lang::Ja => format!("{}月{}日", day.month(), day.day()),
        Lang::En => day.to_string(),
    };
    let (first, last) = (day(first), day(last));
    match lang {
        Lang::Ja => format!(
            "{host} {resource} 平均 {mean}、95％ {p95}（各測定の最大）、最大 {max}（{first}～{last}、測定{count}件）"
        ),
        Lang::En => format!(
            "{host} {resource} mean {mean}, 95 % {p95} (highest of all samples), most {max} ({first} to {last}, {count} samples)"
        ),
    }
}

fn missing(lang: Lang, gap: &Gap) -> String {
    let why = match gap.why {
        Missing::Unobserved | Missing::NotSearched => return unobserved(lang, gap),
        Missing::Silent => lang.of("機器から連絡がない", "the host was silent"),
        Missing::Dropped => lang.of("機器の記録が一部失われた", "the agent dropped records"),
        Missing::Log => {
            lang.of("ログの行が欠けている、または読んでいない", "lines of the log are missing or not read")
        }
    };
    let (host, from) = (&gap.host, era::wareki(lang, gap.from));
    match (lang, gap.to.map(|to| era::wareki(lang, to))) {
        (Lang::Ja, Some(to)) => format!("{host} {from}～{to}（{why}）"),
        (Lang::Ja, None) => format!("{host} {from}～（{why}、継続中）"),
        (Lang::En, Some(to)) => format!("{host} {from} to {to} ({why})"),
        (Lang::En, None) => format!("{host} since {from} ({why})"),
    }
}

fn unobserved(lang: Lang, gap: &Gap) -> String {
    let host = &gap.host;
    let searched = gap.why != Missing::NotSearched;
    match (lang, gap.to.map(|to| era::wareki(lang, to))) {
        (Lang::Ja, Some(to)) if !searched => {
            format!("{host} {to}より前（記録が多いため、ここでは調べていない）")
        }
        (Lang::En, Some(to)) if !searched => {
            format!("{host} before {to} (too much on record to be looked through here)")
        }
        (Lang::Ja, Some(to)) => format!("{host} {to}より前（まだ観測していない）"),
        (Lang::Ja, None) => format!("{host} 一度も観測していない"),
        (Lang::En, Some(to)) => format!("{host} before {to} (not observed yet)"),
        (Lang::En, None) => format!("{host} was never observed"),
    }
}

fn cut_off(lang: Lang, from: Timestamp, to: Option<Timestamp>) -> String {
    let at = |instant| era::wareki(lang, instant);
    match (lang, to) {
        (Lang::Ja, None) => format!("{}からネットワークを遮断中", at(from)),
        (Lang::Ja, Some(to)) => format!("{}から{}までネットワークを遮断", at(from), at(to)),
        (Lang::En, None) => format!("Cut off from the network since {}", at(from)),
        (Lang::En, Some(to)) => format!("Cut off from the network from {} to {}", at(from), at(to)),
    }
}

fn full(lang: Lang, forecast: &Forecast) -> String {
    let Forecast { host, resource, full, samples } = forecast;
    match (lang, full) {
        (Lang::Ja, Some(at)) => {
            format!("{host} {resource} {}ごろ（測定{samples}件からの見込み）", era::day(lang, *at))
        }
        (Lang::Ja, None) => format!("{host} {resource} 10年以内に到達する傾向なし（測定{samples}件）"),
        (Lang::En, Some(at)) => {
            format!("{host} {resource} about {} (from {samples} samples)", era::day(lang, *at))
        }
        (Lang::En, None) => format!("{host} {resource} not within ten years (from {samples} samples)"),
    }
}

fn inspected(lang: Lang, host: Option<&HostId>, data: &ContentTestData) -> String {
    let host = host.map_or_else(String::new, |host| format!("{host} "));
    let (set, rows, columns, found) = (&data.set, data.rows, data.columns, data.personal.join("、"));
    let (personal, complete) = (data.personal.len(), data.coverage.is_complete());
    match lang {
        Lang::Ja => {
            let found = if personal > 0 { format!("（{found}）") } else { found };
            let matches =
                data.matches.map_or("照合していない".to_owned(), |matches| format!("{matches}件"));
            let part = if complete { "" } else { "。検査できなかった部分があります" };
            format!(
                "{host}{set} {rows}件・{columns}項目を検査。個人情報らしい項目 {personal}件{found}、指紋一致 {matches}{part}"
            )
        }
        Lang::En => {
            let matches = data.matches.map_or("not compared".to_owned(), |matches| matches.to_string());
            let part = if complete { "" } else { "; not everything could be read" };
            format!(
                "{host}{set}: {rows} rows, {columns} columns; {personal} look personal {found}; fingerprints in production: {matches}{part}"
            )
        }
    }
}

/// `3日4時間`, `2時間5分`, `40分`
#[must_use]
pub fn length(lang: Lang, seconds: i64) -> String {
    let minutes = seconds.unsigned_abs() / 60;
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (lang, days, hours) {
        (Lang::Ja, 0, 0) => format!("{rest}分"),
        (Lang::Ja, 0, hours) => format!("{hours}時間{rest}分"),
        (Lang::Ja, days, hours) => format!("{days}日{hours}時間"),
        (Lang::En, 0, 0) => format!("{rest} min"),
        (Lang::En, 0, hours) => format!("{hours} h {rest} min"),
        (Lang::En, days, hours) => format!("{days} d {hours} h"),
    }
}

/// Attachments with their digests, and the file where it is wanted.
#[must_use]
pub fn attachments(visit: &Visit, id: &RequestId, files: &[Attachment]) -> Cell {
    let cell = |file: &Attachment| {
        let href = format!("{}/requests/{id}/file/{}", visit.base(), file.digest);
        let text = format!("{}（{}）", file.name, request_words::bytes(file.bytes));
        Cell::Many(vec![Cell::link(href, text), Cell::code(file.digest.as_str())])
    };
    if files.is_empty() { Cell::text("－") } else { Cell::Many(files.iter().map(cell).collect()) }
}

/// Links to related requests.
#[must_use]
pub fn links<'a>(visit: &Visit, ids: impl Iterator<Item = &'a RequestId>) -> Cell {
    let court = visit.office.court();
    let requests = &court.evidence().requests;
    let cell = |id: &RequestId| {
        let known = requests.get(id);
        let number =
            known.and_then(|known| known.number.as_ref()).map_or_else(|| id.to_string(), ToString::to_string);
        let title =
            known.and_then(|known| known.progress.as_ref()).map_or("", |progress| &progress.filled.title);
        Cell::link(format!("{}/requests/{id}", visit.base()), format!("{number} {title}"))
    };
    let cells: Vec<Cell> = ids.map(cell).collect();
    if cells.is_empty() { Cell::text("－") } else { Cell::Many(cells) }
}
