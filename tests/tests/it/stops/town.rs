//! A little town in a private machine: the server on a bridge, and behind cables of their own a machine with a real
//! nginx and a real PostgreSQL, a second place to probe from, and a neighbour that only refuses.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yakujo_contract::act::Environment;
use yakujo_contract::evidence::Evidence;
use yakujo_contract::fact::probe::Availability;
use yakujo_contract::id::SystemId;
use yakujo_contract::outage::{Outage, Threshold, Weight};
use yakujo_contract::target::{Expected, Means, Target};
use yakujo_stories::City;

/// The server, and the second probe.
pub const PROBES: [&str; 2] = ["server", "out-1"];
const SERVER: &str = "10.77.0.1";
/// The machine of the system.
pub const SYSTEM: &str = "10.77.0.10";
const OUTSIDE: &str = "10.77.0.20";
const NEIGHBOUR: &str = "10.77.0.30";
/// Stops of ten seconds and two tries count in these stories: shorter than that nobody may agree on.
pub const THRESHOLD: Threshold = Threshold { stop: jiff::SignedDuration::from_secs(10), tries: 2 };

/// Runs a program to its end.
pub fn run(line: &str) -> anyhow::Result<()> {
    let mut words = line.split_whitespace();
    let program = words.next().context("a program")?;
    let status = Command::new(program).args(words).stdout(Stdio::null()).status();
    let status = status.with_context(|| line.to_owned())?;
    ensure!(status.success(), "{line}: {status}");
    Ok(())
}

/// The programs of the system run as other users: they have to find their files.
pub fn open_to_all(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

/// Lays the cables.
pub fn cables() -> anyhow::Result<()> {
    run("ip link add br0 type bridge")?;
    run(&format!("ip addr add {SERVER}/24 dev br0"))?;
    run("ip link set br0 up")?;
    // Namespaces begin without the right to ping; the second probe gets it, the server does not.
    for (name, address) in [("sys", SYSTEM), ("out", OUTSIDE), ("ref", NEIGHBOUR)] {
        run(&format!("ip netns add {name}"))?;
        run(&format!("ip link add v-{name} type veth peer name eth0 netns {name}"))?;
        run(&format!("ip link set v-{name} master br0 up"))?;
        run(&format!("ip -n {name} addr add {address}/24 dev eth0"))?;
        run(&format!("ip -n {name} link set eth0 up"))?;
        run(&format!("ip -n {name} link set lo up"))?;
    }
    let allow = "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range";
    let allowed = Command::new("ip").args(["netns", "exec", "out", "sh", "-c", allow]).status()?;
    ensure!(allowed.success(), "the second probe may not ping");
    Ok(())
}

/// A program that serves, in the namespace of the system.
pub struct Program {
    child: Child,
    line: String,
}

impl Program {
    fn start(line: &str) -> anyhow::Result<Self> {
        let mut words = line.split_whitespace();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", "sys"]).args(words.by_ref());
        let child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().with_context(|| line.to_owned())?;
        Ok(Self { child, line: line.to_owned() })
    }

    /// Ends it as an operator does.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        run(&format!("kill -INT {}", self.child.id()))?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again.
    pub fn again(&mut self) -> anyhow::Result<()> {
        *self = Self::start(&self.line.clone())?;
        Ok(())
    }

    /// Makes it read its files again.
    pub fn reload(&self) -> anyhow::Result<()> {
        run(&format!("kill -HUP {}", self.child.id()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
    }
}

const PAGE: &str = "<h1>住民ポータル</h1><a>申請</a><a>予約</a>\n";

/// nginx with one page.
pub fn nginx(folder: &Path, port: u16) -> anyhow::Result<(Program, PathBuf)> {
    let page = folder.join("index.html");
    std::fs::write(&page, PAGE)?;
    let (root, file) = (folder.display(), folder.join("nginx.conf"));
    let text = format!(
        "load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;\n\
         daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log; user root;\n\
         events {{}}\n\
         http {{ access_log {root}/access.log; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
         fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
         server {{ listen {SYSTEM}:{port}; location / {{ root {root}; }} }} }}\n"
    );
    std::fs::write(&file, text)?;
    Ok((Program::start(&format!("/usr/sbin/nginx -e {root}/error.log -c {}", file.display()))?, file))
}

/// The page as it was promised, or another one.
pub fn write_page(nginx: &Path, text: Option<&str>) -> anyhow::Result<()> {
    let folder = nginx.parent().context("a folder")?;
    Ok(std::fs::write(folder.join("index.html"), text.unwrap_or(PAGE))?)
}

/// PostgreSQL with an empty data base.
pub fn postgres(folder: &Path, port: u16) -> anyhow::Result<Program> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").context("apt-get install postgresql")?;
    let newest = versions.flatten().map(|entry| entry.path()).max().context("a version of PostgreSQL")?;
    let (bin, data) = (newest.join("bin"), folder.join("pg"));
    std::fs::create_dir(&data)?;
    run(&format!("chown postgres {}", data.display()))?;
    let (bin, data) = (bin.display(), data.display());
    run(&format!("runuser -u postgres -- {bin}/initdb -N -A trust -D {data}"))?;
    let user = "setpriv --reuid postgres --regid postgres --clear-groups";
    Program::start(&format!("{user} {bin}/postgres -D {data} -h {SYSTEM} -p {port} -k {data}"))
}

