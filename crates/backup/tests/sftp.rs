//! A repository on another host, by a real `sshd` and SFTP: made, written, checked, restored; a host that is away is no
//! wrong key.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

mod remote;

use remote::{Server, free_port, is_a_place_for_backups, secret};
use std::path::{Path, PathBuf};
use std::process::Command;
use yakujo_backup::engine::Place;

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// An `sshd` of the test's own, that lets its own key in and speaks SFTP only; and the settings to reach it.
fn sshd(folder: &Path) -> (Server, PathBuf) {
    let key = |name: &str| folder.join(name).display().to_string();
    for name in ["host", "client"] {
        run("/usr/bin/ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key(name)]);
    }
    std::fs::create_dir_all("/run/sshd").unwrap();
    let port = free_port();
    let text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nSubsystem sftp internal-sftp\nForceCommand internal-sftp\n",
        key("host"),
        key("client.pub")
    );
    let server = secret(folder.join("sshd_config"), &text).display().to_string();
    let mut command = Command::new("/usr/sbin/sshd");
    let server = Server::start(command.args(["-D", "-e", "-f", &server]), ("127.0.0.1", port));
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
    (server, config)
}

#[test]
fn a_repository_on_another_host_is_written_checked_and_restored_by_sftp() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let (server, config) = sshd(folder.path());
    let job = remote::job(folder.path(), |password| Place {
        repository: format!("sftp:store:{}", folder.path().join("repository").display()),
        password,
        ssh_config: Some(config),
        credentials: None,
    });
    is_a_place_for_backups(&job, ("sftp", true), server);
}
