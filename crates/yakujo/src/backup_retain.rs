//! `yakujo backup-retain`: removes what no generation needs, by the ledger, with credentials that the hosts do not have.
//!
//! ```text
//! ledger ◄─ planned: which ids, by which rule      a removal that is not in the ledger is not made
//!           removed from the repository            killed here: the plan stands without an outcome, and is shown so
//! ledger ◄─ done or failed: which are gone
//! ```

use crate::arguments::BackupRetain as Arguments;
use crate::folder;
use anyhow::{Context, bail};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use yakujo_backup::engine::{BackupError, Engine as _, Place};
use yakujo_backup::restic::{Restic, is_id};
use yakujo_contract::entry::{Author, Body, Entry};
use yakujo_contract::evidence::Evidence;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::backup::{BackupRetention, Lost, RetentionStage};
use yakujo_contract::id::{EntryNumber, HostId};
use yakujo_contract::retention::{Generations, Known, Removal, Series, Sorted, sort};
use yakujo_contract::terms::Terms;
use yakujo_server::console::Ask;

/// What the ledger holds of one repository.
#[derive(Default)]
struct History {
    known: Vec<Known>,
    removals: Vec<Removal>,
}

/// One job's part of a run: what is told before anything is removed.
struct Plan {
    host: HostId,
    told: BackupRetention,
}

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
    let mut history = History::default();
    let court = crate::status::judge_each(&terms, &folder.join("ledger"), now, |entry| {
        history.take(entry, &repository);
    })?;
    // After the ledger: whatever it tells of was made before, and is there or is gone.
    let present: BTreeSet<String> = restic.snapshots()?.into_iter().collect();
    let plans = plan(&history, &present, (&terms, court.evidence(), now), (&repository, &restic.tool()?))?;
    say(&plans, &present, &history);
    if !arguments.apply {
        return Ok(ExitCode::SUCCESS);
    }
    apply(&restic, plans, |host, retention| {
        let ask = Ask::BackupRetained { host: host.clone(), retention };
        crate::console::ask::<EntryNumber>(data, &arguments.contract, &ask).map(|_| ())
    })
}

impl History {
    fn take(&mut self, entry: &Entry, repository: &str) {
        match (&entry.body, &entry.author) {
            (Body::Fact(Fact::BackupRun(run)), Author::Agent(author)) => {
                // Another product may call its snapshots as it likes.
                let is_own = entry.host.as_ref() == Some(author) && is_id(&run.snapshot);
                if is_own && run.is_good() && run.repository == repository {
                    self.known.push(Known {
                        series: Series { host: author.clone(), job: run.job.clone() },
                        snapshot: run.snapshot.clone(),
                        received: entry.received,
                    });
                }
            }
            (Body::Fact(Fact::BackupRetention(told)), Author::Server) if told.repository == repository => {
                let Some(host) = entry.host.clone() else { return };
                self.removals.push(Removal {
                    series: Series { host, job: told.job.clone() },
                    received: entry.received,
                    rule: told.generations,
                    snapshots: told.removed.iter().cloned().collect(),
                });
            }
            _ => {}
        }
    }

    /// How many of these the ledger never heard of.
    fn unknown(&self, present: &BTreeSet<String>) -> usize {
        let heard: BTreeSet<&String> = self.known.iter().map(|run| &run.snapshot).collect();
        present.iter().filter(|id| !heard.contains(id)).count()
    }

    /// Needed, not there, and no removal explains it; in the order in which the ledger heard of them.
    fn lost(&self, series: &Series, sorted: &Sorted, present: &BTreeSet<String>) -> Vec<Lost> {
        let mut heard: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for run in self.known.iter().filter(|run| run.series == *series) {
            let first = heard.entry(&run.snapshot).or_insert(run.received);
            *first = (*first).min(run.received);
        }
        let is_explained = |id: &str| self.removals.iter().any(|removal| removal.explains(&self.known, id));
        let is_lost = |id: &&String| !present.contains(*id) && !is_explained(id);
        let mut lost: Vec<Lost> = sorted
            .needed
            .iter()
            .filter(is_lost)
            .filter_map(|id| Some(Lost { snapshot: id.clone(), heard: *heard.get(id.as_str())? }))
            .collect();
        lost.sort_by_key(|lost| lost.heard);
        lost.truncate(BackupRetention::MOST);
        lost
    }
}

