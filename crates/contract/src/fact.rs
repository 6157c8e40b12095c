//! Facts: what a program observed. A closed enum, version 1, one struct per kind in the files of `fact/`.
//!
//! Field names follow osquery and OpenTelemetry where they have one. A fact never carries a secret.

pub mod agent;
pub mod host;
pub mod malware;
pub mod network;
pub mod server;
pub mod software;

use serde::{Deserialize, Serialize};

/// Whether a reading saw everything it should have seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Coverage {
    /// Things that could not be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: u32,
    /// Things left out on purpose or for size.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u32,
    /// Why, in plain English, for the operator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Coverage {
    /// True when nothing was missed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unreadable == 0 && self.skipped == 0
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A list that may need several facts: part `index` of `of` of the set named `set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// From 0.
    pub index: u16,
    /// Number of parts.
    pub of: u16,
    /// Digest of the whole list (64 hexadecimal digits): names the set.
    pub set: String,
}

/// What a program observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Fact {
    /// Clock of a host (6.a).
    #[serde(rename = "clock.state")]
    ClockState(host::ClockState),
    /// The clock jumped.
    #[serde(rename = "clock.step")]
    ClockStep(host::ClockStep),
    /// Operating system and kernel.
    #[serde(rename = "host.system")]
    HostSystem(host::HostSystem),
    /// The host started.
    #[serde(rename = "host.boot")]
    HostBoot(host::HostBoot),
    /// A service started or stopped.
    #[serde(rename = "service.change")]
    ServiceChange(host::ServiceChange),
    /// Use of disk, memory, processor (9.a, 9.b).
    #[serde(rename = "capacity.sample")]
    CapacitySample(host::CapacitySample),
    /// Accounts of a host (11.a).
    #[serde(rename = "account.set")]
    AccountSet(host::AccountSet),
    /// Rules that give privilege.
    #[serde(rename = "privilege.rule")]
    PrivilegeRules(host::PrivilegeRules),
    /// Malware protection (2.1.a).
    #[serde(rename = "av.engine")]
    AvEngine(malware::AvEngine),
    /// Installed packages, whole list.
    #[serde(rename = "package.set")]
    PackageSet(software::PackageSet),
    /// Installed packages, what changed.
    #[serde(rename = "package.change")]
    PackageChange(software::PackageChange),
    /// Support phase of a product in use (3.5.a).
    #[serde(rename = "support.phase")]
    SupportPhase(software::SupportPhase),
    /// Listening sockets (4.5.b).
    #[serde(rename = "net.listener")]
    NetListeners(network::NetListeners),
    /// The agent lives, and when each collector last ran.
    #[serde(rename = "agent.beat")]
    AgentBeat(agent::AgentBeat),
    /// The agent started.
    #[serde(rename = "agent.start")]
    AgentStart(agent::AgentStart),
    /// The agent stopped in good order.
    #[serde(rename = "agent.stop")]
    AgentStop(agent::AgentStop),
    /// The agent had to drop facts.
    #[serde(rename = "agent.loss")]
    AgentLoss(agent::AgentLoss),
    /// The agent used more than its budget.
    #[serde(rename = "agent.budget")]
    AgentBudget(agent::AgentBudget),
    /// The server hears nothing from a host.
    #[serde(rename = "host.silence")]
    HostSilence(server::HostSilence),
    /// The server hears a host again.
    #[serde(rename = "host.heard")]
    HostHeard(server::HostHeard),
    /// Numbers are missing between two facts of a host.
    #[serde(rename = "agent.gap")]
    AgentGap(server::AgentGap),
    /// The server began to work; what it did not see before.
    #[serde(rename = "server.start")]
    ServerStart(server::ServerStart),
    /// The server stopped in good order.
    #[serde(rename = "server.stop")]
    ServerStop(server::ServerStop),
    /// The server tried its own doors (4.4.a, 11.b).
    #[serde(rename = "portal.check")]
    PortalCheck(server::PortalCheck),
    /// Somebody signed in to the portal.
    #[serde(rename = "session.open")]
    SessionOpen(server::SessionOpen),
    /// A portal session ended.
    #[serde(rename = "session.close")]
    SessionClose(server::SessionClose),
    /// A sign-in was refused.
    #[serde(rename = "auth.failure")]
    AuthFailure(server::AuthFailure),
}

impl Fact {
    /// All kinds there are, in the words of `kind`.
    pub const KINDS: [&'static str; 27] = [
        "clock.state",
        "clock.step",
        "host.system",
        "host.boot",
        "service.change",
        "capacity.sample",
        "account.set",
        "privilege.rule",
        "av.engine",
        "package.set",
        "package.change",
        "support.phase",
        "net.listener",
        "agent.beat",
        "agent.start",
        "agent.stop",
        "agent.loss",
        "agent.budget",
        "host.silence",
        "host.heard",
        "agent.gap",
        "server.start",
        "server.stop",
        "portal.check",
        "session.open",
        "session.close",
        "auth.failure",
    ];

    /// The word in the entry's `kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ClockState(_) => "clock.state",
            Self::ClockStep(_) => "clock.step",
            Self::HostSystem(_) => "host.system",
            Self::HostBoot(_) => "host.boot",
            Self::ServiceChange(_) => "service.change",
            Self::CapacitySample(_) => "capacity.sample",
            Self::AccountSet(_) => "account.set",
            Self::PrivilegeRules(_) => "privilege.rule",
            Self::AvEngine(_) => "av.engine",
            Self::PackageSet(_) => "package.set",
            Self::PackageChange(_) => "package.change",
            Self::SupportPhase(_) => "support.phase",
            Self::NetListeners(_) => "net.listener",
            Self::AgentBeat(_) => "agent.beat",
            Self::AgentStart(_) => "agent.start",
            Self::AgentStop(_) => "agent.stop",
            Self::AgentLoss(_) => "agent.loss",
            Self::AgentBudget(_) => "agent.budget",
            Self::HostSilence(_) => "host.silence",
            Self::HostHeard(_) => "host.heard",
            Self::AgentGap(_) => "agent.gap",
            Self::ServerStart(_) => "server.start",
            Self::ServerStop(_) => "server.stop",
            Self::PortalCheck(_) => "portal.check",
            Self::SessionOpen(_) => "session.open",
            Self::SessionClose(_) => "session.close",
            Self::AuthFailure(_) => "auth.failure",
        }
    }
}
