//! Clause 11.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 11.a
pub fn judge_11_a(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 11.b
pub fn judge_11_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
