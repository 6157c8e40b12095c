//! The books of Podman and of whatever else keeps its containers in `containers/storage`: three lists for each storage driver,
//! and for each container that was started once the order that its runtime was given (`config.json`, the form of the OCI).

use super::{
    Account, Found, MOST_OF_ONE, book, digest, instant, is_there, names_and_digests, of_the_host, plain, read,
};
use crate::reading::{Sources, from_unix};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use yakujo_contract::fact::container::{Container, Image, Running};

/// Where the distribution and the operator say where it lies; the last that says so counts.
const SETTINGS: [&str; 2] = ["/usr/share/containers/storage.conf", "/etc/containers/storage.conf"];
/// The storage drivers there are.
const DRIVERS: [&str; 6] = ["overlay", "overlay2", "vfs", "btrfs", "zfs", "aufs"];
/// Deepest chain of layers.
const DEEPEST: usize = 1_000;

/// Where containers are kept, and what goes with a boot.
struct Store {
    kept: String,
    runs: String,
}

#[derive(Deserialize, Default)]
struct StorageFile {
    #[serde(default)]
    storage: Paths,
}

#[derive(Deserialize, Default)]
struct Paths {
    graphroot: Option<String>,
    runroot: Option<String>,
    rootless_storage_path: Option<String>,
}

/// A row of `containers.json`.
#[derive(Deserialize)]
struct Kept {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    /// JSON in a text.
    #[serde(default)]
    metadata: String,
    created: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    #[serde(default)]
    image_name: String,
    #[serde(default)]
    name: String,
}

/// A row of `images.json`.
#[derive(Deserialize)]
struct KeptImage {
    id: String,
    digest: Option<String>,
    #[serde(default)]
    names: Option<Vec<String>>,
    layer: Option<String>,
    created: Option<String>,
}

/// A row of `layers.json`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Layer {
    id: String,
    parent: Option<String>,
    diff_size: Option<u64>,
}

/// `config.json`.
#[derive(Deserialize)]
struct Order {
    #[serde(default)]
    mounts: Vec<Mount>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    linux: Option<Linux>,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(default)]
    destination: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    options: Vec<String>,
}

#[derive(Deserialize)]
struct Linux {
    #[serde(default)]
    namespaces: Vec<Namespace>,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
}

/// The store of root.
pub(super) fn host(sources: &Sources, found: &mut Found) {
    let mut store =
        Store { kept: "/var/lib/containers/storage".to_owned(), runs: "/run/containers/storage".to_owned() };
    for path in SETTINGS {
        match settings(of_the_host(sources, path)) {
            Ok(paths) => {
                store.kept = paths.graphroot.unwrap_or(store.kept);
                store.runs = paths.runroot.unwrap_or(store.runs);
            }
            Err(reason) => found.missed_both(&format!("{path}: {reason}")),
        }
    }
    look(sources, &store, "podman", found);
}

/// The store of an account.
pub(super) fn account(sources: &Sources, account: &Account, found: &mut Found) {
    let place = format!("podman:{}", plain(&account.name));
    let mut store = Store {
        kept: format!("{}/.local/share/containers/storage", account.home),
        runs: format!("/run/user/{}/containers", account.uid),
    };
    let own = format!("{}/.config/containers/storage.conf", account.home);
    let written = |text: String| {
        let user = text.replace("$HOME", &account.home).replace("$USER", &account.name);
        user.replace("$UID", &account.uid.to_string())
    };
    for path in SETTINGS {
        let paths = settings(of_the_host(sources, path)).unwrap_or_default();
        store.kept = paths.rootless_storage_path.map_or(store.kept, written);
    }
    match settings(read(&sources.path(&own))) {
        Ok(paths) => {
            store.kept = paths.graphroot.or(paths.rootless_storage_path).map_or(store.kept, written);
            store.runs = paths.runroot.map_or(store.runs, written);
        }
        Err(reason) => found.missed_both(&format!("{place}, its storage.conf: {reason}")),
    }
    look(sources, &store, &place, found);
}

fn settings(bytes: Result<Option<Vec<u8>>, String>) -> Result<Paths, String> {
    let Some(bytes) = bytes? else { return Ok(Paths::default()) };
    let text = String::from_utf8(bytes).map_err(|_| "not understood".to_owned())?;
    let file: StorageFile = toml::from_str(&text).map_err(|_| "not understood".to_owned())?;
    Ok(file.storage)
}

fn look(sources: &Sources, store: &Store, place: &str, found: &mut Found) {
    match is_there(sources, &store.kept) {
        Ok(false) => return,
        Ok(true) => {}
        Err(error) => return found.missed_both(&format!("{place}: {error}")),
    }
    for driver in DRIVERS {
        match is_there(sources, &format!("{}/{driver}-images", store.kept)) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error) => {
                found.missed_both(&format!("{place}: {error}"));
                continue;
            }
        }
        if let Err(reason) = images(sources, store, driver, place, found) {
            found.missed_images(format!("{place}, its images: {reason}"));
        }
        if let Err(reason) = containers(sources, store, driver, place, found) {
            found.missed_containers(format!("{place}, its containers: {reason}"));
        }
    }
}

fn containers(
    sources: &Sources,
    store: &Store,
    driver: &str,
    place: &str,
    found: &mut Found,
) -> Result<(), String> {
    // Those that shall not outlive a boot are in a list of their own.
    let books = [
        format!("{}/{driver}-containers/containers.json", store.kept),
        format!("{}/{driver}-containers/volatile-containers.json", store.runs),
    ];
    for path in books {
        for kept in book::<Vec<Kept>>(&sources.path(&path))?.unwrap_or_default() {
            match container(sources, store, driver, place, kept) {
                Ok(container) => found.containers.push(container),
                Err(reason) => found.missed_containers(format!("{place}, a container: {reason}")),
            }
        }
    }
    Ok(())
}

