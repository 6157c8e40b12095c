//! Reading the parts of a bundle.

use crate::debian::Tracker;
use crate::manifest::Kind;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is known: of the kinds that are there.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Debian's tracker.
    pub debian: Option<Tracker>,
    /// What is known to be exploited.
    pub exploited: Option<BTreeSet<String>>,
    /// EPSS in millionths, by CVE.
    pub epss: Option<BTreeMap<String, u32>>,
}

/// What reading a part found of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Records.
    pub records: u64,
    /// Upstream's own time, where the part bears it.
    pub time: Option<Timestamp>,
}

/// The JSON of KEV, of which this much is used.
#[derive(Deserialize)]
struct Kev {
    #[serde(rename = "dateReleased")]
    released: Timestamp,
    vulnerabilities: Vec<KevLine>,
}

#[derive(Deserialize)]
struct KevLine {
    #[serde(rename = "cveID")]
    id: String,
}

impl Known {
    /// Reads a part and keeps what it says.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&mut self, kind: Kind, bytes: &[u8]) -> Result<Counted, String> {
        match kind {
            Kind::DebianTracker => {
                let tracker = Tracker::read(bytes).map_err(|error| error.to_string())?;
                let records = tracker.records();
                self.debian = Some(tracker);
                Ok(Counted { records, time: None })
            }
            Kind::Kev => {
                let kev: Kev = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
                let ids: BTreeSet<String> = kev.vulnerabilities.into_iter().map(|line| line.id).collect();
                let records = count(ids.len());
                self.exploited = Some(ids);
                Ok(Counted { records, time: Some(kev.released) })
            }
            Kind::Epss => {
                let (scores, time) = read_epss(bytes)?;
                let records = count(scores.len());
                self.epss = Some(scores);
                Ok(Counted { records, time })
            }
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// `#model_version:v2025.03.14,score_date:2026-11-25T12:55:00Z`, a head, and lines `cve,epss,percentile`.
fn read_epss(bytes: &[u8]) -> Result<(BTreeMap<String, u32>, Option<Timestamp>), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let (first, _) = text.split_once('\n').ok_or("it has no lines")?;
    let dated = first.split("score_date:").nth(1).and_then(|rest| rest.split(',').next());
    let time = dated.and_then(|date| date.trim().replace("+0000", "Z").parse().ok());
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(bytes);
    let mut scores = BTreeMap::new();
    for line in reader.deserialize::<(String, f64, f64)>() {
        let (id, score, _) = line.map_err(|error| error.to_string())?;
        scores.insert(id, millionths(score).ok_or_else(|| format!("{score} is no probability"))?);
    }
    Ok((scores, time))
}

/// A probability as a whole number: the ledger has no fractions.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000,000 after the check")]
fn millionths(score: f64) -> Option<u32> {
    (0.0..=1.0).contains(&score).then(|| (score * 1_000_000.0).round() as u32)
}
