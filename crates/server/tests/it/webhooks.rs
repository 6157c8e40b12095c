//! Webhooks, against a receiver that really speaks TLS: signed, again until they arrive, never elsewhere.

use super::site::Site;
use ring::hmac;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use yakujo_contract::act::Role;
use yakujo_server::notices::pacing::Pace;

/// A receiver on this machine that answers its first requests with these status lines, and then 200. It tells what it got.
pub async fn receiver(
    answers: &'static [&'static str],
    elsewhere: u16,
) -> (u16, String, mpsc::UnboundedReceiver<String>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, got) = mpsc::unbounded_channel();
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut text = String::new();
            let mut buffer = [0_u8; 4096];
            while !text.contains("\r\n\r\n") || !text.ends_with('}') {
                let read = stream.read(&mut buffer).await.unwrap_or(0);
                if read == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            let answer = answers.get(count.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or("200 OK");
            let head = format!(
                "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nlocation: https://localhost:{elsewhere}/\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let _ = stream.shutdown().await;
            let _ = told.send(text);
        }
    });
    (port, made.cert.pem(), got)
}

/// The city declares a webhook; returns its secret.
pub async fn declare(site: &Site, url: &str, pace: Pace) -> Vec<u8> {
    declare_for(site, Role::CitySecurity, url, pace).await
}

/// The party of a role declares a webhook; returns its secret.
pub async fn declare_for(site: &Site, role: Role, url: &str, pace: Pace) -> Vec<u8> {
    let office = site.office("main");
    // What was there before is history.
    yakujo_server::notices::plan_all(&office).await.unwrap();
    yakujo_server::notices::plan_dues(&office).await.unwrap();
    let secret = office.people.add_webhook(role.party(), url, pace, office.now()).await.unwrap();
    secret.unwrap().to_vec()
}

