//! The ground of these stories: a city whose agent knows the machine, a dpkg with a data base of its own, small packages.

use anyhow::{Context, ensure};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use yakujo_contract::occurrence::Occurrence;
use yakujo_contract::reconcile::Join;
use yakujo_contract::standing::Standing;
use yakujo_contract::thing::Object;
use yakujo_stories::City;

/// The first reading of all watched files of a machine, while other things run on it.
const FIRST_READING: Duration = Duration::from_secs(180);

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let done = done.with_context(|| program.to_owned())?;
    ensure!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Runs a line of shell to its end.
pub fn script(line: &str) -> anyhow::Result<()> {
    run("/bin/sh", &["-c", line])
}

/// A city whose agent has read the machine once, and of which 8.a is kept.
pub async fn begin(data: &Path) -> anyhow::Result<City> {
    let mut city = City::start(data).await?;
    // Both agree on every number as it was proposed.
    city.agree_values(22, &[]).await?;
    city.observe().await?;
    let watched = |city: &City| {
        let office = city.office()?;
        let court = office.court();
        Ok(court.evidence().occurrences.is_watched(&"this-host".parse()?))
    };
    city.until(FIRST_READING, "the baseline is told", watched).await?;
    let reached = city.until(Duration::from_secs(60), "8.a is kept", kept).await;
    reached.with_context(|| format!("{:?}", city.ruling("8.a").map(|it| it.verdict)))?;
    Ok(city)
}

/// Whether 8.a is kept.
pub fn kept(city: &City) -> anyhow::Result<bool> {
    Ok(city.ruling("8.a")?.verdict.standing == Standing::Kept)
}

/// The newest change of a thing, with what the join says of it.
pub fn joined(city: &City, object: Object, name: &str) -> anyhow::Result<Option<(Occurrence, Join)>> {
    let office = city.office()?;
    let court = office.court();
    let main = "main".parse()?;
    let all = court.occurrences(&main).filter(|(_, it, _)| it.object == object && it.name == name);
    let newest = all.max_by_key(|(_, it, _)| it.when.last());
    Ok(newest.map(|(_, it, join)| (it.clone(), join.clone())))
}

/// A dpkg whose data base and log are empty, and gone when the story ends; and a place for web pages.
pub fn dpkg() -> anyhow::Result<()> {
    for folder in ["/var/lib/dpkg", "/var/log", "/srv"] {
        run("mount", &["-t", "tmpfs", "own", folder])?;
    }
    for folder in ["/var/lib/dpkg/info", "/var/lib/dpkg/updates", "/var/lib/dpkg/triggers", "/srv/www"] {
        std::fs::create_dir_all(folder)?;
    }
    for file in ["/var/lib/dpkg/status", "/var/lib/dpkg/available", "/var/log/dpkg.log"] {
        std::fs::write(file, "")?;
    }
    Ok(())
}

/// Builds a package with a configuration file and a page.
pub fn package(folder: &Path, name: &str, version: &str) -> anyhow::Result<String> {
    package_of(folder, name, version, 0)
}

/// Builds a package with a configuration file, a page, and so many further pages.
pub fn package_of(folder: &Path, name: &str, version: &str, further: usize) -> anyhow::Result<String> {
    let tree = folder.join(format!("{name}-{version}"));
    let write = |path: &str, text: &str| -> anyhow::Result<()> {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        Ok(std::fs::write(path, text)?)
    };
    let page = format!("<h1>{name} {version}</h1>\n");
    write(&format!("etc/{name}.conf"), &format!("version {version}\n"))?;
    write(&format!("srv/www/{name}/index.html"), &page)?;
    for number in 0..further {
        write(&format!("srv/www/{name}/{number}.html"), &format!("{number} {page}"))?;
    }
    write("DEBIAN/conffiles", &format!("/etc/{name}.conf\n"))?;
    let about = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
    );
    write("DEBIAN/control", &about)?;
    // As debhelper does: checksums of everything but configuration files.
    script(&format!("cd {} && md5sum srv/www/{name}/* > DEBIAN/md5sums", tree.display()))?;
    let deb = folder.join(format!("{name}_{version}.deb")).display().to_string();
    run("dpkg-deb", &["--root-owner-group", "--build", &tree.display().to_string(), &deb])?;
    Ok(deb)
}

/// SHA-256 of a file.
pub fn digest(path: &Path) -> anyhow::Result<String> {
    let sum = Sha256::digest(std::fs::read(path)?);
    Ok(sum.iter().map(|byte| format!("{byte:02x}")).collect())
}
