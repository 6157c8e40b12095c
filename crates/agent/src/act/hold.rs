//! Holds the content of watched files, so that what was right can be put back by one order after the city was asked.
//!
//! Content is held by its digest. Which of the contents a file has had is the right one nobody decides here: the order names
//! its digest. The first content of a file is never given up for a later one, so that whoever changes a file often does not
//! drive out what was there before; what is gone is held for a month more. Of a file whose content is not held, owner and mode
//! are remembered as they were first seen: the content may come from a snapshot of a backup, which is believed by its digest
//! alone.

use super::desk::Desk;
use super::{ActError, Holding};
use crate::known_good::{Missing, Wanted};
use crate::reading::hex;
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::integrity::WhyNotHeld;
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
/// Most files that are looked at: as many as are watched.
const MOST_SEEN: usize = 200_000;
/// Files that are not held are named up to so many.
const MOST_MISSING: usize = 1_000;
/// What was held of a file that is gone is held for so long: until then somebody has seen that it is missing.
const GONE_HELD: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Contents of one file, besides the first.
const LATER: usize = 2;
/// The list of what is held.
const LIST: &str = "held";

/// What is held of one file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct HeldFile {
    /// How the file looked when it was last read: size, times, inode.
    seen: Outside,
    /// Owner and mode as they were first seen, where its content was not held then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<About>,
    /// Its contents, oldest first.
    contents: Vec<HeldContent>,
    /// Since when it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<Timestamp>,
}

/// One content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HeldContent {
    digest: Digest,
    bytes: u64,
    #[serde(flatten)]
    about: About,
    since: Timestamp,
}

/// What a file has besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// Permission bits.
    pub mode: u32,
    /// User id.
    pub owner: u32,
    /// Group id.
    pub group: u32,
}

type List = BTreeMap<String, HeldFile>;

/// The content of this digest, as this file had it. What lies there is believed by its digest alone: one that was damaged is
/// not held.
pub(super) fn content(desk: &Desk, wanted: &Wanted) -> Result<Option<File>, ActError> {
    content_in(desk, &desk.read(LIST)?.unwrap_or_default(), wanted)
}

fn content_in(desk: &Desk, list: &List, wanted: &Wanted) -> Result<Option<File>, ActError> {
    let held = list.get(&wanted.path).into_iter().flat_map(|file| &file.contents);
    if !held.into_iter().any(|one| one.digest == wanted.digest) {
        return Ok(None);
    }
    let place = place(desk, &wanted.digest);
    let bytes = match std::fs::read(&place) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ActError::File(place, error)),
    };
    if hex(&Sha256::digest(&bytes)) != wanted.digest.as_str() {
        tracing::warn!("{} was changed where it is held, and is not used", place.display());
        return Ok(None);
    }
    File::open(&place).map(Some).map_err(|error| ActError::File(place, error))
}

/// Of these contents, those that are held.
pub(super) fn of_these(desk: &Desk, contents: &[Wanted]) -> Result<Vec<Wanted>, ActError> {
    let (list, mut held) = (desk.read(LIST)?.unwrap_or_default(), Vec::new());
    for wanted in contents {
        held.extend(content_in(desk, &list, wanted)?.map(|_| wanted.clone()));
    }
    Ok(held)
}

/// Owner and mode of a file: as it had them with this content, or as it was first seen. None: it never was.
pub(super) fn about(desk: &Desk, path: &str, digest: &Digest) -> Result<Option<About>, ActError> {
    let list: List = desk.read(LIST)?.unwrap_or_default();
    let Some(file) = list.get(path) else { return Ok(None) };
    let with_it = file.contents.iter().find(|one| one.digest == *digest);
    let first = file.first.or_else(|| file.contents.first().map(|one| one.about));
    Ok(with_it.map(|one| one.about).or(first))
}

