//! Two thousand files change at once, once while the agent runs and once while it cannot listen and the kernel's queue
//! overflows. Every file ends up in the ledger as it lies on the disk; that events were lost is said. The agent is a
//! process of its own, so that what it costs can be measured.

use anyhow::{Context, ensure};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_contract::entry::Entry;
use yakujo_contract::fact::Fact;
use yakujo_contract::thing::Object;
use yakujo_stories::City;

const TEST: &str = "bursts::every_file_of_a_burst_is_in_the_ledger_also_where_the_kernel_lost_events";
/// Set where this program is the agent: its folder, and the address of the intake.
const FOLDER: &str = "YAKUJO_BURST_AGENT";
const INTAKE: &str = "YAKUJO_BURST_INTAKE";
const FILES: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(180);

/// The agent as a process of its own.
struct Agent(Child);

impl Agent {
    fn start(folder: &Path, city: &City) -> anyhow::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args(["--exact", TEST, "--nocapture"])
            .env(FOLDER, folder)
            .env(INTAKE, city.server.intake.to_string())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status()?;
        ensure!(sent.success(), "kill {name}: {sent}");
        Ok(())
    }

    /// Milliseconds of processor time so far, and resident memory in MiB: now and at most.
    fn cost(&self) -> anyhow::Result<(u64, u64, u64)> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let after = stat.rsplit_once(')').context("a name")?.1;
        let ticks = after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok());
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = |key: &str| {
            let text = status.lines().find_map(|line| line.strip_prefix(key))?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        let mib = |key: &str| Ok::<_, anyhow::Error>(line(key).with_context(|| key.to_owned())? / 1024);
        // A tick is 10 ms on every Linux there is.
        Ok((ticks.sum::<u64>() * 10, mib("VmRSS:")?, mib("VmHWM:")?))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Already gone is as good; a stopped process is killed as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This program as the agent: until it is killed.
fn be_the_agent(folder: PathBuf) -> anyhow::Result<()> {
    let intake = std::env::var(INTAKE)?.parse()?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = yakujo_agent::Settings {
        folder,
        intake: Some(intake),
        sources: yakujo_agent::reading::Sources::of_this_host(),
        clock: std::sync::Arc::new(jiff::Timestamp::now),
        home: yakujo_agent::Home::Parts,
        hand: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let _agent = yakujo_agent::start(settings).await?;
        std::future::pending::<anyhow::Result<()>>().await
    })
}

fn name(tree: &Path, number: usize) -> PathBuf {
    tree.join(format!("{:02}/page-{number:04}.html", number % 20))
}

fn write_all(tree: &Path, text: &str) -> anyhow::Result<()> {
    for number in 0..FILES {
        std::fs::write(name(tree, number), format!("{text} {number}\n"))?;
    }
    Ok(())
}

/// How many files the ledger knows otherwise than they lie there.
fn unlike(city: &City, tree: &Path) -> anyhow::Result<usize> {
    let mut known = BTreeMap::new();
    {
        let office = city.office()?;
        let court = office.court();
        let main = "main".parse()?;
        let files = court.occurrences(&main).filter(|(_, it, _)| it.object == Object::File);
        for (_, it, _) in files {
            let newest = known.entry(it.name.clone()).or_insert((it.when.last(), it.digest_after.clone()));
            if newest.0 <= it.when.last() {
                *newest = (it.when.last(), it.digest_after.clone());
            }
        }
    }
    let mut unlike = 0;
    for number in 0..FILES {
        let path = name(tree, number);
        let sum = Sha256::digest(std::fs::read(&path)?);
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let told = known.get(&*path.to_string_lossy()).and_then(|(_, digest)| digest.as_ref());
        unlike += usize::from(told.is_none_or(|told| told.as_str() != sum));
    }
    Ok(unlike)
}

async fn until_alike(city: &City, tree: &Path) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        let left = unlike(city, tree)?;
        if left == 0 {
            return Ok(began.elapsed());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "{left} files of {FILES} are not in the ledger as they lie there"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Whether some fact says that events of the kernel were lost.
fn loss_is_said(city: &City) -> anyhow::Result<bool> {
    let says = |fact: &Fact| matches!(fact, Fact::IntegrityChange(change) if change.coverage.reason.contains("events of the kernel were lost"));
    Ok(city.entries()?.iter().filter_map(Entry::fact).any(says))
}

#[test]
fn every_file_of_a_burst_is_in_the_ledger_also_where_the_kernel_lost_events() -> anyhow::Result<()> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return be_the_agent(folder.into());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(story())
}

async fn story() -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    // Of what not everybody may read the ledger has no digest that could be compared.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let (data, tree) = (folder.path().join("data"), folder.path().join("site"));
    for number in 0..20 {
        std::fs::create_dir_all(tree.join(format!("{number:02}")))?;
    }
    write_all(&tree, "before")?;
    let city = City::start(&data).await?;
    let settings = city.enrolled().await?;
    std::fs::write(settings.folder.join("agent.toml"), format!("watch = [\"{}\"]\n", tree.display()))?;
    let agent = Agent::start(&settings.folder, &city)?;
    let watched = |city: &City| {
        let office = city.office()?;
        let court = office.court();
        Ok(court.evidence().occurrences.is_watched(&"this-host".parse()?))
    };
    city.until(PATIENCE, "the baseline is told", watched).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = agent.cost()?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let quiet = agent.cost()?;
    println!("quiet: {} ms of processor time in 15 s, {} MiB", quiet.0 - before.0, quiet.1);

    write_all(&tree, "while it runs")?;
    let took = until_alike(&city, &tree).await?;
    let burst = agent.cost()?;
    println!(
        "burst: {FILES} files known after {:.1} s, {} ms, {} MiB",
        took.as_secs_f64(),
        burst.0 - quiet.0,
        burst.1
    );
    ensure!(!loss_is_said(&city)?, "nothing was lost yet");

    overflow(&city, &tree, &agent, burst.0).await?;
    drop(agent);
    city.stop().await;
    Ok(())
}

/// While the agent stands still the kernel goes on queueing until its queue is full.
async fn overflow(city: &City, tree: &Path, agent: &Agent, cpu_ms: u64) -> anyhow::Result<()> {
    let queue: usize = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")?.trim().parse()?;
    let rounds = queue / (2 * FILES) + 2;
    ensure!(rounds < 60, "the queue of this kernel holds {queue} events: too many to be filled");
    agent.signal("-STOP")?;
    for round in 0..rounds {
        write_all(tree, &format!("while it stands still {round}"))?;
    }
    std::fs::write(tree.join("00/new.html"), "x")?;
    agent.signal("-CONT")?;
    let took = until_alike(city, tree).await?;
    let lost = agent.cost()?;
    println!(
        "overflow of {queue}: known after {:.1} s, {} ms, {} MiB",
        took.as_secs_f64(),
        lost.0 - cpu_ms,
        lost.2
    );
    ensure!(loss_is_said(city)?, "that events were lost is said");
    let new = tree.join("00/new.html").display().to_string();
    let is_told = |city: &City| {
        let office = city.office()?;
        let court = office.court();
        let main = "main".parse()?;
        Ok(court.occurrences(&main).any(|(_, it, _)| it.name == new))
    };
    city.until(PATIENCE, "the new file behind the full queue is told", is_told).await?;
    ensure!(lost.2 < 256, "{} MiB", lost.2);
    Ok(())
}
