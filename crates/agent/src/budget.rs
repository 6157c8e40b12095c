//! What the agent may use of the machine, and what is told when it used more. It is not stopped for it: an observer that
//! dies when there is much to see would be worse than a dear one.

pub use crate::system::used_by_all;
use std::collections::VecDeque;
use std::time::Duration;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentBudget;

/// On average over a day: 1 % of a core, in thousandths.
const CPU_OF_A_DAY: u64 = 10;
/// In any ten seconds: 10 % of a core.
const CPU_OF_TEN_SECONDS: u64 = 100;
/// Resident memory of the keeper and of whatever else is no collector, bytes.
const MEMORY_OF_KEEPER: u64 = 48 << 20;
/// Resident memory of the collector, bytes.
const MEMORY_OF_COLLECTOR: u64 = 96 << 20;
const TEN_SECONDS: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Tells when the agent uses more than it declared; never more than once an hour per resource.
#[derive(Debug, Default)]
pub struct Budget {
    /// Instants of the last ten seconds and processor time until then, ms.
    lately: VecDeque<(Duration, u64)>,
    /// The same, once an hour, of the last day.
    hours: VecDeque<(Duration, u64)>,
    told: [Option<Duration>; 4],
}

/// What the parts of the agent used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Processor time with the programs they ran, ms.
    pub cpu_ms: u64,
    /// Resident memory of the keeper, bytes.
    pub keeper: u64,
    /// Of the collector.
    pub collector: u64,
    /// Of the others together.
    pub others: u64,
}

impl Used {
    /// Resident memory of all, bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.keeper.saturating_add(self.collector).saturating_add(self.others)
    }
}

impl Budget {
    /// What is worth telling at an instant (since the start) of what was used until then.
    pub fn over(&mut self, now: Duration, used: Used) -> Vec<Fact> {
        let cpu_ms = used.cpu_ms;
        trim(&mut self.lately, now, TEN_SECONDS);
        trim(&mut self.hours, now, DAY);
        let burst = share(&self.lately, now, cpu_ms).filter(|(over, _)| *over >= TEN_SECONDS);
        let day = share(&self.hours, now, cpu_ms).filter(|(over, _)| *over >= HOUR);
        self.lately.push_back((now, cpu_ms));
        if self.hours.back().is_none_or(|(last, _)| now.saturating_sub(*last) >= HOUR) {
            self.hours.push_back((now, cpu_ms));
        }
        let used = [
            ("cpu", CPU_OF_A_DAY, day.map_or(0, |(_, share)| share)),
            ("cpu_10s", CPU_OF_TEN_SECONDS, burst.map_or(0, |(_, share)| share)),
            ("memory", MEMORY_OF_KEEPER, used.keeper.max(used.others)),
            ("memory", MEMORY_OF_COLLECTOR, used.collector),
        ];
        let mut facts = Vec::new();
        for ((resource, declared, used), told) in used.into_iter().zip(&mut self.told) {
            let is_silent = told.is_none_or(|told| now.saturating_sub(told) >= HOUR);
            if used > declared && is_silent {
                *told = Some(now);
                let resource = resource.to_owned();
                facts.push(Fact::AgentBudget(AgentBudget { resource, declared, used }));
            }
        }
        facts
    }
}

/// The time since the oldest sample, and the thousandths of a core used since.
fn share(samples: &VecDeque<(Duration, u64)>, now: Duration, cpu_ms: u64) -> Option<(Duration, u64)> {
    let (since, before) = samples.front()?;
    let passed = now.saturating_sub(*since);
    let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
    Some((passed, cpu_ms.saturating_sub(*before).saturating_mul(1_000) / milliseconds))
}

/// Drops what no window of this length needs any more: the first sample left is the youngest that is old enough.
fn trim(samples: &mut VecDeque<(Duration, u64)>, now: Duration, window: Duration) {
    while samples.get(1).is_some_and(|(second, _)| now.saturating_sub(*second) >= window) {
        samples.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks of five seconds, each with so many milliseconds of processor time.
    fn told(ticks: &[u64], rss: u64) -> Vec<(u64, String, u64)> {
        let (mut budget, mut cpu, mut told) = (Budget::default(), 0, Vec::new());
        for (tick, used) in ticks.iter().enumerate() {
            cpu += used;
            let second = u64::try_from(tick).unwrap() * 5;
            for fact in
                budget.over(Duration::from_secs(second), Used { cpu_ms: cpu, keeper: rss, ..Used::default() })
            {
                let Fact::AgentBudget(over) = fact else { panic!("{fact:?}") };
                told.push((second, over.resource, over.used));
            }
        }
        told
    }

    #[test]
    fn ten_seconds_above_a_tenth_of_a_core_are_told_once_an_hour() {
        let mut ticks = vec![0; 1_000];
        ticks[10] = 1_200;
        ticks[20] = 1_200;
        ticks[900] = 1_200;
        let told = told(&ticks, 0);
        assert_eq!(told, [(50, "cpu_10s".to_owned(), 120), (4_500, "cpu_10s".to_owned(), 120)]);
    }

    #[test]
    fn the_average_is_of_a_day_and_not_of_an_hour() {
        // 1 % is 50 ms in each tick.
        assert!(told(&vec![49; 2_000], 0).is_empty());
        let dear = told(&vec![60; 1_500], 0);
        assert_eq!(dear.first(), Some(&(3_600, "cpu".to_owned(), 12)));
        // One dear hour in a quiet day: 360 s of it would be 4 per mille of the day.
        let mut ticks = vec![0; 24 * 720];
        ticks[720 * 20..720 * 21].fill(400);
        assert!(told(&ticks, 0).is_empty(), "{:?}", told(&ticks, 0));
    }

    #[test]
    fn memory_above_the_bound_is_told() {
        assert_eq!(told(&[0], (48 << 20) + 1), [(0, "memory".to_owned(), (48 << 20) + 1)]);
        assert!(told(&[0, 0], 48 << 20).is_empty());
        let collector = |collector| Used { collector, ..Used::default() };
        assert!(Budget::default().over(Duration::ZERO, collector(96 << 20)).is_empty());
        assert_eq!(Budget::default().over(Duration::ZERO, collector((96 << 20) + 1)).len(), 1);
    }
}
