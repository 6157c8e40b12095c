use super::*;
use proptest::prelude::*;
use std::path::PathBuf;
use yakujo_contract::fact::container::Running;

const IMAGE: &str = "2a289a4226bc575c27eda2d37dff973b7dfbf463cc4db745ce0c9fdddeda78f3";
const LAYER: &str = "30a73220337871ea96e696de3518547f15d5a0ffad77ec2e662782b26da96f0e";
const WEB: &str = "c404bddaecb79f5f74f6eb6627ccb05fe9f0d7c130b847b40af708f553a4abbd";
const PRIV: &str = "9cdda0f81af3237bc0a7df6c1434c9c2fb471efeba1cb98158401fdc7b5fd65b";

/// A host, as its files.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write(
            "etc/passwd",
            "root:x:0:0::/root:/bin/bash\nyamada:x:1000:1000::/people/yamada:/bin/bash\n",
        );
        tree
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self) -> (Vec<Container>, Vec<Image>, Reading) {
        let reading = collect(&Sources::under(self.0.path()));
        let (mut containers, mut images) = (Vec::new(), Vec::new());
        for fact in &reading.facts {
            match fact {
                Fact::ContainerSet(set) => containers.extend(set.containers.clone()),
                Fact::ImageSet(set) => images.extend(set.images.clone()),
                other => panic!("{other:?}"),
            }
        }
        (containers, images, reading)
    }

    fn names_and_texts(&self) -> Vec<(String, String)> {
        let lists = items(&self.read().2).into_iter().flat_map(|list| list.items);
        lists.map(|(name, content)| (name, content.value.unwrap())).collect()
    }
}

/// As Docker 20.10 wrote it, with an environment that nobody needs to know.
fn docker(tree: &Tree, state: &str) {
    let config = format!(
        r#"{{"StreamConfig":{{}},"State":{state},"ID":"{WEB}","Created":"2026-11-27T21:56:53.975577712Z",
        "Managed":false,"Path":"/bin/busybox","Args":["sleep","--password=hunter2"],"Config":{{"Hostname":"vm",
        "ExposedPorts":{{"80/tcp":{{}}}},"Env":["SECRET=hunter2"],"Cmd":["sleep"],"Image":"portal:1","Labels":{{}}}},
        "Image":"sha256:{IMAGE}","NetworkSettings":{{"Networks":{{"host":{{"IPAddress":""}}}},"Ports":null}},"LogPath":"",
        "Name":"/web","Driver":"vfs","OS":"linux","MountPoints":{{
          "/data":{{"Source":"/var/lib/docker/volumes/vol/_data","Destination":"/data","RW":true,"Name":"vol","Type":"volume"}},
          "/hostetc":{{"Source":"/etc","Destination":"/hostetc","RW":true,"Name":"","Driver":"","Type":"bind"}},
          "/ro":{{"Source":"/tmp","Destination":"/ro","RW":false,"Name":"","Driver":"","Type":"bind"}}}}}}"#
    );
    let rights = r#"{"Binds":["/etc:/hostetc"],"NetworkMode":"host","PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1",
        "HostPort":"8081"}],"90/udp":[{"HostIp":"","HostPort":""}]},"Privileged":true,"ReadonlyRootfs":false}"#;
    tree.write(&format!("var/lib/docker/containers/{WEB}/config.v2.json"), config);
    tree.write(&format!("var/lib/docker/containers/{WEB}/hostconfig.json"), rights);
    let names = format!(
        r#"{{"Repositories":{{"portal":{{"portal:1":"sha256:{IMAGE}","portal@sha256:{LAYER}":"sha256:{IMAGE}"}}}}}}"#
    );
    tree.write("var/lib/docker/image/vfs/repositories.json", names);
    let about = format!(
        r#"{{"architecture":"amd64","config":{{"Env":["A=hunter2"]}},"created":"2026-11-27T21:56:53.94093952Z","os":"linux",
        "rootfs":{{"type":"layers","diff_ids":["sha256:{LAYER}"]}}}}"#
    );
    tree.write(&format!("var/lib/docker/image/vfs/imagedb/content/sha256/{IMAGE}"), about);
    tree.write(&format!("var/lib/docker/image/vfs/layerdb/sha256/{LAYER}/size"), "1982256");
}

