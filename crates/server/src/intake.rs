//! The door of programs: facts from agents, their signs of life, and their enrolment.
//!
//! Whoever is heard here has proved a device certificate of this server in the handshake; the certificate, not the
//! body, says which host speaks and for which contract. An answer means durable.

use crate::office::Office;
use crate::people::devices::Device;
use crate::server::House;
use crate::tls::PeerCertificate;
use crate::watch::Sign;
use crate::writer::{NotTaken, NumberedFact};
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use yakujo_contract::act::Act;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::server::{HostHeard, HostTwin};
use yakujo_contract::id::{HostId, ProbeId};
use yakujo_contract::order::allowed;
use yakujo_contract::target::Target;

/// Largest request, bytes.
pub const MAX_BODY: usize = 1 << 20;
/// Facts in a request.
const MAX_FACTS: usize = 500;
/// Largest fact, bytes: the entry around it needs room.
const MAX_FACT: usize = 64_000;
/// Requests of one host within ten seconds.
const REQUESTS: u32 = 100;

/// Facts of an agent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactsRequest {
    /// The run of the agent.
    pub epoch: String,
    /// The lowest number the agent still has; lower ones that are missing here are lost.
    pub lowest: u64,
    /// In order of their numbers.
    pub facts: Vec<NumberedFact>,
}

/// A sign of life.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PulseRequest {
    /// The run of the agent.
    pub epoch: String,
    /// Facts waiting.
    pub waiting: u64,
    /// The number the next fact will get.
    pub next_seq: u64,
}

/// The answer to facts whose numbers were used before, for other facts.
#[derive(Debug, Serialize)]
pub struct Renumber {
    /// Up to here the facts are the stored ones.
    stored_to: u64,
    /// Numbers above this one are free.
    taken_to: u64,
}

/// A probe asks what to try.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetsRequest {
    /// Digest of the list it has, or nothing.
    pub known: String,
}

#[derive(Debug, Serialize)]
struct Assigned {
    digest: String,
    /// Absent: the list is the known one.
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<Target>>,
    /// How long idle sessions may live, and how often that is tried (P-11), where the list is told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    idle: BTreeMap<String, i64>,
}

/// A host asks what it is ordered to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrdersRequest {}

#[derive(Debug, Serialize)]
struct Ordered {
    host: HostId,
    key: String,
    orders: Vec<String>,
    sought: Vec<Content>,
}

/// A content of a file that a restoration asks for.
#[derive(Debug, Serialize)]
struct Content {
    path: String,
    digest: yakujo_contract::id::Digest,
}

#[derive(Debug, Serialize)]
struct Stored {
    stored_to: u64,
    now: Timestamp,
}

/// A request for a certificate.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The one-time code.
    pub code: String,
    /// Certificate signing request, PEM.
    pub csr: String,
}

#[derive(Debug, Serialize)]
struct Enrolled {
    host: HostId,
    certificate: String,
    ca: String,
    intake: String,
    /// The public key of orders, which the agent pins.
    orders: String,
}

/// Why a program is turned away; the text is for its operator.
#[derive(Debug)]
pub enum Refused {
    /// No certificate of this server.
    Stranger,
    /// Revoked or expired.
    Revoked,
    /// Two at once.
    Clone,
    /// Too many requests.
    TooMany,
    /// The numbers belong to other facts: the agent gives new ones.
    Renumber(Renumber),
    /// Not to be taken, ever.
    Unprocessable(&'static str),
    /// Not stored; to be sent again.
    NotStored(String),
}

impl From<NotTaken> for Refused {
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::NotStored(error) => Self::NotStored(error.to_string()),
            NotTaken::Renumber { stored_to, taken_to } => Self::Renumber(Renumber { stored_to, taken_to }),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Stranger => {
                (StatusCode::FORBIDDEN, "this device is not enrolled here: enrol it again".to_owned())
            }
            Self::Revoked => (StatusCode::FORBIDDEN, "this device was revoked: enrol it again".to_owned()),
            Self::Clone => {
                let text = "two agents use one certificate: stop one, then revoke the device and enrol again";
                (StatusCode::CONFLICT, text.to_owned())
            }
            Self::Renumber(renumber) => return (StatusCode::CONFLICT, Json(renumber)).into_response(),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too many requests: slow down".to_owned()),
            Self::Unprocessable(text) => (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned()),
            Self::NotStored(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
        };
        let mut response = (status, text).into_response();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("10"));
        }
        response
    }
}

