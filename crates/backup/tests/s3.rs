//! A repository in a real object store that speaks S3 over TLS with its own certificate: made, written, checked, restored; a
//! store whose certificate is not known is not talked to, and one that is away is no wrong key.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

mod remote;

use remote::{Server, free_port, is_a_place_for_backups, secret};
use std::path::{Path, PathBuf};
use std::process::Command;
use yakujo_backup::engine::Place;

/// `s3rver` with one bucket, and its certificate. Over TLS restic signs its requests as it does with any other store.
fn store(folder: &Path, port: u16) -> (Server, PathBuf) {
    let program = std::env::var_os("YAKUJO_S3RVER");
    let program = program.expect("YAKUJO_S3RVER names s3rver: `cargo xtask test` fetches it and says where");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = secret(folder.join("store.crt"), &own.cert.pem());
    let key = secret(folder.join("store.key"), &own.signing_key.serialize_pem());
    let kept = folder.join("kept");
    std::fs::create_dir(&kept).unwrap();
    let mut command = Command::new("node");
    command
        .arg(program)
        .args(["--silent", "--address", "localhost", "--configure-bucket", "records", "--port"])
        .arg(port.to_string())
        .arg("--directory")
        .arg(kept)
        .arg("--key")
        .arg(key)
        .arg("--cert")
        .arg(&certificate);
    (Server::start(&mut command, ("localhost", port)), certificate)
}

#[test]
fn a_repository_in_an_object_store_is_written_checked_and_restored() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let port = free_port();
    let (server, certificate) = store(folder.path(), port);
    let access = "AWS_ACCESS_KEY_ID=S3RVER\nAWS_SECRET_ACCESS_KEY=S3RVER\n";
    let known = format!("{access}SSL_CERT_FILE={}\n", certificate.display());
    let job = |credentials: PathBuf| {
        let repository = format!("s3:https://localhost:{port}/records");
        remote::job(folder.path(), |password| Place {
            repository,
            password,
            ssh_config: None,
            credentials: Some(credentials),
        })
    };
    let stranger = job(secret(folder.path().join("unknown"), access));
    let refused = stranger.engine().make().unwrap_err().to_string();
    assert!(refused.contains("certificate"), "{refused}");
    let job = job(secret(folder.path().join("known"), &known));
    is_a_place_for_backups(&job, ("object_store", true), server);
}
