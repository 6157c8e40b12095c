//! `yakujo backup-retain`: removes what no generation needs, by the ledger, with credentials that the hosts do not have.

use crate::arguments::BackupRetain as Arguments;
use crate::folder;
use anyhow::Context;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use yakujo_backup::engine::{Engine as _, Place};
use yakujo_backup::restic::Restic;
use yakujo_contract::entry::{Author, Body, Entry};
use yakujo_contract::fact::Fact;
use yakujo_contract::retention::{Generations, Known, to_forget};

/// Runs the command.
pub fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = folder::contract(data, &arguments.contract)?;
    crate::console::publish(data, &arguments.contract);
    let terms = crate::replay::load_terms(Some(&folder.join("contract.toml")))?;
    let restic = Restic::new(Place {
        repository: arguments.repository.clone(),
        password: arguments.password.clone(),
        ssh_config: arguments.ssh_config.clone(),
        credentials: arguments.credentials.clone(),
    });
    let repository = restic.identity()?;
    let now = Timestamp::now();
    let mut known = Vec::new();
    let court = crate::status::judge_each(&terms, &folder.join("ledger"), now, |entry| {
        known.extend(run_of(entry, &repository));
    })?;
    let generations = Generations::of(&terms, court.evidence(), now);
    let forget = to_forget(&known, generations);
    let present: BTreeSet<String> = restic.snapshots()?.into_iter().collect();
    let heard: BTreeSet<&String> = known.iter().map(|run| &run.snapshot).collect();
    let going: Vec<&str> = present.intersection(&forget).map(String::as_str).collect();
    let unknown = present.iter().filter(|id| !heard.contains(id)).count();
    let Generations { daily, weekly, monthly } = generations;
    println!("{} snapshots; kept: {daily} days, {weekly} weeks, {monthly} months (P-25)", present.len());
    println!("{} are no longer needed; {unknown} are not in the ledger and stay", going.len());
    if !arguments.apply {
        going.iter().for_each(|id| println!("  {id}"));
        return Ok(ExitCode::SUCCESS);
    }
    if !going.is_empty() {
        restic.forget(&going).context("the snapshots were not removed")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A good run of this repository, told by an agent of its own host.
fn run_of(entry: &Entry, repository: &str) -> Option<Known> {
    let (Body::Fact(Fact::BackupRun(run)), Author::Agent(author)) = (&entry.body, &entry.author) else {
        return None;
    };
    let is_own = entry.host.as_ref() == Some(author);
    (is_own && run.is_good() && run.repository == repository).then(|| Known {
        series: format!("{author}/{}", run.job),
        snapshot: run.snapshot.clone(),
        received: entry.received,
    })
}
