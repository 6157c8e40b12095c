//! Bundle v1: one text file that the city takes away and checks alone (`docs/formats/bundle-v1.md`).
//!
//! The first line is a JSON header with the signed checkpoint, the proof, and the leaf hash of every entry; each line
//! after it is one entry, byte for byte as it is in the ledger. The list of leaf hashes is what lets a verifier *name*
//! the entry that was changed, moved or cut out: it is believed only after it has led to the signed root itself.

use crate::MAX_ENTRY_BYTES;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, leaf_hash};
use crate::note::{Note, NoteError};
use crate::proof::{ProofError, consistency_proof, range_proof, verify_consistency, verify_range};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, Read as _, Write};
use std::ops::Range;

/// The value of `format` in the header.
pub const FORMAT: &str = "yakujo-bundle/v1";

/// The most entries in one bundle; a longer ledger is taken away in several ranges.
pub const MAX_ENTRIES: u64 = 4_000_000;

/// The longest header line, in bytes.
pub const MAX_HEADER_BYTES: usize = 256 * 1024 * 1024;

/// The most older checkpoints in a header.
pub const MAX_SEEN: usize = 4096;

/// The largest tree a bundle can speak of: the largest whole number that JavaScript counts exactly.
pub const MAX_TREE: u64 = (1 << 53) - 1;

/// `,"sum":"` + 44 characters + `"}`.
const SUM_SUFFIX_BYTES: usize = 8 + 44 + 2;

/// The first line of a bundle, without its checksum. The fields are written in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always [`FORMAT`].
    pub format: String,
    /// The contract's id. The maker's word; not proved.
    pub contract: String,
    /// The origin of the log; must be that of the checkpoint.
    pub origin: String,
    /// When the bundle was made, RFC 3339 in UTC (`Z`). The maker's word; not proved.
    pub made: String,
    /// Number of the first entry in this file.
    pub first: u64,
    /// How many entries this file holds.
    pub count: u64,
    /// The signed checkpoint with its cosignatures, as text.
    pub checkpoint: String,
    /// The policy as the maker knows it. A verifier that has its own uses its own.
    pub policy: String,
    /// Range proof of the entries under the checkpoint's root; empty when the file holds the whole log.
    pub proof: Vec<Hash>,
    /// The leaf hashes of the entries, concatenated, in base64.
    pub leaves: Leaves,
    /// Older checkpoints the maker published, each with its proof.
    pub seen: Vec<Seen>,
    /// Personal texts the maker discloses with this bundle.
    pub personal: Vec<Personal>,
    /// Words of the maker to the reader. Not proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note_ja: Option<String>,
}

/// An older checkpoint that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The signed note.
    pub checkpoint: String,
    /// Consistency proof from it to the checkpoint of the bundle.
    pub proof: Vec<Hash>,
}

/// A personal text that an entry refers to only by its salted digest, so that it can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// [`personal_digest`] of salt and text, as it stands in the entry.
    pub digest: String,
    /// The salt in base64.
    pub salt: String,
    /// The text.
    pub text: String,
}

/// The digest under which an entry refers to a personal text: SHA-256(salt ‖ text), 64 lower-case hexadecimal digits.
#[must_use]
pub fn personal_digest(salt: &[u8], text: &str) -> String {
    let hash: [u8; 32] = Sha256::new().chain_update(salt).chain_update(text).finalize().into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Personal {
    /// Whether the text is the one that the digest stands for.
    #[must_use]
    pub fn is_true(&self) -> bool {
        STANDARD.decode(&self.salt).is_ok_and(|salt| personal_digest(&salt, &self.text) == self.digest)
    }
}

/// Leaf hashes in the order of the entries; one base64 text in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Leaves(pub Vec<Hash>);

impl From<Leaves> for String {
    fn from(leaves: Leaves) -> String {
        let bytes: Vec<u8> = leaves.0.iter().flat_map(|hash| hash.0).collect();
        STANDARD.encode(bytes)
    }
}

impl TryFrom<String> for Leaves {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Leaves, &'static str> {
        let bytes = STANDARD.decode(text).map_err(|_| "the leaf hashes are not base64")?;
        let (hashes, []) = bytes.as_chunks::<32>() else {
            return Err("the leaf hashes are not a multiple of 32 bytes");
        };
        Ok(Leaves(hashes.iter().map(|hash| Hash(*hash)).collect()))
    }
}

