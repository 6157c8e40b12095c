//! Clause 10.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 10.a
pub fn judge_10_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 10.b
pub fn judge_10_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 10.c
pub fn judge_10_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
