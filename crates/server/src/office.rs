//! Everything of one contract: its folder, terms, ledger, court, people, views. Offices share nothing, so one cannot
//! show what belongs to another.

use crate::decide::{Actor, Decision, Refusal};
use crate::monthly::Monthly;
use crate::orders::Orders;
use crate::people::devices::Device;
use crate::people::sessions::SessionLimits;
use crate::people::{People, PeopleError};
use crate::resent::Resent;
use crate::settings::{Clock, Settings, private_folder, write_private};
use crate::snapshot::Snapshot;
use crate::views::{Stored, ViewError, Views};
use crate::watch::Watch;
use crate::writer::{Delivery, NextNumbers, NotStored, NotTaken, NumberedFact, Request, WAITING, Writer};
use jiff::{SignedDuration, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::{mpsc, oneshot, watch};
use yakujo_contract::act::{Act, Environment, HostPlace, Importance, Matter, Role, Segment, System, Trit};
use yakujo_contract::case::Measure;
use yakujo_contract::court::Court;
use yakujo_contract::entry::{Author, Body, Entry, Party, SeenHead};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::{ContractId, DeviceId, EntryNumber, HostId, SystemId};
use yakujo_contract::parameter::ParameterId;
use yakujo_contract::terms::Terms;
use yakujo_contract::topic::Topic;
use yakujo_ledger::files::{Ledger, LedgerError, Reader, load_key, store_key};
use yakujo_ledger::note::{SigningKey, VerifierKey};

/// How long a one-time link, or a one-time code of a host, counts.
pub const ONE_TIME_LIVES: SignedDuration = SignedDuration::from_hours(24);

/// Why an office could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// A file.
    #[error("{0} cannot be read or written")]
    File(PathBuf, #[source] std::io::Error),
    /// The ledger.
    #[error("the ledger cannot be opened")]
    Ledger(#[from] LedgerError),
    /// People.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// Views.
    #[error(transparent)]
    Views(#[from] ViewError),
    /// The contract file.
    #[error("{0} is not a contract file")]
    Terms(PathBuf, #[source] yakujo_contract::terms::TermsError),
    /// An entry of the ledger.
    #[error("entry {0} of the ledger cannot be read: run `yakujo doctor`")]
    Entry(u64, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// A name.
    #[error("the folder `{0}` has no name of a contract")]
    Name(String),
    /// A note key.
    #[error("the key of the ledger cannot be made")]
    Key(#[from] yakujo_ledger::note::NoteError),
    /// The first acts were refused.
    #[error("the first entries could not be written")]
    First(#[from] Refusal),
    /// The ledger refused.
    #[error(transparent)]
    NotStored(#[from] NotStored),
}

/// What the writer and the pages share.
pub(crate) struct Shared {
    pub id: ContractId,
    pub folder: PathBuf,
    pub terms: Terms,
    pub court: RwLock<Court>,
    pub views: Views,
    pub clock: Clock,
    pub news: watch::Sender<u64>,
}

/// One contract.
pub struct Office {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    reader: Reader,
    log_key: VerifierKey,
    /// People, sessions, devices.
    pub people: People,
    /// Which hosts are heard.
    pub watch: Watch,
    /// Monthly reports.
    pub monthly: Monthly,
    orders: Orders,
    /// Forms that were taken: sent twice, they are taken once.
    pub resent: Resent,
}

/// The first people of a new contract and their one-time links' secrets.
pub struct FirstLink {
    /// Whose.
    pub party: Party,
    /// Sign-in name.
    pub login: String,
    /// The secret of the link.
    pub secret: zeroize::Zeroizing<String>,
}

impl Office {
    /// Opens the contract in this folder and starts its writer.
    ///
    /// # Errors
    /// Any [`OfficeError`].
    pub async fn open(folder: &Path, clock: Clock) -> Result<Self, OfficeError> {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let id: ContractId = name.parse().map_err(|_| OfficeError::Name(name))?;
        let terms = read_terms(folder)?;
        let key = load_key(&folder.join("ledger"))?;
        let log_key = key.verifier();
        let (ledger, recovery) = Ledger::open(&folder.join("ledger"), key)?;
        if recovery.torn_bytes > 0 {
            tracing::warn!(
                "{} bytes that were never acknowledged were found at the end of the ledger",
                recovery.torn_bytes
            );
        }
        let reader = ledger.reader();
        let views = Views::open(&folder.join("views.db")).await?;
        let people = People::open(&folder.join("people.db")).await?;
        let orders = Orders::open(folder)?;
        let judged = judge_ledger(folder, &terms, &reader, &views).await?;
        settle_texts(&people, &views).await?;
        let (news, _) = watch::channel(0);
        let last = judged.court.now();
        let shared = Arc::new(Shared {
            id,
            folder: folder.to_owned(),
            terms,
            court: RwLock::new(judged.court),
            views,
            clock,
            news,
        });
        let (requests, inbox) = mpsc::channel(WAITING);
        let writer = Writer {
            shared: shared.clone(),
            ledger,
            reader: reader.clone(),
            behind: None,
            unshown: Vec::new(),
            next: judged.next,
            snapshot_at: judged.snapshot_at,
            last,
            runtime: tokio::runtime::Handle::current(),
        };
        let spawned = std::thread::Builder::new()
            .name(format!("writer {}", shared.id))
            .spawn(move || writer.run(inbox));
        spawned.map_err(|error| OfficeError::File(folder.to_owned(), error))?;
        let (watch, monthly, resent) = (Watch::default(), Monthly::default(), Resent::default());
        Ok(Self { shared, requests, reader, log_key, people, watch, monthly, orders, resent })
    }

    /// Makes a new contract from the standard terms, with this machine as its first host.
    ///
    /// # Errors
    /// Any [`OfficeError`].
    pub async fn found(folder: &Path, settings: &Settings) -> Result<(Self, Vec<FirstLink>), OfficeError> {
        let file = |error| OfficeError::File(folder.to_owned(), error);
        private_folder(folder).map_err(file)?;
        if !folder.join("contract.toml").exists() {
            write_private(&folder.join("contract.toml"), Terms::STANDARD.as_bytes()).map_err(file)?;
        }
        let ledger = folder.join("ledger");
        if !ledger.join("checkpoint").exists() {
            drop(Ledger::create(&ledger, first_key(&ledger)?)?);
        }
        let office = Self::open(folder, settings.clock.clone()).await?;
        let links = office.first_entries(&settings.this_host).await?;
        Ok((office, links))
    }

    async fn first_entries(&self, host: &str) -> Result<Vec<FirstLink>, OfficeError> {
        let system: SystemId = "main".parse().map_err(PeopleError::from)?;
        let first = System {
            system: system.clone(),
            name: "最初の情報システム".to_owned(),
            importance: Importance::B,
            segment: Segment::Internet,
            internet_facing: Trit::Unsaid,
        };
        let host: HostId = host.parse().map_err(PeopleError::from)?;
        let values =
            self.terms().parameters.iter().map(|(id, terms)| (*id, terms.defaults.clone())).collect();
        let matters = [
            Matter::System(first),
            Matter::Host(HostPlace { host, system, environment: Environment::Production }),
            Matter::Parameters { from: self.now(), values },
        ];
        // A first start that was cut short is taken up where it ended.
        let missing =
            |matter: &Matter| self.court().evidence().agreements.of_any(matter.word()).next().is_none();
        for matter in matters.into_iter().filter(missing).collect::<Vec<_>>() {
            let proposal = crate::people::new_id('a')?.try_into().map_err(PeopleError::from)?;
            self.decide(None, Act::Proposed { proposal, matter }, None).await?;
        }
        let mut links = Vec::new();
        for (role, login, name) in [
            (Role::CitySecurity, "city", "市 最初の利用者"),
            (Role::SecurityLead, "contractor", "受託者 最初の利用者"),
        ] {
            let party = role.party();
            let known = self.people.everybody().await?;
            let mut own = known.iter().filter(|person| person.role.party() == party);
            if own.clone().any(|person| person.has_password) {
                continue;
            }
            // A first link that was lost is replaced at the next start: nobody could sign in otherwise.
            let (login, secret) = match own.next() {
                Some(first) => {
                    let secret = self.people.grant_link(&first.id, self.now(), ONE_TIME_LIVES).await?;
                    (first.login.clone(), secret)
                }
                None => {
                    let secret = self.enter_person(None, login, name, role, None, None).await?;
                    (login.to_owned(), secret)
                }
            };
            links.push(FirstLink { party, login, secret });
        }
        Ok(links)
    }

    /// Refuses a device from now on; its act stands in the ledger. `devices` are all that are known.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_device(&self, device: &DeviceId, devices: &[Device]) -> Result<(), PeopleError> {
        self.people.revoke_device(device, self.now()).await?;
        let Some(ended) = devices.iter().find(|known| known.id == *device) else { return Ok(()) };
        let another = |other: &Device| {
            other.host == ended.host && other.id != ended.id && other.is_in_force(self.now())
        };
        if !devices.iter().any(another) {
            self.watch.forget(&ended.host);
        }
        Ok(())
    }

    /// The contract's id.
    #[must_use]
    pub fn id(&self) -> &ContractId {
        &self.shared.id
    }

    /// The public key of its ledger: whoever verifies needs it from elsewhere than from what is verified.
    #[must_use]
    pub fn log_key(&self) -> &VerifierKey {
        &self.log_key
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Its terms.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.shared.terms
    }

    /// What signs orders to its agents.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Its views.
    #[must_use]
    pub fn views(&self) -> &Views {
        &self.shared.views
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }

    /// The court as it stands. Hold it shortly, and never across an `await`.
    pub fn court(&self) -> RwLockReadGuard<'_, Court> {
        self.shared.court.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The court as it stood at a past instant, judged anew from the ledger.
    ///
    /// # Errors
    /// When an entry cannot be read.
    pub fn court_at(&self, at: Timestamp) -> Result<Court, OfficeError> {
        let mut court = Court::default();
        for (number, entry) in entries_from(&self.reader, 0) {
            let (entry, _) = entry?;
            if entry.received > at {
                break;
            }
            let _ = court.enter(self.terms(), EntryNumber(number), &entry);
        }
        let _ = court.advance(self.terms(), at);
        Ok(court)
    }

    /// Reads entries and proofs.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Entries that are durable.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.reader.size()
    }

    /// The published head as a person sees it now: an act done on this page is bound to it.
    #[must_use]
    pub fn seen_head(&self) -> SeenHead {
        let head = self.reader.checkpoint();
        SeenHead { size: head.size(), root: head.root().to_string() }
    }

    /// The head that had this size, as a page showed it before a form was sent; none beyond the published one.
    #[must_use]
    pub fn head_of_size(&self, size: u64) -> Option<SeenHead> {
        let root = (size <= self.reader.checkpoint().size()).then(|| self.reader.root(size))?.ok()?;
        Some(SeenHead { size, root: root.to_string() })
    }

    /// What the contract is called.
    #[must_use]
    pub fn title(&self, lang: crate::pages::words::Lang) -> String {
        lang.of(&self.shared.terms.title_ja, &self.shared.terms.title_en).to_owned()
    }

    /// Told each time entries or standings changed.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.shared.news.subscribe()
    }

    /// A number to measure by, as agreed, or as proposed while nothing is agreed.
    #[must_use]
    pub fn measure(&self, parameter: ParameterId, key: &str) -> i64 {
        self.measured(parameter, key).value
    }

    /// The same, with whether both parties agreed on it.
    #[must_use]
    pub fn measured(&self, parameter: ParameterId, key: &str) -> Measure {
        let court = self.court();
        let now = self.now();
        let agreed = court.evidence().agreements.agreed_values(parameter);
        let in_force = agreed
            .iter()
            .rev()
            .filter(|(from, _, _)| *from <= now)
            .find_map(|(_, values, stamp)| Some((*values.get(key)?, stamp.entry)));
        if let Some((value, entry)) = in_force {
            return Measure { value, agreed: true, entry: Some(entry) };
        }
        let proposed = self.terms().parameters.get(&parameter).and_then(|terms| terms.defaults.get(key));
        Measure { value: proposed.copied().unwrap_or_default(), agreed: false, entry: None }
    }

    /// How long sessions live (P-11).
    #[must_use]
    pub fn session_limits(&self) -> SessionLimits {
        let p11 = ParameterId::new(11);
        let minutes = |key| SignedDuration::from_mins(self.measure(p11, key).max(2));
        SessionLimits {
            privileged: minutes("admin_min"),
            staff: minutes("staff_min"),
            absolute: SignedDuration::from_hours(self.measure(p11, "absolute_h").max(1)),
        }
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<T>) -> Result<T, NotStored> {
        let gone = |_| NotStored("the writer has stopped: restart the server".to_owned());
        self.requests.send(request).await.map_err(|_| gone(()))?;
        answer.await.map_err(|_| gone(()))
    }

    /// Stores facts of a host. Returns the number up to which everything is stored.
    ///
    /// # Errors
    /// When nothing was stored, or the numbers belong to other facts; the agent keeps them.
    pub async fn store_facts(
        &self,
        host: HostId,
        lowest: u64,
        facts: Vec<NumberedFact>,
    ) -> Result<u64, NotTaken> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Facts(Delivery { host, facts, lowest, reply }), answer).await?
    }

    /// States a fact of the server itself.
    ///
    /// # Errors
    /// When it was not stored.
    pub async fn state(&self, host: Option<HostId>, fact: Fact) -> Result<EntryNumber, NotStored> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Own { host, fact: Box::new(fact), reply: Some(reply) }, answer).await?
    }

    /// Does an act of a person: its entry is durable and in force when this returns.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub async fn decide(
        &self,
        actor: Option<Actor>,
        act: Act,
        seen: Option<SeenHead>,
    ) -> Result<EntryNumber, Refusal> {
        self.settle(Decision { actor, act, seen, newest: None }).await
    }

    /// The same, of somebody who looked at a page: the act counts only while that page shows what there is.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub async fn settle(&self, decision: Decision) -> Result<EntryNumber, Refusal> {
        let (reply, answer) = oneshot::channel();
        let decision = Box::new(decision);
        let asked = self.ask(Request::Act { decision, reply }, answer).await;
        asked.map_err(|error| Refusal::NotStored(error.0))?
    }

    /// Says something to the other party: the ledger gets the digest, the text stays where it can be erased.
    ///
    /// # Errors
    /// When the text or the act is refused; then nothing is kept.
    pub async fn say(
        &self,
        actor: Actor,
        about: Topic,
        text: &str,
        seen: Option<SeenHead>,
    ) -> Result<EntryNumber, OfficeError> {
        crate::decide::check_text(text)?;
        let text = self.people.about_to_say(text).await?;
        let digest = text.digest.clone();
        match self.decide(Some(actor), Act::CommentMade { about, text }, seen).await {
            Ok(number) => {
                self.people.said(&digest).await?;
                Ok(number)
            }
            Err(refusal) => {
                self.people.not_said(&digest).await?;
                Err(refusal.into())
            }
        }
    }

    /// Publishes a checkpoint of everything that is durable. Returns its size.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn publish(&self) -> Result<u64, NotStored> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Publish(reply), answer).await?
    }

    /// Lets time pass in the court.
    pub async fn tick(&self) {
        // A full queue is work enough: the next tick comes in a second.
        let _ = self.requests.try_send(Request::Tick);
    }

    /// Ends the writer in good order.
    pub async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.ask(Request::Stop(reply), answer).await.is_err() {
            tracing::warn!("the writer of {} had stopped before", self.shared.id);
        }
    }
}

