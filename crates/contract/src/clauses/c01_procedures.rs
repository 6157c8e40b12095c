//! Clause 1.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 1.a
pub fn judge_1_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 1.b
pub fn judge_1_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 1.c
pub fn judge_1_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
