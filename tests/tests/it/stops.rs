//! Real programs are stopped, broken and cut off, and what two probes say of it is true: a real nginx and a real
//! PostgreSQL in a network of their own, the server probing from one side and an agent from another.

pub mod town;

use anyhow::ensure;
use std::time::Duration;
use town::Phase::{IsOver, Lasts};
use town::{Outside, SYSTEM};
use yakujo_contract::fact::probe::{Availability, Fault};
use yakujo_contract::target::{Expected, Means};
use yakujo_stories::City;
use yakujo_stories::alone::alone;

const DOWN: Availability = Availability::Down;
const RESTRICTED: Availability = Availability::Restricted;
const UP: Availability = Availability::Up;

/// A city with both probes at work.
async fn begin(folder: &std::path::Path) -> anyhow::Result<(City, Outside)> {
    town::cables()?;
    let city = City::start_at(&folder.join("data"), "10.77.0.1:0".parse()?).await?;
    city.agree_parameters(20, "stop_s", 10).await?;
    let outside = Outside::start(&city).await?;
    Ok((city, outside))
}

fn page() -> Expected {
    Expected {
        text: Some("住民ポータル".to_owned()),
        functions: vec!["申請".to_owned(), "予約".to_owned()],
        latency_ms: Some(500),
        status: None,
    }
}

#[test]
fn what_is_stopped_and_broken_is_told_for_what_it_is() -> anyhow::Result<()> {
    alone("stops::what_is_stopped_and_broken_is_told_for_what_it_is", || async {
        let folder = tempfile::tempdir()?;
        town::open_to_all(folder.path())?;
        let (city, outside) = begin(folder.path()).await?;
        let (mut nginx, file) = town::nginx(folder.path(), 8080)?;
        let mut postgres = town::postgres(folder.path(), 5432)?;
        let url = format!("http://{SYSTEM}:8080/index.html");
        town::watch(&city, "main", "web", Means::Http, &url, page()).await?;
        town::watch(&city, "main", "db", Means::Tcp, &format!("{SYSTEM}:5432"), Expected::default()).await?;
        town::until_both(&city, "web", UP).await?;
        town::until_both(&city, "db", UP).await?;

        nginx.stop()?;
        let stop = town::until_agreed(&city, "web", DOWN, Lasts).await?;
        ensure!(stop.why == Some(Fault::Refused), "{stop:?}");
        ensure!(town::outages(&city)?.iter().all(|it| it.target.as_str() == "web"), "the data base stands");
        nginx.again()?;
        let stop = town::until_agreed(&city, "web", DOWN, IsOver).await?;
        ensure!(stop.probes.len() == 2 && !stop.entries.is_empty(), "{stop:?}");

        postgres.stop()?;
        town::until_agreed(&city, "db", DOWN, Lasts).await?;
        postgres.again()?;
        town::until_agreed(&city, "db", DOWN, IsOver).await?;

        town::write_page(&file, Some("<h1>住民ポータル</h1>ただいまご利用になれません"))?;
        let restriction = town::until_agreed(&city, "web", RESTRICTED, Lasts).await?;
        ensure!(restriction.why == Some(Fault::Function), "{restriction:?}");
        ensure!(restriction.detail.contains("申請"), "{restriction:?}");
        town::write_page(&file, None)?;
        town::until_agreed(&city, "web", RESTRICTED, IsOver).await?;
        outside.stop().await;
        city.stop().await;
        Ok(())
    })
}

