//! The report of a verification, and its JSON form `yakujo-verdict/v1` (`docs/formats/bundle-v1.md`).

use super::{Finding, How, Verdict, words};
use crate::bundle::Header;
use crate::policy::{Level, LogSigned};
use serde_json::{Value, json};

/// The value of `format` in the JSON form.
pub const FORMAT: &str = "yakujo-verdict/v1";

/// Everything the verifier found out.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What was found, worst first once the report is complete.
    pub findings: Vec<Finding>,
    /// Remarks that change nothing about the verdict: Japanese and English.
    pub notes: Vec<Line>,
    /// Whether the verifier's own policy was used.
    pub own_policy: bool,
    /// The contract the maker names.
    pub contract: String,
    /// When the maker says the bundle was made.
    pub made: String,
    /// Number of the first entry in the file.
    pub first: u64,
    /// How many entries the header promises.
    pub count: u64,
    /// How many lines were there.
    pub read: u64,
    /// Origin, size and root of the signed head.
    pub head: Option<(String, u64, String)>,
    /// Whether every line is proved.
    pub proved: bool,
    /// Whose signatures the head bears.
    pub level: Option<Level>,
    /// The largest head of this tree that the quorum of witnesses has cosigned.
    pub cosigned: Option<u64>,
    /// Witnesses of the policy that cosigned the head.
    pub witnesses: Vec<WitnessReport>,
    /// The kept heads, in the order given.
    pub heads: Vec<HeadReport>,
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

/// A witness's cosignature on the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessReport {
    /// The witness's name in the policy.
    pub name: String,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// A kept head and how it compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadReport {
    /// Name of its file.
    pub name: String,
    /// Its size, if it could be read.
    pub size: Option<u64>,
    /// The comparison.
    pub result: HeadResult,
}

/// How a kept head compares with the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum HeadResult {
    /// The same head.
    Same,
    /// The bundle's tree continues it.
    Continued,
    /// The kept head is newer than the bundle.
    Older,
    /// The bundle's tree does not continue it.
    Forked,
    /// It cannot be compared.
    Unproved,
    /// It is of another log or signed by another key.
    Foreign,
    /// It is no signed checkpoint.
    Unreadable,
}

impl HeadResult {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HeadResult::Same => "same",
            HeadResult::Continued => "continued",
            HeadResult::Older => "older",
            HeadResult::Forked => "forked",
            HeadResult::Unproved => "unproved",
            HeadResult::Foreign => "foreign",
            HeadResult::Unreadable => "unreadable",
        }
    }
}

impl Report {
    /// The verdict: that of the worst finding, or intact.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(Finding::verdict).max().unwrap_or(Verdict::Intact)
    }

    /// The worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// The number of the entry at which the worst finding lies.
    #[must_use]
    pub fn at(&self) -> Option<u64> {
        self.worst().and_then(Finding::at)
    }

    /// The JSON form, one object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let verdict = self.verdict();
        let (ja, en) = words::verdict(verdict);
        let findings: Vec<Value> = self.findings.iter().map(finding_json).collect();
        let notes: Vec<Value> = self.notes.iter().map(|n| json!({"ja": n.ja, "en": n.en})).collect();
        let witnesses: Vec<Value> =
            self.witnesses.iter().map(|w| json!({"name": w.name, "time": w.time})).collect();
        let heads: Vec<Value> = self
            .heads
            .iter()
            .map(|h| json!({"name": h.name, "size": h.size, "result": h.result.name()}))
            .collect();
        let (origin, size, root) = match &self.head {
            Some((origin, size, root)) => (Some(origin), Some(size), Some(root)),
            None => (None, None, None),
        };
        json!({
            "format": FORMAT,
            "verdict": verdict.name(), "verdict_ja": ja, "verdict_en": en,
            "at": self.at(), "how": self.worst().and_then(Finding::how).map(how_name),
            "findings": findings, "notes": notes,
            "contract": self.contract, "made": self.made,
            "origin": origin, "size": size, "root": root,
            "first": self.first, "count": self.count, "read": self.read,
            "whole": self.head.as_ref().is_some_and(|(_, size, _)| self.first == 0 && self.count == *size),
            "level": self.level.map(level_name), "cosigned": self.cosigned, "witnesses": witnesses,
            "policy": if self.own_policy { "own" } else { "bundle" },
            "heads": heads,
            "limits_ja": words::LIMITS_JA, "limits_en": words::LIMITS_EN,
        })
    }

    pub(super) fn describe(&mut self, header: &Header) {
        self.contract.clone_from(&header.contract);
        self.made.clone_from(&header.made);
        self.first = header.first;
        self.count = header.count;
    }

    pub(super) fn signed(&mut self, signed: &LogSigned) {
        let head = signed.checkpoint();
        self.head = Some((head.origin().to_owned(), head.size(), head.root().to_string()));
        let witness = |w: &crate::policy::Witnessed| WitnessReport { name: w.name.clone(), time: w.time };
        self.witnesses = signed.witnesses().iter().map(witness).collect();
    }

    pub(super) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn note(&mut self, ja: String, en: String) {
        self.notes.push(Line { ja, en });
    }

    pub(super) fn ended_by(mut self, finding: Finding) -> Report {
        self.find(finding);
        self.ended()
    }

    /// Sorts the findings, worst first, otherwise as found.
    pub(super) fn ended(mut self) -> Report {
        self.findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict()));
        self
    }
}

fn finding_json(finding: &Finding) -> Value {
    let Line { ja, en } = words::finding(finding);
    let how = finding.how().map(how_name);
    json!({"verdict": finding.verdict().name(), "at": finding.at(), "how": how, "ja": ja, "en": en})
}

fn how_name(how: How) -> &'static str {
    match how {
        How::Changed => "changed",
        How::Removed => "removed",
        How::Reordered => "reordered",
        How::Added => "added",
        How::Header => "header",
        How::Personal => "personal",
        How::Unknown => "unknown",
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::LogOnly => "log_only",
        Level::Cosigned => "cosigned",
    }
}
