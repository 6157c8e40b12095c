//! What is known of the backups one host makes.

use super::latest::{Latest, Stamp, keep_newer};
use crate::fact::backup::{BackupCheck, BackupRetention, BackupRun, KeyHolder, RestoreDrill, RetentionStage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Good runs kept of a job, to see that one is suddenly much smaller.
const RUNS_KEPT: usize = 20;
/// A run with less than so many percent of the largest of those kept has suddenly shrunk.
const SHRUNK_PERCENT: u128 = 50;

/// The backups of a host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Backups {
    /// By the name of the job.
    pub jobs: BTreeMap<String, Job>,
    /// By the repository.
    pub repositories: BTreeMap<String, Repository>,
}

/// One job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Job {
    /// The last run, good or bad.
    pub last: Option<Latest<BackupRun>>,
    /// Good runs, newest kept.
    #[serde(with = "super::latest::pairs")]
    pub good: BTreeMap<Stamp, BackupRun>,
    /// The last restore drill.
    pub drill: Option<Latest<RestoreDrill>>,
    /// The last removal of old snapshots that was announced.
    #[serde(default)]
    pub planned: Option<Latest<BackupRetention>>,
    /// What came of the last one of which it was told.
    #[serde(default)]
    pub retention: Option<Latest<BackupRetention>>,
}

/// One repository.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Repository {
    /// The last check with the key of the jobs.
    pub check: Option<Latest<BackupCheck>>,
    /// The last check that read content back.
    pub read: Option<Latest<BackupCheck>>,
    /// The last try of the city's key.
    pub city_key: Option<Latest<BackupCheck>>,
}

impl Backups {
    pub(super) fn ran(&mut self, stamp: Stamp, run: &BackupRun) {
        let job = self.jobs.entry(run.job.clone()).or_default();
        keep_newer(&mut job.last, stamp, run.clone());
        if run.is_good() {
            job.good.insert(stamp, run.clone());
            while job.good.len() > RUNS_KEPT {
                job.good.pop_first();
            }
        }
    }

    pub(super) fn checked(&mut self, stamp: Stamp, check: &BackupCheck) {
        let repository = self.repositories.entry(check.repository.clone()).or_default();
        match check.key {
            // The server tries it, and agents tell of other products: their numbers cannot be compared, when they were
            // received can.
            KeyHolder::City => {
                let is_newer = |known: &Latest<BackupCheck>| {
                    (known.stamp.received, known.stamp) < (stamp.received, stamp)
                };
                if repository.city_key.as_ref().is_none_or(is_newer) {
                    repository.city_key = Some(Latest::new(stamp, check.clone()));
                }
            }
            KeyHolder::Job => {
                keep_newer(&mut repository.check, stamp, check.clone());
                if check.read_percent > 0 {
                    keep_newer(&mut repository.read, stamp, check.clone());
                }
            }
        }
    }

    pub(super) fn retained(&mut self, stamp: Stamp, told: &BackupRetention) {
        let job = self.jobs.entry(told.job.clone()).or_default();
        let slot = match told.stage {
            RetentionStage::Planned => &mut job.planned,
            RetentionStage::Done | RetentionStage::Failed => &mut job.retention,
        };
        keep_newer(slot, stamp, told.clone());
    }

    pub(super) fn restored(&mut self, stamp: Stamp, drill: &RestoreDrill) {
        keep_newer(&mut self.jobs.entry(drill.job.clone()).or_default().drill, stamp, drill.clone());
    }
}

impl Job {
    /// It saves this asset, as its last run says.
    #[must_use]
    pub fn saves(&self, asset: &str) -> bool {
        self.last.as_ref().is_some_and(|last| last.value.asset == asset)
    }

    /// The repository it saves into: a run that failed early names none.
    #[must_use]
    pub fn repository(&self) -> Option<&str> {
        let good = self.good.values().rev();
        let mut runs = self.last.iter().map(|last| &last.value).chain(good);
        runs.find(|run| !run.repository.is_empty()).map(|run| run.repository.as_str())
    }

    /// The newest good run.
    #[must_use]
    pub fn newest(&self) -> Option<(&Stamp, &BackupRun)> {
        self.good.last_key_value()
    }

    /// The last removal of old snapshots, where nothing was told of what came of it: it was cut short, and what it named may
    /// be gone.
    #[must_use]
    pub fn cut_short(&self) -> Option<&Latest<BackupRetention>> {
        let planned = self.planned.as_ref()?;
        let is_told = self.retention.as_ref().is_some_and(|told| told.value.run == planned.value.run);
        (!is_told && self.retention.as_ref().is_none_or(|told| told.stamp < planned.stamp)).then_some(planned)
    }

    /// Runs since the newest good one that did not work or hold nothing.
    #[must_use]
    pub fn failing(&self) -> Option<&Latest<BackupRun>> {
        self.last.as_ref().filter(|last| !last.value.is_good())
    }

    /// The newest good run, where it is much smaller than another one of those kept since `since`.
    #[must_use]
    pub fn shrunk(&self, since: Timestamp) -> Option<(&Stamp, &BackupRun, &BackupRun)> {
        let (stamp, newest) = self.newest()?;
        let counted = self.good.iter().filter(|(stamp, _)| stamp.received >= since);
        let is_less = |less: u64, more: u64| u128::from(less) * 100 < u128::from(more) * SHRUNK_PERCENT;
        let mut larger = counted.map(|(_, run)| run).filter(|run| {
            is_less(newest.bytes, run.bytes)
                || is_less(newest.files, run.files)
                || is_less(newest.rows.unwrap_or(u64::MAX), run.rows.unwrap_or(0))
        });
        larger.next_back().map(|larger| (stamp, newest, larger))
    }
}
