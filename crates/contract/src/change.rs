//! What a stored fact shows of changes, in one form, so that whatever joins observed changes with approvals need not know
//! the kinds of facts.
//!
//! A fact tells its changes by itself: the agent keeps what was before and compares. So nothing here depends on the order
//! in which entries arrive, and the same entry always shows the same changes.

use crate::entry::{Author, Entry};
use crate::fact::Fact;
use crate::fact::host::{ServiceChange, Turn};
use crate::fact::integrity::{
    Explanation, FileChange, FileKind, FileState, IntegrityBaseline, IntegrityChange, Origin,
};
use crate::fact::network::FlowSeen;
use crate::fact::software::{Package, PackageChange};
use crate::fact::state::{Actor, Content, ItemChange, Seen, StateChange};
use crate::id::{Digest, HostId};
pub use crate::thing::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It is new.
    Added,
    /// It is otherwise than before.
    Altered,
    /// It is gone.
    Removed,
    /// It runs now.
    Started,
    /// It no longer runs.
    Stopped,
}

/// When it happened, by the host's clock (never after the server heard of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The earliest instant; absent: nobody can say.
    pub earliest: Option<Timestamp>,
    /// The latest instant.
    pub latest: Timestamp,
}

impl Window {
    fn instant(at: Timestamp) -> Self {
        Self { earliest: Some(at), latest: at }
    }
}

/// What is known of a watched file beside the digest of a content that everybody may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// What it is.
    pub kind: FileKind,
    /// Mode bits.
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// The digest of a content that not everybody may read: to be compared with another one of the same host, and with no
    /// digest of anything else.
    pub sealed: Option<Digest>,
}

/// One change that an entry shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// On which host.
    pub host: HostId,
    /// What kind of thing.
    pub object: Object,
    /// Its name: path, package, unit, account, schema object …; empty for a boot.
    pub name: String,
    /// What happened to it.
    pub effect: Effect,
    /// When.
    pub window: Window,
    /// Digest of its content before. Absent: new, sealed, or not known.
    pub digest_before: Option<Digest>,
    /// Digest of its content after. Absent: gone, sealed, or not known.
    pub digest_after: Option<Digest>,
    /// Of a watched file: what else is known of it before.
    pub beside_before: Option<Beside>,
    /// Of a watched file: what else is known of it after.
    pub beside_after: Option<Beside>,
    /// Its text before, where it is short: a version, a value.
    pub text_before: Option<String>,
    /// Its text after.
    pub text_after: Option<String>,
    /// Who did it, where the host said so. Absent is not "nobody".
    pub by: Option<Actor>,
    /// What explains it besides an approval.
    pub explained_by: Explanation,
    /// Whether the agent ran when it happened.
    pub seen: Seen,
}

/// The changes an entry shows. Only what an agent says of its own host counts.
#[must_use]
pub fn changes(entry: &Entry) -> Vec<Change> {
    let (Author::Agent(agent), Some(host), Some(fact)) = (&entry.author, &entry.host, entry.fact()) else {
        return Vec::new();
    };
    if agent != host {
        return Vec::new();
    }
    // A clock that is ahead must not move a change behind the moment the server heard of it.
    let heard = entry.observed.min(entry.received);
    let told = Telling { host, heard };
    match fact {
        Fact::HostBoot(boot) => vec![told.of(Object::Boot, "", Effect::Started, Window::instant(boot.at))],
        Fact::ServiceChange(change) => vec![told.service(change)],
        Fact::PackageChange(change) => told.packages(change),
        Fact::IntegrityBaseline(baseline) => told.baseline(baseline),
        Fact::IntegrityChange(change) => change.files.iter().map(|file| told.file(change, file)).collect(),
        Fact::NetFlows(set) => set.flows.iter().map(|flow| told.flow(flow)).collect(),
        Fact::StateChange(change) => change.items.iter().map(|item| told.item(change, item)).collect(),
        _ => Vec::new(),
    }
}

/// Which host tells, and when it did at the latest.
struct Telling<'a> {
    host: &'a HostId,
    heard: Timestamp,
}

