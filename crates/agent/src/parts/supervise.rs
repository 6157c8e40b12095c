//! Starts the parts, starts them again where they are killed, and ends them in order: first what observes, then the keeper,
//! which delivers what is left. It reads nothing and speaks to nobody but by starting somebody.

use super::{Part, gate_socket, hand_socket, listen, reach_socket};
use crate::malware::opens::line;
use crate::settings::{self, AgentFile};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Before a part that was killed is started again; twice as long after each that did not last.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(60)];
/// A part that lived so long has lasted.
const LASTED: Duration = Duration::from_mins(5);
/// A part that was told to end gets so long.
const GRACE: Duration = Duration::from_secs(20);

/// What is started how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The agent's folder.
    pub folder: PathBuf,
    /// The words that start a part, up to its name.
    pub part: Vec<OsString>,
    /// The words that start the gate.
    pub gate: Vec<OsString>,
    /// The words that start what asks one question over the network.
    pub reach: Vec<OsString>,
    /// The words that start the part that acts; none where systemd does it, or nobody may.
    pub hand: Option<Vec<OsString>>,
}

/// Why the agent ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// What the operator wrote.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// A part ended although nobody asked it to.
    #[error("the part `{part}` of the agent ended with {status}: what it said stands above")]
    Ended {
        /// Which.
        part: &'static str,
        /// How.
        status: ExitStatus,
    },
    /// A part could not be started, or a socket not be opened.
    #[error("the agent cannot start its parts: {0}")]
    Start(#[from] std::io::Error),
}

/// A part that runs.
struct Running {
    part: Part,
    child: Child,
    since: Instant,
}

/// Runs the parts until the end.
///
/// # Errors
/// Any [`Failed`]; the other parts are ended then.
pub async fn supervise(plan: Plan, end: impl Future) -> Result<(), Failed> {
    let file = settings::load(&plan.folder)?;
    let gate = listen::open(&gate_socket(&plan.folder))?;
    let collector = Arc::new(AtomicU32::new(0));
    tokio::spawn(accept(gate, plan.gate.clone(), Serves::Gate(collector.clone())));
    let reach = listen::open(&reach_socket(&plan.folder))?;
    tokio::spawn(accept(reach, plan.reach.clone(), Serves::Reach(collector.clone())));
    let hand = listen::open(&hand_socket(&plan.folder))?;
    match plan.hand.clone() {
        Some(words) => drop(tokio::spawn(accept(hand, words, Serves::Hand))),
        // Nobody looks for a hand where none is.
        None => std::fs::remove_file(hand_socket(&plan.folder))?,
    }
    let (tell, mut due) = mpsc::unbounded_channel();
    let (running, pauses) = (Vec::new(), BTreeMap::new());
    let mut parts = Parts { plan, tell, running, pauses, collector };
    let result = tokio::select! {
        _ = end => Ok(()),
        failed = parts.run(&file, &mut due) => failed,
    };
    parts.end().await;
    result
}

struct Parts {
    plan: Plan,
    /// Tells which part is to be started again.
    tell: mpsc::UnboundedSender<Part>,
    running: Vec<Running>,
    pauses: BTreeMap<Part, Duration>,
    /// The process that may have a gate started, and questions asked.
    collector: Arc<AtomicU32>,
}

impl Parts {
    /// Starts what is due, until something fails that starting it again does not mend.
    async fn run(&mut self, file: &AgentFile, due: &mut mpsc::UnboundedReceiver<Part>) -> Result<(), Failed> {
        let mut ends = signal(SignalKind::child())?;
        let saves =
            !file.backups.is_empty() || !file.backup_results.is_empty() || !file.idle_sessions.is_empty();
        for part in Part::ALL.into_iter().filter(|part| saves || *part != Part::Save) {
            self.start(part, &[])?;
        }
        loop {
            tokio::select! {
                _ = ends.recv() => {
                    for part in Part::ALL {
                        self.look_after(part)?;
                    }
                }
                Some(part) = due.recv() => self.start(part, &["--again"])?,
            }
        }
    }

    fn start(&mut self, part: Part, further: &[&str]) -> std::io::Result<()> {
        let mut command = command(&self.plan.part)?;
        command.arg(part.word()).arg("--parent").arg(std::process::id().to_string()).args(further);
        let child = command.stdin(Stdio::null()).spawn()?;
        if part == Part::Collect {
            self.collector.store(child.id(), Ordering::Relaxed);
        }
        self.running.push(Running { part, child, since: Instant::now() });
        Ok(())
    }

