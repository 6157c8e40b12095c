//! What lies in a folder, beside what was known there.

use super::{Difference, Files, Task};
use crate::watch::file::Depth;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::integrity::FileKind;

/// Sorts behind whatever a folder can hold: a name has 255 bytes at most (`NAME_MAX`).
const AFTER_EVERY_NAME: [u8; 256] = [0xff; 256];

impl Files {
    /// Looks at what lies in a folder, and watches it from before it is listed.
    pub(super) fn list(&mut self, folder: &Path, found: &mut Vec<Difference>) {
        if !std::fs::symlink_metadata(folder).is_ok_and(|it| it.is_dir()) {
            return;
        }
        self.unreadable.remove(folder);
        if let Err(error) = self.events.watch(folder) {
            self.unreadable.insert(folder.to_owned(), format!("no events of this folder: {error}"));
        }
        let listed = match std::fs::read_dir(folder) {
            Ok(listed) => listed,
            Err(error) => return drop(self.unreadable.insert(folder.to_owned(), error.to_string())),
        };
        let mut names = HashSet::new();
        for entry in listed.flatten() {
            let path = entry.path();
            if self.is_own(&path) {
                continue;
            }
            if entry.file_type().is_ok_and(|it| it.is_dir()) {
                self.tasks.push_back(Task::Folder(path.clone()));
            }
            self.tasks.push_front(Task::Path(path, Depth::Outside));
            names.insert(entry.file_name());
        }
        let is_missing = |path: &PathBuf| path.file_name().is_some_and(|name| !names.contains(name));
        for path in self.known_in(folder).into_iter().filter(is_missing) {
            let looked = std::fs::symlink_metadata(&path);
            if looked.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
                self.gone(&path, found);
            }
        }
    }

    /// What is known in a folder, but not below its folders: those are stepped over.
    fn known_in(&self, folder: &Path) -> Vec<PathBuf> {
        let (mut found, mut from) = (Vec::new(), Bound::Excluded(folder.to_owned()));
        'folders: loop {
            let rest = self.known.range((from.clone(), Bound::Unbounded));
            for (path, known) in rest.take_while(|(path, _)| path.starts_with(folder)) {
                if path.parent() == Some(folder) {
                    found.push(path.clone());
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
