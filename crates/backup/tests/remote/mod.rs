//! What every repository that lies elsewhere has to show, whichever way it is reached.

use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};

pub fn now() -> Timestamp {
    Timestamp::now()
}

pub fn secret(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A port of this host that is free.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server of the test's own; it ends with the test.
pub struct Server(Child);

impl Server {
    /// Starts it, and waits until it answers.
    pub fn start(command: &mut Command, address: (&str, u16)) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A job that saves one file to a place; its password is in the folder.
pub fn job(folder: &Path, place: impl FnOnce(PathBuf) -> Place) -> Job {
    let city = folder.join("city");
    std::fs::create_dir_all(&city).unwrap();
    std::fs::write(city.join("a"), "a".repeat(100_000)).unwrap();
    Job {
        name: "remote".to_owned(),
        asset: "台帳".to_owned(),
        host: "web-1".to_owned(),
        paths: vec![city],
        source: None,
        place: place(secret(folder.join("password"), "a long password\n")),
        tool: Tool::Restic,
        folder: folder.join("job"),
    }
}

/// Made, written, checked, restored; and when its server is away, that is no wrong key.
pub fn is_a_place_for_backups(job: &Job, (medium, removable): (&str, bool), server: Server) {
    job.engine().make().unwrap();
    let run = job.back_up(&now);
    assert!(run.is_good() && run.encrypted && run.medium == medium, "{run:?}");
    let check = job.check(100, &now).unwrap();
    assert!(check.errors == 0 && check.removable == Some(removable), "{check:?}");
    let drill = job.drill(&now);
    assert!(drill.is_good() && drill.tool.starts_with("rustic_core"), "{drill:?}");
    assert!(!job.folder.join("copy").exists(), "what was brought here for it is gone");
    drop(server);
    let away = job.back_up(&now);
    assert!(!away.is_good() && !away.reason.is_empty(), "{away:?}");
}
