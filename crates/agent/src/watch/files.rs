//! The watched trees: compared piece by piece, within a budget, so that the host does not notice.
//!
//! Three things lead to a file: an event (`super::events`), a round through everything every few minutes by the outside of
//! the files, and a slow round that reads every content within a day. What was known lies on the disk in the same
//! transaction as the facts, so a restart compares with what was told, and a crash tells at most twice.

mod listing;
mod rounds;

use super::events::{Events, Overflow};
use super::file::{self, Depth, Known, Look, Seals, path_of, text_of};
use super::packages::{Cursor, Transactions};
use crate::outbox::Note;
use crate::reading::{Sources, hex, in_parts};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ffi::OsStr;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use yakujo_contract::fact::integrity::{FileChange, FileKind, IntegrityChange, Origin};
use yakujo_contract::fact::state::Seen;
use yakujo_contract::fact::{Coverage, Fact};

/// More entries are counted, not watched.
const MOST_ENTRIES: usize = 200_000;
/// Changes told at once; the rest follows.
const MOST_CHANGES: usize = 5_000;
/// A round through everything by the outside of the files comes so often.
const ROUND_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// Every content is read again within this time, s.
const READ_ALL_WITHIN: u64 = 24 * 3600;
/// The baseline is told again so often.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Work of one turn: time, and bytes read (a turn comes every 5 s: 20 MiB a second).
const TURN_TIME: Duration = Duration::from_millis(500);
/// Until everything is known, changes are not: the first round may take more.
const FIRST_TURNS_TIME: Duration = Duration::from_secs(3);
/// What was written to a moment ago is looked at in the next turn: between emptying and filling a file it is neither.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_secs(1);
const TURN_BYTES: u64 = 100 * 1024 * 1024;
/// The clock of the file system ticks more coarsely than ours.
const COARSE: SignedDuration = SignedDuration::from_millis(20);
/// A file that is being written to is tried again so often before it counts as not readable.
const MOST_TRIES: u32 = 12;

/// Under these keys the outbox keeps what outlives a run.
pub const FILE_KEY: &str = "file:";
const ROOTS_KEY: &str = "files.roots";
const CURSOR_KEY: &str = "files.dpkg";
const SEAL_KEY: &str = "files.seal";
const LOOKED_KEY: &str = "files.looked";

/// What an earlier run left.
#[derive(Debug, Default)]
pub struct Left {
    /// Files, by the text of their path.
    pub files: Vec<(String, String)>,
    /// Everything else, by its key.
    pub rest: HashMap<String, String>,
}

/// The keys of [`Left::rest`].
pub const LEFT: [&str; 4] = [ROOTS_KEY, CURSOR_KEY, SEAL_KEY, LOOKED_KEY];

/// The watched trees.
#[derive(Debug)]
pub struct Files {
    sources: Sources,
    roots: Vec<String>,
    /// Trees of which everything is known: only there a file can be new.
    settled: BTreeSet<String>,
    before: Vec<String>,
    seals: Seals,
    events: Events,
    transactions: Transactions,
    owned: Option<(i64, i64, u64)>,
    known: BTreeMap<PathBuf, Known>,
    tasks: VecDeque<Task>,
    queued: BTreeSet<PathBuf>,
    tries: HashMap<PathBuf, u32>,
    next_content: Option<PathBuf>,
    due_contents: u64,
    round: Option<Timestamp>,
    round_began: Option<Timestamp>,
    round_is_on: Round,
    told: Option<Timestamp>,
    turn: Option<Timestamp>,
    origin: Origin,
    seen: Seen,
    unreadable: BTreeMap<PathBuf, String>,
    skipped: BTreeSet<PathBuf>,
    lost_events: Option<Timestamp>,
    notes: Vec<Note>,
}

/// Whether a round through everything is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    No,
    Yes,
}

/// Something to look at.
#[derive(Debug)]
enum Task {
    /// What lies in a folder.
    Folder(PathBuf),
    /// One path; for a folder, only itself.
    Path(PathBuf, Depth),
}

/// Something that is not as it was.
#[derive(Debug)]
struct Difference {
    path: PathBuf,
    before: Option<Known>,
    after: Option<Known>,
    md5: Option<String>,
}

