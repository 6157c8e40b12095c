//! Slows down whoever guesses, without locking out whoever is guessed about.
//!
//! Each try is counted before it is verified, in one step: of many tries at once only the free ones are verified. The
//! counts, from the narrow to the wide:
//!
//! - *own*: one name from one address, or from one known device. This is what a guesser runs into first. The owner at
//!   another address, or behind the same address with his own device, is not touched by it.
//! - *name*, *address*, *all*: far more generous, against a guess of one name from many addresses, of many names from
//!   one, and of many from many. They slow down only strangers. A device on which the person has signed in or redeemed
//!   a link is no stranger, and neither is an address from which he is signed in now.
//!
//! So nobody can keep an owner out: his device goes past the wide counts, and where he has none yet, a one-time link
//! makes one. A try that is turned away is not counted; asking more often does not lengthen the wait.

use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How a count slows down.
struct Rule {
    /// Failures that cost nothing: people mistype.
    free: u32,
    /// One failure is forgotten after so many seconds.
    forgets_s: i64,
    /// The longest wait, in seconds.
    longest_s: i64,
}

const OWN: Rule = Rule { free: 3, forgets_s: 600, longest_s: 60 };
const NAME: Rule = Rule { free: 30, forgets_s: 60, longest_s: 30 };
const ADDRESS: Rule = Rule { free: 100, forgets_s: 20, longest_s: 30 };
const ALL: Rule = Rule { free: 200, forgets_s: 1, longest_s: 2 };

/// Counts remembered at most; beyond it the smallest are forgotten.
const REMEMBERED: usize = 50_000;

