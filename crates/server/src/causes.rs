//! An error in words: what failed, and because of what.

use std::error::Error;

/// The error with its causes, outermost first: `a: b: c`.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", with_causes(cause)))
}
