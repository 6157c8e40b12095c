//! 利用環境の変更 (12.2.a): which of the differences between two sights of a target are changes that users meet.
//!
//! A change is what may lock a user out who did nothing: an address his firewall does not know, another authority to trust,
//! a name the certificate lost, another encryption, another redirect, policy or form. No change is: a certificate that the
//! same authority renewed, addresses that take turns, what goes back and forth within a day.

use crate::change::Effect;
use crate::evidence::Evidence;
use crate::evidence::agreement::Watched;
use crate::evidence::environments::Sights;
use crate::evidence::latest::Stamp;
use crate::fact::integrity::Explanation;
use crate::fact::network::EnvironmentSeen;
use crate::finding::Rule;
use crate::id::{EntryNumber, ProbeId};
use crate::occurrence::{Occurrence, Sure, When};
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// An address that was seen so lately is one of the pool a name leads to.
const POOL: SignedDuration = SignedDuration::from_hours(90 * 24);
/// A value that was seen so lately has not changed: several servers answer in turn.
const TURNS: SignedDuration = SignedDuration::from_hours(24);
/// Two probes that saw the same change within this time saw one change.
const SAME: SignedDuration = SignedDuration::from_hours(48);

/// One thing of a sight that may change: its kind, its name, its value.
type Part = (Object, String, String);

/// A change as one probe saw it.
struct Seen {
    part: Part,
    before: Option<String>,
    earliest: Timestamp,
    latest: Timestamp,
    tolerance: SignedDuration,
    stamp: Stamp,
    entries: BTreeSet<EntryNumber>,
}

impl Evidence {
    /// What changed of a target for its users, oldest first, each with how far the clocks of its probes may be off.
    #[must_use]
    pub fn environment_changes(&self, watched: &Watched<'_>) -> Vec<(Occurrence, SignedDuration)> {
        let mut changes: Vec<Seen> = Vec::new();
        for (probe, sights) in self.sights_of(watched) {
            let tolerance = self.clock_of(probe);
            for change in of_probe(sights, watched, tolerance) {
                match changes.iter_mut().find(|known| known.is_same(&change)) {
                    Some(known) => known.unite(change),
                    None => changes.push(change),
                }
            }
        }
        changes.sort_by(|one, other| (one.latest, &one.part).cmp(&(other.latest, &other.part)));
        changes.into_iter().map(occurrence).collect()
    }

    /// The newest sight of a target, by any of its probes.
    #[must_use]
    pub fn newest_sight<'a>(&'a self, watched: &Watched<'a>) -> Option<(Stamp, &'a EnvironmentSeen)> {
        let newest = self.sights_of(watched).filter_map(|(_, sights)| {
            sights.iter().rev().find(|(stamp, seen)| counts(stamp, seen, watched)).map(|(s, seen)| (*s, seen))
        });
        newest.max_by_key(|(stamp, _)| (stamp.observed, stamp.entry))
    }

    fn sights_of<'a>(&'a self, watched: &Watched<'a>) -> impl Iterator<Item = (&'a ProbeId, &'a Sights)> {
        let target = watched.target;
        self.environments.of(&target.target).filter(|(probe, _)| target.probes.contains(probe))
    }
}

/// Whether a sight is of the target as it is agreed now: one that leads elsewhere begins anew.
fn counts(stamp: &Stamp, seen: &EnvironmentSeen, watched: &Watched<'_>) -> bool {
    let in_force = watched.ended.is_none_or(|ended| stamp.observed < ended.received);
    let named = watched.target.endpoint().is_ok_and(|endpoint| endpoint.host.name() == seen.name);
    stamp.observed >= watched.since.received && in_force && named
}

/// What was seen so far by one probe.
#[derive(Default)]
struct Known {
    pool: BTreeMap<IpAddr, Timestamp>,
    values: BTreeMap<(Object, String), BTreeMap<String, Timestamp>>,
}

