//! サインイン: name, password, code of the device. One answer for every way to fail.

use super::block::{Block, Field, Form, Input, Tone, Upload};
use super::door::set_cookie;
use super::era;
use super::frame::{self, Page};
use super::visit::{Answer, Refusal, Visit};
use crate::people::known::KNOWN_FOR;
use crate::people::sessions::{Credentials, NewSession, Session, SignInError};
use axum::http::HeaderMap;
use subtle::ConstantTimeEq as _;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::server::{AuthFailure, CloseReason, SessionClose, SessionOpen};

/// Compares secrets in constant time.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// The form.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    if visit.session.is_some() {
        return visit.go("");
    }
    let note = match visit.asked("after") {
        "out" => Some((Tone::Good, visit.of("サインアウトしました。", "You have signed out."))),
        "set" => Some((
            Tone::Good,
            visit.of("設定が終わりました。サインインしてください。", "All is set. Please sign in."),
        )),
        _ => None,
    };
    frame::show(&visit, &page(&visit, "", note))
}

fn page(visit: &Visit, login: &str, note: Option<(Tone, &str)>) -> Page {
    let title = visit.of("サインイン", "Sign in");
    let lead = visit.of(
        "この画面は、市と受託者の関係者だけが使います。利用は台帳に記録されます。",
        "For the people of the city and the contractor only. Use is recorded in the ledger.",
    );
    let mut page = Page::new("", title, lead);
    if let Some((tone, text)) = note {
        page.push(Block::note(tone, "", text));
    }
    let fields = vec![
        Field::new(
            "login",
            visit.of("サインイン名", "Sign-in name"),
            Input::Line(login.to_owned(), "username"),
        ),
        Field::new("password", visit.of("パスワード", "Password"), Input::Secret("current-password")),
        Field::new("code", visit.of("確認コード", "Code"), Input::Digits("one-time-code")).hint(visit.of(
            "認証アプリに表示された6桁の数字です。端末をなくしたときは、控えておいた回復コードを入力してください。",
            "The six digits of your authenticator. If you lost it, type one of your recovery codes.",
        )),
    ];
    page.push(Block::Form(Form {
        action: format!("{}/sign-in", visit.base()),
        csrf: visit.csrf.clone(),
        hidden: Vec::new(),
        fields,
        label: visit.of("サインインする", "Sign in").to_owned(),
        class: "",
        upload: Upload::No,
        go: "",
        further: Vec::new(),
    }));
    page
}

/// Signs in.
///
/// # Errors
/// When the database or the ledger fails.
pub async fn sign_in(visit: Visit) -> Answer {
    let credentials = Credentials {
        login: visit.typed("login"),
        password: super::visit::find(&visit.form, "password"),
        code: &era::half_width(visit.typed("code")),
        address: &visit.address,
        // Before sign-in the cookie is the door's, and the door's cookie is what a known device is known by.
        device: if visit.session.is_none() { &visit.cookie } else { "" },
    };
    let limits = visit.office.session_limits();
    match visit.office.people.sign_in(&credentials, &limits, visit.now).await {
        Ok(new) => opened(&visit, &new).await,
        Err(SignInError::Refused { person, count }) => {
            let failure = AuthFailure { person, from: visit.address.clone(), count };
            visit.office.state(None, Fact::AuthFailure(failure)).await?;
            let text = visit.of(
                "サインインできませんでした。サインイン名、パスワード、確認コードのいずれかが違います。確認コードは一度しか使えません。",
                "Sign-in failed. Name, password or code is wrong. A code works only once.",
            );
            frame::show_wrong(&visit, &page(&visit, visit.typed("login"), Some((Tone::Bad, text))))
        }
        Err(SignInError::Throttled(until)) => {
            let until = era::exact(until);
            let text = if visit.lang == super::words::Lang::Ja {
                format!("続けて失敗したため、{until} まで受け付けません。")
            } else {
                format!("Too many failures: not before {until}.")
            };
            frame::show_wrong(&visit, &page(&visit, visit.typed("login"), Some((Tone::Bad, &text))))
        }
        Err(SignInError::People(error)) => Err(Refusal::from(error)),
    }
}

async fn opened(visit: &Visit, new: &NewSession) -> Answer {
    if let Some(earlier) = &visit.session {
        leave_behind(visit, earlier).await?;
    }
    let fact = SessionOpen {
        person: new.session.person.id.clone(),
        session: new.session.name.clone(),
        from: visit.address.clone(),
        method: new.method.to_owned(),
    };
    visit.office.state(None, Fact::SessionOpen(fact)).await?;
    let mut response = visit.go("")?;
    let id = visit.office.id();
    let headers = response.headers_mut();
    let secret: &str = &new.secret;
    set_cookie(headers, &format!("__Host-yakujo-{id}={secret}; Secure; HttpOnly; SameSite=Strict; Path=/"));
    set_known_device(headers, visit, &new.device);
    Ok(response)
}

/// The cookie by which the device is known from now on. It opens nothing.
pub fn set_known_device(headers: &mut HeaderMap, visit: &Visit, device: &str) {
    let (id, lives) = (visit.office.id(), KNOWN_FOR.as_secs());
    let cookie =
        format!("__Host-door-{id}={device}; Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age={lives}");
    set_cookie(headers, &cookie);
}

/// The session that this browser had before ends with the sign-in.
async fn leave_behind(visit: &Visit, earlier: &Session) -> Result<(), Refusal> {
    let (person, session) = (earlier.person.id.clone(), earlier.name.clone());
    if visit.office.people.end_session(&person, &session).await? {
        let close = SessionClose { person, session, reason: CloseReason::SignedOut };
        visit.office.state(None, Fact::SessionClose(close)).await?;
    }
    Ok(())
}
