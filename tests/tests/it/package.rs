//! The Debian package, as `[package.metadata.deb]` of `crates/yakujo` describes it: it installs, goes up and down with the same
//! outbox, leaves evidence where it is when it goes, and its units pass systemd's own check. Needs root, `dpkg` and `systemd`.

use crate::units::run;
use anyhow::{Context, ensure};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use yakujo_agent::outbox::{Bound, Outbox};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentStop;
use yakujo_stories::package::deb;

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");

/// A system of its own for dpkg, without any other package.
struct Root(PathBuf);

impl Root {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let root = folder.join("root");
        for name in ["etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"] {
            std::fs::create_dir_all(root.join(name))?;
        }
        std::fs::write(root.join("var/lib/dpkg/status"), "")?;
        Ok(Self(root))
    }

    fn dpkg(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let root = format!("--root={}", self.0.display());
        let mut all =
            vec![root.as_str(), "--force-script-chrootless", "--force-depends", "--force-unsafe-io"];
        all.extend(arguments);
        run("/usr/bin/dpkg", &all).map(drop)
    }

    fn install(&self, file: &Path) -> anyhow::Result<()> {
        self.dpkg(&["--force-downgrade", "--install", &file.display().to_string()])
    }

    /// The numbers of what waits in the agent's outbox.
    async fn waiting(&self, also: &[Fact]) -> anyhow::Result<Vec<u64>> {
        let folder = self.0.join("var/lib/yakujo-agent/agent");
        let outbox = Outbox::open(&folder, "run".to_owned(), Bound::default()).await?;
        outbox.put(Timestamp::UNIX_EPOCH, also).await?;
        let waiting = outbox.take(100).await?.iter().map(|fact| fact.seq).collect();
        outbox.close().await;
        Ok(waiting)
    }
}

#[tokio::test]
async fn the_package_goes_up_and_down_with_the_same_outbox_and_leaves_evidence_behind() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let built = yakujo_stories::built()?;
    let (old, new) = (deb(folder.path(), "0.0.1", &built)?, deb(folder.path(), "0.0.2", &built)?);
    let root = Root::new(folder.path())?;
    root.install(&old)?;
    let users = std::fs::read_to_string(root.0.join("etc/passwd"))?;
    ensure!(users.contains("yakujo:") && users.contains("yakujo-agent:"), "{users}");
    let program = root.0.join("usr/bin/yakujo");
    ensure!(run(&program.display().to_string(), &["--version"])?.starts_with("yakujo "));
    let fact = || Fact::AgentStop(AgentStop { reason: "a test".to_owned() });
    ensure!(root.waiting(&[fact()]).await? == [1]);
    root.install(&new)?;
    ensure!(root.waiting(&[fact()]).await? == [1, 2]);
    root.install(&old)?;
    ensure!(root.waiting(&[]).await? == [1, 2]);
    root.dpkg(&["--purge", "yakujo"])?;
    ensure!(!program.exists());
    ensure!(root.waiting(&[]).await? == [1, 2], "what waits is evidence");
    Ok(())
}

#[test]
fn the_units_give_the_agent_what_lets_it_look_and_nothing_to_act_with() -> anyhow::Result<()> {
    // systemd's own measure of what a unit could do: 0 (nothing) to 100 (everything).
    for (unit, most) in
        [("yakujo-server.service", "20"), ("yakujo-agent.service", "40"), ("yakujo-act@.service", "70")]
    {
        let (threshold, file) = (format!("--threshold={most}"), format!("{PACKAGING}/{unit}"));
        run("/usr/bin/systemd-analyze", &["security", "--offline=yes", "--no-pager", &threshold, &file])?;
    }
    let agent = std::fs::read_to_string(format!("{PACKAGING}/yakujo-agent.service"))?;
    let given = agent.lines().find_map(|line| line.strip_prefix("AmbientCapabilities="));
    let given = given.context("capabilities")?;
    ensure!(given == "CAP_DAC_READ_SEARCH CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_NET_ADMIN", "{given}");
    ensure!(agent.contains(&format!("CapabilityBoundingSet={given}\n")));
    Ok(())
}

#[test]
fn whatever_the_package_can_start_is_stopped_before_its_program_goes() -> anyhow::Result<()> {
    let script = std::fs::read_to_string(format!("{PACKAGING}/debian/prerm"))?;
    let mut units = 0;
    for file in std::fs::read_dir(PACKAGING)? {
        let name = file?.file_name().to_string_lossy().into_owned();
        // Instances of a template end with the socket that starts them.
        if (name.ends_with(".service") || name.ends_with(".socket")) && !name.contains("@.") {
            units += 1;
            ensure!(script.contains(&name), "{name} stays enabled");
        }
    }
    ensure!(units >= 3, "{units}");
    Ok(())
}
