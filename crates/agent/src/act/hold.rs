//! Holds the content of watched files, so that what was right can be put back by one order after the city was asked.
//!
//! Content is held by its digest. Which of the contents a file has had is the right one nobody decides here: the order names
//! its digest. The first content of a file is never given up for a later one, so that whoever changes a file often does not
//! drive out what was there before.

use super::ActError;
use super::desk::Desk;
use crate::reading::hex;
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// Largest file that is held, bytes.
const LARGEST: u64 = 16 << 20;
/// Everything together, bytes.
const MOST_BYTES: u64 = 512 << 20;
/// Read at once, bytes: whatever else is asked waits no longer than that takes.
const AT_ONCE: u64 = 64 << 20;
/// A small file costs as much as so many bytes: it has to be on the disk before the next.
const OF_ONE: u64 = 256 << 10;
/// Most files.
const MOST_FILES: usize = 50_000;
/// Contents of one file, besides the first.
const LATER: usize = 2;
/// The list of what is held.
const LIST: &str = "held";

/// What is held of one file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct HeldFile {
    /// How the file looked when it was last read: size, times, inode.
    seen: (u64, i64, i64, u64),
    /// Its contents, oldest first.
    contents: Vec<HeldContent>,
}

/// One content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HeldContent {
    digest: Digest,
    bytes: u64,
    mode: u32,
    owner: u32,
    group: u32,
    since: Timestamp,
}

type List = BTreeMap<String, HeldFile>;

/// Content that is held, with what the file had besides.
pub(super) struct Found {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// User id.
    pub owner: u32,
    /// Group id.
    pub group: u32,
}

/// Whether everything was read.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Everything that changed.
    Wholly,
    /// As much as is read at once.
    Partly,
}

/// The content of this digest, as this file had it.
pub(super) fn content(desk: &Desk, path: &str, digest: &Digest) -> Result<Option<Found>, ActError> {
    let list: List = desk.read(LIST)?.unwrap_or_default();
    let of_file = list.get(path).and_then(|file| file.contents.iter().find(|one| one.digest == *digest));
    let Some(known) = of_file else { return Ok(None) };
    let place = place(desk, digest);
    let bytes = match std::fs::read(&place) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ActError::File(place, error)),
    };
    // What lies there is believed by its digest alone.
    if hex(&Sha256::digest(&bytes)) != digest.as_str() {
        return Err(ActError::Damaged(place));
    }
    Ok(Some(Found { bytes, mode: known.mode, owner: known.owner, group: known.group }))
}

/// Reads what changed below these trees and holds it.
pub(super) fn hold(desk: &Desk, roots: &[String], now: Timestamp) -> Result<Held, ActError> {
    let mut list: List = desk.read(LIST)?.unwrap_or_default();
    let mut files = Vec::new();
    for root in roots {
        walk(Path::new(root), &mut files);
    }
    let mut room = MOST_BYTES.saturating_sub(held_bytes(&list));
    let (mut work, mut left_out, mut changed) = (0_u64, 0_usize, false);
    for (path, seen) in files {
        let known = list.get(&path);
        if known.is_some_and(|known| known.seen == seen) {
            continue;
        }
        if seen.0 > room || (known.is_none() && list.len() >= MOST_FILES) {
            left_out = left_out.saturating_add(1);
            continue;
        }
        if work >= AT_ONCE {
            keep_list(desk, &list)?;
            return Ok(Held::Partly);
        }
        work = work.saturating_add(seen.0.max(OF_ONE));
        let Some((content, new)) = take(desk, &path, now)? else { continue };
        room = room.saturating_sub(new);
        let file = list.entry(path).or_default();
        file.seen = seen;
        add(file, content);
        changed = true;
    }
    if left_out > 0 {
        tracing::warn!(
            "{left_out} files are not held: {MOST_BYTES} bytes or {MOST_FILES} files are held already"
        );
    }
    if changed {
        keep_list(desk, &list)?;
    }
    Ok(Held::Wholly)
}

