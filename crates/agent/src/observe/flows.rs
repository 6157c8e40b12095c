//! Communication with other hosts (4.5.b, R-11): what is new is told at once, what is still seen once a day.

use crate::collect::c04_flows::{self, Look, Path4, State};
use crate::collect::c04_network;
use crate::outbox::Note;
use crate::reading::{Reading, in_parts};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use yakujo_contract::act::Direction;
use yakujo_contract::fact::network::{FlowPath, FlowSeen, FlowSource, NetFlows};
use yakujo_contract::fact::{Coverage, Fact};

/// Under this key and the name of a communication the outbox keeps when it was told.
pub const FLOW_KEY: &str = "flow:";
/// What is still seen so long after it was told is told again.
const AGAIN: SignedDuration = SignedDuration::from_hours(23);
/// What is told again waits for company so long.
const TOGETHER: SignedDuration = SignedDuration::from_hours(1);
/// What was not seen for so long is new.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(48);
/// What is over is remembered by the kernel for two minutes at most (TIME_WAIT of connections and of their tracking).
const LATELY: SignedDuration = SignedDuration::from_mins(2);
/// Different communications told of within two days at most.
const MOST: usize = 2_000;
/// More that come in to one port are told by their networks.
const BY_ADDRESS: usize = 32;

/// What was told.
#[derive(Debug, Default)]
pub struct Flows {
    told: BTreeMap<FlowPath, Timestamp>,
    again: BTreeMap<FlowPath, FlowSeen>,
    told_again: Option<Timestamp>,
    how: Option<(FlowSource, Coverage)>,
    notes: Vec<Note>,
}

