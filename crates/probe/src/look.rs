//! One look at what users of a target have to rely on (12.2.a): where its name leads, which certificate and encryption it
//! shows, what its page asks of a browser. Of what the page says, nothing is kept.

use crate::dial;
use crate::http;
use crate::page::{self, Page};
use crate::plan::Attempt;
use crate::sights::Picture;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, ProtocolVersion, SignatureScheme, SupportedProtocolVersion,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use yakujo_contract::fact::network::{PageSeen, TlsSeen};
use yakujo_contract::id::Digest;
use yakujo_contract::target::{Endpoint, Means, Target};

/// A look takes at most so long.
const LOOK: Duration = Duration::from_secs(10);
/// Names of a certificate, certificates of a chain, addresses of a name that are told.
const MOST: usize = 64;
/// Longest text that is told, characters.
const LONGEST: usize = 1_000;

/// Looks at a target; none where its name leads nowhere or the time is over.
pub async fn look(target: &Target) -> Option<Picture> {
    let endpoint = target.endpoint().ok()?;
    tokio::time::timeout(LOOK, looked(target, &endpoint)).await.ok().flatten()
}

async fn looked(target: &Target, endpoint: &Endpoint) -> Option<Picture> {
    let addresses = dial::resolved(endpoint).await.ok()?.into_iter().take(MOST).collect();
    let tls = match target.means {
        Means::Https => shown(endpoint).await,
        Means::Http | Means::Tcp | Means::Icmp => None,
    };
    let page = match target.means {
        Means::Http | Means::Https => match http::fetch(target, endpoint).await {
            Ok(page) => asked_of_browsers(target, &page),
            Err(_) => None,
        },
        Means::Tcp | Means::Icmp => None,
    };
    Some(Picture { name: endpoint.host.name(), addresses, tls, page })
}

/// The certificate and the versions a server shows to whoever asks.
async fn shown(endpoint: &Endpoint) -> Option<TlsSeen> {
    let (chain, highest) = match handshake(endpoint, rustls::ALL_VERSIONS).await {
        Shown::Chain(chain, version) => (chain, version),
        Shown::Refused | Shown::Nothing => return None,
    };
    let lowest = match highest {
        ProtocolVersion::TLSv1_3 => match handshake(endpoint, &[&rustls::version::TLS12]).await {
            Shown::Chain(..) => Some(2),
            Shown::Refused => Some(3),
            Shown::Nothing => None,
        },
        _ => Some(2),
    };
    let highest = if highest == ProtocolVersion::TLSv1_3 { 3 } else { 2 };
    Some(TlsSeen { lowest_minor: lowest, highest_minor: Some(highest), ..certificate(&chain)? })
}

/// What came of a handshake.
enum Shown {
    Chain(Vec<CertificateDer<'static>>, ProtocolVersion),
    /// The server does not speak this version.
    Refused,
    /// Nothing that tells anything.
    Nothing,
}

async fn handshake(endpoint: &Endpoint, versions: &[&'static SupportedProtocolVersion]) -> Shown {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let looking = Arc::new(OnlyLooking(provider.clone()));
    let Ok(builder) = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions) else {
        return Shown::Nothing;
    };
    let config = builder.dangerous().with_custom_certificate_verifier(looking).with_no_client_auth();
    let Ok(name) = http::server_name(endpoint) else { return Shown::Nothing };
    let Ok(stream) = dial::connect(endpoint).await else { return Shown::Nothing };
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(encrypted) => {
            let (_, session) = encrypted.get_ref();
            let chain = session.peer_certificates().map(|chain| chain.iter().take(MOST).cloned().collect());
            chain
                .zip(session.protocol_version())
                .map_or(Shown::Nothing, |(c, version)| Shown::Chain(c, version))
        }
        Err(error) => {
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
            match cause {
                Some(rustls::Error::AlertReceived(_) | rustls::Error::PeerIncompatible(_)) => Shown::Refused,
                Some(_) | None => Shown::Nothing,
            }
        }
    }
}

