//! A real PostgreSQL and a real MariaDB of the test's own, on sockets in folders of their own; gone when they are dropped.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that has to succeed; what it printed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {arguments:?}: {out} {error}");
    out.into_owned()
}

/// A file that only its owner may read.
pub fn secret(path: PathBuf, text: &str) -> PathBuf {
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

/// A PostgreSQL whose superuser is `owner` with the password `owner`.
pub struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Postgres {
    pub fn start() -> Self {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("the Debian package postgresql");
        let programs = versions.flatten().map(|version| version.path().join("bin")).max().unwrap();
        let place = Self { folder: folder("postgres"), programs };
        let password = place.folder().join("password");
        std::fs::write(&password, "owner\n").unwrap();
        let (password, data) = (password.display().to_string(), place.data());
        let words = ["-A", "scram-sha-256", "-U", "owner", "--pwfile", &password, "-E", "UTF8", "-D", &data];
        place.as_owner("initdb", &words);
        let options = format!("-c listen_addresses='' -c fsync=off -k {}", place.folder().display());
        place.as_owner("pg_ctl", &["-w", "-D", &data, "-l", &format!("{data}/log"), "-o", &options, "start"]);
        place
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> String {
        self.folder().join("data").display().to_string()
    }

    fn as_owner(&self, program: &str, arguments: &[&str]) {
        let program = self.programs.join(program).display().to_string();
        let mut command = Command::new("/usr/sbin/runuser");
        command.args(["-u", "postgres", "--", &program]).args(arguments);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    }

    pub fn sql(&self, database: &str, sql: &str) {
        let target = format!("host={} user=owner password=owner dbname={database}", self.folder().display());
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

/// A MariaDB whose `root` needs no password.
pub struct Mariadb {
    folder: tempfile::TempDir,
    server: Child,
}

impl Mariadb {
    pub fn start() -> Self {
        let folder = folder("mysql");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let data = format!("--datadir={}", path("data"));
        let root = "--auth-root-authentication-method=normal";
        let install = ["--no-defaults", &data, "--user=mysql", root, "--skip-test-db"];
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

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> String {
        self.folder().join("socket").display().to_string()
    }

    fn answers(&self) -> bool {
        let socket = format!("--socket={}", self.socket());
        let mut command = Command::new("/usr/bin/mariadb");
        command.args(["--no-defaults", &socket, "-u", "root", "-e", "SELECT 1"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    pub fn sql(&self, sql: &str) {
        let socket = format!("--socket={}", self.socket());
        run("/usr/bin/mariadb", &["--no-defaults", &socket, "-u", "root", "-e", sql]);
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        // It may have ended by itself; its folder goes away.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
