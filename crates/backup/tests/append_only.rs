//! A repository on a server that only adds (`rclone serve restic --append-only`): made, written, checked, restored; what a
//! host saved there it cannot remove, and that is found out by trying.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

mod remote;

use remote::{Server, free_port, is_a_place_for_backups};
use std::path::Path;
use std::process::Command;
use yakujo_backup::engine::Place;
use yakujo_backup::restic::Restic;

fn server(folder: &Path, port: u16, only_adds: bool) -> Server {
    let mut command = Command::new("/usr/bin/rclone");
    let kept = folder.join("kept");
    std::fs::create_dir_all(&kept).unwrap();
    command.args(["serve", "restic", "--config", "/dev/null", "--addr", &format!("127.0.0.1:{port}")]);
    command.args(only_adds.then_some("--append-only")).arg(kept);
    Server::start(&mut command, ("127.0.0.1", port))
}

fn place(port: u16, password: std::path::PathBuf) -> Place {
    Place {
        repository: format!("rest:http://127.0.0.1:{port}/"),
        password,
        ssh_config: None,
        credentials: None,
    }
}

#[test]
fn what_a_host_saved_on_a_server_that_only_adds_it_cannot_remove() {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let port = free_port();
    let only_adds = server(folder.path(), port, true);
    let job = remote::job(folder.path(), |password| place(port, password));
    is_a_place_for_backups(&job, ("server", false), only_adds);
    // One run, and the snapshot that the try left: the next try takes it.
    let port = free_port();
    let _removes = server(folder.path(), port, false);
    let there = place(port, job.place.password.clone());
    assert_eq!(Restic::new(there.clone()).snapshots().unwrap().len(), 2);
    let check = yakujo_backup::job::Job { place: there.clone(), ..job }.check(0, &remote::now).unwrap();
    assert_eq!(check.removable, Some(true), "{check:?}");
    assert_eq!(Restic::new(there).snapshots().unwrap().len(), 1, "the run is still there");
}
