//! The server as a probe: it tries the agreed targets that name it, and hands agents the ones that name theirs.

use crate::office::Office;
use crate::settings::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::ProbeId;
use yakujo_contract::parameter::ParameterId;
use yakujo_contract::target::Target;

/// Most targets of one probe.
pub const MOST_TARGETS: usize = 2_000;

/// The targets both parties agreed on and did not end, which name this probe.
#[must_use]
pub fn assigned(office: &Office, probe: &ProbeId) -> Vec<Target> {
    let court = office.court();
    let agreed = court.evidence().agreements.targets().filter(|watched| watched.ended.is_none());
    let own = agreed.map(|watched| watched.target).filter(|target| target.probes.contains(probe));
    own.take(MOST_TARGETS).cloned().collect()
}

/// The agreed numbers of P-11, by their keys: how long an idle session may live, and how often that is tried.
#[must_use]
pub fn idle_numbers(office: &Office) -> BTreeMap<String, i64> {
    let p11 = ParameterId::new(11);
    let keys = office.terms().parameters.get(&p11).map(|parameter| parameter.defaults.keys());
    keys.into_iter().flatten().map(|key| (key.clone(), office.measure(p11, key))).collect()
}

/// Probes for one contract until the end.
pub async fn probe(office: Arc<Office>, clock: Clock, ended: watch::Receiver<()>) {
    let (tell, facts) = mpsc::channel(64);
    let (assign, targets) = watch::channel(Arc::new(assigned(&office, &ProbeId::server())));
    let telling = tokio::spawn(told(office.clone(), facts));
    let probing = tokio::spawn(yakujo_probe::run::run(clock, targets, tell, ended.clone()));
    follow(&office, &assign, ended).await;
    for task in [probing, telling] {
        if let Err(error) = task.await {
            tracing::error!("the probe of the server failed: {error}");
        }
    }
}

/// Assigns what is agreed, as it changes.
async fn follow(office: &Office, assign: &watch::Sender<Arc<Vec<Target>>>, mut ended: watch::Receiver<()>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut news = office.news();
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = seconds.tick() => {}
        }
        if !news.has_changed().unwrap_or(false) {
            continue;
        }
        news.mark_unchanged();
        let now = assigned(office, &ProbeId::server());
        assign.send_if_modified(|known| {
            let changed = **known != now;
            if changed {
                *known = Arc::new(now);
            }
            changed
        });
    }
}

async fn told(office: Arc<Office>, mut facts: mpsc::Receiver<Vec<Fact>>) {
    while let Some(told) = facts.recv().await {
        for fact in told {
            if let Err(error) = office.state(None, fact).await {
                tracing::error!("what the server's probe saw could not be recorded: {error}");
            }
        }
    }
}
