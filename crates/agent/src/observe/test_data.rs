//! 12.1.c, 12.1.d: what test data on this host look like. They are inspected when they have changed and come to rest, or
//! have not come to rest for a day; only counts and known words of headings leave the host, never a value or a file's name.

use crate::reading::{Reading, Sources};
use crate::settings;
use encoding_rs::SHIFT_JIS;
use jiff::{SignedDuration, Timestamp};
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use yakujo_contract::fact::content::ContentTestData;
use yakujo_contract::fact::{Coverage, Fact};
use yakujo_inspect::{INSPECTOR, Inspected, inspect};

/// Data that are written to all the time are inspected so often.
const RESTLESS: SignedDuration = SignedDuration::from_hours(24);
/// More files of one set are not looked at.
const MOST_FILES: usize = 2_000;
/// More of one set is not read, bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Columns that are told.
const MOST_TOLD: usize = 200;
/// What ends the word of a column of Individual Numbers: those are told before all others.
const NUMBERS: &str = ":individual_number";

/// A file by its outside: device, inode, size and times.
type Outside = (PathBuf, u64, u64, u64, i64, i64);

/// What is known of the sets of test data.
#[derive(Debug, Default)]
pub struct TestData {
    /// What lay there at the last look.
    seen: BTreeMap<String, Vec<Outside>>,
    /// What was told last, and when; or since when it waits for its first rest.
    told: BTreeMap<String, (Option<Vec<Outside>>, Timestamp)>,
}

impl TestData {
    /// Looks at every set; inspects one of those that changed and are at rest since the last look.
    pub fn look(&mut self, sources: &Sources, now: Timestamp) -> Reading {
        for wanted in &sources.settings.test_data {
            let mut coverage = Coverage::default();
            let files = files_of(&sources.path(&wanted.path), &mut coverage);
            let is_at_rest = self.seen.insert(wanted.set.clone(), files.clone()).as_ref() == Some(&files);
            let (told, since) = self.told.entry(wanted.set.clone()).or_insert((None, now));
            let is_restless = now.duration_since(*since) >= RESTLESS;
            let is_nothing = files.is_empty() && told.is_none() && coverage.is_complete();
            if told.as_ref() == Some(&files) || is_nothing || !(is_at_rest || is_restless) {
                continue;
            }
            (*told, *since) = (Some(files.clone()), now);
            let fact = Fact::ContentTestData(inspected(wanted, &files, coverage));
            // One at a time: other collectors wait for their turn. The next one is due at the next look.
            return Reading::of(vec![fact], String::new());
        }
        Reading::of(Vec::new(), String::new())
    }
}

/// Files below a place, or below what it is a link to, in the order of their names. Further links are not followed, and
/// count as left out.
fn files_of(root: &Path, coverage: &mut Coverage) -> Vec<Outside> {
    let mut files = Vec::new();
    let mut waiting = match std::fs::canonicalize(root) {
        Ok(root) => vec![root],
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            missed(coverage, &error.to_string());
            Vec::new()
        }
    };
    while let Some(path) = waiting.pop() {
        let outside = match std::fs::symlink_metadata(&path) {
            Ok(outside) => outside,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                missed(coverage, &error.to_string());
                continue;
            }
        };
        if outside.is_file() {
            files.push(of(path, &outside));
        } else if outside.is_dir() {
            match std::fs::read_dir(&path) {
                // One more than are looked at, so that it is noticed.
                Ok(listed) => waiting.extend(listed.take(MOST_FILES + 1).flatten().map(|entry| entry.path())),
                Err(error) => missed(coverage, &error.to_string()),
            }
        } else {
            left_out(coverage, "a link or a special file");
        }
        if files.len().saturating_add(waiting.len()) > MOST_FILES {
            left_out(coverage, &format!("more than {MOST_FILES} files"));
            break;
        }
    }
    files.sort();
    files
}

fn of(path: PathBuf, outside: &Metadata) -> Outside {
    (path, outside.dev(), outside.ino(), outside.size(), outside.mtime(), outside.ctime())
}

fn left_out(coverage: &mut Coverage, reason: &str) {
    coverage.skipped = coverage.skipped.saturating_add(1);
    because(coverage, reason);
}

fn missed(coverage: &mut Coverage, reason: &str) {
    coverage.unreadable = coverage.unreadable.saturating_add(1);
    because(coverage, reason);
}

/// The first reason is told. It names no file: a name may be a person's.
fn because(coverage: &mut Coverage, reason: &str) {
    if coverage.reason.is_empty() {
        coverage.reason = reason.chars().take(200).collect();
    }
}

