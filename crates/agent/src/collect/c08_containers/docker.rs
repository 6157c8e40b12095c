//! The books of Docker: one folder for each container, a list of names, one file for each image.

use super::{
    Account, Found, MOST, MOST_OF_ONE, book, digest, instant, is_there, names_and_digests, of_the_host,
    plain, understood,
};
use crate::reading::{Sources, hex};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use yakujo_contract::fact::container::{Container, Image, Running};

const ROOT: &str = "/var/lib/docker";
/// Where an operator says that it lies elsewhere.
const SETTINGS: &str = "/etc/docker/daemon.json";
/// More storage drivers than there are.
const MOST_DRIVERS: usize = 16;

#[derive(Deserialize)]
struct DaemonFile {
    #[serde(rename = "data-root")]
    data_root: Option<String>,
    #[serde(rename = "userns-remap")]
    remapped: Option<String>,
}

/// `config.v2.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(rename = "ID")]
    id: String,
    name: String,
    created: Option<String>,
    image: String,
    driver: Option<String>,
    state: State,
    config: Wanted,
    #[serde(default)]
    mount_points: Option<BTreeMap<String, Mount>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    pid: u32,
    started_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted {
    image: String,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Source")]
    source: String,
    #[serde(rename = "Destination")]
    destination: String,
    #[serde(rename = "RW")]
    may_write: bool,
}

/// `hostconfig.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    privileged: bool,
    network_mode: String,
    #[serde(default)]
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

/// `repositories.json`: repository, name, id of the image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Repositories {
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

/// What an image says of itself.
#[derive(Deserialize)]
struct About {
    created: Option<String>,
    rootfs: Option<Layers>,
}

#[derive(Deserialize)]
struct Layers {
    #[serde(default)]
    diff_ids: Vec<String>,
}

/// Docker of the host; says whether it is there.
pub(super) fn host(sources: &Sources, found: &mut Found) -> bool {
    let settings = of_the_host(sources, SETTINGS).and_then(understood::<DaemonFile>);
    let root = match settings {
        Ok(Some(DaemonFile { remapped: Some(remapped), .. })) if !remapped.is_empty() => {
            found.missed_both(
                "docker gives its containers other accounts (userns-remap), and their books are not read",
            );
            return true;
        }
        Ok(settings) => settings.and_then(|settings| settings.data_root).unwrap_or_else(|| ROOT.to_owned()),
        Err(reason) => {
            found.missed_both(&format!("{SETTINGS}: {reason}"));
            return true;
        }
    };
    let runs = running(sources);
    if runs.iter().any(|words| words.iter().any(|word| leads_elsewhere(word))) {
        found.missed_both("docker was started with settings on its command line, which are not read");
        return true;
    }
    match is_there(sources, &format!("{root}/containers")) {
        Ok(true) => read(sources, &root, "docker", found),
        Ok(false) if !runs.is_empty() => {
            found.missed_both("docker runs, and what it keeps does not lie where its settings say");
        }
        Ok(false) => return false,
        Err(error) => found.missed_both(&format!("docker, {root}: {error}")),
    }
    true
}

/// Docker without root, of an account.
pub(super) fn account(sources: &Sources, account: &Account, found: &mut Found) {
    let root = format!("{}/.local/share/docker", account.home);
    let place = format!("docker:{}", plain(&account.name));
    match is_there(sources, &format!("{root}/containers")) {
        Ok(true) => read(sources, &root, &place, found),
        Ok(false) => {}
        Err(error) => found.missed_both(&format!("{place}: {error}")),
    }
}

/// The words each `dockerd` that runs was started with; one whose words cannot be read has none.
fn running(sources: &Sources) -> Vec<Vec<String>> {
    let Ok(listed) = std::fs::read_dir(sources.path("/proc")) else { return Vec::new() };
    let is_docker = |path: &Path| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim_end() == "dockerd")
    };
    let words = |path: &Path| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    };
    listed
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_docker(path))
        .map(|path| words(&path))
        .collect()
}

/// A word by which what it keeps lies elsewhere than its file of settings says.
fn leads_elsewhere(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    ["--data-root", "-g", "--graph", "--config-file", "--userns-remap"].contains(&name)
}

fn read(sources: &Sources, root: &str, place: &str, found: &mut Found) {
    let root = sources.path(root);
    let drivers = match folders(&root.join("image")) {
        Ok(drivers) => drivers,
        Err(reason) => return found.missed_both(&format!("{place}: {reason}")),
    };
    let folders = match folders(&root.join("containers")) {
        Ok(folders) => folders,
        Err(reason) => return found.missed_both(&format!("{place}: {reason}")),
    };
    // Since version 29 it may leave images to containerd, in a form that is not read.
    let mut leaves_images = drivers.is_empty();
    for folder in folders {
        match container(sources, &root.join("containers").join(&folder), place) {
            Ok(Some((container, driver))) => {
                leaves_images |= driver.is_some_and(|driver| !drivers.contains(&driver));
                found.containers.push(container);
            }
            Ok(None) => {}
            Err(reason) => found.missed_containers(format!("{place}, a container: {reason}")),
        }
    }
    for driver in drivers.iter().take(MOST_DRIVERS) {
        if let Err(reason) = images(&root.join("image").join(driver), place, found) {
            found.missed_images(format!("{place}: {reason}"));
        }
    }
    if leaves_images {
        found.missed_images(format!("{place} leaves its images to containerd, where they cannot be read"));
    }
}

