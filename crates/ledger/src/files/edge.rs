//! The unfinished tiles at the right edge of a tree: all that is needed to extend it, and to know its root.

use std::sync::Arc;

use crate::hash::Hash;
use crate::tile::{TILE_LEVELS, TILE_WIDTH, TileKind, TilePath, nodes_at, open_width, perfect_root};
use crate::tree::{Frontier, FrontierError};

/// The unfinished tile of each level, of at most 255 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    open: Vec<Arc<Vec<Hash>>>,
}

impl Edge {
    /// The edge of the empty tree.
    pub(crate) fn new() -> Self {
        Self { size: 0, open: vec![Arc::default(); usize::from(TILE_LEVELS)] }
    }

    /// An edge from a reader of unfinished tiles, which is asked only for those that a tree of this size has.
    pub(crate) fn read<E>(size: u64, read: impl Fn(TilePath) -> Result<Vec<Hash>, E>) -> Result<Self, E> {
        let open = (0..TILE_LEVELS).map(|level| match open_tile(size, level) {
            Some(path) => read(path).map(Arc::new),
            None => Ok(Arc::default()),
        });
        Ok(Self { size, open: open.collect::<Result<_, E>>()? })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the unfinished tile of this level.
    pub(crate) fn open(&self, level: u8) -> Arc<Vec<Hash>> {
        self.open.get(usize::from(level)).cloned().unwrap_or_default()
    }

    /// Adds a leaf and shows each tile that it makes full.
    pub(crate) fn push<E>(
        &mut self,
        leaf: Hash,
        mut full: impl FnMut(TilePath, &[Hash]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.size += 1;
        let mut node = Some(leaf);
        for (level, open) in (0..TILE_LEVELS).zip(&mut self.open) {
            let Some(hash) = node.take() else { break };
            let hashes = Arc::make_mut(open);
            hashes.push(hash);
            if hashes.len() as u64 == TILE_WIDTH {
                let index = nodes_at(self.size, level) / TILE_WIDTH - 1;
                full(TilePath { kind: TileKind::Hashes { level }, index, width: 256 }, hashes)?;
                node = perfect_root(hashes);
                hashes.clear();
            }
        }
        Ok(())
    }

    /// The same edge as perfect subtrees.
    ///
    /// # Errors
    /// When the tiles have not the widths that the size says.
    pub(crate) fn frontier(&self) -> Result<Frontier, FrontierError> {
        let mut hashes = Vec::new();
        for open in self.open.iter().rev() {
            let mut rest = open.as_slice();
            while let Some(bits) = rest.len().checked_ilog2() {
                let (perfect, smaller) = rest.split_at(1 << bits);
                hashes.extend(perfect_root(perfect));
                rest = smaller;
            }
        }
        Frontier::from_parts(self.size, hashes)
    }

    /// The unfinished tiles: their names and hashes.
    pub(crate) fn open_tiles(&self) -> impl Iterator<Item = (TilePath, &[Hash])> {
        (0..TILE_LEVELS)
            .zip(&self.open)
            .filter_map(|(level, open)| open_tile(self.size, level).map(|path| (path, open.as_slice())))
    }
}

/// The unfinished tile of a level, when a tree of this size has one.
pub(crate) fn open_tile(size: u64, level: u8) -> Option<TilePath> {
    let width = open_width(size, level);
    let index = nodes_at(size, level) / TILE_WIDTH;
    (width > 0).then_some(TilePath { kind: TileKind::Hashes { level }, index, width })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;
    use crate::tile::tiles_of;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    #[test]
    fn the_edge_has_the_root_and_the_tiles_of_its_size() {
        let (mut edge, mut frontier, mut written) = (Edge::new(), Frontier::new(), BTreeMap::new());
        for number in 0..70_000u32 {
            let leaf = leaf_hash(&number.to_be_bytes());
            frontier.push(leaf);
            edge.push(leaf, |path, hashes| {
                written.insert(path, hashes.to_vec());
                Ok::<_, Infallible>(())
            })
            .unwrap();
            if number % 997 == 0 || (65_400..65_700).contains(&number) {
                assert_eq!(edge.frontier().as_ref(), Ok(&frontier));
            }
        }
        written.extend(edge.open_tiles().map(|(path, hashes)| (path, hashes.to_vec())));
        let expected: Vec<_> = tiles_of(70_000).filter(|path| path.kind != TileKind::Entries).collect();
        assert_eq!(written.keys().copied().collect::<Vec<_>>(), expected);
        let again = Edge::read(70_000, |path| Ok::<_, Infallible>(written[&path].clone()));
        assert_eq!(again, Ok(edge));
    }

    #[test]
    fn tiles_of_another_width_make_no_frontier() {
        let edge = Edge::read(5, |_| Ok::<_, Infallible>(vec![leaf_hash(b""); 4])).unwrap();
        assert!(edge.frontier().is_err());
    }
}
