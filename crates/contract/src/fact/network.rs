//! Facts of the network.

use super::{Coverage, Part};
use crate::act::{Direction, Flow, Protocol};
use crate::id::{Digest, TargetId};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

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

/// `net.flow` (4.5.b, R-11): communication that was seen for the first time, or again after a day.
///
/// The first fact of a run tells that communication is looked at, also where there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetFlows {
    /// How it was looked at.
    pub seen_by: FlowSource,
    /// What was seen.
    pub flows: Vec<FlowSeen>,
    /// What could not be told.
    #[serde(default)]
    pub coverage: Coverage,
}

/// How communication is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowSource {
    /// The sockets, every few seconds: what is shorter may be missed.
    Sockets,
    /// The sockets and the kernel's own tracking of connections, which remembers short ones.
    Tracking,
}

/// One communication with another host, and when it was. Between the host and itself nothing is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowSeen {
    /// Which.
    pub path: FlowPath,
    /// Not before.
    pub from: Timestamp,
    /// Not after.
    pub to: Timestamp,
    /// Program, where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// Who communicates how with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowPath {
    /// Which side began.
    pub direction: Direction,
    /// Protocol.
    pub protocol: Protocol,
    /// Port: of the host where others come in, of the other side where the host goes out.
    pub port: u16,
    /// The other side. Who comes in from the Internet is told as everybody: the addresses of citizens are nobody's matter
    /// here. Many that come in to one port are told by their networks.
    pub peer: IpNet,
}

impl FlowPath {
    /// Its name among the things that happen: `out tcp 443 192.0.2.7`, `in tcp 22 10.1.0.0/24`.
    #[must_use]
    pub fn name(&self) -> String {
        let (direction, protocol) = (self.direction.word(), self.protocol.word());
        format!("{direction} {protocol} {} {}", self.port, self.peer_name())
    }

    /// The other side: one address, or a network.
    #[must_use]
    pub fn peer_name(&self) -> String {
        let one = self.peer.prefix_len() == self.peer.max_prefix_len();
        if one { self.peer.addr().to_string() } else { self.peer.to_string() }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut words = name.split(' ');
        let direction = match words.next()? {
            "in" => Direction::In,
            "out" => Direction::Out,
            _ => return None,
        };
        let protocol = match words.next()? {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        let port = words.next()?.parse().ok()?;
        let peer = read_peer(words.next()?)?;
        words.next().is_none().then_some(Self { direction, protocol, port, peer })
    }

    /// Whether a line of the list of needed communication covers it.
    pub fn beside(&self, line: &Flow) -> Beside {
        let same = (line.direction, line.protocol, line.port) == (self.direction, self.protocol, self.port);
        match line.peer {
            _ if !same => Beside::Other,
            None => Beside::Within,
            Some(peer) if peer.contains(&self.peer) => Beside::Within,
            Some(peer) if self.peer.contains(&peer) => Beside::Perhaps,
            Some(_) => Beside::Other,
        }
    }
}

/// How a communication stands to a line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Beside {
    /// The line covers all of the other side.
    Within,
    /// The line covers a part of what the other side is told to be: which of them it was is not told.
    Perhaps,
    /// The line is about something else.
    Other,
}

/// Reads an address or a network, `192.0.2.7` or `10.1.0.0/16`. A network is written by its first address, so that nobody
/// agrees to more than was meant.
#[must_use]
pub fn read_peer(text: &str) -> Option<IpNet> {
    let one = |text: &str| text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    let net = text.parse::<IpNet>().or_else(|_| one(text)).ok()?;
    (net == net.trunc()).then_some(net)
}

/// `net.firewall` (4.1.b, 4.5.b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetFirewall {
    /// `nftables`, `iptables`, `windows`, or `none`.
    pub product: String,
    /// Digest of the rules without their counters.
    pub ruleset: Digest,
    /// What happens to what no rule names.
    pub defaults: Defaults,
    /// Rules that name ports of data bases.
    pub database_rules: Vec<String>,
    /// Programs that own tables.
    pub owners: Vec<String>,
    /// What could not be read.
    #[serde(default)]
    pub coverage: Coverage,
}

/// Default policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Towards the host.
    pub input: Policy,
    /// From the host.
    pub output: Policy,
    /// Through the host.
    pub forward: Policy,
}

/// What a firewall does by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Lets it through.
    Accept,
    /// Refuses it.
    Drop,
}

/// `net.interface` (4.1.b): which segment a host stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetInterfaces {
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// The routes, as `10.0.0.0/8 via 10.1.0.1 dev eth0`.
    pub routes: Vec<String>,
    /// Addresses seen on its own segments.
    pub neighbours: Vec<String>,
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Addresses with their prefix lengths.
    pub addresses: Vec<String>,
}

/// `tls.endpoint` (4.5.a). Told by an agent of its own host's doors, as attempts showed, when it is otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsEndpoint {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Lowest version it accepts: the x of 1.x; absent: plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest_minor: Option<u8>,
    /// Highest version it accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_minor: Option<u8>,
    /// Suites it accepts, where they were tried.
    pub suites: Vec<String>,
    /// Digest of the certificate chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Digest>,
    /// The first certificate of the chain to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
}

/// `environment.seen` (12.2.a): what users and their firewalls have to rely on, as a probe found it at an agreed target.
/// Told when it is new or otherwise than before, and once a day. The probe is the entry's author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSeen {
    /// The target that was looked at.
    pub target: TargetId,
    /// Name users type, or the address where there is no name.
    pub name: String,
    /// The look before this one; absent: the probe remembers none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Addresses the name led to within the last day: answers that take turns are one set.
    pub addresses: BTreeSet<IpAddr>,
    /// The certificate and the encryption; absent: none is used, or it was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSeen>,
    /// What the page asks of a browser; absent: it is no page, or it did not answer as promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageSeen>,
}

/// A certificate as a client meets it, and the encryption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSeen {
    /// Who issued the certificate: the organisation, or the whole name where it has none.
    pub issuer: String,
    /// What a client has to trust: the issuer of the last certificate that was sent; with its digest where the certificate
    /// is its own issuer.
    pub anchor: String,
    /// Names the certificate is for.
    pub names: BTreeSet<String>,
    /// SHA-256 of each certificate that was sent, the server's own first.
    pub chain: Vec<Digest>,
    /// The end of the server's own certificate.
    pub not_after: Timestamp,
    /// Lowest version that was accepted, the x of 1.x: 2 stands for 1.2 or lower. Absent: not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowest_minor: Option<u8>,
    /// Highest version that was accepted. Absent: not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_minor: Option<u8>,
}

/// What a page asks of a browser. Nothing of what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSeen {
    /// HTTP status.
    pub status: u16,
    /// Where a redirect leads, without query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The content security policy, without what changes at each answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Digest of the forms and the names of their fields. Absent: a redirect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forms: Option<Digest>,
}
