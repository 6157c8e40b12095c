//! 4.5.b, R-11: who comes in and where the host goes out to, from the kernel's own tables of sockets, and from its tracking of
//! connections (conntrack) where a firewall has it running: it remembers for a while what was over between two looks.

use super::c04_network::given_ports;
use crate::reading::{Sources, read_text};
use procfs::net::{TcpState, UdpState};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use yakujo_contract::act::{Direction, Protocol};
use yakujo_contract::fact::network::FlowSource;

/// The table of tracked connections.
const TRACKED: &str = "/proc/net/nf_conntrack";
/// Connections read of one look at most.
const MOST: usize = 20_000;

/// Which side began, protocol, port, and the other side.
pub type Path4 = (Direction, Protocol, u16, IpAddr);

/// What is known of one communication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is there now: the inode of its socket, 0 where it has none here.
    Now(u64),
    /// It was there within the last two minutes.
    Lately,
}

/// One look.
#[derive(Debug)]
pub struct Look {
    /// What was seen.
    pub flows: BTreeMap<Path4, State>,
    /// By what.
    pub by: FlowSource,
    /// What was too much to be read.
    pub skipped: usize,
}

/// Doors that were closed a short while ago: what is left of their connections came in all the same.
#[derive(Debug, Default)]
pub struct Doors(BTreeMap<(Protocol, u16), u32>);

/// Looks for which a door is remembered: a quarter of an hour.
const REMEMBERED: u32 = 90;

/// Looks at the running host.
///
/// # Errors
/// When the kernel's tables cannot be read.
pub fn look(doors: &mut Doors) -> Result<Look, String> {
    let sockets = Sockets::read().map_err(|error| format!("the kernel's table of sockets: {error}"))?;
    let own = own_addresses(&sockets).map_err(|error| format!("the addresses of the host: {error}"))?;
    // Where no firewall tracks, or it may not be read, there are the sockets; which it was is told.
    let tracked = read_text(Path::new(TRACKED)).unwrap_or_default();
    doors.see(&sockets);
    Ok(seen(&sockets, &own, doors, &tracked))
}

impl Doors {
    fn see(&mut self, sockets: &Sockets) {
        self.0.retain(|_, left| {
            *left = left.saturating_sub(1);
            *left > 0
        });
        self.0.extend(sockets.doors.iter().map(|door| ((door.0, door.1), REMEMBERED)));
    }

    fn was(&self, protocol: Protocol, port: u16) -> bool {
        self.0.contains_key(&(protocol, port))
    }
}

#[derive(Debug, Default)]
struct Sockets {
    /// Protocol, own side, other side, and what is known.
    connected: Vec<(Protocol, SocketAddr, SocketAddr, State)>,
    /// Where the host waits for others, other than for itself.
    doors: BTreeSet<(Protocol, u16, IpAddr)>,
}

impl Sockets {
    fn read() -> procfs::ProcResult<Self> {
        let mut all = Self::default();
        // A port the kernel gave for a question to somebody else is no door.
        let given = given_ports(&Sources::of_this_host());
        for entry in procfs::net::tcp()?.into_iter().chain(where_there_is(procfs::net::tcp6())?) {
            let state = match entry.state {
                TcpState::Listen => {
                    all.opens(Protocol::Tcp, entry.local_address);
                    continue;
                }
                TcpState::TimeWait => State::Lately,
                // Half open, or not answered: a firewall may stand in between.
                TcpState::SynSent | TcpState::SynRecv | TcpState::NewSynRecv | TcpState::Close => continue,
                _ => State::Now(entry.inode),
            };
            all.connected.push((Protocol::Tcp, entry.local_address, entry.remote_address, state));
        }
        for entry in procfs::net::udp()?.into_iter().chain(where_there_is(procfs::net::udp6())?) {
            let local = entry.local_address;
            if entry.state == UdpState::Established {
                let state = State::Now(entry.inode);
                all.connected.push((Protocol::Udp, entry.local_address, entry.remote_address, state));
            } else if !given.contains(&local.port()) {
                all.opens(Protocol::Udp, local);
            }
        }
        Ok(all)
    }

    fn opens(&mut self, protocol: Protocol, at: SocketAddr) {
        let ip = at.ip().to_canonical();
        if !ip.is_loopback() {
            self.doors.insert((protocol, at.port(), ip));
        }
    }
}

