//! Backup jobs of the agent in the real program: what was saved, checked, restored and tried is in the ledger; old
//! snapshots are removed by the ledger, whatever dates a host gives its own.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use yakujo_contract::entry::{Body, Entry};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::backup::KeyHolder;
use yakujo_ledger::files::{Reader, load_key};

/// Everything is done by real programs on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(240);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already or not, it is waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir_in("/var/tmp").unwrap() };
        std::fs::create_dir_all(ground.path("city")).unwrap();
        std::fs::write(ground.path("city/records"), "1,太郎\n".repeat(1_000)).unwrap();
        ground.secret("password", "a long password\n");
        std::fs::create_dir_all(ground.path("data/agent")).unwrap();
        let settings = format!(
            "backup_results = [\"{}\"]\n[[backup]]\nname = \"records\"\nasset = \"台帳\"\npaths = [\"{}\"]\nrepository = \"{}\"\npassword = \"{}\"\ncity_key = \"{}\"\ncheck_percent = 100\n",
            ground.text("results.json"),
            ground.text("city"),
            ground.text("repository"),
            ground.text("password"),
            ground.text("city.key"),
        );
        std::fs::write(ground.path("data/agent/agent.toml"), settings).unwrap();
        ground
    }

    fn job(&self, more: &[&str]) -> Output {
        let agent = self.text("data/agent");
        yakujo(&self.path("data"), &[&["backup-job", "--folder", &agent], more].concat())
    }

    fn retain(&self, more: &[&str]) -> String {
        let (repository, password) = (self.text("repository"), self.text("password"));
        let words = ["backup-retain", "--repository", &repository, "--password", &password];
        let output = yakujo(&self.path("data"), &[&words, more].concat());
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    fn restic(&self, arguments: &[&str]) -> String {
        let (repository, password) = (self.text("repository"), self.text("password"));
        let words = ["--no-cache", "-r", &repository, "--password-file", &password];
        let output = Command::new("/usr/bin/restic").args(words).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn facts(&self) -> Vec<Fact> {
        let ledger = self.path("data/contracts/main/ledger");
        let Ok(key) = load_key(&ledger) else { return Vec::new() };
        let Ok(reader) = Reader::open(&ledger, &key.verifier()) else { return Vec::new() };
        let entries =
            reader.entries(0..reader.size()).map(|bytes| Entry::from_bytes(&bytes.unwrap()).unwrap());
        entries
            .filter_map(|entry| match entry.body {
                Body::Fact(fact) => Some(fact),
                Body::Act(_) => None,
            })
            .filter(|fact| fact.kind().starts_with("backup."))
            .collect()
    }

    /// Waits until the ledger holds such a fact.
    fn wait_for(&self, what: &str, is_it: impl Fn(&Fact) -> bool) -> Fact {
        let began = Instant::now();
        loop {
            // The console makes entries visible to other programs.
            let _ = yakujo(&self.path("data"), &["status", "--json"]);
            let facts = self.facts();
            if let Some(fact) = facts.iter().find(|fact| is_it(fact)) {
                return fact.clone();
            }
            assert!(began.elapsed() < PATIENCE, "no {what} in {facts:?}");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

fn yakujo(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yakujo")).arg("--data").arg(data).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn the_agent_saves_checks_restores_and_tries_the_key_and_the_ledger_decides_what_is_removed() {
    let ground = Ground::new();
    let made = ground.job(&["make", "records"]);
    assert!(made.status.success(), "{}", said(&made));
    let escrow = ground.job(&["escrow", "records", "--key", &ground.text("city.key")]);
    assert!(escrow.status.success(), "{}", said(&escrow));
    let mut program = Command::new(env!("CARGO_BIN_EXE_yakujo"));
    program.arg("--data").arg(ground.path("data")).args(["up", "--listen", "127.0.0.1:0"]);
    let _running = Running(program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let run = ground.wait_for("run", |fact| matches!(fact, Fact::BackupRun(run) if run.is_good()));
    let Fact::BackupRun(run) = run else { unreachable!() };
    assert!(run.encrypted && run.asset == "台帳" && run.coverage.is_complete(), "{run:?}");
    ground.wait_for("check", |fact| {
        matches!(fact, Fact::BackupCheck(check) if check.key == KeyHolder::Job && check.errors == 0 && check.read_percent == 100)
    });
    ground.wait_for("drill", |fact| {
        matches!(fact, Fact::RestoreDrill(drill) if drill.is_good() && drill.tool.starts_with("restic") && drill.snapshot == run.snapshot)
    });
    ground.wait_for(
        "key",
        |fact| matches!(fact, Fact::BackupCheck(check) if check.key == KeyHolder::City && check.errors == 0),
    );
    // By hand, with a wrong key: the result goes to the ledger by the file of results.
    ground.secret("wrong.key", "no key of this repository\n");
    let (wrong, results) = (ground.text("wrong.key"), ground.text("results.json"));
    let tried = ground.job(&["key", "records", "--key", &wrong, "--results", &results]);
    assert!(tried.status.success(), "{}", said(&tried));
    ground.wait_for("wrong key", |fact| {
        matches!(fact, Fact::BackupCheck(check) if check.key == KeyHolder::City && check.errors == 1 && check.tool.ends_with("(imported)"))
    });
    forged_dates_remove_nothing(&ground, &run.snapshot);
}

/// Somebody who took the host over writes snapshots with dates before and after the real one.
fn forged_dates_remove_nothing(ground: &Ground, real: &str) {
    for time in ["2031-01-01 00:00:00", "2031-01-02 00:00:00", "2001-01-01 00:00:00"] {
        ground.restic(&["backup", "--time", time, "--tag", "job=records", &ground.text("city")]);
    }
    let told = ground.retain(&[]);
    assert!(told.contains("4 snapshots") && told.contains("3 are not in the ledger and stay"), "{told}");
    ground.retain(&["--apply"]);
    assert!(ground.restic(&["snapshots", "--json"]).contains(real));
}

#[test]
fn a_job_that_is_not_there_is_named_with_those_that_are() {
    let ground = Ground::new();
    let output = ground.job(&["run", "recrods"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("there are: records"), "{}", said(&output));
    // Without a repository the run is a fact that says why.
    let failed = ground.job(&["run", "records"]);
    let fact: Fact = serde_json::from_slice(&failed.stdout).unwrap();
    assert!(matches!(fact, Fact::BackupRun(run) if !run.is_good() && !run.reason.is_empty()));
}
