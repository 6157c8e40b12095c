//! A repository in a real object store that speaks S3 over TLS with its own certificate: made, written, checked, restored; a
//! store whose certificate is not known is not talked to, and one that is away is no wrong key.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};

fn secret(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// `s3rver` with one bucket. Over TLS restic signs its requests as it does with any other store.
struct Store {
    child: Child,
    port: u16,
    certificate: PathBuf,
}

impl Store {
    fn start(folder: &Path) -> Self {
        let program = std::env::var_os("YAKUJO_S3RVER");
        let program =
            program.expect("YAKUJO_S3RVER names s3rver: `cargo xtask test` fetches it and says where");
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = secret(folder.join("store.crt"), &own.cert.pem());
        let key = secret(folder.join("store.key"), &own.signing_key.serialize_pem());
        let kept = folder.join("kept");
        std::fs::create_dir(&kept).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("node")
            .arg(program)
            .args(["--silent", "--address", "localhost", "--configure-bucket", "records", "--port"])
            .arg(port.to_string())
            .arg("--directory")
            .arg(kept)
            .arg("--key")
            .arg(key)
            .arg("--cert")
            .arg(&certificate)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let began = Instant::now();
        while std::net::TcpStream::connect(("localhost", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the store does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child: child.unwrap(), port, certificate }
    }
}

impl Drop for Store {
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
fn a_repository_in_an_object_store_is_written_checked_and_restored() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let store = Store::start(folder.path());
    let city = folder.path().join("city");
    std::fs::create_dir(&city).unwrap();
    std::fs::write(city.join("a"), "a".repeat(100_000)).unwrap();
    let access = "AWS_ACCESS_KEY_ID=S3RVER\nAWS_SECRET_ACCESS_KEY=S3RVER\n";
    let known = format!("{access}SSL_CERT_FILE={}\n", store.certificate.display());
    let job = |credentials: PathBuf| Job {
        name: "remote".to_owned(),
        asset: "台帳".to_owned(),
        host: "web-1".to_owned(),
        paths: vec![city.clone()],
        source: None,
        place: Place {
            repository: format!("s3:https://localhost:{}/records", store.port),
            password: secret(folder.path().join("password"), "a long password\n"),
            ssh_config: None,
            credentials: Some(credentials),
        },
        tool: Tool::Restic,
        folder: folder.path().join("job"),
        city_key: None,
    };
    let stranger = job(secret(folder.path().join("unknown"), access));
    let refused = stranger.engine().make().unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let job = job(secret(folder.path().join("known"), &known));
    job.engine().make().unwrap();
    let run = job.back_up(&now);
    assert!(run.is_good() && run.encrypted && run.medium == "object_store", "{run:?}");
    assert_eq!(job.check(100, &now).unwrap().errors, 0);
    let drill = job.drill(&now);
    assert!(drill.is_good(), "{drill:?}");
    let key = secret(folder.path().join("city.key"), "the key of the city\n");
    assert_eq!(job.try_city_key(&key, &now).unwrap().errors, 1);
    drop(store);
    let away = job.back_up(&now);
    assert!(!away.is_good() && !away.reason.is_empty(), "{away:?}");
    assert!(job.try_city_key(&key, &now).is_err(), "a store that is away says nothing of the key");
}
