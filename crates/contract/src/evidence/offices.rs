//! Who held which post of the city when, who stood in for whom, and which way a decision goes.
//!
//! An approval comes from a post that was occupied on that day, not from a person who happens to have an account: people
//! move on 1 April, approvals stay.

use super::latest::{Latest, Stamp};
use crate::act::{Act, Importance, Route};
use crate::id::{PersonId, PostId};
use crate::request::form::Form;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A period for which somebody holds a post or stands in for its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// From.
    pub from: Timestamp,
    /// Until, where it was said.
    pub until: Option<Timestamp>,
}

type Seat = (PostId, PersonId);

/// Periods, and the instants at which they were cut short.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seats {
    #[serde(with = "super::latest::pairs")]
    taken: BTreeMap<Seat, Vec<(Stamp, Period)>>,
    #[serde(with = "super::latest::pairs")]
    left: BTreeMap<Seat, BTreeSet<Stamp>>,
    /// People who left a role: with it they gave up every seat.
    gone: BTreeMap<PersonId, BTreeSet<Stamp>>,
}

impl Seats {
    fn take(&mut self, stamp: Stamp, seat: Seat, period: Period) {
        let periods = self.taken.entry(seat).or_default();
        periods.push((stamp, period));
        periods.sort_by_key(|(stamp, _)| *stamp);
    }

    fn leave(&mut self, stamp: Stamp, seat: Seat) {
        self.left.entry(seat).or_default().insert(stamp);
    }

    /// Everybody who ever took a seat of this post, in the order of entry.
    fn sittings(&self, post: &PostId) -> Vec<Sitting> {
        let of_post = self.taken.iter().filter(|(seat, _)| seat.0 == *post);
        let mut all: Vec<Sitting> = of_post
            .flat_map(|(seat, periods)| {
                periods.iter().map(move |(stamp, period)| {
                    let ends = [self.left.get(seat), self.gone.get(&seat.1)];
                    let later = ends.into_iter().flatten().flatten().filter(|end| *end > stamp);
                    let ended = later.min().copied();
                    Sitting { person: seat.1.clone(), period: *period, stamp: *stamp, ended }
                })
            })
            .collect();
        all.sort_by_key(|sitting| sitting.stamp);
        all
    }

    /// Whether the seat was taken at an instant. Whoever left is back only by a later entry.
    fn taken_at(&self, seat: &Seat, at: Timestamp) -> bool {
        let ends = [self.left.get(seat), self.gone.get(&seat.1)];
        self.taken.get(seat).into_iter().flatten().any(|(stamp, period)| {
            let begun = period.from <= at && stamp.received <= at;
            let over = period.until.is_some_and(|until| until <= at);
            let mut ends = ends.iter().copied().flatten().flatten();
            let gone = ends.any(|end| end > stamp && end.received <= at);
            begun && !over && !gone
        })
    }
}

/// One period of a person on a seat, and when it was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sitting {
    /// Who.
    pub person: PersonId,
    /// As it was entered.
    pub period: Period,
    /// Entered when and where.
    pub stamp: Stamp,
    /// Left before the end.
    pub ended: Option<Stamp>,
}

impl Sitting {
    /// Whether it is over at an instant.
    #[must_use]
    pub fn is_over(&self, at: Timestamp) -> bool {
        let ended = self.ended.is_some_and(|ended| ended.received <= at);
        ended || self.period.until.is_some_and(|until| until <= at)
    }
}

/// Posts, deputies, routes, and accounts of one human being.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Offices {
    names: BTreeMap<PostId, Latest<String>>,
    holders: Seats,
    deputies: Seats,
    #[serde(with = "super::latest::pairs")]
    routes: BTreeMap<(Form, Option<Importance>), BTreeMap<Stamp, Route>>,
    same: BTreeMap<PersonId, BTreeSet<PersonId>>,
}

impl Offices {
    pub(super) fn enter(&mut self, stamp: Stamp, act: &Act) {
        match act {
            Act::PostNamed { post, name } => {
                let slot = self.names.entry(post.clone());
                slot.and_modify(|latest| latest.replace(stamp, name.clone()))
                    .or_insert_with(|| Latest::new(stamp, name.clone()));
            }
            Act::PostTaken { post, person, from, until } => {
                let period = Period { from: *from, until: *until };
                self.holders.take(stamp, (post.clone(), person.clone()), period);
            }
            Act::PostLeft { post, person, .. } => self.holders.leave(stamp, (post.clone(), person.clone())),
            Act::DeputyNamed { post, person, from, until, .. } => {
                let period = Period { from: *from, until: Some(*until) };
                self.deputies.take(stamp, (post.clone(), person.clone()), period);
            }
            Act::DeputyEnded { post, person, .. } => {
                self.deputies.leave(stamp, (post.clone(), person.clone()));
            }
            Act::RouteSet { form, importance, route } => {
                self.routes.entry((*form, *importance)).or_default().insert(stamp, route.clone());
            }
            Act::PersonEntered { person, post, from, until, same_as, .. } => {
                if let Some(post) = post {
                    let period = Period { from: *from, until: *until };
                    self.holders.take(stamp, (post.clone(), person.clone()), period);
                }
                if let Some(other) = same_as {
                    self.same.entry(person.clone()).or_default().insert(other.clone());
                    self.same.entry(other.clone()).or_default().insert(person.clone());
                }
            }
            Act::PersonLeft { person, .. } => self.leave_all(stamp, person),
            // Everything else is no act of the offices.
            _ => {}
        }
    }

