//! 4.5.b: what listens, with the program behind it, from the kernel's own tables.

use crate::reading::{Items, Reading, Sources, in_parts, open_content};
use jiff::Timestamp;
use procfs::net::{TcpState, UdpState};
use procfs::process::FDTarget;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use yakujo_contract::act::Protocol;
use yakujo_contract::change::Object;
use yakujo_contract::fact::network::{Listener, NetListeners};
use yakujo_contract::fact::{Coverage, Fact};

/// Sockets reported at most; more than this is itself worth a look, and is said.
const MOST: usize = 5_000;

/// Reads the listening sockets of the running host.
#[must_use]
pub fn collect(_sources: &Sources, _now: Timestamp) -> Reading {
    let mut open = match sockets() {
        Ok(open) => open,
        Err(error) => return Reading::failed(format!("the kernel's table of sockets: {error}")),
    };
    let (programs, unreadable) = programs();
    let mut coverage = Coverage { unreadable, ..Coverage::default() };
    if open.len() > MOST {
        coverage.skipped = u32::try_from(open.len().saturating_sub(MOST)).unwrap_or(u32::MAX);
        open.truncate(MOST);
    }
    let mut listeners: Vec<Listener> = open
        .into_iter()
        .map(|(protocol, local, uid, inode)| Listener {
            protocol,
            address: local.ip(),
            port: local.port(),
            program: programs.get(&inode).cloned(),
            uid,
        })
        .collect();
    listeners.sort_by_key(|socket| (socket.protocol, socket.port, socket.address));
    // Several workers of one program share a socket: one line is enough.
    listeners.dedup();
    if unreadable > 0 {
        coverage.reason = "programs of other users may not be looked at".to_owned();
    }
    let reason = coverage.reason.clone();
    let fact =
        |(part, listeners)| Fact::NetListeners(NetListeners { part, listeners, coverage: coverage.clone() });
    Reading::of(in_parts(&listeners).into_iter().map(fact).collect(), reason)
}

/// The listening sockets by name, to be compared with what they were. A UDP socket on a port the kernel gave for a question
/// to somebody else comes and goes by the second; it is listed, but no change.
#[must_use]
pub fn items(sources: &Sources, reading: &Reading) -> Vec<Items> {
    let mut listed = Items::of(Object::Listener);
    let given = given_ports(sources);
    for fact in &reading.facts {
        let Fact::NetListeners(set) = fact else { continue };
        for socket in &set.listeners {
            if socket.protocol == Protocol::Udp && given.contains(&socket.port) {
                continue;
            }
            let protocol = socket.protocol.word();
            let program = socket.program.as_deref().unwrap_or("?");
            let text = format!("{program} uid={}", socket.uid);
            let name = format!("{protocol} {}", SocketAddr::new(socket.address, socket.port));
            listed.items.insert(name, open_content(&text));
        }
    }
    vec![listed]
}

/// The ports the kernel gives to whoever asks for none.
#[must_use]
pub fn given_ports(sources: &Sources) -> RangeInclusive<u16> {
    let range = sources.read("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = range.split_whitespace().filter_map(|word| word.parse::<u16>().ok());
    bounds.next().unwrap_or(32_768)..=bounds.next().unwrap_or(60_999)
}

type Socket = (Protocol, SocketAddr, u32, u64);

fn sockets() -> procfs::ProcResult<Vec<Socket>> {
    let tcp = procfs::net::tcp()?.into_iter().chain(procfs::net::tcp6().unwrap_or_default());
    let udp = procfs::net::udp()?.into_iter().chain(procfs::net::udp6().unwrap_or_default());
    let listening = tcp
        .filter(|entry| entry.state == TcpState::Listen)
        .map(|entry| (Protocol::Tcp, entry.local_address, entry.uid, entry.inode));
    // A UDP socket that is connected to a peer only hears that peer.
    let bound = udp
        .filter(|entry| entry.state != UdpState::Established && entry.local_address.port() != 0)
        .map(|entry| (Protocol::Udp, entry.local_address, entry.uid, entry.inode));
    Ok(listening.chain(bound).collect())
}

/// The TCP ports on which this host listens.
#[must_use]
pub fn tcp_ports() -> BTreeSet<u16> {
    let tcp = sockets().unwrap_or_default().into_iter();
    tcp.filter(|(protocol, ..)| *protocol == Protocol::Tcp).map(|(_, local, ..)| local.port()).collect()
}

/// Program names by socket inode, and how many processes could not be looked at.
pub fn programs() -> (HashMap<u64, String>, u32) {
    let (mut names, mut unreadable) = (HashMap::new(), 0_u32);
    let Ok(processes) = procfs::process::all_processes() else { return (names, 1) };
    for process in processes.flatten() {
        let Ok(name) = process.stat().map(|stat| stat.comm) else { continue };
        match process.fd() {
            Ok(open) => {
                for descriptor in open.flatten() {
                    if let FDTarget::Socket(inode) = descriptor.target {
                        names.insert(inode, name.clone());
                    }
                }
            }
            Err(procfs::ProcError::PermissionDenied(_)) => unreadable = unreadable.saturating_add(1),
            // It ended meanwhile.
            Err(_) => {}
        }
    }
    (names, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners() -> Vec<Listener> {
        let reading = collect(&Sources::of_this_host(), Timestamp::UNIX_EPOCH);
        let sets = reading.facts.into_iter().filter_map(|fact| match fact {
            Fact::NetListeners(set) => Some(set.listeners),
            _ => None,
        });
        sets.flatten().collect()
    }

    #[test]
    fn a_socket_is_seen_while_it_listens_and_named_after_its_program() {
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (tcp_port, udp_port) = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        let seen = listeners();
        let found =
            |protocol, port| seen.iter().find(|socket| socket.protocol == protocol && socket.port == port);
        let socket = found(Protocol::Tcp, tcp_port).expect("the TCP socket");
        assert!(socket.is_local_only() && socket.program.is_some(), "{socket:?}");
        assert!(found(Protocol::Udp, udp_port).is_some());
        drop(tcp);
        assert!(
            !listeners().iter().any(|socket| socket.protocol == Protocol::Tcp && socket.port == tcp_port)
        );
    }
}
