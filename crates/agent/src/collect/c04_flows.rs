//! 4.5.b, R-11: who comes in and where the host goes out to, from the kernel's own tables of sockets, and from its tracking of
//! connections (conntrack) where a firewall has it running: it remembers for a while what was over between two looks.

use crate::reading::read_text;
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
    /// It is there now: the inode of its socket.
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

/// Looks at the running host.
///
/// # Errors
/// When the kernel's tables cannot be read.
pub fn look() -> Result<Look, String> {
    let sockets = Sockets::read().map_err(|error| format!("the kernel's table of sockets: {error}"))?;
    let own = own_addresses(&sockets).map_err(|error| format!("the addresses of the host: {error}"))?;
    // Without a firewall that tracks there is no such table, or an empty one.
    let tracked = read_text(Path::new(TRACKED)).unwrap_or_default();
    Ok(seen(&sockets, &own, &tracked))
}

#[derive(Debug, Default)]
struct Sockets {
    /// Protocol, own side, other side, and what is known.
    connected: Vec<(Protocol, SocketAddr, SocketAddr, State)>,
    /// Ports on which the host waits for others.
    doors: BTreeSet<(Protocol, u16)>,
}

impl Sockets {
    fn read() -> procfs::ProcResult<Self> {
        let mut all = Self::default();
        let tcp = procfs::net::tcp()?.into_iter().chain(procfs::net::tcp6().unwrap_or_default());
        for entry in tcp {
            let state = match entry.state {
                TcpState::Listen => {
                    all.doors.insert((Protocol::Tcp, entry.local_address.port()));
                    continue;
                }
                TcpState::TimeWait => State::Lately,
                // Half open: nobody may ever come.
                TcpState::SynRecv | TcpState::NewSynRecv | TcpState::Close => continue,
                _ => State::Now(entry.inode),
            };
            all.connected.push((Protocol::Tcp, entry.local_address, entry.remote_address, state));
        }
        for entry in procfs::net::udp()?.into_iter().chain(procfs::net::udp6().unwrap_or_default()) {
            if entry.state == UdpState::Established {
                let state = State::Now(entry.inode);
                all.connected.push((Protocol::Udp, entry.local_address, entry.remote_address, state));
            } else {
                all.doors.insert((Protocol::Udp, entry.local_address.port()));
            }
        }
        Ok(all)
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

fn seen(sockets: &Sockets, own: &BTreeSet<IpAddr>, tracked: &str) -> Look {
    let mut flows: BTreeMap<Path4, State> = BTreeMap::new();
    let mut see = |path: Path4, state: State| {
        let known = flows.entry(path).or_insert(state);
        if let State::Now(inode) = state
            && inode > 0
        {
            *known = state;
        }
    };
    let elsewhere = |ip: &IpAddr| !ip.is_loopback() && !ip.is_unspecified() && !own.contains(ip);
    for (protocol, local, remote, state) in sockets.connected.iter().take(MOST) {
        let peer = remote.ip().to_canonical();
        if !elsewhere(&peer) {
            continue;
        }
        let comes_in = sockets.doors.contains(&(*protocol, local.port()));
        let (direction, port) =
            if comes_in { (Direction::In, local.port()) } else { (Direction::Out, remote.port()) };
        see((direction, *protocol, port, peer), *state);
    }
    let remembered = || tracked.lines().filter_map(read_tracked);
    for Tracked { protocol, from, to } in remembered().take(MOST) {
        if own.contains(&from.ip()) && elsewhere(&to.ip()) {
            see((Direction::Out, protocol, to.port(), to.ip()), State::Lately);
        } else if own.contains(&to.ip())
            && elsewhere(&from.ip())
            && sockets.doors.contains(&(protocol, to.port()))
        {
            see((Direction::In, protocol, to.port(), from.ip()), State::Lately);
        }
    }
    let count = remembered().count();
    let skipped = count.saturating_sub(MOST).saturating_add(sockets.connected.len().saturating_sub(MOST));
    let by = if count > 0 { FlowSource::Tracking } else { FlowSource::Sockets };
    Look { flows, by, skipped }
}

/// A connection as whoever began it sent its first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tracked {
    protocol: Protocol,
    from: SocketAddr,
    to: SocketAddr,
}

/// One line of `nf_conntrack`:
/// `ipv4 2 tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4711 dport=443 src=… [ASSURED] mark=0 use=1`.
fn read_tracked(line: &str) -> Option<Tracked> {
    let mut words = line.split_ascii_whitespace();
    let protocol = match words.nth(2)? {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    // The first of each stands for the side that began.
    let mut first = |key: &str| words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let (src, dst) = (first("src")?, first("dst")?);
    let (sport, dport) = (first("sport")?, first("dport")?);
    let end = |ip: &str, port: &str| Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?));
    Some(Tracked { protocol, from: end(src, sport)?, to: end(dst, dport)? })
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
        let doors = BTreeSet::from([(Protocol::Tcp, 443), (Protocol::Tcp, 5432)]);
        (Sockets { connected, doors }, BTreeSet::from([ip("10.0.0.1"), ip("127.0.0.1")]))
    }

    #[test]
    fn who_comes_in_is_told_from_where_the_host_goes_and_what_stays_inside_is_not_told() {
        let (sockets, own) = host();
        let look = seen(&sockets, &own, "");
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
        let look = seen(&sockets, &own, tracked);
        let kept = |path: Path4| look.flows.get(&path).copied();
        assert_eq!(kept((Direction::Out, Protocol::Udp, 123, ip("203.0.113.5"))), Some(State::Lately));
        assert_eq!(kept((Direction::In, Protocol::Tcp, 443, ip("10.0.0.7"))), Some(State::Lately));
        assert_eq!(look.flows.len(), 6, "a knock at a door that is not there is no communication: {look:?}");
        assert_eq!(look.by, FlowSource::Tracking);
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
            let read = read_tracked(&line);
            prop_assert_eq!(read, Some(Tracked { protocol: Protocol::Tcp, from: from.into(), to: to.into() }));
        }
    }
}