fn certificate(chain: &[CertificateDer<'_>]) -> Option<TlsSeen> {
    let own = X509Certificate::from_der(chain.first()?).ok()?.1;
    let last = X509Certificate::from_der(chain.last()?).ok()?.1;
    let digests: Vec<Digest> = chain.iter().filter_map(|certificate| digest(certificate)).collect();
    let by_itself = own.issuer() == own.subject();
    let mut anchor = short(&last.issuer().to_string());
    if by_itself && let Some(digest) = digests.first() {
        let _ = write!(anchor, " {digest}");
    }
    let organisation = own.issuer().iter_organization().next().and_then(|name| name.as_str().ok());
    let issuer = organisation.map_or_else(|| own.issuer().to_string(), ToOwned::to_owned);
    let named = own.subject_alternative_name().ok().flatten();
    let names: BTreeSet<String> = named
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(short(&name.to_ascii_lowercase()).chars().take(253).collect()),
            GeneralName::IPAddress(bytes) => Some(hex(bytes)),
            _ => None,
        })
        .take(MOST)
        .collect();
    let not_after = jiff::Timestamp::from_second(own.validity().not_after.timestamp()).ok()?;
    let (lowest_minor, highest_minor) = (None, None);
    Some(TlsSeen {
        issuer: short(&issuer),
        anchor,
        names,
        chain: digests,
        not_after,
        lowest_minor,
        highest_minor,
    })
}

/// What a page asks of a browser; none where the page is not the promised one: a notice of maintenance is no environment.
fn asked_of_browsers(target: &Target, page: &Page) -> Option<PageSeen> {
    let redirect = (300..400).contains(&page.status);
    let as_promised = match page::compare(&target.expected, page, 0) {
        Attempt::Up(_) => true,
        Attempt::Restricted { .. } | Attempt::Down { .. } | Attempt::Cannot(_) => false,
    };
    if !as_promised && !redirect {
        return None;
    }
    let location = page.location.as_deref().filter(|_| redirect).map(|text| short(without_query(text)));
    let policy = page.policy.as_deref().map(|text| short(&steady_policy(text)));
    let forms = if redirect { None } else { digest(forms(&page.body).as_bytes()) };
    Some(PageSeen { status: page.status, location, policy, forms })
}

fn without_query(text: &str) -> &str {
    let end = text.find(['?', '#', ';']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// A policy without its nonces, which are others at each answer.
fn steady_policy(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| !word.starts_with("'nonce-"));
    words.collect::<Vec<_>>().join(" ")
}

/// The forms of a page with the names and kinds of their fields, in their order; values are passed over.
fn forms(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut found = String::new();
    for tag in text.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or(tag);
        let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
        let kept: &[&str] = match name.to_ascii_lowercase().as_str() {
            "form" => &["method", "action"],
            "input" | "button" => &["type", "name"],
            "select" | "textarea" => &["name"],
            _ => continue,
        };
        let _ = write!(found, "{}", name.to_ascii_lowercase());
        for key in kept {
            let _ = write!(found, " {key}={}", without_query(&attribute(tag, key).unwrap_or_default()));
        }
        found.push('\n');
    }
    found
}

/// The value of an attribute of a tag.
pub(crate) fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag.split_once(|c: char| c.is_ascii_whitespace())?.1;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() && after.is_empty() {
            return None;
        }
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..)?.split_once(quote).unwrap_or((value.get(1..)?, "")),
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn digest(bytes: &[u8]) -> Option<Digest> {
    Digest::try_from(hex(&Sha256::digest(bytes))).ok()
}

/// Nothing is sent and nothing believed: any certificate may be looked at, if its owner shows it.
#[derive(Debug)]
struct OnlyLooking(Arc<CryptoProvider>);

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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_fields_and_not_by_what_stands_in_them() {
        let page = |token: &str, more: &str| {
            let text = format!(
                "<FORM action='/login?x={token}' method=post><input type=hidden name=\"csrf\" value=\"{token}\">\
                 <input name=user type=text><input type=password name=pass>{more}</form><p>{token} 件</p>"
            );
            forms(text.as_bytes())
        };
        assert_eq!(page("a1", ""), page("b2", ""));
        assert_ne!(page("a1", ""), page("a1", "<input name=otp>"));
        assert!(page("a1", "").starts_with("form method=post action=/login\ninput type=hidden name=csrf\n"));
    }

    #[test]
    fn attributes_are_read_however_they_are_written() {
        let rows = [
            ("input name=a", Some("a")),
            ("input\nx NAME = 'b c' y", Some("b c")),
            ("input x", None),
            ("input", None),
            ("input name=", Some("")),
            ("input name='a", Some("a")),
        ];
        for (tag, wanted) in rows {
            assert_eq!(attribute(tag, "name").as_deref(), wanted, "{tag}");
        }
    }

    #[test]
    fn what_is_another_at_each_answer_is_left_out() {
        assert_eq!(steady_policy("script-src 'self'  'nonce-abc'; img-src *"), "script-src 'self' img-src *");
        assert_eq!(without_query("/login;jsessionid=1?next=/#top"), "/login");
    }
}
