//! The assets that work stops without (10.a, 10.b), and the jobs that save them.

use crate::act::{AssetLine, Confidentiality, Matter, Trit};
use crate::case::Case;
use crate::evidence::agreement::{Line, Stage};
use crate::evidence::backups::{Job, Repository};
use crate::evidence::latest::{Latest, Stamp};
use crate::fact::backup::{BackupCheck, BackupRun, RestoreDrill};
use crate::id::EntryNumber;
use crate::standing::{EvidenceClass, Sentence, Verdict};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One asset of the system that work stops without.
pub(super) struct Asset<'a> {
    pub line: &'a AssetLine,
    /// The entry that declares it, and where both parties agreed, when.
    pub entry: EntryNumber,
    pub agreed: Option<Timestamp>,
    pub jobs: Vec<(&'a Job, Option<&'a Repository>)>,
}

/// The assets of the system that work stops without. What one party alone declares counts, too: it asks for more.
pub(super) fn assets<'a>(case: &Case<'a>) -> Vec<Asset<'a>> {
    let mut lines: BTreeMap<&str, Line<'a>> = BTreeMap::new();
    for line in case.evidence.agreements.of_system("asset", case.system).filter(Line::is_declared) {
        let Matter::Asset(asset) = line.matter else { continue };
        let counts = lines.get(asset.asset.as_str()).is_none_or(|known| known.weight() < line.weight());
        if counts {
            lines.insert(&asset.asset, line);
        }
    }
    let asset = |line: Line<'a>| {
        let Matter::Asset(asset) = line.matter else { return None };
        let agreed = match line.stage {
            Stage::Agreed(stamp) => Some(stamp.received),
            Stage::Open | Stage::Refused | Stage::Ended => None,
        };
        let jobs = jobs_of(case, &asset.asset);
        (asset.continuity != Trit::No).then_some(Asset {
            line: asset,
            entry: line.proposed.entry,
            agreed,
            jobs,
        })
    };
    lines.into_values().filter_map(asset).collect()
}

fn jobs_of<'a>(case: &Case<'a>, asset: &str) -> Vec<(&'a Job, Option<&'a Repository>)> {
    let mut jobs = Vec::new();
    for (_, host) in case.hosts() {
        let Some(host) = host else { continue };
        for job in host.backups.jobs.values().filter(|job| job.saves(asset)) {
            jobs.push((job, job.repository().and_then(|name| host.backups.repositories.get(name))));
        }
    }
    jobs
}

impl<'a> Asset<'a> {
    /// The newest good run of any of its jobs, with the instant its content is of.
    pub fn newest(&self) -> Option<(Timestamp, Stamp, &'a BackupRun)> {
        let runs = self.jobs.iter().filter_map(|(job, _)| job.newest());
        runs.map(|(stamp, run)| (run.started.min(stamp.received), *stamp, run)).max_by_key(|(of, _, _)| *of)
    }

    /// The newest restore drill, with the instant it counts from.
    pub fn drill(&self) -> Option<(Timestamp, &'a Latest<RestoreDrill>)> {
        let drills = self.jobs.iter().filter_map(|(job, _)| job.drill.as_ref());
        drills.map(|drill| (drill.value.ended.min(drill.stamp.received), drill)).max_by_key(|(at, _)| *at)
    }

    /// The program that made what a drill restored; empty where nobody said.
    pub fn made_by(&self, drill: &RestoreDrill) -> &'a str {
        let runs = || self.jobs.iter().flat_map(|(job, _)| job.good.values());
        let made = runs().find(|run| run.snapshot == drill.snapshot);
        let newest = || self.newest().map(|(_, _, run)| run);
        made.or_else(newest).map_or("", |run| run.tool.as_str())
    }

    pub fn repositories(&self) -> impl Iterator<Item = &'a Repository> {
        self.jobs.iter().filter_map(|(_, repository)| *repository)
    }

    pub fn last_read(&self) -> Option<(Timestamp, &'a Latest<BackupCheck>)> {
        let reads = self.repositories().filter_map(|repository| repository.read.as_ref());
        reads.map(|read| (read.value.ended.min(read.stamp.received), read)).max_by_key(|(at, _)| *at)
    }

    /// Of the last tries of the city's key, one for each repository: one that did not open it, else the oldest. None where a
    /// repository was never tried.
    pub fn city_key(&self) -> Option<(Timestamp, &'a Latest<BackupCheck>)> {
        let saving = self.jobs.iter().filter(|(job, _)| job.newest().is_some());
        let tries = saving.map(|(_, repository)| {
            let tried = repository.and_then(|repository| repository.city_key.as_ref())?;
            Some((tried.value.ended.min(tried.stamp.received), tried))
        });
        let worst = tries.min_by_key(|tried| match tried {
            Some((at, tried)) if tried.value.errors > 0 => (0, *at),
            None => (1, Timestamp::MIN),
            Some((at, _)) => (2, *at),
        });
        worst.flatten()
    }

    pub fn is_confidential(&self) -> bool {
        self.line.confidentiality == Confidentiality::High || self.line.personal == Trit::Yes
    }

    pub fn unknown(
        &self,
        cause: (String, String),
        next: (&str, &str),
        entries: impl IntoIterator<Item = EntryNumber>,
    ) -> Verdict {
        Verdict::unknown(Sentence::new(cause.0, cause.1), Sentence::new(next.0, next.1))
            .with_evidence(EvidenceClass::E1, entries)
    }

    pub fn broken(
        &self,
        cause: (String, String),
        next: (&str, &str),
        entries: impl IntoIterator<Item = EntryNumber>,
    ) -> Verdict {
        Verdict::broken(Sentence::new(cause.0, cause.1), Sentence::new(next.0, next.1))
            .with_evidence(EvidenceClass::E1, entries)
    }
}
