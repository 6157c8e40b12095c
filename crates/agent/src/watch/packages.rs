//! What dpkg did, so that a package transaction explains its own files and nothing else.
//!
//! A file is explained by a package when dpkg's log names the package since the last look, dpkg's list names the file, and
//! the content is the one of the package (its checksums, or for a configuration file the checksum dpkg keeps of it). A
//! file an administrator edited and an upgrade left alone has another content: it is not explained. Modes that give
//! rights away are never explained. Root on the host can rewrite dpkg's lists; the change of the package itself is a
//! fact of its own and needs its own approval.

use super::file::Known;
use crate::reading::Sources;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use yakujo_contract::fact::integrity::{Explanation, FileKind};

const LOG: &str = "/var/log/dpkg.log";
const OLDER_LOG: &str = "/var/log/dpkg.log.1";
pub(crate) const INFO: &str = "/var/lib/dpkg/info";
/// So long after it was noticed a transaction explains files: a round through all of them is shorter.
const EXPLAINS_FOR: SignedDuration = SignedDuration::from_mins(15);
/// Without a new line in the log for so long, a package manager is not at work, whatever locks it holds.
const AT_WORK: SignedDuration = SignedDuration::from_secs(60);
/// Most of the log that is read at once.
const MOST_LOG: u64 = 8 * 1024 * 1024;
/// Bits that give rights away: set-user-id, set-group-id, writable by everybody.
const GIVES_RIGHTS: u32 = 0o6002;

/// How far the log was read: inode of the file, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    inode: u64,
    offset: u64,
}

/// What happened to a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The version that was installed or removed.
    pub version: String,
    /// What was done with it.
    pub action: Action,
    noticed: Timestamp,
}

/// What dpkg did with a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its files were laid out.
    Unpacked,
    /// Its configuration files were laid out.
    Configured,
    /// Removed or purged.
    Removed,
}

/// Follows dpkg's log.
#[derive(Debug, Default)]
pub struct Transactions {
    cursor: Option<Cursor>,
    touched: BTreeMap<String, Touch>,
    /// Installed or removed since this was last asked; with what dpkg calls `name:arch`.
    news: BTreeSet<String>,
    files: HashMap<String, Files>,
}

/// The files of one package.
#[derive(Debug, Default)]
struct Files {
    listed: BTreeSet<String>,
    sums: HashMap<String, String>,
}

impl Transactions {
    /// Goes on where an earlier run stopped.
    #[must_use]
    pub fn from(cursor: Option<Cursor>) -> Self {
        Self { cursor, ..Self::default() }
    }

    /// How far the log was read.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Reads what dpkg logged since the last time. The first time ever only the place is remembered.
    pub fn follow(&mut self, sources: &Sources, now: Timestamp) {
        self.touched.retain(|_, touch| now.duration_since(touch.noticed) < EXPLAINS_FOR);
        let Ok(log) = std::fs::metadata(sources.path(LOG)) else {
            // Whatever it will hold one day is news.
            self.cursor.get_or_insert(Cursor { inode: 0, offset: 0 });
            return;
        };
        let end = Cursor { inode: log.ino(), offset: log.size() };
        let Some(from) = self.cursor.replace(end) else { return };
        if from == end {
            return;
        }
        let mut lines = String::new();
        if from.inode == 0 {
            lines.push_str(&tail(&sources.path(LOG), 0));
        } else if from.inode == end.inode && from.offset <= end.offset {
            lines.push_str(&tail(&sources.path(LOG), from.offset));
        } else {
            // The log was rotated: the rest of the older one, and all of the new one.
            let older = std::fs::metadata(sources.path(OLDER_LOG)).ok();
            let offset = older.filter(|older| older.ino() == from.inode).map_or(0, |_| from.offset);
            lines.push_str(&tail(&sources.path(OLDER_LOG), offset));
            lines.push_str(&tail(&sources.path(LOG), 0));
        }
        for line in lines.lines() {
            if let Some((package, version, action)) = parse_line(line) {
                let touch = Touch { version: version.to_owned(), action, noticed: now };
                self.touched.insert(package.to_owned(), touch);
                if action != Action::Configured {
                    self.news.insert(package.to_owned());
                }
                self.files.remove(package);
            }
        }
    }

