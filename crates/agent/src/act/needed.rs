//! What the host needs to start, or this program to give anything back: it is not moved, whatever was judged of it. The same
//! holds for what a package brought and nobody changed since: either the signature is wrong or the package is, and a person
//! has to look.

use crate::malware::target::{Target, read_through};
use crate::reading::hex;
use crate::watch::packages::{INFO, in_usr, sum_line};
use md5::{Digest as _, Md5};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Accounts, file systems and libraries are found by them.
const FILES: [&str; 7] = [
    "/etc/fstab",
    "/etc/group",
    "/etc/gshadow",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/shadow",
];
/// This program, the one it starts, and the first of the host.
const PROGRAMS: [&str; 3] = ["/proc/self/exe", "/sbin/init", super::isolate::NFT];

/// Folders that have to be read for saying so.
pub(super) fn reads() -> [PathBuf; 1] {
    [PathBuf::from(INFO)]
}

/// Why this file is not moved; none where it may be.
pub(super) fn why_not(target: &Target) -> Option<String> {
    let is_it = |program: &&str| {
        std::fs::metadata(program).is_ok_and(|outside| (outside.dev(), outside.ino()) == target.id())
    };
    if FILES.iter().any(|file| target.path == Path::new(file)) || PROGRAMS.iter().any(is_it) {
        return Some("the host does not work without this file: look at the host".to_owned());
    }
    let package = brought_by(target, Path::new(INFO))?;
    Some(format!("the package {package} brought this file as it is: look at the host"))
}

/// The package that brought a file with just this content, by dpkg's own lists.
fn brought_by(target: &Target, info: &Path) -> Option<String> {
    let path = in_usr(target.path.to_str()?);
    let name = target.name.to_str()?;
    let lists = std::fs::read_dir(info).ok()?.flatten().map(|list| list.path());
    let mut own = None;
    for list in lists.filter(|list| list.extension().is_some_and(|end| end == "md5sums")) {
        let Ok(text) = std::fs::read_to_string(&list) else { continue };
        // Most lists do not name it: they are not taken apart.
        let named =
            text.contains(name).then(|| text.lines().filter_map(sum_line).find(|(of, _)| *of == path));
        let Some((_, sum)) = named.flatten() else { continue };
        if *own.get_or_insert_with(|| md5(&target.file)) == Some(sum) {
            return list.file_stem().map(|package| package.to_string_lossy().into_owned());
        }
    }
    None
}

fn md5(file: &File) -> Option<String> {
    let mut md5 = Md5::new();
    read_through(file, |piece| md5.update(piece)).ok()?;
    Some(hex(&md5.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_brought_is_not_moved_as_long_as_it_is_as_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let path = folder.join("tool");
        std::fs::write(&path, "as it came").unwrap();
        let sum = hex(&Md5::digest("as it came"));
        let listed = path.display().to_string();
        let lines = format!("{}  usr/bin/other\n{sum}  {}\n", "0".repeat(32), listed.trim_start_matches('/'));
        std::fs::write(folder.join("pack.md5sums"), lines).unwrap();
        let by = || brought_by(&Target::open(&path).unwrap(), &folder);
        assert_eq!(by().as_deref(), Some("pack"));
        std::fs::write(&path, "changed").unwrap();
        assert_eq!(by(), None);
        let other = folder.join("other");
        std::fs::write(&other, "as it came").unwrap();
        assert_eq!(brought_by(&Target::open(&other).unwrap(), &folder), None, "elsewhere it is nobody's");
    }

    #[test]
    fn what_the_host_does_not_work_without_is_not_moved() {
        for path in ["/etc/passwd", "/usr/bin/env"] {
            let why = why_not(&Target::open(Path::new(path)).unwrap());
            assert!(why.is_some_and(|why| why.contains("look at the host")), "{path}");
        }
        let own = std::env::current_exe().unwrap();
        assert!(why_not(&Target::open(&own).unwrap()).is_some(), "this program");
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().canonicalize().unwrap();
        assert_eq!(why_not(&Target::open(&path).unwrap()), None);
    }
}
