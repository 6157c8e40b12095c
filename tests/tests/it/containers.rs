//! Containers with and without a ticket, made and started by the real Podman: a new one, a restart, a name that now stands for
//! another image, a container made anew with more rights, one that vanishes.

use crate::changes::ground::{self, joined, kept, run, script};
use crate::town_hall::{MINUTE, TownHall, Within, approved, over};
use anyhow::{Context, ensure};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use yakujo_contract::fact::container::{Container, Running};
use yakujo_contract::reconcile::{Join, Missing};
use yakujo_contract::request::form::Form;
use yakujo_contract::thing::Object;
use yakujo_stories::City;
use yakujo_stories::alone::alone;

const HISTORY: &str = "/c/main/changes";
const DUTY: &str = "/c/main/duty/8.a";
const CONTAINERS: &str = "/c/main/hosts/this-host?tab=containers";
const IMAGES: &str = "/c/main/hosts/this-host?tab=images";
const PORTAL: &str = "podman/portal";
const IMAGE: &str = "podman/localhost/portal:1";

/// What a program in a container may use, where the machine does not let it have Podman's own numbers.
const LIMITS: &str = "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024";

/// Podman with a store that is gone when the story ends.
fn podman(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all("/etc/containers")?;
    let kept = folder.join("kept").display().to_string();
    std::fs::write(
        "/etc/containers/storage.conf",
        format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{kept}\"\nrunroot = \"/run/containers/storage\"\n"
        ),
    )?;
    std::fs::write(
        "/etc/containers/containers.conf",
        "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\nruntime = \"runc\"\n",
    )?;
    for version in ["one", "two"] {
        let tree = folder.join(version);
        std::fs::create_dir_all(tree.join("bin"))?;
        std::fs::copy("/bin/busybox", tree.join("bin/busybox"))?;
        std::fs::write(tree.join("version"), version)?;
        let archive = folder.join(format!("{version}.tar")).display().to_string();
        run("tar", &["-C", &tree.display().to_string(), "-cf", &archive, "bin", "version"])?;
    }
    // What it writes of itself when it runs first is there before anybody looks.
    run("podman", &["ps"])
}

fn import(folder: &Path, version: &str) -> anyhow::Result<()> {
    let archive = folder.join(format!("{version}.tar")).display().to_string();
    run("podman", &["import", &archive, "localhost/portal:1"])
}

fn start(rights: &str) -> anyhow::Result<()> {
    let image = "localhost/portal:1 /bin/busybox sleep 3600";
    script(&format!("podman run -d --name portal -e SECRET=hunter2 {LIMITS} {rights} {image}"))
}

/// The container, as the evidence has it.
fn portal(city: &City) -> anyhow::Result<Option<Container>> {
    let office = city.office()?;
    let court = office.court();
    let host = court.evidence().hosts.get(&"this-host".parse()?).context("the host is known")?;
    let list = host.containers.newest().context("its containers are told")?;
    Ok(list.items.into_iter().find(|container| container.name == PORTAL).cloned())
}

#[test]
fn a_container_and_its_image_are_joined_with_their_ticket() -> anyhow::Result<()> {
    let test = "containers::a_container_and_its_image_are_joined_with_their_ticket";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        podman(folder.path())?;
        let city = ground::begin(&folder.path().join("data")).await?;
        let hall = TownHall::open(&city).await?;
        ensure!(hall.shows(CONTAINERS, &["コンテナはありません"])?, "that there are none is said");
        as_approved(&city, &hall, folder.path()).await?;
        a_restart_is_no_change(&city).await?;
        over(&city, "q-portal").await?;
        // Nothing that was seen before the ticket ended is part of what follows.
        tokio::time::sleep(Duration::from_secs(20)).await;
        without_a_ticket(&city, &hall, folder.path()).await?;
        let office = city.office()?;
        for number in 0..office.size() {
            let entry = hall.page(&format!("/c/main/ledger/{number}"))?;
            ensure!(!entry.contains("hunter2"), "the secret of a container is told: {number}");
        }
        city.stop().await;
        Ok(())
    })
}

