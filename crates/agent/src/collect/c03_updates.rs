//! 3.2.c: which updates the signed lists of the distributor offer, and which processes still run what was replaced.
//!
//! apt itself is asked, without the network and without changing anything (`apt-get -s`): choosing a version is its
//! business. A host whose lists are old learns nothing new, so the date the distributor put into them is told, too.

use crate::command::output_slowly;
use crate::reading::Sources;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use yakujo_contract::fact::Coverage;
use yakujo_contract::fact::software::{StaleProcess, StaleRunning};

const APT: &str = "/usr/bin/apt-get";
const LISTS: &str = "/var/lib/apt/lists";
/// It reads all lists for seconds, and gets less than a tenth of a core.
const ANSWER_WITHIN: Duration = Duration::from_secs(15 * 60);
const MOST_UPDATES: usize = 5_000;
const MOST_PROCESSES: usize = 200;
/// Processes looked at in one turn.
const MOST_LOOKED_AT: usize = 20_000;
/// Longest path in a fact.
const LONGEST_PATH: usize = 300;

/// One update on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Package.
    pub name: String,
    /// Installed version.
    pub installed: String,
    /// Version on offer.
    pub candidate: String,
    /// It comes from a security suite.
    pub security: bool,
}

/// Differs when the lists or the package database changed.
#[must_use]
pub fn stamp(sources: &Sources) -> Option<(i64, i64)> {
    let changed = |path: &str| {
        let metadata = std::fs::metadata(sources.path(path)).ok()?;
        Some((metadata.mtime(), metadata.mtime_nsec()))
    };
    [LISTS, "/var/lib/dpkg/status"].into_iter().filter_map(changed).max()
}

/// Asks apt.
///
/// # Errors
/// A sentence for the operator.
pub fn offered(sources: &Sources) -> Result<(Vec<Offered>, Coverage), String> {
    let program = Path::new(APT);
    if !program.exists() {
        return Err(
            "which updates there are is read from apt alone, and apt-get is not on this host".to_owned()
        );
    }
    let root = format!("Dir={}", sources.root.display());
    // What is held back is on offer all the same.
    let mut arguments = vec!["-q", "-s", "--ignore-hold", "-o", "Debug::NoLocking=true", "dist-upgrade"];
    if !sources.is_live() {
        arguments.extend(["-o", &root]);
    }
    let path = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")];
    let answer =
        output_slowly(program, &arguments, &path, ANSWER_WITHIN).map_err(|error| error.to_string())?;
    let mut updates = parse_offers(&answer);
    let mut coverage = Coverage::default();
    if dated(sources).is_none() {
        coverage.unreadable = 1;
        coverage.reason = "apt has no lists: apt-get update was never run here".to_owned();
    }
    let skipped = updates.len().saturating_sub(MOST_UPDATES);
    if skipped > 0 {
        coverage.skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
        coverage.reason = format!("more than {MOST_UPDATES} updates");
        updates.truncate(MOST_UPDATES);
    }
    Ok((updates, coverage))
}

/// Reads `Inst libc6 [2.36-9] (2.36-10 Debian:12/stable, Debian-Security:12/stable-security [amd64]) []`. What would be
/// installed anew is no update.
#[must_use]
pub fn parse_offers(answer: &str) -> Vec<Offered> {
    let offer = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(" [")?;
        let (installed, rest) = rest.split_once("] (")?;
        let (candidate, rest) = rest.split_once(' ')?;
        let (origins, _) = rest.split_once(" [").or_else(|| rest.split_once(')'))?;
        let short = |text: &str| text.chars().take(256).collect::<String>();
        Some(Offered {
            name: short(name),
            installed: short(installed),
            candidate: short(candidate),
            security: origins.split(", ").any(|origin| origin.to_ascii_lowercase().contains("security")),
        })
    };
    let mut offers: Vec<Offered> = answer.lines().filter_map(offer).collect();
    offers.sort_by(|a, b| a.name.cmp(&b.name));
    offers.dedup_by(|a, b| a.name == b.name);
    offers
}

/// The latest date a distributor put into one of the lists.
#[must_use]
pub fn dated(sources: &Sources) -> Option<Timestamp> {
    let files = std::fs::read_dir(sources.path(LISTS)).ok()?.flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let releases = names.filter(|name| name.ends_with("_InRelease") || name.ends_with("_Release"));
    releases.take(200).filter_map(|name| date_of(&sources.read(&format!("{LISTS}/{name}")).ok()?)).max()
}

