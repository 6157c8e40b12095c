//! 職と代決: the posts of the city, who sits on them and for how long, who stands in, and which way a form goes. Approvals
//! come from posts: while nobody sits on one, nobody can approve.

use super::block::{Block, Cell, Link, Table, Tone};
use super::frame::{self, Page};
use super::post_acts;
use super::request_show::{self, Names};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{block, requests};
use crate::audience::Audience;
use yakujo_contract::act::Importance;
use yakujo_contract::evidence::offices::Sitting;
use yakujo_contract::id::PostId;
use yakujo_contract::request::Manner;

/// Whether anybody holds a post now.
#[must_use]
pub fn is_any_held(visit: &Visit) -> bool {
    let court = visit.office.court();
    let offices = &court.evidence().offices;
    offices.posts().into_iter().any(|post| offices.holders_of(post, visit.now).next().is_some())
}

/// All posts with their names.
#[must_use]
pub fn all(visit: &Visit) -> Vec<(PostId, String)> {
    let court = visit.office.court();
    let offices = &court.evidence().offices;
    let name = |post: &PostId| offices.name(post).map_or_else(|| post.to_string(), str::to_owned);
    offices.posts().into_iter().map(|post| (post.clone(), name(post))).collect()
}

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    frame::show(&visit, &page(&visit, "").await?)
}

/// The page, with what is wrong with a form of it.
///
/// # Errors
/// When the database fails.
pub async fn page(visit: &Visit, wrong: &str) -> Result<Page, Refusal> {
    let lead = visit.of(
        "承認・不承認・取消しは、その日に職に就いている人か、期間を定めた代決者だけが行えます。",
        "Whoever decides holds a post on that day, or stands in for its holder for a period.",
    );
    let mut page = Page::new("posts", visit.of("職と代決", "Posts and deputies"), lead);
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    let posts = all(visit);
    if !is_any_held(visit) {
        let text = visit.of(
            "職に就いている人がいないため、だれも申請を承認できません。職を登録し、就任を記録してください。",
            "Nobody holds a post, so nobody can approve. Enter a post, then who holds it.",
        );
        page.push(Block::note(Tone::Bad, "", text));
    }
    let names = Names::of(visit, None).await?;
    page.push(Block::Table(posts_table(visit, &posts, &names)));
    if visit.may(Audience::CityDecides) {
        let path = |path: &str| format!("{}/posts/{path}", visit.base());
        page.push(Block::Buttons(vec![
            (path("move"), visit.of("異動をまとめて記録する", "Record several moves").to_owned(), "second"),
            (path("handover"), visit.of("引継書を見る", "Hand-over list").to_owned(), "second"),
        ]));
    }
    countersign(visit, &names, &mut page);
    page.push(Block::Heading(visit.of("決裁の経路", "Which way a form goes").to_owned()));
    page.push(Block::Table(routes(visit)));
    if visit.may(Audience::CityDecides) {
        page.push(Block::Heading(visit.of("登録", "Enter").to_owned()));
        page.blocks.extend(post_acts::of_all(visit, &posts));
    }
    Ok(page)
}

fn posts_table(visit: &Visit, posts: &[(PostId, String)], names: &Names) -> Table {
    let row = |(post, name): &(PostId, String)| {
        let (held, stood_in) = sittings(visit, post);
        let now = |all: Vec<Sitting>| {
            let open = all.into_iter().filter(|it| !it.is_over(visit.now));
            let cells: Vec<Cell> = open.map(|it| Cell::text(sitting(visit, names, &it))).collect();
            if cells.is_empty() {
                Cell::Tag(visit.of("いない", "Nobody").to_owned())
            } else {
                Cell::Many(cells)
            }
        };
        vec![Cell::link(format!("{}/posts/{post}", visit.base()), name.as_str()), now(held), now(stood_in)]
    };
    Table {
        caption: visit.of("職の一覧", "Posts").to_owned(),
        heads: vec![
            visit.of("職", "Post").to_owned(),
            visit.of("就いている人", "Holder").to_owned(),
            visit.of("代決者", "Deputies").to_owned(),
        ],
        rows: posts.iter().map(row).collect(),
        empty: visit.of("まだ職が登録されていません。", "There are no posts yet.").to_owned(),
    }
}

