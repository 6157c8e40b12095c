//! `yakujo backup` and `yakujo restore`.

use crate::arguments::{Backup, Restore};
use anyhow::{Context, bail, ensure};
use std::path::Path;
use std::process::ExitCode;
use yakujo_server::console::{Ask, SOCKET};

/// Rebuildable, or of this moment only: not copied.
const NOT_COPIED: [&str; 8] = [
    SOCKET,
    "views.db",
    "views.db-wal",
    "views.db-shm",
    "people.db-wal",
    "people.db-shm",
    "snapshot",
    "lock",
];

/// Copies the data folder while the server runs. The ledger's files only ever grow, so they are copied as they are; the
/// head is copied first, so that it never promises more than the copy holds.
pub fn backup(data: &Path, arguments: &Backup) -> anyhow::Result<ExitCode> {
    let to = std::path::absolute(&arguments.to)?;
    ensure!(!to.exists(), "{} exists: name a folder that does not", to.display());
    ensure!(!to.starts_with(data), "the copy cannot lie inside the data folder");
    yakujo_server::settings::private_folder(&to)?;
    for contract in contracts(data)? {
        let (from, into) = (data.join("contracts").join(&contract), to.join("contracts").join(&contract));
        yakujo_server::settings::private_folder(&into.join("ledger"))?;
        let people = Ask::CopyPeople { to: into.join("people.db") };
        if crate::console::ask::<std::path::PathBuf>(data, &contract, &people).is_err() {
            ensure!(!data.join(SOCKET).exists() || !is_running(data), "the server did not copy its people");
            std::fs::copy(from.join("people.db"), into.join("people.db"))?;
        }
        std::fs::copy(from.join("ledger/checkpoint"), into.join("ledger/checkpoint"))?;
        copy_folder(&from, &into)?;
    }
    copy_folder(data, &to)?;
    println!("{} に控えを作りました。", to.display());
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

/// Copies what is not there yet.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    yakujo_server::settings::private_folder(to)?;
    for found in std::fs::read_dir(from)? {
        let found = found?;
        let name = found.file_name();
        let target = to.join(&name);
        if NOT_COPIED.iter().any(|skipped| name.as_encoded_bytes() == skipped.as_bytes()) {
            continue;
        }
        let kind = found.file_type()?;
        if kind.is_dir() {
            copy_folder(&found.path(), &target)?;
        } else if kind.is_file() && !target.exists() {
            match std::fs::copy(found.path(), &target) {
                // A partial tile may give way to its full one while we copy.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                other => {
                    other.with_context(|| format!("{}", found.path().display()))?;
                }
            }
        }
    }
    Ok(())
}

/// Puts a backup into an empty data folder and checks its ledgers.
pub fn restore(data: &Path, arguments: &Restore) -> anyhow::Result<ExitCode> {
    if data.exists() && std::fs::read_dir(data)?.next().is_some() {
        bail!("{} is not empty: restore never overwrites; name an empty folder with --data", data.display());
    }
    ensure!(arguments.from.join("contracts").is_dir(), "{} is no backup", arguments.from.display());
    copy_folder(&arguments.from, data)?;
    let mut damaged = false;
    for contract in contracts(data)? {
        let ledger = data.join("contracts").join(&contract).join("ledger");
        for damage in crate::doctor::ledger(&ledger)? {
            damaged = true;
            println!("{contract}: {damage}");
        }
    }
    println!(
        "市が手元に持つ記録（チェックポイント）より古い場合は、次の照合で「手元の記録より古い」と示されます。市へ連絡してください。"
    );
    Ok(if damaged { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
