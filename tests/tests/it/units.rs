//! The package as an operator has it: installed by dpkg, its units run by a real systemd. What the units say of accounts and
//! rights is what the processes have; orders reach the kernel and the disk through the socket; what is killed comes back, and
//! what is stopped says so.

mod processes;

use crate::acting::{agree, ask, filled, give, is_done, restored, standing};
use crate::malware::told;
use anyhow::{Context, ensure};
use jiff::SignedDuration;
use processes::{Account, act_is_confined, parts_are_confined, processes_of};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_agent::collectors::COLLECTORS;
use yakujo_contract::act::Environment;
use yakujo_contract::entry::Entry;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::{CollectorRun, RunOutcome};
use yakujo_contract::order::Work;
use yakujo_contract::request::form::Form;
use yakujo_stories::City;
use yakujo_stories::machine::{SHARED, under_systemd};
use yakujo_stories::package::deb;

const TEST: &str = "units::the_package_runs_under_a_real_systemd_with_the_rights_its_units_name";
/// Where the story's own server listens; that of the unit has another port.
const SERVER: &str = "127.0.0.1:8443";
const SITE: &str = "/srv/www";
const UNITS: [&str; 4] =
    ["yakujo-server.service", "yakujo-agent.service", "yakujo-act.socket", "yakujo-act@.service"];
/// What a unit does by itself is done so soon.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program of the machine, as root.
pub fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(program).args(arguments).env("LC_ALL", "C").output()?;
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success(), "{program} {arguments:?}: {out}{error}");
    Ok(format!("{out}{error}"))
}

/// What systemd says of a unit.
pub fn property(unit: &str, name: &str) -> anyhow::Result<String> {
    Ok(run("/bin/systemctl", &["show", "--property", name, "--value", unit])?.trim().to_owned())
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    run("/bin/systemctl", arguments).map(drop)
}

#[test]
fn the_package_runs_under_a_real_systemd_with_the_rights_its_units_name() -> anyhow::Result<()> {
    let prepare = |folder: &Path| {
        let program = yakujo_stories::built()?;
        for version in ["0.0.1", "0.0.2"] {
            deb(folder, version, &program)?;
        }
        Ok(())
    };
    under_systemd(TEST, prepare, || async {
        let told = story().await;
        if told.is_err() {
            println!("{}", run("/bin/journalctl", &["--no-pager", "--unit", "yakujo-*"])?);
        }
        told
    })
}

async fn story() -> anyhow::Result<()> {
    install("0.0.1")?;
    verified()?;
    server().await?;
    let city = City::start_at(Path::new("/srv/office"), SERVER.parse()?).await?;
    observed(&city).await?;
    parts_are_confined()?;
    act_is_confined().await?;
    orders(&city).await?;
    killed(&city).await?;
    upgraded(&city).await?;
    stopped(&city).await?;
    nothing_went_wrong()?;
    city.stop().await;
    run("/usr/bin/dpkg", &["--remove", "yakujo"])?;
    for unit in ["yakujo-agent.service", "yakujo-act.socket"] {
        ensure!(property(unit, "ActiveState")? == "inactive", "{unit} outlives the package");
    }
    Ok(())
}

fn install(version: &str) -> anyhow::Result<()> {
    let said = run("/usr/bin/dpkg", &["--install", &format!("{SHARED}/yakujo_{version}.deb")])?;
    println!("{said}");
    Ok(())
}

/// systemd has nothing to say against the units as they lie there.
fn verified() -> anyhow::Result<()> {
    for unit in UNITS {
        let said = run("/usr/bin/systemd-analyze", &["verify", &format!("/lib/systemd/system/{unit}")])?;
        ensure!(!said.contains("yakujo"), "{unit}: {said}");
    }
    Ok(())
}

