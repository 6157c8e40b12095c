//! The tree against its files. Each node of it can be read in up to two ways: from a tile, and by computing it from
//! the entries below. The way that leads to the signed root is right, and a file that says something else is damaged.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use super::{Check, Writer};
use crate::checkpoint::Checkpoint;
use crate::files::CHECKPOINT;
use crate::files::edge::{Edge, open_tile};
use crate::hash::{Hash, leaf_hash};
use crate::tile::{
    TILE_LEVELS, TILE_WIDTH, TileError, TileKind, TilePath, nodes_at, open_width, perfect_root, push_entry,
    read_bundle, read_hashes, split_bundle, write_hashes,
};
use crate::tree;

/// Entries of one bundle.
type Bundle = Vec<Vec<u8>>;

/// What the tree holds, as far as it could be established.
pub(super) struct Tiles {
    size: u64,
    /// For each level of tiles above 0, its nodes; `None` where no file leads to the signed root.
    nodes: Vec<Vec<Option<Hash>>>,
    /// The unfinished tiles, extended by what is not published.
    edge: Edge,
    /// Entries that are not published.
    unpublished: Bundle,
    /// Full tiles that the next publication would write.
    next: BTreeMap<TilePath, Vec<Hash>>,
    /// The bundle read last.
    last_read: RefCell<Option<(u64, Bundle)>>,
}

/// One full tile of level 0 and its bundle.
struct Leaves {
    tile: Option<Hash>,
    bundle: Option<Hash>,
    /// The first entry in which they differ.
    differs: Option<u64>,
}

/// The two ways to an unfinished tile.
struct OpenTile {
    path: TilePath,
    stored: Option<Vec<Hash>>,
    computed: Option<Vec<Hash>>,
}

impl Tiles {
    /// Reads all files of the tree of this head.
    pub(super) fn check(check: &mut Check<'_>, head: &Checkpoint) -> Self {
        let size = head.size();
        let full: Vec<_> = (0..size / TILE_WIDTH).map(|index| check.leaves(index)).collect();
        let computed = computed_nodes(size, &full);
        let open = check.open_tiles(size, &computed);
        let edge = check.settle_edge(head, &open);
        let nodes = check.settle_nodes(size, &edge, &computed);
        let above = nodes.first().map(Vec::as_slice).unwrap_or_default();
        for (index, leaves) in (0..).zip(&full) {
            check.settle_leaves(index, leaves, above.get(index as usize).copied().flatten());
        }
        let last_read = RefCell::default();
        Self { size, nodes, edge, unpublished: Vec::new(), next: BTreeMap::new(), last_read }
    }

    /// Adds what the write-ahead file holds: tiles of it may be there already.
    pub(super) fn extend(&mut self, unpublished: &[Vec<u8>]) {
        for entry in unpublished {
            let Ok(()) = self.edge.push(leaf_hash(entry), |path, hashes| {
                self.next.insert(path, hashes.to_vec());
                Ok::<_, Infallible>(())
            });
        }
        self.unpublished = unpublished.to_vec();
    }

    /// The entry with this number, as its bundle has it.
    pub(super) fn entry(&self, check: &Check<'_>, number: u64) -> Option<Vec<u8>> {
        self.bundle(check, number / TILE_WIDTH)?.get((number % TILE_WIDTH) as usize).cloned()
    }

    /// The root of the first `size` entries.
    pub(super) fn root(&self, check: &Check<'_>, size: u64) -> Option<Hash> {
        let read = |level: u8, index: u64| {
            let first = index << (level % 8);
            let tile = self.tile(check, level / 8, first / TILE_WIDTH).ok_or(())?;
            let from = (first % TILE_WIDTH) as usize;
            tile.get(from..from + (1 << (level % 8))).and_then(perfect_root).ok_or(())
        };
        tree::root(size, &read).ok()
    }

