//! A host with a real clamd, which knows one signature. Needs Debian's `clamav-daemon` and `clamav` (sigtool).

use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use yakujo_agent::act::QuarantinePermit;
use yakujo_agent::act::hand::Hand;
use yakujo_agent::malware::{Guard, Left};
use yakujo_agent::reading::Sources;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{AvEngine, DaemonState};

/// The test file every engine knows, in hexadecimal digits as signatures are written.
const EICAR: &str = "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e444152442d414e544956495255532d544553542d46494c452124482b482a";
/// What makes a test program the gate.
pub const GATE: &str = "YAKUJO_TEST_GATE";
const WITHIN: Duration = Duration::from_secs(120);

pub fn eicar() -> Vec<u8> {
    EICAR
        .as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

/// A host: a tree with clamd's settings, and clamd itself.
pub struct Host {
    pub child: Child,
    pub folder: tempfile::TempDir,
    pub guard: Guard,
    permit: watch::Sender<Option<QuarantinePermit>>,
    pub heard: Vec<Fact>,
}

/// What is otherwise on a host.
pub struct Setup {
    /// clamd's ConcurrentDatabaseReload.
    pub reload: &'static str,
    /// Further lines of `clamd.conf` as the agent reads it.
    pub settings: &'static str,
    /// `agent.toml`.
    pub agent: &'static str,
    /// What `/dev/shm` of the host is.
    pub memory: Option<PathBuf>,
    /// The hand beside the agent of this tree.
    pub hand: fn(&Path) -> Option<Hand>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { reload: "yes", settings: "", agent: "", memory: None, hand: |_| None }
    }
}

pub fn sources(tree: &Path, agent: &str) -> Sources {
    let mut sources = Sources::under(tree);
    sources.folder = Some(tree.join("agent"));
    sources.gate_command = gate_command();
    sources.settings = yakujo_agent::settings::parse(agent).unwrap();
    sources
}

/// This test program, which is the gate when it is started so.
fn gate_command() -> Vec<String> {
    let own = std::env::current_exe().unwrap().display().to_string();
    let mark = format!("{GATE}=1");
    ["/usr/bin/env", &mark, &own, "--exact", "the_gate", "--nocapture"].map(str::to_owned).to_vec()
}

impl Host {
    pub fn start(setup: &Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().canonicalize().unwrap();
        for name in ["db", "etc/clamav", "agent", "srv", "var/www"] {
            std::fs::create_dir_all(tree.join(name)).unwrap();
        }
        if let Some(memory) = &setup.memory {
            std::fs::create_dir(tree.join("dev")).unwrap();
            std::os::unix::fs::symlink(memory, tree.join("dev/shm")).unwrap();
        }
        definitions(&tree, Timestamp::now());
        let at = |name: &str| tree.join(name).display().to_string();
        let real = format!(
            "LocalSocket {}\nDatabaseDirectory {}\nForeground yes\nUser root\nConcurrentDatabaseReload {}\nLogFile {}\n",
            at("ctl"),
            at("db"),
            setup.reload,
            at("log")
        );
        std::fs::write(at("clamd.conf"), real).unwrap();
        let seen = format!("LocalSocket /ctl\nDatabaseDirectory /db\n{}\n", setup.settings);
        std::fs::write(at("etc/clamav/clamd.conf"), seen).unwrap();
        std::fs::create_dir_all(at("usr/sbin")).unwrap();
        std::fs::write(at("usr/sbin/clamd"), "").unwrap();
        let child = Command::new("/usr/sbin/clamd")
            .args(["--config-file", &at("clamd.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Debian's clamav-daemon: apt-get install clamav-daemon");
        let began = Instant::now();
        while std::os::unix::net::UnixStream::connect(at("ctl")).is_err() {
            assert!(began.elapsed() < WITHIN, "clamd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let (permit, permitted) = watch::channel(None);
        let hand = (setup.hand)(&tree);
        let guard = Guard::new(&Sources { permitted, hand, ..sources(&tree, setup.agent) }, &Left::default());
        let mut host = Self { child, folder, guard, permit, heard: Vec::new() };
        host.until("clamd judges", |host| {
            host.engine().is_some_and(|engine| engine.daemon == DaemonState::Scanning)
        });
        host
    }

    pub fn tree(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub fn turn(&mut self) {
        self.heard.extend(self.guard.turn(Timestamp::now()).facts);
    }

    pub fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        self.until_within(WITHIN, what, is_so);
    }

    pub fn until_within(&mut self, within: Duration, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        loop {
            self.turn();
            if is_so(self) {
                return;
            }
            let log = || std::fs::read_to_string(self.tree().join("log")).unwrap_or_default();
            assert!(began.elapsed() < within, "{what} did not come: {:#?}\n{}", self.heard, log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn engine(&self) -> Option<&AvEngine> {
        self.heard
            .iter()
            .rev()
            .find_map(|fact| if let Fact::AvEngine(engine) = fact { Some(engine) } else { None })
    }

    pub fn allow(&self) {
        let request = "standing-1".parse().unwrap();
        self.permit.send_replace(Some(QuarantinePermit { request, until: Timestamp::MAX }));
    }

    pub fn count(&self, kind: &str) -> usize {
        self.heard.iter().filter(|fact| fact.kind() == kind).count()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Definitions with one signature, in clamd's own container, made at an instant.
pub fn definitions(tree: &Path, made: Timestamp) {
    let script = include_str!("../../../../tests/src/definitions.sh");
    let seconds = made.as_second().to_string();
    let made = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(tree.join("db"))
        .args([&seconds, EICAR])
        .status();
    assert!(made.unwrap().success());
}
