//! A host that says it is cut off, tried by the server from another network: first its door answers, then the rules are real,
//! then the server's own cable is pulled. Each is told once.

use crate::malware::machines;
use crate::town_hall::TownHall;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use yakujo_contract::act::Role;
use yakujo_contract::evidence::outside::View;
use yakujo_contract::fact::malware::Untried;
use yakujo_contract::id::HostId;
use yakujo_contract::standing::Standing;
use yakujo_server::writer::NumberedFact;
use yakujo_stories::City;
use yakujo_stories::alone::alone;

/// Longer than from one look to the next.
const PATIENCE: Duration = Duration::from_secs(75);
const HOST: &str = "this-host";
const WEB: &str = "10.1.0.1";
const DOOR: &str = "10.1.0.1:8080";
/// Drops whatever comes in, as an isolation does.
const DARK: &str =
    "add table inet own; add chain inet own input { type filter hook input priority -400; policy drop; }";

/// What the agent of the host would tell, were there one.
async fn tells(city: &City, seq: u64, fact: Value) -> anyhow::Result<()> {
    let office = city.office()?;
    let told = NumberedFact { seq, observed: office.now(), fact: serde_json::from_value(fact)? };
    office.store_facts(HOST.parse()?, 1, vec![told]).await.map_err(|_| anyhow::anyhow!("not taken"))?;
    Ok(())
}

async fn says_it_is_cut_off(city: &City) -> anyhow::Result<()> {
    let interfaces = json!({ "kind": "net.interface", "interfaces": [{ "name": "to-office", "addresses": ["10.1.0.1/24"] }],
        "routes": [], "neighbours": [] });
    let listening = json!({ "kind": "net.listener", "part": { "index": 0, "of": 1, "set": "ab".repeat(32) },
        "listeners": [{ "protocol": "tcp", "address": "0.0.0.0", "port": 8080, "uid": 0 }] });
    let isolated = json!({ "kind": "isolation.state", "isolated": true, "cause": "order", "allowed_peers": [],
        "ruleset": "ab".repeat(32), "blocked_packets": 0, "verified_at": city.office()?.now(),
        "unreachable_from_outside": "unsaid" });
    for (seq, fact) in (1..).zip([interfaces, listening, isolated]) {
        tells(city, seq, fact).await?;
    }
    Ok(())
}

/// A sign of life over the channel that stays open.
fn pulse(city: &City) -> anyhow::Result<()> {
    let (office, host): (_, HostId) = (city.office()?, HOST.parse()?);
    office.watch.heard(&host, "e1", office.now());
    office.watch.came_from(&host, WEB.parse()?);
    Ok(())
}

fn view(city: &City) -> anyhow::Result<Option<View>> {
    let office = city.office()?;
    let court = office.court();
    let host = court.evidence().hosts.get(&HOST.parse::<HostId>()?).context("the host")?;
    Ok(host.seen_from_outside().map(|run| run.view))
}

fn looks_on_record(city: &City) -> anyhow::Result<usize> {
    let office = city.office()?;
    let mut count = 0;
    for number in 0..office.size() {
        let text = office.reader().entry(number)?;
        count += usize::from(text.windows(16).any(|some| some == b"\"isolation.seen\""));
    }
    Ok(count)
}

#[test]
fn a_host_that_is_cut_off_is_tried_from_outside() -> anyhow::Result<()> {
    alone("outside::a_host_that_is_cut_off_is_tried_from_outside", || async {
        machines::lay()?;
        let door = machines::within("web", || TcpListener::bind("0.0.0.0:8080"))??;
        let city = City::start_at(Path::new("/run/story/office"), machines::SERVER.parse()?).await?;
        // As they are proposed.
        city.agree_values(4, &[]).await?;
        let staff = TownHall::visitor(&city, ("mori", "森 遥"), Role::CityStaff).await?;
        let began = Instant::now();
        pulse(&city)?;
        says_it_is_cut_off(&city).await?;

        let is = |wanted: View| {
            move |city: &City| {
                pulse(city)?;
                Ok(view(city)? == Some(wanted))
            }
        };
        city.until(PATIENCE, "its door answers", is(View::Answers)).await?;
        city.until_stands("2.1.e", Standing::Broken).await?;
        let cause = city.ruling("2.1.e")?.verdict.cause.ja;
        ensure!(cause.contains("遮断中の外からの応答") && cause.contains(DOOR), "{cause}");
        staff
            .until_shown("/c/main/notices", &["遮断中のホスト this-host が外から応答しました"], began)
            .await?;
        staff
            .until_shown("/c/main/hosts/this-host", &["遮断中", "外から応答があります", DOOR], began)
            .await?;
        staff.until_shown("/c/main/findings?of=open", &[DOOR], began).await?;

        let dark = machines::on("web", "/usr/sbin/nft").arg(DARK).status()?;
        ensure!(dark.success(), "no rules: {dark}");
        city.until(PATIENCE, "then it is silent", is(View::Silent)).await?;
        city.until_stands("2.1.e", Standing::Broken).await?;
        staff
            .until_shown("/c/main/hosts/this-host", &["サーバから 1 か所を試し、応答がありません"], began)
            .await?;

        let pulled = Command::new("/usr/bin/env").args(["ip", "link", "set", "to-web", "down"]).status()?;
        ensure!(pulled.success(), "the cable is pulled: {pulled}");
        let no_network = View::Untried(Untried::NoNetwork);
        city.until(PATIENCE, "its own network is not the host's silence", |city| {
            Ok(view(city)? == Some(no_network))
        })
        .await?;
        ensure!(looks_on_record(&city)? == 3, "only what is news is told");
        drop(door);
        city.stop().await;
        Ok(())
    })
}
