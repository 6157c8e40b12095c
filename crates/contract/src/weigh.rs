//! From findings to a verdict: the same words and the same rules for every duty that findings weigh on.
//!
//! A candidate makes the duty 不適合 until somebody with the right to say so says otherwise; 判定不能 makes it 未確認, but
//! not for ever: what nobody classifies in time is 不適合 for that reason.

use crate::case::Case;
use crate::clauses::containment::RELEASE;
use crate::clauses::flows::in_words;
use crate::entry::Party;
use crate::evidence::Evidence;
use crate::fact::network::FlowPath;
use crate::finding::{Finding, Rule, Settled};
use crate::id::RequestId;
use crate::occurrence::{End, When};
use crate::parameter::ParameterId;
use crate::reconcile::{Beyond, Doubt, Join, Missing};
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use crate::thing::Object;
use jiff::Timestamp;

/// 変更の協議: the days in which an emergency has to be explained.
pub const P22: ParameterId = ParameterId::new(22);

/// The instants by which somebody has to say what a finding is.
pub struct Deadlines {
    /// Open days.
    pub classify_bd: i64,
}

/// What findings say of a duty: the gravest verdict, or how many of them are settled.
///
/// # Errors
/// The verdict, where one of them weighs.
pub fn findings<'a>(
    case: &Case<'_>,
    found: impl Iterator<Item = (&'a Finding, Settled)>,
    deadlines: &Deadlines,
) -> Result<u32, Box<Verdict>> {
    let (mut settled, mut gravest): (u32, Option<(u8, Verdict)>) = (0, None);
    for (finding, state) in found {
        let Some((rank, verdict)) = one(case, finding, state, deadlines) else {
            settled = settled.saturating_add(1);
            continue;
        };
        if gravest.as_ref().is_none_or(|(known, _)| rank > *known) {
            gravest = Some((rank, verdict));
        }
    }
    gravest.map_or(Ok(settled), |(_, verdict)| Err(Box::new(verdict)))
}

fn one(case: &Case<'_>, finding: &Finding, state: Settled, deadlines: &Deadlines) -> Option<(u8, Verdict)> {
    // What is settled stays for ever: nothing is made of it that nobody reads.
    let words = || words(case.evidence, finding);
    let (rank, verdict) = match state {
        Settled::Closed | Settled::Excused(_) => return None,
        Settled::Violation => (6, violation(&words())),
        Settled::Open | Settled::Proposed(_) => match &finding.join {
            Join::Waiting { recorded, .. } => waiting(case, *recorded, &words()),
            Join::Undecided { .. } => undecided(case, finding, state, &words(), deadlines),
            Join::AsApproved(_) | Join::NotSubject(_) | Join::NotDone(_) => return None,
            Join::NotApproved(_)
            | Join::OutsideWindow { .. }
            | Join::OutsideScope { .. }
            | Join::Late { .. } => candidate(case, finding, state, &words(), deadlines),
        },
    };
    Some((rank, verdict.with_evidence(EvidenceClass::E1, finding.entries.iter().copied())))
}

fn violation(words: &Sentence) -> Verdict {
    Verdict::broken(
        Sentence::new(
            format!("{}。違反と分類されています。", words.ja),
            format!("{}. It is classified as a violation.", words.en),
        ),
        Sentence::new(
            "受託者は是正と再発防止を報告してください。市は、済んだら処置を終結してください。",
            "The contractor reports what was done about it; the city closes it then.",
        ),
    )
}

fn waiting(case: &Case<'_>, recorded: Timestamp, words: &Sentence) -> (u8, Verdict) {
    let due = case.after_open_days(recorded, 1).at;
    let until = jst(due);
    if case.passed(due) {
        let cause = Sentence::new(
            format!("{}。書面による確認が期限 {until} までにありませんでした。", words.ja),
            format!("{}. It was not confirmed in writing by {until}.", words.en),
        );
        let next = Sentence::new(
            "市は、電話での了承を確認するか、しなかった理由を記録してください。",
            "The city confirms what was said on the telephone, or records why not.",
        );
        return (5, Verdict::broken(cause, next));
    }
    let cause = Sentence::new(
        format!("{}。書面による確認を {until} まで待っています。", words.ja),
        format!("{}. It waits until {until} to be confirmed in writing.", words.en),
    );
    let next = Sentence::new(
        "市は、電話での了承を書面で確認してください。",
        "The city confirms in writing what was said on the telephone.",
    );
    (2, Verdict::unknown(cause, next))
}

