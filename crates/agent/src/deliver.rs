//! Brings facts to the server: at least once, in order, with back-off, for days if need be. What the server has stored
//! is deleted here; nothing else is.

use crate::enrol::Enrolled;
use crate::known_good::Wanted;
use crate::outbox::{Numbered, Outbox};
use crate::probing::Agreed;
use crate::system::owner_only;
pub use crate::system::private_folder;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use yakujo_contract::id::HostId;
use yakujo_contract::target::Target;

/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Wait after "too many requests": the server counts in windows of ten seconds.
const TOO_MANY_WAIT: Duration = Duration::from_secs(10);
/// Largest answer to a delivery, bytes.
const MAX_ANSWER: u64 = 64 * 1024;
/// Largest list of targets, bytes.
const MAX_TARGETS: u64 = 32 << 20;
/// Largest list of orders, bytes.
const MAX_ORDERS: u64 = 4 << 20;
/// Addresses of a server at most.
const MOST_ADDRESSES: usize = 8;
/// Facts of one delivery.
const BATCH: i64 = 500;

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The server cannot be reached or failed; the facts wait.
    #[error("the server cannot be reached; facts wait in the outbox")]
    Away(#[source] Box<ureq::Error>),
    /// The server refuses this agent.
    #[error("the server refuses this agent ({status}): {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Words for the operator.
        text: String,
    },
    /// The answer is malformed.
    #[error("the server's answer cannot be read")]
    Answer,
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] crate::outbox::OutboxError),
    /// Files of the enrolment.
    #[error("the files of the enrolment cannot be read: enrol again")]
    Files(String),
}

impl DeliverError {
    /// The wait this answer asks for at least.
    #[must_use]
    pub fn asks_to_wait(&self) -> Duration {
        match self {
            Self::Refused { status: 429, .. } => TOO_MANY_WAIT,
            // Only a person can change it: once a minute is enough.
            Self::Refused { status: 403 | 409, .. } => LONGEST_WAIT / 2,
            Self::Refused { .. } | Self::Away(_) | Self::Answer | Self::Outbox(_) | Self::Files(_) => {
                Duration::ZERO
            }
        }
    }
}

/// A connection to the intake.
#[derive(Clone)]
pub struct Line {
    agent: ureq::Agent,
    base: String,
    /// The key of orders that came with the enrolment; empty where there was none yet.
    orders: String,
}

#[derive(Serialize)]
struct Facts<'a> {
    epoch: &'a str,
    lowest: u64,
    facts: &'a [Numbered],
}

#[derive(Serialize)]
struct Pulse<'a> {
    epoch: &'a str,
    waiting: u64,
    next_seq: u64,
}

/// The numbers of these facts belong to others: this outbox was set back or is new.
#[derive(Deserialize)]
struct Renumber {
    stored_to: u64,
    taken_to: u64,
}

#[derive(Serialize)]
struct Asked<'a> {
    known: &'a str,
}

#[derive(Deserialize)]
struct Assigned {
    digest: String,
    targets: Option<Vec<Target>>,
    /// A server of an earlier version does not tell.
    #[serde(default)]
    idle: Agreed,
}

/// What the server orders, and by which key.
#[derive(Debug, Deserialize)]
pub struct OrdersAnswer {
    /// The host it knows this agent by.
    pub host: HostId,
    /// The public key orders are signed with.
    pub key: String,
    /// Signed notes, oldest first.
    pub orders: Vec<String>,
    /// Contents that restorations ask for; absent at a server that does not ask.
    #[serde(default)]
    pub sought: Vec<Wanted>,
}

#[derive(Deserialize)]
struct Stored {
    stored_to: u64,
}

