//! Facts of probes: a program tried something from outside and says what came of it.

use crate::act::{Protocol, Trit};
use crate::id::{HostId, TargetId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// `probe.availability` (7.a, R-01, R-02): one target did not stand as promised, or does so again. The probe is the entry's
/// author. A target that stands as promised is told by `probe.watch`.
///
/// `from` and `to` are tries that gave this result: what lies between two facts of different states is not claimed. Facts
/// of one state continue each other: the next begins where the last ended, and counts the tries after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeAvailability {
    /// What was tried.
    pub target: TargetId,
    /// How it stood.
    pub state: Availability,
    /// From the start of this try.
    pub from: Timestamp,
    /// To the start of this try.
    pub to: Timestamp,
    /// Tries.
    pub tries: u32,
    /// Tries that did not give the promised answer.
    pub failed: u32,
    /// 95th percentile of the answer, ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u32>,
    /// What was wrong, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Fault>,
    /// More about it, in plain English (`status 503`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How a target stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// As promised.
    Up,
    /// It answers, but not as promised: slow, or functions missing. An operation restriction.
    Restricted,
    /// It does not answer, or only that it does not work.
    Down,
}

/// What was wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nobody listens.
    Refused,
    /// No answer in time.
    Timeout,
    /// The network says that there is no way.
    Unreachable,
    /// The name leads nowhere, or to where no probe may go.
    Name,
    /// The certificate or the encryption is not to be believed.
    Tls,
    /// The connection ended before the answer did, or the answer is malformed.
    Broken,
    /// Another HTTP status than promised.
    Status,
    /// The promised text is missing.
    Text,
    /// A function is missing.
    Function,
    /// Slower than promised.
    Slow,
    /// It comes and goes too often to be told one by one.
    Unsteady,
}

/// `probe.watch` (7.a, 3.3.b): what one probe found as promised at every try, and with which speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeWatch {
    /// Since then.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
    /// Each target that stood as promised the whole time, with the 95th percentile of its answers, ms.
    pub up: BTreeMap<TargetId, u32>,
    /// Each target this probe cannot try, and why, in plain English: nobody watches it from here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cannot: BTreeMap<TargetId, String>,
}

/// `probe.blind` (7.a): the probe's own network was cut, so that nothing it tried says anything about the targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeBlind {
    /// From the first try that was not answered.
    pub from: Timestamp,
    /// To the last try that was not answered.
    pub to: Timestamp,
    /// How the probe knows.
    pub why: Blindness,
    /// Tries that count for nothing.
    pub tries: u32,
}

/// How a probe knows that its own network is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blindness {
    /// Its own machine has no interface that works, or no route.
    NoNetwork,
    /// The declared reference does not answer either.
    ReferenceSilent,
    /// Nothing answers at all, although it tries several places.
    EverythingSilent,
}

/// `probe.session_cut` (4.2.a): a session of the system was left alone, and then tried again.
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
    /// Why it could not be tried; then nothing else of this says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_tried: Option<String>,
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
