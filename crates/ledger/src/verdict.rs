//! What a bundle is worth: intact, altered (and where), cut, older than what the city kept, forked, or not signed by
//! those who should have signed. One function, [`verify`]; the page `web/verify.html` does the same in its own way,
//! and both must give the same verdict for every file in `docs/formats/golden/bundles`.

mod compare;
mod heads;
mod lines;
mod report;
mod words;

pub use compare::How;
pub use report::{HeadReport, HeadResult, Line, Report, WitnessReport};
pub use words::{LIMITS_EN, LIMITS_JA};

use crate::bundle::{BundleError, Header, MAX_TREE, Reader};
use crate::checkpoint::Checkpoint;
use crate::note::{Note, NoteError};
use crate::policy::{Level, LogSigned, Policy, PolicyError, PolicySyntax};
use crate::proof::verify_range;
use compare::{Difference, compare};
use lines::Reading;
use std::collections::HashSet;
use std::io::{self, BufRead};
use std::num::NonZeroUsize;

/// The outcome in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Verdict {
    /// 無傷: everything in the file is proved.
    Intact,
    /// 照合できない: a head the city kept cannot be compared with this file.
    Unproved,
    /// 読めない: the file, the policy, a kept head or an entry cannot be read.
    Unreadable,
    /// 署名が方針を満たさない: a key is foreign, or a signature is missing or false.
    Signature,
    /// 手元の記録より古い: the city holds a newer head.
    Older,
    /// 末尾欠落: the newest entries were cut off.
    TailMissing,
    /// 改ざん: an entry or the header was changed.
    Altered,
    /// 分岐: two heads of the same log contradict each other.
    Forked,
}

impl Verdict {
    /// The name in `--json` and in golden files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Intact => "intact",
            Verdict::Unproved => "unproved",
            Verdict::Unreadable => "unreadable",
            Verdict::Signature => "signature",
            Verdict::Older => "older",
            Verdict::TailMissing => "tail_missing",
            Verdict::Altered => "altered",
            Verdict::Forked => "forked",
        }
    }

    /// 0 intact, 1 could not be done, 3 verified and found wanting.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Intact => 0,
            Verdict::Unproved | Verdict::Unreadable => 1,
            Verdict::Signature
            | Verdict::Older
            | Verdict::TailMissing
            | Verdict::Altered
            | Verdict::Forked => 3,
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The header cannot be read.
    BundleUnreadable(String),
    /// The policy cannot be followed.
    PolicyUnreadable(PolicySyntax),
    /// A kept head cannot be read.
    HeadUnreadable(String),
    /// A proved entry is not of a form this verifier knows.
    EntryUnreadable {
        /// Its number.
        at: u64,
        /// How many there are.
        count: u64,
    },
    /// The bundle's checkpoint is not signed as the policy asks.
    Signature(PolicyError),
    /// A kept head is not signed by the log of the policy, or is of another log.
    ForeignHead(String),
    /// The bundle's tree does not continue a kept head.
    ForkedFromHead {
        /// The name of the kept head.
        head: String,
        /// Its size.
        size: u64,
    },
    /// The bundle's tree does not continue a checkpoint that the log had signed before.
    ForkedFromPublished {
        /// The size of that checkpoint.
        size: u64,
    },
    /// An entry was made under a head that this tree does not continue.
    ForkedDecision {
        /// Number of the entry.
        at: u64,
        /// Size of the head it names.
        size: u64,
    },
    /// An entry was changed, moved, cut out or put in.
    Entry {
        /// The first number that differs.
        at: u64,
        /// In which way.
        how: How,
        /// How many places differ from there on.
        count: u64,
    },
    /// Something was changed, and the header no longer says where.
    EntrySomewhere,
    /// The header was changed.
    Header(&'static str),
    /// A disclosed personal text is not the true one (counted from 1).
    Personal(usize),
    /// The newest entries are not in the file.
    TailMissing {
        /// The first that is missing.
        at: u64,
        /// How many.
        missing: u64,
    },
    /// The city holds a newer head.
    Older {
        /// The name of the kept head.
        head: String,
        /// Its size.
        held: u64,
        /// The size the bundle shows.
        shown: u64,
    },
    /// A kept head cannot be compared: it lies before this range, and the file has no proof for it.
    HeadUnproved {
        /// The name of the kept head.
        head: String,
        /// Its size.
        size: u64,
    },
}

