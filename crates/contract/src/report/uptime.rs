//! How long each agreed target was up in the month, and its stops, as its probes say together.

use super::Observed;
use super::sections::{Rows, Title, Within, both, plain, section};
use super::{Cell, Section};
use crate::evidence::agreement::Watched;
use crate::fact::probe::Availability;
use crate::outage::{Outage, Threshold, Weight};
use crate::parameter::ParameterId;
use jiff::{SignedDuration, Timestamp};

/// Stops shorter than this are blips (P-20).
const P20: ParameterId = ParameterId::new(20);

const UPTIME: [Title; 6] = [
    ("監視対象", "Target"),
    ("システム", "System"),
    ("稼働率（％）", "Up, percent"),
    ("停止（分）", "Down, minutes"),
    ("運用制限（分）", "Restricted, minutes"),
    ("監視の途切れ（分）", "Not watched, minutes"),
];
const STOP: [Title; 6] = [
    ("開始", "From"),
    ("終了", "To"),
    ("システム", "System"),
    ("監視対象", "Target"),
    ("種類", "Kind"),
    ("確かさ", "Weight"),
];

/// 稼働率 and 停止一覧. A target that was not watched all the month says so.
pub(super) fn uptime_and_stops(month: &Within<'_>) -> [Section; 2] {
    let threshold = threshold(month);
    let (mut uptime, mut stops) = (Rows::default(), Rows::default());
    let mut observed = None;
    for target in month.court.evidence().agreements.targets() {
        let (begin, until) = (month.begin().max(target.since.received), month.until);
        let ended_before = target.ended.is_some_and(|ended| ended.received <= month.begin());
        if begin >= until || ended_before {
            continue;
        }
        let course = Course::of(month, &target, threshold, begin);
        observed = Some(together(observed, course.observed(month)));
        uptime.push(course.row(&target));
        // What probes told too late for the report of its own month stands in this one.
        let counts = |one: &&Outage| {
            one.from < until && (one.to.is_none_or(|to| to > begin) || month.told(&one.entries))
        };
        let within = course.outages.iter().filter(counts);
        within.for_each(|outage| stops.push(stop(&target, outage)));
    }
    let observed = observed.unwrap_or(Observed::No);
    [
        section("uptime", ("稼働率", "Availability"), observed, &UPTIME, uptime),
        section("stops", ("停止・運用制限", "Stops and restrictions"), observed, &STOP, stops),
    ]
}

fn threshold(month: &Within<'_>) -> Threshold {
    let agreed = month.court.evidence().agreements.agreed_values(P20);
    let number = |key: &str| {
        let in_force = agreed
            .iter()
            .rev()
            .find_map(|(from, values, _)| (*from < month.until).then(|| values.get(key))?);
        let proposed = || month.terms.parameters.get(&P20).and_then(|terms| terms.defaults.get(key));
        in_force.or_else(proposed).copied().unwrap_or_default()
    };
    let tries = u32::try_from(number("probes")).unwrap_or(u32::MAX);
    Threshold { stop: SignedDuration::from_secs(number("stop_s")), tries }
}

/// Watched as a whole only if every part of it was.
fn together(known: Option<Observed>, one: Observed) -> Observed {
    match (known, one) {
        (None, one) => one,
        (Some(Observed::Whole), Observed::Whole) => Observed::Whole,
        (Some(Observed::No), Observed::No) => Observed::No,
        (Some(_), _) => Observed::Partly,
    }
}

/// One target in the month, in minutes.
struct Course {
    begin: Timestamp,
    whole: i64,
    unwatched: i64,
    down: i64,
    restricted: i64,
    outages: Vec<Outage>,
}

impl Course {
    fn of(month: &Within<'_>, target: &Watched<'_>, threshold: Threshold, begin: Timestamp) -> Self {
        let (evidence, until) = (month.court.evidence(), month.until);
        let gaps = evidence.gaps_of(target, begin, until, 2);
        let outages = evidence.outages_of_target(target, threshold);
        let of = |state: Availability| {
            let counted = outages.iter().filter(|one| one.state == state && one.weight == Weight::Agreed);
            minutes(counted.map(|one| (one.from, one.to.unwrap_or(until))), begin, until)
        };
        Self {
            begin,
            whole: until.duration_since(begin).as_mins(),
            unwatched: minutes(gaps.iter().map(|gap| (gap.from, gap.to)), begin, until),
            down: of(Availability::Down),
            restricted: of(Availability::Restricted),
            outages,
        }
    }

    fn observed(&self, month: &Within<'_>) -> Observed {
        match self.unwatched {
            0 if self.begin == month.begin() => Observed::Whole,
            unwatched if unwatched >= self.whole => Observed::No,
            _ => Observed::Partly,
        }
    }

    fn row(&self, target: &Watched<'_>) -> Vec<Cell> {
        vec![
            plain(&target.target.name),
            plain(&target.target.system),
            up_percent(self.whole.saturating_sub(self.unwatched), self.down),
            minutes_cell(self.down),
            minutes_cell(self.restricted),
            minutes_cell(self.unwatched),
        ]
    }
}

fn stop(target: &Watched<'_>, outage: &Outage) -> Vec<Cell> {
    vec![
        Cell::At(outage.from),
        outage.to.map_or_else(|| both("継続中", "lasts"), Cell::At),
        plain(&outage.system),
        plain(&target.target.name),
        state_cell(outage.state),
        weight_cell(outage.weight),
    ]
}

fn minutes(spans: impl Iterator<Item = (Timestamp, Timestamp)>, begin: Timestamp, until: Timestamp) -> i64 {
    let within = spans.map(|(from, to)| (from.clamp(begin, until), to.clamp(begin, until)));
    let seconds: i64 = within.map(|(from, to)| to.duration_since(from).as_secs().max(0)).sum();
    seconds.saturating_add(30).checked_div(60).unwrap_or_default()
}

fn minutes_cell(minutes: i64) -> Cell {
    Cell::Number(u64::try_from(minutes).unwrap_or_default())
}

/// Percent with two digits, of the time that was watched; without any there is none.
fn up_percent(watched: i64, down: i64) -> Cell {
    let up = watched.saturating_sub(down).max(0);
    let Some(hundredths) = up.saturating_mul(10_000).checked_div(watched) else {
        return both("未観測", "not observed");
    };
    let (whole, rest) =
        (hundredths.checked_div(100).unwrap_or_default(), hundredths.checked_rem(100).unwrap_or_default());
    plain(format!("{whole}.{rest:02}"))
}

fn state_cell(state: Availability) -> Cell {
    match state {
        Availability::Up => both("稼働", "up"),
        Availability::Restricted => both("運用制限", "restricted"),
        Availability::Down => both("停止", "down"),
    }
}

fn weight_cell(weight: Weight) -> Cell {
    match weight {
        Weight::Agreed => both("複数の監視点が一致", "two probes agree"),
        Weight::OneProbe => both("一つの監視点のみ（未確認）", "one probe only"),
        Weight::Blip => both("瞬断", "blip"),
    }
}