/// When a finding has to be classified, and whether that has passed.
fn overdue(case: &Case<'_>, finding: &Finding, deadlines: &Deadlines) -> Option<String> {
    let due = case.after_open_days(finding.since, deadlines.classify_bd).at;
    case.passed(due).then(|| jst(due))
}

fn undecided(
    case: &Case<'_>,
    finding: &Finding,
    state: Settled,
    words: &Sentence,
    deadlines: &Deadlines,
) -> (u8, Verdict) {
    // The contractor has said what it is: the delay is the city's, and no breach of the contractor.
    if matches!(state, Settled::Proposed(_)) {
        let cause = Sentence::new(
            format!("{}。受託者の説明について、市の確認を待っています。", words.ja),
            format!("{}. The contractor's word on it waits for the city.", words.en),
        );
        return (1, Verdict::unknown(cause, city_answers()));
    }
    let cause = Sentence::new(format!("{}。", words.ja), format!("{}.", words.en));
    let next = Sentence::new(
        "受託者は、根拠を示して分類してください。市は確認してください。",
        "The contractor says what it was, and why; the city looks at it.",
    );
    match overdue(case, finding, deadlines) {
        None => (3, Verdict::unknown(cause, next)),
        Some(due) => {
            let cause = Sentence::new(
                format!("{}。分類の期限 {due} を過ぎています。", words.ja),
                format!("{}. Nobody said what it was by {due}.", words.en),
            );
            (4, Verdict::broken(cause, next).measured_by([P22]))
        }
    }
}

fn candidate(
    case: &Case<'_>,
    finding: &Finding,
    state: Settled,
    words: &Sentence,
    deadlines: &Deadlines,
) -> (u8, Verdict) {
    if matches!(state, Settled::Proposed(_)) {
        let cause = Sentence::new(
            format!("{}を観測しました（受託者の説明を市が確認中）。", words.ja),
            format!("{} was observed (the contractor's word on it waits for the city).", words.en),
        );
        return (5, Verdict::broken(cause, city_answers()));
    }
    let late = overdue(case, finding, deadlines);
    let (ja, en) = match late {
        Some(due) => (format!("期限 {due} を過ぎても分類されていません"), format!("not classified by {due}")),
        None => ("分類待ち".to_owned(), "waits to be classified".to_owned()),
    };
    let cause = Sentence::new(
        format!("{}を観測しました（{ja}）。", words.ja),
        format!("{} was observed ({en}).", words.en),
    );
    let next = Sentence::new(
        "受託者は、理由と根拠を示して分類してください。市は確認してください。",
        "The contractor says what it was, and why; the city looks at it.",
    );
    (5, Verdict::broken(cause, next))
}

fn city_answers() -> Sentence {
    Sentence::new(
        "市は、受託者の説明を確認して分類してください。",
        "The city looks at the contractor's word and says what it is.",
    )
}

/// The number people use for a request.
fn number(evidence: &Evidence, request: &RequestId) -> String {
    let known = evidence.requests.get(request).and_then(|request| request.number.as_ref());
    known.map_or_else(|| request.to_string(), ToString::to_string)
}

/// What was found, in one clause without a full stop: the thing, the place, the instant, the request.
#[must_use]
pub fn words(evidence: &Evidence, finding: &Finding) -> Sentence {
    let what = what(finding);
    let join = joined(evidence, &finding.join);
    Sentence::new(format!("{}（{}）", what.ja, join.ja), format!("{} ({})", what.en, join.en))
}

