//! The Debian package, as `[package.metadata.deb]` of this crate describes it: it installs, goes up and down with the same
//! outbox, leaves evidence where it is when it goes, and its units pass systemd's own check. Needs root, `dpkg` and `systemd`.
#![expect(clippy::unwrap_used, reason = "what a test needs fails like the test")]

use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use yakujo_agent::outbox::{Bound, Outbox};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentStop;

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{program} {arguments:?}: {out}{error}");
    format!("{out}{error}")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn metadata() -> toml::Table {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    let found = ["package", "metadata", "deb"]
        .into_iter()
        .try_fold(&manifest, |table, name| table.get(name)?.as_table());
    found.unwrap().clone()
}

/// What `cargo deb` would make, with this version and the program of this test run.
fn package(folder: &Path, version: &str) -> PathBuf {
    let (metadata, own) = (metadata(), Path::new(env!("CARGO_MANIFEST_DIR")));
    let tree = folder.join(version);
    for asset in metadata.get("assets").unwrap().as_array().unwrap() {
        let words: Vec<&str> = asset.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let [from, to, mode] = words[..] else { unreachable!("an asset is from, to, mode: {words:?}") };
        let is_program = from.starts_with("target/");
        let from = if is_program { PathBuf::from(env!("CARGO_BIN_EXE_yakujo")) } else { own.join(from) };
        let name = if to.ends_with('/') { from.file_name().unwrap().to_str().unwrap() } else { "" };
        let to = tree.join(format!("{to}{name}"));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        run("/usr/bin/install", &["-m", mode, &text(&from), &text(&to)]);
    }
    let control = tree.join("DEBIAN");
    std::fs::create_dir_all(&control).unwrap();
    let scripts = own.join(metadata.get("maintainer-scripts").unwrap().as_str().unwrap());
    for script in std::fs::read_dir(scripts).unwrap() {
        run("/usr/bin/install", &["-m", "755", &text(&script.unwrap().path()), &text(&control)]);
    }
    let value = |key: &str| metadata.get(key).unwrap().as_str().unwrap();
    let fields = format!(
        "Package: yakujo\nVersion: {version}\nArchitecture: amd64\nMaintainer: {}\nDepends: {}\nDescription: {}\n",
        value("maintainer"),
        value("depends"),
        value("extended-description"),
    );
    std::fs::write(control.join("control"), fields).unwrap();
    let file = folder.join(format!("yakujo_{version}.deb"));
    run("/usr/bin/dpkg-deb", &["--root-owner-group", "-Znone", "--build", &text(&tree), &text(&file)]);
    std::fs::remove_dir_all(tree).unwrap();
    file
}

/// A system of its own for dpkg, without any other package.
struct Root(PathBuf);

impl Root {
    fn new(folder: &Path) -> Self {
        let root = folder.join("root");
        for name in ["etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
        Self(root)
    }

    fn dpkg(&self, arguments: &[&str]) {
        let root = format!("--root={}", self.0.display());
        let mut all =
            vec![root.as_str(), "--force-script-chrootless", "--force-depends", "--force-unsafe-io"];
        all.extend(arguments);
        run("/usr/bin/dpkg", &all);
    }

    /// The numbers of what waits in the agent's outbox.
    async fn waiting(&self, also: &[Fact]) -> Vec<u64> {
        let folder = self.0.join("var/lib/yakujo-agent/agent");
        let outbox = Outbox::open(&folder, "run".to_owned(), Bound::default()).await.unwrap();
        outbox.put(Timestamp::UNIX_EPOCH, also).await.unwrap();
        let waiting = outbox.take(100).await.unwrap().iter().map(|fact| fact.seq).collect();
        outbox.close().await;
        waiting
    }
}

#[tokio::test]
async fn the_package_goes_up_and_down_with_the_same_outbox_and_leaves_evidence_behind() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (old, new) = (package(folder.path(), "0.0.1"), package(folder.path(), "0.0.2"));
    let root = Root::new(folder.path());
    root.dpkg(&["--install", &text(&old)]);
    let users = std::fs::read_to_string(root.0.join("etc/passwd")).unwrap();
    assert!(users.contains("yakujo:") && users.contains("yakujo-agent:"), "{users}");
    let program = text(&root.0.join("usr/bin/yakujo"));
    assert!(run(&program, &["--version"]).starts_with("yakujo "));
    let fact = || Fact::AgentStop(AgentStop { reason: "a test".to_owned() });
    assert_eq!(root.waiting(&[fact()]).await, [1]);
    root.dpkg(&["--install", &text(&new)]);
    assert_eq!(root.waiting(&[fact()]).await, [1, 2]);
    root.dpkg(&["--force-downgrade", "--install", &text(&old)]);
    assert_eq!(root.waiting(&[]).await, [1, 2]);
    root.dpkg(&["--purge", "yakujo"]);
    assert!(!Path::new(&program).exists());
    assert_eq!(root.waiting(&[]).await, [1, 2], "what waits is evidence");
}

#[test]
fn the_units_give_the_agent_what_lets_it_look_and_nothing_to_act_with() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    // systemd's own measure of what a unit could do: 0 (nothing) to 100 (everything).
    for (unit, most) in
        [("yakujo-server.service", "20"), ("yakujo-agent.service", "40"), ("yakujo-act@.service", "70")]
    {
        let threshold = format!("--threshold={most}");
        let file = text(&packaging.join(unit));
        run("/usr/bin/systemd-analyze", &["security", "--offline=yes", "--no-pager", &threshold, &file]);
    }
    let agent = std::fs::read_to_string(packaging.join("yakujo-agent.service")).unwrap();
    let given = agent.lines().find_map(|line| line.strip_prefix("AmbientCapabilities=")).unwrap();
    assert_eq!(given, "CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_NET_ADMIN");
    assert!(agent.contains(&format!("CapabilityBoundingSet={given}\n")));
}

#[test]
fn whatever_the_package_can_start_is_stopped_before_its_program_goes() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    let script = std::fs::read_to_string(packaging.join("debian/prerm")).unwrap();
    let units =
        std::fs::read_dir(&packaging).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    // Instances of a template end with the socket that starts them.
    let units: Vec<String> = units.filter(|name| name.contains('.') && !name.contains("@.")).collect();
    for unit in units.iter().filter(|name| name.ends_with(".service") || name.ends_with(".socket")) {
        assert!(script.contains(unit.as_str()), "{unit} stays enabled");
    }
    assert!(units.len() >= 3, "{units:?}");
}