impl Files {
    /// Begins where an earlier run stopped. `seal` is used where none was left.
    #[must_use]
    pub fn new(sources: Sources, roots: Vec<String>, left: &Left, seal: [u8; 32]) -> Self {
        let kept = |key: &str| left.rest.get(key);
        let before: Vec<String> =
            kept(ROOTS_KEY).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let cursor: Option<Cursor> = kept(CURSOR_KEY).and_then(|text| serde_json::from_str(text).ok());
        let looked: Option<Timestamp> = kept(LOOKED_KEY).and_then(|text| text.parse().ok());
        let mut notes = Vec::new();
        let seal = kept(SEAL_KEY).cloned().unwrap_or_else(|| {
            let seal = hex(&seal);
            notes.push((SEAL_KEY.to_owned(), Some(seal.clone())));
            seal
        });
        let mut known = BTreeMap::new();
        for (path, text) in &left.files {
            let path = path_of(path);
            let is_watched = roots.iter().any(|root| path.starts_with(sources.path(root)));
            match serde_json::from_str::<Known>(text) {
                Ok(file) if is_watched => drop(known.insert(path, file)),
                // Of another version, or no longer watched.
                Ok(_) | Err(_) => notes.push((format!("{FILE_KEY}{}", text_of(&path)), None)),
            }
        }
        let settled = roots.iter().filter(|root| before.contains(root)).cloned().collect();
        let origin = if before.is_empty() { Origin::Fresh } else { Origin::Kept };
        Self {
            events: Events::start(),
            transactions: Transactions::from(cursor),
            settled,
            before,
            seals: Seals::new(seal.into_bytes()),
            known,
            notes,
            origin,
            seen: Seen::WhileAway,
            turn: looked,
            round: looked,
            round_began: None,
            round_is_on: Round::No,
            sources,
            roots,
            owned: None,
            tasks: VecDeque::new(),
            queued: BTreeSet::new(),
            tries: HashMap::new(),
            next_content: None,
            due_contents: 0,
            told: None,
            unreadable: BTreeMap::new(),
            skipped: BTreeSet::new(),
            lost_events: None,
        }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        if let Some(looked) = self.turn {
            notes.push((LOOKED_KEY.to_owned(), Some(looked.to_string())));
        }
        if let Some(cursor) = self.transactions.cursor() {
            notes.push((CURSOR_KEY.to_owned(), serde_json::to_string(&cursor).ok()));
        }
        notes
    }

    /// The secret of this host for digests.
    #[must_use]
    pub fn seal(&self) -> &[u8] {
        self.seals.secret()
    }

    /// How many notes wait.
    #[must_use]
    pub fn waiting_notes(&self) -> usize {
        self.notes.len()
    }

    /// Packages that dpkg touched since this was last asked, as it names them.
    pub fn package_news(&mut self) -> BTreeSet<String> {
        self.transactions.news()
    }

    /// Whether there are such, and dpkg is done with them.
    #[must_use]
    pub fn has_package_news(&self, now: Timestamp) -> bool {
        self.transactions.has_news() && !self.dpkg_is_at_work(now)
    }

    /// Whether packages are being installed or removed.
    #[must_use]
    pub fn dpkg_is_at_work(&self, now: Timestamp) -> bool {
        Transactions::is_at_work(&self.sources, now)
    }

