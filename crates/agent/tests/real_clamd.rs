//! Clause 2 against a real clamd with a tiny data base of its own. Needs Debian's `clamav-daemon` and `clamav` (sigtool).
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

#[path = "servers/clam.rs"]
mod clam;

use clam::{Host, Setup, definitions, eicar, sources};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use yakujo_agent::malware::vault::Vault;
use yakujo_agent::malware::{Guard, Left};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{AvAction, DaemonState, Done, GapCause, RealTime, Trigger};
use yakujo_contract::id::ProposalId;

impl Host {
    fn is_watching(&self) -> bool {
        self.engine().is_some_and(|engine| engine.real_time == RealTime::On)
    }

    fn reload(&self) {
        use std::io::{Read, Write};
        let mut socket = std::os::unix::net::UnixStream::connect(self.tree().join("ctl")).unwrap();
        socket.write_all(b"zRELOAD\0").unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
    }
}

/// A file is in the quarantine within 5 s, without the observer.
fn gone_soon(path: &Path) {
    let began = Instant::now();
    while path.exists() {
        assert!(began.elapsed() < Duration::from_secs(5), "{} is still there", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_written_file_is_found_and_told_at_once_and_moved_only_with_a_permit() {
    let mut host = Host::start(&Setup::default());
    host.until("the watch", Host::is_watching);
    let path = host.tree().join("var/www/shell\n.php");
    std::fs::write(&path, eicar()).unwrap();
    host.until("the detection", |host| host.count("av.detection") == 1);
    let found = host
        .heard
        .iter()
        .find_map(|fact| if let Fact::AvDetection(it) = fact { Some(it.clone()) } else { None });
    let found = found.unwrap();
    assert_eq!((found.action, found.result, found.trigger), (AvAction::None, Done::Failed, Trigger::Access));
    assert!(found.reason.contains("F-26") && found.path.ends_with("shell\\x0a.php"), "{found:?}");
    assert_eq!(found.digest.to_string(), "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f");
    assert!(path.exists(), "nobody allowed to move it");

    // What was approved counts at once: nobody waits for the observer, whose turn may be long.
    host.allow();
    gone_soon(&path);
    host.until("the quarantine", |host| host.count("quarantine.item") == 1);
    let second = host.tree().join("srv/b.com");
    std::fs::write(&second, eicar()).unwrap();
    gone_soon(&second);
    host.until("both", |host| host.count("quarantine.item") == 2 && host.count("av.detection") == 2);

    // Given back, it stays, and is not told again.
    let item = host
        .heard
        .iter()
        .rev()
        .find_map(|fact| if let Fact::QuarantineItem(it) = fact { Some(it.clone()) } else { None });
    let vault = Vault::open(&host.tree().join("agent/quarantine")).unwrap();
    let approval = ProposalId::try_from("restore-1".to_owned()).unwrap();
    assert_eq!(vault.give_back(&item.unwrap().item, "o-1", &approval).result, Done::Done);
    let other = host.tree().join("srv/c.com");
    std::fs::write(&other, eicar()).unwrap();
    host.until("the next one", |host| host.count("quarantine.item") == 3);
    assert!(second.exists() && !other.exists());
}

/// Everybody may write there, and nothing of it is left after the next start.
#[test]
fn what_is_put_into_memory_is_found_when_it_is_written_and_by_the_scan_of_everything() {
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::write(memory.path().join("before"), eicar()).unwrap();
    let mut host = Host::start(&Setup { memory: Some(memory.path().to_owned()), ..Setup::default() });
    host.until("the watch and the scan", |host| host.is_watching() && host.count("av.scan") == 1);
    std::fs::write(memory.path().join("after.sh"), eicar()).unwrap();
    host.until("both", |host| host.count("av.detection") == 2);
    let found = host.heard.iter().filter_map(Fact::detection);
    let found: Vec<_> =
        found.map(|it| (it.path.rsplit('/').next().unwrap(), it.trigger, it.program)).collect();
    assert_eq!(found, [("before", Trigger::Scheduled, false), ("after.sh", Trigger::Access, true)]);
}

#[test]
fn the_threads_that_scan_wait_for_everybody_else_at_the_disk() {
    let mut host = Host::start(&Setup::default());
    host.until("the watch and the scan", |host| host.is_watching() && host.count("av.scan") == 1);
    let mut classes = std::collections::BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default().trim().to_owned();
        if name.starts_with("malware-") {
            let class = Command::new("/usr/bin/ionice").arg("-p").arg(task.file_name()).output().unwrap();
            classes.insert(name, String::from_utf8_lossy(&class.stdout).trim().to_owned());
        }
    }
    let expected = ["malware-round", "malware-written"].map(|name| (name.to_owned(), "idle".to_owned()));
    assert_eq!(classes, expected.into());
}

#[test]
fn the_sample_goes_the_whole_way_and_shows_that_detection_works() {
    let mut host = Host::start(&Setup::default());
    host.until("the test", |host| host.count("av.selftest") == 1);
    let Some(Fact::AvSelfTest(test)) = host.heard.iter().find(|fact| fact.kind() == "av.selftest").cloned()
    else {
        panic!()
    };
    assert!(test.found_after_ms.is_some_and(|ms| ms < 5_000) && test.held_after_ms.is_some(), "{test:?}");
    assert_eq!((host.count("av.detection"), host.count("quarantine.item")), (0, 0), "a test is no detection");
    assert!(std::fs::read_dir(host.tree().join("agent/quarantine")).unwrap().next().is_none());
}

/// With `no` clamd frees the old definitions first; when the new ones do not load it still says PONG and scans nothing.
#[test]
fn a_daemon_whose_reload_failed_answers_and_is_found_blind_within_a_minute() {
    let mut host = Host::start(&Setup { reload: "no", ..Setup::default() });
    host.until("the watch", Host::is_watching);
    std::fs::write(host.tree().join("db/broken.ndb"), "this is no signature\n").unwrap();
    host.reload();
    // The one time that is promised; a turn comes every few seconds at the latest.
    let minute = Duration::from_secs(60);
    let is_blind = |host: &Host| host.engine().is_some_and(|engine| engine.daemon == DaemonState::Blind);
    host.until_within(minute, "blind", is_blind);
    // What is written meanwhile waits, and is scanned when the engine judges again.
    host.allow();
    let path = host.tree().join("srv/late.com");
    std::fs::write(&path, eicar()).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    host.turn();
    assert!(path.exists() && host.count("av.detection") == 0);
}

/// With `yes` the old definitions stay when the new ones do not load: it goes on judging, and is believed because the sample
/// is still found.
#[test]
fn a_daemon_that_kept_its_definitions_is_tested_anew_and_works() {
    let mut host = Host::start(&Setup::default());
    host.until("the first test", |host| host.count("av.selftest") == 1);
    std::fs::write(host.tree().join("db/broken.ndb"), "this is no signature\n").unwrap();
    host.reload();
    host.until("the next test", |host| host.count("av.selftest") >= 2);
    for fact in &host.heard {
        if let Fact::AvSelfTest(test) = fact {
            assert!(test.found_after_ms.is_some(), "{test:?}");
        }
    }
    assert_eq!(host.engine().unwrap().daemon, DaemonState::Scanning);
}

/// A reload that works but loses the signatures: everything is judged, nothing is found.
#[test]
fn a_daemon_that_passes_the_sample_is_not_believed() {
    let mut host = Host::start(&Setup::default());
    host.until("the first test", |host| host.count("av.selftest") == 1);
    std::fs::write(host.tree().join("db/other.ndb"), "Own.Other:0:*:796f6b6f6861\n").unwrap();
    std::fs::remove_file(host.tree().join("db/own.cud")).unwrap();
    host.reload();
    host.until("not believed", |host| {
        host.engine()
            .is_some_and(|engine| engine.daemon == DaemonState::Blind && engine.reason.contains("sample"))
    });
}

#[test]
fn a_stopped_daemon_is_absent() {
    let mut host = Host::start(&Setup::default());
    let engine = host.engine().unwrap();
    assert!(engine.engine_version.starts_with(|c: char| c.is_ascii_digit()), "{engine:?}");
    host.child.kill().unwrap();
    host.child.wait().unwrap();
    host.until("absent", |host| host.engine().is_some_and(|engine| engine.daemon == DaemonState::Absent));
}

#[test]
fn the_age_of_definitions_is_that_of_their_header_and_not_of_their_file() {
    let mut host = Host::start(&Setup::default());
    let old = Timestamp::now() - SignedDuration::from_hours(30 * 24);
    definitions(&host.tree(), old);
    host.until("the old time", |host| {
        host.engine()
            .is_some_and(|it| it.definition_time.is_some_and(|time| time.as_second() == old.as_second()))
    });
}

#[test]
fn real_time_off_and_an_exclusion_of_the_web_root_are_told() {
    let web = "[malware]\non_write = \"off\"\nexclude = [\"/var/www\"]";
    let mut host = Host::start(&Setup { agent: web, ..Setup::default() });
    host.turn();
    let engine = host.engine().unwrap();
    assert_eq!(engine.real_time, RealTime::Off);
    assert_eq!(engine.exclusions[0].leaves_out, ["/var/www"]);
    let mut host = Host::start(&Setup { settings: "ExcludePath ^/var/www/", ..Setup::default() });
    host.turn();
    let engine = host.engine().unwrap();
    assert_eq!(engine.exclusions[0].leaves_out, ["/var/www"]);
}

#[test]
fn everything_is_scanned_once_and_a_restart_goes_on() {
    let mut host = Host::start(&Setup::default());
    host.until("the scan", |host| host.count("av.scan") == 1);
    let memory = host.guard.notes().into_iter().find(|(key, _)| key == "malware").unwrap().1;
    let left = Left { memory, ..Left::default() };
    host.guard = Guard::new(&sources(&host.tree(), ""), &left);
    host.until("the sample", |host| host.count("av.selftest") >= 2);
    assert_eq!(host.count("av.scan"), 1, "a restart is no reason to scan everything again");
    let Some(Fact::AvScan(scan)) = host.heard.iter().find(|fact| fact.kind() == "av.scan").cloned() else {
        panic!()
    };
    assert!(
        scan.errors == 0 && !scan.engine_version.is_empty() && scan.definition_version == Some(7),
        "{scan:?}"
    );
}

/// Bar 3: more events than the kernel keeps. The reader is slow because clamd is stopped; nothing may be lost for good.
#[test]
fn twenty_thousand_files_at_once_are_a_gap_and_the_scan_that_follows_finds_everything() {
    let mut host = Host::start(&Setup::default());
    host.until("the watch and the first scan", |host| host.is_watching() && host.count("av.scan") == 1);
    host.allow();
    let stop = |signal: &str| {
        let pid = host.child.id().to_string();
        assert!(Command::new("/bin/kill").args([signal, &pid]).status().unwrap().success());
    };
    stop("-STOP");
    let folder = host.tree().join("srv/many");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..25_000 {
        let bad = number % 2_500 == 17;
        let content = if bad { eicar() } else { b"harmless".to_vec() };
        std::fs::write(folder.join(format!("{number}")), content).unwrap();
    }
    stop("-CONT");
    let gap = |fact: &Fact| matches!(fact, Fact::AvGap(gap) if gap.why == GapCause::EventsLost);
    host.until("the gap", |host| host.heard.iter().any(gap));
    let left = || (0..25_000).filter(|n| n % 2_500 == 17 && folder.join(n.to_string()).exists()).count();
    let began = Instant::now();
    while left() > 0 {
        assert!(began.elapsed() < Duration::from_secs(300), "{} were not found", left());
        host.turn();
        std::thread::sleep(Duration::from_millis(100));
    }
    host.until("all told", |host| host.count("quarantine.item") == 10);
    assert!(host.heard.iter().any(gap));
}
