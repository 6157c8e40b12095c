//! One backup job as a process of its own.

use super::schedule::Work;
use super::{Jobs, Said};
use crate::settings::BackupJob;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use yakujo_contract::fact::Fact;

/// A job that takes longer is ended.
const LONGEST: Duration = Duration::from_secs(25 * 3_600);
/// A job that is told to end gets so long to give its locks back.
const GRACE: Duration = Duration::from_secs(10);
/// Most that a job may say.
const MOST_SAID: u64 = 1024 * 1024;

/// Runs one job to its end; nothing when the agent ends first.
pub(super) fn one(jobs: &Jobs, job: &BackupJob, work: Work, ended: &watch::Receiver<()>) -> Option<Said> {
    let said = ask(jobs, job, work.word(), Vec::new(), ended)?;
    let facts = |said: String| said.lines().map(serde_json::from_str).collect::<Result<Vec<Fact>, _>>();
    Some(said.and_then(|said| facts(said).map_err(|_| "what it said is not understood".to_owned())))
}

/// Asks one thing of a job, and takes its words; nothing when the agent ends first.
pub(crate) fn ask(
    jobs: &Jobs,
    job: &BackupJob,
    word: &str,
    further: Vec<OsString>,
    ended: &watch::Receiver<()>,
) -> Option<Result<String, String>> {
    let mut command = Command::new(&jobs.program);
    command.args(["backup-job", "--folder"]).arg(&jobs.folder).args([word, &job.name]).args(further);
    // It ends with this process: its result would go to nobody, and the next one starts it again.
    command.arg("--parent").arg(std::process::id().to_string());
    // A group of its own, so that what it started ends with it.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Some(Err(format!("the job could not be started: {error}"))),
    };
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            if let Some(mut pipe) = pipe {
                // A cut answer is no answer.
                let _ = pipe.by_ref().take(MOST_SAID).read_to_string(&mut text);
                let _ = std::io::copy(&mut pipe, &mut std::io::sink());
            }
            text
        })
    };
    let output = read(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let errors = read(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if ended.has_changed().unwrap_or(true) => {
                end(&mut child);
                return None;
            }
            Ok(None) if began.elapsed() < LONGEST => std::thread::sleep(Duration::from_millis(100)),
            Ok(None) | Err(_) => {
                end(&mut child);
                break None;
            }
        }
    };
    let (output, errors) = (output.join().unwrap_or_default(), errors.join().unwrap_or_default());
    let how = status.map_or_else(|| "took too long".to_owned(), |status| status.to_string());
    if status.is_some_and(|status| status.success()) && !output.trim().is_empty() {
        return Some(Ok(output));
    }
    let last = errors.lines().next_back().unwrap_or_default();
    Some(Err(format!("{how} {last}").chars().take(300).collect()))
}

/// Asks the group to end, then ends it.
fn end(child: &mut std::process::Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| group.map(|group| kill_process_group(group, signal));
    // Ended already or not: either way it is waited for.
    let _ = signal(Signal::TERM);
    let began = Instant::now();
    while began.elapsed() < GRACE && matches!(child.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = signal(Signal::KILL);
    let _ = child.wait();
}
