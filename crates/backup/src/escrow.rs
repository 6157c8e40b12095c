//! The key kept for the city (鍵の預託): that it opens a repository is tried where no host and no job can see it.
//!
//! Only `config` and `keys` of the repository are needed. A copy of these two holds nothing that was saved; without a key it
//! is of no use.

use crate::engine::{BackupError, Engine as _, Place};
use crate::rustic::Rustic;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::backup::{BackupCheck, KeyHolder};

/// Tries a key on a repository in a folder, or on a copy of its `config` and `keys`; the result is a check by the city's key.
/// `expected` is the id of the repository; without it, a key that opens none cannot say which it should have opened.
///
/// # Errors
/// When there is nothing to open, and when no repository is expected and none was opened. A key that does not open it is no
/// error.
pub fn try_key(
    folder: &Path,
    key: &str,
    expected: Option<&str>,
    now: Timestamp,
) -> Result<BackupCheck, BackupError> {
    let has_keys = std::fs::read_dir(folder.join("keys")).is_ok_and(|mut keys| keys.next().is_some());
    if !folder.join("config").is_file() || !has_keys {
        return Err(BackupError::Refused(
            "the folder has no `config` or no `keys`: copy both of the repository",
        ));
    }
    let rustic = Rustic::new(Place {
        repository: folder.display().to_string(),
        password: PathBuf::new(),
        ssh_config: None,
        credentials: None,
    });
    let (repository, reason) = match (rustic.identity_with(key), expected) {
        (Ok(opened), None) => (opened, String::new()),
        (Ok(opened), Some(expected)) if opened == expected => (opened, String::new()),
        (Ok(_), Some(expected)) => (expected.to_owned(), "the key opens another repository".to_owned()),
        (Err(error @ BackupError::WrongKey), Some(expected)) => (expected.to_owned(), error.to_string()),
        (Err(error), _) => return Err(error),
    };
    // A copy shows which keys there were when it was made, not which there are.
    let mark = if folder.join("data").is_dir() { "" } else { BackupCheck::OF_A_COPY };
    Ok(BackupCheck {
        repository,
        job: String::new(),
        key: KeyHolder::City,
        tool: format!("{}{mark}", rustic.tool()?),
        read_percent: 0,
        errors: u64::from(!reason.is_empty()),
        reason,
        removable: None,
        ended: now,
    })
}
