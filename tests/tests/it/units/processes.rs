//! What the kernel says of the processes of a unit.

use super::{property, run, until};
use anyhow::{Context, ensure};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use yakujo_agent::act::hand::SOCKET;

const CHOWN: u64 = 1;
const DAC_OVERRIDE: u64 = 1 << 1;
const DAC_READ_SEARCH: u64 = 1 << 2;
const FOWNER: u64 = 1 << 3;
const FSETID: u64 = 1 << 4;
const NET_ADMIN: u64 = 1 << 12;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const SETFCAP: u64 = 1 << 31;

/// An account of the machine.
#[derive(Debug)]
pub struct Account {
    user: String,
    group: String,
}

impl Account {
    pub fn of(name: &str) -> anyhow::Result<Self> {
        let known = std::fs::read_to_string("/etc/passwd")?;
        let line = known.lines().find(|line| line.starts_with(&format!("{name}:")));
        let mut words = line.with_context(|| format!("no account {name}"))?.split(':').skip(2);
        let mut next = || words.next().map(str::to_owned).context("a number");
        Ok(Self { user: next()?, group: next()? })
    }
}

/// A process, and what it may.
#[derive(Debug)]
pub struct Process {
    words: String,
    users: String,
    groups: String,
    pub permitted: u64,
    pub bounding: u64,
    /// It gains no right by a program, and seccomp holds it.
    pub gives_nothing_back: bool,
}

impl Process {
    fn read(pid: &str) -> anyhow::Result<Self> {
        let folder = Path::new("/proc").join(pid);
        let words = String::from_utf8_lossy(&std::fs::read(folder.join("cmdline"))?).replace('\0', " ");
        let status = std::fs::read_to_string(folder.join("status"))?;
        let of = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            value.map(|value| value.trim().to_owned()).with_context(|| name.to_owned())
        };
        let set = |name: &str| Ok::<_, anyhow::Error>(u64::from_str_radix(&of(name)?, 16)?);
        Ok(Self {
            words,
            users: of("Uid:")?,
            groups: of("Gid:")?,
            permitted: set("CapPrm:")? | set("CapEff:")? | set("CapInh:")? | set("CapAmb:")?,
            bounding: set("CapBnd:")?,
            gives_nothing_back: (of("NoNewPrivs:")?, of("Seccomp:")?) == ("1".to_owned(), "2".to_owned()),
        })
    }

    /// In every way in which a process can be of an account.
    pub fn is_of(&self, account: &Account) -> bool {
        let all = |numbers: &str, one: &str| numbers.split_whitespace().all(|number| number == one);
        all(&self.users, &account.user) && all(&self.groups, &account.group)
    }
}

/// The processes of a unit.
pub fn processes_of(unit: &str) -> anyhow::Result<Vec<Process>> {
    let group = property(unit, "ControlGroup")?;
    let listed = std::fs::read_to_string(format!("/sys/fs/cgroup{group}/cgroup.procs"));
    // A unit that has ended has no group.
    let listed = if group.is_empty() { String::new() } else { listed? };
    listed.lines().map(Process::read).collect()
}

/// Each part of the agent has the rights that are its own, and no other.
pub fn parts_are_confined() -> anyhow::Result<()> {
    let account = Account::of("yakujo-agent")?;
    let processes = processes_of("yakujo-agent.service")?;
    let given = DAC_READ_SEARCH | NET_ADMIN | SYS_PTRACE | SYS_ADMIN;
    for process in &processes {
        ensure!(process.is_of(&account) && process.gives_nothing_back, "{process:?}");
        ensure!(process.bounding == given, "{process:?}");
    }
    for (words, capabilities) in
        [(" part keep ", 0), (" part collect ", DAC_READ_SEARCH | SYS_PTRACE), (" agent ", given)]
    {
        let part = processes.iter().find(|process| process.words.contains(words));
        let part = part.with_context(|| format!("no{words}in {processes:#?}"))?;
        println!("{part:?}");
        ensure!(part.permitted == capabilities, "{part:?}");
    }
    Ok(())
}

/// What acts is root's, with what its unit leaves of that; it waits for a question here that does not come. Nobody but root and
/// the agent asks.
pub async fn act_is_confined() -> anyhow::Result<()> {
    let socket = std::fs::metadata(SOCKET)?;
    let owner = socket.uid().to_string();
    ensure!((owner, socket.mode() & 0o777) == (Account::of("yakujo-agent")?.user, 0o600), "{socket:?}");
    let left = CHOWN | DAC_OVERRIDE | FOWNER | FSETID | NET_ADMIN | SETFCAP;
    let (root, asks) = (Account::of("root")?, UnixStream::connect(SOCKET)?);
    until("what acts has the rights of its unit", || {
        let units = run("/bin/systemctl", &["list-units", "--plain", "--no-legend", "yakujo-act@*"])?;
        let mut all = Vec::new();
        for unit in units.lines().filter_map(|line| line.split_whitespace().next()) {
            // One that answered the agent may just be gone.
            all.extend(processes_of(unit).unwrap_or_default());
        }
        let is_right = |it: &Process| it.is_of(&root) && it.gives_nothing_back && it.bounding == left;
        let acts = all.iter().find(|it| it.words.ends_with(" act ") && it.permitted == left && is_right(it));
        if let Some(acts) = acts {
            println!("{acts:?}");
        }
        Ok(acts.is_some())
    })
    .await?;
    drop(asks);
    Ok(())
}
