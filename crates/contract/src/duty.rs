//! The table of the 49 duties: one row each, constant data. Tests walk it; pages are made from it.
//!
//! A key (`6.a`) names the duty for programs and never changes; what a city calls it stands in its contract file.

mod clause;
mod measured;

pub use clause::{Clause, Kind};
pub use measured::{MEASURES, Measured};

use crate::case::{Case, HostCase};
use crate::clauses;
use crate::standing::Verdict;
use serde::{Deserialize, Serialize};

/// How a duty is judged: host by host, or the system as a whole.
#[derive(Clone, Copy)]
pub enum Judge {
    /// Each host of the system on its own; the worst stands for the system.
    PerHost(fn(&HostCase<'_>) -> Verdict),
    /// The system at once.
    PerSystem(fn(&Case<'_>) -> Verdict),
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct DutyRow {
    /// Stable key.
    pub key: &'static str,
    /// Its clause.
    pub clause: Clause,
    /// Its kind.
    pub kind: Kind,
    /// Its judge.
    pub judge: Judge,
    /// Kinds of facts and acts (`matter:…` for proposals) that can change its verdict, besides signs of life of a host
    /// and agreements on parameters, exceptions, systems and places, which concern every duty. A duty that is judged for
    /// the system as a whole and asks whether its hosts live says `life`.
    pub uses: &'static [&'static str],
}

const fn row(
    key: &'static str,
    clause: Clause,
    kind: Kind,
    judge: Judge,
    uses: &'static [&'static str],
) -> DutyRow {
    DutyRow { key, clause, kind, judge, uses }
}

/// All duties of the standard terms, in their order.
pub static DUTIES: [DutyRow; 49] = [
    row(
        "1.a",
        Clause::C01Procedures,
        Kind::State,
        Judge::PerSystem(clauses::c01_procedures::judge_1_a),
        &[
            "document.registered",
            "document.approved",
            "document.withdrawn",
            "package.change",
            "account.set",
            "host.boot",
            "service.change",
            "life",
        ],
    ),
    row(
        "1.b",
        Clause::C01Procedures,
        Kind::State,
        Judge::PerSystem(clauses::c01_procedures::judge_1_b),
        &[
            "document.registered",
            "document.reviewed",
            "document.withdrawn",
            "package.change",
            "finding.classified",
            "finding.closed",
            "life",
        ],
    ),
    row(
        "1.c",
        Clause::C01Procedures,
        Kind::State,
        Judge::PerSystem(clauses::c01_procedures::judge_1_c),
        &[
            "document.registered",
            "document.acknowledged",
            "document.withdrawn",
            "person.entered",
            "person.left",
        ],
    ),
    row(
        "2.1.a",
        Clause::C02Malware,
        Kind::State,
        Judge::PerHost(clauses::c02_malware::judge_2_1_a),
        &["av.engine", "package.change", "package.set", "package.update_available"],
    ),
    row(
        "2.1.b",
        Clause::C02Malware,
        Kind::Capable,
        Judge::PerHost(clauses::c02_malware::judge_2_1_b),
        &["av.engine", "av.gap", "av.scan", "av.selftest"],
    ),
    row(
        "2.1.c",
        Clause::C02Malware,
        Kind::Report,
        Judge::PerSystem(clauses::c02_malware::judge_2_1_c),
        &[
            "av.detection",
            "av.selftest",
            "quarantine.item",
            "quarantine.restore",
            "life",
            "request.asked",
            "request.step",
            "finding.classified",
            "finding.closed",
        ],
    ),
    row(
        "2.1.d",
        Clause::C02Malware,
        Kind::Report,
        Judge::PerSystem(clauses::c02_malware::judge_2_1_d),
        &["av.detection", "request.asked", "request.step", "finding.classified", "finding.closed"],
    ),
    row(
        "2.1.e",
        Clause::C02Malware,
        Kind::Report,
        Judge::PerSystem(clauses::c02_malware::judge_2_1_e),
        &[
            "av.detection",
            "isolation.state",
            "isolation.seen",
            "life",
            "request.asked",
            "request.step",
            "finding.classified",
            "finding.closed",
        ],
    ),
    row(
        "2.1.f",
        Clause::C02Malware,
        Kind::Gate,
        Judge::PerSystem(clauses::c02_malware::judge_2_1_f),
        &[
            "integrity.baseline",
            "integrity.held",
            "integrity.change",
            "order.outcome",
            "matter:baseline",
            "life",
            "request.asked",
            "request.step",
            "finding.classified",
            "finding.closed",
        ],
    ),
    row("2.2.a", Clause::C02Malware, Kind::Capable, Judge::PerSystem(clauses::c02_malware::judge_2_2_a), &[]),
    row(
        "3.1.a",
        Clause::C03Vulnerabilities,
        Kind::State,
        Judge::PerHost(clauses::c03_vulnerabilities::judge_3_1_a),
        &["package.set", "package.change", "vuln.match", "matter:software"],
    ),
    row(
        "3.2.a",
        Clause::C03Vulnerabilities,
        Kind::Record,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_2_a),
        &["feed.imported", "vuln.match"],
    ),
    row(
        "3.2.b",
        Clause::C03Vulnerabilities,
        Kind::Present,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_2_b),
        &["request.asked", "request.step"],
    ),
    row(
        "3.2.c",
        Clause::C03Vulnerabilities,
        Kind::State,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_2_c),
        &[],
    ),
    row(
        "3.3.a",
        Clause::C03Vulnerabilities,
        Kind::Present,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_3_a),
        &["request.asked", "request.step"],
    ),
    row(
        "3.3.b",
        Clause::C03Vulnerabilities,
        Kind::Present,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_3_b),
        &["request.asked", "request.step", "matter:target"],
    ),
    row(
        "3.3.c",
        Clause::C03Vulnerabilities,
        Kind::Present,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_3_c),
        &["request.asked", "request.step"],
    ),
    row(
        "3.4.a",
        Clause::C03Vulnerabilities,
        Kind::State,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_4_a),
        &[],
    ),
    row(
        "3.4.b",
        Clause::C03Vulnerabilities,
        Kind::State,
        Judge::PerSystem(clauses::c03_vulnerabilities::judge_3_4_b),
        &[],
    ),
    row(
        "3.5.a",
        Clause::C03Vulnerabilities,
        Kind::State,
        Judge::PerHost(clauses::c03_vulnerabilities::judge_3_5_a),
        &["support.phase", "matter:support"],
    ),
    row("4.1.a", Clause::C04Network, Kind::State, Judge::PerSystem(clauses::c04_network::judge_4_1_a), &[]),
    row("4.1.b", Clause::C04Network, Kind::State, Judge::PerSystem(clauses::c04_network::judge_4_1_b), &[]),
    row(
        "4.2.a",
        Clause::C04Network,
        Kind::Capable,
        Judge::PerSystem(clauses::c04_network::judge_4_2_a),
        &["session.policy", "probe.session_cut", "matter:target", "life"],
    ),
    row(
        "4.3.a",
        Clause::C04Network,
        Kind::Disclose,
        Judge::PerSystem(clauses::c04_network::judge_4_3_a),
        &[
            "request.asked",
            "request.step",
            "document.registered",
            "document.approved",
            "document.withdrawn",
            "session.policy",
            "life",
        ],
    ),
    row(
        "4.4.a",
        Clause::C04Network,
        Kind::Capable,
        Judge::PerSystem(clauses::c04_network::judge_4_4_a),
        &[
            "net.listener",
            "portal.check",
            "device.enrolled",
            "device.revoked",
            "host.twin",
            "matter:device_need",
            "life",
        ],
    ),
    row(
        "4.5.a",
        Clause::C04Network,
        Kind::State,
        Judge::PerSystem(clauses::c04_network::judge_4_5_a),
        &["tls.endpoint", "net.listener", "environment.seen", "matter:target", "life"],
    ),
    row(
        "4.5.b",
        Clause::C04Network,
        Kind::State,
        Judge::PerHost(clauses::c04_network::judge_4_5_b),
        &[
            "net.listener",
            "net.flow",
            "net.firewall",
            "matter:flow",
            "request.step",
            "finding.classified",
            "finding.closed",
            "matter:ignore",
            "life",
        ],
    ),
    row(
        "5.a",
        Clause::C05Logs,
        Kind::Record,
        Judge::PerSystem(clauses::c05_logs::judge_5_a),
        &["log.source", "life"],
    ),
    row("5.b", Clause::C05Logs, Kind::Record, Judge::PerSystem(clauses::c05_logs::judge_5_b), &[]),
    row(
        "5.c",
        Clause::C05Logs,
        Kind::Disclose,
        Judge::PerSystem(clauses::c05_logs::judge_5_c),
        &["request.asked", "request.step"],
    ),
    row(
        "6.a",
        Clause::C06Clocks,
        Kind::State,
        Judge::PerHost(clauses::c06_clocks::judge_6_a),
        &["clock.state", "clock.step"],
    ),
    row(
        "7.a",
        Clause::C07Stops,
        Kind::Gate,
        Judge::PerSystem(clauses::c07_stops::judge_7_a),
        &[
            "probe.availability",
            "probe.watch",
            "probe.blind",
            "host.boot",
            "service.change",
            "request.step",
            "request.asked",
            "finding.classified",
            "finding.closed",
            "matter:target",
        ],
    ),
    row(
        "8.a",
        Clause::C08Changes,
        Kind::Gate,
        Judge::PerSystem(clauses::c08_changes::judge_8_a),
        &[
            "integrity.baseline",
            "integrity.change",
            "package.change",
            "state.change",
            "container.set",
            "image.set",
            "device.plugged",
            "request.step",
            "finding.classified",
            "finding.closed",
            "matter:ignore",
            "life",
        ],
    ),
    row(
        "8.b",
        Clause::C08Changes,
        Kind::Disclose,
        Judge::PerSystem(clauses::c08_changes::judge_8_b),
        &[
            "integrity.baseline",
            "integrity.change",
            "package.change",
            "state.change",
            "container.set",
            "image.set",
            "state.set",
            "device.plugged",
            "request.step",
            "finding.classified",
            "finding.closed",
            "matter:ignore",
            "life",
        ],
    ),
    row(
        "9.a",
        Clause::C09Capacity,
        Kind::Disclose,
        Judge::PerHost(clauses::c09_capacity::judge_9_a),
        &["capacity.sample", "matter:limit", "request.asked", "request.step"],
    ),
    row(
        "9.b",
        Clause::C09Capacity,
        Kind::Disclose,
        Judge::PerHost(clauses::c09_capacity::judge_9_b),
        &["capacity.sample", "disclosure.requested", "disclosure.delivered", "request.asked", "request.step"],
    ),
    row(
        "10.a",
        Clause::C10Backups,
        Kind::State,
        Judge::PerSystem(clauses::c10_backups::judge_10_a),
        &["backup.run", "backup.check", "backup.restore_drill", "backup.retention", "matter:asset"],
    ),
    row(
        "10.b",
        Clause::C10Backups,
        Kind::State,
        Judge::PerSystem(clauses::c10_backups::judge_10_b),
        &["backup.run", "backup.check", "matter:asset"],
    ),
    row(
        "10.c",
        Clause::C10Backups,
        Kind::Disclose,
        Judge::PerSystem(clauses::c10_backups::judge_10_c),
        &["request.asked", "request.step"],
    ),
    row(
        "11.a",
        Clause::C11Access,
        Kind::State,
        Judge::PerHost(clauses::c11_access::judge_11_a),
        &[
            "account.set",
            "privilege.rule",
            "login.open",
            "priv.use",
            "log.source",
            "matter:account",
            "access.reviewed",
            "person.entered",
            "person.left",
        ],
    ),
    row(
        "11.b",
        Clause::C11Access,
        Kind::Capable,
        Judge::PerSystem(clauses::c11_access::judge_11_b),
        &["portal.check", "account.set", "access.reviewed", "life"],
    ),
    row(
        "12.1.a",
        Clause::C12Environments,
        Kind::State,
        Judge::PerSystem(clauses::c12_environments::judge_12_1_a),
        &[],
    ),
    row(
        "12.1.b",
        Clause::C12Environments,
        Kind::Gate,
        Judge::PerSystem(clauses::c12_environments::judge_12_1_b),
        &[
            "release.deployed",
            "life",
            "request.asked",
            "request.step",
            "finding.classified",
            "finding.closed",
        ],
    ),
    row(
        "12.1.c",
        Clause::C12Environments,
        Kind::State,
        Judge::PerSystem(clauses::c12_environments::judge_12_1_c),
        &[],
    ),
    row(
        "12.1.d",
        Clause::C12Environments,
        Kind::Gate,
        Judge::PerSystem(clauses::c12_environments::judge_12_1_d),
        &[
            "content.test_data",
            "life",
            "request.asked",
            "request.step",
            "finding.classified",
            "finding.closed",
        ],
    ),
    row(
        "12.2.a",
        Clause::C12Environments,
        Kind::Gate,
        Judge::PerSystem(clauses::c12_environments::judge_12_2_a),
        &[
            "environment.seen",
            "probe.watch",
            "probe.availability",
            "probe.blind",
            "request.asked",
            "request.step",
            "finding.classified",
            "finding.closed",
            "matter:target",
        ],
    ),
    row(
        "13.a",
        Clause::C13Entry,
        Kind::Record,
        Judge::PerSystem(clauses::c13_entry::judge_13_a),
        &["device.plugged", "request.step", "finding.classified", "finding.closed", "matter:ignore"],
    ),
    row("13.b", Clause::C13Entry, Kind::Present, Judge::PerSystem(clauses::c13_entry::judge_13_b), &[]),
    row(
        "14.a",
        Clause::C14Surveillance,
        Kind::State,
        Judge::PerSystem(clauses::c14_surveillance::judge_14_a),
        &[],
    ),
];

