//! Clause 3.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 3.1.a
pub fn judge_3_1_a(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.2.a
pub fn judge_3_2_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.2.b
pub fn judge_3_2_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.2.c
pub fn judge_3_2_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.3.a
pub fn judge_3_3_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.3.b
pub fn judge_3_3_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.3.c
pub fn judge_3_3_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.4.a
pub fn judge_3_4_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.4.b
pub fn judge_3_4_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 3.5.a
pub fn judge_3_5_a(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