async fn until(what: &str, mut holds: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// The server of the package answers as its own account, and has nothing else.
async fn server() -> anyhow::Result<()> {
    std::fs::write("/etc/yakujo/server.env", "YAKUJO_LISTEN=127.0.0.1:9443\n")?;
    systemctl(&["start", "yakujo-server"])?;
    let as_operator = ["-u", "yakujo", "--", "/usr/bin/yakujo", "--data", "/var/lib/yakujo", "status"];
    until("the server answers", || Ok(run("/sbin/runuser", &as_operator).is_ok())).await?;
    let account = Account::of("yakujo")?;
    for process in processes_of("yakujo-server.service")? {
        ensure!(process.is_of(&account) && process.permitted == 0 && process.bounding == 0, "{process:?}");
        ensure!(process.gives_nothing_back, "{process:?}");
    }
    // Where `yakujo backup` may write, and how.
    let copy = "/var/backups/yakujo/now";
    let backup = ["-u", "yakujo", "--", "/usr/bin/yakujo", "--data", "/var/lib/yakujo", "backup", copy];
    println!("{}", run("/sbin/runuser", &backup)?);
    systemctl(&["stop", "yakujo-server"])?;
    ensure!(property("yakujo-server", "Result")? == "success", "the server did not end well");
    Ok(())
}

/// Enrols the agent as its account, by a code that counts once, and starts its units.
async fn observed(city: &City) -> anyhow::Result<()> {
    std::fs::create_dir_all(SITE)?;
    std::fs::write(format!("{SITE}/index.html"), "ようこそ")?;
    systemctl(&["start", "yakujo-agent"])?;
    ensure!(property("yakujo-agent", "ConditionResult")? == "no", "a host that is not enrolled has no agent");
    let office = city.office()?;
    let (host, system) = ("this-host".parse()?, "main".parse()?);
    let code = yakujo_server::console::enrol(&office, host, system, Environment::Production).await;
    let code =
        format!("{}@{}", &*code.map_err(anyhow::Error::msg)?, city.server.house.authority.fingerprint());
    let data = "/var/lib/yakujo-agent";
    let mut enrols = Command::new("/usr/bin/setpriv")
        .args(["--reuid", "yakujo-agent", "--regid", "yakujo-agent", "--clear-groups"])
        .args(["/usr/bin/yakujo", "--data", data, "agent", "--server", &format!("https://{SERVER}")])
        .args(["--code-file", "-"])
        .stdin(Stdio::piped())
        .spawn()?;
    enrols.stdin.take().context("its standard input")?.write_all(code.as_bytes())?;
    until("it is enrolled", || Ok(yakujo_agent::enrol::is_enrolled(&Path::new(data).join("agent")))).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    run("/bin/kill", &["-INT", &enrols.id().to_string()])?;
    ensure!(enrols.wait()?.success(), "it does not end well");
    std::fs::write(format!("{data}/agent/agent.toml"), format!("watch = [\"{SITE}\"]\n"))?;

    let from = office.size();
    systemctl(&["enable", "--now", "yakujo-act.socket", "yakujo-agent"])?;
    told(city, from, "every collector sees what it is there for", sees_everything).await?;
    let is_rules = |it: &Entry| matches!(it.fact(), Some(Fact::NetFirewall(_)));
    told(city, from, "the kernel's rules are listed", is_rules).await?;
    let door = |it: &Entry| format!("{:?}", it.fact()).contains("tls port 8443");
    told(city, from, "the door of the server shows its certificate", door).await?;
    Ok(())
}

/// But what is asked of apt, which takes its time, and what openssl cannot tell of the story's own server.
fn sees_everything(entry: &Entry) -> bool {
    let Some(Fact::AgentBeat(beat)) = entry.fact() else { return false };
    let sees = |(name, run): (&String, &CollectorRun)| {
        ["updates", "tls"].contains(&name.as_str()) || run.outcome == RunOutcome::Complete
    };
    beat.collectors.len() == COLLECTORS.len() && beat.collectors.iter().all(sees)
}

/// What needs root goes through the socket: the kernel's rules, and a page that is put back.
async fn orders(city: &City) -> anyhow::Result<()> {
    let standing = standing(city).await?;
    is_done(city, &standing).await.context("the permit reaches the part that acts")?;
    let until = city.office()?.now().checked_add(SignedDuration::from_mins(10))?;
    give(city, &standing, Work::Isolate { until }).await?;
    is_done(city, &standing).await?;
    let is_cut =
        || Ok::<_, anyhow::Error>(run("/usr/sbin/nft", &["list", "tables"])?.contains("yakujo_isolate"));
    ensure!(is_cut()?, "the kernel has no such rules");
    let mut incident = filled(Form::F05, city.office()?.now())?;
    let class = yakujo_contract::request::FieldValue::Clear("malware".to_owned());
    incident.fields.insert("class".to_owned(), class);
    let incident = ask(city, "q-incident", incident).await?;
    agree(city, &incident).await?;
    give(city, &incident, Work::Reconnect {}).await?;
    is_done(city, &incident).await?;
    ensure!(!is_cut()?, "the host is still cut off");
    restored(city, &Path::new(SITE).join("index.html")).await
}

fn main_process() -> anyhow::Result<String> {
    property("yakujo-agent", "MainPID")
}

/// With its first process everything of the agent ends, and systemd starts it again.
async fn killed(city: &City) -> anyhow::Result<()> {
    let (from, before) = (city.office()?.size(), main_process()?);
    run("/bin/kill", &["-KILL", &before])?;
    told(city, from, "it observes again", |it| matches!(it.fact(), Some(Fact::AgentStart(_)))).await?;
    ensure!(main_process()? != before, "another process");
    ensure!(property("yakujo-agent", "NRestarts")? == "1", "it was started again once");
    Ok(())
}

/// A newer package starts again what runs.
async fn upgraded(city: &City) -> anyhow::Result<()> {
    let (from, before) = (city.office()?.size(), main_process()?);
    install("0.0.2")?;
    told(city, from, "it ended in good order", is_stop).await?;
    told(city, from, "it observes again", |it| matches!(it.fact(), Some(Fact::AgentStart(_)))).await?;
    ensure!(main_process()? != before, "another process");
    Ok(())
}

fn is_stop(entry: &Entry) -> bool {
    matches!(entry.fact(), Some(Fact::AgentStop(stop)) if stop.reason == "stopped by its operator")
}

async fn stopped(city: &City) -> anyhow::Result<()> {
    let from = city.office()?.size();
    systemctl(&["stop", "yakujo-agent"])?;
    ensure!(property("yakujo-agent", "Result")? == "success", "it did not end well");
    told(city, from, "why it ended is in the ledger", is_stop).await?;
    ensure!(processes_of("yakujo-agent.service")?.is_empty(), "something of it is left");
    Ok(())
}

/// No part, and nothing that acted, was confined less than it should be, met what it may not do, or failed.
fn nothing_went_wrong() -> anyhow::Result<()> {
    let said = run("/bin/journalctl", &["--no-pager", "--unit", "yakujo-*"])?;
    ensure!(said.contains("Started yakujo-agent.service"), "there is no journal: {said}");
    ensure!(!said.contains("Started yakujo-act@"), "every question stands in the journal: {said}");
    let refused = ["status=31/SYS", "Permission denied", "Operation not permitted"];
    for wrong in refused.into_iter().chain(["confines", "WARN", "ERROR", "\u{1b}"]) {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(wrong)).collect();
        ensure!(lines.is_empty(), "{lines:#?}");
    }
    Ok(())
}
