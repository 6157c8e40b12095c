//! Both implementations on real repositories: what one wrote the other restores, equal in content, mode, owner and time;
//! one changed byte is found; a wrong key is told from a repository that is not there.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use sha2::Digest as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use yakujo_backup::content::Of;
use yakujo_backup::engine::{BackupError, Engine, Place};
use yakujo_backup::manifest::{Manifest, Owners};
use yakujo_backup::restic::Restic;
use yakujo_backup::rustic::{Rustic, VERSION};

struct Ground {
    folder: tempfile::TempDir,
    place: Place,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            repository: folder.path().join("repository").display().to_string(),
            password: secret(folder.path(), "password", "a long password\n"),
            ssh_config: None,
            credentials: None,
        };
        Self { folder, place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn rustic(&self) -> Rustic {
        Rustic::new(self.place.clone())
    }

    fn restic(&self) -> Restic {
        Restic::new(self.place.clone())
    }

    /// Files as they are found: names, sizes, modes, times, owners, links, an empty one, one of many blocks.
    fn originals(&self) -> PathBuf {
        let root = self.path("city");
        std::fs::create_dir_all(root.join("住民/空")).unwrap();
        std::fs::write(root.join("住民/台帳.csv"), "1,太郎\n".repeat(5_000)).unwrap();
        std::fs::write(root.join("empty"), "").unwrap();
        let mut state = 7_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(6_000_000)
        .collect();
        std::fs::write(root.join("large"), noise).unwrap();
        std::fs::write(root.join("script"), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(root.join("script"), std::fs::Permissions::from_mode(0o4750)).unwrap();
        symlink("住民/台帳.csv", root.join("link")).unwrap();
        symlink("/no/such/thing", root.join("dangling")).unwrap();
        std::fs::hard_link(root.join("large"), root.join("住民/large")).unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"odd\xff\nname");
        std::fs::write(root.join(odd), "odd").unwrap();
        let past = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123_456_789);
        std::fs::File::options().write(true).open(root.join("empty")).unwrap().set_modified(past).unwrap();
        if Owners::of_this_process() == Owners::Compared {
            std::os::unix::fs::chown(root.join("empty"), Some(33), Some(44)).unwrap();
        }
        root
    }
}

use std::os::unix::ffi::OsStrExt as _;

