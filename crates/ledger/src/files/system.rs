//! What systems do differently with files. Elsewhere than on Unix a ledger can be read and verified; what would make it durable
//! and its key secret is not known there, so that none is written.

pub(super) use here::{is_exposed, owner_only, sync_folder};

#[cfg(unix)]
mod here {
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    use std::path::Path;

    /// Only its owner may read the file that is made.
    pub fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    /// Whether others than its owner may read or write the file.
    pub fn is_exposed(about: &Metadata) -> bool {
        about.permissions().mode() & 0o077 != 0
    }

    /// The names in a folder are on the disk.
    pub fn sync_folder(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

#[cfg(not(unix))]
mod here {
    use std::fs::{Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    /// A new file has the rights of its folder; there is no portable way to narrow them.
    pub fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// Not to be seen without the lists of rights of that system: a key there counts as exposed.
    pub fn is_exposed(_: &Metadata) -> bool {
        true
    }

    /// Nothing is acknowledged that may be gone after a crash.
    pub fn sync_folder(_: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
