//! How much of its resources a host used within a month, kept by days: a form shows mean, percentile and most without
//! reading thousands of samples again.

use crate::calendar::japan;
use crate::fact::host::{CapacitySample, ResourceUse};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days that are kept, counted from the newest.
const DAYS: i64 = 31;
/// A forecast rests on a fortnight at least.
const FORECAST_FROM: i128 = 14;

/// What was used of one resource, of all samples of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Samples.
    pub samples: u64,
    sum: u128,
    /// The highest 95th percentile of a sample.
    pub p95: u64,
    /// Most.
    pub max: u64,
}

impl Used {
    fn of(row: &ResourceUse) -> Self {
        Self { samples: 1, sum: u128::from(row.mean), p95: row.p95, max: row.max }
    }

    fn and(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_add(other.samples),
            sum: self.sum.saturating_add(other.sum),
            p95: self.p95.max(other.p95),
            max: self.max.max(other.max),
        }
    }

    /// The mean of the samples' means.
    #[must_use]
    pub fn mean(&self) -> u64 {
        let mean = self.sum.checked_div(u128::from(self.samples)).unwrap_or(0);
        u64::try_from(mean).unwrap_or(u64::MAX)
    }
}

/// Use of a host's resources, the last 31 days of which it told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    days: BTreeMap<Date, BTreeMap<String, Used>>,
}

impl Usage {
    /// Counts a sample to the day (JST) on which the server heard of it: a host whose clock is years ahead pushes no month
    /// out. Whatever the order they come in, the same days are kept.
    pub(super) fn enter(&mut self, received: Timestamp, sample: &CapacitySample) {
        let day = self.days.entry(received.to_zoned(japan()).date()).or_default();
        for row in &sample.resources {
            let used = day.entry(row.resource.clone()).or_default();
            *used = used.and(Used::of(row));
        }
        let Some((newest, _)) = self.days.last_key_value() else { return };
        let first = newest.checked_sub(jiff::Span::new().days(DAYS.saturating_sub(1))).unwrap_or(Date::MIN);
        self.days = self.days.split_off(&first);
    }

    /// First and last day of which anything is known.
    #[must_use]
    pub fn days(&self) -> Option<(Date, Date)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }

    /// How many days after the last one a resource is full, if it goes on growing as it did (the straight line of least squares
    /// through the daily means); none where it does not grow, or less than a fortnight is known.
    #[must_use]
    pub fn days_to_full(&self, resource: &str, limit: u64) -> Option<i64> {
        let first = *self.days.first_key_value()?.0;
        let means: Vec<(i128, i128)> = self
            .days
            .iter()
            .filter_map(|(day, used)| {
                let since = i128::from((*day - first).get_days());
                Some((since, i128::from(used.get(resource)?.mean())))
            })
            .collect();
        let (from, _) = means.first()?;
        let (to, last) = means.last()?;
        if to.saturating_sub(*from) < FORECAST_FROM.saturating_sub(1) {
            return None;
        }
        let count = i128::try_from(means.len()).ok()?;
        let sum = |of: &dyn Fn(&(i128, i128)) -> i128| means.iter().map(of).fold(0, i128::saturating_add);
        let (x, y) = (sum(&|mean| mean.0), sum(&|mean| mean.1));
        let xy = sum(&|(x, y)| x.saturating_mul(*y));
        let xx = sum(&|(x, _)| x.saturating_mul(*x));
        let rise = count.saturating_mul(xy).saturating_sub(x.saturating_mul(y));
        let run = count.saturating_mul(xx).saturating_sub(x.saturating_mul(x));
        let left = i128::from(limit).saturating_sub(*last).max(0);
        (rise > 0)
            .then(|| left.saturating_mul(run).checked_div(rise))?
            .and_then(|days| i64::try_from(days).ok())
    }

    /// What was used of each resource over all these days.
    #[must_use]
    pub fn whole(&self) -> BTreeMap<&str, Used> {
        let mut whole: BTreeMap<&str, Used> = BTreeMap::new();
        for (resource, used) in self.days.values().flatten() {
            let sum = whole.entry(resource).or_default();
            *sum = sum.and(*used);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(day: i64, mean: u64, max: u64) -> CapacitySample {
        let to = Timestamp::from_second(1_780_000_000 + day * 86_400).unwrap();
        let row = ResourceUse { resource: "memory".to_owned(), limit: 100, min: 0, mean, p95: max - 1, max };
        CapacitySample { from: to, to, resources: vec![row], coverage: crate::fact::Coverage::default() }
    }

    fn usage(samples: &[CapacitySample]) -> Usage {
        let mut usage = Usage::default();
        samples.iter().for_each(|sample| usage.enter(sample.to, sample));
        usage
    }

    #[test]
    fn a_month_has_its_mean_its_percentile_and_its_most_in_whatever_order_it_was_told() {
        let mut samples = vec![sample(0, 10, 20), sample(1, 20, 90), sample(30, 60, 70)];
        let told = usage(&samples);
        let used = told.whole()["memory"];
        assert_eq!((used.samples, used.mean(), used.p95, used.max), (3, 30, 89, 90));
        samples.reverse();
        assert_eq!(usage(&samples), told);
    }

    #[test]
    fn what_grows_is_full_on_a_day_and_what_does_not_or_is_new_is_not_foreseen() {
        let grows =
            |days: i64| usage(&(0..days).map(|day| sample(day, day_mean(day), 99)).collect::<Vec<_>>());
        assert_eq!(grows(20).days_to_full("memory", 100), Some(31), "from 38 to 100, two a day");
        assert_eq!(grows(20).days_to_full("memory", 30), Some(0));
        assert_eq!(grows(13).days_to_full("memory", 100), None);
        assert_eq!(grows(20).days_to_full("swap", 100), None);
        let falls: Vec<_> = (0..20).map(|day| sample(day, 90 - day_mean(day), 99)).collect();
        assert_eq!(usage(&falls).days_to_full("memory", 100), None);
    }

    fn day_mean(day: i64) -> u64 {
        u64::try_from(day * 2).unwrap()
    }

    #[test]
    fn what_is_older_than_a_month_counts_no_more() {
        let samples = [sample(0, 90, 100), sample(31, 10, 20)];
        let (forth, back) = (usage(&samples), usage(&[samples[1].clone(), samples[0].clone()]));
        assert_eq!(forth.whole()["memory"].max, 20);
        assert_eq!(forth, back);
    }
}
