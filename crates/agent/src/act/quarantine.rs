//! Puts what was judged to be malware into the quarantine, under a standing approval that came as a signed permit and counts now.
//!
//! The part that judges may be anybody's by now. So the hand believes of it only the judgement: the permit is checked here,
//! the file comes held open and is moved only where its name leads to it, its digest is computed here, what the city gave back
//! is left where it lies, what the host needs to start is not moved, and neither are more files in an hour than somebody
//! could look at. All of it can be given back.
//!
//! The record of the quarantine is the truth. Whoever was interrupted asks again, without the file: what came in meanwhile is
//! then said once more.

use super::desk::Desk;
use super::give_back::AGENT;
use super::{ActError, Answer, Ask, needed, orders};
use crate::malware::clam::VAULT;
use crate::malware::sample;
use crate::malware::target::Target;
use crate::malware::vault::{Permit, Place, Vault, VaultError};
use crate::watch::file::{path_of, text_of};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::malware::{AvDetection, Done, QuarantineItem};

/// Without a permit nothing is moved.
pub(crate) const NO_PERMIT: &str = "no standing approval permits the quarantine: agree on one (F-26)";
/// The host does not start without them, or they hold no files: nothing in there is moved.
const NEVER: [&str; 5] = ["/boot", "/dev", "/proc", "/run", "/sys"];
/// But in there, where everybody may write.
const ALWAYS: [&str; 3] = ["/dev/shm", "/run/lock", "/run/user"];
/// Files that are moved in an hour.
const MOST_AN_HOUR: usize = 500;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What became of a file that should go into the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[must_use]
pub enum Moved {
    /// It was tried; the fact says how it ended.
    Tried(Box<QuarantineItem>),
    /// It was not tried, and why.
    NotTried(String),
}

/// Where the quarantine of this host lies: in the agent's folder beside the hand's where both are the same account's, else in
/// the hand's own; and in the further folders that the `agent.toml` there names.
pub(super) fn places(folder: &Path) -> Vec<PathBuf> {
    let home = home(folder);
    // The hand does not start less because of settings it cannot read.
    let named = crate::settings::load(&home).map(|settings| settings.malware.vaults).unwrap_or_default();
    std::iter::once(home.join(VAULT)).chain(named.into_iter().map(PathBuf::from)).collect()
}

/// The file that names further places.
pub(super) fn settings(folder: &Path) -> PathBuf {
    home(folder).join(crate::settings::FILE)
}

fn home(folder: &Path) -> PathBuf {
    let beside = folder.parent().unwrap_or(folder).join(AGENT);
    let own = rustix::process::geteuid().as_raw();
    let is_ours = std::fs::symlink_metadata(&beside).is_ok_and(|it| it.is_dir() && it.uid() == own);
    if is_ours { beside } else { folder.to_owned() }
}

/// Opens the quarantine in all its places; made where it is missing. The first has to be there.
pub(super) fn vaults(folder: &Path) -> Result<Vec<Vault>, String> {
    let mut vaults = Vec::new();
    for place in places(folder) {
        match Vault::open(&place) {
            Ok(vault) => vaults.push(vault),
            Err(error) if vaults.is_empty() => return Err(format!("{}: {error}", place.display())),
            Err(error) => tracing::warn!("{} is no place of the quarantine: {error}", place.display()),
        }
    }
    Ok(vaults)
}

/// The folders that this question touches besides the hand's own. They are opened only under a permit.
pub(super) fn folders(desk: &Desk, folder: &Path, ask: &Ask, now: Timestamp) -> Vec<PathBuf> {
    // A quarantine that cannot be opened is said in the answer.
    let mut folders = vaults(folder).map(|_| places(folder)).unwrap_or_default();
    let path = match ask {
        Ask::Quarantine { detection, .. } => path_of(&detection.path),
        Ask::Sample { path } if sample::is_named(&path_of(path)) => path_of(path),
        _ => return folders,
    };
    let permitted = orders::quarantine(desk, now).is_ok_and(|permit| permit.is_some());
    if permitted || matches!(ask, Ask::Sample { .. }) {
        folders.extend(path.parent().map(Path::to_owned));
    }
    folders
}

/// Answers a question about the quarantine. Nothing else the hand is at work on is waited for.
pub(super) fn answer(
    folder: &Path,
    ask: &Ask,
    file: Option<OwnedFd>,
    now: Timestamp,
) -> Result<Answer, ActError> {
    let desk = Desk::look(folder)?;
    let moved = match vaults(folder).and_then(|vaults| settled(vaults).map_err(|error| error.to_string())) {
        Ok(vaults) => Room { desk: &desk, folder, vaults }.moved(ask, file, now)?,
        Err(reason) => Some(Moved::NotTried(reason)),
    };
    Ok(Answer {
        told: Vec::new(),
        isolated: desk.isolation()?.is_some(),
        more: false,
        quarantine: orders::quarantine(&desk, now)?,
        pinned: desk.pinned()?,
        moved,
        wants: None,
        holding: None,
        holds: Vec::new(),
        places: places(folder).iter().map(|place| text_of(place)).collect(),
    })
}

fn settled(vaults: Vec<Vault>) -> Result<Vec<Vault>, VaultError> {
    vaults.iter().try_for_each(Vault::settle_all)?;
    Ok(vaults)
}

/// What is needed to move a file.
struct Room<'a> {
    desk: &'a Desk,
    folder: &'a Path,
    vaults: Vec<Vault>,
}

