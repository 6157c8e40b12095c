//! 異動: on 1 April many people change their posts at once. One page records who leaves which post and who takes it from
//! which day; another, for paper, tells the successor what is open.

use super::block::{Block, Cell, Field, Link, Table, Tone};
use super::frame::{self, Page};
use super::request_show::{self, Names, Seen};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use super::{board, era, post_acts, request, request_new, request_words, requests};
use jiff::{SignedDuration, Timestamp};
use yakujo_contract::act::{Act, Matter};
use yakujo_contract::entry::Party;
use yakujo_contract::evidence::agreement::Line;
use yakujo_contract::id::{PersonId, PostId};
use yakujo_contract::request::clock;
use yakujo_contract::request::flow::State;
use yakujo_contract::request::form::Form;

/// Exceptions that end so soon are handed over.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 92);
/// What is chosen where somebody goes and nobody comes.
const NOBODY: &str = "nobody";

/// One seat that may change hands.
struct Chair {
    post: PostId,
    name: String,
    /// Who holds it now; none: it is empty.
    held_by: Option<PersonId>,
}

impl Chair {
    fn field(&self) -> String {
        format!("to-{}-{}", self.post, self.held_by.as_ref().map_or("", PersonId::as_str))
    }
}

fn chairs(visit: &Visit) -> Vec<Chair> {
    let court = visit.office.court();
    let offices = &court.evidence().offices;
    let mut chairs = Vec::new();
    for post in offices.posts() {
        let name = offices.name(post).map_or_else(|| post.to_string(), str::to_owned);
        let chair = |held_by| Chair { post: post.clone(), name: name.clone(), held_by };
        let held: Vec<Chair> =
            offices.holders_of(post, visit.now).map(|it| chair(Some(it.clone()))).collect();
        if held.is_empty() {
            chairs.push(chair(None));
        }
        chairs.extend(held);
    }
    chairs
}

/// The form.
///
/// # Errors
/// When the database fails.
pub async fn form(visit: Visit) -> Answer {
    frame::show(&visit, &page(&visit, "").await?)
}

async fn page(visit: &Visit, wrong: &str) -> Result<Page, Refusal> {
    let lead = visit.of(
        "定期異動などで職に就く人が替わるとき、まとめて記録します。先に新しい人を「関係者」に登録してください。",
        "Several people change their posts at once. Enter new people first.",
    );
    let mut page = Page::new("posts", visit.of("異動をまとめて記録する", "Record several moves"), lead);
    page.trail = vec![back(visit)];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    let chairs = chairs(visit);
    if chairs.is_empty() {
        let text = visit.of("まだ職が登録されていません。", "There are no posts yet.");
        page.push(Block::note(Tone::Warn, "", text));
        return Ok(page);
    }
    let names = Names::of(visit, None).await?;
    let people = post_acts::city_people(visit).await?;
    let mut fields = vec![
        Field::line("from", visit.of("異動日", "Day of the move"), "")
            .hint(visit.of("例：R9.4.1（その日の0時から）", "For example 2027-04-01, from midnight")),
        Field::line("reason", visit.of("理由", "Reason"), visit.of("定期異動", "Regular move")),
    ];
    fields.extend(chairs.iter().map(|chair| chair_field(visit, chair, &names, &people)));
    let label = visit.of("確認画面へ進む", "Go on");
    let mut sheet = visit.form("/posts/move", label, visit.retyped(fields));
    sheet.go = "confirm";
    page.push(Block::Form(sheet));
    Ok(page)
}

fn chair_field(visit: &Visit, chair: &Chair, names: &Names, people: &[(String, String)]) -> Field {
    let label = match (&chair.held_by, visit.lang) {
        (Some(person), Lang::Ja) => format!("{}（いま：{}）の後任", chair.name, names.person(person)),
        (Some(person), Lang::En) => format!("{} (now {}): successor", chair.name, names.person(person)),
        (None, Lang::Ja) => format!("{}（いま：いない）に就く人", chair.name),
        (None, Lang::En) => format!("{} (empty): who takes it", chair.name),
    };
    let stays = (String::new(), visit.of("替わらない", "No change").to_owned());
    let leaves = (NOBODY.to_owned(), visit.of("離れるだけ（後任なし）", "Leaves, no successor").to_owned());
    let leaves = chair.held_by.as_ref().map(|_| leaves);
    let others = people.iter().filter(|(id, _)| chair.held_by.as_ref().is_none_or(|it| it.as_str() != id));
    let choices = std::iter::once(stays).chain(others.cloned()).chain(leaves);
    Field::one_of(&chair.field(), &label, choices).optional()
}

fn back(visit: &Visit) -> Link {
    Link::new(format!("{}/posts", visit.base()), visit.of("職と代決", "Posts and deputies"))
}

