//! Clause 13.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 13.a
pub fn judge_13_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 13.b
pub fn judge_13_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
