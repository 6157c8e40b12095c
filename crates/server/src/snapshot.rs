//! A snapshot of the court, so that starting does not take longer as the ledger grows. Rebuildable: one that does not
//! fit the ledger, or that another version wrote, is passed over and everything is judged anew.

use crate::people::hex;
use crate::settings::{private_folder, write_private};
use crate::writer::NextNumbers;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::OnceLock;
use yakujo_contract::court::Court;
use yakujo_ledger::Hash;
use yakujo_ledger::files::Reader;

/// Names the program that judged: an old snapshot would keep the verdicts of old judges. Another build judges anew once.
/// None where the program cannot be read: then no snapshot is kept and none fits.
fn format() -> Option<&'static str> {
    static FORMAT: OnceLock<Option<String>> = OnceLock::new();
    let format = FORMAT.get_or_init(|| {
        let program = std::fs::read(std::env::current_exe().ok()?).ok()?;
        Some(format!("yakujo-snapshot/1/{}", hex(&Sha256::digest(program))))
    });
    format.as_deref()
}

/// Names the program that judges and the terms of this contract, for whatever is kept of its verdicts.
#[must_use]
pub fn judged_by(folder: &Path) -> Option<String> {
    Some(format!("{}/{}", format()?, terms_digest(folder).ok()?))
}

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
pub struct Snapshot {
    format: String,
    terms: String,
    /// Entries that are in it.
    pub size: u64,
    root: String,
    /// Where each host's numbering stands.
    pub next: NextNumbers,
    /// The court.
    pub court: Court,
}

#[derive(Serialize)]
struct Kept<'a> {
    format: &'a str,
    terms: String,
    size: u64,
    root: String,
    next: &'a NextNumbers,
    court: &'a Court,
}

impl Snapshot {
    /// Keeps a snapshot beside the ledger.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(
        folder: &Path,
        size: u64,
        root: &Hash,
        next: &NextNumbers,
        court: &Court,
    ) -> std::io::Result<()> {
        let terms = terms_digest(folder)?;
        let format = format().ok_or_else(|| std::io::Error::other("the program cannot be read"))?;
        let kept = Kept { format, terms, size, root: root.to_string(), next, court };
        let bytes = serde_json::to_vec(&kept)?;
        private_folder(&folder.join("snapshot"))?;
        write_private(&folder.join("snapshot/court.json"), &bytes)
    }

    /// The snapshot, if it is one of this ledger, these terms and this program.
    #[must_use]
    pub fn load(folder: &Path, reader: &Reader) -> Option<Self> {
        let bytes = std::fs::read(folder.join("snapshot/court.json")).ok()?;
        let snapshot: Self = match serde_json::from_slice(&bytes) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::warn!("the snapshot cannot be read and is passed over: {error}");
                return None;
            }
        };
        let fits = format() == Some(snapshot.format.as_str())
            && terms_digest(folder).is_ok_and(|terms| terms == snapshot.terms)
            && reader.root(snapshot.size).is_ok_and(|root| root.to_string() == snapshot.root);
        fits.then_some(snapshot)
    }
}

/// SHA-256 of the contract file in a folder, in hexadecimal.
pub(crate) fn terms_digest(folder: &Path) -> std::io::Result<String> {
    Ok(digest_of_terms(&std::fs::read(folder.join("contract.toml"))?))
}

/// SHA-256 of a contract file, in hexadecimal.
#[must_use]
pub fn digest_of_terms(file: &[u8]) -> String {
    hex(&Sha256::digest(file))
}
