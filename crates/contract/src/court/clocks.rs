//! The clocks of requests as the court counts them now: on the city's calendar, with the numbers both agreed on.

use super::Court;
use crate::case::Case;
use crate::id::SystemId;
use crate::request::clock::{Clock, Count, clocks};
use crate::request::flow::Progress;
use crate::terms::Terms;
use jiff::Timestamp;

impl Court {
    /// All clocks of a request, those that have stopped as well; none where none of its systems is declared.
    #[must_use]
    pub fn clocks(&self, terms: &Terms, progress: &Progress) -> Vec<Clock> {
        let systems = progress.filled.scope.systems.iter();
        let cases = systems.filter_map(|system| self.case_of(terms, system));
        // The most important system decides how long anything may take.
        let Some(case) = cases.max_by_key(|case| std::cmp::Reverse(case.importance())) else {
            return Vec::new();
        };
        let about = progress.filled.about;
        let detections = self.evidence().hosts.values().flat_map(|host| host.detections.keys());
        let detected = about
            .and_then(|about| detections.into_iter().find(|stamp| stamp.entry == about))
            .map(|stamp| stamp.observed);
        let calendar = case.calendar();
        let measure = |parameter, key| case.measure(parameter, key);
        let count = Count {
            calendar: &calendar,
            importance: case.importance(),
            measure: &measure,
            observed: detected,
        };
        clocks(progress, count)
    }

    /// When the city's review of the accounts of a system is due (P-27); none while there is nothing to review.
    #[must_use]
    pub fn review_due(&self, terms: &Terms, system: &SystemId) -> Option<Timestamp> {
        crate::clauses::reviews::review_due(&self.case_of(terms, system)?)
    }

    fn case_of<'a>(&'a self, terms: &'a Terms, system: &SystemId) -> Option<Case<'a>> {
        let (system, places) = self.places().get_key_value(system)?;
        Some(self.case(terms, system, places))
    }
}
