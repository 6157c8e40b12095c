//! The observer where no collector can look. What other products say of the host is told; everything else is said to be unseen,
//! by every collector's name, so that no duty rests on silence.

use super::unseen;
use crate::Settings;
use crate::collectors::{self, COLLECTORS, Outcomes};
use crate::malware::{self, Guard};
use crate::outbox::{Note, OutboxError};
use crate::parts::Notebook;
use crate::reading::{Reading, Sources};
use jiff::Timestamp;
use std::collections::BTreeMap;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{CollectorRun, RunOutcome};

/// Why a collector saw nothing.
const UNSEEN: &str = "seen on Linux only";
/// Under this name the beat says that its own figures are none.
const OWN_USE: &str = "budget";

/// Facts and beats of the running agent.
pub struct Observer {
    malware: Guard,
    runs: BTreeMap<String, CollectorRun>,
    drift_ms: Option<i64>,
}

/// An observer that goes on where the last kept fact ended.
///
/// # Errors
/// When what was kept cannot be read.
pub(crate) async fn observer(
    settings: &Settings,
    _: [u8; 32],
    notebook: &Notebook,
) -> Result<Observer, OutboxError> {
    let memory = notebook.recall(malware::MEMORY_KEY).await?;
    Ok(Observer::new(&settings.sources, &malware::Left { memory, ..malware::Left::default() }))
}

impl Observer {
    /// An observer that goes on where an earlier run stopped.
    #[must_use]
    pub fn new(sources: &Sources, left: &malware::Left) -> Self {
        Self::with(Guard::new(sources, left))
    }

    fn with(malware: Guard) -> Self {
        Self { malware, runs: BTreeMap::new(), drift_ms: None }
    }

    /// What is news, and whether the outcome of a collector changed. Blocking.
    pub fn look(&mut self, now: Timestamp) -> (Vec<Fact>, Outcomes) {
        let before: Vec<RunOutcome> = self.runs.values().map(|run| run.outcome).collect();
        let mut facts = Vec::new();
        for name in COLLECTORS.iter().map(|(name, _)| *name).chain([OWN_USE]) {
            let reading = match name {
                "malware" => match self.malware.turn(now) {
                    // A product that nobody names is not seen in part.
                    unnamed if unnamed.reason == unseen::REASON => Reading::failed(unseen::REASON),
                    named => named,
                },
                _ => Reading::failed(UNSEEN),
            };
            let run = CollectorRun { ran: now, outcome: reading.outcome, reason: reading.reason };
            self.runs.insert(name.to_owned(), run);
            facts.extend(reading.facts);
        }
        let same = self.runs.values().map(|run| run.outcome).eq(before);
        (facts, if same { Outcomes::Same } else { Outcomes::Changed })
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        self.malware.notes()
    }

    /// Whether so much waits to be noted that it should not wait for the next fact.
    #[must_use]
    pub fn has_much_to_note(&self) -> bool {
        false
    }

    /// When each collector last ran, and how.
    #[must_use]
    pub fn runs(&self) -> &BTreeMap<String, CollectorRun> {
        &self.runs
    }

    /// A jump of the wall clock: `monotonic_ms` is a clock that never jumps.
    pub fn step(&mut self, now: Timestamp, monotonic_ms: i64) -> Option<Fact> {
        collectors::step(&mut self.drift_ms, now, monotonic_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;
    use crate::outbox::{Bound, Outbox};
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;
    use tokio::sync::watch;

    const EXPORT: &str = include_str!("../../../../docs/formats/golden/malware-import-v1.json");

    fn now() -> Timestamp {
        "2026-11-26T04:10:00Z".parse().unwrap()
    }

    fn settings(folder: &Path) -> Settings {
        let mut sources = Sources::of_this_host();
        let file = folder.join("export.json");
        std::fs::write(&file, EXPORT).unwrap();
        sources.settings.malware.import = Some(file);
        let folder = folder.to_owned();
        Settings { folder, intake: None, sources, clock: Arc::new(now), home: Home::WithServer, hand: None }
    }

    #[tokio::test]
    async fn each_collector_says_that_it_saw_nothing_and_another_product_is_told_once() {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().canonicalize().unwrap();
        let outbox = Outbox::open(&folder, "run".to_owned(), Bound::default()).await.unwrap();
        let notebook = Notebook::Outbox(Arc::new(outbox), watch::channel(0).0);
        let mut first = observer(&settings(&folder), [7; 32], &notebook).await.unwrap();
        let (facts, outcomes) = first.look(now());
        let kinds: Vec<&str> = facts.iter().map(Fact::kind).collect();
        assert_eq!(kinds, ["av.engine", "av.detection", "av.scan", "av.selftest"]);
        assert_eq!(outcomes, Outcomes::Changed);
        for (name, _) in COLLECTORS.iter().filter(|(name, _)| *name != "malware") {
            let run = &first.runs()[*name];
            assert_eq!((run.outcome, run.reason.as_str()), (RunOutcome::Failed, UNSEEN), "{name}");
        }
        assert_eq!(first.runs()[OWN_USE].outcome, RunOutcome::Failed);
        assert_eq!(first.runs()["malware"].outcome, RunOutcome::Complete);
        assert_eq!(first.look(now()), (Vec::new(), Outcomes::Same));
        notebook.put_with(now(), &facts, &first.notes()).await.unwrap();
        let mut next = observer(&settings(&folder), [7; 32], &notebook).await.unwrap();
        let again = next.look(now()).0;
        assert_eq!(
            again.iter().map(Fact::kind).collect::<Vec<_>>(),
            ["av.engine"],
            "its state, and nothing twice"
        );
    }

    #[test]
    fn a_protection_that_nobody_names_is_unseen_and_neither_there_nor_absent() {
        let product = unseen::own(&Sources::of_this_host(), malware::Memory::default(), &BTreeSet::new());
        let mut observer = Observer::with(Guard::with(product));
        assert!(observer.look(now()).0.is_empty());
        assert!(
            observer.runs().values().all(|run| run.outcome == RunOutcome::Failed),
            "{:?}",
            observer.runs()
        );
        assert_eq!(observer.runs()["malware"].reason, unseen::REASON);
    }

    #[test]
    fn a_jump_of_the_clock_is_told_by_every_agent() {
        let own = tempfile::tempdir().unwrap();
        let mut observer = Observer::new(&settings(own.path()).sources, &malware::Left::default());
        assert_eq!(observer.step(now(), 1_000), None);
        assert!(
            matches!(observer.step(now(), 2_000), Some(Fact::ClockStep(step)) if step.moved_ms == -1_000)
        );
        assert!(!observer.has_much_to_note());
    }
}
