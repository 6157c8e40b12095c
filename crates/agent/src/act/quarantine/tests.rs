use super::*;
use crate::act::confine::confine;
use crate::act::tests::{Own, at, key, order, signed_by};
use crate::act::{answer, answer_with};
use proptest::prelude::*;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use yakujo_contract::fact::malware::{AvAction, Trigger};
use yakujo_contract::order::{Permit as Given, Permitted, Work};

/// A hand with a permit from 10 to 3,000 s, and a folder of somebody else.
struct Scene {
    own: Own,
    _folder: tempfile::TempDir,
    site: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let own = Own::new();
        let permit = Work::Permit(Given {
            trigger: yakujo_contract::request::Trigger::MalwareSuspected,
            acts: [Permitted::Quarantine].into(),
            longest_min: 10,
            uses: 1,
            from: at(10),
            until: at(3_000),
        });
        own.hand(&signed_by(&key(7), &order("o-1", permit)), 0);
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().canonicalize().unwrap();
        Self { own, _folder: folder, site }
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.site.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What the part that judges asks of this file.
    fn asked(path: &Path) -> (Ask, OwnedFd) {
        let target = Target::open(path).unwrap();
        let (digest, size) = target.digest().unwrap();
        let detection = AvDetection {
            path: text_of(path),
            digest,
            size,
            owner: 0,
            signature: "Own.Test".to_owned(),
            trigger: Trigger::Access,
            process: None,
            action: AvAction::Quarantined,
            result: Done::Done,
            program: false,
            reason: String::new(),
        };
        (Ask::Quarantine { file: target.id(), detection: Box::new(detection) }, target.file.into())
    }

    fn moved(&self, (ask, file): (Ask, OwnedFd), second: i64) -> Moved {
        answer_with(&self.own.act(), &ask, Some(file), at(second)).unwrap().moved.unwrap()
    }

    fn vault(&self) -> PathBuf {
        self.own.act().join(VAULT)
    }
}

fn item(moved: Moved) -> QuarantineItem {
    match moved {
        Moved::Tried(item) => *item,
        Moved::NotTried(reason) => panic!("not tried: {reason}"),
    }
}

fn is_left(moved: Moved, why: &str) {
    match moved {
        Moved::NotTried(reason) => assert!(reason.contains(why), "{reason} is not {why}"),
        Moved::Tried(item) => panic!("{item:?}"),
    }
}

#[test]
fn a_file_is_moved_only_while_a_permit_counts() {
    let scene = Scene::new();
    let path = scene.write("bad", "bad");
    for second in [9, 3_000] {
        is_left(scene.moved(Scene::asked(&path), second), "F-26");
        assert!(path.exists(), "{second}");
    }
    let held = item(scene.moved(Scene::asked(&path), 10));
    assert_eq!((held.result, held.reason.as_str()), (Done::Done, ""));
    assert_eq!(held.approval.unwrap().as_str(), "q-1");
    let inside = std::fs::metadata(scene.vault().join(&held.item)).unwrap();
    assert_eq!((path.exists(), inside.mode() & 0o7777), (false, 0));
    assert_eq!(std::fs::metadata(scene.vault()).unwrap().mode() & 0o7777, 0o700);
    let end = Work::EndPermit { permit: "o-1".parse().unwrap() };
    scene.own.hand(&signed_by(&key(7), &order("o-2", end)), 20);
    is_left(scene.moved(Scene::asked(&scene.write("bad", "bad")), 21), "F-26");
}

/// Whoever waited for the answer too long asks again, with the file it still holds open.
#[test]
fn a_file_that_is_asked_for_twice_came_in_once() {
    let scene = Scene::new();
    let path = scene.write("bad", "bad");
    let (ask, file) = Scene::asked(&path);
    let again = (ask.clone(), file.try_clone().unwrap());
    let first = item(scene.moved((ask, file), 20));
    let second = item(scene.moved(again, 21));
    assert_eq!((first.result, second.result), (Done::Done, Done::Done), "{second:?}");
    assert_eq!(first.item, second.item);
    assert_eq!(Vault::open(&scene.vault()).unwrap().records.items().len(), 1);
}

