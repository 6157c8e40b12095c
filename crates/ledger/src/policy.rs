//! Whose signatures make a checkpoint believable: C2SP `tlog-policy` files.
//!
//! ```text
//! log     yakujo.example/main+…            the contractor's log
//! witness city city.example/witness+…      the city's own witness
//! quorum  city
//! ```
//!
//! Two levels are two types, so that they cannot be confused: [`LogSigned`] says only that the log stands by the
//! checkpoint; [`Verified`] says that the quorum of this policy is met, which for a policy that names the city's
//! witness means that the city itself has seen this head.

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{KeyKind, MAX_NAME_BYTES, Note, NoteError, Signed, VerifierKey};
use std::fmt;

/// The longest policy file, in bytes.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;

/// The largest number of logs, of witnesses and of groups (the specification asks for at least 32).
pub const MAX_DEFINITIONS: usize = 64;

/// A policy: known logs, known witnesses, and the quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    members: Vec<Member>,
    /// Index into `members`, or none for `quorum none`.
    quorum: Option<usize>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    name: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Witness(VerifierKey),
    /// At least `needed` of the members before this one.
    Group {
        needed: usize,
        of: Vec<usize>,
    },
}

/// A line of a policy file that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy line {line}: {problem}")]
pub struct PolicySyntax {
    /// Counted from 1; 0 speaks of the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub problem: SyntaxProblem,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxProblem {
    /// Longer than [`MAX_POLICY_BYTES`].
    #[error("the file is longer than {MAX_POLICY_BYTES} bytes")]
    TooLong,
    /// A control character other than tab and newline.
    #[error("control characters other than tab and newline are not allowed")]
    ControlCharacter,
    /// Neither log, witness, group nor quorum, or a wrong number of words.
    #[error("expected `log VKEY`, `witness NAME VKEY`, `group NAME all|any|N NAME…` or `quorum NAME|none`")]
    Form,
    /// The key cannot be read.
    #[error("{0}")]
    Key(NoteError),
    /// A witness key where a log key belongs, or the other way round.
    #[error("a key of the wrong type: logs sign with type 0x01, witnesses with type 0x04")]
    KeyKind,
    /// The same public key, or the same name, defined twice.
    #[error("this key or name is already defined")]
    Duplicate,
    /// A name that no line before this one defines.
    #[error("the name is not defined on a line before this one")]
    Unknown,
    /// `none` used as a name, or a name that is too long.
    #[error("the name is not allowed")]
    Name,
    /// A group that asks for none, or for more members than it has, or takes a member twice or from another group.
    #[error("a group needs 1 to N of its N members, each a member of one group only")]
    Group,
    /// More than [`MAX_DEFINITIONS`] of a kind.
    #[error("more than {MAX_DEFINITIONS} definitions")]
    TooMany,
    /// No quorum line, or two.
    #[error("a policy has exactly one quorum line")]
    Quorum,
}

/// Why a note does not satisfy the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text under the signatures is no checkpoint.
    #[error("the signed text is no checkpoint")]
    Checkpoint(#[source] CheckpointError),
    /// No log of the policy has this origin: another ledger, or a ledger with another name.
    #[error("the policy names no log `{origin}`; this checkpoint is of another ledger")]
    UnknownLog {
        /// The origin the checkpoint claims.
        origin: String,
    },
    /// No signature by the log's key: unsigned, or signed by a key that is not the agreed one.
    #[error(
        "`{origin}` has not signed with the key in the policy; the key is foreign or the signature missing"
    )]
    LogSignatureMissing {
        /// The origin the checkpoint claims.
        origin: String,
    },
    /// A line names a key of the policy, but its signature is false.
    #[error("the signature in the name of `{name}` is false")]
    FalseSignature {
        /// The name of the key.
        name: String,
    },
    /// Signed by the log, but not cosigned by enough witnesses.
    #[error("signed by the log only: the quorum `{quorum}` of witnesses is not met")]
    QuorumNotMet {
        /// The name in the quorum line.
        quorum: String,
        /// What is established nevertheless.
        signed: LogSigned,
    },
}

/// A checkpoint signed by a log of the policy, without regard to witnesses. Enough to continue a log one keeps
/// oneself or to be cosigned; not enough to be shown as verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct LogSigned {
    checkpoint: Checkpoint,
    witnesses: Vec<Witnessed>,
}

impl LogSigned {
    /// The checkpoint the log stands by.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The witnesses of the policy that cosigned it, whether or not they are enough.
    pub fn witnesses(&self) -> &[Witnessed] {
        &self.witnesses
    }
}

/// A witness's good cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The witness's name in the policy.
    pub name: String,
    /// When it cosigned, in seconds since 1970, by its own clock.
    pub time: u64,
}

