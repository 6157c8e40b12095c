//! Changes with and without a ticket, as they are made in real life: files edited in place, by an editor that writes a new
//! file and renames it, by another account, while the agent is stopped; packages installed and upgraded by the real dpkg.
//! Each story has a machine of its own, so that the one it runs on stays as it is.

pub mod ground;

use crate::town_hall::{MINUTE, TownHall, Within, approved, over};
use anyhow::{Context, ensure};
use ground::{joined, kept, run, script};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;
use yakujo_contract::fact::integrity::Explanation;
use yakujo_contract::reconcile::{Join, Missing, Why};
use yakujo_contract::request::form::Form;
use yakujo_contract::thing::Object;
use yakujo_stories::City;
use yakujo_stories::alone::alone;

const HISTORY: &str = "/c/main/changes";
const FINDINGS: &str = "/c/main/findings?of=open";
const DUTY: &str = "/c/main/duty/8.a";

fn things(names: &[(&str, &str)]) -> Value {
    let things = names.iter().map(|(object, name)| json!({ "object": object, "name": name }));
    json!({ "systems": ["main"], "things": things.collect::<Vec<_>>() })
}

fn is_unasked(join: &Join) -> bool {
    *join == Join::NotApproved(Missing::Request)
}

#[test]
fn an_edited_file_is_joined_with_its_ticket_however_it_was_edited() -> anyhow::Result<()> {
    let test = "changes::an_edited_file_is_joined_with_its_ticket_however_it_was_edited";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        let app = Path::new("/etc/app");
        std::fs::create_dir(app)?;
        for name in ["planned", "replaced", "in-place", "renamed", "mode", "away-planned", "away", "beside"] {
            std::fs::write(app.join(name), "one\n")?;
        }
        run("chown", &["nobody", "/etc/app/in-place"])?;
        let mut city = ground::begin(&folder.path().join("data")).await?;
        let hall = TownHall::open(&city).await?;
        let files = [("file", "/etc/app/planned"), ("file", "/etc/app/replaced")];
        approved(&city, "q-files", Form::F09, things(&files), Within::AN_HOUR).await?;

        // As approved, in place and by an editor that renames; the duty stays kept.
        script("echo two >> /etc/app/planned")?;
        script("sed -i s/one/two/ /etc/app/replaced")?;
        let began = Instant::now();
        for name in ["/etc/app/planned", "/etc/app/replaced"] {
            hall.until_shown(HISTORY, &[name, "承認どおり"], began).await?;
        }
        ensure!(kept(&city)?, "{:?}", city.ruling("8.a")?.verdict);

        // While a ticket is open, another file is beyond it; when none is, nobody asked.
        script("echo two >> /etc/app/beside")?;
        let began = Instant::now();
        hall.until_shown(HISTORY, &["/etc/app/beside", "範囲外"], began).await?;
        hall.until_shown(DUTY, &["/etc/app/beside", "範囲外の対象"], began).await?;
        over(&city, "q-files").await?;
        without_a_ticket(&city, &hall).await?;
        while_nobody_looks(&mut city, &hall).await?;
        city.stop().await;
        Ok(())
    })
}

/// Three edits nobody asked for, one after the other (what is noticed at one instant is one finding): who did it stands
/// there where the kernel tells, and hides nothing where it does not.
async fn without_a_ticket(city: &City, hall: &TownHall) -> anyhow::Result<()> {
    // An editor stays open for a while after it has saved.
    let mut other =
        script_in("setpriv --reuid=nobody --clear-groups sh -c 'echo two >> /etc/app/in-place; sleep 8'")?;
    unasked(hall, "/etc/app/in-place").await?;
    let save = "cp renamed .renamed.swp; echo two >> .renamed.swp; mv .renamed.swp renamed; sleep 8";
    let mut editor = script_in(&format!("cd /etc/app; {save}"))?;
    unasked(hall, "/etc/app/renamed").await?;
    script("chmod 600 /etc/app/mode")?;
    unasked(hall, "/etc/app/mode").await?;
    other.wait()?;
    editor.wait()?;
    let by = |name: &str| -> anyhow::Result<_> {
        let (occurrence, join) = joined(city, Object::File, name)?.with_context(|| name.to_owned())?;
        ensure!(is_unasked(&join), "{name}: {join:?}");
        Ok(occurrence.by)
    };
    let account = |name: &str| Ok::<_, anyhow::Error>(by(name)?.and_then(|actor| actor.account));
    ensure!(account("/etc/app/in-place")?.as_deref() == Some("nobody"), "{:?}", by("/etc/app/in-place")?);
    ensure!(account("/etc/app/renamed")?.as_deref() == Some("root"), "{:?}", by("/etc/app/renamed")?);
    // Of a change of the mode the kernel tells nobody: that stands there, and nobody is named.
    ensure!(by("/etc/app/mode")?.is_none(), "{:?}", by("/etc/app/mode")?);
    ensure!(
        hall.shows(HISTORY, &["/etc/app/mode", "分かりません"])?,
        "who did it is not known, and that is said"
    );
    let swap = joined(city, Object::File, "/etc/app/.renamed.swp")?;
    ensure!(swap.is_none(), "what was there for an instant only: {swap:?}");
    Ok(())
}

