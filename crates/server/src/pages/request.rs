//! One request: where it stands, whose turn it is and until when, what the form says, what has happened, and what the
//! visitor may do now.

use super::block::{self, Block, Cell, Chip, Table, Tone};
use super::frame::{self, Page};
use super::request_show::{self, Names, Seen, columns};
use super::request_steps::{self, Mistake};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{
    comments, known_good, request_clock, request_details, request_new, request_orders, request_words,
};
use crate::shelf::Shelf;
use std::collections::BTreeMap;
use yakujo_contract::entry::Party;
use yakujo_contract::evidence::requests::Request;
use yakujo_contract::id::{Digest, EntryNumber, PostId, RequestId};
use yakujo_contract::request::clock;
use yakujo_contract::request::flow::{Progress, State, WhyNot};
use yakujo_contract::request::form::{Form, Part, Path as FormPath};
use yakujo_contract::request::{Attachment, Edition, Step};
use yakujo_contract::topic::Topic;

/// The page.
///
/// # Errors
/// Absent, where there is no such request.
pub async fn show(visit: Visit) -> Answer {
    let seen = request_show::found(&visit)?;
    let page = page(&visit, &seen, None).await?;
    frame::show(&visit, &page)
}

/// The page after a form that could not be taken, with that form open and what was typed in it.
///
/// # Errors
/// When the database fails.
pub async fn answer(visit: &Visit, seen: &Seen, mistake: Option<Mistake>, text: &str) -> Answer {
    let mut page = page(visit, seen, mistake.as_ref()).await?;
    request_steps::refused(visit, &mut page, text)
}

async fn page(visit: &Visit, seen: &Seen, mistake: Option<&Mistake>) -> Result<Page, Refusal> {
    let names = Names::of(visit, Some(&seen.request)).await?;
    let lang = visit.lang;
    let form = seen.progress.form();
    let mut page = Page::new("requests", format!("{} {}", seen.number, seen.progress.filled.title), "");
    page.trail = vec![request_new::back(visit)];
    if lang == Lang::Ja {
        page.push(Block::Seals(seals(visit, &seen.progress)));
    }
    page.push(turn(visit, seen));
    page.blocks.extend(frozen(visit, seen));
    page.blocks.extend(without_posts(visit, seen));
    page.push(Block::Fields(header(visit, seen, &names)));
    let slip = format!("{}/requests/{}/slip", visit.base(), seen.id);
    let mut buttons =
        vec![(slip, visit.of("決裁用の1枚を見る", "One page for the decision").to_owned(), "second")];
    if super::press::can_print() {
        let pdf = format!("{}/requests/{}/pdf", visit.base(), seen.id);
        buttons.push((pdf, visit.of("PDFで保存する（A4）", "Save as PDF (A4)").to_owned(), "second"));
    }
    page.push(Block::Buttons(buttons));
    page.blocks.extend(request_clock::table(visit, &seen.clocks, seen.lead.as_ref()));
    page.blocks.extend(request_steps::blocks(visit, seen, mistake));
    page.push(Block::Heading(request_words::form(lang, form)));
    page.push(Block::Fields(form_rows(visit, seen, &names)));
    uses(visit, seen, &mut page);
    page.blocks.extend(request_orders::standing_note(visit, seen));
    page.blocks.extend(known_good::blocks(visit, seen));
    page.blocks.extend(request_orders::blocks(visit, seen));
    reports(visit, seen, &names, &mut page);
    handed_over(visit, seen, &mut page);
    history(visit, seen, &names, &mut page);
    comments::push(visit, &mut page, &[(Topic::Request(seen.id.clone()), String::new())]).await?;
    Ok(page)
}

