//! What probes found when they left a session of a target alone: the newest try of each role by each probe (4.2.a).

use super::latest::{Latest, Stamp};
use super::watching::probe_of;
use crate::entry::Author;
use crate::fact::Fact;
use crate::fact::probe::ProbeSessionCut;
use crate::id::{ProbeId, TargetId};
use crate::target::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most targets: a probe may tell of what was agreed later, but not of anything without end.
const MOST_TARGETS: usize = 20_000;
/// Most roles of one target.
const MOST_ROLES: usize = 32;

/// All tries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IdleCuts {
    targets: Roles,
    /// That it could not be tried takes nothing back of what an earlier try showed: it is kept apart.
    not_tried: Roles,
}

/// By target, role and probe.
type Roles = BTreeMap<TargetId, BTreeMap<String, BTreeMap<ProbeId, Latest<ProbeSessionCut>>>>;

impl IdleCuts {
    pub(super) fn enter(&mut self, stamp: Stamp, author: &Author, fact: &Fact) {
        let (Some(probe), Fact::ProbeSessionCut(tried)) = (probe_of(author), fact) else { return };
        let Ok(target) = tried.target.parse::<TargetId>() else { return };
        let targets = if tried.not_tried.is_none() { &mut self.targets } else { &mut self.not_tried };
        let roles = targets.entry(target).or_default();
        let newest = roles.entry(tried.role.clone()).or_default().entry(probe);
        newest.or_insert_with(|| Latest::new(stamp, tried.clone())).replace(stamp, tried.clone());
        while roles.len() > MOST_ROLES {
            roles.pop_last();
        }
        while targets.len() > MOST_TARGETS {
            targets.pop_last();
        }
    }

    /// The newest tries of a target by its own probes, by role and probe. What others tell of it counts for nothing.
    pub fn of<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Latest<ProbeSessionCut>> {
        newest(&self.targets, target)
    }

    /// The newest tries of a target that could not be made.
    pub fn not_tried<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Latest<ProbeSessionCut>> {
        newest(&self.not_tried, target)
    }
}

fn newest<'a>(all: &'a Roles, target: &'a Target) -> impl Iterator<Item = &'a Latest<ProbeSessionCut>> {
    let roles = all.get(&target.target).into_iter().flatten();
    let of_probes = roles.flat_map(|(_, probes)| probes);
    of_probes.filter(move |(probe, _)| target.probes.contains(probe)).map(|(_, newest)| newest)
}
