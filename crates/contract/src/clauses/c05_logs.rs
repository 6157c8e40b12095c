//! Clause 5.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 5.a
pub fn judge_5_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 5.b
pub fn judge_5_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 5.c
pub fn judge_5_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
