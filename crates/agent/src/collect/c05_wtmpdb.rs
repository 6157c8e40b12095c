//! 5.a: who came and went by the data base of wtmpdb, which Debian 13 keeps instead of `wtmp`. A session is one row; its end
//! is written into the row, so both are asked for: rows that are new, and rows that ended since.

use super::c05_lines::{MOST_LINES, Taken};
use super::c05_logins::{Event, Line, Seat, name};
use super::c05_records::named;
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Where it lies.
pub const FILE: &str = "/var/lib/wtmpdb/wtmp.db";
/// Microseconds.
const DAY: i64 = 24 * 3_600 * 1_000_000;
const BUSY: Duration = Duration::from_secs(2);
/// Types of rows.
const BOOT: i64 = 1;
const USER: i64 = 3;
/// Services that change who acts and let nobody in.
const NO_DOORS: [&str; 8] = ["su", "su-l", "sudo", "sudo-i", "runuser", "runuser-l", "cron", "systemd-user"];
const NEW: &str =
    "SELECT ID, Type, substr(User, 1, 64) AS User, Login, substr(RemoteHost, 1, 256) AS RemoteHost,
    substr(Service, 1, 64) AS Service FROM wtmp WHERE ID > ? AND Login > ? ORDER BY ID LIMIT ?";
const ENDED: &str =
    "SELECT ID, Type, Logout FROM wtmp WHERE Logout > ? AND Logout <= ? ORDER BY Logout LIMIT ?";
const REPLACED: &str = "the data base was replaced, or its newest rows were removed";
const DAMAGED: &str = "rows are damaged";

/// How far it was read: the file, the row, and the last beginning and end that were seen, µs.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    inode: u64,
    row: i64,
    login: i64,
    logout: i64,
}

/// Reads on from a cursor; nothing from before `since`.
///
/// # Errors
/// A sentence for the operator.
pub(super) fn take(path: &Path, cursor: &str, since: Timestamp, now: Timestamp) -> Result<Taken, String> {
    let trouble = |reason: &dyn std::fmt::Display| format!("{FILE}: {reason}");
    let inode = std::fs::metadata(path).map_err(|error| trouble(&error))?.ino();
    let since = since.as_microsecond();
    let first = Cursor { inode, row: 0, login: since, logout: since };
    let before = parse(cursor);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| trouble(&error))?;
    // In a thread of its own: this one may belong to a runtime, in which no other can be waited for.
    let read = std::thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(read(path, before.unwrap_or(first), inode, now))).join()
    });
    match read {
        Ok(read) => read.map_err(|error| trouble(&error)),
        Err(_) => Err(trouble(&"it could not be read")),
    }
}

fn parse(cursor: &str) -> Option<Cursor> {
    let mut numbers = cursor.split(':');
    let inode = numbers.next()?.parse().ok()?;
    let mut number = || numbers.next()?.parse().ok();
    Some(Cursor { inode, row: number()?, login: number()?, logout: number()? })
}

async fn read(path: &Path, mut cursor: Cursor, inode: u64, now: Timestamp) -> sqlx::Result<Taken> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
    let mut database = options.connect().await?;
    let mut taken = Taken::default();
    let last: i64 =
        sqlx::query_scalar("SELECT coalesce(max(ID), 0) FROM wtmp").fetch_one(&mut database).await?;
    // Numbers are given again when the newest row was removed.
    if inode != cursor.inode || last < cursor.row {
        taken.gap = Some(REPLACED);
        (cursor.inode, cursor.row) = (inode, 0);
    }
    let (begun, ended) = rows(&mut database, cursor, now).await?;
    let is_full = |rows: &[SqliteRow]| rows.len() >= MOST_LINES;
    taken.more = is_full(&begun) || is_full(&ended);
    for row in &begun {
        cursor.row = row.try_get("ID")?;
        match came(row) {
            Ok((login, line)) => {
                cursor.login = cursor.login.max(login);
                taken.lines.extend(line);
            }
            Err(_) => taken.gap = taken.gap.or(Some(DAMAGED)),
        }
    }
    for row in &ended {
        let logout: i64 = row.try_get("Logout")?;
        cursor.logout = cursor.logout.max(logout);
        taken.lines.extend(went(row, logout)?);
    }
    taken.bytes = u64::try_from(taken.lines.len()).unwrap_or(0).saturating_mul(100);
    let Cursor { inode, row, login, logout } = cursor;
    taken.cursor = format!("{inode}:{row}:{login}:{logout}");
    Ok(taken)
}

async fn rows(
    database: &mut SqliteConnection,
    cursor: Cursor,
    now: Timestamp,
) -> sqlx::Result<(Vec<SqliteRow>, Vec<SqliteRow>)> {
    let most = i64::try_from(MOST_LINES).unwrap_or(i64::MAX);
    // Of the rows whose numbers were given again only those count that are newer than all before.
    let newer = if cursor.row == 0 { cursor.login } else { i64::MIN };
    // An end that is still to come would hide those that come before it.
    let until = now.as_microsecond().saturating_add(DAY);
    let begun = sqlx::query(NEW).bind(cursor.row).bind(newer).bind(most).fetch_all(&mut *database).await?;
    let ended = sqlx::query(ENDED).bind(cursor.logout).bind(until).bind(most).fetch_all(database).await?;
    Ok((begun, ended))
}

fn line(at: i64, seat: Seat) -> Option<Line> {
    let (at, record) = (Timestamp::from_microsecond(at).ok()?, Some(Event::Seat(seat)));
    // Whose process it is, the data base does not tell.
    Some(Line { at, program: "wtmpdb".to_owned(), pid: 0, message: String::new(), record })
}