/// An agent in another network than the server's: every thread of it lives there.
pub struct Outside {
    machine: Option<tokio::runtime::Runtime>,
    agent: Option<yakujo_agent::Handle>,
}

impl Outside {
    /// Enrols the second probe and starts it.
    pub async fn start(city: &City) -> anyhow::Result<Self> {
        let folder = city.data.join("out-1");
        let office = city.office()?;
        let code =
            yakujo_server::console::enrol(&office, "out-1".parse()?, "main".parse()?, Environment::Test);
        let code = code.await.map_err(anyhow::Error::msg)?;
        let code = format!("{}@{}", &*code, city.server.house.authority.fingerprint());
        let (server, into) = (format!("https://{}", city.server.portal), folder.clone());
        tokio::task::spawn_blocking(move || yakujo_agent::enrol::enrol(&into, &server, &code)).await??;
        let settings = yakujo_agent::Settings {
            folder,
            intake: Some(city.server.intake),
            sources: yakujo_agent::reading::Sources::of_this_host(),
            clock: Arc::new(jiff::Timestamp::now),
            home: yakujo_agent::Home::WithServer,
            hand: None,
        };
        let network = Arc::new(std::fs::File::open("/run/netns/out")?);
        let machine = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || {
                use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
                use std::os::fd::AsFd as _;
                let moved = move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network));
                moved.expect("root may enter a namespace");
            })
            .build()?;
        let agent = machine.spawn(yakujo_agent::start(settings)).await??;
        Ok(Self { machine: Some(machine), agent: Some(agent) })
    }

    /// Ends it in good order.
    pub async fn stop(mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop().await;
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        if let Some(machine) = self.machine.take() {
            machine.shutdown_background();
        }
    }
}

/// Both parties agree on a target that both probes try.
pub async fn watch(
    city: &City,
    system: &str,
    id: &str,
    means: Means,
    address: &str,
    expected: Expected,
) -> anyhow::Result<()> {
    let target = Target {
        target: id.parse()?,
        system: system.parse()?,
        name: id.to_owned(),
        means,
        address: address.to_owned(),
        expected,
        authority: None,
        reference: Some(format!("{NEIGHBOUR}:7")),
        every_s: 10,
        probes: PROBES.map(str::parse).into_iter().collect::<Result<_, _>>()?,
    };
    city.agree(yakujo_contract::act::Matter::Target(target)).await
}

/// What the probes say together.
pub fn outages(city: &City) -> anyhow::Result<Vec<Outage>> {
    let main: SystemId = "main".parse()?;
    Ok(city.office()?.court().evidence().outages_of(&main, THRESHOLD))
}

/// How each probe last saw a target.
pub fn seen(evidence: &Evidence, target: &str) -> Vec<(String, Availability)> {
    let id = target.parse().expect("an id");
    let seen = evidence.watching.of(&id);
    seen.filter_map(|(probe, seen)| Some((probe.to_string(), seen.newest?.1))).collect()
}

/// Waits until both probes say so of a target.
pub async fn until_both(city: &City, target: &str, state: Availability) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let both = |city: &City| {
        let office = city.office()?;
        let seen = seen(office.court().evidence(), target);
        Ok(seen.len() == 2 && seen.iter().all(|(_, is)| *is == state))
    };
    city.until(Duration::from_secs(60), &format!("both see {target} {state:?}"), both).await?;
    println!("both see {target} {state:?} after {:.1} s", began.elapsed().as_secs_f64());
    Ok(began.elapsed())
}

/// Whether an outage lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Still.
    Lasts,
    /// No more.
    IsOver,
}

/// Waits until both agree that a target does not stand as promised, or did not; tells which and after how long.
pub async fn until_agreed(
    city: &City,
    target: &str,
    state: Availability,
    phase: Phase,
) -> anyhow::Result<Outage> {
    let began = Instant::now();
    let wanted = |outage: &Outage| {
        outage.target.as_str() == target
            && outage.state == state
            && outage.weight == Weight::Agreed
            && outage.to.is_none() == (phase == Phase::Lasts)
    };
    let found = |city: &City| Ok(outages(city)?.iter().any(wanted));
    let reached = city.until(Duration::from_secs(60), &format!("{target} {state:?} {phase:?}"), found).await;
    reached.with_context(|| format!("{:#?}", outages(city)))?;
    println!("{target} {state:?}, {phase:?}: known after {:.1} s", began.elapsed().as_secs_f64());
    outages(city)?.into_iter().rfind(wanted).context("it was there")
}
