//! Communication with another machine, beside the list of needed communication (4.5.b, R-11): a neighbour in a network
//! namespace of its own, at the other end of a cable.

use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yakujo_contract::act::{Direction, Flow, Matter, Protocol};
use yakujo_contract::fact::network::{FlowSource, read_peer};
use yakujo_contract::standing::Standing;
use yakujo_stories::City;
use yakujo_stories::alone::alone;

/// The neighbour's address.
const NEIGHBOUR: &str = "10.9.0.2";

/// A program that ends with the story.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(line: &str) -> anyhow::Result<()> {
    let status = Command::new("/bin/sh").args(["-c", line]).status()?;
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}

/// A neighbour that serves pages on two ports. It hangs up by itself when it has answered.
fn neighbour() -> anyhow::Result<Vec<Running>> {
    let network = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net"));
    let holder = Command::new("/usr/bin/unshare").args(["--net", "/bin/sleep", "600"]).spawn()?;
    let pid = holder.id().to_string();
    let mut all = vec![Running(holder)];
    let began = Instant::now();
    while network(&pid)? == network("self")? {
        ensure!(began.elapsed() < Duration::from_secs(10), "the neighbour has no network of its own");
        std::thread::sleep(Duration::from_millis(20));
    }
    run(&format!("ip link add cable type veth peer name cable netns {pid}"))?;
    run("ip address add 10.9.0.1/24 dev cable && ip link set cable up")?;
    run(&format!(
        "nsenter -t {pid} -n sh -c 'ip link set lo up; ip address add {NEIGHBOUR}/24 dev cable; ip link set cable up'"
    ))?;
    for port in ["8080", "8081"] {
        let server = Command::new("/usr/bin/nsenter")
            .args(["-t", &pid, "-n", "/usr/bin/python3", "-m", "http.server", port])
            .current_dir("/usr/share/doc")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        all.push(Running(server));
    }
    Ok(all)
}

/// Asks the neighbour for a page; the connection is over when this returns, and no socket is left of it here.
fn ask(port: u16) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut stream = loop {
        match TcpStream::connect((NEIGHBOUR, port)) {
            Ok(stream) => break stream,
            Err(error) => ensure!(began.elapsed() < Duration::from_secs(20), "the neighbour: {error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    stream.write_all(b"HEAD / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    Ok(())
}

/// What the agent told of communication, by name, and how it looks.
fn told(city: &City) -> anyhow::Result<(Vec<String>, Option<FlowSource>)> {
    let office = city.office()?;
    let court = office.court();
    let host = court.evidence().hosts.get(&"this-host".parse()?).context("this host was heard")?;
    let names = host.flows.all().map(|flow| flow.value.path.name()).collect();
    Ok((names, host.flows.looked().map(|looked| looked.value.0)))
}

fn needed(port: u16) -> anyhow::Result<Matter> {
    Ok(Matter::Flow(Flow {
        system: "main".parse()?,
        host: None,
        protocol: Protocol::Tcp,
        port,
        direction: Direction::Out,
        peer: read_peer("10.9.0.0/24"),
        purpose: "連携".to_owned(),
        until: None,
    }))
}

#[test]
fn a_communication_that_stands_on_no_list_is_told_however_short_it_was() -> anyhow::Result<()> {
    let test = "flows::a_communication_that_stands_on_no_list_is_told_however_short_it_was";
    alone(test, || async {
        let folder = tempfile::tempdir()?;
        let mut city = City::start(&folder.path().join("data")).await?;
        // As on any host with a firewall: the kernel tracks connections.
        run(
            "nft add table inet t; nft 'add chain inet t c { type filter hook output priority 0; }'; nft add rule inet t c ct state new accept",
        )?;
        let neighbour = neighbour()?;
        city.observe().await?;
        city.agree(needed(8080)?).await?;
        city.until_stands("4.5.b", Standing::Kept).await?;

        ask(8080)?;
        let listed = format!("out tcp 8080 {NEIGHBOUR}");
        let is_told = |name: &str| {
            let name = name.to_owned();
            move |city: &City| Ok(told(city)?.0.contains(&name))
        };
        city.until(Duration::from_secs(60), "the listed one is told", is_told(&listed)).await?;
        ensure!(city.ruling("4.5.b")?.verdict.standing == Standing::Kept, "it stands on the list");
        ensure!(told(&city)?.1 == Some(FlowSource::Tracking), "short ones are remembered");

        ask(8081)?;
        city.until_stands("4.5.b", Standing::Broken).await?;
        let cause = city.ruling("4.5.b")?.verdict.cause.ja;
        ensure!(cause.contains(&format!("{NEIGHBOUR} の TCP 8081 へ")), "{cause}");
        let (names, _) = told(&city)?;
        ensure!(names.len() == 2, "what stays on the machine is not told: {names:?}");
        drop(neighbour);
        city.stop().await;
        Ok(())
    })
}
