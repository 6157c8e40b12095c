//! 5.a: the lines of the system's log since the last look: the journal, asked by its own program, or `auth.log`; where there
//! is neither, the records of log-ons (`c05_records`).
//!
//! The journal knows who wrote a line. A line that calls itself sshd's and was written by another program is left out:
//! everybody may write to the log.

use super::c05_logins::{Line, PROGRAMS};
use super::c05_records::{self, Records};
use crate::command::first_lines;
use crate::reading::Sources;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lines in one turn; the rest comes in the next.
pub const MOST_LINES: usize = 2_000;
/// Bytes of a file in one turn.
pub(super) const MOST_BYTES: u64 = 512 * 1024;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const JOURNALS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];
const FILES: [&str; 2] = ["/var/log/auth.log", "/var/log/secure"];

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The journal in this folder.
    Journal(PathBuf),
    /// A file, by its name on the host.
    File(&'static str),
    /// Records of log-ons alone.
    Records(Records),
}

impl Place {
    /// The journal where there is one, else the file, else the records.
    #[must_use]
    pub fn of(sources: &Sources) -> Option<Self> {
        let has_journal = |folder: &PathBuf| newest_change(folder).is_some();
        let program = Path::new(JOURNALCTL).exists();
        let journal =
            JOURNALS.iter().map(|folder| sources.path(folder)).find(|folder| program && has_journal(folder));
        let file = || FILES.into_iter().find(|file| sources.path(file).exists());
        let records = || Records::of(sources).map(Self::Records);
        journal.map(Self::Journal).or_else(|| file().map(Self::File)).or_else(records)
    }

    /// Its name in facts.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Journal(_) => "journal",
            Self::File(file) => file,
            Self::Records(records) => records.name(),
        }
    }

    /// What it does not tell; empty: nothing is missing.
    #[must_use]
    pub fn limits(&self, sources: &Sources) -> String {
        match self {
            Self::Journal(_) | Self::File(_) => String::new(),
            Self::Records(records) => records.limits(sources),
        }
    }

    /// Differs when something may have been written since.
    #[must_use]
    pub fn stamp(&self, sources: &Sources) -> Option<(i64, i64, u64)> {
        match self {
            Self::Journal(folder) => newest_change(folder),
            Self::File(file) => stamp_of(&sources.path(file)),
            Self::Records(records) => records.files().filter_map(|file| stamp_of(&sources.path(&file))).max(),
        }
    }
}

const JOURNALCTL: &str = "/usr/bin/journalctl";

fn stamp_of(path: &Path) -> Option<(i64, i64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.mtime(), metadata.mtime_nsec(), metadata.size()))
}

/// The newest change of a file of a journal.
fn newest_change(folder: &Path) -> Option<(i64, i64, u64)> {
    let machines = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let files = machines.filter_map(|machine| std::fs::read_dir(machine).ok()).flatten().flatten();
    let journals =
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "journal"));
    journals.filter_map(|path| stamp_of(&path)).max()
}

/// What was read in one turn.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The lines of the programs that matter.
    pub lines: Vec<Line>,
    /// Where to go on.
    pub cursor: String,
    /// Bytes taken.
    pub bytes: u64,
    /// More is waiting.
    pub more: bool,
    /// Lines were lost before the first of these, and why.
    pub gap: Option<&'static str>,
}

/// Reads on from a cursor; without one, from `since`.
///
/// # Errors
/// A sentence for the operator.
pub fn take(
    sources: &Sources,
    place: &Place,
    cursor: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<Taken, String> {
    match place {
        Place::Journal(folder) => from_journal(folder, cursor, since),
        Place::File(file) => from_file(sources, file, cursor, since, now),
        Place::Records(records) => c05_records::take(sources, *records, cursor, since, now),
    }
}

/// A line of `journalctl -o json`. A message that is no text comes as numbers, and tells nothing here.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    microseconds: String,
    #[serde(rename = "MESSAGE", default)]
    message: serde_json::Value,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    program: String,
    #[serde(rename = "_PID", default)]
    pid: String,
    #[serde(rename = "_UID", default)]
    uid: String,
    #[serde(rename = "_EXE", default)]
    exe: String,
}

fn from_journal(folder: &Path, cursor: &str, since: Timestamp) -> Result<Taken, String> {
    let mut arguments = vec!["-D".to_owned(), folder.display().to_string(), "--no-pager".to_owned()];
    arguments.extend(["-q", "-o", "json"].map(str::to_owned));
    arguments.push("--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_PID,_UID,_EXE".to_owned());
    match cursor {
        "" => arguments.push(format!("--since=@{}", since.as_second())),
        cursor => arguments.push(format!("--after-cursor={cursor}")),
    }
    arguments.extend(PROGRAMS.iter().map(|program| format!("SYSLOG_IDENTIFIER={program}")));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let texts = first_lines(Path::new(JOURNALCTL), &arguments, MOST_LINES, ANSWER_WITHIN)
        .map_err(|error| error.to_string())?;
    let mut taken = Taken { cursor: cursor.to_owned(), more: texts.len() >= MOST_LINES, ..Taken::default() };
    for text in texts {
        taken.bytes = taken.bytes.saturating_add(u64::try_from(text.len()).unwrap_or(0));
        let entry: Entry = serde_json::from_str(&text)
            .map_err(|_| "journalctl gave an answer that is not understood".to_owned())?;
        taken.lines.extend(line_of(&entry));
        taken.cursor = entry.cursor;
    }
    Ok(taken)
}

