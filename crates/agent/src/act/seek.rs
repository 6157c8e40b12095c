//! The follower's side of right contents: what orders and restorations (F-06) ask for and the hand does not hold is noted for
//! the part that saves; what is held, and what could be put back, is told.

use super::follow::Follower;
use super::hand::HandError;
use super::{Ask, Elsewhere, Holding};
use crate::known_good::{self, For, Found, Missing, Saved, Search, Wanted};
use crate::outbox::remembered;
use crate::watch::file::MOST_BYTES;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Error;
use std::time::{Duration, Instant};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::integrity::{IntegrityHeld, KnownGood, NotHeld, Sought};

/// Whether the hand holds what is asked for is asked so often.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// What is held is told so often, also where nothing of it changed.
const TOLD_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Letters of paths in one fact.
const MOST_LETTERS: usize = 16_000;

/// What is known of right contents.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What orders need, by the order.
    wants: BTreeMap<String, Wanted>,
    /// What restorations ask for.
    asked: BTreeSet<Wanted>,
    /// Of it, what the hand holds, and when that is asked again.
    held: BTreeSet<Wanted>,
    due: Option<Instant>,
    /// What the hand holds of the watched trees.
    pub holding: Option<Holding>,
    /// What was told last.
    told: Option<(IntegrityHeld, Timestamp)>,
}

/// What goes with an order.
pub(super) type With = (Elsewhere, Option<File>);

impl Contents {
    /// The server's restorations ask for these.
    pub fn ask_for(&mut self, asked: Vec<Wanted>) {
        let asked: BTreeSet<Wanted> = asked.into_iter().collect();
        if asked != self.asked {
            (self.asked, self.due) = (asked, None);
        }
    }

    /// An order was handed over: it needs this, or nothing more.
    pub fn handed(&mut self, note: &str, wants: Option<Wanted>) {
        match wants {
            Some(wanted) => self.wants.insert(note.to_owned(), wanted),
            None => self.wants.remove(note),
        };
    }

    fn searches(&self) -> BTreeSet<Search> {
        let asked = self.asked.difference(&self.held).map(|wanted| (wanted.clone(), For::Knowing));
        asked.chain(self.wants.values().map(|wanted| (wanted.clone(), For::Order))).collect()
    }
}

impl Follower {
    /// What is known of the content an order needs; none where that is still sought.
    pub(super) async fn content_for(
        &self,
        contents: &Contents,
        note: &str,
    ) -> Result<Option<With>, HandError> {
        let Some(wanted) = contents.wants.get(note) else { return Ok(Some((Elsewhere::NotSought, None))) };
        if !self.has_jobs {
            return Ok(Some((Elsewhere::Nowhere(known_good::NO_JOB.to_owned()), None)));
        }
        let search = (wanted.clone(), For::Order);
        let found = self.found().await?.into_iter().find(|found| found.search == search);
        Ok(found.and_then(|found| match found.found {
            Err(reason) => Some((Elsewhere::Nowhere(reason), None)),
            // Gone again: it is sought anew.
            Ok(source) => {
                let file = File::open(known_good::place(&self.folder, &wanted.digest)).ok()?;
                Some((Elsewhere::Found(source), Some(file)))
            }
        }))
    }

