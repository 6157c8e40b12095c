//! A repository on another host, by a real `sshd` and SFTP: made, written, checked, restored; a host that is away is no
//! wrong key.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn secret(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// An `sshd` of the test's own, that lets its own key in and speaks SFTP only.
struct Server {
    child: Child,
    config: PathBuf,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let key = |name: &str| folder.join(name).display().to_string();
        for name in ["host", "client"] {
            run("/usr/bin/ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key(name)]);
        }
        std::fs::create_dir_all("/run/sshd").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nSubsystem sftp internal-sftp\nForceCommand internal-sftp\n",
            key("host"),
            key("client.pub")
        );
        let server = secret(folder.join("sshd_config"), &text).display().to_string();
        let child =
            Command::new("/usr/sbin/sshd").args(["-D", "-e", "-f", &server]).stderr(Stdio::null()).spawn();
        let public = std::fs::read_to_string(key("host.pub")).unwrap();
        let known = secret(folder.join("known"), &format!("[127.0.0.1]:{port} {public}"));
        let config = secret(
            folder.join("ssh_config"),
            &format!(
                "Host store\nHostName 127.0.0.1\nPort {port}\nUser {}\nIdentityFile {}\nUserKnownHostsFile {}\nStrictHostKeyChecking yes\nBatchMode yes\n",
                std::env::var("USER").unwrap_or_else(|_| "root".to_owned()),
                key("client"),
                known.display()
            ),
        );
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "sshd does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child: child.unwrap(), config }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn a_repository_on_another_host_is_written_checked_and_restored_by_sftp() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let server = Server::start(folder.path());
    let city = folder.path().join("city");
    std::fs::create_dir(&city).unwrap();
    std::fs::write(city.join("a"), "a".repeat(100_000)).unwrap();
    let job = Job {
        name: "remote".to_owned(),
        asset: "台帳".to_owned(),
        host: "web-1".to_owned(),
        paths: vec![city],
        source: None,
        place: Place {
            repository: format!("sftp:store:{}", folder.path().join("repository").display()),
            password: secret(folder.path().join("password"), "a long password\n"),
            ssh_config: Some(server.config.clone()),
            credentials: None,
        },
        tool: Tool::Restic,
        folder: folder.path().join("job"),
        city_key: None,
    };
    job.engine().make().unwrap();
    let run = job.back_up(&now);
    assert!(run.is_good() && run.encrypted && run.medium == "sftp", "{run:?}");
    assert_eq!(job.check(100, &now).unwrap().errors, 0);
    let drill = job.drill(&now);
    assert!(drill.is_good(), "{drill:?}");
    let key = secret(folder.path().join("city.key"), "the key of the city\n");
    assert_eq!(job.try_city_key(&key, &now).unwrap().errors, 1);
    drop(server);
    let away = job.back_up(&now);
    assert!(!away.is_good() && !away.reason.is_empty(), "{away:?}");
    assert!(job.try_city_key(&key, &now).is_err(), "a host that is away says nothing of the key");
}
