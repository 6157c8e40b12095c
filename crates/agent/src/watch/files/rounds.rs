//! What belongs to a round through everything: the slow reading of contents, the baseline, which package owns what.

use super::super::file::Known;
use super::super::packages;
use super::{Difference, Files, READ_ALL_WITHIN, Round, Task, is_below};
use crate::reading::{digest_of, hex};
use crate::watch::file::Depth;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::integrity::{FileKind, IntegrityBaseline, Origin};
use yakujo_contract::id::Digest;

impl Files {
    /// Makes every content due at once: so it is measured what reading all of them again costs.
    pub fn read_all_now(&mut self) {
        let entries = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
        self.due_contents = entries.saturating_mul(READ_ALL_WITHIN);
    }

    /// Whether something waits to be looked at.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.round_is_on == Round::Yes || !self.tasks.is_empty()
    }

    /// The slow round: as many contents as keep the pace of [`READ_ALL_WITHIN`].
    pub(super) fn plan_contents(&mut self, now: Timestamp) {
        let passed = self.turn.map_or(0, |last| now.duration_since(last).as_secs().clamp(0, 60));
        let entries = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
        let due = entries.saturating_mul(passed.unsigned_abs());
        self.due_contents = self.due_contents.saturating_add(due);
        while self.due_contents >= READ_ALL_WITHIN {
            self.due_contents = self.due_contents.saturating_sub(READ_ALL_WITHIN);
            let after = match &self.next_content {
                Some(last) => {
                    let bounds = (std::ops::Bound::Excluded(last.clone()), std::ops::Bound::Unbounded);
                    self.known.range(bounds).next()
                }
                None => None,
            };
            let Some((path, known)) = after.or_else(|| self.known.first_key_value()) else { return };
            let path = path.clone();
            if known.kind == FileKind::File {
                self.tasks.push_back(Task::Path(path.clone(), Depth::Content));
            }
            self.next_content = Some(path);
        }
    }

    pub(super) fn baseline(&mut self) -> Option<Fact> {
        let mut tree = Sha256::new();
        for (path, known) in &self.known {
            let line = (self.shown(path), known.kind, known.mode, known.uid, known.gid, &known.content);
            tree.update(digest_of(&line));
        }
        let dropped = self.before.iter().filter(|root| !self.roots.contains(root)).cloned().collect();
        self.before.clone_from(&self.roots);
        let baseline = IntegrityBaseline {
            roots: self.roots.clone(),
            dropped,
            entries: u64::try_from(self.known.len()).unwrap_or(u64::MAX),
            bytes: self.known.values().map(|known| known.size).fold(0, u64::saturating_add),
            tree: Digest::try_from(hex(&tree.finalize())).ok()?,
            algorithm: "sha256".to_owned(),
            origin: std::mem::replace(&mut self.origin, Origin::Kept),
            coverage: self.coverage(),
        };
        Some(Fact::IntegrityBaseline(baseline))
    }

    /// Writes down which package each file belongs to, so that its removal can be explained later.
    pub(super) fn own(&mut self) {
        let stamp = crate::collect::c03_software::stamp(&self.sources);
        if stamp == self.owned {
            return;
        }
        self.owned = stamp;
        let watched = |path: &str| self.roots.iter().any(|root| is_below(path, root));
        let owners = packages::owners(&self.sources, &watched);
        let mut changed = Vec::new();
        for (path, known) in &self.known {
            let shown = self.shown(path);
            let of_target =
                || owners.get(&packages::in_usr(&packages::resolved(&shown, known.target.as_deref()?)));
            let owner = owners.get(&shown).or_else(of_target);
            if owner != known.owner.as_ref() {
                changed.push((path.clone(), Known { owner: owner.cloned(), ..known.clone() }));
            }
        }
        for (path, after) in changed {
            self.keep(Difference { path, before: None, after: Some(after), md5: None });
        }
    }
}