/// A change is a finding, and stands in the history, as one nobody asked for.
async fn unasked(hall: &TownHall, path: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    hall.until_shown(FINDINGS, &[path, "承認なし"], began).await?;
    hall.until_shown(HISTORY, &[path, "承認なし"], began).await?;
    Ok(())
}

/// Edits while the agent is stopped are found at its start: by the file system's word on when they were made.
async fn while_nobody_looks(city: &mut City, hall: &TownHall) -> anyhow::Result<()> {
    city.stop_observing().await;
    script("echo two >> /etc/app/away")?;
    tokio::time::sleep(std::time::Duration::from_secs(11)).await;
    approved(city, "q-away", Form::F09, things(&[("file", "/etc/app/away-planned")]), Within::AN_HOUR)
        .await?;
    script("echo two >> /etc/app/away-planned")?;
    let began = Instant::now();
    city.observe().await?;
    hall.until_shown(HISTORY, &["/etc/app/away-planned", "承認どおり"], began).await?;
    hall.until_shown(HISTORY, &["/etc/app/away<", "承認なし"], began).await?;
    Ok(())
}

fn script_in(line: &str) -> anyhow::Result<std::process::Child> {
    Ok(std::process::Command::new("/bin/sh").args(["-c", line]).spawn()?)
}

#[test]
fn a_package_stands_on_its_ticket_and_explains_its_own_files_and_nothing_else() -> anyhow::Result<()> {
    let test = "changes::a_package_stands_on_its_ticket_and_explains_its_own_files_and_nothing_else";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        ground::dpkg()?;
        let deb = |name: &str, version: &str| ground::package(folder.path(), name, version);
        let (first, second, other) = (deb("kaban", "1")?, deb("kaban", "2")?, deb("tsuika", "1")?);
        let city = ground::begin(&folder.path().join("data")).await?;
        let hall = TownHall::open(&city).await?;
        let scope = things(&[("package", "kaban"), ("file", "/etc/kaban.conf")]);
        approved(&city, "q-kaban", Form::F09, scope, Within::AN_HOUR).await?;

        run("dpkg", &["-i", &first])?;
        let began = Instant::now();
        hall.until_shown(HISTORY, &["kaban<", "承認どおり"], began).await?;
        let brought = |path| explained(&city, path, "kaban 1");
        city.until(MINUTE, "its files are explained", |_| {
            Ok(brought("/srv/www/kaban/index.html")? && brought("/etc/kaban.conf")?)
        })
        .await?;
        ensure!(kept(&city)?, "{:?}", city.ruling("8.a")?.verdict);

        // The administrator edits its configuration, by ticket; the upgrade leaves that alone, and lays its own beside it.
        script("echo mine >> /etc/kaban.conf")?;
        let edited = |city: &City| {
            let seen = joined(city, Object::File, "/etc/kaban.conf")?;
            Ok(seen.is_some_and(|(_, join)| matches!(join, Join::AsApproved(_))))
        };
        city.until(MINUTE, "the edit is as approved", edited).await?;
        run("dpkg", &["-i", "--force-confold", &second])?;
        let began = Instant::now();
        hall.until_shown(HISTORY, &["kaban<", ">2<", "承認どおり"], began).await?;
        let brought = |path| explained(&city, path, "kaban 2");
        let laid =
            |_: &City| Ok(brought("/srv/www/kaban/index.html")? && brought("/etc/kaban.conf.dpkg-dist")?);
        city.until(MINUTE, "the files of the upgrade are explained", laid).await?;
        ensure!(edited(&city)?, "the edited file was not touched");
        ensure!(kept(&city)?, "{:?}", city.ruling("8.a")?.verdict);

        over(&city, "q-kaban").await?;
        // Without a ticket, and with a file of nobody laid beside its own.
        run("dpkg", &["-i", &other])?;
        std::fs::write("/srv/www/tsuika/beside.html", "x")?;
        let began = Instant::now();
        hall.until_shown(DUTY, &["tsuika", "承認なし"], began).await?;
        hall.until_shown(HISTORY, &["/srv/www/tsuika/beside.html", "承認なし"], began).await?;
        let seen = joined(&city, Object::Package, "tsuika")?.context("the package is told")?;
        ensure!(is_unasked(&seen.1), "{seen:?}");
        ensure!(explained(&city, "/srv/www/tsuika/index.html", "tsuika 1")?, "its own file is its own");
        city.stop().await;
        Ok(())
    })
}

