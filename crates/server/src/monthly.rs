//! Monthly reports: made from the ledger's entries beside the work of the server, one at a time.
//!
//! A report of a month that is over never changes: it is kept as a file that can be made again. What the court knows now
//! does not help with a past month, so making one reads the ledger from its first entry; pages never wait for that.

use crate::office::{Office, OfficeError};
use crate::settings::{private_folder, write_private};
use crate::snapshot;

pub use crate::snapshot::digest_of_terms;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use yakujo_contract::entry::{Entry, EntryError};
use yakujo_contract::id::EntryNumber;
use yakujo_contract::report::{Making, Month, Report};
use yakujo_contract::terms::Terms;
use yakujo_ledger::hash::leaf_hash;
use yakujo_ledger::tree::Frontier;

/// The report of a month that still runs is made anew when it is older than this.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Reports kept in memory.
const KEPT: usize = 12;

/// How far a report is.
#[derive(Clone)]
pub enum Stage {
    /// It is there.
    Ready(Arc<Report>),
    /// Entries that were read, of how many.
    Making(u64, u64),
    /// It could not be made: words for the log only.
    Failed(String),
}

enum Slot {
    Ready(Arc<Report>),
    Making { read: Arc<AtomicU64>, of: u64 },
    Failed(String),
}

/// The reports of one contract.
#[derive(Default)]
pub struct Monthly {
    slots: Mutex<BTreeMap<Month, Slot>>,
}

/// What is kept of a month that is over.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The program that judged and the terms it judged by: others may judge otherwise.
    judged_by: String,
    report: Report,
}

impl Monthly {
    /// The report of a month, or how far it is. Begins to make it where nobody did yet.
    pub fn of(&self, office: &Arc<Office>, month: Month, now: Timestamp) -> Stage {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(&month) {
            Some(Slot::Ready(report)) if is_fresh(report, now) => return Stage::Ready(report.clone()),
            Some(Slot::Making { read, of }) => return Stage::Making(read.load(Ordering::Relaxed), *of),
            Some(Slot::Failed(why)) => {
                let why = why.clone();
                slots.remove(&month);
                return Stage::Failed(why);
            }
            Some(Slot::Ready(_)) | None => {}
        }
        if let Some(report) = kept(office, month) {
            let report = Arc::new(report);
            slots.insert(month, Slot::Ready(report.clone()));
            return Stage::Ready(report);
        }
        // One at a time: a reader of all years leaves the machine to the others.
        if let Some((read, of)) = slots.values().find_map(Slot::making) {
            return Stage::Making(read, of);
        }
        let (read, of) = (Arc::new(AtomicU64::new(0)), office.size());
        slots.insert(month, Slot::Making { read: read.clone(), of });
        let office = office.clone();
        let made = {
            let office = office.clone();
            tokio::task::spawn_blocking(move || make(&office, month, now, &read))
        };
        tokio::spawn(async move {
            if let Err(error) = made.await {
                tracing::error!("making the report of {month} ended: {error}");
                office.monthly.put(month, Slot::Failed(error.to_string()));
            }
        });
        Stage::Making(0, of)
    }

    fn put(&self, month: Month, slot: Slot) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.insert(month, slot);
        let is_old = |(of, slot): &(&Month, &Slot)| **of != month && matches!(slot, Slot::Ready(_));
        while slots.len() > KEPT {
            let Some(oldest) = slots.iter().find(is_old).map(|(of, _)| *of) else { break };
            slots.remove(&oldest);
        }
    }
}

impl Slot {
    fn making(&self) -> Option<(u64, u64)> {
        match self {
            Self::Making { read, of } => Some((read.load(Ordering::Relaxed), *of)),
            Self::Ready(_) | Self::Failed(_) => None,
        }
    }
}

fn is_fresh(report: &Report, now: Timestamp) -> bool {
    report.is_whole() || now.duration_since(report.until) < FRESH
}

