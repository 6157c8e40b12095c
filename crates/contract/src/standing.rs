//! How a duty stands, and why.

use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The five verdicts (判定).
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// 適合
    Kept,
    /// 不適合
    Broken,
    /// 未確認: no evidence, stale evidence, or nothing agreed to measure it by.
    Unknown,
    /// 例外承認中, until an instant.
    Exempt(Timestamp),
    /// 対象外, agreed by both parties in writing.
    NotApplicable,
}

impl Standing {
    /// The word of `--json` and of the scenario files.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Exempt(_) => "exempt",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// How loudly it must be shown: the worst of several systems stands for all.
    #[must_use]
    pub fn severity(&self) -> u8 {
        match self {
            Self::Broken => 4,
            Self::Unknown => 3,
            Self::Exempt(_) => 2,
            Self::Kept => 1,
            Self::NotApplicable => 0,
        }
    }
}

/// Evidence classes, strongest first (`E1` observed by a program and chained at once … `E5` a bare statement).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EvidenceClass {
    /// Observed by an agent, gateway or scanner and chained at once.
    E1,
    /// Exported from a third system with signature or hash.
    E2,
    /// Document with approval of the other party.
    E3,
    /// Statement of a named person with date and expiry.
    E4,
    /// Statement without expiry: never enough for Kept.
    E5,
}

/// One plain sentence in both languages of the portal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sentence {
    /// 日本語 (です・ます)
    pub ja: String,
    /// English
    pub en: String,
}

impl Sentence {
    /// Both languages at once, so that neither is forgotten.
    #[must_use]
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ja: ja.into(), en: en.into() }
    }
}

/// How many of the things looked at stand how (hosts, documents, accounts …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Kept.
    pub kept: u32,
    /// Broken.
    pub broken: u32,
    /// Unknown.
    pub unknown: u32,
}

/// How many entries a verdict names at most; `evidence_total` tells how many there are.
pub const EVIDENCE_SHOWN: usize = 20;

/// What a judge says of one duty of one system at one instant.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The verdict.
    pub standing: Standing,
    /// One sentence: why.
    pub cause: Sentence,
    /// One sentence: what to do next, and who; empty when nothing is to be done.
    pub next: Sentence,
    /// The entries that say so, at most [`EVIDENCE_SHOWN`], newest or gravest first.
    pub evidence: Vec<EntryNumber>,
    /// How many entries there are in all.
    pub evidence_total: u32,
    /// The weakest class the verdict rests on; none without evidence.
    pub class: Option<EvidenceClass>,
    /// The agreed numbers that decided it.
    pub parameters: Vec<ParameterId>,
    /// The things looked at.
    pub tally: Tally,
}

impl Verdict {
    fn plain(standing: Standing, cause: Sentence, next: Sentence) -> Self {
        Self {
            standing,
            cause,
            next,
            evidence: Vec::new(),
            evidence_total: 0,
            class: None,
            parameters: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// 適合, with the cause.
    pub fn kept(cause: Sentence) -> Self {
        Self::plain(Standing::Kept, cause, Sentence::default())
    }

    /// 不適合, with cause and next action.
    pub fn broken(cause: Sentence, next: Sentence) -> Self {
        Self::plain(Standing::Broken, cause, next)
    }

    /// 未確認: which evidence is missing, and who can supply it.
    pub fn unknown(cause: Sentence, next: Sentence) -> Self {
        Self::plain(Standing::Unknown, cause, next)
    }

    /// Adds the entries it rests on.
    pub fn with_evidence(
        mut self,
        class: EvidenceClass,
        entries: impl IntoIterator<Item = EntryNumber>,
    ) -> Self {
        let mut all: Vec<EntryNumber> = self.evidence.drain(..).chain(entries).collect();
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|entry| seen.insert(*entry));
        self.evidence_total = u32::try_from(all.len()).unwrap_or(u32::MAX);
        all.truncate(EVIDENCE_SHOWN);
        if !all.is_empty() {
            self.class = Some(self.class.map_or(class, |other| other.max(class)));
        }
        self.evidence = all;
        self
    }

    /// Names the parameters that decided it: without agreement on each, the verdict becomes 未確認 (see `court`).
    pub fn measured_by(mut self, parameters: impl IntoIterator<Item = ParameterId>) -> Self {
        self.parameters.extend(parameters);
        self
    }
}

/// The instant as people of the contract read it: `2026-11-22 14:05:03 JST`.
#[must_use]
pub fn jst(instant: Timestamp) -> String {
    instant.to_zoned(crate::calendar::japan()).strftime("%Y-%m-%d %H:%M:%S JST").to_string()
}
