//! `cargo xtask test`: everything, on a bare Debian machine, from nothing.

use crate::cache::Place;
use crate::check;
use crate::prepare;
use crate::steps::{self, Outcome, Overall, Steps};

/// Installs, checks, tests; closes with one line per step.
///
/// # Errors
/// The build cache cannot be pruned.
pub fn run(place: &Place) -> anyhow::Result<Overall> {
    place.prune()?;
    let mut steps = Steps::default();
    steps.step("needs of the tests", || prepare::run(place));
    check::all(place, &mut steps);
    steps.step("tests", || tests(place));
    steps.step("doc tests", || {
        steps::run(place.cargo().args(["test", "--doc", "--workspace", "--locked", "--quiet"]))
    });
    Ok(steps.close("test"))
}

/// nextest where it is installed (a process per test, so that a hung one is named), else cargo's own runner.
fn tests(place: &Place) -> anyhow::Result<Outcome> {
    let nextest = place.cargo().args(["nextest", "--version"]).output();
    if nextest.is_ok_and(|output| output.status.success()) {
        let arguments =
            ["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--status-level", "slow"];
        return steps::run(place.cargo().args(arguments));
    }
    let arguments =
        ["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"];
    steps::run(place.cargo().args(arguments))
}
