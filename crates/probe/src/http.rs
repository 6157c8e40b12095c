//! Fetches one page: nothing kept, no redirect followed, bounded in size. No body and no cookie either, but for a session that
//! somebody signed in to (`session.rs`). The time is bounded by the one who asks.

use crate::dial::{self, DialError};
use crate::page::Page;
use crate::roots;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use yakujo_contract::target::{Endpoint, Means, Place, Target};

/// Bytes of a page that are looked at.
const MOST: usize = 256 * 1024;
/// Bytes of the head of an answer.
const HEAD: usize = 64 * 1024;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The certificate is not to be believed.
    #[error("the certificate is not to be believed: {0}")]
    Certificate(String),
    /// No encryption came about.
    #[error("no encryption came about: {0}")]
    Tls(String),
    /// The answer broke off or is no HTTP.
    #[error("the answer is not HTTP, or broke off: {0}")]
    Broken(String),
    /// The authorities to believe cannot be read: this probe cannot try it.
    #[error("{0}")]
    Roots(String),
}

/// Fetches the page of a target.
///
/// # Errors
/// Any [`FetchError`].
pub async fn fetch(target: &Target, endpoint: &Endpoint) -> Result<Page, FetchError> {
    exchange(target, endpoint, &Sent { path: &endpoint.path, cookies: String::new(), form: None }).await
}

/// What is sent to a target.
pub struct Sent<'a> {
    /// Path and query.
    pub path: &'a str,
    /// The header of that name; empty: none.
    pub cookies: String,
    /// A form that is sent, as `application/x-www-form-urlencoded`.
    pub form: Option<String>,
}

/// Sends something to a target, for the page it answers.
///
/// # Errors
/// Any [`FetchError`].
pub async fn exchange(target: &Target, endpoint: &Endpoint, sent: &Sent<'_>) -> Result<Page, FetchError> {
    let config = match target.means {
        Means::Https => Some(roots::config(target.authority.as_deref()).map_err(FetchError::Roots)?),
        Means::Http | Means::Tcp | Means::Icmp => None,
    };
    let stream = dial::connect(endpoint).await?;
    let Some(config) = config else { return ask(stream, target, endpoint, sent).await };
    let name = server_name(endpoint)?;
    let encrypted = TlsConnector::from(config).connect(name, stream).await.map_err(|error| of_tls(&error))?;
    ask(encrypted, target, endpoint, sent).await
}

/// The name a server has to prove.
///
/// # Errors
/// [`FetchError::Tls`], where no certificate can be for such a name.
pub fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, FetchError> {
    match &endpoint.host {
        Place::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|error| FetchError::Tls(error.to_string()))
        }
        Place::Address(address) => Ok(ServerName::IpAddress((*address).into())),
    }
}

fn of_tls(error: &std::io::Error) -> FetchError {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => FetchError::Certificate(error.to_string()),
        Some(_) | None => FetchError::Tls(error.to_string()),
    }
}

async fn ask<S>(stream: S, target: &Target, endpoint: &Endpoint, sent: &Sent<'_>) -> Result<Page, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |error: &dyn std::fmt::Display| FetchError::Broken(error.to_string());
    let mut client = hyper::client::conn::http1::Builder::new();
    client.max_buf_size(HEAD);
    let (mut sender, connection) =
        client.handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // Ends with this function, whichever way that is.
    let connection = AbortOnDrop(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection of a probe ended: {error}");
        }
    }));
    let request = request(target, endpoint, sent).map_err(|error| broken(&error))?;
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    let said = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let (location, policy) = (said(header::LOCATION), said(header::CONTENT_SECURITY_POLICY));
    let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok()).map(ToOwned::to_owned).collect();
    let mut answer = answer.into_body();
    let mut body = Vec::new();
    while let Some(frame) = answer.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(bytes) = frame.data_ref() else { continue };
        let room = MOST.saturating_sub(body.len());
        body.extend(bytes.iter().take(room));
        if body.len() >= MOST {
            break;
        }
    }
    drop(connection);
    Ok(Page { status, location, policy, cookies, body })
}

fn request(
    target: &Target,
    endpoint: &Endpoint,
    sent: &Sent<'_>,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let (scheme, usual) = match target.means {
        Means::Https => ("https", 443),
        Means::Http | Means::Tcp | Means::Icmp => ("http", 80),
    };
    let authority = endpoint.authority();
    let host = authority.strip_suffix(&format!(":{usual}")).unwrap_or(&authority);
    let mut request = Request::get(sent.path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, agent(target))
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close");
    if !sent.cookies.is_empty() {
        request = request.header(header::COOKIE, sent.cookies.as_str());
    }
    let Some(form) = &sent.form else { return request.body(Full::default()) };
    request
        .method(Method::POST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, format!("{scheme}://{host}"))
        .body(Full::from(form.clone()))
}

/// Who asks, so that the contractor finds the tries in the system's own log.
fn agent(target: &Target) -> String {
    format!("Yakujo-Probe/{} (target {})", env!("CARGO_PKG_VERSION"), target.target)
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