fn make(office: &Arc<Office>, month: Month, now: Timestamp, read: &AtomicU64) {
    let made = read_all(office, month, whole_minute(now), read);
    let slot = match made {
        Ok(report) => {
            keep(office, &report);
            Slot::Ready(Arc::new(report))
        }
        Err(error) => {
            tracing::error!("the report of {month} cannot be made: {error}");
            Slot::Failed(error.to_string())
        }
    };
    office.monthly.put(month, slot);
}

fn read_all(office: &Office, month: Month, now: Timestamp, read: &AtomicU64) -> Result<Report, OfficeError> {
    let file = |error| OfficeError::File(office.folder().join("contract.toml"), error);
    let terms = snapshot::terms_digest(office.folder()).map_err(file)?;
    let mut reading = Reading::new(office.terms(), terms, month, now);
    for (number, bytes) in (0_u64..).zip(office.reader().entries(0..office.reader().size())) {
        let bytes = bytes.map_err(|error| OfficeError::Entry(number, Box::new(error)))?;
        let taken = reading.enter(&bytes);
        if !taken.map_err(|error| OfficeError::Entry(number, Box::new(error)))? {
            break;
        }
        read.store(number, Ordering::Relaxed);
    }
    Ok(reading.finish())
}

/// Reads a ledger from its first entry, wherever its bytes come from, and makes the report of one month.
pub struct Reading<'a> {
    making: Making<'a>,
    terms: String,
    until: Timestamp,
    tree: Frontier,
}

impl<'a> Reading<'a> {
    /// A report of a month up to an instant, by terms whose file has this digest.
    #[must_use]
    pub fn new(terms: &'a Terms, digest: String, month: Month, until: Timestamp) -> Self {
        let until = until.min(month.end());
        Self { making: Making::new(terms, month, until), terms: digest, until, tree: Frontier::new() }
    }

    /// Takes the bytes of the next entry. False: it was received later, and so was whatever follows.
    ///
    /// # Errors
    /// When these are not the bytes of an entry.
    pub fn enter(&mut self, bytes: &[u8]) -> Result<bool, EntryError> {
        let entry = Entry::from_bytes(bytes)?;
        if entry.received >= self.until {
            return Ok(false);
        }
        self.making.enter(EntryNumber(self.tree.size()), &entry);
        self.tree.push(leaf_hash(bytes));
        Ok(true)
    }

    /// The report, with the root of what was read.
    #[must_use]
    pub fn finish(self) -> Report {
        Report { root: self.tree.root().to_string(), terms: self.terms, ..self.making.finish() }
    }
}

/// What is told of a month that still runs ends at a minute people can type.
#[must_use]
pub fn whole_minute(now: Timestamp) -> Timestamp {
    let second = now.as_second();
    Timestamp::from_second(second.saturating_sub(second.rem_euclid(60))).unwrap_or(now)
}

fn place(office: &Office, month: Month) -> PathBuf {
    office.folder().join("reports").join(format!("{month}.json"))
}

fn kept(office: &Office, month: Month) -> Option<Report> {
    let bytes = std::fs::read(place(office, month)).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    let fits = snapshot::judged_by(office.folder()).is_some_and(|by| by == kept.judged_by)
        && office.reader().root(kept.report.entries).is_ok_and(|root| root.to_string() == kept.report.root);
    fits.then_some(kept.report)
}

fn keep(office: &Office, report: &Report) {
    if !report.is_whole() {
        return;
    }
    let Some(judged_by) = snapshot::judged_by(office.folder()) else { return };
    let kept = Kept { judged_by, report: report.clone() };
    let written = serde_json::to_vec(&kept).map_err(std::io::Error::other).and_then(|bytes| {
        private_folder(&office.folder().join("reports"))?;
        write_private(&place(office, report.month), &bytes)
    });
    if let Err(error) = written {
        tracing::warn!("the report of {} is not kept and will be made again: {error}", report.month);
    }
}