fn what(finding: &Finding) -> Sentence {
    let host = finding.host.as_ref().map_or_else(String::new, |host| format!("{host} の"));
    let on = finding.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
    let (kind_ja, kind_en) = finding.object.name();
    let at = instant(&finding.when);
    let (name_ja, name_en) = named(finding);
    let restricted = finding.rule == Rule::R02;
    match finding.object {
        _ if matches!(finding.join, Join::NotDone(_)) => {
            Sentence::new(format!("承認された作業（{}）", at.ja), format!("Approved work ({})", at.en))
        }
        _ if finding.rule == Rule::R22 => Sentence::new(
            format!("ホスト {name_ja} の観測の途絶（{}）", at.ja),
            format!("The silence of the host {name_en} ({})", at.en),
        ),
        _ if finding.rule == Rule::R24 => Sentence::new(
            format!("手順書「{name_ja}」の見直し"),
            format!("The review of the procedure “{name_en}”"),
        ),
        Object::Target if restricted => Sentence::new(
            format!("{name_ja} の運用制限（{}）", at.ja),
            format!("A restriction of {name_en} ({})", at.en),
        ),
        Object::Target => Sentence::new(
            format!("{name_ja} の停止（{}）", at.ja),
            format!("A stop of {name_en} ({})", at.en),
        ),
        Object::Boot => {
            Sentence::new(format!("{host}再起動（{}）", at.ja), format!("A boot{on} ({})", at.en))
        }
        Object::Service => Sentence::new(
            format!("{host}サービス {name_ja} の停止（{}）", at.ja),
            format!("A stop of the service {name_en}{on} ({})", at.en),
        ),
        Object::Flow | Object::Release => of_one(finding.object, (&host, &on), (&name_ja, &name_en), &at),
        Object::TestData => Sentence::new(
            format!("{host}テストデータ {name_ja} に含まれる実在データ（{}）", at.ja),
            format!("Real data in the test data {name_en}{on} ({})", at.en),
        ),
        _ if finding.rule == Rule::R05 => of_malware(finding, (&host, on.as_str()), &name_ja, &at),
        _ if finding.rule == Rule::R06 => Sentence::new(
            format!("{host}{name_ja} の復元（{}）", at.ja),
            format!("Restoring {name_en}{on} ({})", at.en),
        ),
        _ if matches!(finding.rule, Rule::R19 | Rule::R20 | Rule::R23) => {
            let row = finding.rule.row();
            Sentence::new(format!("{}（{}）", row.ja, at.ja), format!("{} ({})", row.en, at.en))
        }
        _ => Sentence::new(
            format!("{host}{kind_ja} {name_ja} の変更（{}）", at.ja),
            format!("A change of {kind_en} {name_en}{on} ({})", at.en),
        ),
    }
}

/// What names itself.
fn of_one(object: Object, (host, on): (&str, &str), (ja, en): (&str, &str), at: &Sentence) -> Sentence {
    match object {
        Object::Flow => Sentence::new(
            format!("{host}通信 {ja}（{}）", at.ja),
            format!("The communication {en}{on} ({})", at.en),
        ),
        _ => Sentence::new(
            format!("{host}リリース {ja} の配置（{}）", at.ja),
            format!("The release {en}{on} ({})", at.en),
        ),
    }
}

/// The first name, and how many more there are.
fn named(finding: &Finding) -> (String, String) {
    let first = finding.names.first().cloned().unwrap_or_default();
    let path = (finding.object == Object::Flow).then(|| FlowPath::from_name(&first)).flatten();
    let first_ja = path.as_ref().map_or_else(|| first.clone(), in_words);
    match finding.count.saturating_sub(1) {
        0 => (first_ja, first),
        more => (format!("{first_ja} ほか {more} 件"), format!("{first} and {more} more")),
    }
}

/// R-05 is about the report, and about what was done: quarantine, isolation, its end.
fn of_malware(finding: &Finding, (host, on): (&str, &str), name: &str, at: &Sentence) -> Sentence {
    let (ja, en) = match finding.object {
        Object::Device => {
            (format!("不正プログラム検知 {name} の隔離"), format!("The quarantine of malware {name}"))
        }
        Object::Network => {
            (format!("不正プログラム検知 {name} の後の遮断"), format!("The isolation after malware {name}"))
        }
        Object::Listener => (
            format!("遮断中の外からの応答 {name}"),
            format!("The answer of {name} from outside while cut off"),
        ),
        Object::Firewall if name == RELEASE => {
            ("遮断の解除".to_owned(), "The end of the isolation".to_owned())
        }
        Object::Firewall => ("緊急の遮断".to_owned(), "An emergency isolation".to_owned()),
        _ => (format!("不正プログラム検知 {name} の市への報告"), format!("The report of malware {name}")),
    };
    Sentence::new(format!("{host}{ja}（{}）", at.ja), format!("{en}{on} ({})", at.en))
}

fn instant(when: &When) -> Sentence {
    match *when {
        When::Between { earliest: Some(earliest), latest } if earliest < latest => {
            let (from, to) = (jst(earliest), jst(latest));
            Sentence::new(format!("{from} から {to} までの間"), format!("between {from} and {to}"))
        }
        When::Between { latest, .. } => Sentence::new(jst(latest), jst(latest)),
        When::Lasting { from, end: End::Open, .. } => {
            let from = jst(from);
            Sentence::new(format!("{from} から継続中"), format!("since {from}"))
        }
        When::Lasting { from, to, end: End::Over } => {
            let (from, to) = (jst(from), jst(to));
            Sentence::new(format!("{from} から {to} まで"), format!("from {from} to {to}"))
        }
    }
}

