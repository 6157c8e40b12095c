//! The door before every handler (see `routes`).

use super::sign_in;
use super::visit::{self, Answer, Attachment, Refusal, Visit};
use super::words::Lang;
use super::{absent, assets};
use crate::office::Office;
use crate::people::sessions::Touch;
use crate::people::{hex, random};
use crate::resent;
use crate::routes::{Route, Verb};
use crate::settings::Clock;
use axum::body::{Body, to_bytes};
use axum::extract::multipart::Multipart;
use axum::extract::{ConnectInfo, FromRequest as _, Path, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use yakujo_contract::id::ContractId;

/// The largest body of a form without file, in bytes.
const FORM: usize = 256 * 1024;
/// The largest file, in bytes.
pub const FILE: usize = 32 * 1024 * 1024;

/// Whoever sends his form more slowly than this gets no answer to it: a slow line carries a whole file in the time.
const PATIENCE: Duration = Duration::from_secs(300);

/// The contracts of this server, and the clock.
pub struct Portal {
    /// Contracts by id.
    pub offices: BTreeMap<ContractId, Arc<Office>>,
    /// The clock.
    pub clock: Clock,
    /// Fingerprint of the certification authority.
    pub authority: Arc<str>,
}

struct Cookies {
    session: String,
    door: String,
    lang: Lang,
}

/// Lets a request through to its handler, or gives the page of what does not exist.
pub async fn enter(
    portal: &Portal,
    route: &'static Route,
    params: &RawPathParams,
    request: Request,
) -> Response {
    let path = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    answer(portal, Some(route), path, request).await
}

/// What does not exist, or not by this method: it goes the same way as what is not for the visitor, so that nothing
/// tells them apart.
pub async fn absent(State(portal): State<Arc<Portal>>, request: Request) -> Response {
    answer(&portal, None, BTreeMap::new(), request).await
}

async fn answer(
    portal: &Portal,
    route: Option<&'static Route>,
    path: BTreeMap<String, String>,
    request: Request,
) -> Response {
    let contract = request.uri().path().strip_prefix("/c/").and_then(|rest| rest.split('/').next());
    let office = contract.and_then(|id| id.parse::<ContractId>().ok()).and_then(|id| portal.offices.get(&id));
    let Some(office) = office else { return no_method_told(absent::plain(Lang::Ja)) };
    let (visit, request) = match arrive(portal, office, path, request).await {
        Ok(arrived) => arrived,
        Err(refusal) => return absent::failed(Lang::Ja, refusal),
    };
    let fresh_door = visit.session.is_none() && visit.cookie.is_empty();
    let lang_asked = !visit.asked("lang").is_empty();
    let (lang, csrf, contract) = (visit.lang, visit.csrf.clone(), office.id().clone());
    let mut response = match through(route, visit, request).await {
        Ok(response) => response,
        Err(refusal) => absent::failed(lang, refusal),
    };
    let shows_forms = matches!(response.status(), StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY);
    let headers = response.headers_mut();
    if fresh_door && shows_forms && !headers.contains_key(header::SET_COOKIE) {
        set_cookie(
            headers,
            &format!("__Host-door-{contract}={csrf}; Secure; HttpOnly; SameSite=Strict; Path=/"),
        );
    }
    if lang_asked {
        let code = lang.code();
        set_cookie(
            headers,
            &format!("lang={code}; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=31536000"),
        );
    }
    no_method_told(response)
}

/// The router names the methods of a path in `Allow` where it finds none, which would tell that the path exists; where
/// the header stands already, it leaves it as it is.
fn no_method_told(mut response: Response) -> Response {
    if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::SEE_OTHER) {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD,POST"));
    }
    response
}

/// Adds a cookie.
pub fn set_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

