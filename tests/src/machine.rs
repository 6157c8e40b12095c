//! A machine of its own under a real systemd: the story is a unit there, beside those of the package. Whatever it installs, starts
//! or breaks is gone when it ends: this machine's disk lies beneath as it is and is not written to. Needs root, `unshare`,
//! overlayfs and a cgroup of version 2.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set in that machine.
const MARK: &str = "YAKUJO_UNDER_SYSTEMD";
/// What both sides see, as the story sees it.
pub const SHARED: &str = "/run/story";
const SYSTEMD: &str = "/lib/systemd/systemd";
/// A machine that does not end is ended, s.
const LASTS: &str = "540";

/// Puts everything in place, and goes. Of the units of this machine only the journal's may start.
const PREPARE: &str = r#"
set -e
echo 0 > "$GROUP/cgroup.procs"
exec unshare --cgroup /bin/sh -c '
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 own "$BASE"
root=$BASE/root
mkdir "$BASE/upper" "$BASE/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$BASE/upper,workdir=$BASE/work" own "$root"
for own in tmp var/tmp; do mkdir -p "$root/$own"; mount -t tmpfs -o mode=1777 own "$root/$own"; done
for own in run dev; do mount -t tmpfs -o mode=755 own "$root/$own"; done
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777 own "$root/dev/shm"
mkdir -p "$root$SHARED" "$root$BUILT"
mount --bind "$FOLDER" "$root$SHARED"
mount --bind "$BUILT" "$root$BUILT"
rm -rf "$root/etc/systemd/system" "$root/etc/fstab" "$root/var/log/journal"
for generators in lib etc usr/local/lib; do
  rm -rf "$root/$generators/systemd/system-generators"
done
mkdir "$root/etc/systemd/system"
for wanted in "$root"/lib/systemd/system/*.wants/*; do
  case $wanted in
    *journald*) ;;
    *) ln -sf /dev/null "$root/etc/systemd/system/${wanted##*/}" ;;
  esac
done
cp "$FOLDER/story.service" "$root/etc/systemd/system/"
ip link set lo up
hostname story
cd "$root"
mkdir run/old
pivot_root . run/old
umount -l /run/old
exec env -i container=yakujo-story PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  "$SYSTEMD" --system --unit=story.service --log-target=journal --show-status=no
'
"#;

/// Whether this process runs in such a machine already.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs a story as a unit of systemd. `test` is the full name of the test that calls this; `prepare` lays into a folder what
/// the story finds below [`SHARED`]. Where there is no such machine to be had this says so, and nothing is run.
///
/// # Errors
/// When the story fails.
pub fn under_systemd<Story>(
    test: &str,
    prepare: impl FnOnce(&Path) -> anyhow::Result<()>,
    story: impl FnOnce() -> Story,
) -> anyhow::Result<()>
where
    Story: Future<Output = anyhow::Result<()>>,
{
    if is_inside() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let told = runtime.block_on(story());
        runtime.shutdown_background();
        return told;
    }
    let group = match group() {
        Ok(group) => group,
        Err(reason) => {
            println!("skipped, {test} needs a systemd of its own: {reason:#}");
            return Ok(());
        }
    };
    let folder = tempfile::tempdir()?;
    prepare(folder.path())?;
    std::fs::write(folder.path().join("story.service"), unit(test)?)?;
    let status = group.run(folder.path());
    println!("{}", std::fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    ensure!(status?, "the story failed in its machine");
    Ok(())
}

/// The story as a unit; with it ends the machine.
fn unit(test: &str) -> anyhow::Result<String> {
    let itself = std::env::current_exe()?;
    Ok(format!(
        "[Unit]\nSuccessAction=exit\nFailureAction=exit\nFailureActionExitStatus=1\n\
         [Service]\nType=oneshot\nEnvironment={MARK}=1 RUST_BACKTRACE=0\n\
         ExecStart={} --exact {test} --nocapture\n\
         StandardOutput=file:{SHARED}/log\nStandardError=file:{SHARED}/log\n",
        itself.display()
    ))
}

/// The cgroup in which the machine lies; it goes with this.
struct Group(PathBuf);

/// Makes one, where everything is there that such a machine needs.
fn group() -> anyhow::Result<Group> {
    ensure!(is_root()?, "this is not root");
    ensure!(Path::new(SYSTEMD).exists(), "there is no {SYSTEMD}");
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let of_version_2 = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some(words.next()?.to_owned()).filter(|_| words.next() == Some("cgroup2"))
    };
    let all = mounts.lines().find_map(of_version_2).context("no cgroup of version 2")?;
    let spaces = Command::new("/usr/bin/unshare")
        .args(["--pid", "--mount", "--fork", "--cgroup", "--ipc", "--uts", "--net", "/bin/true"])
        .stderr(Stdio::null())
        .status()
        .context("unshare")?;
    ensure!(spaces.success(), "no namespaces");
    let group = Path::new(&all).join(format!("yakujo-story-{}", std::process::id()));
    std::fs::create_dir(&group).context("no cgroup can be made")?;
    Ok(Group(group))
}

fn is_root() -> anyhow::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

impl Group {
    /// Whether all went well there.
    fn run(&self, folder: &Path) -> anyhow::Result<bool> {
        let base = folder.join("base");
        std::fs::create_dir(&base)?;
        let itself = std::env::current_exe()?;
        let built = itself.parent().and_then(Path::parent).context("a test lies in target/…/deps")?;
        let status = Command::new("/usr/bin/timeout")
            .args(["--foreground", "--signal=KILL", LASTS, "/usr/bin/unshare"])
            .args(["--pid", "--mount", "--fork", "--kill-child", "--ipc", "--uts", "--net"])
            .args(["/bin/sh", "-c", PREPARE])
            .env("GROUP", &self.0)
            .env("BASE", base)
            .env("FOLDER", folder)
            .env("BUILT", built)
            .env("SHARED", SHARED)
            .env("SYSTEMD", SYSTEMD)
            .stdin(Stdio::null())
            .status()?;
        Ok(status.success())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// A cgroup is a folder whose files go with it.
fn remove(group: &Path) {
    for within in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if within.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&within.path());
        }
    }
    // One that is in use yet stays, and says nothing of the story.
    let _ = std::fs::remove_dir(group);
}
