//! Puts held content into a file: at once or not at all, with owner and mode, and read again afterwards.
//!
//! Every folder on the way is opened one after the other and no link is followed, so that nobody who may write somewhere on
//! the way leads root to another file.

use super::hold::About;
use crate::reading::hex;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write};
use yakujo_contract::id::Digest;

/// Largest file that is put back, or whose content before is read for its digest, bytes: no larger one is watched by its digest.
const LARGEST: u64 = 1 << 30;
/// The content on its way, beside its file.
const TEMPORARY: &str = ".yakujo-restore";

/// Restores. The content is believed by its digest, wherever it comes from; owner and mode are those the hand saw the file
/// with, and where it never did, those of the file that lies there, without what would give rights. Returns the digest the
/// file had before; none where there was no plain file.
///
/// # Errors
/// Why it did not work; the file is then as it was.
pub(super) fn restore(
    path: &str,
    digest: &Digest,
    content: File,
    about: Option<About>,
) -> Result<Option<Digest>, String> {
    let words = |error: rustix::io::Errno| format!("{path}: {error}");
    let (folder, name) = path.rsplit_once('/').ok_or_else(|| format!("{path} is no path"))?;
    let folder = open_folder(folder).map_err(words)?;
    let before = digest_of(&folder, name);
    let about = about.unwrap_or_else(|| about_of(&folder, name));
    put(&folder, name, (content, digest), about).inspect_err(|_| {
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

/// The file that lies there, as everybody could see it.
fn about_of(folder: &OwnedFd, name: &str) -> About {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(there) => About { mode: there.st_mode & 0o777, owner: there.st_uid, group: there.st_gid },
        Err(_) => About { mode: 0o600, owner: 0, group: 0 },
    }
}

fn put(folder: &OwnedFd, name: &str, (content, digest): (File, &Digest), about: About) -> Result<(), String> {
    let words = |error: rustix::io::Errno| format!("{name}: {error}");
    // Left by a hand that was interrupted.
    let _ = rustix::fs::unlinkat(folder, TEMPORARY, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, TEMPORARY, flags, Mode::RUSR | Mode::WUSR).map_err(words)?;
    let mut file = File::from(file);
    let copied = copy(content, &mut file).map_err(|error| format!("{name}: {error}"))?;
    if copied != digest.as_str() {
        return Err(format!(
            "{name}: the content that was found is not the right one, and was not put there"
        ));
    }
    let (owner, group) = (Uid::from_raw(about.owner), Gid::from_raw(about.group));
    rustix::fs::fchown(&file, Some(owner), Some(group)).map_err(words)?;
    // After the owner: a change of the owner takes some bits away.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(about.mode)).map_err(words)?;
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
    let digest = copy(file, &mut std::io::sink()).ok()?;
    Digest::try_from(digest).ok()
}

/// Copies a file from its beginning, no more than [`LARGEST`] of it. Returns the digits of its digest.
fn copy(mut from: File, to: &mut impl Write) -> std::io::Result<String> {
    from.rewind()?;
    let (mut sha, mut from, mut piece) = (Sha256::new(), from.take(LARGEST), vec![0_u8; 64 * 1024]);
    loop {
        let read = from.read(&mut piece)?;
        let piece = piece.get(..read).unwrap_or_default();
        if piece.is_empty() {
            return Ok(hex(&sha.finalize()));
        }
        sha.update(piece);
        to.write_all(piece)?;
    }
}
