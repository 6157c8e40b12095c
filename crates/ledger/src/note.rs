//! Signed notes (C2SP `signed-note` v1.0.0) with the two Ed25519 signature types the ledger uses.
//!
//! A note is text that people can read, a blank line, and signature lines. The log signs its checkpoints
//! with type 0x01; the city's witness adds a timestamped cosignature of type 0x04 (C2SP `tlog-cosignature`).
//!
//! There is deliberately no "verify this note" here: a note with *some* good signature proves nothing.
//! Only [`crate::policy::Policy`], which knows whose signatures are needed, says that a note is verified.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest note that is read, in bytes. Sixteen post-quantum signatures of others fit in it.
pub const MAX_NOTE_BYTES: usize = 128 * 1024;

/// The largest number of signature lines that is read (the specification asks for at least 16).
pub const MAX_SIGNATURES: usize = 32;

/// The longest key name, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// The largest time of a cosignature, in seconds since 1970 (the specification forbids larger ones).
const MAX_COSIGNATURE_TIME: u64 = i64::MAX as u64;

/// Why a note or a key could not be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_BYTES`].
    #[error("the note is longer than {MAX_NOTE_BYTES} bytes")]
    TooLong,
    /// A control character other than the newline.
    #[error("the note contains a control character; it must be plain text with newlines only")]
    ControlCharacter,
    /// The text is empty, does not end in a newline, or contains no blank line before the signatures.
    #[error("the note has no text, or no blank line between its text and its signatures")]
    Shape,
    /// A line after the blank line is no signature line (counted from 1 within the signatures).
    #[error("signature line {0} of the note is malformed")]
    SignatureLine(usize),
    /// More than [`MAX_SIGNATURES`] lines.
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// The same key signed twice.
    #[error("signature line {0} of the note repeats a key")]
    RepeatedKey(usize),
    /// A key name that is empty, too long, or contains a space, a plus sign or a control character.
    #[error(
        "a key name must be 1 to {MAX_NAME_BYTES} bytes without spaces, plus signs or control characters"
    )]
    Name,
    /// A key text that does not have the form of its kind.
    #[error("the key is malformed; expected {0}")]
    Key(&'static str),
    /// The eight hexadecimal digits do not belong to the name and key.
    #[error("the key does not match its own key ID; it was copied wrongly or altered")]
    KeyId,
    /// A signature type other than 0x01 and 0x04.
    #[error("the key is of signature type {0:#04x}; only 0x01 and 0x04 (Ed25519) are understood")]
    UnknownType(u8),
    /// A public key with which anything can be signed.
    #[error("the public key is no usable Ed25519 point")]
    WeakKey,
    /// A time that the cosignature format cannot carry.
    #[error("the time of a cosignature must be below 2^63 seconds")]
    Time,
}

/// What a key signs, by the type byte of its signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// 0x01: the log's plain Ed25519 signature over the note text.
    Log,
    /// 0x04: a witness's Ed25519 cosignature over the time and the note text.
    Witness,
}

impl KeyKind {
    /// The type byte of the specification.
    pub fn byte(self) -> u8 {
        match self {
            KeyKind::Log => 0x01,
            KeyKind::Witness => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Result<KeyKind, NoteError> {
        match byte {
            0x01 => Ok(KeyKind::Log),
            0x04 => Ok(KeyKind::Witness),
            other => Err(NoteError::UnknownType(other)),
        }
    }
}

/// A note: its text and the signature lines under it, none of them believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line: `— name base64(key ID ‖ bytes)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl Signature {
    /// The name of the key that is said to have signed.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads one line (with or without its newline) as a witness sends it back.
    pub fn parse(line: &str) -> Result<Signature, NoteError> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong);
        }
        parse_signature(line).ok_or(NoteError::SignatureLine(1))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut raw = Vec::with_capacity(4 + self.bytes.len());
        raw.extend_from_slice(&self.key_id);
        raw.extend_from_slice(&self.bytes);
        write!(f, "— {} {}", self.name, STANDARD.encode(raw))
    }
}

impl Note {
    /// A note without signatures yet. `text` must end in a newline and hold no other control characters.
    pub fn unsigned(text: &str) -> Result<Note, NoteError> {
        check_characters(text)?;
        if text.is_empty() || !text.ends_with('\n') || text.ends_with("\n\n") || text == "\n" {
            return Err(NoteError::Shape);
        }
        Ok(Note { text: text.to_owned(), signatures: Vec::new() })
    }

