//! The Debian package, as `[package.metadata.deb]` of `crates/yakujo` describes it, without building the program anew.

use anyhow::{Context, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the description lies.
const OWNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/yakujo");

/// What `cargo deb` would make of this program, with this version.
///
/// # Errors
/// When the description names what is not there, or `dpkg-deb` refuses it.
pub fn deb(folder: &Path, version: &str, program: &Path) -> anyhow::Result<PathBuf> {
    let metadata = metadata()?;
    let value = |key: &str| metadata.get(key).and_then(toml::Value::as_str).context(key.to_owned());
    let tree = folder.join(version);
    for asset in metadata.get("assets").and_then(toml::Value::as_array).context("assets")? {
        lay(asset, program, &tree)?;
    }
    let control = tree.join("DEBIAN");
    std::fs::create_dir_all(&control)?;
    for script in std::fs::read_dir(Path::new(OWNER).join(value("maintainer-scripts")?))? {
        install("755", &script?.path(), &control)?;
    }
    let fields = format!(
        "Package: yakujo\nVersion: {version}\nArchitecture: amd64\nMaintainer: {}\nDepends: {}\nDescription: {}\n",
        value("maintainer")?,
        value("depends")?,
        value("extended-description")?,
    );
    std::fs::write(control.join("control"), fields)?;
    let file = folder.join(format!("yakujo_{version}.deb"));
    let mut build = Command::new("/usr/bin/dpkg-deb");
    build.args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(&file);
    done(build)?;
    std::fs::remove_dir_all(tree)?;
    Ok(file)
}

fn metadata() -> anyhow::Result<toml::Table> {
    let manifest: toml::Table = std::fs::read_to_string(Path::new(OWNER).join("Cargo.toml"))?.parse()?;
    let found = ["package", "metadata", "deb"]
        .into_iter()
        .try_fold(&manifest, |table, name| table.get(name)?.as_table());
    Ok(found.context("[package.metadata.deb]")?.clone())
}

/// Lays one file where the package has it.
fn lay(asset: &toml::Value, program: &Path, tree: &Path) -> anyhow::Result<()> {
    let words: Vec<&str> = asset.as_array().into_iter().flatten().filter_map(toml::Value::as_str).collect();
    let [from, to, mode] = words[..] else { bail!("an asset is from, to, mode: {words:?}") };
    let from = if from.starts_with("target/") { program.to_owned() } else { Path::new(OWNER).join(from) };
    let name = from.file_name().filter(|_| to.ends_with('/')).unwrap_or_default();
    let to = tree.join(to).join(name);
    // A name that is empty leaves a `/` at the end.
    let to = to.components().collect::<PathBuf>();
    std::fs::create_dir_all(to.parent().context("a folder")?)?;
    install(mode, &from, &to)
}

fn install(mode: &str, from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut install = Command::new("/usr/bin/install");
    install.args(["-m", mode]).arg(from).arg(to);
    done(install)
}

fn done(mut command: Command) -> anyhow::Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}
