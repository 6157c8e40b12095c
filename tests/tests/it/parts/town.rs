//! A server and an agent as processes, something that happens all the time, and what the ledger says of it.

use super::super::losses::world;
use anyhow::{Context, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};
use yakujo_contract::change::{Effect, Object, changes};
use yakujo_contract::entry::{Author, Body, Entry};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::HostId;

const PORTAL: &str = "127.0.0.1:8443";
const HOST: &str = "web-1";
const PATIENCE: Duration = Duration::from_secs(180);
/// Results that stand in the file of the other product at once.
const RESULTS_AT_ONCE: u64 = 200;

/// Who can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    Agent,
    Keep,
    Collect,
    Save,
    Act,
    Server,
}

impl Victim {
    pub const ALL: [Self; 6] = [Self::Agent, Self::Keep, Self::Collect, Self::Save, Self::Act, Self::Server];

    /// The words that only its command line has.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Agent => &["agent"],
            Self::Keep => &["part", "keep"],
            Self::Collect => &["part", "collect"],
            Self::Save => &["part", "save"],
            Self::Act => &["act"],
            Self::Server => &["serve"],
        }
    }
}

/// What the ledger says.
#[derive(Debug, Default)]
pub struct Told {
    entries: u64,
    seqs: BTreeMap<u64, u64>,
    /// Files that appeared, and how often that was told.
    pub files: BTreeMap<u64, u64>,
    /// Results of backups.
    pub results: BTreeMap<u64, u64>,
    pub baselines: u64,
    pub is_stopped: bool,
    lost: Vec<String>,
}

/// What was there to be seen.
#[derive(Debug, Default)]
pub struct Written {
    pub files: u64,
    pub results: u64,
}

impl Told {
    fn entry(&mut self, watched: &Path, bytes: &[u8]) -> anyhow::Result<()> {
        self.entries += 1;
        let entry = Entry::from_bytes(bytes).context("an entry of the bundle")?;
        let host: HostId = HOST.parse()?;
        if let (Author::Agent(author), Some(seq)) = (&entry.author, entry.seq)
            && *author == host
        {
            *self.seqs.entry(seq).or_default() += 1;
        }
        let appeared = |effect| matches!(effect, Effect::Added);
        for change in changes(&entry) {
            let name = Path::new(&change.name).strip_prefix(watched).ok().and_then(|name| name.to_str());
            // The folder itself has no number.
            let number = name.and_then(|name| name.parse().ok());
            if let (Object::File, true, Some(number)) = (change.object, appeared(change.effect), number) {
                *self.files.entry(number).or_default() += 1;
            }
        }
        match &entry.body {
            Body::Fact(Fact::BackupRun(run)) => *self.results.entry(run.job.parse()?).or_default() += 1,
            Body::Fact(Fact::IntegrityBaseline(_)) => self.baselines += 1,
            Body::Fact(Fact::AgentStop(_)) => self.is_stopped = true,
            Body::Fact(Fact::AgentLoss(loss)) => self.lost.push(format!("lost: {loss:?}")),
            Body::Fact(Fact::AgentGap(gap)) => self.lost.push(format!("gap: {gap:?}")),
            _ => {}
        }
        Ok(())
    }

    /// Everything once, and the numbers without a gap.
    pub fn is_exact(&self, written: &Written) -> anyhow::Result<()> {
        let mut wrong = self.lost.clone();
        let once = |what: &str, told: &BTreeMap<u64, u64>, last: u64, wrong: &mut Vec<String>| {
            let missing: Vec<u64> = (1..=last).filter(|number| !told.contains_key(number)).collect();
            let more: Vec<_> = told.iter().filter(|(_, times)| **times != 1).collect();
            if !missing.is_empty() || !more.is_empty() {
                wrong.push(format!("{what}: not told {missing:?}, told more than once {more:?}"));
            }
        };
        once("files", &self.files, written.files, &mut wrong);
        once("results", &self.results, written.results, &mut wrong);
        let last = self.seqs.last_key_value().map_or(0, |(last, _)| *last);
        once("numbers", &self.seqs, last, &mut wrong);
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        println!("{} entries, numbers 1 to {last}, each once", self.entries);
        Ok(())
    }
}

