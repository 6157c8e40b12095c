//! What people talk about: the key of a thing that has a page of its own. A comment and a notice name their thing by it,
//! so that both are found from there and lead back.

use crate::duty::DutyId;
use crate::id::{FindingId, ProposalId, RequestId, SystemId};
use serde::{Deserialize, Serialize};

/// A thing that can be talked about, written as `duty/7.a/main`, `proposal/ID`, `request/ID` or `finding/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Topic {
    /// A duty of a system.
    Duty(DutyId, SystemId),
    /// A proposal, or what was agreed by it.
    Proposal(ProposalId),
    /// A request that the city decides on.
    Request(RequestId),
    /// A finding that somebody classifies.
    Finding(FindingId),
}

/// Why a text names no thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no topic: write duty/DUTY/SYSTEM, proposal/ID, request/ID or finding/ID")]
pub struct NotATopic(String);

impl std::str::FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        let parsed = text.split_once('/').and_then(|(kind, rest)| match kind {
            "duty" => {
                let (duty, system) = rest.split_once('/')?;
                Some(Self::Duty(DutyId::parse(duty).ok()?, system.parse().ok()?))
            }
            "proposal" => rest.parse().ok().map(Self::Proposal),
            "request" => rest.parse().ok().map(Self::Request),
            "finding" => rest.parse().ok().map(Self::Finding),
            _ => None,
        });
        parsed.ok_or_else(|| NotATopic(text.chars().take(80).collect()))
    }
}

impl TryFrom<String> for Topic {
    type Error = NotATopic;
    fn try_from(text: String) -> Result<Self, NotATopic> {
        text.parse()
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.to_string()
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duty(duty, system) => write!(f, "duty/{duty}/{system}"),
            Self::Proposal(id) => write!(f, "proposal/{id}"),
            Self::Request(id) => write!(f, "request/{id}"),
            Self::Finding(id) => write!(f, "finding/{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_reads_as_it_is_written() {
        for text in ["duty/7.a/main", "proposal/a-1", "request/r-1", "finding/f-1"] {
            assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_thing_is_refused() {
        let long = format!("request/{}", "x".repeat(65));
        for text in [
            "",
            "duty",
            "duty/7.a",
            "duty/99.z/main",
            "duty/7.a/",
            "request/",
            "request/A/b",
            "person/p-1",
            &long,
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }
}
