//! 5.a: who came, went and was refused by the records that login programs leave, where a host keeps no log: `wtmp` and
//! `btmp`, or the data base of wtmpdb (Debian 13) and `btmp`.
//!
//! They tell less than a log, and that is said: nothing of how somebody showed who they are, nothing of su and sudo, and
//! `wtmp` only of sessions with a terminal. The layout of a record is the library's (utmp-raw); its sister utmp-rs was not
//! taken because it refuses a whole record for a name that is no UTF-8, and strangers type what they like.

use super::c05_lines::{MOST_BYTES, Part, Taken};
use super::c05_logins::{Event, Line, Seat, cut, name};
use super::c05_wtmpdb;
use super::c11_access::parse_passwd;
use crate::reading::Sources;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use utmp_raw::utmp;
use zerocopy::FromBytes;

const WTMP: &str = "/var/log/wtmp";
const BTMP: &str = "/var/log/btmp";
const RECORD: usize = size_of::<utmp>();
/// Longest address or name of a host in a fact.
const MOST_LETTERS: usize = 64;
/// Somebody who sits at the host itself.
const CONSOLE: &str = "console";
const DAMAGED: &str = "records are damaged or were wiped out";

/// Which records a host keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// `wtmp` and `btmp`.
    Files,
    /// The data base of wtmpdb, and `btmp`.
    Database,
}

impl Records {
    /// The data base where there is one: a `wtmp` beside it is of an older system.
    #[must_use]
    pub fn of(sources: &Sources) -> Option<Self> {
        let is_there = |file: &str| sources.path(file).exists();
        let files = || [WTMP, BTMP].into_iter().any(is_there).then_some(Self::Files);
        is_there(c05_wtmpdb::FILE).then_some(Self::Database).or_else(files)
    }

    /// Their name in facts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "/var/log/wtmp, /var/log/btmp",
            Self::Database => "/var/lib/wtmpdb/wtmp.db, /var/log/btmp",
        }
    }

    /// Files that change when something is recorded.
    pub fn files(self) -> impl Iterator<Item = String> {
        let came = match self {
            Self::Files => WTMP,
            Self::Database => c05_wtmpdb::FILE,
        };
        [came.to_owned(), format!("{came}-wal"), BTMP.to_owned()].into_iter()
    }

    /// What they do not tell.
    #[must_use]
    pub fn limits(self, sources: &Sources) -> String {
        let terminals = match self {
            Self::Files => ", sessions without a terminal",
            Self::Database => "",
        };
        let mut text = format!(
            "there is neither a journal nor /var/log/auth.log: {} alone tell who came, and not how{terminals}, nor of su and \
             sudo; install rsyslog, or systemd's journal",
            self.name()
        );
        let missing = match self {
            Self::Files => [WTMP, BTMP].into_iter().find(|file| !sources.path(file).exists()),
            Self::Database => (!sources.path(BTMP).exists()).then_some(BTMP),
        };
        if let Some(file) = missing {
            text.push_str(&format!("; {file} is missing"));
        }
        text
    }
}

