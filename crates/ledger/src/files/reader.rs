//! Reading while the writer writes. Whatever comes from a tile is proved against the published root before it is
//! believed: the disk, and whoever can write to it, are not trusted.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::disk::Disk;
use super::edge::Edge;
use super::{LedgerError, load};
use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, leaf_hash};
use crate::note::VerifierKey;
use crate::proof::{self, ProofError};
use crate::tile::{
    TILE_WIDTH, TileKind, TilePath, nodes_at, perfect_root, push_entry, read_bundle, read_hashes,
    write_hashes,
};
use crate::tree;

/// Proved tiles kept in memory: 8 KiB each.
const KEPT_TILES: usize = 256;

/// Reads entries and makes proofs. Cheap to clone; other threads may use it while the writer runs.
#[derive(Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such entry.
    #[error("there is no entry {number}: the ledger has {size} entries, numbered from 0")]
    NoEntry {
        /// The number asked for.
        number: u64,
        /// Entries that are durable.
        size: u64,
    },
    /// Proofs exist for published sizes only.
    #[error("nothing can be proved about {size} entries: the published checkpoint has {published}")]
    NotPublished {
        /// The size asked for.
        size: u64,
        /// The size of the checkpoint.
        published: u64,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {what}; restore this file from the city's copy or from a backup", file.display())]
    Damaged {
        /// The file, relative to the folder of the ledger.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file could not be read.
    #[error("{} cannot be read", file.display())]
    Disk {
        /// The file, relative to the folder of the ledger.
        file: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The question was not one that a proof can answer.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// What the writer and the readers share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) state: RwLock<State>,
    pub(super) proved: Mutex<ProvedTiles>,
}

/// What changes when the writer writes.
pub(super) struct State {
    pub(super) published: Arc<Published>,
    /// The entries from the beginning of the unfinished bundle on, with those that are durable but not published.
    pub(super) recent: VecDeque<Arc<[u8]>>,
    /// Number of the first of them: a multiple of 256.
    pub(super) recent_first: u64,
}

/// The published head, with the unfinished tiles that its root was checked against.
pub(super) struct Published {
    pub(super) checkpoint: Checkpoint,
    pub(super) signed: Arc<str>,
    pub(super) edge: Edge,
}

impl State {
    fn size(&self) -> u64 {
        self.recent_first + self.recent.len() as u64
    }
}

impl Shared {
    pub(super) fn read_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_state(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Reader {
    /// Opens a ledger that another process may be writing, or that nobody writes, to read what is published.
    /// Entries acknowledged after the checkpoint are not seen; [`Reader`]s of a [`super::Ledger`] see them.
    ///
    /// # Errors
    /// When there is no ledger signed with this key, or when it is damaged.
    pub fn open(folder: &Path, key: &VerifierKey) -> Result<Self, LedgerError> {
        Self::open_on(Arc::new(super::RealDisk), folder, key)
    }

    /// [`Reader::open`] on another disk.
    ///
    /// # Errors
    /// Those of [`Reader::open`].
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path, key: &VerifierKey) -> Result<Self, LedgerError> {
        let loaded = load::published_while_written(&*disk, folder, key)?;
        Ok(Self { shared: Arc::new(loaded.share(disk, folder)) })
    }

    /// How many entries are durable: published, and those waiting for the next checkpoint.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.read_state(State::size)
    }

    /// The published head.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.published().checkpoint.clone()
    }

    /// The published head as the log signed it: the content of the file `checkpoint`.
    #[must_use]
    pub fn signed_checkpoint(&self) -> Arc<str> {
        self.published().signed.clone()
    }

    /// One entry, by its number from 0.
    ///
    /// # Errors
    /// When there is no such entry, or when it is not what was written.
    pub fn entry(&self, number: u64) -> Result<Vec<u8>, ReadError> {
        let (published, recent, first, size) = self.shared.read_state(|state| {
            let place = number.checked_sub(state.recent_first).and_then(|place| usize::try_from(place).ok());
            let recent = place.and_then(|place| state.recent.get(place).map(|entry| entry.to_vec()));
            (state.published.clone(), recent, state.recent_first, state.size())
        });
        if let Some(entry) = recent {
            return Ok(entry);
        }
        if number >= first {
            return Err(ReadError::NoEntry { number, size });
        }
        let path = TilePath { kind: TileKind::Entries, index: number / TILE_WIDTH, width: 256 };
        let place = (number % TILE_WIDTH) as usize;
        let leaf = self.tile(&published, 0, path.index)?.get(place).copied();
        let bytes = self.read(path)?;
        let entries = read_bundle(&bytes, path.width).map_err(|error| damaged(path, &error.to_string()))?;
        match entries.get(place) {
            Some(entry) if Some(leaf_hash(entry)) == leaf => Ok(entry.to_vec()),
            _ => Err(damaged(path, &format!("its entry {number} is not the one in the tree"))),
        }
    }

    /// The entries with these numbers, in order. It reads 256 at a time. The first error ends it.
    #[must_use]
    pub fn entries(&self, range: Range<u64>) -> Entries {
        Entries { reader: self.clone(), next: range.start, end: range.end, read: Vec::new().into_iter() }
    }

    /// The root of the first `size` entries.
    ///
    /// # Errors
    /// When that many are not published, or when a file is damaged.
    pub fn root(&self, size: u64) -> Result<Hash, ReadError> {
        let published = self.published_at(size)?;
        tree::root(size, &|level, index| self.node(&published, level, index))
    }

    /// The proof that entry `index` is in the tree of the first `size` entries.
    ///
    /// # Errors
    /// When that many are not published, when the entry is not among them, or when a file is damaged.
    pub fn inclusion_proof(&self, size: u64, index: u64) -> Result<Vec<Hash>, ReadError> {
        let published = self.published_at(size)?;
        proof::inclusion_proof(size, index, &|level, index| self.node(&published, level, index))
    }

    /// The proof that the first `new` entries begin with the first `old` entries.
    ///
    /// # Errors
    /// When that many are not published, when the sizes are in the wrong order, or when a file is damaged.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError> {
        let published = self.published_at(new)?;
        proof::consistency_proof(old, new, &|level, index| self.node(&published, level, index))
    }

    /// One proof for all entries of a range.
    ///
    /// # Errors
    /// When that many are not published, when the range is not within them, or when a file is damaged.
    pub fn range_proof(&self, size: u64, range: Range<u64>) -> Result<Vec<Hash>, ReadError> {
        let published = self.published_at(size)?;
        proof::range_proof(size, range, &|level, index| self.node(&published, level, index))
    }

    /// One proof for the entries with these numbers, which rise strictly.
    ///
    /// # Errors
    /// When that many are not published, when a number is not within them, or when a file is damaged.
    pub fn batch_proof(&self, size: u64, indexes: &[u64]) -> Result<Vec<Hash>, ReadError> {
        let published = self.published_at(size)?;
        proof::batch_proof(size, indexes, &|level, index| self.node(&published, level, index))
    }

    fn published(&self) -> Arc<Published> {
        self.shared.read_state(|state| state.published.clone())
    }

    fn published_at(&self, size: u64) -> Result<Arc<Published>, ReadError> {
        let published = self.published();
        match published.edge.size() {
            enough if size <= enough => Ok(published),
            less => Err(ReadError::NotPublished { size, published: less }),
        }
    }

    /// The hash at this place of the published tree: what [`crate::bundle::Header::of_tree`] reads.
    ///
    /// # Errors
    /// When it is not published, or when a file is damaged.
    pub fn hash(&self, level: u8, index: u64) -> Result<Hash, ReadError> {
        self.node(&self.published(), level, index)
    }

    /// The node at this place of the published tree.
    fn node(&self, published: &Published, level: u8, index: u64) -> Result<Hash, ReadError> {
        let first = index << (level % 8);
        let tile = self.tile(published, level / 8, first / TILE_WIDTH)?;
        let from = (first % TILE_WIDTH) as usize;
        let node = tile.get(from..from + (1 << (level % 8))).and_then(perfect_root);
        node.ok_or_else(|| outside(published, level, index))
    }

    /// A tile of the published tree. A full one is read and compared with the node that its parent tile holds, up to
    /// an unfinished tile, which was compared with the signed root when the ledger was opened or published.
    fn tile(&self, published: &Published, level: u8, index: u64) -> Result<Arc<Vec<Hash>>, ReadError> {
        let full = nodes_at(published.edge.size(), level) / TILE_WIDTH;
        if index > full {
            return Err(outside(published, level * 8, index));
        }
        if index == full {
            return Ok(published.edge.open(level));
        }
        if let Some(tile) = self.proved(|tiles| tiles.get(level, index)) {
            return Ok(tile);
        }
        let path = TilePath { kind: TileKind::Hashes { level }, index, width: 256 };
        let bytes = self.read(path)?;
        let hashes = read_hashes(&bytes, path.width).map_err(|error| damaged(path, &error.to_string()))?;
        self.compare(published, path, &hashes)?;
        let tile = Arc::new(hashes);
        self.proved(|tiles| tiles.keep(level, index, tile.clone()));
        Ok(tile)
    }

    /// Compares what a full tile or bundle holds with its node in the tile above.
    fn compare(&self, published: &Published, path: TilePath, hashes: &[Hash]) -> Result<(), ReadError> {
        let above = match path.kind {
            TileKind::Entries => 1,
            TileKind::Hashes { level } => level + 1,
        };
        let parent = self.tile(published, above, path.index / TILE_WIDTH)?;
        let expected = parent.get((path.index % TILE_WIDTH) as usize).copied();
        if expected.is_some() && perfect_root(hashes) == expected {
            return Ok(());
        }
        Err(damaged(path, "its content does not lead to the root of the signed checkpoint"))
    }

    /// The entries of a full bundle.
    fn bundle(&self, published: &Published, index: u64) -> Result<Vec<Vec<u8>>, ReadError> {
        let path = TilePath { kind: TileKind::Entries, index, width: 256 };
        let bytes = self.read(path)?;
        let entries = read_bundle(&bytes, path.width).map_err(|error| damaged(path, &error.to_string()))?;
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        self.compare(published, path, &leaves)?;
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    fn read(&self, path: TilePath) -> Result<Vec<u8>, ReadError> {
        let name = path.to_string();
        let read = self.shared.disk.read(&self.shared.folder.join(&name));
        read.map_err(|source| ReadError::Disk { file: name.into(), source })
    }

    fn proved<T>(&self, look: impl FnOnce(&mut ProvedTiles) -> T) -> T {
        look(&mut self.shared.proved.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A tile file as C2SP serves it, proved: for whoever offers the ledger to C2SP readers. `None` when the published
    /// tree has no such tile. An unfinished form is cut from what stands there now.
    ///
    /// # Errors
    /// When a file is damaged or cannot be read.
    pub fn tile_file(&self, path: TilePath) -> Result<Option<Vec<u8>>, ReadError> {
        let published = self.published();
        let level = match path.kind {
            TileKind::Entries => 0,
            TileKind::Hashes { level } => level,
        };
        let begin = path.index.checked_mul(TILE_WIDTH).and_then(|begin| begin.checked_add(path.width.into()));
        if begin.is_none_or(|end| end > nodes_at(published.edge.size(), level)) {
            return Ok(None);
        }
        let width = usize::from(path.width);
        if let TileKind::Hashes { level } = path.kind {
            let tile = self.tile(&published, level, path.index)?;
            return Ok(tile.get(..width).map(write_hashes));
        }
        let first = path.index * TILE_WIDTH;
        let mut bytes = Vec::new();
        for entry in self.entries(first..first + u64::from(path.width)) {
            push_entry(&mut bytes, &entry?);
        }
        Ok(Some(bytes))
    }
}

fn outside(published: &Published, level: u8, index: u64) -> ReadError {
    let size = index.saturating_add(1).saturating_mul(1 << level.min(62));
    ReadError::NotPublished { size, published: published.edge.size() }
}

fn damaged(path: TilePath, what: &str) -> ReadError {
    ReadError::Damaged { file: path.to_string().into(), what: what.to_owned() }
}

/// Entries in order, from [`Reader::entries`].
pub struct Entries {
    reader: Reader,
    next: u64,
    end: u64,
    read: std::vec::IntoIter<Vec<u8>>,
}

impl Entries {
    /// Reads the bundle of the next entry, or takes it from memory.
    fn refill(&mut self) -> Result<(), ReadError> {
        let bundle_end = (self.next - self.next % TILE_WIDTH).saturating_add(TILE_WIDTH);
        let until = self.end.min(bundle_end);
        let (published, recent, size) = self.reader.shared.read_state(|state| {
            let recent = self.next.checked_sub(state.recent_first).map(|skip| {
                let count = (until - self.next) as usize;
                let skip = usize::try_from(skip).unwrap_or(usize::MAX);
                state.recent.iter().skip(skip).take(count).map(|entry| entry.to_vec()).collect::<Vec<_>>()
            });
            (state.published.clone(), recent, state.size())
        });
        let entries = match recent {
            Some(entries) => entries,
            None => {
                let mut entries = self.reader.bundle(&published, self.next / TILE_WIDTH)?;
                entries.truncate(TILE_WIDTH as usize - (bundle_end - until) as usize);
                entries.split_off((self.next % TILE_WIDTH) as usize)
            }
        };
        if entries.is_empty() {
            return Err(ReadError::NoEntry { number: self.next, size });
        }
        self.read = entries.into_iter();
        Ok(())
    }
}

impl Iterator for Entries {
    type Item = Result<Vec<u8>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        if self.read.len() == 0
            && let Err(error) = self.refill()
        {
            self.end = self.next;
            return Some(Err(error));
        }
        self.next += 1;
        self.read.next().map(Ok)
    }
}

/// Tiles that were proved against a published root: true for ever, because full tiles do not change.
#[derive(Default)]
pub(super) struct ProvedTiles {
    tiles: HashMap<(u8, u64), Arc<Vec<Hash>>>,
    oldest_first: VecDeque<(u8, u64)>,
}

impl ProvedTiles {
    fn get(&self, level: u8, index: u64) -> Option<Arc<Vec<Hash>>> {
        self.tiles.get(&(level, index)).cloned()
    }

    fn keep(&mut self, level: u8, index: u64, tile: Arc<Vec<Hash>>) {
        if self.tiles.insert((level, index), tile).is_some() {
            return;
        }
        self.oldest_first.push_back((level, index));
        if self.oldest_first.len() > KEPT_TILES
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.tiles.remove(&oldest);
        }
    }
}
