//! Notices by webhook (`docs/formats/webhook-v1.md`): a small signed JSON to a declared https address.
//!
//! Only https: whoever stands between could otherwise read which duty broke. No redirects: what was declared is where it
//! goes. The answer's body is not read.

use crate::notices::pacing::Pacing;
use crate::notices::plan::Urgency;
use crate::office::Office;
use crate::people::hex;
use crate::people::notices::Kept;
use crate::people::webhooks::Outgoing;
use jiff::Timestamp;
use ring::hmac;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Looked at together.
const AT_ONCE: u32 = 100;
/// Longest address.
const LONGEST_URL: usize = 500;
/// One try lasts at most so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether this may be a webhook's address: https, a host, no user name.
#[must_use]
pub fn is_address(url: &str) -> bool {
    let Ok(parsed) = url.parse::<ureq::http::Uri>() else { return false };
    let plain = url.len() <= LONGEST_URL && !url.contains(char::is_whitespace);
    let authority = parsed.authority().map(ureq::http::uri::Authority::as_str).unwrap_or_default();
    plain && parsed.scheme_str() == Some("https") && !authority.is_empty() && !authority.contains('@')
}

/// The body of one notice, or of several that were gathered.
#[must_use]
pub fn body(contract: &str, together: &[&Kept]) -> String {
    if let [kept] = together {
        return one(contract, kept).to_string();
    }
    let numbers = || together.iter().map(|kept| kept.number);
    let (first, last) = (numbers().min().unwrap_or_default(), numbers().max().unwrap_or_default());
    let count = together.len();
    serde_json::json!({
        "v": 1,
        "id": format!("{contract}/{first}-{last}-{count}"),
        "contract": contract,
        "kind": "digest",
        "urgent": false,
        "ja": format!("お知らせが {count} 件あります。"),
        "en": format!("There are {count} notices."),
        "link": format!("/c/{contract}/notices"),
        "at": together.iter().map(|kept| kept.notice.at).max(),
        "notices": together.iter().map(|kept| one(contract, kept)).collect::<Vec<_>>(),
    })
    .to_string()
}

fn one(contract: &str, kept: &Kept) -> serde_json::Value {
    let notice = &kept.notice;
    serde_json::json!({
        "v": 1,
        "id": format!("{contract}/{}", kept.number),
        "contract": contract,
        "kind": notice.kind.word(),
        "urgent": notice.urgency == Urgency::Urgent,
        "ja": notice.sentence.ja,
        "en": notice.sentence.en,
        "link": format!("/c/{contract}{}", notice.link),
        "at": notice.at,
    })
}

/// The header `Yakujo-Signature`: `t=SECONDS,v1=HEX`, HMAC-SHA256 of `SECONDS.BODY`.
#[must_use]
pub fn signature(secret: &[u8], at: Timestamp, body: &str) -> String {
    let seconds = at.as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(tag.as_ref()))
}

/// Sends what is due until the server ends.
pub async fn send_until(office: Arc<Office>, mut ended: watch::Receiver<()>) {
    let agent = agent(office.folder());
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        let sent = tokio::select! {
            _ = ended.changed() => return,
            sent = send_due(&office, &agent) => sent,
        };
        if let Err(error) = sent {
            tracing::error!("webhooks of {} cannot be looked at: {error}", office.id());
        }
    }
}

async fn send_due(office: &Office, agent: &ureq::Agent) -> Result<(), crate::people::PeopleError> {
    let pacing = super::pacing_of(office);
    let outgoing = office.people.outgoing(pacing, office.now(), AT_ONCE).await?;
    let mut failing = BTreeSet::new();
    for together in gathered(pacing, outgoing) {
        let Some(first) = together.first() else { continue };
        // Whoever did not answer just now is not asked again for every notice that waits for him.
        if failing.contains(&first.webhook) {
            continue;
        }
        let sent = send(office, agent, &together).await;
        for outgoing in &together {
            match &sent {
                Ok(()) => office.people.sent(outgoing.number).await?,
                Err(why) => office.people.not_sent(outgoing, why, office.now()).await?,
            }
        }
        if sent.is_err() {
            failing.insert(first.webhook.clone());
        }
    }
    Ok(())
}

/// What goes out by request: what a receiver wants together is one, everything else one of its own.
fn gathered(pacing: Pacing, all: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut requests: Vec<Vec<Outgoing>> = Vec::new();
    let gathers = |outgoing: &Outgoing| {
        let notice = &outgoing.kept.notice;
        pacing.gathers(outgoing.pace, notice.urgency, notice.at)
    };
    for outgoing in all {
        let with = requests.iter_mut().find(|request| {
            request.first().is_some_and(|first| {
                gathers(first) && gathers(&outgoing) && first.webhook == outgoing.webhook
            })
        });
        match with {
            Some(request) => request.push(outgoing),
            None => requests.push(vec![outgoing]),
        }
    }
    requests
}

async fn send(office: &Office, agent: &ureq::Agent, together: &[Outgoing]) -> Result<(), String> {
    let Some(first) = together.first() else { return Ok(()) };
    let kept: Vec<&Kept> = together.iter().map(|outgoing| &outgoing.kept).collect();
    let body = body(office.id().as_str(), &kept);
    let request = agent
        .post(&first.url)
        .header("content-type", "application/json")
        .header("yakujo-signature", signature(&first.secret, office.now(), &body));
    let answer = tokio::task::spawn_blocking(move || request.send(body)).await;
    let answer = answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("answered {status}")) }
}

/// Trusts the public authorities, and the one in `webhook-ca.pem` of the contract's folder: closed networks have their own.
fn agent(folder: &Path) -> ureq::Agent {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots: Vec<Certificate<'static>> = Vec::new();
    if let Ok(pem) = std::fs::read(folder.join("webhook-ca.pem")) {
        match Certificate::from_pem(&pem) {
            Ok(certificate) => roots.push(certificate.to_owned()),
            Err(error) => tracing::error!("webhook-ca.pem is no certificate: {error}"),
        }
    }
    let roots = if roots.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(roots)) };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(roots)
        .build();
    let config = ureq::Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .proxy(None)
        .build();
    config.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_https_addresses_are_webhooks() {
        assert!(is_address("https://hooks.city.example/yakujo?x=1"));
        for wrong in [
            "http://hooks.city.example/",
            "https://",
            "https://a:b@city.example/",
            "ftp://x/",
            "hooks",
            "https://a b/",
            "https://x/\r\ny",
        ] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_signature_is_hmac_sha256_of_time_and_body() {
        // RFC 4231, case 2, with the time in front as the format says: recomputed with openssl.
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let expected = "t=1700000000,v1=1cdd0650c8be1cb0974b1788d458b1e781206cfef59b85faafc582d2e182c57e";
        assert_eq!(signature(b"Jefe", at, "what do ya want for nothing?"), expected);
        assert_ne!(signature(b"Jefe", at, "what do ya want for nothing!"), expected);
    }
}
