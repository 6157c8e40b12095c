//! One file at one instant: what is kept of it, how its content is digested, when two of them are the same.
//!
//! Two digests: SHA-256 goes into facts; BLAKE3 never leaves the host and only says whether a file that was read before still
//! has the content it had. Reading everything again each day by SHA-256 would cost three times as much. A content that
//! differs by BLAKE3 is read by SHA-256 before anything is told.

use crate::reading::hex;
use jiff::Timestamp;
use md5::Md5;
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use yakujo_contract::fact::integrity::{FileKind, FileState};
use yakujo_contract::id::Digest;

/// Larger files are not read: their size and time are compared.
pub const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes that are read at once.
const LEAST_AT_ONCE: usize = 4 * 1024;
const MOST_AT_ONCE: usize = 64 * 1024;
/// Permission bits and the bits for set-user-id and the like.
const FOR_OTHERS_READ: u32 = 0o004;
const FOR_OTHERS_ENTER: u32 = 0o001;

/// What is kept of one file between two looks, and between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// What it is.
    #[serde(rename = "k")]
    pub kind: FileKind,
    /// Mode bits.
    #[serde(rename = "m")]
    pub mode: u32,
    /// User id.
    #[serde(rename = "u")]
    pub uid: u32,
    /// Group id.
    #[serde(rename = "g")]
    pub gid: u32,
    /// Bytes.
    #[serde(rename = "z")]
    pub size: u64,
    /// Inode.
    #[serde(rename = "i")]
    pub inode: u64,
    /// Content modified: seconds, nanoseconds.
    #[serde(rename = "t")]
    pub modified: (i64, i64),
    /// Content, owner or mode changed: seconds, nanoseconds.
    #[serde(rename = "c")]
    pub changed: (i64, i64),
    /// Its content.
    #[serde(rename = "d")]
    pub content: Sum,
    /// Its content as this host recognises it. Absent where it was not read, or only by an agent of 0.1 before this field.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// Where a link points.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The package it belongs to.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A digest of content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sum {
    /// It has none, or it was not read.
    #[serde(rename = "n")]
    None,
    /// SHA-256.
    #[serde(rename = "p")]
    Plain(Box<str>),
    /// SHA-256 behind a secret of this host.
    #[serde(rename = "s")]
    Sealed(Box<str>),
}

/// BLAKE3 with a key of this host: from what lies in the agent's own data base nobody can guess a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mark([u8; blake3::OUT_LEN]);

impl TryFrom<String> for Mark {
    type Error = blake3::HexError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        Ok(Self(*blake3::Hash::from_hex(digits)?.as_bytes()))
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        blake3::Hash::from_bytes(mark.0).to_hex().as_str().to_owned()
    }
}

/// The secrets of this host that go into digests.
#[derive(Debug)]
pub struct Seals {
    /// Before the content of files that not everybody may read, in facts.
    secret: Vec<u8>,
    /// For the agent's own marks.
    key: [u8; blake3::KEY_LEN],
}

impl Seals {
    /// From the secret of this host.
    #[must_use]
    pub fn new(secret: Vec<u8>) -> Self {
        Self { key: blake3::derive_key("yakujo-agent 2026-11 marks of watched files", &secret), secret }
    }

    /// The secret of this host.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    fn marking(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.key)
    }
}

/// What one look at a path gave.
#[derive(Debug)]
pub enum Look {
    /// Nothing is there.
    Gone,
    /// It is as it was; so many bytes were read to see it.
    Same(u64),
    /// It was read anew; with the MD5 sum that package managers keep.
    Read(Box<Known>, Option<String>),
    /// It was written to while it was read.
    Unsettled,
    /// It may not be read, and why.
    Unreadable(String),
}

/// How thoroughly one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The content only if the outside differs.
    Outside,
    /// The content in any case.
    Content,
}

