//! 4.5.a, 8.a, 12.2.a: certificates in use: in the files that web servers name, and as local sockets show them.
//!
//! Only sockets on ports that speak TLS by custom, or that the operator named, are asked: a greeting to anything else would
//! fill its log with complaints.

use crate::reach::{self, Question};
use crate::reading::{Items, Sources, hex, open_content};
use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use yakujo_contract::change::Object;
use yakujo_contract::fact::state::Content;
use yakujo_contract::id::Digest;

/// Ports that speak TLS from the first byte, by custom.
const PORTS: [u16; 11] = [443, 465, 636, 853, 990, 993, 995, 5671, 6443, 8443, 9443];
const PATIENCE: Duration = Duration::from_secs(2);
/// Certificates and configuration files that are read.
const MOST: usize = 500;
const MOST_BYTES: u64 = 256 * 1024;
const NAMES_SHOWN: usize = 20;

/// Reads the certificates in use; `listening` are the TCP ports of this host.
#[must_use]
pub fn collect(sources: &Sources, listening: &BTreeSet<u16>) -> Vec<Items> {
    let mut all = Items::of(Object::Certificate);
    for path in named_files(sources) {
        match read_bounded(&sources.path(&path)) {
            Ok(bytes) => {
                let chain: Vec<CertificateDer<'static>> =
                    CertificateDer::pem_slice_iter(&bytes).take(MOST).flatten().collect();
                if chain.is_empty() {
                    all.missed(format!("{path}: no certificate in it"));
                } else {
                    all.items.insert(path, content(&chain));
                }
            }
            Err(error) => all.missed(format!("{path}: {error}")),
        }
    }
    for port in ports(sources, listening) {
        // A socket that does not speak TLS, or not with us, shows no certificate.
        if let Some(chain) = shown_at(sources, port) {
            all.items.insert(format!("tls port {port}"), content(&chain));
        }
    }
    vec![all]
}

/// Local ports that are asked.
pub(super) fn ports(sources: &Sources, listening: &BTreeSet<u16>) -> BTreeSet<u16> {
    let known = PORTS.iter().chain(&sources.settings.tls_ports).filter(|_| sources.is_live());
    known.filter(|port| listening.contains(port)).copied().collect()
}

/// When a certificate ends.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    crate::reading::from_unix(certificate.validity().not_after.timestamp())
}