/// What the join says, without the request it was joined with.
#[must_use]
pub fn verdict_of(join: &Join) -> Sentence {
    let (ja, en) = match join {
        Join::AsApproved(_) => ("承認どおり", "as approved"),
        Join::NotSubject(_) => ("承認を要しない", "needs no approval"),
        Join::NotDone(_) => ("承認されたが未実施", "approved, not done"),
        Join::NotApproved(Missing::Request) => ("承認なし", "no approval"),
        Join::NotApproved(Missing::AfterTheFact(_)) => ("承認は開始の後", "approved after it had begun"),
        Join::NotApproved(Missing::Revoked(_)) => ("承認は取消し済み", "the approval had been taken back"),
        Join::Waiting { .. } => ("電話による了承", "consent by telephone"),
        Join::OutsideWindow { by_s, .. } => {
            let (minutes, seconds) = (by_s / 60, by_s % 60);
            return Sentence::new(
                format!("承認時間外 {minutes}分{seconds}秒"),
                format!("{minutes} min {seconds} s outside the window"),
            );
        }
        Join::OutsideScope { beyond, .. } => beyond_words(*beyond),
        Join::Undecided { doubt, .. } => doubt_words(*doubt),
        Join::Late { due, .. } => {
            let due = jst(*due);
            return Sentence::new(format!("期限 {due} 超過"), format!("was due at {due}"));
        }
    };
    Sentence::new(ja, en)
}

fn joined(evidence: &Evidence, join: &Join) -> Sentence {
    let said = verdict_of(join);
    let Some(request) = join.request() else { return said };
    let number = number(evidence, request);
    let (ja, en) = match join {
        Join::OutsideWindow { .. } => (format!("{number} の{}", said.ja), format!("{} of {number}", said.en)),
        Join::NotDone(id) if reported_done(evidence, id) => (
            format!("{number} 実施と報告されたが、観測されていない"),
            format!("{number}: reported as done, not seen"),
        ),
        Join::Late { .. } => (format!("{number} {}", said.ja), format!("{number} {}", said.en)),
        _ => (format!("{number} {}", said.ja), format!("{number}: {}", said.en)),
    };
    Sentence::new(ja, en)
}

/// Whether the contractor said that the work was done.
fn reported_done(evidence: &Evidence, request: &RequestId) -> bool {
    let progress = evidence.requests.get(request).and_then(|request| request.progress.as_ref());
    progress.is_some_and(|progress| progress.done.is_some())
}

fn beyond_words(beyond: Beyond) -> (&'static str, &'static str) {
    match beyond {
        Beyond::Place => ("範囲外のホスト・環境", "another host or environment"),
        Beyond::Thing => ("範囲外の対象", "another thing"),
        Beyond::Content => ("承認と異なる内容", "another content than approved"),
        Beyond::Class => ("承認と異なる種別", "another class than approved"),
        Beyond::Limit => ("承認回数の超過", "more often than approved"),
        Beyond::Uses => ("包括承認の回数超過", "the standing approval was used too often"),
        Beyond::RecordedLate => ("包括承認の使用の記録遅れ", "the use was recorded too late"),
    }
}

fn doubt_words(doubt: Doubt) -> (&'static str, &'static str) {
    match doubt {
        Doubt::Time => {
            ("判定不能: 時刻の幅が承認時間の端にかかる", "undecided: across an edge of the window")
        }
        Doubt::Clock => ("判定不能: ホストの時刻が信頼できない", "undecided: the clock cannot be believed"),
        Doubt::Content => ("判定不能: 変更後の内容が不明", "undecided: the content could not be seen"),
        Doubt::OneProbe => ("判定不能: 監視点1か所のみの観測", "undecided: one probe alone saw it"),
        Doubt::BaselineLost => ("判定不能: 監視の基準が失われた", "undecided: the baseline was lost"),
        Doubt::NotWatched => ("判定不能: 観測がない", "undecided: nobody watches"),
    }
}

/// Whose turn it is to say something of a finding.
#[must_use]
pub fn turn(finding: &Finding, state: Settled) -> Option<Party> {
    match state {
        Settled::Open => Some(finding.against),
        Settled::Proposed(_) | Settled::Violation => Some(Party::City),
        Settled::Excused(_) | Settled::Closed => None,
    }
}
