//! The functions of `system`, with what the standard library knows of every system.

use crate::budget::Used;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, Read as _, Result as IoResult};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Letters of either case, short names and links of drives name one file in several ways.
pub(crate) const ONE_PATH_EACH: bool = false;

/// Not known.
pub(crate) fn rights() -> &'static str {
    "unknown"
}

/// The program that runs.
pub(crate) fn own_program() -> IoResult<File> {
    File::open(std::env::current_exe()?)
}

/// Makes a folder. Who may enter it follows from the rights of the folder it lies in.
///
/// # Errors
/// Those of the operating system.
pub fn private_folder(folder: &Path) -> IoResult<()> {
    if !folder.exists() {
        let shown = folder.display();
        tracing::warn!("{shown} has the rights of the folder it lies in: let nobody but the agent read it");
    }
    std::fs::create_dir_all(folder)
}

/// Who may read a file follows from the rights of its folder.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// What tells one state of a file from another without reading it.
pub(crate) fn mark(about: &Metadata) -> String {
    let since = about.modified().ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    format!("{} {}", about.len(), since.unwrap_or_default().as_nanos())
}

/// Reads a file of at most so many bytes.
pub(crate) fn read_small(path: &Path, most: u64) -> IoResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(count).is_ok_and(|count| count > most) {
        return Err(Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

/// A path as text; letters that are none are replaced.
pub(crate) fn text_of(path: &Path) -> String {
    path.to_string_lossy().chars().filter(|letter| !letter.is_control()).collect()
}

/// The path of [`text_of`].
pub(crate) fn path_of(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// Not measured: the observer says so.
#[must_use]
pub fn used_by_all() -> Used {
    Used::default()
}