/// How far the verification reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Level {
    /// The policy asks for no witness: only the log stands by the checkpoint. It could show others another ledger.
    LogOnly,
    /// The quorum of witnesses has seen and cosigned this head.
    Cosigned,
}

/// A checkpoint that satisfies the whole policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verified {
    signed: LogSigned,
    level: Level,
}

impl Verified {
    /// The verified checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.signed.checkpoint
    }

    /// The witnesses of the policy that cosigned it.
    pub fn witnesses(&self) -> &[Witnessed] {
        &self.signed.witnesses
    }

    /// The same without the level: for what needs only the log's word.
    pub fn into_signed(self) -> LogSigned {
        self.signed
    }

    /// Whether witnesses were needed, or only the log's own signature.
    pub fn level(&self) -> Level {
        self.level
    }
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(text: &str) -> Result<Policy, PolicySyntax> {
        let whole = |problem| PolicySyntax { line: 0, problem };
        if text.len() > MAX_POLICY_BYTES {
            return Err(whole(SyntaxProblem::TooLong));
        }
        let mut reader = Reader::default();
        for (index, line) in text.split('\n').enumerate() {
            reader.line(line).map_err(|problem| PolicySyntax { line: index + 1, problem })?;
        }
        let quorum = reader.quorum.ok_or(whole(SyntaxProblem::Quorum))?;
        Ok(Policy { logs: reader.logs, members: reader.members, quorum, text: text.to_owned() })
    }

    /// The policy "this log, and this witness of the city".
    pub fn of_log_and_witness(log: &VerifierKey, witness: &VerifierKey) -> Result<Policy, PolicySyntax> {
        Policy::parse(&format!("log {log}\nwitness city {witness}\nquorum city\n"))
    }

    /// The policy "this log": what there is before the city has a witness.
    pub fn of_log(log: &VerifierKey) -> Result<Policy, PolicySyntax> {
        Policy::parse(&format!("log {log}\nquorum none\n"))
    }

    /// The file as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Checks the log's signature only. Signatures of unknown keys are ignored; a false one of a known key is not.
    pub fn log_signed(&self, note: &Note) -> Result<LogSigned, PolicyError> {
        let checkpoint = Checkpoint::parse(note.text()).map_err(PolicyError::Checkpoint)?;
        let origin = checkpoint.origin();
        let mut known = self.logs.iter().filter(|key| key.name() == origin).peekable();
        if known.peek().is_none() {
            return Err(PolicyError::UnknownLog { origin: origin.to_owned() });
        }
        let mut by_log = false;
        for key in known {
            by_log |= good(key, note)?.is_some();
        }
        if !by_log {
            return Err(PolicyError::LogSignatureMissing { origin: origin.to_owned() });
        }
        let witnesses = self.witnesses_of(note)?;
        Ok(LogSigned { checkpoint, witnesses })
    }

    /// Checks the whole policy: the log's signature and the quorum of witnesses.
    pub fn check(&self, note: &Note) -> Result<Verified, PolicyError> {
        let signed = self.log_signed(note)?;
        let Some(quorum) = self.quorum else {
            return Ok(Verified { signed, level: Level::LogOnly });
        };
        if self.met(quorum, &signed.witnesses) {
            return Ok(Verified { signed, level: Level::Cosigned });
        }
        let quorum = self.members.get(quorum).map(|m| m.name.clone()).unwrap_or_default();
        Err(PolicyError::QuorumNotMet { quorum, signed })
    }

    fn witnesses_of(&self, note: &Note) -> Result<Vec<Witnessed>, PolicyError> {
        let mut found = Vec::new();
        for member in &self.members {
            if let Rule::Witness(key) = &member.rule
                && let Some(time) = good(key, note)?
            {
                found.push(Witnessed { name: member.name.clone(), time: time.unwrap_or(0) });
            }
        }
        Ok(found)
    }

    /// Members refer only to members before them, so one pass in order decides all of them.
    fn met(&self, quorum: usize, witnesses: &[Witnessed]) -> bool {
        let mut met: Vec<bool> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let this = match &member.rule {
                Rule::Witness(_) => witnesses.iter().any(|w| w.name == member.name),
                Rule::Group { needed, of } => {
                    of.iter().filter(|&&i| met.get(i).copied().unwrap_or(false)).count() >= *needed
                }
            };
            met.push(this);
        }
        met.get(quorum).copied().unwrap_or(false)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The outer `None`: this key did not sign. The inner value: the time of a cosignature.
fn good(key: &VerifierKey, note: &Note) -> Result<Option<Option<u64>>, PolicyError> {
    match key.signed(note) {
        Signed::Absent => Ok(None),
        Signed::Good { time } => Ok(Some(time)),
        Signed::False => Err(PolicyError::FalseSignature { name: key.name().to_owned() }),
    }
}