async fn as_approved(city: &City, hall: &TownHall, folder: &Path) -> anyhow::Result<()> {
    let things = json!([{ "object": "container", "name": PORTAL }, { "object": "image", "name": IMAGE }]);
    let scope = json!({ "systems": ["main"], "things": things });
    approved(city, "q-portal", Form::F09, scope, Within::AN_HOUR).await?;
    import(folder, "one")?;
    start("--network none")?;
    let began = Instant::now();
    hall.until_shown(HISTORY, &[PORTAL, "コンテナ", "承認どおり"], began).await?;
    hall.until_shown(HISTORY, &[IMAGE, "コンテナイメージ", "承認どおり"], began).await?;
    hall.until_shown(CONTAINERS, &[PORTAL, "localhost/portal:1", "稼働中", "制限あり"], began).await?;
    hall.until_shown(IMAGES, &["localhost/portal:1", "MiB"], began).await?;
    ensure!(kept(city)?, "{:?}", city.ruling("8.a")?.verdict);
    Ok(())
}

async fn a_restart_is_no_change(city: &City) -> anyhow::Result<()> {
    let seen = || joined(city, Object::Container, PORTAL);
    let before = seen()?.context("it is told")?;
    let since = portal(city)?.and_then(|it| it.since);
    run("podman", &["stop", "-t", "0", "portal"])?;
    let stopped = |city: &City| Ok(portal(city)?.is_some_and(|it| it.state == Running::Stopped));
    city.until(MINUTE, "it has stopped", stopped).await?;
    run("podman", &["start", "portal"])?;
    let again =
        |city: &City| Ok(portal(city)?.is_some_and(|it| it.state == Running::Running && it.since > since));
    city.until(MINUTE, "it runs again", again).await?;
    ensure!(seen()?.as_ref() == Some(&before), "a restart is told as a change: {:?}", seen()?);
    ensure!(kept(city)?, "{:?}", city.ruling("8.a")?.verdict);
    Ok(())
}

async fn without_a_ticket(city: &City, hall: &TownHall, folder: &Path) -> anyhow::Result<()> {
    let unasked = |object, name: &str| -> anyhow::Result<()> {
        let (_, join) = joined(city, object, name)?.with_context(|| name.to_owned())?;
        ensure!(join == Join::NotApproved(Missing::Request), "{name}: {join:?}");
        Ok(())
    };
    // Its name stands for another image now.
    import(folder, "two")?;
    let began = Instant::now();
    hall.until_shown(DUTY, &[IMAGE, "承認なし"], began).await?;
    hall.until_shown(HISTORY, &[IMAGE, "承認なし"], began).await?;
    unasked(Object::Image, IMAGE)?;
    ensure!(!kept(city)?, "8.a is kept");

    // It is made anew from that, with all rights of the host.
    let image = portal(city)?.and_then(|it| it.image_id);
    run("podman", &["rm", "-f", "-t", "0", "portal"])?;
    let own = folder.join("one").display().to_string();
    start(&format!("--network host --privileged -v {own}:/srv"))?;
    let began = Instant::now();
    hall.until_shown(HISTORY, &[PORTAL, "承認なし"], began).await?;
    hall.until_shown(CONTAINERS, &["すべての権限をもつコンテナ", PORTAL], began).await?;
    hall.until_shown(CONTAINERS, &[PORTAL, "特権", "ホストのネットワーク", &own], began).await?;
    unasked(Object::Container, PORTAL)?;
    ensure!(portal(city)?.and_then(|it| it.image_id) != image, "it is another image");

    run("podman", &["rm", "-f", "-t", "0", "portal"])?;
    city.until(MINUTE, "it has gone", |city| Ok(portal(city)?.is_none())).await?;
    let gone = |city: &City| {
        let seen = joined(city, Object::Container, PORTAL)?;
        Ok(seen.is_some_and(|(it, _)| it.digest_after.is_none()))
    };
    city.until(MINUTE, "that it has gone is a change", gone).await?;
    unasked(Object::Container, PORTAL)
}
