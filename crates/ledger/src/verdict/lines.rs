//! Reading the entries of a bundle: each line is hashed and lightly parsed, on several threads, in order.

use super::compare::Found;
use crate::MAX_ENTRY_BYTES;
use crate::bundle::{LineEnd, Lines, moment};
use crate::hash::{Hash, leaf_hash};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufRead};
use std::num::NonZeroUsize;
use std::thread;

/// A batch is handed to the threads when it has this many lines or bytes.
const BATCH_LINES: usize = 16 * 1024;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What the lines of a bundle hold.
#[derive(Default)]
pub(super) struct Reading {
    /// Leaf hash of each complete line; at most one more than the header promises.
    pub leaves: Vec<Hash>,
    /// Whether the file ended in the middle of a line.
    pub cut: bool,
    /// The lines (from 0) that are no entries v1.
    pub not_entries: Vec<usize>,
    /// The tree heads that entries were made under.
    pub seen: Vec<SeenHead>,
    /// Where the time of arrival runs backwards: the first such line, and how many there are.
    pub backwards: Option<Found>,
    /// The wanted digests that some entry mentions.
    pub mentioned: HashSet<String>,
}

/// A tree head that an entry says its author had before his eyes.
pub(super) struct SeenHead {
    pub line: usize,
    pub size: u64,
    pub root: Hash,
}

/// The envelope of an entry v1 (`docs/formats/entry-v1.md`), without a look at what the fact or act says.
#[derive(Deserialize)]
struct Envelope<'a> {
    v: u64,
    #[serde(borrow)]
    author: &'a RawValue,
    #[serde(default)]
    #[expect(dead_code, reason = "only its type is checked")]
    host: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "only its type is checked")]
    seq: Option<u64>,
    #[serde(borrow)]
    observed: Cow<'a, str>,
    #[serde(borrow)]
    received: Cow<'a, str>,
    #[serde(default)]
    seen: Option<Head>,
    #[serde(default)]
    fact: Option<IgnoredAny>,
    #[serde(default)]
    act: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Head {
    size: u64,
    root: Hash,
}

/// What one line says.
struct Line {
    leaf: Hash,
    /// `None`: no entry v1.
    entry: Option<(String, Option<Head>)>,
    mentions: Vec<String>,
}

/// Reads all lines, `promised` of them and one more if there is one. `wanted`: digests to look for.
pub(super) fn read<R: BufRead>(
    lines: &mut Lines<R>,
    promised: usize,
    wanted: &HashSet<&str>,
    workers: NonZeroUsize,
) -> io::Result<Reading> {
    let mut reading = Reading::default();
    let mut latest = String::new();
    let mut ended = false;
    while !ended && reading.leaves.len() <= promised {
        let room = promised + 1 - reading.leaves.len();
        let (batch, end) = Batch::fill(lines, room)?;
        if end == Some(LineEnd::Cut) {
            ended = true;
            reading.cut = batch.rest > 0;
        }
        for line in batch.parse(wanted, workers) {
            reading.take(line, &mut latest);
        }
    }
    Ok(reading)
}

impl Reading {
    fn take(&mut self, line: Line, latest: &mut String) {
        let number = self.leaves.len();
        self.leaves.push(line.leaf);
        self.mentioned.extend(line.mentions);
        let Some((received, head)) = line.entry else {
            self.not_entries.push(number);
            return;
        };
        if let Some(Head { size, root }) = head {
            self.seen.push(SeenHead { line: number, size, root });
        }
        if received < *latest {
            self.backwards.get_or_insert(Found { first: number, count: 0 }).count += 1;
        } else {
            *latest = received;
        }
    }
}

/// Complete lines, one after the other, and where each ends.
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Bytes after the last complete line.
    rest: usize,
}

impl Batch {
    fn fill<R: BufRead>(lines: &mut Lines<R>, room: usize) -> io::Result<(Batch, Option<LineEnd>)> {
        let mut batch = Batch { bytes: Vec::new(), ends: Vec::new(), rest: 0 };
        while batch.ends.len() < room.min(BATCH_LINES) && batch.bytes.len() < BATCH_BYTES {
            let before = batch.bytes.len();
            if lines.read_line(&mut batch.bytes)? == LineEnd::Cut {
                batch.rest = batch.bytes.len() - before;
                return Ok((batch, Some(LineEnd::Cut)));
            }
            batch.ends.push(batch.bytes.len());
        }
        Ok((batch, None))
    }

    fn parse(&self, wanted: &HashSet<&str>, workers: NonZeroUsize) -> Vec<Line> {
        let mut start = 0;
        let slices: Vec<&[u8]> = self
            .ends
            .iter()
            .map(|end| self.bytes.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default())
            .collect();
        let share = slices.len().div_ceil(workers.get()).max(64);
        let work = |part: &[&[u8]]| part.iter().map(|line| parse(line, wanted)).collect::<Vec<Line>>();
        let work = &work;
        thread::scope(|scope| {
            let running: Vec<_> = slices.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
            running.into_iter().flat_map(|part| part.join().expect("parsing a line never panics")).collect()
        })
    }
}

fn parse(line: &[u8], wanted: &HashSet<&str>) -> Line {
    let entry = if line.len() > MAX_ENTRY_BYTES { None } else { envelope(line) };
    Line { leaf: leaf_hash(line), entry, mentions: mentions(line, wanted) }
}

fn envelope(line: &[u8]) -> Option<(String, Option<Head>)> {
    let envelope: Envelope = serde_json::from_slice(line).ok()?;
    let author = envelope.author.get();
    let one_body = envelope.fact.is_some() != envelope.act.is_some();
    if envelope.v != 1 || !one_body || !(author.starts_with('"') || author.starts_with('{')) {
        return None;
    }
    moment(&envelope.observed)?;
    Some((moment(&envelope.received)?, envelope.seen))
}

/// The wanted digests that stand in the line as a JSON text of their own.
fn mentions(line: &[u8], wanted: &HashSet<&str>) -> Vec<String> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let texts = line.split(|byte| *byte == b'"').filter(|text| text.len() == 64);
    let texts = texts.filter_map(|text| std::str::from_utf8(text).ok());
    texts.filter(|text| wanted.contains(text)).map(str::to_owned).collect()
}
