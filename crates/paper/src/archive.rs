//! XLSX files are ZIP archives of somebody else. They are opened only after every part has been unpacked once within
//! limits: what a small file claims to be is not believed, and a bomb is found before any reader sees it.

use crate::PaperError;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Largest file taken.
pub const MAX_FILE: u64 = 10 * 1024 * 1024;
/// Largest sum of its parts, unpacked.
const MAX_UNPACKED: u64 = 100 * 1024 * 1024;
/// Most parts.
const MAX_PARTS: u64 = 2_000;

/// A ZIP archive in memory.
pub type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Opens an archive that stays within the limits.
///
/// # Errors
/// No archive, or too large.
pub fn open(bytes: &[u8]) -> Result<Archive<'_>, PaperError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > MAX_FILE {
        return Err(PaperError::TooLarge { what: "bytes of the file", found: length, limit: MAX_FILE });
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let parts = u64::try_from(archive.len()).unwrap_or(u64::MAX);
    if parts > MAX_PARTS {
        return Err(PaperError::TooLarge { what: "parts of the file", found: parts, limit: MAX_PARTS });
    }
    let mut left = MAX_UNPACKED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| unreadable(&error))?;
        // One byte more than is left tells that there is more.
        let read = std::io::copy(&mut part.take(left.saturating_add(1)), &mut std::io::sink());
        let read = read.map_err(|error| PaperError::NotABook(error.to_string()))?;
        left = left.checked_sub(read).ok_or(PaperError::TooLarge {
            what: "bytes of the unpacked file",
            found: MAX_UNPACKED.saturating_add(1),
            limit: MAX_UNPACKED,
        })?;
    }
    Ok(archive)
}

/// One part as text.
///
/// # Errors
/// It is not there, or no UTF-8.
pub fn text(archive: &mut Archive<'_>, name: &str) -> Result<String, PaperError> {
    let part = archive.by_name(name).map_err(|error| unreadable(&error))?;
    let mut text = String::new();
    part.take(MAX_UNPACKED)
        .read_to_string(&mut text)
        .map_err(|error| PaperError::NotABook(error.to_string()))?;
    Ok(text)
}

pub fn unreadable(error: &zip::result::ZipError) -> PaperError {
    PaperError::NotABook(error.to_string())
}
