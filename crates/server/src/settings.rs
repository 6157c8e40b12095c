//! What the server is started with. Numbers that decide whether a duty is kept are not here: they are agreed in the
//! ledger.

use jiff::Timestamp;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Tells the time. Only `main` and tests supply one.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How to start.
#[derive(Clone)]
pub struct Settings {
    /// Data folder.
    pub data: PathBuf,
    /// Address of the portal; the intake listens on the next port (both free ports when this one is 0).
    pub listen: SocketAddr,
    /// The clock.
    pub clock: Clock,
    /// Host id of this machine, for the first contract.
    pub this_host: String,
}

/// Makes a file readable by its owner alone.
///
/// # Errors
/// Those of the operating system.
pub fn only_for_owner(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

/// Makes a folder, with its parents, that only its owner may enter.
///
/// # Errors
/// Those of the operating system.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file that only its owner may read, completely or not at all.
///
/// # Errors
/// Those of the operating system.
pub fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let temporary = file.with_extension("tmp");
    let mut out =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&temporary, file)
}
