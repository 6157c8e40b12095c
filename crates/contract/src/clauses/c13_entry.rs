//! Clause 13. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 13.a 受託者は、運用、機器の搬出入で市のサーバ室等機密区域へ入退域する場合は、入退域管理簿の記入等、市の定めた手続に従うこと。
pub fn judge_13_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "入退域管理簿（F-01）と扉の記録がありません。",
            "Neither the entry ledger (F-01) nor door records exist.",
        ),
        Sentence::new(
            "市は機密区域を登録し、受託者は入退域のたびに F-01 に記入してください。",
            "The city registers its secured areas; the contractor fills in F-01 at each entry.",
        ),
    )
}

/// 13.b 定期的に入退域しなければならない受託者は作業従事者ごとに担当する作業内容を明記した名簿を提出すること。
pub fn judge_13_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "作業従事者名簿（F-03）が提出されていません。",
            "The roster of workers (F-03) was not handed in.",
        ),
        Sentence::new(
            "受託者は、担当する作業を書いた名簿（F-03）を提出してください。",
            "The contractor hands in the roster with duties (F-03).",
        ),
    )
}
