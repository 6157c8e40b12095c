//! Detected malware that the contractor has still to report (F-05), with its clock.

use super::Court;
use crate::id::{EntryNumber, HostId, SystemId};
use crate::terms::Terms;
use jiff::Timestamp;

/// One detection that nobody has reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreported {
    /// The system.
    pub system: SystemId,
    /// The host.
    pub host: HostId,
    /// The entry of the detection.
    pub entry: EntryNumber,
    /// When it was detected: the clock runs from here.
    pub detected: Timestamp,
    /// When the report is due (P-04).
    pub due: Timestamp,
}

impl Court {
    /// What was detected and not reported, what is due first at the top.
    #[must_use]
    pub fn unreported(&self, terms: &Terms) -> Vec<Unreported> {
        let mut all = Vec::new();
        for (system, places) in self.places() {
            let open = crate::clauses::c02_malware::unreported(&self.case(terms, system, places));
            all.extend(open.into_iter().map(|(host, entry, detected, due)| Unreported {
                system: system.clone(),
                host,
                entry,
                detected,
                due,
            }));
        }
        all.sort_by_key(|one| (one.due, one.entry));
        all
    }
}
