//! `cargo xtask`: what a person or the CI runs around the product. `check` before a review, `test` for
//! everything, `bench` and `soak` for the long runs, `demo` to look at it.

mod cache;
mod check;
mod named;
mod prepare;
mod steps;
mod suite;
mod tidy;
mod windows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks, tests and long runs of Yakujo.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Formatting, lints, the rules of the house, licences of dependencies.
    Check,
    /// The rules of the house alone (a second or two).
    Tidy,
    /// Installs what the tests need on Debian, then `check`, then every test.
    Test,
    /// A measurement; ends with one line `bench NAME key=value …`. Without a name: the list.
    Bench { name: Option<String> },
    /// A long run: hundreds of kills, every byte of a ledger. Without a name: the list.
    Soak { name: Option<String> },
    /// Starts the product with a data folder of its own under the system's temporary folder.
    Demo,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(steps::Overall::Passed) => ExitCode::SUCCESS,
        Ok(steps::Overall::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<steps::Overall> {
    let place = cache::Place::find()?;
    match task {
        Task::Check => check::run(&place),
        Task::Tidy => check::tidy_alone(&place),
        Task::Test => suite::run(&place),
        Task::Bench { name } => named::bench(&place, name.as_deref()),
        Task::Soak { name } => named::soak(&place, name.as_deref()),
        Task::Demo => named::demo(&place),
    }
}
