//! Facts of lists that a host is made of: jobs, kernel parameters, firewall chains, certificates, objects of a data base …
//! One form for all of them, because the question is always the same: which of them is not as it was?

use super::{Coverage, Part};
use crate::change::Object;
use crate::id::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `state.set` (8.b): all items of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSet {
    /// Part of the list.
    pub part: Part,
    /// What the items are.
    pub object: Object,
    /// The items, by name.
    pub items: Vec<Item>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Name; with its place before it where names repeat (`postgresql://main/city/public.resident`).
    pub name: String,
    /// What it is.
    pub content: Content,
}

/// What something is: its digest, and its text where that is short and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// SHA-256 of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// SHA-256 over a secret of the host and the content, where the content may hold a secret: it tells that something
    /// changed, and nothing can be guessed from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Digest>,
    /// The content itself, at most 2,000 letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// `state.change` (8.a, 8.b): items that are not as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// Part of the list.
    pub part: Part,
    /// What the items are.
    pub object: Object,
    /// The last time they were seen as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The first time they were seen as after.
    pub until: Timestamp,
    /// Whether the agent ran when it happened.
    #[serde(default, skip_serializing_if = "Seen::is_running")]
    pub seen: Seen,
    /// The items.
    pub items: Vec<ItemChange>,
}

/// One item that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemChange {
    /// Name, as in `state.set`.
    pub name: String,
    /// Absent: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Content>,
    /// Absent: it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Content>,
}

/// Whether the agent ran when a change happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// It ran.
    #[default]
    Running,
    /// It did not: found by comparing at its start.
    WhileAway,
}

impl Seen {
    /// True for what need not be said.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running)
    }
}

/// Who did something, as far as the kernel or a log of the host says so. What nobody said is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// User id it ran as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Account of that user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Account that logged in, whoever it became afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}
