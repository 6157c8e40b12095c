//! Held opens, with the real kernel and a real clamd: malware is not opened, and nobody waits long for anything. Needs root and
//! Debian's `clamav-daemon`. Who opens is another program: the agent's own opens, and so this test's, are not held.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]
#![expect(clippy::print_stdout, reason = "what was measured is printed")]

#[path = "servers/clam.rs"]
mod clam;

use clam::{GATE, Host, Setup, eicar, sources};
use jiff::{SignedDuration, Timestamp};
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use yakujo_agent::act::hand::Hand;
use yakujo_agent::act::{Ask, Elsewhere, answer, answer_with, line};
use yakujo_agent::malware::vault::Vault;
use yakujo_agent::malware::{Guard, Left};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{AvAction, AvDetection, AvGap, Done, GapCause};
use yakujo_contract::id::{HostId, ProposalId};
use yakujo_contract::order::{Order, Permit, Permitted, Work};
use yakujo_ledger::note::{Note, SigningKey};

/// This program as the gate; a test of nothing otherwise.
#[test]
fn the_gate() {
    if std::env::var_os(GATE).is_some() {
        yakujo_agent::malware::opens::gate::run(std::io::stdin().as_fd(), jiff::Timestamp::now).unwrap();
    }
}

/// What makes a test program the hand: its folder.
const HAND: &str = "YAKUJO_TEST_HAND";

/// This program as the hand; a test of nothing otherwise. What tests print goes elsewhere: the answer goes where the question
/// came from.
#[test]
fn the_hand() {
    let Some(folder) = std::env::var_os(HAND) else { return };
    let (text, file) = line::receive(std::io::stdin()).unwrap();
    let ask = serde_json::from_slice(&text).unwrap();
    let answer = answer_with(Path::new(&folder), &ask, file, Timestamp::now()).unwrap();
    let mut line = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    line.write_all(&serde_json::to_vec(&answer).unwrap()).unwrap();
}

/// A hand that is started behind a socket for each question, and holds a permit.
fn hand(tree: &Path) -> Option<Hand> {
    let (path, folder) = (tree.join("act.sock"), tree.join("act"));
    let key = SigningKey::from_seed("yakujo-orders/k-1", &[7; 32]).unwrap();
    let host: HostId = "web-1".parse().unwrap();
    answer(&folder, &Ask::Pin { host: host.clone(), key: key.verifier().to_string() }, Timestamp::now())
        .unwrap();
    let (now, later) = (Timestamp::now(), Timestamp::now() + SignedDuration::from_hours(1));
    let permit = Permit {
        trigger: yakujo_contract::request::Trigger::MalwareSuspected,
        acts: [Permitted::Quarantine].into(),
        longest_min: 10,
        uses: 1,
        from: now,
        until: later,
    };
    let (order, request) = ("o-1".parse().unwrap(), "q-1".parse().unwrap());
    let order = Order { order, host, request, issued: now, expires: later, work: Work::Permit(permit) };
    let mut note = Note::unsigned(&order.text().unwrap()).unwrap();
    key.sign(&mut note).unwrap();
    let ask = Ask::Order {
        note: note.to_string(),
        peers: vec!["192.0.2.10:8444".parse().unwrap()],
        elsewhere: Elsewhere::NotSought,
    };
    assert!(answer(&folder, &ask, now).unwrap().quarantine.is_some());
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for line in listener.incoming().flatten() {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "the_hand", "--nocapture"]).env(HAND, &folder);
            command.stdin(OwnedFd::from(line)).stdout(Stdio::null()).status().unwrap();
        }
    });
    Some(Hand::Socket(path))
}

/// Where a test program that is the agent says what its gate is.
const AGENT: &str = "YAKUJO_TEST_AGENT";
static ALONE: Mutex<()> = Mutex::new(());

/// A program that opens a file; ended with the test, whatever becomes of that.
struct Reader(Child);