/// Server and agent.
pub struct Town {
    yakujo: PathBuf,
    folder: tempfile::TempDir,
    server: Child,
    agent: Child,
    told: Told,
}

impl Town {
    pub fn found() -> anyhow::Result<Self> {
        let (yakujo, _) = world::programs()?;
        let folder = tempfile::tempdir_in("/var/tmp")?;
        let place = |name: &str| folder.path().join(name);
        for name in ["watched", "host/agent"] {
            std::fs::create_dir_all(place(name))?;
        }
        let settings = format!(
            "watch = [\"{}\"]\nbackup_results = [\"{}\"]\n",
            place("watched").display(),
            place("results.json").display()
        );
        std::fs::write(place("host/agent/agent.toml"), settings)?;
        let server = world::serve(&yakujo, &place("server"), folder.path())?;
        let agent = Command::new("/bin/true").spawn()?;
        let mut town = Self { yakujo, folder, server, agent, told: Told::default() };
        let began = Instant::now();
        let code = loop {
            match town.ask(&["host", "enrol", HOST, "--system", "main", "--environment", "production"]) {
                Ok(code) => break code,
                Err(error) => ensure!(began.elapsed() < PATIENCE, "the server does not start: {error}"),
            }
            sleep(Duration::from_millis(100));
        };
        let agent = town.folder.path().join("host/agent");
        yakujo_agent::enrol::enrol(&agent, &format!("https://{PORTAL}"), code.trim())?;
        town.agent = town.start_agent()?;
        Ok(town)
    }

