//! What the hand keeps on the disk, in a folder that only it may enter: the key it follows, the orders it used, its permits,
//! the isolation in force, and what it has still to tell.

use super::{ActError, Told};
use crate::deliver::write_private;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{OrderOutcome, OrderResult};
use yakujo_contract::fact::malware::IsolationCause;
use yakujo_contract::id::{Digest, HostId, OrderId, RequestId};
use yakujo_contract::order::{NotCarriedOut, Order, Permit, Work};

/// Facts that wait at most; the agent fetches them every few seconds.
const MOST_TOLD: usize = 2_000;

/// The folder of the hand, locked: two hands never work at once. One that only reads need not wait.
pub struct Desk {
    folder: PathBuf,
    /// Held as long as the desk is; none where it is only read.
    lock: Option<File>,
}

/// Whose orders are followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// The host this is.
    pub host: HostId,
    /// The public key.
    pub key: String,
}

/// An order that was used.
#[derive(Debug, Serialize, Deserialize)]
struct UsedOrder {
    order: Order,
    /// It was told what became of it.
    over: bool,
}

/// A permit of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPermit {
    /// The order that gave it.
    pub order: OrderId,
    /// The standing approval.
    pub request: RequestId,
    /// What it allows.
    pub permit: Permit,
    /// When it was used.
    pub uses: Vec<Timestamp>,
}

/// The isolation in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// The order or the permit it follows.
    pub order: OrderId,
    /// The request it rests on.
    pub request: RequestId,
    /// Since when.
    pub since: Timestamp,
    /// Until when at most.
    pub until: Timestamp,
    /// Addresses that stay open.
    pub peers: Vec<SocketAddr>,
    /// Digest of the rules as the kernel lists them.
    pub rules: Digest,
    /// Packets that earlier rules of this isolation refused.
    pub blocked_before: u64,
    /// When both parties were last told that it is in force.
    pub told: Timestamp,
    /// What brought it about, until that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<IsolationCause>,
}

impl Desk {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// When somebody else could have put something there.
    pub fn open(folder: &Path) -> Result<Self, ActError> {
        let desk = Self::look(folder)?;
        let path = folder.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(|error| ActError::File(path.clone(), error))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
            .map_err(|error| ActError::File(path, error.into()))?;
        Ok(Self { lock: Some(lock), ..desk })
    }

