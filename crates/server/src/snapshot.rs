//! A snapshot of the court, so that starting does not take longer as the ledger grows. Rebuildable: one that does not
//! fit the ledger, or that another version wrote, is passed over and everything is judged anew.

use crate::settings::{private_folder, write_private};
use crate::writer::NextNumbers;
use serde::{Deserialize, Serialize};
use std::path::Path;
use yakujo_contract::court::Court;
use yakujo_ledger::Hash;
use yakujo_ledger::files::Reader;

/// Changes whenever judging changes: an old snapshot would keep old verdicts.
const FORMAT: &str = concat!("yakujo-snapshot/1/", env!("CARGO_PKG_VERSION"));

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
        let kept = Kept { format: FORMAT, terms, size, root: root.to_string(), next, court };
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
        let fits = snapshot.format == FORMAT
            && terms_digest(folder).is_ok_and(|terms| terms == snapshot.terms)
            && reader.root(snapshot.size).is_ok_and(|root| root.to_string() == snapshot.root);
        fits.then_some(snapshot)
    }
}

fn terms_digest(folder: &Path) -> std::io::Result<String> {
    use sha2::{Digest, Sha256};
    Ok(crate::people::hex(&Sha256::digest(std::fs::read(folder.join("contract.toml"))?)))
}
