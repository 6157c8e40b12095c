//! The ledger: entries that can be added but never changed, and proofs of it that anybody can check alone.
//!
//! The formats are those of C2SP (RFC 6962 tree, tlog-tiles, signed notes, checkpoints, cosignatures), so that a
//! program that is not ours can read and check the same files. Everything here is a function from bytes to bytes,
//! without clock, randomness or network; only [`files`] touches a disk.

pub mod bundle;
pub mod checkpoint;
pub mod files;
pub mod fsck;
pub mod hash;
pub mod note;
pub mod policy;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod verdict;

pub use hash::Hash;

/// The largest entry in bytes: the C2SP entry bundle gives 16 bits to the length.
pub const MAX_ENTRY_BYTES: usize = 65_535;
