//! Heads against the tree of the bundle: those the city kept, those the log published, and those that entries name.

use super::lines::Reading;
use super::report::{HeadReport, HeadResult, Report};
use super::{Finding, KeptHead, words};
use crate::bundle::Header;
use crate::checkpoint::Checkpoint;
use crate::hash::{Hash, empty_root};
use crate::note::Note;
use crate::policy::{Level, Policy, PolicyError};
use crate::proof::verify_consistency;
use crate::tree::Frontier;
use std::collections::HashMap;

/// The roots that the tree had at those of `sizes` that lie within the proved range (or are 0), in one pass.
pub(super) fn roots(
    header: &Header,
    proved: Option<&[Hash]>,
    sizes: impl Iterator<Item = u64>,
) -> HashMap<u64, Hash> {
    let mut roots = HashMap::from([(0, empty_root())]);
    let (Some(leaves), Some(mut frontier)) = (proved, left_of(header)) else { return roots };
    let mut wanted: Vec<u64> = sizes.filter(|size| *size >= header.first).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut wanted = wanted.into_iter().peekable();
    if wanted.next_if_eq(&frontier.size()).is_some() {
        roots.insert(frontier.size(), frontier.root());
    }
    for leaf in leaves {
        frontier.push(*leaf);
        if wanted.next_if_eq(&frontier.size()).is_some() {
            roots.insert(frontier.size(), frontier.root());
        }
    }
    roots
}

/// What lies left of the range: the first hashes of a range proof are exactly its perfect subtrees.
fn left_of(header: &Header) -> Option<Frontier> {
    let hashes = header.proof.get(..header.first.count_ones() as usize)?.to_vec();
    Frontier::from_parts(header.first, hashes).ok()
}

/// The sizes of all heads that will be compared: kept, published, and named by entries.
pub(super) fn sizes(header: &Header, kept: &[KeptHead], reading: &Reading) -> Vec<u64> {
    let published = header.seen.iter().map(|seen| seen.checkpoint.as_str());
    let notes = published.chain(kept.iter().map(|head| head.text.as_str()));
    let named = notes.filter_map(|note| Checkpoint::parse(Note::parse(note).ok()?.text()).ok());
    named.map(|head| head.size()).chain(reading.seen.iter().map(|seen| seen.size)).collect()
}

/// What heads are compared with.
pub(super) struct Trust<'a> {
    pub policy: &'a Policy,
    pub checkpoint: &'a Checkpoint,
    pub header: &'a Header,
    /// The roots of this tree at earlier sizes, where they can be known.
    pub roots: HashMap<u64, Hash>,
}

