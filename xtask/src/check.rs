//! `cargo xtask check`: formatting, lints, the rules of the house, dependencies. CI runs the same and nothing more.

use std::path::PathBuf;

use anyhow::Context;

use crate::cache::Place;
use crate::steps::{self, Outcome, Overall, Steps};
use crate::tidy;
use crate::windows;

/// Newer ones may read `deny.toml` differently; a change of version is a commit.
const CARGO_DENY: &str = "0.20.2";

/// Seconds that the advisory database may take to arrive before the run goes on without it.
const ADVISORY_PATIENCE: &str = "90";

/// All checks, with a closing summary.
///
/// # Errors
/// The summary cannot be given at all (no repository).
pub fn run(place: &Place) -> anyhow::Result<Overall> {
    let mut steps = Steps::default();
    all(place, &mut steps);
    Ok(steps.close("check"))
}

/// The rules of the house alone.
///
/// # Errors
/// The repository cannot be read.
pub fn tidy_alone(place: &Place) -> anyhow::Result<Overall> {
    let mut steps = Steps::default();
    steps.step("tidy", || tidy_step(place));
    Ok(steps.close("tidy"))
}

/// Appends every check to a run.
pub fn all(place: &Place, steps: &mut Steps) {
    steps.step("format", || steps::run(place.cargo().args(["fmt", "--all", "--check"])));
    steps.step("tidy", || tidy_step(place));
    steps.step("clippy", || {
        let flags = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        steps::run(place.cargo().args(flags))
    });
    steps.step("windows", || windows::check(place));
    steps.step("licences, bans, sources", || deny(place, &["licenses", "bans", "sources"]));
    steps.step("advisories", || advisories(place));
}

fn tidy_step(place: &Place) -> anyhow::Result<Outcome> {
    let tree = tidy::tree::Tree::load(&place.root)?;
    let findings = tidy::findings(&tree);
    for finding in &findings {
        eprintln!("{finding}");
    }
    let rules = tidy::RULES.len();
    Ok(match findings.len() {
        0 => Outcome::Remark(format!("{rules} rules, {} files", tree.len())),
        count => Outcome::Failed(format!("{count} findings, see above")),
    })
}

fn deny(place: &Place, what: &[&str]) -> anyhow::Result<Outcome> {
    let program = cargo_deny(place)?;
    steps::run(place.command(program).args(["--log-level", "error", "--locked", "check"]).args(what))
}

/// Known weaknesses of dependencies. The database is fetched by git; where it cannot be reached the run says so and
/// passes, because a closed network must be able to build, and never says "none found".
fn advisories(place: &Place) -> anyhow::Result<Outcome> {
    let program = cargo_deny(place)?;
    let mut fetch = place.command("timeout");
    fetch.arg(ADVISORY_PATIENCE).arg(&program).args(["--log-level", "off", "fetch", "db"]);
    fetch.env("GIT_TERMINAL_PROMPT", "0");
    let fetched = fetch.output().context("running timeout (Debian: coreutils)")?;
    if !fetched.status.success() {
        println!("advisories: not checked, database not reachable");
        return Ok(Outcome::Remark("not checked, database not reachable".to_owned()));
    }
    deny(place, &["--disable-fetch", "advisories"])
}

/// Builds cargo-deny once into the cache and gives its path.
fn cargo_deny(place: &Place) -> anyhow::Result<PathBuf> {
    let program = place.tools.join("bin/cargo-deny");
    let version = place.command(&program).arg("--version").output();
    let wanted = format!("cargo-deny {CARGO_DENY}");
    if version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted) {
        return Ok(program);
    }
    println!("building cargo-deny {CARGO_DENY} once");
    let mut install = place.cargo();
    install.args([
        "install",
        "cargo-deny",
        "--quiet",
        "--locked",
        "--profile",
        "dev",
        "--version",
        CARGO_DENY,
    ]);
    install.arg("--root").arg(&place.tools);
    match steps::run(&mut install)? {
        Outcome::Failed(reason) => {
            anyhow::bail!("{reason}: cargo-deny could not be built; is the registry reachable?")
        }
        Outcome::Passed | Outcome::Remark(_) => Ok(program),
    }
}
