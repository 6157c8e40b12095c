//! A real PostgreSQL and a real MariaDB: dumped by their own programs, saved, restored by the other implementation, loaded
//! into a scratch data base, and every row of every table counted again.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_backup::dump::{Product, Source};
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};
use yakujo_contract::fact::malware::Done;

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {arguments:?}: {out} {error}");
    out.into_owned()
}

fn secret(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A folder that a user of a data base may use.
fn folder(owner: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    run("/bin/chown", &[owner, &folder.path().display().to_string()]);
    folder
}

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
        city_key: None,
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

struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Postgres {
    fn start() -> Self {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("the Debian package postgresql");
        let programs = versions.flatten().map(|version| version.path().join("bin")).max().unwrap();
        let place = Self { folder: folder("postgres"), programs };
        let password = place.folder.path().join("password");
        std::fs::write(&password, "owner\n").unwrap();
        let (password, data) = (password.display().to_string(), place.data());
        let words = ["-A", "scram-sha-256", "-U", "owner", "--pwfile", &password, "-E", "UTF8", "-D", &data];
        place.as_owner("initdb", &words);
        let options = format!("-c listen_addresses='' -c fsync=off -k {}", place.folder.path().display());
        place.as_owner("pg_ctl", &["-w", "-D", &data, "-l", &format!("{data}/log"), "-o", &options, "start"]);
        place
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn as_owner(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program).display().to_string();
        let mut command = Command::new("/usr/sbin/runuser");
        command.args(["-u", "postgres", "--", &program]).args(arguments);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    }

    fn sql(&self, database: &str, sql: &str) {
        let target =
            format!("host={} user=owner password=owner dbname={database}", self.folder.path().display());
        run("/usr/bin/psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &target, "-c", sql]);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let stop = self.programs.join("pg_ctl").display().to_string();
        let arguments = ["-u", "postgres", "--", &stop, "-D", &self.data(), "-m", "immediate", "stop"];
        // The folder goes away with it.
        let _ = Command::new("/usr/sbin/runuser").args(arguments).stdout(Stdio::null()).status();
    }
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
    let text = format!("[main]\nhost={}\nuser=owner\npassword=owner\n", server.folder.path().display());
    let access = secret(server.folder.path().join("access"), &text);
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

struct Mariadb {
    folder: tempfile::TempDir,
    server: Child,
}

impl Mariadb {
    fn start() -> Self {
        let folder = folder("mysql");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let data = format!("--datadir={}", path("data"));
        let install = ["--no-defaults", &data, "--user=mysql", "--auth-root-authentication-method=normal"];
        run("/usr/bin/mariadb-install-db", &install);
        let server = Command::new("/usr/sbin/mariadbd")
            .args(["--no-defaults", &data, "--user=mysql", "--skip-networking"])
            .args([format!("--socket={}", path("socket")), format!("--pid-file={}", path("pid"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let place = Self { folder, server };
        let began = Instant::now();
        while !place.answers() {
            assert!(began.elapsed() < Duration::from_secs(120), "mariadbd does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        place
    }

    fn socket(&self) -> String {
        format!("--socket={}", self.folder.path().join("socket").display())
    }

    fn answers(&self) -> bool {
        let mut command = Command::new("/usr/bin/mariadb");
        command.args(["--no-defaults", &self.socket(), "-u", "root", "-e", "SELECT 1"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    fn sql(&self, sql: &str) {
        run("/usr/bin/mariadb", &["--no-defaults", &self.socket(), "-u", "root", "-e", sql]);
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        // It may have ended by itself; its folder goes away.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
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
    let text = format!("[client]\n{}\nuser=root\n", server.socket().trim_start_matches("--"));
    let access = secret(server.folder.path().join("access"), &text);
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
