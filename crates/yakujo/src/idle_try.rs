//! `yakujo idle-try`: leaves a session alone now; what came of it is recorded like what the agent tries by itself.

use crate::arguments::IdleTry as Arguments;
use anyhow::Context;
use jiff::Timestamp;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use yakujo_contract::fact::probe::ProbeSessionCut;

/// Runs the command. The exit code is 1 where the session was not cut, or could not be tried.
pub fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(2).enable_all().build();
    let place = (arguments.target.as_str(), arguments.role.as_str());
    let clock = Arc::new(Timestamp::now);
    let folder = data.join("agent");
    let tried = yakujo_agent::idle::try_now(&folder, place, arguments.seconds, clock);
    let told = runtime.context("the asynchronous runtime cannot be started")?.block_on(tried);
    let told = told.map_err(anyhow::Error::msg)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&told)?);
    } else {
        println!("{} ({}): {}", told.target, told.role, words(&told));
    }
    let is_well = told.not_tried.is_none() && told.cut && told.old_token_refused;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(told: &ProbeSessionCut) -> String {
    let after = format!("after {} s without use", told.idle_s);
    match (&told.not_tried, told.cut, told.old_token_refused) {
        (Some(why), ..) => format!("could not be tried: {why}"),
        (None, true, true) => format!("cut {after}"),
        (None, true, false) => format!("cut {after}, but its old token was taken again"),
        (None, false, _) => format!("not cut {after}"),
    }
}
