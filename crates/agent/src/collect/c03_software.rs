//! 3.1.a: installed packages, and the system they belong to.

use crate::command::output_of;
use crate::reading::{Sources, digest_of, in_parts};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use yakujo_contract::fact::host::HostSystem;
use yakujo_contract::fact::software::{Package, PackageSet};
use yakujo_contract::fact::{Coverage, Fact};

const STATUS: &str = "/var/lib/dpkg/status";
/// More packages are counted, not listed.
const MOST_PACKAGES: usize = 50_000;

/// Bytes of the names of packages from elsewhere in one fact.
const MOST_ELSEWHERE: usize = 4_000;

/// An installed package, and who maintains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// As the fact says it.
    pub package: Package,
    /// From the distribution itself, by its maintainer and version; its security support is then the distribution's.
    pub by_distribution: bool,
}

/// The packages of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// `dpkg` or `rpm`; empty when there is neither.
    pub manager: String,
    /// By name.
    pub packages: Vec<Installed>,
    /// What could not be read.
    pub coverage: Coverage,
}

impl Inventory {
    /// The names of packages that are not the distribution's.
    #[must_use]
    pub fn foreign(&self) -> BTreeSet<&str> {
        let foreign = self.packages.iter().filter(|installed| !installed.by_distribution);
        foreign.map(|installed| installed.package.name.as_str()).collect()
    }
}

/// What tells that the package database changed: time and inode of its file.
#[must_use]
pub fn stamp(sources: &Sources) -> Option<(i64, i64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let paths =
        [STATUS, "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages"];
    let file = paths.iter().find_map(|path| std::fs::metadata(sources.path(path)).ok())?;
    Some((file.mtime(), file.mtime_nsec(), file.ino()))
}

/// Reads the package database.
///
/// # Errors
/// A sentence that says why it could not be read.
pub fn read(sources: &Sources) -> Result<Inventory, String> {
    if sources.path(STATUS).exists() {
        let text = sources.read(STATUS).map_err(|error| format!("{STATUS}: {error}"))?;
        return Ok(inventory("dpkg", parse_status(&text)));
    }
    if stamp(sources).is_some() && sources.is_live() {
        let format = "%{NAME}\t%{ARCH}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{SOURCERPM}\t%{VENDOR}\n";
        let rpm = output_of(Path::new("/usr/bin/rpm"), &["-qa", "--qf", format], Duration::from_secs(30));
        return Ok(inventory("rpm", parse_rpm(&rpm.map_err(|error| error.to_string())?)));
    }
    Err("neither the database of dpkg nor that of rpm is on this host".to_owned())
}

fn inventory(manager: &str, mut packages: Vec<Installed>) -> Inventory {
    packages.sort_by(|a, b| a.package.name.cmp(&b.package.name));
    packages.dedup_by(|a, b| a.package.name == b.package.name);
    let mut coverage = Coverage::default();
    let skipped = packages.len().saturating_sub(MOST_PACKAGES);
    if skipped > 0 {
        coverage.skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
        coverage.reason = format!("more than {MOST_PACKAGES} packages");
        packages.truncate(MOST_PACKAGES);
    }
    Inventory { manager: manager.to_owned(), packages, coverage }
}

/// Reads dpkg's status file; only what is installed counts. A package installed for several architectures gets `:arch`.
#[must_use]
pub fn parse_status(text: &str) -> Vec<Installed> {
    let stanzas: Vec<BTreeMap<&str, &str>> = text.split("\n\n").map(fields).filter(is_installed).collect();
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for stanza in &stanzas {
        let count = times.entry(stanza.get("Package").copied().unwrap_or_default()).or_default();
        *count = count.saturating_add(1);
    }
    let installed = |stanza: &BTreeMap<&str, &str>| {
        let short = *stanza.get("Package")?;
        let version = (*stanza.get("Version")?).to_owned();
        let several = times.get(short).is_some_and(|count| *count > 1);
        let architecture = stanza.get("Architecture").copied().unwrap_or("unknown");
        let name = if several { format!("{short}:{architecture}") } else { short.to_owned() };
        let (source, source_version) = stanza.get("Source").map_or((None, None), |text| source_of(text));
        let source = source.filter(|source| source != short);
        let source_version = source_version.filter(|known| *known != version);
        let by_distribution =
            is_by_distribution(stanza.get("Maintainer").copied().unwrap_or_default(), &version);
        Some(Installed {
            package: limited(Package { name, version, source, source_version }),
            by_distribution,
        })
    };
    stanzas.iter().filter_map(installed).collect()
}

