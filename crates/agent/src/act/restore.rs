//! Puts held content into a file: at once or not at all, with owner and mode, and read again afterwards.
//!
//! Every folder on the way is opened one after the other and no link is followed, so that nobody who may write somewhere on
//! the way leads root to another file.

use super::hold::Found;
use crate::reading::hex;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read as _, Write as _};
use yakujo_contract::id::Digest;

/// Largest file whose content before is read for its digest, bytes.
const LARGEST_BEFORE: u64 = 1 << 30;
/// The content on its way, beside its file.
const TEMPORARY: &str = ".yakujo-restore";

/// Restores. Returns the digest the file had before; none where there was no plain file.
///
/// # Errors
/// Why it did not work; the file is then as it was.
pub(super) fn restore(path: &str, digest: &Digest, held: &Found) -> Result<Option<Digest>, String> {
    let words = |error: rustix::io::Errno| format!("{path}: {error}");
    let (folder, name) = path.rsplit_once('/').ok_or_else(|| format!("{path} is no path"))?;
    let folder = open_folder(folder).map_err(words)?;
    let before = digest_of(&folder, name);
    put(&folder, name, held).inspect_err(|_| {
        // It may not be there: then there is nothing to take away.
        let _ = rustix::fs::unlinkat(&folder, TEMPORARY, AtFlags::empty());
    })?;
    match digest_of(&folder, name) {
        Some(after) if after == *digest => Ok(before),
        Some(_) | None => Err(format!("{path} does not have the right content after it was restored")),
    }
}

fn open_folder(path: &str) -> rustix::io::Result<OwnedFd> {
    // On the way nothing is read: a hand that gave up everything but the last folder gets through.
    let passing = OFlags::DIRECTORY | OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open("/", passing, Mode::empty())?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        folder = rustix::fs::openat(&folder, part, passing, Mode::empty())?;
    }
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(&folder, ".", flags, Mode::empty())
}

fn put(folder: &OwnedFd, name: &str, held: &Found) -> Result<(), String> {
    let words = |error: rustix::io::Errno| format!("{name}: {error}");
    // Left by a hand that was interrupted.
    let _ = rustix::fs::unlinkat(folder, TEMPORARY, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, TEMPORARY, flags, Mode::RUSR | Mode::WUSR).map_err(words)?;
    let mut file = File::from(file);
    file.write_all(&held.bytes).map_err(|error| format!("{name}: {error}"))?;
    let (owner, group) = (Uid::from_raw(held.owner), Gid::from_raw(held.group));
    rustix::fs::fchown(&file, Some(owner), Some(group)).map_err(words)?;
    // After the owner: a change of the owner takes some bits away.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(held.mode)).map_err(words)?;
    file.sync_all().map_err(|error| format!("{name}: {error}"))?;
    rustix::fs::renameat(folder, TEMPORARY, folder, name).map_err(words)?;
    rustix::fs::fsync(folder).map_err(words)
}

fn digest_of(folder: &OwnedFd, name: &str) -> Option<Digest> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let (mut sha, mut file, mut piece) = (Sha256::new(), file.take(LARGEST_BEFORE), vec![0_u8; 64 * 1024]);
    loop {
        let read = file.read(&mut piece).ok()?;
        if read == 0 {
            return Digest::try_from(hex(&sha.finalize())).ok();
        }
        sha.update(piece.get(..read)?);
    }
}