    /// Packages that dpkg touched since this was last asked.
    pub fn news(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.news)
    }

    /// Whether there are such.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// A package manager is at work: files are half in their places.
    #[must_use]
    pub fn is_at_work(sources: &Sources, now: Timestamp) -> bool {
        let Ok(log) = std::fs::metadata(sources.path(LOG)) else { return false };
        let wrote = Timestamp::from_second(log.mtime()).unwrap_or(Timestamp::UNIX_EPOCH);
        if now.duration_since(wrote) > AT_WORK {
            return false;
        }
        let Ok(locks) = sources.read("/proc/locks") else { return false };
        let held = |path: &str| {
            let inode = std::fs::metadata(sources.path(path)).map(|lock| lock.ino());
            inode.is_ok_and(|inode| locks.lines().any(|line| line.contains(&format!(":{inode} "))))
        };
        held("/var/lib/dpkg/lock")
    }

    /// What explains a difference. `md5` is the sum of the content that lies there now.
    pub fn explain(
        &mut self,
        sources: &Sources,
        path: &str,
        before: Option<&Known>,
        after: Option<&Known>,
        md5: Option<&str>,
    ) -> Explanation {
        let touched: Vec<(String, Touch)> =
            self.touched.iter().map(|(name, touch)| (name.clone(), touch.clone())).collect();
        for (name, touch) in touched {
            let files = self.files.entry(name.clone()).or_insert_with(|| Files::read(sources, &name));
            let short = name.split(':').next().unwrap_or(&name);
            let owner = before.and_then(|known| known.owner.as_deref());
            let owned = owner.is_some_and(|owner| owner == name || owner == short);
            let explains = match after {
                None => owned && (touch.action == Action::Removed || !files.lists(path)),
                Some(after) => {
                    after.mode & GIVES_RIGHTS == 0 && files.made(sources, path, before, after, md5)
                }
            };
            if explains {
                return Explanation::Package(format!("{short} {}", touch.version));
            }
        }
        Explanation::None
    }
}

impl Files {
    fn read(sources: &Sources, package: &str) -> Self {
        let listed = read_info(sources, package, "list");
        let sums = read_info(sources, package, "md5sums");
        let conffiles = read_info(sources, package, "conffiles");
        let mut files = Self {
            listed: listed.lines().filter(|line| line.starts_with('/')).map(in_usr).collect(),
            sums: sums.lines().filter_map(sum_line).collect(),
        };
        if !conffiles.is_empty() {
            let status = sources.read("/var/lib/dpkg/status").unwrap_or_default();
            files.sums.extend(conffile_sums(&status, package));
        }
        files
    }

    fn lists(&self, path: &str) -> bool {
        self.listed.contains(&in_usr(path))
    }

    fn made(
        &self,
        sources: &Sources,
        path: &str,
        before: Option<&Known>,
        after: &Known,
        md5: Option<&str>,
    ) -> bool {
        match after.kind {
            // The content must be new, too: a package does not explain that somebody changed a mode.
            FileKind::File => {
                let is_new = before.is_none_or(|before| before.content != after.content);
                // Where a configuration file was edited dpkg may lay its own beside it.
                let own = path
                    .strip_suffix(".dpkg-dist")
                    .or_else(|| path.strip_suffix(".dpkg-new"))
                    .unwrap_or(path);
                is_new && md5.is_some() && self.sums.get(&in_usr(own)).map(String::as_str) == md5
            }
            FileKind::Folder => before.is_none() && self.lists(path),
            // Links are in no list of checksums, and many are made by scripts: one that points at a file of the package
            // does nothing the package does not.
            FileKind::Link => after.target.as_deref().is_some_and(|target| {
                let place = resolved(path, target);
                self.lists(&place) && std::fs::symlink_metadata(sources.path(&place)).is_ok()
            }),
            FileKind::Other => false,
        }
    }
}

/// Where a link at `path` points, without looking at the disk.
#[must_use]
pub fn resolved(path: &str, target: &str) -> String {
    let from = Path::new(path).parent().unwrap_or(Path::new("/"));
    let mut place = PathBuf::new();
    for part in from.join(target).components() {
        match part {
            std::path::Component::ParentDir => {
                place.pop();
            }
            std::path::Component::CurDir => {}
            std::path::Component::RootDir
            | std::path::Component::Normal(_)
            | std::path::Component::Prefix(_) => place.push(part),
        }
    }
    place.to_string_lossy().into_owned()
}

/// `/lib/x` is `/usr/lib/x` on a system with one `/usr`; dpkg may list either.
#[must_use]
pub fn in_usr(path: &str) -> String {
    let moved = ["/lib/", "/lib64/", "/bin/", "/sbin/"].iter().any(|folder| path.starts_with(folder));
    if moved { format!("/usr{path}") } else { path.to_owned() }
}

fn read_info(sources: &Sources, package: &str, ending: &str) -> String {
    let short = package.split(':').next().unwrap_or(package);
    let read = |name: &str| sources.read(&format!("{INFO}/{name}.{ending}"));
    read(package).or_else(|_| read(short)).unwrap_or_default()
}

/// `sum  usr/share/x`: the path as it is below `/usr`, and the sum.
pub(crate) fn sum_line(line: &str) -> Option<(String, String)> {
    let (sum, path) = line.split_once("  ")?;
    Some((in_usr(&format!("/{path}")), sum.to_owned()))
}

