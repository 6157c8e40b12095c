//! The heads that the city's witness cosigned: checked against the own tree, kept as they came, and carried by every
//! bundle, so that whoever verifies one sees that the city had seen the earlier heads.

use crate::office::Office;
use crate::settings::{private_folder, write_private};
use std::path::{Path, PathBuf};
use yakujo_contract::act::Act;
use yakujo_ledger::checkpoint::{Checkpoint, CheckpointError};
use yakujo_ledger::files::ReadError;
use yakujo_ledger::note::{Note, NoteError, VerifierKey};
use yakujo_ledger::policy::{Policy, PolicyError, PolicySyntax};

/// Newest cosigned heads that a bundle carries.
const CARRIED: usize = 20;

/// Why a cosigned head was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// It is no signed note, or no public key.
    #[error("this is no cosigned checkpoint, or no public key of a witness")]
    Note(#[from] NoteError),
    /// It is no checkpoint.
    #[error("this is no checkpoint")]
    Checkpoint(#[from] CheckpointError),
    /// The key is none of a witness.
    #[error("this is no public key of a witness")]
    Key(#[from] PolicySyntax),
    /// The signatures are not those of this log and this witness.
    #[error("the signatures are not those of this ledger and this witness")]
    Policy(#[from] PolicyError),
    /// The ledger does not hold this head.
    #[error("this ledger never had this head")]
    Foreign,
    /// Another witness key was registered before.
    #[error("the key is not the one the city registered first")]
    OtherKey,
    /// Reading the ledger.
    #[error("the ledger cannot be read: run `yakujo doctor`")]
    Read(#[from] ReadError),
    /// Files.
    #[error("the cosigned heads cannot be read or written")]
    File(#[from] std::io::Error),
}

fn folder(contract: &Path) -> PathBuf {
    contract.join("cosigned")
}

/// Checks a cosigned head and keeps it. Returns the act that records it.
///
/// # Errors
/// Any [`HeadError`]; nothing is kept then.
pub fn keep(office: &Office, witness: &str, cosigned: &str) -> Result<Act, HeadError> {
    let note = Note::parse(cosigned)?;
    let witness = VerifierKey::parse(witness.trim())?;
    let registered = witness_key(office.folder())?;
    if registered.is_some_and(|known| known.to_string() != witness.to_string()) {
        return Err(HeadError::OtherKey);
    }
    let verified = Policy::of_log_and_witness(office.log_key(), &witness)?.check(&note)?;
    let head = verified.checkpoint();
    let published = office.reader().checkpoint().size();
    if head.size() > published || office.reader().root(head.size())? != head.root() {
        return Err(HeadError::Foreign);
    }
    let folder = folder(office.folder());
    private_folder(&folder)?;
    write_private(&folder.join("witness.pub"), witness.to_string().as_bytes())?;
    write_private(&folder.join(format!("{:020}", head.size())), note.to_string().as_bytes())?;
    Ok(Act::HeadCosigned { size: head.size(), root: head.root().to_string(), key: witness.name().to_owned() })
}

/// The public key of the city's witness in a contract's folder, once there is one.
///
/// # Errors
/// When its file cannot be read.
pub fn witness_key(contract: &Path) -> Result<Option<VerifierKey>, HeadError> {
    match std::fs::read_to_string(folder(contract).join("witness.pub")) {
        Ok(text) => Ok(Some(VerifierKey::parse(text.trim())?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The newest cosigned heads in a contract's folder up to a size, oldest first.
///
/// # Errors
/// When a file cannot be read.
pub fn newest(contract: &Path, up_to: u64) -> Result<Vec<Note>, HeadError> {
    let found = match std::fs::read_dir(folder(contract)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut sizes: Vec<(u64, PathBuf)> = Vec::new();
    for file in found {
        let file = file?;
        let size = file.file_name().to_string_lossy().parse::<u64>();
        sizes.extend(size.ok().filter(|size| *size <= up_to).map(|size| (size, file.path())));
    }
    sizes.sort();
    let skipped = sizes.len().saturating_sub(CARRIED);
    let newest = sizes.into_iter().skip(skipped);
    newest
        .map(|(_, path)| {
            let note = Note::parse(&std::fs::read_to_string(path)?)?;
            Checkpoint::parse(note.text())?;
            Ok(note)
        })
        .collect()
}