    /// Reads a signed note strictly: any deviation from the format is an error.
    pub fn parse(note: &str) -> Result<Note, NoteError> {
        check_characters(note)?;
        let split = note.rfind("\n\n").ok_or(NoteError::Shape)?;
        let text = note.get(..=split).ok_or(NoteError::Shape)?;
        let lines = note.get(split + 2..).ok_or(NoteError::Shape)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Shape)?;
        let mut parsed = Note { text: text.to_owned(), signatures: Vec::new() };
        for (index, line) in lines.split('\n').enumerate() {
            let signature = parse_signature(line).ok_or(NoteError::SignatureLine(index + 1))?;
            parsed.push(signature, index + 1)?;
        }
        Ok(parsed)
    }

    /// The text that is signed, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, unverified.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature line, replacing an earlier one of the same key (a witness that cosigns again).
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        self.signatures.retain(|s| s.name != signature.name || s.key_id != signature.key_id);
        let line = self.signatures.len() + 1;
        self.push(signature, line)
    }

    fn push(&mut self, signature: Signature, line: usize) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        if self.signatures.iter().any(|s| s.name == signature.name && s.key_id == signature.key_id) {
            return Err(NoteError::RepeatedKey(line));
        }
        self.signatures.push(signature);
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}

fn check_characters(note: &str) -> Result<(), NoteError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong);
    }
    if note.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(NoteError::ControlCharacter);
    }
    Ok(())
}

fn parse_signature(line: &str) -> Option<Signature> {
    let rest = line.strip_prefix("— ")?;
    let (name, encoded) = rest.split_once(' ')?;
    check_name(name).ok()?;
    let raw = STANDARD.decode(encoded).ok()?;
    let (key_id, bytes) = raw.split_first_chunk::<4>()?;
    if bytes.is_empty() {
        return None;
    }
    Some(Signature { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
}

/// Refuses names the formats cannot carry.
fn check_name(name: &str) -> Result<(), NoteError> {
    let odd = |c: char| c.is_whitespace() || c == '+' || (c as u32) < 0x20;
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(odd) {
        return Err(NoteError::Name);
    }
    Ok(())
}

/// The key ID of the specification: the first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key).
fn key_id(name: &str, kind: KeyKind, public: &[u8; 32]) -> [u8; 4] {
    let mut hash = Sha256::new();
    hash.update(name.as_bytes());
    hash.update([b'\n', kind.byte()]);
    hash.update(public);
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    [a, b, c, d]
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// A public key with its name: `name+key ID+base64(type ‖ key)`, the "vkey" of the specification.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

/// What one key's signature on a note is worth. Not public: only a policy may draw conclusions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// The key did not sign.
    Absent,
    /// The signature is good; a witness's carries its time in seconds since 1970.
    Good { time: Option<u64> },
    /// There is a line of this key, and it is false.
    False,
}

impl VerifierKey {
    fn new(name: &str, kind: KeyKind, public: &[u8; 32]) -> Result<VerifierKey, NoteError> {
        check_name(name)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(public).map_err(|_| NoteError::WeakKey)?;
        if key.is_weak() {
            return Err(NoteError::WeakKey);
        }
        Ok(VerifierKey { name: name.to_owned(), kind, id: key_id(name, kind, public), key })
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<VerifierKey, NoteError> {
        const FORM: NoteError = NoteError::Key("name+8 hexadecimal digits+base64");
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM);
        };
        check_name(name)?;
        let raw = STANDARD.decode(encoded).map_err(|_| FORM)?;
        let (kind, public) = raw.split_first().ok_or(FORM)?;
        let kind = KeyKind::from_byte(*kind)?;
        let public: &[u8; 32] = public.try_into().map_err(|_| FORM)?;
        let key = VerifierKey::new(name, kind, public)?;
        if hex(key.id) != id {
            return Err(NoteError::KeyId);
        }
        Ok(key)
    }

    /// The name of the key; for a log it is the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a log's key or a witness's.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The raw Ed25519 public key.
    pub fn public_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The text of a note that this key of a log signed, and no other key beside it: of notes that rest on one key alone,
    /// as orders do. Of a checkpoint it says nothing, whose worth hangs on the witness as well; ask a policy there.
    pub fn signed_alone<'a>(&self, note: &'a Note) -> Option<&'a str> {
        let alone = self.kind == KeyKind::Log && note.signatures.len() == 1;
        (alone && self.signed(note) == Signed::Good { time: None }).then_some(note.text.as_str())
    }

    pub(crate) fn signed(&self, note: &Note) -> Signed {
        let mine = note.signatures.iter().find(|s| s.name == self.name && s.key_id == self.id);
        let Some(signature) = mine else { return Signed::Absent };
        let outcome = match self.kind {
            KeyKind::Log => self.check_plain(note, &signature.bytes),
            KeyKind::Witness => self.check_cosignature(note, &signature.bytes),
        };
        outcome.unwrap_or(Signed::False)
    }

    fn check_plain(&self, note: &Note, bytes: &[u8]) -> Option<Signed> {
        let signature = ed25519_dalek::Signature::from_slice(bytes).ok()?;
        self.key.verify_strict(note.text.as_bytes(), &signature).ok()?;
        Some(Signed::Good { time: None })
    }

    fn check_cosignature(&self, note: &Note, bytes: &[u8]) -> Option<Signed> {
        let (time, signature) = bytes.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        if time > MAX_COSIGNATURE_TIME {
            return None;
        }
        let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
        self.key.verify_strict(cosigned_message(time, note).as_bytes(), &signature).ok()?;
        Some(Signed::Good { time: Some(time) })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut raw = vec![self.kind.byte()];
        raw.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(self.id), STANDARD.encode(raw))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