impl Telling<'_> {
    fn of(&self, object: Object, name: &str, effect: Effect, window: Window) -> Change {
        let latest = window.latest.min(self.heard);
        let earliest = window.earliest.map(|earliest| earliest.min(latest));
        Change {
            host: self.host.clone(),
            object,
            name: name.to_owned(),
            effect,
            window: Window { earliest, latest },
            digest_before: None,
            digest_after: None,
            beside_before: None,
            beside_after: None,
            text_before: None,
            text_after: None,
            by: None,
            explained_by: Explanation::None,
            seen: Seen::Running,
        }
    }

    fn service(&self, change: &ServiceChange) -> Change {
        let effect = match change.change {
            Turn::Started => Effect::Started,
            Turn::Stopped => Effect::Stopped,
        };
        let window = Window { earliest: change.since, latest: change.at };
        Change { seen: change.seen, ..self.of(Object::Service, &change.service, effect, window) }
    }

    fn packages(&self, change: &PackageChange) -> Vec<Change> {
        let window = Window { earliest: change.since, latest: change.at.unwrap_or(self.heard) };
        let was = |name: &str| change.was.iter().find(|package| package.name == name);
        let one = |name: &str, effect, after: Option<&Package>| Change {
            text_before: was(name).map(|package| package.version.clone()),
            text_after: after.map(|package| package.version.clone()),
            by: change.by.clone(),
            seen: change.seen,
            ..self.of(Object::Package, name, effect, window)
        };
        let present = change.present.iter().map(|package| {
            let effect = if was(&package.name).is_some() { Effect::Altered } else { Effect::Added };
            one(&package.name, effect, Some(package))
        });
        present.chain(change.removed.iter().map(|name| one(name, Effect::Removed, None))).collect()
    }

    fn baseline(&self, baseline: &IntegrityBaseline) -> Vec<Change> {
        let anyhow = Window { earliest: None, latest: self.heard };
        let fresh = match baseline.origin {
            Origin::Fresh => Some(Change {
                digest_after: Some(baseline.tree.clone()),
                ..self.of(Object::Baseline, "", Effect::Added, anyhow)
            }),
            Origin::Kept => None,
        };
        let dropped =
            baseline.dropped.iter().map(|root| self.of(Object::Watch, root, Effect::Removed, anyhow));
        fresh.into_iter().chain(dropped).collect()
    }

    fn file(&self, change: &IntegrityChange, file: &FileChange) -> Change {
        let window = match file.at {
            Some(at) => Window::instant(at),
            None => Window { earliest: change.since, latest: change.until },
        };
        let digest = |state: &Option<FileState>| state.as_ref().and_then(|state| state.digest.clone());
        Change {
            digest_before: digest(&file.before),
            digest_after: digest(&file.after),
            beside_before: file.before.as_ref().map(beside),
            beside_after: file.after.as_ref().map(beside),
            by: file.by.clone(),
            explained_by: file.explained_by.clone(),
            seen: change.seen,
            ..self.of(object_of(&file.path), &file.path, effect(&file.before, &file.after), window)
        }
    }

    fn flow(&self, flow: &FlowSeen) -> Change {
        let window = Window { earliest: Some(flow.from), latest: flow.to };
        let text_after = flow.program.clone();
        Change { text_after, ..self.of(Object::Flow, &flow.path.name(), Effect::Started, window) }
    }

    fn item(&self, change: &StateChange, item: &ItemChange) -> Change {
        let window = Window { earliest: change.since, latest: change.until };
        let digest = |content: &Option<Content>| content.as_ref().and_then(|content| content.digest.clone());
        let text = |content: &Option<Content>| content.as_ref().and_then(|content| content.value.clone());
        Change {
            digest_before: digest(&item.before),
            digest_after: digest(&item.after),
            text_before: text(&item.before),
            text_after: text(&item.after),
            seen: change.seen,
            ..self.of(change.object, &item.name, effect(&item.before, &item.after), window)
        }
    }
}

/// Jobs and host keys are files: one change is told, and it is theirs.
fn object_of(path: &str) -> Object {
    let is_unit = path.starts_with("/etc/systemd/") || path.contains("/lib/systemd/");
    let is_job = path.starts_with("/etc/cron")
        || path.starts_with("/var/spool/cron/")
        || path == "/etc/anacrontab"
        || (is_unit && path.ends_with(".timer"));
    if is_job {
        Object::Job
    } else if path.starts_with("/etc/ssh/ssh_host_") && path.ends_with("_key.pub") {
        Object::HostKey
    } else {
        Object::File
    }
}

fn beside(state: &FileState) -> Beside {
    let FileState { kind, mode, uid, gid, .. } = *state;
    Beside { kind, mode, uid, gid, sealed: state.sealed.clone() }
}

fn effect<T>(before: &Option<T>, after: &Option<T>) -> Effect {
    match (before, after) {
        (None, _) => Effect::Added,
        (Some(_), Some(_)) => Effect::Altered,
        (Some(_), None) => Effect::Removed,
    }
}

#[cfg(test)]
mod tests;