/// What is printed of it: without buttons, and without comments, some of which are for one organisation alone.
#[must_use]
pub fn on_paper(visit: &Visit, seen: &Seen, names: &Names) -> Page {
    let form = request_words::form(visit.lang, seen.progress.form());
    let mut page = Page::new("requests", form, "");
    page.push(Block::Seals(seals(visit, &seen.progress)));
    let mut rows = vec![(visit.of("件名", "Subject").to_owned(), Cell::text(&seen.progress.filled.title))];
    rows.extend(header(visit, seen, names));
    page.push(Block::Fields(rows));
    page.push(Block::Heading(content_of(visit, seen.progress.form()).to_owned()));
    page.push(Block::Fields(form_rows_on_paper(visit, seen, names)));
    uses(visit, seen, &mut page);
    reports(visit, seen, names, &mut page);
    page.blocks.extend(request_clock::table(visit, &seen.clocks, seen.lead.as_ref()));
    history(visit, seen, names, &mut page);
    page
}

/// What the rows of a form are called on paper.
fn content_of<'a>(visit: &Visit, form: Form) -> &'a str {
    match form.row().path {
        FormPath::Approval | FormPath::Consultation => visit.lang.of("申請の内容", "What is asked"),
        FormPath::Report => visit.lang.of("報告の内容", "What is told"),
        FormPath::Delivery => visit.lang.of("依頼の内容", "What is wanted"),
    }
}

/// The rows of a form on paper: its title stands above, its documents in the list at its end.
fn form_rows_on_paper(visit: &Visit, seen: &Seen, names: &Names) -> Vec<(String, Cell)> {
    let (title, documents) = (visit.of("件名", "Title"), visit.of("添付", "Attachments"));
    let listed = match (visit.lang, seen.progress.filled.attachments.len()) {
        (_, 0) => "－".to_owned(),
        (Lang::Ja, count) => format!("{count}件（末尾の「添付書類の一覧」のとおり）"),
        (Lang::En, count) => format!("{count}, listed at the end"),
    };
    let rows = form_rows(visit, seen, names).into_iter().filter(|(name, _)| name != title);
    rows.map(|(name, cell)| if name == documents { (name, Cell::text(&listed)) } else { (name, cell) })
        .collect()
}

/// The form with everything the program fills in, attachments and links.
#[must_use]
pub fn form_rows(visit: &Visit, seen: &Seen, names: &Names) -> Vec<(String, Cell)> {
    let filled = &seen.progress.filled;
    let autos = request_show::autos(visit, seen, names);
    let mut rows = request_show::rows(visit, filled, names, Some(&autos));
    rows.push((
        visit.of("添付", "Attachments").to_owned(),
        request_show::attachments(visit, &seen.id, &filled.attachments),
    ));
    rows.push((
        visit.of("関連番号", "Belongs to").to_owned(),
        request_show::links(visit, related(visit, seen).iter()),
    ));
    rows
}

/// What it names, and what names it.
fn related(visit: &Visit, seen: &Seen) -> Vec<RequestId> {
    let court = visit.office.court();
    let may = court.evidence().requests.naming(&seen.id);
    let names_it =
        may.filter(|(_, other)| other.progress.as_ref().is_some_and(|it| it.filled.links.contains(&seen.id)));
    let mut ids: Vec<RequestId> = names_it.map(|(id, _)| id.clone()).collect();
    ids.extend(seen.progress.filled.links.iter().cloned());
    ids.sort();
    ids.dedup();
    ids
}

/// The state as a chip: sign, word, colour.
#[must_use]
pub fn chip(lang: Lang, state: State, href: String) -> Chip {
    let (class, sign) = match state {
        State::Approved | State::Confirmed => ("kept", "○"),
        State::Refused | State::Revoked => ("broken", "×"),
        State::Returned => ("exempt", "△"),
        State::Withdrawn => ("not_applicable", "／"),
        State::Asked | State::Received | State::Consulted | State::Done | State::Reported => ("wait", "◇"),
    };
    Chip { class, sign, word: request_words::state(lang, state).to_owned(), href }
}

