//! The page of what is not there, of what cannot be taken, and of a failure. It tells nothing the visitor may not know.

use super::assets;
use super::visit::Refusal;
use super::words::Lang;
use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

#[derive(Template)]
#[template(path = "absent.html")]
struct View<'a> {
    lang: Lang,
    css: String,
    title: &'a str,
    text: &'a str,
}

/// 404, the same for everything that is not for the visitor.
#[must_use]
pub fn plain(lang: Lang) -> Response {
    let title = lang.of("ページが見つかりません", "Page not found");
    let text = lang.of(
        "アドレスが正しいか確かめてください。閲覧の権限がないページも、このように表示されます。",
        "Check the address. Pages you may not see look like this as well.",
    );
    page(lang, title, text, StatusCode::NOT_FOUND)
}

/// 422: what was typed cannot be taken.
#[must_use]
pub fn wrong(lang: Lang, text: &str) -> Response {
    let title = lang.of("受け付けられませんでした", "This could not be taken");
    page(lang, title, text, StatusCode::UNPROCESSABLE_ENTITY)
}

/// 500: the cause goes to the server's log only.
#[must_use]
pub fn failed(lang: Lang, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Absent => plain(lang),
        Refusal::Wrong(text) => wrong(lang, &text),
        Refusal::Failed(cause) => {
            tracing::error!(cause, "a page could not be made");
            let title = lang.of("ただいま表示できません", "This cannot be shown now");
            let text = lang.of(
                "サーバの側で処理に失敗しました。しばらくして、もう一度お試しください。続くときは、運用担当へ連絡してください。",
                "The server failed. Try again in a while; if it goes on, tell the operator.",
            );
            page(lang, title, text, StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn page(lang: Lang, title: &str, text: &str, status: StatusCode) -> Response {
    let view = View { lang, css: assets::path("yakujo.css"), title, text };
    let html = view.render().unwrap_or_else(|_| title.to_owned());
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