/// The state of reading a policy file line by line.
#[derive(Default)]
struct Reader {
    logs: Vec<VerifierKey>,
    members: Vec<Member>,
    grouped: Vec<usize>,
    quorum: Option<Option<usize>>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), SyntaxProblem> {
        if line.bytes().any(|b| b == 0x7f || (b < 0x20 && b != b'\t')) {
            return Err(SyntaxProblem::ControlCharacter);
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] | ["log", key, _] => self.log(key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key),
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.set_quorum(name),
            _ => Err(SyntaxProblem::Form),
        }
    }

    fn log(&mut self, key: &str) -> Result<(), SyntaxProblem> {
        let key = key_of(key, KeyKind::Log)?;
        if self.logs.len() >= MAX_DEFINITIONS {
            return Err(SyntaxProblem::TooMany);
        }
        if self.logs.iter().any(|known| known.public_bytes() == key.public_bytes()) {
            return Err(SyntaxProblem::Duplicate);
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), SyntaxProblem> {
        let key = key_of(key, KeyKind::Witness)?;
        let known =
            |m: &Member| matches!(&m.rule, Rule::Witness(k) if k.public_bytes() == key.public_bytes());
        if self.members.iter().any(known) {
            return Err(SyntaxProblem::Duplicate);
        }
        self.define(name, Rule::Witness(key))
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), SyntaxProblem> {
        let needed = match threshold {
            "all" => members.len(),
            "any" => 1,
            number if number.bytes().all(|b| b.is_ascii_digit()) => {
                number.parse().map_err(|_| SyntaxProblem::Group)?
            }
            _ => return Err(SyntaxProblem::Form),
        };
        if needed < 1 || needed > members.len() {
            return Err(SyntaxProblem::Group);
        }
        let mut of = Vec::with_capacity(members.len());
        for member in members {
            let index = self.position(member)?;
            if self.grouped.contains(&index) {
                return Err(SyntaxProblem::Group);
            }
            self.grouped.push(index);
            of.push(index);
        }
        self.define(name, Rule::Group { needed, of })
    }

    fn define(&mut self, name: &str, rule: Rule) -> Result<(), SyntaxProblem> {
        if name == "none" || name.len() > MAX_NAME_BYTES {
            return Err(SyntaxProblem::Name);
        }
        if self.members.len() >= 2 * MAX_DEFINITIONS {
            return Err(SyntaxProblem::TooMany);
        }
        if self.members.iter().any(|m| m.name == name) {
            return Err(SyntaxProblem::Duplicate);
        }
        self.members.push(Member { name: name.to_owned(), rule });
        Ok(())
    }

    fn position(&self, name: &str) -> Result<usize, SyntaxProblem> {
        self.members.iter().position(|m| m.name == name).ok_or(SyntaxProblem::Unknown)
    }

    fn set_quorum(&mut self, name: &str) -> Result<(), SyntaxProblem> {
        if self.quorum.is_some() {
            return Err(SyntaxProblem::Quorum);
        }
        self.quorum = Some(if name == "none" { None } else { Some(self.position(name)?) });
        Ok(())
    }
}

