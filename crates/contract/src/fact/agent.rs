//! Facts an agent states about itself.

use super::integrity::KnownGood;
use super::malware::Done;
use crate::id::{Digest, OrderId, RequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the last run of a collector went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct CollectorRun {
    /// When it last ran.
    pub ran: Timestamp,
    /// How.
    pub outcome: RunOutcome,
    /// Why not fully, in plain English; empty when it did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Saw everything.
    Complete,
    /// Saw part of it.
    Partial,
    /// Saw nothing.
    Failed,
}

/// `agent.beat`: the agent lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentBeat {
    /// Program version.
    pub version: String,
    /// The next beat comes within so many seconds.
    pub every_s: u32,
    /// Facts waiting in the outbox.
    pub waiting: u64,
    /// Collectors by name (`clock`, `packages`, `listeners`, `accounts`, `malware`, `capacity`, `boots`, `support`, `files`, `jobs`, `kernel`,
    /// `firewall`, `network`, `certificates`, `schema`, `sessions`, `logins`,
    /// `devices`, `identity`, `stale`, `updates`).
    pub collectors: BTreeMap<String, CollectorRun>,
    /// Processor time of the agent since its start, ms.
    pub cpu_ms: u64,
    /// Resident memory, bytes.
    pub rss: u64,
}

/// `agent.start`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentStart {
    /// Program version.
    pub version: String,
    /// Random name of this run of the agent: two at once under one key are found.
    pub epoch: String,
    /// Rights it has (`root`, `user`), so that gaps can be explained.
    pub rights: String,
}

/// `agent.stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentStop {
    /// Why, where it is known.
    pub reason: String,
}

/// `agent.loss`: facts the agent had to drop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentLoss {
    /// Number of facts dropped.
    pub count: u64,
    /// Kinds dropped, with their numbers.
    pub kinds: BTreeMap<String, u64>,
    /// From (observed).
    pub from: Timestamp,
    /// To (observed).
    pub to: Timestamp,
    /// Why (`disk full`, `outbox limit`).
    pub reason: String,
}

/// `agent.budget`: used more than declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentBudget {
    /// `cpu` (over a day), `cpu_10s` (in ten seconds), `memory` or `disk`.
    pub resource: String,
    /// Declared (per mille of a core, bytes, bytes).
    pub declared: u64,
    /// Used.
    pub used: u64,
}

/// `agent.policy`: the agent follows these orders from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentPolicy {
    /// Digest of the policy.
    pub digest: Digest,
    /// Serial number, only upwards.
    pub serial: u64,
    /// What it may do by itself (`quarantine`, `isolate`); empty: it only looks.
    pub may: Vec<String>,
}

/// `agent.update`: the agent was replaced by another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentUpdate {
    /// Version before.
    pub before: String,
    /// Version after.
    pub after: String,
    /// Digest of the program.
    pub digest: Digest,
    /// Whether it worked.
    pub result: Done,
}

/// `order.outcome`: what became of an order, by the agent it was given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderOutcome {
    /// The order; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// The request it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// What was ordered (`permit`, `end_permit`, `isolate`, `reconnect`, `give_back`, `remove`, `restore`); empty where it could not
    /// be read.
    pub work: String,
    /// What became of it.
    pub result: OrderResult,
    /// Why it was refused or failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The file that was restored, or where the item was put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of the file, read again afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// SHA-256 it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Digest>,
    /// Where the content came from that was put into the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<KnownGood>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderResult {
    /// It was carried out.
    Done,
    /// It was not carried out: it was not one this agent follows.
    Refused,
    /// It was one to follow, and did not work.
    Failed,
}
