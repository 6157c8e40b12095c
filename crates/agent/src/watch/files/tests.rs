//! Watched files, as tests: with the real kernel, and with a real dpkg in a tree of its own.

use super::*;
use sha2::{Digest as _, Sha256};
use std::process::Command;
use yakujo_contract::fact::integrity::{Explanation, FileState};

/// A tree that is watched, and what the outbox of its agent keeps.
struct Place {
    tree: tempfile::TempDir,
    kept: BTreeMap<String, String>,
}

impl Place {
    fn new() -> Self {
        let tree = tempfile::tempdir_in("/var/tmp").unwrap();
        let place = Self { tree, kept: BTreeMap::new() };
        place.write("etc/app.conf", "one");
        place.write("etc/sub/deep.conf", "deep");
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/log"] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        place.write("var/lib/dpkg/status", "");
        place.write("var/lib/dpkg/available", "");
        place.write("var/log/dpkg.log", "");
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.tree.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        std::fs::write(self.path(path), text).unwrap();
    }

    /// A run of the agent, with its first round behind it.
    fn run(&mut self) -> (Files, Vec<Fact>) {
        self.run_with(vec!["/etc".to_owned()])
    }

    fn run_with(&mut self, roots: Vec<String>) -> (Files, Vec<Fact>) {
        let files =
            |(key, text): (&String, &String)| Some((key.strip_prefix(FILE_KEY)?.to_owned(), text.clone()));
        let rest = LEFT.into_iter().filter_map(|key| Some((key.to_owned(), self.kept.get(key)?.clone())));
        let left = Left { files: self.kept.iter().filter_map(files).collect(), rest: rest.collect() };
        let mut files = Files::new(Sources::under(self.tree.path()), roots, &left, [7; 32]);
        let mut facts = Vec::new();
        for _ in 0..200 {
            facts.extend(files.turn(Timestamp::now()));
            if files.round_is_on == Round::No {
                break;
            }
        }
        self.keep(&mut files);
        (files, facts)
    }

    /// As the outbox does with the facts of a turn.
    fn keep(&mut self, files: &mut Files) {
        for (key, value) in files.notes() {
            match value {
                Some(value) => drop(self.kept.insert(key, value)),
                None => drop(self.kept.remove(&key)),
            }
        }
    }