fn sittings(visit: &Visit, post: &PostId) -> (Vec<Sitting>, Vec<Sitting>) {
    let court = visit.office.court();
    let offices = &court.evidence().offices;
    (offices.held(post), offices.stood_in(post))
}

/// `山田 花子（令和8年4月1日から）`
fn sitting(visit: &Visit, names: &Names, it: &Sitting) -> String {
    let lang = visit.lang;
    let day = |at| super::era::day(lang, at);
    let from = day(it.period.from);
    let period = match (lang, it.period.until) {
        (Lang::Ja, None) => format!("{from}から"),
        (Lang::Ja, Some(until)) => format!("{from}から{}まで", day(until)),
        (Lang::En, None) => format!("from {from}"),
        (Lang::En, Some(until)) => format!("{from} to {}", day(until)),
    };
    let coming = if it.period.from > visit.now { visit.of("予定・", "coming, ") } else { "" };
    format!("{}（{coming}{period}）", names.person(&it.person))
}

/// 後閲待ち: what deputies decided and the holders have not seen.
fn countersign(visit: &Visit, names: &Names, page: &mut Page) {
    let waits = requests::open(visit).into_iter().filter_map(|seen| {
        let decided = seen.progress.approved.clone()?;
        (decided.manner == Manner::Deputy && decided.countersigned.is_none()).then_some((seen, decided))
    });
    let row = |(seen, decided): (request_show::Seen, yakujo_contract::request::flow::Decided)| {
        vec![
            Cell::link(format!("{}/requests/{}", visit.base(), seen.id), seen.number.to_string()),
            Cell::text(seen.progress.filled.title.as_str()),
            Cell::text(request_show::post(visit, &decided.post)),
            Cell::text(names.person(&decided.by)),
            request_show::moment(visit.lang, decided.stamp.received),
        ]
    };
    let heads = [
        visit.of("番号", "Number"),
        visit.of("件名", "Title"),
        visit.of("職", "Post"),
        visit.of("代決した人", "Deputy"),
        visit.of("代決した日時", "Decided"),
    ];
    page.push(Block::Heading(visit.of("後閲待ち", "Waiting for the holder of the post").to_owned()));
    page.push(Block::Table(Table {
        caption: visit
            .of("代決されて、まだ後閲されていないもの", "Decided by deputies, not seen yet")
            .to_owned(),
        heads: heads.map(str::to_owned).to_vec(),
        rows: waits.map(row).collect(),
        empty: visit.of("後閲を待っているものはありません。", "Nothing waits.").to_owned(),
    }));
}

/// What rank a route is for.
#[must_use]
pub fn rank(lang: Lang, rank: Option<Importance>) -> &'static str {
    rank.map_or(lang.of("すべての重要度", "Every rank"), |rank| words::importance(lang, rank))
}

fn routes(visit: &Visit) -> Table {
    let routes: Vec<_> = {
        let court = visit.office.court();
        let offices = &court.evidence().offices;
        offices.routes(visit.now).map(|(form, rank, route)| (form, rank, route.clone())).collect()
    };
    let posts = |posts: &[PostId], between: &str| {
        let names: Vec<String> = posts.iter().map(|post| request_show::post(visit, post)).collect();
        if names.is_empty() { "－".to_owned() } else { names.join(between) }
    };
    let rows = routes.iter().map(|(form, importance, route)| {
        vec![
            Cell::text(super::request_words::form(visit.lang, *form)),
            Cell::text(rank(visit.lang, *importance)),
            Cell::text(posts(&route.before, " → ")),
            Cell::text(posts(&route.concur, visit.of("、", ", "))),
            Cell::text(request_show::post(visit, &route.decides)),
        ]
    });
    let heads = [
        visit.of("様式", "Form"),
        visit.of("重要度", "Rank"),
        visit.of("回議（順番に）", "Sign first, in order"),
        visit.of("合議", "Concur"),
        visit.of("決裁", "Decides"),
    ];
    Table {
        caption: visit.of("様式と重要度ごとの経路", "Routes by form and rank").to_owned(),
        heads: heads.map(str::to_owned).to_vec(),
        rows: rows.collect(),
        empty: visit
            .of(
                "経路は決められていません。職に就いている人なら、だれでも決裁できます。",
                "No route is set: whoever holds a post may decide.",
            )
            .to_owned(),
    }
}

