//! Stops inside, outside and across the time the city approved: three real web servers and three real data bases, each a
//! system of its own, are stopped at the same moment, and what becomes of it stands on the city's page within a minute.

use crate::first_minutes::shown;
use crate::stops::town::{self, Outside, Phase, Program, SYSTEM};
use crate::town_hall::{MINUTE, TownHall, Within, approved};
use anyhow::ensure;
use jiff::SignedDuration;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};
use yakujo_contract::act::{Importance, Matter, Segment, System, Trit};
use yakujo_contract::duty::DutyId;
use yakujo_contract::outage::Weight;
use yakujo_contract::request::form::Form;
use yakujo_contract::standing::Standing;
use yakujo_contract::target::{Expected, Means};
use yakujo_stories::City;
use yakujo_stories::alone::alone;

const PAGE: &str = "/c/main/duty/7.a";
/// Systems with a web server, and with a data base: stopped within the window, outside of it, across its end.
const WEB: [&str; 3] = ["web-in", "web-out", "web-over"];
const DATA: [&str; 3] = ["db-in", "db-out", "db-over"];
/// The window whose end the stop does not keep.
const SHORT: SignedDuration = SignedDuration::from_secs(40);

/// The programs of the six systems.
struct Programs {
    web: Vec<Program>,
    data: Vec<Program>,
}

impl Programs {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let (mut web, mut data) = (Vec::new(), Vec::new());
        for (port, name) in (8080..).zip(WEB) {
            let own = folder.join(name);
            std::fs::create_dir(&own)?;
            web.push(town::nginx(&own, port)?.0);
        }
        for (port, name) in (5432..).zip(DATA) {
            let own = folder.join(name);
            std::fs::create_dir(&own)?;
            data.push(town::postgres(&own, port)?);
        }
        Ok(Self { web, data })
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Program> {
        self.web.iter_mut().chain(&mut self.data)
    }

    /// Both programs of one kind of stop: 0 within, 1 outside, 2 across.
    fn again(&mut self, kind: usize) -> anyhow::Result<()> {
        for programs in [&mut self.web, &mut self.data] {
            programs.get_mut(kind).map_or(Ok(()), Program::again)?;
        }
        Ok(())
    }
}

async fn declare(city: &City) -> anyhow::Result<()> {
    for name in WEB.into_iter().chain(DATA) {
        let system = System {
            system: name.parse()?,
            name: format!("{name} のシステム"),
            importance: Importance::B,
            segment: Segment::Internet,
            internet_facing: Trit::Unsaid,
        };
        city.agree(Matter::System(system)).await?;
    }
    for (port, name) in (8080..).zip(WEB) {
        let page = Expected { text: Some("住民ポータル".to_owned()), ..Expected::default() };
        let url = format!("http://{SYSTEM}:{port}/index.html");
        town::watch(city, name, name, Means::Http, &url, page).await?;
    }
    for (port, name) in (5432..).zip(DATA) {
        town::watch(city, name, name, Means::Tcp, &format!("{SYSTEM}:{port}"), Expected::default()).await?;
    }
    Ok(())
}

fn stands(city: &City, system: &str, standing: &Standing) -> anyhow::Result<bool> {
    Ok(city.ruling_of("7.a", system)?.verdict.standing == *standing)
}

/// How 7.a of a system stood, one word for each turn, since it was first kept.
async fn turns(city: &City, system: &str) -> anyhow::Result<Vec<&'static str>> {
    let office = city.office()?;
    let duty = DutyId::parse("7.a")?;
    shown(&office).await?;
    let turns = office.views().turns(duty, Some(&system.parse()?), jiff::Timestamp::MAX, 100).await?;
    let words = turns.iter().rev().map(|turn| turn.verdict.standing.word());
    Ok(words.skip_while(|word| *word != "kept").collect())
}

/// Whether two probes saw a system stop; and that it is over, where that is asked for.
fn was_seen(city: &City, system: &str, phase: Phase) -> anyhow::Result<bool> {
    let office = city.office()?;
    let outages = office.court().evidence().outages_of(&system.parse()?, town::THRESHOLD);
    let mut agreed = outages.iter().filter(|outage| outage.weight == Weight::Agreed);
    Ok(agreed.any(|outage| phase == Phase::Lasts || outage.to.is_some()))
}