fn cosigned_message(time: u64, note: &Note) -> String {
    format!("cosignature/v1\ntime {time}\n{}", note.text)
}

/// The secret both kinds of signing key hold. Wiped from memory when dropped.
struct Secret {
    name: String,
    id: [u8; 4],
    kind: KeyKind,
    key: ed25519_dalek::SigningKey,
}

impl Secret {
    fn from_seed(name: &str, kind: KeyKind, seed: &[u8; 32]) -> Result<Secret, NoteError> {
        check_name(name)?;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let id = key_id(name, kind, key.verifying_key().as_bytes());
        Ok(Secret { name: name.to_owned(), id, kind, key })
    }

    fn parse(text: &str, expected: KeyKind) -> Result<Secret, NoteError> {
        const FORM: NoteError = NoteError::Key("PRIVATE+KEY+name+8 hexadecimal digits+base64 on one line");
        let line = text.strip_suffix('\n').unwrap_or(text);
        let rest = line.strip_prefix("PRIVATE+KEY+").ok_or(FORM)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FORM);
        };
        let raw = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| FORM)?);
        let (kind, seed) = raw.split_first().ok_or(FORM)?;
        if KeyKind::from_byte(*kind)? != expected {
            return Err(NoteError::Key(match expected {
                KeyKind::Log => "a log's key (type 0x01), not a witness's",
                KeyKind::Witness => "a witness's key (type 0x04), not a log's",
            }));
        }
        let mut seed: [u8; 32] = seed.try_into().map_err(|_| FORM)?;
        let secret = Secret::from_seed(name, expected, &seed);
        seed.zeroize();
        let secret = secret?;
        if hex(secret.id) != id {
            return Err(NoteError::KeyId);
        }
        Ok(secret)
    }

    fn to_text(&self) -> Zeroizing<String> {
        let mut raw = Zeroizing::new([0u8; 33]);
        let (kind, seed) = raw.split_at_mut(1);
        kind.fill(self.kind.byte());
        seed.copy_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(raw.as_slice()));
        Zeroizing::new(format!("PRIVATE+KEY+{}+{}+{}\n", self.name, hex(self.id), encoded.as_str()))
    }

    fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), kind: self.kind, id: self.id, key: self.key.verifying_key() }
    }

    fn signature(&self, bytes: Vec<u8>) -> Signature {
        Signature { name: self.name.clone(), key_id: self.id, bytes }
    }
}

/// A log's signing key (type 0x01). Its name is the origin of the checkpoints it signs.
pub struct SigningKey(Secret);

impl SigningKey {
    /// Makes the key from 32 random bytes, which the caller obtains and wipes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<SigningKey, NoteError> {
        Secret::from_seed(name, KeyKind::Log, seed).map(SigningKey)
    }

    /// Reads the one-line file form `PRIVATE+KEY+name+id+base64`.
    pub fn parse(text: &str) -> Result<SigningKey, NoteError> {
        Secret::parse(text, KeyKind::Log).map(SigningKey)
    }

    /// The file form, with a final newline. The file must be readable by its owner only.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        self.0.verifier()
    }

    /// Signs the note's text and adds the line.
    pub fn sign(&self, note: &mut Note) -> Result<(), NoteError> {
        let signature = self.0.key.sign(note.text.as_bytes());
        note.add(self.0.signature(signature.to_bytes().to_vec()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.0.verifier())
    }
}

/// A witness's cosigning key (type 0x04).
pub struct CosigningKey(Secret);

impl CosigningKey {
    /// Makes the key from 32 random bytes, which the caller obtains and wipes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<CosigningKey, NoteError> {
        Secret::from_seed(name, KeyKind::Witness, seed).map(CosigningKey)
    }

    /// Reads the one-line file form `PRIVATE+KEY+name+id+base64`.
    pub fn parse(text: &str) -> Result<CosigningKey, NoteError> {
        Secret::parse(text, KeyKind::Witness).map(CosigningKey)
    }

    /// The file form, with a final newline. The file must be readable by its owner only.
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// The name of the key.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        self.0.verifier()
    }

    /// The cosignature of `note` at `time` (seconds since 1970). The caller has checked the head for consistency.
    pub fn cosign(&self, note: &Note, time: u64) -> Result<Signature, NoteError> {
        if time > MAX_COSIGNATURE_TIME {
            return Err(NoteError::Time);
        }
        let signature = self.0.key.sign(cosigned_message(time, note).as_bytes());
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend_from_slice(&signature.to_bytes());
        Ok(self.0.signature(bytes))
    }
}

impl fmt::Debug for CosigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CosigningKey({}, secret)", self.0.verifier())
    }
}

#[cfg(test)]
mod tests;
