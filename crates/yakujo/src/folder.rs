//! Where the data lives.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// The folder that was named, else `$XDG_DATA_HOME/yakujo`, else `~/.local/share/yakujo`.
pub fn data(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return std::path::absolute(named).with_context(|| format!("{} is no path", named.display()));
    }
    let share = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let share =
        share.or_else(home).context("neither XDG_DATA_HOME nor HOME is set: name a folder with --data")?;
    Ok(share.join("yakujo"))
}

/// The folder of one contract.
pub fn contract(data: &Path, id: &str) -> anyhow::Result<PathBuf> {
    let id: yakujo_contract::id::ContractId = id.parse()?;
    let folder = data.join("contracts").join(id.as_str());
    anyhow::ensure!(
        folder.is_dir(),
        "{} holds no contract `{id}`: start with `yakujo up`, or name the folder with --data",
        data.display()
    );
    Ok(folder)
}
