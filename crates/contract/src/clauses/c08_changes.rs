//! Clause 8.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 8.a
pub fn judge_8_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 8.b
pub fn judge_8_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
