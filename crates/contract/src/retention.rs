//! Which snapshots of a repository may be removed. Pure.
//!
//! Decided on the server, by when the ledger heard of a snapshot, and by its id. A host that was taken over can write
//! snapshots with any date it likes; where old ones are removed by their own dates, forged ones push the real ones out.
//! By the time of receipt it would have to go on for as long as the generations reach back. What the ledger does not know
//! is never removed.

use crate::act::{Importance, Matter};
use crate::calendar;
use crate::evidence::Evidence;
use crate::evidence::agreement::Line;
use crate::id::HostId;
use crate::parameter::ParameterId;
use crate::terms::Terms;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const P25: ParameterId = ParameterId::new(25);

/// How many are kept: the newest of so many hours, days, weeks and months in which there is one. Absent: of every one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generations {
    /// Hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
    /// Days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    /// Weeks, from Monday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u32>,
    /// Months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
}

/// Host and job: each keeps generations of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The host.
    pub host: HostId,
    /// The job.
    pub job: String,
}

/// A good run, as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub series: Series,
    /// Id of the snapshot.
    pub snapshot: String,
    /// When the server heard of it.
    pub received: Timestamp,
}

/// A removal, as the ledger holds it: planned or done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Whose they were.
    pub series: Series,
    /// When it was entered.
    pub received: Timestamp,
    /// The rule it names.
    pub rule: Generations,
    /// The snapshots it names.
    pub snapshots: BTreeSet<String>,
}

/// What becomes of the snapshots of one series; each of them is in one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// A generation of this or of another series needs them.
    pub needed: BTreeSet<String>,
    /// Nothing does.
    pub spare: BTreeSet<String>,
}

impl Generations {
    /// What a rank keeps: as both parties agreed (P-25), else as the contract file proposes. An agreement or a contract file
    /// that names generations alike for all ranks goes on.
    #[must_use]
    pub fn of_rank(terms: &Terms, evidence: &Evidence, rank: Importance, at: Timestamp) -> Self {
        let agreed = evidence.agreements.agreed_values(P25);
        let terms = terms.parameters.get(&P25);
        let is_allowed = |key: &str, value: &i64| {
            terms.and_then(|terms| terms.range(key)).is_none_or(|range| range.contains(value))
        };
        let agreed = |key: &str| {
            let in_force = agreed.iter().rev().filter(|(from, _, _)| *from <= at);
            let mut values = in_force.filter_map(|(_, values, _)| values.get(key));
            values.find(|value| is_allowed(key, value)).copied()
        };
        let proposed = |key: &str| terms.and_then(|terms| terms.defaults.get(key).copied());
        let value = |own: &str, of_all: &str| {
            let value = agreed(own).or_else(|| agreed(of_all));
            let value = value.or_else(|| proposed(own)).or_else(|| proposed(of_all));
            value.and_then(|value| u32::try_from(value).ok())
        };
        let [hourly, daily, weekly, monthly] = keys(rank);
        Self {
            // Before there were hourly generations, none were kept.
            hourly: value(hourly, "hourly").or(Some(0)),
            // Where nobody says a number, nothing is removed for it.
            daily: value(daily, "daily"),
            weekly: value(weekly, "weekly"),
            monthly: value(monthly, "monthly"),
        }
    }

    /// What is kept of a host: by the rank of the system it serves, once both parties agreed on both; until then as much as
    /// any rank keeps.
    #[must_use]
    pub fn of_host(
        terms: &Terms,
        evidence: &Evidence,
        host: &HostId,
        at: Timestamp,
    ) -> (Option<Importance>, Self) {
        if let Some(rank) = rank_of(evidence, host) {
            return (Some(rank), Self::of_rank(terms, evidence, rank, at));
        }
        let ranks = [Importance::S, Importance::A, Importance::B];
        let rules = ranks.map(|rank| Self::of_rank(terms, evidence, rank, at));
        let most = |part: fn(&Self) -> Option<u32>| {
            rules.iter().map(part).max_by_key(|count| count.unwrap_or(u32::MAX)).flatten()
        };
        let [hourly, daily] = [most(|rule| rule.hourly), most(|rule| rule.daily)];
        (None, Self { hourly, daily, weekly: most(|rule| rule.weekly), monthly: most(|rule| rule.monthly) })
    }

    /// Whether this keeps at least as many of each as another rule.
    #[must_use]
    pub fn keeps_as_much_as(&self, other: &Self) -> bool {
        let counts = |rule: &Self| [rule.hourly, rule.daily, rule.weekly, rule.monthly];
        let most = |count: Option<u32>| count.unwrap_or(u32::MAX);
        counts(self).into_iter().zip(counts(other)).all(|(own, asked)| most(own) >= most(asked))
    }
}

