//! ICMP echo by the kernel's ping sockets, which need no privilege where `net.ipv4.ping_group_range` allows them.

use crate::dial::{self, DialError};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Why there was no echo.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// Not allowed here, and why.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// No answer.
    #[error(transparent)]
    Dial(#[from] DialError),
}

/// Sends an echo request and waits for its answer. The time is bounded by the one who asks.
///
/// # Errors
/// Any [`PingError`].
pub async fn ping(address: IpAddr, number: u16) -> Result<(), PingError> {
    let (request, answer) = match address {
        IpAddr::V4(_) => (8_u8, 0_u8),
        IpAddr::V6(_) => (128, 129),
    };
    let socket = open(address).map_err(PingError::NotAllowed)?;
    let failed = |error: std::io::Error| PingError::Dial(dial::of_error(&error));
    let socket = tokio::net::UdpSocket::from_std(socket).map_err(failed)?;
    socket.connect(SocketAddr::new(address, 0)).await.map_err(failed)?;
    let [high, low] = number.to_be_bytes();
    // Type, code, checksum and identifier (both of the kernel's), sequence number, and a few bytes to carry.
    let packet = [&[request, 0, 0, 0, 0, 0, high, low], b"yakujo-probe".as_slice()].concat();
    socket.send(&packet).await.map_err(failed)?;
    let mut bytes = [0_u8; 256];
    loop {
        let length = socket.recv(&mut bytes).await.map_err(failed)?;
        let read = bytes.get(..length).unwrap_or_default();
        if let [kind, _, _, _, _, _, one, two, ..] = read
            && *kind == answer
            && [*one, *two] == [high, low]
        {
            return Ok(());
        }
    }
}

#[cfg(target_os = "linux")]
fn open(address: IpAddr) -> Result<UdpSocket, &'static str> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
    let (family, protocol) = match address {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::DGRAM, flags, Some(protocol));
    socket.map(UdpSocket::from).map_err(|_| "echo is not allowed to this user (net.ipv4.ping_group_range)")
}

#[cfg(not(target_os = "linux"))]
fn open(_: IpAddr) -> Result<UdpSocket, &'static str> {
    Err("echo is sent from Linux only")
}
