//! Whole jobs: what they say when all is well, and when it is not.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use yakujo_backup::engine::Place;
use yakujo_backup::job::{Job, Tool};
use yakujo_contract::fact::malware::Done;

fn secret(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn job(folder: &Path, tool: Tool) -> Job {
    let city = folder.join("city");
    std::fs::create_dir_all(&city).unwrap();
    std::fs::write(city.join("a"), "a".repeat(10_000)).unwrap();
    std::fs::write(city.join("b"), "b").unwrap();
    Job {
        name: "daily".to_owned(),
        asset: "台帳".to_owned(),
        host: "web-1".to_owned(),
        paths: vec![city],
        source: None,
        place: Place {
            repository: folder.join("repository").display().to_string(),
            password: secret(folder.join("password"), "a long password\n"),
            ssh_config: None,
            credentials: None,
        },
        tool,
        folder: folder.join("job"),
    }
}

fn now() -> Timestamp {
    Timestamp::now()
}

#[test]
fn a_job_saves_checks_and_is_restored_by_the_other_implementation() {
    for (tool, own, other) in [(Tool::Rustic, "rustic", "restic"), (Tool::Restic, "restic", "rustic")] {
        let folder = tempfile::tempdir().unwrap();
        let job = job(folder.path(), tool);
        job.engine().make().unwrap();
        let run = job.back_up(&now);
        assert_eq!((run.result, run.reason.as_str()), (Done::Done, ""));
        assert!(run.is_good() && run.encrypted && run.coverage.is_complete(), "{run:?}");
        assert!(run.tool.starts_with(own) && run.files == 2 && run.originals.is_some(), "{run:?}");
        let check = job.check(100, &now).unwrap();
        assert_eq!((check.errors, &check.repository), (0, &run.repository));
        let drill = job.drill(&now);
        assert!(drill.is_good() && drill.tool.starts_with(other), "{drill:?}");
        assert_eq!(drill.snapshot, run.snapshot);
        assert!(!job.folder.join("scratch").exists(), "nothing restored stays behind");
    }
}

#[test]
fn a_failed_job_says_why_and_never_that_it_worked() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), Tool::Rustic);
    let run = job.back_up(&now);
    assert_eq!(run.result, Done::Failed);
    assert!(!run.reason.is_empty() && !run.is_good());
    assert!(job.check(5, &now).is_err(), "what was not checked is no fact");
    let drill = job.drill(&now);
    assert!(!drill.is_good() && !drill.reason.is_empty(), "{drill:?}");
}

#[test]
fn a_path_that_is_gone_is_no_whole_backup() {
    let folder = tempfile::tempdir().unwrap();
    let mut job = job(folder.path(), Tool::Restic);
    job.paths.push(folder.path().join("gone"));
    job.engine().make().unwrap();
    let run = job.back_up(&now);
    assert!(run.result == Done::Failed || !run.coverage.is_complete(), "{run:?}");
}

#[test]
fn a_drill_finds_what_the_repository_lost_and_a_list_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(folder.path(), Tool::Rustic);
    job.engine().make().unwrap();
    assert!(job.back_up(&now).is_good());
    let list = std::fs::read_dir(&job.folder).unwrap().flatten().map(|found| found.path());
    let list = list.into_iter().find(|path| path.extension().is_some_and(|end| end == "jsonl")).unwrap();
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replacen("\"size\":1,", "\"size\":2,", 1)).unwrap();
    assert!(job.drill(&now).reason.contains("changed after the backup"));
    std::fs::write(&list, text).unwrap();
    assert!(job.drill(&now).is_good());
    std::fs::remove_dir_all(folder.path().join("repository/data")).unwrap();
    assert!(!job.drill(&now).is_good());
}
