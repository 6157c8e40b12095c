//! Typed names. A bare string is never an id.

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: use 1 to 64 of a-z, 0-9, '-', '_', '.', ':'")]
pub struct NotAnId {
    what: &'static str,
    text: String,
}

fn check(what: &'static str, text: &str) -> Result<(), NotAnId> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(());
    }
    Err(NotAnId { what, text: text.chars().take(80).collect() })
}

macro_rules! id {
    ($name:ident, $what:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                check($what, &text)?;
                Ok(Self(text))
            }
        }
        impl std::str::FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Self::try_from(text.to_owned())
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(ContractId, "contract id", "One contract between a city and a contractor.");
id!(SystemId, "system id", "One information system (情報システム) of the contract.");
id!(HostId, "host id", "One observed machine.");
id!(PersonId, "person id", "One person, by an opaque random id; names live outside the ledger.");
id!(PostId, "post id", "A post (職) of the city or a role of the contractor, occupied for periods.");
id!(DocumentId, "document id", "One document of the register (F-20).");
id!(DeviceId, "device id", "One device certificate.");
id!(ProposalId, "proposal id", "One proposal that the other party agrees to or refuses.");
id!(RequestId, "request id", "One request, report or presentation (F-05 … F-26).");
id!(FindingId, "finding id", "One result of joining what was observed with what was approved.");
id!(TargetId, "target id", "One thing that probes try from outside (監視対象).");
id!(OrderId, "order id", "One order to a host's agent; it is carried out once at most.");
id!(ProbeId, "probe id", "One place to probe from: `server`, or the host of an agent.");

impl ProbeId {
    /// The server itself. An agent of a host of this name is no probe.
    pub const SERVER: &'static str = "server";

    /// The probe of the server.
    #[must_use]
    pub fn server() -> Self {
        Self(Self::SERVER.to_owned())
    }

    /// The probe of the agent of a host, where its name is free.
    #[must_use]
    pub fn of_host(host: &HostId) -> Option<Self> {
        (host.as_str() != Self::SERVER).then(|| Self(host.as_str().to_owned()))
    }
}

/// The number of an entry in the ledger, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryNumber(pub u64);

impl std::fmt::Display for EntryNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The SHA-256 digest of something kept elsewhere, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Digest {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 64 && text.chars().all(hex) {
            return Ok(Self(text));
        }
        Err(NotAnId { what: "SHA-256 digest", text: text.chars().take(80).collect() })
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_lower_case_and_plain() {
        assert!("web-1.city".parse::<HostId>().is_ok());
        for bad in ["", "UPPER", "a b", "日本", &"x".repeat(65)] {
            assert!(bad.parse::<HostId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        assert!(Digest::try_from("0f".repeat(32)).is_ok());
        assert!(Digest::try_from("0F".repeat(32)).is_err());
        assert!(Digest::try_from("0f".repeat(31)).is_err());
    }
}
