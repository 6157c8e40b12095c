//! 2.1.a against a real clamd with a tiny data base of its own. Needs Debian's `clamav-daemon`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test needs fails like the test")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_agent::collect::c02_malware;
use yakujo_agent::reading::Sources;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{AvEngine, DaemonState};

struct Clamd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Clamd {
    /// Starts clamd; `reload` is its setting ConcurrentDatabaseReload.
    fn start(reload: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(at("db")).unwrap();
        std::fs::write(at("db/own.ndb"), "Own.Test:0:*:796f6b6f6861\n").unwrap();
        let settings = format!(
            "LocalSocket {}\nDatabaseDirectory {}\nForeground yes\nUser root\nConcurrentDatabaseReload {reload}\nLogFile {}\n",
            at("ctl"),
            at("db"),
            at("log")
        );
        std::fs::write(at("clamd.conf"), settings).unwrap();
        let child = Command::new("/usr/sbin/clamd")
            .args(["--config-file", &at("clamd.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Debian's clamav-daemon: apt-get install clamav-daemon");
        let clamd = Self { child, folder };
        clamd.wait_for(DaemonState::Scanning);
        clamd
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn reading(&self) -> AvEngine {
        let mut sources = Sources::under(Path::new("/"));
        sources.clamd_socket = Some(self.path("ctl"));
        let reading = c02_malware::collect(&sources, jiff::Timestamp::now());
        match reading.facts.into_iter().next() {
            Some(Fact::AvEngine(engine)) => engine,
            other => panic!("{other:?}"),
        }
    }

    fn wait_for(&self, state: DaemonState) {
        let began = Instant::now();
        while self.reading().daemon != state {
            let engine = self.reading();
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_secs(60), "{engine:?}\n{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn reload(&self) {
        use std::io::{Read, Write};
        let mut socket = std::os::unix::net::UnixStream::connect(self.path("ctl")).unwrap();
        socket.write_all(b"zRELOAD\0").unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_working_daemon_scans_and_a_stopped_one_is_absent() {
    let mut clamd = Clamd::start("yes");
    let engine = clamd.reading();
    assert_eq!(engine.product, "clamav");
    assert!(engine.engine_version.starts_with(|c: char| c.is_ascii_digit()), "{engine:?}");
    clamd.child.kill().unwrap();
    clamd.child.wait().unwrap();
    assert_eq!(clamd.reading().daemon, DaemonState::Absent);
}

/// With this setting clamd frees the old definitions first; when the new ones do not load it still says PONG, keeps its
/// VERSION, and scans nothing.
#[test]
fn a_daemon_whose_reload_failed_answers_and_is_found_blind() {
    let clamd = Clamd::start("no");
    std::fs::write(clamd.path("db/broken.ndb"), "this is no signature\n").unwrap();
    clamd.reload();
    clamd.wait_for(DaemonState::Blind);
}
