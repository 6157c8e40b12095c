//! A disk that is full: a small file system of the test's own. Needs root, to mount it.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::path::Path;
use std::process::Command;
use yakujo_agent::outbox::{Bound, Outbox};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::host::{ServiceChange, Turn};
use yakujo_contract::fact::state::Seen;

struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("/bin/mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "small"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success(), "this test mounts a small file system: run it as root");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("/bin/umount").arg("-l").arg(self.path()).status();
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn change(n: i64) -> Fact {
    Fact::ServiceChange(ServiceChange {
        service: format!("{n}-{}", "x".repeat(20_000)),
        change: Turn::Started,
        at: at(n),
        since: None,
        seen: Seen::Running,
    })
}

#[tokio::test]
async fn on_a_full_disk_nothing_taken_in_is_lost_and_the_rest_is_declared_when_there_is_space() {
    let disk = Small::mount();
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0_u8; 500_000]).unwrap();
    let outbox = Outbox::open(&disk.path().join("agent"), "run".to_owned(), Bound::default()).await.unwrap();
    let (mut taken, mut refused) = (Vec::new(), 0_u64);
    for n in 0..150 {
        match outbox.put(at(n), &[change(n)]).await {
            Ok(()) => taken.push(n),
            Err(_) => refused += 1,
        }
    }
    assert!(!taken.is_empty() && refused > 0, "{} taken, {refused} refused", taken.len());
    std::fs::remove_file(&filler).unwrap();
    outbox.put(at(1_000), &[change(1_000)]).await.unwrap();

    let all = outbox.take(500).await.unwrap();
    assert_eq!(
        all.iter().map(|fact| fact.seq).collect::<Vec<_>>(),
        (1..).take(all.len()).collect::<Vec<u64>>()
    );
    let (mut lost, mut seen) = (0, Vec::new());
    for numbered in &all {
        match &numbered.fact {
            Fact::AgentLoss(loss) => {
                assert_eq!(loss.reason, "disk full");
                lost += loss.count;
            }
            Fact::ServiceChange(change) => seen.push(change.at),
            other => panic!("{other:?}"),
        }
    }
    taken.push(1_000);
    assert_eq!(seen, taken.iter().map(|n| at(*n)).collect::<Vec<_>>());
    assert_eq!(lost, refused, "sent and declared lost make exactly what was observed");
}
