//! Files: read with a limit, written so that a crash leaves the old or the new one, never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Reads a small text file. The error says which file and what to do.
pub fn read_small(path: &Path) -> Result<String, String> {
    const LIMIT: u64 = 1024 * 1024;
    let named = |error: io::Error| format!("{} cannot be read: {error}", path.display());
    let mut text = String::new();
    File::open(path).map_err(named)?.take(LIMIT + 1).read_to_string(&mut text).map_err(named)?;
    if text.len() as u64 > LIMIT {
        return Err(format!("{} is too large to be a policy, key or checkpoint", path.display()));
    }
    Ok(text)
}

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner only.
    Owner,
    /// As usual.
    Everybody,
}

/// Makes a new file; an existing one is never overwritten.
pub fn create(path: &Path, text: &str, readers: Readers) -> Result<(), String> {
    let named = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{} exists already; move it away first if it is really no longer needed", path.display())
        }
        _ => format!("{} cannot be written: {error}", path.display()),
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = options.open(path).map_err(named)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(named)
}

/// Replaces a file at once: a new file, synced, renamed over the old one, and the folder synced.
pub fn replace(path: &Path, text: &str) -> Result<(), String> {
    let named = |error: io::Error| format!("{} cannot be written: {error}", path.display());
    let new = path.with_extension("new");
    let mut file = File::create(&new).map_err(named)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(named)?;
    fs::rename(&new, path).map_err(named)?;
    #[cfg(unix)]
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(named)?;
    }
    Ok(())
}