/// Requests per host, by ten-second windows.
#[derive(Default)]
pub struct Rate {
    windows: Mutex<HashMap<HostId, (i64, u32)>>,
}

impl Rate {
    fn admits(&self, host: &HostId, now: Timestamp) -> bool {
        let window = now.as_second().div_euclid(10);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = windows.entry(host.clone()).or_insert((window, 0));
        if counted.0 != window {
            *counted = (window, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= REQUESTS
    }
}

async fn who(house: &House, peer: &PeerCertificate) -> Result<(Arc<Office>, Device), Refused> {
    for office in house.offices() {
        let found = office.people.device_by_fingerprint(&peer.fingerprint).await;
        let Some(device) = found.map_err(|error| Refused::NotStored(error.to_string()))? else { continue };
        let now = office.now();
        if !device.is_in_force(now) {
            return Err(Refused::Revoked);
        }
        if now.duration_since(device.used) > SignedDuration::from_hours(1)
            && let Err(error) = office.people.device_used(&device.id, now).await
        {
            tracing::warn!("the use of device {} could not be noted: {error}", device.id);
        }
        return Ok((office, device));
    }
    Err(Refused::Stranger)
}

async fn sign_of_life(office: &Office, device: &Device, epoch: &str) -> Result<(), Refused> {
    let host = &device.host;
    match office.watch.heard(host, epoch, office.now()) {
        Sign::Regular => Ok(()),
        Sign::CloneAgain => Err(Refused::Clone),
        Sign::Clone => {
            let twin = Fact::HostTwin(HostTwin { device: device.id.clone() });
            let stated = office.state(Some(host.clone()), twin).await;
            stated.map_err(|error| Refused::NotStored(error.to_string()))?;
            office.watch.twin_is_told(host, office.now());
            Err(Refused::Clone)
        }
        Sign::AfterSilence(silent_since) => {
            let heard = Fact::HostHeard(HostHeard { silent_since });
            let stated = office.state(Some(host.clone()), heard).await;
            stated.map_err(|error| Refused::NotStored(error.to_string()))?;
            office.watch.is_heard(host);
            Ok(())
        }
    }
}

/// Takes facts in. An answer means durable.
///
/// # Errors
/// Words for the agent's operator.
pub async fn facts(
    State(house): State<Arc<House>>,
    Extension(peer): Extension<PeerCertificate>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(request): Json<FactsRequest>,
) -> Result<Response, Refused> {
    let (office, device) = who(&house, &peer).await?;
    if !house.rate.admits(&device.host, office.now()) {
        return Err(Refused::TooMany);
    }
    if request.facts.len() > MAX_FACTS {
        return Err(Refused::Unprocessable("too many facts in one request: send at most 500"));
    }
    if !request.facts.iter().all(|numbered| is_an_agents(&numbered.fact)) {
        return Err(Refused::Unprocessable("facts of the server may not be stated by an agent"));
    }
    if !request.facts.is_sorted_by(|one, other| one.seq < other.seq) {
        return Err(Refused::Unprocessable("facts come in the order of their numbers"));
    }
    if request.facts.iter().any(is_too_large) {
        return Err(Refused::Unprocessable("a fact is larger than 64,000 bytes: send it in parts"));
    }
    sign_of_life(&office, &device, &request.epoch).await?;
    office.watch.came_from(&device.host, from.ip());
    let stored_to = office.store_facts(device.host, request.lowest, request.facts).await?;
    Ok(Json(Stored { stored_to, now: office.now() }).into_response())
}

/// Takes a sign of life.
///
/// # Errors
/// Words for the agent's operator.
pub async fn pulse(
    State(house): State<Arc<House>>,
    Extension(peer): Extension<PeerCertificate>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(request): Json<PulseRequest>,
) -> Result<Response, Refused> {
    let (office, device) = who(&house, &peer).await?;
    if !house.rate.admits(&device.host, office.now()) {
        return Err(Refused::TooMany);
    }
    sign_of_life(&office, &device, &request.epoch).await?;
    office.watch.came_from(&device.host, from.ip());
    let stored_to = office.store_facts(device.host, 1, Vec::new()).await?;
    Ok(Json(Stored { stored_to, now: office.now() }).into_response())
}

/// Says what an agent probes: the agreed targets that name its host.
///
/// # Errors
/// Words for the agent's operator.
pub async fn targets(
    State(house): State<Arc<House>>,
    Extension(peer): Extension<PeerCertificate>,
    Json(request): Json<TargetsRequest>,
) -> Result<Response, Refused> {
    let (office, device) = who(&house, &peer).await?;
    if !house.rate.admits(&device.host, office.now()) {
        return Err(Refused::TooMany);
    }
    let probe = ProbeId::of_host(&device.host);
    let targets = probe.map_or_else(Vec::new, |probe| crate::probing::assigned(&office, &probe));
    let idle = crate::probing::idle_numbers(&office);
    let both = (&targets, &idle);
    let text = serde_json::to_vec(&both).map_err(|error| Refused::NotStored(error.to_string()))?;
    let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    let is_known = digest == request.known;
    let (targets, idle) = if is_known { (None, BTreeMap::new()) } else { (Some(targets), idle) };
    Ok(Json(Assigned { digest, targets, idle }).into_response())
}

/// Hands out the orders of a host, signed; and the key they are signed with, for agents that were enrolled before it was.
///
/// # Errors
/// Words for the agent's operator.
pub async fn orders(
    State(house): State<Arc<House>>,
    Extension(peer): Extension<PeerCertificate>,
    Json(_): Json<OrdersRequest>,
) -> Result<Response, Refused> {
    let (office, device) = who(&house, &peer).await?;
    if !house.rate.admits(&device.host, office.now()) {
        return Err(Refused::TooMany);
    }
    let orders = crate::orders::hand_out(&office, &device.host).await;
    let orders = orders.map_err(|error| Refused::NotStored(error.to_string()))?;
    let key = office.orders().public();
    let sought = allowed::sought(office.court().evidence(), &device.host);
    let sought = sought.into_iter().map(|(path, digest)| Content { path, digest }).collect();
    Ok(Json(Ordered { host: device.host, key, orders, sought }).into_response())
}

fn is_too_large(numbered: &NumberedFact) -> bool {
    serde_json::to_vec(&numbered.fact).map_or(true, |bytes| bytes.len() > MAX_FACT)
}

/// What an agent may state. Whatever is not named is refused: an agent could otherwise call itself heard, hide a gap, or
/// speak for another program.
fn is_an_agents(fact: &Fact) -> bool {
    is_a_list(fact) || is_an_observation(fact)
}

/// What there is on a host, as a whole.
fn is_a_list(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::AccountSet(_)
            | Fact::PackageSet(_)
            | Fact::ContainerSet(_)
            | Fact::ImageSet(_)
            | Fact::NetListeners(_)
            | Fact::StateSet(_)
    )
}

fn is_an_observation(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::ClockState(_)
            | Fact::ClockStep(_)
            | Fact::HostSystem(_)
            | Fact::HostBoot(_)
            | Fact::ServiceChange(_)
            | Fact::CapacitySample(_)
            | Fact::PrivilegeRules(_)
            | Fact::AvEngine(_)
            | Fact::AvScan(_)
            | Fact::AvDetection(_)
            | Fact::AvGap(_)
            | Fact::AvSelfTest(_)
            | Fact::QuarantineItem(_)
            | Fact::PackageChange(_)
            | Fact::SupportPhase(_)
            | Fact::ReleaseDeployed(_)
            | Fact::NetFlows(_)
            | Fact::NetInterfaces(_)
            | Fact::NetFirewall(_)
            | Fact::TlsEndpoint(_)
            | Fact::IntegrityBaseline(_)
            | Fact::IntegrityHeld(_)
            | Fact::IntegrityChange(_)
            | Fact::StateChange(_)
            | Fact::AgentBeat(_)
            | Fact::AgentStart(_)
            | Fact::AgentStop(_)
            | Fact::AgentLoss(_)
            | Fact::AgentBudget(_)
            | Fact::AgentUpdate(_)
            | Fact::SessionPolicy(_)
            | Fact::LoginOpen(_)
            | Fact::LoginClose(_)
            | Fact::LoginFailure(_)
            | Fact::PrivilegeUse(_)
            | Fact::LogSource(_)
            | Fact::UpdatesAvailable(_)
            | Fact::StaleRunning(_)
            | Fact::DevicePlugged(_)
            | Fact::ContentTestData(_)
            | Fact::HostIdentity(_)
            | Fact::BackupRun(_)
            | Fact::BackupCheck(_)
            | Fact::RestoreDrill(_)
            | Fact::ProbeAvailability(_)
            | Fact::ProbeWatch(_)
            | Fact::ProbeBlind(_)
            | Fact::ProbeSessionCut(_)
            | Fact::EnvironmentSeen(_)
            | Fact::IsolationState(_)
            | Fact::OrderOutcome(_)
            | Fact::QuarantineRestore(_)
    )
}

