//! The declared budget: 1 % of a core. Ten minutes of this very host are observed without the waiting between.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jiff::Timestamp;
use std::time::Duration;
use yakujo_agent::observe::{Observer, Past};
use yakujo_agent::reading::Sources;

fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

#[test]
fn ten_minutes_of_observation_cost_less_than_one_percent_of_a_core() {
    let start = 1_795_000_000;
    let mut observer = Observer::new(Sources::of_this_host(), &Past::default(), [7; 32]);
    observer.look(Timestamp::from_second(start).unwrap());
    let before = used();
    for tick in 1..=120 {
        observer.look(Timestamp::from_second(start + tick * 5).unwrap());
    }
    let used = used() - before;
    println!("{used:?} of processor time in 600 s");
    assert!(used < Duration::from_secs(6), "{used:?}");
}
