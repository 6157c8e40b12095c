//! The one binary people start. It composes the libraries and turns errors into an exit code; nothing more.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use, 3 verified and found altered.

mod act;
mod agent;
mod arguments;
mod backup_job;
mod backup_key;
mod backup_retain;
mod bundle;
mod console;
mod copy;
mod doctor;
mod feed;
mod folder;
mod gate;
mod host;
mod idle_try;
mod paper;
mod replay;
mod report;
mod standings;
mod status;
mod up;
mod user;
mod verify;

use arguments::{Arguments, Command};
use clap::Parser;
use std::io::IsTerminal as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was installed already");
    }
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("yakujo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let data = || folder::data(arguments.data.as_deref());
    match &arguments.command {
        Command::Up(up) => up::up(&data()?, up),
        Command::Serve(up) => up::serve(&data()?, up),
        Command::Agent(agent) => agent::run(&data()?, agent),
        Command::Act => act::run(&data()?),
        Command::Gate => gate::run(),
        Command::Reach => agent::reach(&data()?),
        Command::Part(part) => agent::part(&data()?, part),
        Command::Status(status) => status::run(&data()?, status),
        Command::Replay(replay) => replay::run(replay),
        Command::Report(report) => report::run(data, report),
        Command::Verify(verify) => verify::run(verify),
        Command::Bundle(bundle) => bundle::run(&data()?, bundle),
        Command::User(user) => user::run(&data()?, user),
        Command::Host(host) => host::run(&data()?, host),
        Command::BackupJob(job) => backup_job::run(job),
        Command::IdleTry(one) => idle_try::run(&data()?, one),
        Command::BackupRetain(retain) => backup_retain::run(&data()?, retain),
        Command::BackupKey(key) => backup_key::run(data, key),
        Command::Feed(feed) => feed::run(&data()?, feed),
        Command::Backup(backup) => copy::backup(&data()?, backup),
        Command::Restore(restore) => copy::restore(&data()?, restore),
        Command::Doctor(doctor) => doctor::run(&data()?, doctor),
    }
}

/// One readable sentence per event on standard error; `YAKUJO_LOG` chooses how much.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("YAKUJO_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,yakujo=info"));
    // Colours are for a terminal, not for a journal.
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    log.with_target(false).init();
}
