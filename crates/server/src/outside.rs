//! Looks from outside at hosts that are cut off (2.1.e). An agent cannot: it stands inside, and whoever is root there can take
//! the rules away and make it say anything. So the server tries, from where it stands, the doors of the host that are known.
//!
//! It goes to one address only: the one the host itself is heard from. What a host or a contract says of other addresses sends
//! the server nowhere. Silence counts where the server's own network is seen to work: the host is heard at this moment over
//! the one channel that is left open, or something else that the server probes answers.

use crate::office::Office;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use yakujo_contract::act::Protocol;
use yakujo_contract::court::Court;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::malware::{IsolationSeen, Untried};
use yakujo_contract::id::{HostId, ProbeId};
use yakujo_contract::target::{Endpoint, Means, Place, Target};
use yakujo_probe::attempt::knock;
use yakujo_probe::doors::{Door, is_of_this_machine, knock_all, leads_to, may_be_tried};
use yakujo_probe::own::{self, Knock, Signs};

/// A host is tried so often.
const EVERY: Duration = Duration::from_secs(30);
/// What does not change is told again so often.
const TOLD_EVERY: Duration = Duration::from_mins(10);
/// Most doors of one host.
const DOORS: usize = 16;
/// Most names that are asked where they lead.
const NAMES: usize = 8;
/// Other places asked whether the network works.
const WITNESSES: usize = 4;
/// Hosts tried at the same time.
const AT_ONCE: usize = 16;

/// Looks until the end.
pub async fn look(office: Arc<Office>, mut ended: watch::Receiver<()>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(2));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut outside = Outside::new(office);
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = seconds.tick() => {}
        }
        tokio::select! {
            _ = ended.changed() => return,
            () = outside.round(Instant::now()) => {}
        }
    }
}

/// What was done about each host that is cut off.
pub struct Outside {
    office: Arc<Office>,
    known: HashMap<HostId, Known>,
}

/// One host.
struct Known {
    tried: Instant,
    told: Option<(Instant, IsolationSeen)>,
}

/// What is tried, where that is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    address: IpAddr,
    /// Ports of sockets that listen.
    listening: BTreeSet<u16>,
    /// What was agreed of its systems: those that lead to the address are doors, too.
    agreed: Vec<Endpoint>,
    /// What else the server probes.
    witnesses: Vec<(Means, Endpoint)>,
    /// Doors at other addresses.
    elsewhere: u32,
    /// The host is heard at this moment: the way to it works.
    is_heard: bool,
}

impl Outside {
    /// Of one contract; nothing was tried yet.
    #[must_use]
    pub fn new(office: Arc<Office>) -> Self {
        Self { office, known: HashMap::new() }
    }

    /// Tries what is due at this instant, and states what is news.
    pub async fn round(&mut self, now: Instant) {
        let cut_off = self.cut_off();
        self.known.retain(|host, _| cut_off.contains(host));
        let is_due =
            |host: &HostId| self.known.get(host).is_none_or(|known| now.duration_since(known.tried) >= EVERY);
        let due: Vec<HostId> = cut_off.iter().filter(|host| is_due(host)).cloned().collect();
        for some in due.chunks(AT_ONCE) {
            let mut looks = JoinSet::new();
            for host in some {
                let plan = self.plan(host);
                let host = host.clone();
                looks.spawn(async move { (host, seen(plan).await) });
            }
            for (host, seen) in looks.join_all().await {
                self.tell(host, seen, now).await;
            }
        }
    }

    fn cut_off(&self) -> BTreeSet<HostId> {
        let court = self.office.court();
        let hosts = court.evidence().hosts.iter().filter(|(_, host)| host.is_cut_off());
        hosts.map(|(host, _)| host.clone()).collect()
    }

    fn plan(&self, host: &HostId) -> Result<Plan, Untried> {
        let place = self.office.watch.place(host, self.office.now());
        let probed = crate::probing::assigned(&self.office, &ProbeId::server());
        plan(&self.office.court(), host, place, &probed)
    }

