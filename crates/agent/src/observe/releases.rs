//! Releases where they are deployed: told when another one lies there, also across restarts of the agent.
//!
//! What lay there at the very first look is nobody's deployment: there comparing begins. While a release is being copied
//! it is neither the old nor the new one; it is told when it has been at rest for a moment. A place that is no longer
//! looked at is told, too: an operator cannot take it out of `agent.toml` unseen.

use crate::collect::c12_releases::{self, Outside};
use crate::outbox::Note;
use crate::reading::{Reading, Sources, in_parts, open_content};
use crate::settings::Release;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::software::ReleaseDeployed;
use yakujo_contract::fact::state::{ItemChange, Seen, StateChange};
use yakujo_contract::id::Digest;
use yakujo_contract::thing::Object;

/// Under this key, and the name of the release, the outbox keeps what outlives a run.
pub const RELEASE_KEY: &str = "release:";
/// At rest for so long, a release is no longer being copied.
const AT_REST: SignedDuration = SignedDuration::from_secs(10);
/// Written to for longer than this, it is said that nobody can tell which release it is.
const RESTLESS: SignedDuration = SignedDuration::from_mins(10);

/// What is known of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: String,
    /// Absent: nothing lay there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    looked: Timestamp,
}

/// The releases of a host.
#[derive(Debug, Default)]
pub struct Releases {
    known: BTreeMap<String, Known>,
    /// The outside that was read.
    read: BTreeMap<String, String>,
    /// An outside that was not read yet, and since when it is as it is; and since when it has not come to rest.
    restless: BTreeMap<String, (String, Timestamp, Timestamp)>,
    /// Places an earlier run looked at, until they are told.
    left: Vec<(String, Known)>,
    notes: Vec<Note>,
}