/// The key of a new ledger; one that an interrupted first start left is used.
fn first_key(ledger: &Path) -> Result<SigningKey, OfficeError> {
    if ledger.join("log.key").exists() {
        return Ok(load_key(ledger)?);
    }
    let seed = crate::people::random::<32>()?;
    let origin = format!("yakujo/{}", crate::people::new_id('l')?);
    let key = SigningKey::from_seed(&origin, &seed)?;
    store_key(ledger, &key)?;
    Ok(key)
}

fn read_terms(folder: &Path) -> Result<Terms, OfficeError> {
    let file = folder.join("contract.toml");
    let text = std::fs::read_to_string(&file).map_err(|error| OfficeError::File(file.clone(), error))?;
    Terms::parse(&text).map_err(|error| OfficeError::Terms(file, error))
}

/// Texts that were kept just before an end that came too early: those the ledger has stay, the others go.
async fn settle_texts(people: &People, views: &Views) -> Result<(), OfficeError> {
    for digest in people.unsaid().await? {
        match views.is_said(&digest).await? {
            true => people.said(&digest).await?,
            false => people.not_said(&digest).await?,
        }
    }
    Ok(())
}

struct Judged {
    court: Court,
    next: NextNumbers,
    snapshot_at: u64,
}

/// From the snapshot and what came after it; the views are brought up to the ledger on the way.
async fn judge_ledger(
    folder: &Path,
    terms: &Terms,
    reader: &Reader,
    views: &Views,
) -> Result<Judged, OfficeError> {
    let shown = views.entries().await?;
    let snapshot = Snapshot::load(folder, reader).filter(|snapshot| snapshot.size <= shown);
    let (mut judged, from) = match snapshot {
        Some(kept) => (Judged { court: kept.court, next: kept.next, snapshot_at: kept.size }, kept.size),
        None => {
            views.clear().await?;
            (Judged { court: Court::default(), next: NextNumbers::new(), snapshot_at: 0 }, 0)
        }
    };
    let mut chunk: Vec<(u64, Entry, usize)> = Vec::new();
    let mut rulings = Vec::new();
    for (number, entry) in entries_from(reader, from) {
        let (entry, bytes) = entry?;
        rulings.extend(judged.court.enter(terms, EntryNumber(number), &entry));
        if let (Author::Agent(host), Some(seq)) = (&entry.author, entry.seq) {
            judged.next.insert(host.clone(), seq.saturating_add(1));
        }
        // A gap was told once: numbers go on behind it.
        if let (Some(host), Body::Fact(Fact::AgentGap(gap))) = (&entry.host, &entry.body) {
            judged.next.insert(host.clone(), gap.to.saturating_add(1));
        }
        chunk.push((number, entry, bytes));
        if chunk.len() == 1_000 {
            show(views, &chunk, &rulings).await?;
            (chunk, rulings) = (Vec::new(), Vec::new());
        }
    }
    show(views, &chunk, &rulings).await?;
    Ok(judged)
}

pub(crate) async fn show(
    views: &Views,
    chunk: &[(u64, Entry, usize)],
    rulings: &[yakujo_contract::court::Ruling],
) -> Result<(), OfficeError> {
    let stored: Vec<Stored<'_>> =
        chunk.iter().map(|(number, entry, bytes)| Stored { number: *number, entry, bytes: *bytes }).collect();
    Ok(views.apply(&stored, rulings).await?)
}

type Read = Result<(Entry, usize), OfficeError>;

pub(crate) fn entries_from(reader: &Reader, from: u64) -> impl Iterator<Item = (u64, Read)> + use<> {
    (from..).zip(reader.entries(from..reader.size())).map(|(number, bytes)| {
        let read = bytes.map_err(|error| OfficeError::Entry(number, Box::new(error))).and_then(|bytes| {
            let entry =
                Entry::from_bytes(&bytes).map_err(|error| OfficeError::Entry(number, Box::new(error)))?;
            Ok((entry, bytes.len()))
        });
        (number, read)
    })
}
