//! What lies in a folder, beside what was known there.

use super::{Difference, Files, Task};
use crate::watch::file::{Depth, Known, outside_of};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, statat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::integrity::FileKind;

/// Sorts behind whatever a folder can hold: a name has 255 bytes at most (`NAME_MAX`).
const AFTER_EVERY_NAME: [u8; 256] = [0xff; 256];

/// What one look into a folder gave.
#[derive(Debug, Default)]
struct Listed {
    folders: Vec<PathBuf>,
    /// As they were, by their outside.
    same: Vec<PathBuf>,
    /// New, or not as they were.
    other: Vec<PathBuf>,
    /// Known, and not found.
    missing: Vec<PathBuf>,
    /// The listing broke off.
    broken: Option<Errno>,
}

impl Files {
    /// Looks at what lies in a folder, and watches it from before it is listed.
    pub(super) fn list(&mut self, folder: &Path, found: &mut Vec<Difference>) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match rustix::fs::open(folder, flags, Mode::empty()).and_then(Dir::new) {
            Ok(opened) => opened,
            // Gone, or no folder any more: that is told where it lay.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return,
            Err(error) => return drop(self.unreadable.insert(folder.to_owned(), error.to_string())),
        };
        self.unreadable.remove(folder);
        let watched =
            opened.fd().map_err(Into::into).and_then(|opened| self.events.watch(folder, Some(opened)));
        if let Err(error) = watched {
            self.unreadable.insert(folder.to_owned(), format!("no events of this folder: {error}"));
        }
        if !is_still(folder, &opened) {
            // Another folder took its place before the watch was there: that one is listed, and not the old one.
            return self.tasks.push_back(Task::Folder(folder.to_owned()));
        }
        let listed = self.beside_what_is_known(folder, opened);
        if let Some(error) = listed.broken {
            self.unreadable.insert(folder.to_owned(), error.to_string());
        }
        self.tasks.extend(listed.folders.into_iter().map(Task::Folder));
        for path in listed.other {
            self.tasks.push_front(Task::Path(path, Depth::Outside));
        }
        for path in listed.same {
            self.seen_again(&path);
        }
        for path in listed.missing {
            if matches!(rustix::fs::lstat(&path), Err(Errno::NOENT)) {
                self.gone(&path, found);
            }
        }
    }

    /// Each entry is looked at by its name in the open folder and compared at once: a whole tree is gone through every few
    /// minutes, and next to nothing of it has changed.
    fn beside_what_is_known(&self, folder: &Path, mut opened: Dir) -> Listed {
        let mut listed = Listed::default();
        let known = self.known_in(folder);
        let mut is_there = vec![false; known.len()];
        let recovers = !self.tries.is_empty() || !self.unreadable.is_empty();
        while let Some(entry) = opened.read() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    listed.broken = Some(error);
                    break;
                }
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." || self.is_own(folder, name) {
                continue;
            }
            let known = known.binary_search_by_key(&name, |(name, _)| *name).ok().and_then(|place| {
                is_there.get_mut(place).into_iter().for_each(|it| *it = true);
                known.get(place).map(|(_, known)| known)
            });
            let looked = opened.fd().and_then(|it| statat(it, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW));
            let seen = looked.map(|outside| outside_of(&outside));
            if seen.as_ref().is_ok_and(|seen| seen.kind == FileKind::Folder) {
                listed.folders.push(folder.join(name));
            }
            match (known, seen) {
                (Some(known), Ok(seen)) if known.has_the_outside_of(&seen) => {
                    if recovers {
                        listed.same.push(folder.join(name));
                    }
                }
                _ => listed.other.push(folder.join(name)),
            }
        }
        let missing = known.iter().zip(is_there).filter(|(_, is_there)| !is_there);
        listed.missing = missing.map(|((name, _), _)| folder.join(name)).collect();
        listed
    }

    /// What is known in a folder, sorted by its name, but not below its folders: those are stepped over.
    fn known_in(&self, folder: &Path) -> Vec<(&OsStr, &Known)> {
        let mut found = Vec::new();
        let mut from = Bound::Excluded(folder.to_owned());
        'folders: loop {
            for (path, known) in self.known.range((from, Bound::Unbounded)) {
                let Some(name) = below(folder, path) else { return found };
                if !name.as_bytes().contains(&b'/') {
                    found.push((name, known));
                }
                if known.kind == FileKind::Folder {
                    from = Bound::Excluded(path.join(OsStr::from_bytes(&AFTER_EVERY_NAME)));
                    continue 'folders;
                }
            }
            return found;
        }
    }
}

/// Whether a name still leads to the folder that was opened by it.
fn is_still(folder: &Path, opened: &Dir) -> bool {
    let opened = opened.fd().and_then(rustix::fs::fstat);
    match (opened, rustix::fs::lstat(folder)) {
        (Ok(opened), Ok(there)) => (opened.st_dev, opened.st_ino) == (there.st_dev, there.st_ino),
        // Gone: that is told where it lay.
        (Err(_), _) | (_, Err(_)) => true,
    }
}

/// The rest of a path behind a folder. Bytes do: both are written by us, without `.`, `..` or doubled slashes.
fn below<'a>(folder: &Path, path: &'a Path) -> Option<&'a OsStr> {
    let folder = folder.as_os_str().as_bytes();
    let rest = path.as_os_str().as_bytes().strip_prefix(folder)?;
    let rest = if folder.ends_with(b"/") { rest } else { rest.strip_prefix(b"/")? };
    Some(OsStr::from_bytes(rest))
}
