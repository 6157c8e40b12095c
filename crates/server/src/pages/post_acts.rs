//! The forms of posts and deputies, read and recorded. Who may sit where is the city's own matter.

use super::block::{Block, Field, Form as Sheet, Input, Opened};
use super::posts::{self, rank};
use super::request_fields::moment_hint;
use super::request_show::Names;
use super::visit::{Answer, Refusal, Visit};
use super::{era, frame, request_words, words};
use jiff::{SignedDuration, Timestamp};
use yakujo_contract::act::{Act, Importance, Route};
use yakujo_contract::entry::Party;
use yakujo_contract::evidence::offices::Sitting;
use yakujo_contract::id::{PersonId, PostId};
use yakujo_contract::request::form::{Form, Path};

/// What may be done about one post, as the path spells it.
pub const ACTS: [&str; 5] = ["take", "leave", "deputy", "end", "name"];

/// Posts that sign before the decision, at most.
const STEPS: usize = 3;
const RANKS: [Importance; 3] = [Importance::S, Importance::A, Importance::B];

/// The city's people who may sign in now, with their names.
///
/// # Errors
/// When the database fails.
pub async fn city_people(visit: &Visit) -> Result<Vec<(String, String)>, Refusal> {
    let everybody = visit.office.people.everybody().await?;
    let city = everybody.iter().filter(|it| it.role.party() == Party::City && it.is_active(visit.now));
    let words = |it: &crate::people::Person| {
        let name = format!("{}（{}）", super::people::name(it), words::role(visit.lang, it.role));
        (it.id.to_string(), name)
    };
    Ok(city.map(words).collect())
}

fn choices(posts: &[(PostId, String)]) -> Vec<(String, String)> {
    posts.iter().map(|(post, name)| (post.to_string(), name.clone())).collect()
}

/// Several forms stand on one page: each field carries the name of its act.
fn own(act: &str, fields: Vec<Field>) -> Vec<Field> {
    let named = |field: Field| Field { name: format!("{act}-{}", field.name), ..field };
    fields.into_iter().map(named).collect()
}

fn opens(anchor: &'static str, visit: &Visit, path: &str, label: &str, fields: Vec<Field>) -> Block {
    let fields = if path.contains("/act/") { own(anchor, fields) } else { fields };
    let sheet = visit.form(path, label, visit.retyped(fields));
    let opened = if visit.uri_path.ends_with(path) { Opened::Yes } else { Opened::No };
    Block::Opens(anchor, label.to_owned(), opened, Sheet { class: "second", ..sheet })
}

/// The forms on the page of all posts.
#[must_use]
pub fn of_all(visit: &Visit, posts: &[(PostId, String)]) -> Vec<Block> {
    let name = Field::line("name", visit.of("職の名", "Name of the post"), "")
        .hint(visit.of("例：情報政策課長", "For example: head of IT"));
    let label = visit.of("職を登録する", "Enter a post");
    let mut blocks = vec![opens("new", visit, "/posts/new", label, vec![name])];
    if !posts.is_empty() {
        let label = visit.of("経路を決める", "Set a route");
        blocks.push(opens("route", visit, "/posts/route", label, route_fields(visit, posts)));
    }
    blocks
}

fn route_fields(visit: &Visit, posts: &[(PostId, String)]) -> Vec<Field> {
    let lang = visit.lang;
    let forms = Form::ALL.into_iter().filter(|form| decided(*form));
    let forms = forms.map(|form| (form.row().key.to_owned(), request_words::form(lang, form)));
    let every = (String::new(), rank(lang, None).to_owned());
    let ranks = RANKS.map(|it| (request_words::spelled(&it), rank(lang, Some(it)).to_owned()));
    let none = (String::new(), visit.of("なし", "None").to_owned());
    let mut fields = vec![
        Field::one_of("form", visit.of("様式", "Form"), forms),
        Field::one_of("rank", visit.of("重要度", "Rank"), std::iter::once(every).chain(ranks)).optional(),
    ];
    for step in 1..=STEPS {
        let label = format!("{} {step}", visit.of("回議", "Signs as number"));
        let posts = std::iter::once(none.clone()).chain(choices(posts));
        fields.push(Field::one_of(&format!("before{step}"), &label, posts).optional());
    }
    fields.push(Field::any_of("concur", visit.of("合議", "Concur"), choices(posts)));
    fields.push(Field::one_of("decides", visit.of("決裁する職", "Decides"), choices(posts)));
    fields
}

