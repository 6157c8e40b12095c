//! Where the lines of a bundle differ from the leaves that the signed root proves.

use crate::hash::Hash;
use std::collections::HashMap;

/// The first place of something, and how often it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub first: usize,
    pub count: usize,
}

/// In which way a line differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Other bytes stand in this place.
    Changed,
    /// One or more entries were cut out from here.
    Removed,
    /// The entries are there, in another order from here on.
    Reordered,
    /// A line was put in that is no entry of the ledger.
    Added,
    /// The header was changed, not the entries.
    Header,
    /// A disclosed personal text is not the one the ledger knows.
    Personal,
    /// The place cannot be named.
    Unknown,
}

/// The outcome of comparing the lines with the proved leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// None.
    Same,
    /// All lines are right, but the last `missing` are not there.
    Tail { at: usize, missing: usize },
    /// The first place that differs.
    At { at: usize, how: How, count: usize },
}

/// Compares what was read with what is proved.
pub(super) fn compare(read: &[Hash], proved: &[Hash]) -> Difference {
    let differs = read.iter().zip(proved).position(|(one, other)| one != other);
    let Some(at) = differs else {
        return match read.len().cmp(&proved.len()) {
            std::cmp::Ordering::Equal => Difference::Same,
            std::cmp::Ordering::Less => {
                Difference::Tail { at: read.len(), missing: proved.len() - read.len() }
            }
            std::cmp::Ordering::Greater => {
                Difference::At { at: proved.len(), how: How::Added, count: read.len() - proved.len() }
            }
        };
    };
    let count = read.iter().zip(proved).filter(|(one, other)| one != other).count();
    Difference::At { at, how: how(read, proved, at), count }
}

fn how(read: &[Hash], proved: &[Hash], at: usize) -> How {
    let here = read.get(at);
    let comes_later = proved.iter().skip(at + 1).any(|leaf| Some(leaf) == here);
    if read.len() < proved.len() && comes_later {
        return How::Removed;
    }
    if read.len() > proved.len() && read.get(at + 1) == proved.get(at) {
        return How::Added;
    }
    if read.len() == proved.len() && same_leaves(read, proved) {
        return How::Reordered;
    }
    How::Changed
}

fn same_leaves(read: &[Hash], proved: &[Hash]) -> bool {
    let mut balance: HashMap<&Hash, i64> = HashMap::new();
    for leaf in read {
        *balance.entry(leaf).or_default() += 1;
    }
    for leaf in proved {
        *balance.entry(leaf).or_default() -= 1;
    }
    balance.values().all(|left| *left == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;

    #[test]
    fn each_kind_of_damage_is_named_with_its_first_place() {
        let leaves = |text: &str| text.bytes().map(|byte| leaf_hash(&[byte])).collect::<Vec<_>>();
        let at = |at, how, count| Difference::At { at, how, count };
        for (read, expected) in [
            ("abcdef", Difference::Same),
            ("abXdef", at(2, How::Changed, 1)),
            ("abdcef", at(2, How::Reordered, 2)),
            ("abdef", at(2, How::Removed, 3)),
            ("abef", at(2, How::Removed, 2)),
            ("bcdef", at(0, How::Removed, 5)),
            ("abcde", Difference::Tail { at: 5, missing: 1 }),
            ("", Difference::Tail { at: 0, missing: 6 }),
            ("abcdefg", at(6, How::Added, 1)),
            ("abXcdef", at(2, How::Added, 4)),
            ("aXcYef", at(1, How::Changed, 2)),
            ("aXcde", at(1, How::Changed, 1)),
        ] {
            assert_eq!(compare(&leaves(read), &leaves("abcdef")), expected, "{read}");
        }
    }
}
