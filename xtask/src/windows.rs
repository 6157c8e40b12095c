//! The crates that know no system, compiled for Windows and linted, nothing more: no program is made, none is run. That the parts
//! for Linux stay behind their boundary is all that this shows.

use std::process::Command;

use crate::cache::Place;
use crate::steps::{self, Outcome};

/// For what is compiled.
pub const TARGET: &str = "x86_64-pc-windows-gnu";
/// Compiles what is C in the dependencies, for the target.
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Seconds that the target's standard library may take to arrive before the run goes on without it.
const PATIENCE: &str = "120";
/// What is compiled. Not `yakujo-backup`: owner, mode and inode are what its manifests compare. Not the server, the paper, and the
/// program that starts them: they are for Linux.
const CRATES: [&str; 6] =
    ["yakujo-contract", "yakujo-ledger", "yakujo-inspect", "yakujo-feed", "yakujo-probe", "yakujo-agent"];

/// Compiles them, or says plainly that it did not.
///
/// # Errors
/// Cargo cannot be started.
pub fn check(place: &Place) -> anyhow::Result<Outcome> {
    if !has_target(TARGET) {
        fetch();
    }
    if let Some(missing) = missing(TARGET, COMPILER) {
        let remark = format!("not checked: {missing} not installed");
        println!("windows: {remark}");
        return Ok(Outcome::Remark(remark));
    }
    let mut clippy = place.cargo();
    clippy.args(["clippy", "--locked", "--target", TARGET]);
    CRATES.iter().for_each(|name| {
        clippy.args(["--package", name]);
    });
    steps::run(clippy.args(["--", "-D", "warnings"]))
}

/// What is not there of what is needed.
fn missing(target: &str, compiler: &str) -> Option<String> {
    if !has_target(target) {
        return Some(format!("target {target}"));
    }
    let found = Command::new(compiler).arg("--version").output().is_ok();
    (!found).then(|| format!("{compiler} (Debian: gcc-mingw-w64-x86-64-win32)"))
}

/// Whether the compiler has a standard library for the target.
fn has_target(target: &str) -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    output.is_ok_and(|it| {
        it.status.success() && std::path::Path::new(String::from_utf8_lossy(&it.stdout).trim()).is_dir()
    })
}

/// Tries once to fetch it. A closed network must be able to check everything else.
fn fetch() {
    let rustup = Command::new("timeout").args([PATIENCE, "rustup", "target", "add", TARGET]).output();
    // Whether it worked is seen afterwards.
    drop(rustup);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let own = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        assert_eq!(missing("no-such-target", "cargo").as_deref(), Some("target no-such-target"));
        assert!(missing(&own, "no-such-compiler").is_some_and(|it| it.starts_with("no-such-compiler (")));
        assert_eq!(missing(&own, "cargo"), None);
    }

    #[test]
    fn every_crate_that_is_named_exists() {
        let place = Place::find().unwrap();
        for name in CRATES {
            let folder = name.trim_start_matches("yakujo-");
            assert!(place.root.join("crates").join(folder).join("Cargo.toml").exists(), "{name}");
        }
    }
}
