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
const KABAN: &str = "podman/kaban";
const KABANS_IMAGE: &str = "podman/localhost/kaban:1";

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

fn import(folder: &Path, version: &str, name: &str) -> anyhow::Result<()> {
    let archive = folder.join(format!("{version}.tar")).display().to_string();
    run("podman", &["import", &archive, &format!("localhost/{name}:1")])
}

fn start(name: &str, rights: &str) -> anyhow::Result<()> {
    let image = format!("localhost/{name}:1 /bin/busybox sleep 3600");
    script(&format!("podman run -d --name {name} -e SECRET=hunter2 {LIMITS} {rights} {image}"))
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
    import(folder, "one", "portal")?;
    start("portal", "--network none")?;
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

/// Another container, which no ticket was ever about: new, from another image with more rights, gone.
async fn without_a_ticket(city: &City, hall: &TownHall, folder: &Path) -> anyhow::Result<()> {
    import(folder, "one", "kaban")?;
    start("kaban", "--network none")?;
    let began = Instant::now();
    hall.until_shown(DUTY, &["kaban", "承認なし"], began).await?;
    hall.until_shown(HISTORY, &[KABAN, "コンテナ", "承認なし"], began).await?;
    hall.until_shown(HISTORY, &[KABANS_IMAGE, "承認なし"], began).await?;
    ensure!(!kept(city)?, "8.a is kept");

    // Its name stands for another image now.
    let is_new = |object, name| {
        let (it, join) = joined(city, object, name)?.with_context(|| name.to_owned())?;
        ensure!(join == Join::NotApproved(Missing::Request), "{name}: {join:?}");
        Ok(it.digest_after)
    };
    let first = is_new(Object::Image, KABANS_IMAGE)?;
    import(folder, "two", "kaban")?;
    city.until(MINUTE, "it is another image", |_| Ok(is_new(Object::Image, KABANS_IMAGE)? != first)).await?;
    ensure!(is_new(Object::Container, KABAN)? == first, "the container is as it was");

    // It is made anew from that, with all rights of the host.
    run("podman", &["rm", "-f", "-t", "0", "kaban"])?;
    let own = folder.join("one").display().to_string();
    start("kaban", &format!("--network host --privileged -v {own}:/srv"))?;
    let began = Instant::now();
    hall.until_shown(CONTAINERS, &["すべての権限をもつコンテナ", KABAN], began).await?;
    hall.until_shown(CONTAINERS, &[KABAN, "特権", "ホストのネットワーク", &own], began).await?;
    let second = is_new(Object::Image, KABANS_IMAGE)?;
    let from_that = |_: &City| Ok(is_new(Object::Container, KABAN)? == second);
    city.until(MINUTE, "the container is from the other image", from_that).await?;

    run("podman", &["rm", "-f", "-t", "0", "kaban"])?;
    city.until(MINUTE, "it has gone", |_| Ok(is_new(Object::Container, KABAN)?.is_none())).await?;
    ensure!(!hall.shows(CONTAINERS, &[KABAN])?, "it is no longer listed");
    Ok(())
}