    fn start_agent(&self) -> anyhow::Result<Child> {
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.path().join("agent.log"))?;
        let mut agent = Command::new(&self.yakujo);
        agent.arg("--data").arg(self.folder.path().join("host")).arg("agent").stdin(Stdio::null());
        Ok(agent.stdout(log.try_clone()?).stderr(log).spawn()?)
    }

    /// Runs `yakujo` on the server's data folder and returns what it prints.
    fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let data = self.folder.path().join("server");
        let output = Command::new(&self.yakujo).arg("--data").arg(data).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "yakujo {}: {} {said}", arguments.join(" "), output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The process of a part; there are no others on this machine.
    pub fn pid(&self, victim: Victim) -> anyhow::Result<i32> {
        self.find(victim)?.with_context(|| format!("{victim:?} does not run"))
    }

    fn find(&self, victim: Victim) -> anyhow::Result<Option<i32>> {
        for entry in std::fs::read_dir("/proc")? {
            let path = entry?.path();
            let pid = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            // One that has just ended has no words.
            let words = std::fs::read(path.join("cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = words.split(|byte| *byte == 0).skip(3).collect();
            let wanted: Vec<&[u8]> = victim.words().iter().map(|word| word.as_bytes()).collect();
            if let Some(pid) = pid
                && words.starts_with(&wanted)
            {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    }

    /// `kill -9`; false where it does not run at this moment.
    pub fn kill(&mut self, victim: Victim) -> anyhow::Result<bool> {
        match victim {
            Victim::Agent => {
                let parts = [Victim::Keep, Victim::Collect].map(|part| self.find(part));
                self.agent.kill()?;
                self.agent.wait()?;
                for pid in parts.into_iter().filter_map(|part| part.ok().flatten()) {
                    self.is_gone(pid)?;
                }
                self.agent = self.start_agent()?;
            }
            Victim::Server => {
                self.server.kill()?;
                self.server.wait()?;
                self.server =
                    world::serve(&self.yakujo, &self.folder.path().join("server"), self.folder.path())?;
            }
            Victim::Keep | Victim::Collect | Victim::Save => return self.kill_now(victim),
            // It answers one question and ends; one that begins to keep has some.
            Victim::Act => {
                self.kill_now(Victim::Keep)?;
                let began = Instant::now();
                while began.elapsed() < Duration::from_secs(3) {
                    if self.kill_now(Victim::Act)? {
                        return Ok(true);
                    }
                    sleep(Duration::from_millis(1));
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn kill_now(&self, victim: Victim) -> anyhow::Result<bool> {
        let pid = self.find(victim)?.and_then(rustix::process::Pid::from_raw);
        Ok(pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok()))
    }

    /// With what started it, a part ends, too.
    fn is_gone(&self, pid: i32) -> anyhow::Result<()> {
        let began = Instant::now();
        let process = PathBuf::from(format!("/proc/{pid}/cmdline"));
        while std::fs::read(&process).is_ok_and(|words| !words.is_empty()) {
            ensure!(began.elapsed() < Duration::from_secs(2), "a part outlives the agent: {pid}");
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Something happens all the time.
    pub fn write(&self) -> Writer {
        let ended = Arc::new(AtomicBool::new(false));
        let (folder, over) = (self.folder.path().to_owned(), ended.clone());
        Writer { ended, thread: std::thread::spawn(move || write_until(&folder, &over)) }
    }

    /// Waits until the ledger says so.
    pub fn until(&mut self, what: &str, holds: impl Fn(&Told) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            // A server that was killed may still be starting.
            match self.read() {
                Ok(()) if holds(&self.told) => return Ok(()),
                Ok(()) if self.agent.try_wait()?.is_none() && began.elapsed() < PATIENCE => {}
                Err(_) if began.elapsed() < PATIENCE => {}
                not_read => bail!("not told: {what} {not_read:?}\n{}\n{:?}", self.said(), self.told),
            }
            sleep(Duration::from_millis(500));
        }
    }

    fn said(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }

    /// Takes what is new in the ledger away as a bundle and reads it.
    fn read(&mut self) -> anyhow::Result<()> {
        let file = self.folder.path().join("new.yakujo");
        let (name, first) = (file.display().to_string(), self.told.entries.to_string());
        self.ask(&["bundle", "--output", &name, "--first", &first])?;
        let lines = BufReader::new(std::fs::File::open(&file)?).split(b'\n').skip(1);
        std::fs::remove_file(file)?;
        let watched = self.folder.path().join("watched");
        for line in lines {
            self.told.entry(&watched, &line?)?;
        }
        Ok(())
    }

    /// Ends agent and server in good order.
    pub fn end(mut self) -> anyhow::Result<Told> {
        let terminate = |child: &mut Child| -> anyhow::Result<()> {
            let pid = rustix::process::Pid::from_child(child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
            let status = child.wait()?;
            ensure!(status.success(), "it did not end well: {status}");
            Ok(())
        };
        terminate(&mut self.agent).with_context(|| self.said())?;
        self.read()?;
        terminate(&mut self.server)?;
        Ok(std::mem::take(&mut self.told))
    }
}

/// Writes files and results.
pub struct Writer {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Written>>,
}

impl Writer {
    pub fn stop(self) -> anyhow::Result<Written> {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the writer failed"))?
    }
}

fn write_until(folder: &Path, ended: &AtomicBool) -> anyhow::Result<Written> {
    let mut written = Written::default();
    let mut results = BTreeSet::new();
    while !ended.load(Ordering::Relaxed) {
        written.files += 1;
        std::fs::write(folder.join("watched").join(written.files.to_string()), written.files.to_string())?;
        if written.files.is_multiple_of(4) {
            written.results += 1;
            results.insert((written.results, jiff::Timestamp::now().to_string()));
            while results.len() as u64 > RESULTS_AT_ONCE {
                results.pop_first();
            }
            let runs: Vec<_> = results.iter().map(|(number, ended)| run(*number, ended)).collect();
            let text = serde_json::json!({ "v": 1, "product": "Example", "runs": runs }).to_string();
            std::fs::write(folder.join("results.new"), text)?;
            std::fs::rename(folder.join("results.new"), folder.join("results.json"))?;
        }
        sleep(Duration::from_millis(50));
    }
    Ok(written)
}

fn run(number: u64, ended: &str) -> serde_json::Value {
    serde_json::json!({ "job": number.to_string(), "asset": "住民台帳", "snapshot": number.to_string(), "files": 1,
        "bytes": 1, "added": 1, "repository": "tape", "medium": "server", "encrypted": true, "started": ended,
        "ended": ended, "result": "done" })
}