/// Names and versions have at most 256 letters, whatever the file says.
fn limited(package: Package) -> Package {
    let short = |text: String| if text.len() > 256 { text.chars().take(256).collect() } else { text };
    Package {
        name: short(package.name),
        version: short(package.version),
        source: package.source.map(short),
        source_version: package.source_version.map(short),
    }
}

fn fields(stanza: &str) -> BTreeMap<&str, &str> {
    let wanted = ["Package", "Status", "Version", "Architecture", "Source", "Maintainer"];
    let lines = stanza.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(key, _)| wanted.contains(key)).map(|(key, value)| (key, value.trim())).collect()
}

fn is_installed(stanza: &BTreeMap<&str, &str>) -> bool {
    stanza.get("Status").is_some_and(|status| status.ends_with(" installed"))
}

/// `name (version)` or `name`.
fn source_of(text: &str) -> (Option<String>, Option<String>) {
    match text.split_once(" (") {
        Some((name, version)) => (Some(name.to_owned()), Some(version.trim_end_matches(')').to_owned())),
        None => (Some(text.to_owned()), None),
    }
}

fn is_by_distribution(maintainer: &str, version: &str) -> bool {
    let foreign =
        ["pgdg", "sury", "nodesource", "~docker", "+maria"].iter().any(|mark| version.contains(mark));
    let own = ["debian.", "ubuntu.com", "canonical.com"].iter().any(|mark| maintainer.contains(mark));
    own && !foreign
}

/// Reads the tab separated lines of `rpm -qa`.
#[must_use]
pub fn parse_rpm(text: &str) -> Vec<Installed> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let (short, architecture) = (*fields.first()?, *fields.get(1)?);
        let version = (*fields.get(2)?).trim_start_matches("0:").to_owned();
        let source = fields
            .get(3)
            .and_then(|file| file.rsplitn(3, '-').last())
            .filter(|name| !name.is_empty() && *name != short);
        let name = if short.starts_with("kernel") {
            format!("{short}:{version}")
        } else {
            format!("{short}:{architecture}")
        };
        let vendor = fields.get(4).copied().unwrap_or_default();
        let by_distribution = ["Red Hat", "Rocky", "AlmaLinux", "CentOS", "Oracle", "MIRACLE"]
            .iter()
            .any(|own| vendor.contains(own));
        let package = Package { name, version, source: source.map(str::to_owned), source_version: None };
        Some(Installed { package: limited(package), by_distribution })
    };
    text.lines().filter_map(row).collect()
}

/// The whole list as facts, and the digest that names it.
#[must_use]
pub fn whole(inventory: &Inventory) -> (Vec<Fact>, String) {
    let packages: Vec<Package> =
        inventory.packages.iter().map(|installed| installed.package.clone()).collect();
    let foreign = inventory.foreign();
    let set = |(part, packages): (_, Vec<Package>)| {
        let (manager, coverage) = (inventory.manager.clone(), inventory.coverage.clone());
        let elsewhere = from_elsewhere(&packages, &foreign);
        Fact::PackageSet(PackageSet { part, manager, packages, elsewhere, coverage })
    };
    (in_parts(&packages).into_iter().map(set).collect(), digest_of(&packages))
}