fn secret(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// One writes, the other checks and restores, and every original is found again as it was.
fn there_and_back(writer: &dyn Engine, reader: &dyn Engine, ground: &Ground) {
    let root = ground.originals();
    writer.make().unwrap();
    assert_eq!(writer.identity().unwrap(), reader.identity().unwrap());
    let mut originals = Manifest::of(std::slice::from_ref(&root));
    assert_eq!(originals.unreadable, 0, "{}", originals.reason);
    let made = writer.back_up(std::slice::from_ref(&root), "web-1", "daily").unwrap();
    originals.settle();
    assert_eq!(made.id.len(), 64);
    assert_eq!(made.files, writer.expects(&originals));
    assert!(made.bytes > 6_000_000 && made.added > 0);
    assert_eq!(reader.check(100).unwrap().errors, 0);
    let into = ground.path("restored");
    std::fs::create_dir(&into).unwrap();
    reader.restore(&made.id, &into).unwrap();
    let compared = originals.compare(&into, Owners::of_this_process());
    assert_eq!((compared.mismatches, compared.skipped), (0, 0), "{}", compared.first);
    assert_eq!(compared.compared, 11);
    let there = |path: &str| into.join(root.strip_prefix("/").unwrap()).join(path);
    let inode = |path: &str| std::fs::metadata(there(path)).unwrap().ino();
    assert_eq!(inode("large"), inode("住民/large"), "two names of one file");
    // And that the comparison sees what it should see.
    std::fs::write(there("住民/台帳.csv"), "1,次郎\n".repeat(5_000)).unwrap();
    std::fs::set_permissions(there("script"), std::fs::Permissions::from_mode(0o750)).unwrap();
    std::fs::remove_file(there("dangling")).unwrap();
    assert_eq!(originals.compare(&into, Owners::of_this_process()).mismatches, 3);
}

#[test]
fn what_rustic_wrote_restic_restores_equal() {
    let ground = Ground::new();
    there_and_back(&ground.rustic(), &ground.restic(), &ground);
}

#[test]
fn what_restic_wrote_rustic_restores_equal() {
    let ground = Ground::new();
    there_and_back(&ground.restic(), &ground.rustic(), &ground);
}

#[test]
fn one_changed_byte_in_a_pack_is_found_by_reading_back() {
    let ground = Ground::new();
    let root = ground.originals();
    ground.rustic().make().unwrap();
    let made = ground.rustic().back_up(&[root], "web-1", "daily").unwrap();
    let packs = walkdir::WalkDir::new(ground.path("repository/data")).into_iter().flatten();
    let largest =
        packs.filter(|found| found.file_type().is_file()).max_by_key(|found| found.metadata().unwrap().len());
    let pack = largest.unwrap().into_path();
    let mut bytes = std::fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    for engine in [&ground.rustic() as &dyn Engine, &ground.restic()] {
        assert!(engine.check(100).unwrap().errors > 0, "{:?}", engine.tool());
        // Without reading back nobody sees it: that is why a part is read every week.
        assert_eq!(engine.check(0).unwrap().errors, 0, "{:?}", engine.tool());
        let into = ground.path("restored");
        std::fs::create_dir_all(&into).unwrap();
        assert!(engine.restore(&made.id, &into).is_err(), "{:?}", engine.tool());
        std::fs::remove_dir_all(&into).unwrap();
    }
}

#[test]
fn a_wrong_key_an_absent_repository_and_a_readable_password_are_told_apart() {
    let ground = Ground::new();
    ground.rustic().make().unwrap();
    let wrong =
        Place { password: secret(ground.folder.path(), "wrong", "another\n"), ..ground.place.clone() };
    let nowhere = Place { repository: ground.path("nowhere").display().to_string(), ..ground.place.clone() };
    let open = secret(ground.folder.path(), "open", "a long password\n");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = Place { password: open, ..ground.place.clone() };
    let engines = |place: &Place| -> [Box<dyn Engine>; 2] {
        [Box::new(Rustic::new(place.clone())), Box::new(Restic::new(place.clone()))]
    };
    for engine in engines(&wrong) {
        assert!(matches!(engine.identity(), Err(BackupError::WrongKey)), "{:?}", engine.identity());
    }
    for engine in engines(&nowhere) {
        assert!(matches!(engine.identity(), Err(BackupError::Repository(_))), "{:?}", engine.identity());
        assert!(engine.check(5).is_err());
    }
    for engine in engines(&open) {
        let told = engine.identity().unwrap_err().to_string();
        assert!(told.contains("chmod 600"), "{told}");
    }
}

#[test]
fn a_second_key_opens_what_either_made() {
    for adds_with_rustic in [true, false] {
        let ground = Ground::new();
        ground.rustic().make().unwrap();
        let key = secret(ground.folder.path(), "city", "the key of the city\n");
        let city = Place { password: key.clone(), ..ground.place.clone() };
        if adds_with_rustic {
            ground.rustic().add_key(&key).unwrap();
        } else {
            ground.restic().add_key(&key).unwrap();
        }
        let own = ground.rustic().identity().unwrap();
        assert_eq!(Rustic::new(city.clone()).identity().unwrap(), own);
        assert_eq!(Restic::new(city).identity().unwrap(), own);
    }
}

#[test]
fn snapshots_are_removed_by_their_whole_ids_only() {
    let ground = Ground::new();
    let root = ground.path("city");
    std::fs::create_dir(&root).unwrap();
    ground.restic().make().unwrap();
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        std::fs::write(root.join("file"), text).unwrap();
        ids.push(ground.rustic().back_up(std::slice::from_ref(&root), "web-1", "daily").unwrap().id);
    }
    for bad in [&[][..], &["latest"], &[&ids[0][..8]], &["--keep-last=1"]] {
        assert!(ground.restic().forget(bad).is_err(), "{bad:?}");
    }
    ground.restic().forget(&[&ids[0]]).unwrap();
    let left = ground.restic().snapshots().unwrap();
    assert!(left.len() == 2 && left.contains(&ids[1]) && left.contains(&ids[2]));
    assert_eq!(ground.rustic().check(100).unwrap().errors, 0);
}

#[test]
fn the_version_that_is_named_is_the_one_that_is_linked() {
    let lock =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock")).unwrap();
    assert!(lock.contains(&format!("name = \"rustic_core\"\nversion = \"{VERSION}\"")), "{VERSION}");
}

/// What a file had is found in the newest snapshot that has it, whatever later ones have; another content is not.
fn found_again(engine: &dyn Engine, ground: &Ground) {
    engine.make().unwrap();
    let (root, file) = (ground.path("city"), ground.path("city/page [1]*.html"));
    std::fs::create_dir(&root).unwrap();
    let digest = |text: &str| {
        let digits: String = sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        yakujo_contract::id::Digest::try_from(digits).unwrap()
    };
    let [_, newest, last] = ["welcome", "welcome", "defaced"].map(|text| {
        std::fs::write(&file, text).unwrap();
        engine.back_up(std::slice::from_ref(&root), "web-1", "daily").unwrap().id
    });
    let into = ground.path("found");
    let seek = |host: &str, path: &Path, text: &str| {
        let mut options = std::fs::File::options();
        let mut file = options.read(true).write(true).create(true).truncate(true).open(&into).unwrap();
        let of = Of { host, job: "daily", path };
        let found = engine.seek(of, &digest(text), &mut file).unwrap();
        found.map(|found| (found.snapshot, std::fs::read_to_string(&into).unwrap()))
    };
    let (snapshot, content) = seek("web-1", &file, "welcome").unwrap();
    assert_eq!(content, "welcome");
    assert_eq!(snapshot, newest, "the newest that has it");
    assert_eq!(seek("web-1", &file, "defaced").unwrap(), (last, "defaced".to_owned()));
    assert_eq!(seek("web-1", &file, "never there"), None);
    assert_eq!(seek("web-2", &file, "welcome"), None, "of another host");
    assert_eq!(seek("web-1", &ground.path("city/gone"), "welcome"), None);
}

#[test]
fn rustic_finds_the_content_a_file_had() {
    let ground = Ground::new();
    found_again(&ground.rustic(), &ground);
}

#[test]
fn restic_finds_the_content_a_file_had() {
    let ground = Ground::new();
    found_again(&ground.restic(), &ground);
}
