//! Clause 4.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 4.1.a
pub fn judge_4_1_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 4.1.b
pub fn judge_4_1_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 4.2.a
pub fn judge_4_2_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 4.3.a
pub fn judge_4_3_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 4.4.a
pub fn judge_4_4_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 4.5.a
pub fn judge_4_5_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 4.5.b
pub fn judge_4_5_b(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
