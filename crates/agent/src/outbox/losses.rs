//! What could not be taken in. A full disk is just when it must not be forgotten, whatever happens to the process: so it
//! stands in a file of fixed size, made while there was room, and is written over in place. (A file system that copies on
//! write may still refuse; then it is kept in memory alone.)

use super::OutboxError;
use crate::system::owner_only;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Result as IoResult, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentLoss;

/// Bytes of a slot. Two take turns, so that one is whole when the other was being written.
const SLOT: usize = 4_096;

/// Facts that were dropped or not taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Losses {
    count: u64,
    kinds: BTreeMap<String, u64>,
    span: Option<(Timestamp, Timestamp)>,
}

impl Losses {
    pub(super) fn add(&mut self, kind: &str, observed: Timestamp) {
        self.count = self.count.saturating_add(1);
        let of_kind = self.kinds.entry(kind.to_owned()).or_default();
        *of_kind = of_kind.saturating_add(1);
        let (from, to) = self.span.unwrap_or((observed, observed));
        self.span = Some((from.min(observed), to.max(observed)));
    }

    pub(super) fn declared(&self, reason: &str) -> Option<Fact> {
        let (from, to) = self.span?;
        let (count, kinds, reason) = (self.count, self.kinds.clone(), reason.to_owned());
        Some(Fact::AgentLoss(AgentLoss { count, kinds, from, to, reason }))
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// Rises with every record. What was declared is remembered in the data base by this number, in one transaction with
    /// the fact that declares it: declared once, not twice.
    number: u64,
    losses: Losses,
}

/// Losses that no fact declares yet.
#[derive(Debug)]
pub(super) struct Undeclared {
    file: File,
    newest: Record,
}

impl Undeclared {
    /// Opens or makes the file in the folder; `declared` is the number of the record that was declared last.
    pub(super) fn open(folder: &Path, declared: u64) -> Result<Self, OutboxError> {
        let mut options = File::options();
        let options = owner_only(options.read(true).write(true).create(true).truncate(false));
        let file = options.open(folder.join("undeclared"))?;
        if file.metadata()?.len() < 2 * SLOT as u64 {
            write_at(&file, &[b' '; 2 * SLOT], 0)?;
            file.sync_all()?;
        }
        let newest = [0, SLOT as u64].into_iter().filter_map(|offset| read(&file, offset));
        let newest = newest.max_by_key(|record| record.number).filter(|record| record.number > declared);
        Ok(Self { file, newest: newest.unwrap_or(Record { number: declared, losses: Losses::default() }) })
    }

    /// The number under which [`Undeclared::fact`] is declared.
    pub(super) fn number(&self) -> u64 {
        self.newest.number
    }

    /// The fact that declares them, where there are any.
    pub(super) fn fact(&self) -> Option<Fact> {
        self.newest.losses.declared("disk full")
    }

    /// Facts were not taken in.
    pub(super) fn add(&mut self, observed: Timestamp, facts: &[Fact]) {
        facts.iter().for_each(|fact| self.newest.losses.add(fact.kind(), observed));
        self.newest.number = self.newest.number.saturating_add(1);
        if let Err(error) = self.write() {
            tracing::error!("{} lost facts are counted in memory only: {error}", self.newest.losses.count);
        }
    }

    /// They stand in a fact that is on the disk.
    pub(super) fn clear(&mut self) {
        self.newest.losses = Losses::default();
    }

    fn write(&self) -> IoResult<()> {
        let mut slot = serde_json::to_vec(&self.newest)?;
        if slot.len() > SLOT {
            return Err(std::io::Error::other("more kinds of facts than a slot holds"));
        }
        slot.resize(SLOT, b' ');
        let offset = if self.newest.number.is_multiple_of(2) { 0 } else { SLOT as u64 };
        write_at(&self.file, &slot, offset)?;
        self.file.sync_data()
    }
}

fn read(file: &File, offset: u64) -> Option<Record> {
    let mut slot = [0; SLOT];
    let mut file = file;
    file.seek(SeekFrom::Start(offset)).ok()?;
    file.read_exact(&mut slot).ok()?;
    serde_json::from_slice(&slot).ok()
}

fn write_at(mut file: &File, bytes: &[u8], offset: u64) -> IoResult<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}
