//! `yakujo gate`: answers the opens that the agent holds. The agent starts it and speaks to it on standard input.

use anyhow::Context;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

/// Answers until the agent is gone.
pub fn run() -> anyhow::Result<ExitCode> {
    yakujo_agent::malware::opens::gate::run(std::io::stdin().as_fd(), jiff::Timestamp::now)
        .context("opens are not held")?;
    Ok(ExitCode::SUCCESS)
}
