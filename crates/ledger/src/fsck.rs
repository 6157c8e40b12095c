//! The full check of a ledger: every file read, every byte accounted for, each damage with the name of its file.
//!
//! Opening a ledger looks at its right edge only. This looks at everything, and says which file is wrong and not only
//! that something is: what the signed root and most of the files agree on is taken as right. What nobody but an
//! outsider can know, that the end was cut off and signed again, shows against heads that somebody kept.

mod tiles;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use self::tiles::Tiles;
use crate::checkpoint::Checkpoint;
use crate::files::load::signed_head;
use crate::files::wal::{self, Tail};
use crate::files::{
    CHECKPOINT, Disk, KEY, LOCK, LedgerError, ListedKind, RealDisk, Share, TEMPORARY, WRITE_AHEAD,
};
use crate::note::{SigningKey, VerifierKey};
use crate::tile::TilePath;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The file, relative to the folder of the ledger.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// What a full check found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// The signed head, when there is one with a good signature.
    pub head: Option<Checkpoint>,
    /// Entries that are acknowledged but not published.
    pub pending: u64,
    /// Whether a process was writing during the check. What it has not published yet was not looked at then.
    pub writer: Writer,
    /// What is wrong; empty for a sound ledger.
    pub damage: Vec<Damage>,
}

/// Whether somebody writes the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A process holds the lock.
    Active,
    /// Nobody does.
    Absent,
}

/// Checks every file of the ledger that `log` signs, and that it begins with every head in `known` (heads of this log
/// that the caller kept or got from elsewhere, and believes). Whoever runs this as a program must end with an error
/// when [`Report::damage`] is not empty.
///
/// # Errors
/// When there is no ledger, or when the folder itself cannot be listed.
pub fn fsck(folder: &Path, log: &VerifierKey, known: &[Checkpoint]) -> Result<Report, LedgerError> {
    fsck_on(&RealDisk, folder, log, known)
}

/// [`fsck`] on another disk.
///
/// # Errors
/// Those of [`fsck`].
pub fn fsck_on(
    disk: &dyn Disk,
    folder: &Path,
    log: &VerifierKey,
    known: &[Checkpoint],
) -> Result<Report, LedgerError> {
    let text = disk.read(&folder.join(CHECKPOINT));
    if text.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(LedgerError::NotALedger(folder.to_owned()));
    }
    let lock = disk.lock(&folder.join(LOCK), Share::WithReaders);
    let writer = if matches!(lock, Ok(None)) { Writer::Active } else { Writer::Absent };
    let mut check = Check { disk, folder, writer, damage: Vec::new() };
    // Read again under the lock, so that no writer ends between the two.
    let head = check.read(CHECKPOINT).and_then(|text| check.head(&text, log));
    let mut pending = 0;
    if let Some(head) = &head {
        let entries = check.write_ahead(head);
        pending = entries.unpublished.len() as u64;
        let mut tiles = Tiles::check(&mut check, head);
        tiles.extend(&entries.unpublished);
        for (number, entry) in &entries.published {
            if tiles.entry(&check, *number).as_ref() != Some(entry) {
                check.damaged(WRITE_AHEAD, &format!("its entry {number} is not the one in the tree"));
            }
        }
        check.known_heads(head, known, &tiles);
        check.listing(log, &tiles)?;
    }
    check.damage.sort();
    check.damage.dedup();
    Ok(Report { head, pending, writer, damage: check.damage })
}

/// A check under way.
struct Check<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    writer: Writer,
    damage: Vec<Damage>,
}

/// What the write-ahead file holds.
#[derive(Default)]
struct WriteAhead {
    /// Entries that stand in tiles too, with their numbers: left over when the writer ended before it could cut them.
    published: Vec<(u64, Vec<u8>)>,
    unpublished: Vec<Vec<u8>>,
}

