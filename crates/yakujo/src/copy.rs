//! `yakujo backup` and `yakujo restore`.
//!
//! The order matters. People first: an account that no entry knows would be worse than an entry whose account is
//! missing. Then the ledger, then this host's agent: its numbers may run ahead of the ledger's (the difference becomes
//! visible as a gap), but never behind, or the server would take new facts for old ones.

use crate::arguments::{Backup, Restore};
use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::process::ExitCode;
use yakujo_ledger::files::{Reader, load_key};
use yakujo_server::console::{Ask, SOCKET};

/// Copied in a way of its own, rebuildable, or of this moment only.
const NOT_COPIED: [&str; 12] = [
    SOCKET,
    "ledger",
    "people.db",
    "people.db-wal",
    "people.db-shm",
    "views.db",
    "views.db-wal",
    "views.db-shm",
    "snapshot",
    "outbox.db",
    "outbox.db-wal",
    "outbox.db-shm",
];

/// Copies the data folder while the server runs. Everything that was acknowledged before is in the copy, and the copy is
/// checked before this says that it is there.
pub fn backup(data: &Path, arguments: &Backup) -> anyhow::Result<ExitCode> {
    let to = std::path::absolute(&arguments.to)?;
    ensure!(!to.exists(), "{} exists: name a folder that does not", to.display());
    ensure!(!to.starts_with(data), "the copy cannot lie inside the data folder");
    yakujo_server::settings::private_folder(&to)?;
    for contract in contracts(data)? {
        let (from, into) = (data.join("contracts").join(&contract), to.join("contracts").join(&contract));
        yakujo_server::settings::private_folder(&into)?;
        copy_people(data, &contract, &from, &into)?;
        if is_running(data) {
            crate::console::ask::<u64>(data, &contract, &Ask::Publish).context(
                "the server could not publish what it has acknowledged, so no backup can hold it: see its log",
            )?;
        }
        let damage = copy_ledger(&from.join("ledger"), &into.join("ledger"))?;
        ensure!(damage.is_empty(), "the copy is damaged; do not keep it:\n{}", damage.join("\n"));
        tell(&contract, &into.join("ledger"))?;
    }
    copy_outbox(&data.join("agent"), &to.join("agent"))?;
    copy_folder(data, &to)?;
    println!("{} に控えを作り、照合しました。", to.display());
    Ok(ExitCode::SUCCESS)
}

fn is_running(data: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data.join(SOCKET)).is_ok()
}

fn contracts(data: &Path) -> anyhow::Result<Vec<String>> {
    let folder = data.join("contracts");
    let found =
        std::fs::read_dir(&folder).with_context(|| format!("{} holds no contract", data.display()))?;
    found.map(|found| Ok(found?.file_name().to_string_lossy().into_owned())).collect()
}

/// A running server copies its own people; else the file is opened as the server would, which takes in what a crash left.
fn copy_people(data: &Path, contract: &str, from: &Path, into: &Path) -> anyhow::Result<()> {
    let (from, to) = (from.join("people.db"), into.join("people.db"));
    if is_running(data) {
        let people = Ask::CopyPeople { to };
        crate::console::ask::<std::path::PathBuf>(data, contract, &people)
            .context("the server did not copy its people")?;
        return Ok(());
    }
    crate::up::runtime()?.block_on(async {
        let people = yakujo_server::people::People::open(&from).await?;
        Ok(people.copy_to(&to).await?)
    })
}

/// Copies a ledger; returns what is wrong with the copy.
fn copy_ledger(from: &Path, to: &Path) -> anyhow::Result<Vec<String>> {
    let key = load_key(from).with_context(|| format!("the key in {}", from.display()))?.verifier();
    yakujo_server::settings::private_folder(to)?;
    yakujo_ledger::files::copy(from, &key, to)
        .with_context(|| format!("{} cannot be copied: run `yakujo doctor`", from.display()))?;
    crate::doctor::ledger(to)
}

/// Says what a copied ledger holds.
fn tell(contract: &str, ledger: &Path) -> anyhow::Result<()> {
    let reader = Reader::open(ledger, &load_key(ledger)?.verifier())?;
    let head = reader.checkpoint();
    let last = head.size().checked_sub(1).map(|last| reader.entry(last)).transpose()?;
    let last = last.map(|bytes| yakujo_contract::entry::Entry::from_bytes(&bytes)).transpose()?;
    let until = last.map_or_else(String::new, |entry| yakujo_contract::standing::jst(entry.received));
    println!("{contract}: 台帳 {} 件、最後の記録 {until}、ハッシュ {}", head.size(), head.root());
    Ok(())
}

/// The agent of this host may be writing.
fn copy_outbox(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.join("outbox.db").exists() {
        return Ok(());
    }
    yakujo_server::settings::private_folder(to)?;
    let copied = yakujo_agent::outbox::copy(from, to);
    crate::up::runtime()?.block_on(copied).context("the outbox of this host's agent")
}

/// Copies what is not there yet, except what has a way of its own.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    yakujo_server::settings::private_folder(to)?;
    for found in std::fs::read_dir(from)? {
        let found = found?;
        let name = found.file_name();
        let target = to.join(&name);
        let unfinished = name.as_encoded_bytes().ends_with(b".tmp");
        if unfinished || NOT_COPIED.iter().any(|skipped| name.as_encoded_bytes() == skipped.as_bytes()) {
            continue;
        }
        // What the acting part of this machine's agent keeps is of this machine alone; a contract may be called so.
        if name == crate::act::FOLDER && from.join("contracts").is_dir() {
            continue;
        }
        let kind = found.file_type()?;
        if kind.is_dir() {
            copy_folder(&found.path(), &target)?;
        } else if kind.is_file() && !target.exists() {
            std::fs::copy(found.path(), &target).with_context(|| format!("{}", found.path().display()))?;
        }
    }
    Ok(())
}

/// Puts a backup into an empty data folder. A damaged backup is not put anywhere.
pub fn restore(data: &Path, arguments: &Restore) -> anyhow::Result<ExitCode> {
    if data.exists() && std::fs::read_dir(data)?.next().is_some() {
        bail!("{} is not empty: restore never overwrites; name an empty folder with --data", data.display());
    }
    let from = &arguments.from;
    ensure!(from.join("contracts").is_dir(), "{} is no backup", from.display());
    let mut damaged = false;
    for contract in contracts(from)? {
        for damage in crate::doctor::ledger(&from.join("contracts").join(&contract).join("ledger"))? {
            damaged = true;
            println!("{contract}: {damage}");
        }
    }
    if damaged {
        eprintln!("yakujo: the backup is damaged: nothing was restored; take another one");
        return Ok(ExitCode::from(3));
    }
    for contract in contracts(from)? {
        let (kept, into) = (from.join("contracts").join(&contract), data.join("contracts").join(&contract));
        yakujo_server::settings::private_folder(&into)?;
        std::fs::copy(kept.join("people.db"), into.join("people.db"))?;
        copy_ledger(&kept.join("ledger"), &into.join("ledger"))?;
        tell(&contract, &into.join("ledger"))?;
    }
    copy_outbox(&from.join("agent"), &data.join("agent"))?;
    copy_folder(from, data)?;
    println!(
        "{} に戻しました。市が手元に持つ記録（チェックポイント）より古い場合は、次の照合で「手元の記録より古い」と示されます。市へ連絡してください。",
        data.display()
    );
    Ok(ExitCode::SUCCESS)
}
