//! 12.1.b: which release lies on the host, told by a digest that whoever tested it can make with plain tools.
//!
//! Of a file it is its SHA-256. Of a folder it is the SHA-256 of a list that `sha256sum` writes of its files (in the folder:
//! `find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`). A link within the folder stands in the
//! list with the digest of where it points, behind all files. Where the agreed path is a link itself, what it points to
//! is the release: many deploy by changing one link.

use crate::reading::hex;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use yakujo_contract::id::Digest;

/// More entries, or more bytes, are not read: that is no release but a store.
const MOST_ENTRIES: usize = 50_000;
const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// A release by its outside: what is read again only when this differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Tells one outside from another.
    pub stamp: String,
    /// When something of it last changed, by the file system.
    pub changed: Timestamp,
    root: PathBuf,
    /// By the text of the path below the root; empty: the root itself.
    entries: BTreeMap<Vec<u8>, Sort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    File,
    Link,
}

/// Looks at a release without reading it; none where nothing lies.
///
/// # Errors
/// A sentence that says why it cannot be told what lies there.
pub fn outside(path: &Path) -> Result<Option<Outside>, String> {
    let absent = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    let own = match std::fs::symlink_metadata(path) {
        Ok(own) => own,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let root = match std::fs::canonicalize(path) {
        Ok(root) => root,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut walk = Walk { stamp: Sha256::new(), changed: (0, 0), bytes: 0, entries: BTreeMap::new() };
    walk.stamp.update(root.as_os_str().as_bytes());
    walk.pass(b"", &own)?;
    walk.go(&root)?;
    let nanoseconds = i32::try_from(walk.changed.1).unwrap_or(0);
    let changed = Timestamp::new(walk.changed.0, nanoseconds).map_err(|error| error.to_string())?;
    Ok(Some(Outside { stamp: hex(&walk.stamp.finalize()), changed, root, entries: walk.entries }))
}

struct Walk {
    stamp: Sha256,
    changed: (i64, i64),
    bytes: u64,
    entries: BTreeMap<Vec<u8>, Sort>,
}

impl Walk {
    fn go(&mut self, root: &Path) -> Result<(), String> {
        let mut waiting = vec![root.to_owned()];
        while let Some(path) = waiting.pop() {
            // What disappears between two steps changes its folder: the next look sees another outside.
            let seen = match std::fs::symlink_metadata(&path) {
                Ok(seen) => seen,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(format!("{}: {error}", path.display())),
            };
            let name = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_bytes().to_vec();
            self.pass(&name, &seen)?;
            if seen.is_dir() {
                let listed =
                    std::fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let mut within: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
                // The order of a folder is the file system's; the same release looks the same.
                within.sort();
                waiting.extend(within);
            } else if seen.is_file() {
                self.bytes = self.bytes.saturating_add(seen.size());
                self.entries.insert(name, Sort::File);
            } else if seen.is_symlink() {
                self.entries.insert(name, Sort::Link);
            }
            if self.entries.len().saturating_add(waiting.len()) > MOST_ENTRIES || self.bytes > MOST_BYTES {
                return Err(format!("more than {MOST_ENTRIES} entries or {} GiB", MOST_BYTES >> 30));
            }
        }
        Ok(())
    }

    fn pass(&mut self, name: &[u8], seen: &Metadata) -> Result<(), String> {
        // `sha256sum` writes such names in another way.
        if name.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\') {
            return Err(format!(
                "a name with a control character or `\\`: {}",
                String::from_utf8_lossy(name)
            ));
        }
        self.stamp.update(name);
        let numbers = [seen.dev(), seen.ino(), u64::from(seen.mode()), seen.size()];
        let times = [seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec()];
        numbers.iter().for_each(|number| self.stamp.update(number.to_be_bytes()));
        times.iter().for_each(|time| self.stamp.update(time.to_be_bytes()));
        self.changed = self.changed.max((seen.ctime(), seen.ctime_nsec()));
        Ok(())
    }
}

/// Reads a release.
///
/// # Errors
/// A sentence that says what could not be read.
pub fn digest(outside: &Outside) -> Result<Digest, String> {
    let only = outside.entries.get(b"".as_slice());
    if only == Some(&Sort::File) {
        return Digest::try_from(of_file(&outside.root)?).map_err(|error| error.to_string());
    }
    let mut list = Sha256::new();
    for sort in [Sort::File, Sort::Link] {
        for (name, _) in outside.entries.iter().filter(|(_, other)| **other == sort) {
            let path = outside.root.join(std::ffi::OsStr::from_bytes(name));
            let sum = match sort {
                Sort::File => of_file(&path)?,
                Sort::Link => {
                    let target =
                        std::fs::read_link(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                    hex(&Sha256::digest(target.as_os_str().as_bytes()))
                }
            };
            list.update(sum);
            list.update(b"  ./");
            list.update(name);
            list.update(b"\n");
        }
    }
    Digest::try_from(hex(&list.finalize())).map_err(|error| error.to_string())
}

fn of_file(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let mut file = std::fs::File::options().read(true).custom_flags(flags).open(path).map_err(said)?;
    let (mut sha, mut buffer) = (Sha256::new(), vec![0_u8; 64 * 1024]);
    loop {
        match file.read(&mut buffer).map_err(said)? {
            0 => return Ok(hex(&sha.finalize())),
            count => sha.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What whoever tests a release types.
    fn typed(line: &str, folder: &Path) -> String {
        let out = Command::new("/bin/sh").args(["-c", line]).current_dir(folder).output().unwrap();
        assert!(out.status.success());
        String::from_utf8(out.stdout).unwrap().split_whitespace().next().unwrap().to_owned()
    }

    const LIST: &str = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";

    fn read(path: &Path) -> String {
        digest(&outside(path).unwrap().unwrap()).unwrap().as_str().to_owned()
    }

    #[test]
    fn the_digest_is_the_one_that_plain_tools_make() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("portal");
        std::fs::create_dir_all(folder.join("a.d/empty")).unwrap();
        for (name, text) in
            [("a.d/x", "1"), ("a", "2"), ("a b", ""), ("窓口.html", "3"), ("A", "4"), (".env", "5")]
        {
            std::fs::write(folder.join(name), text).unwrap();
        }
        assert_eq!(read(&folder), typed(LIST, &folder));
        let file = folder.join("A");
        assert_eq!(read(&file), typed("sha256sum A", &folder));
        std::os::unix::fs::symlink("portal", place.path().join("current")).unwrap();
        assert_eq!(
            read(&place.path().join("current")),
            read(&folder),
            "where the path is a link, it is followed"
        );
    }

    #[test]
    fn every_change_of_a_release_is_another_digest_and_another_outside() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("portal");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a"), "1").unwrap();
        let changes: [&dyn Fn(); 5] = [
            &|| std::fs::write(folder.join("a"), "2").unwrap(),
            &|| std::fs::write(folder.join("b"), "").unwrap(),
            &|| std::os::unix::fs::symlink("/etc/shadow", folder.join("c")).unwrap(),
            &|| std::fs::rename(folder.join("c"), folder.join("d")).unwrap(),
            &|| std::fs::remove_file(folder.join("b")).unwrap(),
        ];
        let (mut outsides, mut digests) =
            (vec![outside(&folder).unwrap().unwrap().stamp], vec![read(&folder)]);
        for change in changes {
            change();
            outsides.push(outside(&folder).unwrap().unwrap().stamp);
            digests.push(read(&folder));
        }
        for all in [&mut outsides, &mut digests] {
            let count = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), count);
        }
    }

    #[test]
    fn what_cannot_be_told_is_said_and_nothing_is_nothing() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(outside(&place.path().join("none")), Ok(None));
        std::os::unix::fs::symlink("none", place.path().join("dangling")).unwrap();
        assert_eq!(outside(&place.path().join("dangling")), Ok(None));
        let folder = place.path().join("odd");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a\nb"), "").unwrap();
        assert!(outside(&folder).is_err());
    }
}