/// Reads on from a cursor; nothing from before `since`.
///
/// # Errors
/// A sentence for the operator.
pub fn take(
    sources: &Sources,
    records: Records,
    cursor: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<Taken, String> {
    let (came, refused) = cursor.split_once(' ').unwrap_or_default();
    let mut taken = match records {
        Records::Files => from_file(sources, WTMP, came, since, came_or_went)?,
        Records::Database => c05_wtmpdb::take(&sources.path(c05_wtmpdb::FILE), came, since, now)?,
    };
    let accounts = accounts(sources);
    let failed = from_file(sources, BTMP, refused, since, |record| was_refused(record, &accounts))?;
    taken.cursor = format!("{} {}", taken.cursor, failed.cursor);
    taken.lines.extend(failed.lines);
    taken.bytes = taken.bytes.saturating_add(failed.bytes);
    taken.more |= failed.more;
    taken.gap = taken.gap.or(failed.gap);
    Ok(taken)
}

fn accounts(sources: &Sources) -> BTreeSet<String> {
    let text = sources.read("/etc/passwd").unwrap_or_default();
    parse_passwd(&text).into_iter().map(|user| user.name).collect()
}

/// What a record tells, if anything; an error where it is none.
type Told = Result<Option<Event>, Damaged>;

struct Damaged;

fn from_file(
    sources: &Sources,
    file: &str,
    cursor: &str,
    since: Timestamp,
    tells: impl Fn(&utmp) -> Told,
) -> Result<Taken, String> {
    let trouble = |error: std::io::Error| format!("{file}: {error}");
    let part = match Part::after(sources, file, cursor) {
        // It is missing, which is said, or is being put aside: then it is there in the next turn.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Taken { cursor: cursor.to_owned(), ..Taken::default() });
        }
        other => other.map_err(trouble)?,
    };
    let (bytes, is_full) = part.read(MOST_BYTES).map_err(trouble)?;
    let (mut lines, mut gap) = (Vec::new(), part.gap);
    let records = bytes.chunks_exact(RECORD);
    // Half a record is read when it is whole.
    let taken = bytes.len().saturating_sub(records.remainder().len());
    for record in records.filter_map(utmp::read_from) {
        match line(&record, &tells) {
            Ok(line) => lines.extend(line.filter(|line| line.at >= since)),
            Err(Damaged) => gap = gap.or(Some(DAMAGED)),
        }
    }
    let taken = u64::try_from(taken).unwrap_or(0);
    let more = is_full || part.is_behind;
    Ok(Taken { lines, cursor: part.cursor(taken), bytes: taken, more, gap })
}

fn line(record: &utmp, tells: impl Fn(&utmp) -> Told) -> Result<Option<Line>, Damaged> {
    let at = instant(record).ok_or(Damaged)?;
    let Some(event) = tells(record)? else { return Ok(None) };
    let pid = u32::try_from(record.ut_pid).map_err(|_| Damaged)?;
    Ok(Some(Line { at, program: "wtmp".to_owned(), pid, message: String::new(), record: Some(event) }))
}

fn instant(record: &utmp) -> Option<Timestamp> {
    let second = i64::from(record.ut_tv.tv_sec);
    let micros = i64::from(record.ut_tv.tv_usec);
    let micros = i32::try_from(micros).ok().filter(|micros| (0..1_000_000).contains(micros))?;
    // Before anything was logged: nobody writes that.
    let is_sane = second > 0;
    Timestamp::new(second, micros.saturating_mul(1_000)).ok().filter(|_| is_sane)
}

fn came_or_went(record: &utmp) -> Told {
    let (account, seat) = (name(&text(&record.ut_user)), name(&text(&record.ut_line)));
    match record.ut_type {
        // Nothing but a tool that wipes out traces leaves a record without any content.
        utmp_raw::EMPTY => Err(Damaged),
        utmp_raw::USER_PROCESS if !account.is_empty() => {
            Ok(Some(Event::Seat(Seat::Taken { account, from: from(record), seat })))
        }
        utmp_raw::USER_PROCESS | utmp_raw::DEAD_PROCESS => Ok(Some(Event::Seat(Seat::Left { seat }))),
        utmp_raw::BOOT_TIME => Ok(Some(Event::Seat(Seat::AllLeft))),
        utmp_raw::RUN_LVL if account == "shutdown" => Ok(Some(Event::Seat(Seat::AllLeft))),
        utmp_raw::RUN_LVL..=utmp_raw::ACCOUNTING => Ok(None),
        _ => Err(Damaged),
    }
}

fn was_refused(record: &utmp, accounts: &BTreeSet<String>) -> Told {
    if ![utmp_raw::LOGIN_PROCESS, utmp_raw::USER_PROCESS].contains(&record.ut_type) {
        return Err(Damaged);
    }
    // A name that is no account may be a password that was typed at the wrong place: it is never told.
    let account = Some(text(&record.ut_user)).filter(|name| accounts.contains(name));
    let from = match from(record).as_str() {
        CONSOLE => name(&text(&record.ut_line)),
        from => from.to_owned(),
    };
    Ok(Some(Event::Refused { account, from, method: "not_told" }))
}

