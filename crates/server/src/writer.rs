//! The one thread that adds to the ledger of a contract.
//!
//! In turn: requests are gathered, appended and made durable, answered, entered into the court, shown in the views.
//! An answer never comes before the entry is durable. An act is checked against the court as it stands when its turn
//! comes, so two people who agree to the same proposal at once cannot both succeed.

use crate::decide::{self, Decision, Refusal};
use crate::office::{self, OfficeError, Shared};
use crate::snapshot::Snapshot;
use crate::views::Stored;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use yakujo_contract::court::Ruling;
use yakujo_contract::entry::{Author, Body, Entry};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::server::AgentGap;
use yakujo_contract::id::{EntryNumber, HostId};
use yakujo_ledger::files::{AppendError, Ledger, Reader};

/// Requests gathered for one append.
const GATHER: usize = 1_000;
/// Bytes gathered for one append: what is gathered is stored before more is taken in.
const GATHER_BYTES: usize = 4 << 20;
/// Requests waiting at most (each up to 1 MiB); whoever comes later waits at the door.
pub const WAITING: usize = 128;
/// Entries between two snapshots.
const SNAPSHOT_EVERY: u64 = 10_000;

/// A fact as an agent numbered it.
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct NumberedFact {
    /// The agent's number.
    pub seq: u64,
    /// By the host's clock.
    pub observed: Timestamp,
    /// The fact.
    pub fact: Fact,
}

/// Facts of a host, in the order of their numbers.
pub struct Delivery {
    /// The host.
    pub host: HostId,
    /// The facts.
    pub facts: Vec<NumberedFact>,
    /// The lowest number the agent still has: whatever is lower and missing is lost.
    pub lowest: u64,
    /// The highest number up to which everything is stored.
    pub reply: oneshot::Sender<Result<u64, NotTaken>>,
}

/// What the writer is asked.
pub enum Request {
    /// Facts of a host.
    Facts(Delivery),
    /// Facts of the server itself.
    Own {
        /// About which host, where about one.
        host: Option<HostId>,
        /// The fact.
        fact: Box<Fact>,
        /// Stored.
        reply: Option<oneshot::Sender<Result<EntryNumber, NotStored>>>,
    },
    /// An act of a person.
    Act {
        /// The act.
        decision: Box<Decision>,
        /// Its entry.
        reply: oneshot::Sender<Result<EntryNumber, Refusal>>,
    },
    /// Time passes.
    Tick,
    /// Publish a new checkpoint now.
    Publish(oneshot::Sender<Result<u64, NotStored>>),
    /// Publish, keep a snapshot, end.
    Stop(oneshot::Sender<()>),
}

/// Why something was not stored; the sender keeps it and tries again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not stored: {0}")]
pub struct NotStored(pub String);

/// Why a delivery was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotTaken {
    /// Nothing was stored.
    #[error(transparent)]
    NotStored(#[from] NotStored),
    /// The host gave a number to another fact before: its outbox was set back, or it is a new one.
    #[error("the numbers up to {taken_to} are taken by other facts")]
    Renumber {
        /// Up to here the facts are the stored ones.
        stored_to: u64,
        /// Numbers from here on are free.
        taken_to: u64,
    },
}

/// Where each host's numbering stands.
pub type NextNumbers = BTreeMap<HostId, u64>;

pub(crate) struct Writer {
    pub shared: Arc<Shared>,
    pub ledger: Ledger,
    pub reader: Reader,
    pub next: NextNumbers,
    /// The first entry the views did not take, while they are behind the ledger, and the turns they did not take.
    pub behind: Option<u64>,
    pub unshown: Vec<Ruling>,
    pub snapshot_at: u64,
    pub last: Timestamp,
    pub runtime: tokio::runtime::Handle,
}

struct Prepared {
    entry: Entry,
    bytes: Vec<u8>,
}

enum Answer {
    Host(HostId, oneshot::Sender<Result<u64, NotTaken>>),
    One(usize, oneshot::Sender<Result<EntryNumber, NotStored>>),
}

