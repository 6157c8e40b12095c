//! Boots and services: when the host started, and which services are running. The schedule compares two readings and
//! states what started or stopped between them.

use crate::observe::services::{Look, Process};
use crate::reading::{Sources, from_unix};
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::fact::host::HostBoot;

/// Most processes that are looked at.
const MOST_PROCESSES: usize = 65_536;
/// Programs that are services wherever they run; used where no service manager can be asked.
const DAEMONS: [&str; 16] = [
    "apache2",
    "chronyd",
    "clamd",
    "clamonacc",
    "cron",
    "dovecot",
    "freshclam",
    "httpd",
    "mariadbd",
    "master",
    "mysqld",
    "named",
    "nginx",
    "postgres",
    "rsyslogd",
    "sshd",
];

/// The running processes: number and name.
#[must_use]
pub fn processes(sources: &Sources) -> Vec<(u32, String)> {
    let Ok(listed) = std::fs::read_dir(sources.path("/proc")) else { return Vec::new() };
    let numbers = listed.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let named = numbers.take(MOST_PROCESSES).filter_map(|pid| {
        let name = sources.read(&format!("/proc/{pid}/comm")).ok()?;
        Some((pid, name.trim_end().to_owned()))
    });
    named.collect()
}

/// The present boot.
#[must_use]
pub fn boot(sources: &Sources) -> Option<HostBoot> {
    let boot_id = sources.read("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
    let at = boot_seconds(&sources.read("/proc/stat").ok()?)?;
    Some(HostBoot { boot_id, at: from_unix(at)? })
}

/// `btime` of `/proc/stat`.
#[must_use]
pub fn boot_seconds(stat: &str) -> Option<i64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The services that run, with their processes: units of systemd, or else known daemons by the name of their process.
#[must_use]
pub fn look(sources: &Sources) -> Option<Look> {
    let boot = boot(sources)?;
    let ticks = procfs::ticks_per_second().max(1);
    Some(Look { boot: boot.boot_id, booted: boot.at, ticks, services: services(sources) })
}

fn services(sources: &Sources) -> BTreeMap<String, Vec<Process>> {
    let first = sources.read("/proc/1/comm").unwrap_or_default();
    if first.trim_end() == "systemd" {
        return units(sources);
    }
    let scripts = names_in(sources, "/etc/init.d");
    let is_service = |name: &str| {
        DAEMONS.contains(&name)
            || scripts.contains(name)
            || name.strip_suffix('d').is_some_and(|short| scripts.contains(short))
    };
    let mut services: BTreeMap<String, Vec<Process>> = BTreeMap::new();
    for (pid, name) in processes(sources) {
        if let Some(start) = is_service(&name).then(|| start_of(sources, pid)).flatten() {
            services.entry(name).or_default().push(Process { start, pid });
        }
    }
    services
}

/// When a process started, in ticks since the boot; nothing for one that has ended and only waits for its parent.
fn start_of(sources: &Sources, pid: u32) -> Option<u64> {
    let stat = sources.read(&format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // State is field 3 of proc(5), the start field 22.
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// Where services are seen from, in plain English, when it is not the service manager.
#[must_use]
pub fn limits(sources: &Sources) -> String {
    let first = sources.read("/proc/1/comm").unwrap_or_default();
    if first.trim_end() == "systemd" {
        return String::new();
    }
    "no systemd on this host: services are known daemons by the name of their process".to_owned()
}

/// systemd keeps one control group per running unit.
fn units(sources: &Sources) -> BTreeMap<String, Vec<Process>> {
    let folder = "/sys/fs/cgroup/system.slice";
    let names = names_in(sources, folder).into_iter().filter(|name| name.ends_with(".service"));
    let with_processes = names.map(|name| {
        let listed = sources.read(&format!("{folder}/{name}/cgroup.procs")).unwrap_or_default();
        let numbers = listed.lines().filter_map(|line| line.parse::<u32>().ok());
        let processes = numbers.filter_map(|pid| Some(Process { start: start_of(sources, pid)?, pid }));
        (name, processes.collect())
    });
    with_processes.collect()
}

fn names_in(sources: &Sources, folder: &str) -> BTreeSet<String> {
    let Ok(listed) = std::fs::read_dir(sources.path(folder)) else { return BTreeSet::new() };
    listed.flatten().take(10_000).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_boot_is_read_from_the_kernel() {
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), "proc/sys/kernel/random/boot_id", "aa-bb\n");
        write(tree.path(), "proc/stat", "cpu 1 2 3\nbtime 1700000000\n");
        let boot = boot(&Sources::under(tree.path())).unwrap();
        assert_eq!((boot.boot_id.as_str(), boot.at.as_second()), ("aa-bb", 1_700_000_000));
    }

    #[test]
    fn services_are_units_under_systemd_and_known_daemons_without_it() {
        let tree = tempfile::tempdir().unwrap();
        write(tree.path(), "proc/1/comm", "systemd\n");
        write(tree.path(), "sys/fs/cgroup/system.slice/nginx.service/cgroup.procs", "7\n8\n");
        write(tree.path(), "sys/fs/cgroup/system.slice/tmp.mount/cgroup.procs", "");
        let stat = |state: &str, start: u64| format!("7 (a ) b) {state} 1 {}{start} 0\n", "0 ".repeat(17));
        write(tree.path(), "proc/7/stat", &stat("S", 4_711));
        write(tree.path(), "proc/8/stat", &stat("Z", 4_712));
        let sources = Sources::under(tree.path());
        let expected = vec![Process { start: 4_711, pid: 7 }];
        assert_eq!(services(&sources), BTreeMap::from([("nginx.service".to_owned(), expected.clone())]));
        write(tree.path(), "proc/1/comm", "init\n");
        write(tree.path(), "proc/7/comm", "clamd\n");
        write(tree.path(), "proc/8/comm", "bash\n");
        assert_eq!(services(&sources), BTreeMap::from([("clamd".to_owned(), expected)]));
    }
}