/// Reads a file and stores its content. Returns it with the bytes that were not held before.
fn take(desk: &Desk, path: &str, now: Timestamp) -> Result<Option<(HeldContent, u64)>, ActError> {
    let Some((bytes, about)) = read(Path::new(path)) else { return Ok(None) };
    let Ok(digest) = Digest::try_from(hex(&Sha256::digest(&bytes))) else { return Ok(None) };
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let place = place(desk, &digest);
    let mut new = 0;
    if !place.exists() {
        store(&place, &bytes)?;
        new = size;
    }
    let content = HeldContent {
        digest,
        bytes: size,
        mode: about.mode() & 0o7777,
        owner: about.uid(),
        group: about.gid(),
        since: now,
    };
    Ok(Some((content, new)))
}

fn keep_list(desk: &Desk, list: &List) -> Result<(), ActError> {
    desk.write(LIST, list)?;
    give_up(desk, list)
}

/// The newest words on a content count; the first content stays.
fn add(file: &mut HeldFile, content: HeldContent) {
    if let Some(known) = file.contents.iter_mut().find(|known| known.digest == content.digest) {
        *known = HeldContent { since: known.since, ..content };
        return;
    }
    file.contents.push(content);
    while file.contents.len() > LATER.saturating_add(1) {
        file.contents.remove(1);
    }
}

fn held_bytes(list: &List) -> u64 {
    let contents = list.values().flat_map(|file| &file.contents);
    let sizes: BTreeMap<&Digest, u64> = contents.map(|one| (&one.digest, one.bytes)).collect();
    sizes.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

fn place(desk: &Desk, digest: &Digest) -> PathBuf {
    desk.path("contents").join(digest.as_str())
}

fn store(place: &Path, bytes: &[u8]) -> Result<(), ActError> {
    let failed = |error| ActError::File(place.to_owned(), error);
    let folder = place.parent().unwrap_or(place);
    crate::deliver::private_folder(folder).map_err(failed)?;
    crate::deliver::write_private(place, bytes).map_err(failed)
}

/// Removes what no file of the list has any more.
fn give_up(desk: &Desk, list: &List) -> Result<(), ActError> {
    let named: BTreeSet<&str> =
        list.values().flat_map(|file| &file.contents).map(|one| one.digest.as_str()).collect();
    let folder = desk.path("contents");
    let Ok(found) = std::fs::read_dir(&folder) else { return Ok(()) };
    for found in found.flatten() {
        if !named.contains(found.file_name().to_string_lossy().as_ref()) {
            let path = found.path();
            std::fs::remove_file(&path).map_err(|error| ActError::File(path, error))?;
        }
    }
    Ok(())
}

/// The outside of a file: bytes, when modified and changed (ns), inode.
type Outside = (u64, i64, i64, u64);

fn looks(about: &Metadata) -> Outside {
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    let changed = nanoseconds(about.ctime(), about.ctime_nsec());
    (about.size(), nanoseconds(about.mtime(), about.mtime_nsec()), changed, about.ino())
}

/// The plain files below a folder, without following links. What cannot be read is left out.
fn walk(folder: &Path, files: &mut Vec<(String, Outside)>) {
    let Ok(found) = std::fs::read_dir(folder) else { return };
    for found in found.flatten() {
        let path = found.path();
        let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
        if about.is_dir() {
            walk(&path, files);
        } else if about.is_file()
            && about.size() <= LARGEST
            && files.len() < MOST_FILES
            && let Some(text) = path.to_str()
        {
            files.push((text.to_owned(), looks(&about)));
        }
    }
}

/// A plain file, read through one descriptor.
fn read(path: &Path) -> Option<(Vec<u8>, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let about = file.metadata().ok().filter(Metadata::is_file)?;
    let mut bytes = Vec::new();
    (&mut file).take(LARGEST.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    let whole = u64::try_from(bytes.len()).is_ok_and(|size| size <= LARGEST);
    whole.then_some((bytes, about))
}