fn line_of(entry: &Entry) -> Option<Line> {
    let at = Timestamp::from_microsecond(entry.microseconds.parse().ok()?).ok()?;
    let exe = entry.exe.rsplit('/').next().unwrap_or_default();
    let is_own = match (entry.program.as_str(), exe) {
        // Gone before the journal could look at it: then only root is believed.
        (_, "") => entry.uid == "0",
        ("sshd" | "sshd-session", exe) => exe.starts_with("sshd"),
        ("login" | "su" | "sudo", exe) => exe == entry.program,
        _ => entry.uid == "0",
    };
    let message = entry.message.as_str().filter(|_| is_own)?.to_owned();
    let pid = entry.pid.parse().ok()?;
    Some(Line { at, program: entry.program.clone(), pid, message, record: None })
}

fn from_file(
    sources: &Sources,
    file: &str,
    cursor: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<Taken, String> {
    let trouble = |error: std::io::Error| format!("{file}: {error}");
    let part = Part::after(sources, file, cursor).map_err(trouble)?;
    let (bytes, is_full) = part.read(MOST_BYTES).map_err(trouble)?;
    // Half a line is read when it is whole; a line longer than all is no line.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    let whole = if whole == 0 && is_full { bytes.len() } else { whole };
    let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned();
    let zone = zone(sources);
    let lines = text.lines().filter_map(|line| parse_line(line, now, &zone));
    let lines = lines.filter(|line| !cursor.is_empty() || line.at >= since);
    let taken = u64::try_from(whole).unwrap_or(0);
    let more = is_full || part.is_behind;
    Ok(Taken { lines: lines.collect(), cursor: part.cursor(taken), bytes: taken, more, gap: part.gap })
}

/// Where to read on in a file that grows at its end and is put aside as `.1` now and then.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    inode: u64,
    offset: u64,
    /// It is the one that was put aside: the rest is in the new one.
    pub is_behind: bool,
    /// Something was lost before it.
    pub gap: Option<&'static str>,
}

impl Part {
    /// A cursor of a file is its inode and the bytes taken.
    pub fn after(sources: &Sources, file: &str, cursor: &str) -> std::io::Result<Self> {
        let path = sources.path(file);
        let metadata = std::fs::metadata(&path)?;
        let whole = Self { path, inode: metadata.ino(), offset: 0, is_behind: false, gap: None };
        let Some((inode, offset)) = parse_cursor(cursor) else { return Ok(whole) };
        if inode == whole.inode && offset <= metadata.size() {
            return Ok(Self { offset, ..whole });
        }
        let before = sources.path(&format!("{file}.1"));
        let rotated = std::fs::metadata(&before).ok().filter(|old| old.ino() == inode);
        let gap = "the file was replaced or cut before it was read to its end";
        Ok(match rotated {
            Some(old) if old.size() > offset => {
                Self { path: before, inode, offset, is_behind: true, gap: None }
            }
            Some(_) => whole,
            None => Self { gap: Some(gap), ..whole },
        })
    }

    /// At most so many bytes, and whether there may be more.
    pub fn read(&self, most: u64) -> std::io::Result<(Vec<u8>, bool)> {
        let mut open = std::fs::File::open(&self.path)?;
        open.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        open.take(most).read_to_end(&mut bytes)?;
        let is_full = u64::try_from(bytes.len()).is_ok_and(|length| length >= most);
        Ok((bytes, is_full))
    }

    /// Where to go on after so many bytes of it.
    pub fn cursor(&self, taken: u64) -> String {
        format!("{}:{}", self.inode, self.offset.saturating_add(taken))
    }
}

fn parse_cursor(cursor: &str) -> Option<(u64, u64)> {
    let (inode, offset) = cursor.split_once(':')?;
    Some((inode.parse().ok()?, offset.parse().ok()?))
}

fn zone(sources: &Sources) -> TimeZone {
    let bytes = std::fs::read(sources.path("/etc/localtime")).unwrap_or_default();
    TimeZone::tzif("local", &bytes).unwrap_or(TimeZone::UTC)
}