fn container(
    sources: &Sources,
    store: &Store,
    driver: &str,
    place: &str,
    kept: Kept,
) -> Result<Container, String> {
    // CRI-O writes other metadata; then the list's own names are all there is.
    let metadata: Metadata = serde_json::from_str(&kept.metadata).unwrap_or_default();
    let listed = kept.names.into_iter().flatten().next();
    let name =
        if metadata.name.is_empty() { listed.unwrap_or_else(|| kept.id.clone()) } else { metadata.name };
    // An id is a name of a folder.
    let id = digest(&kept.id).ok_or("an id that is none")?;
    let folder = format!("{}/{driver}-containers/{id}/userdata", store.kept);
    let order = book::<Order>(&sources.path(&format!("{folder}/config.json")))?;
    let runs = format!("{}/{driver}-containers/{id}/userdata/pidfile", store.runs);
    let since = running_since(sources, &runs, id.as_str());
    let state = match (since, &order) {
        (Some(_), _) => Running::Running,
        (None, Some(_)) => Running::Stopped,
        (None, None) => Running::Created,
    };
    let privileged = order.as_ref().and_then(is_privileged);
    let shares = |order: &Order| {
        let own = order.linux.as_ref().map(|linux| linux.namespaces.iter().any(|one| one.kind == "network"));
        own == Some(false)
    };
    Ok(Container {
        name: format!("{place}/{}", plain(&name)),
        id: id.to_string(),
        image: plain(&metadata.image_name),
        image_id: digest(&kept.image),
        created: instant(kept.created.as_deref()),
        state,
        since: since.flatten(),
        privileged,
        host_network: order.as_ref().map(shares),
        ports: None,
        mounts: order.map(|order| mounts(order, store)).unwrap_or_default(),
    })
}

/// What the engine that made it noted; none where it is one whose notes say nothing of it.
fn is_privileged(order: &Order) -> Option<bool> {
    let said = |name: &str| order.annotations.get(name).map(|said| said.eq_ignore_ascii_case("true"));
    if let Some(said) = said("io.kubernetes.cri-o.PrivilegedRuntime") {
        return Some(said);
    }
    // Podman notes some things under CRI-O's names, too, but not this.
    let by_another = order.annotations.contains_key("io.kubernetes.cri-o.Metadata");
    (!by_another).then(|| said("io.podman.annotations.privileged").unwrap_or(false))
}

/// What of the host it may write to: not what the engine itself gave it.
fn mounts(order: Order, store: &Store) -> Vec<String> {
    let own = |source: &str| {
        [&store.kept, &store.runs].iter().any(|folder| Path::new(source).starts_with(folder.as_str()))
    };
    let may_write = |mount: &Mount| {
        let options: BTreeSet<&str> = mount.options.iter().map(String::as_str).collect();
        let is_bound = mount.kind == "bind" || options.contains("bind") || options.contains("rbind");
        is_bound && !options.contains("ro") && !own(&mount.source)
    };
    let texts = order.mounts.into_iter().filter(may_write);
    let mut texts: Vec<String> =
        texts.map(|mount| plain(&format!("{}:{}", mount.source, mount.destination))).collect();
    texts.sort_unstable();
    texts.truncate(MOST_OF_ONE);
    texts
}

/// Whether the process that was written down lives and is its own: numbers are used again, but only its own process has
/// mounts that are named after it.
fn running_since(sources: &Sources, pidfile: &str, id: &str) -> Option<Option<jiff::Timestamp>> {
    let path = sources.path(pidfile);
    let pid: u32 = String::from_utf8(read(&path).ok()??).ok()?.trim().parse().ok()?;
    let mounts = sources.read(&format!("/proc/{pid}/mountinfo")).ok()?;
    let written = std::fs::symlink_metadata(&path).ok()?;
    mounts.contains(id).then(|| from_unix(written.mtime()))
}

fn images(
    sources: &Sources,
    store: &Store,
    driver: &str,
    place: &str,
    found: &mut Found,
) -> Result<(), String> {
    let path = |what: &str| sources.path(&format!("{}/{driver}-{what}/{what}.json", store.kept));
    let kept = book::<Vec<KeptImage>>(&path("images"))?.unwrap_or_default();
    let layers: Vec<Layer> = book(&path("layers"))?.unwrap_or_default();
    let layers: BTreeMap<String, Layer> = layers.into_iter().map(|layer| (layer.id.clone(), layer)).collect();
    for image in kept {
        let Some(id) = digest(&image.id) else {
            found.missed_images(format!("{place}, an image: an id that is none"));
            continue;
        };
        let (names, mut digests) = names_and_digests(image.names.unwrap_or_default());
        digests.extend(image.digest.as_deref().and_then(digest));
        digests.sort_unstable();
        digests.dedup();
        found.images.push(Image {
            engine: place.to_owned(),
            id,
            names,
            digests,
            created: instant(image.created.as_deref()),
            bytes: image.layer.and_then(|layer| bytes(&layers, &layer)),
        });
    }
    Ok(())
}

/// The bytes of a layer and of all below it.
fn bytes(layers: &BTreeMap<String, Layer>, top: &str) -> Option<u64> {
    let (mut next, mut sum) = (layers.get(top), 0_u64);
    for _ in 0..DEEPEST {
        let layer = next?;
        sum = sum.saturating_add(layer.diff_size?);
        match &layer.parent {
            Some(parent) if !parent.is_empty() => next = layers.get(parent),
            _ => return Some(sum),
        }
    }
    None
}
