//! Updates on offer: told when they differ, each with the instant at which it was first seen on offer, across restarts.

use crate::collect::c03_updates::{self, Offered};
use crate::outbox::Note;
use crate::reading::{Reading, Sources, in_parts};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::thread::JoinHandle;
use yakujo_contract::fact::software::{Update, UpdatesAvailable};
use yakujo_contract::fact::{Coverage, Fact};

/// Under this key the outbox keeps what outlives a run.
pub const UPDATES_KEY: &str = "updates";
/// Lists that did not change are asked again so often; asking takes some seconds of a processor.
const ASK_AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// Lists that just changed may be half there.
const AT_REST: SignedDuration = SignedDuration::from_secs(60);

type Answer = Result<(Vec<Offered>, Coverage), String>;

/// What was on offer.
#[derive(Debug, Default)]
pub struct Updates {
    /// Package → version on offer, first seen.
    seen: BTreeMap<String, (String, Timestamp)>,
    asked: Option<Timestamp>,
    stamp: Option<(i64, i64)>,
    /// What was told last: the offers, what could not be read, the day of the lists.
    told: Option<(Vec<Update>, Coverage, Option<i64>)>,
    /// apt at work: it takes seconds, and nothing else waits for it.
    asking: Option<JoinHandle<Answer>>,
    /// Why the last answer was none.
    failed: Option<String>,
    reason: String,
    is_noted: bool,
}

impl Updates {
    /// What an earlier run knew.
    #[must_use]
    pub fn from(kept: Option<&str>) -> Self {
        let seen = kept.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self { seen, is_noted: true, ..Self::default() }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        if std::mem::replace(&mut self.is_noted, true) {
            return Vec::new();
        }
        vec![(UPDATES_KEY.to_owned(), serde_json::to_string(&self.seen).ok())]
    }

    /// Asks where something may have changed; the answer comes with a later look.
    pub fn look(&mut self, sources: &Sources, now: Timestamp) -> Reading {
        if let Some(asking) = self.asking.take_if(|asking| asking.is_finished()) {
            self.failed = None;
            match asking.join() {
                Ok(Ok((offers, coverage))) => return self.answered(sources, offers, coverage, now),
                Ok(Err(reason)) => self.failed = Some(reason),
                Err(_) => self.failed = Some("asking apt failed".to_owned()),
            }
        }
        if self.asking.is_none() && self.is_due(sources, now) {
            (self.asked, self.stamp) = (Some(now), c03_updates::stamp(sources));
            let sources = sources.clone();
            self.asking = Some(std::thread::spawn(move || c03_updates::offered(&sources)));
        }
        if let Some(reason) = &self.failed {
            return Reading::failed(reason.clone());
        }
        let reason = if self.told.is_none() { "apt is being asked".to_owned() } else { self.reason.clone() };
        Reading::of(Vec::new(), reason)
    }

    fn is_due(&self, sources: &Sources, now: Timestamp) -> bool {
        let stamp = c03_updates::stamp(sources);
        let at_rest = |(seconds, _): (i64, i64)| now.as_second() >= seconds.saturating_add(AT_REST.as_secs());
        let is_old = self.asked.is_none_or(|asked| now.duration_since(asked) >= ASK_AGAIN);
        is_old || (stamp != self.stamp && stamp.is_none_or(at_rest))
    }

    fn answered(
        &mut self,
        sources: &Sources,
        offers: Vec<Offered>,
        coverage: Coverage,
        now: Timestamp,
    ) -> Reading {
        self.reason.clone_from(&coverage.reason);
        let known = std::mem::take(&mut self.seen);
        let mut updates = Vec::new();
        for offer in offers {
            let before = known.get(&offer.name).filter(|(candidate, _)| *candidate == offer.candidate);
            let first_seen = before.map_or(now, |(_, first_seen)| *first_seen);
            self.seen.insert(offer.name.clone(), (offer.candidate.clone(), first_seen));
            let Offered { name, installed, candidate, security } = offer;
            updates.push(Update { name, installed, candidate, security, first_seen });
        }
        self.is_noted &= known == self.seen;
        let lists = c03_updates::dated(sources);
        // That nothing newer came is told, too: without it the lists would look as old as what they said last.
        let day = lists.map(|lists| lists.as_second().div_euclid(24 * 3_600));
        let answer = (updates.clone(), coverage.clone(), day);
        if self.told.as_ref() == Some(&answer) {
            return Reading::of(Vec::new(), self.reason.clone());
        }
        let fact = |(part, updates)| {
            Fact::UpdatesAvailable(UpdatesAvailable { part, updates, lists, coverage: coverage.clone() })
        };
        let facts = in_parts(&updates).into_iter().map(fact).collect();
        self.told = Some(answer);
        Reading::of(facts, self.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    /// apt gets less than a tenth of a core, and answers within two minutes, also on a busy machine.
    fn answer(updates: &mut Updates, sources: &Sources, now: Timestamp) -> UpdatesAvailable {
        for _ in 0..1_200 {
            if let Some(Fact::UpdatesAvailable(told)) = updates.look(sources, now).facts.first() {
                return told.clone();
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("apt did not answer: {updates:?}");
    }

    #[test]
    fn an_offer_keeps_the_instant_it_was_first_seen_across_a_restart() {
        let sources = Sources::of_this_host();
        let mut first = Updates::default();
        let told = answer(&mut first, &sources, at(0));
        assert!(told.updates.iter().all(|update| update.first_seen == at(0)));
        assert!(first.look(&sources, at(60)).facts.is_empty(), "nothing changed");
        let notes = first.notes();
        let mut second = Updates::from(notes.first().and_then(|(_, text)| text.as_deref()));
        let again = answer(&mut second, &sources, at(7_200));
        assert_eq!(again.updates, told.updates);
    }
}
