//! Facts the server states: what it hears and does not hear, its own doors, its own sessions.

use crate::id::{DeviceId, PersonId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `host.silence`: three pulses missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSilence {
    /// Last sign of life.
    pub since: Timestamp,
}

/// `host.heard`: a sign of life after a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostHeard {
    /// The silence lasted from here.
    pub silent_since: Timestamp,
}

/// `host.twin` (4.4.a): two agents spoke at once with the certificate of one device; the earlier run was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostTwin {
    /// The device.
    pub device: DeviceId,
}

/// `agent.gap`: numbers missing although the agent went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentGap {
    /// First missing number.
    pub from: u64,
    /// Last missing number.
    pub to: u64,
}

/// `server.start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerStart {
    /// Program version.
    pub version: String,
    /// The last instant an earlier run is known to have worked; absent at the first start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_alive: Option<Timestamp>,
}

/// `server.stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerStop {
    /// Why.
    pub reason: String,
}

/// `portal.check`: the server tried its own doors from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalCheck {
    /// The portal's sign-in page answered.
    pub portal_answers: bool,
    /// The intake refused a connection without a device certificate.
    pub intake_refuses_strangers: bool,
    /// Device certificates in force.
    pub devices: u32,
    /// Device certificates unused for longer than P-12 allows.
    pub dormant_devices: u32,
    /// The next certificate ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_expiry: Option<Timestamp>,
    /// People of the city who can sign in.
    pub city_accounts: u32,
    /// Last sign-in of the city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city_last_seen: Option<Timestamp>,
}

/// `session.open`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionOpen {
    /// Who.
    pub person: PersonId,
    /// Short name of the session (not its secret).
    pub session: String,
    /// Address it came from.
    pub from: String,
    /// `password+totp` or `link`.
    pub method: String,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The person signed out.
    SignedOut,
    /// Idle cut (P-11).
    Idle,
    /// Absolute limit (P-11).
    Absolute,
    /// Ended by somebody else or by a change of rights.
    Revoked,
}

/// `session.close`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionClose {
    /// Who.
    pub person: PersonId,
    /// Short name of the session.
    pub session: String,
    /// Why.
    pub reason: CloseReason,
}

/// `auth.failure`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthFailure {
    /// Who, where the account exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// Address it came from.
    pub from: String,
    /// Failures since the last such fact for the same account and address.
    pub count: u32,
}