const RUNS: &str =
    r#"{"Running":true,"Paused":false,"Pid":26566,"StartedAt":"2026-11-27T21:56:54.545941845Z"}"#;
const NEVER: &str = r#"{"Running":false,"Paused":false,"Pid":0,"StartedAt":"0001-01-01T00:00:00Z"}"#;

/// As Podman 4.3 wrote it.
fn podman(tree: &Tree, below: &str, order: Option<&str>) {
    let containers = format!(
        r#"[{{"id":"{PRIV}","names":["priv"],"image":"{IMAGE}","layer":"93","metadata":"{{\"image-name\":\"localhost/portal:1\",\"image-id\":\"{IMAGE}\",\"name\":\"priv\",\"created-at\":1795816420}}","created":"2026-11-27T21:53:40.682043741Z","flags":{{"MountLabel":"","ProcessLabel":""}}}}]"#
    );
    tree.write(&format!("{below}/vfs-containers/containers.json"), containers);
    let images = format!(
        r#"[{{"id":"{IMAGE}","digest":"sha256:{LAYER}","names":["localhost/portal:1"],"layer":"{LAYER}","created":"2026-11-27T21:53:40.325335428Z"}},
        {{"id":"{WEB}","digest":"sha256:{WEB}","layer":"gone"}}]"#
    );
    tree.write(&format!("{below}/vfs-images/images.json"), images);
    let layers = format!(
        r#"[{{"id":"{LAYER}","diff-size":1986560,"parent":"below"}},{{"id":"below","diff-size":40}},{{"id":"93","parent":"{LAYER}"}}]"#
    );
    tree.write(&format!("{below}/vfs-layers/layers.json"), layers);
    if let Some(order) = order {
        tree.write(&format!("{below}/vfs-containers/{PRIV}/userdata/config.json"), order);
    }
}

const STORE: &str = "var/lib/containers/storage";
const ORDER: &str = r#"{"ociVersion":"1.0.2-dev","process":{"args":["sleep","hunter2"],"env":["A=hunter2"]},
    "mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]},
      {"destination":"/hostetc","type":"bind","source":"/etc","options":["rw","rprivate","rbind"]},
      {"destination":"/x","type":"bind","source":"/tmp","options":["ro","rbind"]},
      {"destination":"/data","type":"bind","source":"/var/lib/containers/storage/volumes/v/_data","options":["rbind"]},
      {"destination":"/etc/hosts","type":"bind","source":"/run/containers/storage/vfs-containers/9c/userdata/hosts","options":["bind"]}],
    "annotations":{"io.podman.annotations.privileged":"TRUE"},
    "linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}}"#;

#[test]
fn a_host_without_an_engine_has_no_containers_and_says_so() {
    let (containers, images, reading) = Tree::new().read();
    assert!(containers.is_empty() && images.is_empty());
    assert_eq!((reading.facts.len(), reading.reason.as_str()), (2, ""));
}

#[test]
fn the_books_of_docker_say_what_runs_with_which_rights_and_no_secret_is_told() {
    let tree = Tree::new();
    docker(&tree, RUNS);
    tree.write("proc/26566/comm", "busybox");
    let (containers, images, reading) = tree.read();
    let [web] = &containers[..] else { panic!("{containers:?}") };
    assert_eq!(
        (web.name.as_str(), web.image.as_str(), web.state),
        ("docker/web", "portal:1", Running::Running)
    );
    assert_eq!(web.image_id, digest(IMAGE));
    assert_eq!(web.since, "2026-11-27T21:56:54.545941845Z".parse().ok());
    assert_eq!((web.privileged, web.host_network), (Some(true), Some(true)));
    assert_eq!(web.ports.as_deref().unwrap(), ["127.0.0.1:8081->80/tcp", "0.0.0.0:any->90/udp"]);
    assert_eq!(web.mounts, ["/etc:/hostetc"], "neither a volume of Docker's own nor what is only read");
    let [image] = &images[..] else { panic!("{images:?}") };
    assert_eq!((image.names.as_slice(), image.bytes), (&["portal:1".to_owned()][..], Some(1_982_256)));
    assert_eq!(image.digests, [digest(LAYER).unwrap()]);
    assert!(reading.reason.is_empty(), "{reading:?}");
    assert!(!serde_json::to_string(&reading.facts).unwrap().contains("hunter2"));
}

