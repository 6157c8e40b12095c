//! The assets that work stops without (10.a, 10.b), each with one of the jobs that save it.
//!
//! A job is judged by itself: that another one saved the same asset, or was restored, shows nothing of this one. How a job
//! ends is said by the parties, who agree on the asset anew: a job that merely falls silent is a job that fails.

use crate::act::{AssetLine, Confidentiality, Matter, Trit};
use crate::case::Case;
use crate::evidence::agreement::{Line, Stage};
use crate::evidence::backups::{Job, Repository};
use crate::evidence::latest::{Latest, Stamp};
use crate::fact::backup::{BackupCheck, BackupRun, RestoreDrill};
use crate::id::{EntryNumber, HostId};
use crate::standing::{EvidenceClass, Sentence, Verdict};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// An asset of the system that work stops without, with one of the jobs that save it.
pub(super) struct Asset<'a> {
    pub line: &'a AssetLine,
    /// The entry that declares it, and where both parties agreed, when.
    pub entry: EntryNumber,
    pub agreed: Option<Timestamp>,
    /// Absent: nothing ever told that it saves the asset.
    pub saved_by: Option<SavedBy<'a>>,
    /// Several jobs save the asset, and this one has told nothing for long: it may have been given up.
    rests: bool,
}

/// A job that saves an asset.
#[derive(Clone, Copy)]
pub(super) struct SavedBy<'a> {
    pub job: &'a Job,
    repository: Option<&'a Repository>,
    pub host: &'a HostId,
    name: &'a str,
    /// How many jobs save the asset.
    of: usize,
}

/// The assets of the system that work stops without, each once for every job that saves it and counts. What one party alone
/// declares counts, too: it asks for more. A job that has told of no run for `longest` rests.
pub(super) fn assets<'a>(case: &Case<'a>, longest: SignedDuration) -> Vec<Asset<'a>> {
    let mut lines: BTreeMap<&str, Line<'a>> = BTreeMap::new();
    for line in case.evidence.agreements.of_system("asset", case.system).filter(Line::is_declared) {
        let Matter::Asset(asset) = line.matter else { continue };
        let counts = lines.get(asset.asset.as_str()).is_none_or(|known| known.weight() < line.weight());
        if counts {
            lines.insert(&asset.asset, line);
        }
    }
    lines.into_values().flat_map(|line| job_by_job(case, &line, longest)).collect()
}

fn job_by_job<'a>(case: &Case<'a>, line: &Line<'a>, longest: SignedDuration) -> Vec<Asset<'a>> {
    let Matter::Asset(asset) = line.matter else { return Vec::new() };
    if asset.continuity == Trit::No {
        return Vec::new();
    }
    let agreed = match line.stage {
        Stage::Agreed(stamp) => Some(stamp.received),
        Stage::Open | Stage::Refused | Stage::Ended => None,
    };
    let with = |saved_by: Option<SavedBy<'a>>| {
        let rests = saved_by.is_some_and(|it| it.of > 1 && rests(case, it.job, longest));
        Asset { line: asset, entry: line.proposed.entry, agreed, saved_by, rests }
    };
    let jobs = that_count(jobs_of(case, &asset.asset), agreed);
    if jobs.is_empty() {
        return vec![with(None)];
    }
    jobs.into_iter().map(|saved_by| with(Some(saved_by))).collect()
}

/// The jobs of the system's hosts that save an asset.
pub(super) fn jobs_of<'a>(case: &Case<'a>, asset: &str) -> Vec<SavedBy<'a>> {
    let mut jobs = Vec::new();
    for (place, host) in case.hosts() {
        let Some(backups) = host.map(|host| &host.backups) else { continue };
        for (name, job) in backups.jobs.iter().filter(|(_, job)| job.saves(asset)) {
            let repository = job.repository().and_then(|repository| backups.repositories.get(repository));
            jobs.push(SavedBy { job, repository, host: &place.host, name, of: 0 });
        }
    }
    let of = jobs.len();
    jobs.into_iter().map(|it| SavedBy { of, ..it }).collect()
}

