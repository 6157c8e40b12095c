//! Data bases, by their own dump programs: what a file copy of a running data base holds is worth nothing.
//!
//! The rows of every table are counted in the dump itself. A drill loads the dump into a scratch data base and counts
//! again: a dump that loads only half, or holds no row at all, is found.

use crate::command::{Call, Ended, run};
use crate::engine::BackupError;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A dump or its loading may take so long.
const LONG: Duration = Duration::from_secs(12 * 3_600);
/// A question may take so long: rows of large tables are counted.
const QUESTION: Duration = Duration::from_secs(1_800);
/// Bits of a file that others may use.
const FOR_OTHERS: u32 = 0o077;
/// The data base that a drill loads into; made and dropped by it.
const SCRATCH: &str = "yakujo_drill";
/// Counts of rows, in the folder of the dump.
pub const COUNTS: &str = "rows.json";

/// Which product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB.
    Mariadb,
}

/// Data bases of one server.
#[derive(Debug, Clone)]
pub struct Source {
    /// The product.
    pub product: Product,
    /// Section of the connection service file (PostgreSQL).
    pub service: String,
    /// File with how to connect, readable by its owner alone.
    pub access: PathBuf,
    /// As `access`, to a server that a drill may make a data base on.
    pub scratch: PathBuf,
    /// The data bases.
    pub databases: Vec<String>,
}

/// Rows by data base and table.
pub type Rows = BTreeMap<String, BTreeMap<String, u64>>;

/// All rows of a dump.
#[must_use]
pub fn total(rows: &Rows) -> u64 {
    rows.values().flat_map(BTreeMap::values).fold(0, |sum, count| sum.saturating_add(*count))
}

/// Dumps every data base into a folder and counts what is in the dumps.
///
/// # Errors
/// When one cannot be dumped: half of the data bases are no backup.
pub fn dump(source: &Source, into: &Path) -> Result<Rows, BackupError> {
    let mut rows = Rows::new();
    for name in &source.databases {
        let counted = match source.product {
            Product::Postgresql => dump_postgresql(source, name, into)?,
            Product::Mariadb => dump_mariadb(source, name, into)?,
        };
        rows.insert(name.clone(), counted);
    }
    let file = into.join(COUNTS);
    let text =
        serde_json::to_vec_pretty(&rows).map_err(|error| BackupError::File(file.clone(), error.into()))?;
    std::fs::write(&file, text).map_err(|error| BackupError::File(file, error))?;
    Ok(rows)
}

/// Loads every dump of a restored folder into a scratch data base and counts its rows again. Gives the number of tables,
/// and those that differ with what was found.
///
/// # Errors
/// When the dumps cannot be read or the scratch server not be used.
pub fn try_load(source: &Source, from: &Path) -> Result<(u64, Vec<String>), BackupError> {
    let file = from.join(COUNTS);
    let text = std::fs::read(&file).map_err(|error| BackupError::File(file.clone(), error))?;
    let expected: Rows =
        serde_json::from_slice(&text).map_err(|error| BackupError::File(file, error.into()))?;
    let (mut tables, mut wrong) = (0_u64, Vec::new());
    for name in &source.databases {
        let Some(rows) = expected.get(name) else {
            wrong.push(format!("{name}: is not in the backup"));
            continue;
        };
        let loaded = load(source, name, from);
        for (table, count) in rows {
            tables = tables.saturating_add(1);
            let now = loaded.as_ref().map_err(ToString::to_string).and_then(|()| count_rows(source, table));
            match now {
                Ok(now) if now == *count => {}
                Ok(now) => wrong.push(format!("{name} {table}: {now} rows instead of {count}")),
                Err(reason) => wrong.push(format!("{name} {table}: {reason}")),
            }
        }
        forget_scratch(source)?;
    }
    Ok((tables, wrong))
}

fn is_private(file: &Path) -> Result<(), BackupError> {
    let about = std::fs::metadata(file).map_err(|error| BackupError::File(file.to_owned(), error))?;
    if about.mode() & FOR_OTHERS != 0 {
        return Err(BackupError::Password(file.to_owned(), "others may read it: chmod 600".to_owned()));
    }
    Ok(())
}