    async fn found(&self) -> Result<Vec<Found>, HandError> {
        Ok(remembered(self.recall(known_good::FOUND_KEY).await?.as_deref()))
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, HandError> {
        Ok(self.outbox.recall(key).await.map_err(Error::other)?)
    }

    /// Notes what is sought and what is missing, where that changed; tells what could be put back.
    pub(super) async fn contents(&self, contents: &mut Contents) -> Result<(), HandError> {
        let now = Instant::now();
        if !contents.asked.is_empty() && contents.due.is_none_or(|due| due <= now) {
            let asked = contents.asked.iter().cloned().collect();
            contents.held = self.ask(Ask::Holds { contents: asked }).await?.holds.into_iter().collect();
            contents.due = Some(now + ASK_EVERY);
        }
        let missing = contents.holding.as_ref().map(|holding| &holding.missing);
        let list = missing.map(serde_json::to_string).transpose().map_err(Error::other)?;
        let wanted = serde_json::to_string(&contents.searches()).map_err(Error::other)?;
        if self.has_jobs {
            self.note(known_good::WANTED_KEY, &wanted).await?;
            if let Some(list) = &list {
                self.note(known_good::MISSING_KEY, list).await?;
            }
        }
        let Some((holding, list)) = contents.holding.as_ref().zip(list) else { return Ok(()) };
        let saved: Saved = remembered(self.recall(known_good::SAVED_KEY).await?.as_deref());
        if self.has_jobs && !saved.is_about(&list) {
            return Ok(());
        }
        let by = if self.has_jobs { saved.by } else { BTreeMap::new() };
        let sought = self.sought(contents).await?;
        let fact = told(self.roots.clone(), holding, &by, sought);
        self.tell(contents, fact).await
    }

    async fn note(&self, key: &str, text: &str) -> Result<(), HandError> {
        if self.recall(key).await?.as_deref() == Some(text) {
            return Ok(());
        }
        let note = (key.to_owned(), Some(text.to_owned()));
        Ok(self.outbox.put_with((self.clock)(), &[], &[note]).await.map_err(Error::other)?)
    }

    /// The contents that are asked for and of which is known where they are, or that they are nowhere.
    async fn sought(&self, contents: &Contents) -> Result<Vec<Sought>, HandError> {
        let found = self.found().await?;
        let of = |wanted: &Wanted| {
            if contents.held.contains(wanted) {
                return Some(Ok(KnownGood::Store));
            }
            if !self.has_jobs {
                return Some(Err(known_good::NO_JOB.to_owned()));
            }
            let search = (wanted.clone(), For::Knowing);
            found.iter().find(|found| found.search == search).map(|found| found.found.clone())
        };
        let asked = contents.asked.iter().filter(|_| contents.due.is_some());
        let sought = asked.filter_map(|wanted| {
            let found = of(wanted)?;
            let (path, digest) = (wanted.path.clone(), wanted.digest.clone());
            let (source, reason) = match found {
                Ok(source) => (Some(source), String::new()),
                Err(reason) => (None, reason),
            };
            Some(Sought { path, digest, source, reason })
        });
        Ok(shortened(sought, |sought| sought.path.len().saturating_add(sought.reason.len())))
    }

    async fn tell(&self, contents: &mut Contents, fact: IntegrityHeld) -> Result<(), HandError> {
        let now = (self.clock)();
        let is_known = contents
            .told
            .as_ref()
            .is_some_and(|(told, at)| *told == fact && now.duration_since(*at).abs() < TOLD_EVERY);
        if is_known {
            return Ok(());
        }
        let told = [Fact::IntegrityHeld(fact.clone())];
        self.outbox.put_with(now, &told, &[]).await.map_err(Error::other)?;
        self.news.send_modify(|count| *count = count.wrapping_add(1));
        contents.told = Some((fact, now));
        Ok(())
    }
}

fn told(
    roots: Vec<String>,
    holding: &Holding,
    by: &BTreeMap<String, String>,
    sought: Vec<Sought>,
) -> IntegrityHeld {
    // What is too large to be watched by its digest cannot be named in a restoration either.
    let saved_by = |missing: &Missing| by.get(&missing.path).filter(|_| missing.size <= MOST_BYTES).cloned();
    let mut missing: Vec<NotHeld> = holding
        .missing
        .iter()
        .map(|missing| NotHeld {
            path: missing.path.clone(),
            size: missing.size,
            why: missing.why,
            saved_by: saved_by(missing),
        })
        .collect();
    let saved = missing.iter().filter(|missing| missing.saved_by.is_some()).count();
    missing.sort_by_key(|missing| missing.saved_by.is_some());
    IntegrityHeld {
        roots,
        files: holding.files,
        left_out: holding.left_out,
        lost: holding.left_out.saturating_sub(u32::try_from(saved).unwrap_or(u32::MAX)),
        missing: shortened(missing.into_iter(), |missing| missing.path.len()),
        sought,
    }
}

/// As many as fit into a fact.
fn shortened<T>(all: impl Iterator<Item = T>, letters: impl Fn(&T) -> usize) -> Vec<T> {
    let mut left = MOST_LETTERS;
    let fits = |one: &T| {
        // The digest and the names of the fields count, too.
        left = left.saturating_sub(letters(one).saturating_add(200));
        left > 0
    };
    all.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use yakujo_contract::fact::integrity::WhyNotHeld;

    #[test]
    fn what_is_in_no_snapshot_is_lost_and_named_first_and_a_fact_never_grows_too_large() {
        let missing =
            |path: String, size| Missing { path, size, modified: (0, 0), why: WhyNotHeld::TooLarge };
        let mut all = vec![missing("/saved".to_owned(), 1), missing("/huge".to_owned(), MOST_BYTES + 1)];
        all.extend((0..500).map(|number| missing(format!("/lost/{number}"), 1)));
        let holding = Holding { files: 3, left_out: 502, missing: all };
        let by = ["/saved", "/huge"].map(|path| (path.to_owned(), "daily".to_owned())).into();
        let told = told(Vec::new(), &holding, &by, Vec::new());
        assert_eq!((told.left_out, told.lost), (502, 501));
        assert!(told.missing.iter().all(|missing| missing.saved_by.is_none()), "{told:?}");
        assert!(serde_json::to_string(&told).unwrap().len() < 32_000);
    }
}
