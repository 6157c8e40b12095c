//! The write-ahead file: what was acknowledged but does not stand in tiles yet.
//!
//! One acknowledgement is one *batch*: length, checksum, number of its first entry, then the entries as in a bundle.
//! A batch is written only after the one before it is durable. Therefore a batch that does not check out at the end of
//! the file was never acknowledged and is dropped, and one with a good batch behind it is damage, which nobody may
//! drop in silence.

use sha2::{Digest as _, Sha256};

use crate::tile::{push_entry, split_bundle};

/// First line of the file; the origin of the ledger is the second.
const MAGIC: &str = "yakujo write-ahead 1\n";

/// Bytes of a batch before its entries: length (4), checksum (8), number of the first entry (8).
const PREFIX_BYTES: usize = 20;

/// Entries that were acknowledged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Number of the first entry.
    pub first: u64,
    /// At least one entry.
    pub entries: Vec<&'a [u8]>,
}

/// What stands in a write-ahead file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents<'a> {
    /// The good batches, in order; their numbers follow each other.
    pub batches: Vec<Batch<'a>>,
    /// What is behind them.
    pub tail: Tail,
}

/// What is behind the last good batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Clean,
    /// A batch that was not written to its end, and so never acknowledged.
    Torn {
        /// Where it begins.
        offset: u64,
        /// How many bytes there are.
        bytes: u64,
    },
}

/// A write-ahead file that was changed after it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// Not the beginning that a write-ahead file of this ledger has.
    #[error("it does not begin like a write-ahead file of this ledger")]
    Header,
    /// A batch does not check out, and a good one follows: acknowledged entries are damaged.
    #[error("the acknowledged batch at byte {offset} is damaged: a good batch follows at byte {next}")]
    Damaged {
        /// Where the bad batch begins.
        offset: u64,
        /// Where the next good one begins.
        next: u64,
    },
    /// The number of a batch does not follow the one before.
    #[error("the batch at byte {offset} begins with entry {found}, not {expected}")]
    Gap {
        /// Where the batch begins.
        offset: u64,
        /// The number that would follow.
        expected: u64,
        /// The number found.
        found: u64,
    },
}

/// The beginning of the write-ahead file of the ledger with this origin.
#[must_use]
pub fn header(origin: &str) -> Vec<u8> {
    format!("{MAGIC}{origin}\n").into_bytes()
}

/// The bytes of a batch.
pub fn frame<Entry: AsRef<[u8]>>(first: u64, entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut payload = Vec::new();
    entries.into_iter().for_each(|entry| push_entry(&mut payload, entry.as_ref()));
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + payload.len());
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&checksum(length, first, &payload));
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

/// Eight bytes of SHA-256: enough against accidents. Against intent the tree protects, once the entries are in it.
fn checksum(length: [u8; 4], first: u64, payload: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(length).chain_update(first.to_be_bytes()).chain_update(payload);
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    [a, b, c, d, e, f, g, h]
}

/// Reads a write-ahead file.
///
/// # Errors
/// When it is not one of this ledger, or when something acknowledged is damaged.
pub fn read<'a>(bytes: &'a [u8], origin: &str) -> Result<Contents<'a>, WalError> {
    let header = header(origin);
    let mut rest = bytes.strip_prefix(header.as_slice()).ok_or(WalError::Header)?;
    let mut batches: Vec<Batch<'a>> = Vec::new();
    let mut expected = None;
    while !rest.is_empty() {
        let offset = (bytes.len() - rest.len()) as u64;
        let Some((batch, after)) = read_batch(rest) else {
            return match next_good(rest, expected.unwrap_or(0)) {
                Some(distance) => Err(WalError::Damaged { offset, next: offset + distance }),
                None => Ok(Contents { batches, tail: Tail::Torn { offset, bytes: rest.len() as u64 } }),
            };
        };
        let follows = expected.unwrap_or(batch.first);
        if batch.first != follows {
            return Err(WalError::Gap { offset, expected: follows, found: batch.first });
        }
        expected = Some(batch.first.saturating_add(batch.entries.len() as u64));
        batches.push(batch);
        rest = after;
    }
    Ok(Contents { batches, tail: Tail::Clean })
}

/// The batch at the beginning of these bytes, and what follows it.
fn read_batch(bytes: &[u8]) -> Option<(Batch<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<8>()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    let (payload, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let first = u64::from_be_bytes(*first);
    if payload.is_empty() || checksum(*length, first, payload) != *check {
        return None;
    }
    Some((Batch { first, entries: split_bundle(payload)? }, rest))
}

/// How far behind the beginning of a bad batch the next good one is, if there is one. Its number is above that of the
/// bad batch; what else reads as a number costs almost never a hash, because the length must fit too.
fn next_good(bytes: &[u8], number_of_bad: u64) -> Option<u64> {
    (1..bytes.len()).find_map(|distance| {
        let (batch, _) = read_batch(bytes.get(distance..)?)?;
        (batch.first > number_of_bad).then_some(distance as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let mut bytes = header("city.example/main");
        bytes.extend(frame(7, [b"one".as_slice(), b"two"]));
        bytes.extend(frame(9, [b"three".as_slice()]));
        bytes.extend(frame(10, [b"".as_slice(), b"five", b"six"]));
        bytes
    }

    #[test]
    fn what_was_written_is_read_back() {
        let bytes = sample();
        let contents = read(&bytes, "city.example/main").unwrap();
        assert_eq!(contents.tail, Tail::Clean);
        let numbers: Vec<_> =
            contents.batches.iter().map(|batch| (batch.first, batch.entries.len())).collect();
        assert_eq!(numbers, [(7, 2), (9, 1), (10, 3)]);
        assert_eq!(read(&bytes, "city.example/other"), Err(WalError::Header));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let bytes = sample();
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                let clean =
                    read(&changed, "city.example/main").is_ok_and(|contents| contents.tail == Tail::Clean);
                assert!(!clean, "byte {at}");
            }
        }
    }

    #[test]
    fn damage_before_a_good_batch_is_never_taken_for_a_torn_end() {
        let bytes = sample();
        let begin = header("city.example/main").len();
        let last = bytes.len() - frame(10, [b"".as_slice(), b"five", b"six"]).len();
        for at in begin..last {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let read = read(&changed, "city.example/main");
            assert!(matches!(read, Err(WalError::Damaged { .. })), "byte {at}: {read:?}");
        }
    }

    #[test]
    fn cut_at_any_byte_only_the_batch_that_was_cut_is_gone() {
        let bytes = sample();
        let begin = header("city.example/main").len();
        let ends = [begin + 30, begin + 30 + 27, bytes.len()];
        for cut in begin..=bytes.len() {
            let contents = read(&bytes[..cut], "city.example/main").unwrap();
            assert_eq!(
                contents.batches.len(),
                ends.iter().filter(|end| **end <= cut).count(),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn a_missing_batch_in_the_middle_is_a_gap() {
        let mut bytes = header("o");
        bytes.extend(frame(0, [b"a"]));
        bytes.extend(frame(2, [b"c"]));
        assert!(matches!(read(&bytes, "o"), Err(WalError::Gap { expected: 1, found: 2, .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(tail in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..200) {
            let _ = read(&tail, "o");
            let mut bytes = sample();
            bytes.truncate(cut);
            bytes.extend(tail);
            let _ = read(&bytes, "city.example/main");
        }
    }
}
