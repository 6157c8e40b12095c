//! Clause 7.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 7.a
pub fn judge_7_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