    /// Checks a tile file that is not one of those that [`Tiles::check`] read: an older form of a tile, or one that a
    /// crash left before its head was published.
    pub(super) fn other_form(&self, check: &mut Check<'_>, path: TilePath) {
        let level = match path.kind {
            TileKind::Entries => 0,
            TileKind::Hashes { level } => level,
        };
        let full = nodes_at(self.size, level) / TILE_WIDTH;
        let current = if path.index < full { 256 } else { open_width(self.size, level) };
        if path.index <= full && path.width == current {
            return;
        }
        let beyond = path.index > full || path.width > current;
        if beyond && check.writer == Writer::Active {
            return;
        }
        let width = usize::from(path.width);
        let tile = self.tile(check, level, path.index);
        let expected = tile.as_deref().and_then(|tile| tile.get(..width));
        let found = check.disk.read(&check.folder.join(path.to_string())).ok();
        let right = found.as_deref().zip(expected).is_some_and(|(found, expected)| match path.kind {
            TileKind::Hashes { .. } => found == write_hashes(expected),
            TileKind::Entries => read_bundle(found, path.width).is_ok_and(|entries| {
                entries.iter().map(|entry| leaf_hash(entry)).eq(expected.iter().copied())
            }),
        });
        let vanished = found.is_none() && check.writer == Writer::Active;
        match expected {
            _ if right || vanished => {}
            Some(_) => check.damaged(path.to_string(), "it is not what the tree has at this place"),
            None => check.damaged(path.to_string(), "no such part of the tree is published or acknowledged"),
        }
    }

    /// The nodes of a tile, with those that are not published.
    fn tile(&self, check: &Check<'_>, level: u8, index: u64) -> Option<Vec<Hash>> {
        let path = TilePath { kind: TileKind::Hashes { level }, index, width: 256 };
        if let Some(tile) = self.next.get(&path) {
            return Some(tile.clone());
        }
        let full = nodes_at(self.edge.size(), level) / TILE_WIDTH;
        if index == full {
            return Some(self.edge.open(level).to_vec());
        }
        let Some(above) = level.checked_sub(1) else {
            let entries = self.bundle(check, index)?;
            return Some(entries.iter().map(|entry| leaf_hash(entry)).collect());
        };
        let begin = usize::try_from(index.checked_mul(TILE_WIDTH)?).ok()?;
        let nodes = self.nodes.get(usize::from(above))?.get(begin..begin.checked_add(256)?)?;
        nodes.iter().copied().collect()
    }

    /// The entries of a bundle as the disk has them, with those that are not published.
    fn bundle(&self, check: &Check<'_>, index: u64) -> Option<Bundle> {
        if let Some((number, entries)) = &*self.last_read.borrow()
            && *number == index
        {
            return Some(entries.clone());
        }
        let full = self.size / TILE_WIDTH;
        let width = if index < full { 256 } else { open_width(self.size, 0) };
        let mut entries = Bundle::new();
        if index <= full && width > 0 {
            let path = TilePath { kind: TileKind::Entries, index, width };
            let bytes = check.disk.read(&check.folder.join(path.to_string())).ok()?;
            entries = split_bundle(&bytes)?.into_iter().map(<[u8]>::to_vec).collect();
        }
        if index >= full {
            let begin = index.checked_mul(TILE_WIDTH)?.saturating_sub(self.size) as usize;
            let room = TILE_WIDTH as usize - entries.len().min(256);
            entries.extend(self.unpublished.iter().skip(begin).take(room).cloned());
        }
        *self.last_read.borrow_mut() = Some((index, entries.clone()));
        Some(entries)
    }
}

/// The nodes of each level above 0, computed from the entries: `None` where a bundle could not be read.
fn computed_nodes(size: u64, full: &[Leaves]) -> Vec<Vec<Option<Hash>>> {
    let mut levels = vec![full.iter().map(|leaves| leaves.bundle).collect::<Vec<_>>()];
    for level in 1..TILE_LEVELS - 1 {
        let below = levels.last().map(Vec::as_slice).unwrap_or_default();
        let whole = (nodes_at(size, level) / TILE_WIDTH) as usize;
        let node = |tile: &[Option<Hash>]| {
            tile.iter().copied().collect::<Option<Vec<_>>>().and_then(|tile| perfect_root(&tile))
        };
        levels.push(below.chunks(256).take(whole).map(node).collect());
    }
    levels
}