/// `Nov 26 04:03:54 host sshd[31809]: text`, or with an instant as RFC 3339 writes it. Lines of other programs are none.
fn parse_line(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Line> {
    let (at, rest) = match text.split_once(' ')? {
        (instant, rest) if instant.contains('T') => (instant.parse().ok()?, rest),
        _ => (old_instant(text.get(..15)?, now, zone)?, text.get(15..)?.strip_prefix(' ')?),
    };
    let (_, rest) = rest.split_once(' ')?;
    let (head, message) = rest.split_once(": ")?;
    let (program, pid) = head.split_once('[').unwrap_or((head, "0]"));
    let program = if program == "gdm-password" { "gdm-password]" } else { program };
    let pid = pid.trim_end_matches(']').parse().ok()?;
    PROGRAMS.contains(&program).then(|| Line {
        at,
        program: program.to_owned(),
        pid,
        message: message.to_owned(),
        record: None,
    })
}

/// `Nov 26 04:03:54` has no year: the latest that is not in the future, give or take a day.
fn old_instant(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|name| text.starts_with(name))?;
    let month = i8::try_from(month).ok()?.checked_add(1)?;
    let day: i8 = text.get(4..6)?.trim_start().parse().ok()?;
    let time: jiff::civil::Time = text.get(7..15)?.parse().ok()?;
    let tomorrow = now.checked_add(SignedDuration::from_hours(24)).ok()?;
    let this_year = tomorrow.to_zoned(zone.clone()).year();
    let of_year = |year: i16| {
        let date = jiff::civil::Date::new(year, month, day).ok()?;
        Some(date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp())
    };
    of_year(this_year).filter(|at| *at <= tomorrow).or_else(|| of_year(this_year.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-01-02T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_line_without_a_year_is_the_latest_that_can_be() {
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        for (text, expected) in [
            ("Jan  2 08:00:00 web-1 sshd[7]: x", "2026-01-01T23:00:00Z"),
            ("Dec 31 23:59:59 web-1 sshd[7]: x", "2025-12-31T14:59:59Z"),
            ("2026-01-01T10:00:00.5+09:00 web-1 sshd[7]: x", "2026-01-01T01:00:00.5Z"),
        ] {
            let line = parse_line(text, now(), &tokyo).unwrap();
            assert_eq!(line.at, expected.parse().unwrap(), "{text}");
            assert_eq!((line.program.as_str(), line.pid, line.message.as_str()), ("sshd", 7, "x"));
        }
        assert_eq!(parse_line("Jan  2 08:00:00 web-1 CRON[7]: x", now(), &tokyo), None);
    }

    #[test]
    fn a_line_of_the_journal_counts_only_from_the_program_it_names() {
        let entry = |uid: &str, exe: &str| {
            let text = format!(
                r#"{{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","MESSAGE":"m","SYSLOG_IDENTIFIER":"sshd","_PID":"5","_UID":"{uid}","_EXE":"{exe}"}}"#
            );
            line_of(&serde_json::from_str(&text).unwrap())
        };
        assert!(
            entry("0", "/usr/sbin/sshd").is_some()
                && entry("1000", "/usr/lib/openssh/sshd-session").is_some()
        );
        assert!(entry("0", "").is_some() && entry("65534", "").is_none());
        assert!(entry("1000", "/usr/bin/logger").is_none() && entry("0", "/usr/bin/logger").is_none());
    }

    #[test]
    fn a_file_is_read_on_over_its_rotation_and_a_cut_is_a_gap() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("var/log")).unwrap();
        let sources = Sources::under(tree.path());
        let file = tree.path().join("var/log/auth.log");
        let line = |pid: u32| format!("2026-01-01T10:00:00Z h sshd[{pid}]: x\n");
        let pids = |taken: &Taken| taken.lines.iter().map(|line| line.pid).collect::<Vec<_>>();
        let look = |cursor: &str| {
            take(&sources, &Place::File("/var/log/auth.log"), cursor, Timestamp::UNIX_EPOCH, now()).unwrap()
        };
        std::fs::write(&file, line(1) + "2026-01-01T10:00:00Z h ss").unwrap();
        let first = look("");
        assert_eq!((pids(&first), first.gap), (vec![1], None));
        std::fs::write(&file, line(1) + &line(2)).unwrap();
        std::fs::rename(&file, tree.path().join("var/log/auth.log.1")).unwrap();
        std::fs::write(&file, line(3)).unwrap();
        let second = look(&first.cursor);
        assert_eq!((pids(&second), second.more), (vec![2], true));
        let third = look(&second.cursor);
        assert_eq!((pids(&third), third.gap), (vec![3], None));
        std::fs::remove_file(tree.path().join("var/log/auth.log.1")).unwrap();
        std::fs::write(&file, "").unwrap();
        assert!(look(&third.cursor).gap.is_some());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_fail(text in "(Jan |Feb 3[01] | [0-9]{1,2} |12:00:0|T|Z|h |sshd\\[|\\]: |.{0,9}){0,9}") {
            let _ = (parse_line(&text, now(), &TimeZone::UTC), parse_cursor(&text));
            let _ = serde_json::from_str::<Entry>(&text).map(|entry| line_of(&entry));
        }
    }
}
