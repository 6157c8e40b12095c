//! Communication with other hosts (4.5.b, R-11): what is new is told at once, what is still seen once a day.

use crate::collect::c04_flows::{self, Doors, Look, Path4, State};
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
/// What was not seen for so long has ended.
const OUT_OF_SIGHT: SignedDuration = SignedDuration::from_hours(2);
/// What was not told for so long is new.
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
    doors: Doors,
    known: BTreeMap<FlowPath, Told>,
    told_again: Option<Timestamp>,
    how: Option<(FlowSource, Coverage)>,
    /// Something was left out: until then what is told is not all.
    left_out: Option<(Timestamp, u32)>,
    notes: Vec<Note>,
}

/// What is known of one communication.
#[derive(Debug, Clone)]
struct Told {
    at: Timestamp,
    /// Seen last; absent: not in this run.
    last: Option<Timestamp>,
    program: Option<String>,
}

impl Flows {
    /// What an earlier run told.
    #[must_use]
    pub fn from(kept: &[(String, String)]) -> Self {
        let read = |(name, at): &(String, String)| {
            let told = Told { at: at.parse().ok()?, last: None, program: None };
            Some((FlowPath::from_name(name)?, told))
        };
        Self { known: kept.iter().filter_map(read).collect(), ..Self::default() }
    }