/// Why a bundle cannot be written, or its header not be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file ends before the header line does, or the line is too long.
    #[error(
        "line 1: the header does not end within {MAX_HEADER_BYTES} bytes; the file is no bundle or was cut"
    )]
    NoHeader,
    /// A byte order mark or carriage returns: some program has converted the file.
    #[error(
        "line 1: the file was converted (byte order mark or CRLF line ends); take it away again, in binary mode"
    )]
    Converted,
    /// Not the header of a bundle v1.
    #[error("line 1: no header of {FORMAT}: {0}")]
    Header(String),
    /// An entry is too long, empty, or contains a newline.
    #[error(
        "entry {0} cannot be a line of a bundle (empty, longer than {MAX_ENTRY_BYTES} bytes, or with a newline)"
    )]
    Entry(u64),
    /// The bytes of an entry are not those of its leaf hash: the maker's own storage is damaged.
    #[error(
        "entry {0} does not have the leaf hash of the tree; the ledger files are damaged: run `yakujo doctor`"
    )]
    EntryDiffers(u64),
    /// Fewer or more entries were written than the header says.
    #[error("the header promises {promised} entries, but {written} were written")]
    Count {
        /// As in the header.
        promised: u64,
        /// As written.
        written: u64,
    },
    /// The parts of the header do not prove each other.
    #[error("the proof of the bundle does not lead to its checkpoint")]
    Proof(#[from] ProofError),
    /// The checkpoint in the header cannot be read.
    #[error("the checkpoint of the bundle cannot be read")]
    Checkpoint(#[from] CheckpointError),
    /// Reading or writing failed.
    #[error("reading or writing the bundle failed")]
    Io(#[from] io::Error),
}

impl From<NoteError> for BundleError {
    fn from(error: NoteError) -> BundleError {
        BundleError::Checkpoint(CheckpointError::Note(error))
    }
}

/// What a bundle says about itself besides tree and proofs.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The contract's id.
    pub contract: String,
    /// The moment of making, RFC 3339 with `Z`.
    pub made: String,
    /// The policy as the maker knows it.
    pub policy: String,
    /// Personal texts to disclose.
    pub personal: Vec<Personal>,
    /// Words to the reader.
    pub note_ja: Option<String>,
}

/// Why a header could not be made from a tree: `E` is the error of the reader of nodes.
#[derive(Debug, thiserror::Error)]
pub enum DraftError<E: std::error::Error + 'static> {
    /// A node could not be read.
    #[error("a node of the tree could not be read")]
    Read(#[source] E),
    /// The range or an older checkpoint does not fit the tree.
    #[error("the range does not fit the tree")]
    Proof(#[from] ProofError),
    /// The parts do not make a header.
    #[error("the parts do not make a bundle")]
    Bundle(#[from] BundleError),
}

impl Header {
    /// Makes the header of the entries `range` under a signed checkpoint, reading the tree by its nodes
    /// `(level, index)`. `older` are checkpoints published before (signed notes).
    ///
    /// # Errors
    /// When a node cannot be read or the parts do not fit each other.
    pub fn of_tree<E: std::error::Error + 'static>(
        about: About,
        checkpoint: &Note,
        older: &[Note],
        range: Range<u64>,
        read: &impl Fn(u8, u64) -> Result<Hash, E>,
    ) -> Result<Header, DraftError<E>> {
        let node = |level, index| read(level, index).map_err(DraftError::Read);
        let head = Checkpoint::parse(checkpoint.text()).map_err(BundleError::from)?;
        if range.end.saturating_sub(range.start) > MAX_ENTRIES {
            return Err(BundleError::Header(format!("more than {MAX_ENTRIES} entries")).into());
        }
        let leaves: Vec<Hash> = range.clone().map(|index| node(0, index)).collect::<Result<_, _>>()?;
        let proof = range_proof(head.size(), range.clone(), &node)?;
        let mut seen = Vec::with_capacity(older.len());
        for note in older {
            let old = Checkpoint::parse(note.text()).map_err(BundleError::from)?;
            let proof = consistency_proof(old.size(), head.size(), &node)?;
            seen.push(Seen { checkpoint: note.to_string(), proof });
        }
        let header = Header {
            format: FORMAT.to_owned(),
            contract: about.contract,
            origin: head.origin().to_owned(),
            made: about.made,
            first: range.start,
            count: range.end.saturating_sub(range.start),
            checkpoint: checkpoint.to_string(),
            policy: about.policy,
            proof,
            leaves: Leaves(leaves),
            seen,
            personal: about.personal,
            note_ja: about.note_ja,
        };
        header.prove()?;
        Ok(header)
    }

    /// Refuses headers whose fields are outside their limits. Nothing is proved here.
    ///
    /// # Errors
    /// [`BundleError::Header`] with the field.
    pub fn check(&self) -> Result<(), BundleError> {
        let wrong = |what: &str| Err(BundleError::Header(what.to_owned()));
        if self.format != FORMAT {
            return wrong("another format or version; use the verifier of that version");
        }
        if self.count > MAX_ENTRIES {
            return wrong("too many entries");
        }
        if self.leaves.0.len() as u64 != self.count {
            return wrong("the number of leaf hashes is not `count`");
        }
        if self.first > MAX_TREE || (self.count == 0 && self.first != 0) {
            return wrong("`first` is out of range");
        }
        if self.seen.len() > MAX_SEEN {
            return wrong("too many older checkpoints");
        }
        if moment(&self.made).is_none() {
            return wrong("`made` is no time like 2026-11-23T00:00:00Z");
        }
        Ok(())
    }

    /// Checks that the header's own parts prove each other, so that no false bundle is ever written.
    ///
    /// # Errors
    /// The part that does not fit.
    pub fn prove(&self) -> Result<(), BundleError> {
        self.check()?;
        let head = Checkpoint::parse(Note::parse(&self.checkpoint)?.text())?;
        if head.origin() != self.origin || head.size() > MAX_TREE || (self.count == 0 && head.size() != 0) {
            return Err(BundleError::Header("the checkpoint is of another log or size".to_owned()));
        }
        verify_range(&head.root(), head.size(), self.first, &self.leaves.0, &self.proof)?;
        for seen in &self.seen {
            let old = Checkpoint::parse(Note::parse(&seen.checkpoint)?.text())?;
            verify_consistency(old.size(), &old.root(), head.size(), &head.root(), &seen.proof)?;
        }
        Ok(())
    }

    /// The header line with its checksum, without the newline.
    fn to_line(&self) -> Result<String, BundleError> {
        let json = serde_json::to_string(self).map_err(|error| BundleError::Header(error.to_string()))?;
        let body = json.strip_suffix('}').unwrap_or(&json);
        Ok(format!("{body},\"sum\":\"{}\"}}", sum(body)))
    }
}

/// The checksum of the header line: SHA-256 of all its bytes before `,"sum":`. It proves nothing about the maker; it
/// finds damage in those fields that no signature covers.
fn sum(body: &str) -> Hash {
    Hash(Sha256::digest(body.as_bytes()).into())
}

/// A moment as text that sorts: `2026-11-23T00:00:00` and nine digits of the second. `None` unless RFC 3339 with `Z`.
pub(crate) fn moment(text: &str) -> Option<String> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (seconds, rest) = text.split_at_checked(SHAPE.len())?;
    let fits = |(byte, shape): (u8, &u8)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == *shape };
    if !seconds.bytes().zip(SHAPE).all(fits) {
        return None;
    }
    let fraction = match rest.strip_suffix('Z')? {
        "" => "",
        dotted => dotted.strip_prefix('.').filter(|digits| !digits.is_empty())?,
    };
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(format!("{seconds}.{fraction:0<9}"))
}

