//! What can go wrong with the files, in the words of the operator who must act.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::note::NoteError;

/// Why a ledger could not be created, opened or published.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// No checkpoint there.
    #[error("there is no ledger in {}; create one first, or give the folder that holds the file `checkpoint`", .0.display())]
    NotALedger(PathBuf),
    /// A new ledger never goes where something is.
    #[error("{} is not empty; a new ledger needs a folder of its own", .0.display())]
    Occupied(PathBuf),
    /// One ledger has one writer.
    #[error("another process writes the ledger in {}; stop it before you start this one", .0.display())]
    InUse(PathBuf),
    /// A file is not what was written.
    #[error("{} is damaged: {what}; keep a copy of the folder as it is, then restore this file from a backup", file.display())]
    Damaged {
        /// The file, relative to the folder of the ledger.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// An operation on a file failed.
    #[error("cannot {action} {}", file.display())]
    Disk {
        /// What was being done.
        action: Action,
        /// The file, relative to the folder of the ledger.
        file: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// This handle writes no more.
    #[error("{0}")]
    Stopped(Stopped),
    /// The signing key is not usable.
    #[error("the signing key cannot be used")]
    Key(#[from] NoteError),
    /// Others can read the secret key.
    #[error("{} can be read by others; check who has a copy, then run `chmod 600` on it", .0.display())]
    KeyExposed(PathBuf),
}

/// Why entries were not acknowledged. None of them is in the ledger then, except after [`AppendError::Stopped`], when
/// the next opening tells.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// An entry has at most [`crate::MAX_ENTRY_BYTES`].
    #[error(
        "entry {position} of the batch has {bytes} bytes; at most 65,535 are possible, documents go in by digest"
    )]
    EntryTooLarge {
        /// Its place in the batch, from 0.
        position: usize,
        /// Its size.
        bytes: usize,
    },
    /// A batch has at most [`super::MAX_BATCH_BYTES`].
    #[error("the batch has {bytes} bytes; split it into batches of at most 32 MiB")]
    BatchTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Too much is waiting to be published.
    #[error("1 GiB of entries waits for publication; publish a checkpoint, then append again")]
    Backlog,
    /// The disk has no room. Nothing was lost, and appending works again when there is room.
    #[error("the disk is full: nothing of this batch was taken; free space, then send it again")]
    Full {
        /// What the disk said.
        source: io::Error,
    },
    /// This handle writes no more.
    #[error("{0}")]
    Stopped(Stopped),
}

/// Why a handle stopped for good. Asking a disk twice whether it wrote something gives answers that are not true
/// (the system may have dropped the pages), so that only reading everything again, at the next opening, helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    pub(super) reason: String,
}

impl fmt::Display for Stopped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the ledger writes no more, because the disk did not confirm a write ({}); look at the system log and at \
             the disk, then start again: what was acknowledged is kept",
            self.reason
        )
    }
}

/// What was being done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Reading or listing.
    Read,
    /// Making, writing, cutting or renaming.
    Write,
    /// Making durable.
    Sync,
    /// Removing.
    Remove,
    /// Taking the lock.
    Lock,
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Action::Read => "read",
            Action::Write => "write",
            Action::Sync => "make durable",
            Action::Remove => "remove",
            Action::Lock => "lock",
        })
    }
}

impl LedgerError {
    /// Whether the same may be tried again with the same handle: only when there was no room for something that had
    /// not been promised to anybody.
    pub(super) fn may_retry(&self) -> bool {
        matches!(self, Self::Disk { action: Action::Write, source, .. } if is_full(source))
    }
}

/// Whether the disk said that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// An error of a kind, ready for `map_err`.
pub(super) fn failed(action: Action, file: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> LedgerError {
    let file = file.into();
    move |source| LedgerError::Disk { action, file, source }
}
