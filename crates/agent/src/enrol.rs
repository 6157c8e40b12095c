//! How an agent gets its device certificate: it makes a key, pins the server by the fingerprint in the code, and hands
//! in a request with the one-time code. The key never leaves the host.

use crate::deliver::hex_of_certificate;
use rcgen::{CertificateParams, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Largest answer, bytes.
const MAX_ANSWER: u64 = 256 * 1024;

/// Why enrolment failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The code lacks its fingerprint.
    #[error("the code is not whole: copy it again, it has the form CODE@FINGERPRINT")]
    Code,
    /// The server's address.
    #[error("`{0}` is no address of a server: write https://HOST:PORT")]
    Address(String),
    /// The server is another one.
    #[error("the server is not the one that issued the code: check the address; do not go on if it is right")]
    Stranger,
    /// The server refused.
    #[error("the server refused: {0}")]
    Refused(String),
    /// The answer is malformed.
    #[error("the server's answer cannot be read")]
    Answer(#[from] serde_json::Error),
    /// Files or network.
    #[error("{0}")]
    Io(String, #[source] std::io::Error),
    /// The key.
    #[error("the key could not be made")]
    Key(#[from] rcgen::Error),
    /// TLS.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

#[derive(Serialize)]
struct Request<'a> {
    code: &'a str,
    csr: String,
}

/// What the server gives.
#[derive(Debug, Serialize, Deserialize)]
pub struct Enrolled {
    /// The host id it knows this machine by.
    pub host: String,
    /// The device certificate, PEM.
    pub certificate: String,
    /// The server's authority, PEM.
    pub ca: String,
    /// Where to report, as `host:port`.
    pub intake: String,
    /// The public key of orders. Agents that were enrolled before there was one ask for it over their own line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub orders: String,
}

/// Whether the folder holds a certificate.
#[must_use]
pub fn is_enrolled(folder: &Path) -> bool {
    folder.join("enrolled.json").exists() && folder.join("device.key").exists()
}

/// Enrols. Blocking.
///
/// # Errors
/// Any [`EnrolError`].
pub fn enrol(folder: &Path, server: &str, code: &str) -> Result<Enrolled, EnrolError> {
    let (secret, fingerprint) = code.trim().split_once('@').ok_or(EnrolError::Code)?;
    if fingerprint.len() != 64 {
        return Err(EnrolError::Code);
    }
    let address = server.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
    let address = address.filter(|address| address.contains(':'));
    let address = address.ok_or_else(|| EnrolError::Address(server.to_owned()))?;
    let key = KeyPair::generate()?;
    let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
    let body = serde_json::to_string(&Request { code: secret, csr })?;
    let answer = post(address, fingerprint, &body)?;
    let mut enrolled: Enrolled = serde_json::from_str(&answer)?;
    enrolled.intake = reachable(&enrolled.intake, address);
    let authority =
        CertificateDer::from_pem_slice(enrolled.ca.as_bytes()).map_err(|_| EnrolError::Stranger)?;
    if hex_of_certificate(&authority) != fingerprint {
        return Err(EnrolError::Stranger);
    }
    keep(folder, &key, &enrolled)?;
    Ok(enrolled)
}

/// A server that listens on every address names none of them: the one it was reached by is taken.
fn reachable(intake: &str, server: &str) -> String {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    match intake.parse::<std::net::SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => format!("{host}:{}", address.port()),
        Ok(_) | Err(_) => intake.to_owned(),
    }
}

fn keep(folder: &Path, key: &KeyPair, enrolled: &Enrolled) -> Result<(), EnrolError> {
    let failed = |error| EnrolError::Io(format!("{} cannot be written", folder.display()), error);
    crate::deliver::private_folder(folder).map_err(failed)?;
    let pem = zeroize::Zeroizing::new(key.serialize_pem());
    crate::deliver::write_private(&folder.join("device.key"), pem.as_bytes()).map_err(failed)?;
    let text = serde_json::to_vec_pretty(enrolled)?;
    crate::deliver::write_private(&folder.join("enrolled.json"), &text).map_err(failed)
}

/// One request over TLS to a server whose authority has this fingerprint.
fn post(address: &str, fingerprint: &str, body: &str) -> Result<String, EnrolError> {
    let failed = |error| EnrolError::Io(format!("{address} cannot be reached"), error);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| EnrolError::Address(address.to_owned()))?;
    let pinned = Arc::new(Pinned { fingerprint: fingerprint.to_owned(), seen: Mutex::new(false) });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(pinned.clone())
        .with_no_client_auth();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name)?;
    let mut socket = TcpStream::connect(address).map_err(failed)?;
    for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
        set(&socket, Some(Duration::from_secs(20))).map_err(failed)?;
    }
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let length = body.len();
    let request = format!(
        "POST /enrol/v1 HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let written = stream.write_all(request.as_bytes());
    if !*pinned.seen.lock().unwrap_or_else(PoisonError::into_inner) {
        return Err(written.err().map_or(EnrolError::Stranger, |error| match error.kind() {
            std::io::ErrorKind::InvalidData => EnrolError::Stranger,
            _ => failed(error),
        }));
    }
    written.map_err(failed)?;
    let mut answer = Vec::new();
    if let Err(error) = stream.take(MAX_ANSWER).read_to_end(&mut answer)
        && error.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(failed(error));
    }
    body_of(&String::from_utf8_lossy(&answer))
}

fn body_of(answer: &str) -> Result<String, EnrolError> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let ok = head.lines().next().is_some_and(|status| status.contains(" 200"));
    if ok { Ok(body.to_owned()) } else { Err(EnrolError::Refused(body.trim().chars().take(300).collect())) }
}

/// Accepts a server whose chain holds the authority with the fingerprint of the code, and verifies the chain to it.
#[derive(Debug)]
struct Pinned {
    fingerprint: String,
    seen: Mutex<bool>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let authority = intermediates.iter().find(|one| hex_of_certificate(one) == self.fingerprint);
        let authority = authority.ok_or_else(unknown)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|_| unknown())?;
        let verified = verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::reachable;

    #[test]
    fn a_server_that_listens_everywhere_is_reported_to_where_it_was_reached() {
        assert_eq!(reachable("0.0.0.0:8444", "portal.example:8443"), "portal.example:8444");
        assert_eq!(reachable("[::]:8444", "[2001:db8::1]:8443"), "[2001:db8::1]:8444");
        assert_eq!(reachable("192.0.2.7:8444", "portal.example:8443"), "192.0.2.7:8444");
    }
}