#[test]
fn another_file_than_the_one_that_was_judged_is_never_moved() {
    let scene = Scene::new();
    for change in ["replaced", "link", "removed", "linked folder", "other file", "wrong number", "pipe"] {
        let folder = scene.site.join("upload");
        let _ = std::fs::remove_file(&folder).or_else(|_| std::fs::remove_dir_all(&folder));
        std::fs::create_dir(&folder).unwrap();
        let path = scene.write("upload/file", "bad");
        let good = scene.write("good", "good");
        let (mut ask, mut file) = Scene::asked(&path);
        match change {
            "replaced" => std::fs::rename(&good, &path).unwrap(),
            "link" => {
                std::fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink(&good, &path).unwrap();
            }
            "removed" => std::fs::remove_file(&path).unwrap(),
            "linked folder" => {
                let _ = std::fs::remove_dir_all(scene.site.join("moved"));
                std::fs::rename(&folder, scene.site.join("moved")).unwrap();
                std::os::unix::fs::symlink(scene.site.join("moved"), &folder).unwrap();
            }
            "other file" => file = File::open(&good).unwrap().into(),
            "wrong number" => {
                let Ask::Quarantine { file: (_, inode), .. } = &mut ask else { panic!() };
                *inode += 1;
            }
            _ => file = std::io::pipe().unwrap().0.into(),
        }
        let held = item(scene.moved((ask, file), 20));
        assert_eq!(held.result, Done::Failed, "{change}");
        assert!(!held.reason.is_empty() && held.item.is_empty(), "{change}");
        let untouched = if change == "replaced" { &path } else { &good };
        assert_eq!(std::fs::read(untouched).unwrap(), b"good", "{change}");
        assert!(Vault::open(&scene.vault()).unwrap().records.items().is_empty(), "{change}");
    }
}

#[test]
fn further_names_and_a_changed_content_are_said() {
    let scene = Scene::new();
    let path = scene.write("bad", "bad");
    std::fs::hard_link(&path, scene.site.join("other")).unwrap();
    let asked = Scene::asked(&path);
    std::fs::write(&path, "bad and more").unwrap();
    let held = item(scene.moved(asked, 20));
    assert_eq!((held.result, held.other_names), (Done::Done, 1));
    assert!(held.reason.contains("changed") && held.size == 12, "{held:?}");
}

/// Killed when the file was moved, before anybody heard of it: whoever asks again hears of it, and it is moved once.
#[test]
fn what_came_in_before_an_interruption_is_said_to_whoever_asks_again() {
    let scene = Scene::new();
    let path = scene.write("bad", "bad");
    let (ask, file) = Scene::asked(&path);
    let before = answer(&scene.own.act(), &ask, at(20)).unwrap().moved.unwrap();
    assert_eq!(item(before).result, Done::Failed, "nothing came in yet");
    let held = item(scene.moved((ask.clone(), file), 20));
    let note = scene.vault().join(format!("{}.json", held.item));
    let text = std::fs::read_to_string(&note).unwrap();
    std::fs::write(&note, text.replace("\"held\"", "\"coming\"")).unwrap();
    for second in [21, 5_000] {
        let again = item(answer(&scene.own.act(), &ask, at(second)).unwrap().moved.unwrap());
        assert_eq!((again.result, &again.item, &again.from), (Done::Done, &held.item, &held.from));
    }
    let records = Vault::open(&scene.vault()).unwrap().records;
    assert_eq!(records.items().len(), 1);
    assert_eq!(records.note(&held.item).unwrap().place, Place::Held, "it was settled");
}

#[test]
fn what_was_given_back_by_an_order_is_not_moved_again_there() {
    let scene = Scene::new();
    let path = scene.write("tool", "no malware after all");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let held = item(scene.moved(Scene::asked(&path), 20));
    let back = Work::GiveBack { item: held.item };
    scene.own.hand(&signed_by(&key(7), &order("o-2", back)), 30);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    is_left(scene.moved(Scene::asked(&path), 40), "given back");
    let elsewhere = scene.write("elsewhere", "no malware after all");
    assert_eq!(item(scene.moved(Scene::asked(&elsewhere), 40)).result, Done::Done);
}

