//! Where things are built and kept: one target folder outside the clone, so that a fresh clone does not compile
//! every dependency again, and one folder for tools and the npm packages that tests use.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use walkdir::WalkDir;

/// Above this the kept build output is thrown away: it only grows, and a CI machine's disk does not.
const LARGEST_TARGET_BYTES: u64 = 15 * 1000 * 1000 * 1000;

/// The folders of one run.
pub struct Place {
    /// The repository.
    pub root: PathBuf,
    /// Build output; `CARGO_TARGET_DIR`, else `~/.cache/yakujo/target`.
    pub target: PathBuf,
    /// `cargo-deny` and the like, built once.
    pub tools: PathBuf,
    /// npm's prefix for axe-core and s3rver.
    pub npm: PathBuf,
}

impl Place {
    /// Finds the repository from this crate's own folder, and the cache from the environment.
    ///
    /// # Errors
    /// Neither `HOME` nor `XDG_CACHE_HOME` is set, or this crate was moved out of the repository.
    pub fn find() -> anyhow::Result<Self> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = own.parent().context("xtask is not inside the repository")?.to_path_buf();
        let cache = match (std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME")) {
            (Some(folder), _) if !folder.is_empty() => PathBuf::from(folder),
            (_, Some(home)) => PathBuf::from(home).join(".cache"),
            _ => anyhow::bail!("HOME is not set: set it, or CARGO_TARGET_DIR and XDG_CACHE_HOME"),
        };
        let kept = cache.join("yakujo");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| kept.join("target"), PathBuf::from);
        Ok(Self { root, target, tools: kept.join("tools"), npm: kept.join("npm") })
    }

    /// The file that the browser test injects into every page.
    #[must_use]
    pub fn axe(&self) -> PathBuf {
        self.npm.join("node_modules/axe-core/axe.min.js")
    }

    /// The object store that backups are tried with.
    #[must_use]
    pub fn s3rver(&self) -> PathBuf {
        self.npm.join("node_modules/s3rver/bin/s3rver.js")
    }

    /// A command in the repository that reads no terminal.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// `cargo` as it was called, with the kept target folder.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(program);
        // What cargo told this program about itself would make build scripts (ring's) run again, and half of the
        // dependencies be compiled anew.
        let told = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|begin| name.as_encoded_bytes().starts_with(begin.as_bytes()))
        });
        told.for_each(|name| {
            command.env_remove(name);
        });
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("YAKUJO_AXE", self.axe()).env("YAKUJO_S3RVER", self.s3rver());
        command
    }

    /// Throws the build output away when it has outgrown its share; says so.
    ///
    /// # Errors
    /// A folder that should go cannot be removed.
    pub fn prune(&self) -> anyhow::Result<()> {
        let size = size_of(&self.target);
        if size <= LARGEST_TARGET_BYTES || !self.target.join("CACHEDIR.TAG").exists() {
            return Ok(());
        }
        println!("build cache holds {} MB, more than its share: starting from nothing", size / 1_000_000);
        for profile in ["debug", "release", crate::windows::TARGET] {
            let folder = self.target.join(profile);
            if folder.exists() {
                std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
            }
        }
        Ok(())
    }
}

fn size_of(folder: &Path) -> u64 {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    files
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|it| it.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_the_folder_above_this_crate() {
        let place = Place::find().unwrap();
        assert!(place.root.join("xtask/Cargo.toml").exists());
    }

    #[test]
    fn the_size_of_a_folder_is_the_sum_of_its_files() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        assert!(size_of(&own) > 10_000);
        assert_eq!(size_of(&own.join("absent")), 0);
    }
}