fn good(ended: Ended) -> Result<Ended, BackupError> {
    if ended.code == Some(0) { Ok(ended) } else { Err(BackupError::Repository(ended.reason())) }
}

/// A program of PostgreSQL, connected by a service file.
fn postgresql(
    source: &Source,
    access: &Path,
    (program, arguments): (&str, &[&str]),
    limit: Duration,
) -> Result<Ended, BackupError> {
    is_private(access)?;
    let environment = [
        ("PGSERVICEFILE", access.display().to_string()),
        ("PGSERVICE", source.service.clone()),
        ("PGCONNECT_TIMEOUT", "10".to_owned()),
        ("PGAPPNAME", "yakujo-backup".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let call = Call { arguments, environment, ..Call::default() };
    good(run(Path::new(program), call, limit)?)
}

fn dump_postgresql(source: &Source, name: &str, into: &Path) -> Result<BTreeMap<String, u64>, BackupError> {
    let folder = into.join(name);
    let place = folder.display().to_string();
    // One file a table, not compressed: the repository compresses, and what did not change is not stored again.
    let target = format!("service={} dbname={name}", source.service);
    let arguments = ["-w", "-Fd", "-Z0", "-f", &place, "-d", &target];
    postgresql(source, &source.access, ("/usr/bin/pg_dump", &arguments), LONG)?;
    let list = postgresql(source, &source.access, ("/usr/bin/pg_restore", &["-l", &place]), QUESTION)?;
    let mut rows = BTreeMap::new();
    for line in list.output.lines() {
        let Some((number, table)) = table_of(line) else { continue };
        rows.insert(table, copied_rows(&folder.join(format!("{number}.dat")))?);
    }
    Ok(rows)
}

/// `3345; 0 16386 TABLE DATA public resident owner`: the number of its file, and the quoted name of the table.
fn table_of(line: &str) -> Option<(&str, String)> {
    let (number, rest) = line.split_once(';')?;
    let words: Vec<&str> = rest.split_once("TABLE DATA ")?.1.split(' ').collect();
    let (schema, rest) = words.split_first()?;
    let (_owner, table) = rest.split_last()?;
    number.chars().all(|c| c.is_ascii_digit()).then(|| {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        (number, format!("{}.{}", quoted(schema), quoted(&table.join(" "))))
    })
}

/// Rows of a file of `COPY`: every line up to one with a backslash and a dot.
fn copied_rows(file: &Path) -> Result<u64, BackupError> {
    let mut count = 0_u64;
    each_line(file, |line| {
        if line == b"\\.\n" {
            return false;
        }
        count = count.saturating_add(1);
        true
    })?;
    Ok(count)
}

fn each_line(file: &Path, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), BackupError> {
    let wrong = |error: std::io::Error| BackupError::File(file.to_owned(), error);
    let mut lines = BufReader::new(File::open(file).map_err(wrong)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(wrong)? == 0 || !take(&line) {
            return Ok(());
        }
    }
}

/// A program of MariaDB, connected by an option file.
fn mariadb(
    access: &Path,
    (program, arguments): (&str, &[&str]),
    files: (Option<File>, Option<File>),
    limit: Duration,
) -> Result<Ended, BackupError> {
    is_private(access)?;
    let mut all = vec![format!("--defaults-file={}", access.display())];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let call = Call { arguments: all, input_from: files.0, output_to: files.1, ..Call::default() };
    good(run(Path::new(program), call, limit)?)
}

fn dump_mariadb(source: &Source, name: &str, into: &Path) -> Result<BTreeMap<String, u64>, BackupError> {
    let file = into.join(format!("{name}.sql"));
    let out = File::create(&file).map_err(|error| BackupError::File(file.clone(), error))?;
    // One row an INSERT, so that rows can be counted; one transaction a table makes up for it.
    let arguments = [
        "--single-transaction",
        "--routines",
        "--triggers",
        "--events",
        "--skip-extended-insert",
        "--no-autocommit",
        "--skip-dump-date",
        "--hex-blob",
        name,
    ];
    mariadb(&source.access, ("/usr/bin/mariadb-dump", &arguments), (None, Some(out)), LONG)?;
    let mut rows = BTreeMap::new();
    each_line(&file, |line| {
        if let Some(table) = between(line, b"CREATE TABLE `").or_else(|| between(line, b"INSERT INTO `")) {
            let count = rows.entry(table).or_insert(0_u64);
            *count = count.saturating_add(u64::from(line.starts_with(b"INSERT")));
        }
        true
    })?;
    Ok(rows)
}

/// The quoted name after these words at the beginning of a line.
fn between(line: &[u8], words: &[u8]) -> Option<String> {
    let rest = String::from_utf8_lossy(line.strip_prefix(words)?).into_owned();
    // A backtick within a name is doubled; what follows the name begins with a space.
    let end = rest.find("` ")?;
    Some(format!("`{}`", rest.get(..end)?))
}

fn load(source: &Source, name: &str, from: &Path) -> Result<(), BackupError> {
    forget_scratch(source)?;
    ask(source, None, &format!("CREATE DATABASE {SCRATCH}"))?;
    match source.product {
        Product::Postgresql => {
            let target = format!("service={} dbname={SCRATCH}", source.service);
            let folder = from.join(name).display().to_string();
            let arguments =
                ["-w", "--exit-on-error", "--no-owner", "--no-privileges", "-d", &target, &folder];
            postgresql(source, &source.scratch, ("/usr/bin/pg_restore", &arguments), LONG)?;
        }
        Product::Mariadb => {
            let file = from.join(format!("{name}.sql"));
            let input = File::open(&file).map_err(|error| BackupError::File(file, error))?;
            mariadb(&source.scratch, ("/usr/bin/mariadb", &[SCRATCH]), (Some(input), None), LONG)?;
        }
    }
    Ok(())
}

fn forget_scratch(source: &Source) -> Result<(), BackupError> {
    ask(source, None, &format!("DROP DATABASE IF EXISTS {SCRATCH}")).map(|_| ())
}

/// One statement on the scratch server; in a data base where it is about one.
fn ask(source: &Source, database: Option<&str>, sql: &str) -> Result<String, BackupError> {
    let ended = match source.product {
        Product::Postgresql => {
            let target = format!("service={} dbname={}", source.service, database.unwrap_or("postgres"));
            let arguments = ["-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &target, "-c", sql];
            postgresql(source, &source.scratch, ("/usr/bin/psql", &arguments), QUESTION)?
        }
        Product::Mariadb => {
            let mut arguments = vec!["--batch", "--raw", "--skip-column-names", "-e", sql];
            arguments.extend(database);
            mariadb(&source.scratch, ("/usr/bin/mariadb", &arguments), (None, None), QUESTION)?
        }
    };
    Ok(ended.output)
}

fn count_rows(source: &Source, table: &str) -> Result<u64, String> {
    let answer = ask(source, Some(SCRATCH), &format!("SELECT count(*) FROM {table}"));
    let answer = answer.map_err(|error| error.to_string())?;
    answer.trim().parse().map_err(|_| "its rows cannot be counted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_of_a_dump_names_the_file_and_the_table() {
        let line = "3345; 0 16386 TABLE DATA public resident owner";
        assert_eq!(table_of(line), Some(("3345", "\"public\".\"resident\"".to_owned())));
        let odd = "12; 0 1 TABLE DATA city my \"odd\" table owner";
        assert_eq!(table_of(odd).unwrap().1, "\"city\".\"my \"\"odd\"\" table\"");
        for other in ["; Archive created", "3344; 1259 16386 TABLE public resident owner", ""] {
            assert_eq!(table_of(other), None, "{other}");
        }
    }

    #[test]
    fn rows_of_a_copy_end_with_a_backslash_and_a_dot() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1\tTaro\n2\t\\N\n\\.\n\n\n").unwrap();
        assert_eq!(copied_rows(file.path()).unwrap(), 2);
        std::fs::write(file.path(), "\\.\n\n\n").unwrap();
        assert_eq!(copied_rows(file.path()).unwrap(), 0);
    }
}
