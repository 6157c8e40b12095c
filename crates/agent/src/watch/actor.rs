//! Who a process is: its program, its account, the account that logged in. What the kernel does not say stays absent.

use std::path::Path;
use yakujo_contract::fact::state::Actor;

/// The kernel's word for "nobody logged in".
const NOBODY: u32 = u32::MAX;
/// Longest text of a fact about a process.
const MOST_LETTERS: usize = 400;

/// A running process; nothing when it has ended.
#[must_use]
pub fn of_process(pid: u32) -> Option<Actor> {
    let folder = format!("/proc/{pid}");
    let exe = std::fs::read_link(format!("{folder}/exe")).ok()?;
    let status = std::fs::read_to_string(format!("{folder}/status")).ok()?;
    let uid = effective_uid(&status);
    let login = std::fs::read_to_string(format!("{folder}/loginuid")).ok();
    let login = login.and_then(|text| text.trim().parse::<u32>().ok()).filter(|uid| *uid != NOBODY);
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(Actor {
        pid: Some(pid),
        exe: Some(shown(&exe)),
        uid,
        account: uid.and_then(|uid| name_of(&accounts, uid)),
        login: login.map(|uid| name_of(&accounts, uid).unwrap_or_else(|| uid.to_string())),
    })
}

/// When a running process started; nothing when it has ended.
#[must_use]
pub fn started(pid: u32) -> Option<jiff::Timestamp> {
    let stat = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    let since_boot = stat.starttime / procfs::ticks_per_second().max(1);
    let boot = procfs::boot_time_secs().ok()?;
    jiff::Timestamp::from_second(i64::try_from(boot.checked_add(since_boot)?).ok()?).ok()
}

/// `Uid:` of `/proc/PID/status`: real, effective, saved, file system.
fn effective_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The account of a user id.
#[must_use]
pub fn name_of(passwd: &str, uid: u32) -> Option<String> {
    let users = crate::collect::c11_access::parse_passwd(passwd);
    users.into_iter().find(|user| user.uid == uid).map(|user| user.name)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().take(MOST_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_is_known_by_program_and_account_and_an_ended_one_not_at_all() {
        let mut child = std::process::Command::new("/bin/sleep").arg("30").spawn().unwrap();
        let actor = of_process(child.id()).unwrap();
        assert!(actor.exe.as_deref().is_some_and(|exe| exe.ends_with("sleep") || exe.ends_with("coreutils")));
        assert_eq!(actor.uid, Some(rustix::process::geteuid().as_raw()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(of_process(child.id()), None);
    }

    #[test]
    fn the_effective_user_counts_and_damaged_texts_name_nobody() {
        assert_eq!(effective_uid("Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(0));
        for damaged in ["", "Uid:", "Uid:\t1", "Uid:\tx\ty"] {
            assert_eq!(effective_uid(damaged), None, "{damaged}");
        }
        assert_eq!(name_of("root:x:0:0:root:/root:/bin/bash\n", 0).as_deref(), Some("root"));
        assert_eq!(name_of("broken", 0), None);
    }
}
