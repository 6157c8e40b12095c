//! Clause 14.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 14.a
pub fn judge_14_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
