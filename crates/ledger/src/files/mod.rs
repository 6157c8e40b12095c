//! The ledger on a disk: the one module of this crate that does IO.
//!
//! The folder is what C2SP tlog-tiles describes, with the file that makes an acknowledgement durable:
//!
//! ```text
//! checkpoint          the signed head
//! tile/<L>/<N>        hashes, 256 to a file; `.p/<W>` while unfinished
//! tile/entries/<N>    entries, 256 to a file; `.p/<W>` while unfinished
//! write-ahead         what was acknowledged since the checkpoint
//! log.key             the signing key, readable by its owner only (unless kept elsewhere)
//! lock, tmp/          one writer; files that are not finished
//! ```
//!
//! What happens when, and what a crash in between leaves:
//!
//! ```text
//! append     write and sync `write-ahead`      before: not acknowledged, perhaps found again; after: acknowledged
//! integrate  write and sync tiles, folders     they belong to no head yet; written again after a crash
//!            write, sync, rename `checkpoint`  before: the old head; after: the new one
//!            remove unfinished forms           left over: correct, only superfluous; removed at the next opening
//!            cut and sync `write-ahead`        left over: entries that stand in tiles too; dropped when opened
//! ```

mod copy;
mod disk;
pub(crate) mod edge;
mod error;
mod key;
pub(crate) mod load;
mod reader;
mod system;
pub mod wal;
mod write;

use std::any::Any;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use copy::{CopyError, copy};
pub use disk::{Disk, DiskFile, Listed, ListedKind, RealDisk, Share};
pub use error::{Action, AppendError, LedgerError, Stopped};
pub use key::{load_key, store_key};
pub use reader::{Entries, ReadError, Reader};

use self::edge::{Edge, open_tile};
use self::error::{failed, is_full};
use self::reader::{Published, Shared};
use self::wal::Tail;
use self::write::{Writing, clear_temporary};
use crate::MAX_ENTRY_BYTES;
use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, empty_root, leaf_hash};
use crate::note::SigningKey;
use crate::tile::{TILE_LEVELS, TILE_WIDTH, TileKind, TilePath, open_width, push_entry, write_hashes};
use crate::tree::Frontier;

/// The most bytes that one [`Ledger::append`] takes, with two for each entry.
pub const MAX_BATCH_BYTES: usize = 32 << 20;

/// The most bytes that may wait for a checkpoint, in memory and in the write-ahead file.
const MAX_PENDING_BYTES: u64 = 1 << 30;

/// Name of the signed head.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// Name of the write-ahead file.
pub(crate) const WRITE_AHEAD: &str = "write-ahead";
/// Name of the folder for files that are not finished.
pub(crate) const TEMPORARY: &str = "tmp";
/// Name of the file whose lock the writer holds.
pub(crate) const LOCK: &str = "lock";
/// Name of the file of the signing key.
pub(crate) const KEY: &str = "log.key";

/// A ledger that this process writes. There is one writer; [`Ledger::reader`] gives as many readers as wanted.
pub struct Ledger {
    shared: Arc<Shared>,
    key: SigningKey,
    /// The right edge of everything that is durable, published or not.
    frontier: Frontier,
    /// Leaf hashes of what is durable but not published.
    pending: Vec<Hash>,
    log: Box<dyn DiskFile>,
    /// Length of the write-ahead file.
    log_bytes: u64,
    stopped: Option<Stopped>,
    _lock: Box<dyn Any + Send + Sync>,
}

/// What opening a ledger found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries that were acknowledged but not published. They are pending again.
    pub pending: u64,
    /// Bytes at the end of the write-ahead file that were no complete batch, and so never acknowledged. After a crash
    /// that is normal; after an orderly end it means damage.
    pub torn_bytes: u64,
}

impl Ledger {
    /// Creates an empty ledger whose origin is the name of the key. The parent of the folder must exist.
    ///
    /// # Errors
    /// When something is already there, or when it cannot be written.
    pub fn create(folder: &Path, key: SigningKey) -> Result<Self, LedgerError> {
        Self::create_on(Arc::new(RealDisk), folder, key)
    }