    /// Opens the folder, or makes it, to read in it alone: each file there is whole at any time.
    ///
    /// # Errors
    /// When somebody else could have put something there.
    pub fn look(folder: &Path) -> Result<Self, ActError> {
        let failed = |error| ActError::File(folder.to_owned(), error);
        for part in ["", "used", "permits", "told"] {
            crate::deliver::private_folder(&folder.join(part)).map_err(failed)?;
        }
        let own = std::fs::symlink_metadata(folder).map_err(failed)?;
        let safe =
            own.is_dir() && own.uid() == rustix::process::geteuid().as_raw() && own.mode() & 0o077 == 0;
        if !safe {
            return Err(ActError::Folder(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned(), lock: None })
    }

    /// Whether this desk may be changed.
    fn may_write(&self, path: &Path) -> Result<(), ActError> {
        let refused = || ActError::File(path.to_owned(), std::io::Error::other("it is only read here"));
        self.lock.as_ref().map(|_| ()).ok_or_else(refused)
    }

    /// A path within the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ActError> {
        let path = self.path(name);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|_| ActError::Damaged(path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ActError::File(path, error)),
        }
    }

    pub(super) fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), ActError> {
        let path = self.path(name);
        self.may_write(&path)?;
        let bytes = serde_json::to_vec(value).map_err(|_| ActError::Damaged(path.clone()))?;
        write_private(&path, &bytes)
            .and_then(|()| sync_folder(&path))
            .map_err(|error| ActError::File(path, error))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), ActError> {
        let path = self.path(name);
        self.may_write(&path)?;
        match std::fs::remove_file(&path).and_then(|()| sync_folder(&path)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ActError::File(path, error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The names in a part of the folder, sorted.
    fn names(&self, part: &str) -> Result<Vec<String>, ActError> {
        let path = self.path(part);
        let failed = |error| ActError::File(path.clone(), error);
        let mut names = Vec::new();
        for found in std::fs::read_dir(&path).map_err(failed)? {
            let name = found.map_err(failed)?.file_name().to_string_lossy().into_owned();
            // What was being written when the machine stopped.
            if !name.ends_with(".tmp") {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Whose orders are followed.
    pub fn pinned(&self) -> Result<Option<Pinned>, ActError> {
        self.read("pinned")
    }

    /// Pins a key where none is.
    pub fn pin(&self, host: &HostId, key: &str) -> Result<(), ActError> {
        yakujo_ledger::note::VerifierKey::parse(key).map_err(|_| ActError::Key)?;
        let new = Pinned { host: host.clone(), key: key.to_owned() };
        match self.pinned()? {
            Some(known) if known == new => Ok(()),
            Some(_) => Err(ActError::OtherKey(self.path("pinned"))),
            None => self.write("pinned", &new),
        }
    }

    /// Whether an order was used.
    pub fn is_used(&self, order: &Order) -> bool {
        self.path(&format!("used/{}", order.order)).exists()
    }

    /// Marks an order as used, for ever. It is on the disk before anything is done.
    ///
    /// # Errors
    /// [`NotCarriedOut::Used`] inside, where it was used before.
    pub fn claim(&self, order: &Order) -> Result<Result<(), NotCarriedOut>, ActError> {
        if self.is_used(order) {
            return Ok(Err(NotCarriedOut::Used));
        }
        let name = format!("used/{}", order.order);
        self.write(&name, &UsedOrder { order: order.clone(), over: false })?;
        Ok(Ok(()))
    }

    /// Tells what became of an order.
    pub fn settle(&self, order: &Order, outcome: OrderOutcome, now: Timestamp) -> Result<(), ActError> {
        self.tell(now, Fact::OrderOutcome(outcome))?;
        self.write(&format!("used/{}", order.order), &UsedOrder { order: order.clone(), over: true })
    }

    /// An order that was begun by a hand that did not come to its end.
    pub fn tell_what_was_interrupted(&self, now: Timestamp) -> Result<(), ActError> {
        for name in self.names("used")? {
            let Some(used) = self.read::<UsedOrder>(&format!("used/{name}"))? else { continue };
            if !used.over {
                let reason = "it was interrupted: look at the host, and give the order again";
                self.settle(&used.order, outcome(&used.order, OrderResult::Failed, reason), now)?;
            }
        }
        Ok(())
    }

    /// The permits, also those that are over.
    pub fn permits(&self) -> Result<Vec<HeldPermit>, ActError> {
        let mut permits = Vec::new();
        for name in self.names("permits")? {
            permits.extend(self.read(&format!("permits/{name}"))?);
        }
        Ok(permits)
    }

    /// Keeps a permit.
    pub fn keep_permit(&self, permit: &HeldPermit) -> Result<(), ActError> {
        self.write(&format!("permits/{}", permit.order), permit)
    }

    /// A permit ends.
    pub fn end_permit(&self, permit: &OrderId) -> Result<(), ActError> {
        self.remove(&format!("permits/{permit}"))
    }

    /// The isolation in force.
    pub fn isolation(&self) -> Result<Option<Isolation>, ActError> {
        self.read("isolation")
    }

    /// Keeps the isolation in force, or that there is none.
    pub fn keep_isolation(&self, isolation: Option<&Isolation>) -> Result<(), ActError> {
        isolation.map_or_else(|| self.remove("isolation"), |isolation| self.write("isolation", isolation))
    }

    /// Keeps a fact until the agent has it.
    pub fn tell(&self, at: Timestamp, fact: Fact) -> Result<(), ActError> {
        let number = self.read::<u64>("number")?.unwrap_or(0).saturating_add(1);
        self.write("number", &number)?;
        self.write(&format!("told/{number:020}"), &Told { number, at, fact })
    }

    /// What the agent has not kept yet, oldest first.
    pub fn told(&self) -> Result<Vec<Told>, ActError> {
        let mut told = Vec::new();
        for name in self.names("told")?.into_iter().take(MOST_TOLD) {
            told.extend(self.read(&format!("told/{name}"))?);
        }
        Ok(told)
    }

    /// The agent has everything up to this number.
    pub fn kept(&self, to: u64) -> Result<(), ActError> {
        for name in self.names("told")? {
            if name.parse::<u64>().is_ok_and(|number| number <= to) {
                self.remove(&format!("told/{name}"))?;
            }
        }
        Ok(())
    }
}

/// What became of an order, in the words of a fact.
pub fn outcome(order: &Order, result: OrderResult, reason: &str) -> OrderOutcome {
    let path = match &order.work {
        Work::Restore { path, .. } => Some(path.clone()),
        Work::Permit(_)
        | Work::EndPermit { .. }
        | Work::Isolate { .. }
        | Work::Reconnect {}
        | Work::GiveBack { .. }
        | Work::Remove { .. } => None,
    };
    OrderOutcome {
        order: Some(order.order.clone()),
        request: Some(order.request.clone()),
        work: order.work.word().to_owned(),
        result,
        reason: reason.chars().take(500).collect(),
        path,
        digest: None,
        before: None,
        source: None,
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().ok_or_else(|| std::io::Error::other("a file without a folder"))?;
    File::open(parent)?.sync_all()
}