impl Reader {
    fn of(path: &Path) -> Self {
        let mut command = Command::new("/bin/cat");
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    fn is_waiting(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Some kernels let nobody be killed who waits for a gate.
        if std::thread::panicking() {
            end_gates();
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn cat(path: &Path) -> (Output, Duration) {
    let began = Instant::now();
    let read = Command::new("/usr/bin/timeout").args(["-s", "KILL", "10", "/bin/cat"]).arg(path).output();
    (read.unwrap(), began.elapsed())
}

fn is_refused(read: &Output) -> bool {
    !read.status.success() && String::from_utf8_lossy(&read.stderr).contains("Operation not permitted")
}

/// The gates of this test: children of this process.
fn gates() -> Vec<u32> {
    let own = std::process::id().to_string();
    let out =
        Command::new("/usr/bin/pgrep").args(["-P", &own, "-f", "--", "--exact the_gate"]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

fn end_gates() {
    for gate in gates() {
        let _ = Command::new("/bin/kill").args(["-KILL", &gate.to_string()]).status();
    }
}

fn signal(pid: u32, signal: &str) {
    let sent = Command::new("/bin/kill").args([signal, &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "{signal} {pid}");
}

/// A host that holds what is opened below `srv`. Its gate ends with it, whatever becomes of the test.
struct Holding {
    host: Host,
    /// Gates are known by their parent, which is this process: one at a time.
    _alone: MutexGuard<'static, ()>,
}

impl Holding {
    fn start() -> Self {
        Self::with("[malware]\nhold_opens = [\"/srv\"]")
    }

    fn with(agent: &'static str) -> Self {
        Self::of(&Setup { agent, ..Setup::default() })
    }

    fn of(setup: &Setup) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let host = Host::start(setup);
        let mut holding = Self { host, _alone: alone };
        let bad = holding.lay("bad.com", &eicar());
        holding.until("the gate", |_| is_refused(&cat(&bad).0));
        holding
    }

    fn lay(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.host.tree().join("srv").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come: {:#?}", self.host.heard);
            self.host.turn();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn gaps(&self) -> Vec<AvGap> {
        let gaps = self.host.heard.iter().filter_map(|fact| match fact {
            Fact::AvGap(gap) => Some(gap.clone()),
            _ => None,
        });
        gaps.collect()
    }

    fn detections(&self) -> Vec<AvDetection> {
        self.host.heard.iter().filter_map(Fact::detection).cloned().collect()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        end_gates();
    }
}

#[test]
fn malware_is_not_opened_and_everything_else_is() {
    let mut holding = Holding::start();
    let clean = holding.lay("clean.txt", b"harmless");
    let (read, took) = cat(&clean);
    assert!(read.status.success() && read.stdout == b"harmless", "{read:?}");
    println!("a clean file is opened after {} ms", took.as_millis());
    // However it is reached: a container sees the folder at another place.
    let (inner, other) = (holding.lay("sub/clean.txt", b"harmless"), holding.host.tree().join("other"));
    std::fs::create_dir_all(&other).unwrap();
    let within = holding.lay("sub/bad.com", &eicar());
    holding.until("the folder within", |_| is_refused(&cat(&within).0));
    let mounted = format!(
        "mount --bind {} {1} && cat {1}/clean.txt",
        inner.parent().unwrap().display(),
        other.display()
    );
    let read =
        Command::new("/usr/bin/unshare").args(["--mount", "/bin/sh", "-c", &mounted]).output().unwrap();
    assert!(read.status.success() && read.stdout == b"harmless", "{read:?}");
    // A folder that came later.
    let deep = holding.lay("new/deep/bad.com", &eicar());
    holding.until("the new folder", |_| is_refused(&cat(&deep).0));
    let (read, took) = cat(&deep);
    assert!(is_refused(&read), "{read:?}");
    println!("malware is refused after {} ms", took.as_millis());
    // It cannot be started, either, and nobody may write to it.
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&deep, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        !Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("exec {}", deep.display()))
            .status()
            .unwrap()
            .success()
    );
    // It is told, once each, as what it is.
    holding.until("the detections", |holding| holding.detections().len() >= 3);
    for found in holding.detections() {
        assert!(found.path.ends_with("bad.com") && found.signature.starts_with("Own.Test"), "{found:?}");
        let told = (found.action, found.result);
        assert!(
            [(AvAction::Denied, Done::Done), (AvAction::None, Done::Failed)].contains(&told),
            "{found:?}"
        );
    }
    assert_eq!(holding.detections().len(), 3);
    assert_eq!(holding.gaps(), [], "nothing was opened without a scan");
}

/// Bar 4. While the process that answers hangs, the kernel holds everybody; the watchdog sees that and ends it.
#[test]
fn whoever_waits_for_a_gate_that_hangs_is_let_go_within_three_seconds_and_that_is_told() {
    let mut holding = Holding::start();
    let path = holding.lay("page.html", b"a page");
    let [gate] = gates()[..] else { panic!("{:?}", gates()) };
    signal(gate, "-STOP");
    let began = Instant::now();
    let mut reader = Reader::of(&path);
    std::thread::sleep(Duration::from_millis(700));
    assert!(reader.is_waiting(), "nothing holds the open");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", reader.0.id())).unwrap();
    println!(
        "waiting after 700 ms: {}",
        state.split(')').nth(1).unwrap().chars().take(2).collect::<String>()
    );
    while reader.is_waiting() {
        assert!(began.elapsed() < Duration::from_secs(3), "it still waits after 3 s");
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("the blocked reader is free after {} ms", began.elapsed().as_millis());
    holding.until("the fact", |holding| !holding.gaps().is_empty());
    println!("the fact is there after {} ms", began.elapsed().as_millis());
    let gaps = holding.gaps();
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    assert!(gap.why == GapCause::NotJudged && gap.reason.contains("did not answer"), "{gap:?}");
    assert!(gap.to.duration_since(gap.from) >= jiff::SignedDuration::from_millis(1_900), "{gap:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
    // Then another gate holds again, and the time between is told, too.
    let bad = holding.lay("next.com", &eicar());
    holding.until("the next gate", |_| is_refused(&cat(&bad).0));
    println!("opens are held again after {} ms", began.elapsed().as_millis());
    assert!(!gates().contains(&gate));
    holding.until("the second gap", |holding| holding.gaps().len() == 2);
    assert!(holding.gaps()[1].from >= gap.to, "{:?}", holding.gaps());
}

#[test]
fn without_the_gate_everything_is_opened_and_another_one_comes() {
    let mut holding = Holding::start();
    let bad = holding.lay("other.com", &eicar());
    let [gate] = gates()[..] else { panic!("{:?}", gates()) };
    signal(gate, "-KILL");
    let killed = Instant::now();
    let (read, took) = cat(&bad);
    assert!(read.status.success() && took < Duration::from_secs(1), "{took:?} {read:?}");
    holding.until("the next gate", |_| is_refused(&cat(&bad).0));
    println!("opens are held again {} ms after the gate was killed", killed.elapsed().as_millis());
    holding.until("the gaps", |holding| holding.gaps().len() >= 2);
    assert!(holding.gaps()[0].reason.contains("ended"), "{:?}", holding.gaps());
}

#[test]
fn what_clamd_does_not_judge_in_time_is_opened_and_told() {
    let mut holding = Holding::start();
    let paths: Vec<PathBuf> =
        (0..8).map(|n| holding.lay(&format!("{n}.txt"), format!("{n}").as_bytes())).collect();
    let clamd = holding.host.child.id();
    signal(clamd, "-STOP");
    let began = Instant::now();
    let mut readers: Vec<Reader> = paths.iter().map(|path| Reader::of(path)).collect();
    while readers.iter_mut().any(Reader::is_waiting) {
        assert!(began.elapsed() < Duration::from_secs(2), "somebody still waits");
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("8 files were opened {} ms after clamd stopped to answer", began.elapsed().as_millis());
    holding.until("the gap", |holding| !holding.gaps().is_empty());
    let gap = &holding.gaps()[0];
    assert!(gap.files >= 1 && gap.reason.contains("did not answer in time"), "{gap:?}");
    assert_eq!(gates().len(), 1, "the gate answers, and stays");
    signal(clamd, "-CONT");
    holding.host.child.kill().unwrap();
    holding.host.child.wait().unwrap();
    let fresh = holding.lay("fresh.txt", b"fresh");
    let (read, took) = cat(&fresh);
    assert!(read.status.success() && took < Duration::from_secs(2), "{took:?} {read:?}");
    println!("without clamd a file is opened after {} ms", took.as_millis());
}

/// Also where nothing looks at what is written, what was refused goes the way of everything that is found.
#[test]
fn what_was_refused_goes_into_the_quarantine_and_may_be_opened_once_it_is_given_back() {
    let mut holding = Holding::with("[malware]\nhold_opens = [\"/srv\"]\non_write = \"off\"");
    holding.host.until("the scan of everything", |host| host.count("av.scan") == 1);
    let path = holding.lay("in/letter.com", &eicar());
    holding.until("the folder", |_| is_refused(&cat(&path).0));
    let is_it = |found: &AvDetection| found.path.ends_with("letter.com");
    holding.until("the detection", |holding| holding.detections().iter().any(is_it));
    let found = holding.detections().into_iter().find(is_it).unwrap();
    assert!(found.action == AvAction::Denied && !found.may_have_run(), "{found:?}");
    assert!(found.process.is_some_and(|process| !process.exe.is_empty()), "who wanted to open it is known");
    holding.host.allow();
    let second = holding.lay("in/second.com", &eicar());
    assert!(is_refused(&cat(&second).0));
    holding.until("the quarantine", |_| !second.exists());
    holding.until("the fact", |holding| holding.host.count("quarantine.item") >= 1);
    let item = holding.host.heard.iter().rev().find_map(|fact| match fact {
        Fact::QuarantineItem(item) => Some(item.item.clone()),
        _ => None,
    });
    let vault = Vault::open(&holding.host.tree().join("agent/quarantine")).unwrap();
    let approval = ProposalId::try_from("restore-1".to_owned()).unwrap();
    assert_eq!(vault.give_back(&item.unwrap(), "o-1", &approval).result, Done::Done);
    let (read, _) = cat(&second);
    assert!(read.status.success() && read.stdout == eicar(), "the city gave it back: {read:?}");
}

/// The hand is another process than the agent, whose opens alone are not held. It moves what nobody may open.
#[test]
fn a_hand_of_its_own_moves_what_is_not_opened() {
    let agent = "[malware]\nhold_opens = [\"/srv\"]";
    let mut holding = Holding::of(&Setup { agent, hand, ..Setup::default() });
    let path = holding.lay("in/letter.com", &eicar());
    holding.until("the folder", |_| is_refused(&cat(&path).0));
    holding.host.allow();
    holding.until("the quarantine", |_| !path.exists());
    holding.until("the fact", |holding| holding.host.count("quarantine.item") >= 2);
    let items = holding.host.heard.iter().filter_map(|fact| match fact {
        Fact::QuarantineItem(item) => Some(item),
        _ => None,
    });
    for item in items {
        assert_eq!((item.result, item.reason.as_str()), (Done::Done, ""), "{item:?}");
        assert!(holding.host.tree().join("agent/quarantine").join(&item.item).exists());
    }
}

/// More opens at once than the gate takes: the others wait in the kernel, and none is refused.
#[test]
fn hundreds_who_open_at_once_while_clamd_hangs_are_all_let_go() {
    let holding = Holding::start();
    for number in 0..700 {
        holding.lay(&format!("many/{number}"), b"x");
    }
    std::thread::sleep(Duration::from_millis(500));
    signal(holding.host.child.id(), "-STOP");
    let began = Instant::now();
    let script = "for file in *; do /bin/cat $file & done; wait";
    let mut all = Command::new("/usr/bin/timeout");
    all.args(["-s", "KILL", "20", "/bin/sh", "-c", script]).current_dir(holding.host.tree().join("srv/many"));
    let read = all.output().unwrap();
    println!("700 files were opened after {} ms", began.elapsed().as_millis());
    signal(holding.host.child.id(), "-CONT");
    assert_eq!(read.stdout.len(), 700, "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(gates().len(), 1, "the gate answers, and stays");
}

/// Opens without a pause must not keep the gate from saying that it answers. The agent's own are answered, too.
#[test]
fn a_folder_that_is_busy_all_the_time_does_not_look_like_a_gate_that_hangs() {
    let holding = Holding::start();
    let path = holding.lay("busy.txt", b"busy");
    let (before, began) = (gates(), Instant::now());
    let busy = || {
        let mut count = 0_u64;
        while began.elapsed() < Duration::from_secs(4) {
            std::fs::File::open(&path).unwrap();
            count += 1;
        }
        count
    };
    let opened: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(busy)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{opened} opens in 4 s were answered");
    assert_eq!(gates(), before, "the gate was ended");
}

#[test]
fn a_host_without_the_agent_holds_nothing() {
    let mut holding = Holding::start();
    let bad = holding.lay("other.com", &eicar());
    let plain = sources(&holding.host.tree(), "");
    holding.host.guard = Guard::new(&plain, &Left::default());
    let began = Instant::now();
    while !gates().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(2), "the gate outlives its watchdog");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(cat(&bad).0.status.success());
}

/// The worst that may come together: the agent is killed while its gate hangs. Nobody is left to end the gate but the kernel.
#[test]
fn a_gate_that_hangs_ends_with_an_agent_that_is_killed() {
    if let Some(told) = std::env::var_os(AGENT) {
        let holding = Holding::start();
        std::fs::write(told, format!("{} {}", gates()[0], holding.lay("a.txt", b"a").display())).unwrap();
        std::thread::sleep(Duration::from_secs(20));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("told");
    let mut agent = Command::new(std::env::current_exe().unwrap());
    agent.args(["--exact", "a_gate_that_hangs_ends_with_an_agent_that_is_killed"]).env(AGENT, &told);
    let mut agent = Reader(agent.stdout(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    let (gate, path) = loop {
        assert!(began.elapsed() < Duration::from_secs(20) && agent.is_waiting());
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        if let Some((gate, path)) = text.split_once(' ') {
            break (gate.parse().unwrap(), PathBuf::from(path));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    signal(gate, "-STOP");
    let mut reader = Reader::of(&path);
    std::thread::sleep(Duration::from_millis(300));
    assert!(reader.is_waiting(), "nothing holds the open");
    let killed = Instant::now();
    drop(agent);
    while reader.is_waiting() {
        assert!(killed.elapsed() < Duration::from_secs(1), "it still waits");
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("the reader is free {} ms after the agent was killed", killed.elapsed().as_millis());
    // What the killed agent could not end itself.
    let config = path.parent().unwrap().with_file_name("clamd.conf");
    let _ =
        Command::new("/usr/bin/pkill").args(["-KILL", "-f", "--", &config.display().to_string()]).status();
    std::fs::remove_dir_all(path.parent().unwrap().parent().unwrap()).unwrap();
}
