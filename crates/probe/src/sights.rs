//! Which looks at a target are worth a fact: the first, one that shows something else than was told, and one a day.
//! A plain function of what it is given.

use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::network::{EnvironmentSeen, PageSeen, TlsSeen};
use yakujo_contract::id::TargetId;

/// A target is looked at so often.
const EVERY: SignedDuration = SignedDuration::from_mins(5);
/// What did not change is told again after so long.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// What goes back and forth is told so often at most.
const SAME_AGAIN: SignedDuration = SignedDuration::from_hours(1);
/// An address counts for so long after the last answer that named it.
const POOL: SignedDuration = SignedDuration::from_hours(24);

/// What one look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Name users type, or the address.
    pub name: String,
    /// Where it leads.
    pub addresses: BTreeSet<IpAddr>,
    /// Certificate and encryption.
    pub tls: Option<TlsSeen>,
    /// What the page asks of a browser.
    pub page: Option<PageSeen>,
}

/// What was seen of each target.
#[derive(Default)]
pub struct Sights(BTreeMap<TargetId, Known>);

#[derive(Default)]
struct Known {
    begun: Option<Timestamp>,
    seen: Option<Timestamp>,
    pool: BTreeMap<IpAddr, Timestamp>,
    told: Vec<(Timestamp, Picture)>,
}

impl Sights {
    /// Whether it is time to look again; then the look counts as begun.
    pub fn is_due(&mut self, target: &TargetId, now: Timestamp) -> bool {
        let known = self.0.entry(target.clone()).or_default();
        let due = known.begun.is_none_or(|begun| now.duration_since(begun) >= EVERY || now < begun);
        if due {
            known.begun = Some(now);
        }
        due
    }

    /// A target that is no longer the same begins anew.
    pub fn forget(&mut self, target: &TargetId) {
        self.0.remove(target);
    }

    /// A look showed this. Returns the fact, where it is worth one.
    pub fn saw(&mut self, target: &TargetId, at: Timestamp, picture: Picture) -> Option<Fact> {
        let known = self.0.entry(target.clone()).or_default();
        let since = known.seen.replace(at);
        known.pool.extend(picture.addresses.iter().map(|address| (*address, at)));
        known.pool.retain(|_, last| at.duration_since(*last) <= POOL);
        let picture = Picture { addresses: known.pool.keys().copied().collect(), ..picture };
        known.told.retain(|(told, _)| at.duration_since(*told) < AGAIN);
        let lately = known.told.iter().rev().find(|(_, told)| *told == picture).map(|(told, _)| *told);
        let newest = known.told.last();
        let tells = match (newest, lately) {
            (None, _) => true,
            (Some((_, told)), _) if picture.tells_less_than(told) => false,
            (Some(_), None) => true,
            (Some((_, told)), Some(lately)) => *told != picture && at.duration_since(lately) >= SAME_AGAIN,
        };
        if !tells {
            return None;
        }
        known.told.push((at, picture.clone()));
        let Picture { name, addresses, tls, page } = picture;
        let seen = EnvironmentSeen { target: target.clone(), name, since, addresses, tls, page };
        Some(Fact::EnvironmentSeen(seen))
    }
}

impl Picture {
    /// Nothing else is shown, but some of it was not seen this time.
    fn tells_less_than(&self, told: &Self) -> bool {
        let less = |missing: bool, was: bool| missing && was;
        let tls = self.tls == told.tls || less(self.tls.is_none(), told.tls.is_some());
        let page = self.page == told.page || less(self.page.is_none(), told.page.is_some());
        self != told && self.name == told.name && self.addresses == told.addresses && tls && page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + minute * 60).unwrap()
    }

    fn picture(addresses: &[&str], policy: &str) -> Picture {
        let page = PageSeen { status: 200, location: None, policy: Some(policy.to_owned()), forms: None };
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Picture { name: "portal.example.jp".to_owned(), addresses, tls: None, page: Some(page) }
    }

    fn told(looks: &[(i64, Picture)]) -> Vec<i64> {
        let (mut sights, target) = (Sights::default(), "web".parse().unwrap());
        let worth =
            looks.iter().filter(|(minute, seen)| sights.saw(&target, at(*minute), seen.clone()).is_some());
        worth.map(|(minute, _)| *minute).collect()
    }

    #[test]
    fn what_is_new_is_told_at_once_and_what_stays_once_a_day() {
        let one = picture(&["192.0.2.1"], "a");
        let mut looks: Vec<(i64, Picture)> = (0..=300).map(|n| (n * 5, one.clone())).collect();
        assert_eq!(told(&looks), [0, 1_440]);
        looks.push((1_505, picture(&["192.0.2.1"], "b")));
        assert_eq!(told(&looks), [0, 1_440, 1_505]);
    }

    #[test]
    fn addresses_that_take_turns_are_told_once_together() {
        let turn = |n: i64| picture(&[["192.0.2.1", "192.0.2.2"][usize::try_from(n % 2).unwrap()]], "a");
        let looks: Vec<(i64, Picture)> = (0..100).map(|n| (n * 5, turn(n))).collect();
        assert_eq!(told(&looks), [0, 5]);
    }

    #[test]
    fn what_goes_back_and_forth_does_not_fill_the_ledger() {
        let turn = |n: i64| picture(&["192.0.2.1"], ["a", "b"][usize::try_from(n % 2).unwrap()]);
        let looks: Vec<(i64, Picture)> = (0..288).map(|n| (n * 5, turn(n))).collect();
        assert!(told(&looks).len() <= 50, "{:?}", told(&looks));
    }

    #[test]
    fn a_page_that_does_not_answer_is_no_other_page() {
        let gone = Picture { page: None, ..picture(&["192.0.2.1"], "a") };
        let looks = [(0, picture(&["192.0.2.1"], "a")), (5, gone), (10, picture(&["192.0.2.1"], "a"))];
        assert_eq!(told(&looks), [0]);
    }

    #[test]
    fn a_look_is_due_every_five_minutes_and_after_the_clock_was_set_back() {
        let (mut sights, target) = (Sights::default(), "web".parse().unwrap());
        let due: Vec<i64> =
            [0, 1, 4, 5, 9, 10, 3].into_iter().filter(|n| sights.is_due(&target, at(*n))).collect();
        assert_eq!(due, [0, 5, 10, 3]);
    }
}