impl Finding {
    /// The verdict this finding alone would give.
    pub fn verdict(&self) -> Verdict {
        match self {
            Finding::BundleUnreadable(_)
            | Finding::PolicyUnreadable(_)
            | Finding::HeadUnreadable(_)
            | Finding::EntryUnreadable { .. } => Verdict::Unreadable,
            Finding::Signature(_) | Finding::ForeignHead(_) => Verdict::Signature,
            Finding::ForkedFromHead { .. }
            | Finding::ForkedFromPublished { .. }
            | Finding::ForkedDecision { .. } => Verdict::Forked,
            Finding::Entry { .. } | Finding::EntrySomewhere | Finding::Header(_) | Finding::Personal(_) => {
                Verdict::Altered
            }
            Finding::TailMissing { .. } => Verdict::TailMissing,
            Finding::Older { .. } => Verdict::Older,
            Finding::HeadUnproved { .. } => Verdict::Unproved,
        }
    }

    /// The number of the entry it speaks of.
    #[must_use]
    pub fn at(&self) -> Option<u64> {
        match self {
            Finding::EntryUnreadable { at, .. }
            | Finding::ForkedDecision { at, .. }
            | Finding::Entry { at, .. }
            | Finding::TailMissing { at, .. } => Some(*at),
            Finding::BundleUnreadable(_)
            | Finding::PolicyUnreadable(_)
            | Finding::HeadUnreadable(_)
            | Finding::Signature(_)
            | Finding::ForeignHead(_)
            | Finding::ForkedFromHead { .. }
            | Finding::ForkedFromPublished { .. }
            | Finding::EntrySomewhere
            | Finding::Header(_)
            | Finding::Personal(_)
            | Finding::Older { .. }
            | Finding::HeadUnproved { .. } => None,
        }
    }

    /// In which way something was altered, where that is what was found.
    #[must_use]
    pub fn how(&self) -> Option<How> {
        match self {
            Finding::Entry { how, .. } => Some(*how),
            Finding::EntrySomewhere => Some(How::Unknown),
            Finding::Header(_) => Some(How::Header),
            Finding::Personal(_) => Some(How::Personal),
            Finding::BundleUnreadable(_)
            | Finding::PolicyUnreadable(_)
            | Finding::HeadUnreadable(_)
            | Finding::EntryUnreadable { .. }
            | Finding::Signature(_)
            | Finding::ForeignHead(_)
            | Finding::ForkedFromHead { .. }
            | Finding::ForkedFromPublished { .. }
            | Finding::ForkedDecision { .. }
            | Finding::TailMissing { .. }
            | Finding::Older { .. }
            | Finding::HeadUnproved { .. } => None,
        }
    }
}

/// A head that the city kept: the text of a signed note, and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHead {
    /// Shown in findings.
    pub name: String,
    /// The signed note.
    pub text: String,
}

/// With what to verify.
#[derive(Debug, Clone)]
pub struct Means<'a> {
    /// The verifier's own policy. Without it the bundle's own is used, and the report says so.
    pub policy: Option<&'a str>,
    /// Heads the verifier kept.
    pub heads: &'a [KeptHead],
    /// How many threads hash the entries.
    pub workers: NonZeroUsize,
}

/// Verifies a bundle.
///
/// # Errors
/// Only when the input cannot be read; everything else is a finding in the report.
pub fn verify(input: impl BufRead, means: &Means<'_>) -> io::Result<Report> {
    let mut report = Report { own_policy: means.policy.is_some(), ..Report::default() };
    let reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(BundleError::Io(error)) => return Err(error),
        Err(error) => return Ok(report.ended_by(Finding::BundleUnreadable(error.to_string()))),
    };
    let sum_is_true = reader.sum_is_true();
    let (header, mut lines) = reader.into_parts();
    report.describe(&header);
    let (policy, signed) = match signed_head(&header, means, &mut report) {
        Ok(trusted) => trusted,
        Err(finding) => return Ok(report.ended_by(finding)),
    };
    let wanted: HashSet<&str> = header.personal.iter().map(|personal| personal.digest.as_str()).collect();
    let promised = header.leaves.0.len();
    let reading = lines::read(&mut lines, promised, &wanted, means.workers)?;
    report.read = reading.leaves.len().min(promised) as u64;

    let proved = judge_entries(&header, signed.checkpoint(), &reading, &mut report);
    let sizes = heads::sizes(&header, means.heads, &reading);
    let roots = heads::roots(&header, proved, sizes.into_iter());
    let trust = heads::Trust { policy: &policy, checkpoint: signed.checkpoint(), header: &header, roots };
    trust.judge_published(&mut report);
    trust.judge_kept(means.heads, &mut report);
    if let Some(proved) = proved {
        trust.judge_decisions(proved, &reading, &mut report);
        judge_forms(&header, proved, &reading, &mut report);
    }
    judge_header(&header, signed.checkpoint(), sum_is_true, &reading, &mut report);
    Ok(report.ended())
}

