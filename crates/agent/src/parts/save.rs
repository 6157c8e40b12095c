//! Has backups made by their schedule, seeks right contents in them, tells the results of other products, and leaves sessions
//! at agreed targets alone: what takes long, and reaches others over the network.

use super::Notebook;
use crate::{Settings, backups, known_good};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

/// Starts what makes backups, what tells those of other products, and what tries idle sessions.
pub(crate) fn start(
    settings: &Settings,
    notebook: &Notebook,
    ended: &signal::Receiver<()>,
) -> Vec<JoinHandle<()>> {
    let file = &settings.sources.settings;
    let jobs = Arc::new(backups::Jobs {
        jobs: file.backups.clone(),
        folder: settings.folder.clone(),
        program: settings.sources.backup_program.clone(),
    });
    let results = file.backup_results.iter().map(PathBuf::from).collect();
    let mut tasks = Vec::new();
    #[cfg(target_os = "linux")]
    tasks.extend(crate::idle::start(file, &settings.clock, notebook, ended));
    let clock = settings.clock.clone();
    let seeking = known_good::seek_until(clock.clone(), jobs.clone(), notebook.clone(), ended.clone());
    let saving = backups::run_until(clock.clone(), jobs, notebook.clone(), ended.clone());
    let importing = backups::import_until(clock, results, notebook.clone(), ended.clone());
    tasks.extend([tokio::spawn(saving), tokio::spawn(importing), tokio::spawn(seeking)]);
    tasks
}