    async fn tell(&mut self, host: HostId, seen: IsolationSeen, now: Instant) {
        let known = self.known.entry(host.clone()).or_insert(Known { tried: now, told: None });
        known.tried = now;
        let is_news = known
            .told
            .as_ref()
            .is_none_or(|(at, told)| *told != seen || now.duration_since(*at) >= TOLD_EVERY);
        if !is_news {
            return;
        }
        // Connected again while it was tried: what was seen says nothing about an isolation.
        if !self.office.court().evidence().hosts.get(&host).is_some_and(Host::is_cut_off) {
            return;
        }
        let told = self.office.state(Some(host), Fact::IsolationSeen(seen.clone())).await;
        match told {
            Ok(_) => known.told = Some((now, seen)),
            Err(error) => tracing::error!("how a host looks from outside could not be recorded: {error}"),
        }
    }
}

/// What can be tried of a host that was heard from here.
fn plan(
    court: &Court,
    id: &HostId,
    place: Option<(IpAddr, bool)>,
    probed: &[Target],
) -> Result<Plan, Untried> {
    let (address, is_heard) = place.ok_or(Untried::NoAddress)?;
    if is_of_this_machine(address) {
        return Err(Untried::SameMachine);
    }
    if !may_be_tried(address) {
        return Err(Untried::NoAddress);
    }
    let host = court.evidence().hosts.get(id).ok_or(Untried::NoAddress)?;
    if !host.addresses.as_ref().is_some_and(|known| known.value.contains(&address)) {
        return Err(Untried::NotItsOwn);
    }
    let (listening, elsewhere) = listening(host, address);
    let served =
        |target: &&Target| court.places().get(&target.system).is_some_and(|all| all.contains_key(id));
    let targets = court.evidence().agreements.targets().filter(|watched| watched.ended.is_none());
    let agreed = targets.map(|watched| watched.target).filter(served).filter(|it| it.means != Means::Icmp);
    let agreed: Vec<Endpoint> = agreed.filter_map(|target| target.endpoint().ok()).collect();
    let away = probed.iter().filter_map(|target| Some((target.means, target.endpoint().ok()?)));
    let away = away.filter(|(_, endpoint)| match &endpoint.host {
        Place::Address(other) => *other != address && !is_of_this_machine(*other),
        Place::Name(_) => !agreed.contains(endpoint),
    });
    let witnesses = away.take(WITNESSES).collect();
    Ok(Plan { address, listening, agreed, witnesses, elsewhere, is_heard })
}

/// The ports that listen at an address, and how many sockets listen elsewhere.
fn listening(host: &Host, address: IpAddr) -> (BTreeSet<u16>, u32) {
    let (mut here, mut elsewhere) = (BTreeSet::new(), 0_u32);
    for listener in host.listeners.newest().into_iter().flat_map(|list| list.items) {
        if listener.protocol != Protocol::Tcp || listener.is_local_only() {
            continue;
        }
        let bound = listener.address.to_canonical();
        let everywhere = bound.is_unspecified() && (bound.is_ipv6() || address.is_ipv4());
        if everywhere || bound == address {
            here.insert(listener.port);
        } else {
            elsewhere = elsewhere.saturating_add(1);
        }
    }
    (here, elsewhere)
}

async fn seen(plan: Result<Plan, Untried>) -> IsolationSeen {
    match plan {
        Ok(plan) => tried(&plan).await,
        Err(why) => nothing(why),
    }
}

fn nothing(why: Untried) -> IsolationSeen {
    IsolationSeen { tried: vec![], answered: vec![], refused: vec![], left: 0, untried: Some(why) }
}