/// Looks at a path.
#[must_use]
pub fn look(path: &Path, known: Option<&Known>, seals: &Seals, depth: Depth) -> Look {
    let seen = match rustix::fs::lstat(path) {
        Ok(outside) => outside_of(&outside),
        // Or a folder of the path became a file.
        Err(Errno::NOENT | Errno::NOTDIR) => return Look::Gone,
        Err(error) => return Look::Unreadable(error.to_string()),
    };
    if let Some(known) = known.filter(|known| known.has_the_outside_of(&seen)) {
        match (depth, known.mark) {
            (Depth::Outside, _) => return Look::Same(0),
            (Depth::Content, Some(mark)) => match marked(path, &seen, seals) {
                Ok(again) if again == mark => return Look::Same(seen.size),
                Ok(_) => {}
                Err(look) => return look,
            },
            (Depth::Content, None) => {}
        }
    }
    match seen.kind {
        FileKind::File => content(path, seen, seals),
        FileKind::Link => match std::fs::read_link(path) {
            Ok(target) => {
                let target = text_of(&target);
                let sum = Sum::Plain(hex(&Sha256::digest(target.as_bytes())).into());
                Look::Read(Box::new(Known { content: sum, target: Some(target), ..seen }), None)
            }
            Err(error) => Look::Unreadable(error.to_string()),
        },
        FileKind::Folder | FileKind::Other => Look::Read(Box::new(seen), None),
    }
}

/// What is seen of a file without reading it.
pub(super) fn outside_of(outside: &Stat) -> Known {
    let kind = match FileType::from_raw_mode(outside.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Symlink => FileKind::Link,
        FileType::Directory => FileKind::Folder,
        _ => FileKind::Other,
    };
    // Less than a second.
    let part = |nanoseconds: u64| i64::try_from(nanoseconds).unwrap_or(0);
    Known {
        kind,
        mode: outside.st_mode,
        uid: outside.st_uid,
        gid: outside.st_gid,
        size: if kind == FileKind::Folder { 0 } else { outside.st_size.unsigned_abs() },
        inode: outside.st_ino,
        modified: (outside.st_mtime, part(outside.st_mtime_nsec)),
        changed: (outside.st_ctime, part(outside.st_ctime_nsec)),
        content: Sum::None,
        mark: None,
        target: None,
        owner: None,
    }
}

fn content(path: &Path, seen: Known, seals: &Seals) -> Look {
    if seen.size > MOST_BYTES {
        return Look::Read(Box::new(seen), None);
    }
    let is_sealed = !is_open_to_everybody(path, seen.mode);
    let (mut sha, mut md5, mut marking) = (Sha256::new(), Md5::new(), seals.marking());
    if is_sealed {
        sha.update(seals.secret());
    }
    let read = read(path, &seen, |bytes| {
        sha.update(bytes);
        md5.update(bytes);
        marking.update(bytes);
    });
    if let Err(look) = read {
        return look;
    }
    let digits = hex(&sha.finalize()).into();
    let content = if is_sealed { Sum::Sealed(digits) } else { Sum::Plain(digits) };
    let mark = Some(Mark(*marking.finalize().as_bytes()));
    Look::Read(Box::new(Known { content, mark, ..seen }), Some(hex(&md5.finalize())))
}

fn marked(path: &Path, seen: &Known, seals: &Seals) -> Result<Mark, Look> {
    let mut marking = seals.marking();
    read(path, seen, |bytes| {
        marking.update(bytes);
    })?;
    Ok(Mark(*marking.finalize().as_bytes()))
}

/// Reads a file that has the outside `seen`, before and after.
fn read(path: &Path, seen: &Known, mut take: impl FnMut(&[u8])) -> Result<(), Look> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Look::Unsettled,
        _ => Look::Unreadable(error.to_string()),
    })?;
    // Most files are small, and room has to be emptied first.
    let room = usize::try_from(seen.size).unwrap_or(usize::MAX).clamp(LEAST_AT_ONCE, MOST_AT_ONCE);
    let mut buffer = vec![0_u8; room];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => take(buffer.get(..count).unwrap_or_default()),
            Err(error) => return Err(Look::Unreadable(error.to_string())),
        }
    }
    let after = rustix::fs::fstat(&file).map(|after| outside_of(&after));
    if after.is_ok_and(|after| after.has_the_outside_of(seen)) { Ok(()) } else { Err(Look::Unsettled) }
}

