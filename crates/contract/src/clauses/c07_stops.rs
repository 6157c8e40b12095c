//! Clause 7. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 7.a 情報システムを停止する場合や運用制限が生じる場合は、事前に市の了承を得ること。
pub fn judge_7_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "停止の観測（複数の監視点からの確認）がないため、事前の了承と突き合わせられません。",
            "Stops are not observed by probes, so they cannot be joined with approvals.",
        ),
        Sentence::new(
            "受託者は、監視する口を届け出て、計画停止は F-07 で事前に申請してください。",
            "The contractor declares what to probe and asks for planned stops by F-07.",
        ),
    )
}