impl Line {
    /// Reads the enrolment; `intake` replaces the address it names.
    ///
    /// # Errors
    /// [`DeliverError::Files`].
    pub fn open(folder: &Path, intake: Option<SocketAddr>) -> Result<Self, DeliverError> {
        let failed = |error: &dyn std::fmt::Display| DeliverError::Files(error.to_string());
        let text = std::fs::read(folder.join("enrolled.json")).map_err(|error| failed(&error))?;
        let enrolled: Enrolled = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        let pem = zeroize::Zeroizing::new(
            std::fs::read(folder.join("device.key")).map_err(|error| failed(&error))?,
        );
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| failed(&error));
        let (certificate, authority) = (der(&enrolled.certificate)?, der(&enrolled.ca)?);
        let client = ClientCert::new_with_certs(
            &[Certificate::from_der(&certificate).to_owned()],
            PrivateKey::from_pem(&pem).map_err(|error| failed(&error))?,
        );
        let roots = RootCerts::Specific(Arc::new(vec![Certificate::from_der(&authority).to_owned()]));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .client_cert(Some(client))
            .root_certs(roots)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        let base = intake.map_or(enrolled.intake, |address| address.to_string());
        Ok(Self { agent: config.into(), base: format!("https://{base}"), orders: enrolled.orders })
    }

    fn post(&self, path: &str, body: &[u8]) -> Result<u64, DeliverError> {
        let text = self.ask(path, body, MAX_ANSWER)?;
        serde_json::from_str::<Stored>(&text).map(|stored| stored.stored_to).map_err(|_| DeliverError::Answer)
    }

    fn ask(&self, path: &str, body: &[u8], most: u64) -> Result<String, DeliverError> {
        let request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        let mut response = request.send(body).map_err(|error| DeliverError::Away(Box::new(error)))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(most).read_to_string().unwrap_or_default();
        if status != 200 {
            return Err(DeliverError::Refused { status, text: text.chars().take(300).collect() });
        }
        Ok(text)
    }

    /// What this agent probes, and the agreed numbers for idle sessions, where that differs from what has this digest.
    ///
    /// # Errors
    /// Any [`DeliverError`].
    pub async fn targets(&self, known: &str) -> Result<Option<(String, Vec<Target>, Agreed)>, DeliverError> {
        let body = serde_json::to_vec(&Asked { known }).map_err(|_| DeliverError::Answer)?;
        let line = self.clone();
        let asked = tokio::task::spawn_blocking(move || line.ask("/intake/v1/targets", &body, MAX_TARGETS));
        let text = asked.await.map_err(|_| DeliverError::Answer)??;
        let assigned: Assigned = serde_json::from_str(&text).map_err(|_| DeliverError::Answer)?;
        Ok(assigned.targets.map(|targets| (assigned.digest, targets, assigned.idle)))
    }

    /// What the server orders this host to do.
    ///
    /// # Errors
    /// Any [`DeliverError`].
    pub async fn orders(&self) -> Result<OrdersAnswer, DeliverError> {
        let line = self.clone();
        let asked = tokio::task::spawn_blocking(move || line.ask("/intake/v1/orders", b"{}", MAX_ORDERS));
        let text = asked.await.map_err(|_| DeliverError::Answer)??;
        let mut answer: OrdersAnswer = serde_json::from_str(&text).map_err(|_| DeliverError::Answer)?;
        if !self.orders.is_empty() {
            // What came with the enrolment counts, whatever is said later.
            answer.key.clone_from(&self.orders);
        }
        Ok(answer)
    }

    /// The addresses of the server. Blocking.
    ///
    /// # Errors
    /// When its name leads nowhere.
    pub fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        let place = self.base.trim_start_matches("https://");
        let found: Vec<SocketAddr> = place.to_socket_addrs()?.take(MOST_ADDRESSES).collect();
        if found.is_empty() {
            Err(std::io::Error::other(format!("{place} has no address")))
        } else {
            Ok(found)
        }
    }

    async fn send(&self, path: &'static str, body: Vec<u8>) -> Result<u64, DeliverError> {
        let line = self.clone();
        let sent = tokio::task::spawn_blocking(move || line.post(path, &body));
        sent.await.map_err(|_| DeliverError::Answer)?
    }

    /// Offers facts of the run `epoch`; `lowest` is the lowest number that is still in the outbox: what is below it and
    /// not on the server is lost. Returns the number up to which the server has everything.
    ///
    /// # Errors
    /// Any [`DeliverError`].
    pub async fn offer(&self, epoch: &str, lowest: u64, facts: &[Numbered]) -> Result<u64, DeliverError> {
        let request = Facts { epoch, lowest, facts };
        let body = serde_json::to_vec(&request).map_err(|_| DeliverError::Answer)?;
        self.send("/intake/v1/facts", body).await
    }

    /// Delivers the oldest facts. Returns how many went.
    ///
    /// # Errors
    /// Any [`DeliverError`]; the facts stay in the outbox.
    pub async fn deliver(&self, outbox: &Outbox) -> Result<usize, DeliverError> {
        let mut at_most = BATCH;
        let (facts, stored_to) = loop {
            let facts = outbox.take(at_most).await?;
            let Some(first) = facts.first() else { return Ok(0) };
            match self.offer(outbox.epoch(), first.seq, &facts).await {
                // Something on the way takes less at once than the server.
                Err(DeliverError::Refused { status: 413, .. }) if at_most > 1 => at_most /= 2,
                Err(DeliverError::Refused { status: 409, text }) => {
                    let renumber: Renumber = serde_json::from_str(&text)
                        .map_err(|_| DeliverError::Refused { status: 409, text })?;
                    tracing::warn!(
                        "this outbox is older than what the server holds: what waits is numbered from {}",
                        renumber.taken_to.saturating_add(1)
                    );
                    outbox.move_behind(renumber.stored_to, renumber.taken_to).await?;
                }
                Err(error) => return Err(error),
                Ok(stored_to) => break (facts, stored_to),
            }
        };
        outbox.acked(stored_to).await?;
        Ok(facts.iter().filter(|fact| fact.seq <= stored_to).count())
    }

    /// A sign of life.
    ///
    /// # Errors
    /// Any [`DeliverError`].
    pub async fn pulse(&self, outbox: &Outbox) -> Result<(), DeliverError> {
        let (waiting, next_seq) = outbox.depth().await?;
        let pulse = Pulse { epoch: outbox.epoch(), waiting, next_seq };
        let body = serde_json::to_vec(&pulse).map_err(|_| DeliverError::Answer)?;
        self.send("/intake/v1/pulse", body).await.map(|_| ())
    }
}