    /// Whoever leaves a role gives up the posts he holds and every deputyship.
    fn leave_all(&mut self, stamp: Stamp, person: &PersonId) {
        for seats in [&mut self.holders, &mut self.deputies] {
            seats.gone.entry(person.clone()).or_default().insert(stamp);
        }
    }

    /// What the post is called.
    #[must_use]
    pub fn name(&self, post: &PostId) -> Option<&str> {
        self.names.get(post).map(|latest| latest.value.as_str())
    }

    /// All posts that were named or ever held.
    #[must_use]
    pub fn posts(&self) -> BTreeSet<&PostId> {
        self.names.keys().chain(self.holders.taken.keys().map(|(post, _)| post)).collect()
    }

    /// Whether the person holds the post at an instant.
    #[must_use]
    pub fn holds(&self, person: &PersonId, post: &PostId, at: Timestamp) -> bool {
        self.holders.taken_at(&(post.clone(), person.clone()), at)
    }

    /// Whether the person stands in for the holder at an instant.
    #[must_use]
    pub fn stands_in(&self, person: &PersonId, post: &PostId, at: Timestamp) -> bool {
        self.deputies.taken_at(&(post.clone(), person.clone()), at)
    }

    /// Whether anybody holds the post or stands in for it at an instant.
    #[must_use]
    pub fn is_occupied(&self, post: &PostId, at: Timestamp) -> bool {
        self.holders_of(post, at).chain(self.deputies_of(post, at)).next().is_some()
    }

    /// Everybody who held or will hold a post, in the order of entry.
    #[must_use]
    pub fn held(&self, post: &PostId) -> Vec<Sitting> {
        self.holders.sittings(post)
    }

    /// Everybody who stood in or will stand in for its holder, in the order of entry.
    #[must_use]
    pub fn stood_in(&self, post: &PostId) -> Vec<Sitting> {
        self.deputies.sittings(post)
    }

    /// Who holds a post at an instant.
    pub fn holders_of(&self, post: &PostId, at: Timestamp) -> impl Iterator<Item = &PersonId> {
        self.holders
            .taken
            .keys()
            .filter(move |seat| seat.0 == *post && self.holders.taken_at(seat, at))
            .map(|(_, person)| person)
    }

    /// Who stands in for a post at an instant.
    pub fn deputies_of(&self, post: &PostId, at: Timestamp) -> impl Iterator<Item = &PersonId> {
        self.deputies
            .taken
            .keys()
            .filter(move |seat| seat.0 == *post && self.deputies.taken_at(seat, at))
            .map(|(_, person)| person)
    }

    /// The posts a person holds, and those he stands in for, at an instant.
    #[must_use]
    pub fn seats_of(&self, person: &PersonId, at: Timestamp) -> Vec<(PostId, crate::request::Manner)> {
        use crate::request::Manner;
        let of = |seats: &Seats, manner: Manner| -> Vec<(PostId, Manner)> {
            let own = seats.taken.keys().filter(|seat| seat.1 == *person && seats.taken_at(seat, at));
            own.map(|(post, _)| (post.clone(), manner)).collect()
        };
        let mut seats = of(&self.holders, Manner::Own);
        seats.extend(of(&self.deputies, Manner::Deputy));
        seats
    }

    /// The way a form goes at an instant: that of the system's rank, else the one for every rank.
    #[must_use]
    pub fn way(&self, form: Form, importance: Importance, at: Timestamp) -> Option<&Route> {
        [Some(importance), None].into_iter().find_map(|rank| {
            let set = self.routes.get(&(form, rank))?;
            set.iter().rev().find(|(stamp, _)| stamp.received <= at).map(|(_, route)| route)
        })
    }

    /// All routes in force at an instant.
    pub fn routes(&self, at: Timestamp) -> impl Iterator<Item = (Form, Option<Importance>, &Route)> {
        self.routes.iter().filter_map(move |((form, rank), set)| {
            let (_, route) = set.iter().rev().find(|(stamp, _)| stamp.received <= at)?;
            Some((*form, *rank, route))
        })
    }

    /// Whether two accounts are one human being's, as far as it was said.
    #[must_use]
    pub fn same_human(&self, one: &PersonId, other: &PersonId) -> bool {
        let mut known = BTreeSet::from([one]);
        let mut open = vec![one];
        while let Some(person) = open.pop() {
            for next in self.same.get(person).into_iter().flatten() {
                if known.insert(next) {
                    open.push(next);
                }
            }
        }
        known.contains(other)
    }
}