fn decided(form: Form) -> bool {
    matches!(form.row().path, Path::Approval | Path::Consultation)
}

/// The forms on the page of one post.
///
/// # Errors
/// When the database fails.
pub async fn of_one(
    visit: &Visit,
    post: &PostId,
    names: &Names,
    held: &[Sitting],
    stood_in: &[Sitting],
) -> Result<Vec<Block>, Refusal> {
    let people = city_people(visit).await?;
    let path = |act: &str| format!("/posts/{post}/act/{act}");
    let who = |label: &str| Field::one_of("person", label, people.clone());
    let seated = |all: &[Sitting], label: &str| {
        let choice = |it: &Sitting| (it.person.to_string(), names.person(&it.person));
        Field::one_of("person", label, all.iter().map(choice))
    };
    let from = Field::line("from", visit.of("始まり", "From"), "").hint(moment_hint(visit));
    let until = Field::line("until", visit.of("終わり", "Until"), "").hint(visit.of(
        "日付だけなら、その日の終わりまで。例：R9.3.31",
        "A date alone: until the end of that day. For example 2027-03-31",
    ));
    let reason = Field::new("reason", visit.of("理由", "Reason"), Input::Lines(String::new()));
    let at_once = visit.of("空欄なら、いまから。例：R9.4.1", "Empty: from now on. For example 2027-04-01");
    let mut blocks = vec![
        opens(
            "take",
            visit,
            &path("take"),
            visit.of("就任を記録する", "Somebody takes the post"),
            vec![
                who(visit.of("就く人", "Who")),
                from.clone().optional().hint(at_once),
                until.clone().optional(),
            ],
        ),
        opens(
            "deputy",
            visit,
            &path("deputy"),
            visit.of("代決者を置く", "Name a deputy"),
            vec![
                who(visit.of("代決する人", "Who stands in")),
                from.optional().hint(at_once),
                until,
                reason.clone(),
            ],
        ),
    ];
    if !held.is_empty() {
        let label = visit.of("離任を記録する", "Somebody leaves the post");
        let fields = vec![seated(held, visit.of("離れる人", "Who")), reason.clone()];
        blocks.push(opens("leave", visit, &path("leave"), label, fields));
    }
    if !stood_in.is_empty() {
        let label = visit.of("代決を終える", "End a deputyship");
        let fields = vec![seated(stood_in, visit.of("代決者", "Deputy")), reason];
        blocks.push(opens("end", visit, &path("end"), label, fields));
    }
    let rename = Field::line("name", visit.of("職の名", "Name of the post"), "");
    blocks.push(opens("name", visit, &path("name"), visit.of("名を改める", "Rename"), vec![rename]));
    Ok(blocks)
}

fn wrong(visit: &Visit, ja: &str, en: &str) -> Refusal {
    Refusal::Wrong(visit.of(ja, en).to_owned())
}

/// A moment of a period; none where nothing was typed.
///
/// # Errors
/// Where it cannot be read.
pub fn moment(visit: &Visit, field: &str) -> Result<Option<Timestamp>, Refusal> {
    match visit.typed(field) {
        "" => Ok(None),
        typed => era::read(typed).map(Some).ok_or_else(|| {
            wrong(visit, "日時を読み取れません。例：R9.4.1、R9.4.1 8:30", "This is no date: 2027-04-01")
        }),
    }
}

/// The end of a period: a date alone means the end of that day.
fn end(visit: &Visit, field: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(instant) = moment(visit, field)? else { return Ok(None) };
    let typed = era::half_width(visit.typed(field));
    let with_time = typed.contains(':') || typed.contains('時') || typed.contains('T');
    if with_time {
        return Ok(Some(instant));
    }
    Ok(Some(instant.checked_add(SignedDuration::from_hours(24))?))
}

fn person(visit: &Visit, act: &str) -> Result<PersonId, Refusal> {
    let person = visit.typed(&format!("{act}-person")).parse();
    person.map_err(|_| wrong(visit, "人を選んでください。", "Choose somebody."))
}