    /// [`Ledger::create`] on another disk.
    ///
    /// # Errors
    /// Those of [`Ledger::create`].
    pub fn create_on(disk: Arc<dyn Disk>, folder: &Path, key: SigningKey) -> Result<Self, LedgerError> {
        disk.create_folder(folder).map_err(failed(Action::Write, folder))?;
        let lock = lock(&*disk, folder)?;
        let found = disk.list(folder).map_err(failed(Action::Read, folder))?;
        if !found.iter().all(|found| [LOCK, TEMPORARY, WRITE_AHEAD, KEY].contains(&found.name.as_str())) {
            return Err(LedgerError::Occupied(folder.to_owned()));
        }
        clear_temporary(&*disk, folder)?;
        if let Some(parent) = folder.parent() {
            disk.sync_folder(parent).map_err(failed(Action::Sync, parent))?;
        }
        let signed = Checkpoint::new(key.name(), 0, empty_root())
            .map_err(|error| damaged(CHECKPOINT, &error.to_string()))?
            .sign(&key)?;
        let mut writing = Writing::new(&*disk, folder);
        writing.put(WRITE_AHEAD, &wal::header(key.name()))?;
        writing.finish()?;
        // The head comes last: a folder without it is not a ledger yet, and creating can be tried again.
        writing.put(CHECKPOINT, signed.to_string().as_bytes())?;
        writing.finish()?;
        Self::open_locked(disk, folder, key, lock).map(|(ledger, _)| ledger)
    }

    /// Opens a ledger and brings back what was acknowledged but not published. It reads a number of files that grows
    /// with the logarithm of the ledger; [`crate::fsck`] reads all.
    ///
    /// # Errors
    /// When there is none with this key, when another process writes it, or when what is read is damaged.
    pub fn open(folder: &Path, key: SigningKey) -> Result<(Self, Recovery), LedgerError> {
        Self::open_on(Arc::new(RealDisk), folder, key)
    }

