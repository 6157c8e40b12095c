//! `yakujo backup-job`: one job, in a process of its own with a limit on its memory. The result is one fact a line.

use crate::arguments::{BackupJob as Arguments, BackupWork};
use anyhow::Context;
use jiff::Timestamp;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use yakujo_agent::known_good::{Missing, Snapshot};
use yakujo_agent::settings::{self, BackupJob, BackupTool, DumpSource, Product};
use yakujo_backup::content::Looks;
use yakujo_backup::dump;
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::Digest;

/// Runs the command. A job that failed is a fact, too: the exit code says whether there is one.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(parent) = arguments.parent {
        yakujo_agent::parts::end_with(parent)?;
    }
    let file = settings::load(&arguments.folder)?;
    let own = file.backups.iter().find(|job| job.name == arguments.job).with_context(|| {
        let known: Vec<&str> = file.backups.iter().map(|job| job.name.as_str()).collect();
        format!("no job `{}` in agent.toml; there are: {}", arguments.job, known.join(", "))
    })?;
    yakujo_backup::limits::confine(own.memory_mib << 20).context("the limit on memory")?;
    let job = job_of(own, &arguments.folder);
    let clock = Timestamp::now;
    let fact = match arguments.work {
        BackupWork::Content => return content(&job, arguments),
        BackupWork::Saved => return saved(&job, arguments),
        BackupWork::Make => return make(&job),
        BackupWork::Escrow => return escrow(&job, arguments.key.as_deref()),
        BackupWork::Run => Fact::BackupRun(job.back_up(&clock)),
        BackupWork::Check => Fact::BackupCheck(job.check(own.check_percent, &clock)?),
        BackupWork::Drill => Fact::RestoreDrill(job.drill(&clock)),
    };
    let line = serde_json::to_string(&fact)?;
    println!("{line}");
    if let Some(results) = &arguments.results {
        hand_over(&fact, results)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The job, from what the operator wrote.
fn job_of(own: &BackupJob, folder: &Path) -> Job {
    let path = |text: &String| PathBuf::from(text);
    let tool = match (own.tool, own.is_elsewhere()) {
        (Some(BackupTool::Restic), _) | (None, true) => Tool::Restic,
        (Some(BackupTool::Rustic), _) | (None, false) => Tool::Rustic,
    };
    Job {
        name: own.name.clone(),
        asset: own.asset.clone(),
        host: crate::up::this_host(),
        paths: own.paths.iter().map(path).collect(),
        source: own.database.as_ref().map(source_of),
        place: Place {
            repository: own.repository.clone(),
            password: path(&own.password),
            ssh_config: own.ssh_config.as_ref().map(path),
            credentials: own.credentials.as_ref().map(path),
        },
        tool,
        folder: yakujo_agent::backups::folder_of(folder, &own.name),
    }
}

fn source_of(own: &DumpSource) -> dump::Source {
    dump::Source {
        product: match own.product {
            Product::Postgresql => dump::Product::Postgresql,
            Product::Mariadb => dump::Product::Mariadb,
        },
        service: own.service.clone(),
        access: PathBuf::from(&own.access),
        scratch: PathBuf::from(&own.scratch),
        databases: own.databases.clone(),
    }
}

fn make(job: &Job) -> anyhow::Result<ExitCode> {
    job.engine().make().context("the repository was not made")?;
    println!("the repository {} is made; now: backup-job escrow", job.place.repository);
    Ok(ExitCode::SUCCESS)
}

/// A key of its own for the city, so that neither party needs the other's to restore.
fn escrow(job: &Job, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let file = file.context("name the file to write the city's key to: --key FILE")?;
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes).map_err(|_| anyhow::anyhow!("no random bytes from the operating system"))?;
    let mut options = std::fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(file);
    let out = out.as_mut().map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(out, "{digits}").and_then(|()| out.sync_all()).with_context(|| file.display().to_string())?;
    job.engine().add_key(file).context("the repository did not take the key")?;
    println!(
        "the key for the city is in {}: give it to the city on paper or a medium, then remove it from this host",
        file.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Writes a content of a file. Prints the snapshot it is from as JSON, or `null` where none has it.
fn content(job: &Job, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.path.as_deref().context("name the file as it was saved: --path PATH")?;
    let digest = arguments.digest.clone().context("name the SHA-256 of its content: --digest SHA256")?;
    let digest = Digest::try_from(digest).context("--digest takes 64 hexadecimal digits")?;
    let into = arguments.into.as_deref().context("name the file to write the content to: --into FILE")?;
    let found = job.find(Path::new(path), &digest, into)?;
    let found = found.map(|found| Snapshot { snapshot: found.snapshot, at: found.at });
    println!("{}", serde_json::to_string(&found)?);
    Ok(ExitCode::SUCCESS)
}

/// Prints which files of a list the last run saved as they look now, as JSON.
fn saved(job: &Job, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let list = arguments.list.as_deref().context("name the list: --list FILE")?;
    let list = std::fs::read(list).with_context(|| list.display().to_string())?;
    let list: Vec<Missing> = serde_json::from_slice(&list).context("this is no list of files")?;
    let looks =
        |file: &Missing| Looks { path: PathBuf::from(&file.path), size: file.size, modified: file.modified };
    let files: Vec<Looks> = list.iter().map(looks).collect();
    let saved: Vec<&Path> = job.has_saved(&files)?.into_iter().map(|file| file.path.as_path()).collect();
    println!("{}", serde_json::to_string(&saved)?);
    Ok(ExitCode::SUCCESS)
}

/// Writes the result in the form in which the agent takes those of other products.
pub fn hand_over(fact: &Fact, file: &Path) -> anyhow::Result<()> {
    let list = match fact {
        Fact::BackupRun(_) => "runs",
        Fact::RestoreDrill(_) => "drills",
        _ => "checks",
    };
    let mut value = serde_json::to_value(fact)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("kind");
    }
    let product = format!("yakujo {}, by hand", env!("CARGO_PKG_VERSION"));
    let results = serde_json::json!({ "v": 1, "product": product, list: [value] });
    let new = file.with_extension("new");
    std::fs::write(&new, results.to_string()).with_context(|| new.display().to_string())?;
    std::fs::rename(&new, file).with_context(|| file.display().to_string())
}
