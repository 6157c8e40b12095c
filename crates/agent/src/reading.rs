//! What a collector reads from, and what it hands back. Collectors are functions from [`Sources`] to a [`Reading`].

use crate::act::Permitted;
use crate::act::hand::Hand;
use crate::settings::AgentFile;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use yakujo_contract::change::Object;
use yakujo_contract::fact::agent::RunOutcome;
use yakujo_contract::fact::state::Content;
use yakujo_contract::fact::{Coverage, Fact, Part};
use yakujo_contract::id::Digest;

/// Largest text file that is read (a package database of a large host has about 10 MB).
pub const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Largest part of a list, in bytes of JSON: an entry has at most 65,535 bytes, and the envelope needs some.
const MAX_PART: usize = 55_000;

/// Where a host is observed. Production uses `/`; a test uses a sample tree and sockets of its own.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Root of the file tree.
    pub root: PathBuf,
    /// `chronyc`, an absolute path.
    pub chronyc: PathBuf,
    /// Command address and port of chronyd; absent: chronyc's own default.
    pub chrony_command: Option<(String, u16)>,
    /// Time sources to measure against instead of those the daemon names (`host` or `host:port`).
    pub time_sources: Vec<String>,
    /// Socket of clamd; absent: as `clamd.conf` says.
    pub clamd_socket: Option<PathBuf>,
    /// The agent's own folder; what it keeps there changes with every fact and is not watched.
    pub folder: Option<PathBuf>,
    /// What the operator added to what is observed anyway.
    pub settings: AgentFile,
    /// A table of support dates that replaces the shipped one, where the file exists.
    pub support_table: Option<PathBuf>,
    /// The program with the sub-command `backup-job`: this one, even where its file was replaced meanwhile.
    pub backup_program: PathBuf,
    /// The words that start the process that answers held opens.
    pub gate_command: Vec<String>,
    /// Where it is started instead, for an agent in parts.
    pub gate_socket: Option<PathBuf>,
    /// Where what has to be asked over a network is asked instead of within, for an agent in parts.
    pub reach_socket: Option<PathBuf>,
    /// Whether malware may be moved into the quarantine; absent a part that acts: never.
    pub permitted: Permitted,
    /// The part that acts: it moves what was found.
    pub hand: Option<Hand>,
}

impl Sources {
    /// The real host.
    #[must_use]
    pub fn of_this_host() -> Self {
        Self::under(Path::new("/"))
    }

    /// A file tree at `root`.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            chronyc: PathBuf::from("/usr/bin/chronyc"),
            chrony_command: None,
            time_sources: Vec::new(),
            clamd_socket: None,
            folder: None,
            settings: AgentFile::default(),
            support_table: None,
            backup_program: PathBuf::from("/proc/self/exe"),
            gate_command: ["/proc/self/exe", "gate"].map(str::to_owned).to_vec(),
            gate_socket: None,
            reach_socket: None,
            permitted: tokio::sync::watch::channel(None).1,
            hand: None,
        }
    }

    /// `path` below the root; `path` is written as on the host (`/etc/passwd`).
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Reads a text file of at most [`MAX_FILE`] bytes; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// As the file system says; too large a file is an error.
    pub fn read(&self, path: &str) -> std::io::Result<String> {
        read_text(&self.path(path))
    }

    /// True when this is the running host and not a sample.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }
}

/// Reads a text file of at most [`MAX_FILE`] bytes.
///
/// # Errors
/// As the file system says; too large a file is an error.
pub fn read_text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_FILE) {
        return Err(std::io::Error::other(format!("{} is larger than {MAX_FILE} bytes", path.display())));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What one run of a collector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The facts.
    pub facts: Vec<Fact>,
    /// How the run went.
    pub outcome: RunOutcome,
    /// Why not fully; empty when it did.
    pub reason: String,
}

