//! The signing key in its file.

use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::KEY;
use super::disk::{Disk as _, RealDisk};
use super::error::{Action, LedgerError, failed};
use super::system;
use crate::note::SigningKey;

/// Writes the signing key into the folder of its ledger (which is made when it is missing), readable by its owner
/// only. A key that is already there is never replaced.
///
/// # Errors
/// When it cannot be written.
pub fn store_key(folder: &Path, key: &SigningKey) -> Result<(), LedgerError> {
    let disk = RealDisk;
    disk.create_folder(folder).map_err(failed(Action::Write, folder))?;
    let mut file = disk.create_secret(&folder.join(KEY)).map_err(failed(Action::Write, KEY))?;
    file.write(key.to_secret_text().as_bytes()).map_err(failed(Action::Write, KEY))?;
    file.sync().map_err(failed(Action::Sync, KEY))?;
    disk.sync_folder(folder).map_err(failed(Action::Sync, folder))
}

/// Reads the signing key from the folder of its ledger.
///
/// # Errors
/// When it is missing, malformed, or readable by others.
pub fn load_key(folder: &Path) -> Result<SigningKey, LedgerError> {
    let path = folder.join(KEY);
    let mut file = std::fs::File::open(&path).map_err(failed(Action::Read, KEY))?;
    if system::is_exposed(&file.metadata().map_err(failed(Action::Read, KEY))?) {
        return Err(LedgerError::KeyExposed(path));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed(Action::Read, KEY))?;
    Ok(SigningKey::parse(&text)?)
}
