//! The files of the register of documents, named by their digest. The ledger holds the digest, so a file that was
//! exchanged is found when it is taken out.

use crate::people::hex;
use crate::settings::{private_folder, write_private};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// Why a file could not be kept or taken out.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The disk.
    #[error("{0} cannot be read or written")]
    File(PathBuf, #[source] std::io::Error),
    /// The bytes are others than those that were registered.
    #[error("{0} was changed after it was registered: put the registered file back from a backup")]
    Changed(PathBuf),
}

/// The files of one contract.
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The shelf in a contract's folder.
    #[must_use]
    pub fn of(contract: &Path) -> Self {
        Self { folder: contract.join("documents") }
    }

    /// Keeps a file. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`ShelfError::File`].
    pub fn keep(&self, bytes: &[u8]) -> Result<Digest, ShelfError> {
        let name = hex(&Sha256::digest(bytes));
        let file = self.folder.join(&name);
        let failed = |error| ShelfError::File(file.clone(), error);
        private_folder(&self.folder).map_err(failed)?;
        write_private(&file, bytes).map_err(failed)?;
        Digest::try_from(name).map_err(|error| failed(std::io::Error::other(error)))
    }

    /// Takes a file out.
    ///
    /// # Errors
    /// Any [`ShelfError`].
    pub fn take(&self, digest: &Digest) -> Result<Vec<u8>, ShelfError> {
        let file = self.folder.join(digest.as_str());
        let bytes = std::fs::read(&file).map_err(|error| ShelfError::File(file.clone(), error))?;
        if hex(&Sha256::digest(&bytes)) == digest.as_str() {
            Ok(bytes)
        } else {
            Err(ShelfError::Changed(file))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_it_was_and_an_exchanged_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(folder.path());
        let digest = shelf.keep("手順".as_bytes()).unwrap();
        assert_eq!(shelf.take(&digest).unwrap(), "手順".as_bytes());
        std::fs::write(folder.path().join("documents").join(digest.as_str()), "別物").unwrap();
        assert!(matches!(shelf.take(&digest), Err(ShelfError::Changed(_))));
    }
}
