//! The version that was tested is the version that lies there: releases are deployed for real, as a folder behind a link
//! and as one file, and joined with what the city approved (F-14).

use crate::changes::ground;
use crate::town_hall::{MINUTE, TownHall, Within, approved};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use yakujo_contract::fact::agent::RunOutcome;
use yakujo_contract::reconcile::{Beyond, Join};
use yakujo_contract::request::form::Form;
use yakujo_contract::thing::Object;
use yakujo_stories::City;

const DUTY: &str = "/c/main/duty/12.1.b";
const AGENT: &str =
    "[[release]]\nname = \"portal\"\npath = \"CURRENT\"\n\n[[release]]\nname = \"batch\"\npath = \"BATCH\"\n";
/// What whoever tested the folder typed to get its digest, as the guide says.
const LIST: &str = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";

fn tested(name: &str, digest: &str) -> Value {
    json!({ "systems": ["main"], "things": [{ "object": "release", "name": name, "digest": digest }] })
}

/// Lays out a version of the portal, and makes its digest with plain tools.
fn version(site: &Path, number: &str) -> anyhow::Result<String> {
    let folder = site.join("releases").join(number);
    std::fs::create_dir_all(folder.join("static"))?;
    std::fs::write(folder.join("index.html"), format!("<h1>住民ポータル {number}</h1>"))?;
    std::fs::write(folder.join("static/app.js"), "'use strict'\n")?;
    let out = Command::new("/bin/sh").args(["-c", LIST]).current_dir(&folder).output()?;
    let text = String::from_utf8(out.stdout)?;
    Ok(text.split_whitespace().next().context("a digest")?.to_owned())
}

/// Deploys a version as many do: by changing one link at once.
fn switch(site: &Path, number: &str) -> anyhow::Result<()> {
    let (new, link) = (site.join("next"), site.join("current"));
    std::os::unix::fs::symlink(format!("releases/{number}"), &new)?;
    Ok(std::fs::rename(new, link)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_kept_where_its_digest_was_tested_and_approved_and_a_breach_otherwise()
-> anyhow::Result<()> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let (data, site) = (folder.path().join("data"), folder.path().join("site"));
    version(&site, "1")?;
    switch(&site, "1")?;
    let batch = site.join("batch.jar");
    std::fs::create_dir_all(data.join("agent"))?;
    let settings = AGENT.replace("CURRENT", &site.join("current").display().to_string());
    std::fs::write(data.join("agent/agent.toml"), settings.replace("BATCH", &batch.display().to_string()))?;
    let mut city = City::start(&data).await?;
    city.agree_values(22, &[]).await?;
    let hall = TownHall::open(&city).await?;
    city.observe().await?;
    // What lies there at the first look is nobody's deployment; the agent says when it knows it.
    let known = |city: &City| {
        let office = city.office()?;
        let court = office.court();
        let host = court.evidence().hosts.get(&"this-host".parse()?);
        let beat = host.and_then(|host| host.beat.as_ref());
        let run = beat.and_then(|beat| beat.value.collectors.get("releases"));
        Ok(run.is_some_and(|run| run.outcome == RunOutcome::Complete))
    };
    city.until(MINUTE * 3, "the agent knows what lies there", known).await?;

    let digest = version(&site, "2")?;
    approved(&city, "q-portal", Form::F14, tested("portal", &digest), Within::AN_HOUR).await?;
    switch(&site, "2")?;
    let began = Instant::now();
    hall.until_shown(DUTY, &["観測したリリース 1 件は、試験・検証の承認を受けた版と一致"], began).await?;

    // The same place, another content: somebody mended it where it runs.
    std::fs::write(site.join("current/static/app.js"), "'use strict'; mended()\n")?;
    let began = Instant::now();
    hall.until_shown(DUTY, &["リリース portal の配置", "承認と異なる内容"], began).await?;
    let (seen, join) = ground::joined(&city, Object::Release, "portal")?.context("it is told")?;
    ensure!(matches!(join, Join::OutsideScope { beyond: Beyond::Content, .. }), "{join:?}");
    ensure!(seen.digest_after.is_some_and(|seen| seen.as_str() != digest), "another digest");

    // One file, of which nobody tested anything.
    std::fs::write(&batch, "a program")?;
    let began = Instant::now();
    hall.until_shown("/c/main/findings?of=open", &["未承認リリース", "batch"], began).await?;
    let (seen, join) = ground::joined(&city, Object::Release, "batch")?.context("it is told")?;
    ensure!(
        seen.digest_after.map(|it| it.to_string()) == Some(ground::digest(&batch)?),
        "the digest of the file"
    );
    // The approval of the portal is still open, and covers the portal.
    ensure!(matches!(join, Join::OutsideScope { beyond: Beyond::Thing, .. }), "{join:?}");
    city.stop().await;
    Ok(())
}