/// The lines of `Conffiles:` of one package in the status file: ` /path sum`.
fn conffile_sums(status: &str, package: &str) -> Vec<(String, String)> {
    let (short, architecture) = package.split_once(':').unwrap_or((package, ""));
    let of_package = |stanza: &&str| {
        let has = |line: String| stanza.lines().any(|other| other == line);
        has(format!("Package: {short}"))
            && (architecture.is_empty() || has(format!("Architecture: {architecture}")))
    };
    let Some(stanza) = status.split("\n\n").find(of_package) else { return Vec::new() };
    let lines = stanza.lines().skip_while(|line| !line.starts_with("Conffiles:")).skip(1);
    let lines = lines.take_while(|line| line.starts_with(' '));
    let sum = |line: &str| {
        let mut words = line.split_whitespace();
        Some((in_usr(words.next()?), words.next()?.to_owned()))
    };
    lines.filter_map(sum).collect()
}

/// `2026-11-22 12:00:00 upgrade name:arch old new` and the like.
fn parse_line(line: &str) -> Option<(&str, &str, Action)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, _, verb, package, old, new] = words.get(..6)?.try_into().ok()?;
    match verb {
        "install" | "upgrade" => Some((package, new, Action::Unpacked)),
        "configure" => Some((package, old, Action::Configured)),
        "remove" | "purge" => Some((package, old, Action::Removed)),
        _ => None,
    }
}

fn tail(path: &Path, from: u64) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.take(MOST_LOG).read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

/// Which package owns which of the paths that `wanted` names, by dpkg's lists.
#[must_use]
pub fn owners(sources: &Sources, wanted: &dyn Fn(&str) -> bool) -> HashMap<String, String> {
    let mut owners = HashMap::new();
    let Ok(listed) = std::fs::read_dir(sources.path(INFO)) else { return owners };
    for entry in listed.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(package) = name.strip_suffix(".list") else { continue };
        let Ok(text) = crate::reading::read_text(&entry.path()) else { continue };
        for line in text.lines() {
            let path = in_usr(line);
            if wanted(&path) {
                owners.insert(path, package.to_owned());
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_the_log_name_what_was_installed_and_removed() {
        let line = "2026-11-23 09:32:54 upgrade nginx:amd64 1.22.1-8 1.22.1-9";
        assert_eq!(parse_line(line), Some(("nginx:amd64", "1.22.1-9", Action::Unpacked)));
        let line = "2026-11-23 09:32:54 purge nginx:amd64 1.22.1-9 <none>";
        assert_eq!(parse_line(line), Some(("nginx:amd64", "1.22.1-9", Action::Removed)));
        assert_eq!(parse_line("2026-11-23 09:32:54 status installed nginx:amd64 1.22.1-9"), None);
        assert_eq!(parse_line("2026-11-23 09:32:54 startup archives unpack"), None);
    }

    #[test]
    fn a_link_points_where_its_folder_and_its_target_say() {
        assert_eq!(resolved("/etc/rc2.d/S01nginx", "../init.d/nginx"), "/etc/init.d/nginx");
        assert_eq!(resolved("/etc/systemd/x.wants/a", "/lib/systemd/a"), "/lib/systemd/a");
        assert_eq!(resolved("/a", "../../../etc/shadow"), "/etc/shadow");
    }

    #[test]
    fn the_checksum_of_a_configuration_file_is_the_one_dpkg_keeps() {
        let status = "Package: a\nArchitecture: amd64\nConffiles:\n /etc/a 11\n /etc/b 22 obsolete\nDescription: x\n /etc/c 33\n\n\
            Package: ab\nArchitecture: amd64\nConffiles:\n /etc/ab 44\n";
        let sums = conffile_sums(status, "a:amd64");
        assert_eq!(sums, [("/etc/a".to_owned(), "11".to_owned()), ("/etc/b".to_owned(), "22".to_owned())]);
        assert!(conffile_sums(status, "a:arm64").is_empty());
    }

    #[test]
    fn the_log_is_followed_across_its_rotation_and_from_the_end_the_first_time() {
        let tree = tempfile::tempdir().unwrap();
        let sources = Sources::under(tree.path());
        std::fs::create_dir_all(tree.path().join("var/log")).unwrap();
        let log = tree.path().join("var/log/dpkg.log");
        let line = |name: &str| format!("2026-11-23 09:32:54 install {name}:amd64 <none> 1\n");
        std::fs::write(&log, line("long-ago")).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut all = Transactions::default();
        all.follow(&sources, now);
        assert!(all.news().is_empty(), "what was before the agent is no news");
        std::fs::write(&log, line("long-ago") + &line("before")).unwrap();
        std::fs::rename(&log, tree.path().join("var/log/dpkg.log.1")).unwrap();
        std::fs::write(&log, line("after")).unwrap();
        let mut all = Transactions::from(all.cursor());
        all.follow(&sources, now);
        assert_eq!(all.news().into_iter().collect::<Vec<_>>(), ["after:amd64", "before:amd64"]);
    }

    proptest! {
        #[test]
        fn no_text_of_dpkg_makes_a_reader_fail(text in "(Package: a|Conffiles:| /x y|\n|[a-z0-9:/ -]{0,8}){0,30}") {
            let _ = (parse_line(&text), conffile_sums(&text, "a"), sum_line(&text), in_usr(&text), resolved(&text, &text));
        }
    }
}