/// Reads what changed below these trees and holds it. Returns what is held; none while there is more to read.
pub(super) fn hold(desk: &Desk, roots: &[String], now: Timestamp) -> Result<Option<Holding>, ActError> {
    let mut list: List = desk.read(LIST)?.unwrap_or_default();
    let mut files = Vec::new();
    for root in roots {
        walk(Path::new(root), &mut files);
    }
    let mut changed = forget_gone(&mut list, &files, now);
    let mut room = MOST_BYTES.saturating_sub(held_bytes(&list));
    let (mut work, mut holding) = (0_u64, Holding::default());
    for Seen { path, outside, about } in files {
        let known = list.get(&path).filter(|known| !known.contents.is_empty());
        if known.is_some_and(|known| known.seen == outside) {
            holding.files = holding.files.saturating_add(1);
            continue;
        }
        let is_new = known.is_none();
        let why = if outside.0 > LARGEST {
            WhyNotHeld::TooLarge
        } else if outside.0 > room || (is_new && list.len() >= MOST_FILES) {
            WhyNotHeld::Full
        } else {
            if work >= AT_ONCE {
                keep_list(desk, &list)?;
                return Ok(None);
            }
            work = work.saturating_add(outside.0.max(OF_ONE));
            if let Some((content, new)) = take(desk, &path, now)? {
                room = room.saturating_sub(new);
                let file = list.entry(path).or_default();
                file.seen = outside;
                add(file, content);
                changed = true;
                holding.files = holding.files.saturating_add(1);
                continue;
            }
            WhyNotHeld::Unreadable
        };
        changed |= is_new && remember(&mut list, &path, about);
        leave_out(&mut holding, Missing { path, size: outside.0, modified: split(outside.1), why });
    }
    if changed {
        keep_list(desk, &list)?;
    }
    Ok(Some(holding))
}

/// Forgets what is gone for long. Returns whether something is gone, back or forgotten.
fn forget_gone(list: &mut List, there: &[Seen], now: Timestamp) -> bool {
    if there.len() >= MOST_SEEN {
        // What was not looked at is not gone.
        return false;
    }
    let there: BTreeSet<&str> = there.iter().map(|seen| seen.path.as_str()).collect();
    let mut changed = false;
    list.retain(|path, file| {
        let gone = (!there.contains(path.as_str())).then(|| file.gone.unwrap_or(now));
        changed |= gone != file.gone;
        file.gone = gone;
        let is_over = gone.is_some_and(|since| now.duration_since(since) >= GONE_HELD);
        changed |= is_over;
        !is_over
    });
    changed
}

/// Remembers owner and mode of a file whose content is not held. Returns whether they are new.
fn remember(list: &mut List, path: &str, about: About) -> bool {
    if list.contains_key(path) || list.len() >= MOST_FILES {
        return false;
    }
    list.insert(path.to_owned(), HeldFile { first: Some(about), ..HeldFile::default() });
    true
}

fn leave_out(holding: &mut Holding, missing: Missing) {
    holding.left_out = holding.left_out.saturating_add(1);
    if holding.missing.len() < MOST_MISSING {
        holding.missing.push(missing);
    }
}

/// Seconds and nanoseconds.
fn split(nanoseconds: i64) -> (i64, i64) {
    (nanoseconds.div_euclid(1_000_000_000), nanoseconds.rem_euclid(1_000_000_000))
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
    let content = HeldContent { digest, bytes: size, about: about_of(&about), since: now };
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

fn about_of(about: &Metadata) -> About {
    About { mode: about.mode() & 0o7777, owner: about.uid(), group: about.gid() }
}

/// A file that was found.
struct Seen {
    path: String,
    outside: Outside,
    about: About,
}

/// The plain files below a folder, without following links. A folder that cannot be read is said by whoever watches it.
fn walk(folder: &Path, files: &mut Vec<Seen>) {
    let Ok(found) = std::fs::read_dir(folder) else { return };
    for found in found.flatten() {
        let path = found.path();
        let Ok(about) = std::fs::symlink_metadata(&path) else { continue };
        if about.is_dir() {
            walk(&path, files);
        } else if about.is_file()
            && files.len() < MOST_SEEN
            && let Some(text) = path.to_str()
        {
            files.push(Seen { path: text.to_owned(), outside: looks(&about), about: about_of(&about) });
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
