//! The clocks that ran out in the month, of either party: 期限超過. Whoever was late, the city or the contractor,
//! stands in the same list.

use super::Month;
use crate::court::Court;
use crate::duty::DutyId;
use crate::entry::Party;
use crate::id::{RequestId, SystemId};
use crate::request::clock::Clock;
use crate::terms::Terms;
use jiff::Timestamp;

/// One clock that ran out, or was stopped too late.
pub(super) struct Run {
    /// The request.
    pub(super) request: RequestId,
    /// A system it is about.
    pub(super) system: SystemId,
    /// The duties its form serves, by key.
    duties: &'static [&'static str],
    /// The clock.
    pub(super) clock: Clock,
}

impl Run {
    /// The contractor was late with what this duty of this system asks for.
    pub(super) fn is_late_for(&self, duty: DutyId, system: &SystemId) -> bool {
        self.clock.of == Party::Contractor && self.system == *system && self.duties.contains(&duty.key())
    }
}

/// The clocks of all requests whose date lies in the month and passed without what was due.
pub(super) fn of_month(terms: &Terms, court: &Court, month: Month, until: Timestamp) -> Vec<Run> {
    let mut late = Vec::new();
    for (id, request) in court.evidence().requests.all() {
        let Some(progress) = &request.progress else { continue };
        let runs = court
            .clocks(terms, progress)
            .into_iter()
            .filter(|clock| (month.begin()..until).contains(&clock.due.at) && clock.is_late(until));
        for clock in runs {
            late.extend(progress.filled.scope.systems.iter().map(|system| Run {
                request: id.clone(),
                system: system.clone(),
                duties: progress.form().row().duties,
                clock,
            }));
        }
    }
    late.sort_by(|one, other| (one.clock.due.at, &one.request).cmp(&(other.clock.due.at, &other.request)));
    late
}