#[test]
fn the_books_of_podman_say_what_was_started_with_which_rights_and_no_secret_is_told() {
    let tree = Tree::new();
    podman(&tree, STORE, Some(ORDER));
    let (containers, images, reading) = tree.read();
    let [one] = &containers[..] else { panic!("{containers:?}") };
    assert_eq!((one.name.as_str(), one.image.as_str()), ("podman/priv", "localhost/portal:1"));
    assert_eq!((one.privileged, one.host_network, one.state), (Some(true), Some(true), Running::Stopped));
    assert_eq!(one.mounts, ["/etc:/hostetc"]);
    assert_eq!(images.len(), 2);
    assert_eq!(
        (images[0].names.as_slice(), images[0].bytes),
        (&["localhost/portal:1".to_owned()][..], Some(1_986_600))
    );
    assert_eq!((images[1].names.len(), images[1].bytes), (0, None));
    assert!(!serde_json::to_string(&reading.facts).unwrap().contains("hunter2"));
    let pidfile = format!("run/containers/storage/vfs-containers/{PRIV}/userdata/pidfile");
    tree.write(&pidfile, "77");
    tree.write("proc/77/mountinfo", "1 2 0:3 / /etc rw - ext4 /dev/vda rw\n");
    assert_eq!(tree.read().0[0].state, Running::Stopped, "the number belongs to another process now");
    tree.write("proc/77/mountinfo", format!("1 2 0:3 /vfs-containers/{PRIV}/userdata/hosts /etc/hosts rw\n"));
    let running = tree.read().0.remove(0);
    assert!(running.state == Running::Running && running.since.is_some(), "{running:?}");
}

