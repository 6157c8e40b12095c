//! Where bundles in use lie: one folder each, the last three, and a file that names the one in use.

use crate::build::sha256;
use crate::import::Checked;
use crate::manifest::{MANIFEST, MAX_PART, Manifest, SIGNATURE_ENDING};
use crate::parts::Known;
use crate::refused::Refused;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// Names the folder in use.
const CURRENT: &str = "current";
/// Bundles kept.
const KEPT: usize = 3;

/// Who put a bundle into use; names it in its folder.
const IMPORT: &str = "import.json";

/// Who put a bundle into use, as they were named: by their sign-in names at the portal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Who brought it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_by: Option<String>,
}

/// The bundle in use, its parts unread.
#[derive(Debug, Clone)]
pub struct InUse {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Digest of the manifest.
    pub digest: Digest,
    /// Who put it into use.
    pub import: Import,
}

/// A folder of bundles.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store of a folder; it need not exist yet.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What is in use; none before the first import.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn current(&self) -> io::Result<Option<Manifest>> {
        Ok(self.in_use()?.map(|bundle| bundle.manifest))
    }

    /// What is in use, and who put it there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn in_use(&self) -> io::Result<Option<InUse>> {
        let Some(folder) = self.folder_in_use()? else { return Ok(None) };
        let bytes = fs::read(folder.join(MANIFEST))?;
        let manifest = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        // Earlier versions did not write down who it was.
        let import = match fs::read(folder.join(IMPORT)) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Import::default(),
            Err(error) => return Err(error),
        };
        Ok(Some(InUse { manifest, digest: sha256(&bytes), import }))
    }

    /// What the bundle in use says. That its parts are still those that were signed is looked at again.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub fn known(&self) -> io::Result<Option<(Manifest, Known)>> {
        let (Some(folder), Some(manifest)) = (self.folder_in_use()?, self.current()?) else {
            return Ok(None);
        };
        let mut known = Known::default();
        for part in &manifest.parts {
            let mut bytes = Vec::new();
            File::open(folder.join(part.kind.word()))?.take(MAX_PART).read_to_end(&mut bytes)?;
            if sha256(&bytes) != part.sha256 {
                return Err(io::Error::other(format!("{} is not what was imported", part.kind.word())));
            }
            known.read(part.kind, &bytes).map_err(io::Error::other)?;
        }
        Ok(Some((manifest, known)))
    }

    fn folder_in_use(&self) -> io::Result<Option<PathBuf>> {
        match fs::read_to_string(self.folder.join(CURRENT)) {
            Ok(name) => {
                // What is no number is not "nothing in use": an older bundle would be let in.
                let serial = name.trim().parse::<u64>();
                let serial = serial.map_err(|_| io::Error::other("`current` names no bundle"))?;
                Ok(Some(self.folder.join(serial.to_string())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything is on the disk before the one rename that switches.
    pub(crate) fn install(&self, checked: &Checked, import: &Import) -> Result<(), Refused> {
        let serial = checked.manifest.serial;
        fs::create_dir_all(&self.folder)?;
        // One import at a time; the lock ends with the file.
        let lock = File::create(self.folder.join("lock"))?;
        lock.lock()?;
        if let Some(current) = self.current()?.filter(|current| current.serial >= serial) {
            return Err(Refused::Serial { offered: serial, known: current.serial });
        }
        let (coming, there) = (self.folder.join("coming"), self.folder.join(serial.to_string()));
        remove(&coming)?;
        fs::create_dir(&coming)?;
        keep(&coming.join(MANIFEST), &checked.signed.0)?;
        let signature = format!("{MANIFEST}{SIGNATURE_ENDING}");
        keep(&coming.join(signature), checked.signed.1.as_bytes())?;
        for (part, content) in checked.manifest.parts.iter().zip(&checked.contents) {
            keep(&coming.join(part.kind.word()), content)?;
        }
        keep(&coming.join(IMPORT), &serde_json::to_vec(import).map_err(io::Error::other)?)?;
        if let Some(reason) = &checked.fewer {
            keep(&coming.join("fewer.txt"), reason.as_bytes())?;
        }
        File::open(&coming)?.sync_all()?;
        // Left there by an import that was cut off before it switched.
        remove(&there)?;
        fs::rename(&coming, &there)?;
        File::open(&self.folder)?.sync_all()?;
        let new = self.folder.join("current.new");
        keep(&new, serial.to_string().as_bytes())?;
        fs::rename(&new, self.folder.join(CURRENT))?;
        File::open(&self.folder)?.sync_all()?;
        self.forget_old()?;
        Ok(())
    }

    fn forget_old(&self) -> io::Result<()> {
        let names = fs::read_dir(&self.folder)?.flatten();
        let mut serials: Vec<u64> =
            names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        serials.sort_unstable_by(|a, b| b.cmp(a));
        serials.iter().skip(KEPT).try_for_each(|serial| remove(&self.folder.join(serial.to_string())))
    }
}

fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