impl Trust<'_> {
    /// The older checkpoints in the header: each must be signed by the log and continued by this tree.
    pub fn judge_published(&self, report: &mut Report) {
        for seen in &self.header.seen {
            let Some(old) = self.signed(&seen.checkpoint) else {
                report.find(Finding::Header("seen"));
                continue;
            };
            let (new, size) = (self.checkpoint, old.size());
            if verify_consistency(size, &old.root(), new.size(), &new.root(), &seen.proof).is_ok() {
                self.count_cosigned(&seen.checkpoint, report);
            } else if self.root_at(size).is_some_and(|root| root != old.root()) {
                report.find(Finding::ForkedFromPublished { size });
            } else {
                report.find(Finding::Header("seen"));
            }
        }
    }

    /// The heads the city kept.
    pub fn judge_kept(&self, kept: &[KeptHead], report: &mut Report) {
        for head in kept {
            let (size, result) = self.kept(head);
            let name = head.name.clone();
            match result {
                HeadResult::Same | HeadResult::Continued => self.count_cosigned(&head.text, report),
                HeadResult::Older => {
                    let (held, shown) = (size.unwrap_or(0), self.checkpoint.size());
                    report.find(Finding::Older { head: name, held, shown });
                }
                HeadResult::Forked => {
                    report.find(Finding::ForkedFromHead { head: name, size: size.unwrap_or(0) });
                }
                HeadResult::Unproved => {
                    report.find(Finding::HeadUnproved { head: name, size: size.unwrap_or(0) });
                }
                HeadResult::Foreign => report.find(Finding::ForeignHead(name)),
                HeadResult::Unreadable => report.find(Finding::HeadUnreadable(name)),
            }
            report.heads.push(HeadReport { name: head.name.clone(), size, result });
        }
    }

    fn kept(&self, head: &KeptHead) -> (Option<u64>, HeadResult) {
        let Ok(note) = Note::parse(&head.text) else { return (None, HeadResult::Unreadable) };
        let old = match self.policy.log_signed(&note) {
            Ok(signed) => signed.checkpoint().clone(),
            Err(PolicyError::Checkpoint(_)) => return (None, HeadResult::Unreadable),
            Err(_) => return (None, HeadResult::Foreign),
        };
        let size = Some(old.size());
        if old.origin() != self.checkpoint.origin() {
            return (size, HeadResult::Foreign);
        }
        (size, self.against(&old))
    }

    fn against(&self, old: &Checkpoint) -> HeadResult {
        if old.size() > self.checkpoint.size() {
            return HeadResult::Older;
        }
        if let Some(root) = self.root_at(old.size()) {
            return match (root == old.root(), old.size() == self.checkpoint.size()) {
                (false, _) => HeadResult::Forked,
                (true, true) => HeadResult::Same,
                (true, false) => HeadResult::Continued,
            };
        }
        self.by_published(old)
    }

    /// A kept head outside the range is proved by a published checkpoint of the same size, if there is one.
    fn by_published(&self, old: &Checkpoint) -> HeadResult {
        let new = self.checkpoint;
        for seen in &self.header.seen {
            let Some(published) = self.signed(&seen.checkpoint).filter(|seen| seen.size() == old.size())
            else {
                continue;
            };
            let (size, root) = (published.size(), published.root());
            if verify_consistency(size, &root, new.size(), &new.root(), &seen.proof).is_ok() {
                return if root == old.root() { HeadResult::Continued } else { HeadResult::Forked };
            }
        }
        HeadResult::Unproved
    }

    /// The root of this tree at an earlier size, where it can be known.
    fn root_at(&self, size: u64) -> Option<Hash> {
        if size == self.checkpoint.size() {
            return Some(self.checkpoint.root());
        }
        self.roots.get(&size).copied()
    }

    /// A checkpoint of this log, signed by it, in a note.
    fn signed(&self, note: &str) -> Option<Checkpoint> {
        let signed = self.policy.log_signed(&Note::parse(note).ok()?).ok()?;
        let same_log = signed.checkpoint().origin() == self.checkpoint.origin();
        same_log.then(|| signed.checkpoint().clone())
    }

    /// Remembers up to which entry the quorum of witnesses stands by this tree.
    fn count_cosigned(&self, note: &str, report: &mut Report) {
        let Ok(note) = Note::parse(note) else { return };
        if let Ok(verified) = self.policy.check(&note)
            && verified.level() == Level::Cosigned
        {
            report.cosigned = report.cosigned.max(Some(verified.checkpoint().size()));
        }
    }

    /// The heads that entries were made under: each must be a beginning of this tree, and older than its entry.
    pub fn judge_decisions(&self, proved: &[Hash], reading: &Reading, report: &mut Report) {
        let mut unproved = 0;
        for seen in &reading.seen {
            if reading.leaves.get(seen.line) != proved.get(seen.line) {
                continue;
            }
            let at = self.header.first + seen.line as u64;
            match self.root_at(seen.size) {
                Some(root) if root == seen.root && seen.size <= at => {}
                None if seen.size <= at => unproved += 1,
                Some(_) | None => return report.find(Finding::ForkedDecision { at, size: seen.size }),
            }
        }
        if unproved > 0 {
            let (ja, en) = words::unproved_decisions(unproved);
            report.note(ja, en);
        }
    }
}