/// Those of these packages that are not the distribution's; none where there are more than fit into a fact beside them, so
/// that nobody takes what is not named for the distribution's.
#[must_use]
pub fn from_elsewhere(packages: &[Package], foreign: &BTreeSet<&str>) -> Option<Vec<String>> {
    let names = packages.iter().map(|package| &package.name).filter(|name| foreign.contains(name.as_str()));
    let names: Vec<String> = names.cloned().collect();
    let letters: usize = names.iter().map(|name| name.len().saturating_add(3)).sum();
    (letters <= MOST_ELSEWHERE).then_some(names)
}

/// `KEY=value` lines of `os-release`, without quotes.
#[must_use]
pub fn parse_os_release(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.trim().split_once('='));
    let plain = |value: &str| value.trim_matches(['"', '\'']).chars().take(200).collect();
    lines.map(|(key, value)| (key.to_owned(), plain(value))).collect()
}

/// The operating system.
#[must_use]
pub fn system(sources: &Sources) -> Option<HostSystem> {
    let text = sources.read("/etc/os-release").or_else(|_| sources.read("/usr/lib/os-release")).ok()?;
    let release = parse_os_release(&text);
    let value = |key: &str| release.get(key).cloned().unwrap_or_default();
    let read = |path: &str| sources.read(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    Some(HostSystem {
        os: value("ID"),
        version: value("VERSION_ID"),
        codename: release.get("VERSION_CODENAME").cloned(),
        kernel: read("/proc/sys/kernel/osrelease"),
        hostname: read("/proc/sys/kernel/hostname"),
        architecture: std::env::consts::ARCH.to_owned(),
    })
}

/// The code name of the release (`bookworm`), which the distributor's own lists go by.
#[must_use]
pub fn release_name(sources: &Sources) -> Option<String> {
    let text = sources.read("/etc/os-release").or_else(|_| sources.read("/usr/lib/os-release")).ok()?;
    parse_os_release(&text).get("VERSION_CODENAME").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n\
        Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>\nDescription: x\n Version: 9\n\n\
        Package: libc6\nStatus: install ok installed\nArchitecture: i386\nSource: glibc\nVersion: 2.36-9\n\n\
        Package: old\nStatus: deinstall ok config-files\nVersion: 1\n\n\
        Package: bin\nStatus: install ok installed\nArchitecture: amd64\nSource: src (3.1)\nVersion: 3.1+b1\n";

    #[test]
    fn packages_that_are_not_the_distributions_are_named_beside_the_list() {
        let inventory = inventory("dpkg", parse_status(SAMPLE));
        let (facts, _) = whole(&inventory);
        let Fact::PackageSet(set) = &facts[0] else { panic!("{facts:?}") };
        assert_eq!(set.elsewhere.as_deref(), Some(["bin".to_owned(), "libc6:i386".to_owned()].as_slice()));
    }

    #[test]
    fn only_installed_packages_count_and_the_source_version_is_kept() {
        let found = parse_status(SAMPLE);
        let names: Vec<&str> = found.iter().map(|installed| installed.package.name.as_str()).collect();
        assert_eq!(names, ["libc6:amd64", "libc6:i386", "bin"]);
        assert_eq!(found[0].package.version, "2.36-9");
        assert_eq!(found[0].package.source.as_deref(), Some("glibc"));
        assert_eq!(found[2].package.source_version.as_deref(), Some("3.1"));
        assert!(found[0].by_distribution && !found[2].by_distribution);
    }

    #[test]
    fn this_host_has_as_many_packages_as_dpkg_says() {
        let Ok(listed) = output_of(
            Path::new("/usr/bin/dpkg-query"),
            &["-W", "-f", "${Package} ${db:Status-Status}\n"],
            Duration::from_secs(30),
        ) else {
            panic!("this test needs dpkg");
        };
        let expected = listed.lines().filter(|line| line.ends_with(" installed")).count();
        assert_eq!(read(&Sources::of_this_host()).unwrap().packages.len(), expected);
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in ".{0,300}", rows in "((Package|Status|Source|Version): [a-z (]{0,9}( installed)?\n{1,2}){0,8}") {
            let _ = (parse_status(&text), parse_status(&rows), parse_rpm(&text), parse_os_release(&text));
        }
    }
}