fn turn(visit: &Visit, seen: &Seen) -> Block {
    let lang = visit.lang;
    let now = visit.now;
    let state = request_words::state(lang, seen.progress.state);
    let next = clock::next(&seen.clocks);
    let (tone, whose) = match seen.progress.turn() {
        None => (Tone::Plain, visit.of("これ以上の手続はありません。", "Nothing more follows.").to_owned()),
        Some(party) => {
            let party = words::party(lang, party);
            let whose = match lang {
                Lang::Ja => format!("次は「{party}」の番です。"),
                Lang::En => format!("It is the turn of: {party}."),
            };
            (Tone::Warn, whose)
        }
    };
    let mut text = whose;
    if let Some(clock) = next {
        let due = super::era::wareki(lang, clock.due.at);
        let (what, left) = (request_clock::duty(lang, clock.duty), request_clock::left(visit, clock));
        text.push_str(&match lang {
            Lang::Ja => format!("{what}の期限は {due} です（{left}）。"),
            Lang::En => format!(" {what} is due {due} ({left})."),
        });
    }
    let late = next.is_some_and(|clock| clock.is_late(now));
    Block::note(if late { Tone::Bad } else { tone }, state, text)
}

/// Both parties agreed that nothing is changed or stopped at this time.
fn frozen(visit: &Visit, seen: &Seen) -> Option<Block> {
    let text = freeze_text(visit, &seen.progress)?;
    let head = visit.of("凍結期間にかかります", "It touches a freeze");
    Some(Block::note(Tone::Warn, head, text))
}

/// Which agreed freeze the window of a request touches, as a sentence.
#[must_use]
pub fn freeze_text(visit: &Visit, progress: &Progress) -> Option<String> {
    let window = progress.window()?;
    let court = visit.office.court();
    let agreements = &court.evidence().agreements;
    let mut systems = progress.scope().systems.iter();
    let freeze = systems.find_map(|system| agreements.frozen(system, window.from, window.last()))?;
    let (from, until) =
        (super::era::wareki(visit.lang, freeze.from), super::era::wareki(visit.lang, freeze.until));
    Some(match visit.lang {
        Lang::Ja => format!(
            "{from}から{until}までは、停止や変更を行わないと合意した期間です（{}）。承認するときは、この期間に行う必要を確かめてください。",
            freeze.reason
        ),
        Lang::En => {
            format!("From {from} to {until} both agreed to stop and change nothing ({}).", freeze.reason)
        }
    })
}

/// While nobody sits on a post of the city, nobody can decide: that is said, with the way there.
fn without_posts(visit: &Visit, seen: &Seen) -> Vec<Block> {
    let decides = matches!(seen.progress.form().row().path, FormPath::Approval | FormPath::Consultation);
    if !decides || !seen.progress.state.is_open() || super::posts::is_any_held(visit) {
        return Vec::new();
    }
    let head = visit.of("決裁できる職がありません", "No post can decide");
    let text = visit.of(
        "市の職に就いている人が登録されていないため、だれも承認できません。市が「職と代決」で職と就任を登録してください。",
        "Nobody holds a post of the city, so nobody can approve. The city enters posts and who holds them.",
    );
    let href = format!("{}/posts", visit.base());
    let link = (href, visit.of("職と代決を開く", "Posts and deputies").to_owned(), "second");
    vec![Block::note(Tone::Bad, head, text), Block::Buttons(vec![link])]
}

/// The headings of the 決裁欄: the posts on the form's way, whoever decides first.
#[must_use]
pub fn seals(visit: &Visit, progress: &Progress) -> Vec<String> {
    let posts = way(visit, progress);
    if posts.is_empty() {
        return ["課長", "係長", "担当"].map(str::to_owned).to_vec();
    }
    posts.iter().map(|post| request_show::post(visit, post)).collect()
}

fn way(visit: &Visit, progress: &Progress) -> Vec<PostId> {
    let court = visit.office.court();
    let rules = court.evidence().rules_for(&progress.filled.scope.systems, visit.now);
    let route = rules.offices.way(progress.form(), rules.importance, visit.now);
    let posts = route
        .map(|route| std::iter::once(&route.decides).chain(route.before.iter().rev()).chain(&route.concur));
    posts.into_iter().flatten().take(5).cloned().collect()
}