async fn arrive(
    portal: &Portal,
    office: &Arc<Office>,
    path: BTreeMap<String, String>,
    request: Request,
) -> Result<(Visit, Request), Refusal> {
    let now = (portal.clock)();
    let query = visit::fields(request.uri().query().unwrap_or(""));
    let cookies = cookies(request.headers(), office.id());
    let lang = match visit::find(&query, "lang") {
        "en" => Lang::En,
        "ja" => Lang::Ja,
        _ => cookies.lang,
    };
    let limits = office.session_limits();
    let session = match cookies.session.as_str() {
        "" => None,
        secret => office.people.session(secret, Touch::Use, &limits, now).await?,
    };
    let csrf = match &session {
        Some(session) => session.csrf.clone(),
        None if cookies.door.is_empty() => hex(&*random::<16>()?),
        None => cookies.door.clone(),
    };
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address =
        address.map_or_else(|| "unknown".to_owned(), |ConnectInfo(address)| address.ip().to_string());
    let unread = match &session {
        Some(session) => office.people.unread(&session.person.id, session.person.role).await?,
        None => 0,
    };
    let visit = Visit {
        office: Arc::clone(office),
        unread,
        cookie: if session.is_some() { cookies.session } else { cookies.door },
        session,
        lang,
        now,
        address,
        host: host(&request),
        authority: Arc::clone(&portal.authority),
        uri_path: request.uri().path().to_owned(),
        path,
        query,
        form: Vec::new(),
        file: None,
        csrf,
    };
    Ok((visit, request))
}

/// Whoever is not signed in and asks for a page is sent to the door of the contract, whether the page exists or not.
async fn through(route: Option<&'static Route>, mut visit: Visit, request: Request) -> Answer {
    let Some(route) = route.filter(|route| route.audience.admits(visit.caller())) else {
        let reads = request.method() == Method::GET || request.method() == Method::HEAD;
        return if reads && visit.session.is_none() { visit.go("/sign-in") } else { Err(Refusal::Absent) };
    };
    if route.verb == Verb::Post {
        if !comes_from_here(&request) {
            return Err(Refusal::Absent);
        }
        let read = tokio::time::timeout(PATIENCE, read_body(&mut visit, request)).await;
        read.map_err(|_| Refusal::Absent)??;
        if !holds_token(&visit) {
            return Err(Refusal::Absent);
        }
        return take_once(route, visit).await;
    }
    (route.handler)(visit).await
}

/// Takes a form. The same form, sent again, waits and leads where the first one led. It is taken to its end even where the
/// browser hangs up: whoever presses twice does that to the first one.
async fn take_once(route: &'static Route, visit: Visit) -> Answer {
    let (Some(form), Some(session)) = (resent::digest(&visit), &visit.session) else {
        return (route.handler)(visit).await;
    };
    let (office, session) = (Arc::clone(&visit.office), session.name.clone());
    let mut led = office.resent.place(&session, form).lock_owned().await;
    if let Some(target) = led.as_ref() {
        return Ok(lead_to(target.clone()));
    }
    let taking = async move {
        let answer = (route.handler)(visit).await;
        let target = answer.as_ref().ok().filter(|it| it.status() == StatusCode::SEE_OTHER);
        if let Some(target) = target.and_then(|response| response.headers().get(header::LOCATION)) {
            *led = Some(target.clone());
            office.resent.count(&session);
        }
        answer
    };
    tokio::spawn(taking).await?
}

fn lead_to(target: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, target);
    response
}

/// The token of the form is the session's; before sign-in it is that of the browser's own cookie.
fn holds_token(visit: &Visit) -> bool {
    let token = visit.typed("csrf");
    match &visit.session {
        Some(session) => session.has_csrf(token),
        None => !visit.cookie.is_empty() && sign_in::same(&visit.cookie, token),
    }
}

