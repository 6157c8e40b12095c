//! Facts of a host: clock, system, boots, services, capacity, accounts.

use super::state::Seen;
use super::{Coverage, Part};
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `clock.state` (6.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockState {
    /// `chrony`, `systemd-timesyncd`, `ntpd` or `none`.
    pub daemon: String,
    /// What the daemon says of itself; a flag can lie.
    pub says_synchronised: bool,
    /// The kernel says the clock is not synchronised (adjtimex STA_UNSYNC).
    pub kernel_unsynchronised: bool,
    /// Sources the daemon is configured with.
    pub sources: Vec<ClockSource>,
    /// Our own exchange with the configured sources (RFC 4330): clock minus source, µs; best of those that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_offset_us: Option<i64>,
    /// Round trip of that exchange, µs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// Age of the daemon's last good update, s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_age_s: Option<u64>,
    /// Why something could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// One configured time source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSource {
    /// Name or address.
    pub address: String,
    /// Stratum, 0 when unknown.
    pub stratum: u8,
    /// Reachability register of the daemon (0: nothing heard lately).
    pub reach: u8,
    /// Our own measurement against it, µs (clock minus source).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_offset_us: Option<i64>,
}

/// `clock.step`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockStep {
    /// Wall clock minus monotonic clock moved by so much, ms.
    pub moved_ms: i64,
}

/// `host.system`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSystem {
    /// `os-release` ID.
    pub os: String,
    /// `os-release` VERSION_ID.
    pub version: String,
    /// `os-release` VERSION_CODENAME, by which Debian's lists go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// Kernel release.
    pub kernel: String,
    /// Host name as the system says it.
    pub hostname: String,
    /// Hardware or virtual, architecture.
    pub architecture: String,
}

/// `host.boot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostBoot {
    /// Boot id of the kernel.
    pub boot_id: String,
    /// When.
    pub at: Timestamp,
}

/// `service.change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceChange {
    /// Unit or program.
    pub service: String,
    /// `started` or `stopped`.
    pub change: Turn,
    /// When; the latest instant at which it can have happened.
    pub at: Timestamp,
    /// The earliest instant at which it can have happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Whether the agent ran when it happened.
    #[serde(default, skip_serializing_if = "Seen::is_running")]
    pub seen: Seen,
}

/// Started or stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Now running.
    Started,
    /// No longer running.
    Stopped,
}

/// `capacity.sample`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacitySample {
    /// Start of the period the figures are about.
    pub from: Timestamp,
    /// End of the period.
    pub to: Timestamp,
    /// One row per resource.
    pub resources: Vec<ResourceUse>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// Use of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceUse {
    /// `disk:/path`, `inodes:/path`, `memory`, `cpu`, `swap`, `connections:SERVER`, `database:SERVER/NAME`.
    pub resource: String,
    /// The limit as configured (bytes, inodes, thousandths of a core, connections); 0: none is configured.
    pub limit: u64,
    /// Least used in the period.
    pub min: u64,
    /// Mean.
    pub mean: u64,
    /// 95th percentile.
    pub p95: u64,
    /// Most.
    pub max: u64,
}

/// `account.set`: accounts of a host, without any secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountSet {
    /// Part of the list.
    pub part: Part,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// What could not be read (for example the shadow file).
    #[serde(default)]
    pub coverage: Coverage,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Login name; of a role of a data base with its place (`postgresql://main/yamada`).
    pub name: String,
    /// User id; of a role of PostgreSQL its oid, of one of MariaDB 0.
    pub uid: u32,
    /// Can somebody log in with it?
    pub login: Login,
    /// Groups; of a role those it is a member of.
    pub groups: Vec<String>,
    /// Has privilege through uid 0, a sudo rule or an administrator group; of a role, as superuser, by all rights, or by the
    /// right to make roles.
    pub privileged: bool,
    /// SHA-256 fingerprints of its authorised keys.
    pub keys: Vec<String>,
    /// Last login seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Timestamp>,
    /// The account ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Its shell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shell: String,
    /// Its home folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// The day on which its password was set, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_set: Option<Timestamp>,
}

impl Account {
    /// The data base whose role it is (`postgresql://main`); none: an account of the host itself.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        let begins = self.name.find("://")?.saturating_add(3);
        let length = self.name.get(begins..)?.find('/')?;
        self.name.get(..begins.saturating_add(length))
    }

    /// Somebody can, or may be able to, log in with it.
    #[must_use]
    pub fn can_log_in(&self) -> bool {
        match self.login {
            Login::Possible | Login::Unreadable => true,
            Login::Locked | Login::None => false,
        }
    }
}

/// Whether somebody can log in with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// A shell, and a password or a key.
    Possible,
    /// A shell, but the password state could not be read.
    Unreadable,
    /// Locked and without keys.
    Locked,
    /// No shell.
    None,
}

/// `privilege.rule`: the rules of sudo, as JSON made by its own exporter, or their digest where they cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegeRules {
    /// One line per rule: `who host=(as whom) command`.
    pub rules: Vec<String>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// `host.identity`: what shows that a host is still the same machine (4.4.a).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostIdentity {
    /// `/etc/machine-id`, as its digest: the id itself names the machine for good.
    pub machine: Digest,
    /// SHA-256 fingerprints of its host keys.
    pub keys: Vec<String>,
    /// Digest of a TPM quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm_quote: Option<Digest>,
    /// Serial number of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_serial: Option<String>,
    /// Serial numbers of board, disks and network cards.
    pub hardware: Vec<String>,
}

/// `device.plugged`: a medium or device appeared or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePlugged {
    /// `storage`, `network`, `input`, `other`.
    pub class: String,
    /// Maker and product.
    pub product: String,
    /// Serial number, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Bytes it holds, for storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Appeared or went.
    pub change: Presence,
    /// When.
    pub at: Timestamp,
}

/// Appeared or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Now there.
    Appeared,
    /// No longer there.
    Went,
}
