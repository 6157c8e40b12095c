//! No backup job is run there: each is told as failed, so that nobody waits for it.

use crate::backups::schedule::Work;
use crate::backups::{Jobs, Said};
use crate::settings::BackupJob;
use std::ffi::OsString;
use tokio::sync::watch;

const REASON: &str = "backups are made on Linux only: have another product make them, and name the file with its results \
                      in `backup_results`";

/// What a job would have said.
pub(crate) fn one(_: &Jobs, _: &BackupJob, _: Work, _: &watch::Receiver<()>) -> Option<Said> {
    Some(Err(REASON.to_owned()))
}

/// What it would have answered.
pub(crate) fn ask(
    _: &Jobs,
    _: &BackupJob,
    _: &str,
    _: Vec<OsString>,
    _: &watch::Receiver<()>,
) -> Option<Result<String, String>> {
    Some(Err(REASON.to_owned()))
}
