//! 8.a, 8.b: containers, and the images they start from: those of Docker, and those of Podman (and of whatever else keeps them
//! where Podman does: Buildah, CRI-O), of the host and of accounts that have some of their own.
//!
//! The engines are not asked, their own books are read. Docker answers nobody who could not become root by asking. Podman shows
//! everybody his own containers: a program without the right to mount, as this one, sees none, which would be told as "there are
//! none". The books say the same, and whether or not the engine runs just then.
//!
//! Of environments and command lines nothing is read: they may hold secrets.

mod docker;
mod podman;

use crate::reading::{Items, MAX_FILE, Reading, Sources, in_parts};
use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::de::DeserializeOwned;
use std::io::{Error, ErrorKind, Read, Result as IoResult};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use yakujo_contract::change::Object;
use yakujo_contract::fact::container::{Container, ContainerSet, Image, ImageSet};
use yakujo_contract::fact::state::Content;
use yakujo_contract::fact::{Coverage, Fact};
use yakujo_contract::id::Digest;

/// More of either are counted, not listed.
const MOST: usize = 5_000;
/// More ports or mounts of one container, or names of one image, are left out.
const MOST_OF_ONE: usize = 100;
/// Longest name, characters.
const LONGEST: usize = 300;
/// Longest text of a change.
const LONGEST_TEXT: usize = 2_000;
/// More accounts are not looked at.
const MOST_ACCOUNTS: usize = 20_000;

/// Programs by which accounts have containers of their own; without one of them nobody's home folder is looked into.
const PROGRAMS_OF_ACCOUNTS: [&str; 5] = [
    "/usr/bin/podman",
    "/usr/local/bin/podman",
    "/usr/bin/buildah",
    "/usr/bin/dockerd-rootless.sh",
    "/usr/share/docker.io/contrib/dockerd-rootless.sh",
];
/// Engines whose books are in a form that is not read.
const NOT_READ: [(&str, &str); 2] = [
    ("containerd", "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"),
    ("k3s", "/var/lib/rancher/k3s/agent/containerd/io.containerd.metadata.v1.bolt/meta.db"),
];

/// What the books of all engines say.
#[derive(Debug, Default)]
struct Found {
    containers: Vec<Container>,
    images: Vec<Image>,
    /// What could not be read of the containers, and of the images.
    missed: (Coverage, Coverage),
}

impl Found {
    fn missed_containers(&mut self, reason: String) {
        miss(&mut self.missed.0, reason);
    }

    fn missed_images(&mut self, reason: String) {
        miss(&mut self.missed.1, reason);
    }

    fn missed_both(&mut self, reason: &str) {
        self.missed_containers(reason.to_owned());
        self.missed_images(reason.to_owned());
    }
}

/// Reads containers and images.
#[must_use]
pub fn collect(sources: &Sources) -> Reading {
    let mut found = Found::default();
    let has_docker = docker::host(sources, &mut found);
    podman::host(sources, &mut found);
    for account in accounts(sources, &mut found) {
        docker::account(sources, &account, &mut found);
        podman::account(sources, &account, &mut found);
    }
    for (engine, book) in NOT_READ {
        // Docker has a containerd of its own, whose containers are in Docker's books.
        let is_dockers = has_docker && engine == "containerd";
        if !is_dockers && is_there(sources, book).unwrap_or(true) {
            found.missed_both(&format!("{engine} is on this host, and its containers cannot be read"));
        }
    }
    told(found)
}

fn told(found: Found) -> Reading {
    let Found { mut containers, mut images, missed: (mut unseen, mut unseen_images) } = found;
    containers.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
    containers.dedup_by(|a, b| a.name == b.name && a.id == b.id);
    images.sort_by(|a, b| a.engine.cmp(&b.engine).then_with(|| a.id.cmp(&b.id)));
    images.dedup_by(|a, b| a.engine == b.engine && a.id == b.id);
    skip(&mut unseen, containers.len());
    skip(&mut unseen_images, images.len());
    containers.truncate(MOST);
    images.truncate(MOST);
    let reason = if unseen.reason.is_empty() { unseen_images.reason.clone() } else { unseen.reason.clone() };
    let set =
        |(part, containers)| Fact::ContainerSet(ContainerSet { part, containers, coverage: unseen.clone() });
    let mut facts: Vec<Fact> = in_parts(&containers).into_iter().map(set).collect();
    let set = |(part, images)| Fact::ImageSet(ImageSet { part, images, coverage: unseen_images.clone() });
    facts.extend(in_parts(&images).into_iter().map(set));
    Reading::of(facts, reason)
}

fn skip(coverage: &mut Coverage, there: usize) {
    let more = there.saturating_sub(MOST);
    if more > 0 {
        coverage.skipped = u32::try_from(more).unwrap_or(u32::MAX);
        coverage.reason = format!("more than {MOST}");
    }
}

