//! The programs as they are delivered, each on a small disk of its own, and what is done to them.

use super::books::{Sent, Stored};
use super::proxy::Proxy;
use anyhow::{Context, bail, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};
use yakujo_contract::id::HostId;

const PORTAL: &str = "127.0.0.1:8443";
const INTAKE: &str = "127.0.0.1:8444";
const LINE: &str = "127.0.0.1:9444";
const HOST: &str = "web-1";
const PATIENCE: Duration = Duration::from_secs(90);

/// Where cargo puts programs: beside this one.
fn target() -> anyhow::Result<PathBuf> {
    let itself = std::env::current_exe()?;
    Ok(itself.parent().and_then(Path::parent).context("a test lies in target/…/deps")?.to_owned())
}

/// The two programs that are killed: the product, and the agent with numbered facts.
pub fn programs() -> anyhow::Result<(PathBuf, PathBuf)> {
    let folder = target()?;
    Ok((folder.join("yakujo"), folder.join("examples/load")))
}

/// Builds them.
pub fn build() -> anyhow::Result<()> {
    let folder = target()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // The whole workspace's features, as in a full test: nothing is compiled anew then.
    build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "yakujo", "--example", "load"]);
    // What cargo told this test about itself would make build scripts (ring's) run again.
    for (name, _) in std::env::vars_os() {
        let about_itself = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if about_itself.iter().any(|begin| name.as_encoded_bytes().starts_with(begin.as_bytes())) {
            build.env_remove(name);
        }
    }
    if folder.ends_with("release") {
        build.arg("--release");
    }
    if let Some(target) = folder.parent() {
        build.arg("--target-dir").arg(target);
    }
    ensure!(build.status()?.success(), "the programs cannot be built");
    Ok(())
}

/// A file system of a few MiB that can be full.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn mount(folder: PathBuf, size: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let options = format!("size={size}");
        let mut mount = Command::new("/bin/mount");
        mount.args(["-t", "tmpfs", "-o", &options, "own"]).arg(&folder);
        ensure!(mount.status()?.success(), "a small file system cannot be mounted: this needs root");
        Ok(Self { folder })
    }

    /// Leaves not a byte, or gives all back.
    fn toggle(&self) -> anyhow::Result<()> {
        let filler = self.folder.join("filler");
        if filler.exists() {
            return Ok(std::fs::remove_file(filler)?);
        }
        let mut file = std::fs::File::create(filler)?;
        for piece in [1 << 20, 4096] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        Ok(())
    }

    fn free(&self) -> anyhow::Result<()> {
        if self.folder.join("filler").exists() { self.toggle() } else { Ok(()) }
    }
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// `kill -9` of the agent, which is started again.
    KillAgent,
    /// `kill -9` of the server, which is started again.
    KillServer,
    /// All connections are cut, for a while.
    Cut,
    /// Cut while an answer comes back.
    CutAnswer,
    /// The agent's disk is full, or has room again.
    AgentDisk,
    /// The server's disk is full, or has room again.
    ServerDisk,
}

/// Server, line and agent.
pub struct World {
    yakujo: PathBuf,
    load: PathBuf,
    folder: tempfile::TempDir,
    server_disk: Disk,
    agent_disk: Disk,
    proxy: Arc<Proxy>,
    server: Child,
    agent: Child,
    /// Reads what the agent says.
    reading: Option<JoinHandle<()>>,
    sent: Arc<Mutex<Sent>>,
    /// What stands in the ledger.
    pub stored: Stored,
}