async fn tried(plan: &Plan) -> IsolationSeen {
    let (ports, left) = doors(plan).await;
    if ports.is_empty() {
        return IsolationSeen { left, ..nothing(Untried::NoDoor) };
    }
    let found = knock_all(plan.address, &ports).await;
    let those = |wanted: Door| {
        found.iter().filter(|(_, door)| *door == wanted).map(|(at, _)| *at).collect::<Vec<_>>()
    };
    let (answered, mut refused) = (those(Door::Open), those(Door::Refused));
    let untried = if answered.is_empty() && refused.is_empty() {
        own_fault(plan, found.iter().any(|(_, door)| *door == Door::NoNetwork)).await
    } else {
        None
    };
    if untried.is_none() {
        // Not this machine's own word: whoever says so, this is not the darkness of a host that is cut off.
        refused.extend(those(Door::NoWay));
    }
    IsolationSeen { tried: found.iter().map(|(at, _)| *at).collect(), answered, refused, left, untried }
}

/// The doors that are tried, those that were agreed first, and how many are left.
async fn doors(plan: &Plan) -> (Vec<u16>, u32) {
    let mut ports: Vec<u16> = Vec::new();
    let (mut asked, mut left) = (0, plan.elsewhere);
    for endpoint in &plan.agreed {
        if let Place::Name(_) = endpoint.host {
            asked += 1;
            if asked > NAMES {
                left = left.saturating_add(1);
                continue;
            }
        }
        if !ports.contains(&endpoint.port) && leads_to(endpoint, plan.address).await {
            ports.push(endpoint.port);
        }
    }
    for port in &plan.listening {
        if !ports.contains(port) {
            ports.push(*port);
        }
    }
    let more = ports.len().saturating_sub(DOORS);
    ports.truncate(DOORS);
    (ports, left.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)))
}