/// The 決裁欄 with what stands in it: who decided, when, and whether as a deputy; else room for a seal.
#[must_use]
pub fn seal_texts(visit: &Visit, progress: &Progress, names: &Names) -> Vec<serde_json::Value> {
    let lang = visit.lang;
    let mut posts = way(visit, progress);
    let decided = progress.approved.as_ref();
    if let Some(decided) = decided.filter(|decided| !posts.contains(&decided.post)) {
        posts.insert(0, decided.post.clone());
    }
    let text = |post: &PostId| match (decided, progress.signed.get(post)) {
        (Some(decided), _) if decided.post == *post => {
            let manner = request_words::manner(lang, decided.manner);
            let day = super::era::short_day(decided.stamp.received);
            let seen = decided
                .countersigned
                .map(|stamp| format!("\n後閲 {}", super::era::short_day(stamp.received)));
            format!("{}\n{day}\n{manner}{}", names.person(&decided.by), seen.unwrap_or_default())
        }
        (_, Some((stamp, opinion))) => {
            format!("{}\n{}", request_words::opinion(lang, *opinion), super::era::short_day(stamp.received))
        }
        _ => String::new(),
    };
    if posts.is_empty() {
        return seals(visit, progress)
            .into_iter()
            .map(|title| serde_json::json!({ "title": title }))
            .collect();
    }
    let seal =
        |post: &PostId| serde_json::json!({ "title": request_show::post(visit, post), "text": text(post) });
    posts.iter().map(seal).collect()
}

fn header(visit: &Visit, seen: &Seen, names: &Names) -> Vec<(String, Cell)> {
    let (lang, progress) = (visit.lang, &seen.progress);
    let row = progress.form().row();
    let to = match progress.by.party {
        Party::City => Party::Contractor,
        Party::Contractor | Party::Auditor => Party::City,
    };
    let by = request_show::signer(visit, names, &progress.by, progress.handed_in.received);
    let version = match lang {
        Lang::Ja => format!("第{}版", progress.version),
        Lang::En => progress.version.to_string(),
    };
    let contract = format!("{}（{}）", visit.office.title(lang), visit.office.id());
    let label = |ja, en| visit.lang.of(ja, en).to_owned();
    let mut rows = vec![
        (label("受付番号", "Number"), Cell::text(seen.number.to_string())),
        (label("状態", "State"), Cell::Chip(chip(lang, progress.state, String::new()))),
        (label("契約件名・番号", "Contract"), Cell::text(contract)),
        (label("提出者", "From"), Cell::text(by)),
        (label("宛先", "To"), Cell::text(request_show::organisation(visit, to))),
        (label("提出日時", "Handed in"), request_show::moment(lang, progress.handed_in.received)),
        (label("版", "Version"), Cell::text(version)),
        (label("根拠条項", "Duties"), duties(visit, row.duties)),
    ];
    if progress.form() == Form::F05 {
        rows.push((label("報告の別", "Report"), Cell::text(edition(lang, progress))));
    }
    rows.extend(decided(visit, progress, names));
    rows
}

/// 速報, 続報 or 確報, and which it is; the form itself is the first.
fn edition(lang: Lang, progress: &Progress) -> String {
    let count = progress.reports.len().saturating_add(1);
    let word = match progress.reports.last().map(|report| report.edition) {
        None => lang.of("速報", "First report"),
        Some(Edition::First | Edition::Further) => lang.of("続報", "Further report"),
        Some(Edition::Final) => lang.of("確報", "Final report"),
    };
    match lang {
        Lang::Ja => format!("{word}（第{count}報）"),
        Lang::En => format!("{word} (number {count})"),
    }
}

