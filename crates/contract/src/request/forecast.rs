//! When a resource will reach its limit (F-13), from the samples there are: a straight line through their means, least
//! squares in whole numbers, so that every machine says the same day.

use crate::fact::host::CapacitySample;
use crate::id::HostId;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Fewer samples are no trend.
const LEAST_SAMPLES: usize = 3;
/// A shorter time is no trend, in hours.
const LEAST_HOURS: i64 = 24;
/// What lies further ahead is not said, in hours: some ten years.
const FURTHEST_HOURS: i64 = 87_600;

/// Where the use of a resource of a host goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The host.
    pub host: HostId,
    /// The resource.
    pub resource: String,
    /// When the mean reaches the limit; none: it does not grow, or not within ten years.
    pub full: Option<Timestamp>,
    /// From how many samples.
    pub samples: usize,
}

/// The forecasts of a host's resources; resources with too few samples are left out.
#[must_use]
pub fn forecasts(host: &HostId, samples: &[CapacitySample]) -> Vec<Forecast> {
    let mut rows: BTreeMap<&str, Vec<(Timestamp, u64, u64)>> = BTreeMap::new();
    for sample in samples {
        for row in &sample.resources {
            rows.entry(&row.resource).or_default().push((sample.to, row.mean, row.limit));
        }
    }
    let forecast = |(resource, mut rows): (&str, Vec<(Timestamp, u64, u64)>)| {
        rows.sort_unstable();
        let (first, last) = (rows.first()?.0, rows.last()?.0);
        if rows.len() < LEAST_SAMPLES || hours(first, last) < LEAST_HOURS {
            return None;
        }
        let full = reaches(first, last, &rows);
        Some(Forecast { host: host.clone(), resource: resource.to_owned(), full, samples: rows.len() })
    };
    rows.into_iter().filter_map(forecast).collect()
}

fn hours(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_hours()
}

/// With x in hours since the first sample and y the mean: slope = (nΣxy − ΣxΣy) / (nΣx² − (Σx)²); the line meets the
/// limit at x = (limit·n − Σy)/(n·slope) + Σx/n. None: it does not grow, or the numbers are beyond all measure.
fn reaches(first: Timestamp, last: Timestamp, rows: &[(Timestamp, u64, u64)]) -> Option<Timestamp> {
    let count = i128::try_from(rows.len()).ok()?;
    let limit = i128::from(rows.last()?.2);
    let (mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0_i128, 0_i128, 0_i128, 0_i128);
    for (at, mean, _) in rows {
        let (x, y) = (i128::from(hours(first, *at)), i128::from(*mean));
        sum_x = sum_x.checked_add(x)?;
        sum_y = sum_y.checked_add(y)?;
        sum_xx = sum_xx.checked_add(x.checked_mul(x)?)?;
        sum_xy = sum_xy.checked_add(x.checked_mul(y)?)?;
    }
    let rise = count.checked_mul(sum_xy)?.checked_sub(sum_x.checked_mul(sum_y)?)?;
    let run = count.checked_mul(sum_xx)?.checked_sub(sum_x.checked_mul(sum_x)?)?;
    if limit == 0 || rise <= 0 || run <= 0 {
        return None;
    }
    let short = limit.checked_mul(count)?.checked_sub(sum_y)?;
    let ahead = short.checked_mul(run)?.checked_div(count.checked_mul(rise)?)?;
    let x = ahead.checked_add(sum_x.checked_div(count)?)?;
    let x = i64::try_from(x).ok()?.max(hours(first, last));
    if x > hours(first, last).checked_add(FURTHEST_HOURS)? {
        return None;
    }
    first.checked_add(SignedDuration::from_hours(x)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::host::ResourceUse;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + hour * 3_600).unwrap()
    }

    fn samples(means: &[(i64, u64)], limit: u64) -> Vec<CapacitySample> {
        let sample = |(hour, mean): &(i64, u64)| CapacitySample {
            from: at(hour - 1),
            to: at(*hour),
            resources: vec![ResourceUse {
                resource: "disk:/".to_owned(),
                limit,
                min: 0,
                mean: *mean,
                p95: *mean,
                max: *mean,
            }],
            coverage: crate::fact::Coverage::default(),
        };
        means.iter().map(sample).collect()
    }

    fn full(means: &[(i64, u64)], limit: u64) -> Vec<Option<Timestamp>> {
        let host = "web-1".parse().unwrap();
        forecasts(&host, &samples(means, limit)).into_iter().map(|forecast| forecast.full).collect()
    }

    #[test]
    fn a_disk_that_grows_by_ten_a_day_from_seventy_is_full_after_three_days() {
        assert_eq!(full(&[(0, 50), (24, 60), (48, 70)], 100), [Some(at(120))]);
        assert_eq!(
            full(&[(48, 70), (0, 50), (24, 60)], 100),
            [Some(at(120))],
            "in whichever order they come"
        );
        assert_eq!(full(&[(0, 90), (24, 100), (48, 110)], 100), [Some(at(48))], "it is full already");
    }

    #[test]
    fn what_does_not_grow_reaches_nothing_and_too_little_is_no_trend() {
        assert_eq!(full(&[(0, 50), (24, 50), (48, 50)], 100), [None]);
        assert_eq!(full(&[(0, 70), (24, 60), (48, 50)], 100), [None]);
        assert_eq!(full(&[(0, 1), (24, 1), (48, 2)], 1 << 60), [None], "beyond ten years");
        assert!(full(&[(0, 50), (24, 60)], 100).is_empty());
        assert!(full(&[(0, 50), (1, 60), (2, 70)], 100).is_empty());
    }
}