/// What arrives next, while time passes as fast as it must for the pauses between tries.
async fn next(site: &Site, got: &mut mpsc::UnboundedReceiver<String>) -> String {
    for _ in 0..40 {
        if let Ok(text) = tokio::time::timeout(Duration::from_millis(500), got.recv()).await {
            return text.unwrap();
        }
        site.clock.pass(jiff::SignedDuration::from_secs(30));
    }
    panic!("nothing arrives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_arrives_signed_and_again_after_a_failure() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, authority, mut got) =
        receiver(&["503 Service Unavailable", "302 Found"], elsewhere.local_addr().unwrap().port()).await;
    let site = Site::trusting(&authority).await;
    let secret = declare(&site, &format!("https://localhost:{port}/hook"), Pace::AtOnce).await;
    let mut contractor = site.contractor().await;
    contractor.get("/c/main/duty/9.b").await;
    let said = [("about", "duty/9.b/main"), ("scope", "shared"), ("text", "himitsu-no-bun")];
    assert_eq!(contractor.post("/c/main/comments", &said).await.status, 303);

    let first = next(&site, &mut got).await;
    let redirected = next(&site, &mut got).await;
    let third = next(&site, &mut got).await;
    for text in [&first, &redirected, &third] {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /hook HTTP/1.1"), "{head}");
        assert!(!text.contains("himitsu-no-bun"), "what was said does not go out");
        let sign = head.lines().find_map(|line| line.strip_prefix("yakujo-signature: t=")).unwrap();
        let (seconds, tag) = sign.split_once(",v1=").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag: Vec<u8> =
            (0..tag.len()).step_by(2).map(|at| u8::from_str_radix(&tag[at..at + 2], 16).unwrap()).collect();
        hmac::verify(&key, format!("{seconds}.{body}").as_bytes(), &tag).expect("the signature is right");
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((told["v"].as_u64(), told["kind"].as_str()), (Some(1), Some("comment")));
        assert_eq!(told["link"], "/c/main/duty/9.b");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(got.try_recv().is_err(), "what has arrived is not sent again");
    let followed = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(followed.is_err(), "nobody goes where a redirect leads");
    site.stop().await;
}

/// Somebody of the contractor says something to both: a notice for the city that is not urgent.
async fn said(site: &Site) {
    let actor = site.actor("main", "contractor").await.unwrap();
    site.office("main").say(actor, "duty/9.b/main".parse().unwrap(), "himitsu-no-bun", None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_gathered_in_the_night_comes_as_one_when_the_city_opens() {
    let (port, authority, mut got) = receiver(&["503 Service Unavailable"], 1).await;
    let site = Site::trusting(&authority).await;
    declare(&site, &format!("https://localhost:{port}/hook"), Pace::Digest).await;
    said(&site).await;
    said(&site).await;
    assert!(tokio::time::timeout(Duration::from_secs(3), got.recv()).await.is_err(), "not before");
    // New Year is the longest pause of the calendar.
    site.clock.pass(jiff::SignedDuration::from_hours(24 * 8));
    let first = next(&site, &mut got).await;
    let again = next(&site, &mut got).await;
    for text in [first, again] {
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let told: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((told["kind"].as_str(), told["link"].as_str()), (Some("digest"), Some("/c/main/notices")));
        let all = told["notices"].as_array().unwrap();
        let comments: Vec<_> = all.iter().filter(|notice| notice["kind"] == "comment").collect();
        assert_eq!(comments.len(), 2, "{body}");
        assert_ne!(comments[0]["id"], comments[1]["id"]);
    }
    site.stop().await;
}

/// The receiver that the operator's guide prints, run as it stands there.
struct Guide {
    child: std::process::Child,
    lines: std::sync::mpsc::Receiver<String>,
    _folder: tempfile::TempDir,
}

impl Drop for Guide {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Guide {
    fn start(port: u16, key: &str, made: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Self {
        use std::io::BufRead as _;
        let guide = include_str!("../../../../docs/operator.md");
        let code = guide.split_once("```python\n").unwrap().1.split_once("```").unwrap().0;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let mut command = std::process::Command::new("/usr/bin/python3");
        command
            .arg(file("receiver.py", code))
            .args([file("cert.pem", &made.cert.pem()), file("key.pem", &made.signing_key.serialize_pem())])
            .arg(port.to_string())
            .env("YAKUJO_WEBHOOK_KEY", key)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let out = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || out.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        for _ in 0..300 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Self { child, lines, _folder: folder }
    }

    fn line(&self) -> Option<String> {
        self.lines.recv_timeout(Duration::from_secs(3)).ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_of_the_guide_takes_what_we_send_once_and_nothing_forged_changed_or_old() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let authority = made.cert.pem();
    let site = Site::trusting(&authority).await;
    let secret = declare(&site, &format!("https://localhost:{port}/hook"), Pace::AtOnce).await;
    let key: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let guide = Guide::start(port, &key, &made);
    said(&site).await;
    let mut line = None;
    for _ in 0..20 {
        line = guide.line();
        if line.is_some() {
            break;
        }
        site.clock.pass(jiff::SignedDuration::from_secs(5));
    }
    assert_eq!(line.as_deref(), Some("コメントがありました。"));

    let body = r#"{"v":1,"id":"main/9999","ja":"試験"}"#;
    let now = jiff::Timestamp::now();
    let ago = |seconds: i64| now - jiff::SignedDuration::from_secs(seconds);
    let sign = |at, body: &str| yakujo_server::notices::webhook::signature(&secret, at, body);
    let other = yakujo_server::notices::webhook::signature(&[7; 32], now, body);
    let right = sign(now, body);
    let cut = right.get(..right.len() - 1).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(
            ureq::tls::TlsConfig::builder()
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .root_certs(ureq::tls::RootCerts::Specific(Arc::new(vec![
                    ureq::tls::Certificate::from_pem(authority.as_bytes()).unwrap().to_owned(),
                ])))
                .build(),
        )
        .http_status_as_error(false)
        .build()
        .into();
    let post = |signature: &str| {
        let request =
            agent.post(format!("https://localhost:{port}/hook")).header("yakujo-signature", signature);
        request.send(body).unwrap().status().as_u16()
    };
    for (signature, what) in [
        ("", "none"),
        (other.as_str(), "another key"),
        (cut, "cut short"),
        (sign(now, "{}").as_str(), "another body"),
        (sign(ago(400), body).as_str(), "too old"),
        (sign(ago(-400), body).as_str(), "of the future"),
        ("t=x,v1=y", "no number"),
        ("t=,v1=", "nothing"),
    ] {
        assert_eq!(post(signature), 401, "{what}");
    }
    assert_eq!((post(&right), post(&right)), (204, 204), "the second is a replay within the window");
    assert_eq!(guide.line().as_deref(), Some("試験"));
    assert_eq!(guide.line(), None, "taken once");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_nobody_trusts_gets_nothing_and_the_page_says_why() {
    let (port, _, mut got) = receiver(&[], 1).await;
    let site = Site::start().await;
    declare(&site, &format!("https://localhost:{port}/hook"), Pace::AtOnce).await;
    let lead = site.person("main", Role::CitySecurity).await;
    let mut lead = site.sign_in(&lead).await;
    let mut contractor = site.contractor().await;
    contractor.get("/c/main/duty/9.b").await;
    contractor
        .post("/c/main/comments", &[("about", "duty/9.b/main"), ("scope", "shared"), ("text", "x")])
        .await;
    let mut page = String::new();
    for _ in 0..100 {
        page = lead.get("/c/main/webhooks").await.body;
        if page.contains("待ち 1 件") && !page.contains("件：<") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(page.contains("待ち 1 件"), "{page}");
    assert!(got.try_recv().is_err());
    let reply = lead.post("/c/main/webhooks", &[("url", "http://localhost:1/")]).await;
    assert_eq!(reply.status, 422, "only https");
    site.stop().await;
}
