//! Clause 10. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 10.a 業務継続に支障が発生する恐れのあるデータは、定期的にバックアップをとること。
pub fn judge_10_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "バックアップの実施と復元試験の記録が届いていません。",
            "No record of backups and restore tests arrives.",
        ),
        Sentence::new(
            "受託者は、対象データの一覧（F-18）を届け出て、バックアップの結果を送ってください。",
            "The contractor declares the data (F-18) and sends the results of its backups.",
        ),
    )
}

/// 10.b その際に個人情報等の機密性の高い情報資産の保護を行うこと。
pub fn judge_10_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "バックアップが暗号化され、鍵が別に保管されているかを観測できていません。",
            "Whether backups are encrypted and keys kept apart is not observed.",
        ),
        Sentence::new(
            "受託者は、バックアップの保管場所と暗号化の方式を届け出てください。",
            "The contractor declares where backups lie and how they are encrypted.",
        ),
    )
}

/// 10.c また、市がバックアップ手順を策定する場合は情報を提供すること。
pub fn judge_10_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "市からバックアップ情報の求めも、その回答も記録されていません。",
            "Neither a request for backup information nor an answer is on record.",
        ),
        Sentence::new(
            "市は、手順の策定に情報が要るときに求めてください。受託者は期限までに提供してください。",
            "The city asks when it needs the information; the contractor provides it in time.",
        ),
    )
}