/// One change that was chosen.
struct Move {
    chair: Chair,
    to: Option<PersonId>,
}

fn read(visit: &Visit) -> Result<(Timestamp, Vec<Move>), Refusal> {
    let wrong = |ja: &str, en: &str| Refusal::Wrong(visit.of(ja, en).to_owned());
    let from = post_acts::moment(visit, "from")?;
    let from = from.ok_or_else(|| wrong("異動日を入力してください。例：R9.4.1", "Fill in the day."))?;
    if visit.typed("reason").is_empty() {
        return Err(wrong("理由を入力してください。", "Fill in the reason."));
    }
    let mut moves = Vec::new();
    for chair in chairs(visit) {
        let to = match visit.typed(&chair.field()) {
            "" => continue,
            NOBODY => None,
            person => Some(person.parse().map_err(|_| wrong("人を選び直してください。", "Choose again."))?),
        };
        moves.push(Move { chair, to });
    }
    if moves.is_empty() {
        return Err(wrong("替わる職を一つ以上選んでください。", "Choose at least one post."));
    }
    Ok((from, moves))
}

/// The acts of one move. Whoever goes on a later day holds the post until then: he leaves and takes it until that day.
fn acts(visit: &Visit, from: Timestamp, one: &Move) -> Vec<Act> {
    let post = || one.chair.post.clone();
    let mut acts = Vec::new();
    if let Some(person) = &one.chair.held_by {
        let reason = visit.typed("reason").to_owned();
        acts.push(Act::PostLeft { post: post(), person: person.clone(), reason });
        if from > visit.now {
            let until = Some(from);
            acts.push(Act::PostTaken { post: post(), person: person.clone(), from: visit.now, until });
        }
    }
    if let Some(person) = &one.to {
        acts.push(Act::PostTaken { post: post(), person: person.clone(), from, until: None });
    }
    acts
}

/// Shows the moves once more, or records them.
///
/// # Errors
/// When the ledger fails.
pub async fn moved(visit: Visit) -> Answer {
    let (from, moves) = match read(&visit) {
        Ok(read) => read,
        Err(Refusal::Wrong(text)) => return frame::show_wrong(&visit, &page(&visit, &text).await?),
        Err(other) => return Err(other),
    };
    match visit.typed("go") {
        "send" => {}
        "edit" => return frame::show(&visit, &page(&visit, "").await?),
        _ => return look(&visit, from, &moves).await,
    }
    for act in moves.iter().flat_map(|one| acts(&visit, from, one)) {
        match visit.act(act).await {
            Ok(_) => {}
            // What was recorded before stays: the page shows what is left to choose.
            Err(Refusal::Wrong(text)) => return frame::show_wrong(&visit, &page(&visit, &text).await?),
            Err(other) => return Err(other),
        }
    }
    visit.go("/posts/handover")
}

async fn look(visit: &Visit, from: Timestamp, moves: &[Move]) -> Answer {
    let names = Names::of(visit, None).await?;
    let nobody = || visit.of("いない", "Nobody").to_owned();
    let name = |person: &Option<PersonId>| person.as_ref().map_or_else(nobody, |it| names.person(it));
    let mut rows = vec![
        (visit.of("異動日", "Day of the move").to_owned(), request_show::moment(visit.lang, from)),
        (visit.of("理由", "Reason").to_owned(), Cell::text(visit.typed("reason"))),
    ];
    rows.extend(moves.iter().map(|one| {
        let change = format!("{} → {}", name(&one.chair.held_by), name(&one.to));
        (one.chair.name.clone(), Cell::text(change))
    }));
    let title = visit.of("異動を記録します", "Record these moves");
    request_new::confirmation(visit, title, rows, &[], visit.of("記録する", "Record"), "")
}

/// 引継書: what is open, on paper for whoever comes.
///
/// # Errors
/// When the database fails.
pub async fn handover(visit: Visit) -> Answer {
    let lead = visit.of(
        "後任に引き継ぐものの一覧です。印刷して引継書に添えられます。",
        "What the successor takes over; to be printed.",
    );
    let mut page = Page::new("posts", visit.of("引継書", "Hand-over list"), lead);
    page.trail = vec![back(&visit)];
    if visit.lang == Lang::Ja {
        page.push(Block::Seals(["確認者", "後任者", "前任者"].map(str::to_owned).to_vec()));
    }
    let names = Names::of(&visit, None).await?;
    page.push(Block::Heading(visit.of("職", "Posts").to_owned()));
    let row = |chair: &Chair| {
        let who = chair.held_by.as_ref().map(|it| names.person(it));
        vec![
            Cell::text(chair.name.as_str()),
            Cell::text(who.unwrap_or_else(|| visit.of("いない", "Nobody").to_owned())),
        ]
    };
    let heads = [visit.of("職", "Post"), visit.of("就いている人", "Holder")];
    page.push(table(
        visit.of("いま就いている人", "Who holds which post"),
        &heads,
        chairs(&visit).iter().map(row).collect(),
        visit.of("職がありません。", "There are none."),
    ));
    open_requests(&visit, &mut page);
    in_force(&visit, &mut page);
    page.push(Block::Heading(visit.of("期限が近い例外", "Exceptions that end soon").to_owned()));
    let heads = [visit.of("義務", "Duty"), visit.of("情報システム", "System"), visit.of("期限", "Until")];
    page.push(table(
        visit.of("92日以内に終わる例外の合意", "Agreed exceptions that end within 92 days"),
        &heads,
        exceptions(&visit),
        visit.of("ありません。", "There are none."),
    ));
    frame::show(&visit, &page)
}

