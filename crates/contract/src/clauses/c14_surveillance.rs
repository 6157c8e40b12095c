//! Clause 14. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 14.a データセンター等機密性及び完全性の高い情報資産を保管する場所では、カメラ監視や入退出管理等による不審者の監視が可能な状態にすること。
pub fn judge_14_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "保管場所のカメラ・入退室管理が働いていることの記録がありません。",
            "No record shows that cameras and access control of the site work.",
        ),
        Sentence::new(
            "受託者は、保管場所を届け出て、監視設備の稼働の記録または第三者の証明を提出してください。",
            "The contractor declares its sites and hands in health records or a third party's certificate.",
        ),
    )
}