    fn dpkg(&self, arguments: &[&str]) {
        let root = self.tree.path().display().to_string();
        let done = Command::new("/usr/bin/dpkg")
            .args([format!("--root={root}"), format!("--log={root}/var/log/dpkg.log")])
            .args(["--force-not-root", "--force-bad-path", "--force-confold", "--no-triggers"])
            .args(arguments)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Builds a package with a configuration file and a plain file.
    fn package(&self, version: &str, conf: &str, plain: &str) -> String {
        let name = format!("pack-{version}");
        self.write(&format!("{name}/etc/pack.conf"), conf);
        self.write(&format!("{name}/etc/pack.d/plain"), plain);
        self.write(&format!("{name}/DEBIAN/conffiles"), "/etc/pack.conf\n");
        self.write(
            &format!("{name}/DEBIAN/control"),
            &format!(
                "Package: pack\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
            ),
        );
        // As debhelper does: checksums of everything but configuration files.
        let sum = hex(&<md5::Md5 as md5::Digest>::digest(plain));
        self.write(&format!("{name}/DEBIAN/md5sums"), &format!("{sum}  etc/pack.d/plain\n"));
        let deb = self.path(&format!("{name}.deb")).display().to_string();
        let built = Command::new("/usr/bin/dpkg-deb")
            .args(["--root-owner-group", "--build"])
            .arg(self.path(&name))
            .arg(&deb)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        deb
    }
}

fn changes(facts: &[Fact]) -> Vec<&IntegrityChange> {
    let mut all = Vec::new();
    for fact in facts {
        if let Fact::IntegrityChange(change) = fact {
            all.push(change);
        }
    }
    all
}

fn told(facts: &[Fact]) -> BTreeMap<String, FileChange> {
    let files = changes(facts).into_iter().flat_map(|change| change.files.clone());
    files.map(|file| (file.path.clone(), file)).collect()
}

/// Turns until the kernel told of the change.
fn until_told(files: &mut Files, path: &str) -> Vec<Fact> {
    let mut facts = Vec::new();
    for _ in 0..250 {
        facts.extend(files.turn(Timestamp::now()));
        if told(&facts).contains_key(path) {
            return facts;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{path} was not told: {facts:?}");
}

#[test]
fn an_edit_is_told_with_what_was_before_when_and_who_and_only_once() {
    let mut place = Place::new();
    let (mut files, first) = place.run();
    assert!(changes(&first).is_empty(), "what is there at first is no change: {first:?}");
    assert!(
        matches!(&first[..], [Fact::IntegrityBaseline(it)] if it.origin == Origin::Fresh && it.entries >= 4)
    );
    let script = format!("echo two > {}; sleep 1", place.path("etc/app.conf").display());
    let mut shell = Command::new("/bin/sh").args(["-c", &script]).spawn().unwrap();
    let facts = until_told(&mut files, "/etc/app.conf");
    shell.wait().unwrap();
    let change = changes(&facts)[0].clone();
    let file = &change.files[0];
    assert_eq!((change.seen, change.files.len()), (Seen::Running, 1));
    let sum = |text: &str| hex(&Sha256::digest(text));
    assert_eq!(file.before.as_ref().unwrap().digest.as_ref().unwrap().as_str(), sum("one"));
    assert_eq!(file.after.as_ref().unwrap().digest.as_ref().unwrap().as_str(), sum("two\n"));
    assert!(file.at.is_some_and(|at| at <= change.until), "{change:?}");
    if files.events.limits().is_empty() {
        let by = file.by.as_ref().expect("the kernel tells who wrote");
        assert!(by.exe.as_deref().is_some_and(|exe| exe.contains("sh")), "{by:?}");
        assert_eq!(by.uid, Some(rustix::process::geteuid().as_raw()));
    }
    assert_eq!(file.explained_by, Explanation::None);
    place.keep(&mut files);
    drop(files);
    let (_, again) = place.run();
    assert!(changes(&again).is_empty(), "{again:?}");
}

#[test]
fn new_folders_renames_modes_and_removals_are_told() {
    use std::os::unix::fs::PermissionsExt;
    let mut place = Place::new();
    let (mut files, _) = place.run();
    place.write("etc/new/folder/file", "x");
    until_told(&mut files, "/etc/new/folder/file");
    place.write("etc/new/folder/second", "y");
    until_told(&mut files, "/etc/new/folder/second");
    std::fs::rename(place.path("etc/sub"), place.path("etc/moved")).unwrap();
    let mut facts = until_told(&mut files, "/etc/moved/deep.conf");
    if !told(&facts).contains_key("/etc/sub/deep.conf") {
        facts.extend(until_told(&mut files, "/etc/sub/deep.conf"));
    }
    assert!(told(&facts)["/etc/sub/deep.conf"].after.is_none());
    std::fs::set_permissions(place.path("etc/app.conf"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let facts = until_told(&mut files, "/etc/app.conf");
    let file = &told(&facts)["/etc/app.conf"];
    assert_eq!(file.by, None, "nobody tells who changes a mode");
    assert_eq!(file.after.as_ref().unwrap().mode & 0o777, 0o666);
    std::fs::remove_dir_all(place.path("etc/new")).unwrap();
    let facts = until_told(&mut files, "/etc/new/folder/file");
    assert!(told(&facts)["/etc/new/folder/file"].after.is_none());
}

#[test]
fn what_changed_while_the_agent_was_down_is_found_at_its_start() {
    let mut place = Place::new();
    let (files, _) = place.run();
    drop(files);
    let stopped = Timestamp::now();
    place.write("etc/app.conf", "evil");
    place.write("etc/backdoor", "x");
    std::fs::remove_file(place.path("etc/sub/deep.conf")).unwrap();
    let (files, facts) = place.run();
    let found = told(&facts);
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        ["/etc/app.conf", "/etc/backdoor", "/etc/sub/deep.conf"]
    );
    for change in changes(&facts) {
        assert_eq!(change.seen, Seen::WhileAway);
        assert!(change.since.is_some_and(|since| since <= stopped));
    }
    assert!(found["/etc/app.conf"].at.is_some_and(|at| at.as_millisecond() + 20 >= stopped.as_millisecond()));
    assert!(
        facts.iter().any(|fact| matches!(fact, Fact::IntegrityBaseline(it) if it.origin == Origin::Kept))
    );
    drop(files);
}

#[test]
fn lost_events_are_said_and_everything_is_found_nevertheless() {
    let mut place = Place::new();
    let (mut files, _) = place.run();
    files.events.forget_everything_heard();
    place.write("etc/unheard", "x");
    std::thread::sleep(Duration::from_millis(200));
    files.events.forget_everything_heard();
    files.events.lose();
    let now = Timestamp::now();
    files.hear(now);
    assert!(files.coverage().reason.contains("events of the kernel were lost"), "{:?}", files.coverage());
    let facts = until_told(&mut files, "/etc/unheard");
    assert!(!changes(&facts).is_empty());
    for _ in 0..50 {
        files.turn(Timestamp::now());
    }
    assert!(!files.coverage().reason.contains("lost"), "{:?}", files.coverage());
}

#[test]
fn one_changed_byte_behind_the_old_outside_is_found_by_the_slow_round() {
    use std::os::unix::fs::MetadataExt as _;
    let mut place = Place::new();
    let (mut files, _) = place.run();
    let path = place.path("etc/app.conf");
    let before = std::fs::metadata(&path).unwrap();
    place.write("etc/app.conf", "onf");
    let written = std::fs::File::options().append(true).open(&path).unwrap();
    written.set_modified(before.modified().unwrap()).unwrap();
    let after = written.metadata().unwrap();
    assert_eq!((after.size(), after.mtime_nsec()), (before.size(), before.mtime_nsec()));
    // Only who writes to the disk behind the file system puts back when the file itself was changed.
    files.known.get_mut(&path).unwrap().changed = (after.ctime(), after.ctime_nsec());
    let mut facts = Vec::new();
    for _ in 0..20 {
        facts.extend(files.turn(Timestamp::now()));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(changes(&facts).is_empty(), "by its outside nothing is to be seen: {facts:?}");
    files.read_all_now();
    let facts = until_told(&mut files, "/etc/app.conf");
    let found = told(&facts);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["/etc/app.conf"]);
    let digest = |state: &Option<FileState>| state.as_ref().unwrap().digest.as_ref().unwrap().to_string();
    let file = &found["/etc/app.conf"];
    let sum = |text: &str| hex(&Sha256::digest(text));
    assert_eq!((digest(&file.before), digest(&file.after)), (sum("one"), sum("onf")));
    files.read_all_now();
    files.turn(Timestamp::now());
    assert!(!files.is_busy());
    assert!(changes(&files.turn(Timestamp::now())).is_empty());
}

#[test]
fn what_an_older_version_kept_of_files_is_read_and_completed_by_the_slow_round() {
    let mut place = Place::new();
    let (files, _) = place.run();
    drop(files);
    let mut marks = BTreeMap::new();
    for (key, text) in &mut place.kept {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let mark = value.as_object_mut().and_then(|fields| fields.remove("b"));
        if let Some(mark) = mark {
            marks.insert(key.clone(), mark);
            *text = value.to_string();
        }
    }
    assert_eq!(marks.len(), 2, "{:?}", place.kept);
    let (mut files, facts) = place.run();
    assert!(changes(&facts).is_empty(), "{facts:?}");
    assert!(
        matches!(&facts[..], [Fact::IntegrityBaseline(it)] if it.origin == Origin::Kept && it.entries >= 4)
    );
    files.read_all_now();
    let facts = files.turn(Timestamp::now());
    assert!(facts.is_empty(), "{facts:?}");
    place.keep(&mut files);
    for (key, mark) in marks {
        let value: serde_json::Value = serde_json::from_str(&place.kept[&key]).unwrap();
        assert_eq!(value["b"], mark, "{key}");
    }
}

#[test]
fn a_package_explains_its_own_files_and_nothing_else() {
    let mut place = Place::new();
    let (mut files, _) = place.run();
    let first = place.package("1", "conf one\n", "plain one\n");
    place.dpkg(&["-i", &first]);
    place.write("etc/app.conf", "edited in the same minute");
    let mut facts = until_told(&mut files, "/etc/app.conf");
    for _ in 0..20 {
        facts.extend(files.turn(Timestamp::now()));
        std::thread::sleep(Duration::from_millis(10));
    }
    let found = told(&facts);
    let by_package = Explanation::Package("pack 1".to_owned());
    for path in ["/etc/pack.conf", "/etc/pack.d", "/etc/pack.d/plain"] {
        assert_eq!(found[path].explained_by, by_package, "{path}");
    }
    assert_eq!(found["/etc/app.conf"].explained_by, Explanation::None);
    assert_eq!(files.package_news().into_iter().collect::<Vec<_>>(), ["pack:all"]);
}

#[test]
fn a_file_an_administrator_edited_is_not_explained_by_an_upgrade_that_touches_it() {
    let mut place = Place::new();
    let first = place.package("1", "conf one\n", "plain one\n");
    place.dpkg(&["-i", &first]);
    let (files, _) = place.run();
    drop(files);
    // While nobody looks: the configuration is edited, and the package upgraded.
    place.write("etc/pack.conf", "conf of the administrator\n");
    let second = place.package("2", "conf two\n", "plain two\n");
    place.dpkg(&["-i", &second]);
    let (_, facts) = place.run();
    let found = told(&facts);
    assert_eq!(found["/etc/pack.d/plain"].explained_by, Explanation::Package("pack 2".to_owned()));
    assert_eq!(found["/etc/pack.conf"].explained_by, Explanation::None);
    // dpkg keeps the new one beside the edited one.
    let beside = &found["/etc/pack.conf.dpkg-dist"];
    assert_eq!(beside.explained_by, Explanation::Package("pack 2".to_owned()));
}

#[test]
fn what_a_package_takes_with_it_is_explained_and_what_disappears_beside_it_is_not() {
    let mut place = Place::new();
    let first = place.package("1", "conf one\n", "plain one\n");
    place.dpkg(&["-i", &first]);
    let (files, _) = place.run();
    drop(files);
    std::fs::remove_file(place.path("etc/app.conf")).unwrap();
    place.dpkg(&["--purge", "pack"]);
    let (_, facts) = place.run();
    let found = told(&facts);
    assert_eq!(found["/etc/pack.d/plain"].explained_by, Explanation::Package("pack 1".to_owned()));
    assert_eq!(found["/etc/pack.conf"].explained_by, Explanation::Package("pack 1".to_owned()));
    assert_eq!(found["/etc/app.conf"].explained_by, Explanation::None);
}

#[test]
fn a_package_does_not_explain_a_file_that_gives_rights_away_or_differs_from_its_checksum() {
    use std::os::unix::fs::PermissionsExt;
    let mut place = Place::new();
    let (files, _) = place.run();
    drop(files);
    let first = place.package("1", "conf one\n", "plain one\n");
    place.dpkg(&["-i", &first]);
    place.write("etc/pack.d/plain", "other content\n");
    std::fs::set_permissions(place.path("etc/pack.conf"), std::fs::Permissions::from_mode(0o4755)).unwrap();
    let (_, facts) = place.run();
    let found = told(&facts);
    assert_eq!(found["/etc/pack.d/plain"].explained_by, Explanation::None);
    assert_eq!(found["/etc/pack.conf"].explained_by, Explanation::None);
}

#[test]
fn a_tree_no_longer_watched_is_said_and_a_new_one_begins_without_changes() {
    let mut place = Place::new();
    place.write("srv/page", "x");
    let (files, _) = place.run();
    drop(files);
    let (files, facts) = place.run_with(vec!["/srv".to_owned()]);
    drop(files);
    let [Fact::IntegrityBaseline(baseline)] = &facts[..] else { panic!("{facts:?}") };
    assert_eq!(
        (baseline.roots.as_slice(), baseline.dropped.as_slice()),
        (&["/srv".to_owned()][..], &["/etc".to_owned()][..])
    );
    let (_, facts) = place.run_with(vec!["/srv".to_owned()]);
    assert!(matches!(&facts[..], [Fact::IntegrityBaseline(it)] if it.dropped.is_empty()));
}

#[test]
fn a_thousand_changed_files_come_in_parts_that_fit() {
    let mut place = Place::new();
    let (files, _) = place.run();
    drop(files);
    for n in 0..1_000 {
        place.write(&format!("etc/many/{n}-{}", "x".repeat(100)), "x");
    }
    let (_, facts) = place.run();
    assert_eq!(told(&facts).len(), 1_001);
    assert!(facts.iter().all(|fact| serde_json::to_vec(fact).unwrap().len() < 62_000));
}

#[test]
fn whoever_compares_files_waits_for_everybody_else_at_the_disk() {
    let class = std::thread::spawn(|| {
        drop(Place::new().run());
        crate::watch::idle::tests::class()
    });
    assert_eq!(class.join().unwrap(), "idle");
}
