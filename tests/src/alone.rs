//! A story that breaks the machine it runs on gets one of its own: the test starts itself again in namespaces where
//! network, processes, mounts and `/etc` are private. What it breaks is real there and gone when it ends, and the agent
//! sees nothing of what other tests do. Needs root.

use anyhow::{Context, ensure};
use std::ffi::OsStr;
use std::process::Command;

/// Set in the private machine.
const MARK: &str = "YAKUJO_ALONE";

/// Makes the machine private: the loopback interface up, and `/etc` and `/tmp` as copies that only it sees.
const PRIVATE: &str = r#"
set -e
ip link set lo up
mount -t tmpfs own /run
mkdir /run/etc
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
exec "$0" "$@"
"#;

/// Whether this process runs in a private machine already.
#[must_use]
pub fn is_alone() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs a story in a private machine. `test` is the full name of the test that calls this.
///
/// # Errors
/// When the story fails, or when there are no namespaces to be had.
pub fn alone<Story>(test: &str, story: impl FnOnce() -> Story) -> anyhow::Result<()>
where
    Story: Future<Output = anyhow::Result<()>>,
{
    if is_alone() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let told = runtime.block_on(story());
        // What a story that failed left running is not waited for.
        runtime.shutdown_background();
        return told;
    }
    let itself = std::env::current_exe()?;
    let spaces =
        ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"].map(OsStr::new);
    let status = Command::new("/usr/bin/unshare")
        .args(spaces)
        .args(["/bin/sh", "-c", PRIVATE])
        .arg(itself)
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1")
        .status()
        .context("unshare cannot be started")?;
    ensure!(status.success(), "the story failed in its private machine (it needs root): {status}");
    Ok(())
}