impl Known {
    /// What a sight shows that was otherwise before, with what it was.
    fn compare(&mut self, seen: &EnvironmentSeen, at: Timestamp) -> Vec<(Part, Option<String>)> {
        let mut changed = Vec::new();
        let is_new = |address: &&IpAddr| self.pool.get(address).is_none_or(|last| older(*last, at, POOL));
        let new: Vec<String> = seen.addresses.iter().filter(is_new).map(ToString::to_string).collect();
        if !self.pool.is_empty() && !new.is_empty() {
            let old: Vec<String> = self.pool.keys().map(ToString::to_string).collect();
            changed.push(((Object::Dns, seen.name.clone(), new.join(" ")), Some(old.join(" "))));
        }
        self.pool.extend(seen.addresses.iter().map(|address| (*address, at)));
        for (object, name, value) in parts(seen) {
            let values = self.values.entry((object, name.clone())).or_default();
            let newest = values.iter().max_by_key(|(_, at)| **at).map(|(value, _)| value.clone());
            let lately = values.get(&value).is_some_and(|last| !older(*last, at, TURNS));
            if newest.as_ref().is_some_and(|newest| *newest != value) && !lately {
                changed.push(((object, name, value.clone()), newest));
            }
            values.insert(value, at);
        }
        changed
    }
}

fn older(instant: Timestamp, than: Timestamp, by: SignedDuration) -> bool {
    than.duration_since(instant) > by
}

fn of_probe(sights: &Sights, watched: &Watched<'_>, tolerance: SignedDuration) -> Vec<Seen> {
    let (mut known, mut before) = (Known::default(), None::<Stamp>);
    let mut changes = Vec::new();
    for (stamp, seen) in sights.iter().filter(|(stamp, seen)| counts(stamp, seen, watched)) {
        let changed = known.compare(seen, stamp.observed);
        let last = before.replace(*stamp).unwrap_or(*stamp);
        let earliest = seen.since.map_or(last.observed, |since| since.max(last.observed));
        changes.extend(changed.into_iter().map(|(part, before)| Seen {
            part,
            before,
            earliest: earliest.min(stamp.observed),
            latest: stamp.observed,
            tolerance,
            stamp: *stamp,
            entries: BTreeSet::from([last.entry, stamp.entry]),
        }));
    }
    changes
}

/// The things of a sight that have one value each, in the words of scopes.
fn parts(seen: &EnvironmentSeen) -> Vec<Part> {
    let name = &seen.name;
    let mut parts = Vec::new();
    if let Some(tls) = &seen.tls {
        parts.push((Object::Certificate, name.clone(), format!("{} / {}", tls.issuer, tls.anchor)));
        let names: Vec<&str> = tls.names.iter().map(String::as_str).collect();
        parts.push((Object::Certificate, format!("{name}/names"), names.join(" ")));
        if let (Some(lowest), Some(highest)) = (tls.lowest_minor, tls.highest_minor) {
            let versions = format!("TLS 1.{lowest} – 1.{highest}");
            parts.push((Object::Environment, format!("{name}/tls"), versions));
        }
    }
    if let Some(page) = &seen.page {
        let mut part = |what: &str, value: String| {
            parts.push((Object::Environment, format!("{name}/{what}"), value));
        };
        part("redirect", page.location.clone().unwrap_or_default());
        part("policy", page.policy.clone().unwrap_or_default());
        if let Some(forms) = &page.forms {
            part("forms", forms.to_string());
        }
    }
    parts
}

impl Seen {
    fn is_same(&self, other: &Self) -> bool {
        self.part == other.part && self.latest.duration_since(other.latest).abs() <= SAME
    }

    /// Two probes saw it: it lies where both say it may.
    fn unite(&mut self, other: Self) {
        self.latest = self.latest.min(other.latest);
        self.earliest = self.earliest.max(other.earliest).min(self.latest);
        self.tolerance = self.tolerance.max(other.tolerance);
        self.stamp = if other.stamp.received < self.stamp.received { other.stamp } else { self.stamp };
        self.entries.extend(other.entries);
    }
}

fn occurrence(change: Seen) -> (Occurrence, SignedDuration) {
    let (object, name, after) = change.part;
    let occurrence = Occurrence {
        rule: Rule::R03,
        host: None,
        object,
        name,
        effect: Some(Effect::Altered),
        when: When::Between { earliest: Some(change.earliest), latest: change.latest },
        digest_before: None,
        digest_after: None,
        beside: (None, None),
        texts: (change.before, Some(after)),
        by: None,
        explained_by: Explanation::None,
        sure: Sure::Yes,
        stamp: change.stamp,
        entries: change.entries,
    };
    (occurrence, change.tolerance)
}
