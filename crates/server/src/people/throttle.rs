//! Slows down whoever guesses, without locking out whoever is guessed about.
//!
//! Failures are counted per sign-in name *and* address: an attacker at one address delays himself, not the owner at
//! another. A second, far more generous count per name alone slows a guess from many addresses; it only ever delays.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Failures that cost nothing: people mistype.
const FREE: u32 = 3;
const FREE_PER_NAME: u32 = 30;
const LONGEST_DELAY_S: i64 = 60;
/// Pairs remembered at most; beyond it the oldest are forgotten.
const REMEMBERED: usize = 50_000;

#[derive(Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Throttle {
    /// When the next try is allowed; none if it is now.
    pub(super) fn wait(&self, login: &str, address: &str, now: Timestamp) -> Option<Timestamp> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let until = |key: &str, free| {
            failures.get(key).map(|failed| failed.last.saturating_add(delay(failed.count, free)))
        };
        let pair = until(&pair(login, address), FREE);
        let name = until(login, FREE_PER_NAME);
        let latest = [pair, name].into_iter().flatten().filter_map(Result::ok).max();
        latest.filter(|until| *until > now)
    }

    /// Counts a failure. Returns how many there were in a row from this address.
    pub(super) fn failed(&self, login: &str, address: &str, now: Timestamp) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= REMEMBERED {
            let recent = now.saturating_sub(SignedDuration::from_mins(10)).unwrap_or(now);
            failures.retain(|_, failed| failed.last > recent);
            if failures.len() >= REMEMBERED {
                failures.clear();
            }
        }
        let mut count = |key: String| {
            let failed = failures.entry(key).or_insert(Failures { count: 0, last: now });
            let forgotten = now.duration_since(failed.last) > SignedDuration::from_mins(30);
            failed.count = if forgotten { 1 } else { failed.count.saturating_add(1) };
            failed.last = now;
            failed.count
        };
        count(login.to_owned());
        count(pair(login, address))
    }

    /// Forgets the failures of this address.
    pub(super) fn succeeded(&self, login: &str, address: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.remove(&pair(login, address));
    }
}

fn pair(login: &str, address: &str) -> String {
    format!("{login}\n{address}")
}

fn delay(count: u32, free: u32) -> SignedDuration {
    let beyond = count.saturating_sub(free);
    if beyond == 0 {
        return SignedDuration::ZERO;
    }
    let seconds = 1_i64.checked_shl(beyond.saturating_sub(1).min(10)).unwrap_or(LONGEST_DELAY_S);
    SignedDuration::from_secs(seconds.min(LONGEST_DELAY_S))
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::*;

    #[test]
    fn the_guesser_waits_longer_each_time_and_the_owner_elsewhere_does_not() {
        let throttle = Throttle::default();
        for _ in 0..3 {
            throttle.failed("tanaka", "10.0.0.9", at(0));
        }
        assert_eq!(throttle.wait("tanaka", "10.0.0.9", at(0)), None);
        throttle.failed("tanaka", "10.0.0.9", at(0));
        assert_eq!(throttle.wait("tanaka", "10.0.0.9", at(0)), Some(at(1)));
        for _ in 0..20 {
            throttle.failed("tanaka", "10.0.0.9", at(0));
        }
        assert_eq!(throttle.wait("tanaka", "10.0.0.9", at(0)), Some(at(60)));
        assert_eq!(throttle.wait("tanaka", "10.0.0.1", at(0)), None);
        throttle.succeeded("tanaka", "10.0.0.9");
        assert_eq!(throttle.wait("tanaka", "10.0.0.9", at(0)), None);
    }
}
