//! Whether the probe's own network is cut. A probe that cannot reach anything must not say that everything is down.

use yakujo_contract::fact::probe::Blindness;

/// What came of knocking at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knock {
    /// Somebody is there, if only to refuse.
    Answered,
    /// Nothing came back.
    Silent,
    /// This machine has no way out.
    NoNetwork,
}

/// What is known when a try of a target got no answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// A way leads out of this machine.
    pub way_out: bool,
    /// The declared reference.
    pub reference: Option<Knock>,
    /// Other places that this probe watches.
    pub others: Vec<Knock>,
}

/// Whether the silence is the probe's own.
///
/// With one target, no reference and a link that works nobody can tell: the silence is the target's, and counts only
/// where a second probe agrees.
#[must_use]
pub fn cut(signs: &Signs) -> Option<Blindness> {
    let all = || signs.reference.iter().chain(&signs.others);
    if all().any(|knock| *knock == Knock::Answered) {
        return None;
    }
    if !signs.way_out || all().next().is_some() && all().all(|knock| *knock == Knock::NoNetwork) {
        return Some(Blindness::NoNetwork);
    }
    if signs.reference.is_some() {
        return Some(Blindness::ReferenceSilent);
    }
    if signs.others.is_empty() { None } else { Some(Blindness::EverythingSilent) }
}

/// Whether a way leads out of this machine, by the kernel's tables of routes (`/proc/net/route`, `/proc/net/ipv6_route`).
/// They are those of the network namespace of the one who reads, which `/sys` in a container need not be.
#[must_use]
pub fn leads_out(four: &str, six: &str) -> bool {
    let four = four.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let six = six.lines().filter_map(|line| line.split_whitespace().last());
    four.chain(six).any(|interface| interface != "lo")
}

/// The same of this machine.
#[must_use]
pub fn has_way_out() -> bool {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
    leads_out(&read("route"), &read("ipv6_route"))
}

#[cfg(test)]
mod tests {
    use super::Knock::{Answered, NoNetwork, Silent};
    use super::*;

    #[test]
    fn everything_at_once_is_the_probe_and_one_alone_is_the_target() {
        let rows = [
            (true, None, vec![], None),
            (true, None, vec![Answered, Silent], None),
            (true, None, vec![Silent], Some(Blindness::EverythingSilent)),
            (true, Some(Answered), vec![Silent, Silent], None),
            (true, Some(Silent), vec![Answered], None),
            (true, Some(Silent), vec![], Some(Blindness::ReferenceSilent)),
            (true, None, vec![NoNetwork], Some(Blindness::NoNetwork)),
            (true, Some(NoNetwork), vec![NoNetwork], Some(Blindness::NoNetwork)),
            (false, None, vec![], Some(Blindness::NoNetwork)),
            (false, None, vec![Answered], None),
        ];
        for (way_out, reference, others, wanted) in rows {
            let signs = Signs { way_out, reference, others };
            assert_eq!(cut(&signs), wanted, "{signs:?}");
        }
    }

    #[test]
    fn the_loopback_leads_nowhere() {
        let head = "Iface\tDestination\tGateway\tFlags\n";
        let eth = format!("{head}eth0\t00000000\t01004D0A\t0003\n");
        let lo = "00000000000000000000000000000001 80 0 00 0 00000000 00000002 00000000 80200001       lo\n";
        let eth6 =
            "fe800000000000000000000000000000 40 0 00 0 00000100 00000001 00000000 00000001     eth0\n";
        assert!(!leads_out(head, lo) && !leads_out("", ""));
        assert!(leads_out(&eth, lo) && leads_out(head, eth6));
    }
}