fn duties(visit: &Visit, duties: &[&'static str]) -> Cell {
    Cell::Many(duties.iter().map(|duty| Cell::link(format!("{}/duty/{duty}", visit.base()), *duty)).collect())
}

/// The decision of the city, its conditions, and what it narrowed.
fn decided(visit: &Visit, progress: &Progress, names: &Names) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let Some(decided) = &progress.approved else { return Vec::new() };
    let label = |ja, en| visit.lang.of(ja, en).to_owned();
    let post = request_show::post(visit, &decided.post);
    let manner = request_words::manner(lang, decided.manner);
    let who = Cell::text(format!("{post}（{manner}）{}", names.person(&decided.by)));
    let mut rows = vec![(
        label("決裁", "Decided by"),
        Cell::Many(vec![who, request_show::moment(lang, decided.stamp.received)]),
    )];
    if !decided.conditions.is_empty() {
        let conditions = decided.conditions.iter().map(Cell::text).collect();
        rows.push((label("承認の条件", "Conditions"), Cell::Many(conditions)));
    }
    if let Some(window) = &decided.window {
        rows.push((label("承認された期間", "Approved period"), request_show::window(lang, window)));
    }
    if let Some(scope) = &decided.scope {
        let narrowed = label("承認された範囲：", "Approved: ");
        rows.extend(
            request_show::scope(visit, scope)
                .into_iter()
                .map(|(name, cell)| (format!("{narrowed}{name}"), cell)),
        );
    }
    if decided.manner == yakujo_contract::request::Manner::Deputy {
        let seen = match decided.countersigned {
            Some(stamp) => request_show::moment(lang, stamp.received),
            None => Cell::Tag(label("後閲待ち", "Waits for the holder of the post")),
        };
        rows.push((label("後閲", "Seen by the holder"), seen));
    }
    rows
}

/// The meter of a standing approval.
fn uses(visit: &Visit, seen: &Seen, page: &mut Page) {
    let Some(terms) = &seen.progress.filled.standing else { return };
    let used = u32::try_from(seen.progress.uses.len()).unwrap_or(u32::MAX);
    let left = seen.progress.window().map(|window| window.last().duration_since(visit.now).as_secs().max(0));
    let left = request_show::length(visit.lang, left.unwrap_or(0));
    let text = match visit.lang {
        Lang::Ja => format!("{} 回のうち {used} 回を使用。有効期間の残り {left}。", terms.uses),
        Lang::En => format!("{used} of {} uses; {left} of the period are left.", terms.uses),
    };
    page.push(Block::Heading(visit.of("包括承認の使用状況", "Use of the standing approval").to_owned()));
    let tone = if used > terms.uses { Tone::Bad } else { Tone::Plain };
    page.push(Block::note(tone, "", text));
    let row = |(number, used): (u32, &yakujo_contract::request::flow::Use)| {
        vec![
            Cell::number(number),
            Cell::time(visit.lang, used.at),
            Cell::maybe_time(visit.lang, used.reported.map(|stamp| stamp.received)),
            block::entries(&visit.base(), &[used.stamp.entry]),
        ]
    };
    let heads = [
        visit.of("回", "No."),
        visit.of("発動", "From"),
        visit.of("事後報告", "Reported"),
        visit.of("証拠", "Entry"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("発動の一覧", "Uses").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: (1..).zip(&seen.progress.uses).map(row).collect(),
        empty: visit.of("まだ発動されていません。", "It was not used yet.").to_owned(),
    }));
}

fn reports(visit: &Visit, seen: &Seen, names: &Names, page: &mut Page) {
    let progress = &seen.progress;
    let form = progress.form();
    let mut merged = BTreeMap::new();
    for report in &progress.reports {
        merged.extend(report.fields.clone());
    }
    let autos = request_show::autos(visit, seen, names);
    let rows = columns(visit, form, Part::Result, &merged, names, Some(&autos));
    if rows.is_empty() {
        return;
    }
    page.push(Block::Heading(visit.of("実績・報告", "Result").to_owned()));
    page.push(Block::Fields(rows));
}

