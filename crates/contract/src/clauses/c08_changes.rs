//! Clause 8. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::standing::{Sentence, Verdict};

/// 8.a 受託者が調達・管理する情報処理設備及び情報システムの変更において、市に影響を及ぼすものは、事前に市と協議を行うこと。
pub fn judge_8_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "変更の協議（F-09）の記録がありません。",
            "No discussion of changes (F-09) is on record.",
        ),
        Sentence::new(
            "受託者は、市に影響する変更を F-09 で事前に協議してください。",
            "The contractor discusses changes that affect the city by F-09 beforehand.",
        ),
    )
}

/// 8.b また、情報システムの変更が行われた際には変更履歴を市に明示すること。
pub fn judge_8_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "変更履歴（F-10）がまだ作られていません。",
            "The history of changes (F-10) does not exist yet.",
        ),
        Sentence::new(
            "受託者は、変更管理票（F-09）を登録し、変更履歴を市に示してください。",
            "The contractor files its tickets (F-09) and shows the history to the city.",
        ),
    )
}