#[test]
fn a_restart_changes_nothing_of_a_container_and_another_image_or_right_does() {
    let tree = Tree::new();
    docker(&tree, NEVER);
    let before = tree.names_and_texts();
    docker(&tree, RUNS);
    assert_eq!(tree.names_and_texts(), before);
    assert_eq!(before.len(), 2);
    assert_eq!(before[1], ("docker/portal:1".to_owned(), format!("sha256:{IMAGE}")));
    let config = tree.0.path().join(format!("var/lib/docker/containers/{WEB}/config.v2.json"));
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(IMAGE, LAYER)).unwrap();
    let changed = tree.names_and_texts();
    assert!(changed[0].1 != before[0].1 && changed[1] == before[1], "{changed:?}");
    docker(&tree, NEVER);
    let rights = tree.0.path().join(format!("var/lib/docker/containers/{WEB}/hostconfig.json"));
    let text = std::fs::read_to_string(&rights).unwrap();
    std::fs::write(&rights, text.replace(r#""Privileged":true"#, r#""Privileged":false"#)).unwrap();
    assert_ne!(tree.names_and_texts()[0], before[0]);
}

#[test]
fn an_account_has_containers_of_its_own_where_there_is_a_program_for_that() {
    let tree = Tree::new();
    podman(&tree, "people/yamada/.local/share/containers/storage", None);
    assert!(tree.read().0.is_empty());
    tree.write("usr/bin/podman", "");
    let (containers, images, _) = tree.read();
    assert_eq!(containers[0].name, "podman:yamada/priv");
    assert_eq!((containers[0].state, containers[0].privileged), (Running::Created, None));
    assert_eq!(images[0].engine, "podman:yamada");
    // It may keep them elsewhere, and may put there whatever it likes.
    tree.write("people/yamada/.config/containers/storage.conf", "[storage]\ngraphroot = \"$HOME/kept\"\n");
    assert!(tree.read().0.is_empty());
    podman(&tree, "people/yamada/kept", None);
    assert_eq!(tree.read().0.len(), 1);
    let book = tree.0.path().join("people/yamada/kept/vfs-containers/containers.json");
    std::fs::remove_file(&book).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &book, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let (containers, _, reading) = tree.read();
    assert!(containers.is_empty() && reading.reason.contains("yamada"), "{reading:?}");
}

#[test]
fn an_engine_whose_books_cannot_be_read_is_not_one_without_containers() {
    let gap = |tree: &Tree| {
        let (_, _, reading) = tree.read();
        let gaps: Vec<bool> = items(&reading).iter().map(|list| !list.coverage.is_complete()).collect();
        (gaps, reading.reason)
    };
    let tree = Tree::new();
    tree.write("proc/9/comm", "dockerd\n");
    assert!(gap(&tree).1.starts_with("docker runs"), "it runs, and what it keeps is not there");
    let tree = Tree::new();
    tree.write("var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db", "bolt");
    assert_eq!(gap(&tree).0, [true, true]);
    docker(&tree, NEVER);
    assert_eq!(gap(&tree).0, [false, false], "Docker uses it");
    let driver = tree.0.path().join("var/lib/docker/image");
    std::fs::rename(&driver, tree.0.path().join("var/lib/docker/image-of-before")).unwrap();
    assert_eq!(gap(&tree).0, [false, true], "its images are where they cannot be read");
    let tree = Tree::new();
    docker(&tree, NEVER);
    tree.write(&format!("var/lib/docker/containers/{WEB}/config.v2.json"), "{\"ID\":");
    assert_eq!(gap(&tree).0, [true, false]);
    let tree = Tree::new();
    podman(&tree, STORE, None);
    tree.write(&format!("{STORE}/vfs-images/images.json"), "[[[[");
    assert_eq!(gap(&tree).0, [false, true]);
    tree.write("etc/containers/storage.conf", "graphroot is somewhere");
    assert_eq!(gap(&tree).0, [true, true]);
}

#[test]
fn a_host_may_keep_them_where_its_settings_say() {
    let tree = Tree::new();
    docker(&tree, NEVER);
    podman(&tree, STORE, None);
    tree.write("etc/docker/daemon.json", r#"{"data-root":"/srv/docker","live-restore":true}"#);
    tree.write("etc/containers/storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \"/srv/podman\"\n");
    assert!(tree.read().0.is_empty());
    std::fs::create_dir_all(tree.0.path().join("srv")).unwrap();
    for (from, to) in [("var/lib/docker", "srv/docker"), (STORE, "srv/podman")] {
        std::fs::rename(tree.0.path().join(from), tree.0.path().join(to)).unwrap();
    }
    let names: Vec<String> = tree.read().0.into_iter().map(|container| container.name).collect();
    assert_eq!(names, ["docker/web", "podman/priv"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the books, as far as it is JSON and where it is not: it is read within limits, or said to be missed.
    #[test]
    fn any_book_is_read_within_limits_or_missed(
        which in 0_usize..6,
        at in any::<prop::sample::Index>(),
        put in prop_oneof!["[a-z\\[\\]{}\",:0-9]{0,12}", "\\PC{0,400}", Just("[".repeat(100_000))],
    ) {
        let tree = Tree::new();
        docker(&tree, RUNS);
        podman(&tree, STORE, Some(ORDER));
        let path = [
            format!("var/lib/docker/containers/{WEB}/config.v2.json"),
            format!("var/lib/docker/containers/{WEB}/hostconfig.json"),
            "var/lib/docker/image/vfs/repositories.json".to_owned(),
            format!("{STORE}/vfs-containers/containers.json"),
            format!("{STORE}/vfs-images/images.json"),
            format!("{STORE}/vfs-containers/{PRIV}/userdata/config.json"),
        ];
        let path = tree.0.path().join(&path[which]);
        let text = std::fs::read_to_string(&path).unwrap();
        let cut: String = text.chars().take(at.index(text.len())).collect();
        let rest: String = text.chars().skip(cut.chars().count()).collect();
        std::fs::write(&path, format!("{cut}{put}{rest}")).unwrap();
        let (containers, images, reading) = tree.read();
        prop_assert!(reading.reason.chars().count() < 400);
        prop_assert!(containers.len() <= 2 && images.len() <= 3);
        // One book of one engine: the other engine is seen as before.
        let other = if which < 3 { "podman/priv" } else { "docker/web" };
        prop_assert!(containers.iter().any(|one| one.name == other));
        for one in &containers {
            prop_assert!(one.name.chars().count() <= 2 * LONGEST && !one.name.chars().any(char::is_control));
            prop_assert!(one.image.chars().count() <= LONGEST);
        }
        for (name, text) in tree.names_and_texts() {
            prop_assert!(name.chars().count() <= 2 * LONGEST && text.chars().count() <= LONGEST_TEXT);
        }
    }
}
