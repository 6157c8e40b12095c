//! What each part gives up before it does anything, for itself, for what it starts and for ever. A kernel without Landlock
//! confines less; that is said in the log.
//!
//! The collector reaches nobody over a network: what has to be asked there is asked by a process for that one question, which
//! cannot look around instead ([`crate::reach`]). Groups of fanotify it opens while it has the right, and gives that up before
//! it reads anything: a process of its own for them would have to hand on the same descriptors. Landlock is not for it, since
//! whoever is confined by it may not look into processes that are not: what it may write to is bounded by its account, and by
//! `ProtectSystem` where systemd starts it.

use super::Part;
use crate::StartError;
use crate::act::confine::{refuse_calls, say_where_less};
use crate::reach::Question;
use crate::watch::events;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, path_beneath_rules,
};
use rustix::process::DumpableBehavior;
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
use std::collections::BTreeMap;
use std::io::{Error, Result as IoResult};
use std::path::Path;

/// What the interface may know, of what the kernel may.
const KNOWN: ABI = ABI::V4;
/// What the keeper may read beside its own folder: names and addresses, certificates, libraries, itself.
const KEEPER_READS: [&str; 8] =
    ["/etc", "/usr", "/lib", "/lib64", "/run", "/proc/self", "/dev/null", "/dev/urandom"];
/// The collector reads what others may not, and sees whose socket it is.
const COLLECTS: CapabilitySet = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::SYS_PTRACE);
/// Sockets of this host and of its kernel.
const WITHIN: [libc::c_int; 2] = [libc::AF_UNIX, libc::AF_NETLINK];
/// The same, and the network.
const BEYOND: [libc::c_int; 4] = [libc::AF_UNIX, libc::AF_NETLINK, libc::AF_INET, libc::AF_INET6];
/// A backup reads everything; a restored tree has owners and modes; a data base may be asked as its own account.
const SAVES: CapabilitySet = CapabilitySet::DAC_READ_SEARCH
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID);

/// Gives up what a part does not need. To be called before a second thread is started.
///
/// # Errors
/// When something could not be given up that the kernel knows.
pub fn confine(part: Part, folder: &Path) -> Result<(), StartError> {
    let confined = match part {
        Part::Keep => keeper(folder),
        Part::Collect => collect(),
        Part::Save => keep(SAVES).and_then(|()| refuse(&[], &BEYOND)),
    };
    confined.map_err(StartError::Confine)
}

fn keeper(folder: &Path) -> IoResult<()> {
    unreadable()?;
    keep(CapabilitySet::empty())?;
    say_where_less(&restrict(folder).map_err(Error::other)?, "the keeper of the agent");
    let calls = [libc::SYS_execve, libc::SYS_execveat, libc::SYS_fanotify_init, libc::SYS_fanotify_mark];
    refuse(&calls, &BEYOND)
}

fn collect() -> IoResult<()> {
    events::prepare();
    keep(COLLECTS)?;
    refuse(&[libc::SYS_listen, libc::SYS_fanotify_init], &WITHIN)
}

/// Gives up what one question does not need: it writes nowhere, and has a right only where there is no other way. To be called
/// before a second thread is started.
///
/// # Errors
/// When something could not be given up that the kernel knows.
pub fn reach(question: &Question) -> Result<(), StartError> {
    reaching(question).map_err(StartError::Confine)
}

fn reaching(question: &Question) -> IoResult<()> {
    let (rights, families) = match question {
        Question::Certificates { .. } | Question::Versions { .. } | Question::Times(_) => {
            (CapabilitySet::empty(), BEYOND.as_slice())
        }
        // The file of access, or a key it names, may be root's own.
        Question::Database { .. } => (CapabilitySet::DAC_READ_SEARCH, BEYOND.as_slice()),
        // Where chronyd answers by its own folder alone, that is closed to others.
        Question::Chrony => (CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE, BEYOND.as_slice()),
        // The kernel does not even list rules without it.
        Question::Rules => (CapabilitySet::NET_ADMIN, WITHIN.as_slice()),
    };
    keep(rights)?;
    say_where_less(&leave_alone(question).map_err(Error::other)?, "what asks over the network");
    refuse(&[libc::SYS_listen, libc::SYS_fanotify_init], families)
}

/// It writes nowhere, and of the doors it tries it opens the one that is asked about.
fn leave_alone(question: &Question) -> Result<RulesetStatus, RulesetError> {
    let writes = AccessFs::from_write(KNOWN);
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writes)?
        .handle_access(AccessNet::BindTcp)?;
    let ruleset = match question {
        Question::Database { .. } => ruleset,
        Question::Certificates { .. }
        | Question::Versions { .. }
        | Question::Chrony
        | Question::Times(_)
        | Question::Rules => ruleset.handle_access(AccessNet::ConnectTcp)?,
    };
    let created = ruleset.create()?.add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?;
    let created = match question {
        Question::Certificates { port } | Question::Versions { port } => {
            created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?
        }
        // Its program has to make a socket there, to be answered.
        Question::Chrony => created.add_rules(path_beneath_rules(["/run/chrony"], writes))?,
        Question::Database { .. } | Question::Times(_) | Question::Rules => created,
    };
    Ok(created.restrict_self()?.ruleset)
}

