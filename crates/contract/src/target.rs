//! 監視対象: what probes try from outside, what answer was promised, and from which places. Declared by the contractor and
//! agreed by the city like every other matter; nothing else is ever tried.
//!
//! A probe connects where an entry of the ledger says. So an address is read strictly, once, here: what does not parse
//! cannot be agreed, and what was agreed parses the same way in the server and in every agent.

use crate::id::{ProbeId, SystemId, TargetId};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a target is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// A TCP connection is opened and closed.
    Tcp,
    /// A page is fetched over HTTP.
    Http,
    /// A page is fetched over HTTPS; the certificate is checked.
    Https,
    /// ICMP echo.
    Icmp,
}

impl Means {
    /// All, in the order pages list them.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Http, Self::Https, Self::Icmp];

    /// The word in entries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Https => "https",
            Self::Icmp => "icmp",
        }
    }
}

/// The answer that was promised. What is absent is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expected {
    /// HTTP status; absent: 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// A text that the page holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Functions that must be offered: each is a text of the page (of a menu, or of a page of health). One that is
    /// missing is a restriction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Slowest answer, ms. A slower one is a restriction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Id; declaring it again changes the target.
    pub target: TargetId,
    /// The system it shows.
    pub system: SystemId,
    /// What people call it.
    pub name: String,
    /// How it is tried.
    pub means: Means,
    /// `host:port` (tcp), a URL (http, https), or a host (icmp).
    pub address: String,
    /// The promised answer.
    #[serde(default)]
    pub expected: Expected,
    /// Certificate of the authority to believe instead of the public ones, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// `host:port` of something else that answers while the probe's own network works, a router or a name server: without
    /// it a probe that reaches nothing at all cannot tell whose fault that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Seconds between two tries.
    pub every_s: u32,
    /// Which probes try it. A stop counts when two of them see it.
    pub probes: Vec<ProbeId>,
}

/// Fastest and slowest rhythm, s.
pub const EVERY_S: std::ops::RangeInclusive<u32> = 10..=300;
/// Most probes of one target.
pub const MOST_PROBES: usize = 8;
/// Most functions of one target.
const MOST_FUNCTIONS: usize = 20;
/// Longest address, bytes.
const LONGEST_ADDRESS: usize = 500;
/// Longest text that is looked for, characters.
const LONGEST_TEXT: usize = 200;
/// Longest certificate, bytes.
const LONGEST_AUTHORITY: usize = 6_000;

/// Why a declaration of a target is refused: the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` of the target cannot be used")]
pub struct NotATarget(pub &'static str);

impl Target {
    /// Where to connect.
    ///
    /// # Errors
    /// When the address does not fit the means.
    pub fn endpoint(&self) -> Result<Endpoint, NotATarget> {
        Endpoint::parse(self.means, &self.address)
    }

    /// Everything that can be said of a target without looking at anything else.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn check(&self) -> Result<(), NotATarget> {
        self.endpoint()?;
        if !EVERY_S.contains(&self.every_s) {
            return Err(NotATarget("every_s"));
        }
        let different: std::collections::BTreeSet<_> = self.probes.iter().collect();
        if self.probes.is_empty() || self.probes.len() > MOST_PROBES || different.len() < self.probes.len() {
            return Err(NotATarget("probes"));
        }
        if let Some(reference) = &self.reference {
            Endpoint::parse(Means::Tcp, reference).map_err(|_| NotATarget("reference"))?;
        }
        let fits = |text: &String| {
            let length = text.chars().count();
            (1..=LONGEST_TEXT).contains(&length) && !text.chars().any(char::is_control)
        };
        let Expected { status, text, functions, latency_ms } = &self.expected;
        let page = matches!(self.means, Means::Http | Means::Https);
        if status.is_some_and(|status| !page || !(100..=599).contains(&status)) {
            return Err(NotATarget("status"));
        }
        if text.as_ref().is_some_and(|text| !page || !fits(text)) {
            return Err(NotATarget("text"));
        }
        if functions.len() > MOST_FUNCTIONS || !functions.iter().all(|text| page && fits(text)) {
            return Err(NotATarget("functions"));
        }
        if latency_ms.is_some_and(|limit| !(1..=60_000).contains(&limit)) {
            return Err(NotATarget("latency_ms"));
        }
        let pem = |text: &String| text.len() <= LONGEST_AUTHORITY && text.is_ascii();
        if self.authority.as_ref().is_some_and(|text| self.means != Means::Https || !pem(text)) {
            return Err(NotATarget("authority"));
        }
        Ok(())
    }
}

/// Where to connect, and what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub host: Place,
    /// Port; 0 for ICMP.
    pub port: u16,
    /// Path and query of a page, from `/`.
    pub path: String,
}

