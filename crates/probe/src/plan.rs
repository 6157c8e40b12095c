//! What is tried when, and what of the results is worth a fact: turns at once, trouble as long as it lasts, and every
//! five minutes one fact for all that is well. So a thousand targets that stand cost two facts in five minutes.

use crate::sights::{Picture, Sights};
use crate::track::{State, Track};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::probe::{Availability, Blindness, Fault, ProbeBlind, ProbeWatch};
use yakujo_contract::id::TargetId;
use yakujo_contract::outage::{RETRY_S, TRY_LASTS_S, WATCH_EVERY_S};
use yakujo_contract::target::Target;

/// Targets of one fact.
const PART: usize = 500;
/// First tries are spread over so many seconds.
const SPREAD_S: u64 = 10;

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// As promised, after so many ms.
    Up(u32),
    /// It answered, but not as promised.
    Restricted {
        /// What was wrong.
        fault: Fault,
        /// More about it.
        detail: String,
        /// After so many ms.
        ms: u32,
    },
    /// No answer, or one that says that it does not work.
    Down {
        /// What was wrong.
        fault: Fault,
        /// More about it.
        detail: String,
    },
    /// This probe cannot try it at all.
    Cannot(String),
}

impl Attempt {
    /// Whether anything came back: then the way there works.
    #[must_use]
    pub fn was_answered(&self) -> bool {
        match self {
            Self::Up(_) | Self::Restricted { .. } => true,
            Self::Down { fault, .. } => match fault {
                Fault::Timeout | Fault::Unreachable | Fault::Name => false,
                Fault::Refused
                | Fault::Tls
                | Fault::Broken
                | Fault::Status
                | Fault::Text
                | Fault::Function
                | Fault::Slow
                | Fault::Unsteady => true,
            },
            Self::Cannot(_) => false,
        }
    }
}

/// Everything one probe watches.
#[derive(Default)]
pub struct Planner {
    tracks: BTreeMap<TargetId, Track>,
    cannot: BTreeMap<TargetId, String>,
    sights: Sights,
    /// All is told up to here.
    round: Option<Timestamp>,
    cut: Option<Cut>,
    news: Vec<Fact>,
}

struct Cut {
    from: Timestamp,
    to: Timestamp,
    began: Timestamp,
    told: Timestamp,
    tries: u32,
    why: Blindness,
}