/// Nobody of the same account reads or writes the memory of this process.
///
/// # Errors
/// When the kernel refuses.
pub fn unreadable() -> IoResult<()> {
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Keeps these rights, where they were there, for this process and what it starts.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn keep(wanted: CapabilitySet) -> IoResult<()> {
    let had = rustix::thread::capabilities(None)?;
    let kept = had.permitted & wanted;
    let passed_on = had.inheritable & wanted;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: passed_on };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

fn restrict(folder: &Path) -> Result<RulesetStatus, RulesetError> {
    let (read, all) = (AccessFs::from_read(KNOWN), AccessFs::from_all(KNOWN));
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::BindTcp)?
        .create()?
        .add_rules(path_beneath_rules(KEEPER_READS, read & !AccessFs::Execute))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        // Whether it is another version than before is read from the program.
        .add_rules(path_beneath_rules(std::env::current_exe(), AccessFs::ReadFile))?
        .add_rules(path_beneath_rules([folder], all & !AccessFs::Execute))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// Gives up these calls beside those that no part needs, and sockets of all families but these.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn refuse(calls: &[libc::c_long], families: &[libc::c_int]) -> IoResult<()> {
    let is_other = |family: &libc::c_int| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let other = families.iter().map(is_other).collect::<Result<Vec<_>, _>>();
    let other = other.and_then(SeccompRule::new).map_err(Error::other)?;
    let mut further: BTreeMap<_, _> = calls.iter().map(|call| (*call, Vec::new())).collect();
    further.insert(libc::SYS_socket, vec![other]);
    refuse_calls(further).map_err(Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    /// What only a thread gives up, only that thread has given up.
    fn within(part: Part, folder: &Path, look: impl FnOnce() + Send) {
        let confined = || {
            confine(part, folder).unwrap();
            look();
        };
        std::thread::scope(|scope| scope.spawn(confined).join().unwrap());
    }

    #[test]
    fn the_keeper_has_its_folder_and_the_network_and_nothing_else() {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().join("agent");
        std::fs::create_dir(&folder).unwrap();
        let other = own.path().join("other");
        std::fs::write(&other, "other").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        within(Part::Keep, &folder, || {
            let refused = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            refused(std::fs::read(&other).unwrap_err());
            refused(std::fs::write(&other, "changed").unwrap_err());
            refused(std::fs::write("/etc/yakujo-test", "new").unwrap_err());
            refused(TcpListener::bind("127.0.0.1:0").unwrap_err());
            refused(std::process::Command::new("/bin/true").status().unwrap_err());
            TcpStream::connect(address).unwrap();
            std::fs::read("/etc/passwd").unwrap();
            std::fs::write(folder.join("own"), "own").unwrap();
            std::os::unix::net::UnixListener::bind(folder.join("keep.sock")).unwrap();
            assert!(rustix::thread::capabilities(None).unwrap().permitted.is_empty());
        });
    }

    #[test]
    fn an_outbox_that_is_full_gives_way_where_nothing_else_may_be_written() {
        let own = tempfile::tempdir().unwrap();
        let beat = |number: u32| {
            let job = yakujo_contract::fact::agent::AgentStop { reason: format!("{number:0200}") };
            yakujo_contract::fact::Fact::AgentStop(job)
        };
        within(Part::Keep, own.path(), || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let outbox = crate::outbox::Outbox::open(own.path(), "run".to_owned(), Default::default());
                let outbox = outbox.await.unwrap();
                for batch in 0..20 {
                    let facts: Vec<_> = (0..500).map(|number| beat(batch * 500 + number)).collect();
                    outbox.put(jiff::Timestamp::UNIX_EPOCH, &facts).await.unwrap();
                }
                // All of them get new numbers, which SQLite sorts somewhere.
                outbox.move_behind(0, 1_000_000).await.unwrap();
                assert!(outbox.depth().await.unwrap().0 >= 10_000);
            });
        });
    }

    #[test]
    fn the_collector_hears_of_files_and_starts_programs_without_the_rights_of_root() {
        let own = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        within(Part::Collect, own.path(), || {
            let had = rustix::thread::capabilities(None).unwrap().permitted;
            assert!(had.difference(COLLECTS).is_empty(), "{had:?}");
            assert!(TcpListener::bind("127.0.0.1:0").is_err());
            assert!(TcpStream::connect(address).is_err() && UdpSocket::bind("127.0.0.1:0").is_err());
            let ip = std::process::Command::new("/sbin/ip").args(["-j", "address"]).output().unwrap();
            assert!(ip.status.success(), "its interfaces are seen all the same: {ip:?}");
            assert!(std::process::Command::new("/bin/true").status().unwrap().success());
            let events = events::Events::start();
            // Groups that were opened before the right was given up.
            let is_root = rustix::process::geteuid().is_root();
            assert_eq!(events.limits().is_empty(), is_root, "{:?}", events.limits());
            events.watch(own.path(), None).unwrap();
        });
    }

    #[test]
    fn one_question_opens_one_door_and_nothing_is_written() {
        let own = tempfile::tempdir().unwrap();
        let file = own.path().join("file");
        let doors = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [asked, other] = doors.each_ref().map(|door| door.local_addr().unwrap());
        let rights = || rustix::thread::capabilities(None).unwrap().permitted;
        let after = |question: Question, look: &(dyn Fn() + Sync)| {
            std::thread::scope(|scope| {
                let asks = scope.spawn(|| {
                    reach(&question).unwrap();
                    assert!(std::fs::write(&file, "new").is_err());
                    look();
                });
                asks.join().unwrap();
            });
        };
        after(Question::Certificates { port: asked.port() }, &|| {
            TcpStream::connect(asked).unwrap();
            assert_eq!(TcpStream::connect(other).unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert!(rights().is_empty());
        });
        after(Question::Times(Vec::new()), &|| {
            UdpSocket::bind("127.0.0.1:0").unwrap();
            assert!(TcpStream::connect(asked).is_err() && rights().is_empty());
        });
        after(Question::Rules, &|| {
            assert!(UdpSocket::bind("127.0.0.1:0").is_err() && TcpStream::connect(asked).is_err());
            assert!(CapabilitySet::NET_ADMIN.contains(rights()));
        });
    }
}