/// A browser says where a form came from: in `Sec-Fetch-Site`, which no page can set, and in `Origin`. Our own pages
/// say `no-referrer`, which makes the origin of their forms `null`; but `null` is also what a page in a sandbox says, so
/// it counts only beside `same-origin`. An origin that is named must be ours. Where a privacy setting or a proxy takes
/// both headers away, nothing contradicts the form, and its token decides together with the `SameSite=Strict` cookie:
/// refusing would lock such people out and stop nobody who does not hold the token.
fn comes_from_here(request: &Request) -> bool {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let host = named_host(request);
    let is_ours = |origin: &str| host.is_some() && origin.strip_prefix("https://") == host;
    match (text("sec-fetch-site"), text("origin")) {
        (None, None) | (Some("same-origin"), None | Some("null")) => true,
        (None | Some("same-origin"), Some(origin)) => is_ours(origin),
        (Some(_), _) => false,
    }
}

async fn read_body(visit: &mut Visit, request: Request) -> Result<(), Refusal> {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !kind.starts_with("multipart/form-data") {
        let bytes = to_bytes(request.into_body(), FORM).await.map_err(|_| Refusal::Absent)?;
        visit.form = visit::fields(&String::from_utf8_lossy(&bytes));
        visit.form.iter_mut().for_each(|(_, value)| unix_lines(value));
        return Ok(());
    }
    if visit.session.is_none() {
        return Err(Refusal::Absent);
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, FILE).await;
    let bytes = bytes.map_err(|_| {
        Refusal::Wrong(visit.of("ファイルは32MiB以内にしてください。", "At most 32 MiB.").to_owned())
    })?;
    let again = Request::from_parts(parts, Body::from(bytes));
    let mut multipart = Multipart::from_request(again, &()).await.map_err(|_| Refusal::Absent)?;
    while let Some(field) = multipart.next_field().await.map_err(|_| Refusal::Absent)? {
        let name = field.name().unwrap_or("").to_owned();
        let bytes = field.bytes().await.map_err(|_| Refusal::Absent)?;
        if name == "file" {
            visit.file = Some(Attachment { bytes: bytes.to_vec() });
        } else {
            let mut value = String::from_utf8_lossy(&bytes).into_owned();
            unix_lines(&mut value);
            visit.form.push((name, value));
        }
    }
    Ok(())
}

/// Browsers end the lines of a text of several with CR LF; a text is the same whichever browser sent it.
fn unix_lines(value: &mut String) {
    if value.contains('\r') {
        *value = value.replace("\r\n", "\n");
    }
}

/// The host as the request names it; HTTP/2 names it in the address instead of a header.
fn named_host(request: &Request) -> Option<&str> {
    match request.headers().get(header::HOST) {
        Some(value) => Some(value.to_str().unwrap_or("unreadable")),
        None => request.uri().authority().map(|authority| authority.as_str()),
    }
}

/// The name the visitor typed. It is shown to nobody but this visitor, and only as far as it is a name and a port.
fn host(request: &Request) -> String {
    let name = named_host(request).unwrap_or_default();
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(*c)).take(260).collect()
}

fn cookies(headers: &HeaderMap, contract: &ContractId) -> Cookies {
    let mut found = Cookies { session: String::new(), door: String::new(), lang: Lang::Ja };
    let (session, door) = (format!("__Host-yakujo-{contract}"), format!("__Host-door-{contract}"));
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    for (name, value) in lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
    {
        if name == session {
            value.clone_into(&mut found.session);
        } else if name == door && value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            value.clone_into(&mut found.door);
        } else if name == "lang" && value == "en" {
            found.lang = Lang::En;
        }
    }
    found
}

/// Style sheet, script, icon.
pub async fn asset(Path((digest, name)): Path<(String, String)>) -> Response {
    assets::get(&digest, &name).unwrap_or_else(|| no_method_told(absent::plain(Lang::Ja)))
}

/// `/`: on to the only contract; with several, nothing is said about which there are.
pub async fn first(State(portal): State<Arc<Portal>>) -> Response {
    let mut contracts = portal.offices.keys();
    let (Some(only), None) = (contracts.next(), contracts.next()) else {
        return no_method_told(absent::plain(Lang::Ja));
    };
    match HeaderValue::from_str(&format!("/c/{only}")) {
        Ok(target) => lead_to(target),
        Err(_) => no_method_told(absent::plain(Lang::Ja)),
    }
}