fn keys(rank: Importance) -> [&'static str; 4] {
    match rank {
        Importance::S => ["s_hourly", "s_daily", "s_weekly", "s_monthly"],
        Importance::A => ["a_hourly", "a_daily", "a_weekly", "a_monthly"],
        Importance::B => ["b_hourly", "b_daily", "b_weekly", "b_monthly"],
    }
}

/// The importance of the system a host serves, as both parties agreed: by one party's word alone nothing is removed.
fn rank_of(evidence: &Evidence, host: &HostId) -> Option<Importance> {
    let place = evidence.agreements.place_line(host).filter(Line::is_agreed)?;
    let systems = evidence.agreements.systems();
    match systems.get(place.matter.system()?).filter(|line| line.is_agreed())?.matter {
        Matter::System(system) => Some(system.importance),
        _ => None,
    }
}

/// Sorts the snapshots of every series by its rule. Of one that several runs name, the first counts; whatever one series
/// needs stays, and so does the newest of each.
#[must_use]
pub fn sort(known: &[Known], rule: impl Fn(&Series) -> Generations) -> BTreeMap<Series, Sorted> {
    let mut first: BTreeMap<(&Series, &str), Timestamp> = BTreeMap::new();
    for run in known {
        let heard = first.entry((&run.series, &run.snapshot)).or_insert(run.received);
        *heard = (*heard).min(run.received);
    }
    let mut series: BTreeMap<&Series, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for ((name, snapshot), received) in first {
        series.entry(name).or_default().push((received, snapshot));
    }
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for (name, runs) in &mut series {
        let rule = rule(name);
        // Newest first.
        runs.sort_unstable_by(|a, b| b.cmp(a));
        needed.extend(runs.first().map(|(_, snapshot)| *snapshot));
        keep(runs, rule.hourly, |at| at.as_second().div_euclid(3_600), &mut needed);
        keep(runs, rule.daily, day_of, &mut needed);
        keep(runs, rule.weekly, |at| monday(day_of(at)), &mut needed);
        keep(runs, rule.monthly, |at| day_of(at).first_of_month(), &mut needed);
    }
    let mut sorted: BTreeMap<Series, Sorted> = BTreeMap::new();
    for (name, runs) in series {
        let own = sorted.entry(name.clone()).or_default();
        for (_, snapshot) in runs {
            let into = if needed.contains(snapshot) { &mut own.needed } else { &mut own.spare };
            into.insert(snapshot.to_owned());
        }
    }
    sorted
}

impl Removal {
    /// Whether this is why a snapshot is gone: it names it, and by its own rule nothing needed it then.
    #[must_use]
    pub fn explains(&self, known: &[Known], snapshot: &str) -> bool {
        if !self.snapshots.contains(snapshot) {
            return false;
        }
        let by_then: Vec<Known> = known.iter().filter(|run| run.received <= self.received).cloned().collect();
        sort(&by_then, |_| self.rule).get(&self.series).is_some_and(|sorted| sorted.spare.contains(snapshot))
    }
}

