//! The agent as a probe: where both parties named its host, it tries their targets, too. A stop counts when two see it.
//!
//! What to try comes from the server over the agent's own line; the agent still opens no port. While the server is away
//! the last list counts, and what was seen waits in the outbox.

use crate::deliver::Line;
use crate::outbox::{Outbox, remembered};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use yakujo_contract::fact::Fact;
use yakujo_contract::target::Target;

/// The server is asked so often.
const ASK_EVERY: Duration = Duration::from_secs(20);
/// Where the outbox keeps the last list.
pub(crate) const TARGETS_KEY: &str = "targets";
/// Where it keeps the numbers both parties agreed on for sessions that are left alone.
pub(crate) const AGREED_KEY: &str = "idle.agreed";

/// Values of P-11 by their keys (`admin_min`, `try_d`).
pub type Agreed = BTreeMap<String, i64>;

/// The clock of the agent.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Probes until the end.
pub async fn probe_until(
    clock: Clock,
    line: Line,
    outbox: Arc<Outbox>,
    news: watch::Sender<u64>,
    ended: watch::Receiver<()>,
) {
    let (tell, facts) = mpsc::channel(64);
    let last = outbox.recall(TARGETS_KEY).await.ok().flatten();
    let last: Vec<Target> = remembered(last.as_deref());
    let (assign, targets) = watch::channel(Arc::new(last));
    let keeping = tokio::spawn(keep(clock.clone(), outbox.clone(), facts, news));
    let probing = tokio::spawn(yakujo_probe::run::run(clock.clone(), targets, tell, ended.clone()));
    follow(&clock, &line, &outbox, &assign, ended).await;
    for task in [probing, keeping] {
        if let Err(error) = task.await {
            tracing::error!("the agent's probe failed: {error}");
        }
    }
}

async fn follow(
    clock: &Clock,
    line: &Line,
    outbox: &Outbox,
    assign: &watch::Sender<Arc<Vec<Target>>>,
    mut ended: watch::Receiver<()>,
) {
    let mut ticks = tokio::time::interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = String::new();
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        // Deliveries tell the operator that the server is away.
        let Ok(Some((digest, targets, agreed))) = line.targets(&known).await else { continue };
        known = digest;
        let notes = [
            (TARGETS_KEY.to_owned(), serde_json::to_string(&targets).ok()),
            (AGREED_KEY.to_owned(), serde_json::to_string(&agreed).ok()),
        ];
        if let Err(error) = outbox.put_with(clock(), &[], &notes).await {
            tracing::warn!("the targets of this probe could not be kept: {error}");
        }
        assign.send_replace(Arc::new(targets));
    }
}

async fn keep(
    clock: Clock,
    outbox: Arc<Outbox>,
    mut facts: mpsc::Receiver<Vec<Fact>>,
    news: watch::Sender<u64>,
) {
    while let Some(told) = facts.recv().await {
        if let Err(error) = outbox.put(clock(), &told).await {
            tracing::error!("{} facts of the probe could not be kept and count as lost: {error}", told.len());
        }
        news.send_modify(|count| *count = count.wrapping_add(1));
    }
}
