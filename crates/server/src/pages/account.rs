//! 自分のアカウント: own sessions, a new password or authenticator, language.

use super::block::{Act, Block, Cell, Field, Form, Input, Table};
use super::door::set_cookie;
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::SignedDuration;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::server::{AuthFailure, CloseReason, SessionClose};

/// How long a link to set a new password is valid.
const RENEWAL: SignedDuration = SignedDuration::from_mins(30);

/// The page.
///
/// # Errors
/// When the database fails.
pub async fn show(visit: Visit) -> Answer {
    frame::show(&visit, &page(&visit, "").await?)
}

async fn page(visit: &Visit, wrong: &str) -> Result<Page, Refusal> {
    let lang = visit.lang;
    let session = visit.session()?;
    let person = &session.person;
    let title = visit.of("自分のアカウント", "Own account");
    let lead = visit.of(
        "操作がないと、サーバの側で自動的に切断します。切断までの時間は、双方が合意した基準 P-11 によります。",
        "Without action the server cuts the session. After how long is parameter P-11, agreed by both parties.",
    );
    let mut page = Page::new("account", title, lead);
    page.push(Block::Fields(vec![
        (visit.of("氏名", "Name").to_owned(), Cell::text(person.name.clone().unwrap_or_default())),
        (visit.of("役割", "Role").to_owned(), Cell::text(words::role(lang, person.role))),
        (visit.of("サインイン名", "Sign-in name").to_owned(), Cell::code(person.login.as_str())),
        (visit.of("ID（台帳での名）", "Id in the ledger").to_owned(), Cell::code(person.id.as_str())),
        (visit.of("役割の終わり", "Until").to_owned(), Cell::maybe_time(lang, person.until)),
        (
            visit.of("この接続が切れる時刻（無操作のとき）", "This session is cut (idle)").to_owned(),
            Cell::time(lang, session.idle_ends),
        ),
        (visit.of("この接続の上限", "This session ends").to_owned(), Cell::time(lang, session.absolute_ends)),
    ]));
    let mail = visit.of("メールでのお知らせ", "Notices by mail").to_owned();
    page.push(Block::Buttons(vec![(format!("{}/account/mail", visit.base()), mail, "second")]));
    sessions(visit, &mut page).await?;
    credentials(visit, wrong, &mut page);
    Ok(page)
}

async fn sessions(visit: &Visit, page: &mut Page) -> Result<(), Refusal> {
    let (lang, session) = (visit.lang, visit.session()?);
    let person = &session.person;
    page.push(Block::Heading(visit.of("サインイン中の接続", "Running sessions").to_owned()));
    let limits = visit.office.session_limits();
    let sessions = visit.office.people.sessions_of(&person.id, &limits).await?;
    let rows = sessions.iter().map(|other| {
        let own = other.name == session.name;
        let end = Act {
            action: format!("{}/account/end", visit.base()),
            csrf: visit.csrf.clone(),
            hidden: vec![("session".to_owned(), other.name.clone())],
            label: visit.of("切断する", "End").to_owned(),
            class: "second",
        };
        let last = if own { Cell::text(visit.of("この接続", "This one")) } else { Cell::Act(end) };
        vec![
            Cell::code(other.name.as_str()),
            Cell::text(other.address.as_str()),
            Cell::time(lang, other.created),
            Cell::time(lang, other.idle_ends),
            last,
        ]
    });
    let heads = [
        visit.of("名", "Name"),
        visit.of("接続元", "From"),
        visit.of("開始", "Began"),
        visit.of("切断予定", "Cut"),
        visit.of("操作", "Action"),
    ];
    page.push(Block::Table(Table {
        caption: visit.of("サインイン中の接続", "Running sessions").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows: rows.collect(),
        empty: String::new(),
    }));
    Ok(())
}

fn credentials(visit: &Visit, wrong: &str, page: &mut Page) {
    let lang = visit.lang;
    page.push(Block::Heading(visit.of("パスワードと認証アプリ", "Password and authenticator").to_owned()));
    page.push(Block::Text(
        visit
            .of(
                "両方をまとめて設定し直します。終わると、ほかの接続も含めてすべて切断します。",
                "Both are set anew together. Afterwards every session ends.",
            )
            .to_owned(),
    ));
    let label = visit.of("いまのパスワード", "Current password");
    let fields = vec![Field::new("password", label, Input::Secret("current-password")).wrong(wrong)];
    let form = visit.form("/account/link", visit.of("設定し直す", "Set anew"), fields);
    page.push(Block::Form(Form { class: "second", ..form }));
    page.push(Block::Heading(visit.of("表示の言語", "Language").to_owned()));
    let other = lang.other();
    let href = format!("{}?lang={}", visit.uri_path, other.code());
    let words = match other {
        Lang::Ja => "日本語で表示する",
        Lang::En => "Show in English",
    };
    page.push(Block::Buttons(vec![(href, words.to_owned(), "second")]));
}

/// Ends one of the own sessions.
///
/// # Errors
/// Absent, where there is none of that name.
pub async fn end(visit: Visit) -> Answer {
    let session = visit.session()?;
    let name = visit.typed("session");
    if !visit.office.people.end_session(&session.person.id, name).await? {
        return Err(Refusal::Absent);
    }
    let fact = SessionClose {
        person: session.person.id.clone(),
        session: name.to_owned(),
        reason: CloseReason::Revoked,
    };
    visit.office.state(None, Fact::SessionClose(fact)).await?;
    visit.go("/account")
}

/// A link to set password and authenticator anew. Whoever finds an open session does not know the password.
///
/// # Errors
/// When the database fails.
pub async fn renew(visit: Visit) -> Answer {
    let id = &visit.session()?.person.id;
    let password = super::visit::find(&visit.form, "password");
    if !visit.office.people.is_password_of(id, password).await? {
        let failure = AuthFailure { person: Some(id.clone()), from: visit.address.clone(), count: 1 };
        visit.office.state(None, Fact::AuthFailure(failure)).await?;
        let wrong = visit.of("パスワードが違います。", "The password is wrong.");
        return frame::show_wrong(&visit, &page(&visit, wrong).await?);
    }
    let secret = visit.office.people.grant_link(id, visit.now, RENEWAL).await?;
    visit.go(&format!("/link/{}", *secret))
}

/// Signs out.
///
/// # Errors
/// When the database or the ledger fails.
pub async fn sign_out(visit: Visit) -> Answer {
    let session = visit.session()?;
    if visit.office.people.end_session(&session.person.id, &session.name).await? {
        let fact = SessionClose {
            person: session.person.id.clone(),
            session: session.name.clone(),
            reason: CloseReason::SignedOut,
        };
        visit.office.state(None, Fact::SessionClose(fact)).await?;
    }
    let mut response = visit.go("/sign-in?after=out")?;
    let id = visit.office.id();
    let gone = format!("__Host-yakujo-{id}=; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    set_cookie(response.headers_mut(), &gone);
    Ok(response)
}

/// Goes on: the door has already counted this as use. The browser stays where it is.
///
/// # Errors
/// None.
pub async fn extend(_visit: Visit) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
