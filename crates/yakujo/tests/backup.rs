//! `yakujo backup` beside a server that writes, and `yakujo restore`, with the real program.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use yakujo_contract::act::Act;
use yakujo_contract::entry::{Body, Entry};
use yakujo_ledger::files::{Reader, load_key};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn yakujo(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yakujo")).arg("--data").arg(data).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// Tells the writer to end, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Running(Child);

impl Running {
    fn start(data: &Path, command: &str) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_yakujo"));
        program.arg("--data").arg(data).args([command, "--listen", "127.0.0.1:0"]);
        let running = Self(program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let began = Instant::now();
        while UnixStream::connect(data.join("console.sock")).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "{command} does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// People that stand in the published part of the ledger of this data folder.
fn people_in_ledger(data: &Path) -> usize {
    let ledger = data.join("contracts/main/ledger");
    let reader = Reader::open(&ledger, &load_key(&ledger).unwrap().verifier()).unwrap();
    let entries = reader.entries(0..reader.size()).map(|bytes| Entry::from_bytes(&bytes.unwrap()).unwrap());
    entries.filter(|entry| matches!(entry.body, Body::Act(Act::PersonEntered { .. }))).count()
}

fn people_in_portal(data: &Path) -> usize {
    let list = yakujo(data, &["user", "list", "--json"]);
    serde_json::from_slice::<Vec<serde_json::Value>>(&list.stdout).unwrap().len()
}

#[test]
fn every_backup_made_while_the_server_writes_is_whole_and_comes_back() {
    let folder = Folder::new("backup");
    let data = folder.at("data");
    let server = Running::start(&data, "up");
    let (acknowledged, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        let _ended = Ends(&ended);
        threads.spawn(|| {
            for number in 0.. {
                let login = format!("user-{number}");
                let added = yakujo(&data, &["user", "add", &login, "--name", "佐藤", "--role", "operator"]);
                assert!(added.status.success(), "{}", said(&added));
                acknowledged.store(number + 1, Ordering::SeqCst);
                if ended.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        for round in 0..8 {
            let before = 2 + acknowledged.load(Ordering::SeqCst);
            let to = folder.at(&format!("backup-{round}"));
            let made = yakujo(&data, &["backup", &to.display().to_string()]);
            assert!(made.status.success(), "round {round}: {}", said(&made));
            assert!(people_in_ledger(&to) >= before, "round {round}: {} of {before}", people_in_ledger(&to));
        }
    });
    let entered = 2 + acknowledged.load(Ordering::SeqCst);
    let last = folder.at("last").display().to_string();
    assert!(yakujo(&data, &["backup", &last]).status.success());
    assert!(yakujo(&data, &["backup", &last]).status.code() == Some(1), "a backup never overwrites");
    drop(server);

    let back = folder.at("back");
    let restored = yakujo(&back, &["restore", &last]);
    assert!(restored.status.success() && said(&restored).contains("main: 台帳 "), "{}", said(&restored));
    let again = yakujo(&back, &["restore", &last]);
    assert!(again.status.code() == Some(1) && said(&again).contains("never overwrites"), "{}", said(&again));
    let _server = Running::start(&back, "up");
    assert_eq!(people_in_portal(&back), entered);
    let looked = yakujo(&back, &["doctor"]);
    assert!(looked.status.success(), "{}", said(&looked));
}

#[test]
fn a_server_that_was_killed_is_backed_up_with_everything_it_had_acknowledged() {
    let folder = Folder::new("killed");
    let (data, to) = (folder.at("data"), folder.at("backup"));
    let server = Running::start(&data, "serve");
    let mut entered = 2;
    for number in 0..5 {
        let login = format!("user-{number}");
        let added = yakujo(&data, &["user", "add", &login, "--name", "佐藤", "--role", "operator"]);
        entered += usize::from(added.status.success());
    }
    drop(server);
    assert!(people_in_ledger(&data) < entered, "not all of it is published: that is what is tried here");
    let made = yakujo(&data, &["backup", &to.display().to_string()]);
    assert!(made.status.success(), "{}", said(&made));
    let back = folder.at("back");
    assert!(yakujo(&back, &["restore", &to.display().to_string()]).status.success());
    let _server = Running::start(&back, "serve");
    assert_eq!(people_in_portal(&back), entered);
    assert!(yakujo(&back, &["bundle", "--output", &folder.at("b").display().to_string()]).status.success());
    assert_eq!(people_in_ledger(&back), entered);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let folder = Folder::new("damaged");
    let (data, to) = (folder.at("data"), folder.at("backup"));
    drop(Running::start(&data, "serve"));
    assert!(yakujo(&data, &["backup", &to.display().to_string()]).status.success());
    let checkpoint = to.join("contracts/main/ledger/checkpoint");
    let text = std::fs::read_to_string(&checkpoint).unwrap();
    std::fs::write(&checkpoint, text.replacen('\n', "x\n", 1)).unwrap();
    let back = folder.at("back");
    let refused = yakujo(&back, &["restore", &to.display().to_string()]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(!back.exists(), "nothing was put anywhere");
}