/// Everybody on the host may read it: its content is no secret, and its digest tells nobody anything new.
fn is_open_to_everybody(path: &Path, mode: u32) -> bool {
    let can_enter =
        |folder: &Path| std::fs::metadata(folder).is_ok_and(|folder| folder.mode() & FOR_OTHERS_ENTER != 0);
    mode & FOR_OTHERS_READ != 0 && path.ancestors().skip(1).all(can_enter)
}

impl Known {
    /// Nothing on the outside differs: then the content is taken to be the same until its turn to be read comes.
    pub(super) fn has_the_outside_of(&self, seen: &Self) -> bool {
        let same = self.kind == seen.kind
            && (self.mode, self.uid, self.gid, self.size) == (seen.mode, seen.uid, seen.gid, seen.size)
            && self.inode == seen.inode;
        // The times of a folder change with everything in it.
        same && (self.kind == FileKind::Folder
            || (self.modified, self.changed) == (seen.modified, seen.changed))
    }

    /// The same thing: nothing happened that would be worth a fact.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let content = match (&self.content, &other.content) {
            // Not read: the outside has to do.
            (Sum::None, Sum::None) => {
                self.size == other.size && (self.kind != FileKind::File || self.modified == other.modified)
            }
            (one, two) => one == two,
        };
        let owner =
            (self.kind, self.mode, self.uid, self.gid) == (other.kind, other.mode, other.uid, other.gid);
        content && owner
    }

    /// As facts say it.
    #[must_use]
    pub fn state(&self) -> FileState {
        let digest = |digits: &str| Digest::try_from(digits.to_owned()).ok();
        let (plain, sealed) = match &self.content {
            Sum::None => (None, None),
            Sum::Plain(digits) => (digest(digits), None),
            Sum::Sealed(digits) => (None, digest(digits)),
        };
        FileState {
            kind: self.kind,
            digest: plain,
            sealed,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            size: self.size,
            modified: instant(self.modified).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    /// When content, owner or mode last changed, by the file system.
    #[must_use]
    pub fn changed_at(&self) -> Option<Timestamp> {
        instant(self.changed)
    }
}

fn instant((seconds, nanoseconds): (i64, i64)) -> Option<Timestamp> {
    Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok()
}

/// A path as text: what is not UTF-8 or not printable is written as `\xNN`, so that two paths never look the same.
#[must_use]
pub fn text_of(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || letter == '\\' {
                letter.to_string().bytes().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
            } else {
                text.push(letter);
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

/// The path of [`text_of`].
#[must_use]
pub fn path_of(text: &str) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(byte);
        rest = after.get(2..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::PermissionsExt;

    fn read(path: &Path, seal: &[u8]) -> Known {
        match look(path, None, &Seals::new(seal.to_vec()), Depth::Outside) {
            Look::Read(known, _) => *known,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_not_everybody_may_read_gets_a_digest_nobody_can_guess() {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "1234").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let plain = hex(&Sha256::digest("1234"));
        assert_eq!(read(&path, b"one").content, Sum::Plain(plain.clone().into()));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (one, two) = (read(&path, b"one").content, read(&path, b"two").content);
        assert!(matches!(&one, Sum::Sealed(digits) if **digits != *plain) && one != two);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(read(&path, b"one").content, Sum::Sealed(_)), "its folder is closed");
    }

    #[test]
    fn pipes_and_links_are_not_read_through() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
        assert_eq!(read(&pipe, b"").kind, FileKind::Other);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let known = read(&link, b"");
        assert_eq!((known.kind, known.target.as_deref()), (FileKind::Link, pipe.to_str()));
    }

    #[test]
    fn a_touched_file_is_the_same_and_a_changed_mode_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let before = read(&path, b"");
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        assert!(before.is_same(&read(&path, b"")));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!before.is_same(&Known { content: before.content.clone(), ..read(&path, b"") }));
    }

    proptest! {
        #[test]
        fn every_path_has_a_text_of_its_own(bytes in proptest::collection::vec(1_u8.., 0..40)) {
            let path = std::path::PathBuf::from(std::ffi::OsString::from_vec(bytes));
            let text = text_of(&path);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert_eq!(path_of(&text), path);
        }

        #[test]
        fn any_text_is_some_path(text in ".{0,40}") {
            let _ = path_of(&text);
        }
    }
}