/// A name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Looked up at each try.
    Name(String),
    /// As agreed, letter by letter.
    Address(IpAddr),
}

impl Endpoint {
    /// Reads an address: `host:port`, a URL without user and fragment, or a host.
    ///
    /// # Errors
    /// `address`, where it is none, or one that nobody may have tried.
    pub fn parse(means: Means, text: &str) -> Result<Self, NotATarget> {
        Self::read(means, text).filter(Self::may_be_tried).ok_or(NotATarget("address"))
    }

    fn read(means: Means, text: &str) -> Option<Self> {
        if text.len() > LONGEST_ADDRESS || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (usual, rest) = match means {
            Means::Icmp => {
                let host = Place::parse(text.trim_start_matches('[').trim_end_matches(']'))?;
                return Some(Self { host, port: 0, path: String::new() });
            }
            Means::Tcp => (None, text),
            Means::Http => (Some(80), text.strip_prefix("http://")?),
            Means::Https => (Some(443), text.strip_prefix("https://")?),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => (rest.get(..at)?, rest.get(at..)?),
            None => (rest, "/"),
        };
        if usual.is_none() && authority != rest || path.contains(['#', '\\', '"', '<', '>']) {
            return None;
        }
        let (host, port) = split_port(authority)?;
        let port = match (port, usual) {
            (Some(port), _) => port,
            (None, Some(usual)) => usual,
            (None, None) => return None,
        };
        Some(Self { host: Place::parse(host)?, port, path: path.to_owned() })
    }

    fn may_be_tried(&self) -> bool {
        match &self.host {
            Place::Name(_) => true,
            Place::Address(address) => Reach::of(*address) != Reach::Never,
        }
    }

    /// `host:port` as it stands in a request.
    #[must_use]
    pub fn authority(&self) -> String {
        match &self.host {
            Place::Name(name) => format!("{name}:{}", self.port),
            Place::Address(IpAddr::V4(address)) => format!("{address}:{}", self.port),
            Place::Address(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
        }
    }
}

impl Place {
    /// The name, or the address as text.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        // `127.1` and `0x7f.1` are addresses to some programs and names to others: neither here.
        let last = text.rsplit('.').next()?;
        let looks_numeric = last.bytes().next().is_none_or(|byte| byte.is_ascii_digit());
        (text.len() <= 253 && text.split('.').all(label) && !looks_numeric)
            .then(|| Self::Name(text.to_ascii_lowercase()))
    }
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        let port = if port.is_empty() { None } else { Some(read_port(port.strip_prefix(':')?)?) };
        return Some((host, port));
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, Some(read_port(port)?))),
        None => Some((authority, None)),
    }
}

fn read_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// Who may be tried at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anybody.
    Anywhere,
    /// The probe's own machine or link: only where the address itself was agreed, never where a name leads there. A name
    /// is in the hands of whoever runs its zone, after the agreement, too.
    OnlyAsAgreed,
    /// Nobody: addresses of metadata of clouds, which hand out credentials, and those that are no place at all.
    Never,
}

