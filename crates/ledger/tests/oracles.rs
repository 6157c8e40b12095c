//! The tree and its proofs against two implementations that others wrote, and against changed proofs.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test program: an error ends it, and that is what is wanted"
)]

use std::collections::HashMap;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::tlog;
use yakujo_ledger::hash::{Hash, empty_root, leaf_hash, node_hash};
use yakujo_ledger::proof::{
    ProofError, batch_proof, consistency_proof, inclusion_proof, range_proof, verify_batch,
    verify_consistency, verify_inclusion, verify_range,
};
use yakujo_ledger::tree::Frontier;

fn entry(number: u64) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

/// Our tree with every node and every root.
struct Ours {
    nodes: HashMap<(u8, u64), Hash>,
    roots: Vec<Hash>,
}

impl Ours {
    fn new(size: u64) -> Self {
        let (mut frontier, mut nodes, mut roots) = (Frontier::new(), HashMap::new(), vec![empty_root()]);
        for number in 0..size {
            frontier.push_seeing(leaf_hash(&entry(number)), |node| {
                nodes.insert((node.level, node.index), node.hash);
            });
            roots.push(frontier.root());
        }
        Self { nodes, roots }
    }

    fn read(&self) -> impl Fn(u8, u64) -> Result<Hash, ProofError> {
        |level, index| Ok(self.nodes[&(level, index)])
    }

    fn root(&self, size: u64) -> Hash {
        self.roots[size as usize]
    }
}