impl World {
    /// Founds a city and enrols the agent.
    pub fn found(yakujo: PathBuf, load: PathBuf) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let server_disk = Disk::mount(folder.path().join("server"), "192m")?;
        let agent_disk = Disk::mount(folder.path().join("agent"), "8m")?;
        let proxy = Proxy::start(LINE, INTAKE)?;
        let server = serve(&yakujo, &server_disk.folder.join("data"), folder.path())?;
        let mut world = Self {
            yakujo,
            load,
            folder,
            server_disk,
            agent_disk,
            proxy,
            server,
            // Until the first run, nobody.
            agent: Command::new("/bin/true").spawn()?,
            reading: None,
            sent: Arc::default(),
            stored: Stored::default(),
        };
        world.wait_for_server()?;
        let enrol = ["host", "enrol", HOST, "--system", "main", "--environment", "production"];
        let code = world.ask(&enrol)?;
        let agent_folder = world.agent_disk.folder.join("agent");
        yakujo_agent::enrol::enrol(&agent_folder, &format!("https://{PORTAL}"), code.trim())?;
        Ok(world)
    }

    /// The sender's side of the books.
    pub fn sent<T>(&self, look: impl FnOnce(&mut Sent) -> T) -> T {
        look(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `yakujo` on the server's data folder and returns what it prints.
    fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let data = self.server_disk.folder.join("data");
        let output = Command::new(&self.yakujo).arg("--data").arg(data).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "yakujo {}: {} {said}", arguments.join(" "), output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn wait_for_server(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let socket = self.server_disk.folder.join("data").join(yakujo_server::console::SOCKET);
        loop {
            // It cannot start on a full disk; whoever watches it starts it again, as an init system does.
            self.server_again()?;
            let answers = TcpStream::connect(INTAKE).is_ok();
            if answers && std::os::unix::net::UnixStream::connect(&socket).is_ok() {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the server does not start\n{}", self.server_said());
            sleep(Duration::from_millis(20));
        }
    }

    fn server_again(&mut self) -> anyhow::Result<()> {
        if self.server.try_wait()?.is_some() {
            self.server = serve(&self.yakujo, &self.server_disk.folder.join("data"), self.folder.path())?;
        }
        Ok(())
    }

    fn server_said(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }

    /// Starts the agent, with numbers that were never used.
    pub fn start_agent(&mut self) -> anyhow::Result<()> {
        let first = self.sent(|sent| sent.next());
        let log =
            std::fs::File::options().create(true).append(true).open(self.folder.path().join("agent.log"))?;
        let mut load = Command::new(&self.load);
        load.arg(self.agent_disk.folder.join("agent")).args([LINE, &first.to_string()]);
        let mut child = load.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let lines = BufReader::new(child.stdout.take().context("its output")?).lines();
        let sent = self.sent.clone();
        let reading = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                sent.lock().unwrap_or_else(PoisonError::into_inner).line(&line);
            }
        });
        self.agent = child;
        self.reading = Some(reading);
        Ok(())
    }

    /// `kill -9`, and everything that it had said is read.
    fn kill_agent(&mut self) -> anyhow::Result<()> {
        self.agent.kill()?;
        self.agent.wait()?;
        if let Some(reading) = self.reading.take() {
            ensure!(reading.join().is_ok(), "the words of the agent were not read");
        }
        Ok(())
    }

    /// Does it.
    pub fn blow(&mut self, blow: Blow, random: u64) -> anyhow::Result<()> {
        self.server_again()?;
        match blow {
            Blow::KillAgent => {
                self.kill_agent()?;
                self.start_agent()?;
            }
            Blow::KillServer => {
                self.server.kill()?;
                self.server.wait()?;
                self.server_again()?;
            }
            Blow::Cut => {
                self.proxy.cut();
                sleep(Duration::from_millis(random % 400));
                self.proxy.mend();
            }
            Blow::CutAnswer => {
                self.proxy.cut_answer_after(i64::try_from(random % 6_000)?);
                sleep(Duration::from_millis(100 + random % 700));
                self.proxy.mend();
            }
            Blow::AgentDisk => self.agent_disk.toggle()?,
            Blow::ServerDisk => self.server_disk.toggle()?,
        }
        Ok(())
    }

    /// Everything is mended, and what was sent arrives.
    pub fn heal(&mut self) -> anyhow::Result<()> {
        self.proxy.mend();
        self.agent_disk.free()?;
        self.server_disk.free()?;
        self.wait_for_server()?;
        self.kill_agent()?;
        self.start_agent()?;
        let began = Instant::now();
        let mut orders = self.agent.stdin.take().context("its input")?;
        orders.write_all(b"drain\n")?;
        while !self.sent(|sent| std::mem::take(&mut sent.drained)) {
            if began.elapsed() > PATIENCE || self.agent.try_wait()?.is_some_and(|ended| !ended.success()) {
                let agent = std::fs::read_to_string(self.folder.path().join("agent.log"))?;
                bail!("the outbox does not become empty\n{agent}\n{}", self.server_said());
            }
            sleep(Duration::from_millis(20));
        }
        self.agent.wait()?;
        self.read_ledger()
    }

    /// Takes what is new in the ledger away as a bundle, verifies it and reads it.
    fn read_ledger(&mut self) -> anyhow::Result<()> {
        let file = self.folder.path().join("new.yakujo");
        let (name, first) = (file.display().to_string(), self.stored.entries.to_string());
        self.ask(&["bundle", "--output", &name, "--first", &first])?;
        self.ask(&["verify", &name])?;
        let host: HostId = HOST.parse()?;
        for line in BufReader::new(std::fs::File::open(&file)?).split(b'\n').skip(1) {
            self.stored.entry(&host, &line?)?;
        }
        Ok(std::fs::remove_file(file)?)
    }

    /// Ends the server in good order; the whole ledger is sound.
    pub fn end(mut self) -> anyhow::Result<()> {
        let pid = self.server.id().to_string();
        ensure!(Command::new("/bin/kill").args(["-TERM", &pid]).status()?.success(), "the server was gone");
        ensure!(self.server.wait()?.success(), "the server did not end well\n{}", self.server_said());
        let folder = self.server_disk.folder.join("data/contracts/main/ledger");
        let key = yakujo_ledger::files::load_key(&folder)?.verifier();
        let report = yakujo_ledger::fsck::fsck(&folder, &key, &[])?;
        ensure!(report.damage.is_empty(), "{:?}", report.damage);
        Ok(())
    }

    /// Entries that the pages list.
    pub async fn listed(&self) -> anyhow::Result<u64> {
        let views = self.server_disk.folder.join("data/contracts/main/views.db");
        let began = Instant::now();
        let views = loop {
            // The server writes into it; whoever opens it beside waits for some seconds only.
            match yakujo_server::views::Views::open(&views).await {
                Ok(views) => break views,
                Err(error) => ensure!(began.elapsed() < PATIENCE, "{error:?}"),
            }
        };
        let mut filter = yakujo_server::views::EntryFilter { limit: 200, ..Default::default() };
        let mut listed = 0;
        loop {
            let rows = views.list_entries(&filter).await?;
            let Some(last) = rows.last() else { return Ok(listed) };
            listed += rows.len() as u64;
            filter.before = Some(last.number);
        }
    }
}

/// Starts the server.
pub fn serve(yakujo: &Path, data: &Path, log: &Path) -> anyhow::Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(log.join("server.log"))?;
    let mut serve = Command::new(yakujo);
    serve.arg("--data").arg(data).args(["serve", "--listen", PORTAL]).env("YAKUJO_LOG", "warn");
    serve.stdout(Stdio::null()).stderr(log).spawn().context("yakujo serve cannot be started")
}