    /// A part ended: one that was killed is started again, one that gave up took the agent with it.
    fn look_after(&mut self, part: Part) -> Result<(), Failed> {
        let Some(place) = self.running.iter().position(|running| running.part == part) else { return Ok(()) };
        let status = self.running.get_mut(place).map(|running| running.child.try_wait()).transpose()?;
        let Some(status) = status.flatten() else { return Ok(()) };
        let gone = self.running.swap_remove(place);
        if status.code().is_some() {
            return Err(Failed::Ended { part: part.word(), status });
        }
        let [first, longest] = PAUSES;
        let pause =
            self.pauses.get(&part).filter(|_| gone.since.elapsed() < LASTED).copied().unwrap_or(first);
        self.pauses.insert(part, pause.saturating_mul(2).min(longest));
        tracing::warn!("the part `{}` of the agent ended with {status} and is started again", part.word());
        let tell = self.tell.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            // Nobody listening means that the agent ends.
            let _ = tell.send(part);
        });
        Ok(())
    }

    /// Ends what observes, then the keeper.
    async fn end(&mut self) {
        let keeps = self.running.iter().any(|running| running.part == Part::Keep);
        if !keeps && let Err(error) = self.start(Part::Keep, &["--again"]) {
            tracing::error!("what was seen last cannot be kept: {error}");
        }
        let (keeper, others): (Vec<_>, Vec<_>) =
            self.running.drain(..).partition(|running| running.part == Part::Keep);
        for group in [others, keeper] {
            for running in &group {
                if let Some(pid) = pid_of(&running.child) {
                    // It may have ended by itself.
                    let _ = kill_process(pid, Signal::TERM);
                }
            }
            for mut running in group {
                if tokio::time::timeout(GRACE, over(&mut running.child)).await.is_err() {
                    tracing::warn!("the part `{}` does not end and is killed", running.part.word());
                    // It may have ended by itself.
                    let _ = running.child.kill();
                    let _ = running.child.wait();
                }
            }
        }
    }
}