/// Keeps the newest of each of the first so many periods.
fn keep<'a, P: Ord>(
    runs: &[(Timestamp, &'a str)],
    most: Option<u32>,
    period: impl Fn(Timestamp) -> P,
    kept: &mut BTreeSet<&'a str>,
) {
    let most = most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let mut seen = BTreeSet::new();
    for (received, snapshot) in runs {
        let period = period(*received);
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

fn day_of(at: Timestamp) -> Date {
    calendar::japan().to_datetime(at).date()
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

    fn rule(hourly: u32, daily: u32, weekly: u32, monthly: u32) -> Generations {
        let [hourly, daily, weekly, monthly] = [hourly, daily, weekly, monthly].map(Some);
        Generations { hourly, daily, weekly, monthly }
    }

    fn run(snapshot: &str, received: Timestamp) -> Known {
        let series = Series { host: "db-1".parse().unwrap(), job: "daily".to_owned() };
        Known { series, snapshot: snapshot.to_owned(), received }
    }

    fn to_forget(known: &[Known], rule: Generations) -> BTreeSet<String> {
        sort(known, |_| rule).into_values().flat_map(|sorted| sorted.spare).collect()
    }

    /// One a day, at noon in Japan.
    fn days(count: i64) -> Vec<Known> {
        let begin: Timestamp = "2026-01-01T03:00:00Z".parse().unwrap();
        (0..count).map(|day| run(&format!("s{day}"), begin + SignedDuration::from_hours(24 * day))).collect()
    }

    #[test]
    fn after_two_years_fourteen_days_five_weeks_and_thirteen_months_are_kept() {
        let known = days(730);
        let forget = to_forget(&known, rule(0, 14, 5, 13));
        let kept: Vec<&str> =
            known.iter().map(|run| run.snapshot.as_str()).filter(|id| !forget.contains(*id)).collect();
        assert!(known.iter().rev().take(14).all(|run| kept.contains(&run.snapshot.as_str())));
        // The newest of a month may be that of a week, or of a day.
        assert!((14 + 11..=14 + 5 + 13).contains(&kept.len()), "{}", kept.len());
        assert!(kept.contains(&"s364"), "the last of December 2026");
    }

    #[test]
    fn a_job_of_every_hour_keeps_the_last_hours_as_well() {
        let begin: Timestamp = "2026-01-01T03:30:00Z".parse().unwrap();
        let known: Vec<Known> = (0..100)
            .map(|hour| run(&format!("s{hour:02}"), begin + SignedDuration::from_hours(hour)))
            .collect();
        let kept = |rule| 100 - to_forget(&known, rule).len();
        assert_eq!(kept(rule(24, 0, 0, 0)), 24);
        assert_eq!(kept(rule(0, 14, 0, 0)), 5);
        // The last of today and of yesterday are among the last 24.
        assert_eq!(kept(rule(24, 14, 0, 0)), 24 + 3);
    }

    #[test]
    fn what_one_series_needs_stays_in_the_other_too() {
        let begin: Timestamp = "2026-01-01T03:00:00Z".parse().unwrap();
        let mut known = days(3);
        let other = Series { host: "db-2".parse().unwrap(), job: "daily".to_owned() };
        known.push(Known { series: other.clone(), snapshot: "s0".to_owned(), received: begin });
        let sorted = sort(&known, |_| rule(0, 1, 0, 0));
        let own = &sorted[&known[0].series];
        assert!(
            own.needed.contains("s0") && own.needed.contains("s2") && own.spare.contains("s1"),
            "{own:?}"
        );
        assert!(sorted[&other].spare.is_empty());
    }

    #[test]
    fn a_rule_without_a_number_keeps_the_most() {
        let all = Generations::default();
        assert!(all.keeps_as_much_as(&rule(24, 14, 5, 13)) && !rule(24, 14, 5, 13).keeps_as_much_as(&all));
        assert!(!rule(0, 14, 5, 13).keeps_as_much_as(&rule(0, 15, 0, 0)));
        assert!(to_forget(&days(40), all).is_empty());
    }

    #[test]
    fn a_removal_explains_what_its_rule_did_not_need_and_nothing_else() {
        let known = days(40);
        let (series, received) = (known[0].series.clone(), known[29].received);
        let snapshots = ["s3", "s20", "s29"].map(str::to_owned).into();
        let mut removal = Removal { series, received, rule: rule(0, 14, 0, 0), snapshots };
        assert!(removal.explains(&known, "s3"), "older than the 14 days");
        assert!(!removal.explains(&known, "s20") && !removal.explains(&known, "s29"), "needed at that time");
        assert!(!removal.explains(&known, "s4"), "not named");
        removal.rule = rule(0, 1, 0, 0);
        assert!(removal.explains(&known, "s20"), "that the rule keeps too few is another matter");
        removal.series.job = "weekly".to_owned();
        assert!(!removal.explains(&known, "s3"), "of another job");
    }

    #[test]
    fn forged_snapshots_do_not_push_real_ones_out() {
        let mut known = days(60);
        let before = to_forget(&known, rule(0, 14, 5, 13));
        let now = known.last().unwrap().received + SignedDuration::from_mins(5);
        // Whatever dates they bear: all were heard of within an hour.
        known.extend((0..1_000).map(|n| run(&format!("forged{n}"), now + SignedDuration::from_secs(n))));
        // And an old one named again does not become new.
        known.push(run("s3", now));
        let after = to_forget(&known, rule(0, 14, 5, 13));
        let real: Vec<&String> = after.iter().filter(|id| !id.starts_with("forged")).collect();
        // Only the one real snapshot of the very day may give way to a newer one of that day.
        assert!(real.iter().all(|id| before.contains(*id) || *id == "s59"), "{real:?}");
        assert!(after.contains("forged3") && !after.contains("forged999"));
    }

    proptest! {
        #[test]
        fn the_newest_is_always_kept_and_only_what_is_known_is_removed(
            hours in prop::collection::vec(0_i64..20_000, 1..60), hourly in 0_u32..4, daily in 0_u32..4, weekly in 0_u32..4, monthly in 0_u32..4
        ) {
            let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            let known: Vec<Known> = (0..).zip(&hours)
                .map(|(n, hour): (usize, _)| run(&format!("s{n:02}"), begin + SignedDuration::from_hours(*hour))).collect();
            let forget = to_forget(&known, rule(hourly, daily, weekly, monthly));
            let newest = known.iter().map(|run| (run.received, &run.snapshot)).max().unwrap().1;
            prop_assert!(!forget.contains(newest));
            prop_assert!(forget.iter().all(|id| known.iter().any(|run| run.snapshot == *id)));
            let kept = u32::try_from(known.len() - forget.len()).unwrap();
            prop_assert!(kept <= (hourly + daily + weekly + monthly).max(1));
        }
    }
}