/// The policy in force and the checkpoint that the log stands by. A quorum that is not met is a finding, but the
/// tree is examined all the same, so that damage is named too.
fn signed_head(
    header: &Header,
    means: &Means<'_>,
    report: &mut Report,
) -> Result<(Policy, LogSigned), Finding> {
    let policy = means.policy.unwrap_or(&header.policy);
    let policy = Policy::parse(policy).map_err(Finding::PolicyUnreadable)?;
    let unreadable = |error: NoteError| Finding::BundleUnreadable(format!("its checkpoint: {error}"));
    let note = Note::parse(&header.checkpoint).map_err(unreadable)?;
    let signed = match policy.check(&note) {
        Ok(verified) => {
            report.level = Some(verified.level());
            if verified.level() == Level::Cosigned {
                report.cosigned = Some(verified.checkpoint().size());
            }
            verified.into_signed()
        }
        Err(PolicyError::QuorumNotMet { quorum, signed }) => {
            report.level = Some(Level::LogOnly);
            report.find(Finding::Signature(PolicyError::QuorumNotMet { quorum, signed: signed.clone() }));
            signed
        }
        Err(PolicyError::Checkpoint(error)) => {
            return Err(Finding::BundleUnreadable(format!("its checkpoint: {error}")));
        }
        Err(error) => return Err(Finding::Signature(error)),
    };
    if signed.checkpoint().size() > MAX_TREE {
        return Err(Finding::BundleUnreadable("its tree is larger than this format allows".to_owned()));
    }
    report.signed(&signed);
    Ok((policy, signed))
}

/// Finds out which leaves are proved, and compares the lines with them. `None`: nothing is proved.
fn judge_entries<'a>(
    header: &'a Header,
    head: &Checkpoint,
    reading: &'a Reading,
    report: &mut Report,
) -> Option<&'a [crate::Hash]> {
    let proves = |leaves: &[crate::Hash]| {
        verify_range(&head.root(), head.size(), header.first, leaves, &header.proof).is_ok()
    };
    if header.count == 0 && head.size() != 0 {
        report.find(Finding::Header("count"));
        return None;
    }
    if !proves(&header.leaves.0) {
        if reading.leaves.len() == header.leaves.0.len() && proves(&reading.leaves) {
            report.find(Finding::Header("leaves"));
            return Some(&reading.leaves);
        }
        report.find(Finding::EntrySomewhere);
        return None;
    }
    let number = |index: usize| header.first + index as u64;
    match compare(&reading.leaves, &header.leaves.0) {
        Difference::Same if reading.cut => {
            report.find(Finding::Entry { at: number(reading.leaves.len()), how: How::Added, count: 1 });
        }
        Difference::Same => report.proved = true,
        Difference::Tail { at, missing } => {
            report.find(Finding::TailMissing { at: number(at), missing: missing as u64 });
        }
        Difference::At { at, how, count } => {
            report.find(Finding::Entry { at: number(at), how, count: count as u64 });
        }
    }
    Some(&header.leaves.0)
}

/// Entries that are proved but are no entries v1, and times that run backwards.
fn judge_forms(header: &Header, proved: &[crate::Hash], reading: &Reading, report: &mut Report) {
    let genuine = |line: &&usize| reading.leaves.get(**line) == proved.get(**line);
    let mut odd = reading.not_entries.iter().filter(genuine);
    if let Some(first) = odd.next() {
        let count = 1 + odd.count() as u64;
        report.find(Finding::EntryUnreadable { at: header.first + *first as u64, count });
    }
    if let Some(found) = reading.backwards.filter(|_| report.proved) {
        let (ja, en) = words::backwards(header.first + found.first as u64, found.count);
        report.note(ja, en);
    }
}

/// What only the header says: personal texts, the origin, and its own checksum.
fn judge_header(
    header: &Header,
    head: &Checkpoint,
    sum_is_true: bool,
    reading: &Reading,
    report: &mut Report,
) {
    for (index, personal) in header.personal.iter().enumerate() {
        if !personal.is_true() {
            report.find(Finding::Personal(index + 1));
        } else if !reading.mentioned.contains(&personal.digest) {
            let (ja, en) = words::unmentioned(index + 1);
            report.note(ja, en);
        }
    }
    if header.origin != head.origin() {
        report.find(Finding::Header("origin"));
    } else if !sum_is_true {
        report.find(Finding::Header("sum"));
    }
    if header.count < head.size() {
        let (ja, en) = words::partial(header.first, header.count, head.size());
        report.note(ja, en);
    }
    if !report.own_policy {
        let (ja, en) = words::policy_of_the_maker();
        report.note(ja, en);
    }
}
