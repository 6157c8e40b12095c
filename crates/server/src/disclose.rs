//! What the city takes away: bundles, and the proof of one entry.

use crate::office::Office;
use jiff::Timestamp;
use std::io::Write;
use std::ops::Range;
use yakujo_ledger::Hash;
use yakujo_ledger::bundle::{About, BundleError, DraftError, Header, Writer};
use yakujo_ledger::checkpoint::Checkpoint;
use yakujo_ledger::files::{ReadError, Reader};
use yakujo_ledger::note::{Note, NoteError, VerifierKey};
use yakujo_ledger::policy::Policy;

/// Why something could not be disclosed.
#[derive(Debug, thiserror::Error)]
pub enum DiscloseError {
    /// The range is not within the published ledger.
    #[error("entries {}–{} are not published (any more): the ledger holds {size}", range.start, range.end)]
    Range {
        /// Asked for.
        range: Range<u64>,
        /// Published.
        size: u64,
    },
    /// Reading the ledger.
    #[error("the ledger cannot be read: run `yakujo doctor`")]
    Read(#[from] ReadError),
    /// The head.
    #[error("the head of the ledger cannot be read")]
    Note(#[from] NoteError),
    /// The head.
    #[error("the head of the ledger cannot be read")]
    Checkpoint(#[from] yakujo_ledger::checkpoint::CheckpointError),
    /// The header.
    #[error("the bundle could not be drafted")]
    Draft(#[from] DraftError<ReadError>),
    /// Writing.
    #[error("the bundle could not be written")]
    Bundle(#[from] BundleError),
    /// Heads the city cosigned.
    #[error(transparent)]
    Cosigned(#[from] crate::heads::HeadError),
    /// The policy.
    #[error("the policy could not be written")]
    Policy(#[from] yakujo_ledger::policy::PolicySyntax),
}

/// The proof that an entry is in the tree.
pub struct Proof {
    /// The signed head.
    pub checkpoint: String,
    /// Size of the tree.
    pub size: u64,
    /// RFC 6962 inclusion proof.
    pub hashes: Vec<Hash>,
    /// Leaf hash of the entry.
    pub leaf: Hash,
}

/// The proof of one published entry.
///
/// # Errors
/// When it is not published yet, or the ledger cannot be read.
pub fn prove(office: &Office, number: u64) -> Result<Proof, DiscloseError> {
    let reader = office.reader();
    let checkpoint = reader.signed_checkpoint().to_string();
    let head = Checkpoint::parse(Note::parse(&checkpoint)?.text())?;
    if number >= head.size() {
        return Err(DiscloseError::Range { range: number..number.saturating_add(1), size: head.size() });
    }
    let leaf = yakujo_ledger::hash::leaf_hash(&reader.entry(number)?);
    Ok(Proof { hashes: reader.inclusion_proof(head.size(), number)?, size: head.size(), checkpoint, leaf })
}

/// From where a bundle is written: a running office, or the ledger's files alone.
pub struct Source<'a> {
    /// The ledger.
    pub reader: &'a Reader,
    /// The key of the log.
    pub log: &'a VerifierKey,
    /// The contract's id.
    pub contract: &'a str,
    /// The key of the city's witness, once there is one.
    pub witness: Option<VerifierKey>,
    /// Heads the city cosigned before, oldest first.
    pub cosigned: Vec<Note>,
}

/// Writes entries with their proof as a bundle. Returns which. `range.end` beyond the published end means the end.
///
/// # Errors
/// Any [`DiscloseError`].
pub fn write(
    from: &Source<'_>,
    range: Range<u64>,
    made: Timestamp,
    out: impl Write,
) -> Result<Range<u64>, DiscloseError> {
    let reader = from.reader;
    let note = Note::parse(&reader.signed_checkpoint())?;
    let head = Checkpoint::parse(note.text())?;
    let range = range.start..range.end.min(head.size());
    if range.start > range.end {
        return Err(DiscloseError::Range { range, size: head.size() });
    }
    let policy = match &from.witness {
        // The newest head waits for its cosignature: the witness is named, and what it saw is carried beside.
        Some(witness) => Policy::parse(&format!("log {}\nwitness city {witness}\nquorum none\n", from.log))?,
        None => Policy::of_log(from.log)?,
    };
    let older: Vec<Note> = from.cosigned.iter().filter(|note| is_older(note, &head)).cloned().collect();
    let about = About {
        contract: from.contract.to_owned(),
        made: made.to_string(),
        policy: policy.text().to_owned(),
        personal: Vec::new(),
        note_ja: None,
    };
    let header =
        Header::of_tree(about, &note, &older, range.clone(), &|level, index| reader.hash(level, index))?;
    let mut writer = Writer::new(out, header)?;
    for entry in reader.entries(range.clone()) {
        writer.write_entry(&entry?)?;
    }
    writer.finish()?;
    Ok(range)
}

fn is_older(note: &Note, head: &Checkpoint) -> bool {
    Checkpoint::parse(note.text()).is_ok_and(|old| old.size() <= head.size())
}

/// Writes a bundle of a running office (see [`write`]).
///
/// # Errors
/// Any [`DiscloseError`].
pub fn bundle(office: &Office, range: Range<u64>, out: impl Write) -> Result<Range<u64>, DiscloseError> {
    let from = Source {
        reader: office.reader(),
        log: office.log_key(),
        contract: office.id().as_str(),
        witness: crate::heads::witness_key(office.folder())?,
        cosigned: crate::heads::newest(office.folder(), u64::MAX)?,
    };
    write(&from, range, office.now(), out)
}
