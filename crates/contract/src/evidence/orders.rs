//! Orders that were given to agents, and what became of each.

use super::latest::{Latest, Stamp};
use crate::fact::agent::{OrderOutcome, OrderResult};
use crate::id::{HostId, OrderId, RequestId};
use crate::order::{Order, Work};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Given {
    /// Entered when and where.
    pub stamp: Stamp,
    /// What was ordered.
    pub order: Order,
}

/// All orders.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Orders {
    given: BTreeMap<OrderId, Given>,
    /// The last word of the host it was for.
    #[serde(with = "super::latest::pairs")]
    outcomes: BTreeMap<(OrderId, HostId), Latest<OrderOutcome>>,
}

impl Orders {
    pub(super) fn give(&mut self, stamp: Stamp, order: &Order) {
        let slot = self.given.entry(order.order.clone());
        // Of two with one id the first counts, whatever order they arrive in.
        let known = slot.or_insert_with(|| Given { stamp, order: order.clone() });
        if stamp < known.stamp {
            *known = Given { stamp, order: order.clone() };
        }
    }

    pub(super) fn came_of(&mut self, stamp: Stamp, host: &HostId, outcome: &OrderOutcome) {
        let Some(order) = &outcome.order else { return };
        // A repetition that was refused says nothing of what became of the first.
        let weight = |result: OrderResult, stamp: Stamp| (result != OrderResult::Refused, stamp);
        let slot = self.outcomes.entry((order.clone(), host.clone()));
        let known = slot.or_insert_with(|| Latest::new(stamp, outcome.clone()));
        if weight(outcome.result, stamp) > weight(known.value.result, known.stamp) {
            *known = Latest::new(stamp, outcome.clone());
        }
    }

    /// One order.
    #[must_use]
    pub fn get(&self, id: &OrderId) -> Option<&Given> {
        self.given.get(id)
    }

    /// What became of it, as its host said.
    #[must_use]
    pub fn outcome(&self, order: &Order) -> Option<&Latest<OrderOutcome>> {
        self.outcomes.get(&(order.order.clone(), order.host.clone()))
    }

    /// The items of its quarantine that a host removed by order.
    #[must_use]
    pub fn removed(&self, host: &HostId) -> BTreeSet<&str> {
        let own = self.given.values().filter(|given| given.order.host == *host);
        let removed = own.filter_map(|given| match &given.order.work {
            Work::Remove { item } => Some((item.as_str(), self.outcome(&given.order)?.value.result)),
            _ => None,
        });
        removed.filter(|(_, result)| *result == OrderResult::Done).map(|(item, _)| item).collect()
    }

    /// The newest word of a host on restoring one of these files.
    #[must_use]
    pub fn last_restoration(&self, host: &HostId, paths: &[String]) -> Option<&Latest<OrderOutcome>> {
        let own = self.outcomes.iter().filter(|((_, of), _)| of == host).map(|(_, outcome)| outcome);
        let named = |outcome: &&Latest<OrderOutcome>| {
            let path = outcome.value.path.as_ref();
            outcome.value.work == "restore" && path.is_some_and(|path| paths.contains(path))
        };
        own.filter(named).max_by_key(|outcome| outcome.stamp)
    }

    /// The orders that rest on a request, oldest first.
    #[must_use]
    pub fn of_request(&self, request: &RequestId) -> Vec<&Given> {
        let mut given: Vec<&Given> =
            self.given.values().filter(|given| given.order.request == *request).collect();
        given.sort_by_key(|given| given.stamp);
        given
    }

    /// What a host has still to be handed: in force, and its host has not said what became of it. Oldest first.
    #[must_use]
    pub fn waiting(&self, host: &HostId, now: Timestamp) -> Vec<&Given> {
        let mut given: Vec<&Given> = self.given.values().collect();
        given.retain(|given| {
            given.order.host == *host && given.order.expires > now && self.outcome(&given.order).is_none()
        });
        given.sort_by_key(|given| given.stamp);
        given
    }

    /// The permits of a host under a standing approval that are neither over nor ended.
    #[must_use]
    pub fn open_permits(&self, host: &HostId, request: &RequestId, now: Timestamp) -> Vec<OrderId> {
        let own = |given: &&Given| given.order.host == *host && given.order.request == *request;
        let ended = |permit: &OrderId| {
            let mut all = self.given.values().filter(own);
            all.any(|given| matches!(&given.order.work, Work::EndPermit { permit: ended } if ended == permit))
        };
        let permits = self.given.values().filter(own).filter(|given| {
            matches!(&given.order.work, Work::Permit(permit) if permit.until > now)
                && !ended(&given.order.order)
        });
        permits.map(|given| given.order.order.clone()).collect()
    }
}
