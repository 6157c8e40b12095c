//! Facts of people on hosts: how long they may idle, who came, who went, who acted with privilege.
//!
//! The portal's own sessions are in `server.rs`.

use super::Coverage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `session.policy` (4.2.a, 4.3.a): after how many seconds an idle session is cut, and how one logs in; absent: never.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// `ChannelTimeout session:*` of sshd, in the case that is cut last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_channel_s: Option<u32>,
    /// `UnusedConnectionTimeout` of sshd, in the case that is cut last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_unused_s: Option<u32>,
    /// What sshd applies to whom, as it says itself (`sshd -T -C …`); empty: there is no sshd.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ssh_cases: Vec<SshCase>,
    /// `TMOUT` of the shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell_s: Option<u32>,
    /// People cannot take `TMOUT` off (`readonly`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shell_fixed: bool,
    /// `StopIdleSessionSec` of logind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_s: Option<u32>,
    /// Data bases by name (`idle_session_timeout`, `wait_timeout`).
    pub databases: Vec<IdleLimit>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// What sshd applies to some accounts from some addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SshCase {
    /// Accounts, at most fifty named.
    pub accounts: Vec<String>,
    /// Addresses that were tried; `203.0.113.1` stands for anywhere.
    pub from: Vec<String>,
    /// Seconds after which an idle session is cut; absent: never. `ClientAliveInterval` cuts no idle session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_s: Option<u32>,
    /// Seconds after which a connection without a session is cut; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_s: Option<u32>,
    /// Ways to log in: `public_key`, `password`, `keyboard_interactive`, `gssapi`, `host_based`.
    pub methods: Vec<String>,
    /// Which of them are needed together (`AuthenticationMethods`); empty: any one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub together: String,
}

/// The idle limit of one data base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdleLimit {
    /// Data base.
    pub name: String,
    /// Seconds; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_s: Option<u32>,
}

/// `login.open` (5.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginOpen {
    /// Account.
    pub account: String,
    /// Short name of the session.
    pub session: String,
    /// Address or terminal it came from.
    pub from: String,
    /// `password`, `key`, `console` …
    pub method: String,
    /// SHA-256 fingerprint of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// `login.close` (4.2.a, 5.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginClose {
    /// Account.
    pub account: String,
    /// Short name of the session.
    pub session: String,
    /// Seconds it lasted.
    pub lasted_s: u64,
    /// Why it ended.
    pub reason: LoginEnd,
    /// When.
    pub at: Timestamp,
}

/// Why a session of a host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginEnd {
    /// Somebody logged out.
    LoggedOut,
    /// Cut for idleness.
    Idle,
    /// Ended by somebody else.
    Ended,
    /// The connection was lost.
    Lost,
    /// No end was logged; the next boot or login shows that it is over.
    Inferred,
    /// An end was recorded, and not how it came.
    NotTold,
}

/// `login.failure` (5.a, 5.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginFailure {
    /// The account, where it exists: a mistyped name may be a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Address or terminal it came from.
    pub from: String,
    /// `password`, `key` …
    pub method: String,
    /// Failures in the period.
    pub count: u32,
    /// Start of the period.
    pub since: Timestamp,
    /// End of the period.
    pub until: Timestamp,
}

/// `priv.use` (5.a, 11.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegeUse {
    /// Who.
    pub account: String,
    /// As whom.
    pub target: String,
    /// The program; arguments can hold secrets and stay out.
    pub command: String,
    /// Working folder.
    pub folder: String,
    /// It was allowed.
    pub allowed: bool,
    /// When.
    pub at: Timestamp,
}
