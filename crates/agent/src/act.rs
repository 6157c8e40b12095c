//! The hand of the agent: the one part that changes a host. It isolates, puts into the quarantine, gives back, removes,
//! restores, and nothing else, and each of them only by an order that the server signed, or by a standing approval that came as one.
//!
//! It is a process of its own (`yakujo act`): started on demand, as root, with one question on its standard input and one
//! answer on its standard output. It gives up what that question does not need ([`confine`]) and has no network, no shell
//! and no free command. It trusts nobody, the agent included: the signature, the host, the time and the single use of an
//! order are checked here, and what was used is kept here.
//!
//! What it did it keeps as facts until the agent says that its outbox holds them.

pub(crate) mod confine;
mod desk;
pub mod follow;
mod give_back;
pub mod hand;
mod hold;
mod isolate;
pub mod line;
mod needed;
mod orders;
pub(crate) mod quarantine;
mod restore;
mod seek;

pub use confine::confine;
pub use desk::{Desk, Pinned};
pub use quarantine::Moved;

use crate::known_good::{Missing, Wanted};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::integrity::KnownGood;
use yakujo_contract::fact::malware::AvDetection;
use yakujo_contract::id::{HostId, RequestId};

/// The folder of the hand, beside that of the agent.
pub const FOLDER: &str = "act";
/// Longest question, bytes.
pub const LONGEST_ASK: u64 = 64 * 1024;
/// Peers that stay reachable, at most.
const MOST_PEERS: usize = 8;

/// One question to the hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// The host this is, and the key whose orders it follows. Counts once: a key that is pinned stays.
    Pin {
        /// The host.
        host: HostId,
        /// The public key, as signed notes write it.
        key: String,
    },
    /// Carry out this order.
    Order {
        /// The signed note.
        note: String,
        /// The addresses over which the agent reports: they stay open.
        peers: Vec<SocketAddr>,
        /// What is known of a content that the hand does not hold itself.
        #[serde(default)]
        elsewhere: Elsewhere,
    },
    /// Malware may have run: use a standing approval, if there is one.
    Suspected {
        /// The addresses over which the agent reports: they stay open.
        peers: Vec<SocketAddr>,
    },
    /// Look whether what should be in force is, put it in force again, end what is over.
    Look {},
    /// Try whether the host could be cut off, without doing it.
    Ready {
        /// The addresses over which the agent reports.
        peers: Vec<SocketAddr>,
    },
    /// Hold the content of the files below these trees.
    Hold {
        /// Absolute paths.
        roots: Vec<String>,
    },
    /// Whether these contents are held.
    Holds {
        /// Which.
        contents: Vec<Wanted>,
    },
    /// Put this file into the quarantine, under a standing approval. With the question comes the file, held open as it was
    /// judged; without it, it is only said whether it came in before.
    Quarantine {
        /// Its device and inode.
        file: (u64, u64),
        /// What was found, as it is told when the file was moved.
        detection: Box<AvDetection>,
    },
    /// Show that moving works with the agent's own sample, which comes held open with the question; it is not kept.
    Sample {
        /// Where it lies; bytes that are no text as `\xNN`.
        path: String,
    },
    /// Settle what was interrupted in the quarantine, and say where it lies.
    Places {},
    /// Everything told up to this number is in the agent's outbox.
    Kept {
        /// The number.
        to: u64,
    },
}

/// A content that the hand does not hold itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elsewhere {
    /// Nobody has sought it yet.
    #[default]
    NotSought,
    /// It was found there, and comes held open with the question.
    Found(KnownGood),
    /// It is nowhere, and why.
    Nowhere(String),
}

/// What is held of the watched trees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// Files whose content is held.
    pub files: u64,
    /// Files whose content is not.
    pub left_out: u32,
    /// The first of them.
    pub missing: Vec<Missing>,
}

/// What the hand tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its number, only upwards.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub fact: Fact,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What was told and not yet kept by the agent, oldest first.
    pub told: Vec<Told>,
    /// Whether the host is cut off now.
    pub isolated: bool,
    /// There is more to hold: nothing else waits longer than a moment for it.
    #[serde(default)]
    pub more: bool,
    /// Malware may be put into the quarantine under this permit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantinePermit>,
    /// Which key is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pinned>,
    /// What became of the file that should go into the quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Moved>,
    /// The content that an order needs and the hand does not hold: the order is not used up, and comes again with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<Wanted>,
    /// What is held, once everything was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding: Option<Holding>,
    /// Of the contents that were asked for, those that are held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Wanted>,
    /// Where the quarantine lies, where that was the question; bytes that are no text as `\xNN`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
}

