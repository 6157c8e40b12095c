//! Facts of probes: a program tried something from outside and says what came of it.

use crate::act::{Protocol, Trit};
use crate::id::HostId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `probe.reach` (4.1.b, 4.5.b, R-11): whether a port can be reached from somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeReach {
    /// Where the probe stands (`internet`, `dmz`, `lgwan` …).
    pub from: String,
    /// Name or address tried.
    pub target: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Ports that answered.
    pub open: Vec<u16>,
    /// Ports tried.
    pub tried: u32,
}

/// `probe.availability` (7.a, R-01, R-02): how a target stood from one instant to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeAvailability {
    /// The probe: an outage counts when two see it.
    pub probe: String,
    /// What was tried.
    pub target: String,
    /// How it stood.
    pub state: Availability,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// Tries.
    pub tries: u32,
    /// Tries that failed.
    pub failed: u32,
    /// 95th percentile of the answer, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u32>,
}

/// How a target stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// As promised.
    Up,
    /// Slow, or functions missing: an operation restriction.
    Restricted,
    /// Did not answer.
    Down,
}

/// `probe.session_cut` (4.2.a): an idle session of the system was tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSessionCut {
    /// What was tried.
    pub target: String,
    /// Role of the test account.
    pub role: String,
    /// Seconds it was idle.
    pub idle_s: u32,
    /// The server asked for a new login.
    pub cut: bool,
    /// The old token was refused.
    pub old_token_refused: bool,
}

/// `probe.attack` (2.2.a): a harmless attack was sent to an entrance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeAttack {
    /// The entrance.
    pub entrance: String,
    /// The unique token in it.
    pub token: String,
    /// The sensor told of it after so many milliseconds; absent: it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_after_ms: Option<u64>,
    /// The sensor, with the version of its rules.
    pub sensor: String,
    /// It was refused, too.
    pub blocked: Trit,
}

/// `probe.separation` (12.1.a, R-18): what leads from a test host to production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSeparation {
    /// The test host.
    pub from: HostId,
    /// Production hosts tried.
    pub tried: Vec<HostId>,
    /// Paths found, as `db-1 tcp 5432`.
    pub paths: Vec<String>,
    /// Fingerprints of keys and certificates that both sides use.
    pub shared: Vec<String>,
}
