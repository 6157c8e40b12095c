//! One content of one file, sought in the snapshots of a job, the newest first. It is read and its digest compared: what a
//! repository says of a file is not believed.

use crate::engine::BackupError;
use crate::job::Job;
use crate::manifest::Manifest;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// A snapshot that has the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its id.
    pub snapshot: String,
    /// When it was made.
    pub at: Timestamp,
}

/// Which file of which snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    /// The host that made them.
    pub host: &'a str,
    /// Its job.
    pub job: &'a str,
    /// The file.
    pub path: &'a Path,
}

/// A file as it looks now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Modified: seconds, nanoseconds.
    pub modified: (i64, i64),
}

impl Job {
    /// Writes the content of a file with this digest to a file that only its owner may read, from the newest snapshot that
    /// has it. None where no snapshot has it; then there is no such file.
    ///
    /// # Errors
    /// When the snapshots could not be read.
    pub fn find(&self, path: &Path, digest: &Digest, into: &Path) -> Result<Option<Found>, BackupError> {
        let failed = |error| BackupError::File(into.to_owned(), error);
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(into);
        let mut file = file.map_err(failed)?;
        let of = Of { host: &self.host, job: &self.name, path };
        let found = self.engine().seek(of, digest, &mut file);
        if !matches!(found, Ok(Some(_))) {
            std::fs::remove_file(into).map_err(failed)?;
        }
        found
    }

    /// Which of these files the last good run saved as they look now.
    ///
    /// # Errors
    /// When there was no good run, or its list was changed.
    pub fn has_saved<'a>(&self, files: &'a [Looks]) -> Result<Vec<&'a Looks>, BackupError> {
        let last: Manifest = self.last_originals()?;
        Ok(files.iter().filter(|file| last.has(&file.path, file.size, file.modified)).collect())
    }
}

/// Makes room for the content of the next snapshot.
pub(crate) fn emptied(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0)).map(|_| ())
}

/// Whether a file has this content.
pub(crate) fn has(file: &mut File, digest: &Digest) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let (mut sha, mut piece) = (Sha256::new(), vec![0_u8; 64 * 1024]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => sha.update(piece.get(..count).unwrap_or_default()),
        }
    }
    let text: String = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(text == digest.as_str())
}
