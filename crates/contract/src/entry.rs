//! Entry v1: a fact or an act with who, where, when. The only truth; everything else is a view of it.
//!
//! The ledger stores the bytes of [`Entry::to_bytes`]; the number of an entry is its place there.

use crate::act::Act;
use crate::fact::Fact;
use crate::id::{HostId, PersonId, PostId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest entry, in bytes (C2SP tlog-tiles: 16-bit length).
pub const MAX_BYTES: usize = 65_535;

/// Which of the two parties somebody belongs to, or the auditor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// 市
    City,
    /// 受託者
    Contractor,
    /// 監査人 (reads only)
    Auditor,
}

/// Who made an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Author {
    /// An agent, by the host of its device certificate.
    Agent(HostId),
    /// The server itself (silences, gaps, its own start and stop).
    Server,
    /// A person who was signed in, with the post he or she acted in.
    Person {
        /// Who.
        id: PersonId,
        /// For which party.
        party: Party,
        /// In which post, where the act needs one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        post: Option<PostId>,
    },
}

/// The tree head that the author had before his eyes: binds a decision to the record it was made under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenHead {
    /// Number of entries in the tree.
    pub size: u64,
    /// Root hash, base64.
    pub root: String,
}

/// A fact or an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// What a program observed.
    Fact(Fact),
    /// What a person did.
    Act(Act),
}

/// Entry v1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Format version: 1.
    pub v: u8,
    /// Who made it.
    pub author: Author,
    /// The host it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// The number the author's outbox gave it: gapless per host, from 1. Absent for people and the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When it happened, by the author's clock (UTC).
    pub observed: Timestamp,
    /// When the server took it (UTC).
    pub received: Timestamp,
    /// The tree head the author had seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenHead>,
    /// `fact` or `act`.
    #[serde(flatten)]
    pub body: Body,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Larger than [`MAX_BYTES`].
    #[error("the entry has {0} bytes, at most {MAX_BYTES} are allowed: put the document in by its digest")]
    TooLarge(usize),
    /// A version this program does not know.
    #[error("entry version {0} is not known here: use a newer yakujo")]
    Version(u8),
    /// Not an entry at all.
    #[error("not an entry v1")]
    Json(#[from] serde_json::Error),
}

impl Entry {
    /// The bytes that go into the ledger: JSON without white space.
    ///
    /// # Errors
    /// [`EntryError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = serde_json::to_vec(self)?;
        if bytes.len() > MAX_BYTES {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// Any [`EntryError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_BYTES {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let entry: Self = serde_json::from_slice(bytes)?;
        if entry.v != 1 {
            return Err(EntryError::Version(entry.v));
        }
        Ok(entry)
    }

    /// The fact, if it is one.
    #[must_use]
    pub fn fact(&self) -> Option<&Fact> {
        match &self.body {
            Body::Fact(fact) => Some(fact),
            Body::Act(_) => None,
        }
    }

    /// The act, if it is one.
    #[must_use]
    pub fn act(&self) -> Option<&Act> {
        match &self.body {
            Body::Act(act) => Some(act),
            Body::Fact(_) => None,
        }
    }
}