#[test]
fn a_stop_is_as_approved_within_its_window_and_a_breach_outside_of_it_and_across_its_end()
-> anyhow::Result<()> {
    let test =
        "windows::a_stop_is_as_approved_within_its_window_and_a_breach_outside_of_it_and_across_its_end";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        town::open_to_all(folder.path())?;
        town::cables()?;
        let mut programs = Programs::start(folder.path())?;
        let city = City::start_at(&folder.path().join("data"), "10.77.0.1:0".parse()?).await?;
        city.agree_values(20, &[("stop_s", 10), ("probes", 2)]).await?;
        let hall = TownHall::open(&city).await?;
        let outside = Outside::start(&city).await?;
        declare(&city).await?;
        let all = || WEB.into_iter().chain(DATA);
        let kept =
            |city: &City| all().try_fold(true, |kept, name| Ok(kept && stands(city, name, &Standing::Kept)?));
        city.until(Duration::from_secs(90), "7.a of all six is kept", kept).await?;

        let end = ask(&city).await?;
        programs.all().try_for_each(Program::stop)?;
        let stopped = Instant::now();

        hall.until_shown(PAGE, &["web-out の停止", "承認時間外"], stopped).await?;
        hall.until_shown(PAGE, &["db-out の停止", "承認なし"], stopped).await?;
        programs.again(1)?;
        let lasts = |city: &City| {
            let within = ["web-in", "db-in"].into_iter();
            within.map(|name| was_seen(city, name, Phase::Lasts)).try_fold(true, |all, one| Ok(all && one?))
        };
        city.until(MINUTE, "both probes saw the stops within the window", lasts).await?;
        for name in ["web-over", "db-over"] {
            // On a machine that is very busy it may be over by now.
            let kept = stands(&city, name, &Standing::Kept)? || jiff::Timestamp::now() >= end;
            ensure!(kept, "the window of {name} is not over yet");
        }
        programs.again(0)?;

        across(&city, &hall, &mut programs, end).await?;

        for name in ["web-in", "db-in"] {
            ensure!(turns(&city, name).await? == ["kept"], "{name}: {:?}", turns(&city, name).await?);
        }
        for name in ["web-out", "db-out", "web-over", "db-over"] {
            ensure!(
                turns(&city, name).await?.last() == Some(&"broken"),
                "the stop of {name} is not forgotten"
            );
        }
        outside.stop().await;
        city.stop().await;
        Ok(())
    })
}

/// What the city approves: two stops within, one at another time, two of which the end will not be kept, and of the data base
/// that stops outside nobody asks at all. Returns the end that will not be kept.
async fn ask(city: &City) -> anyhow::Result<jiff::Timestamp> {
    let scope = |name: &str| json!({ "systems": [name] });
    let later = Within { from: SignedDuration::from_hours(2), to: SignedDuration::from_hours(3) };
    let short = Within { from: SignedDuration::ZERO, to: SHORT };
    for name in ["web-in", "db-in"] {
        approved(city, name, Form::F07, scope(name), Within::AN_HOUR).await?;
    }
    approved(city, "web-out", Form::F07, scope("web-out"), later).await?;
    approved(city, "web-over", Form::F07, scope("web-over"), short).await?;
    approved(city, "db-over", Form::F07, scope("db-over"), short).await
}

/// The stops that go on when their window ends, and how long they went on.
async fn across(
    city: &City,
    hall: &TownHall,
    programs: &mut Programs,
    end: jiff::Timestamp,
) -> anyhow::Result<()> {
    let left = end.duration_since(jiff::Timestamp::now()).max(SignedDuration::ZERO);
    tokio::time::sleep(left.try_into()?).await;
    let ended = Instant::now();
    for name in ["web-over", "db-over"] {
        hall.until_shown(PAGE, &[&format!("{name} の停止"), "承認時間外 0分"], ended).await?;
    }
    programs.again(2)?;
    let over = |city: &City| {
        WEB.into_iter()
            .chain(DATA)
            .try_fold(true, |over, name| Ok(over && was_seen(city, name, Phase::IsOver)?))
    };
    city.until(Duration::from_secs(60), "all six stand again", over).await?;
    let lasted = ended.elapsed().as_secs();
    for name in ["web-over", "db-over"] {
        seconds(city, name, lasted)?;
    }
    Ok(())
}

/// The finding of a stop across the end of its window says by how many seconds: from the end to the last failed try.
fn seconds(city: &City, system: &str, at_most: u64) -> anyhow::Result<()> {
    use yakujo_contract::reconcile::Join;
    let office = city.office()?;
    let system: yakujo_contract::id::SystemId = system.parse()?;
    let mut found = office.court().roll(office.terms()).all().to_vec();
    found.retain(|found| found.finding.system == system);
    let [found] = found.as_slice() else { anyhow::bail!("one finding is wanted: {found:#?}") };
    let finding = &found.finding;
    let Join::OutsideWindow { by_s, .. } = finding.join else { anyhow::bail!("{finding:#?}") };
    println!("{system}: {by_s} s too long, seen within {at_most} s");
    ensure!(by_s >= 10 && u64::try_from(by_s)? <= at_most, "{by_s} s of {at_most}");
    Ok(())
}
