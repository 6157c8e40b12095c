//! Checkpoints (C2SP `tlog-checkpoint` v1.0.0): which log, how many entries, which root. Three lines that people
//! can read, compare over the telephone, print and keep.

use crate::hash::Hash;
use crate::note::{CosigningKey, MAX_NAME_BYTES, Note, NoteError, SigningKey};
use crate::tree::MAX_SIZE;
use std::fmt;

/// The head of a log at one size. Unverified: see [`crate::policy::Policy`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines, each ended by a newline. Extension lines are refused: nobody could audit them.
    #[error("a checkpoint has exactly three lines: origin, size, root")]
    Lines,
    /// The origin is empty, too long, or contains spaces, plus signs or control characters.
    #[error("the origin of a checkpoint must be 1 to {MAX_NAME_BYTES} bytes without spaces or plus signs")]
    Origin,
    /// The size is not a decimal number without leading zeros, or above 2^62.
    #[error("the size of a checkpoint must be a decimal number without leading zeros, at most 2^62")]
    Size,
    /// The root is not the base64 of 32 bytes.
    #[error("the root of a checkpoint must be 32 bytes in base64")]
    Root,
    /// The signatures around it are malformed.
    #[error("the checkpoint is no signed note")]
    Note(#[from] NoteError),
}

impl Checkpoint {
    /// A checkpoint from its parts.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Checkpoint, CheckpointError> {
        let odd = |c: char| c.is_whitespace() || c == '+' || (c as u32) < 0x20;
        if origin.is_empty() || origin.len() > MAX_NAME_BYTES || origin.chars().any(odd) {
            return Err(CheckpointError::Origin);
        }
        if size > MAX_SIZE {
            return Err(CheckpointError::Size);
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root })
    }

    /// Reads the text of a checkpoint note (without its signatures) strictly.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        let size = parse_size(size).ok_or(CheckpointError::Size)?;
        let root: Hash = root.parse().map_err(|_| CheckpointError::Root)?;
        Checkpoint::new(origin, size, root)
    }

    /// The unique name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of that size.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The note of this checkpoint, signed by the log. The key's name should be the origin.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, NoteError> {
        let mut note = Note::unsigned(&self.to_string())?;
        key.sign(&mut note)?;
        Ok(note)
    }

    /// The same, cosigned at `time` (seconds since 1970): for tests and for a witness that holds both texts.
    pub fn sign_and_cosign(
        &self,
        key: &SigningKey,
        witness: &CosigningKey,
        time: u64,
    ) -> Result<Note, NoteError> {
        let mut note = self.sign(key)?;
        let cosignature = witness.cosign(&note, time)?;
        note.add(cosignature)?;
        Ok(note)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{empty_root, leaf_hash};
    use proptest::prelude::*;

    const EXAMPLE: &str =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written_back() {
        let checkpoint = Checkpoint::parse(EXAMPLE).unwrap();
        assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size(), 20_852_163);
        assert_eq!(checkpoint.to_string(), EXAMPLE);
    }

    #[test]
    fn loose_forms_are_refused() {
        let root = empty_root();
        for (text, why) in [
            (format!("a\n01\n{root}\n"), CheckpointError::Size),
            (format!("a\n+1\n{root}\n"), CheckpointError::Size),
            (format!("a\n\n{root}\n"), CheckpointError::Size),
            (format!("a\n{}\n{root}\n", u64::MAX), CheckpointError::Size),
            (format!("a\n99999999999999999999999\n{root}\n"), CheckpointError::Size),
            (format!("\n1\n{root}\n"), CheckpointError::Origin),
            (format!("a b\n1\n{root}\n"), CheckpointError::Origin),
            (format!("a\n1\n{root}"), CheckpointError::Lines),
            (format!("a\n1\n{root}\nextension\n"), CheckpointError::Lines),
            (format!("a\n1\n{}\n", root.to_string().replace('=', "")), CheckpointError::Root),
            ("a\n1\n".to_owned(), CheckpointError::Lines),
            (String::new(), CheckpointError::Lines),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_signed_checkpoint_holds_the_same_text() {
        let key = SigningKey::from_seed("a", &[1; 32]).unwrap();
        let checkpoint = Checkpoint::new("a", 3, leaf_hash(b"x")).unwrap();
        let note = Note::parse(&checkpoint.sign(&key).unwrap().to_string()).unwrap();
        assert_eq!(Checkpoint::parse(note.text()), Ok(checkpoint));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_back(text in "[a-z0 +]{0,4}\n[0-9+-]{0,4}\n[A-Za-z0-9+/]{43}=\n?") {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
