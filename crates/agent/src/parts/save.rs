//! Has backups made by their schedule, and tells the results of other products.

use super::link::Link;
use super::{Notebook, Part};
use crate::{Handle, Settings, StartError, backups};
use std::future::Future;
use std::path::PathBuf;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

/// Runs it as a process of its own.
///
/// # Errors
/// Any [`StartError`].
pub async fn run(mut settings: Settings, end: impl Future) -> Result<(), StartError> {
    settings.load()?;
    let (tell_end, ended) = signal::channel(());
    let link = Link::new(&settings.folder, Part::Save, ended.clone()).map_err(|_| StartError::Random)?;
    let tasks = start(&settings, &Notebook::Keeper(link), &ended);
    end.await;
    Handle { end: tell_end, tasks }.stop().await;
    Ok(())
}

/// Starts what makes backups, and what tells those of other products.
pub(crate) fn start(
    settings: &Settings,
    notebook: &Notebook,
    ended: &signal::Receiver<()>,
) -> Vec<JoinHandle<()>> {
    let file = &settings.sources.settings;
    let jobs = backups::Jobs {
        jobs: file.backups.clone(),
        folder: settings.folder.clone(),
        program: settings.sources.backup_program.clone(),
    };
    let results = file.backup_results.iter().map(PathBuf::from).collect();
    let clock = settings.clock.clone();
    let saving = backups::run_until(clock.clone(), jobs, notebook.clone(), ended.clone());
    let importing = backups::import_until(clock, results, notebook.clone(), ended.clone());
    vec![tokio::spawn(saving), tokio::spawn(importing)]
}