impl Room<'_> {
    fn moved(&self, ask: &Ask, file: Option<OwnedFd>, now: Timestamp) -> Result<Option<Moved>, ActError> {
        Ok(match ask {
            Ask::Quarantine { file: id, detection } => {
                let taken = match file {
                    Some(file) => self.take(*id, detection, file, now)?,
                    None => failed(detection, &VaultError::Replaced),
                };
                Some(self.unless_it_came_in(*id, detection, taken))
            }
            Ask::Sample { path } => file.map(|file| self.try_with(&path_of(path), file)),
            _ => None,
        })
    }

    fn take(
        &self,
        id: (u64, u64),
        detection: &AvDetection,
        file: OwnedFd,
        now: Timestamp,
    ) -> Result<Moved, ActError> {
        let permit = orders::quarantine(self.desk, now)?.as_ref().and_then(Permit::of);
        let Some(permit) = permit else { return Ok(Moved::NotTried(NO_PERMIT.to_owned())) };
        let path = path_of(&detection.path);
        if self.is_never_moved(&path) {
            return Ok(Moved::NotTried("what lies in this folder is not moved: look at the host".to_owned()));
        }
        let hour_ago = now.saturating_sub(HOUR).unwrap_or(Timestamp::MIN);
        let moved: usize = self.vaults.iter().map(|vault| vault.records.written_since(hour_ago)).sum();
        if moved >= MOST_AN_HOUR {
            let reason = format!("{MOST_AN_HOUR} files were moved within an hour: look at the host");
            return Ok(Moved::NotTried(reason));
        }
        let target = match Target::of(&path, file) {
            Ok(target) if target.id() == id => target,
            Ok(_) => return Ok(failed(detection, &VaultError::Replaced)),
            Err(error) => return Ok(failed(detection, &error)),
        };
        if let Some(reason) = needed::why_not(&target) {
            return Ok(Moved::NotTried(reason));
        }
        Ok(self.hold(&target, detection, &permit))
    }

    fn hold(&self, target: &Target, detection: &AvDetection, permit: &Permit) -> Moved {
        let digest = match target.digest() {
            Ok((digest, _)) => digest,
            Err(error) => return failed(detection, &error),
        };
        let from = text_of(&target.path);
        if self.vaults.iter().any(|vault| vault.records.gave_back(&from, &digest)) {
            return Moved::NotTried("it was given back to this place by an order".to_owned());
        }
        let Some(vault) = Vault::nearest(&self.vaults, target) else {
            return Moved::NotTried("there is no folder for the quarantine".to_owned());
        };
        let mut item = vault.hold(target, Some(detection), Some(permit));
        if item.result == Done::Done && item.digest != detection.digest {
            let separator = if item.reason.is_empty() { "" } else { "; " };
            item.reason = format!("{}{separator}its content changed after it was judged", item.reason);
        }
        Moved::Tried(Box::new(item))
    }

    /// What cannot be moved may have come in before: whoever asks again, with the file still held open or without it, is told so.
    fn unless_it_came_in(&self, id: (u64, u64), detection: &AvDetection, taken: Moved) -> Moved {
        if !matches!(&taken, Moved::Tried(item) if item.result != Done::Done) {
            return taken;
        }
        let mut items = self.vaults.iter().flat_map(|vault| vault.records.items());
        let came_in = items.find(|(_, note)| {
            let is_it = note.inode == id && note.from == detection.path && note.digest == detection.digest;
            note.place == Place::Held && is_it
        });
        came_in.map_or(taken, |(item, note)| Moved::Tried(Box::new(note.told(item))))
    }

    /// The agent's own sample is moved without a permit, because it is known what it is, and is not kept.
    fn try_with(&self, path: &Path, file: OwnedFd) -> Moved {
        if !sample::is_named(path) {
            return Moved::NotTried("this is no sample".to_owned());
        }
        let target = match Target::of(path, file) {
            Ok(target) if target.digest().is_ok_and(|(digest, _)| sample::is_it(&digest)) => target,
            Ok(_) | Err(_) => return Moved::NotTried("this is no sample".to_owned()),
        };
        let Some(vault) = Vault::nearest(&self.vaults, &target) else {
            return Moved::NotTried("there is no folder for the quarantine".to_owned());
        };
        Moved::Tried(Box::new(vault.try_with(&target)))
    }

    fn is_never_moved(&self, path: &Path) -> bool {
        let beside = self.folder.parent().unwrap_or(self.folder).join(AGENT);
        let own = [self.folder, &beside].map(Path::to_owned);
        let vaults = self.vaults.iter().map(|vault| vault.records.path().to_owned());
        let is_public = ALWAYS.iter().any(|always| path.starts_with(always));
        let never = NEVER.iter().filter(|_| !is_public).map(PathBuf::from).chain(own).chain(vaults);
        never.into_iter().any(|never| path.starts_with(never))
    }
}

fn failed(detection: &AvDetection, why: &dyn std::fmt::Display) -> Moved {
    Moved::Tried(Box::new(QuarantineItem {
        item: String::new(),
        from: detection.path.clone(),
        digest: detection.digest.clone(),
        size: detection.size,
        meta: String::new(),
        approval: None,
        result: Done::Failed,
        other_names: 0,
        reason: why.to_string(),
    }))
}

#[cfg(test)]
mod tests;