/// Waits until a process has ended.
async fn over(child: &mut Child) -> std::io::Result<ExitStatus> {
    let mut ends = signal(SignalKind::child())?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        ends.recv().await;
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// What is started for whom.
#[derive(Debug, Clone)]
enum Serves {
    /// The part that acts, for any part: it believes orders alone.
    Hand,
    /// The gate, for the collector alone.
    Gate(Arc<AtomicU32>),
    /// One question over the network, for the collector alone.
    Reach(Arc<AtomicU32>),
}

impl Serves {
    fn may_ask(&self, stream: &UnixStream) -> bool {
        let pid =
            stream.peer_cred().ok().and_then(|other| other.pid()).and_then(|pid| u32::try_from(pid).ok());
        listen::is_own(stream)
            && match self {
                Self::Hand => true,
                Self::Gate(collector) | Self::Reach(collector) => {
                    pid == Some(collector.load(Ordering::Relaxed))
                }
            }
    }
}

/// Starts a process for everybody who connects.
async fn accept(listener: UnixListener, words: Vec<OsString>, serves: Serves) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if serves.may_ask(&stream) => {
                let (words, serves) = (words.clone(), serves.clone());
                tokio::spawn(async move {
                    let served = match serves {
                        Serves::Hand | Serves::Reach(_) => one_answer(stream, &words).await,
                        Serves::Gate(_) => gate(stream, &words).await,
                    };
                    if let Err(error) = served {
                        tracing::error!("what was asked for could not be started: {error}");
                    }
                });
            }
            Ok(_) => tracing::warn!("somebody who may not ask for it was refused"),
            Err(error) => {
                tracing::warn!("a part of the agent cannot connect: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn command(words: &[OsString]) -> std::io::Result<Command> {
    let [program, words @ ..] = words else {
        return Err(std::io::Error::other("no command starts it"));
    };
    let mut command = Command::new(program);
    // A group of its own: Ctrl-C in a terminal is for this process, which ends the others in order.
    command.arg0("yakujo").args(words).process_group(0);
    Ok(command)
}

/// One question and one answer over the line, as systemd does it.
async fn one_answer(stream: UnixStream, words: &[OsString]) -> std::io::Result<()> {
    let line = stream.into_std()?;
    line.set_nonblocking(false)?;
    let line = OwnedFd::from(line);
    let mut command = command(words)?;
    command.env_clear().stdin(Stdio::from(line.try_clone()?)).stdout(Stdio::from(line));
    let mut child = command.spawn()?;
    // The command holds the other end; without it whoever asked would wait for ever.
    drop(command);
    over(&mut child).await?;
    Ok(())
}

/// A gate that lives until its end of the line is closed, or this one.
async fn gate(mut stream: UnixStream, words: &[OsString]) -> std::io::Result<()> {
    stream.readable().await?;
    let end = line::taken_over(stream.as_fd())?;
    let mut command = command(words)?;
    command.stdin(Stdio::from(end)).stdout(Stdio::null());
    let mut child = command.spawn()?;
    drop(command);
    let mut nothing = [0_u8; 1];
    tokio::select! {
        ended = over(&mut child) => drop(ended?),
        // Whatever is read: nobody says anything on it.
        _ = stream.read(&mut nothing) => {
            child.kill()?;
            child.wait()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream as Stream;
    use std::path::Path;
    use tokio::sync::oneshot;

    /// Parts that say how they were started, and then wait or do what `then` says.
    fn plan(folder: &Path, then: &str) -> Plan {
        let words = |script: &str| ["/bin/sh", "-c", script].map(OsString::from).to_vec();
        let log = folder.join("log").display().to_string();
        Plan {
            folder: folder.to_owned(),
            part: words(&format!(
                "echo $$ $0 $3 >> {log}; trap 'echo $$ $0 ends >> {log}; exit' TERM; {then}"
            )),
            gate: words(&format!("echo $$ gate >> {log}; exec sleep 60")),
            reach: words("read question; echo \"$question: asked\""),
            hand: Some(words("read question; echo \"$question: yes\"")),
        }
    }

    async fn until(log: &Path, holds: impl Fn(&str) -> bool) -> String {
        for _ in 0..500 {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            if holds(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", std::fs::read_to_string(log));
    }

    fn pid_of_line(text: &str, has: &str) -> Pid {
        let line = text.lines().find(|line| line.contains(has)).unwrap();
        Pid::from_raw(line.split(' ').next().unwrap().parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_part_that_is_killed_is_started_again_and_the_keeper_ends_last() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let (end, ended) = oneshot::channel::<()>();
        let running = tokio::spawn(supervise(plan(folder.path(), "while :; do sleep 0.05; done"), ended));
        let text = until(&log, |text| text.contains("collect")).await;
        assert!(!text.contains("save"), "nothing is to be saved: {text}");
        kill_process(pid_of_line(&text, "collect"), Signal::KILL).unwrap();
        until(&log, |text| text.contains("collect --again")).await;
        drop(end);
        running.await.unwrap().unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        let ends: Vec<&str> = text
            .lines()
            .filter(|line| line.ends_with("ends"))
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        assert_eq!(ends, ["collect", "keep"]);
    }

    #[tokio::test]
    async fn a_part_that_gives_up_takes_the_agent_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let failing = "test $0 = keep || { sleep 0.3; exit 3; }; while :; do sleep 0.05; done";
        let failed = supervise(plan(folder.path(), failing), std::future::pending::<()>()).await.unwrap_err();
        assert!(matches!(failed, Failed::Ended { part: "collect", .. }), "{failed}");
        let text = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(text.contains("keep ends"), "{text}");
    }

    #[tokio::test]
    async fn a_gate_lives_as_long_as_whoever_asked_for_it_and_a_hand_answers_once() {
        use std::io::{Read as _, Write as _};
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let (end, ended) = oneshot::channel::<()>();
        let running = tokio::spawn(supervise(plan(folder.path(), "while :; do sleep 0.05; done"), ended));
        until(&log, |text| text.contains("keep")).await;
        let listener = listen::open(&folder.path().join("gates")).unwrap();
        let own = Arc::new(AtomicU32::new(std::process::id()));
        let gates = tokio::spawn(accept(listener, plan(folder.path(), "").gate, Serves::Gate(own.clone())));
        let held = OwnedFd::from(Stream::connect(folder.path().join("gates")).unwrap());
        let (_own, its) = line::pair().unwrap();
        line::hand_over(&held, its.as_fd()).unwrap();
        let gate = pid_of_line(&until(&log, |text| text.contains("gate")).await, "gate");
        drop(held);
        for turn in 0.. {
            if rustix::process::test_kill_process(gate).is_err() {
                break;
            }
            assert!(turn < 100, "the gate outlives the line");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        own.store(1, Ordering::Relaxed);
        let mut other = Stream::connect(folder.path().join("gates")).unwrap();
        let refused = tokio::task::spawn_blocking(move || other.read(&mut [0]).unwrap());
        assert_eq!(refused.await.unwrap(), 0, "only the collector has gates started");
        gates.abort();
        let mut stranger = Stream::connect(reach_socket(folder.path())).unwrap();
        let refused = tokio::task::spawn_blocking(move || stranger.read(&mut [0]).unwrap());
        assert_eq!(refused.await.unwrap(), 0, "only the collector has questions asked");
        let socket = hand_socket(folder.path());
        let asked = tokio::task::spawn_blocking(move || {
            let mut hand = Stream::connect(socket).unwrap();
            hand.write_all(b"may I?\n").unwrap();
            let mut answer = String::new();
            hand.read_to_string(&mut answer).unwrap();
            answer
        });
        assert_eq!(asked.await.unwrap(), "may I?: yes\n");
        drop(end);
        running.await.unwrap().unwrap();
    }
}
