//! Backup jobs of the agent in the real program: what was saved, checked, restored and tried is in the ledger; old
//! snapshots are removed by the ledger, whatever dates a host gives its own, and nothing is removed that it does not tell of.
//! The city's key is tried where no host sees it.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use yakujo_contract::entry::{Author, Body, Entry};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::backup::{BackupCheck, BackupRetention, BackupRun, KeyHolder, RetentionStage};
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
            "backup_results = [\"{}\"]\n[[backup]]\nname = \"records\"\nasset = \"台帳\"\npaths = [\"{}\"]\nrepository = \"{}\"\npassword = \"{}\"\ncheck_percent = 100\n",
            ground.text("results.json"),
            ground.text("city"),
            ground.text("repository"),
            ground.text("password"),
        );
        std::fs::write(ground.path("data/agent/agent.toml"), settings).unwrap();
        ground
    }

    fn job(&self, more: &[&str]) -> Output {
        let agent = self.text("data/agent");
        yakujo(&self.path("data"), &[&["backup-job", "--folder", &agent], more].concat())
    }

    fn retention(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yakujo"));
        command.arg("--data").arg(self.path("data")).args(["backup-retain", "--repository"]);
        command.arg(self.path("repository")).arg("--password").arg(self.path("password")).args(more);
        command
    }

    fn retain(&self, more: &[&str]) -> String {
        let output = self.retention(more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    /// Repository and escrowed key are made, and a server with an agent runs.
    fn start(&self) -> Running {
        let made = self.job(&["make", "records"]);
        assert!(made.status.success(), "{}", said(&made));
        let escrow = self.job(&["escrow", "records", "--key", &self.text("city.key")]);
        assert!(escrow.status.success(), "{}", said(&escrow));
        let mut program = Command::new(env!("CARGO_BIN_EXE_yakujo"));
        program.arg("--data").arg(self.path("data")).args(["up", "--listen", "127.0.0.1:0"]);
        Running(program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// The first run, and all that the agent does after it.
    fn wait_for_the_first_round(&self) -> BackupRun {
        let run = self.wait_for("run", |fact| matches!(fact, Fact::BackupRun(run) if run.is_good()));
        let Fact::BackupRun(run) = run else { unreachable!() };
        self.wait_for("check", |fact| {
            matches!(fact, Fact::BackupCheck(check) if check.key == KeyHolder::Job && check.errors == 0 && check.read_percent == 100)
        });
        self.wait_for("drill", |fact| {
            matches!(fact, Fact::RestoreDrill(drill) if drill.is_good() && drill.tool.starts_with("restic") && drill.snapshot == run.snapshot)
        });
        run
    }

    /// Runs the job by hand, and waits until the ledger knows the snapshot.
    fn run_by_hand(&self) -> String {
        let results = self.text("results.json");
        let output = self.job(&["run", "records", "--results", &results]);
        let Fact::BackupRun(made) = serde_json::from_slice(&output.stdout).unwrap() else { unreachable!() };
        self.wait_for(
            "run by hand",
            |fact| matches!(fact, Fact::BackupRun(run) if run.is_good() && run.snapshot == made.snapshot),
        );
        made.snapshot
    }

    /// What the server told of removals, oldest first.
    fn retentions(&self) -> Vec<BackupRetention> {
        let of_server = self.entries().into_iter().filter(|entry| entry.author == Author::Server);
        of_server
            .filter_map(|entry| match entry.body {
                Body::Fact(Fact::BackupRetention(told)) if entry.host.is_some() => Some(told),
                _ => None,
            })
            .collect()
    }

    fn has_snapshot(&self, id: &str) -> bool {
        self.path("repository/snapshots").join(id).exists()
    }

    fn try_key(&self, folder: &str, key: &str, more: &[&str]) -> Output {
        let folder = self.text(folder);
        let words = ["backup-key", &folder, "--key", "-"];
        let mut program = Command::new(env!("CARGO_BIN_EXE_yakujo"));
        program.arg("--data").arg(self.path("data")).args(words).args(more);
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(key.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// The tries of the city's key in the ledger, oldest first, with who told of them.
    fn tries(&self) -> Vec<(Author, BackupCheck)> {
        let tries = self.entries().into_iter().filter_map(|entry| match entry.body {
            Body::Fact(Fact::BackupCheck(check)) if check.key == KeyHolder::City => {
                Some((entry.author, check))
            }
            _ => None,
        });
        tries.collect()
    }

    fn restic(&self, arguments: &[&str]) -> String {
        let (repository, password) = (self.text("repository"), self.text("password"));
        let words = ["--no-cache", "-r", &repository, "--password-file", &password];
        let output = Command::new("/usr/bin/restic").args(words).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    fn entries(&self) -> Vec<Entry> {
        // The console makes entries visible to other programs.
        let _ = yakujo(&self.path("data"), &["status", "--json"]);
        let ledger = self.path("data/contracts/main/ledger");
        let Ok(key) = load_key(&ledger) else { return Vec::new() };
        let Ok(reader) = Reader::open(&ledger, &key.verifier()) else { return Vec::new() };
        reader.entries(0..reader.size()).map(|bytes| Entry::from_bytes(&bytes.unwrap()).unwrap()).collect()
    }

    fn facts(&self) -> Vec<Fact> {
        self.entries()
            .into_iter()
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
fn the_agent_saves_checks_and_restores_and_the_city_tries_its_key_where_no_host_sees_it() {
    let ground = Ground::new();
    let _running = ground.start();
    // The city has taken it along.
    let city_key = std::fs::read_to_string(ground.path("city.key")).unwrap();
    std::fs::remove_file(ground.path("city.key")).unwrap();
    let run = ground.wait_for_the_first_round();
    assert!(run.encrypted && run.asset == "台帳" && run.coverage.is_complete(), "{run:?}");
    let right = ground.try_key("repository", &city_key, &[]);
    assert!(right.status.success() && said(&right).contains(&run.repository), "{}", said(&right));
    let unnamed = ground.try_key("repository", "no key of this repository", &[]);
    assert!(!unnamed.status.success() && said(&unnamed).contains("--id"), "{}", said(&unnamed));
    let id = &run.repository[..8];
    let wrong = ground.try_key("repository", "no key of this repository", &["--id", id]);
    assert_eq!(wrong.status.code(), Some(1), "{}", said(&wrong));
    copy_of_keys(&ground);
    let copied = ground.try_key("copy", &city_key, &["--id", id]);
    assert!(copied.status.success(), "{}", said(&copied));
    let tries = ground.tries();
    assert!(
        tries.iter().all(|(author, check)| *author == Author::Server && check.repository == run.repository)
    );
    let errors: Vec<(u64, bool)> =
        tries.iter().map(|(_, check)| (check.errors, check.tool.ends_with("(copy)"))).collect();
    assert_eq!(errors, [(0, false), (1, false), (0, true)]);
    forged_dates_remove_nothing(&ground, &run.snapshot);
    a_machine_without_the_ledger_hands_the_result_over(&ground, &run.repository);
}

fn copy_of_keys(ground: &Ground) {
    std::fs::create_dir_all(ground.path("copy/keys")).unwrap();
    std::fs::copy(ground.path("repository/config"), ground.path("copy/config")).unwrap();
    for key in std::fs::read_dir(ground.path("repository/keys")).unwrap() {
        let key = key.unwrap();
        std::fs::copy(key.path(), ground.path("copy/keys").join(key.file_name())).unwrap();
    }
}

fn a_machine_without_the_ledger_hands_the_result_over(ground: &Ground, repository: &str) {
    let results = ground.text("results.json");
    let wrong =
        ground.try_key("copy", "no key of this repository", &["--id", repository, "--results", &results]);
    assert_eq!(wrong.status.code(), Some(1), "{}", said(&wrong));
    ground.wait_for("wrong key", |fact| {
        matches!(fact, Fact::BackupCheck(check) if check.key == KeyHolder::City && check.errors == 1 && check.tool.ends_with("(imported)"))
    });
}

#[test]
fn what_is_removed_is_in_the_ledger_before_it_goes_and_what_went_without_it_is_found() {
    let ground = Ground::new();
    let _running = ground.start();
    let first = ground.wait_for_the_first_round().snapshot;
    only_by_days(&ground);
    let second = ground.run_by_hand();
    assert!(ground.retain(&[]).contains("1 stay, 1 are no longer needed"));
    assert!(ground.retentions().is_empty() && ground.has_snapshot(&first), "only said");
    ground.retain(&["--apply"]);
    assert!(!ground.has_snapshot(&first) && ground.has_snapshot(&second));
    let told = ground.retentions();
    let [planned, done] = told.as_slice() else { unreachable!("{told:?}") };
    assert_eq!((planned.stage, done.stage), (RetentionStage::Planned, RetentionStage::Done));
    assert_eq!((&planned.run, &planned.removed, planned.kept), (&done.run, &done.removed, done.kept));
    assert_eq!((done.removed.as_slice(), done.kept, done.rank), ([first].as_slice(), 1, None));

    let third = ground.run_by_hand();
    a_removal_that_fails_says_so(&ground, &second);
    a_removal_that_is_killed_is_not_hidden(&ground, &second);
    // Somebody removes one by hand.
    ground.restic(&["forget", &third]);
    assert!(ground.retain(&["--apply"]).contains("LOST"));
    let told = ground.retentions().pop().unwrap();
    assert!(told.lost.iter().map(|lost| &lost.snapshot).eq([&third]), "{told:?}");
}

/// The contract proposes hourly generations for the highest rank: here they would keep everything.
fn only_by_days(ground: &Ground) {
    let file = ground.path("data/contracts/main/contract.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, after) = text.split_once("key = \"s_hourly\"").unwrap();
    let after = after.replacen("default = 24", "default = 0", 1);
    std::fs::write(&file, format!("{before}key = \"s_hourly\"{after}")).unwrap();
}

/// While a backup runs, restic removes nothing.
fn a_removal_that_fails_says_so(ground: &Ground, spare: &str) {
    let (repository, password) = (ground.text("repository"), ground.text("password"));
    let words = ["--no-cache", "-r", &repository, "--password-file", &password, "backup", "--stdin"];
    let mut busy = Command::new("/usr/bin/restic");
    busy.args(words).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut busy = Running(busy.spawn().unwrap());
    let began = Instant::now();
    while std::fs::read_dir(ground.path("repository/locks")).unwrap().next().is_none() {
        assert!(began.elapsed() < PATIENCE, "restic locks nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = ground.retention(&["--apply"]).output().unwrap();
    assert!(!output.status.success() && ground.has_snapshot(spare), "{}", said(&output));
    let told = ground.retentions().pop().unwrap();
    assert!(told.stage == RetentionStage::Failed && told.removed.is_empty() && told.kept == 2, "{told:?}");
    assert!(!told.reason.is_empty());
    drop(busy.0.stdin.take());
    busy.0.wait().unwrap();
}

fn a_removal_that_is_killed_is_not_hidden(ground: &Ground, spare: &str) {
    let mut retaining = ground.retention(&["--apply"]).stdout(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while ground.has_snapshot(spare) {
        assert!(began.elapsed() < PATIENCE, "{spare} stays");
        std::thread::sleep(Duration::from_millis(1));
    }
    retaining.kill().unwrap();
    retaining.wait().unwrap();
    let told = ground.retentions().pop().unwrap();
    assert!(told.stage == RetentionStage::Planned && told.removed == [spare.to_owned()], "{told:?}");
    // What restic had begun goes on for a moment, and holds its lock.
    while !ground.retention(&["--apply"]).output().unwrap().status.success() {
        assert!(began.elapsed() < PATIENCE, "the repository stays locked");
        std::thread::sleep(Duration::from_millis(200));
    }
    let told = ground.retentions().pop().unwrap();
    assert!(
        told.stage == RetentionStage::Done && told.removed.is_empty() && told.lost.is_empty(),
        "{told:?}"
    );
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