impl Releases {
    /// What an earlier run knew of the releases that are still looked at; the others are told.
    #[must_use]
    pub fn from(kept: &[(String, String)], wanted: &[Release]) -> Self {
        let mut releases = Self::default();
        for (name, text) in kept {
            let Ok(known) = serde_json::from_str::<Known>(text) else { continue };
            if wanted.iter().any(|release| release.name == *name && release.path == known.path) {
                releases.known.insert(name.clone(), known);
            } else {
                releases.left.push((name.clone(), known));
            }
        }
        releases
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.notes);
        let known = self.known.iter();
        notes.extend(
            known.map(|(name, known)| (format!("{RELEASE_KEY}{name}"), serde_json::to_string(known).ok())),
        );
        notes
    }

    /// Looks at every release; reads those that changed and are at rest.
    pub fn look(&mut self, sources: &Sources, now: Timestamp) -> Reading {
        let mut facts = self.no_longer(now);
        let mut reasons = Vec::new();
        for release in &sources.settings.releases {
            match self.one(sources, release, now) {
                Ok(fact) => facts.extend(fact),
                Err(reason) => reasons.push(format!("release {}: {reason}", release.name)),
            }
        }
        Reading::of(facts, reasons.join("; "))
    }

    fn one(&mut self, sources: &Sources, release: &Release, now: Timestamp) -> Result<Option<Fact>, String> {
        let name = &release.name;
        let Some(outside) = c12_releases::outside(&sources.path(&release.path))? else {
            self.read.remove(name);
            self.restless.remove(name);
            self.knows(release, None, now);
            return Ok(None);
        };
        if self.read.get(name) == Some(&outside.stamp) {
            self.restless.remove(name);
            if let Some(known) = self.known.get_mut(name) {
                known.looked = now;
            }
            return Ok(None);
        }
        if !self.is_at_rest(name, &outside, now)? {
            return Ok(None);
        }
        let digest = c12_releases::digest(&outside)?;
        if c12_releases::outside(&sources.path(&release.path))?
            .is_none_or(|again| again.stamp != outside.stamp)
        {
            return Ok(None);
        }
        self.restless.remove(name);
        self.read.insert(name.clone(), outside.stamp);
        let before = self.knows(release, Some(digest.clone()), now);
        let Some(before) = before.filter(|before| before.digest.as_ref() != Some(&digest)) else {
            return Ok(None);
        };
        // A file system that keeps no such time names none since the last look.
        let at =
            if outside.changed >= before.looked && outside.changed <= now { outside.changed } else { now };
        let (artefact, path) = (name.clone(), release.path.clone());
        Ok(Some(Fact::ReleaseDeployed(ReleaseDeployed { artefact, digest, path, at })))
    }

    /// Remembers what lies there; returns what was known before, none at the first look.
    fn knows(&mut self, release: &Release, digest: Option<Digest>, now: Timestamp) -> Option<Known> {
        let known = Known { path: release.path.clone(), digest, looked: now };
        self.known.insert(release.name.clone(), known)
    }

    fn is_at_rest(&mut self, name: &str, outside: &Outside, now: Timestamp) -> Result<bool, String> {
        let new = || (outside.stamp.clone(), now, now);
        let (stamp, since, began) = self.restless.entry(name.to_owned()).or_insert_with(new);
        if *stamp != outside.stamp {
            (*stamp, *since) = (outside.stamp.clone(), now);
        }
        if now.duration_since(*since) >= AT_REST {
            return Ok(true);
        }
        if now.duration_since(*began) > RESTLESS {
            return Err("it is written to all the time".to_owned());
        }
        if self.known.contains_key(name) {
            return Ok(false);
        }
        Err("it was not at rest yet since the first look".to_owned())
    }

    /// Places that are no longer looked at.
    fn no_longer(&mut self, now: Timestamp) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (name, known) in std::mem::take(&mut self.left) {
            let gone = ItemChange { name: known.path, before: Some(open_content(&name)), after: None };
            let (object, since, seen) = (Object::Watch, Some(known.looked), Seen::WhileAway);
            let told = in_parts(&[gone]).into_iter().map(|(part, items)| {
                Fact::StateChange(StateChange { part, object, since, until: now, seen, items })
            });
            facts.extend(told);
            if !self.known.contains_key(&name) {
                self.notes.push((format!("{RELEASE_KEY}{name}"), None));
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second() + second).unwrap()
    }

    fn sources(tree: &Path) -> Sources {
        let mut sources = Sources::under(tree);
        let (name, path) = ("portal".to_owned(), "/srv/portal".to_owned());
        sources.settings.releases = vec![Release { name, path }];
        sources
    }

    fn write(tree: &Path, text: &str) {
        std::fs::create_dir_all(tree.join("srv/portal")).unwrap();
        std::fs::write(tree.join("srv/portal/app"), text).unwrap();
    }

    /// As the outbox would hand it to the next run.
    fn kept(releases: &mut Releases) -> Vec<(String, String)> {
        let notes = releases.notes().into_iter();
        notes.filter_map(|(key, value)| Some((key.strip_prefix(RELEASE_KEY)?.to_owned(), value?))).collect()
    }

    fn deployed(reading: &Reading) -> Vec<&ReleaseDeployed> {
        let mut found = Vec::new();
        for fact in &reading.facts {
            if let Fact::ReleaseDeployed(release) = fact {
                found.push(release);
            }
        }
        found
    }

    #[test]
    fn a_release_is_told_once_it_is_at_rest_and_what_lay_there_first_is_not() {
        let tree = tempfile::tempdir().unwrap();
        let sources = sources(tree.path());
        write(tree.path(), "one");
        let mut releases = Releases::default();
        for second in [0, 5, 10, 15] {
            assert!(releases.look(&sources, at(second)).facts.is_empty(), "nobody deployed it");
        }
        write(tree.path(), "half of");
        assert!(releases.look(&sources, at(20)).facts.is_empty());
        write(tree.path(), "half of two, and the rest");
        for second in [25, 30] {
            assert!(releases.look(&sources, at(second)).facts.is_empty(), "it may still be copied");
        }
        let told = releases.look(&sources, at(35));
        assert_eq!(deployed(&told).len(), 1, "{told:?}");
        assert_eq!(deployed(&told)[0].artefact, "portal");
        assert!(releases.look(&sources, at(60)).facts.is_empty(), "once");
    }

    #[test]
    fn a_release_that_came_while_the_agent_was_down_is_told_at_its_start() {
        let tree = tempfile::tempdir().unwrap();
        let sources = sources(tree.path());
        let mut first = Releases::default();
        assert!(first.look(&sources, at(0)).facts.is_empty(), "nothing lies there");
        let kept = kept(&mut first);
        write(tree.path(), "two");
        let mut second = Releases::from(&kept, &sources.settings.releases);
        assert!(second.look(&sources, at(100)).facts.is_empty());
        assert_eq!(deployed(&second.look(&sources, at(115))).len(), 1);
        let mut third = Releases::from(&self::kept(&mut second), &sources.settings.releases);
        third.look(&sources, at(200));
        assert!(third.look(&sources, at(215)).facts.is_empty(), "the same lies there");
    }

    #[test]
    fn a_place_that_is_no_longer_looked_at_is_told_once() {
        let tree = tempfile::tempdir().unwrap();
        let with = sources(tree.path());
        let mut first = Releases::default();
        first.look(&with, at(0));
        let kept = kept(&mut first);
        let mut second = Releases::from(&kept, &[]);
        let told = second.look(&Sources::under(tree.path()), at(10));
        let [Fact::StateChange(change)] = &told.facts[..] else { panic!("{told:?}") };
        assert_eq!((change.object, change.items[0].name.as_str()), (Object::Watch, "/srv/portal"));
        assert_eq!(second.notes(), [("release:portal".to_owned(), None)]);
        assert!(second.look(&Sources::under(tree.path()), at(20)).facts.is_empty());
    }

    #[test]
    fn what_is_written_to_all_the_time_is_said() {
        let tree = tempfile::tempdir().unwrap();
        let sources = sources(tree.path());
        let mut releases = Releases::default();
        let mut last = Reading::failed("");
        for turn in 0..130 {
            write(tree.path(), &turn.to_string());
            last = releases.look(&sources, at(turn * 5));
        }
        assert!(last.facts.is_empty() && last.reason.contains("all the time"), "{last:?}");
    }
}