impl Check<'_> {
    fn damaged(&mut self, file: impl Into<PathBuf>, what: &str) {
        self.damage.push(Damage { file: file.into(), what: what.to_owned() });
    }

    /// The content of a file that must be there.
    fn read(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.disk.read(&self.folder.join(name)) {
            Ok(bytes) => return Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => self.damaged(name, "it is missing"),
            Err(error) => self.damaged(name, &format!("it cannot be read: {error}")),
        }
        None
    }

    /// The signed head. Nothing can be compared with a head that is not signed, so that the check ends there.
    fn head(&mut self, text: &[u8], log: &VerifierKey) -> Option<Checkpoint> {
        match signed_head(text, log) {
            Ok((head, note)) => {
                if note.signatures().len() > 1 {
                    self.damaged(CHECKPOINT, "it carries signatures that the log did not make");
                }
                Some(head)
            }
            Err(what) => {
                self.damaged(CHECKPOINT, &format!("{what}; the other files were not checked"));
                None
            }
        }
    }

    fn write_ahead(&mut self, head: &Checkpoint) -> WriteAhead {
        if self.writer == Writer::Active {
            return WriteAhead::default();
        }
        let Some(bytes) = self.read(WRITE_AHEAD) else { return WriteAhead::default() };
        let contents = match wal::read(&bytes, head.origin()) {
            Ok(contents) => contents,
            Err(error) => {
                self.damaged(WRITE_AHEAD, &error.to_string());
                return WriteAhead::default();
            }
        };
        if let Tail::Torn { offset, bytes } = contents.tail {
            let what = "are no complete batch: a write that a crash ended, or damage";
            self.damaged(WRITE_AHEAD, &format!("the last {bytes} bytes, from byte {offset}, {what}"));
        }
        let first = contents.batches.first().map_or(head.size(), |batch| batch.first);
        if first > head.size() {
            let what =
                format!("it begins with entry {first}, but the checkpoint has {} entries", head.size());
            self.damaged(CHECKPOINT, &format!("it is older than the write-ahead file: {what}"));
            return WriteAhead::default();
        }
        let mut found = WriteAhead::default();
        for (number, entry) in (first..).zip(contents.batches.iter().flat_map(|batch| batch.entries.iter())) {
            if number < head.size() {
                found.published.push((number, entry.to_vec()));
            } else {
                found.unpublished.push(entry.to_vec());
            }
        }
        found
    }

    fn known_heads(&mut self, head: &Checkpoint, known: &[Checkpoint], tiles: &Tiles) {
        for known in known {
            let (size, origin) = (known.size(), known.origin());
            let what = if origin != head.origin() {
                format!("a known head is of the log {origin}, this one is of {}", head.origin())
            } else if size > head.size() {
                let now = head.size();
                format!(
                    "the end was cut off or an old state was put back: a head of {size} entries is known, here are {now}"
                )
            } else if tiles.root(self, size) != Some(known.root()) {
                format!(
                    "the first {size} entries are not those of the known head: the ledger was rewritten or forked"
                )
            } else {
                continue;
            };
            self.damaged(CHECKPOINT, &what);
        }
    }

    /// Looks at every file that is there.
    fn listing(&mut self, log: &VerifierKey, tiles: &Tiles) -> Result<(), LedgerError> {
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let path = self.folder.join(&folder);
            let listed = match self.disk.list(&path) {
                Ok(listed) => listed,
                Err(error) if error.kind() == ErrorKind::NotFound && self.writer == Writer::Active => {
                    continue;
                }
                Err(source) => {
                    let action = crate::files::Action::Read;
                    return Err(LedgerError::Disk { action, file: folder.into(), source });
                }
            };
            for found in listed {
                let name = if folder.is_empty() { found.name } else { format!("{folder}/{}", found.name) };
                match found.kind {
                    ListedKind::Folder if name == TEMPORARY => {}
                    ListedKind::Folder if name == "tile" || name.starts_with("tile/") => folders.push(name),
                    ListedKind::File => self.file(&name, log, tiles),
                    ListedKind::Folder | ListedKind::Other => self.damaged(name, NOT_OURS),
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, log: &VerifierKey, tiles: &Tiles) {
        match name {
            CHECKPOINT | WRITE_AHEAD => {}
            LOCK => {
                if self.read(LOCK).is_some_and(|bytes| !bytes.is_empty()) {
                    self.damaged(LOCK, "it is not empty");
                }
            }
            KEY => self.key(log),
            _ => match name.parse::<TilePath>() {
                Ok(path) => tiles.other_form(self, path),
                Err(_) => self.damaged(name, NOT_OURS),
            },
        }
    }

    fn key(&mut self, log: &VerifierKey) {
        let Some(bytes) = self.read(KEY) else { return };
        let bytes = zeroize::Zeroizing::new(bytes);
        let key = std::str::from_utf8(&bytes).ok().and_then(|text| SigningKey::parse(text).ok());
        let same_text = |key: &SigningKey| key.to_secret_text().as_bytes() == bytes.as_slice();
        if !key.is_some_and(|key| key.verifier() == *log && same_text(&key)) {
            self.damaged(KEY, "it is not the key that signs this ledger");
        }
    }
}

const NOT_OURS: &str = "it does not belong to a ledger";