impl Planner {
    /// What is to be watched from now on. A target that changed is a new one.
    pub fn assign(&mut self, targets: &[Target], now: Timestamp) {
        let wanted: BTreeMap<&TargetId, &Target> =
            targets.iter().map(|target| (&target.target, target)).collect();
        let gone: Vec<TargetId> = self
            .tracks
            .iter()
            .filter(|(id, track)| wanted.get(id).is_none_or(|target| **target != track.target))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            if let Some(mut track) = self.tracks.remove(&id) {
                self.news.extend(track.close());
            }
            self.cannot.remove(&id);
            self.sights.forget(&id);
        }
        for (id, target) in wanted {
            let spread =
                id.as_str().bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            let wait = SignedDuration::from_secs(i64::try_from(spread % SPREAD_S).unwrap_or_default());
            self.tracks
                .entry(id.clone())
                .or_insert_with(|| Track::new(target.clone(), now.saturating_add(wait).unwrap_or(now)));
        }
    }

    /// What is to be tried now; each is due again only when its result is in.
    pub fn due(&mut self, now: Timestamp) -> Vec<Target> {
        let due = self.tracks.values_mut().filter(|track| track.due.is_some_and(|due| due <= now));
        due.map(|track| {
            track.due = None;
            track.target.clone()
        })
        .collect()
    }

    /// Whether what users rely on is to be looked at with this try.
    pub fn is_look_due(&mut self, target: &TargetId, now: Timestamp) -> bool {
        self.sights.is_due(target, now)
    }

    /// A look at a target showed this.
    pub fn saw(&mut self, target: &TargetId, at: Timestamp, picture: Picture) {
        if self.tracks.contains_key(target) {
            self.news.extend(self.sights.saw(target, at, picture));
        }
    }

    /// Whether this very target is watched still.
    #[must_use]
    pub fn watches(&self, target: &Target) -> bool {
        self.tracks.get(&target.target).is_some_and(|track| track.target == *target)
    }

    /// A try of a target gave this.
    pub fn tried(&mut self, target: &TargetId, begun: Timestamp, attempt: Attempt) {
        let Some(track) = self.tracks.get_mut(target) else { return };
        let every = track.target.every_s;
        let (state, pause) = match attempt {
            Attempt::Cannot(why) => {
                self.news.extend(track.close());
                track.again(begun, every);
                self.tell_cannot(target, begun, why);
                return;
            }
            Attempt::Up(ms) => (State { is: Availability::Up, ms: Some(ms), why: None }, every),
            Attempt::Restricted { fault, detail, ms } => {
                let why = Some((fault, detail));
                (State { is: Availability::Restricted, ms: Some(ms), why }, every.min(RETRY_S))
            }
            Attempt::Down { fault, detail } => {
                let why = Some((fault, detail));
                (State { is: Availability::Down, ms: None, why }, every.min(RETRY_S))
            }
        };
        self.cannot.remove(target);
        self.news.extend(track.stood(begun, state));
        track.again(begun, pause);
    }

    /// That nobody watches from here is told at once, and again with every round.
    fn tell_cannot(&mut self, target: &TargetId, at: Timestamp, why: String) {
        if self.cannot.get(target) == Some(&why) {
            return;
        }
        self.cannot.insert(target.clone(), why.clone());
        let cannot = BTreeMap::from([(target.clone(), why)]);
        self.news.push(Fact::ProbeWatch(ProbeWatch { from: at, to: at, up: BTreeMap::new(), cannot }));
    }

    /// A try says nothing, because the probe's own network was cut.
    pub fn was_blind(&mut self, target: &TargetId, begun: Timestamp, why: Blindness) {
        if let Some(track) = self.tracks.get_mut(target) {
            self.news.extend(track.close());
            track.again(begun, track.target.every_s.min(RETRY_S));
        }
        match &mut self.cut {
            Some(cut) => {
                (cut.from, cut.to) = (cut.from.min(begun), cut.to.max(begun));
                cut.tries = cut.tries.saturating_add(1);
            }
            None => {
                let tries = 1;
                let cut = Cut { from: begun, to: begun, began: begun, told: Timestamp::MIN, tries, why };
                self.cut = Some(cut);
            }
        }
        self.tell_cut();
    }

    /// Something outside answered: the probe's own network works.
    pub fn sees(&mut self) {
        if let Some(mut cut) = self.cut.take()
            && let Some(fact) = cut.tell()
        {
            self.news.push(fact);
        }
    }

    fn tell_cut(&mut self) {
        let Some(cut) = &mut self.cut else { return };
        let age = cut.to.duration_since(cut.began);
        if cut.to.duration_since(cut.told) >= crate::track::told_every(age) {
            self.news.extend(cut.tell());
        }
    }

    /// The facts so far; every five minutes with the one about all that is well.
    pub fn facts(&mut self, now: Timestamp) -> Vec<Fact> {
        // What began before this has ended, so that no later result can contradict it.
        let settled = now.saturating_sub(SignedDuration::from_secs(i64::from(TRY_LASTS_S.saturating_add(2))));
        let settled = settled.unwrap_or(now);
        let since = *self.round.get_or_insert(settled);
        if settled.duration_since(since) >= SignedDuration::from_secs(i64::from(WATCH_EVERY_S)) {
            self.tell_round(since, settled);
        }
        std::mem::take(&mut self.news)
    }

    /// Tells everything that was not told: the probe ends, or its clock is set.
    pub fn close(&mut self) -> Vec<Fact> {
        for track in self.tracks.values_mut() {
            self.news.extend(track.close());
        }
        self.sees();
        self.round = None;
        std::mem::take(&mut self.news)
    }

    fn tell_round(&mut self, since: Timestamp, until: Timestamp) {
        self.round = Some(until);
        let mut up: BTreeMap<TargetId, u32> = BTreeMap::new();
        for (id, track) in &mut self.tracks {
            match track.well(since, until) {
                Some(p95) => {
                    up.insert(id.clone(), p95);
                }
                None => self.news.extend(track.tell(until)),
            }
        }
        let mut cannot = self.cannot.clone();
        let mut up = up.into_iter().peekable();
        while up.peek().is_some() || !cannot.is_empty() {
            let cannot = std::mem::take(&mut cannot).into_iter().take(PART).collect();
            let part = ProbeWatch { from: since, to: until, up: up.by_ref().take(PART).collect(), cannot };
            self.news.push(Fact::ProbeWatch(part));
        }
    }
}

impl Cut {
    fn tell(&mut self) -> Option<Fact> {
        if self.tries == 0 {
            return None;
        }
        let fact = ProbeBlind { from: self.from, to: self.to, why: self.why, tries: self.tries };
        (self.told, self.from, self.tries) = (self.to, self.to, 0);
        Some(Fact::ProbeBlind(fact))
    }
}

#[cfg(test)]
mod tests;
