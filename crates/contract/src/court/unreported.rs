//! Detected malware that the contractor has still to report (F-05), with its clock.

use crate::case::Case;
use crate::id::{EntryNumber, HostId, SystemId};
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

/// What was detected in one system and not reported.
pub(super) fn of_system(case: &Case<'_>) -> Vec<Unreported> {
    let open = crate::clauses::c02_malware::unreported(case).into_iter();
    let one =
        |(host, entry, detected, due)| Unreported { system: case.system.clone(), host, entry, detected, due };
    open.map(one).collect()
}
