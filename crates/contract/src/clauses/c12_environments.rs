//! Clause 12.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 12.1.a
pub fn judge_12_1_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 12.1.b
pub fn judge_12_1_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 12.1.c
pub fn judge_12_1_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 12.1.d
pub fn judge_12_1_d(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 12.2.a
pub fn judge_12_2_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
