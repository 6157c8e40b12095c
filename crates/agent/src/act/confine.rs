//! The process that acts gives up what one question does not need, before it does anything: by Landlock it reaches the trees
//! of that question and no other, and no network but the kernel's own socket for rules.
//!
//! A kernel without Landlock confines less; that is said in the log, and the act goes on: the host has to be cut off there, too.

use super::desk::Pinned;
use super::{ActError, Ask, Desk, give_back, orders};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, path_beneath_rules,
};
use std::path::{Path, PathBuf};
use yakujo_contract::order::Work;

/// Programs and what they load: only `nft` is ever started.
const PROGRAMS: [&str; 5] = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/nftables.conf"];
/// What the interface may know, of what the kernel may.
const KNOWN: ABI = ABI::V4;

/// The trees a question needs besides the hand's own folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reach {
    reads: Vec<PathBuf>,
    writes: Vec<PathBuf>,
}

/// Gives up everything this question does not need, for this process and for ever.
///
/// # Errors
/// When the hand's own folder cannot be used, or a kernel that could confine does not.
pub fn confine(folder: &Path, ask: &Ask) -> Result<(), ActError> {
    let pinned = Desk::open(folder)?.pinned()?;
    let reach = reach(folder, ask, pinned.as_ref());
    match restrict(folder, &reach) {
        Ok(RulesetStatus::FullyEnforced) => Ok(()),
        Ok(RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced) => {
            tracing::warn!("this kernel confines the part that acts less than it could: use a newer one");
            Ok(())
        }
        Err(error) => Err(ActError::File(folder.to_owned(), std::io::Error::other(error))),
    }
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
                Work::Permit(_) | Work::EndPermit { .. } | Work::Isolate { .. } | Work::Reconnect {} => {
                    Vec::new()
                }
            });
            Reach { reads: Vec::new(), writes }
        }
        Ask::Pin { .. } | Ask::Suspected { .. } | Ask::Look {} | Ask::Ready { .. } | Ask::Kept { .. } => {
            Reach::default()
        }
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

#[cfg(test)]
mod tests {
    use super::*;
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
            confine(&folder, &Ask::Look {}).unwrap();
            let refused = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            refused(std::fs::read("/etc/passwd").unwrap_err());
            refused(std::fs::read(&other).unwrap_err());
            refused(std::fs::write(&other, "changed").unwrap_err());
            refused(TcpStream::connect(address).unwrap_err());
            std::fs::write(folder.join("x"), "own").unwrap();
            crate::act::answer(&folder, &Ask::Look {}, jiff::Timestamp::now()).unwrap();
        });
        confined.join().unwrap();
    }

    #[test]
    fn only_a_signed_order_opens_a_folder() {
        let unsigned = Ask::Order { note: "yakujo-order/v1\n{}\n\n".to_owned(), peers: Vec::new() };
        assert_eq!(reach(Path::new("/nowhere/act"), &unsigned, None), Reach::default());
        let hold = Ask::Hold { roots: vec!["/srv/www".to_owned()] };
        let reach = reach(Path::new("/nowhere/act"), &hold, None);
        assert_eq!((reach.reads, reach.writes), (vec![PathBuf::from("/srv/www")], Vec::new()));
    }
}
