//! When a backup job is due. Pure: the instants come in.

use crate::settings::BackupJob;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yakujo_contract::calendar;

/// What did not work is tried again after so long.
const AGAIN: SignedDuration = SignedDuration::from_mins(30);

/// What is done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A backup.
    Run,
    /// A check that reads a part back.
    Check,
    /// A restore drill.
    Drill,
}

impl Work {
    /// All, the most pressing first.
    pub const ALL: [Self; 3] = [Self::Run, Self::Check, Self::Drill];

    /// The word on a command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Check => "check",
            Self::Drill => "drill",
        }
    }
}

/// When what was done last, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    last: BTreeMap<Work, (Timestamp, bool)>,
    /// One run worked: there is something to check and to restore.
    ran: bool,
}

impl Past {
    /// Notes that something was done.
    pub fn note(&mut self, work: Work, started: Timestamp, worked: bool) {
        self.last.insert(work, (started, worked));
        self.ran |= work == Work::Run && worked;
    }
}

/// Whether something is due now.
#[must_use]
pub fn is_due(job: &BackupJob, work: Work, past: &Past, now: Timestamp) -> bool {
    if work != Work::Run && !past.ran {
        return false;
    }
    let Some((started, worked)) = past.last.get(&work) else { return true };
    // A clock that was set back must not stop backups for good.
    if *started > now {
        return true;
    }
    let regular = match (work, job.at) {
        (Work::Run, Some(at)) => next_at(*started, i64::from(job.every_h), at),
        (Work::Run, None) => after_hours(*started, i64::from(job.every_h)),
        (Work::Check, _) => after_hours(*started, i64::from(job.check_d).saturating_mul(24)),
        (Work::Drill, _) => after_hours(*started, i64::from(job.drill_d).saturating_mul(24)),
    };
    let again = started.saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
    now >= if *worked { regular } else { regular.min(again) }
}

fn after_hours(from: Timestamp, hours: i64) -> Timestamp {
    from.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX)
}

/// The first instant with this time of day in Japan that is at least half a day short of the interval later: a run that
/// began late, or was repeated, does not move the hour of the next.
fn next_at(started: Timestamp, hours: i64, at: jiff::civil::Time) -> Timestamp {
    let earliest = after_hours(started, hours.saturating_sub(12));
    let day = calendar::japan().to_datetime(earliest).date();
    let on = |day: jiff::civil::Date| {
        day.to_datetime(at).to_zoned(calendar::japan()).map_or(earliest, |zoned| zoned.timestamp())
    };
    let same = on(day);
    if same >= earliest { same } else { day.tomorrow().map_or(earliest, on) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    fn job(more: &str) -> BackupJob {
        let text = format!(
            "[[backup]]\nname = \"j\"\nasset = \"a\"\npaths = [\"/srv\"]\nrepository = \"/r\"\npassword = \"/p\"\n{more}"
        );
        settings::parse(&text).unwrap().backups.remove(0)
    }

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn a_job_runs_at_once_then_by_its_interval_and_sooner_where_it_failed() {
        let (job, mut past) = (job("every_h = 6"), Past::default());
        assert!(is_due(&job, Work::Run, &past, at("22T00:00")));
        past.note(Work::Run, at("22T00:00"), true);
        assert!(!is_due(&job, Work::Run, &past, at("22T05:59")));
        assert!(is_due(&job, Work::Run, &past, at("22T06:00")));
        past.note(Work::Run, at("22T06:00"), false);
        assert!(!is_due(&job, Work::Run, &past, at("22T06:29")));
        assert!(is_due(&job, Work::Run, &past, at("22T06:30")));
        assert!(is_due(&job, Work::Run, &past, at("21T00:00")), "the clock was set back");
    }

    #[test]
    fn a_nightly_job_keeps_its_hour_even_after_a_late_run() {
        // 02:10 in Japan is 17:10 of the day before in UTC.
        let (job, mut past) = (job("at = \"02:10\""), Past::default());
        past.note(Work::Run, at("22T17:10"), true);
        assert!(!is_due(&job, Work::Run, &past, at("23T17:09")));
        assert!(is_due(&job, Work::Run, &past, at("23T17:10")));
        past.note(Work::Run, at("24T02:00"), true);
        assert!(!is_due(&job, Work::Run, &past, at("24T17:09")));
        assert!(is_due(&job, Work::Run, &past, at("24T17:10")));
    }

    #[test]
    fn nothing_is_checked_or_restored_before_there_is_something() {
        let (job, mut past) = (job(""), Past::default());
        let rest = [Work::Check, Work::Drill];
        assert!(rest.iter().all(|work| !is_due(&job, *work, &past, at("22T00:00"))));
        past.note(Work::Run, at("22T00:00"), true);
        assert!(rest.iter().all(|work| is_due(&job, *work, &past, at("22T00:01"))));
        past.note(Work::Check, at("22T00:01"), true);
        assert!(!is_due(&job, Work::Check, &past, at("28T23:59")));
        assert!(is_due(&job, Work::Check, &past, at("29T00:01")));
    }
}
