//! The clauses of the contract, and the keys by which every layer names its files; the kinds of promises in them.

use serde::{Deserialize, Serialize};

/// What kind of promise a duty is (`obligations`, 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A condition holds always.
    State,
    /// A function exists.
    Capable,
    /// Ask before acting.
    Gate,
    /// An event obliges telling the city.
    Report,
    /// Show on request.
    Disclose,
    /// Keep a record.
    Record,
    /// Prepare a document and put it before the city.
    Present,
}

/// The 14 clauses. The key is a file name in every layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clause {
    /// `c01_procedures`
    C01Procedures,
    /// `c02_malware`
    C02Malware,
    /// `c03_vulnerabilities`
    C03Vulnerabilities,
    /// `c04_network`
    C04Network,
    /// `c05_logs`
    C05Logs,
    /// `c06_clocks`
    C06Clocks,
    /// `c07_stops`
    C07Stops,
    /// `c08_changes`
    C08Changes,
    /// `c09_capacity`
    C09Capacity,
    /// `c10_backups`
    C10Backups,
    /// `c11_access`
    C11Access,
    /// `c12_environments`
    C12Environments,
    /// `c13_entry`
    C13Entry,
    /// `c14_surveillance`
    C14Surveillance,
}

impl Clause {
    /// All, in order.
    pub const ALL: [Self; 14] = [
        Self::C01Procedures,
        Self::C02Malware,
        Self::C03Vulnerabilities,
        Self::C04Network,
        Self::C05Logs,
        Self::C06Clocks,
        Self::C07Stops,
        Self::C08Changes,
        Self::C09Capacity,
        Self::C10Backups,
        Self::C11Access,
        Self::C12Environments,
        Self::C13Entry,
        Self::C14Surveillance,
    ];

    /// The file key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::C01Procedures => "c01_procedures",
            Self::C02Malware => "c02_malware",
            Self::C03Vulnerabilities => "c03_vulnerabilities",
            Self::C04Network => "c04_network",
            Self::C05Logs => "c05_logs",
            Self::C06Clocks => "c06_clocks",
            Self::C07Stops => "c07_stops",
            Self::C08Changes => "c08_changes",
            Self::C09Capacity => "c09_capacity",
            Self::C10Backups => "c10_backups",
            Self::C11Access => "c11_access",
            Self::C12Environments => "c12_environments",
            Self::C13Entry => "c13_entry",
            Self::C14Surveillance => "c14_surveillance",
        }
    }

    /// The clause with this key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|clause| clause.key() == key)
    }
}