/// One post: everybody who held it or stood in, by period.
///
/// # Errors
/// Absent, where there is no such post.
pub async fn one(visit: Visit) -> Answer {
    frame::show(&visit, &one_page(&visit, "").await?)
}

/// The page of one post, with what is wrong with a form of it.
///
/// # Errors
/// Absent, where there is no such post.
pub async fn one_page(visit: &Visit, wrong: &str) -> Result<Page, Refusal> {
    let part: PostId = visit.part("post")?.parse().map_err(|_| Refusal::Absent)?;
    let posts = all(visit);
    let (post, name) = posts.iter().find(|(post, _)| *post == part).ok_or(Refusal::Absent)?;
    let lead = visit.of("だれが、いつからいつまで就いていたかの記録です。", "Who held it, and when.");
    let mut page = Page::new("posts", name, lead);
    page.trail = vec![Link::new(format!("{}/posts", visit.base()), visit.of("職と代決", "Posts"))];
    if !wrong.is_empty() {
        page.push(Block::note(Tone::Bad, "", wrong));
    }
    let names = Names::of(visit, None).await?;
    let (held, stood_in) = sittings(visit, post);
    page.push(Block::Table(periods(visit, &names, visit.of("就いた人", "Holders"), &held)));
    page.push(Block::Table(periods(visit, &names, visit.of("代決者", "Deputies"), &stood_in)));
    if visit.may(Audience::CityDecides) {
        page.push(Block::Heading(visit.of("登録", "Enter").to_owned()));
        let open = |all: &[Sitting]| -> Vec<Sitting> {
            all.iter().filter(|it| !it.is_over(visit.now) && it.period.from <= visit.now).cloned().collect()
        };
        let forms = post_acts::of_one(visit, post, &names, &open(&held), &open(&stood_in)).await?;
        page.blocks.extend(forms);
    }
    Ok(page)
}

fn periods(visit: &Visit, names: &Names, caption: &str, sittings: &[Sitting]) -> Table {
    let lang = visit.lang;
    let state = |it: &Sitting| {
        if it.is_over(visit.now) {
            visit.lang.of("終了", "Over")
        } else if it.period.from > visit.now {
            visit.lang.of("予定", "Coming")
        } else {
            visit.lang.of("在任", "In force")
        }
    };
    let row = |it: &Sitting| {
        let mut entries = vec![it.stamp.entry];
        entries.extend(it.ended.map(|stamp| stamp.entry));
        let ended = it.ended.map(|stamp| stamp.received);
        let until = match (ended, it.period.until) {
            (Some(ended), Some(until)) => Some(ended.min(until)),
            (ended, until) => ended.or(until),
        };
        vec![
            Cell::text(names.person(&it.person)),
            Cell::Tag(state(it).to_owned()),
            request_show::moment(lang, it.period.from),
            until.map_or_else(|| Cell::text("－"), |until| request_show::moment(lang, until)),
            block::entries(&visit.base(), &entries),
        ]
    };
    let heads = [
        visit.of("氏名", "Name"),
        visit.of("状態", "State"),
        visit.of("始まり", "From"),
        visit.of("終わり", "Until"),
        visit.of("証拠", "Entries"),
    ];
    Table {
        caption: caption.to_owned(),
        heads: heads.map(str::to_owned).to_vec(),
        rows: sittings.iter().map(row).collect(),
        empty: visit.of("記録がありません。", "There is none.").to_owned(),
    }
}
