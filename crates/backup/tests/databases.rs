//! A real PostgreSQL and a real MariaDB: dumped by their own programs, saved, restored by the other implementation, loaded
//! into a scratch data base, and every row of every table counted again.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

#[path = "../../agent/tests/servers/mod.rs"]
mod servers;

use jiff::Timestamp;
use servers::{Mariadb, Postgres, secret};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use yakujo_backup::dump::{Product, Source};
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};
use yakujo_contract::fact::malware::Done;

fn now() -> Timestamp {
    Timestamp::now()
}

fn job(folder: &Path, source: Source) -> Job {
    Job {
        name: "database".to_owned(),
        asset: "台帳".to_owned(),
        host: "db-1".to_owned(),
        paths: Vec::new(),
        source: Some(source),
        place: Place {
            repository: folder.join("repository").display().to_string(),
            password: secret(folder.join("password"), "a long password\n"),
            ssh_config: None,
            credentials: None,
        },
        tool: Tool::Rustic,
        folder: folder.join("job"),
    }
}

/// What holds for either product. `sql` runs a statement in the data base `city`, `spoil` changes a dump of it.
fn saved_and_loaded(job: &Job, sql: &dyn Fn(&str), tables: u64) {
    job.engine().make().unwrap();
    let run = job.back_up(&now);
    assert_eq!((run.result, run.reason.as_str()), (Done::Done, ""));
    assert_eq!(run.rows, Some(1_003), "{run:?}");
    assert!(run.is_good());
    assert!(!job.folder.join("dump").exists(), "no dump stays behind");
    let drill = job.drill(&now);
    assert!(drill.is_good(), "{drill:?}");
    assert_eq!(drill.tables_compared, Some(tables));
    // The job goes on to say that it works when somebody has emptied the tables; the rows say what happened.
    sql("DELETE FROM resident");
    sql("DELETE FROM odd");
    let emptied = job.back_up(&now);
    assert_eq!((emptied.result, emptied.rows), (Done::Done, Some(0)));
    assert!(emptied.is_empty() && !emptied.is_good());
}

#[test]
fn postgresql_is_dumped_restored_loaded_and_counted() {
    let server = Postgres::start();
    server.sql("postgres", "CREATE DATABASE city");
    server.sql("city", "CREATE TABLE resident (id integer PRIMARY KEY, name text)");
    server.sql(
        "city",
        "INSERT INTO resident SELECT n, E'line\\none\\\\.' || n FROM generate_series(1, 1000) n",
    );
    server.sql("city", "CREATE SCHEMA tax; CREATE TABLE tax.\"a \"\"b\" (x text)");
    server.sql(
        "city",
        "CREATE VIEW odd AS SELECT * FROM tax.\"a \"\"b\"; INSERT INTO odd VALUES ('1'), (NULL), ('')",
    );
    let text = format!("[main]\nhost={}\nuser=owner\npassword=owner\n", server.folder().display());
    let access = secret(server.folder().join("access"), &text);
    let source = Source {
        product: Product::Postgresql,
        service: "main".to_owned(),
        access: access.clone(),
        scratch: access.clone(),
        databases: vec!["city".to_owned()],
    };
    let place = tempfile::tempdir().unwrap();
    let job = job(place.path(), source);
    saved_and_loaded(&job, &|sql| server.sql("city", sql), 2);
    std::fs::set_permissions(&access, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = job.back_up(&now);
    assert!(refused.result == Done::Failed && refused.reason.contains("chmod 600"), "{refused:?}");
}

#[test]
fn mariadb_is_dumped_restored_loaded_and_counted() {
    let server = Mariadb::start();
    server.sql(
        "CREATE DATABASE city; CREATE TABLE city.resident (id int PRIMARY KEY, name text, picture blob)",
    );
    server.sql(
        "USE city; INSERT INTO resident \
         SELECT seq, CONCAT('line\\nINSERT INTO `x` VALUES ', seq), 0xff0a00 FROM seq_1_to_1000",
    );
    server.sql("CREATE TABLE city.odd (`b ``c` varchar(9)); INSERT INTO city.odd VALUES ('1'), (NULL), ('')");
    server.sql(
        "CREATE TABLE city.empty (id int); CREATE FUNCTION city.one() RETURNS int DETERMINISTIC RETURN 1",
    );
    let text = format!("[client]\nsocket={}\nuser=root\n", server.socket());
    let access = secret(server.folder().join("access"), &text);
    let source = Source {
        product: Product::Mariadb,
        service: String::new(),
        access: access.clone(),
        scratch: access,
        databases: vec!["city".to_owned()],
    };
    let place = tempfile::tempdir().unwrap();
    saved_and_loaded(&job(place.path(), source), &|sql| server.sql(&format!("USE city; {sql}")), 3);
}
