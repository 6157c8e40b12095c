//! The whole way of an order: asked, approved, in the ledger, fetched, verified, done by the kernel or on the disk, told. The
//! story has a machine of its own, with a network that can be cut.

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;
use yakujo_contract::act::Act;
use yakujo_contract::evidence::latest::Stamp;
use yakujo_contract::evidence::outside::View;
use yakujo_contract::fact::agent::OrderResult;
use yakujo_contract::fact::malware::{IsolationCause, IsolationState, Untried};
use yakujo_contract::id::{Digest, HostId, RequestId};
use yakujo_contract::order::Work;
use yakujo_contract::request::form::{Ask, Form, Kind, Part};
use yakujo_contract::request::{
    FieldValue, Filled, Manner, Outcome, RequestNumber, Scope, StandingTerms, Step, Trigger, Window,
};
use yakujo_contract::thing::{Object, Thing};
use yakujo_stories::City;
use yakujo_stories::alone::alone;

pub const PATIENCE: Duration = Duration::from_secs(90);

pub fn filled(form: Form, now: Timestamp) -> anyhow::Result<Filled> {
    let must = form.row().fields.iter().filter(|it| it.part == Part::Ask && it.need == Ask::Must);
    let value = |kind: Kind| match kind {
        Kind::Choice(choices) => choices.first().map_or("", |choice| choice.0).to_owned(),
        Kind::Moment => now.to_string(),
        Kind::Count => "1".to_owned(),
        Kind::Line | Kind::Text | Kind::People | Kind::Auto => "内容".to_owned(),
    };
    let fields = must.map(|it| (it.key.to_owned(), FieldValue::Clear(value(it.kind))));
    Ok(Filled {
        form,
        title: "申請".to_owned(),
        scope: Scope { systems: ["main".parse()?].into(), ..Scope::default() },
        window: None,
        limit: None,
        standing: None,
        fields: fields.collect::<BTreeMap<_, _>>(),
        attachments: Vec::new(),
        links: [].into(),
        about: None,
    })
}

pub async fn ask(city: &City, id: &str, filled: Filled) -> anyhow::Result<RequestId> {
    let request: RequestId = id.parse()?;
    let number = RequestNumber::new("R0", filled.form, 1);
    let act = Act::RequestAsked { request: request.clone(), number, filled: Box::new(filled) };
    city.office()?.decide(city.actor("contractor").await?, act, None).await?;
    Ok(request)
}

async fn decide(city: &City, act: Act) -> anyhow::Result<()> {
    city.office()?.decide(city.actor("city").await?, act, None).await?;
    Ok(())
}

pub async fn agree(city: &City, request: &RequestId) -> anyhow::Result<()> {
    let at = city.office()?.now();
    let step = Step::Consulted { at, outcome: Outcome::Agreed, record: "協議が調った。".to_owned() };
    decide(city, Act::RequestStep { request: request.clone(), step }).await
}

/// The city names a post, somebody takes it, and approves a standing approval of malware.
pub async fn standing(city: &City) -> anyhow::Result<RequestId> {
    let now = city.office()?.now();
    let terms = StandingTerms { trigger: Trigger::MalwareSuspected, longest_min: 30, uses: 3, report_h: 24 };
    let to = now.checked_add(SignedDuration::from_hours(24))?;
    let window = Some(Window { from: now, to, reserve_min: 0 });
    let request =
        ask(city, "q-standing", Filled { standing: Some(terms), window, ..filled(Form::F26, now)? }).await?;
    let post: yakujo_contract::id::PostId = "kachou".parse()?;
    decide(city, Act::PostNamed { post: post.clone(), name: "課長".to_owned() }).await?;
    let person = city.actor("city").await?.context("the city's first person")?.person;
    decide(city, Act::PostTaken { post: post.clone(), person, from: now, until: None }).await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let approved =
        Step::Approved { post, manner: Manner::Own, conditions: Vec::new(), window: None, scope: None };
    decide(city, Act::RequestStep { request: request.clone(), step: approved }).await?;
    Ok(request)
}

pub async fn give(city: &City, request: &RequestId, work: Work) -> anyhow::Result<()> {
    let wanted = ("this-host".parse()?, request.clone(), work);
    let contractor = city.actor("contractor").await?;
    yakujo_server::orders::give(&*city.office()?, contractor, wanted, None).await?;
    Ok(())
}

/// What became of the last order on a request.
fn outcome(city: &City, request: &RequestId) -> anyhow::Result<Option<(OrderResult, String)>> {
    let office = city.office()?;
    let court = office.court();
    let orders = &court.evidence().orders;
    let given = orders.of_request(request);
    let last = given.last().and_then(|given| orders.outcome(&given.order));
    Ok(last.map(|it| (it.value.result, it.value.reason.clone())))
}

pub async fn is_done(city: &City, request: &RequestId) -> anyhow::Result<()> {
    city.until(PATIENCE, "the order is carried out", |city| Ok(outcome(city, request)?.is_some())).await?;
    let became = outcome(city, request)?;
    ensure!(matches!(became, Some((OrderResult::Done, _))), "{became:?}");
    Ok(())
}

