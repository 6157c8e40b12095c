//! One knock at each door of a host that should be dark: a connection is made and closed, nothing is said.

use crate::dial::{self, DialError};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use tokio::task::JoinSet;
use yakujo_contract::target::{Endpoint, Place, Reach};

/// What came of trying one door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A connection was made.
    Open,
    /// Somebody said no: the host, or something before it.
    Refused,
    /// Nothing came back.
    Silent,
    /// Somebody said that there is no way: the host itself, a device before it, or this machine.
    NoWay,
    /// The prober's own machine has no way out.
    NoNetwork,
}

/// Tries some doors of one address, all at once.
pub async fn knock_all(address: IpAddr, ports: &[u16]) -> Vec<(SocketAddr, Door)> {
    let mut knocks = JoinSet::new();
    for port in ports {
        let at = SocketAddr::new(address, *port);
        knocks.spawn(async move { (at, knock(at).await) });
    }
    let mut all = knocks.join_all().await;
    all.sort_by_key(|(at, _)| *at);
    all
}

async fn knock(at: SocketAddr) -> Door {
    let endpoint = Endpoint { host: Place::Address(at.ip()), port: at.port(), path: String::new() };
    match dial::connect(&endpoint).await {
        Ok(_) => Door::Open,
        Err(DialError::Refused) => Door::Refused,
        Err(DialError::Unreachable(_)) => Door::NoWay,
        Err(DialError::NoNetwork(_)) => Door::NoNetwork,
        Err(DialError::Name | DialError::Forbidden(_) | DialError::Timeout) => Door::Silent,
    }
}

/// Whether an endpoint leads to an address, by itself or by its name.
pub async fn leads_to(endpoint: &Endpoint, address: IpAddr) -> bool {
    dial::addresses(endpoint).await.is_ok_and(|found| found.contains(&address))
}

/// Whether an address is one of this machine: the kernel would go there from the address itself.
#[must_use]
pub fn is_of_this_machine(address: IpAddr) -> bool {
    if address.is_loopback() {
        return true;
    }
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let from = UdpSocket::bind(any).and_then(|socket| {
        // Nothing is sent: the kernel only chooses a way.
        socket.connect(SocketAddr::new(address, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == address)
}

/// Whether an address may be tried because a host was heard from it: no other machine's loopback, no metadata of clouds.
#[must_use]
pub fn may_be_tried(address: IpAddr) -> bool {
    Reach::of(address) == Reach::Anywhere
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A door whose queue is full: the kernel drops whoever knocks, as rules that drop do.
    fn deaf() -> (TcpListener, Vec<TcpStream>) {
        let door = TcpListener::bind((HOME, 0)).unwrap();
        rustix::net::listen(&door, 0).unwrap();
        let (at, patience) = (door.local_addr().unwrap(), std::time::Duration::from_millis(200));
        let waiting = (0..4).filter_map(|_| TcpStream::connect_timeout(&at, patience).ok()).collect();
        (door, waiting)
    }

    #[tokio::test]
    async fn what_answers_what_refuses_and_what_is_silent() {
        let open = TcpListener::bind((HOME, 0)).unwrap();
        let closed = TcpListener::bind((HOME, 0)).unwrap().local_addr().unwrap().port();
        let (deaf, _waiting) = deaf();
        let port = |door: &TcpListener| door.local_addr().unwrap().port();
        let (open, deaf) = ((port(&open), open), (port(&deaf), deaf));
        let found = knock_all(HOME, &[open.0, closed, deaf.0]).await;
        let mut wanted = [(open.0, Door::Open), (closed, Door::Refused), (deaf.0, Door::Silent)];
        wanted.sort_by_key(|(port, _)| *port);
        let found: Vec<_> = found.into_iter().map(|(at, door)| (at.port(), door)).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn this_machine_is_no_outside() {
        assert!(is_of_this_machine("127.0.0.9".parse().unwrap()));
        assert!(is_of_this_machine("::1".parse().unwrap()));
        assert!(!is_of_this_machine("192.0.2.9".parse().unwrap()));
        assert!(may_be_tried("192.0.2.9".parse().unwrap()));
        assert!(!may_be_tried("169.254.169.254".parse().unwrap()));
        assert!(!may_be_tried("fe80::1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_name_leads_where_it_leads() {
        let at = |host: Place| Endpoint { host, port: 1, path: String::new() };
        let address = "192.0.2.9".parse().unwrap();
        assert!(leads_to(&at(Place::Address(address)), address).await);
        assert!(!leads_to(&at(Place::Name("localhost".to_owned())), HOME).await, "never home");
    }
}
