//! The keeper and what saves, each as a process of its own, and the process that started one.

use super::keep::Keeper;
use super::link::Link;
use super::listen::{self, Desk};
use super::{Notebook, Part, keep_socket, save};
use crate::{Handle, Settings, StartError};
use std::future::Future;
use tokio::sync::watch as signal;

/// Runs the keeper.
///
/// # Errors
/// Any [`StartError`].
pub async fn keep(mut settings: Settings, end: impl Future) -> Result<(), StartError> {
    settings.load()?;
    let (tell_end, ended) = signal::channel(());
    let socket = keep_socket(&settings.folder);
    let Keeper { outbox, news, permitted, mut tasks } = Keeper::start(&settings, &ended).await?;
    let listener = listen::open(&socket).map_err(|error| StartError::Socket(socket, error))?;
    let notebook = Notebook::Outbox(outbox.clone(), news);
    tasks.push(tokio::spawn(listen::listen_until(listener, Desk { outbox, notebook, permitted }, ended)));
    end.await;
    Handle { end: tell_end, tasks }.stop().await;
    Ok(())
}

/// Runs what saves.
///
/// # Errors
/// Any [`StartError`].
pub async fn save(mut settings: Settings, end: impl Future) -> Result<(), StartError> {
    settings.load()?;
    let (tell_end, ended) = signal::channel(());
    let link = Link::new(&settings.folder, Part::Save, ended.clone()).map_err(|_| StartError::Random)?;
    let tasks = save::start(&settings, &Notebook::Keeper(link), &ended);
    end.await;
    Handle { end: tell_end, tasks }.stop().await;
    Ok(())
}

/// The process that started this one; none where that has no number here.
#[must_use]
pub fn parent() -> Option<u32> {
    rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs())
}

/// Ends this process when the one that started it ends, however that came about.
///
/// # Errors
/// When that one has ended already, or the kernel refuses.
pub fn end_with(parent: u32) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    if self::parent() == Some(parent) {
        Ok(())
    } else {
        Err(std::io::Error::other("the process that started this one has ended"))
    }
}