fn came(row: &SqliteRow) -> sqlx::Result<(i64, Option<Line>)> {
    let login: i64 = row.try_get("Login")?;
    let (account, from): (String, Option<String>) = (row.try_get("User")?, row.try_get("RemoteHost")?);
    let service: Option<String> = row.try_get("Service")?;
    let is_door = service.is_none_or(|service| !NO_DOORS.contains(&service.as_str()));
    let seat = match row.try_get("Type")? {
        BOOT => Some(Seat::AllLeft),
        USER if is_door => {
            let seat = row.try_get::<i64, _>("ID")?.to_string();
            Some(Seat::Taken { account: name(&account), from: named(&from.unwrap_or_default()), seat })
        }
        _ => None,
    };
    Ok((login, seat.and_then(|seat| line(login, seat))))
}

fn went(row: &SqliteRow, logout: i64) -> sqlx::Result<Option<Line>> {
    let seat = match row.try_get("Type")? {
        // The row of a boot ends when the host stops.
        BOOT => Seat::AllLeft,
        _ => Seat::Left { seat: row.try_get::<i64, _>("ID")?.to_string() },
    };
    Ok(line(logout, seat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, \
                         Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;";
    const SECOND: i64 = 1_795_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(SECOND + second).unwrap()
    }

    /// As wtmpdb writes: SQLite's own program, the table as wtmpdb makes it.
    fn write(path: &Path, statements: &str) {
        let done = Command::new("/usr/bin/sqlite3").arg(path).arg(format!("{TABLE}{statements}")).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn come(kind: i64, user: &str, second: i64, from: &str, service: &str) -> String {
        let login = (SECOND + second) * 1_000_000;
        format!(
            "INSERT INTO wtmp (Type,User,Login,TTY,RemoteHost,Service) VALUES({kind},'{user}',{login},'pts/0','{from}','{service}');"
        )
    }

    fn go(row: i64, second: i64) -> String {
        format!("UPDATE wtmp SET Logout = {} WHERE ID = {row};", (SECOND + second) * 1_000_000)
    }

    fn look(path: &Path, cursor: &str) -> Taken {
        take(path, cursor, at(0), at(1_000)).unwrap()
    }

    fn seats(taken: &Taken) -> Vec<String> {
        let told = taken.lines.iter().map(|line| match &line.record {
            Some(Event::Seat(Seat::Taken { account, from, seat })) => format!("{account} {from} {seat}"),
            Some(Event::Seat(Seat::Left { seat })) => format!("left {seat}"),
            Some(Event::Seat(Seat::AllLeft)) => "all left".to_owned(),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn rows_tell_who_came_and_later_that_they_left_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wtmp.db");
        write(&path, &(come(3, "old", -10, "", "login") + &come(1, "reboot", 1, "6.12", "")));
        write(&path, &(come(3, "hanako", 2, "192.0.2.5", "sshd") + &come(3, "root", 3, "", "su")));
        let first = look(&path, "");
        assert_eq!(seats(&first), ["all left", "hanako 192.0.2.5 3"]);
        assert!(look(&path, &first.cursor).lines.is_empty(), "told twice");
        write(&path, &(go(3, 9) + &come(3, "taro", 8, ":0", "gdm-password")));
        let second = look(&path, &first.cursor);
        assert_eq!(
            (seats(&second), second.gap),
            (vec!["taro console 5".to_owned(), "left 3".to_owned()], None)
        );
        // Numbers are given again; what was told is not told again.
        write(&path, "DELETE FROM wtmp WHERE ID > 3;");
        write(&path, &come(3, "jiro", 20, "192.0.2.6", "sshd"));
        let third = look(&path, &second.cursor);
        assert_eq!((seats(&third), third.gap), (vec!["jiro 192.0.2.6 4".to_owned()], Some(REPLACED)));
        // An end of a time that never comes hides no other.
        write(&path, &(format!("UPDATE wtmp SET Logout = {} WHERE ID = 1;", i64::MAX) + &go(4, 30)));
        assert_eq!(seats(&look(&path, &third.cursor)), ["left 4"]);
    }

    #[test]
    fn more_rows_than_one_turn_takes_come_in_the_next_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wtmp.db");
        let rows = i64::try_from(MOST_LINES).unwrap() + 10;
        let login = (SECOND + 1) * 1_000_000;
        write(
            &path,
            &format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 INSERT INTO wtmp (Type,User,Login,Logout) SELECT 3, 'u', {login} + i, {login} + 2 * i FROM n;"
            ),
        );
        let first = look(&path, "");
        let second = look(&path, &first.cursor);
        assert_eq!((first.more, second.more), (true, false));
        assert_eq!(first.lines.len() + second.lines.len(), 2 * usize::try_from(rows).unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn a_damaged_data_base_is_an_error_or_a_gap_and_never_more(
            place in 0_usize..8_192,
            noise in prop::collection::vec(any::<u8>(), 1..600),
            cursor in "[0-9:-]{0,20}",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("wtmp.db");
            write(&path, &(come(3, "hanako", 2, "192.0.2.5", "sshd") + &go(1, 9)));
            let mut bytes = std::fs::read(&path).unwrap();
            for (byte, other) in bytes.iter_mut().skip(place).zip(noise) {
                *byte = other;
            }
            std::fs::write(&path, bytes).unwrap();
            match take(&path, &cursor, at(0), at(1_000)) {
                Ok(taken) => prop_assert!(taken.lines.iter().all(|line| line.at <= at(1_000) + jiff::SignedDuration::from_hours(24) || line.pid == 0)),
                Err(reason) => prop_assert!(reason.starts_with(FILE)),
            }
        }
    }
}
