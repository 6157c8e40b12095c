//! No backup job is run there: each is told as failed, so that nobody waits for it.

use crate::backups::schedule::Work;
use crate::backups::{Jobs, Said};
use crate::settings::BackupJob;
use tokio::sync::watch;

/// What a job would have said.
pub(crate) fn one(_: &Jobs, _: &BackupJob, _: Work, _: &watch::Receiver<()>) -> Option<Said> {
    let reason = "backups are made on Linux only: have another product make them, and name the file with its results \
                  in `backup_results`";
    Some(Err(reason.to_owned()))
}