#[test]
fn what_a_host_starts_from_and_the_hand_s_own_files_stay() {
    let scene = Scene::new();
    let path = scene.write("bad", "bad");
    let pinned = scene.own.act().canonicalize().unwrap().join("pinned");
    let own = scene.own.act().join("pinned");
    for place in [Path::new("/boot/vmlinuz"), Path::new("/proc/1/mem"), Path::new("/run/yakujo.pid"), &own] {
        let (mut ask, file) = Scene::asked(&path);
        let Ask::Quarantine { detection, .. } = &mut ask else { panic!() };
        detection.path = text_of(place);
        is_left(scene.moved((ask, file), 20), "not moved");
    }
    assert!(path.exists() && pinned.exists());
}

#[test]
fn what_lies_in_memory_where_everybody_may_write_is_moved() {
    let scene = Scene::new();
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = memory.path().join("bad");
    std::fs::write(&path, "bad").unwrap();
    assert_eq!(item(scene.moved(Scene::asked(&path), 20)).result, Done::Done);
    assert!(!path.exists());
}

#[test]
fn no_more_files_are_moved_in_an_hour_than_somebody_can_look_at() {
    let scene = Scene::new();
    assert_eq!(item(scene.moved(Scene::asked(&scene.write("first", "first")), 20)).result, Done::Done);
    for number in 2..=MOST_AN_HOUR {
        std::fs::write(scene.vault().join(format!("{number}.json")), "").unwrap();
    }
    let path = scene.write("next", "next");
    is_left(scene.moved(Scene::asked(&path), 20), "within an hour");
    assert!(path.exists());
}

#[test]
fn the_sample_is_moved_without_a_permit_and_is_not_kept() {
    let scene = Scene::new();
    std::fs::create_dir(scene.site.join("sample")).unwrap();
    let content = sample::content();
    let path = scene.write("sample/eicar.com", &content);
    let sent = |path: &Path| {
        let ask = Ask::Sample { path: text_of(path) };
        scene.moved((ask, File::open(path).unwrap().into()), 5_000)
    };
    assert_eq!(item(sent(&path)).result, Done::Done);
    assert!(!path.exists());
    assert!(std::fs::read_dir(scene.vault()).unwrap().next().is_none());
    is_left(sent(&scene.write("sample/eicar.com", "anything else")), "no sample");
    is_left(sent(&scene.write("eicar.com", &content)), "no sample");
    assert!(path.exists());
}

/// Landlock: the folder of the file and the quarantine can be reached, and nothing else; without a permit not even that.
#[test]
fn only_a_permit_opens_the_folder_of_the_file_and_no_other() {
    let scene = Scene::new();
    let path = scene.write("bad", "bad");
    let desk = Desk::look(&scene.own.act()).unwrap();
    let (ask, _) = Scene::asked(&path);
    let reached = |second| folders(&desk, &scene.own.act(), &ask, at(second)).contains(&scene.site);
    assert_eq!((reached(9), reached(10), reached(3_000)), (false, true, false));
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let confined = std::thread::spawn(move || {
        let (ask, file) = Scene::asked(&path);
        confine(&scene.own.act(), &ask, at(20)).unwrap();
        assert!(std::fs::read(elsewhere.path()).is_err() && std::fs::read("/etc/passwd").is_err());
        assert_eq!(item(scene.moved((ask, file), 20)).result, Done::Done);
        assert!(!path.exists());
        let packed = needed::why_not(&Target::open(Path::new("/usr/bin/env")).unwrap());
        assert!(packed.is_some_and(|why| why.contains("coreutils")), "what came with a package is known");
    });
    confined.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_path_is_named_only_the_file_that_came_is_moved(path in "(/|[a-z.]{0,3}|\\\\x[0-9a-g]{0,3}|\u{fe}|\n){0,20}") {
        let scene = Scene::new();
        let (mut ask, file) = Scene::asked(&scene.write("bad", "bad"));
        let Ask::Quarantine { detection, .. } = &mut ask else { panic!() };
        detection.path = path;
        match scene.moved((ask, file), 20) {
            Moved::Tried(item) => prop_assert_eq!(item.result, Done::Failed),
            Moved::NotTried(_) => {}
        }
        prop_assert!(scene.site.join("bad").exists());
    }
}
