//! Tries against real sockets: what answers rightly, wrongly, endlessly, or not at all.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use yakujo_contract::fact::probe::Fault;
use yakujo_contract::target::{Expected, Means, Target};
use yakujo_probe::attempt::attempt;
use yakujo_probe::plan::Attempt;

fn target(means: Means, address: String, text: &str) -> Target {
    let text = (!text.is_empty()).then(|| text.to_owned());
    Target {
        target: "web".parse().unwrap(),
        system: "main".parse().unwrap(),
        name: "窓口".to_owned(),
        means,
        address,
        expected: Expected { text, ..Expected::default() },
        authority: None,
        reference: None,
        every_s: 20,
        probes: vec!["server".parse().unwrap()],
    }
}

/// A server that reads a request and answers with these bytes; the requests are told.
async fn answering(bytes: Vec<u8>) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (bytes, tell) = (bytes.clone(), tell.clone());
            tokio::spawn(async move {
                let mut request = vec![0; 4_096];
                let length = stream.read(&mut request).await.unwrap_or(0);
                request.truncate(length);
                let _ = tell.send(String::from_utf8_lossy(&request).into_owned());
                let _ = stream.write_all(&bytes).await;
            });
        }
    });
    (port, told)
}

fn page(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn http(bytes: Vec<u8>, text: &str) -> Attempt {
    let (port, _told) = answering(bytes).await;
    attempt(&target(Means::Http, format!("http://127.0.0.1:{port}/x?y=1"), text)).await
}

fn fault(attempt: &Attempt) -> Option<Fault> {
    match attempt {
        Attempt::Restricted { fault, .. } | Attempt::Down { fault, .. } => Some(*fault),
        Attempt::Up(_) | Attempt::Cannot(_) => None,
    }
}

#[tokio::test]
async fn the_request_says_who_asks_and_carries_nothing() {
    let (port, mut told) = answering(page("窓口")).await;
    let tried = attempt(&target(Means::Http, format!("http://127.0.0.1:{port}/x?y=1"), "窓口")).await;
    assert!(matches!(tried, Attempt::Up(_)), "{tried:?}");
    let request = told.recv().await.unwrap();
    assert!(request.starts_with("GET /x?y=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("Yakujo-Probe/") && request.contains("(target web)"), "{request}");
    assert!(request.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{request}");
    assert!(request.ends_with("\r\n\r\n") && !request.to_lowercase().contains("cookie"), "{request}");
}

#[tokio::test]
async fn an_answer_is_taken_for_what_it_is() {
    let moved =
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".to_vec();
    let rows = [
        (page("ただいま工事中"), Some(Fault::Text)),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec(), Some(Fault::Status)),
        (moved, Some(Fault::Status)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf".to_vec(), Some(Fault::Broken)),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), Some(Fault::Broken)),
        (Vec::new(), Some(Fault::Broken)),
        ([b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 200_000]].concat(), Some(Fault::Broken)),
    ];
    for (bytes, wanted) in rows {
        let shown = String::from_utf8_lossy(&bytes).chars().take(60).collect::<String>();
        assert_eq!(fault(&http(bytes, "窓口").await), wanted, "{shown}");
    }
}

#[tokio::test]
async fn only_the_beginning_of_a_page_is_read() {
    let long = |at: usize| {
        let mut body = "x".repeat(at);
        body.push_str("窓口");
        body.push_str(&"x".repeat(5_000_000));
        page(&body)
    };
    assert_eq!(fault(&http(long(1_000), "窓口").await), None);
    assert_eq!(fault(&http(long(2_000_000), "窓口").await), Some(Fault::Text));
}

#[tokio::test]
async fn nobody_and_nothing_are_told_apart() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let refused = attempt(&target(Means::Tcp, format!("127.0.0.1:{port}"), "")).await;
    assert_eq!(fault(&refused), Some(Fault::Refused));
    let unknown = attempt(&target(Means::Tcp, "no-such-name.invalid:80".to_owned(), "")).await;
    assert_eq!(fault(&unknown), Some(Fault::Name));
    let home = attempt(&target(Means::Tcp, "localhost:80".to_owned(), "")).await;
    assert!(matches!(home, Attempt::Cannot(_)), "{home:?}");
}

#[tokio::test]
async fn who_never_ends_is_left_after_ten_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let began = Instant::now();
    let tried = attempt(&target(Means::Http, format!("http://127.0.0.1:{port}/"), "窓口")).await;
    assert_eq!(fault(&tried), Some(Fault::Timeout));
    assert!(began.elapsed() < Duration::from_secs(12));
}

struct Issued {
    authority: String,
    server: Arc<rustls::ServerConfig>,
}

fn issued(name: &str) -> Issued {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut own = rcgen::CertificateParams::new(Vec::new()).unwrap();
    own.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = own.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(own, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let secret = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    Issued { authority, server: Arc::new(server) }
}

async fn write_page<S: AsyncWrite + Unpin>(stream: &mut S) {
    let _ = stream.write_all(&page("窓口")).await;
    let _ = stream.shutdown().await;
}

async fn encrypted(server: Arc<rustls::ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(server.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                write_page(&mut stream).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_is_believed_only_for_its_name_and_by_its_authority() {
    let (right, other) = (issued("127.0.0.1"), issued("127.0.0.1"));
    let port = encrypted(right.server.clone()).await;
    let tried = async |authority: &str, address: String| {
        let mut target = target(Means::Https, address, "窓口");
        target.authority = Some(authority.to_owned());
        attempt(&target).await
    };
    let up = tried(&right.authority, format!("https://127.0.0.1:{port}/")).await;
    assert!(matches!(up, Attempt::Up(_)), "{up:?}");
    let foreign = tried(&other.authority, format!("https://127.0.0.1:{port}/")).await;
    assert!(matches!(foreign, Attempt::Restricted { fault: Fault::Tls, .. }), "{foreign:?}");
    let elsewhere = encrypted(issued("portal.example.jp").server).await;
    let wrong_name = tried(&right.authority, format!("https://127.0.0.1:{elsewhere}/")).await;
    assert_eq!(fault(&wrong_name), Some(Fault::Tls));
    let none = tried("no certificate", format!("https://127.0.0.1:{port}/")).await;
    assert!(matches!(none, Attempt::Cannot(_)), "{none:?}");
    let (plain, _told) = answering(page("窓口")).await;
    let unencrypted = tried(&right.authority, format!("https://127.0.0.1:{plain}/")).await;
    assert_eq!(fault(&unencrypted), Some(Fault::Tls));
}
