//! What the tests need on a bare Debian machine: real programs, not stand-ins. Only what is missing is installed;
//! when all is there, neither apt nor npm is called.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::cache::Place;
use crate::steps::{self, Outcome};

/// How to see that a need is met.
enum Proof {
    /// dpkg knows the package as installed.
    Package,
    /// A program of this name answers to `--version`; it may have come from elsewhere.
    Program(&'static str),
}

/// One Debian package that tests use.
struct Need {
    package: &'static str,
    proof: Proof,
    /// Which tests use it.
    why: &'static str,
}

const NEEDS: &[Need] = &[
    Need { package: "chromium", proof: Proof::Package, why: "browser stories" },
    Need { package: "chromium-driver", proof: Proof::Package, why: "browser stories" },
    Need { package: "clamav-daemon", proof: Proof::Package, why: "c02: the malware engine as it is" },
    Need { package: "clamdscan", proof: Proof::Package, why: "c02: what scanning is measured beside" },
    Need { package: "chrony", proof: Proof::Package, why: "c06: a chronyd of the test's own" },
    Need { package: "curl", proof: Proof::Package, why: "stories: pages as a program fetches them" },
    Need { package: "iproute2", proof: Proof::Package, why: "network namespaces" },
    Need { package: "nftables", proof: Proof::Package, why: "cut connections" },
    Need { package: "nginx-light", proof: Proof::Package, why: "c07: a web server that is stopped" },
    Need { package: "postgresql", proof: Proof::Package, why: "c07: a data base that is stopped" },
    Need { package: "nodejs", proof: Proof::Program("node"), why: "verify.html outside a browser" },
    Need {
        package: "npm",
        proof: Proof::Program("npm"),
        why: "axe-core for the browser stories, an object store for backups",
    },
    Need { package: "python3-aiosmtpd", proof: Proof::Package, why: "notices: a mail server to send to" },
    Need { package: "poppler-utils", proof: Proof::Package, why: "text of printed pages" },
    Need {
        package: "fonts-morisawa-bizud-gothic",
        proof: Proof::Package,
        why: "Japanese text in screenshots and on paper",
    },
    Need { package: "fonts-noto-cjk", proof: Proof::Package, why: "rare characters on paper" },
    Need { package: "libreoffice-calc-nogui", proof: Proof::Package, why: "workbooks in a real reader" },
    Need { package: "openssh-client", proof: Proof::Package, why: "c04, c05: who logs in" },
    Need {
        package: "openssh-server",
        proof: Proof::Package,
        why: "c04, c05: an sshd of the test's own; c10: a repository by SFTP",
    },
    Need { package: "sudo", proof: Proof::Package, why: "c05: privilege as it is used" },
    Need { package: "systemd", proof: Proof::Package, why: "c05: a journal of the test's own" },
    Need { package: "podman", proof: Proof::Package, why: "c08: containers as they are" },
    Need { package: "runc", proof: Proof::Package, why: "c08: what starts a container" },
    Need { package: "busybox-static", proof: Proof::Package, why: "c08: what is in a container" },
    Need { package: "mariadb-server", proof: Proof::Package, why: "c08: the structure of a data base" },
    Need {
        package: "restic",
        proof: Proof::Package,
        why: "c10: the other implementation of the repository format",
    },
    Need { package: "rclone", proof: Proof::Package, why: "c10: a place for backups that only adds" },
    Need {
        package: "minisign",
        proof: Proof::Package,
        why: "c03: signatures of feed bundles, verified by another program",
    },
    Need {
        package: "gcc-mingw-w64-x86-64-win32",
        proof: Proof::Package,
        why: "check: what is C in the agent, compiled for Windows",
    },
    Need { package: "distro-info-data", proof: Proof::Package, why: "c03: support end of the system" },
    Need { package: "debian-security-support", proof: Proof::Package, why: "c03: support end of packages" },
];

/// The version ranges of the checker of WCAG rules, and of an object store to back up to.
const NPM: [&str; 2] = ["axe-core@4", "s3rver@3"];

/// Installs what is missing.
///
/// # Errors
/// A program of the base system (dpkg-query, apt-get) cannot be started.
pub fn run(place: &Place) -> anyhow::Result<Outcome> {
    let missing = missing_packages();
    if !missing.is_empty() {
        for need in &missing {
            println!("missing: {} ({})", need.package, need.why);
        }
        if let Outcome::Failed(reason) = install(place, &missing)? {
            return Ok(Outcome::Failed(reason));
        }
    }
    npm(place)
}

fn missing_packages() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !is_met(need)).collect()
}

fn is_met(need: &Need) -> bool {
    match need.proof {
        Proof::Program(name) => {
            Command::new(name).arg("--version").output().is_ok_and(|it| it.status.success())
        }
        Proof::Package => {
            let query = Command::new("dpkg-query").args(["-W", "-f", "${Status}", need.package]).output();
            query.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).ends_with(" installed"))
        }
    }
}

fn install(place: &Place, missing: &[&Need]) -> anyhow::Result<Outcome> {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if !Path::new("/etc/debian_version").exists() || !is_root()? {
        let list = packages.join(" ");
        return Ok(Outcome::Failed(format!(
            "packages are missing and only root on Debian can install them here; as root: apt-get install {list}"
        )));
    }
    let updated = steps::run(apt(place).args(["update"]))?;
    if let Outcome::Failed(reason) = updated {
        return Ok(Outcome::Failed(reason));
    }
    steps::run(apt(place).args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn apt(place: &Place) -> Command {
    let mut command = place.command("apt-get");
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> anyhow::Result<bool> {
    let output = Command::new("id").arg("-u").output().context("running id")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim() == "0")
}

fn npm(place: &Place) -> anyhow::Result<Outcome> {
    let is_there = || place.axe().exists() && place.s3rver().exists();
    if is_there() {
        return Ok(Outcome::Passed);
    }
    std::fs::create_dir_all(&place.npm).with_context(|| format!("making {}", place.npm.display()))?;
    let mut npm = place.command("npm");
    npm.args(["install", "--silent", "--no-save", "--prefix"]).arg(&place.npm).args(NPM);
    match steps::run(&mut npm)? {
        Outcome::Failed(reason) => Ok(Outcome::Failed(format!("{reason}: is the npm registry reachable?"))),
        Outcome::Passed | Outcome::Remark(_) if is_there() => Ok(Outcome::Passed),
        Outcome::Passed | Outcome::Remark(_) => {
            Ok(Outcome::Failed(format!("npm installed {}, but not every file is there", NPM.join(" and "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_a_need_not_met() {
        let absent = Need { package: "none", proof: Proof::Program("no-such-program-at-all"), why: "" };
        let present = Need { package: "none", proof: Proof::Program("cargo"), why: "" };
        assert!(!is_met(&absent));
        assert!(is_met(&present));
    }

    #[test]
    fn a_package_that_is_not_there_is_a_need_not_met() {
        assert!(!is_met(&Need { package: "no-such-package-at-all", proof: Proof::Package, why: "" }));
    }

    #[test]
    fn every_need_says_what_it_is_for() {
        assert!(NEEDS.iter().all(|need| !need.why.is_empty()));
    }
}
