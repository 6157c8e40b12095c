//! The frame around every page: header, menu, footer, security headers. The only place that makes a page of blocks.

use super::assets;
use super::block::{Block, Input, Link, Must, Opened, Table, Upload};
use super::era;
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use crate::audience::Audience;
use crate::people::notices::MOST_COUNTED;
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// What a page says.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Heading and title.
    pub title: String,
    /// One or two sentences under it.
    pub lead: String,
    /// Where in the menu it belongs: the last part of a path.
    pub place: &'static str,
    /// The way back.
    pub trail: Vec<Link>,
    /// The pieces.
    pub blocks: Vec<Block>,
    /// The pieces are Japanese, whatever the language of the frame.
    pub speaks: Speaks,
}

/// In which language the pieces of a page are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Speaks {
    /// In that of the frame.
    #[default]
    Same,
    /// In Japanese, always.
    Japanese,
}

impl Page {
    /// A page of the menu.
    pub fn new(place: &'static str, title: impl Into<String>, lead: impl Into<String>) -> Self {
        Self { title: title.into(), lead: lead.into(), place, ..Self::default() }
    }

    /// Adds a piece.
    pub fn push(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }
}

struct Who {
    name: String,
    notices: String,
    role: &'static str,
    csrf: String,
    idle_ends: String,
}

struct Head {
    size: u64,
    short: String,
}

#[derive(Template)]
#[template(path = "block.html")]
struct BlockView<'a> {
    lang: Lang,
    block: &'a Block,
}

#[derive(Template)]
#[template(path = "page.html")]
struct PageView<'a> {
    lang: Lang,
    title: &'a str,
    lead: &'a str,
    of: String,
    home: String,
    css: String,
    js: String,
    icon: String,
    who: Option<Who>,
    languages: Vec<Link>,
    menu: Vec<(&'static str, Vec<Link>)>,
    trail: &'a [Link],
    seals: Vec<&'a [String]>,
    blocks: Vec<BlockView<'a>>,
    speaks: Speaks,
    shown_at: String,
    head: Option<Head>,
}

impl Table {
    /// The heading of a column.
    #[must_use]
    pub fn head(&self, column: &usize) -> &str {
        self.heads.get(*column).map_or("", String::as_str)
    }
}

/// The page as a response.
///
/// # Errors
/// When a template fails.
pub fn show(visit: &Visit, page: &Page) -> Answer {
    answer(visit, page, StatusCode::OK)
}

/// The page of something that cannot be taken: what, and how to put it right.
///
/// # Errors
/// When a template fails.
pub fn show_wrong(visit: &Visit, page: &Page) -> Answer {
    answer(visit, page, StatusCode::UNPROCESSABLE_ENTITY)
}

fn answer(visit: &Visit, page: &Page, status: StatusCode) -> Answer {
    let html = render(visit, page)?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

fn render(visit: &Visit, page: &Page) -> Result<String, Refusal> {
    let lang = visit.lang;
    let seals = page.blocks.iter().filter_map(|block| match block {
        Block::Seals(seals) => Some(seals.as_slice()),
        _ => None,
    });
    let signed_in = visit.session.as_ref();
    let view = PageView {
        lang,
        title: &page.title,
        lead: &page.lead,
        of: lang.of(&visit.office.terms().title_ja, &visit.office.terms().title_en).to_owned(),
        home: visit.base(),
        css: assets::path("yakujo.css"),
        js: assets::path("yakujo.js"),
        icon: assets::path("icon.svg"),
        who: signed_in.map(|session| Who {
            name: session.person.name.clone().unwrap_or_else(|| session.person.login.clone()),
            notices: unread(lang, visit.unread),
            role: words::role(lang, session.person.role),
            csrf: visit.csrf.clone(),
            idle_ends: session.idle_ends.to_string(),
        }),
        languages: vec![Link::new(
            format!("{}?lang={}", visit.uri_path, lang.other().code()),
            lang.of("English", "日本語"),
        )],
        menu: signed_in.map(|_| menu(visit, page.place)).unwrap_or_default(),
        trail: &page.trail,
        seals: seals.collect(),
        blocks: page.blocks.iter().map(|block| BlockView { lang, block }).collect(),
        speaks: page.speaks,
        shown_at: era::wareki(lang, visit.now),
        head: signed_in.map(|_| {
            let seen = visit.office.seen_head();
            Head { size: seen.size, short: seen.root.chars().take(16).collect() }
        }),
    };
    Ok(view.render()?)
}

/// What stands in the header: nothing while everything is read.
fn unread(lang: Lang, count: u32) -> String {
    let more = if count >= MOST_COUNTED { "+" } else { "" };
    match (count, lang) {
        (0, _) => String::new(),
        (_, Lang::Ja) => format!("お知らせ 未読{count}{more}件"),
        (_, Lang::En) => format!("{count}{more} unread notices"),
    }
}

fn menu(visit: &Visit, place: &str) -> Vec<(&'static str, Vec<Link>)> {
    let lang = visit.lang;
    let base = visit.base();
    let link = |path: &str, ja, en| {
        let href = if path.is_empty() { base.clone() } else { format!("{base}/{path}") };
        Link::new(href, lang.of(ja, en)).here_if(place == path)
    };
    let mut requests = vec![
        link("requests", "申請・報告", "Requests and reports"),
        link("findings", "所見", "Findings"),
        link("changes", "変更履歴", "Changes"),
        link("posts", "職と代決", "Posts and deputies"),
    ];
    if visit.may(Audience::Parties) {
        requests.insert(1, link("requests/new", "新しい申請・報告", "New request or report"));
    }
    vec![
        (
            lang.of("判定", "Standing"),
            vec![
                link("", "ホーム", "Home"),
                link("notices", "お知らせ", "Notices"),
                link("board", "契約の判定表", "Board of the contract"),
                link("reports", "月次報告", "Monthly reports"),
                link("hosts", "ホスト", "Hosts"),
                link("feeds", "脆弱性情報", "Vulnerabilities"),
                link("targets", "監視対象", "Targets"),
                link("backups", "バックアップ", "Backups"),
            ],
        ),
        (lang.of("申請と報告", "Requests"), requests),
        (
            lang.of("取り決め", "Agreed"),
            vec![
                link("systems", "情報システム", "Systems"),
                link("agreements", "申告と合意", "Declared and agreed"),
                link("parameters", "基準値", "Parameters"),
                link("documents", "手順書・文書", "Documents"),
                link("disclosures", "提示の求め", "Requests"),
                link("checksheets", "チェックシート", "Check-sheets"),
            ],
        ),
        (
            lang.of("証拠", "Proof"),
            vec![link("ledger", "台帳", "Ledger"), link("bundle", "証拠の持出し", "Take the proof away")],
        ),
        (
            lang.of("人", "People"),
            vec![link("people", "関係者", "People"), link("account", "自分のアカウント", "Own account")],
        ),
    ]
}

/// The headers that every answer of the portal carries.
pub fn secure(headers: &mut HeaderMap) {
    const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    let fixed = [
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
