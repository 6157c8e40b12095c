//! Definitions for a real clamd.

use anyhow::{Context, ensure};
use jiff::Timestamp;
use std::path::Path;
use std::process::Command;

/// The test file every engine knows, in hexadecimal digits as signatures are written.
const EICAR: &str = "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a";
/// What writes the container.
const CONTAINER: &str = include_str!("definitions.sh");

/// Writes definitions of one signature (the test file every engine knows) in clamd's own container, made at an instant: the
/// agent reads their date, and the harmless sample has to be found.
///
/// # Errors
/// When they cannot be written.
pub fn write(folder: &Path, made: Timestamp) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", CONTAINER, "sh"]).arg(folder).args([&made.as_second().to_string(), EICAR]);
    let status = shell.status().context("a shell")?;
    ensure!(status.success(), "no definitions: {status}");
    Ok(())
}