    /// What could not be seen.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let mut reasons: Vec<String> = self.events.limits().to_vec();
        if let Some((path, reason)) = self.unreadable.first_key_value() {
            reasons.push(format!("{}: {reason}", self.shown(path)));
        }
        if !self.skipped.is_empty() {
            reasons.push(format!("more than {MOST_ENTRIES} entries"));
        }
        if let Some(lost) = self.lost_events {
            reasons.push(format!(
                "events of the kernel were lost before {lost}; everything is gone through again"
            ));
        }
        Coverage {
            unreadable: count(self.unreadable.len()),
            skipped: count(self.skipped.len()),
            reason: reasons.join("; "),
        }
    }

    /// One turn: looks at what is due, within the budget, and tells what is not as it was.
    pub fn turn(&mut self, now: Timestamp) -> Vec<Fact> {
        super::idle::wait_for_others();
        self.transactions.follow(&self.sources, now);
        self.hear(now);
        self.plan(now);
        let began = Instant::now();
        let differences = self.work_beside_packages(now);
        let passed = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
        let until = now.saturating_add(passed).unwrap_or(now);
        let mut facts = self.tell(differences, until);
        facts.extend(self.end_of_round(now));
        if self.queued.is_empty() {
            // Whatever was touched before this turn has been looked at.
            self.turn = Some(now);
        }
        facts
    }

    /// While a package manager is at work, half of a package's files are in their places, and its lists are not: a moment
    /// later all of it is told.
    fn work_beside_packages(&mut self, now: Timestamp) -> Vec<Difference> {
        if Transactions::is_at_work(&self.sources, now) {
            return Vec::new();
        }
        let before = self.transactions.cursor();
        let differences = self.work(now);
        self.transactions.follow(&self.sources, now);
        if before == self.transactions.cursor() && !Transactions::is_at_work(&self.sources, now) {
            return differences;
        }
        // It began while the files were looked at.
        for difference in differences {
            if let Some(before) = difference.before {
                self.known.insert(difference.path.clone(), before);
            }
            self.enqueue(difference.path);
        }
        Vec::new()
    }

    fn hear(&mut self, now: Timestamp) {
        let heard = self.events.take();
        if heard.overflow == Overflow::Lost {
            self.lost_events = Some(now);
            self.begin_round(now);
        }
        for path in heard.touched {
            self.enqueue(path);
        }
    }

    fn enqueue(&mut self, path: PathBuf) {
        let is_own =
            path.parent().zip(path.file_name()).is_some_and(|(folder, name)| self.is_own(folder, name));
        if !is_own && self.queued.insert(path.clone()) {
            self.tasks.push_front(Task::Path(path, Depth::Outside));
        }
    }

    fn plan(&mut self, now: Timestamp) {
        let due =
            self.told.is_none() || self.round.is_none_or(|last| now.duration_since(last) >= ROUND_EVERY);
        if due && self.round_is_on == Round::No {
            self.begin_round(now);
        }
        if self.round_is_on == Round::No {
            self.plan_contents(now);
        }
    }

    fn begin_round(&mut self, now: Timestamp) {
        self.round_is_on = Round::Yes;
        self.round_began = Some(now);
        self.skipped.clear();
        self.tasks.retain(|task| matches!(task, Task::Path(..)));
        for root in self.roots.clone() {
            let path = self.sources.path(&root);
            self.tasks.push_back(Task::Path(path.clone(), Depth::Outside));
            self.tasks.push_back(Task::Folder(path));
        }
    }

    /// Written to a moment ago; what is written to all the time is told after a few turns nevertheless.
    fn is_fresh(&mut self, path: &Path, after: &Known, now: Timestamp) -> bool {
        let age = after.changed_at().map(|at| now.duration_since(at).abs());
        if self.told.is_none() || after.kind != FileKind::File || age.is_none_or(|age| age >= SETTLED_AFTER) {
            return false;
        }
        let tries = self.tries.entry(path.to_owned()).or_default();
        *tries = tries.saturating_add(1);
        *tries <= MOST_TRIES
    }

    fn work(&mut self, now: Timestamp) -> Vec<Difference> {
        let began = Instant::now();
        let (mut bytes, mut found) = (0_u64, Vec::new());
        // What is tried again comes in the next turn.
        let (mut later, mut fresh) = (Vec::new(), Vec::new());
        let time = if self.told.is_none() { FIRST_TURNS_TIME } else { TURN_TIME };
        while began.elapsed() < time && bytes < TURN_BYTES && found.len() < MOST_CHANGES {
            let Some(task) = self.tasks.pop_front() else { break };
            match task {
                Task::Folder(folder) => self.list(&folder, &mut found),
                Task::Path(path, depth) => {
                    self.queued.remove(&path);
                    match file::look(&path, self.known.get(&path), &self.seals, depth) {
                        Look::Same(read) => {
                            bytes = bytes.saturating_add(read);
                            self.seen_again(&path);
                        }
                        Look::Gone => self.gone(&path, &mut found),
                        Look::Unsettled => later.push((path, depth)),
                        Look::Unreadable(reason) => drop(self.unreadable.insert(path, reason)),
                        Look::Read(after, _)
                            if depth == Depth::Outside && self.is_fresh(&path, &after, now) =>
                        {
                            self.queued.insert(path.clone());
                            fresh.push(path);
                        }
                        Look::Read(after, md5) => {
                            bytes = bytes.saturating_add(after.size);
                            self.read(path, *after, md5, &mut found);
                        }
                    }
                }
            }
        }
        self.tasks.extend(fresh.into_iter().map(|path| Task::Path(path, Depth::Outside)));
        for (path, depth) in later {
            self.try_again(path, depth);
        }
        found
    }

    fn try_again(&mut self, path: PathBuf, depth: Depth) {
        let tries = self.tries.entry(path.clone()).or_default();
        *tries = tries.saturating_add(1);
        if *tries <= MOST_TRIES {
            self.tasks.push_back(Task::Path(path, depth));
        } else {
            self.tries.remove(&path);
            self.unreadable.insert(path, "it is written to all the time".to_owned());
        }
    }

    fn seen_again(&mut self, path: &Path) {
        self.tries.remove(path);
        self.unreadable.remove(path);
    }

    fn gone(&mut self, path: &Path, found: &mut Vec<Difference>) {
        self.seen_again(path);
        let below: Vec<PathBuf> = self
            .known
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded))
            .take_while(|(other, _)| other.starts_with(path))
            .map(|(other, _)| other.clone())
            .collect();
        for path in below {
            let before = self.known.remove(&path);
            found.push(Difference { path, before, after: None, md5: None });
        }
    }

    fn read(&mut self, path: PathBuf, after: Known, md5: Option<String>, found: &mut Vec<Difference>) {
        self.seen_again(&path);
        let before = self.known.get(&path).cloned();
        if before.is_none() && self.known.len() >= MOST_ENTRIES {
            self.skipped.insert(path);
            return;
        }
        let is_new_folder =
            after.kind == FileKind::Folder && before.as_ref().is_none_or(|it| it.kind != after.kind);
        if is_new_folder {
            self.tasks.push_front(Task::Folder(path.clone()));
        }
        if before
            .as_ref()
            .is_some_and(|before| before.kind == FileKind::Folder && after.kind != FileKind::Folder)
        {
            self.gone(&path, found);
        }
        let owner = before.as_ref().and_then(|before| before.owner.clone());
        let after = Known { owner, ..after };
        if before.as_ref() != Some(&after) {
            found.push(Difference { path, before, after: Some(after), md5 });
        }
    }

    /// The agent's own data base changes with every fact.
    fn is_own(&self, folder: &Path, name: &OsStr) -> bool {
        name.as_bytes().starts_with(b"outbox.db")
            && self.sources.folder.as_ref().is_some_and(|own| folder.starts_with(own))
    }

    fn tell(&mut self, differences: Vec<Difference>, now: Timestamp) -> Vec<Fact> {
        let since = if self.events.hears() && self.seen == Seen::Running { self.turn } else { self.round };
        let mut files: Vec<FileChange> = Vec::new();
        for difference in differences {
            files.extend(self.change(&difference, since, now));
            self.keep(difference);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        if files.is_empty() {
            return Vec::new();
        }
        let coverage = self.coverage();
        let fact = |(part, files)| {
            let (seen, coverage) = (self.seen, coverage.clone());
            Fact::IntegrityChange(IntegrityChange { part, since, until: now, seen, files, coverage })
        };
        in_parts(&files).into_iter().map(fact).collect()
    }

    /// What a difference means; nothing where there is none worth telling, or where nothing is known yet.
    fn change(
        &mut self,
        difference: &Difference,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<FileChange> {
        let Difference { path, before, after, md5 } = difference;
        let shown = self.shown(path);
        if before.is_none() && !self.settled.iter().any(|root| is_below(&shown, root)) {
            return None;
        }
        if let (Some(before), Some(after)) = (before, after)
            && before.is_same(after)
        {
            return None;
        }
        let at = after.as_ref().and_then(Known::changed_at);
        let at = at.filter(|at| since.is_some_and(|since| now_and(since, -COARSE) <= *at) && *at <= now);
        let writer = |known: &Known| {
            let device =
                std::fs::symlink_metadata(path).ok().map(|it| std::os::unix::fs::MetadataExt::dev(&it))?;
            self.events.writer((device, known.inode))
        };
        // Only a new content was written by somebody.
        let new_content = after.as_ref().filter(|after| {
            after.kind == FileKind::File
                && before.as_ref().is_none_or(|before| before.content != after.content)
        });
        let by = new_content.and_then(writer);
        let explained_by =
            self.transactions.explain(&self.sources, &shown, before.as_ref(), after.as_ref(), md5.as_deref());
        let state = |known: &Option<Known>| known.as_ref().map(Known::state);
        Some(FileChange { path: shown, before: state(before), after: state(after), at, by, explained_by })
    }

    fn keep(&mut self, difference: Difference) {
        let key = format!("{FILE_KEY}{}", text_of(&difference.path));
        match difference.after {
            None => {
                self.known.remove(&difference.path);
                self.notes.push((key, None));
            }
            Some(after) => {
                self.notes.push((key, serde_json::to_string(&after).ok()));
                self.known.insert(difference.path, after);
            }
        }
    }

    fn end_of_round(&mut self, now: Timestamp) -> Vec<Fact> {
        if self.round_is_on == Round::No || !self.tasks.is_empty() {
            return Vec::new();
        }
        self.round_is_on = Round::No;
        self.round = self.round_began;
        if self.lost_events.is_some_and(|lost| self.round_began.is_some_and(|began| lost <= began)) {
            self.lost_events = None;
        }
        self.own();
        self.seen = Seen::Running;
        let roots: BTreeSet<String> = self.roots.iter().cloned().collect();
        if self.settled != roots {
            self.settled = roots;
        }
        self.notes.push((ROOTS_KEY.to_owned(), serde_json::to_string(&self.roots).ok()));
        if self.told.is_some_and(|told| now.duration_since(told) < TOLD_EVERY) {
            return Vec::new();
        }
        self.told = Some(now);
        self.baseline().into_iter().collect()
    }

    /// A path as the host itself writes it.
    fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.sources.root) {
            Ok(rest) => format!("/{}", text_of(rest)),
            Err(_) => text_of(path),
        }
    }
}

fn now_and(at: Timestamp, moved: SignedDuration) -> Timestamp {
    at.saturating_add(moved).unwrap_or(at)
}

fn is_below(path: &str, root: &str) -> bool {
    path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/') || root == "/")
}

#[cfg(test)]
mod tests;
