//! Clause 5. A judge that cannot decide yet says which evidence is missing and who can supply it.

use super::deliveries;
use crate::case::{Case, HostCase, P37};
use crate::evidence::host::Host;
use crate::parameter::ParameterId;
use crate::request::flow::Progress;
use crate::standing::{EvidenceClass, Sentence, Verdict};

const P16: ParameterId = ParameterId::new(16);

/// 5.a ログオンやログアウトなどの利用者の活動状況や
///
/// Agents tell who logs in on hosts. What people do in the system itself stands in its own log, which reaches nobody yet: the
/// verdict stays 未確認 and says how far it got.
pub fn judge_5_a(case: &Case<'_>) -> Verdict {
    let next = Sentence::new(
        "受託者は、ログの出所を届け出て、エージェントから送ってください。",
        "The contractor declares its log sources and sends them by the agent.",
    );
    let (mut entries, mut gaps) = (Vec::new(), 0_usize);
    for (place, host) in case.hosts() {
        let silent = Host::default();
        let host_case = HostCase { case, place, host: host.unwrap_or(&silent) };
        if let Err(unknown) = host_case.alive() {
            return *unknown;
        }
        let Some(log) = &host_case.host.log else {
            return host_case.not_observed("ログオンの記録", "log of log-ons");
        };
        entries.push(log.stamp.entry);
        gaps = gaps.saturating_add(log.value.gaps.len());
    }
    if entries.is_empty() {
        let cause = Sentence::new(
            "ログオン・ログアウト等のログが、この約定の記録に届いていません。",
            "No log of user activity reaches this record.",
        );
        return Verdict::unknown(cause, next);
    }
    let count = entries.len();
    let note = match gaps {
        0 => (String::new(), String::new()),
        gaps => (format!("途切れが {gaps} か所あります。"), format!(" It has {gaps} gaps.")),
    };
    let cause = Sentence::new(
        format!(
            "ホスト {count} 台のログオン等の記録は届いていますが、情報システム自身の利用者の記録が届いていません。{}",
            note.0
        ),
        format!(
            "Who logs in on {count} hosts is recorded; what people do in the system itself is not.{}",
            note.1
        ),
    );
    Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, entries)
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
pub fn judge_5_c(case: &Case<'_>) -> Verdict {
    let deliver = case.measure(P16, "deliver_bd");
    let due = |progress: &Progress| {
        let agreed = case.after_open_days(progress.handed_in.received, deliver.value).at;
        // The city may give more time than was agreed, not less.
        progress.filled.moment("due").map_or(agreed, |asked| asked.max(agreed))
    };
    let what = Sentence::new("ログの提供・点検", "logs or the inspection");
    deliveries::answered(case, &what, &["logs", "inspection"], due).measured_by([P16, P37])
}
