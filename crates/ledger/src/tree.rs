//! The shape of the RFC 6962 tree, and the short memory that is enough to extend it.
//!
//! A *node* `(level, index)` is the perfect subtree over the leaves `index·2^level … (index+1)·2^level`. Nodes never
//! change once their leaves exist; that is why tiles can be written once. Everything that is not perfect (the right
//! edge) is computed from nodes.

use crate::hash::{Hash, empty_root, node_hash};

/// The most entries a tree of ours may claim: 2^62. Far above what can be written, and low enough that no sum of two
/// positions overflows.
pub const MAX_SIZE: u64 = 1 << 62;

/// The right edge of a tree: enough to add leaves and to know the root, 32 bytes for each bit set in the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the perfect subtrees from left (largest) to right (smallest), one for each bit set in `size`.
    hashes: Vec<Hash>,
}

/// A node that a new leaf completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completed {
    /// Height above the leaves; 0 is the leaf itself.
    pub level: u8,
    /// Position among the nodes of this level, from 0.
    pub index: u64,
    /// Hash of the node.
    pub hash: Hash,
}

/// Parts that do not make a frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The size is above [`MAX_SIZE`].
    #[error("a tree of {0} entries is not possible")]
    TooLarge(u64),
    /// A size has exactly as many perfect subtrees as it has bits set.
    #[error("a tree of {size} entries has {} subtrees, not {found}", size.count_ones())]
    WrongCount {
        /// The claimed size.
        size: u64,
        /// How many hashes were given.
        found: usize,
    },
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// A frontier from its parts: `hashes` from the largest subtree to the smallest.
    ///
    /// # Errors
    /// When the size is not possible or the number of hashes is not that of the size.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Result<Self, FrontierError> {
        if size > MAX_SIZE {
            return Err(FrontierError::TooLarge(size));
        }
        if u64::from(size.count_ones()) != hashes.len() as u64 {
            return Err(FrontierError::WrongCount { size, found: hashes.len() });
        }
        Ok(Self { size, hashes })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the perfect subtrees, largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.push_seeing(leaf, |_| {});
    }

    /// Adds a leaf and shows each node it completes, from the leaf upwards.
    pub fn push_seeing(&mut self, leaf: Hash, mut completed: impl FnMut(Completed)) {
        let mut node = Completed { level: 0, index: self.size, hash: leaf };
        completed(node);
        while node.index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            node = Completed {
                level: node.level + 1,
                index: node.index >> 1,
                hash: node_hash(&left, &node.hash),
            };
            completed(node);
        }
        self.hashes.push(node.hash);
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 `MTH`).
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }
}

/// The root over perfect subtrees given from the largest to the smallest; of none, the root of the empty tree.
fn fold(hashes: &[Hash]) -> Hash {
    let mut from_right = hashes.iter().rev().copied();
    let Some(last) = from_right.next() else { return empty_root() };
    from_right.fold(last, |right, left| node_hash(&left, &right))
}

/// The root of the tree of `size` leaves, from a reader of its nodes.
///
/// # Errors
/// Those of the reader.
pub fn root<E>(size: u64, read: &impl Fn(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    subtree(0, size, read)
}

/// The root of the leaves `start..end`, where the range is one that RFC 6962 splits a tree into (its start is a
/// multiple of the smallest power of two that is not below its length). It reads one node for each bit of the length.
pub(crate) fn subtree<E>(
    start: u64,
    end: u64,
    read: &impl Fn(u8, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let mut hashes = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        hashes.push(read(level as u8, at >> level)?);
        at += 1 << level;
    }
    Ok(fold(&hashes))
}

/// The largest power of two below `length`: where RFC 6962 splits a range of that length. `length` is at least 2.
pub(crate) fn split(length: u64) -> u64 {
    1 << length.saturating_sub(1).max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    /// The definition of RFC 6962 section 2.1, word for word.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    #[test]
    fn the_frontier_has_the_root_that_the_definition_gives() {
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for number in 0..300u32 {
            assert_eq!(frontier.root(), mth(&leaves), "size {number}");
            assert_eq!(frontier.size(), u64::from(number));
            let leaf = leaf_hash(&number.to_be_bytes());
            frontier.push(leaf);
            leaves.push(leaf);
        }
    }

    #[test]
    fn each_completed_node_is_the_root_of_its_leaves() {
        let leaves: Vec<_> = (0..130u32).map(|number| leaf_hash(&number.to_be_bytes())).collect();
        let mut frontier = Frontier::new();
        let mut seen = 0;
        for leaf in &leaves {
            frontier.push_seeing(*leaf, |node| {
                let from = (node.index << node.level) as usize;
                assert_eq!(node.hash, mth(&leaves[from..from + (1 << node.level)]));
                seen += 1;
            });
        }
        assert_eq!(seen, 130 + 65 + 32 + 16 + 8 + 4 + 2 + 1);
    }

    #[test]
    fn a_frontier_is_made_only_of_as_many_hashes_as_its_size_has_subtrees() {
        let hash = leaf_hash(b"");
        assert!(Frontier::from_parts(5, vec![hash; 2]).is_ok());
        assert!(Frontier::from_parts(5, vec![hash; 1]).is_err());
        assert!(Frontier::from_parts(5, vec![hash; 3]).is_err());
        assert!(Frontier::from_parts(u64::MAX, vec![hash; 64]).is_err());
    }
}
