//! The city's key, tried on repositories that the restic program made with two keys, and on copies of `config` and `keys`.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use yakujo_backup::escrow::try_key;
use yakujo_contract::fact::backup::{BackupCheck, KeyHolder};

const JOB: &str = "the key of the jobs";
const CITY: &str = "the key of the city";

struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("job", JOB), ("city", CITY)] {
            std::fs::write(ground.at(name), format!("{text}\n")).unwrap();
            std::fs::set_permissions(ground.at(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        ground.restic(&["init"]);
        let city = ground.at("city").display().to_string();
        ground.restic(&["key", "add", "--new-password-file", &city]);
        ground.restic(&["backup", &city]);
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn restic(&self, arguments: &[&str]) -> String {
        let mut restic = Command::new("/usr/bin/restic");
        restic
            .args(["--no-cache", "-r"])
            .arg(self.at("repository"))
            .arg("--password-file")
            .arg(self.at("job"));
        let output = restic.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn id(&self) -> String {
        let config: serde_json::Value = serde_json::from_str(&self.restic(&["cat", "config"])).unwrap();
        config.get("id").unwrap().as_str().unwrap().to_owned()
    }

    /// The id of the key that is not the one in use.
    fn city_key_id(&self) -> String {
        let keys = self.restic(&["key", "list", "--json"]);
        let keys: Vec<serde_json::Value> = serde_json::from_str(&keys).unwrap();
        let other = keys.iter().find(|key| key["current"] == false).unwrap();
        other["id"].as_str().unwrap().to_owned()
    }

    fn tried(&self, folder: &str, key: &str) -> BackupCheck {
        try_key(&self.at(folder), key, Some(&self.id()), Timestamp::now()).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("keys")).unwrap();
    std::fs::copy(from.join("config"), to.join("config")).unwrap();
    copy_keys(from, to);
}

/// Brings over what is not there yet.
fn copy_keys(from: &Path, to: &Path) {
    for key in std::fs::read_dir(from.join("keys")).unwrap() {
        let key = key.unwrap();
        let to = to.join("keys").join(key.file_name());
        if !to.exists() {
            std::fs::copy(key.path(), to).unwrap();
        }
    }
}

/// Every file below a folder with its content.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn the_right_key_opens_a_wrong_or_removed_one_does_not_and_nothing_is_written() {
    let ground = Ground::new();
    let before = content(&ground.at("repository"));
    let right = ground.tried("repository", CITY);
    assert_eq!((right.errors, right.key, &right.repository), (0, KeyHolder::City, &ground.id()));
    assert!(right.tool.starts_with("rustic_core") && !right.tool.ends_with("(copy)"), "{right:?}");
    let wrong = ground.tried("repository", "no key of this repository");
    assert!(wrong.errors == 1 && wrong.repository == ground.id() && !wrong.reason.is_empty(), "{wrong:?}");
    assert_eq!(content(&ground.at("repository")), before);
    ground.restic(&["key", "remove", &ground.city_key_id()]);
    assert_eq!(ground.tried("repository", CITY).errors, 1, "the key was removed");
    assert_eq!(ground.tried("repository", JOB).errors, 0);
}

#[test]
fn a_copy_of_config_and_keys_is_enough_and_says_that_it_is_one() {
    let ground = Ground::new();
    copy(&ground.at("repository"), &ground.at("old"));
    ground.restic(&["key", "remove", &ground.city_key_id()]);
    copy(&ground.at("repository"), &ground.at("new"));
    let old = ground.tried("old", CITY);
    assert!(old.errors == 0 && old.tool.ends_with("(copy)"), "{old:?}");
    assert_eq!(ground.tried("new", CITY).errors, 1);
}

/// As the operator's manual says it.
#[test]
fn the_city_makes_a_key_of_its_own_on_a_copy_and_the_one_it_was_given_opens_nothing_any_more() {
    let ground = Ground::new();
    let given = ground.city_key_id();
    copy(&ground.at("repository"), &ground.at("copy"));
    std::fs::write(ground.at("own"), "a key nobody else has seen\n").unwrap();
    let mut restic = Command::new("/usr/bin/restic");
    restic.args(["--no-cache", "-r"]).arg(ground.at("copy")).arg("--password-file").arg(ground.at("city"));
    restic.args(["key", "passwd", "--new-password-file"]).arg(ground.at("own"));
    assert!(restic.output().unwrap().status.success());
    copy_keys(&ground.at("copy"), &ground.at("repository"));
    ground.restic(&["key", "remove", &given]);
    assert_eq!(ground.tried("repository", "a key nobody else has seen").errors, 0);
    assert_eq!(ground.tried("repository", CITY).errors, 1);
}

#[test]
fn another_repository_and_a_folder_that_is_none_are_not_the_one_that_was_meant() {
    let (ground, other) = (Ground::new(), Ground::new());
    let tried = try_key(&other.at("repository"), CITY, Some(&ground.id()), Timestamp::now()).unwrap();
    assert_eq!((tried.errors, &tried.repository), (1, &ground.id()));
    assert!(tried.reason.contains("another repository"));
    assert!(
        try_key(&ground.at("repository"), "wrong", None, Timestamp::now()).is_err(),
        "which is not known"
    );
    copy(&ground.at("repository"), &ground.at("bare"));
    std::fs::remove_dir_all(ground.at("bare/keys")).unwrap();
    assert!(try_key(&ground.at("bare"), CITY, Some(&ground.id()), Timestamp::now()).is_err(), "no keys");
}
