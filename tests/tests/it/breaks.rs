//! Things are broken for real, and the verdict is there within a minute; so it is when they are mended, and the break
//! stays in the history. Each story has a machine of its own.

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::future::Future;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use yakujo_contract::act::{AccountLine, AccountUse, Direction, Flow, Matter, Protocol, Trit};
use yakujo_contract::fact::host::Login;
use yakujo_contract::standing::Standing;
use yakujo_stories::City;
use yakujo_stories::alone::alone;
use yakujo_stories::definitions;

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
        direction: Direction::In,
        peer: None,
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
        owner: None,
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

#[test]
fn an_agent_that_is_killed_is_silent_within_a_minute_since_its_last_sign_of_life() -> anyhow::Result<()> {
    let test = "breaks::an_agent_that_is_killed_is_silent_within_a_minute_since_its_last_sign_of_life";
    story(test, |mut city| async {
        city.stop_observing().await;
        let agent = city.observe_until_killed().await?;
        city.until_stands("9.b", Standing::Kept).await?;
        let killed = city.office()?.now();
        drop(agent);
        city.until_stands("9.b", Standing::Unknown).await?;
        let cause = city.ruling("9.b")?.verdict.cause.en;
        let since = {
            let office = city.office()?;
            let court = office.court();
            let host = court.evidence().hosts.get(&"this-host".parse()?).context("this host was heard")?;
            host.silence.as_ref().context("the silence is a fact")?.value.since
        };
        assert!(cause.contains("silent since") && since <= killed, "{cause}: {since}, killed at {killed}");
        assert!(killed.duration_since(since) < SignedDuration::from_secs(20), "{since}, killed at {killed}");
        city.observe().await?;
        city.until_stands("9.b", Standing::Kept).await?;
        Ok(city)
    })
}

#[test]
fn an_agent_whose_disk_was_replaced_goes_on_and_says_that_something_is_lost() -> anyhow::Result<()> {
    let test = "breaks::an_agent_whose_disk_was_replaced_goes_on_and_says_that_something_is_lost";
    story(test, |mut city| async {
        city.until_stands("9.b", Standing::Kept).await?;
        city.stop_observing().await;
        city.until_stands("9.b", Standing::Unknown).await?;
        for file in ["outbox.db", "outbox.db-wal", "outbox.db-shm", "undeclared"] {
            let gone = std::fs::remove_file(city.data.join("agent").join(file));
            ensure!(!gone.is_err_and(|error| error.kind() != ErrorKind::NotFound), "{file} stays");
        }
        // Its numbers begin at 1 again, and the server has those: it must not take new facts for old ones.
        city.observe().await?;
        city.until_stands("9.b", Standing::Kept).await?;
        let office = city.office()?;
        let court = office.court();
        let host = court.evidence().hosts.get(&"this-host".parse()?).context("this host was heard")?;
        let loss = host.loss.as_ref().context("the loss was declared")?;
        assert!(loss.value.reason.contains("an earlier outbox"), "{loss:?}");
        drop(court);
        Ok(city)
    })
}

/// A program of the private machine; it ends with that machine at the latest.
fn start(program: &str, arguments: &[&str]) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("{program} cannot be started: is its Debian package installed?"))
}

/// A time source whose time can be moved: a real clock cannot be stepped for one test alone.
fn time_source(ahead_ms: Arc<AtomicU64>) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:123")?;
    std::thread::spawn(move || {
        let mut request = [0_u8; 512];
        while let Ok((48.., from)) = socket.recv_from(&mut request) {
            let ahead = Duration::from_millis(ahead_ms.load(Ordering::SeqCst));
            let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + ahead;
            let seconds = u32::try_from(time.as_secs() + 2_208_988_800).unwrap_or_default();
            let fraction = u32::try_from((u64::from(time.subsec_nanos()) << 32) / 1_000_000_000);
            let now = [seconds.to_be_bytes(), fraction.unwrap_or_default().to_be_bytes()].concat();
            let [first, _, poll, ..] = request;
            // RFC 4330: version of the request, mode 4, stratum 2; originate is the request's transmit time.
            let mut answer = vec![first & 0x38 | 4, 2, poll, 0xec, 0, 0, 0, 1, 0, 0, 0, 1, 127, 0, 0, 1];
            answer.extend(&now);
            answer.extend(request.get(40..48).unwrap_or_default());
            answer.extend(&now);
            answer.extend(&now);
            // A client that has gone asks again.
            let _ = socket.send_to(&answer, from);
        }
    });
    Ok(())
}

#[test]
fn a_clock_that_left_its_source_is_a_breach_until_it_is_back() -> anyhow::Result<()> {
    story("breaks::a_clock_that_left_its_source_is_a_breach_until_it_is_back", |city| async {
        let ahead = Arc::new(AtomicU64::new(0));
        time_source(ahead.clone())?;
        let settings = "server 127.0.0.1 iburst minpoll 0 maxpoll 0\nport 0\npidfile /run/chronyd.pid\n";
        std::fs::write("/etc/chrony/chrony.conf", settings)?;
        // It may not touch the machine's clock, which is everybody's.
        start("/usr/sbin/chronyd", &["-x", "-d", "-u", "root"])?;
        city.agree_parameters(18, "breach_ms", 5_000).await?;
        city.until_stands("6.a", Standing::Kept).await?;
        ahead.store(6_000, Ordering::SeqCst);
        city.until_stands("6.a", Standing::Broken).await?;
        ahead.store(0, Ordering::SeqCst);
        city.until_stands("6.a", Standing::Kept).await?;
        let history = city.history("6.a").await?;
        assert!(history.ends_with(&["kept", "broken", "kept"]), "{history:?}");
        Ok(city)
    })
}

#[test]
fn a_scanner_that_stops_is_a_breach_until_it_runs_again() -> anyhow::Result<()> {
    story("breaks::a_scanner_that_stops_is_a_breach_until_it_runs_again", |city| async {
        definitions::write(Path::new("/run/definitions"), Timestamp::now())?;
        let settings =
            "LocalSocket /run/clamd.ctl\nDatabaseDirectory /run/definitions\nForeground yes\nUser root\n";
        std::fs::write("/etc/clamav/clamd.conf", settings)?;
        let mut clamd = start("/usr/sbin/clamd", &[])?;
        city.agree_parameters(1, "breach_h", 48).await?;
        city.until_stands("2.1.a", Standing::Kept).await?;
        clamd.kill()?;
        clamd.wait()?;
        city.until_stands("2.1.a", Standing::Broken).await?;
        start("/usr/sbin/clamd", &[])?;
        city.until_stands("2.1.a", Standing::Kept).await?;
        let history = city.history("2.1.a").await?;
        assert!(history.ends_with(&["kept", "broken", "kept"]), "{history:?}");
        Ok(city)
    })
}