/// A kernel without IPv6 has no such table; one that cannot be read is an error.
fn where_there_is<T>(table: procfs::ProcResult<Vec<T>>) -> procfs::ProcResult<Vec<T>> {
    match table {
        Err(procfs::ProcError::NotFound(_)) => Ok(Vec::new()),
        other => other,
    }
}

/// The addresses the host has, and those its connections have: an address that went may still be in use.
fn own_addresses(sockets: &Sockets) -> nix::Result<BTreeSet<IpAddr>> {
    let mut own: BTreeSet<IpAddr> =
        sockets.connected.iter().map(|(_, local, ..)| local.ip().to_canonical()).collect();
    for interface in nix::ifaddrs::getifaddrs()? {
        let Some(address) = interface.address else { continue };
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let v6 = address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
        own.extend(v4.or(v6));
    }
    Ok(own)
}

fn seen(sockets: &Sockets, own: &BTreeSet<IpAddr>, doors: &Doors, tracked: &str) -> Look {
    let mut flows: BTreeMap<Path4, State> = BTreeMap::new();
    let mut lines = tracked.lines().filter_map(read_tracked);
    let remembered: Vec<Tracked> = lines.by_ref().take(MOST).collect();
    let count = remembered.len().saturating_add(lines.count());
    let elsewhere = |ip: &IpAddr| !ip.is_loopback() && !ip.is_unspecified() && !own.contains(ip);
    let began: BTreeSet<(SocketAddr, SocketAddr)> = remembered.iter().map(|it| (it.from, it.to)).collect();
    let outside: Vec<_> =
        sockets.connected.iter().filter(|(_, _, remote, _)| elsewhere(&remote.ip().to_canonical())).collect();
    for (protocol, local, remote, state) in outside.iter().take(MOST) {
        let (local, remote) = (canonical(*local), canonical(*remote));
        // Who sent the first packet is known where it is tracked. Otherwise whoever is at a door came in; a door that was
        // closed meanwhile was one.
        let comes_in = began.contains(&(remote, local))
            || doors.was(*protocol, local.port()) && !began.contains(&(local, remote));
        let (direction, port) =
            if comes_in { (Direction::In, local.port()) } else { (Direction::Out, remote.port()) };
        let known = flows.entry((direction, *protocol, port, remote.ip())).or_insert(*state);
        if matches!(state, State::Now(inode) if *inode > 0) {
            *known = *state;
        }
    }
    for it in &remembered {
        if let Some((path, state)) = it.path(own, doors, &elsewhere) {
            flows.entry(path).or_insert(state);
        }
    }
    let skipped = count.saturating_sub(MOST).saturating_add(outside.len().saturating_sub(MOST));
    let by = if count > 0 { FlowSource::Tracking } else { FlowSource::Sockets };
    Look { flows, by, skipped }
}

fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// A connection as whoever began it sent its first packet, and to whom the answers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tracked {
    protocol: Protocol,
    from: SocketAddr,
    to: SocketAddr,
    answers_to: IpAddr,
    /// It goes on: kept for days after its last packet.
    lasts: bool,
    /// Both sides sent more than a first packet.
    assured: bool,
    /// Nobody answered.
    unanswered: bool,
}

impl Tracked {
    /// What it is, seen from this host. What goes on here has a socket, and is told by that.
    fn path(
        &self,
        own: &BTreeSet<IpAddr>,
        doors: &Doors,
        elsewhere: &impl Fn(&IpAddr) -> bool,
    ) -> Option<(Path4, State)> {
        let (protocol, from, to) = (self.protocol, self.from, self.to);
        if protocol == Protocol::Tcp && self.unanswered {
            return None;
        }
        let goes_out = |state| Some(((Direction::Out, protocol, to.port(), to.ip()), state));
        let comes_in = |port, peer| Some(((Direction::In, protocol, port, peer), State::Lately));
        match (own.contains(&from.ip()), own.contains(&to.ip())) {
            (true, true) => None,
            // Tracking that began in the middle takes an answer for a beginning.
            (true, false) if doors.was(protocol, from.port()) && elsewhere(&to.ip()) => {
                comes_in(from.port(), to.ip())
            }
            (true, false) if elsewhere(&to.ip()) && !self.lasts => goes_out(State::Lately),
            (false, true) if elsewhere(&from.ip()) && !self.lasts => {
                // A knock at a door that is not there is no communication.
                let answered = doors.was(protocol, to.port()) || self.assured;
                answered.then(|| comes_in(to.port(), from.ip())).flatten()
            }
            // Of a container or another network behind this host: the answers come here.
            (false, false) if own.contains(&self.answers_to) && elsewhere(&to.ip()) => {
                goes_out(if self.lasts { State::Now(0) } else { State::Lately })
            }
            _ => None,
        }
    }
}

