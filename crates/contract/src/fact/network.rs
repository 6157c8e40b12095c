//! Facts of the network.

use super::{Coverage, Part};
use crate::act::Protocol;
use serde::{Deserialize, Serialize};

/// `net.listener`: all listening sockets of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetListeners {
    /// Part of the list.
    pub part: Part,
    /// The sockets.
    pub listeners: Vec<Listener>,
    /// What could not be read (sockets of other people's processes).
    #[serde(default)]
    pub coverage: Coverage,
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Protocol.
    pub protocol: Protocol,
    /// Local address.
    pub address: std::net::IpAddr,
    /// Port.
    pub port: u16,
    /// Program, where it may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// User id of the socket.
    pub uid: u32,
}

impl Listener {
    /// True when only this host itself can reach it.
    #[must_use]
    pub fn is_local_only(&self) -> bool {
        self.address.is_loopback()
    }
}
