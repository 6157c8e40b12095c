//! A run is a list of named steps. Every step is tried, so that one run shows everything that is wrong, and the
//! run closes with one line per step.

use std::process::Command;
use std::time::{Duration, Instant};

/// How a whole run ended.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// Every step passed or was skipped with a reason.
    Passed,
    /// At least one step failed.
    Failed,
}

/// How one step ended.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Passed,
    /// Done, with a word on what was not possible.
    Remark(String),
    /// Not done, or done and found wrong.
    Failed(String),
}

/// The steps of a run and how they ended.
#[derive(Default)]
pub struct Steps {
    rows: Vec<(String, Outcome, Duration)>,
}

impl Steps {
    /// Does one step and notes how it ended; an error is a failure of this step, not of the run.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<Outcome>) {
        println!("== {name}");
        let began = Instant::now();
        let outcome = work().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if let Outcome::Failed(reason) = &outcome {
            eprintln!("{name}: {reason}");
        }
        self.rows.push((name.to_owned(), outcome, began.elapsed()));
    }

    /// Prints one line per step and gives the verdict over all.
    pub fn close(&self, title: &str) -> Overall {
        println!("\n{title}:");
        for (name, outcome, took) in &self.rows {
            println!("{}", line(name, outcome, *took));
        }
        let failed = self.rows.iter().filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_))).count();
        match failed {
            0 => {
                println!("{title}: passed");
                Overall::Passed
            }
            count => {
                println!("{title}: {count} of {} steps failed", self.rows.len());
                Overall::Failed
            }
        }
    }
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match outcome {
        Outcome::Passed => format!("  ok      {name} ({seconds:.1} s)"),
        Outcome::Remark(remark) => format!("  ok      {name} ({seconds:.1} s): {remark}"),
        Outcome::Failed(reason) => format!("  FAILED  {name} ({seconds:.1} s): {reason}"),
    }
}

/// Runs a program to its end and shows its output.
///
/// # Errors
/// The program cannot be started (it is not installed).
pub fn run(command: &mut Command) -> anyhow::Result<Outcome> {
    let shown = shown(command);
    let status = command.status().map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
    if status.success() {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Failed(format!("`{shown}` ended with {status}")))
}

/// The command as a person would type it, without folders of this machine.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |text, argument| format!("{text} {}", argument.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_run_but_the_next_is_still_tried() {
        let mut steps = Steps::default();
        let mut tried = false;
        steps.step("first", || anyhow::bail!("broken"));
        steps.step("second", || {
            tried = true;
            Ok(Outcome::Passed)
        });
        assert!(tried);
        assert_eq!(steps.close("test"), Overall::Failed);
    }

    #[test]
    fn a_remark_does_not_fail_the_run() {
        let mut steps = Steps::default();
        steps.step("first", || Ok(Outcome::Remark("not reachable".to_owned())));
        assert_eq!(steps.close("test"), Overall::Passed);
    }

    #[test]
    fn a_program_that_fails_or_is_absent_is_reported() {
        assert_eq!(run(&mut Command::new("true")).unwrap(), Outcome::Passed);
        assert!(matches!(run(&mut Command::new("false")).unwrap(), Outcome::Failed(_)));
        assert!(run(&mut Command::new("no-such-program-at-all")).is_err());
    }
}
