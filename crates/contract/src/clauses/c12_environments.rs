//! Clause 12. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 12.1.a 開発及び運用において、運用環境とテスト環境を分離すること。
pub fn judge_12_1_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "運用環境とテスト環境の一覧と、分離の試験の結果がありません。",
            "Neither the list of environments nor a test of their separation is on record.",
        ),
        Sentence::new(
            "受託者は、各ホストの環境区分を届け出て、分離の試験を受けてください。",
            "The contractor declares the environment of each host and has the separation tested.",
        ),
    )
}

/// 12.1.b 運用内容を変更する際には、テスト実施及び検証結果を事前に市へ報告し、承認を得ること。
pub fn judge_12_1_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "試験・検証結果の報告（F-14）とその承認の記録がありません。",
            "No report of test results (F-14) with its approval is on record.",
        ),
        Sentence::new(
            "受託者は、変更の前に F-14 を提出し、市の承認を得てください。",
            "The contractor hands in F-14 before changes; the city approves.",
        ),
    )
}

/// 12.1.c なお、外部でテストをする際は、必要に応じて実施及び検証のテストデータに、個人情報及び一般に公表することを前提としていない情報資産の実在データが含まれないようにすること。
pub fn judge_12_1_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new("テストデータの検査の結果がありません。", "Test data were not inspected."),
        Sentence::new(
            "受託者は、外部で使うテストデータを届け出（F-15）、検査を受けてください。",
            "The contractor declares test data (F-15) and has them inspected.",
        ),
    )
}

/// 12.1.d 個人情報及び一般に公表することを前提としていない情報資産の実在データを含む場合は、市役所内にテスト環境をつくる等の対策を行うこと。
pub fn judge_12_1_d(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "実在データの利用許可（F-15）の有無と、利用の観測がありません。",
            "Neither a permit for real data (F-15) nor any observation of their use exists.",
        ),
        Sentence::new(
            "受託者は、実在データを使う場合は F-15 で許可を得てください。使わない場合は、市と対象外を合意してください。",
            "The contractor asks for a permit (F-15), or both agree that the duty does not apply.",
        ),
    )
}

/// 12.2.a 受託者は、情報システムの利用環境に変更が生じる場合は、あらかじめ市に通知し、了承を得ること。
pub fn judge_12_2_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "利用環境の変更の届（F-11）と、証明書や接続先の観測がありません。",
            "Neither F-11 nor observations of certificates and addresses exist.",
        ),
        Sentence::new(
            "受託者は、利用環境を変えるときは F-11 で事前に了承を得てください。",
            "The contractor asks for consent by F-11 before changing the user environment.",
        ),
    )
}