#[test]
fn an_answer_that_is_right_but_late_is_a_restriction() -> anyhow::Result<()> {
    alone("stops::an_answer_that_is_right_but_late_is_a_restriction", || async {
        let folder = tempfile::tempdir()?;
        town::open_to_all(folder.path())?;
        let (city, outside) = begin(folder.path()).await?;
        let (nginx, file) = town::nginx(folder.path(), 8080)?;
        let url = format!("http://{SYSTEM}:8080/index.html");
        town::watch(&city, "main", "web", Means::Http, &url, page()).await?;
        town::until_both(&city, "web", UP).await?;
        let quick = std::fs::read_to_string(&file)?;
        let late = "location = /index.html { echo_sleep 0.8; echo '住民ポータル 申請 予約'; } location / {";
        std::fs::write(&file, quick.replace("location / {", late))?;
        nginx.reload()?;
        let restriction = town::until_agreed(&city, "web", RESTRICTED, Lasts).await?;
        ensure!(restriction.why == Some(Fault::Slow), "{restriction:?}");
        std::fs::write(&file, quick)?;
        nginx.reload()?;
        town::until_agreed(&city, "web", RESTRICTED, IsOver).await?;
        outside.stop().await;
        city.stop().await;
        Ok(())
    })
}

#[test]
fn a_probe_that_is_cut_off_accuses_nobody_and_a_dark_system_is_not_its_fault() -> anyhow::Result<()> {
    alone("stops::a_probe_that_is_cut_off_accuses_nobody_and_a_dark_system_is_not_its_fault", || async {
        let folder = tempfile::tempdir()?;
        town::open_to_all(folder.path())?;
        let (city, outside) = begin(folder.path()).await?;
        let (nginx, _) = town::nginx(folder.path(), 8080)?;
        let url = format!("http://{SYSTEM}:8080/index.html");
        town::watch(&city, "main", "web", Means::Http, &url, page()).await?;
        town::watch(&city, "main", "line", Means::Icmp, SYSTEM, Expected::default()).await?;
        town::until_both(&city, "web", UP).await?;
        ping(&city).await?;

        // The second probe's own cable: it says so itself once it is back.
        town::run("ip -n out link set eth0 down")?;
        tokio::time::sleep(Duration::from_secs(35)).await;
        town::run("ip -n out link set eth0 up")?;
        blind(&city, "out-1").await?;
        ensure!(town::outages(&city)?.is_empty(), "{:#?}", town::outages(&city));

        // The bridge: both probes reach nothing at all.
        town::run("ip link set br0 down")?;
        blind(&city, "server").await?;
        tokio::time::sleep(Duration::from_secs(20)).await;
        town::run("ip link set br0 up")?;
        town::until_both(&city, "web", UP).await?;
        ensure!(town::outages(&city)?.is_empty(), "{:#?}", town::outages(&city));

        // The system's own cable: the neighbour answers, so it is the system that is dark.
        town::run("ip -n sys link set eth0 down")?;
        let stop = town::until_agreed(&city, "web", DOWN, Lasts).await?;
        ensure!(matches!(stop.why, Some(Fault::Timeout | Fault::Unreachable)), "{stop:?}");
        town::run("ip -n sys link set eth0 up")?;
        town::until_agreed(&city, "web", DOWN, IsOver).await?;
        drop(nginx);
        outside.stop().await;
        city.stop().await;
        Ok(())
    })
}

/// The second probe may ping and does; the server may not and says so.
async fn ping(city: &City) -> anyhow::Result<()> {
    let line = "line".parse()?;
    let told = |city: &City| {
        let office = city.office()?;
        let court = office.court();
        let mut cannot = Vec::new();
        for (probe, seen) in court.evidence().watching.of(&line) {
            cannot.push((
                probe.as_str().to_owned(),
                seen.cannot.is_some(),
                seen.newest.map(|(_, state, _)| state),
            ));
        }
        Ok(cannot == [("out-1".to_owned(), false, Some(UP)), ("server".to_owned(), true, None)])
    };
    city.until(Duration::from_secs(40), "one probe pings, the other says that it cannot", told).await
}

/// Waits until a probe has said that it was cut off.
async fn blind(city: &City, probe: &str) -> anyhow::Result<()> {
    let probe = probe.parse()?;
    let told = |city: &City| Ok(city.office()?.court().evidence().watching.blind(&probe).is_some());
    city.until(Duration::from_secs(90), "a probe says that it was cut off", told).await
}
