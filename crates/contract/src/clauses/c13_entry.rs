//! Clause 13. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::Case;
use crate::clauses::c07_stops::settled;
use crate::finding::Rule;
use crate::parameter::ParameterId;
use crate::standing::{Sentence, Verdict};
use crate::thing::Object;
use crate::weigh::{self, Deadlines};

const P22: ParameterId = weigh::P22;

/// 13.a 受託者は、運用、機器の搬出入で市のサーバ室等機密区域へ入退域する場合は、入退域管理簿の記入等、市の定めた手続に従うこと。
///
/// Who goes in and out is not recorded yet, so nothing keeps it. A medium or device that was put into a host without a request is
/// seen: somebody has to say what it was.
pub fn judge_13_a(case: &Case<'_>) -> Verdict {
    let brought = |rule: Rule, object: Object| rule == Rule::R09 && object == Object::Device;
    let found = case.joins.weighing(case.system).filter(|finding| brought(finding.rule, finding.object));
    let found = found.map(|finding| (finding, settled(case, finding)));
    let deadlines = Deadlines { classify_bd: case.measure(P22, "emergency_bd").value };
    match weigh::findings(case, found, &deadlines) {
        Err(verdict) => *verdict,
        Ok(_) => no_records(),
    }
}

fn no_records() -> Verdict {
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