/// The documents that came with the reports.
fn handed_over(visit: &Visit, seen: &Seen, page: &mut Page) {
    let files: Vec<Attachment> =
        seen.progress.reports.iter().flat_map(|report| report.attachments.clone()).collect();
    if !files.is_empty() {
        let cell = request_show::attachments(visit, &seen.id, &files);
        page.push(Block::Fields(vec![(visit.of("提出された資料", "Handed over").to_owned(), cell)]));
    }
}

fn history(visit: &Visit, seen: &Seen, names: &Names, page: &mut Page) {
    let lang = visit.lang;
    let why = why_void(visit, &seen.request);
    let mut rows = Vec::new();
    if let Some((stamp, by, _)) = seen.request.first() {
        rows.push(vec![
            Cell::time(lang, stamp.received),
            Cell::text(visit.of("提出", "Handed in")),
            Cell::text(format!("{} {}", words::party(lang, by.party), names.person(&by.person))),
            Cell::text(""),
            block::entries(&visit.base(), &[stamp.entry]),
        ]);
    }
    for (stamp, by, step) in seen.request.steps() {
        let mut what = vec![Cell::text(request_words::step(lang, step))];
        let mut said: Vec<Cell> = request_details::details(visit, names, step)
            .into_iter()
            .map(|(name, cell)| Cell::text(format!("{name}：{}", cell.plain())))
            .collect();
        if seen.request.void.contains(&stamp.entry) {
            what.push(Cell::Tag(visit.of("無効", "Void").to_owned()));
            said.extend(why.get(&stamp.entry).map(|why| Cell::text(request_words::why_not(lang, why))));
        }
        rows.push(vec![
            Cell::time(lang, stamp.received),
            Cell::Many(what),
            Cell::text(format!("{} {}", words::party(lang, by.party), names.person(&by.person))),
            Cell::Many(said),
            block::entries(&visit.base(), &[stamp.entry]),
        ]);
    }
    let heads = [
        visit.of("日時", "When"),
        visit.of("段階", "Step"),
        visit.of("誰が", "Who"),
        visit.of("内容", "What"),
        visit.of("証拠", "Entry"),
    ];
    page.push(Block::Heading(visit.of("経過", "History").to_owned()));
    page.push(Block::Table(Table {
        caption: visit.of("経過（古い順）", "Steps, oldest first").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: String::new(),
    }));
}

/// Why steps changed nothing: the way is followed once more.
fn why_void(visit: &Visit, request: &Request) -> BTreeMap<EntryNumber, WhyNot> {
    let mut why = BTreeMap::new();
    let court = visit.office.court();
    let Some((stamp, by, filled)) = request.first() else { return why };
    let Ok(mut progress) = Progress::begin(by.clone(), *stamp, filled.clone()) else { return why };
    for (stamp, by, step) in request.steps() {
        let rules = court.evidence().rules_for(&progress.filled.scope.systems, stamp.received);
        if let Err(not) = progress.follow(rules, by, *stamp, step) {
            why.insert(stamp.entry, not);
        }
    }
    why
}

/// A document of a request. Only what one of its versions or reports names.
///
/// # Errors
/// Absent, where the request has no such document.
pub async fn file(visit: Visit) -> Answer {
    let seen = request_show::found(&visit)?;
    let digest: Digest = visit.part("digest")?.to_owned().try_into().map_err(|_| Refusal::Absent)?;
    let first = seen.request.first().map(|(_, _, filled)| filled.attachments.clone()).unwrap_or_default();
    let later = seen.request.steps().flat_map(|(_, _, step)| match step {
        Step::Resubmitted { filled } => filled.attachments.clone(),
        Step::Reported { attachments, .. } => attachments.clone(),
        _ => Vec::new(),
    });
    let named = first.into_iter().chain(later).any(|file| file.digest == digest);
    if !named {
        return Err(Refusal::Absent);
    }
    let shelf = Shelf::of(visit.office.folder());
    let name = format!("{}.bin", digest.as_str().get(..16).unwrap_or_default());
    let bytes = tokio::task::spawn_blocking(move || shelf.take(&digest)).await??;
    super::list::attachment(bytes, "application/octet-stream", &name)
}