/// A job that has told of no run since both parties last agreed on the asset was given up, where another one goes on.
fn that_count(mut jobs: Vec<SavedBy<'_>>, agreed: Option<Timestamp>) -> Vec<SavedBy<'_>> {
    let goes_on = |it: &SavedBy<'_>| it.job.last.as_ref().map(|last| last.stamp.received) >= agreed;
    if jobs.iter().any(goes_on) {
        jobs.retain(goes_on);
    }
    jobs
}

/// Of no run, good or bad, was told within the time in which a backup has to be made.
fn rests(case: &Case<'_>, job: &Job, longest: SignedDuration) -> bool {
    job.last.as_ref().is_some_and(|last| case.older_than(last.stamp.received, longest))
}

impl SavedBy<'_> {
    /// How sentences call an asset: with the job, where it is one of several.
    pub fn called(&self, asset: &str) -> (String, String) {
        if self.of <= 1 {
            return called(asset);
        }
        let (host, job) = (self.host, self.name);
        (format!("「{asset}」（{host} のジョブ「{job}」）"), format!("`{asset}` (job `{job}` of {host})"))
    }
}

fn called(asset: &str) -> (String, String) {
    (format!("「{asset}」"), format!("`{asset}`"))
}

impl<'a> Asset<'a> {
    /// How sentences call it.
    pub fn called(&self) -> (String, String) {
        let name = &self.line.asset;
        self.saved_by.map_or_else(|| called(name), |it| it.called(name))
    }

    pub fn job(&self) -> Option<&'a Job> {
        self.saved_by.map(|it| it.job)
    }

    pub fn repository(&self) -> Option<&'a Repository> {
        self.saved_by.and_then(|it| it.repository)
    }

    /// The newest good run of the job, with the instant its content is of.
    pub fn newest(&self) -> Option<(Timestamp, Stamp, &'a BackupRun)> {
        let (stamp, run) = self.job()?.newest()?;
        Some((run.started.min(stamp.received), *stamp, run))
    }

    /// The newest restore drill, with the instant it counts from.
    pub fn drill(&self) -> Option<(Timestamp, &'a Latest<RestoreDrill>)> {
        let drill = self.job()?.drill.as_ref()?;
        Some((drill.value.ended.min(drill.stamp.received), drill))
    }

    /// The program that made what a drill restored; empty where nobody said.
    pub fn made_by(&self, drill: &RestoreDrill) -> &'a str {
        let mut runs = self.job().into_iter().flat_map(|job| job.good.values());
        let made = runs.find(|run| run.snapshot == drill.snapshot);
        let newest = || self.newest().map(|(_, _, run)| run);
        made.or_else(newest).map_or("", |run| run.tool.as_str())
    }

    pub fn last_read(&self) -> Option<(Timestamp, &'a Latest<BackupCheck>)> {
        let read = self.repository()?.read.as_ref()?;
        Some((read.value.ended.min(read.stamp.received), read))
    }

    /// The last try of the city's key.
    pub fn city_key(&self) -> Option<(Timestamp, &'a Latest<BackupCheck>)> {
        let tried = self.repository()?.city_key.as_ref()?;
        Some((tried.value.ended.min(tried.stamp.received), tried))
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
        Verdict::unknown(Sentence::new(cause.0, cause.1), self.next(next))
            .with_evidence(EvidenceClass::E1, entries)
    }

    pub fn broken(
        &self,
        cause: (String, String),
        next: (&str, &str),
        entries: impl IntoIterator<Item = EntryNumber>,
    ) -> Verdict {
        Verdict::broken(Sentence::new(cause.0, cause.1), self.next(next))
            .with_evidence(EvidenceClass::E1, entries)
    }

    /// What to do; of a job that may have been given up, how the parties say so.
    fn next(&self, (ja, en): (&str, &str)) -> Sentence {
        if !self.rests {
            return Sentence::new(ja, en);
        }
        Sentence::new(
            format!("{ja}やめたジョブであれば、情報資産を申告し直し、市が確認してください。"),
            format!(
                "{en} If the job was given up, the contractor declares the asset anew, and the city confirms it."
            ),
        )
    }
}
