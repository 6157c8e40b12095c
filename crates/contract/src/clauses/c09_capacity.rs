//! Clause 9.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 9.a
pub fn judge_9_a(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}

/// 9.b
pub fn judge_9_b(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