/// One duty, by its place in [`DUTIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct DutyId(u8);

/// The text is no duty key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duty: duties are named 1.a to 14.a")]
pub struct NotADuty(String);

impl DutyId {
    /// All duties, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).zip(&DUTIES).map(|(index, _)| Self(index))
    }

    /// The duty with this key.
    ///
    /// # Errors
    /// [`NotADuty`].
    pub fn parse(key: &str) -> Result<Self, NotADuty> {
        Self::all().find(|duty| duty.key() == key).ok_or_else(|| NotADuty(key.chars().take(80).collect()))
    }

    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static DutyRow {
        DUTIES.get(usize::from(self.0)).expect("a DutyId is made from the table only")
    }

    /// Its key.
    #[must_use]
    pub fn key(self) -> &'static str {
        self.row().key
    }
}

impl std::fmt::Display for DutyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}

impl TryFrom<String> for DutyId {
    type Error = NotADuty;
    fn try_from(key: String) -> Result<Self, NotADuty> {
        Self::parse(&key)
    }
}

impl From<DutyId> for &'static str {
    fn from(duty: DutyId) -> &'static str {
        duty.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_has_a_duty_and_keys_are_unique() {
        let keys: std::collections::BTreeSet<_> = DUTIES.iter().map(|row| row.key).collect();
        assert_eq!(keys.len(), 49);
        for clause in Clause::ALL {
            assert!(DUTIES.iter().any(|row| row.clause == clause), "{}", clause.key());
            assert_eq!(Clause::from_key(clause.key()), Some(clause));
        }
    }
}
