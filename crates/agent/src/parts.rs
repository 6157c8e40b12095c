//! The agent as several processes, so that none has rights it does not need: what reads everything does not speak to the
//! server, what speaks to the server cannot read, and what starts both does neither.
//!
//! ```text
//! yakujo agent (starts the others, gives on what it was given)
//!  ├─ part keep     outbox, server, orders, probes      no capability; its own folder only
//!  ├─ part collect  collectors, events, hashing         reads everything, changes nothing, has no network
//!  ├─ reach         one question over the network, or to the firewall, for the collector
//!  ├─ part save     backup jobs, other products' results, idle sessions
//!  ├─ gate          answers held opens, where there are any
//!  └─ act           one order, where the agent is root and systemd does not start it
//! ```
//!
//! A part that is killed is started again. What `collect` and `save` have to keep they hand to `keep`, which answers when it
//! is on the disk; one that gets no answer asks again, and nothing is kept twice.

pub(crate) mod keep;
mod notebook;
pub(crate) mod save;

// The parts as processes of their own. Elsewhere all of them run in one.
#[cfg(target_os = "linux")]
pub mod apart;
#[cfg(target_os = "linux")]
pub mod collect;
#[cfg(target_os = "linux")]
pub mod confine;
#[cfg(target_os = "linux")]
pub(crate) mod link;
#[cfg(target_os = "linux")]
mod listen;
#[cfg(target_os = "linux")]
pub mod supervise;

#[cfg(not(target_os = "linux"))]
use crate::elsewhere::link;
#[cfg(target_os = "linux")]
pub use apart::{end_with, parent};
pub use notebook::Notebook;

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The parts that run as long as the agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Keeps facts and speaks to the server.
    Keep,
    /// Observes.
    Collect,
    /// Has backups made.
    Save,
}

impl Part {
    /// All, in the order in which they are started.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Collect, Self::Save];

    /// As it is written on a command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Collect => "collect",
            Self::Save => "save",
        }
    }
}

/// On this socket in the agent's folder the keeper takes what the other parts have to keep.
#[must_use]
pub fn keep_socket(folder: &Path) -> PathBuf {
    folder.join("keep.sock")
}

/// On this socket the part that acts is started, where systemd does not do it.
#[must_use]
pub fn hand_socket(folder: &Path) -> PathBuf {
    folder.join("act.sock")
}

/// On this socket a process is started that answers one question over the network, for the collector alone.
#[must_use]
pub fn reach_socket(folder: &Path) -> PathBuf {
    folder.join("reach.sock")
}

/// On this socket the gate is started.
#[must_use]
pub fn gate_socket(folder: &Path) -> PathBuf {
    folder.join("gate.sock")
}