impl Check<'_> {
    /// Reads a tile of hashes. Beside a writer, the unfinished form may have become a full one meanwhile.
    fn hashes(&mut self, path: TilePath) -> Option<Vec<Hash>> {
        let bytes =
            self.tile_bytes(path, |full| full.get(..usize::from(path.width) * 32).map(<[u8]>::to_vec))?;
        let hashes = read_hashes(&bytes, path.width);
        hashes.map_err(|error| self.damaged(path.to_string(), &error.to_string())).ok()
    }

    /// Reads the leaf hashes of a bundle.
    fn bundle_leaves(&mut self, path: TilePath) -> Option<Vec<Hash>> {
        let width = usize::from(path.width);
        let bytes = self.tile_bytes(path, |full| {
            let mut bytes = Vec::new();
            split_bundle(full)?.iter().take(width).for_each(|entry| push_entry(&mut bytes, entry));
            Some(bytes)
        })?;
        let leaves = read_bundle(&bytes, path.width)
            .map(|entries| entries.into_iter().map(leaf_hash).collect::<Vec<_>>());
        leaves.map_err(|error: TileError| self.damaged(path.to_string(), &error.to_string())).ok()
    }

    fn tile_bytes(&mut self, path: TilePath, cut: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        if self.writer == Writer::Active && !path.is_full() {
            let found = self.disk.read(&self.folder.join(path.to_string())).ok();
            let full = || self.disk.read(&self.folder.join(path.full().to_string())).ok();
            if let Some(bytes) = found.or_else(|| cut(&full()?)) {
                return Some(bytes);
            }
        }
        self.read(&path.to_string())
    }

    /// Reads a full tile of leaf hashes and its bundle.
    fn leaves(&mut self, index: u64) -> Leaves {
        let tile = self.hashes(TilePath { kind: TileKind::Hashes { level: 0 }, index, width: 256 });
        let bundle = self.bundle_leaves(TilePath { kind: TileKind::Entries, index, width: 256 });
        let differs =
            tile.iter().flatten().zip(bundle.iter().flatten()).position(|(one, other)| one != other);
        Leaves {
            tile: tile.as_deref().and_then(perfect_root),
            bundle: bundle.as_deref().and_then(perfect_root),
            differs: differs.map(|place| index * TILE_WIDTH + place as u64),
        }
    }

    fn settle_leaves(&mut self, index: u64, leaves: &Leaves, expected: Option<Hash>) {
        let entry = leaves.differs.map(|number| format!(" (entry {number})")).unwrap_or_default();
        let wrong = |found: Option<Hash>| match (found, expected) {
            (None, _) => false,
            (Some(found), Some(expected)) => found != expected,
            (Some(_), None) => leaves.differs.is_some(),
        };
        if wrong(leaves.tile) {
            let path = TilePath { kind: TileKind::Hashes { level: 0 }, index, width: 256 };
            self.damaged(path.to_string(), &format!("it does not lead to the signed root{entry}"));
        }
        if wrong(leaves.bundle) {
            let path = TilePath { kind: TileKind::Entries, index, width: 256 };
            self.damaged(path.to_string(), &format!("its entries do not lead to the signed root{entry}"));
        }
    }

    /// Reads the unfinished tiles and computes them from below.
    fn open_tiles(&mut self, size: u64, computed: &[Vec<Option<Hash>>]) -> Vec<OpenTile> {
        let mut tiles = Vec::new();
        for (level, path) in
            (0..TILE_LEVELS).filter_map(|level| open_tile(size, level).map(|path| (level, path)))
        {
            let stored = self.hashes(path);
            let computed = match level.checked_sub(1) {
                None => self.bundle_leaves(TilePath { kind: TileKind::Entries, ..path }),
                Some(above) => {
                    let nodes = computed.get(usize::from(above));
                    let open = nodes.and_then(|nodes| nodes.get((path.index * TILE_WIDTH) as usize..));
                    open.and_then(|open| open.iter().copied().collect())
                }
            };
            tiles.push(OpenTile { path, stored, computed });
        }
        tiles
    }

    /// Finds the unfinished tiles that lead to the signed root, and names the files that say something else.
    fn settle_edge(&mut self, head: &Checkpoint, open: &[OpenTile]) -> Edge {
        let choices = 1u32 << open.len().min(8);
        let edges = (0..choices).map(|choice| chosen(head.size(), open, choice));
        let right =
            edges.flatten().find(|edge| edge.frontier().is_ok_and(|frontier| frontier.root() == head.root()));
        let Some(edge) = right else {
            self.damaged(
                CHECKPOINT,
                "its signed root is not the root of the entries and tiles that are here",
            );
            self.disagreeing(open);
            let fallback = chosen(head.size(), open, choices - 1).or_else(|| chosen(head.size(), open, 0));
            return fallback.unwrap_or_else(Edge::new);
        };
        for tile in open {
            let TileKind::Hashes { level } = tile.path.kind else { continue };
            let right = edge.open(level);
            if tile.stored.as_ref().is_some_and(|stored| *stored != *right) {
                self.damaged(tile.path.to_string(), "it does not lead to the signed root");
            }
            if level == 0 && tile.computed.as_ref().is_some_and(|computed| *computed != *right) {
                let path = TilePath { kind: TileKind::Entries, ..tile.path };
                self.damaged(path.to_string(), "its entries do not lead to the signed root");
            }
        }
        edge
    }

    /// Without a root to decide, all that can be said is which files do not fit together.
    fn disagreeing(&mut self, open: &[OpenTile]) {
        for tile in open {
            if let (Some(stored), Some(computed)) = (&tile.stored, &tile.computed)
                && stored != computed
            {
                self.damaged(tile.path.to_string(), "it does not fit to the entries below it");
                if tile.path.kind == (TileKind::Hashes { level: 0 }) {
                    let path = TilePath { kind: TileKind::Entries, ..tile.path };
                    self.damaged(path.to_string(), "its entries do not fit to the tile above them");
                }
            }
        }
    }

    /// The nodes of each level above 0, from the unfinished tiles downwards.
    fn settle_nodes(
        &mut self,
        size: u64,
        edge: &Edge,
        computed: &[Vec<Option<Hash>>],
    ) -> Vec<Vec<Option<Hash>>> {
        let mut from_top: Vec<Vec<Option<Hash>>> = Vec::new();
        for level in (1..TILE_LEVELS).rev() {
            let mut nodes = Vec::new();
            let from_below = computed.get(usize::from(level) - 1).map(Vec::as_slice).unwrap_or_default();
            for index in 0..nodes_at(size, level) / TILE_WIDTH {
                let above = from_top.last().and_then(|above| above.get(index as usize)).copied().flatten();
                let below = from_below.chunks(256).nth(index as usize).unwrap_or_default();
                nodes.extend(self.settle_tile(level, index, above, below));
            }
            nodes.extend(edge.open(level).iter().copied().map(Some));
            from_top.push(nodes);
        }
        from_top.reverse();
        from_top
    }

    /// The nodes of a full tile: as it is stored, or as computed, whichever leads to its node above.
    fn settle_tile(
        &mut self,
        level: u8,
        index: u64,
        above: Option<Hash>,
        below: &[Option<Hash>],
    ) -> Vec<Option<Hash>> {
        let path = TilePath { kind: TileKind::Hashes { level }, index, width: 256 };
        let computed: Option<Vec<Hash>> = below.iter().copied().collect();
        let stored = self.hashes(path);
        // Where the node above could not be established either, two ways that agree are the best there is.
        let leads = |hashes: &Vec<Hash>| match above {
            Some(_) => perfect_root(hashes) == above,
            None => stored == computed,
        };
        let right =
            stored.as_ref().filter(|stored| leads(stored)).or(computed.as_ref().filter(|found| leads(found)));
        if stored.is_some() && stored.as_ref() != right {
            self.damaged(path.to_string(), "it does not lead to the signed root");
        }
        match right {
            Some(right) => right.iter().copied().map(Some).collect(),
            None => vec![None; TILE_WIDTH as usize],
        }
    }
}

/// An edge of stored (bit 0) and computed (bit 1) tiles; `None` when one of them is not there.
fn chosen(size: u64, open: &[OpenTile], choice: u32) -> Option<Edge> {
    Edge::read(size, |path| {
        let place = open.iter().position(|tile| tile.path == path).ok_or(())?;
        let tile = open.get(place).ok_or(())?;
        let hashes = if choice >> place & 1 == 0 { &tile.stored } else { &tile.computed };
        hashes.clone().ok_or(())
    })
    .ok()
}