fn key_of(text: &str, kind: KeyKind) -> Result<VerifierKey, SyntaxProblem> {
    let key = VerifierKey::parse(text).map_err(SyntaxProblem::Key)?;
    if key.kind() != kind {
        return Err(SyntaxProblem::KeyKind);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::leaf_hash;
    use crate::note::{CosigningKey, SigningKey};
    use proptest::prelude::*;

    fn log() -> SigningKey {
        SigningKey::from_seed("yakujo.example/main", &[1; 32]).unwrap()
    }

    fn witness(seed: u8) -> CosigningKey {
        CosigningKey::from_seed(&format!("city.example/w{seed}"), &[seed; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint::new("yakujo.example/main", 5, leaf_hash(b"x")).unwrap()
    }

    fn cosigned_by(seeds: &[u8]) -> Note {
        let mut note = checkpoint().sign(&log()).unwrap();
        for &seed in seeds {
            let line = witness(seed).cosign(&note, 1000 + u64::from(seed)).unwrap();
            note.add(line).unwrap();
        }
        note
    }

    fn city() -> Policy {
        Policy::of_log_and_witness(&log().verifier(), &witness(2).verifier()).unwrap()
    }

    #[test]
    fn the_citys_policy_needs_the_log_and_the_citys_witness() {
        let verified = city().check(&cosigned_by(&[2])).unwrap();
        assert_eq!(verified.level(), Level::Cosigned);
        assert_eq!(verified.checkpoint(), &checkpoint());
        assert_eq!(verified.witnesses(), [Witnessed { name: "city".into(), time: 1002 }]);
    }

    #[test]
    fn signed_by_the_log_only_is_told_apart_and_not_verified() {
        let PolicyError::QuorumNotMet { quorum, signed } = city().check(&cosigned_by(&[])).unwrap_err()
        else {
            panic!("not the quorum");
        };
        assert_eq!((quorum.as_str(), signed.checkpoint()), ("city", &checkpoint()));
        assert!(city().check(&cosigned_by(&[3])).is_err(), "a stranger's cosignature does not count");
        let log_only = Policy::of_log(&log().verifier()).unwrap();
        assert_eq!(log_only.check(&cosigned_by(&[2])).unwrap().level(), Level::LogOnly);
    }

    #[test]
    fn a_cosignature_without_the_log_is_nothing() {
        let mut note = Note::unsigned(&checkpoint().to_string()).unwrap();
        note.add(witness(2).cosign(&note, 7).unwrap()).unwrap();
        assert!(matches!(city().check(&note), Err(PolicyError::LogSignatureMissing { .. })));
    }

    #[test]
    fn a_foreign_key_of_the_same_name_and_another_origin_are_refused() {
        let foreign = SigningKey::from_seed("yakujo.example/main", &[9; 32]).unwrap();
        let note = checkpoint().sign(&foreign).unwrap();
        assert!(matches!(city().check(&note), Err(PolicyError::LogSignatureMissing { .. })));
        let other = Checkpoint::new("other", 5, leaf_hash(b"x")).unwrap().sign(&log()).unwrap();
        assert!(matches!(city().check(&other), Err(PolicyError::UnknownLog { .. })));
    }

    #[test]
    fn a_false_signature_of_a_known_key_spoils_the_note() {
        let other = Checkpoint::new("yakujo.example/main", 6, leaf_hash(b"x")).unwrap();
        let mut note = other.sign(&log()).unwrap();
        for line in cosigned_by(&[2]).signatures() {
            if line.name() == "city.example/w2" {
                note.add(line.clone()).unwrap();
            }
        }
        let log_only = Policy::parse(&format!(
            "log {}\nwitness city {}\nquorum none\n",
            log().verifier(),
            witness(2).verifier()
        ));
        let wrong = Err(PolicyError::FalseSignature { name: "city.example/w2".into() });
        assert_eq!(log_only.unwrap().check(&note), wrong);
    }

    #[test]
    fn groups_count_as_the_specification_says() {
        let mut text = format!("# cities\nlog {} https://example.invalid/\n", log().verifier());
        for seed in 2..6 {
            text += &format!("witness w{seed} {}\n", witness(seed).verifier());
        }
        text += "group two 2 w2 w3 w4\n\tgroup both all two w5\nquorum both\n";
        let policy = Policy::parse(&text).unwrap();
        for (cosigners, met) in [
            (&[2, 3, 5][..], true),
            (&[3, 4, 5], true),
            (&[2, 3, 4], false),
            (&[2, 5], false),
            (&[2, 3, 4, 5], true),
            (&[], false),
        ] {
            assert_eq!(policy.check(&cosigned_by(cosigners)).is_ok(), met, "{cosigners:?}");
        }
    }

    #[test]
    fn a_policy_that_cannot_be_followed_is_refused_with_its_line() {
        let (l, w) = (log().verifier(), witness(2).verifier());
        use SyntaxProblem as P;
        for (text, line, problem) in [
            (format!("log {l}\n"), 0, P::Quorum),
            (format!("log {l}\nquorum none\nquorum none\n"), 3, P::Quorum),
            (format!("log {l}\nlog {l}\nquorum none\n"), 2, P::Duplicate),
            (format!("log {w}\nquorum none\n"), 1, P::KeyKind),
            (format!("witness a {l}\nquorum a\n"), 1, P::KeyKind),
            (format!("witness none {w}\n"), 1, P::Name),
            (format!("witness a {w}\nwitness b {w}\n"), 2, P::Duplicate),
            (format!("log {l}\nquorum city\n"), 2, P::Unknown),
            (format!("witness a {w}\ngroup g 2 a\n"), 2, P::Group),
            (format!("witness a {w}\ngroup g 0 a\n"), 2, P::Group),
            (format!("witness a {w}\ngroup g all\n"), 2, P::Group),
            (format!("witness a {w}\ngroup g any a\ngroup h any a\n"), 3, P::Group),
            (format!("witness a {w}\ngroup g some a\n"), 2, P::Form),
            ("rule x\n".to_owned(), 1, P::Form),
            ("log a\r\n".to_owned(), 1, P::ControlCharacter),
        ] {
            assert_eq!(Policy::parse(&text), Err(PolicySyntax { line, problem }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_policy_text_panics(text in "((log|witness|group|quorum|a|b|any|all|1|#| |\n|\t){1,3} ?){0,12}") {
            let _ = Policy::parse(&text);
        }
    }
}
