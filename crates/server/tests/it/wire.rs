//! HTTP/1.1 over TLS, byte by byte: what is sent is exactly what the test wrote, also where a library would refuse.

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Longer than a server may hold a connection that says nothing.
pub const HELD: std::time::Duration = std::time::Duration::from_secs(20);

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case, without the date.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// All headers of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What stands between two texts.
    pub fn between(&self, before: &str, after: &str) -> &str {
        let rest = self.body.split_once(before).map_or("", |(_, rest)| rest);
        rest.split_once(after).map_or("", |(found, _)| found)
    }
}

/// A door of the server, as one client reaches it.
#[derive(Clone)]
pub struct Wire {
    pub door: SocketAddr,
    config: Arc<ClientConfig>,
    /// Connections that wait for the next request.
    idle: Arc<Mutex<Vec<TlsStream<TcpStream>>>>,
}

impl Wire {
    /// Trusts this authority; the time is the server's. With a certificate and its key: as a device.
    pub fn new(
        door: SocketAddr,
        authority: &str,
        time: Arc<dyn TimeProvider>,
        device: Option<(&str, &str)>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_details(provider, time)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match device {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate], key.into()).unwrap()
            }
        };
        Self { door, config: Arc::new(config), idle: Arc::default() }
    }

    async fn connect(&self) -> Option<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.door).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(self.config.clone());
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()
    }

    /// How long the server holds a connection over which only this is sent.
    pub async fn held(&self, begin: &[u8]) -> std::time::Duration {
        let since = std::time::Instant::now();
        let mut stream = self.connect().await.unwrap();
        stream.write_all(begin).await.unwrap();
        let _ = tokio::time::timeout(HELD, stream.read_to_end(&mut Vec::new())).await;
        since.elapsed()
    }

    /// Sends the bytes and reads the answer to the end of the connection. None: closed without an answer.
    pub async fn send(&self, request: &[u8]) -> Option<Reply> {
        let mut stream = self.connect().await?;
        // A server that has refused already may close while a long body is still being sent.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        (!answer.is_empty()).then(|| reply(&answer))
    }

    /// The bytes of the body of the answer, as they came.
    pub async fn bytes(&self, request: &[u8]) -> (Reply, Vec<u8>) {
        let mut stream = self.connect().await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let (reply, body) = without_body(&answer);
        let whole = if reply.header("transfer-encoding") == "chunked" { chunks(body) } else { body.to_vec() };
        (reply, whole)
    }

    /// Sends a whole request over a connection that may have served others, as browsers and agents do.
    pub async fn ask(&self, request: &[u8]) -> Option<Reply> {
        let waiting = self.idle.lock().unwrap().pop();
        if let Some(stream) = waiting
            && let Some(reply) = self.exchange(stream, request).await
        {
            return Some(reply);
        }
        self.exchange(self.connect().await?, request).await
    }

    async fn exchange(&self, mut stream: TlsStream<TcpStream>, request: &[u8]) -> Option<Reply> {
        let _ = stream.write_all(request).await;
        let (mut answer, mut wanted, mut piece) = (Vec::new(), None, [0_u8; 16 * 1024]);
        while wanted.is_none_or(|wanted| answer.len() < wanted) {
            match stream.read(&mut piece).await {
                Ok(read) if read > 0 => answer.extend_from_slice(&piece[..read]),
                _ => return (!answer.is_empty()).then(|| reply(&answer)),
            }
            wanted = wanted.or_else(|| length(&answer, request.starts_with(b"HEAD")));
        }
        let reply = reply(&answer);
        if reply.header("connection") != "close" {
            self.idle.lock().unwrap().push(stream);
        }
        Some(reply)
    }
}

/// The length of a whole answer, once its head has come.
fn length(answer: &[u8], only_head: bool) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let (reply, _) = without_body(&answer[..head]);
    if only_head || reply.status == 204 {
        return Some(head);
    }
    if reply.header("transfer-encoding") == "chunked" {
        return answer.ends_with(b"\r\n0\r\n\r\n").then_some(answer.len());
    }
    Some(head + reply.header("content-length").parse::<usize>().unwrap_or(0))
}

fn reply(answer: &[u8]) -> Reply {
    let (mut reply, body) = without_body(answer);
    let whole = if reply.header("transfer-encoding") == "chunked" { chunks(body) } else { body.to_vec() };
    reply.body = readable(reply.header("content-type"), &whole);
    reply
}

fn without_body(answer: &[u8]) -> (Reply, &[u8]) {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&answer[..head]);
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers = lines.map(header).filter(|(name, _)| name != "date").collect();
    (Reply { status, headers, body: String::new() }, &answer[head + 4..])
}

/// What a person reads in it: a workbook and a printed page are compressed, and a test that looks for a word in their
/// bytes would never find one.
fn readable(kind: &str, body: &[u8]) -> String {
    match kind {
        _ if body.is_empty() => String::new(),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => sheets(body),
        "application/pdf" => printed(body),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

fn sheets(workbook: &[u8]) -> String {
    let mut parts = zip::ZipArchive::new(std::io::Cursor::new(workbook)).unwrap();
    let mut text = String::new();
    for index in 0..parts.len() {
        let mut part = parts.by_index(index).unwrap();
        let name = part.name().unwrap().into_owned();
        // The moment at which it was made is no content.
        if name == "docProps/core.xml" {
            continue;
        }
        text.push_str(&name);
        std::io::Read::read_to_string(&mut part, &mut text).unwrap();
    }
    text
}

fn printed(page: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, page).unwrap();
    let out = std::process::Command::new("pdftotext").arg(file.path()).arg("-").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    let title: String =
        text.lines().next().unwrap_or_default().chars().filter(|c| c.is_alphanumeric()).collect();
    keep_paper(file.path(), &format!("{title}-{}", page.len()));
    text
}

/// The pages as pictures, for whoever wants to look at them: `YAKUJO_EVERY_PAGE` names a folder.
pub fn keep_paper(file: &std::path::Path, name: &str) {
    let Some(folder) = std::env::var_os("YAKUJO_EVERY_PAGE") else { return };
    let to = std::path::Path::new(&folder).join(format!("paper-{name}"));
    let out = std::process::Command::new("pdftoppm").args(["-png", "-r", "70"]).arg(file).arg(&to).status();
    assert!(out.unwrap().success());
}

/// The pieces of a streamed body, put together.
fn chunks(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(line) = body.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&body[line + 2..line + 2 + size]);
        body = &body[line + 4 + size..];
    }
    whole
}

/// The time of the test, for the client's look at certificates.
#[derive(Debug)]
pub struct ServersTime(pub super::site::Clock);

impl TimeProvider for ServersTime {
    fn current_time(&self) -> Option<UnixTime> {
        let second = u64::try_from(self.0.now().as_second()).unwrap();
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(second)))
    }
}
