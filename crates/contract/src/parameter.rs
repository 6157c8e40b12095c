//! Parameters: the numbers both parties agreed (P-01 … P-37). Ledger entries, never settings.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `P-01` … `P-99`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ParameterId(u8);

/// The text is not of the form `P-01`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a parameter id: write P-01 to P-99")]
pub struct NotAParameter(String);

impl ParameterId {
    /// The id with this number (1 to 99).
    #[must_use]
    pub const fn new(number: u8) -> Self {
        assert!(number >= 1 && number <= 99, "parameter numbers are 1 to 99");
        Self(number)
    }
}

impl std::fmt::Display for ParameterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "P-{:02}", self.0)
    }
}

impl TryFrom<String> for ParameterId {
    type Error = NotAParameter;
    fn try_from(text: String) -> Result<Self, NotAParameter> {
        let number = text
            .strip_prefix("P-")
            .filter(|digits| digits.len() == 2)
            .and_then(|digits| digits.parse::<u8>().ok())
            .filter(|number| (1..=99).contains(number));
        number.map(Self).ok_or_else(|| NotAParameter(text.chars().take(80).collect()))
    }
}

impl From<ParameterId> for String {
    fn from(id: ParameterId) -> String {
        id.to_string()
    }
}

/// The named whole numbers of one parameter, in the unit the contract file states (`{"good": 500, "breach": 5000}`, ms).
pub type Values = BTreeMap<String, i64>;