/// Where a try comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// An address that means nothing to the account.
    Stranger(&'a str),
    /// An address from which the person is signed in now.
    SignedIn(&'a str),
    /// A device of the person: digest of its cookie.
    Device(&'a str),
}

#[derive(Default)]
pub(super) struct Throttle {
    counts: Mutex<HashMap<String, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    failures: u32,
    last: Timestamp,
}

impl Throttle {
    /// Counts a try as a failure; [`Throttle::succeeded`] takes it back. Returns how many there were of its own.
    ///
    /// # Errors
    /// When it comes too early: the instant from which on one is allowed.
    pub(super) fn count(&self, login: &str, origin: Origin<'_>, now: Timestamp) -> Result<u32, Timestamp> {
        let keys = keys(login, origin);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let until =
            keys.iter().filter_map(|(key, rule)| counts.get(key).map(|count| count.until(rule))).max();
        if let Some(until) = until.filter(|until| *until > now) {
            return Err(until);
        }
        make_room(&mut counts, keys.len());
        let mut own = 0;
        for (key, rule) in keys.into_iter().rev() {
            let count = counts.entry(key).or_insert(Count { failures: 0, last: now });
            count.failures = count.left(rule, now).saturating_add(1);
            count.last = now;
            own = count.failures;
        }
        Ok(own)
    }

    /// The try was right: what it counted is taken back, and its own earlier failures are forgotten.
    pub(super) fn succeeded(&self, login: &str, origin: Origin<'_>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, (key, _)) in keys(login, origin).into_iter().enumerate() {
            if place == 0 {
                counts.remove(&key);
            } else if let Some(count) = counts.get_mut(&key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }
}

impl Count {
    /// Failures that are not forgotten yet.
    fn left(self, rule: &Rule, now: Timestamp) -> u32 {
        let forgotten = now.duration_since(self.last).as_secs().max(0) / rule.forgets_s;
        self.failures.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }

    /// When the next try is allowed.
    fn until(self, rule: &Rule) -> Timestamp {
        let beyond = self.failures.saturating_sub(rule.free);
        let doubled = 1_i64.checked_shl(beyond.saturating_sub(1)).filter(|seconds| *seconds > 0);
        let seconds = if beyond == 0 { 0 } else { doubled.unwrap_or(i64::MAX).min(rule.longest_s) };
        self.last.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(self.last)
    }
}

/// The counts a try belongs to, its own first.
fn keys(login: &str, origin: Origin<'_>) -> Vec<(String, &'static Rule)> {
    let address = match origin {
        Origin::Device(device) => return vec![(format!("device {device} {login}"), &OWN)],
        Origin::SignedIn(address) => return vec![(format!("own {address} {login}"), &OWN)],
        Origin::Stranger(address) => address,
    };
    vec![
        (format!("own {address} {login}"), &OWN),
        (format!("name {login}"), &NAME),
        (format!("address {address}"), &ADDRESS),
        ("all".to_owned(), &ALL),
    ]
}

/// A flood of names must not wash away what it stands for: the smallest counts go first.
fn make_room(counts: &mut HashMap<String, Count>, wanted: usize) {
    if counts.len() + wanted <= REMEMBERED {
        return;
    }
    let mut sizes: Vec<u32> = counts.values().map(|count| count.failures).collect();
    let middle = sizes.len() / 2;
    let (_, median, _) = sizes.select_nth_unstable(middle);
    let median = *median;
    counts.retain(|_, count| count.failures > median);
}

#[cfg(test)]
mod tests {
    use super::super::tests::at;
    use super::Origin::{Device, SignedIn, Stranger};
    use super::*;

    #[test]
    fn the_guesser_waits_longer_each_time_and_the_owner_elsewhere_does_not() {
        let throttle = Throttle::default();
        let guess = |second| throttle.count("tanaka", Stranger("10.0.0.9"), at(second));
        let counted: Vec<_> = (0..5).map(|_| guess(0)).collect();
        assert_eq!(counted, [Ok(1), Ok(2), Ok(3), Ok(4), Err(at(1))]);
        assert_eq!((guess(1), guess(2), guess(3)), (Ok(5), Err(at(3)), Ok(6)));
        assert_eq!(throttle.count("tanaka", Stranger("10.0.0.1"), at(3)), Ok(1));
        throttle.succeeded("tanaka", Stranger("10.0.0.9"));
        assert_eq!(guess(3), Ok(1));
    }

    #[test]
    fn a_guess_from_many_addresses_slows_strangers_down_but_not_the_owner() {
        let throttle = Throttle::default();
        for number in 0..31 {
            let address = format!("10.0.1.{number}");
            assert!(throttle.count("tanaka", Stranger(&address), at(0)).is_ok(), "{number}");
        }
        assert_eq!(throttle.count("tanaka", Stranger("10.0.2.1"), at(0)), Err(at(1)));
        assert_eq!(throttle.count("tanaka", Device("ab"), at(0)), Ok(1));
        assert_eq!(throttle.count("tanaka", SignedIn("10.0.0.1"), at(0)), Ok(1));
        assert_eq!(throttle.count("suzuki", Stranger("10.0.0.1"), at(0)), Ok(1));
    }

    #[test]
    fn many_names_from_one_address_slow_that_address_down_and_no_other() {
        let throttle = Throttle::default();
        let all: Vec<_> =
            (0..200).map(|n| throttle.count(&format!("user{n}"), Stranger("10.0.0.9"), at(0))).collect();
        assert_eq!(all.iter().filter(|counted| counted.is_ok()).count(), 101);
        assert_eq!(throttle.count("user199", Stranger("10.0.0.1"), at(0)), Ok(1));
    }

    #[test]
    fn the_owner_behind_the_guessers_address_signs_in_with_his_device() {
        let throttle = Throttle::default();
        while throttle.count("tanaka", Stranger("10.0.0.9"), at(0)).is_ok() {}
        assert_eq!(throttle.count("tanaka", Device("ab"), at(0)), Ok(1));
    }

    #[test]
    fn even_a_guesser_who_never_stops_waits_at_most_a_minute_and_is_forgotten_in_time() {
        let throttle = Throttle::default();
        let mut now = 0;
        for _ in 0..100 {
            match throttle.count("tanaka", Stranger("10.0.0.9"), at(now)) {
                Ok(_) => {}
                Err(until) => {
                    assert!(until <= at(now + 60));
                    now = until.duration_since(at(0)).as_secs();
                }
            }
        }
        assert_eq!(throttle.count("tanaka", Stranger("10.0.0.9"), at(now + 100 * 600)), Ok(1));
    }

    #[test]
    fn a_flood_of_names_does_not_wash_a_guess_away() {
        let throttle = Throttle::default();
        while throttle.count("tanaka", Stranger("10.0.0.9"), at(0)).is_ok() {}
        for number in 0..60_000 {
            let address = format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
            let _ = throttle.count(&format!("user{number}"), Stranger(&address), at(number));
        }
        assert!(throttle.counts.lock().unwrap().len() <= REMEMBERED);
        assert!(throttle.counts.lock().unwrap().contains_key("own 10.0.0.9 tanaka"));
    }
}
