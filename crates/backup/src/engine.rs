//! What an implementation of the repository format can do. Both pass one suite (`tests/engines.rs`).

use crate::content::{Found, Of};
use crate::manifest::Manifest;
use std::fs::File;
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// Where a repository lies, and what opens it.
#[derive(Debug, Clone)]
pub struct Place {
    /// A folder, or what restic takes: `sftp:HOST:/path`, `s3:https://HOST/bucket`, `rest:https://HOST/`.
    pub repository: String,
    /// File with the password, readable by its owner alone.
    pub password: PathBuf,
    /// Settings of `ssh` for `sftp:` (its `-F`).
    pub ssh_config: Option<PathBuf>,
    /// File with the credentials of an object store, `NAME=value` a line, readable by its owner alone.
    pub credentials: Option<PathBuf>,
}

/// What a repository lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A folder of this host, or mounted on it.
    Folder,
    /// Another host, by SFTP.
    Sftp,
    /// An object store that speaks S3.
    ObjectStore,
    /// A server of restic's own protocol, or what rclone reaches.
    Server,
}

impl Medium {
    /// The word in facts.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Sftp => "sftp",
            Self::ObjectStore => "object_store",
            Self::Server => "server",
        }
    }
}

impl Place {
    /// What the repository lies on, by how it is written.
    #[must_use]
    pub fn medium(&self) -> Medium {
        match self.repository.split_once(':') {
            Some(("sftp", _)) => Medium::Sftp,
            Some(("s3", _)) => Medium::ObjectStore,
            Some(("rest" | "rclone", _)) => Medium::Server,
            _ => Medium::Folder,
        }
    }
}

/// What a snapshot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id, 64 hexadecimal digits.
    pub id: String,
    /// The repository's own digest over the tree.
    pub tree: Digest,
    /// Files in it.
    pub files: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes added to the repository.
    pub added: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Errors; of these the repository does not recover by itself.
    pub errors: u64,
}

/// Why something was not done. The text says what to do next and never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file with the password.
    #[error("{0}: {1}")]
    Password(PathBuf, String),
    /// The key does not open the repository.
    #[error("the key does not open the repository: compare the password file with the one it was made with")]
    WrongKey,
    /// The repository.
    #[error("the repository cannot be used: {0}")]
    Repository(String),
    /// A program.
    #[error(transparent)]
    Program(#[from] crate::command::ProgramError),
    /// An answer that is not understood.
    #[error("{0} gave an answer that is not understood: check that its version is one that was tested")]
    Answer(&'static str),
    /// A file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// Not possible with this implementation.
    #[error("{0}")]
    Refused(&'static str),
}

/// One implementation of the repository format, on one repository.
pub trait Engine {
    /// Program and version.
    ///
    /// # Errors
    /// When the program cannot be asked.
    fn tool(&self) -> Result<String, BackupError>;
    /// Makes the repository.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made.
    fn make(&self) -> Result<(), BackupError>;
    /// The id of the repository; proves that the key opens it.
    ///
    /// # Errors
    /// [`BackupError::WrongKey`] or why it cannot be reached.
    fn identity(&self) -> Result<String, BackupError>;
    /// Backs the paths up as one snapshot of `host`, marked with the name of the job.
    ///
    /// # Errors
    /// When no snapshot was made.
    fn back_up(&self, paths: &[PathBuf], host: &str, job: &str) -> Result<Snapshot, BackupError>;
    /// The files that a whole snapshot of these originals names: one program counts links as files, the other does not.
    fn expects(&self, originals: &Manifest) -> u64;
    /// Whether a snapshot keeps mode and owner of the folders a job names, and not only of what is in them.
    fn keeps_named_folders(&self) -> bool;
    /// Checks the index, and reads so many percent of the content back.
    ///
    /// # Errors
    /// When the check could not be made; what it found is no error of the check.
    fn check(&self, read_percent: u8) -> Result<Checked, BackupError>;
    /// Restores a snapshot below an empty folder.
    ///
    /// # Errors
    /// When it is not whole.
    fn restore(&self, snapshot: &str, into: &Path) -> Result<(), BackupError>;
    /// Writes a file as the newest snapshot has it in which its content has this digest; none where no snapshot has that.
    ///
    /// # Errors
    /// When the snapshots could not be read.
    fn seek(&self, of: Of<'_>, digest: &Digest, into: &mut File) -> Result<Option<Found>, BackupError>;
    /// Lets a further password open the repository.
    ///
    /// # Errors
    /// When it could not be added.
    fn add_key(&self, password: &Path) -> Result<(), BackupError>;
}

/// Reads a password: one line, from a file that only its owner may read.
///
/// # Errors
/// When others may read it, or it is empty or too long.
pub fn read_password(path: &Path) -> Result<String, BackupError> {
    let text = read_secret(path)?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(BackupError::Password(path.to_owned(), "the file is empty".to_owned()));
    }
    Ok(password.to_owned())
}

/// Reads a small file that only its owner may read.
///
/// # Errors
/// When others may read it, or it is too large.
pub fn read_secret(path: &Path) -> Result<String, BackupError> {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;
    const MOST: u64 = 4_096;
    let wrong = |error: std::io::Error| BackupError::Password(path.to_owned(), error.to_string());
    let file = std::fs::File::open(path).map_err(wrong)?;
    let about = file.metadata().map_err(wrong)?;
    if about.mode() & 0o077 != 0 {
        return Err(BackupError::Password(path.to_owned(), "others may read it: chmod 600".to_owned()));
    }
    if about.len() > MOST {
        return Err(BackupError::Password(path.to_owned(), format!("has more than {MOST} bytes")));
    }
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).map_err(wrong)?;
    Ok(text)
}