    /// [`Ledger::open`] on another disk.
    ///
    /// # Errors
    /// Those of [`Ledger::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: &Path,
        key: SigningKey,
    ) -> Result<(Self, Recovery), LedgerError> {
        match disk.read(&folder.join(CHECKPOINT)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(LedgerError::NotALedger(folder.to_owned()));
            }
            _ => {}
        }
        let lock = lock(&*disk, folder)?;
        Self::open_locked(disk, folder, key, lock)
    }

    fn open_locked(
        disk: Arc<dyn Disk>,
        folder: &Path,
        key: SigningKey,
        lock: Box<dyn Any + Send + Sync>,
    ) -> Result<(Self, Recovery), LedgerError> {
        let loaded = load::published(&*disk, folder, &key.verifier())?;
        let size = loaded.published.edge.size();
        let found = recover_log(&*disk, folder, key.name(), size)?;
        clear_temporary(&*disk, folder)?;
        remove_finished(&*disk, folder, found.published_before, size)?;
        let log_bytes = rewrite_log(&*disk, folder, key.name(), size, &found)?;
        let log = disk.open(&folder.join(WRITE_AHEAD)).map_err(failed(Action::Write, WRITE_AHEAD))?;
        let frontier = loaded.published.edge.frontier();
        let frontier = frontier.map_err(|error| damaged(CHECKPOINT, &error.to_string()))?;
        let shared = Arc::new(loaded.share(disk, folder));
        let recovery = Recovery { pending: found.entries.len() as u64, torn_bytes: found.torn_bytes };
        let mut ledger =
            Self { shared, key, frontier, pending: Vec::new(), log, log_bytes, stopped: None, _lock: lock };
        ledger.admit(found.entries.into_iter().map(Arc::from).collect());
        Ok((ledger, recovery))
    }

    /// Entries that are durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of all entries that are durable, published or not.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Entries that are durable but not published.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.len() as u64
    }

    /// The published head.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.reader().checkpoint()
    }

    /// A reader that sees what this handle appends and publishes.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader { shared: self.shared.clone() }
    }

    /// Adds entries and returns their numbers **when they are durable**: one write and one sync for the whole batch,
    /// which is found again after a crash completely or not at all. Callers gather what came in meanwhile (group
    /// commit).
    ///
    /// # Errors
    /// When they were not acknowledged; [`AppendError`] says what to do.
    pub fn append<Entry: AsRef<[u8]>>(&mut self, entries: &[Entry]) -> Result<Range<u64>, AppendError> {
        let first = self.size();
        if let Some(stopped) = &self.stopped {
            return Err(AppendError::Stopped(stopped.clone()));
        }
        check_batch(entries)?;
        if entries.is_empty() {
            return Ok(first..first);
        }
        let bytes = wal::frame(first, entries);
        if self.log_bytes + bytes.len() as u64 > MAX_PENDING_BYTES {
            return Err(AppendError::Backlog);
        }
        if let Err(source) = self.log.write(&bytes) {
            // Part of it may stand there; the file must end with the last acknowledged batch again.
            let undone = self.log.truncate(self.log_bytes);
            if undone.is_ok() && is_full(&source) {
                return Err(AppendError::Full { source });
            }
            return Err(AppendError::Stopped(self.stop(&source)));
        }
        if let Err(source) = self.log.sync() {
            return Err(AppendError::Stopped(self.stop(&source)));
        }
        self.log_bytes += bytes.len() as u64;
        self.admit(entries.iter().map(|entry| Arc::from(entry.as_ref())).collect());
        Ok(first..self.size())
    }

    /// Takes durable entries into the tree and shows them to the readers.
    fn admit(&mut self, entries: Vec<Arc<[u8]>>) {
        for entry in &entries {
            let leaf = leaf_hash(entry);
            self.frontier.push(leaf);
            self.pending.push(leaf);
        }
        self.shared.change_state(|state| state.recent.extend(entries));
    }

    /// Publishes what is durable: writes tiles and bundles, then a new signed checkpoint, then empties the write-ahead
    /// file. The cost depends on what is new, not on the age of the ledger. Without anything new it does nothing.
    ///
    /// # Errors
    /// When it cannot be written. When the disk is full it may be tried again; nothing that was acknowledged is lost.
    pub fn integrate(&mut self) -> Result<Checkpoint, LedgerError> {
        if let Some(stopped) = &self.stopped {
            return Err(LedgerError::Stopped(stopped.clone()));
        }
        if self.pending.is_empty() {
            return Ok(self.checkpoint());
        }
        let result = self.publish();
        if let Err(error) = &result
            && !error.may_retry()
        {
            let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            self.stopped = Some(Stopped { reason: format!("{error}: {source}") });
        }
        result
    }

    fn publish(&mut self) -> Result<Checkpoint, LedgerError> {
        let shared = self.shared.clone();
        let old = shared.read_state(|state| state.published.clone());
        let mut writing = Writing::new(&*shared.disk, &shared.folder);
        let edge = self.write_tiles(&mut writing, &old.edge)?;
        self.write_bundles(&mut writing)?;
        writing.finish()?;

        let checkpoint = Checkpoint::new(self.key.name(), self.size(), self.root())
            .map_err(|error| damaged(CHECKPOINT, &error.to_string()))?;
        let signed = checkpoint.sign(&self.key)?.to_string();
        writing.put(CHECKPOINT, signed.as_bytes())?;
        writing.finish()?;
        self.pending.clear();
        let published = Published { checkpoint: checkpoint.clone(), signed: signed.into(), edge };
        shared.change_state(|state| {
            state.published = Arc::new(published);
            let first = checkpoint.size() - checkpoint.size() % TILE_WIDTH;
            state.recent.drain(..(first - state.recent_first) as usize);
            state.recent_first = first;
        });
        self.tidy(&shared, old.edge.size()).map_err(after_publication)?;
        Ok(checkpoint)
    }

    /// Removes what the new head made superfluous.
    fn tidy(&mut self, shared: &Shared, published_before: u64) -> Result<(), LedgerError> {
        remove_finished(&*shared.disk, &shared.folder, published_before, self.size())?;
        let header = wal::header(self.key.name()).len() as u64;
        self.log.truncate(header).map_err(failed(Action::Write, WRITE_AHEAD))?;
        self.log.sync().map_err(failed(Action::Sync, WRITE_AHEAD))?;
        self.log_bytes = header;
        Ok(())
    }

    /// Writes the hash tiles that the pending leaves made full, and the unfinished ones.
    fn write_tiles(&self, writing: &mut Writing<'_>, old: &Edge) -> Result<Edge, LedgerError> {
        let mut edge = old.clone();
        for leaf in &self.pending {
            edge.push(*leaf, |path, hashes| writing.put(&path.to_string(), &write_hashes(hashes)))?;
        }
        let unchanged: Vec<_> = open_tiles(old.size()).collect();
        for (path, hashes) in edge.open_tiles().filter(|(path, _)| !unchanged.contains(path)) {
            writing.put(&path.to_string(), &write_hashes(hashes))?;
        }
        Ok(edge)
    }

    /// Writes the bundles that hold pending entries.
    fn write_bundles(&self, writing: &mut Writing<'_>) -> Result<(), LedgerError> {
        let (recent, first) = self
            .shared
            .read_state(|state| (state.recent.iter().cloned().collect::<Vec<_>>(), state.recent_first));
        for (index, entries) in (first / TILE_WIDTH..).zip(recent.chunks(TILE_WIDTH as usize)) {
            let path = TilePath { kind: TileKind::Entries, index, width: entries.len() as u16 };
            let mut bytes = Vec::new();
            entries.iter().for_each(|entry| push_entry(&mut bytes, entry));
            writing.put(&path.to_string(), &bytes)?;
        }
        Ok(())
    }

    fn stop(&mut self, source: &std::io::Error) -> Stopped {
        let stopped = Stopped { reason: format!("write-ahead: {source}") };
        self.stopped = Some(stopped.clone());
        stopped
    }
}

