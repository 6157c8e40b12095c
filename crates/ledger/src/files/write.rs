//! Writing files that appear whole or not at all: written under another name, made durable, renamed, and the folders
//! made durable at the end, before anything refers to them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::TEMPORARY;
use super::disk::Disk;
use super::error::{Action, LedgerError, failed};

/// The name under which a file is written before it has its own.
const UNFINISHED: &str = "new";

/// Files being written into a ledger.
pub(super) struct Writing<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    /// Folders, relative, whose names are not durable yet.
    touched: BTreeSet<PathBuf>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(disk: &'a dyn Disk, folder: &'a Path) -> Self {
        Self { disk, folder, touched: BTreeSet::new() }
    }

    /// Puts a file in its place. Its content is durable, its name only after [`Writing::finish`].
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), LedgerError> {
        let relative = Path::new(name);
        let mut folders: Vec<_> = relative.ancestors().skip(1).collect();
        folders.reverse();
        for folder in folders {
            if self.touched.insert(folder.to_owned()) && folder != Path::new("") {
                self.disk.create_folder(&self.folder.join(folder)).map_err(failed(Action::Write, folder))?;
            }
        }
        let unfinished = self.folder.join(TEMPORARY).join(UNFINISHED);
        let mut file = self.disk.create(&unfinished).map_err(failed(Action::Write, relative))?;
        file.write(bytes).map_err(failed(Action::Write, relative))?;
        file.sync().map_err(failed(Action::Sync, relative))?;
        drop(file);
        self.disk.rename(&unfinished, &self.folder.join(relative)).map_err(failed(Action::Write, relative))
    }

    /// Makes the names durable, inner folders first.
    pub(super) fn finish(&mut self) -> Result<(), LedgerError> {
        while let Some(folder) = self.touched.pop_last() {
            self.disk.sync_folder(&self.folder.join(&folder)).map_err(failed(Action::Sync, folder))?;
        }
        Ok(())
    }
}

/// Removes what was left under the temporary name.
pub(super) fn clear_temporary(disk: &dyn Disk, folder: &Path) -> Result<(), LedgerError> {
    let temporary = folder.join(TEMPORARY);
    disk.create_folder(&temporary).map_err(failed(Action::Write, TEMPORARY))?;
    for left in disk.list(&temporary).map_err(failed(Action::Read, TEMPORARY))? {
        disk.remove(&temporary.join(&left.name)).map_err(failed(Action::Remove, left.name))?;
    }
    Ok(())
}