/// Whether a file was brought along by this package.
fn explained(city: &City, path: &str, package: &str) -> anyhow::Result<bool> {
    let seen = joined(city, Object::File, path)?;
    let by = Explanation::Package(package.to_owned());
    Ok(seen.is_some_and(|(it, join)| it.explained_by == by && join == Join::NotSubject(Why::Package)))
}

/// The one story of size: a package of 1,001 pages is one change that was approved; of its pages one is edited afterwards.
#[test]
fn a_package_of_a_thousand_files_is_no_alarm_and_one_edited_file_of_it_is_exactly_one() -> anyhow::Result<()>
{
    const PAGES: usize = 1_001;
    let test = "changes::a_package_of_a_thousand_files_is_no_alarm_and_one_edited_file_of_it_is_exactly_one";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        ground::dpkg()?;
        let deb = ground::package_of(folder.path(), "ooki", "1", PAGES - 1)?;
        let city = ground::begin(&folder.path().join("data")).await?;
        let hall = TownHall::open(&city).await?;
        approved(&city, "q-ooki", Form::F09, things(&[("package", "ooki")]), Within::AN_HOUR).await?;
        run("dpkg", &["-i", &deb])?;
        let began = Instant::now();
        hall.until_shown(HISTORY, &["ooki<", "承認どおり"], began).await?;
        city.until(MINUTE, "every file is explained", |city| {
            Ok(files_of(city, "/srv/www/ooki/", &Join::NotSubject(Why::Package))? == PAGES)
        })
        .await?;
        let all = files_of(&city, "/", &Join::NotSubject(Why::Package))?;
        let said = [format!("{all} 件（"), "ooki 1<".to_owned()];
        ensure!(hall.shows(HISTORY, &said.each_ref().map(String::as_str))?, "one change set");
        println!("{PAGES} files of a package explained after {:.1} s", began.elapsed().as_secs_f64());
        over(&city, "q-ooki").await?;
        ensure!(found(&city)?.is_empty(), "{:?}", found(&city)?);
        ensure!(kept(&city)?, "{:?}", city.ruling("8.a")?.verdict);

        script("echo '<script>' >> /srv/www/ooki/500.html")?;
        let began = Instant::now();
        hall.until_shown(DUTY, &["/srv/www/ooki/500.html", "承認なし"], began).await?;
        let alarms = found(&city)?;
        ensure!(alarms == [vec!["/srv/www/ooki/500.html".to_owned()]], "{alarms:?}");
        ensure!(files_of(&city, "/srv/www/ooki/", &Join::NotSubject(Why::Package))? == PAGES);
        city.stop().await;
        Ok(())
    })
}

/// Changes of files below a folder of which the join says this.
fn files_of(city: &City, folder: &str, said: &Join) -> anyhow::Result<usize> {
    let office = city.office()?;
    let court = office.court();
    let main = "main".parse()?;
    let all = court.occurrences(&main);
    let files = all.filter(|(_, it, _)| it.object == Object::File && it.name.starts_with(folder));
    Ok(files.filter(|(_, _, join)| *join == said).count())
}

/// What every finding is about.
fn found(city: &City) -> anyhow::Result<Vec<Vec<String>>> {
    let office = city.office()?;
    let all = office.court().roll(office.terms()).all().to_vec();
    Ok(all.iter().map(|found| found.finding.names.clone()).collect())
}