fn read_bounded(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Files that nginx and Apache name, those of certbot, and the operator's own.
fn named_files(sources: &Sources) -> BTreeSet<String> {
    let mut files: BTreeSet<String> = sources.settings.certificates.iter().cloned().collect();
    for folder in ["/etc/nginx", "/etc/apache2", "/etc/httpd"] {
        for text in configurations(sources.path(folder), 0) {
            for line in text.lines().map(str::trim) {
                let value =
                    ["ssl_certificate ", "SSLCertificateFile "].iter().find_map(|key| line.strip_prefix(key));
                let path = value.map(|value| value.trim_matches([' ', ';', '"', '\'', '\t']));
                files.extend(
                    path.filter(|path| path.starts_with('/') && !path.contains('$')).map(str::to_owned),
                );
            }
        }
    }
    if let Ok(listed) = std::fs::read_dir(sources.path("/etc/letsencrypt/live")) {
        for entry in listed.flatten().filter(|entry| entry.path().join("fullchain.pem").exists()).take(MOST) {
            files.insert(format!(
                "/etc/letsencrypt/live/{}/fullchain.pem",
                entry.file_name().to_string_lossy()
            ));
        }
    }
    files.into_iter().take(MOST).collect()
}

fn configurations(folder: PathBuf, depth: usize) -> Vec<String> {
    let Ok(listed) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut texts = Vec::new();
    for path in listed.flatten().map(|entry| entry.path()).take(MOST) {
        if path.is_dir() && depth < 4 && !path.is_symlink() {
            texts.extend(configurations(path, depth.saturating_add(1)));
        } else if path.is_file() {
            texts.extend(read_bounded(&path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    texts
}

/// The digest of a chain, with the names and the end of its first certificate.
fn content(chain: &[CertificateDer<'_>]) -> Content {
    let mut sha = Sha256::new();
    chain.iter().for_each(|certificate| sha.update(certificate));
    let digest = Digest::try_from(hex(&sha.finalize())).ok();
    let first = chain.first().and_then(|first| X509Certificate::from_der(first).ok());
    let value = first.map(|(_, certificate)| {
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.into_iter().flat_map(|names| names.value.general_names.clone());
        let names: Vec<String> = names
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(name.to_owned()),
                GeneralName::IPAddress(bytes) => Some(hex(bytes)),
                _ => None,
            })
            .take(NAMES_SHOWN)
            .collect();
        let until = crate::reading::from_unix(certificate.validity().not_after.timestamp());
        let until = until.map_or_else(String::new, |until| until.to_string());
        format!("names {} until {until}", names.join(" "))
    });
    let value = value.and_then(|text| open_content(&text).value);
    Content { digest, sealed: None, value }
}

/// The chain that a local socket shows.
pub(super) fn shown_at(sources: &Sources, port: u16) -> Option<Vec<CertificateDer<'static>>> {
    let shown: Option<Vec<Vec<u8>>> = reach::ask(sources, &Question::Certificates { port }).ok()?;
    Some(shown?.into_iter().map(CertificateDer::from).collect())
}

/// The same, as bytes, by this process.
pub(crate) fn shown(port: u16) -> Option<Vec<Vec<u8>>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OnlyLooking))
        .with_no_client_auth();
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut socket = TcpStream::connect_timeout(&SocketAddr::new(here, port), PATIENCE).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.set_write_timeout(Some(PATIENCE)).ok()?;
    let mut connection =
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").ok()?).ok()?;
    // A server that wants a certificate from us may hang up afterwards; its own has been shown by then.
    let _ = connection.complete_io(&mut socket);
    let chain = connection.peer_certificates()?;
    Some(chain.iter().map(|certificate| certificate.to_vec()).collect())
}

/// Nothing is sent and nothing believed: any certificate may be looked at.
#[derive(Debug)]
struct OnlyLooking;

impl ServerCertVerifier for OnlyLooking {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_seen_in_the_file_nginx_names_and_a_new_one_is_another() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("etc/nginx/sites-enabled")).unwrap();
        let site =
            "server {\n  ssl_certificate /etc/tls/site.pem;\n  ssl_certificate_key /etc/tls/site.key;\n}\n";
        std::fs::write(tree.path().join("etc/nginx/sites-enabled/city"), site).unwrap();
        std::fs::create_dir_all(tree.path().join("etc/tls")).unwrap();
        let read = || {
            let made = rcgen::generate_simple_self_signed(vec!["city.example.jp".to_owned()]).unwrap();
            std::fs::write(tree.path().join("etc/tls/site.pem"), made.cert.pem()).unwrap();
            collect(&Sources::under(tree.path()), &BTreeSet::new()).remove(0)
        };
        let (one, two) = (read(), read());
        let shown = &one.items["/etc/tls/site.pem"];
        assert!(shown.value.as_deref().unwrap().starts_with("names city.example.jp until "), "{shown:?}");
        assert_ne!(shown.digest, two.items["/etc/tls/site.pem"].digest);
        std::fs::write(tree.path().join("etc/tls/site.pem"), "no certificate").unwrap();
        let broken = collect(&Sources::under(tree.path()), &BTreeSet::new()).remove(0);
        assert!(broken.items.is_empty() && !broken.coverage.is_complete());
    }

    #[test]
    fn a_local_socket_shows_its_certificate_and_one_without_tls_none() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            let _ = connection.complete_io(&mut socket);
        });
        assert_eq!(shown_at(&Sources::of_this_host(), port).unwrap()[0], *made.cert.der());
        server.join().unwrap();
        let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = plain.local_addr().unwrap().port();
        let server = std::thread::spawn(move || drop(plain.accept().unwrap()));
        assert!(shown_at(&Sources::of_this_host(), port).is_none());
        server.join().unwrap();
    }
}
