//! The communication that was seen on a host (4.5.b).

use super::latest::{Latest, Stamp, keep_newer};
use crate::case::Case;
use crate::fact::Coverage;
use crate::fact::network::{FlowSeen, FlowSource, NetFlows};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The agent tells again after a day what it still sees; one look more may pass before it is heard.
const TOLD_AGAIN: SignedDuration = SignedDuration::from_hours(25);
/// Different communications kept of one host, the newest.
const KEPT: usize = 4_000;

/// What was seen, and when it was last looked at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Flows {
    looked: Option<Latest<(FlowSource, Coverage)>>,
    seen: BTreeMap<String, Latest<FlowSeen>>,
}

impl Flows {
    pub(super) fn enter(&mut self, stamp: Stamp, set: &NetFlows) {
        keep_newer(&mut self.looked, stamp, (set.seen_by, set.coverage.clone()));
        for flow in &set.flows {
            let new = || Latest::new(stamp, flow.clone());
            self.seen.entry(flow.path.name()).or_insert_with(new).replace(stamp, flow.clone());
        }
        while self.seen.len() > KEPT {
            let oldest = self.seen.iter().min_by_key(|(name, flow)| (flow.stamp, *name));
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { return };
            self.seen.remove(&oldest);
        }
    }

    /// How it was looked at, and what could not be told; none where it never was.
    #[must_use]
    pub fn looked(&self) -> Option<&Latest<(FlowSource, Coverage)>> {
        self.looked.as_ref()
    }

    /// Everything that is known, by name.
    pub fn all(&self) -> impl Iterator<Item = &Latest<FlowSeen>> {
        self.seen.values()
    }

    /// What was told within the last day, by name.
    pub fn current<'a>(&'a self, case: &'a Case<'_>) -> impl Iterator<Item = &'a Latest<FlowSeen>> {
        self.all().filter(|flow| !case.older_than(flow.stamp.received, TOLD_AGAIN))
    }
}