/// Whether the silence may be the server's own.
async fn own_fault(plan: &Plan, no_network: bool) -> Option<Untried> {
    if no_network {
        return Some(Untried::NoNetwork);
    }
    let mut signs = Signs { way_out: own::has_way_out(), ..Signs::default() };
    signs.reference = Some(if plan.is_heard { Knock::Answered } else { Knock::Silent });
    if !plan.is_heard {
        let mut knocks = JoinSet::new();
        for (means, endpoint) in plan.witnesses.clone() {
            knocks.spawn(async move { knock(means, &endpoint).await });
        }
        signs.others = knocks.join_all().await;
    }
    own::cut(&signs).map(|_| Untried::NoNetwork)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use yakujo_contract::id::EntryNumber;
    use yakujo_contract::terms::Terms;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const WEB: &str = "192.0.2.1";

    /// `web-1` with an agreed target and three sockets that listen, one of them at another address of the host.
    fn court() -> Court {
        let terms = Terms::standard();
        let line = |seq: u32, fact: &str| {
            format!(
                r#"{{"v":1,"author":{{"agent":"web-1"}},"host":"web-1","seq":{seq},"observed":"2026-11-24T00:00:00Z","received":"2026-11-24T00:00:00Z","fact":{fact}}}"#
            )
        };
        let interfaces = r#"{"kind":"net.interface","interfaces":[{"name":"eth0","addresses":["192.0.2.1/24","10.9.0.1/24"]}],"routes":[],"neighbours":[]}"#;
        let socket =
            |at: &str, port: u16| format!(r#"{{"protocol":"tcp","address":"{at}","port":{port},"uid":0}}"#);
        let sockets = [
            socket("0.0.0.0", 22),
            socket("::", 80),
            socket("127.0.0.1", 25),
            socket("10.9.0.1", 9000),
            socket("0.0.0.0", 68).replace("tcp", "udp"),
        ];
        let listening = format!(
            r#"{{"kind":"net.listener","part":{{"index":0,"of":1,"set":"{}"}},"listeners":[{}]}}"#,
            "ab".repeat(32),
            sockets.join(",")
        );
        let (first, last) = ("contract main=web-1 kanko=web-2", "expect 11-24T01:00 2.1.e main unknown");
        let story = [first, &line(1, interfaces), &line(2, &listening), last].join("\n");
        let mut court = Court::default();
        for (number, entry) in (0..).zip(yakujo_contract::scenario::entries(&terms, &story).unwrap()) {
            let _ = court.enter(&terms, EntryNumber(number), &entry);
        }
        court
    }

    #[test]
    fn only_the_address_the_host_is_heard_from_is_tried_and_only_where_it_is_its_own() {
        let (court, web) = (court(), "web-1".parse().unwrap());
        let of = |place: Option<&str>| {
            plan(&court, &web, place.map(|address| (address.parse().unwrap(), true)), &[])
        };
        assert_eq!(of(None), Err(Untried::NoAddress));
        assert_eq!(of(Some("127.0.0.1")), Err(Untried::SameMachine));
        assert_eq!(of(Some("169.254.169.254")), Err(Untried::NoAddress));
        assert_eq!(of(Some("203.0.113.7")), Err(Untried::NotItsOwn), "translated on the way");
        let plan = of(Some(WEB)).unwrap();
        assert_eq!((plan.listening, plan.elsewhere), ([22, 80].into(), 1));
        assert_eq!(plan.agreed.len(), 1, "of its own system");
    }

    #[tokio::test]
    async fn agreed_doors_come_first_and_there_are_not_too_many() {
        let (court, web) = (court(), "web-1".parse().unwrap());
        let plan = plan(&court, &web, Some((WEB.parse().unwrap(), true)), &[]).unwrap();
        assert_eq!(doors(&plan).await, (vec![443, 22, 80], 1));
        let many = Plan { listening: (1..=100).collect(), ..plan };
        let (ports, left) = doors(&many).await;
        assert_eq!((ports.len(), ports.first(), left), (DOORS, Some(&443), 86));
    }

    fn here(listening: impl IntoIterator<Item = u16>, is_heard: bool) -> Plan {
        let (listening, agreed, witnesses) = (listening.into_iter().collect(), vec![], vec![]);
        Plan { address: HOME, listening, agreed, witnesses, elsewhere: 0, is_heard }
    }

    #[tokio::test]
    async fn a_real_door_answers_refuses_or_is_silent() {
        let door = TcpListener::bind((HOME, 0)).unwrap();
        let at = door.local_addr().unwrap();
        let seen = tried(&here([at.port()], true)).await;
        assert_eq!((seen.answered, seen.untried), (vec![at], None));
        drop(door);
        let seen = tried(&here([at.port()], true)).await;
        assert_eq!((seen.answered, seen.refused, seen.untried), (vec![], vec![at], None));
        assert_eq!(tried(&here([], true)).await, nothing(Untried::NoDoor));
        // TEST-NET-1 is nobody's: silence, or no way there.
        let dark = |is_heard| Plan { address: "192.0.2.77".parse().unwrap(), ..here([22], is_heard) };
        let seen = tried(&dark(false)).await;
        assert_eq!(
            (seen.answered, seen.untried),
            (vec![], Some(Untried::NoNetwork)),
            "nothing else is heard"
        );
    }

    #[tokio::test]
    async fn silence_is_the_hosts_where_something_else_answers() {
        let witness = TcpListener::bind((HOME, 0)).unwrap();
        let endpoint = Endpoint::parse(Means::Tcp, &witness.local_addr().unwrap().to_string()).unwrap();
        let plan = |is_heard| Plan { witnesses: vec![(Means::Tcp, endpoint.clone())], ..here([1], is_heard) };
        assert_eq!(own_fault(&plan(false), false).await, None);
        assert_eq!(own_fault(&here([1], true), false).await, None, "its own word came through just now");
        assert_eq!(own_fault(&here([1], true), true).await, Some(Untried::NoNetwork));
        drop(witness);
        // The port refuses: somebody is there.
        assert_eq!(own_fault(&plan(false), false).await, None);
        assert_eq!(own_fault(&here([1], false), false).await, Some(Untried::NoNetwork));
    }
}