fn read(visit: &Visit, post: PostId) -> Result<Act, Refusal> {
    let act = visit.part("act")?;
    let name = |part: &str| format!("{act}-{part}");
    let reason = || visit.typed(&name("reason")).to_owned();
    let from = || Ok::<_, Refusal>(moment(visit, &name("from"))?.unwrap_or(visit.now));
    let no_end = || wrong(visit, "終わりを入力してください。例：R9.3.31", "Fill in the end.");
    Ok(match act {
        "take" => Act::PostTaken {
            post,
            person: person(visit, act)?,
            from: from()?,
            until: end(visit, &name("until"))?,
        },
        "leave" => Act::PostLeft { post, person: person(visit, act)?, reason: reason() },
        "deputy" => {
            let until = end(visit, &name("until"))?.ok_or_else(no_end)?;
            Act::DeputyNamed { post, person: person(visit, act)?, from: from()?, until, reason: reason() }
        }
        "end" => Act::DeputyEnded { post, person: person(visit, act)?, reason: reason() },
        "name" => Act::PostNamed { post, name: visit.typed(&name("name")).to_owned() },
        _ => return Err(Refusal::Absent),
    })
}

/// Somebody takes or leaves a post, stands in or no longer; or it gets another name.
///
/// # Errors
/// Absent, where there is no such post.
pub async fn take(visit: Visit) -> Answer {
    let post: PostId = visit.part("post")?.parse().map_err(|_| Refusal::Absent)?;
    if !ACTS.contains(&visit.part("act")?) {
        return Err(Refusal::Absent);
    }
    if !posts::all(&visit).iter().any(|(known, _)| *known == post) {
        return Err(Refusal::Absent);
    }
    let done = match read(&visit, post.clone()) {
        Ok(act) => visit.act(act).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(_) => visit.go(&format!("/posts/{post}")),
        Err(Refusal::Wrong(text)) => {
            let page = posts::one_page(&visit, &text).await?;
            frame::show_wrong(&visit, &page)
        }
        Err(other) => Err(other),
    }
}

/// Enters a post.
///
/// # Errors
/// When the ledger fails.
pub async fn name(visit: Visit) -> Answer {
    let post: PostId = crate::people::new_id('k')?.try_into()?;
    let act = Act::PostNamed { post: post.clone(), name: visit.typed("name").to_owned() };
    match visit.act(act).await {
        Ok(_) => visit.go(&format!("/posts/{post}")),
        Err(refusal) => again(&visit, refusal).await,
    }
}

/// Sets a route.
///
/// # Errors
/// When the ledger fails.
pub async fn route(visit: Visit) -> Answer {
    let done = match read_route(&visit) {
        Ok(act) => visit.act(act).await,
        Err(refusal) => Err(refusal),
    };
    match done {
        Ok(_) => visit.go("/posts"),
        Err(refusal) => again(&visit, refusal).await,
    }
}

async fn again(visit: &Visit, refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Wrong(text) => frame::show_wrong(visit, &posts::page(visit, &text).await?),
        other => Err(other),
    }
}

fn read_route(visit: &Visit) -> Result<Act, Refusal> {
    let form = Form::from_key(visit.typed("form")).filter(|form| decided(*form));
    let form = form.ok_or_else(|| wrong(visit, "様式を選んでください。", "Choose a form."))?;
    let decides: PostId = visit
        .typed("decides")
        .parse()
        .map_err(|_| wrong(visit, "決裁する職を選んでください。", "Choose the post that decides."))?;
    let importance = RANKS.into_iter().find(|it| request_words::spelled(it) == visit.typed("rank"));
    let names = (1..=STEPS).map(|step| format!("before{step}"));
    let before: Vec<PostId> = names.filter_map(|name| visit.typed(&name).parse().ok()).collect();
    let concur: Vec<PostId> = visit.typed_all("concur").filter_map(|post| post.parse().ok()).collect();
    let mut all: Vec<&PostId> = before.iter().chain(&concur).chain([&decides]).collect();
    let several = all.len();
    all.sort();
    all.dedup();
    if all.len() != several {
        let (ja, en) = ("同じ職を二度選ぶことはできません。", "A post stands on a route once.");
        return Err(wrong(visit, ja, en));
    }
    Ok(Act::RouteSet { form, importance, route: Route { before, concur, decides } })
}