/// One line of `nf_conntrack`:
/// `ipv4 2 tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4711 dport=443 src=… dst=… [ASSURED] mark=0 use=1`.
fn read_tracked(line: &str) -> Option<Tracked> {
    let words: Vec<&str> = line.split_ascii_whitespace().take(32).collect();
    let protocol = match *words.get(2)? {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    // The first of each stands for the side that began, the second for the answers.
    let all = |key: &'static str| {
        words.iter().filter_map(move |word| word.strip_prefix(key)?.strip_prefix('=')).collect::<Vec<_>>()
    };
    let first = |key| all(key).first().copied();
    let end = |ip: &str, port: &str| Some(canonical(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?)));
    let answers_to: IpAddr = all("dst").get(1)?.parse().ok()?;
    Some(Tracked {
        protocol,
        from: end(first("src")?, first("sport")?)?,
        to: end(first("dst")?, first("dport")?)?,
        answers_to: answers_to.to_canonical(),
        lasts: words.get(5) == Some(&"ESTABLISHED"),
        assured: words.contains(&"[ASSURED]"),
        unanswered: words.contains(&"[UNREPLIED]"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn host() -> (Sockets, BTreeSet<IpAddr>) {
        let connected = vec![
            (Protocol::Tcp, end("10.0.0.1:443"), end("10.0.0.9:50000"), State::Now(7)),
            (Protocol::Tcp, end("10.0.0.1:40000"), end("192.0.2.7:22"), State::Lately),
            (Protocol::Tcp, end("[::ffff:10.0.0.1]:443"), end("[::ffff:10.0.0.8]:50001"), State::Now(8)),
            (Protocol::Tcp, end("127.0.0.1:40001"), end("127.0.0.1:5432"), State::Now(9)),
            (Protocol::Tcp, end("10.0.0.1:40002"), end("10.0.0.1:443"), State::Now(10)),
            (Protocol::Udp, end("10.0.0.1:40003"), end("10.0.0.53:53"), State::Now(11)),
        ];
        let doors = BTreeSet::from([(Protocol::Tcp, 443, ip("0.0.0.0"))]);
        (Sockets { connected, doors }, BTreeSet::from([ip("10.0.0.1"), ip("127.0.0.1")]))
    }

    fn looked(sockets: &Sockets, own: &BTreeSet<IpAddr>, tracked: &str) -> Look {
        let mut doors = Doors::default();
        doors.see(sockets);
        seen(sockets, own, &doors, tracked)
    }

    #[test]
    fn who_comes_in_is_told_from_where_the_host_goes_and_what_stays_inside_is_not_told() {
        let (sockets, own) = host();
        let look = looked(&sockets, &own, "");
        let expected = BTreeMap::from([
            ((Direction::In, Protocol::Tcp, 443, ip("10.0.0.8")), State::Now(8)),
            ((Direction::In, Protocol::Tcp, 443, ip("10.0.0.9")), State::Now(7)),
            ((Direction::Out, Protocol::Tcp, 22, ip("192.0.2.7")), State::Lately),
            ((Direction::Out, Protocol::Udp, 53, ip("10.0.0.53")), State::Now(11)),
        ]);
        assert_eq!((look.flows, look.by, look.skipped), (expected, FlowSource::Sockets, 0));
    }

    #[test]
    fn what_was_over_between_two_looks_is_remembered_by_the_kernel() {
        let (sockets, own) = host();
        let tracked = "ipv4     2 udp      17 25 src=10.0.0.1 dst=203.0.113.5 sport=5353 dport=123 src=203.0.113.5 \
            dst=10.0.0.1 sport=123 dport=5353 mark=0 zone=0 use=2\n\
            ipv4     2 tcp      6 119 TIME_WAIT src=10.0.0.7 dst=10.0.0.1 sport=50009 dport=443 src=10.0.0.1 \
            dst=10.0.0.7 sport=443 dport=50009 [ASSURED] mark=0 zone=0 use=2\n\
            ipv4     2 tcp      6 9 CLOSE src=10.0.0.66 dst=10.0.0.1 sport=50010 dport=4444 [UNREPLIED] src=10.0.0.1 \
            dst=10.0.0.66 sport=4444 dport=50010 mark=0 zone=0 use=2\n\
            ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.9 type=8 code=0 id=1\n";
        let look = looked(&sockets, &own, tracked);
        let kept = |path: Path4| look.flows.get(&path).copied();
        assert_eq!(kept((Direction::Out, Protocol::Udp, 123, ip("203.0.113.5"))), Some(State::Lately));
        assert_eq!(kept((Direction::In, Protocol::Tcp, 443, ip("10.0.0.7"))), Some(State::Lately));
        assert_eq!(look.flows.len(), 6, "a knock at a door that is not there is no communication: {look:?}");
        assert_eq!(look.by, FlowSource::Tracking);
    }

    #[test]
    fn what_is_left_of_a_door_that_was_closed_came_in() {
        let (mut sockets, own) = host();
        let mut doors = Doors::default();
        doors.see(&sockets);
        sockets.doors.clear();
        doors.see(&sockets);
        let look = seen(&sockets, &own, &doors, "");
        assert!(look.flows.contains_key(&(Direction::In, Protocol::Tcp, 443, ip("10.0.0.9"))), "{look:?}");
        for _ in 0..REMEMBERED {
            doors.see(&sockets);
        }
        assert!(!doors.was(Protocol::Tcp, 443), "and is forgotten in the end");
        // Tracking that began in the middle of a citizen's visit takes our answer for a beginning.
        let mut doors = Doors::default();
        doors.see(&host().0);
        let answer = "ipv4 2 tcp 6 299 ESTABLISHED src=10.0.0.1 dst=203.0.113.5 sport=443 dport=50000 src=203.0.113.5 \
            dst=10.0.0.1 sport=50000 dport=443 [ASSURED] use=1";
        let look = seen(&Sockets::default(), &own, &doors, answer);
        assert_eq!(
            look.flows.keys().copied().collect::<Vec<_>>(),
            [(Direction::In, Protocol::Tcp, 443, ip("203.0.113.5"))]
        );
    }

    #[test]
    fn what_a_firewall_blocks_is_no_communication_and_what_a_container_says_is() {
        let own = BTreeSet::from([ip("192.0.2.1"), ip("172.17.0.1")]);
        let lines = "ipv4 2 tcp 6 115 SYN_SENT src=192.0.2.1 dst=203.0.113.9 sport=40000 dport=443 [UNREPLIED] \
            src=203.0.113.9 dst=192.0.2.1 sport=443 dport=40000 use=1\n\
            ipv4 2 tcp 6 431999 ESTABLISHED src=172.17.0.2 dst=203.0.113.7 sport=40001 dport=22 src=203.0.113.7 \
            dst=192.0.2.1 sport=22 dport=40001 [ASSURED] use=1\n\
            ipv4 2 tcp 6 431999 ESTABLISHED src=192.0.2.1 dst=203.0.113.8 sport=40002 dport=25 src=203.0.113.8 \
            dst=192.0.2.1 sport=25 dport=40002 [ASSURED] use=1\n\
            ipv4 2 tcp 6 60 TIME_WAIT src=10.9.9.9 dst=192.0.2.1 sport=40003 dport=4444 src=172.17.0.2 \
            dst=10.9.9.9 sport=443 dport=40003 [ASSURED] use=1\n";
        let look = looked(&Sockets::default(), &own, lines);
        let expected = BTreeMap::from([
            ((Direction::Out, Protocol::Tcp, 22, ip("203.0.113.7")), State::Now(0)),
            ((Direction::In, Protocol::Tcp, 4444, ip("10.9.9.9")), State::Lately),
        ]);
        assert_eq!(look.flows, expected, "what lasts without a socket here lasts no more");
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_left(line in ".{0,200}") {
            let _ = read_tracked(&line);
        }

        #[test]
        fn a_line_reads_as_it_was_written(from: std::net::SocketAddrV4, to: std::net::SocketAddrV4) {
            let (src, sport) = (from.ip(), from.port());
            let (dst, dport) = (to.ip(), to.port());
            let line = format!("ipv4 2 tcp 6 1 ESTABLISHED src={src} dst={dst} sport={sport} dport={dport} \
                src={dst} dst={src} sport={dport} dport={sport} [ASSURED] use=1");
            let read = read_tracked(&line).unwrap();
            prop_assert_eq!((read.protocol, read.from, read.to), (Protocol::Tcp, from.into(), to.into()));
            prop_assert_eq!(read.answers_to, IpAddr::from(*src));
            prop_assert!(read.lasts && read.assured && !read.unanswered);
        }
    }
}
