//! Opening: the head and what is needed to go on, in a number of files that grows with the logarithm of the ledger.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use super::disk::Disk;
use super::edge::Edge;
use super::error::{Action, LedgerError, failed};
use super::reader::{ProvedTiles, Published, Shared, State};
use super::{CHECKPOINT, damaged};
use crate::checkpoint::Checkpoint;
use crate::hash::leaf_hash;
use crate::note::{Note, Signed, VerifierKey};
use crate::tile::{TILE_WIDTH, TileKind, TilePath, read_bundle, read_hashes};

/// How often a reader beside a writer looks again when the files changed under it.
const ATTEMPTS: u32 = 5;

/// The published head with its unfinished tiles and the entries of the unfinished bundle, all proved.
pub(super) struct Loaded {
    pub(super) published: Published,
    pub(super) tail: Vec<Arc<[u8]>>,
}

impl Loaded {
    /// What the readers of this ledger share.
    pub(super) fn share(self, disk: Arc<dyn Disk>, folder: &Path) -> Shared {
        let size = self.published.edge.size();
        let state = State {
            published: Arc::new(self.published),
            recent: self.tail.into(),
            recent_first: size - size % TILE_WIDTH,
        };
        Shared {
            folder: folder.to_owned(),
            disk,
            state: RwLock::new(state),
            proved: Mutex::new(ProvedTiles::default()),
        }
    }
}

/// The checkpoint in this text, when this key signed it for its own log.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn signed_head(text: &[u8], key: &VerifierKey) -> Result<(Checkpoint, Note), String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let note = Note::parse(text).map_err(|error| error.to_string())?;
    match key.signed(&note) {
        Signed::Good { .. } => {}
        Signed::Absent => return Err(format!("it carries no signature of the key {}", key.name())),
        Signed::False => return Err(format!("the signature of the key {} is false", key.name())),
    }
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    if checkpoint.origin() != key.name() {
        return Err(format!("it is of the log {}, not {}", checkpoint.origin(), key.name()));
    }
    Ok((checkpoint, note))
}

/// Loads what is published. Nobody may be writing.
pub(super) fn published(disk: &dyn Disk, folder: &Path, key: &VerifierKey) -> Result<Loaded, LedgerError> {
    let text = disk.read(&folder.join(CHECKPOINT)).map_err(|source| match source.kind() {
        ErrorKind::NotFound => LedgerError::NotALedger(folder.to_owned()),
        _ => failed(Action::Read, CHECKPOINT)(source),
    })?;
    let (checkpoint, _) = signed_head(&text, key).map_err(|what| damaged(CHECKPOINT, &what))?;
    let read = |path: TilePath| {
        let name = path.to_string();
        disk.read(&folder.join(&name)).map_err(failed(Action::Read, &name))
    };
    let edge = Edge::read(checkpoint.size(), |path| {
        read_hashes(&read(path)?, path.width).map_err(|error| damaged(&path.to_string(), &error.to_string()))
    })?;
    let root = edge.frontier().map_err(|error| damaged(CHECKPOINT, &error.to_string()))?.root();
    if root != checkpoint.root() {
        let what = "the unfinished tiles do not lead to the root that is signed; a full check names the file";
        return Err(damaged(CHECKPOINT, what));
    }
    let tail = tail(&edge, read)?;
    let signed = String::from_utf8_lossy(&text).into();
    Ok(Loaded { published: Published { checkpoint, signed, edge }, tail })
}

/// The entries of the unfinished bundle, compared with the leaf hashes.
fn tail(
    edge: &Edge,
    read: impl FnOnce(TilePath) -> Result<Vec<u8>, LedgerError>,
) -> Result<Vec<Arc<[u8]>>, LedgerError> {
    let leaves = edge.open(0);
    if leaves.is_empty() {
        return Ok(Vec::new());
    }
    let path =
        TilePath { kind: TileKind::Entries, index: edge.size() / TILE_WIDTH, width: leaves.len() as u16 };
    let bytes = read(path)?;
    let entries =
        read_bundle(&bytes, path.width).map_err(|error| damaged(&path.to_string(), &error.to_string()))?;
    if !entries.iter().map(|entry| leaf_hash(entry)).eq(leaves.iter().copied()) {
        return Err(damaged(&path.to_string(), "an entry is not the one that is in the tree"));
    }
    Ok(entries.into_iter().map(Arc::from).collect())
}

/// Loads what is published while another process may be publishing: files of the older head may vanish meanwhile.
pub(super) fn published_while_written(
    disk: &dyn Disk,
    folder: &Path,
    key: &VerifierKey,
) -> Result<Loaded, LedgerError> {
    for _ in 1..ATTEMPTS {
        match published(disk, folder, key) {
            Err(LedgerError::Disk { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            result => return result,
        }
    }
    published(disk, folder, key)
}
