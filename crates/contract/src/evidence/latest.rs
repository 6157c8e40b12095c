//! The newest of several readings of one thing, whatever order they arrive in.

use crate::id::EntryNumber;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// When and where something was stated.
///
/// Within one host the author's own numbering decides what is newer, not its clock: a host whose clock went back a year
/// would otherwise keep its old readings. People and the server have no numbers; theirs are ordered by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The author's sequence number, 0 for people and the server.
    pub seq: u64,
    /// By the author's clock, but never after it was received.
    pub observed: Timestamp,
    /// By the server's clock.
    pub received: Timestamp,
    /// Entry number.
    pub entry: EntryNumber,
}

impl Stamp {
    /// When something was that the author tells of by its own clock: as long before the statement was received as it was
    /// before it was made. What is told today of last year is a year old.
    #[must_use]
    pub fn when(self, told: Timestamp) -> Timestamp {
        let age = self.observed.duration_since(told).max(SignedDuration::ZERO);
        self.received.checked_sub(age).unwrap_or(Timestamp::MIN)
    }
}

/// A value with the stamp of its newest statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Latest<T> {
    /// When and where.
    pub stamp: Stamp,
    /// What.
    pub value: T,
}

impl<T> Latest<T> {
    /// The first statement.
    pub fn new(stamp: Stamp, value: T) -> Self {
        Self { stamp, value }
    }

    /// Takes the statement if it is newer.
    pub fn replace(&mut self, stamp: Stamp, value: T) {
        if stamp > self.stamp {
            *self = Self { stamp, value };
        }
    }
}

/// Fills a slot, or replaces an older value.
pub fn keep_newer<T>(slot: &mut Option<Latest<T>>, stamp: Stamp, value: T) {
    match slot {
        Some(latest) => latest.replace(stamp, value),
        None => *slot = Some(Latest::new(stamp, value)),
    }
}

/// Maps whose keys are not texts, as lists of pairs: JSON has no other keys.
pub mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    /// Writes the map as a list of pairs.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<K, V, S>(map: &BTreeMap<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Serialize,
        V: Serialize,
        S: Serializer,
    {
        serializer.collect_seq(map)
    }

    /// Reads the list of pairs.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