/// Writes a bundle to a file or a network connection, entry by entry.
pub struct Writer<W: Write> {
    out: W,
    leaves: Vec<Hash>,
    first: u64,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Checks the header against itself and writes it.
    ///
    /// # Errors
    /// When the header proves nothing, or writing fails.
    pub fn new(mut out: W, header: Header) -> Result<Writer<W>, BundleError> {
        header.prove()?;
        out.write_all(header.to_line()?.as_bytes())?;
        out.write_all(b"\n")?;
        Ok(Writer { out, first: header.first, leaves: header.leaves.0, written: 0 })
    }

    /// Writes the next entry; its bytes must be those the tree holds.
    ///
    /// # Errors
    /// [`BundleError::EntryDiffers`] when the storage it was read from is damaged.
    pub fn write_entry(&mut self, entry: &[u8]) -> Result<(), BundleError> {
        let number = self.first + self.written;
        if entry.is_empty() || entry.len() > MAX_ENTRY_BYTES || entry.contains(&b'\n') {
            return Err(BundleError::Entry(number));
        }
        let listed = usize::try_from(self.written).ok().and_then(|index| self.leaves.get(index));
        match listed {
            None => return Err(self.miscounted(self.written + 1)),
            Some(listed) if *listed != leaf_hash(entry) => return Err(BundleError::EntryDiffers(number)),
            Some(_) => {}
        }
        self.out.write_all(entry)?;
        self.out.write_all(b"\n")?;
        self.written += 1;
        Ok(())
    }