/// Enrolment, on the portal's door: whoever has a one-time code gets a certificate for its host.
///
/// # Errors
/// One answer for every wrong code.
pub async fn enrol(State(house): State<Arc<House>>, Json(request): Json<EnrolRequest>) -> Response {
    let refused =
        || (StatusCode::FORBIDDEN, "the code is not valid (any more): ask for a new one").into_response();
    // A request that cannot be signed must not use the code up.
    if let Err(error) = rcgen::CertificateSigningRequestParams::from_pem(&request.csr) {
        let text = format!("the certificate signing request cannot be read: {error}");
        return (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    }
    for office in house.offices() {
        let now = office.now();
        let Ok(Some(host)) = office.people.redeem_enrolment(&request.code, now).await else { continue };
        return match certify(&house, &office, host, &request.csr, now).await {
            Ok(enrolled) => Json(enrolled).into_response(),
            Err(reason) => (StatusCode::UNPROCESSABLE_ENTITY, reason).into_response(),
        };
    }
    refused()
}

async fn certify(
    house: &House,
    office: &Office,
    host: HostId,
    csr: &str,
    now: Timestamp,
) -> Result<Enrolled, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let id = crate::people::new_id('d').map_err(|error| words(&error))?;
    let issued = house.authority.issue(csr, &format!("{host} {id}"), now).map_err(|error| words(&error))?;
    let device = Device {
        id: id.parse().map_err(|error| words(&error))?,
        host: host.clone(),
        fingerprint: issued.fingerprint.clone(),
        not_after: issued.not_after,
        revoked: None,
        used: now,
    };
    let fingerprint = issued.fingerprint.try_into().map_err(|error| words(&error))?;
    let enrolled = Act::DeviceEnrolled {
        device: device.id.clone(),
        host: host.clone(),
        fingerprint,
        not_after: issued.not_after,
    };
    office.decide(None, enrolled, None).await.map_err(|error| words(&error))?;
    office.people.add_device(&device).await.map_err(|error| words(&error))?;
    office.watch.expect(&host, now, None);
    Ok(Enrolled {
        host,
        certificate: issued.pem,
        ca: house.authority.pem().to_owned(),
        intake: house.intake.clone(),
        orders: office.orders().public(),
    })
}
