//! Somebody of the city at the portal, over HTTPS with one kept connection, as a browser has.

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use totp_rs::{Builder, Secret};
use yakujo_server::people::sessions::{Credentials, SessionLimits};
use yakujo_server::server::Running;

use super::beside::median;

/// Pages asked for one figure, which is the median.
const TIMES: usize = 31;
const PASSWORD: &str = "kaze-no-toorimichi-2026";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A signed-in visitor.
pub struct Portal {
    cookie: String,
    authority: String,
    address: std::net::SocketAddr,
}

impl Portal {
    /// Takes the first link of the city and signs in.
    pub async fn sign_in(running: &Running) -> Result<Self> {
        let office = running.house.office("main").ok_or("the first contract")?;
        let (_, link) = running
            .first_links
            .iter()
            .find(|(_, link)| link.login == "city")
            .ok_or("the link of the city")?;
        let opened = office.people.open_link(&link.secret, Timestamp::now()).await?;
        let secret = Secret::try_from_base32(&opened.secret).map_err(|error| format!("{error:?}"))?;
        let device = Builder::new().with_secret(secret).with_account_name("city").build()?;
        let code = |at: Timestamp| Ok::<_, Box<dyn Error>>(device.generate(u64::try_from(at.as_second())?));
        let now = Timestamp::now();
        office.people.redeem_link(&link.secret, PASSWORD, &code(now)?.to_string(), now).await?;
        // Each code counts once: the next one is that of half a minute later.
        let later = now + SignedDuration::from_secs(30);
        let code = code(later)?.to_string();
        let credentials =
            Credentials { login: "city", password: PASSWORD, code: &code, address: "127.0.0.1", device: "" };
        let day = SignedDuration::from_hours(24);
        let limits = SessionLimits { privileged: day, staff: day, absolute: day };
        let session = office.people.sign_in(&credentials, &limits, now).await?;
        Ok(Self {
            cookie: format!("__Host-yakujo-main={}", &*session.secret),
            authority: running.house.authority.pem().to_owned(),
            address: running.portal,
        })
    }

    /// The same visitor after the server was started again.
    pub fn elsewhere(self, running: &Running) -> Self {
        Self { address: running.portal, ..self }
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes())?)?;
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name, socket).await?)
    }

    /// How long a page takes, ms: the median.
    pub async fn page(&self, path: &str) -> Result<f64> {
        let mut line = self.connect().await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n", self.cookie);
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            line.write_all(request.as_bytes()).await?;
            let answer = answer(&mut line).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            if !answer.starts_with("HTTP/1.1 200") || !answer.contains("</html>") {
                return Err(format!("{path}: {}", answer.lines().next().unwrap_or_default()).into());
            }
        }
        Ok(median(&mut times))
    }
}

/// Reads one answer with its whole body.
async fn answer(line: &mut TlsStream<TcpStream>) -> Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = line.read(&mut buffer).await?;
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        let whole = match length {
            Some(length) => bytes.len() >= head.len() + 4 + length.parse::<usize>()?,
            None => body.ends_with("0\r\n\r\n"),
        };
        if whole || count == 0 {
            return Ok(text.into_owned());
        }
    }
}