/// `Date: Tue, 24 Nov 2026 00:34:33 UTC`
fn date_of(release: &str) -> Option<Timestamp> {
    let line = release.lines().take(60).find_map(|line| line.strip_prefix("Date: "))?;
    let line = line.trim().replace(" UTC", " +0000").replace(" GMT", " +0000");
    jiff::fmt::rfc2822::parse(&line).ok().map(|zoned| zoned.timestamp())
}

/// Processes that run files which are gone or were replaced, and the kernel that runs beside the newest installed one.
#[must_use]
pub fn stale(sources: &Sources) -> StaleRunning {
    let mut coverage = Coverage::default();
    let mut processes = Vec::new();
    let folders = std::fs::read_dir(sources.path("/proc")).into_iter().flatten().flatten();
    let pids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut pids: Vec<u32> = pids.take(MOST_LOOKED_AT).collect();
    pids.sort_unstable();
    for pid in pids {
        match sources.read(&format!("/proc/{pid}/maps")) {
            Ok(maps) => {
                if let Some(deleted) = deleted_code(&maps) {
                    processes.push(process(sources, pid, deleted));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                coverage.unreadable = coverage.unreadable.saturating_add(1);
                coverage.reason =
                    "processes of others cannot be looked into: CAP_SYS_PTRACE is needed".to_owned();
            }
            // It ended meanwhile.
            Err(_) => {}
        }
    }
    let skipped = processes.len().saturating_sub(MOST_PROCESSES);
    coverage.skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
    processes.truncate(MOST_PROCESSES);
    name_packages(sources, &mut processes);
    let kernel_running = sources.read("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let kernel_installed = newest_kernel(sources).unwrap_or_default();
    StaleRunning { processes, kernel_running, kernel_installed, coverage }
}

fn process(sources: &Sources, pid: u32, deleted: String) -> StaleProcess {
    let exe = std::fs::read_link(sources.path(&format!("/proc/{pid}/exe"))).unwrap_or_default();
    let exe = exe.to_string_lossy().trim_end_matches(" (deleted)").chars().take(LONGEST_PATH).collect();
    let groups = sources.read(&format!("/proc/{pid}/cgroup")).unwrap_or_default();
    StaleProcess { pid, unit: unit_of(&groups), exe, deleted, package: None }
}

/// The first file with code that a process has mapped and that is gone. Files that programs make for themselves, in memory or
/// below `/tmp`, are none: nobody updates them.
#[must_use]
pub fn deleted_code(maps: &str) -> Option<String> {
    let own =
        ["/memfd:", "/dev/", "/SYSV", "/tmp/", "/var/tmp/", "/run/", "/[", "/drm", "/i915", "/anon_hugepage"];
    maps.lines().find_map(|line| {
        // `7f…-7f… r-xp 00000000 08:01 1234   /usr/lib/x.so (deleted)`
        let line = line.strip_suffix(" (deleted)")?;
        let permissions = line.split(' ').nth(1)?;
        let path = line.get(line.find('/')?..)?;
        let counts = permissions.contains('x') && !own.iter().any(|start| path.starts_with(start));
        counts.then(|| path.chars().take(LONGEST_PATH).collect())
    })
}

/// The unit of systemd a process belongs to, by its control group.
fn unit_of(groups: &str) -> Option<String> {
    let units = groups.lines().flat_map(|line| line.rsplit('/').next());
    units.into_iter().find(|name| name.ends_with(".service")).map(|name| name.chars().take(200).collect())
}

/// Which package each file came from, by dpkg's lists of files.
fn name_packages(sources: &Sources, processes: &mut [StaleProcess]) {
    let wanted: BTreeSet<String> = processes.iter().map(|process| process.deleted.clone()).collect();
    if wanted.is_empty() {
        return;
    }
    let folder = "/var/lib/dpkg/info";
    let files = std::fs::read_dir(sources.path(folder)).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for name in names.filter(|name| name.ends_with(".list")) {
        let text = sources.read(&format!("{folder}/{name}")).unwrap_or_default();
        for line in text.lines() {
            // Since /bin and /lib are links into /usr, a list may name a file either way.
            let whole = format!("/usr{line}");
            for path in [line, whole.as_str()] {
                if wanted.contains(path) {
                    let package = name.trim_end_matches(".list").split(':').next().unwrap_or_default();
                    found.insert(path.to_owned(), package.to_owned());
                }
            }
        }
    }
    for process in processes {
        process.package = found.get(&process.deleted).cloned();
    }
}

/// The newest installed kernel: where the distributor's own link leads, else the only one there is.
fn newest_kernel(sources: &Sources) -> Option<String> {
    let version = |path: &Path| Some(path.file_name()?.to_str()?.strip_prefix("vmlinuz-")?.to_owned());
    for link in ["/vmlinuz", "/boot/vmlinuz"] {
        if let Some(found) = std::fs::read_link(sources.path(link)).ok().and_then(|path| version(&path)) {
            return Some(found);
        }
    }
    let files = std::fs::read_dir(sources.path("/boot")).ok()?.flatten();
    let mut found: Vec<String> = files.filter_map(|file| version(&file.path())).collect();
    if found.len() == 1 { found.pop() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_offer_is_an_update_only_of_what_is_installed_and_says_whether_it_is_for_security() {
        let answer = "Reading package lists...\n\
            Inst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64])\n\
            Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []\n\
            Inst linux-image-6.1.0-50-amd64 (6.1.170-1 Debian-Security:12/oldstable-security [amd64])\n\
            Conf bash (5.2.15-2+b13 Debian:12.15/oldstable [amd64])\n";
        let offers = parse_offers(answer);
        let told: Vec<(&str, &str, bool)> = offers
            .iter()
            .map(|offer| (offer.name.as_str(), offer.candidate.as_str(), offer.security))
            .collect();
        assert_eq!(told, [("bash", "5.2.15-2+b13", false), ("libgcrypt20", "1.10.1-3+deb12u1", true)]);
    }

    #[test]
    fn the_date_of_a_list_is_the_distributors() {
        let text =
            "-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Debian\nDate: Tue, 24 Nov 2026 00:34:33 UTC\n";
        assert_eq!(date_of(text), Some("2026-11-24T00:34:33Z".parse().unwrap()));
        assert_eq!(date_of("Date: yesterday\n"), None);
    }

    #[test]
    fn replaced_code_is_found_and_what_a_program_made_for_itself_is_not() {
        let line =
            |permissions: &str, path: &str| format!("7f00-7f01 {permissions} 00000000 08:01 12    {path}\n");
        assert_eq!(
            deleted_code(&line("r-xp", "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)")).as_deref(),
            Some("/usr/lib/x86_64-linux-gnu/libssl.so.3")
        );
        for harmless in [
            line("r--p", "/usr/lib/libssl.so.3 (deleted)"),
            line("r-xp", "/usr/lib/libssl.so.3"),
            line("r-xp", "/memfd:jit (deleted)"),
            line("rwxp", "/tmp/x (deleted)"),
        ] {
            assert_eq!(deleted_code(&harmless), None, "{harmless}");
        }
    }

    #[test]
    fn a_real_process_whose_program_was_replaced_is_named_with_its_package() {
        let tree = tempfile::tempdir_in("/var/lib").unwrap();
        let program = tree.path().join("sleep");
        std::fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg("60").spawn().unwrap();
        let own = |sources: &Sources| {
            let all = stale(sources).processes;
            all.into_iter().find(|process| process.pid == child.id())
        };
        let live = Sources::of_this_host();
        assert_eq!(own(&live), None);
        std::fs::remove_file(&program).unwrap();
        let found = own(&live).expect("the deleted program of a running process");
        let path = program.display().to_string();
        assert_eq!(
            (found.deleted.as_str(), found.exe.as_str(), found.package),
            (path.as_str(), path.as_str(), None)
        );
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/proc", root.path().join("proc")).unwrap();
        std::fs::create_dir_all(root.path().join("var/lib/dpkg/info")).unwrap();
        std::fs::write(root.path().join("var/lib/dpkg/info/coreutils.list"), format!("/.\n{path}\n"))
            .unwrap();
        let found = own(&Sources::under(root.path())).expect("the same process");
        assert_eq!(found.package.as_deref(), Some("coreutils"));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_fail(text in "(Inst | \\[|\\] \\(|\\)|/| x|r-xp| \\(deleted\\)|Date: |\n|.{0,5}){0,14}") {
            let _ = (parse_offers(&text), deleted_code(&text), unit_of(&text), date_of(&text));
        }
    }
}