fn plan(
    history: &History,
    present: &BTreeSet<String>,
    (terms, evidence, now): (&Terms, &Evidence, Timestamp),
    (repository, tool): (&str, &str),
) -> anyhow::Result<Vec<Plan>> {
    let rule = |series: &Series| Generations::of_host(terms, evidence, &series.host, now);
    let run = name_of_a_run()?;
    let unknown = history.unknown(present);
    let mut plans = Vec::new();
    for (series, sorted) in sort(&history.known, |series| rule(series).1) {
        let (rank, generations) = rule(&series);
        let spare: Vec<String> = sorted.spare.intersection(present).cloned().collect();
        let removed: Vec<String> = spare.iter().take(BackupRetention::MOST).cloned().collect();
        let waiting = count(spare.len().saturating_sub(removed.len()));
        let told = BackupRetention {
            run: run.clone(),
            stage: RetentionStage::Planned,
            repository: repository.to_owned(),
            job: series.job.clone(),
            rank,
            generations,
            kept: count(sorted.needed.intersection(present).count()).saturating_add(waiting),
            removed,
            waiting,
            lost: history.lost(&series, &sorted, present),
            unknown: count(unknown),
            reason: String::new(),
            tool: tool.to_owned(),
            ended: now,
        };
        plans.push(Plan { host: series.host, told });
    }
    Ok(plans)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn name_of_a_run() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no random bytes from the operating system"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn say(plans: &[Plan], present: &BTreeSet<String>, history: &History) {
    let unknown = history.unknown(present);
    println!("{} snapshots; {unknown} are not in the ledger and stay", present.len());
    for Plan { host, told } in plans {
        let Generations { hourly, daily, weekly, monthly } = told.generations;
        let [hourly, daily, weekly, monthly] = [hourly, daily, weekly, monthly]
            .map(|most| most.map_or_else(|| "all".to_owned(), |most| most.to_string()));
        let rank = told.rank.map_or_else(|| "not agreed".to_owned(), |rank| format!("{rank:?}"));
        println!(
            "{host}, {}: rank {rank}: {hourly} hours, {daily} days, {weekly} weeks, {monthly} months (P-25)",
            told.job
        );
        println!("  {} stay, {} are no longer needed", told.kept, told.removed.len());
        told.removed.iter().for_each(|id| println!("    {id}"));
        if told.waiting > 0 {
            println!("  {} more are no longer needed and go with the next run", told.waiting);
        }
        for lost in &told.lost {
            println!("  LOST: {} of {} is needed, and is not there", lost.snapshot, lost.heard);
        }
    }
}

/// Tells, removes, tells what came of it.
fn apply(
    restic: &Restic,
    plans: Vec<Plan>,
    tell: impl Fn(&HostId, BackupRetention) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    if plans.is_empty() {
        bail!("the ledger knows no snapshot of this repository: nothing is removed");
    }
    for plan in plans.iter().filter(|plan| !plan.told.removed.is_empty()) {
        tell(&plan.host, plan.told.clone()).context("nothing was removed")?;
    }
    let going: BTreeSet<&str> =
        plans.iter().flat_map(|plan| &plan.told.removed).map(String::as_str).collect();
    let going: Vec<&str> = going.into_iter().collect();
    let failed = if going.is_empty() { None } else { restic.forget(&going).err() };
    let left: Option<BTreeSet<String>> =
        failed.as_ref().and_then(|_| restic.snapshots().ok()).map(|left| left.into_iter().collect());
    for plan in &plans {
        tell(&plan.host, outcome(&plan.told, failed.as_ref(), left.as_ref()))
            .context("what was removed is not entered; the plan of it is")?;
    }
    failed.map_or(Ok(ExitCode::SUCCESS), |error| Err(error).context("not everything was removed"))
}

/// What came of a plan; `left` is what is there after a removal that failed, where that can be seen.
fn outcome(
    planned: &BackupRetention,
    failed: Option<&BackupError>,
    left: Option<&BTreeSet<String>>,
) -> BackupRetention {
    let mut told =
        BackupRetention { stage: RetentionStage::Done, ended: Timestamp::now(), ..planned.clone() };
    let Some(error) = failed.filter(|_| !planned.removed.is_empty()) else { return told };
    told.stage = RetentionStage::Failed;
    told.reason = error.to_string().chars().take(400).collect();
    match left {
        Some(left) => told.removed.retain(|id| !left.contains(id)),
        None => {
            told.removed.clear();
            told.reason.push_str("; what is gone could not be listed");
        }
    }
    let stay = planned.removed.len().saturating_sub(told.removed.len());
    told.kept = told.kept.saturating_add(count(stay));
    told
}