/// The other tree, as `tlog_tiles` stores it.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn stored(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for number in 0..size {
        let more = tlog::stored_hashes(number, &entry(number), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

fn theirs(hashes: &[Hash]) -> Vec<tlog::Hash> {
    hashes.iter().map(|hash| tlog::Hash(hash.0)).collect()
}

#[test]
fn every_root_up_to_600_is_that_of_both_oracles() {
    let ours = Ours::new(600);
    let stored = stored(600);
    let mut in_memory = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for size in 1..=600u64 {
        in_memory.push(entry(size - 1));
        assert_eq!(tlog::tree_hash(size, &stored).unwrap().0, ours.root(size).0, "size {size}");
        assert_eq!(in_memory.root().as_bytes().as_slice(), ours.root(size).0, "size {size}");
    }
}

#[test]
fn every_inclusion_proof_up_to_600_is_that_of_the_oracle() {
    let (ours, stored) = (Ours::new(600), stored(600));
    for size in 1..=600u64 {
        // Every position of small trees; of larger ones those at the edges of subtrees and a few between.
        for index in (0..size).filter(|index| size < 70 || index % 64 < 2 || (index * 7 + size) % 31 == 0) {
            let proof = inclusion_proof(size, index, &ours.read()).unwrap();
            assert_eq!(
                theirs(&proof),
                tlog::prove_record(size, index, &stored).unwrap(),
                "{index} of {size}"
            );
            verify_inclusion(&ours.root(size), size, index, &leaf_hash(&entry(index)), &proof).unwrap();
        }
    }
}

#[test]
fn every_consistency_proof_up_to_600_is_that_of_the_oracle() {
    let (ours, stored) = (Ours::new(600), stored(600));
    for new in 1..=600u64 {
        for old in (1..=new).filter(|old| new < 70 || old % 64 < 2 || (old * 7 + new) % 31 == 0) {
            let proof = consistency_proof(old, new, &ours.read()).unwrap();
            assert_eq!(theirs(&proof), tlog::prove_tree(new, old, &stored).unwrap(), "{old} in {new}");
            verify_consistency(old, &ours.root(old), new, &ours.root(new), &proof).unwrap();
        }
    }
}

#[test]
fn proofs_of_the_second_oracle_are_accepted_and_ours_by_it() {
    let ours = Ours::new(300);
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    (0..300).for_each(|number| tree.push(entry(number)));
    for index in 0..300u64 {
        let proof = inclusion_proof(300, index, &ours.read()).unwrap();
        let bytes: Vec<u8> = proof.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(tree.prove_inclusion(index as usize).as_bytes(), bytes);
    }
    for old in 1..300u64 {
        let proof = consistency_proof(old, 300, &ours.read()).unwrap();
        let bytes: Vec<u8> = proof.iter().flat_map(|hash| hash.0).collect();
        assert_eq!(tree.prove_consistency((300 - old) as usize).as_bytes(), bytes, "{old}");
    }
}

#[test]
fn each_changed_shortened_or_lengthened_proof_is_refused() {
    let ours = Ours::new(130);
    for new in [1u64, 2, 3, 7, 8, 64, 65, 100, 127, 128, 129, 130] {
        let root = ours.root(new);
        for index in 0..new {
            let leaf = leaf_hash(&entry(index));
            let proof = inclusion_proof(new, index, &ours.read()).unwrap();
            for wrong in changed(&proof) {
                assert!(verify_inclusion(&root, new, index, &leaf, &wrong).is_err(), "{index} of {new}");
            }
            assert!(verify_inclusion(&root, new, index, &leaf_hash(b"forged"), &proof).is_err());
            assert!(verify_inclusion(&root, new, index ^ 1, &leaf, &proof).is_err());
        }
        for old in 1..=new {
            let proof = consistency_proof(old, new, &ours.read()).unwrap();
            for wrong in changed(&proof) {
                assert!(
                    verify_consistency(old, &ours.root(old), new, &root, &wrong).is_err(),
                    "{old} in {new}"
                );
            }
            let forged = leaf_hash(b"forged");
            assert!(verify_consistency(old, &forged, new, &root, &proof).is_err());
            assert!(verify_consistency(old, &ours.root(old), new, &forged, &proof).is_err());
        }
    }
    assert!(verify_consistency(0, &empty_root(), 7, &ours.root(7), &[]).is_ok());
    assert!(verify_consistency(0, &ours.root(1), 7, &ours.root(7), &[]).is_err());
    assert!(verify_consistency(8, &ours.root(8), 7, &ours.root(7), &[]).is_err());
}

fn changed(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut wrong = vec![[proof, &[leaf_hash(b"more")]].concat(), [&[leaf_hash(b"more")], proof].concat()];
    for place in 0..proof.len() {
        let mut without = proof.to_vec();
        without.remove(place);
        wrong.push(without);
        let mut flipped = proof.to_vec();
        flipped[place].0[place % 32] ^= 1;
        wrong.push(flipped);
    }
    wrong
}

/// A tree in which all leaves are the same: its nodes depend on the level only, so that it may be as large as wanted.
fn uniform() -> Vec<Hash> {
    let mut levels = vec![leaf_hash(b"same")];
    for level in 0..63 {
        levels.push(node_hash(&levels[level], &levels[level]));
    }
    levels
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn proofs_of_trees_up_to_2_to_the_40_are_accepted_and_changed_ones_refused(
        size in 1u64..(1 << 40),
        place: u64,
        older: u64,
        flip: usize,
    ) {
        let levels = uniform();
        let read = |level: u8, _: u64| Ok::<_, ProofError>(levels[usize::from(level)]);
        let root = |size| yakujo_ledger::tree::root(size, &read).unwrap();
        let (index, old) = (place % size, older % size + 1);
        let mut proof = inclusion_proof(size, index, &read).unwrap();
        let expected = ct_merkle::indices_for_inclusion_proof(size, index).len();
        prop_assert_eq!(proof.len(), expected);
        prop_assert_eq!(verify_inclusion(&root(size), size, index, &levels[0], &proof), Ok(()));
        if !proof.is_empty() {
            let at = flip % proof.len();
            proof[at].0[7] ^= 4;
            prop_assert!(verify_inclusion(&root(size), size, index, &levels[0], &proof).is_err());
        }
        let mut proof = consistency_proof(old, size, &read).unwrap();
        prop_assert_eq!(verify_consistency(old, &root(old), size, &root(size), &proof), Ok(()));
        if !proof.is_empty() {
            let at = flip % proof.len();
            proof[at].0[7] ^= 4;
            prop_assert!(verify_consistency(old, &root(old), size, &root(size), &proof).is_err());
        }
    }

    #[test]
    fn a_batch_shows_exactly_its_leaves(
        size in 1u64..200,
        chosen in proptest::collection::btree_set(0u64..200, 0..20),
        flip: usize,
    ) {
        let ours = Ours::new(size);
        let indexes: Vec<_> = chosen.into_iter().filter(|index| *index < size).collect();
        let mut leaves: Vec<_> = indexes.iter().map(|index| leaf_hash(&entry(*index))).collect();
        let proof = batch_proof(size, &indexes, &ours.read()).unwrap();
        let root = ours.root(size);
        prop_assert_eq!(verify_batch(&root, size, &indexes, &leaves, &proof), Ok(()));
        for wrong in changed(&proof) {
            prop_assert!(verify_batch(&root, size, &indexes, &leaves, &wrong).is_err());
        }
        if !leaves.is_empty() {
            let at = flip % leaves.len();
            leaves[at].0[0] ^= 1;
            prop_assert!(verify_batch(&root, size, &indexes, &leaves, &proof).is_err());
        }
    }

    #[test]
    fn a_range_shows_all_its_leaves_in_order(size in 1u64..200, one: u64, other: u64) {
        let ours = Ours::new(size);
        let (one, other) = (one % (size + 1), other % (size + 1));
        let range = one.min(other)..one.max(other);
        let mut leaves: Vec<_> = range.clone().map(|index| leaf_hash(&entry(index))).collect();
        let proof = range_proof(size, range.clone(), &ours.read()).unwrap();
        prop_assert_eq!(verify_range(&ours.root(size), size, range.start, &leaves, &proof), Ok(()));
        if leaves.len() > 1 {
            leaves.swap(0, 1);
            prop_assert!(verify_range(&ours.root(size), size, range.start, &leaves, &proof).is_err());
        }
    }

    #[test]
    fn no_numbers_make_the_verifiers_panic(
        size: u64, index: u64, other: u64,
        hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
        mut indexes in proptest::collection::vec(any::<u64>(), 0..5),
    ) {
        let hashes: Vec<_> = hashes.into_iter().map(Hash).collect();
        let root = leaf_hash(b"");
        for size in [size, size % 100, u64::MAX] {
            prop_assert!(verify_inclusion(&root, size, index, &root, &hashes).is_err() || size == 1);
            prop_assert!(verify_consistency(other, &root, size, &root, &hashes).is_err() || other == size);
            let _ = verify_range(&root, size, index, &hashes, &hashes);
            let _ = verify_batch(&root, size, &indexes, &hashes, &hashes);
            indexes.sort_unstable();
        }
    }
}
