//! A file that is too large for the host to hold it is tampered with. It comes back from a snapshot of a real backup job: only
//! after both talked, with the content both talked about, and the city knew before that it can.

use super::acting::{PATIENCE, agree, ask, filled, give, is_done};
use anyhow::{Context, ensure};
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use yakujo_contract::act::{Act, BaselineLine, Matter};
use yakujo_contract::baseline::Stands;
use yakujo_contract::fact::agent::{OrderOutcome, OrderResult};
use yakujo_contract::fact::integrity::{IntegrityHeld, KnownGood, WhyNotHeld};
use yakujo_contract::id::{Digest, HostId, PostId, ProposalId, RequestId};
use yakujo_contract::order::Work;
use yakujo_contract::request::form::Form;
use yakujo_contract::thing::{Object, Thing};
use yakujo_stories::City;
use yakujo_stories::alone::alone;

/// What stands in the film, again and again: in all more than a host holds of one file.
const SCENE: &[u8] = b"a long film of the town\n";

fn digest(bytes: &[u8]) -> anyhow::Result<Digest> {
    let text: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(text.try_into()?)
}

/// A site with a film, and a job that saves it.
fn laid(folder: &Path, data: &Path) -> anyhow::Result<PathBuf> {
    let site = folder.join("www");
    std::fs::create_dir(&site)?;
    let film = site.join("film");
    std::fs::write(&film, SCENE.repeat((17 << 20) / SCENE.len()))?;
    let password = folder.join("password");
    std::fs::write(&password, "a long password\n")?;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600))?;
    std::fs::create_dir_all(data.join("agent"))?;
    let settings = format!(
        "watch = [\"{site}\"]\n[[backup]]\nname = \"site\"\nasset = \"site\"\npaths = [\"{site}\"]\nrepository = \"{}\"\npassword = \"{}\"\n",
        folder.join("repository").display(),
        password.display(),
        site = site.display(),
    );
    std::fs::write(data.join("agent/agent.toml"), settings)?;
    let mut make = std::process::Command::new(yakujo_stories::built()?);
    make.arg("--data").arg(data).args(["backup-job", "--folder"]).arg(data.join("agent"));
    ensure!(make.args(["make", "site"]).status()?.success(), "the repository is made");
    Ok(film)
}

/// What the host told of what it holds, where it told something of the kind.
fn held<T>(city: &City, of: impl Fn(&IntegrityHeld) -> Option<T>) -> anyhow::Result<Option<T>> {
    let office = city.office()?;
    let court = office.court();
    let host = court.evidence().hosts.get(&"this-host".parse::<HostId>()?);
    Ok(host.and_then(|host| host.held.as_ref()).and_then(|held| of(&held.value)))
}

/// A restoration of this content is asked for.
async fn restoration(city: &City, id: &str, film: &Path, good: &Digest) -> anyhow::Result<RequestId> {
    let thing = Thing { object: Object::File, name: film.display().to_string(), digest: Some(good.clone()) };
    let mut form = filled(Form::F06, city.office()?.now())?;
    form.scope.things = [thing].into();
    ask(city, id, form).await
}

/// Where the content is that a restoration asks for, once that is told.
fn sought(city: &City, good: &Digest) -> anyhow::Result<Option<Option<KnownGood>>> {
    held(city, |held| {
        held.sought.iter().find(|sought| sought.digest == *good).map(|sought| sought.source.clone())
    })
}

fn outcome(city: &City, request: &RequestId) -> anyhow::Result<Option<OrderOutcome>> {
    let office = city.office()?;
    let court = office.court();
    let orders = &court.evidence().orders;
    let given = orders.of_request(request);
    Ok(given.last().and_then(|given| orders.outcome(&given.order)).map(|it| it.value.clone()))
}