impl Reach {
    /// Of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        let address = match address {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        match address {
            IpAddr::V4(four) => Self::of_four(four),
            IpAddr::V6(six) => Self::of_six(six),
        }
    }

    fn of_four(four: Ipv4Addr) -> Self {
        let metadata = [Ipv4Addr::new(169, 254, 169, 254), Ipv4Addr::new(100, 100, 100, 200)];
        if metadata.contains(&four) || four.is_unspecified() || four.is_multicast() || four.is_broadcast() {
            return Self::Never;
        }
        if four.is_loopback() || four.is_link_local() || four.octets().starts_with(&[0]) {
            return Self::OnlyAsAgreed;
        }
        Self::Anywhere
    }

    fn of_six(six: Ipv6Addr) -> Self {
        let metadata = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        if six == metadata || six.is_unspecified() || six.is_multicast() {
            return Self::Never;
        }
        if six.is_loopback() || six.is_unicast_link_local() {
            return Self::OnlyAsAgreed;
        }
        Self::Anywhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read_strictly() {
        let rows = [
            (Means::Tcp, "db.example.jp:5432", Some("db.example.jp:5432 ")),
            (Means::Tcp, "[2001:db8::1]:53", Some("[2001:db8::1]:53 ")),
            (Means::Tcp, "127.0.0.1:5432", Some("127.0.0.1:5432 ")),
            (Means::Tcp, "db.example.jp", None),
            (Means::Tcp, "db.example.jp:5432/x", None),
            (Means::Tcp, "db.example.jp:0", None),
            (Means::Tcp, "db.example.jp:+53", None),
            (Means::Tcp, "127.1:80", None),
            (Means::Tcp, "2130706433:80", None),
            (Means::Tcp, "169.254.169.254:80", None),
            (Means::Tcp, "0.0.0.0:80", None),
            (Means::Http, "http://Portal.Example.jp", Some("portal.example.jp:80 /")),
            (Means::Http, "http://portal.example.jp:8080/a?b=c", Some("portal.example.jp:8080 /a?b=c")),
            (Means::Http, "http://[::ffff:169.254.169.254]/", None),
            (Means::Http, "http://user@portal.example.jp/", None),
            (Means::Http, "http://portal.example.jp/#x", None),
            (Means::Http, "http://portal.example.jp/\r\nHost: x", None),
            (Means::Http, "https://portal.example.jp/", None),
            (Means::Https, "https://portal.example.jp", Some("portal.example.jp:443 /")),
            (Means::Icmp, "192.0.2.1", Some("192.0.2.1:0 ")),
            (Means::Icmp, "192.0.2.1:80", None),
        ];
        for (means, text, wanted) in rows {
            let read = Endpoint::parse(means, text).ok();
            let wanted = wanted.map(|wanted| match means {
                Means::Tcp => format!("{wanted}/"),
                Means::Http | Means::Https | Means::Icmp => wanted.to_owned(),
            });
            assert_eq!(read.map(|it| format!("{} {}", it.authority(), it.path)), wanted, "{text}");
        }
    }

    #[test]
    fn nobody_is_sent_to_metadata_and_a_name_leads_nobody_home() {
        for (address, reach) in [
            ("192.0.2.1", Reach::Anywhere),
            ("10.1.2.3", Reach::Anywhere),
            ("127.0.0.1", Reach::OnlyAsAgreed),
            ("::ffff:127.0.0.1", Reach::OnlyAsAgreed),
            ("169.254.1.1", Reach::OnlyAsAgreed),
            ("fe80::1", Reach::OnlyAsAgreed),
            ("::1", Reach::OnlyAsAgreed),
            ("169.254.169.254", Reach::Never),
            ("::ffff:169.254.169.254", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("224.0.0.1", Reach::Never),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }

    fn target() -> Target {
        Target {
            target: "portal".parse().unwrap(),
            system: "main".parse().unwrap(),
            name: "窓口".to_owned(),
            means: Means::Https,
            address: "https://portal.example.jp/".to_owned(),
            expected: Expected::default(),
            authority: None,
            reference: None,
            every_s: 30,
            probes: vec!["server".parse().unwrap()],
        }
    }

    #[test]
    fn a_declaration_that_cannot_be_carried_out_names_its_field() {
        assert_eq!(target().check(), Ok(()));
        let with = |change: fn(&mut Target)| {
            let mut target = target();
            change(&mut target);
            target.check().err().map(|error| error.0)
        };
        assert_eq!(with(|it| it.every_s = 1), Some("every_s"));
        assert_eq!(with(|it| it.probes.clear()), Some("probes"));
        assert_eq!(with(|it| it.probes.push("server".parse().unwrap())), Some("probes"));
        assert_eq!(with(|it| it.address = "portal".to_owned()), Some("address"));
        assert_eq!(with(|it| it.reference = Some("router".to_owned())), Some("reference"));
        assert_eq!(with(|it| it.expected.status = Some(999)), Some("status"));
        assert_eq!(with(|it| it.expected.text = Some("a\nb".to_owned())), Some("text"));
        assert_eq!(with(|it| it.expected.functions = vec![String::new()]), Some("functions"));
        assert_eq!(with(|it| it.expected.latency_ms = Some(0)), Some("latency_ms"));
        assert_eq!(with(|it| it.authority = Some("x".repeat(7_000))), Some("authority"));
        let tcp = with(|it| {
            it.means = Means::Tcp;
            it.address = "db:5432".to_owned();
            it.expected.text = Some("x".to_owned());
        });
        assert_eq!(tcp, Some("text"), "there is no page to look at");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_read_is_read_again_the_same(text in ".{0,80}", host in "[a-z0-9.:\\[\\]-]{0,40}") {
            for means in Means::ALL {
                for text in [text.clone(), format!("http://{host}/"), format!("https://{host}"), host.clone()] {
                    let Ok(read) = Endpoint::parse(means, &text) else { continue };
                    let again = match means {
                        Means::Tcp => read.authority(),
                        Means::Http => format!("http://{}{}", read.authority(), read.path),
                        Means::Https => format!("https://{}{}", read.authority(), read.path),
                        Means::Icmp => match &read.host {
                            Place::Name(name) => name.clone(),
                            Place::Address(address) => address.to_string(),
                        },
                    };
                    prop_assert_eq!(Endpoint::parse(means, &again).unwrap(), read);
                }
            }
        }
    }
}