    /// Ends the bundle and gives the output back.
    ///
    /// # Errors
    /// When fewer entries were written than promised.
    pub fn finish(mut self) -> Result<W, BundleError> {
        if self.written != self.leaves.len() as u64 {
            return Err(self.miscounted(self.written));
        }
        self.out.flush()?;
        Ok(self.out)
    }

    fn miscounted(&self, written: u64) -> BundleError {
        BundleError::Count { promised: self.leaves.len() as u64, written }
    }
}

/// A bundle that is being read: its header, and the lines after it.
pub struct Reader<R: BufRead> {
    header: Header,
    sum_is_true: bool,
    lines: Lines<R>,
}

/// The lines after the header.
pub struct Lines<R: BufRead> {
    input: R,
}

/// How a line of the entries ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// By a newline, as it should.
    Newline,
    /// By the end of the file: what was read is only a piece, possibly an empty one.
    Cut,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header line.
    ///
    /// # Errors
    /// When it is no header of a bundle v1.
    pub fn new(mut input: R) -> Result<Reader<R>, BundleError> {
        let mut line = Vec::new();
        (&mut input).take(MAX_HEADER_BYTES as u64).read_until(b'\n', &mut line)?;
        if line.starts_with(b"\xEF\xBB\xBF") || line.ends_with(b"\r\n") {
            return Err(BundleError::Converted);
        }
        if line.pop() != Some(b'\n') {
            return Err(BundleError::NoHeader);
        }
        let line = String::from_utf8(line).map_err(|_| BundleError::Header("not UTF-8".to_owned()))?;
        let (header, sum_is_true) = parse_header(&line)?;
        Ok(Reader { header, sum_is_true, lines: Lines { input } })
    }

    /// The header. Nothing in it is proved yet.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the checksum of the header line is right.
    pub fn sum_is_true(&self) -> bool {
        self.sum_is_true
    }

    /// The header, and the lines that are still to be read.
    pub fn into_parts(self) -> (Header, Lines<R>) {
        (self.header, self.lines)
    }
}

impl<R: BufRead> Lines<R> {
    /// Appends the next line to `line`, without its newline. Of a line longer than an entry can be, only one byte
    /// more than [`MAX_ENTRY_BYTES`] is kept.
    ///
    /// # Errors
    /// Those of the input.
    pub fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineEnd> {
        let limit = MAX_ENTRY_BYTES as u64 + 1;
        let before = line.len();
        (&mut self.input).take(limit).read_until(b'\n', line)?;
        if line.len() > before && line.ends_with(b"\n") {
            line.pop();
            return Ok(LineEnd::Newline);
        }
        if ((line.len() - before) as u64) < limit {
            return Ok(LineEnd::Cut);
        }
        self.skip_line()
    }

    fn skip_line(&mut self) -> io::Result<LineEnd> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(LineEnd::Cut);
            }
            let length = buffer.len();
            match buffer.iter().position(|byte| *byte == b'\n') {
                Some(position) => {
                    self.input.consume(position + 1);
                    return Ok(LineEnd::Newline);
                }
                None => self.input.consume(length),
            }
        }
    }
}

fn parse_header(line: &str) -> Result<(Header, bool), BundleError> {
    let wrong = |what: &str| BundleError::Header(what.to_owned());
    let no_sum = || wrong("it does not end in its checksum");
    let split = line.len().checked_sub(SUM_SUFFIX_BYTES).ok_or_else(no_sum)?;
    let (body, suffix) = line.split_at_checked(split).ok_or_else(no_sum)?;
    let claimed = suffix.strip_prefix(",\"sum\":\"").and_then(|rest| rest.strip_suffix("\"}"));
    let claimed = claimed.ok_or_else(no_sum)?;
    let json = format!("{body}}}");
    let header: Header = serde_json::from_str(&json).map_err(|error| wrong(&error.to_string()))?;
    header.check()?;
    let canonical = serde_json::to_string(&header).map_err(|error| wrong(&error.to_string()))?;
    if canonical != json {
        return Err(wrong("not written in the canonical form (order of fields, spaces, escapes)"));
    }
    Ok((header, sum(body).to_string() == claimed))
}

#[cfg(test)]
mod tests;