#[test]
fn what_a_host_is_too_small_to_hold_comes_back_from_a_snapshot() -> anyhow::Result<()> {
    alone("known_good::what_a_host_is_too_small_to_hold_comes_back_from_a_snapshot", || async {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        let data = folder.path().join("data");
        let film = laid(folder.path(), &data)?;
        std::fs::set_permissions(&film, std::fs::Permissions::from_mode(0o640))?;
        let (good, path) = (digest(&std::fs::read(&film)?)?, film.display().to_string());
        let mut city = City::start(&data).await?;
        city.observe_and_act().await?;
        city.until(PATIENCE, "the film is not held by the host, but saved", |city| {
            let saved = held(city, |held| {
                let film = held.missing.iter().find(|missing| missing.path == path)?;
                (film.why == WhyNotHeld::TooLarge).then(|| film.saved_by.clone()).flatten()
            })?;
            Ok(saved.as_deref() == Some("site"))
        })
        .await?;
        baseline_agreed(&city).await?;

        seated(&city).await?;

        std::fs::write(&film, "defaced")?;
        std::fs::set_permissions(&film, std::fs::Permissions::from_mode(0o666))?;
        let never = digest(b"a content that was never there")?;
        let restores = restoration(&city, "q-restore", &film, &good).await?;
        let invents = restoration(&city, "q-invent", &film, &never).await?;
        let order = |digest: &Digest| Work::Restore { path: path.clone(), digest: digest.clone() };
        ensure!(give(&city, &restores, order(&good)).await.is_err(), "not before the talk");
        city.until(PATIENCE, "where the contents are is known before the city answers", |city| {
            let in_snapshot = matches!(sought(city, &good)?, Some(Some(KnownGood::Snapshot { .. })));
            Ok(in_snapshot && sought(city, &never)? == Some(None))
        })
        .await?;
        ensure!(std::fs::read(&film)? == b"defaced", "nothing is put back by asking");

        agree(&city, &invents).await?;
        give(&city, &invents, order(&never)).await?;
        city.until(PATIENCE, "the order fails", |city| Ok(outcome(city, &invents)?.is_some())).await?;
        let failed = outcome(&city, &invents)?.context("told")?;
        ensure!(failed.result == OrderResult::Failed && failed.reason.contains("no snapshot"), "{failed:?}");
        ensure!(std::fs::read(&film)? == b"defaced", "another content is not put there");

        agree(&city, &restores).await?;
        give(&city, &restores, order(&good)).await?;
        is_done(&city, &restores).await?;
        let done = outcome(&city, &restores)?.context("told")?;
        ensure!(matches!(&done.source, Some(KnownGood::Snapshot { job, .. }) if job == "site"), "{done:?}");
        ensure!(done.digest.as_ref() == Some(&good), "{done:?}");
        ensure!(digest(&std::fs::read(&film)?)? == good, "the film is as it was");
        ensure!(std::fs::metadata(&film)?.permissions().mode() & 0o7777 == 0o640, "with its mode");
        city.stop().await;
        Ok(())
    })
}

/// The city's first person holds a post from now on: who settles a talk has to.
async fn seated(city: &City) -> anyhow::Result<()> {
    let (office, post) = (city.office()?, "kachou".parse::<PostId>()?);
    let actor = city.actor("city").await?.context("the city's first person")?;
    let (person, from) = (actor.person.clone(), office.now());
    for act in [
        Act::PostNamed { post: post.clone(), name: "課長".to_owned() },
        Act::PostTaken { post, person, from, until: None },
    ] {
        office.decide(Some(actor.clone()), act, None).await?;
    }
    Ok(())
}

/// The baseline is what the host told, put before the city, and agreed.
pub async fn baseline_agreed(city: &City) -> anyhow::Result<()> {
    let host: HostId = "this-host".parse()?;
    city.until(PATIENCE, "the baseline is told", |city| {
        let office = city.office()?;
        let court = office.court();
        Ok(court.evidence().hosts.get(&host).is_some_and(|host| host.baseline.is_some()))
    })
    .await?;
    let office = city.office()?;
    let told = office.court().evidence().hosts.get(&host).and_then(|host| host.baseline.clone());
    let told = told.context("told")?;
    let line = |tree: Digest| {
        Matter::Baseline(BaselineLine {
            system: "main".parse().expect("an id"),
            host: host.clone(),
            seen: told.stamp.observed,
            tree,
            entries: told.value.entries,
            roots: told.value.roots.clone(),
        })
    };
    let proposal: ProposalId = "b-1".parse()?;
    let propose = |tree| Act::Proposed { proposal: proposal.clone(), matter: line(tree) };
    let contractor = city.actor("contractor").await?;
    let invented = office.decide(contractor.clone(), propose(digest(b"no host ever had it")?), None).await;
    ensure!(invented.is_err(), "nobody is asked to agree to what no host told");
    office.decide(contractor, propose(told.value.tree.clone()), None).await?;
    let stands = |city: &City, is: fn(&Stands<'_>) -> bool| -> anyhow::Result<bool> {
        let office = city.office()?;
        let court = office.court();
        Ok(is(&court.baseline(&"main".parse()?, &host)))
    };
    ensure!(stands(city, |it| matches!(it, Stands::Waiting(_)))?, "it waits for the city");
    let agreed = Act::Agreed { proposal: proposal.clone() };
    office.decide(city.actor("city").await?, agreed, None).await?;
    ensure!(stands(city, |it| matches!(it, Stands::Agreed { .. }))?, "it is agreed");
    Ok(())
}
