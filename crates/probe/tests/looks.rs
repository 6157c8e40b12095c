//! Looks at real servers: another authority, another encryption, another page are seen; a renewed certificate is told and
//! is none of these. And the whole probe, whose facts lead to a verdict of 12.2.a.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::network::EnvironmentSeen;
use yakujo_contract::target::{Expected, Means, Target};
use yakujo_probe::look::look;
use yakujo_probe::sights::Picture;

struct Authority {
    pem: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

fn authority(organisation: &str) -> Authority {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut own = rcgen::CertificateParams::new(Vec::new()).unwrap();
    own.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    own.distinguished_name = rcgen::DistinguishedName::new();
    own.distinguished_name.push(rcgen::DnType::OrganizationName, organisation);
    own.distinguished_name.push(rcgen::DnType::CommonName, format!("{organisation} Root"));
    let pem = own.self_signed(&key).unwrap().pem();
    Authority { pem, issuer: rcgen::Issuer::new(own, key) }
}

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const NEW_ONLY: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn serving(
    by: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<rustls::ServerConfig> {
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.signed_by(&key, &by.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server =
        rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    Arc::new(server.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap())
}

/// A server that may be changed while it runs.
#[derive(Clone)]
struct Site {
    port: u16,
    now: Arc<Mutex<(Arc<rustls::ServerConfig>, String)>>,
}

impl Site {
    async fn start(server: Arc<rustls::ServerConfig>, answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site =
            Self { port: listener.local_addr().unwrap().port(), now: Arc::new(Mutex::new((server, answer))) };
        let own = site.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (server, answer) = own.now.lock().unwrap().clone();
                tokio::spawn(async move {
                    let acceptor = tokio_rustls::TlsAcceptor::from(server);
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut request = [0; 4_096];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        site
    }

    fn becomes(&self, server: &Arc<rustls::ServerConfig>, answer: &str) {
        *self.now.lock().unwrap() = (server.clone(), answer.to_owned());
    }

    fn target(&self, authority: &Authority) -> Target {
        Target {
            target: "web".parse().unwrap(),
            system: "main".parse().unwrap(),
            name: "窓口".to_owned(),
            means: Means::Https,
            address: format!("https://127.0.0.1:{}/login", self.port),
            expected: Expected::default(),
            authority: Some(authority.pem.clone()),
            reference: None,
            every_s: 20,
            probes: vec!["server".parse().unwrap()],
        }
    }
}

fn page(token: &str, field: &str) -> String {
    let body =
        format!("<form action=/login?t={token}><input name={field}><input name=csrf value={token}></form>");
    let policy = format!("Content-Security-Policy: script-src 'self' 'nonce-{token}'\r\n");
    format!("HTTP/1.1 200 OK\r\n{policy}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// What is not another at each certificate.
fn lasting(picture: &Picture) -> Picture {
    let mut picture = picture.clone();
    if let Some(tls) = &mut picture.tls {
        tls.chain.clear();
        tls.not_after = Timestamp::MIN;
    }
    picture
}

#[tokio::test]
async fn a_renewed_certificate_shows_the_same_environment_and_another_authority_does_not() {
    let (first, other) = (authority("Example CA"), authority("Other CA"));
    let site = Site::start(serving(&first, BOTH), page("a", "user")).await;
    let target = site.target(&first);
    let before = look(&target).await.unwrap();
    let tls = before.tls.clone().unwrap();
    assert_eq!((tls.issuer.as_str(), tls.lowest_minor, tls.highest_minor), ("Example CA", Some(2), Some(3)));
    assert!(tls.anchor.contains("Example CA Root") && tls.names.contains("7f000001"), "{tls:?}");
    assert_eq!(before.page.clone().unwrap().policy.as_deref(), Some("script-src 'self'"));

    site.becomes(&serving(&first, BOTH), &page("b", "user"));
    let renewed = look(&target).await.unwrap();
    assert_ne!(renewed, before);
    assert_eq!(lasting(&renewed), lasting(&before));

    // Nobody who trusts the first authority gets in any more: the certificate is seen all the same.
    site.becomes(&serving(&other, BOTH), &page("c", "user"));
    let moved = look(&target).await.unwrap();
    assert_eq!(moved.tls.unwrap().issuer, "Other CA");
    assert_eq!(moved.page, None);
}

#[tokio::test]
async fn a_raised_encryption_another_form_and_a_redirect_are_seen() {
    let by = authority("Example CA");
    let server = serving(&by, BOTH);
    let site = Site::start(server.clone(), page("a", "user")).await;
    let target = site.target(&by);
    let before = look(&target).await.unwrap();
    site.becomes(&server, &page("b", "otp"));
    assert_ne!(look(&target).await.unwrap().page.unwrap().forms, before.page.unwrap().forms);
    site.becomes(
        &server,
        "HTTP/1.1 302 Found\r\nLocation: https://new.example.jp/in?s=1\r\nContent-Length: 0\r\n\r\n",
    );
    let led = look(&target).await.unwrap().page.unwrap();
    assert_eq!((led.status, led.location.as_deref()), (302, Some("https://new.example.jp/in")));
    site.becomes(&server, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(look(&target).await.unwrap().page, None);
    site.becomes(&serving(&by, NEW_ONLY), &page("c", "user"));
    assert_eq!(look(&target).await.unwrap().tls.unwrap().lowest_minor, Some(3));
}

#[tokio::test]
async fn a_name_that_leads_nowhere_gives_no_picture() {
    let by = authority("Example CA");
    let site = Site::start(serving(&by, BOTH), page("a", "user")).await;
    let target = Target { address: "https://no-such-name.invalid/".to_owned(), ..site.target(&by) };
    assert_eq!(look(&target).await, None);
}

/// The next fact about the environment.
async fn next(facts: &mut tokio::sync::mpsc::Receiver<Vec<Fact>>) -> EnvironmentSeen {
    let seen = async {
        loop {
            let told = facts.recv().await.unwrap();
            if let Some(seen) = told.into_iter().find_map(|fact| match fact {
                Fact::EnvironmentSeen(seen) => Some(seen),
                _ => None,
            }) {
                return seen;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), seen).await.unwrap()
}

#[tokio::test]
async fn a_probe_tells_at_its_next_look_that_the_authority_changed_and_since_when_it_may_have() {
    let (first, other) = (authority("Example CA"), authority("Other CA"));
    let site = Site::start(serving(&first, BOTH), page("a", "user")).await;
    let ahead = Arc::new(AtomicI64::new(0));
    let hands = ahead.clone();
    let clock: yakujo_probe::run::Clock =
        Arc::new(move || Timestamp::now() + SignedDuration::from_secs(hands.load(Ordering::Relaxed)));
    let target = Target { every_s: 10, ..site.target(&first) };
    let (_assign, assigned) = tokio::sync::watch::channel(Arc::new(vec![target]));
    let (tell, mut facts) = tokio::sync::mpsc::channel(64);
    let (end, ended) = tokio::sync::watch::channel(());
    let probing = tokio::spawn(yakujo_probe::run::run(clock, assigned, tell, ended));
    let before = next(&mut facts).await;
    assert_eq!((before.since, before.tls.unwrap().issuer.as_str()), (None, "Example CA"));
    site.becomes(&serving(&other, BOTH), &page("a", "user"));
    ahead.store(600, Ordering::Relaxed);
    let after = next(&mut facts).await;
    assert_eq!(after.tls.unwrap().issuer, "Other CA");
    assert!(after.since.is_some());
    end.send(()).unwrap();
    drop(facts);
    probing.await.unwrap();
}