/// Names of folders, and none where there is no folder to look into.
fn folders(folder: &Path) -> Result<Vec<String>, String> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let folders = listed.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<String> = folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .take(MOST.saturating_mul(2))
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// A container, and the storage driver of its image. Nothing, where it has gone meanwhile or is not made yet.
fn container(
    sources: &Sources,
    folder: &Path,
    place: &str,
) -> Result<Option<(Container, Option<String>)>, String> {
    let Some(config) = book::<Config>(&folder.join("config.v2.json"))? else { return Ok(None) };
    let Some(rights) = book::<HostConfig>(&folder.join("hostconfig.json"))? else { return Ok(None) };
    let State { running, paused, pid, started_at } = config.state;
    let started = instant(started_at.as_deref());
    // An engine that was killed has not written down that its containers ended.
    let lives = running && sources.path(&format!("/proc/{pid}")).exists();
    let state = match (lives, paused, started) {
        (true, true, _) => Running::Paused,
        (true, false, _) => Running::Running,
        (false, _, Some(_)) => Running::Stopped,
        (false, _, None) => Running::Created,
    };
    let writes = |mount: &Mount| mount.kind == "bind" && mount.may_write;
    let mounts = config.mount_points.unwrap_or_default().into_values().filter(writes);
    let mounts = mounts.map(|mount| plain(&format!("{}:{}", mount.source, mount.destination)));
    let container = Container {
        name: format!("{place}/{}", plain(config.name.trim_start_matches('/'))),
        id: plain(&config.id),
        image: plain(&config.config.image),
        image_id: digest(&config.image),
        created: instant(config.created.as_deref()),
        state,
        since: started.filter(|_| lives),
        privileged: Some(rights.privileged),
        host_network: Some(rights.network_mode == "host"),
        ports: Some(ports(rights.port_bindings.unwrap_or_default())),
        mounts: mounts.take(MOST_OF_ONE).collect(),
    };
    Ok(Some((container, config.driver)))
}

fn ports(bindings: BTreeMap<String, Option<Vec<Binding>>>) -> Vec<String> {
    let mut ports = Vec::new();
    for (inside, outside) in bindings {
        for binding in outside.unwrap_or_default() {
            let address = if binding.host_ip.is_empty() { "0.0.0.0" } else { &binding.host_ip };
            // Absent: the engine chooses one at each start.
            let port = if binding.host_port.is_empty() { "any" } else { &binding.host_port };
            ports.push(plain(&format!("{address}:{port}->{inside}")));
        }
    }
    ports.truncate(MOST_OF_ONE);
    ports
}

fn images(folder: &Path, place: &str, found: &mut Found) -> Result<(), String> {
    let named = book::<Repositories>(&folder.join("repositories.json"))?;
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, id) in named.into_iter().flat_map(|named| named.repositories).flat_map(|(_, names)| names) {
        names.entry(id).or_default().push(name);
    }
    let content = folder.join("imagedb/content/sha256");
    let listed = match std::fs::read_dir(&content) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    for entry in listed.flatten().take(MOST.saturating_mul(2)) {
        let Some(id) = digest(&entry.file_name().to_string_lossy()) else { continue };
        match book::<About>(&entry.path()) {
            Ok(Some(about)) => {
                let own = names.remove(&format!("sha256:{id}")).unwrap_or_default();
                let (names, digests) = names_and_digests(own);
                let created = instant(about.created.as_deref());
                let bytes = about.rootfs.and_then(|layers| bytes(folder, &layers.diff_ids));
                let engine = place.to_owned();
                found.images.push(Image { engine, id, names, digests, created, bytes });
            }
            Ok(None) => {}
            Err(reason) => found.missed_images(format!("{place}, an image: {reason}")),
        }
    }
    Ok(())
}

/// The bytes of all layers; each is kept under the digest of the chain that ends with it.
fn bytes(folder: &Path, layers: &[String]) -> Option<u64> {
    let (mut chain, mut sum) = (String::new(), 0_u64);
    for layer in layers {
        chain = match chain.is_empty() {
            true => layer.clone(),
            false => format!("sha256:{}", hex(&Sha256::digest(format!("{chain} {layer}")))),
        };
        let name = digest(&chain)?;
        let size = super::read(&folder.join("layerdb/sha256").join(name.as_str()).join("size")).ok()??;
        sum = sum.saturating_add(String::from_utf8(size).ok()?.trim().parse().ok()?);
    }
    Some(sum)
}