/// The address as the kernel wrote it, else what stands there as the host's name.
fn from(record: &utmp) -> String {
    let [first, second, third, fourth] = record.ut_addr_v6.map(i32::to_ne_bytes);
    let address = [first, second, third, fourth].as_flattened().try_into().map(Ipv6Addr::from_octets);
    match address {
        _ if (second, third, fourth) == ([0; 4], [0; 4], [0; 4]) && first != [0; 4] => {
            IpAddr::V4(Ipv4Addr::from_octets(first)).to_string()
        }
        Ok(address) if !address.is_unspecified() => IpAddr::V6(address).to_canonical().to_string(),
        _ => named(&text(&record.ut_host)),
    }
}

/// Where somebody came from, as a record names it: a display of the host itself is the host itself.
pub(super) fn named(host: &str) -> String {
    if host.is_empty() || host.starts_with(':') { CONSOLE.to_owned() } else { cut(host, MOST_LETTERS) }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    /// A record as util-linux makes it from text: type, process, account, seat, host, address, instant.
    pub fn record(kind: i16, pid: u32, words: [&str; 4], second: i64) -> Vec<u8> {
        let [account, seat, host, address] = words;
        let at = Timestamp::from_second(second).unwrap().to_string().replace('Z', ",000000+00:00");
        let text = format!(
            "[{kind}] [{pid:05}] [ts/0] [{account:<8}] [{seat:<12}] [{host:<20}] [{address:<15}] [{at}]\n"
        );
        let mut made = Command::new("/usr/bin/utmpdump")
            .arg("-r")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        made.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let made = made.wait_with_output().unwrap().stdout;
        assert_eq!(made.len(), RECORD, "{text}");
        made
    }

    fn host() -> (tempfile::TempDir, Sources) {
        let tree = tempfile::tempdir().unwrap();
        for folder in ["var/log", "etc"] {
            std::fs::create_dir_all(tree.path().join(folder)).unwrap();
        }
        std::fs::write(tree.path().join("etc/passwd"), "hanako:x:1000:1000::/srv:/bin/bash\n").unwrap();
        let sources = Sources::under(tree.path());
        (tree, sources)
    }

    fn write(tree: &Path, name: &str, records: &[Vec<u8>]) {
        std::fs::write(tree.join("var/log").join(name), records.concat()).unwrap();
    }

    fn look(sources: &Sources, cursor: &str) -> Taken {
        take(sources, Records::Files, cursor, at(0), at(1_000)).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(SECOND + second).unwrap()
    }

    const SECOND: i64 = 1_795_000_000;

    fn seats(taken: &Taken) -> Vec<String> {
        let told = taken.lines.iter().map(|line| match &line.record {
            Some(Event::Seat(Seat::Taken { account, from, seat })) => format!("{account} {from} {seat}"),
            Some(Event::Seat(Seat::Left { seat })) => format!("left {seat}"),
            Some(Event::Seat(Seat::AllLeft)) => "all left".to_owned(),
            Some(Event::Refused { account, from, .. }) => format!("refused {account:?} {from}"),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn records_tell_who_came_from_where_and_of_the_refused_no_name_that_is_no_account() {
        let (tree, sources) = host();
        write(
            tree.path(),
            "wtmp",
            &[
                record(7, 6, ["taro", "pts/9", "192.0.2.9", "192.0.2.9"], SECOND - 10),
                record(2, 0, ["reboot", "~", "6.1.0", "0.0.0.0"], SECOND + 1),
                record(6, 5, ["LOGIN", "tty1", "", "0.0.0.0"], SECOND + 2),
                record(7, 7, ["hanako", "pts/0", "client.example.jp", "192.0.2.5"], SECOND + 3),
                record(7, 8, ["hanako", "pts/1", "2001:db8::7", "2001:db8::7"], SECOND + 4),
                record(7, 9, ["hanako", "tty1", "", "0.0.0.0"], SECOND + 5),
                record(8, 7, ["", "pts/0", "", "0.0.0.0"], SECOND + 6),
            ],
        );
        let refused = |account, seat, host| {
            record(6, 1, [account, seat, host, if host.is_empty() { "0.0.0.0" } else { host }], SECOND + 8)
        };
        let attempts = [
            ("hanako", "ssh:notty", "192.0.2.66"),
            ("s3cret!", "ssh:notty", "192.0.2.66"),
            ("hanako", "tty1", ""),
        ];
        write(tree.path(), "btmp", &attempts.map(|(account, seat, host)| refused(account, seat, host)));
        let taken = look(&sources, "");
        let expected = [
            "all left",
            "hanako 192.0.2.5 pts/0",
            "hanako 2001:db8::7 pts/1",
            "hanako console tty1",
            "left pts/0",
            "refused Some(\"hanako\") 192.0.2.66",
            "refused None 192.0.2.66",
            "refused Some(\"hanako\") tty1",
        ];
        assert_eq!(
            (seats(&taken), taken.gap, taken.more),
            (expected.map(str::to_owned).to_vec(), None, false)
        );
        assert!(look(&sources, &taken.cursor).lines.is_empty(), "told twice");
    }

    #[test]
    fn records_are_read_on_over_rotation_and_what_was_cut_or_wiped_out_is_a_gap() {
        let (tree, sources) = host();
        let one = |pid: u32| record(7, pid, ["hanako", "pts/0", "", "0.0.0.0"], SECOND + 1);
        let pids = |taken: &Taken| taken.lines.iter().map(|line| line.pid).collect::<Vec<_>>();
        write(tree.path(), "wtmp", &[one(1), one(2)[..100].to_vec()]);
        let first = look(&sources, "");
        assert_eq!((pids(&first), first.gap), (vec![1], None), "half a record is read when it is whole");
        write(tree.path(), "wtmp", &[one(1), one(2)]);
        std::fs::rename(tree.path().join("var/log/wtmp"), tree.path().join("var/log/wtmp.1")).unwrap();
        let between = look(&sources, &first.cursor);
        assert_eq!((pids(&between), between.gap), (vec![], None), "it is being put aside");
        write(tree.path(), "wtmp", &[one(3)]);
        let second = look(&sources, &between.cursor);
        assert_eq!((pids(&second), second.more), (vec![2], true));
        let third = look(&sources, &second.cursor);
        assert_eq!((pids(&third), third.gap), (vec![3], None));
        write(tree.path(), "wtmp", &[one(3), vec![0; RECORD], one(4)]);
        let wiped = look(&sources, &third.cursor);
        assert_eq!((pids(&wiped), wiped.gap), (vec![4], Some(DAMAGED)));
        write(tree.path(), "wtmp", &[]);
        assert!(look(&sources, &wiped.cursor).gap.is_some());
    }

    proptest! {
        #[test]
        fn no_content_makes_a_reader_fail_and_what_cannot_be_is_damage(
            start in 0..3 * RECORD,
            noise in prop::collection::vec(any::<u8>(), 0..2 * RECORD),
            cursor in "[0-9: -]{0,12}",
        ) {
            let (tree, sources) = host();
            let mut bytes = GOOD.with(|good| good.repeat(3));
            let end = (start + noise.len()).min(bytes.len());
            bytes.splice(start..end, noise);
            for name in ["wtmp", "btmp"] {
                write(tree.path(), name, std::slice::from_ref(&bytes));
            }
            let taken = look(&sources, &cursor);
            for line in &taken.lines {
                prop_assert!(line.at >= at(0));
                let told = format!("{:?}", line.record);
                prop_assert!(!told.contains("\\u{1b}") && told.len() < 4_000, "{told}");
            }
            let again = look(&sources, &taken.cursor);
            prop_assert!(again.lines.is_empty() && !again.more, "told twice");
        }
    }

    thread_local! {
        static GOOD: Vec<u8> = record(7, 7, ["hanako", "pts/0", "192.0.2.5", "192.0.2.5"], SECOND + 1);
    }
}