fn inspected(wanted: &settings::TestData, files: &[Outside], mut coverage: Coverage) -> ContentTestData {
    let mut whole = Inspected::default();
    let mut left = MOST_BYTES;
    for (path, .., size, _, _) in files {
        if *size > left {
            left_out(&mut coverage, &format!("more than {} MiB: sampled", MOST_BYTES >> 20));
            continue;
        }
        left = left.saturating_sub(*size);
        match text_of(path, *size) {
            Ok(text) => whole.add(inspect(&path.to_string_lossy(), &text)),
            Err(reason) => missed(&mut coverage, &reason),
        }
    }
    if whole.unread > 0 {
        left_out(&mut coverage, "INSERT statements are not read as tables");
    }
    let (mut personal, others): (Vec<String>, Vec<String>) =
        whole.personal.into_iter().partition(|found| found.ends_with(NUMBERS));
    personal.extend(others);
    if personal.len() > MOST_TOLD {
        left_out(&mut coverage, &format!("more than {MOST_TOLD} columns look personal"));
        personal.truncate(MOST_TOLD);
    }
    ContentTestData {
        set: wanted.set.clone(),
        place: wanted.place.clone(),
        // Where nothing lies any more, nothing real does.
        origin: if files.is_empty() { "unknown" } else { wanted.origin.word() }.to_owned(),
        rows: whole.rows,
        columns: whole.columns,
        personal,
        matches: None,
        inspector: INSPECTOR.to_owned(),
        coverage,
    }
}

/// A text in UTF-8 or, as much of what cities export, in the Shift_JIS of Windows.
fn text_of(path: &Path, size: u64) -> Result<String, String> {
    // Whatever lies there by now is not waited for.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).unwrap_or_default();
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut bytes = Vec::new();
    let read = opened.and_then(|file| match file.metadata()?.is_file() {
        true => file.take(size).read_to_end(&mut bytes),
        false => Err(std::io::Error::other("no file any more")),
    });
    read.map_err(|error| error.to_string())?;
    if bytes.contains(&0) {
        return Err("no text: only CSV, TSV, dumps and other texts are inspected".to_owned());
    }
    String::from_utf8(bytes).or_else(|error| {
        let bytes = error.into_bytes();
        let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(&bytes);
        text.map(|text| text.into_owned()).ok_or_else(|| "neither UTF-8 nor Shift_JIS".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{AgentFile, DataOrigin};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + minute * 60).unwrap()
    }

    fn told(data: &mut TestData, sources: &Sources, minute: i64) -> Vec<ContentTestData> {
        let facts = data.look(sources, at(minute)).facts.into_iter();
        facts
            .map(|fact| match fact {
                Fact::ContentTestData(data) => data,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn data_are_inspected_when_they_have_come_to_rest_and_when_they_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (set, place) = ("R8-1".to_owned(), "office".to_owned());
        let path = "/data".to_owned();
        let wanted = settings::TestData { set, path, place, origin: DataOrigin::Real };
        let mut sources = Sources::under(folder.path());
        sources.settings = AgentFile { test_data: vec![wanted], ..AgentFile::default() };
        let mut data = TestData::default();
        assert!(
            told(&mut data, &sources, 0).is_empty() && told(&mut data, &sources, 1).is_empty(),
            "nothing there"
        );
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let (sjis, _, _) = SHIFT_JIS.encode("氏名,番号\r\n山田 太郎,1\r\n");
        std::fs::write(folder.path().join("data/a.csv"), sjis).unwrap();
        std::fs::write(folder.path().join("data/b.bin"), [0, 1, 2]).unwrap();
        assert!(told(&mut data, &sources, 2).is_empty(), "it may still be copied");
        let [first] = &told(&mut data, &sources, 3)[..] else { panic!() };
        assert_eq!(
            (first.personal.as_slice(), first.origin.as_str()),
            (["氏名:name".to_owned()].as_slice(), "real")
        );
        assert_eq!((first.rows, first.columns, first.coverage.unreadable), (2, 2, 1));
        assert!(told(&mut data, &sources, 4).is_empty());
        for minute in 5..24 * 60 + 4 {
            std::fs::write(folder.path().join("data/c.csv"), "x".repeat(usize::try_from(minute).unwrap()))
                .unwrap();
            let expected = usize::from(minute == 24 * 60 + 3);
            assert_eq!(told(&mut data, &sources, minute).len(), expected, "restless for a day: {minute}");
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("data/link")).unwrap();
        std::fs::write(folder.path().join("data/山田太郎.bin"), [0]).unwrap();
        assert!(told(&mut data, &sources, 1_495).is_empty());
        let [linked] = &told(&mut data, &sources, 1_496)[..] else { panic!() };
        assert_eq!((linked.coverage.skipped, linked.coverage.unreadable), (1, 2));
        assert!(!linked.coverage.reason.contains("山田"), "{}", linked.coverage.reason);
        std::fs::remove_dir_all(folder.path().join("data")).unwrap();
        assert!(told(&mut data, &sources, 1_500).is_empty());
        let [gone] = &told(&mut data, &sources, 1_501)[..] else { panic!() };
        assert_eq!((gone.rows, gone.origin.as_str()), (0, "unknown"));
    }
}