impl Flows {
    /// What an earlier run told.
    #[must_use]
    pub fn from(kept: &[(String, String)]) -> Self {
        let read = |(name, at): &(String, String)| Some((FlowPath::from_name(name)?, at.parse().ok()?));
        Self { told: kept.iter().filter_map(read).collect(), ..Self::default() }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Looks, and tells what is new.
    pub fn look(&mut self, now: Timestamp) -> Reading {
        match c04_flows::look() {
            Ok(look) => {
                let programs = |inodes: &[u64]| {
                    // All processes are looked through only where there is somebody to be named.
                    if inodes.is_empty() { HashMap::new() } else { c04_network::programs().0 }
                };
                self.tell(&look, programs, now)
            }
            Err(reason) => Reading::failed(reason),
        }
    }

    fn tell(
        &mut self,
        look: &Look,
        programs: impl FnOnce(&[u64]) -> HashMap<u64, String>,
        now: Timestamp,
    ) -> Reading {
        self.forget(now);
        let (mut new, mut over) = (BTreeMap::new(), look.skipped);
        for (path, state) in &look.flows {
            let path = self.widened(path);
            match self.told.get(&path) {
                Some(told) if now.duration_since(*told) < AGAIN => {}
                Some(_) => {
                    self.again.entry(path).or_insert_with(|| seen(path, *state, now, None));
                }
                None if self.told.len() >= MOST => over = over.saturating_add(1),
                None => {
                    self.note(path, now);
                    new.insert(path, *state);
                }
            }
        }
        let inodes: Vec<u64> = new.values().filter_map(|state| state.inode()).collect();
        let programs = programs(&inodes);
        let program = |state: &State| state.inode().and_then(|inode| programs.get(&inode).cloned());
        let mut flows: Vec<FlowSeen> =
            new.iter().map(|(path, state)| seen(*path, *state, now, program(state))).collect();
        flows.extend(self.due_again(now));
        let reason = if over > 0 { format!("more than {MOST} communications") } else { String::new() };
        let coverage =
            Coverage { skipped: u32::try_from(over).unwrap_or(u32::MAX), reason, ..Coverage::default() };
        self.facts(flows, look.by, coverage)
    }

    fn facts(&mut self, flows: Vec<FlowSeen>, by: FlowSource, coverage: Coverage) -> Reading {
        let reason = coverage.reason.clone();
        let how = (by, Coverage { skipped: coverage.skipped.min(1), ..coverage.clone() });
        let is_other = self.how.as_ref() != Some(&how);
        if flows.is_empty() && !is_other {
            return Reading::of(Vec::new(), reason);
        }
        self.how = Some(how);
        let fact = |(_, flows)| Fact::NetFlows(NetFlows { seen_by: by, flows, coverage: coverage.clone() });
        Reading::of(in_parts(&flows).into_iter().map(fact).collect(), reason)
    }

    fn due_again(&mut self, now: Timestamp) -> Vec<FlowSeen> {
        let is_due = self.told_again.is_none_or(|told| now.duration_since(told) >= TOGETHER);
        if self.again.is_empty() || !is_due {
            return Vec::new();
        }
        self.told_again = Some(now);
        let again = std::mem::take(&mut self.again);
        for path in again.keys() {
            self.note(*path, now);
        }
        again.into_values().collect()
    }

    fn note(&mut self, path: FlowPath, now: Timestamp) {
        self.told.insert(path, now);
        self.notes.push((format!("{FLOW_KEY}{}", path.name()), Some(now.to_string())));
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |told: &Timestamp| now.duration_since(*told) >= FORGOTTEN;
        for (path, _) in self.told.extract_if(.., |_, told| old(told)) {
            self.notes.push((format!("{FLOW_KEY}{}", path.name()), None));
        }
    }

    /// Who the other side is told to be.
    fn widened(&self, path: &Path4) -> FlowPath {
        let (direction, protocol, port, address) = *path;
        let told = |peer| FlowPath { direction, protocol, port, peer };
        if direction == Direction::Out {
            return told(IpNet::from(address));
        }
        if is_public(address) {
            return told(everybody(address));
        }
        let exact = told(IpNet::from(address));
        if self.told.contains_key(&exact) {
            return exact;
        }
        let same =
            |known: &&FlowPath| (known.direction, known.protocol, known.port) == (direction, protocol, port);
        if self.told.keys().filter(same).count() < BY_ADDRESS { exact } else { told(network_of(address)) }
    }
}

impl State {
    fn inode(self) -> Option<u64> {
        match self {
            Self::Now(inode) => Some(inode).filter(|inode| *inode > 0),
            Self::Lately => None,
        }
    }
}

fn seen(path: FlowPath, state: State, now: Timestamp, program: Option<String>) -> FlowSeen {
    let from = match state {
        State::Now(_) => now,
        State::Lately => now.saturating_sub(LATELY).unwrap_or(now),
    };
    FlowSeen { path, from, to: now, program }
}

/// Addresses of people on the Internet: everything but private and link-local networks.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_private() || v4.is_link_local() || is_shared(v4)),
        IpAddr::V6(v6) => !(v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

/// RFC 6598: between a provider and its customers.
fn is_shared(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    first == 100 && (64..128).contains(&second)
}

fn everybody(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(_) => Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn network_of(address: IpAddr) -> IpNet {
    match address {
        IpAddr::V4(v4) => IpNet::from(Ipv4Net::new_assert(v4, 24).trunc()),
        IpAddr::V6(v6) => IpNet::from(Ipv6Net::new_assert(v6, 64).trunc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yakujo_contract::act::Protocol;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + minute * 60).unwrap()
    }

    fn look(flows: &[(Direction, u16, &str)]) -> Look {
        let one = |(direction, port, peer): &(Direction, u16, &str)| {
            ((*direction, Protocol::Tcp, *port, peer.parse().unwrap()), State::Now(5))
        };
        Look { flows: flows.iter().map(one).collect(), by: FlowSource::Sockets, skipped: 0 }
    }

    fn told(flows: &mut Flows, look: &Look, now: Timestamp) -> Option<Vec<String>> {
        let named = |_: &[u64]| HashMap::from([(5, "curl".to_owned())]);
        let facts = flows.tell(look, named, now).facts;
        let names = |fact: &Fact| match fact {
            Fact::NetFlows(set) => set.flows.iter().map(|flow| flow.path.name()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        facts.first().map(names)
    }

    #[test]
    fn what_is_new_is_told_at_once_and_what_stays_once_a_day() {
        let mut flows = Flows::default();
        let ours = look(&[(Direction::Out, 443, "192.0.2.7")]);
        assert_eq!(told(&mut flows, &look(&[]), at(0)), Some(vec![]), "that it is looked at");
        assert_eq!(told(&mut flows, &ours, at(1)), Some(vec!["out tcp 443 192.0.2.7".to_owned()]));
        assert_eq!(told(&mut flows, &ours, at(600)), None);
        assert_eq!(told(&mut flows, &ours, at(1 + 23 * 60)).map(|names| names.len()), Some(1));
        assert_eq!(told(&mut flows, &ours, at(2 + 23 * 60)), None);
    }

    #[test]
    fn a_restart_tells_nothing_twice() {
        let mut flows = Flows::default();
        let ours = look(&[(Direction::Out, 443, "192.0.2.7"), (Direction::In, 22, "10.0.0.9")]);
        assert_eq!(told(&mut flows, &ours, at(0)).map(|names| names.len()), Some(2));
        let kept: Vec<(String, String)> = flows
            .notes()
            .into_iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(FLOW_KEY)?.to_owned(), value?)))
            .collect();
        let mut later = Flows::from(&kept);
        assert_eq!(told(&mut later, &ours, at(10)), Some(vec![]));
        let gone = look(&[]);
        told(&mut later, &gone, at(49 * 60));
        assert_eq!(later.notes().iter().filter(|(_, value)| value.is_none()).count(), 2, "forgotten");
    }

    #[test]
    fn citizens_are_everybody_and_many_of_one_network_are_the_network() {
        let mut flows = Flows::default();
        let citizen = look(&[(Direction::In, 443, "203.0.113.5"), (Direction::In, 443, "198.51.100.7")]);
        assert_eq!(told(&mut flows, &citizen, at(0)), Some(vec!["in tcp 443 0.0.0.0/0".to_owned()]));
        let staff: Vec<String> = (1..=40).map(|last| format!("10.1.2.{last}")).collect();
        for (minute, one) in (1..).zip(&staff) {
            told(&mut flows, &look(&[(Direction::In, 8443, one)]), at(minute));
        }
        let networks = flows.told.keys().filter(|path| path.peer.to_string() == "10.1.2.0/24").count();
        assert_eq!((flows.told.len(), networks), (1 + BY_ADDRESS + 1, 1));
    }

    #[test]
    fn too_many_are_said() {
        let mut flows = Flows::default();
        let many: Vec<String> = (0..2_500).map(|n| format!("172.16.{}.{}", n / 250, n % 250)).collect();
        let many: Vec<(Direction, u16, &str)> =
            many.iter().map(|peer| (Direction::Out, 25, peer.as_str())).collect();
        let reading = flows.tell(&look(&many), |_| HashMap::new(), at(0));
        let counted = |fact: &Fact| match fact {
            Fact::NetFlows(set) => (set.flows.len(), set.coverage.skipped),
            other => panic!("{other:?}"),
        };
        let counts: Vec<(usize, u32)> = reading.facts.iter().map(counted).collect();
        assert_eq!(counts.iter().map(|(flows, _)| flows).sum::<usize>(), MOST);
        assert!(counts.iter().all(|(_, skipped)| *skipped == 500), "{counts:?}");
    }
}