/// A standing approval of the quarantine, as the part of the agent needs it that finds malware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantinePermit {
    /// The request that was approved.
    pub request: RequestId,
    /// Until when it counts.
    pub until: Timestamp,
}

/// What the hand last said of the quarantine. It is sent with every answer, so that a change of this channel is an answer.
pub type Permitted = tokio::sync::watch::Receiver<Option<QuarantinePermit>>;

/// Why the hand did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// A file of its own.
    #[error("{0} cannot be read or written")]
    File(PathBuf, #[source] std::io::Error),
    /// Its folder could be changed by somebody else.
    #[error("{0} has to belong to the user who acts, and to be open to nobody else: chown and chmod 0700 it")]
    Folder(PathBuf),
    /// A file of its own is damaged.
    #[error("{0} is damaged: move it away and enrol the host again")]
    Damaged(PathBuf),
    /// Another key is pinned.
    #[error("this host follows the orders of another key; to change that, root removes {0}")]
    OtherKey(PathBuf),
    /// The key cannot be read.
    #[error("this is no key of orders")]
    Key,
    /// Too many peers, or none.
    #[error("between 1 and {MOST_PEERS} addresses stay open")]
    Peers,
}

/// Answers one question. `now` is the wall clock.
///
/// # Errors
/// Any [`ActError`]; what was done before is told at the next question.
pub fn answer(folder: &Path, ask: &Ask, now: Timestamp) -> Result<Answer, ActError> {
    answer_with(folder, ask, None, now)
}

/// The same, where a file came with the question.
///
/// # Errors
/// As [`answer`].
pub fn answer_with(
    folder: &Path,
    ask: &Ask,
    file: Option<OwnedFd>,
    now: Timestamp,
) -> Result<Answer, ActError> {
    if matches!(ask, Ask::Quarantine { .. } | Ask::Sample { .. } | Ask::Places {}) {
        return quarantine::answer(folder, ask, file, now);
    }
    let desk = Desk::open(folder)?;
    desk.tell_what_was_interrupted(now)?;
    let (mut wants, mut holding, mut holds) = (None, None, Vec::new());
    match ask {
        Ask::Pin { host, key } => desk.pin(host, key)?,
        Ask::Order { note, peers, elsewhere } => {
            wants = orders::carry_out(&desk, note, (few(peers)?, elsewhere, file), now)?;
        }
        Ask::Suspected { peers } => orders::use_permit(&desk, few(peers)?, now)?,
        Ask::Look {} => isolate::look(&desk, now)?,
        Ask::Ready { peers } => isolate::ready(&desk, few(peers)?, now)?,
        Ask::Hold { roots } => holding = hold::hold(&desk, roots, now)?,
        Ask::Holds { contents } => holds = hold::of_these(&desk, contents)?,
        Ask::Quarantine { .. } | Ask::Sample { .. } | Ask::Places {} => {}
        Ask::Kept { to } => desk.kept(*to)?,
    }
    Ok(Answer {
        told: desk.told()?,
        isolated: desk.isolation()?.is_some(),
        more: matches!(ask, Ask::Hold { .. }) && holding.is_none(),
        quarantine: orders::quarantine(&desk, now)?,
        pinned: desk.pinned()?,
        moved: None,
        wants,
        holding,
        holds,
        places: Vec::new(),
    })
}

fn few(peers: &[SocketAddr]) -> Result<&[SocketAddr], ActError> {
    if (1..=MOST_PEERS).contains(&peers.len()) { Ok(peers) } else { Err(ActError::Peers) }
}

/// Local root connects the host again by hand. It is told to both parties.
///
/// # Errors
/// Any [`ActError`].
pub fn break_glass(folder: &Path, now: Timestamp) -> Result<Released, ActError> {
    isolate::break_glass(&Desk::open(folder)?, now)
}

/// What came of releasing a host by hand.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is connected again.
    Yes,
    /// It was not cut off.
    WasNot,
}

#[cfg(test)]
pub(crate) mod tests;
