//! Clause 6.

use crate::case::{Case, HostCase};
use crate::standing::{Sentence, Verdict};

/// 6.a
pub fn judge_6_a(_case: &HostCase<'_>) -> Verdict {
    Verdict::unknown(Sentence::default(), Sentence::default())
}