/// The newest state of the isolation of this host.
pub fn isolation(city: &City) -> anyhow::Result<Option<(bool, Option<IsolationCause>)>> {
    Ok(last_isolation(city)?.map(|(_, state)| (state.isolated, state.cause)))
}

fn last_isolation(city: &City) -> anyhow::Result<Option<(Stamp, IsolationState)>> {
    let office = city.office()?;
    let court = office.court();
    let host: HostId = "this-host".parse()?;
    let newest = court.evidence().hosts.get(&host).and_then(|host| host.isolations.last_key_value());
    Ok(newest.map(|(stamp, state)| (*stamp, state.clone())))
}

/// How this host looks from outside.
fn from_outside(city: &City) -> anyhow::Result<Option<View>> {
    let office = city.office()?;
    let court = office.court();
    let host = court.evidence().hosts.get(&"this-host".parse::<HostId>()?);
    Ok(host.and_then(|host| host.seen_from_outside()).map(|run| run.view))
}

#[test]
fn an_order_goes_the_whole_way_and_only_with_the_city() -> anyhow::Result<()> {
    alone("acting::an_order_goes_the_whole_way_and_only_with_the_city", || async {
        let folder = tempfile::tempdir()?;
        let (data, site) = (folder.path().join("data"), folder.path().join("www"));
        std::fs::create_dir(&site)?;
        let page = site.join("index.html");
        std::fs::write(&page, "ようこそ")?;
        let mut city = City::start(&data).await?;
        std::fs::create_dir_all(data.join("agent"))?;
        std::fs::write(data.join("agent/agent.toml"), format!("watch = [\"{}\"]", site.display()))?;
        city.observe_and_act().await?;
        let standing = standing(&city).await?;
        is_done(&city, &standing).await.context("the permit reaches the agent")?;
        city.until(PATIENCE, "that it could be cut off is seen", |city| {
            Ok(isolation(city)? == Some((false, None)))
        })
        .await?;

        // Cut off by an order under the standing approval: the loopback stays, everything else goes.
        let until = city.office()?.now().checked_add(SignedDuration::from_mins(10))?;
        give(&city, &standing, Work::Isolate { until }).await?;
        is_done(&city, &standing).await?;
        city.until(PATIENCE, "whoever stands on the host does not see it from outside", |city| {
            Ok(from_outside(city)? == Some(View::Untried(Untried::SameMachine)))
        })
        .await?;
        let rules = std::process::Command::new("/usr/sbin/nft").args(["list", "tables"]).output()?;
        ensure!(String::from_utf8_lossy(&rules.stdout).contains("yakujo_isolate"), "{rules:?}");
        let local = TcpListener::bind("127.0.0.1:0")?;
        ensure!(std::net::TcpStream::connect(local.local_addr()?).is_ok(), "the loopback stays");
        std::process::Command::new("/usr/sbin/nft")
            .args(["delete", "table", "inet", "yakujo_isolate"])
            .status()?;
        let deleted = city.office()?.now();
        city.until(PATIENCE, "the rules are put back", |city| {
            Ok(isolation(city)? == Some((true, Some(IsolationCause::Reapplied))))
        })
        .await?;
        let noticed = last_isolation(&city)?.context("told")?.0.observed.duration_since(deleted);
        println!("deleted by hand, noticed and put back after {:.1} s", noticed.as_secs_f64());
        ensure!(noticed <= SignedDuration::from_secs(10), "noticed after {noticed}");

        // Connected again once the city consented in the report.
        let mut incident = filled(Form::F05, city.office()?.now())?;
        incident.fields.insert("class".to_owned(), FieldValue::Clear("malware".to_owned()));
        let incident = ask(&city, "q-incident", incident).await?;
        ensure!(give(&city, &incident, Work::Reconnect {}).await.is_err(), "not before the city consents");
        agree(&city, &incident).await?;
        give(&city, &incident, Work::Reconnect {}).await?;
        is_done(&city, &incident).await?;
        ensure!(isolation(&city)? == Some((false, Some(IsolationCause::Order))));

        restored(&city, &page).await?;
        city.stop().await;
        Ok(())
    })
}

/// A page is changed, and put back as both talked about it.
pub async fn restored(city: &City, page: &std::path::Path) -> anyhow::Result<()> {
    let digest = Sha256::digest(std::fs::read(page)?);
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digest: Digest = digest.try_into()?;
    std::fs::write(page, "改ざん")?;
    let name = page.to_string_lossy().into_owned();
    let thing = Thing { object: Object::File, name: name.clone(), digest: Some(digest.clone()) };
    let mut restoration = filled(Form::F06, city.office()?.now())?;
    restoration.scope.things = [thing].into();
    let restoration = ask(city, "q-restore", restoration).await?;
    let work = Work::Restore { path: name, digest };
    ensure!(give(city, &restoration, work.clone()).await.is_err(), "not before the talk");
    agree(city, &restoration).await?;
    give(city, &restoration, work).await?;
    is_done(city, &restoration).await?;
    ensure!(std::fs::read_to_string(page)? == "ようこそ", "the page is as it was");
    Ok(())
}
