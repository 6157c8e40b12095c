//! A copy of a ledger that may be being written.
//!
//! Copying the files one after the other would not do: a publication in between moves entries from the write-ahead file
//! into tiles and removes unfinished forms, so that the copy could hold an entry nowhere. So the copy is made of one
//! published head: a [`Reader`] holds its right edge in memory, full tiles never change, and every tile is proved
//! against the head before it is written.
//!
//! What is acknowledged but not published is copied only when nobody writes. Beside a writer, publish first: then
//! everything that was acknowledged until then is in the copy.

use std::io::ErrorKind;
use std::path::Path;

use super::disk::{Disk, RealDisk, Share};
use super::error::{Action, LedgerError, failed};
use super::reader::{ReadError, Reader};
use super::wal::Tail;
use super::write::{Writing, clear_temporary};
use super::{CHECKPOINT, KEY, LOCK, WRITE_AHEAD, damaged, wal};
use crate::checkpoint::Checkpoint;
use crate::note::VerifierKey;
use crate::tile::tiles_of;

/// Why a ledger could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Opening it, or writing the copy.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Reading it.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Copies the ledger that `log` signs into a folder, which must exist and hold no ledger, and makes the copy durable.
/// Returns the head of the copy. The signing key goes along when it lies in the folder.
///
/// # Errors
/// When there is no ledger, when a file is damaged, or when the copy cannot be written.
pub fn copy(from: &Path, log: &VerifierKey, to: &Path) -> Result<Checkpoint, CopyError> {
    let disk = RealDisk;
    // Held until the end: while nobody writes, nobody shall begin to.
    let unwritten = match disk.lock(&from.join(LOCK), Share::WithReaders) {
        Err(error) if error.kind() == ErrorKind::NotFound => Some(None),
        lock => lock.map_err(failed(Action::Lock, LOCK))?.map(Some),
    };
    if disk.list(to).map_err(failed(Action::Read, to))?.iter().any(|found| found.name == CHECKPOINT) {
        return Err(LedgerError::Occupied(to.to_owned()).into());
    }
    let reader = Reader::open(from, log)?;
    let head = reader.checkpoint();
    clear_temporary(&disk, to)?;
    let mut writing = Writing::new(&disk, to);
    for path in tiles_of(head.size()) {
        let name = path.to_string();
        let bytes = reader.tile_file(path)?.ok_or_else(|| damaged(&name, "the head does not reach it"))?;
        writing.put(&name, &bytes)?;
    }
    let waiting = match unwritten {
        Some(_) => acknowledged(&disk, from, log.name())?,
        None => wal::header(log.name()),
    };
    writing.put(WRITE_AHEAD, &waiting)?;
    match disk.read(&from.join(KEY)) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        key => {
            let key = zeroize::Zeroizing::new(key.map_err(failed(Action::Read, KEY))?);
            let mut file = disk.create_secret(&to.join(KEY)).map_err(failed(Action::Write, KEY))?;
            file.write(&key).map_err(failed(Action::Write, KEY))?;
            file.sync().map_err(failed(Action::Sync, KEY))?;
        }
    }
    writing.finish()?;
    // The head comes last: a folder without it is no ledger yet.
    writing.put(CHECKPOINT, reader.signed_checkpoint().as_bytes())?;
    writing.finish()?;
    Ok(head)
}

/// The write-ahead file without what was never acknowledged.
fn acknowledged(disk: &RealDisk, folder: &Path, origin: &str) -> Result<Vec<u8>, LedgerError> {
    let mut bytes = disk.read(&folder.join(WRITE_AHEAD)).map_err(failed(Action::Read, WRITE_AHEAD))?;
    let tail = wal::read(&bytes, origin).map_err(|error| damaged(WRITE_AHEAD, &error.to_string()))?.tail;
    if let Tail::Torn { offset, .. } = tail {
        bytes.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
    }
    Ok(bytes)
}
