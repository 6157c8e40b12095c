//! Clause 5. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 5.a ログオンやログアウトなどの利用者の活動状況や
pub fn judge_5_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "ログオン・ログアウト等のログが、この約定の記録に届いていません。",
            "No log of user activity reaches this record.",
        ),
        Sentence::new(
            "受託者は、ログの出所を届け出て、エージェントから送ってください。",
            "The contractor declares its log sources and sends them by the agent.",
        ),
    )
}

/// 5.b 外部からの非定常的なアクセス等のログを記録し、
pub fn judge_5_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "外部からの非定常なアクセスの記録が届いていません。",
            "No record of unusual access from outside arrives.",
        ),
        Sentence::new(
            "受託者は、何を非定常とするかを市と決め、その記録を送ってください。",
            "Both parties settle what is unusual; the contractor sends the records.",
        ),
    )
}

/// 5.c 市の求めに応じて提供や点検に協力すること。
pub fn judge_5_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "ログの提供依頼（F-19）とその回答の記録がありません。",
            "Neither a request for logs (F-19) nor an answer is on record.",
        ),
        Sentence::new(
            "市は、必要なときに F-19 で依頼してください。受託者は期限までに回答してください。",
            "The city asks by F-19 when needed; the contractor answers in time.",
        ),
    )
}
