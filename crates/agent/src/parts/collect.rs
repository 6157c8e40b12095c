//! Observes, as a process of its own that keeps nothing by itself.

use super::keep::{EPOCH_KEY, started};
use super::link::Link;
use super::{Notebook, Part};
use crate::act::QuarantinePermit;
use crate::{Handle, Settings, StartError, observing};
use std::future::Future;
use std::time::Duration;
use tokio::sync::watch as signal;

/// The keeper is asked so often what may be moved.
const PERMIT_EVERY: Duration = Duration::from_secs(1);

/// Whether this is the first collector of its keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is.
    First,
    /// The one before was killed.
    Again,
}

/// Runs it.
///
/// # Errors
/// Any [`StartError`].
pub async fn run(mut settings: Settings, turn: Turn, end: impl Future) -> Result<(), StartError> {
    settings.load()?;
    let (tell_end, ended) = signal::channel(());
    let link = Link::new(&settings.folder, Part::Collect, ended.clone()).map_err(|_| StartError::Random)?;
    let (permit, permitted) = signal::channel(None);
    settings.sources.permitted = permitted;
    // What may be moved does not wait behind what is told.
    let asks = Link::new(&settings.folder, Part::Collect, ended.clone()).map_err(|_| StartError::Random)?;
    let following = tokio::spawn(follow(asks, permit, ended.clone()));
    if turn == Turn::Again {
        let epoch = link.recall(EPOCH_KEY).await?.unwrap_or_default();
        link.put_with((settings.clock)(), &[started(epoch)], &[]).await?;
    }
    let notebook = Notebook::Keeper(link);
    let mut observing = observing::start(settings, notebook, ended)?;
    tokio::select! {
        _ = end => {}
        // A collector that observes nothing must not look like one that does.
        _ = &mut observing => return Err(StartError::Observing),
    }
    Handle { end: tell_end, tasks: vec![following, observing] }.stop().await;
    Ok(())
}

/// Passes on what the part that acts said to the keeper.
async fn follow(
    link: Link,
    permit: signal::Sender<Option<QuarantinePermit>>,
    mut ended: signal::Receiver<()>,
) {
    let mut ticks = tokio::time::interval(PERMIT_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = None;
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = ticks.tick() => {}
        }
        let Ok(said) = link.permit().await else { continue };
        if said.is_heard && known.as_ref() != Some(&said) {
            permit.send_replace(said.quarantine.clone());
            known = Some(said);
        }
    }
}
