//! The structure of a real PostgreSQL and a real MariaDB, read by a role that can read no row.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

mod asked;
mod servers;

use asked::asked;
use servers::{Mariadb, Postgres, secret};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use yakujo_agent::collect::{c04_sessions, c08_schema, c09_databases, c11_roles};
use yakujo_agent::reading::{Items, Sources};
use yakujo_agent::settings;
use yakujo_contract::fact::Fact;

/// A session of somebody else, open until it is dropped.
struct Session(Child);

impl Session {
    fn open(folder: &Path, database: &str) -> Self {
        let target = format!("host={} user=owner password=owner dbname={database}", folder.display());
        let mut command = Command::new("/usr/bin/psql");
        command.args(["-X", "-q", "-A", "-t", "-d", &target]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut psql = command.spawn().unwrap();
        psql.stdin.as_mut().unwrap().write_all(b"SELECT 'open';\n").unwrap();
        let mut said = [0; 4];
        psql.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"open");
        Self(psql)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended with its server.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn fails(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let done = Command::new(program).args(arguments).envs(environment.iter().copied()).output().unwrap();
    assert!(!done.status.success(), "{program} {arguments:?} should have been refused");
    String::from_utf8_lossy(&done.stderr).into_owned()
}

fn sources(text: &str, folder: &Path) -> Sources {
    let mut sources = Sources::of_this_host();
    sources.settings = settings::parse(text).unwrap();
    asked(sources, folder)
}

fn observed(text: &str) -> Items {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(text, folder.path());
    let all = c08_schema::collect(&sources).remove(0);
    assert_eq!(all.coverage.reason, "");
    all
}

/// Idle limits in seconds, by name.
type Idle = Vec<(String, Option<u32>)>;
/// Use and limit of connections and sizes, by name.
type Used = Vec<(String, u64, u64)>;

fn limits(text: &str) -> (Idle, Used) {
    let folder = tempfile::tempdir().unwrap();
    let sources = sources(text, folder.path());
    let Fact::SessionPolicy(policy) = c04_sessions::collect(&sources).facts.remove(0) else { unreachable!() };
    let idle = policy.databases.into_iter().map(|limit| (limit.name, limit.idle_s)).collect();
    let (resources, coverage) = c09_databases::collect(&sources);
    assert_eq!(coverage.reason, "");
    (idle, resources.into_iter().map(|row| (row.resource, row.max, row.limit)).collect())
}

fn names_that_differ(before: &Items, after: &Items) -> Vec<String> {
    let all = before.items.keys().chain(after.items.keys());
    let mut names: Vec<String> =
        all.filter(|name| before.items.get(*name) != after.items.get(*name)).cloned().collect();
    names.sort();
    names.dedup();
    names
}

fn limits_of_postgresql(server: &Postgres, settings: &str) {
    server.sql("postgres", "ALTER SYSTEM SET idle_session_timeout = '15min'; ");
    server.sql("postgres", "SELECT pg_reload_conf()");
    server.sql("postgres", "ALTER ROLE yakujo SET idle_session_timeout = '30s'");
    server.sql("postgres", "CREATE ROLE batch; ALTER ROLE batch SET idle_session_timeout = 0");
    let (idle, used) = limits(settings);
    // What this very session has comes from its own role; then everybody's limit is not known.
    assert!(idle.is_empty(), "{idle:?}");
    server.sql("postgres", "ALTER ROLE yakujo RESET idle_session_timeout");
    let (idle, _) = limits(settings);
    assert_eq!(idle, [("main".to_owned(), Some(900)), ("main batch *".to_owned(), None)]);
    assert!(
        matches!(&used[..], [(all, 1.., 100), (city, 1_000_000.., 0), ..]
        if all == "connections:main" && city == "database:main/city"),
        "{used:?}"
    );
    let sessions = |used: &Used| used.first().map_or(0, |(_, sessions, _)| *sessions);
    let others: Vec<Session> = (0..5).map(|_| Session::open(server.folder(), "city")).collect();
    let (_, then) = limits(settings);
    assert!(sessions(&then) >= sessions(&used) + 4, "sessions of others are counted: {used:?}, {then:?}");
    drop(others);
}

/// What is told of roles: name, whether one can log in, privilege, use.
fn roles(text: &str) -> Vec<(String, bool, bool, bool)> {
    let mut sources = Sources::of_this_host();
    sources.settings = settings::parse(text).unwrap();
    let mut roles = c11_roles::Roles::default();
    roles.look(&sources, jiff::Timestamp::now());
    assert!(roles.missed.is_empty(), "{roles:?}");
    let told = roles.accounts.iter();
    told.map(|it| (it.name.clone(), it.can_log_in(), it.privileged, it.last_login.is_some())).collect()
}

fn roles_of_postgresql(server: &Postgres, settings: &str) {
    server.sql(
        "city",
        "CREATE ROLE makers CREATEROLE; CREATE ROLE hanako LOGIN IN ROLE makers VALID UNTIL 'infinity'",
    );
    server.sql("city", "CREATE ROLE taro LOGIN VALID UNTIL '2027-04-01 00:00+09'");
    let place = |name: &str| format!("postgresql://main/{name}");
    let expected = [
        (place("back_door"), true, true, false),
        (place("batch"), false, false, false),
        (place("hanako"), true, true, false),
        (place("makers"), false, true, false),
        (place("owner"), true, true, false),
        (place("taro"), true, false, false),
        (place("yakujo"), true, false, true),
    ];
    // The server notices a little later that somebody has left.
    let began = std::time::Instant::now();
    while roles(settings) != expected && began.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(roles(settings), expected);
    let session = Session::open(server.folder(), "city");
    assert!(roles(settings).contains(&(place("owner"), true, true, true)), "somebody is connected");
    drop(session);
    server.sql("city", "DROP ROLE hanako, taro, makers");
}

#[test]
fn the_structure_of_postgresql_is_seen_by_name_and_no_row_can_be_read() {
    let server = Postgres::start();
    server.sql("postgres", "CREATE DATABASE city");
    server.sql("city", "CREATE TABLE resident (id integer PRIMARY KEY, name text)");
    server.sql("city", "INSERT INTO resident VALUES (1, 'Taro')");
    server.sql("city", "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'");
    server.sql("city", "CREATE VIEW names AS SELECT name FROM resident");
    // As docs/operator.md says.
    server
        .sql("city", "CREATE ROLE yakujo LOGIN PASSWORD 'secret'; GRANT CONNECT ON DATABASE city TO yakujo");
    let text = format!("[main]\nhost={}\nuser=yakujo\npassword=secret\n", server.folder().display());
    let access = secret(server.folder().join("access"), &text);
    let own = access.display().to_string();
    let refused = fails(
        "/usr/bin/psql",
        &["-X", "-w", "-d", "service=main dbname=city", "-c", "SELECT * FROM resident"],
        &[("PGSERVICEFILE", &own)],
    );
    assert!(refused.contains("permission denied for table resident"), "{refused}");
    let settings = format!(
        "[[database]]\nproduct = \"postgresql\"\nname = \"main\"\naccess = \"{own}\"\ndatabases = [\"city\"]"
    );
    let place = "postgresql://main/city/";
    let before = observed(&settings);
    let table = &before.items[&format!("{place}table/public.resident")];
    assert!(table.value.as_deref().unwrap().starts_with("id integer not null\nname text\n"), "{table:?}");
    assert!(!format!("{before:?}").contains("Taro"));
    server.sql("city", "INSERT INTO resident VALUES (2, 'Jiro')");
    assert!(names_that_differ(&before, &observed(&settings)).is_empty(), "rows are no structure");
    server.sql("city", "ALTER TABLE resident ADD COLUMN address text");
    server.sql("city", "CREATE INDEX by_name ON resident (name)");
    server.sql("city", "CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 2'");
    server.sql("city", "CREATE OR REPLACE VIEW names AS SELECT name FROM resident WHERE id > 1");
    server.sql("city", "CREATE ROLE back_door LOGIN SUPERUSER");
    server.sql("city", "GRANT SELECT ON names TO PUBLIC");
    limits_of_postgresql(&server, &settings);
    roles_of_postgresql(&server, &settings);
    let after = observed(&settings);
    let expected: Vec<String> = [
        "function/public.one()",
        "grant/public.names",
        "index/public.by_name",
        "role/back_door",
        "role/batch",
        "table/public.resident",
        "view/public.names",
    ]
    .iter()
    .map(|name| format!("{place}{name}"))
    .collect();
    assert_eq!(names_that_differ(&before, &after), expected);
}

#[test]
fn the_structure_of_mariadb_is_seen_by_name_and_no_row_can_be_read() {
    let server = Mariadb::start();
    server.sql("CREATE DATABASE city; CREATE TABLE city.resident (id int PRIMARY KEY, name varchar(40)); INSERT INTO city.resident VALUES (1, 'Taro')");
    server.sql("CREATE FUNCTION city.one() RETURNS int DETERMINISTIC RETURN 1; CREATE VIEW city.names AS SELECT name FROM city.resident");
    // As docs/operator.md says.
    let operator =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operator.md"))
            .unwrap();
    let (_, grants) = operator.split_once("```sql mariadb\n").expect("the grants in docs/operator.md");
    server.sql(&grants.split_once("```").unwrap().0.replace("CHANGE-ME", "secret"));
    let text = format!("[client]\nsocket={}\nuser=yakujo\npassword=secret\n", server.socket());
    let own = secret(server.folder().join("access"), &text).display().to_string();
    let refused = fails(
        "/usr/bin/mariadb",
        &[&format!("--defaults-file={own}"), "-e", "SELECT * FROM city.resident"],
        &[],
    );
    assert!(refused.contains("SELECT command denied"), "{refused}");
    let settings = format!("[[database]]\nproduct = \"mariadb\"\nname = \"main\"\naccess = \"{own}\"");
    let before = observed(&settings);
    assert!(!format!("{before:?}").contains("Taro"));
    server.sql("INSERT INTO city.resident VALUES (2, 'Jiro')");
    assert!(names_that_differ(&before, &observed(&settings)).is_empty(), "rows are no structure");
    server.sql("SET GLOBAL wait_timeout = 600; SET GLOBAL interactive_timeout = 900");
    let (idle, used) = limits(&settings);
    assert_eq!(idle, [("main".to_owned(), Some(600)), ("main interactive".to_owned(), Some(900))]);
    assert!(
        matches!(&used[..], [(all, 1.., 151), (city, 1.., 0)]
        if all == "connections:main" && city == "database:main/city"),
        "{used:?}"
    );
    server.sql("ALTER TABLE city.resident ADD address text; CREATE INDEX by_name ON city.resident (name)");
    server.sql("CREATE OR REPLACE FUNCTION city.one() RETURNS int DETERMINISTIC RETURN 2");
    server.sql("CREATE USER back_door@localhost; GRANT ALL ON *.* TO back_door@localhost");
    let told = roles(&settings);
    let place = |name: &str| format!("mariadb://main/{name}");
    for expected in [
        (place("back_door@localhost"), true, true, false),
        (place("mariadb.sys@localhost"), false, false, false),
        (place("root@localhost"), true, true, false),
        (place("yakujo@localhost"), true, false, true),
    ] {
        assert!(told.contains(&expected), "{expected:?} {told:?}");
    }
    // The text of a view is shown only to those who may read its rows: of views the columns are seen.
    server.sql("CREATE OR REPLACE VIEW city.names AS SELECT id, name FROM city.resident");
    let names = names_that_differ(&before, &observed(&settings));
    let expected: Vec<String> = [
        "function/city.one",
        "index/city.resident.by_name",
        "role/back_door@localhost",
        "table/city.names",
        "table/city.resident",
    ]
    .iter()
    .map(|name| format!("mariadb://main/{name}"))
    .collect();
    assert_eq!(names, expected);
}
