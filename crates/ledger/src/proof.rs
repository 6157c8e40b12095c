//! Proofs: made from the nodes of a tree, checked against nothing but a root.
//!
//! Inclusion and consistency proofs are those of RFC 6962 section 2.1 and are checked as RFC 9162 sections 2.1.3.2
//! and 2.1.4.2 say. A *batch* proof shows many leaves at once without repeating shared nodes: it lists, from left to
//! right, the roots of the largest subtrees that hold none of the shown leaves.
//!
//! What comes from outside (sizes, positions, hashes) may be anything: a wrong proof is an error, never a panic, and
//! the work is bounded by the number of hashes and leaves given.

use std::ops::Range;

use crate::hash::{Hash, empty_root, node_hash};
use crate::tree::{split, subtree};

/// Why a proof proves nothing, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not in a tree of that size.
    #[error("entry {index} is not in a tree of {size} entries")]
    OutOfRange {
        /// Number of the first leaf that is outside.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The tree said to be older has more entries than the newer one.
    #[error("a tree of {old} entries cannot be a beginning of a tree of {new}")]
    Shrunk {
        /// Size of the tree said to be older.
        old: u64,
        /// Size of the tree said to be newer.
        new: u64,
    },
    /// The positions of a batch must rise strictly.
    #[error("the entries of a batch must be listed in rising order, each once")]
    Unsorted,
    /// A batch needs one leaf for each position.
    #[error("{positions} positions but {leaves} leaves")]
    CountMismatch {
        /// How many positions were given.
        positions: usize,
        /// How many leaves were given.
        leaves: usize,
    },
    /// The proof has not as many hashes as this position in this size needs.
    #[error("the proof has the wrong number of hashes")]
    WrongLength,
    /// The proof leads to another root: the entry, the proof or the tree is not the one claimed.
    #[error("the proof leads to another root than the one claimed")]
    RootMismatch,
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves, from the leaf upwards.
///
/// # Errors
/// [`ProofError::OutOfRange`], or what the reader of nodes `(level, index)` answers.
pub fn inclusion_proof<E: From<ProofError>>(
    size: u64,
    index: u64,
    read: &impl Fn(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    within(size, index)?;
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(subtree(middle, end, read)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, read)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` is leaf `index` of the tree with this root and size.
///
/// # Errors
/// When it is not shown by this proof.
pub fn verify_inclusion(
    root: &Hash,
    size: u64,
    index: u64,
    leaf: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    within(size, index)?;
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            let skipped = node.trailing_zeros().min(63);
            node >>= skipped;
            last >>= skipped;
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    same(&hash, root)
}

/// The proof that the tree of the first `old` leaves is the beginning of the tree of the first `new` leaves.
///
/// # Errors
/// [`ProofError::Shrunk`], or what the reader answers.
pub fn consistency_proof<E: From<ProofError>>(
    old: u64,
    new: u64,
    read: &impl Fn(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if old > new {
        return Err(ProofError::Shrunk { old, new }.into());
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(subtree(middle, end, read)?);
            end = middle;
        } else {
            proof.push(subtree(start, middle, read)?);
            start = middle;
        }
    }
    if start != 0 {
        proof.push(subtree(start, end, read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the tree `old_root` of `old_size` leaves is the beginning of the tree `new_root` of `new_size` leaves.
///
/// # Errors
/// When this proof does not show it.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Shrunk { old: old_size, new: new_size });
    }
    if old_size == 0 || old_size == new_size {
        if !proof.is_empty() {
            return Err(ProofError::WrongLength);
        }
        return if old_size == 0 {
            same(&empty_root(), old_root)?;
            if new_size == 0 { same(&empty_root(), new_root) } else { Ok(()) }
        } else {
            same(old_root, new_root)
        };
    }
    let shared = (old_size - 1).trailing_ones();
    let (mut node, mut last) = ((old_size - 1) >> shared, (new_size - 1) >> shared);
    let mut hashes = proof.iter();
    // The old tree is itself a node of the new one when its size is a power of two; the proof then leaves it out.
    let first = if old_size.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(first) = first else { return Err(ProofError::WrongLength) };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in hashes {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let skipped = if node == 0 { 0 } else { node.trailing_zeros() };
            node >>= skipped;
            last >>= skipped;
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    same(&old_hash, old_root)?;
    same(&new_hash, new_root)
}

/// The proof of many leaves at once. `indexes` rises strictly.
///
/// # Errors
/// [`ProofError::Unsorted`], [`ProofError::OutOfRange`], or what the reader answers.
pub fn batch_proof<E: From<ProofError>>(
    size: u64,
    indexes: &[u64],
    read: &impl Fn(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    rising_within(size, indexes)?;
    let mut proof = Vec::new();
    if size > 0 {
        collect(0, size, indexes, read, &mut proof)?;
    }
    Ok(proof)
}

fn collect<E>(
    start: u64,
    end: u64,
    shown: &[u64],
    read: &impl Fn(u8, u64) -> Result<Hash, E>,
    proof: &mut Vec<Hash>,
) -> Result<(), E> {
    if shown.is_empty() {
        proof.push(subtree(start, end, read)?);
        return Ok(());
    }
    if shown.len() as u64 == end - start {
        return Ok(());
    }
    let middle = start + split(end - start);
    let (left, right) = shown.split_at(shown.partition_point(|index| *index < middle));
    collect(start, middle, left, read, proof)?;
    collect(middle, end, right, read, proof)
}

/// Checks that `leaves` are the leaves at `indexes` (strictly rising) of the tree with this root and size.
///
/// # Errors
/// When this proof does not show it.
pub fn verify_batch(
    root: &Hash,
    size: u64,
    indexes: &[u64],
    leaves: &[Hash],
    proof: &[Hash],
) -> Result<(), ProofError> {
    rising_within(size, indexes)?;
    if indexes.len() != leaves.len() {
        return Err(ProofError::CountMismatch { positions: indexes.len(), leaves: leaves.len() });
    }
    let mut left = Shown { leaves: leaves.iter(), proof: proof.iter() };
    let hash = if size == 0 { empty_root() } else { left.rebuild(0, size, indexes)? };
    if left.proof.next().is_some() {
        return Err(ProofError::WrongLength);
    }
    same(&hash, root)
}

/// What is not used up yet of a batch, from left to right.
struct Shown<'a> {
    leaves: std::slice::Iter<'a, Hash>,
    proof: std::slice::Iter<'a, Hash>,
}

impl Shown<'_> {
    /// The hash of the leaves `start..end`. It goes down only where something is shown: at most 64 deep.
    fn rebuild(&mut self, start: u64, end: u64, shown: &[u64]) -> Result<Hash, ProofError> {
        if shown.is_empty() {
            return self.proof.next().copied().ok_or(ProofError::WrongLength);
        }
        if end - start == 1 {
            return self.leaves.next().copied().ok_or(ProofError::WrongLength);
        }
        let middle = start + split(end - start);
        let (left, right) = shown.split_at(shown.partition_point(|index| *index < middle));
        Ok(node_hash(&self.rebuild(start, middle, left)?, &self.rebuild(middle, end, right)?))
    }
}

/// The proof of the leaves `range` of the tree of the first `size` leaves: a batch proof of neighbours.
///
/// # Errors
/// [`ProofError::OutOfRange`], or what the reader answers.
pub fn range_proof<E: From<ProofError>>(
    size: u64,
    range: Range<u64>,
    read: &impl Fn(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    if range.end > size || range.start > range.end {
        return Err(ProofError::OutOfRange { index: range.end.max(range.start), size }.into());
    }
    batch_proof(size, &range.collect::<Vec<_>>(), read)
}

/// Checks that `leaves` are the leaves from number `first` on of the tree with this root and size.
///
/// # Errors
/// When this proof does not show it.
pub fn verify_range(
    root: &Hash,
    size: u64,
    first: u64,
    leaves: &[Hash],
    proof: &[Hash],
) -> Result<(), ProofError> {
    let end = first.checked_add(leaves.len() as u64).filter(|end| *end <= size);
    let Some(end) = end else { return Err(ProofError::OutOfRange { index: first, size }) };
    verify_batch(root, size, &(first..end).collect::<Vec<_>>(), leaves, proof)
}

fn within(size: u64, index: u64) -> Result<(), ProofError> {
    if index < size { Ok(()) } else { Err(ProofError::OutOfRange { index, size }) }
}

fn rising_within(size: u64, indexes: &[u64]) -> Result<(), ProofError> {
    if !indexes.is_sorted_by(|one, next| one < next) {
        return Err(ProofError::Unsorted);
    }
    indexes.last().map_or(Ok(()), |last| within(size, *last))
}

fn same(found: &Hash, claimed: &Hash) -> Result<(), ProofError> {
    if found == claimed { Ok(()) } else { Err(ProofError::RootMismatch) }
}
