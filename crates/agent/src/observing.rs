//! The loop of the observing part: what the collectors tell is kept, what they remember with it.

use crate::budget::Budget;
use crate::collectors::Outcomes;
use crate::observe::{self, Observer};
use crate::parts::Notebook;
use crate::system::used_by_all;
use crate::{Home, Settings, StartError};
use jiff::Timestamp;
use std::time::{Duration, Instant};
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{AgentBeat, AgentStop};

/// A beat comes so often, s.
const BEAT_EVERY: u32 = 600;
/// The part that acts answers so soon.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// Begins to observe.
///
/// # Errors
/// Without random bytes.
pub(crate) fn start(
    settings: Settings,
    notebook: Notebook,
    ended: signal::Receiver<()>,
) -> Result<JoinHandle<()>, StartError> {
    let mut seal = [0_u8; 32];
    getrandom::fill(&mut seal).map_err(|_| StartError::Random)?;
    Ok(tokio::spawn(observe_until(settings, seal, notebook, ended)))
}

async fn observe_until(
    settings: Settings,
    seal: [u8; 32],
    notebook: Notebook,
    mut ended: signal::Receiver<()>,
) {
    let began = Instant::now();
    hear_the_hand(&settings, ended.clone()).await;
    let mut observer = match observe::observer(&settings, seal, &notebook).await {
        Ok(observer) => observer,
        Err(error) => return tracing::error!("what an earlier run saw cannot be read: {error}"),
    };
    let mut budget = Budget::default();
    let mut beat_due = Duration::ZERO;
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        tokio::select! {
            _ = ended.changed() => break,
            _ = ticks.tick() => {}
        }
        let now = (settings.clock)();
        let looked = tokio::task::spawn_blocking(move || {
            let looked = observer.look(now);
            (observer, looked)
        });
        let (back, (mut facts, outcomes)) = match looked.await {
            Ok(looked) => looked,
            Err(error) => return tracing::error!("a collector failed: {error}"),
        };
        observer = back;
        let monotonic = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        facts.extend(observer.step((settings.clock)(), monotonic));
        // In the server's process the figures are the server's.
        if settings.home == Home::Parts {
            facts.extend(budget.over(began.elapsed(), used_by_all()));
        }
        if began.elapsed() >= beat_due || outcomes == Outcomes::Changed {
            beat_due = began.elapsed().saturating_add(Duration::from_secs(u64::from(BEAT_EVERY)));
            facts.push(beat(&observer, &notebook).await);
        }
        if tell(&notebook, now, &facts, &mut observer).await == Told::Lost {
            // What counts as lost is told anew from what was last kept.
            observer = match observe::observer(&settings, seal, &notebook).await {
                Ok(observer) => observer,
                Err(error) => return tracing::error!("what was seen cannot be read again: {error}"),
            };
        }
    }
    let stop = Fact::AgentStop(AgentStop { reason: "stopped by its operator".to_owned() });
    tell(&notebook, (settings.clock)(), &[stop], &mut observer).await;
}

/// What is found before the part that acts has said what the city allows would count as not stopped, and the host would be
/// cut off. So it is heard first; one that does not answer stops nobody from looking.
async fn hear_the_hand(settings: &Settings, mut ended: signal::Receiver<()>) {
    if settings.hand.is_none() {
        return;
    }
    let mut permitted = settings.sources.permitted.clone();
    tokio::select! {
        _ = permitted.changed() => {}
        _ = ended.changed() => {}
        () = tokio::time::sleep(HEARD_WITHIN) => {
            tracing::warn!("the part that acts does not answer: until it does, nothing is put into the quarantine");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Kept,
    Lost,
}

async fn tell(notebook: &Notebook, now: Timestamp, facts: &[Fact], observer: &mut Observer) -> Told {
    if facts.is_empty() && !observer.has_much_to_note() {
        return Told::Kept;
    }
    match notebook.put_with(now, facts, &observer.notes()).await {
        Ok(()) => Told::Kept,
        Err(error) => {
            tracing::error!("{} facts could not be kept and count as lost: {error}", facts.len());
            Told::Lost
        }
    }
}

async fn beat(observer: &Observer, notebook: &Notebook) -> Fact {
    let waiting = notebook.waiting().await.unwrap_or(0);
    let used = used_by_all();
    Fact::AgentBeat(AgentBeat {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        every_s: BEAT_EVERY,
        waiting,
        collectors: observer.runs().clone(),
        cpu_ms: used.cpu_ms,
        rss: used.memory(),
    })
}