impl Writer {
    /// Works until it is told to stop or nobody can ask any more.
    pub(crate) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut published = Timestamp::MIN;
        while let Some(first) = requests.blocking_recv() {
            let mut gathered = vec![first];
            while gathered.len() < GATHER {
                let Ok(request) = requests.try_recv() else { break };
                gathered.push(request);
            }
            let stop = self.work(gathered);
            let now = (self.shared.clock)();
            if now.duration_since(published).unsigned_abs() >= Duration::from_secs(10) {
                published = now;
                self.publish();
            }
            if let Some(stopped) = stop {
                self.publish();
                self.keep_snapshot();
                // The ledger's lock is free before anybody hears of the end: he may start again at once.
                drop(self);
                // Nobody waiting for the end is no reason not to end.
                let _ = stopped.send(());
                return;
            }
        }
    }

    fn work(&mut self, gathered: Vec<Request>) -> Option<oneshot::Sender<()>> {
        let mut batch = Batch::default();
        let mut stop = None;
        for request in gathered {
            match request {
                Request::Facts(delivery) => self.deliver(&mut batch, delivery),
                Request::Own { host, fact, reply } => self.gather_own(&mut batch, host, *fact, reply),
                Request::Act { decision, reply } => {
                    self.store(std::mem::take(&mut batch));
                    self.act(*decision, reply);
                }
                Request::Tick => {}
                Request::Publish(reply) => {
                    self.store(std::mem::take(&mut batch));
                    let result = self.ledger.integrate().map(|head| head.size());
                    let _ = reply.send(result.map_err(|error| NotStored(error.to_string())));
                }
                Request::Stop(stopped) => stop = Some(stopped),
            }
            if batch.bytes >= GATHER_BYTES {
                self.store(std::mem::take(&mut batch));
            }
        }
        self.store(batch);
        self.advance();
        stop
    }

    /// The server's time for entries: never before the last entry.
    fn now(&mut self) -> Timestamp {
        self.last = self.last.max((self.shared.clock)());
        self.last
    }

    /// A number that was stored before has to be the same fact: then it is a repetition, which is dropped. Otherwise the
    /// outbox was set back or replaced, and dropping it would lose facts in silence.
    fn deliver(&mut self, batch: &mut Batch, delivery: Delivery) {
        let known = self.next_of(batch, &delivery.host);
        if delivery.facts.first().is_some_and(|first| first.seq < known) {
            // Whatever may be compared with has to be stored and shown.
            self.store(std::mem::take(batch));
            let known = self.next_of(batch, &delivery.host);
            let repeated = delivery.facts.iter().take_while(|fact| fact.seq < known).collect::<Vec<_>>();
            if let Err(refused) = self.compare(&delivery.host, &repeated, known) {
                // A sender that has gone away sends again.
                let _ = delivery.reply.send(Err(refused));
                return;
            }
        }
        self.gather(batch, delivery);
    }

    fn next_of(&self, batch: &Batch, host: &HostId) -> u64 {
        batch.next.get(host).or_else(|| self.next.get(host)).copied().unwrap_or(1)
    }

    fn compare(&self, host: &HostId, repeated: &[&NumberedFact], next: u64) -> Result<(), NotTaken> {
        let failed = |error: &dyn std::fmt::Display| NotTaken::from(NotStored(error.to_string()));
        let (Some(first), Some(last)) = (repeated.first(), repeated.last()) else { return Ok(()) };
        if self.behind.is_some() {
            return Err(failed(&"the views are behind the ledger: nothing can be compared"));
        }
        let rows = self.shared.views.numbered(host, first.seq..=last.seq);
        let rows = self.runtime.block_on(rows).map_err(|error| failed(&error))?;
        for fact in repeated {
            // A number that was declared lost and comes after all stays lost: it was said so.
            let Some(number) = rows.get(&fact.seq) else { continue };
            let bytes = self.reader.entry(*number).map_err(|error| failed(&error))?;
            let entry = Entry::from_bytes(&bytes).map_err(|error| failed(&error))?;
            let same = entry.observed == fact.observed
                && matches!(&entry.body, Body::Fact(stored) if *stored == fact.fact);
            if !same {
                let (stored_to, taken_to) = (fact.seq.saturating_sub(1), next.saturating_sub(1));
                return Err(NotTaken::Renumber { stored_to, taken_to });
            }
        }
        Ok(())
    }

    fn gather(&mut self, batch: &mut Batch, delivery: Delivery) {
        let Delivery { host, facts, lowest, reply } = delivery;
        let mut next = self.next_of(batch, &host);
        if lowest > next {
            let gap = AgentGap { from: next, to: lowest.saturating_sub(1) };
            let entry = self.entry(Author::Server, Some(host.clone()), None, None, Fact::AgentGap(gap));
            batch.add(entry);
            next = lowest;
        }
        for numbered in facts {
            // Lower: stored before. Higher: something between has not arrived yet; the agent sends it again.
            if numbered.seq != next {
                continue;
            }
            let author = Author::Agent(host.clone());
            let entry = self.entry(
                author,
                Some(host.clone()),
                Some(numbered.seq),
                Some(numbered.observed),
                numbered.fact,
            );
            batch.add(entry);
            next = next.saturating_add(1);
        }
        batch.next.insert(host.clone(), next);
        batch.answers.push(Answer::Host(host, reply));
    }

    fn gather_own(
        &mut self,
        batch: &mut Batch,
        host: Option<HostId>,
        fact: Fact,
        reply: Option<oneshot::Sender<Result<EntryNumber, NotStored>>>,
    ) {
        let entry = self.entry(Author::Server, host, None, None, fact);
        let place = batch.entries.len();
        batch.add(entry);
        if let Some(reply) = reply {
            batch.answers.push(Answer::One(place, reply));
        }
    }

    fn entry(
        &mut self,
        author: Author,
        host: Option<HostId>,
        seq: Option<u64>,
        observed: Option<Timestamp>,
        fact: Fact,
    ) -> Entry {
        let received = self.now();
        let observed = observed.unwrap_or(received);
        Entry { v: 1, author, host, seq, observed, received, seen: None, body: Body::Fact(fact) }
    }

    /// Appends, answers, judges, shows: in this order.
    fn store(&mut self, batch: Batch) {
        if batch.entries.is_empty() && batch.answers.is_empty() {
            return;
        }
        let result = self.append(&batch.entries);
        match &result {
            Ok(_) => self.next.extend(batch.next),
            Err(error) => tracing::error!(
                "the ledger of {} refused {} entries: {error}",
                self.shared.id,
                batch.entries.len()
            ),
        }
        for answer in batch.answers {
            match answer {
                Answer::Host(host, reply) => {
                    let stored = self.next.get(&host).map_or(0, |next| next.saturating_sub(1));
                    let _ = reply.send(result.as_ref().map(|_| stored).map_err(|error| error.clone().into()));
                }
                Answer::One(place, reply) => {
                    let place = u64::try_from(place).unwrap_or_default();
                    let number = |first: &u64| EntryNumber(first.saturating_add(place));
                    let _ = reply.send(result.as_ref().map(number).map_err(Clone::clone));
                }
            }
        }
        if let Ok(first) = result {
            self.show(first, &batch.entries);
        }
    }

    fn append(&mut self, entries: &[Prepared]) -> Result<u64, NotStored> {
        let bytes: Vec<&[u8]> = entries.iter().map(|prepared| prepared.bytes.as_slice()).collect();
        let appended = match self.ledger.append(&bytes) {
            Err(AppendError::Backlog) => {
                self.publish();
                self.ledger.append(&bytes)
            }
            other => other,
        };
        appended.map(|numbers| numbers.start).map_err(|error| NotStored(error.to_string()))
    }

    fn show(&mut self, first: u64, entries: &[Prepared]) {
        let mut rulings: Vec<Ruling> = Vec::new();
        {
            let mut court = self.shared.court.write().unwrap_or_else(PoisonError::into_inner);
            for (number, prepared) in (first..).zip(entries) {
                rulings.extend(court.enter(&self.shared.terms, EntryNumber(number), &prepared.entry));
            }
        }
        let stored: Vec<Stored<'_>> = (first..)
            .zip(entries)
            .map(|(number, prepared)| Stored { number, entry: &prepared.entry, bytes: prepared.bytes.len() })
            .collect();
        self.apply(&stored, &rulings);
        if self.ledger.size().saturating_sub(self.snapshot_at) >= SNAPSHOT_EVERY {
            self.publish();
            self.keep_snapshot();
        }
    }

    fn apply(&mut self, stored: &[Stored<'_>], rulings: &[Ruling]) {
        if stored.is_empty() && rulings.is_empty() && self.behind.is_none() {
            return;
        }
        match self.runtime.block_on(self.bring_up(stored, rulings)) {
            Ok(()) => {
                self.behind = None;
                self.unshown.clear();
            }
            Err(error) => {
                tracing::error!("the views of {} are behind the ledger: {error}", self.shared.id);
                let first = stored.first().map_or(self.ledger.size(), |one| one.number);
                self.behind = Some(self.behind.unwrap_or(first));
                self.unshown.extend_from_slice(rulings);
            }
        }
        self.shared.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Shows in the views what they did not take before, then what is new.
    async fn bring_up(&self, stored: &[Stored<'_>], rulings: &[Ruling]) -> Result<(), OfficeError> {
        let views = &self.shared.views;
        if let Some(from) = self.behind {
            let until = stored.first().map_or(self.ledger.size(), |one| one.number);
            let missed = office::entries_from(&self.reader, from).take_while(|(number, _)| *number < until);
            let mut chunk = Vec::new();
            for (number, entry) in missed {
                let (entry, bytes) = entry?;
                chunk.push((number, entry, bytes));
                if chunk.len() == GATHER {
                    office::show(views, &std::mem::take(&mut chunk), &[]).await?;
                }
            }
            office::show(views, &chunk, &self.unshown).await?;
        }
        Ok(views.apply(stored, rulings).await?)
    }

    fn advance(&mut self) {
        let now = self.now();
        let rulings = {
            let mut court = self.shared.court.write().unwrap_or_else(PoisonError::into_inner);
            court.advance(&self.shared.terms, now)
        };
        self.apply(&[], &rulings);
    }

    fn act(&mut self, mut decision: Decision, reply: oneshot::Sender<Result<EntryNumber, Refusal>>) {
        let received = self.now();
        let checked = {
            let court = self.shared.court.read().unwrap_or_else(PoisonError::into_inner);
            decide::requests::number(&court, &mut decision, received);
            decide::check(&court, &self.shared.terms, &decision, received)
        };
        let entry = match checked {
            Ok(()) => decision.into_entry(received),
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
                return;
            }
        };
        let mut batch = Batch::default();
        batch.add(entry);
        let result = match batch.entries.is_empty() {
            true => Err(NotStored("the act is too large for an entry".to_owned())),
            false => self.append(&batch.entries),
        };
        let number = result
            .as_ref()
            .map(|first| EntryNumber(*first))
            .map_err(|error| Refusal::NotStored(error.0.clone()));
        let first = result.ok();
        // The act is in force once the court knows it: the person who acted sees it on the next page.
        if let Some(first) = first {
            self.show(first, &batch.entries);
        }
        let _ = reply.send(number);
    }

    fn publish(&mut self) {
        if let Err(error) = self.ledger.integrate() {
            tracing::error!("the ledger of {} could not publish a checkpoint: {error}", self.shared.id);
        }
    }

    fn keep_snapshot(&mut self) {
        // The next start has to judge again what the views lack.
        if self.behind.is_some() {
            return;
        }
        let court = self.shared.court.read().unwrap_or_else(PoisonError::into_inner);
        let (size, root) = (self.ledger.size(), self.ledger.root());
        match Snapshot::keep(&self.shared.folder, size, &root, &self.next, &court) {
            Ok(()) => self.snapshot_at = size,
            Err(error) => tracing::warn!("no snapshot of {} could be kept: {error}", self.shared.id),
        }
    }
}

#[derive(Default)]
struct Batch {
    entries: Vec<Prepared>,
    bytes: usize,
    next: NextNumbers,
    answers: Vec<Answer>,
}

impl Batch {
    fn add(&mut self, entry: Entry) {
        match entry.to_bytes() {
            Ok(bytes) => {
                self.bytes = self.bytes.saturating_add(bytes.len());
                self.entries.push(Prepared { entry, bytes });
            }
            // Intake and decide measured it before; what is still too large is not acknowledged.
            Err(error) => tracing::error!("an entry was dropped: {error}"),
        }
    }
}