/// How long to wait after so many failures in a row; `chance` is between 0 and 255.
#[must_use]
pub fn wait(failures: u32, chance: u8) -> Duration {
    let seconds = 1_u64.checked_shl(failures.min(6)).unwrap_or(64);
    let longest = Duration::from_secs(seconds).min(LONGEST_WAIT);
    longest / 2 + longest.mul_f64(f64::from(chance) / 512.0)
}

/// SHA-256 of a certificate, hexadecimal.
#[must_use]
pub fn hex_of_certificate(certificate: &CertificateDer<'_>) -> String {
    crate::reading::hex(&Sha256::digest(certificate))
}

/// Writes a file only its owner may read, completely or not at all.
///
/// # Errors
/// Those of the operating system.
pub fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let temporary = file.with_extension("tmp");
    let mut options = std::fs::OpenOptions::new();
    let mut out = owner_only(options.write(true).create(true).truncate(true)).open(&temporary)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&temporary, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_a_minute_and_is_spread() {
        assert!(wait(0, 0) >= Duration::from_millis(500) && wait(0, 255) <= Duration::from_secs(1));
        assert!(wait(30, 0) >= Duration::from_secs(30) && wait(30, 255) <= LONGEST_WAIT);
        assert_ne!(wait(4, 10), wait(4, 200));
    }
}
