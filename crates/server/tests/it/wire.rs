//! HTTP/1.1 over TLS, byte by byte: what is sent is exactly what the test wrote, also where a library would refuse.

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
        Self { door, config: Arc::new(config) }
    }

    /// How long the server holds a connection over which only this is sent.
    pub async fn held(&self, begin: &[u8]) -> std::time::Duration {
        let since = std::time::Instant::now();
        let stream = TcpStream::connect(self.door).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(self.config.clone());
        let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        stream.write_all(begin).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
        since.elapsed()
    }

    /// Sends the bytes and reads the answer to its end. None: closed without an answer.
    pub async fn send(&self, request: &[u8]) -> Option<Reply> {
        let stream = TcpStream::connect(self.door).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(self.config.clone());
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.ok()?;
        // A server that has refused already may close while a long body is still being sent.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        (!answer.is_empty()).then(|| reply(&answer))
    }
}

fn reply(answer: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers = lines.map(header).filter(|(name, _)| name != "date").collect();
    Reply { status, headers, body: body.to_owned() }
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
