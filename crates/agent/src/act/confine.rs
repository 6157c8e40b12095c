//! The process that acts gives up what one question does not need, before it does anything: by Landlock it reaches the trees
//! of that question and no other, and no network but the kernel's own socket for rules; by seccomp it loses the calls with
//! which root changes the kernel, other processes or the clock.
//!
//! A kernel without Landlock confines less; that is said in the log, and the act goes on: the host has to be cut off there, too.

use super::desk::Pinned;
use super::{ActError, Ask, Desk, give_back, needed, orders, quarantine};
use jiff::Timestamp;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, path_beneath_rules,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use yakujo_contract::order::Work;

/// Programs and what they load: only `nft` is ever started.
const PROGRAMS: [&str; 5] = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/nftables.conf"];
/// What the interface may know, of what the kernel may.
const KNOWN: ABI = ABI::V4;

/// Calls that neither this process nor `nft` ever makes: they are answered with EPERM.
const REFUSED: [libc::c_long; 27] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_keyctl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
];

/// The trees a question needs besides the hand's own folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reach {
    reads: Vec<PathBuf>,
    writes: Vec<PathBuf>,
}

/// Gives up everything this question does not need, for this process and for ever. `now` is the wall clock.
///
/// # Errors
/// When the hand's own folder cannot be used, or a kernel that could confine does not.
pub fn confine(folder: &Path, ask: &Ask, now: Timestamp) -> Result<(), ActError> {
    let desk = Desk::look(folder)?;
    let reach = match ask {
        // Only a permit that counts opens a folder, and only that of the file.
        Ask::Quarantine { .. } | Ask::Sample { .. } | Ask::Places {} => {
            let reads = needed::reads().into_iter().chain([quarantine::settings(folder)]).collect();
            Reach { reads, writes: quarantine::folders(&desk, folder, ask, now) }
        }
        _ => reach(folder, ask, desk.pinned()?.as_ref()),
    };
    refuse_calls(BTreeMap::new())
        .map_err(|error| ActError::File(folder.to_owned(), std::io::Error::other(error)))?;
    let status = restrict(folder, &reach)
        .map_err(|error| ActError::File(folder.to_owned(), std::io::Error::other(error)))?;
    say_where_less(&status, "the part that acts");
    Ok(())
}

fn reach(folder: &Path, ask: &Ask, pinned: Option<&Pinned>) -> Reach {
    match ask {
        Ask::Hold { roots } => Reach { reads: roots.iter().map(PathBuf::from).collect(), writes: Vec::new() },
        Ask::Order { note, .. } => {
            let order = pinned.and_then(|pinned| orders::signed(note, pinned).ok());
            // Only an order that is signed opens a folder, and only that of its file.
            let writes = order.map_or_else(Vec::new, |order| match order.work {
                Work::Restore { path, .. } => {
                    Path::new(&path).parent().map(Path::to_owned).into_iter().collect()
                }
                Work::GiveBack { item } => give_back::folders(folder, &item),
                Work::Remove { .. } => quarantine::places(folder),
                Work::Permit(_) | Work::EndPermit { .. } | Work::Isolate { .. } | Work::Reconnect {} => {
                    Vec::new()
                }
            });
            let reads = if writes.is_empty() { writes.clone() } else { vec![quarantine::settings(folder)] };
            Reach { reads, writes }
        }
        Ask::Pin { .. }
        | Ask::Suspected { .. }
        | Ask::Look {}
        | Ask::Ready { .. }
        | Ask::Quarantine { .. }
        | Ask::Sample { .. }
        | Ask::Places {}
        | Ask::Holds { .. }
        | Ask::Kept { .. } => Reach::default(),
    }
}

fn restrict(folder: &Path, reach: &Reach) -> Result<RulesetStatus, RulesetError> {
    let (read, all) = (AccessFs::from_read(KNOWN), AccessFs::from_all(KNOWN));
    let looks = read & !AccessFs::Execute;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(PROGRAMS, read))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([folder], all & !AccessFs::Execute))?
        .add_rules(path_beneath_rules(&reach.reads, looks))?
        .add_rules(path_beneath_rules(&reach.writes, all & !AccessFs::Execute))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// Says in the log where this kernel confines something less than it was asked to.
pub(crate) fn say_where_less(status: &RulesetStatus, what: &str) {
    match status {
        RulesetStatus::FullyEnforced => {}
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
            tracing::warn!("this kernel confines {what} less than it could: use a newer one");
        }
    }
}

/// Gives up the calls with which root changes the kernel, and further ones.
pub(crate) fn refuse_calls(
    further: BTreeMap<libc::c_long, Vec<SeccompRule>>,
) -> Result<(), seccompiler::Error> {
    let arch = std::env::consts::ARCH.try_into()?;
    let mut refused = BTreeMap::from(REFUSED.map(|call| (call, Vec::new())));
    refused.extend(further);
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter: BpfProgram = SeccompFilter::new(refused, SeccompAction::Allow, eperm, arch)?.try_into()?;
    seccompiler::apply_filter(&filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::Elsewhere;
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_a_question_does_not_need_is_out_of_reach() {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().join("act");
        let other = own.path().join("other");
        std::fs::write(&other, "other").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // Only the thread that gives it up has given it up.
        let confined = std::thread::spawn(move || {
            confine(&folder, &Ask::Look {}, jiff::Timestamp::now()).unwrap();
            let refused = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            refused(std::fs::read("/etc/passwd").unwrap_err());
            refused(std::fs::read(&other).unwrap_err());
            refused(std::fs::write(&other, "changed").unwrap_err());
            refused(TcpStream::connect(address).unwrap_err());
            // As root this would work; without the confinement it changes nothing either.
            let name = std::fs::read("/proc/sys/kernel/hostname");
            assert!(name.is_err(), "not even this can be read");
            let host = rustix::system::uname().nodename().to_bytes().to_vec();
            assert_eq!(rustix::system::sethostname(&host), Err(rustix::io::Errno::PERM));
            assert_eq!(rustix::process::chroot("/"), Err(rustix::io::Errno::PERM));
            std::fs::write(folder.join("x"), "own").unwrap();
            crate::act::answer(&folder, &Ask::Look {}, jiff::Timestamp::now()).unwrap();
        });
        confined.join().unwrap();
    }

    #[test]
    fn only_a_signed_order_opens_a_folder() {
        let unsigned = Ask::Order {
            note: "yakujo-order/v1\n{}\n\n".to_owned(),
            peers: Vec::new(),
            elsewhere: Elsewhere::NotSought,
        };
        assert_eq!(reach(Path::new("/nowhere/act"), &unsigned, None), Reach::default());
        let hold = Ask::Hold { roots: vec!["/srv/www".to_owned()] };
        let reach = reach(Path::new("/nowhere/act"), &hold, None);
        assert_eq!((reach.reads, reach.writes), (vec![PathBuf::from("/srv/www")], Vec::new()));
    }
}
