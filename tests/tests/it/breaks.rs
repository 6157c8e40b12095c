//! Things are broken for real, and the verdict is there within a minute; so it is when they are mended, and the break
//! stays in the history. Each story has a machine of its own.

use anyhow::{Context, ensure};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::TcpListener;
use std::process::Command;
use yakujo_contract::act::{AccountLine, AccountUse, Flow, Matter, Protocol, Trit};
use yakujo_contract::fact::host::Login;
use yakujo_contract::standing::Standing;
use yakujo_stories::City;
use yakujo_stories::alone::alone;

/// Starts a city with an agent in a private machine and tells its story.
fn story<Told>(test: &str, tell: impl FnOnce(City) -> Told) -> anyhow::Result<()>
where
    Told: Future<Output = anyhow::Result<City>>,
{
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        let mut city = City::start(&folder.path().join("data")).await?;
        city.observe().await?;
        tell(city).await?.stop().await;
        Ok(())
    })
}

fn flow(port: u16, purpose: &str) -> anyhow::Result<Matter> {
    let system = "main".parse()?;
    Ok(Matter::Flow(Flow {
        system,
        host: None,
        protocol: Protocol::Tcp,
        port,
        purpose: purpose.to_owned(),
        until: None,
    }))
}

#[test]
fn a_socket_that_nobody_declared_is_a_breach_until_it_is_closed_or_agreed() -> anyhow::Result<()> {
    let test = "breaks::a_socket_that_nobody_declared_is_a_breach_until_it_is_closed_or_agreed";
    story(test, |city| async {
        let listed = TcpListener::bind("0.0.0.0:0")?;
        city.agree(flow(listed.local_addr()?.port(), "公開の口")?).await?;
        city.until_stands("4.5.b", Standing::Kept).await?;

        let opened = TcpListener::bind("0.0.0.0:0")?;
        city.until_stands("4.5.b", Standing::Broken).await?;
        drop(opened);
        city.until_stands("4.5.b", Standing::Kept).await?;

        let opened = TcpListener::bind("0.0.0.0:0")?;
        city.until_stands("4.5.b", Standing::Broken).await?;
        city.agree(flow(opened.local_addr()?.port(), "保守の口")?).await?;
        city.until_stands("4.5.b", Standing::Kept).await?;
        let history = city.history("4.5.b").await?;
        let told = ["kept", "broken", "kept", "broken", "unknown", "kept"];
        assert!(history.ends_with(&told), "unknown while the declared one waits for the city: {history:?}");
        Ok(city)
    })
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).status().with_context(|| program.to_owned())?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

/// A local account that one can log in with.
fn add_account(name: &str) -> anyhow::Result<()> {
    run("/usr/sbin/useradd", &["-M", "-l", "-s", "/bin/bash", "-p", "$y$j9T$nobody$knows", name])
}

async fn list_account(city: &City, name: &str, privileged: Trit) -> anyhow::Result<()> {
    let line = AccountLine {
        system: "main".parse()?,
        host: None,
        account: name.to_owned(),
        use_: AccountUse::Person,
        privileged,
        need: "運用".to_owned(),
        from: city.office()?.now() - SignedDuration::from_hours(1),
        until: None,
    };
    city.agree(Matter::Account(line)).await
}

/// The accounts that can log in, as the agent told them.
fn accounts(city: &City) -> anyhow::Result<BTreeSet<String>> {
    let office = city.office()?;
    let court = office.court();
    let host = court.evidence().hosts.get(&"this-host".parse()?).context("this host was heard")?;
    let told = host.accounts.newest().context("accounts were told")?;
    let usable = told.items.iter().filter(|account| account.login == Login::Possible);
    Ok(usable.map(|account| account.name.clone()).collect())
}

#[test]
fn an_account_outside_the_ledger_is_a_breach_until_it_is_removed_or_agreed() -> anyhow::Result<()> {
    let test = "breaks::an_account_outside_the_ledger_is_a_breach_until_it_is_removed_or_agreed";
    story(test, |city| async {
        add_account("hanako")?;
        city.agree_parameters(27, "unlisted_h", 0).await?;
        city.until_stands("11.a", Standing::Broken).await?;
        for name in accounts(&city)? {
            list_account(&city, &name, Trit::Yes).await?;
        }
        city.until_stands("11.a", Standing::Kept).await?;

        add_account("tsukasa")?;
        city.until_stands("11.a", Standing::Broken).await?;
        run("/usr/sbin/userdel", &["tsukasa"])?;
        city.until_stands("11.a", Standing::Kept).await?;

        add_account("makoto")?;
        city.until_stands("11.a", Standing::Broken).await?;
        list_account(&city, "makoto", Trit::No).await?;
        city.until_stands("11.a", Standing::Kept).await?;
        // What was agreed for an ordinary account does not cover root's rights.
        run("/usr/sbin/usermod", &["-a", "-G", "sudo", "makoto"])?;
        city.until_stands("11.a", Standing::Broken).await?;
        run("/usr/sbin/usermod", &["-r", "-G", "sudo", "makoto"])?;
        city.until_stands("11.a", Standing::Kept).await?;
        let history = city.history("11.a").await?;
        assert_eq!(history.iter().filter(|word| **word == "broken").count(), 4, "{history:?}");
        Ok(city)
    })
}

#[test]
fn an_agent_that_stops_leaves_its_duties_unknown_since_then() -> anyhow::Result<()> {
    let test = "breaks::an_agent_that_stops_leaves_its_duties_unknown_since_then";
    story(test, |mut city| async {
        city.until_stands("9.b", Standing::Kept).await?;
        city.stop_observing().await;
        let stopped = city.office()?.now();
        city.until_stands("9.b", Standing::Unknown).await?;
        let ruling = city.ruling("9.b")?;
        assert!(ruling.since.duration_since(stopped).abs() < SignedDuration::from_secs(60), "{ruling:?}");
        assert!(ruling.verdict.cause.en.contains("silent since"), "{}", ruling.verdict.cause.en);
        city.observe().await?;
        city.until_stands("9.b", Standing::Kept).await?;
        let history = city.history("9.b").await?;
        assert!(history.ends_with(&["kept", "unknown", "kept"]), "{history:?}");
        Ok(city)
    })
}
