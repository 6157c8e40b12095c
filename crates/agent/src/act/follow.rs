//! The agent's side of acting: fetches orders over the agent's own line, hands them to the hand, and puts what came of them
//! into the outbox. It decides nothing: whether an order counts, the hand finds out.

use super::hand::{Hand, HandError};
use super::seek::Contents;
use super::{Answer, Ask, QuarantinePermit};
use crate::Settings;
use crate::deliver::{Line, OrdersAnswer};
use crate::outbox::{Outbox, SUSPECTED_KEY};
use crate::probing::Clock;
use crate::settings::AgentFile;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use yakujo_contract::fact::Fact;

/// The server is asked so often.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// What is in force is looked at so often while the host is cut off.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Otherwise so often.
const LOOK_SELDOM: Duration = Duration::from_secs(60);
/// Watched files are read so often for what changed.
const HOLD_EVERY: Duration = Duration::from_secs(600);
/// Whether the host could be cut off is tried so often.
const READY_EVERY: Duration = Duration::from_secs(24 * 3_600);
/// What the hand told up to this number is in the outbox.
const TOLD_KEY: &str = "act/told";
/// The addresses of the server when they were last found.
const PEERS_KEY: &str = "act/peers";
/// After a failure it is tried again so soon.
const AGAIN: Duration = Duration::from_secs(5);

/// What the agent needs to act.
pub struct Follower {
    /// The wall clock.
    pub clock: Clock,
    /// To the server.
    pub line: Line,
    /// Where facts wait.
    pub outbox: Arc<Outbox>,
    /// To the hand.
    pub hand: Hand,
    /// Trees whose content is held.
    pub roots: Vec<String>,
    /// The agent's folder.
    pub folder: PathBuf,
    /// This host has backup jobs, in whose snapshots right contents can be sought.
    pub has_jobs: bool,
    /// Tells that there are facts to deliver.
    pub news: watch::Sender<u64>,
    /// Tells under which permit malware may be put into the quarantine.
    pub quarantine: watch::Sender<Option<QuarantinePermit>>,
}

/// The orders that the hand was handed, and the contents that orders need.
type Handed = (BTreeSet<String>, Contents);

/// When what is due next.
struct Dues {
    ask: Instant,
    look: Instant,
    hold: Instant,
    ready: Instant,
    /// The hand has a key to follow.
    pinned: bool,
}

impl Dues {
    /// What an answer says of the network decides how soon is looked again.
    fn looked(&mut self, now: Instant, answer: &Answer) {
        self.look = now + if answer.isolated { LOOK_EVERY } else { LOOK_SELDOM };
    }
}

/// Starts to follow orders, where there is a part that acts. The channels tell that there are facts to deliver, and under which
/// permit malware may be put into the quarantine.
pub(crate) fn start(
    settings: &Settings,
    line: &Line,
    outbox: &Arc<Outbox>,
    (news, quarantine): (&watch::Sender<u64>, watch::Sender<Option<QuarantinePermit>>),
    ended: &watch::Receiver<()>,
) -> Option<JoinHandle<()>> {
    let follower = Follower {
        clock: settings.clock.clone(),
        line: line.clone(),
        outbox: outbox.clone(),
        hand: settings.hand.clone()?,
        roots: held_roots(&settings.sources.settings),
        folder: settings.folder.clone(),
        has_jobs: !settings.sources.settings.backups.is_empty(),
        news: news.clone(),
        quarantine,
    };
    Some(tokio::spawn(follower.follow_until(ended.clone())))
}

/// Trees whose content is held for a restoration: what is watched, but for what packages bring and can bring again.
fn held_roots(settings: &AgentFile) -> Vec<String> {
    let of_packages = ["/boot", "/usr/lib/systemd"];
    settings.roots().into_iter().filter(|root| !of_packages.contains(&root.as_str())).collect()
}

