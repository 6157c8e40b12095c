//! Which snapshots of a repository may be removed. Pure.
//!
//! Decided on the server, by when the ledger heard of a snapshot, and by its id. A host that was taken over can write
//! snapshots with any date it likes; where old ones are removed by their own dates, forged ones push the real ones out.
//! By the time of receipt it would have to go on for as long as the generations reach back. What the ledger does not know
//! is never removed.

use crate::calendar;
use crate::evidence::Evidence;
use crate::parameter::ParameterId;
use crate::terms::Terms;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

const P25: ParameterId = ParameterId::new(25);

/// How many are kept: the newest of so many days, weeks and months in which there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generations {
    /// Days.
    pub daily: usize,
    /// Weeks, from Monday.
    pub weekly: usize,
    /// Months.
    pub monthly: usize,
}

/// A good run, as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Host and job: each keeps generations of its own.
    pub series: String,
    /// Id of the snapshot.
    pub snapshot: String,
    /// When the server heard of it.
    pub received: Timestamp,
}

impl Generations {
    /// As both parties agreed (P-25), else as the contract file proposes.
    #[must_use]
    pub fn of(terms: &Terms, evidence: &Evidence, at: Timestamp) -> Self {
        let agreed = evidence.agreements.agreed_values(P25);
        let terms = terms.parameters.get(&P25);
        let value = |key: &str| {
            let in_force = agreed.iter().rev().filter(|(from, _, _)| *from <= at);
            let value = in_force.filter_map(|(_, values, _)| values.get(key)).next().copied();
            let value = value.or_else(|| terms.and_then(|terms| terms.defaults.get(key).copied()));
            // Where nobody says a number, nothing is removed for it.
            value.and_then(|value| usize::try_from(value).ok()).unwrap_or(usize::MAX)
        };
        Self { daily: value("daily"), weekly: value("weekly"), monthly: value("monthly") }
    }
}

/// The snapshots that no generation needs. Of one that several runs name, the first counts; whatever one series needs
/// stays, and so does the newest of each.
#[must_use]
pub fn to_forget(known: &[Known], generations: Generations) -> BTreeSet<String> {
    let mut first: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    for run in known {
        let heard = first.entry((&run.series, &run.snapshot)).or_insert(run.received);
        *heard = (*heard).min(run.received);
    }
    let mut series: BTreeMap<&str, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for ((name, snapshot), received) in first {
        series.entry(name).or_default().push((received, snapshot));
    }
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    for runs in series.values_mut() {
        // Newest first.
        runs.sort_unstable_by(|a, b| b.cmp(a));
        kept.extend(runs.first().map(|(_, snapshot)| *snapshot));
        keep(runs, generations.daily, |day| (day, 0), &mut kept);
        keep(runs, generations.weekly, |day| (monday(day), 1), &mut kept);
        keep(runs, generations.monthly, |day| (day.first_of_month(), 2), &mut kept);
    }
    known.iter().map(|run| &run.snapshot).filter(|id| !kept.contains(id.as_str())).cloned().collect()
}

/// Keeps the newest of each of the first so many periods.
fn keep<'a>(
    runs: &[(Timestamp, &'a str)],
    most: usize,
    period: impl Fn(Date) -> (Date, u8),
    kept: &mut BTreeSet<&'a str>,
) {
    let mut seen = BTreeSet::new();
    for (received, snapshot) in runs {
        let day = calendar::japan().to_datetime(*received).date();
        let period = period(day);
        if seen.contains(&period) {
            continue;
        }
        if seen.len() == most {
            return;
        }
        seen.insert(period);
        kept.insert(snapshot);
    }
}

fn monday(day: Date) -> Date {
    let since = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(jiff::Span::new().days(since)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    const SOME: Generations = Generations { daily: 14, weekly: 5, monthly: 13 };

    fn run(snapshot: &str, received: Timestamp) -> Known {
        Known { series: "db-1/daily".to_owned(), snapshot: snapshot.to_owned(), received }
    }

    /// One a day, at noon in Japan.
    fn days(count: i64) -> Vec<Known> {
        let begin: Timestamp = "2026-01-01T03:00:00Z".parse().unwrap();
        (0..count).map(|day| run(&format!("s{day}"), begin + SignedDuration::from_hours(24 * day))).collect()
    }

    #[test]
    fn after_two_years_fourteen_days_five_weeks_and_thirteen_months_are_kept() {
        let known = days(730);
        let forget = to_forget(&known, SOME);
        let kept: Vec<&str> =
            known.iter().map(|run| run.snapshot.as_str()).filter(|id| !forget.contains(*id)).collect();
        assert!(known.iter().rev().take(14).all(|run| kept.contains(&run.snapshot.as_str())));
        // The newest of a month may be that of a week, or of a day.
        assert!((14 + 11..=14 + 5 + 13).contains(&kept.len()), "{}", kept.len());
        assert!(kept.contains(&"s364"), "the last of December 2026");
    }

    #[test]
    fn forged_snapshots_do_not_push_real_ones_out() {
        let mut known = days(60);
        let before = to_forget(&known, SOME);
        let now = known.last().unwrap().received + SignedDuration::from_mins(5);
        // Whatever dates they bear: all were heard of within an hour.
        known.extend((0..1_000).map(|n| run(&format!("forged{n}"), now + SignedDuration::from_secs(n))));
        // And an old one named again does not become new.
        known.push(run("s3", now));
        let after = to_forget(&known, SOME);
        let real: Vec<&String> = after.iter().filter(|id| !id.starts_with("forged")).collect();
        // Only the one real snapshot of the very day may give way to a newer one of that day.
        assert!(real.iter().all(|id| before.contains(*id) || *id == "s59"), "{real:?}");
        assert!(after.contains("forged3") && !after.contains("forged999"));
    }

    proptest! {
        #[test]
        fn the_newest_is_always_kept_and_only_what_is_known_is_removed(
            hours in prop::collection::vec(0_i64..20_000, 1..60), daily in 0_usize..4, weekly in 0_usize..4, monthly in 0_usize..4
        ) {
            let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            let known: Vec<Known> = (0..).zip(&hours)
                .map(|(n, hour): (usize, _)| run(&format!("s{n:02}"), begin + SignedDuration::from_hours(*hour))).collect();
            let forget = to_forget(&known, Generations { daily, weekly, monthly });
            let newest = known.iter().map(|run| (run.received, &run.snapshot)).max().unwrap().1;
            prop_assert!(!forget.contains(newest));
            prop_assert!(forget.iter().all(|id| known.iter().any(|run| run.snapshot == *id)));
            let kept = known.len() - forget.len();
            prop_assert!(kept <= (daily + weekly + monthly).max(1));
        }
    }
}