    /// What the next run should know, since this was last asked.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Looks, and tells what is new.
    pub fn look(&mut self, now: Timestamp) -> Reading {
        match c04_flows::look(&mut self.doors) {
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
        let mut flows = self.ended(now);
        let (mut new, mut due, mut over) = (BTreeMap::new(), BTreeMap::new(), look.skipped);
        for (path, state) in &look.flows {
            let path = self.widened(path);
            let is_full = self.known.len() >= MOST;
            match self.known.get_mut(&path) {
                Some(told) => {
                    told.last = Some(now);
                    // A clock that was ahead told of it in the future.
                    if told.at > now || now.duration_since(told.at) >= AGAIN {
                        due.insert(path, *state);
                    }
                }
                None if is_full => over = over.saturating_add(1),
                None => {
                    self.known.insert(path, Told { at: now, last: Some(now), program: None });
                    new.insert(path, *state);
                }
            }
        }
        if self.told_again.is_none_or(|told| told > now || now.duration_since(told) >= TOGETHER)
            && !due.is_empty()
        {
            self.told_again = Some(now);
            new.append(&mut due);
        }
        let inodes: Vec<u64> = new.values().filter_map(|state| state.inode()).collect();
        let programs = programs(&inodes);
        for (path, state) in new {
            let program = state.inode().and_then(|inode| programs.get(&inode).cloned());
            flows.push(self.told(path, state, program, now));
        }
        let coverage = self.coverage(over, now);
        self.facts(flows, look.by, coverage)
    }

    fn told(&mut self, path: FlowPath, state: State, program: Option<String>, now: Timestamp) -> FlowSeen {
        self.note(path, now);
        let program = self.known.get_mut(&path).and_then(|told| {
            told.at = now;
            told.program = program.or(told.program.take());
            told.program.clone()
        });
        let from = match state {
            State::Now(_) => now,
            State::Lately => now.saturating_sub(LATELY).unwrap_or(now),
        };
        FlowSeen { path, from, to: now, program }
    }

    /// What went out of sight is told once more, with when it was last seen: an approval may have ended before it did.
    fn ended(&mut self, now: Timestamp) -> Vec<FlowSeen> {
        let is_over = |told: &Told| {
            told.last.is_some_and(|last| last > told.at && now.duration_since(last) >= OUT_OF_SIGHT)
        };
        let over: Vec<FlowPath> =
            self.known.iter().filter(|(_, told)| is_over(told)).map(|(path, _)| *path).collect();
        let one = |path: FlowPath| {
            let told = self.known.get_mut(&path)?;
            let last = told.last.take()?;
            told.at = last;
            let program = told.program.clone();
            self.note(path, last);
            Some(FlowSeen { path, from: last, to: last, program })
        };
        over.into_iter().filter_map(one).collect()
    }

    /// What was left out stays left out for as long as what was told counts.
    fn coverage(&mut self, over: usize, now: Timestamp) -> Coverage {
        let over = u32::try_from(over).unwrap_or(u32::MAX);
        self.left_out = match self.left_out.take() {
            Some((at, most)) if over == 0 && now.duration_since(at) < FORGOTTEN => Some((at, most)),
            Some((_, most)) if over > 0 => Some((now, most.max(over))),
            _ => (over > 0).then_some((now, over)),
        };
        let Some((_, skipped)) = self.left_out else { return Coverage::default() };
        Coverage { skipped, reason: format!("more than {MOST} communications"), ..Coverage::default() }
    }

    fn facts(&mut self, flows: Vec<FlowSeen>, by: FlowSource, coverage: Coverage) -> Reading {
        let reason = coverage.reason.clone();
        // A table that is empty for a moment is still one.
        let tracks = self.how.as_ref().is_some_and(|(by, _)| *by == FlowSource::Tracking);
        let by = if tracks { FlowSource::Tracking } else { by };
        let how = (by, Coverage { skipped: coverage.skipped.min(1), ..coverage.clone() });
        let is_other = self.how.as_ref() != Some(&how);
        if flows.is_empty() && !is_other {
            return Reading::of(Vec::new(), reason);
        }
        self.how = Some(how);
        let fact = |(_, flows)| Fact::NetFlows(NetFlows { seen_by: by, flows, coverage: coverage.clone() });
        Reading::of(in_parts(&flows).into_iter().map(fact).collect(), reason)
    }

    fn note(&mut self, path: FlowPath, at: Timestamp) {
        self.notes.push((format!("{FLOW_KEY}{}", path.name()), Some(at.to_string())));
    }

    fn forget(&mut self, now: Timestamp) {
        let old = |told: &Told| now.duration_since(told.at) >= FORGOTTEN;
        for (path, _) in self.known.extract_if(.., |_, told| old(told)) {
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
        if self.known.contains_key(&exact) {
            return exact;
        }
        let same =
            |known: &&FlowPath| (known.direction, known.protocol, known.port) == (direction, protocol, port);
        if self.known.keys().filter(same).count() < BY_ADDRESS { exact } else { told(network_of(address)) }
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

/// Addresses of people on the Internet: everything but private and link-local networks. What providers share among their
/// subscribers (RFC 6598) is theirs, too.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_unique_local() || v6.is_unicast_link_local()),
    }
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
        // Its last sight is told when it is over: what allowed its beginning may have ended before.
        assert_eq!(told(&mut flows, &look(&[]), at(60 + 23 * 60)), None);
        let facts = flows.tell(&look(&[]), |_| HashMap::new(), at(2 + 25 * 60)).facts;
        let [Fact::NetFlows(set)] = &facts[..] else { panic!("{facts:?}") };
        let (seen, program) = (&set.flows[0], set.flows[0].program.as_deref());
        assert_eq!((seen.from, seen.to, program), (at(2 + 23 * 60), at(2 + 23 * 60), Some("curl")));
        assert_eq!(told(&mut flows, &look(&[]), at(3 + 25 * 60)), None);
    }

    #[test]
    fn a_clock_that_was_ahead_silences_nothing() {
        let mut flows = Flows::default();
        let ours = look(&[(Direction::Out, 443, "192.0.2.7")]);
        assert!(told(&mut flows, &ours, at(60 * 24 * 365)).is_some());
        assert_eq!(told(&mut flows, &ours, at(0)).map(|names| names.len()), Some(1));
        assert_eq!(told(&mut flows, &ours, at(1)), None);
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
        let networks = flows.known.keys().filter(|path| path.peer.to_string() == "10.1.2.0/24").count();
        assert_eq!((flows.known.len(), networks), (1 + BY_ADDRESS + 1, 1));
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
        // That something was left out is not forgotten at the next look, and is not said at each.
        for minute in 1..100 {
            assert!(told(&mut flows, &look(&[]), at(minute)).is_none());
        }
        assert_eq!(flows.coverage(0, at(60 * 47)).skipped, 500);
        assert_eq!(flows.coverage(0, at(60 * 49)).skipped, 0);
    }
}