fn table(caption: &str, heads: &[&str], rows: Vec<Vec<Cell>>, empty: &str) -> Block {
    Block::Table(Table {
        caption: caption.to_owned(),
        heads: heads.iter().map(|head| (*head).to_owned()).collect(),
        rows,
        empty: empty.to_owned(),
    })
}

fn open_requests(visit: &Visit, page: &mut Page) {
    let mut open = requests::open(visit);
    open.retain(|seen| {
        let state = seen.progress.state;
        state != State::Approved && !state.is_over() && seen.progress.turn() == Some(Party::City)
    });
    open.sort_by_key(|seen| clock::next(&seen.clocks).map_or(Timestamp::MAX, |clock| clock.due.at));
    let row = |seen: &Seen| {
        let due = clock::next(&seen.clocks).map(|clock| era::wareki(visit.lang, clock.due.at));
        vec![
            Cell::link(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string()),
            Cell::text(seen.progress.filled.title.as_str()),
            Cell::Chip(request::chip(visit.lang, seen.progress.state, String::new())),
            Cell::text(due.unwrap_or_else(|| "－".to_owned())),
        ]
    };
    let heads = ["番号", "件名", "状態", "期限"];
    let heads_en = ["Number", "Title", "State", "Due"];
    page.push(Block::Heading(visit.of("市の判断・確認を待っているもの", "Waiting for the city").to_owned()));
    page.push(table(
        visit.of("期限の早い順", "What is due first stands first"),
        if visit.lang == Lang::Ja { &heads } else { &heads_en },
        open.iter().map(row).collect(),
        visit.of("ありません。", "There are none."),
    ));
}

/// Approvals whose time is still to come, and standing ones.
fn in_force(visit: &Visit, page: &mut Page) {
    let mut granted = requests::open(visit);
    granted.retain(|seen| {
        let ahead = seen.progress.window().is_none_or(|window| window.last() > visit.now);
        seen.progress.state == State::Approved && ahead
    });
    let row = |seen: &Seen| {
        let window = seen.progress.window();
        let standing = seen.progress.form() == Form::F26;
        let kind = if standing { visit.of("包括承認", "Standing") } else { visit.of("個別", "Single") };
        vec![
            Cell::link(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string()),
            Cell::text(seen.progress.filled.title.as_str()),
            Cell::text(request_words::form(visit.lang, seen.progress.form())),
            Cell::Tag(kind.to_owned()),
            window.map_or_else(|| Cell::text("－"), |window| request_show::window(visit.lang, &window)),
        ]
    };
    let heads = ["番号", "件名", "様式", "種類", "期間"];
    let heads_en = ["Number", "Title", "Form", "Kind", "Period"];
    page.push(Block::Heading(visit.of("効力のある承認", "Approvals in force").to_owned()));
    page.push(table(
        visit.of("これから行われるものと包括承認", "What is to come, and standing approvals"),
        if visit.lang == Lang::Ja { &heads } else { &heads_en },
        granted.iter().map(row).collect(),
        visit.of("ありません。", "There are none."),
    ));
}

fn exceptions(visit: &Visit) -> Vec<Vec<Cell>> {
    let systems = board::system_names(visit);
    let soon = visit.now.checked_add(SOON).unwrap_or(Timestamp::MAX);
    let court = visit.office.court();
    let lines = court.evidence().agreements.of_any("exemption").filter(Line::is_agreed);
    let row = |line: Line<'_>| {
        let Matter::Exemption { duty, system, until, .. } = line.matter else { return None };
        let every = || visit.of("すべて", "All").to_owned();
        let system = system.as_ref().map_or_else(every, |id| systems.get(id).cloned().unwrap_or_default());
        let href = format!("{}/agreements/{}", visit.base(), line.id);
        (visit.now < *until && *until < soon).then(|| {
            let due = request_show::moment(visit.lang, *until);
            vec![Cell::link(href, duty.to_string()), Cell::text(system), due]
        })
    };
    lines.filter_map(row).collect()
}
