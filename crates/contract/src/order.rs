//! Orders: what the server tells the agent of a host to do. A closed set of acts, each resting on a request that the city
//! approved or consented to; there is no shell and no free command among them.
//!
//! An order is a text that is signed as a whole: a first line that names the format and its version, and a line of JSON in
//! the one spelling this program writes. It names its host, its approval, and until when it counts; its id counts once.

pub mod allowed;

use crate::id::{Digest, HostId, OrderId, RequestId};
use crate::request::Trigger;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What every order begins with; the version follows.
const FORMAT: &str = "yakujo-order/";
/// The version this program writes and reads.
const VERSION: &str = "v1";
/// Longest text of an order, bytes.
pub const LONGEST: usize = 16_384;
/// Longest path, bytes.
const LONGEST_PATH: usize = 4_096;
/// A permit counts as long as its standing approval: a year at most.
const PERMIT_LIVES: SignedDuration = SignedDuration::from_hours(24 * 367);
/// Every other order is carried out within a day, or not at all.
pub const ORDER_LIVES: SignedDuration = SignedDuration::from_hours(24);
/// The clocks of host and server may differ by so much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its id: used once, then never again.
    pub order: OrderId,
    /// The host that carries it out; no other does.
    pub host: HostId,
    /// The request the city approved, or consented to.
    pub request: RequestId,
    /// When it was signed.
    pub issued: Timestamp,
    /// From then on it is refused.
    pub expires: Timestamp,
    /// What to do.
    pub work: Work,
}

/// What an agent may be told to do. Quarantine, isolation and restoration, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// A standing approval (F-26): what the agent may do by itself, also while the server is away.
    Permit(Permit),
    /// A permit ends before its time.
    EndPermit {
        /// The order that gave it.
        permit: OrderId,
    },
    /// Cut the host off from the network now.
    Isolate {
        /// Until when at most.
        until: Timestamp,
    },
    /// Connect it again.
    Reconnect {},
    /// Put an item of the quarantine back where it lay.
    GiveBack {
        /// Name of the item.
        item: String,
    },
    /// Remove an item of the quarantine for good.
    Remove {
        /// Name of the item.
        item: String,
    },
    /// Put known-good content into a file.
    Restore {
        /// The file.
        path: String,
        /// SHA-256 of the content both talked about.
        digest: Digest,
    },
}

/// What a standing approval lets an agent do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permit {
    /// What sets it off.
    pub trigger: Trigger,
    /// What it allows.
    pub acts: BTreeSet<Permitted>,
    /// Longest duration of one use, minutes.
    pub longest_min: u32,
    /// How often it may be used on this host.
    pub uses: u32,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// An act an agent may do by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permitted {
    /// Put malware into the quarantine.
    Quarantine,
    /// Cut the host off from the network.
    Isolate,
}

/// Why an agent does not carry an order out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCarriedOut {
    /// Not signed by the key of the server, or not by it alone.
    #[error("not signed by the key this host was enrolled with")]
    Signature,
    /// A version this agent does not know.
    #[error("the order is of another version: use an agent of the server's version")]
    Version,
    /// Not an order, or not in the one spelling.
    #[error("this is no order")]
    Shape,
    /// For another host.
    #[error("the order is for another host")]
    OtherHost,
    /// It has expired.
    #[error("the order has expired")]
    Expired,
    /// Signed later than now.
    #[error("the order was signed later than this host's clock says: check the clock")]
    TooEarly,
    /// It was carried out before.
    #[error("the order was used before")]
    Used,
}

impl Order {
    /// The text that is signed.
    ///
    /// # Errors
    /// [`NotCarriedOut::Shape`], where it says something no order may say.
    pub fn text(&self) -> Result<String, NotCarriedOut> {
        self.check()?;
        let json = serde_json::to_string(self).map_err(|_| NotCarriedOut::Shape)?;
        Ok(format!("{FORMAT}{VERSION}\n{json}\n"))
    }

    /// Reads the text of an order. Only the spelling that [`Order::text`] writes is read.
    ///
    /// # Errors
    /// [`NotCarriedOut::Version`] or [`NotCarriedOut::Shape`].
    pub fn parse(text: &str) -> Result<Self, NotCarriedOut> {
        let version = text.strip_prefix(FORMAT).ok_or(NotCarriedOut::Shape)?;
        let (version, json) = version.split_once('\n').ok_or(NotCarriedOut::Shape)?;
        if version != VERSION {
            return Err(NotCarriedOut::Version);
        }
        if text.len() > LONGEST {
            return Err(NotCarriedOut::Shape);
        }
        let order: Self = serde_json::from_str(json).map_err(|_| NotCarriedOut::Shape)?;
        if order.text()? == text { Ok(order) } else { Err(NotCarriedOut::Shape) }
    }

    /// Whether this host carries it out now.
    ///
    /// # Errors
    /// The first [`NotCarriedOut`].
    pub fn is_for(&self, host: &HostId, now: Timestamp) -> Result<(), NotCarriedOut> {
        if self.host != *host {
            return Err(NotCarriedOut::OtherHost);
        }
        if self.expires <= now {
            return Err(NotCarriedOut::Expired);
        }
        if self.issued > now.saturating_add(CLOCKS_DIFFER).unwrap_or(Timestamp::MAX) {
            return Err(NotCarriedOut::TooEarly);
        }
        Ok(())
    }

    /// What no order may say, whoever signed it.
    fn check(&self) -> Result<(), NotCarriedOut> {
        let lives = self.expires.duration_since(self.issued);
        let longest = if matches!(self.work, Work::Permit(_)) { PERMIT_LIVES } else { ORDER_LIVES };
        let right = match &self.work {
            Work::Permit(permit) => {
                let counts = permit.longest_min > 0 && permit.uses > 0 && !permit.acts.is_empty();
                counts && permit.from < permit.until && permit.until <= self.expires
            }
            Work::Isolate { until } => *until > self.issued,
            Work::GiveBack { item } | Work::Remove { item } => is_plain_name(item),
            Work::Restore { path, .. } => is_plain_path(path),
            Work::EndPermit { .. } | Work::Reconnect {} => true,
        };
        let right = right && lives > SignedDuration::ZERO && lives <= longest;
        if right { Ok(()) } else { Err(NotCarriedOut::Shape) }
    }
}

impl Work {
    /// The word in entries and facts.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Permit(_) => "permit",
            Self::EndPermit { .. } => "end_permit",
            Self::Isolate { .. } => "isolate",
            Self::Reconnect {} => "reconnect",
            Self::GiveBack { .. } => "give_back",
            Self::Remove { .. } => "remove",
            Self::Restore { .. } => "restore",
        }
    }
}

/// A name without folders in it.
fn is_plain_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=128).contains(&name.len()) && name.chars().all(letter) && !name.starts_with('.')
}

/// An absolute path without steps back, and without what a path has no need of.
fn is_plain_path(path: &str) -> bool {
    let parts = path.strip_prefix('/').map(|rest| rest.split('/'));
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= LONGEST_PATH
        && !path.chars().any(char::is_control)
        && parts.is_some_and(|mut parts| parts.all(plain))
}

#[cfg(test)]
mod tests;
