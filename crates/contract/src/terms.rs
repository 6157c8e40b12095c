//! The contract file: clauses, duties, parameters and the list of vulnerabilities as one city words and numbers them.

use crate::duty::DutyId;
use crate::parameter::{ParameterId, Values};
use std::collections::BTreeMap;

/// One contract, as its file states it.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The duties in force, in the order of the file.
    pub duties: Vec<DutyTerms>,
    /// The parameters with their proposed values.
    pub parameters: BTreeMap<ParameterId, ParameterTerms>,
}

/// One duty as the city words it.
#[derive(Debug, Clone)]
pub struct DutyTerms {
    /// Which.
    pub duty: DutyId,
    /// What the city calls it.
    pub label: String,
    /// The sentence of the contract.
    pub ja: String,
    /// Its gloss.
    pub en: String,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct ParameterTerms {
    /// Name.
    pub ja: String,
    /// Name.
    pub en: String,
    /// Values proposed until both parties agree.
    pub defaults: Values,
}

impl Terms {
    /// The instant at which so many open days of the city have passed (first day excluded).
    #[must_use]
    pub fn after_open_days(&self, from: jiff::Timestamp, open_days: i64) -> jiff::Timestamp {
        let calendar_days = open_days.saturating_mul(7) / 5;
        from.saturating_add(jiff::SignedDuration::from_hours(calendar_days.saturating_mul(24)))
            .unwrap_or(jiff::Timestamp::MAX)
    }
}