impl Reading {
    /// Facts, complete when `reason` is empty and partial otherwise.
    #[must_use]
    pub fn of(facts: Vec<Fact>, reason: String) -> Self {
        let outcome = if reason.is_empty() { RunOutcome::Complete } else { RunOutcome::Partial };
        Self { facts, outcome, reason }
    }

    /// Nothing could be read.
    #[must_use]
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { facts: Vec::new(), outcome: RunOutcome::Failed, reason: reason.into() }
    }
}

/// A list that is compared with what it was: items of one kind, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Items {
    /// What they are.
    pub object: Object,
    /// The items.
    pub items: BTreeMap<String, Content>,
    /// What could not be read.
    pub coverage: Coverage,
}

impl Items {
    /// No items of a kind, yet.
    #[must_use]
    pub fn of(object: Object) -> Self {
        Self { object, items: BTreeMap::new(), coverage: Coverage::default() }
    }

    /// Says that something could not be read.
    pub fn missed(&mut self, reason: impl Into<String>) {
        self.coverage.unreadable = self.coverage.unreadable.saturating_add(1);
        if self.coverage.reason.is_empty() {
            self.coverage.reason = reason.into();
        }
    }
}

/// Longest text of an item.
const MOST_LETTERS: usize = 2_000;

/// A content that is no secret, with its text where that is short.
#[must_use]
pub fn open_content(text: &str) -> Content {
    let digest = Digest::try_from(hex(&Sha256::digest(text))).ok();
    let value = (text.chars().count() <= MOST_LETTERS).then(|| text.to_owned());
    Content { digest, sealed: None, value }
}

/// A content that may hold a secret: nothing can be guessed from what is told of it.
#[must_use]
pub fn sealed_content(seal: &[u8], content: &[u8]) -> Content {
    let mut sha = Sha256::new();
    sha.update(seal);
    sha.update(content);
    Content { sealed: Digest::try_from(hex(&sha.finalize())).ok(), ..Content::default() }
}

/// SHA-256 of the JSON of something, 64 hexadecimal digits.
pub fn digest_of<T: Serialize + ?Sized>(thing: &T) -> String {
    hex(&Sha256::digest(serde_json::to_vec(thing).unwrap_or_default()))
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cuts a sorted list into parts that fit into an entry. An empty list has one empty part.
pub fn in_parts<T: Serialize + Clone>(items: &[T]) -> Vec<(Part, Vec<T>)> {
    let set = digest_of(items);
    let mut parts: Vec<Vec<T>> = vec![Vec::new()];
    let mut size = 0_usize;
    for item in items {
        let bytes = serde_json::to_vec(item).map_or(0, |json| json.len().saturating_add(1));
        if size.saturating_add(bytes) > MAX_PART && size > 0 {
            parts.push(Vec::new());
            size = 0;
        }
        size = size.saturating_add(bytes);
        if let Some(last) = parts.last_mut() {
            last.push(item.clone());
        }
    }
    let of = u16::try_from(parts.len()).unwrap_or(u16::MAX);
    let numbered = (0..of).zip(parts);
    numbered.map(|(index, items)| (Part { index, of, set: set.clone() }, items)).collect()
}

/// An instant from seconds since 1970; absent when out of range.
#[must_use]
pub fn from_unix(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_into_parts_that_fit_and_lose_nothing() {
        let items: Vec<String> = (0..9_000).map(|n| format!("package-{n:06}")).collect();
        let parts = in_parts(&items);
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|(_, items)| serde_json::to_vec(items).unwrap().len() < 60_000));
        let joined: Vec<String> = parts.iter().flat_map(|(_, items)| items.clone()).collect();
        assert_eq!(joined, items);
        assert!(
            parts.iter().all(|(part, _)| part.set == parts[0].0.set && usize::from(part.of) == parts.len())
        );
    }

    #[test]
    fn an_empty_list_is_one_empty_part() {
        let parts = in_parts::<String>(&[]);
        assert_eq!(parts.len(), 1);
        assert_eq!((parts[0].0.index, parts[0].0.of), (0, 1));
    }
}
