//! `yakujo backup-key`: tries the key that the city keeps, and enters the result in the ledger. The key lies on no host and in
//! no file of the server: it is typed in by whoever keeps it, and gone with this process.

use crate::arguments::BackupKey as Arguments;
use crate::folder;
use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use yakujo_contract::evidence::Evidence;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::backup::BackupCheck;
use yakujo_contract::id::{EntryNumber, HostId};
use yakujo_server::console::Ask;
use zeroize::Zeroizing;

/// Asks for a secret on the terminal and shows nothing of it; a part of systemd.
const ASKS: &str = "/usr/bin/systemd-ask-password";

/// The hosts that save into a repository, by its id.
type Repositories = BTreeMap<String, BTreeSet<HostId>>;

/// Runs the command. A key that does not open the repository is entered, too, and is exit code 1.
pub fn run(data: impl Fn() -> anyhow::Result<PathBuf>, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    yakujo_backup::limits::leave_no_core().context("the limit on core dumps")?;
    let Some(results) = &arguments.results else { return at_the_server(&data()?, arguments) };
    let id = arguments.id.as_deref().unwrap_or_default();
    ensure!(
        yakujo_backup::restic::is_id(id),
        "without the ledger the whole id of the repository is needed: 64 digits"
    );
    let check = tried(arguments, Some(id))?;
    let code = say(&check);
    crate::backup_job::hand_over(&Fact::BackupCheck(check), results)?;
    println!("the result is in {}: have it taken in by `backup_results` of the host", results.display());
    Ok(code)
}

fn at_the_server(data: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let folder = folder::contract(data, &arguments.contract)?;
    // Said before the key is asked for.
    crate::console::ask::<u64>(data, &arguments.contract, &Ask::Publish)?;
    let terms = crate::replay::load_terms(Some(&folder.join("contract.toml")))?;
    let court = crate::status::judge_each(&terms, &folder.join("ledger"), Timestamp::now(), |_| {})?;
    let known = repositories(court.evidence());
    let expected = arguments.id.as_deref().map(|id| meant(&known, id)).transpose()?;
    let check = tried(arguments, expected).with_context(|| match expected {
        Some(_) => "nothing was entered".to_owned(),
        None => format!("nothing was entered; say which it should be: --id, one of {}", listed(&known)),
    })?;
    let Some(hosts) = known.get(&check.repository) else {
        bail!("the ledger knows no backup in {}: nothing was entered", check.repository);
    };
    let code = say(&check);
    for host in hosts {
        let ask = Ask::CityKeyTried { host: host.clone(), check: check.clone() };
        let entry = crate::console::ask::<EntryNumber>(data, &arguments.contract, &ask)?;
        println!("entered for {host}: {}", entry.0);
    }
    Ok(code)
}

fn tried(arguments: &Arguments, expected: Option<&str>) -> anyhow::Result<BackupCheck> {
    let key = key(arguments.key.as_deref())?;
    Ok(yakujo_backup::escrow::try_key(&arguments.folder, &key, expected, Timestamp::now())?)
}

fn say(check: &BackupCheck) -> ExitCode {
    if check.errors == 0 {
        println!("the key opens the repository {}", check.repository);
        return ExitCode::SUCCESS;
    }
    println!("THE KEY DOES NOT OPEN the repository {}: {}", check.repository, check.reason);
    ExitCode::FAILURE
}

/// The repositories that jobs saved into last.
fn repositories(evidence: &Evidence) -> Repositories {
    let mut known = Repositories::new();
    for (id, host) in &evidence.hosts {
        for (_, run) in host.backups.jobs.values().filter_map(|job| job.newest()) {
            known.entry(run.repository.clone()).or_default().insert(id.clone());
        }
    }
    known
}

/// The one repository whose id begins so.
fn meant<'a>(known: &'a Repositories, id: &str) -> anyhow::Result<&'a str> {
    let mut alike = known.keys().filter(|known| !id.is_empty() && known.starts_with(id));
    match (alike.next(), alike.next()) {
        (Some(one), None) => Ok(one),
        _ => bail!("`{id}` is not the beginning of one id; the ledger knows {}", listed(known)),
    }
}

fn listed(known: &Repositories) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    known.keys().cloned().collect::<Vec<_>>().join(", ")
}

/// The key: typed in, one line of standard input, or of a file that only its owner may read.
fn key(from: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let key = match from {
        None => typed()?,
        Some(path) if path == Path::new("-") => {
            let mut line = Zeroizing::new(String::with_capacity(4_096));
            std::io::stdin().lock().read_line(&mut line)?;
            line
        }
        Some(path) => Zeroizing::new(yakujo_backup::engine::read_password(path)?),
    };
    let key = Zeroizing::new(key.trim_end_matches(['\r', '\n']).to_owned());
    ensure!(!key.is_empty(), "the key is empty");
    Ok(key)
}

fn typed() -> anyhow::Result<Zeroizing<String>> {
    ensure!(std::io::stdin().is_terminal(), "there is no terminal to ask on: --key FILE, or `--key -`");
    let mut asks = Command::new(ASKS);
    asks.args(["--timeout=0", "市の鍵 (the city's key):"]).stdout(Stdio::piped());
    let mut asks = asks.spawn().with_context(|| format!("{ASKS}: name a file with --key"))?;
    let mut key = Zeroizing::new(String::with_capacity(4_096));
    if let Some(said) = asks.stdout.take() {
        std::io::BufReader::new(said).read_line(&mut key)?;
    }
    ensure!(asks.wait()?.success(), "the key was not given");
    Ok(key)
}
