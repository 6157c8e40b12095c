//! How a data base is asked, by every collector that asks one.
//!
//! The client programs of the data bases are used and no driver: they are there wherever the data base is, know every way
//! to authenticate, and keep two more network stacks out of the agent. How to connect stands in a file that only its
//! owner may read; nothing of it comes onto a command line.

use crate::command::output_with;
use crate::reach::{self, Question};
use crate::reading::Sources;
use crate::settings::{Database, Product};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(15);
/// Bits of a file that others may use.
const FOR_OTHERS: u32 = 0o077;

/// The data bases to ask one after the other; an empty name is the one the file of access names.
pub fn names(database: &Database) -> Vec<&str> {
    if database.databases.is_empty() {
        return vec![""];
    }
    database.databases.iter().map(String::as_str).collect()
}

/// The first of them: what belongs to the whole server, any of them tells.
pub fn first(database: &Database) -> &str {
    database.databases.first().map_or("", String::as_str)
}

/// The answer to statements that only read. `name` counts for PostgreSQL alone.
///
/// # Errors
/// A sentence for the operator: the file of access is open to others, or what the client program says.
pub fn ask(sources: &Sources, database: &Database, name: &str, statements: &str) -> Result<String, String> {
    let (database, name, statements) = (database.clone(), name.to_owned(), statements.to_owned());
    reach::ask(sources, &Question::Database { database, name, statements })
}

/// The same, by this process.
///
/// # Errors
/// As [`ask`].
pub fn answer(database: &Database, name: &str, statements: &str) -> Result<String, String> {
    is_secret(database)?;
    match database.product {
        Product::Postgresql => postgresql(database, name, statements),
        Product::Mariadb => mariadb(database, statements),
    }
}

/// The client program, for a session that takes statements from a pipe and answers each at once.
///
/// # Errors
/// Where the file of access is open to others.
pub fn session(database: &Database) -> Result<Command, String> {
    is_secret(database)?;
    let mut command = match database.product {
        Product::Postgresql => Command::new("/usr/bin/psql"),
        Product::Mariadb => Command::new("/usr/bin/mariadb"),
    };
    match database.product {
        Product::Postgresql => {
            let (target, service) = conninfo(database, first(database));
            command.args(["-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &target]);
            command
                .env("PGSERVICEFILE", service)
                .env("PGCONNECT_TIMEOUT", "5")
                .env("PGAPPNAME", "yakujo-agent");
        }
        Product::Mariadb => {
            command.arg(format!("--defaults-file={}", database.access.display()));
            command.args(["--batch", "--raw", "--skip-column-names", "--unbuffered", "--connect-timeout=5"]);
            // A session that was cut is not to be opened again unseen.
            command.arg("--skip-reconnect");
        }
    }
    Ok(command)
}

/// Whether nobody but its owner may use a file of access.
///
/// # Errors
/// A sentence for the operator.
pub fn is_private(access: &Metadata) -> Result<(), String> {
    if access.mode() & FOR_OTHERS != 0 {
        return Err("the file of access may be read by others: chmod 600".to_owned());
    }
    Ok(())
}

fn is_secret(database: &Database) -> Result<(), String> {
    let access =
        std::fs::metadata(&database.access).map_err(|error| format!("the file of access: {error}"))?;
    is_private(&access)
}

fn postgresql(database: &Database, name: &str, statements: &str) -> Result<String, String> {
    let (target, file) = conninfo(database, name);
    let environment = [
        ("PGSERVICEFILE", file.as_str()),
        ("PGOPTIONS", "-c default_transaction_read_only=on -c statement_timeout=10000"),
        ("PGCONNECT_TIMEOUT", "5"),
        ("PGAPPNAME", "yakujo-agent"),
        ("PATH", "/usr/bin:/bin"),
    ];
    let arguments = ["-X", "-q", "-w", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &target, "-c", statements];
    output_with(Path::new("/usr/bin/psql"), &arguments, &environment, LIMIT)
        .map_err(|error| error.to_string())
}

/// How to connect, and the file that says more.
fn conninfo(database: &Database, name: &str) -> (String, String) {
    let target = if name.is_empty() {
        format!("service={}", database.name)
    } else {
        format!("service={} dbname={name}", database.name)
    };
    (target, database.access.display().to_string())
}

fn mariadb(database: &Database, statements: &str) -> Result<String, String> {
    let file = format!("--defaults-file={}", database.access.display());
    let arguments =
        [&file, "--batch", "--raw", "--skip-column-names", "--connect-timeout=5", "-e", statements];
    output_with(Path::new("/usr/bin/mariadb"), &arguments, &[("PATH", "/usr/bin:/bin")], LIMIT)
        .map_err(|error| error.to_string())
}
