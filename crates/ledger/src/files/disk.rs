//! Every operation on a disk that the ledger does, in one place, so that a test can make each of them fail.

use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use super::system;

/// Where the files of a ledger are. Two implementations: [`RealDisk`], and the one of the tests that fails.
pub trait Disk: Send + Sync {
    /// The whole content of a file.
    ///
    /// # Errors
    /// Those of the disk; `NotFound` when there is no such file.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;
    /// What is in a folder, in any order.
    ///
    /// # Errors
    /// Those of the disk.
    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>>;
    /// Makes a folder; one that is already there is fine. Its parent must exist.
    ///
    /// # Errors
    /// Those of the disk.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes an empty file, or empties it, readable by everybody who may enter the folder.
    ///
    /// # Errors
    /// Those of the disk.
    fn create(&self, file: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Makes an empty file that only its owner may read.
    ///
    /// # Errors
    /// Those of the disk.
    fn create_secret(&self, file: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file to write at its end.
    ///
    /// # Errors
    /// Those of the disk.
    fn open(&self, file: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// Those of the disk.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// Those of the disk.
    fn remove(&self, file: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    ///
    /// # Errors
    /// Those of the disk.
    fn remove_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// Those of the disk. Nothing is known about the names then.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes the advisory lock of a file, until the result is dropped; `None` when somebody else has it.
    ///
    /// # Errors
    /// Those of the disk.
    fn lock(&self, file: &Path, share: Share) -> io::Result<Option<Box<dyn Any + Send + Sync>>>;
}

/// How an advisory lock is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Nobody else may hold it: the writer.
    Alone,
    /// Others may hold it like this too: a check of a ledger that nobody writes.
    WithReaders,
}

/// One thing in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name, without the folder.
    pub name: String,
    /// Whether it is a folder or a file.
    pub kind: ListedKind,
}

/// What a listed thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Anything else: a link, a socket. The ledger makes none.
    Other,
}

/// An open file that is written at its end.
pub trait DiskFile: Send + Sync {
    /// Writes all bytes at the end. After an error, some of them may be there.
    ///
    /// # Errors
    /// Those of the disk.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes the content durable (`fdatasync`).
    ///
    /// # Errors
    /// Those of the disk. Nothing is known about the content then, and asking again would not tell.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    ///
    /// # Errors
    /// Those of the disk.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        fs::read(file)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Listed>> {
        fs::read_dir(folder)?
            .map(|found| {
                let found = found?;
                let kind = match found.file_type()? {
                    kind if kind.is_file() => ListedKind::File,
                    kind if kind.is_dir() => ListedKind::Folder,
                    _ => ListedKind::Other,
                };
                Ok(Listed { name: found.file_name().to_string_lossy().into_owned(), kind })
            })
            .collect()
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    fn create(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).create(true).open(file).and_then(emptied)?))
    }

    fn create_secret(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(system::owner_only(OpenOptions::new().append(true).create_new(true)).open(file)?))
    }

    fn open(&self, file: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).open(file)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(file)
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        system::sync_folder(folder)
    }

    fn lock(&self, file: &Path, share: Share) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let (file, result) = match share {
            Share::Alone => {
                let file = OpenOptions::new().append(true).create(true).open(file)?;
                let result = file.try_lock();
                (file, result)
            }
            // A check writes nothing, so that it also works on a medium that cannot be written.
            Share::WithReaders => {
                let file = File::open(file)?;
                let result = file.try_lock_shared();
                (file, result)
            }
        };
        match result {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

fn emptied(file: File) -> io::Result<File> {
    file.set_len(0)?;
    Ok(file)
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