/// What the write-ahead file holds beyond the published head.
struct Found {
    entries: Vec<Vec<u8>>,
    /// The size that was published when the file was begun.
    published_before: u64,
    torn_bytes: u64,
    /// Whether the file holds nothing, so that it need not be written again.
    blank: bool,
}

fn recover_log(disk: &dyn Disk, folder: &Path, origin: &str, size: u64) -> Result<Found, LedgerError> {
    let bytes = disk.read(&folder.join(WRITE_AHEAD)).map_err(failed(Action::Read, WRITE_AHEAD))?;
    let contents = wal::read(&bytes, origin).map_err(|error| damaged(WRITE_AHEAD, &error.to_string()))?;
    let first = contents.batches.first().map_or(size, |batch| batch.first);
    if first > size {
        let what = format!("it begins with entry {first}, but the checkpoint has only {size} entries");
        return Err(damaged(WRITE_AHEAD, &what));
    }
    let all = contents.batches.iter().flat_map(|batch| batch.entries.iter());
    let entries = all.skip((size - first) as usize).map(|entry| entry.to_vec()).collect();
    let torn_bytes = match contents.tail {
        Tail::Clean => 0,
        Tail::Torn { bytes, .. } => bytes,
    };
    let blank = contents.batches.is_empty() && torn_bytes == 0;
    Ok(Found { entries, published_before: first, torn_bytes, blank })
}

/// Writes what was recovered into a new write-ahead file. What was read may have come from memory of the system that
/// never reached the disk (after a failed sync), so that only writing it again makes it durable.
fn rewrite_log(
    disk: &dyn Disk,
    folder: &Path,
    origin: &str,
    size: u64,
    found: &Found,
) -> Result<u64, LedgerError> {
    let mut bytes = wal::header(origin);
    if found.blank {
        return Ok(bytes.len() as u64);
    }
    let mut first = size;
    for batch in found.entries.chunks(MAX_BATCH_BYTES / (MAX_ENTRY_BYTES + 2)) {
        bytes.extend(wal::frame(first, batch));
        first += batch.len() as u64;
    }
    let mut writing = Writing::new(disk, folder);
    writing.put(WRITE_AHEAD, &bytes)?;
    writing.finish()?;
    Ok(bytes.len() as u64)
}

/// The unfinished tiles and the unfinished bundle of a tree of this size.
fn open_tiles(size: u64) -> impl Iterator<Item = TilePath> {
    let width = open_width(size, 0);
    let bundle = TilePath { kind: TileKind::Entries, index: size / TILE_WIDTH, width };
    (0..TILE_LEVELS).filter_map(move |level| open_tile(size, level)).chain((width > 0).then_some(bundle))
}

/// Removes the unfinished forms of tiles that are full now.
fn remove_finished(disk: &dyn Disk, folder: &Path, before: u64, now: u64) -> Result<(), LedgerError> {
    let still_open: Vec<_> = open_tiles(now).map(|path| path.partial_folder()).collect();
    for name in open_tiles(before).map(|path| path.partial_folder()).filter(|name| !still_open.contains(name))
    {
        let unfinished = folder.join(&name);
        let found = match disk.list(&unfinished) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            result => result.map_err(failed(Action::Read, &name))?,
        };
        for file in found {
            disk.remove(&unfinished.join(&file.name)).map_err(failed(Action::Remove, &name))?;
        }
        disk.remove_folder(&unfinished).map_err(failed(Action::Remove, &name))?;
    }
    Ok(())
}

fn check_batch<Entry: AsRef<[u8]>>(entries: &[Entry]) -> Result<(), AppendError> {
    let mut bytes = 0;
    for (position, entry) in entries.iter().enumerate() {
        let length = entry.as_ref().len();
        if length > MAX_ENTRY_BYTES {
            return Err(AppendError::EntryTooLarge { position, bytes: length });
        }
        bytes += length + 2;
    }
    if bytes > MAX_BATCH_BYTES { Err(AppendError::BatchTooLarge { bytes }) } else { Ok(()) }
}

fn lock(disk: &dyn Disk, folder: &Path) -> Result<Box<dyn Any + Send + Sync>, LedgerError> {
    let taken = disk.lock(&folder.join(LOCK), Share::Alone).map_err(failed(Action::Lock, LOCK))?;
    taken.ok_or_else(|| LedgerError::InUse(folder.to_owned()))
}

fn damaged(file: &str, what: &str) -> LedgerError {
    LedgerError::Damaged { file: PathBuf::from(file), what: what.to_owned() }
}

/// The head is published, so that trying the same again would be wrong: the handle must stop.
fn after_publication(error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Disk { file, source, .. } => LedgerError::Disk { action: Action::Remove, file, source },
        other => other,
    }
}
