//! The first ten minutes: a bare machine is judged, the city checks the record, stopping loses nothing.

use std::num::NonZeroUsize;
use std::time::Duration;
use yakujo_contract::act::Act;
use yakujo_contract::duty::DutyId;
use yakujo_contract::standing::Standing;
use yakujo_ledger::verdict::{Means, Verdict, verify};
use yakujo_server::decide::{Actor, Refusal};
use yakujo_server::office::Office;
use yakujo_stories::City;

const MINUTE: Duration = Duration::from_secs(60);

/// Duties that rest on facts of this very machine.
const OBSERVED: [&str; 10] =
    ["2.1.a", "3.1.a", "3.5.a", "4.4.a", "4.5.b", "6.a", "9.a", "9.b", "11.a", "11.b"];

#[tokio::test(flavor = "multi_thread")]
async fn within_a_minute_every_duty_is_judged_and_ten_rest_on_facts_of_this_machine() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut city = City::start(&folder.path().join("data")).await?;
    city.observe().await?;
    for duty in DutyId::all() {
        let ruling = city.ruling(duty.key())?;
        assert!(!ruling.verdict.cause.ja.is_empty() && !ruling.verdict.cause.en.is_empty(), "{duty}");
        if ruling.verdict.standing == Standing::Unknown {
            assert!(!ruling.verdict.next.ja.is_empty(), "{duty} does not say who does what next");
        }
    }
    city.until(MINUTE, "ten duties rest on entries", |city| {
        let mut resting = 0;
        for duty in OBSERVED {
            resting += usize::from(!city.ruling(duty)?.verdict.evidence.is_empty());
        }
        Ok(resting == OBSERVED.len())
    })
    .await?;
    city.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_agent_is_unknown_at_once_and_known_again_when_it_is_back() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut city = City::start(&folder.path().join("data")).await?;
    city.observe().await?;
    let seen = |city: &City| Ok(city.ruling("9.b")?.verdict.standing == Standing::Kept);
    city.until(MINUTE, "capacity is seen", seen).await?;
    city.stop_observing().await;
    let unknown = |city: &City| Ok(city.ruling("9.b")?.verdict.standing == Standing::Unknown);
    city.until(Duration::from_secs(10), "the stop is seen", unknown).await?;
    city.observe().await?;
    city.until(MINUTE, "capacity is seen again", seen).await?;
    let office = city.office()?;
    shown(&office).await?;
    let turns = office.views().turns(DutyId::parse("9.b")?, None, jiff::Timestamp::MAX, 10).await?;
    let words: Vec<&str> = turns.iter().rev().map(|turn| turn.verdict.standing.word()).collect();
    assert_eq!(words, ["unknown", "kept", "unknown", "kept"], "the break remains in the history");
    city.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_goes_on_after_a_stop_and_the_city_verifies_all_of_it() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let mut city = City::start(&data).await?;
    city.observe().await?;
    city.until(MINUTE, "packages are seen", |city| Ok(!city.ruling("3.1.a")?.verdict.evidence.is_empty()))
        .await?;
    city.stop().await;
    std::fs::remove_file(data.join("contracts/main/views.db"))?;
    let city = City::start(&data).await?;
    let office = city.office()?;
    assert!(!city.ruling("3.1.a")?.verdict.evidence.is_empty(), "what was known is known after the restart");
    shown(&office).await?;
    let judged_anew = office.court_at(office.now())?;
    for ruling in judged_anew.rulings() {
        let live = city.ruling(ruling.duty.key())?;
        assert_eq!(live.verdict.standing, ruling.verdict.standing, "{}", ruling.duty);
    }
    let size = office.publish().await?;
    let mut bundle = Vec::new();
    yakujo_server::disclose::bundle(&office, 0..u64::MAX, &mut bundle)?;
    let means = Means { policy: None, heads: &[], workers: NonZeroUsize::MIN };
    assert_eq!(verify(bundle.as_slice(), &means)?.verdict(), Verdict::Intact);
    let entry = bundle.iter().rposition(|byte| *byte == b'{').expect("the last entry");
    bundle[entry + 5] ^= 1;
    assert_ne!(verify(bundle.as_slice(), &means)?.verdict(), Verdict::Intact);
    assert!(size > 10);
    city.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_count_once_the_other_party_agreed_and_two_cannot_agree_at_once() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let city = City::start(&folder.path().join("data")).await?;
    let office = city.office()?;
    let open = |court: &yakujo_contract::court::Court| {
        court.evidence().agreements.of_any("parameters").next().map(|line| line.id.clone())
    };
    let proposal = open(&office.court()).expect("the first proposal");
    let people = office.people.everybody().await?;
    let actor = |login: &str| {
        let person = people.iter().find(|person| person.login == login).expect("a first person");
        Some(Actor { person: person.id.clone(), role: person.role, post: None })
    };
    let agree = || Act::Agreed { proposal: proposal.clone() };
    let own = office.decide(actor("contractor"), agree(), None).await;
    assert_eq!(own, Err(Refusal::OwnProposal));
    let (one, two) = tokio::join!(
        office.decide(actor("city"), agree(), None),
        office.decide(actor("city"), agree(), None)
    );
    let results = [one, two];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.contains(&Err(Refusal::NotOpen)));
    city.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_snapshot_is_passed_over_and_everything_is_judged_anew() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let mut city = City::start(&data).await?;
    city.observe().await?;
    city.until(MINUTE, "capacity is seen", |city| Ok(city.ruling("9.b")?.verdict.standing == Standing::Kept))
        .await?;
    let since = city.ruling("9.b")?.since;
    city.stop().await;
    let snapshot = data.join("contracts/main/snapshot/court.json");
    let kept = std::fs::read(&snapshot)?;
    for damaged in [kept.get(..kept.len() / 2).unwrap_or_default(), b"{}".as_slice(), b""] {
        std::fs::write(&snapshot, damaged)?;
        let city = City::start(&data).await?;
        let office = city.office()?;
        let turns = office.views().turns(DutyId::parse("9.b")?, None, jiff::Timestamp::MAX, 10).await?;
        assert!(
            turns.iter().any(|turn| turn.at.as_microsecond() == since.as_microsecond()),
            "its history is there"
        );
        shown(&office).await?;
        city.stop().await;
    }
    Ok(())
}

/// The views hold every entry: an entry is shown an instant after it is durable.
pub async fn shown(office: &Office) -> anyhow::Result<()> {
    for _ in 0..100 {
        if office.views().entries().await? == office.size() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the views were not brought up to the ledger")
}