impl Follower {
    /// Follows the server's orders until the end.
    pub async fn follow_until(self, mut ended: watch::Receiver<()>) {
        let now = Instant::now();
        let mut dues = Dues { ask: now, look: now, hold: now, ready: now, pinned: false };
        let mut suspected = self.outbox.suspected();
        suspected.mark_changed();
        let mut handed = (BTreeSet::new(), Contents::default());
        let mut steps = tokio::time::interval(Duration::from_millis(500));
        steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ended.changed() => return,
                _ = suspected.changed() => {}
                _ = steps.tick() => {}
            }
            if let Err(error) = self.step(&mut dues, &mut handed).await {
                tracing::warn!("{error}");
                tokio::select! {
                    _ = ended.changed() => return,
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
    }

    async fn step(&self, dues: &mut Dues, handed: &mut Handed) -> Result<(), HandError> {
        let now = Instant::now();
        let is_suspected = self.outbox.recall(SUSPECTED_KEY).await.ok().flatten().is_some();
        if dues.look <= now {
            // First of all, so that the permit is known before anything takes its time: names that are not resolved.
            match self.ask(Ask::Look {}).await {
                Ok(answer) => {
                    dues.looked(now, &answer);
                    dues.pinned = answer.pinned.is_some();
                }
                // Whatever is wrong: a suspicion is followed, and the look stays due.
                Err(error) if is_suspected => tracing::warn!("{error}"),
                Err(error) => return Err(error),
            }
        }
        if is_suspected {
            let answer = self.ask(Ask::Suspected { peers: self.peers().await? }).await?;
            dues.looked(now, &answer);
            self.forget_suspicion().await;
        }
        if dues.ask <= now {
            dues.ask = now + ASK_EVERY;
            // Deliveries tell the operator that the server is away.
            if let Ok(orders) = self.line.orders().await {
                self.take(orders, dues, handed).await?;
            }
            self.contents(&mut handed.1).await?;
        }
        if dues.ready <= now {
            dues.ready = now + READY_EVERY;
            self.ask(Ask::Ready { peers: self.peers().await? }).await?;
        }
        if dues.hold <= now {
            let answer = self.ask(Ask::Hold { roots: self.roots.clone() }).await?;
            dues.hold = now + if answer.more { AGAIN } else { HOLD_EVERY };
            if answer.holding.is_some() {
                handed.1.holding = answer.holding;
            }
        }
        Ok(())
    }

    /// Hands on what the hand was not handed yet.
    async fn take(
        &self,
        orders: OrdersAnswer,
        dues: &mut Dues,
        (handed, contents): &mut Handed,
    ) -> Result<(), HandError> {
        contents.ask_for(orders.sought);
        if !dues.pinned {
            let answer = self.ask(Ask::Pin { host: orders.host, key: orders.key }).await?;
            dues.pinned = answer.pinned.is_some();
        }
        for note in orders.orders {
            if handed.contains(&note) {
                continue;
            }
            // What is still sought comes with a later question: the order waits on the server.
            let Some((elsewhere, file)) = self.content_for(contents, &note).await? else { continue };
            let ask = Ask::Order { note: note.clone(), peers: self.peers().await?, elsewhere };
            let answer = self.ask_with(ask, file).await?;
            contents.handed(&note, answer.wants.clone());
            if answer.wants.is_some() {
                continue;
            }
            handed.insert(note);
            // What came of it decides how often is looked.
            dues.look = Instant::now();
        }
        Ok(())
    }

    /// The addresses of the server's intake: over them facts go out.
    async fn peers(&self) -> Result<Vec<SocketAddr>, HandError> {
        let line = self.line.clone();
        let found = tokio::task::spawn_blocking(move || line.addresses()).await;
        let known = self.outbox.recall(PEERS_KEY).await.map_err(std::io::Error::other)?;
        match found.map_err(std::io::Error::other)? {
            Ok(peers) => {
                let text = serde_json::to_string(&peers).unwrap_or_default();
                if known.as_ref() != Some(&text) {
                    let note = (PEERS_KEY.to_owned(), Some(text));
                    let kept = self.outbox.put_with((self.clock)(), &[], &[note]).await;
                    kept.map_err(std::io::Error::other)?;
                }
                Ok(peers)
            }
            // A host whose name service is away has to be cut off all the same.
            Err(error) => {
                known.and_then(|text| serde_json::from_str(&text).ok()).ok_or(HandError::Reach(error))
            }
        }
    }

    /// Asks the hand, and keeps what it tells.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Answer, HandError> {
        self.ask_with(ask, None).await
    }

    /// The same, with a file that goes with the question.
    async fn ask_with(&self, ask: Ask, file: Option<File>) -> Result<Answer, HandError> {
        let hand = self.hand.clone();
        let asked = move || hand.ask_with(&ask, file.as_ref().map(AsFd::as_fd));
        let answered = tokio::task::spawn_blocking(asked).await;
        let answer = answered.map_err(std::io::Error::other)??;
        self.quarantine.send_replace(answer.quarantine.clone());
        self.keep(&answer).await?;
        Ok(answer)
    }

    /// What was told goes into the outbox once: its number is remembered in the same transaction.
    async fn keep(&self, answer: &Answer) -> Result<(), HandError> {
        let Some(last) = answer.told.last().map(|told| told.number) else { return Ok(()) };
        let known = self.outbox.recall(TOLD_KEY).await.map_err(std::io::Error::other)?;
        let known: u64 = known.and_then(|text| text.parse().ok()).unwrap_or(0);
        let new: Vec<Fact> =
            answer.told.iter().filter(|told| told.number > known).map(|told| told.fact.clone()).collect();
        if !new.is_empty() {
            let note = (TOLD_KEY.to_owned(), Some(last.to_string()));
            let put = self.outbox.put_with((self.clock)(), &new, &[note]).await;
            put.map_err(std::io::Error::other)?;
            self.news.send_modify(|count| *count = count.wrapping_add(1));
        }
        let hand = self.hand.clone();
        let kept = tokio::task::spawn_blocking(move || hand.ask(&Ask::Kept { to: last })).await;
        kept.map_err(std::io::Error::other)??;
        Ok(())
    }

    async fn forget_suspicion(&self) {
        let note = (SUSPECTED_KEY.to_owned(), None);
        if let Err(error) = self.outbox.put_with((self.clock)(), &[], &[note]).await {
            tracing::warn!("that a suspicion was followed could not be kept: {error}");
        }
    }
}