fn miss(coverage: &mut Coverage, reason: String) {
    coverage.unreadable = coverage.unreadable.saturating_add(1);
    if coverage.reason.is_empty() {
        coverage.reason = reason;
    }
}

/// Containers and images by name, to be compared with what they were. Whether a container runs is nothing of what it is, and
/// neither is its id: one that was made anew from the same image with the same rights is the same.
#[must_use]
pub fn items(reading: &Reading) -> Vec<Items> {
    let (mut containers, mut images) = (Items::of(Object::Container), Items::of(Object::Image));
    for fact in &reading.facts {
        match fact {
            Fact::ContainerSet(set) => {
                containers.coverage = set.coverage.clone();
                for container in &set.containers {
                    let content = content(container.image_id.as_ref(), &described(container));
                    containers.items.insert(container.name.clone(), content);
                }
            }
            Fact::ImageSet(set) => {
                images.coverage = set.coverage.clone();
                for image in &set.images {
                    for name in &image.names {
                        let content = content(Some(&image.id), &format!("sha256:{}", image.id));
                        images.items.insert(format!("{}/{name}", image.engine), content);
                    }
                }
            }
            _ => {}
        }
    }
    vec![containers, images]
}

/// What an approval may name is the image.
fn content(image: Option<&Digest>, text: &str) -> Content {
    let value = Some(text.chars().take(LONGEST_TEXT).collect());
    Content { digest: image.cloned(), sealed: None, value }
}

fn described(container: &Container) -> String {
    let yes = |is: Option<bool>| match is {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not_started_yet",
    };
    let id = container.image_id.as_ref().map_or("unknown", Digest::as_str);
    let ports = container.ports.as_ref().map_or_else(|| "unknown".to_owned(), |ports| ports.join(","));
    format!(
        "image={} id={id} privileged={} host_network={} ports={ports} mounts={}",
        container.image,
        yes(container.privileged),
        yes(container.host_network),
        container.mounts.join(","),
    )
}

/// An account that may have containers of its own.
struct Account {
    name: String,
    uid: u32,
    home: String,
}

fn accounts(sources: &Sources, found: &mut Found) -> Vec<Account> {
    let has_program = PROGRAMS_OF_ACCOUNTS.iter().any(|program| sources.path(program).exists());
    if !has_program {
        return Vec::new();
    }
    let users = match sources.read("/etc/passwd") {
        Ok(text) => super::c11_access::parse_passwd(&text),
        Err(error) => {
            found.missed_both(&format!("/etc/passwd: {error}"));
            return Vec::new();
        }
    };
    // The containers of root are those of the host.
    let others = users.into_iter().filter(|user| user.uid != 0 && user.home.len() > 1);
    others
        .take(MOST_ACCOUNTS)
        .map(|user| Account { name: user.name, uid: user.uid, home: user.home })
        .collect()
}

/// Whether there is something, or why nobody can say.
fn is_there(sources: &Sources, path: &str) -> IoResult<bool> {
    match std::fs::symlink_metadata(sources.path(path)) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A book. Nothing, where there is none. An account may put whatever it likes where its books should be: no pipe is waited for.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut bytes = Vec::new();
    let read = opened.and_then(|file| match file.metadata()?.is_file() {
        true => file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes),
        false => Err(Error::other("no file")),
    });
    match read {
        Ok(size) if u64::try_from(size).is_ok_and(|size| size > MAX_FILE) => Err("too large".to_owned()),
        Ok(_) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// A file of the host's own settings, which may be a link.
fn of_the_host(sources: &Sources, path: &str) -> Result<Option<Vec<u8>>, String> {
    match sources.read(path) {
        Ok(text) => Ok(Some(text.into_bytes())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// A book in JSON.
fn book<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    read(path).and_then(understood)
}

fn understood<T: DeserializeOwned>(bytes: Option<Vec<u8>>) -> Result<Option<T>, String> {
    let Some(bytes) = bytes else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|_| "not understood".to_owned())
}

/// A digest as engines write it, with `sha256:` or without.
fn digest(text: &str) -> Option<Digest> {
    Digest::try_from(text.strip_prefix("sha256:").unwrap_or(text).to_owned()).ok()
}

/// Names with a digest are no names of their own, and two engines write the rest alike. What no page could show is left out.
fn names_and_digests(all: impl IntoIterator<Item = String>) -> (Vec<String>, Vec<Digest>) {
    let (mut names, mut digests) = (Vec::new(), Vec::new());
    for name in all {
        match name.rsplit_once('@') {
            Some((_, text)) => digests.extend(digest(text)),
            None => names.push(plain(&name)),
        }
    }
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST_OF_ONE);
    digests.sort_unstable();
    digests.dedup();
    digests.truncate(MOST_OF_ONE);
    (names, digests)
}

fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// An instant as engines write it; the year 1 stands for never.
fn instant(text: Option<&str>) -> Option<Timestamp> {
    let at: Timestamp = text?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}

#[cfg(test)]
mod tests;
