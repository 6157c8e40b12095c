//! Communication beside the agreed list (4.5.b, R-11): who comes in, and where a host goes out to.
//!
//! The join says of each sighting whether a line or a change covered it at its time (`crate::court::joins`); what is left
//! are findings, which somebody classifies. Here is what weighs of them now, and what cannot be told yet.

use super::c07_stops;
use crate::act::{Direction, Matter};
use crate::case::HostCase;
use crate::evidence::agreement::Line;
use crate::evidence::latest::Latest;
use crate::fact::network::{Beside, FlowPath, FlowSeen, FlowSource};
use crate::reconcile::{Join, Why};
use crate::standing::{EvidenceClass, Sentence, Verdict};
use crate::thing::Object;
use crate::weigh::{self, Deadlines, P22};

/// Names said of many.
const SAID: usize = 3;

/// What was seen within a day, all of it covered.
pub(super) struct Covered {
    /// Different communications.
    pub count: usize,
    /// How they were looked at.
    pub by: FlowSource,
}

/// Looks for what stands on no list.
///
/// # Errors
/// 不適合 where something was seen that no line and no change covers; 未確認 where it waits for somebody, where the other
/// side is not told, or where nobody looks.
pub(super) fn beside(case: &HostCase<'_>) -> Result<Covered, Box<Verdict>> {
    case.fresh("flows")?;
    let Some(looked) = case.host.flows.looked() else {
        return Err(Box::new(case.not_observed("ほかの機器との通信", "communication with other hosts")));
    };
    found(case)?;
    let (by, coverage) = &looked.value;
    if !coverage.is_complete() {
        return Err(Box::new(left_out(case, coverage.skipped, looked)));
    }
    let seen: Vec<&Latest<FlowSeen>> = case.host.flows.current(case.case).collect();
    for (why, cause) in OPEN {
        let open: Vec<&Latest<FlowSeen>> =
            seen.iter().filter(|flow| not_subject(case, flow) == Some(why)).copied().collect();
        if !open.is_empty() {
            return Err(Box::new(cause(case, &open)));
        }
    }
    Ok(Covered { count: seen.len(), by: *by })
}

/// What weighs of the findings: what is over was still seen, and somebody has to say what it was.
fn found(case: &HostCase<'_>) -> Result<(), Box<Verdict>> {
    let of_system = case.case;
    let ours = of_system
        .joins
        .weighing(of_system.system)
        .filter(|found| found.object == Object::Flow && found.host.as_ref() == Some(case.id()));
    let found = ours.map(|found| (found, c07_stops::settled(of_system, found)));
    let deadlines = Deadlines { classify_bd: of_system.measure(P22, "emergency_bd").value };
    weigh::findings(of_system, found, &deadlines).map(drop)
}

/// Why a sighting is no finding and yet not covered; none where it is covered now.
fn not_subject(case: &HostCase<'_>, flow: &Latest<FlowSeen>) -> Option<Why> {
    let key = (flow.value.to, Object::Flow, flow.value.path.name());
    let Some(Join::NotSubject(why)) = case.case.joins.of(case.id(), &key) else { return None };
    // Agreed since: nothing is asked of anybody any more.
    let covers = |line: &Line<'_>| {
        let Matter::Flow(needed) = line.matter else { return false };
        let over = needed.until.is_some_and(|until| case.case.passed(until));
        line.is_agreed() && !over && flow.value.path.beside(needed) == Beside::Within
    };
    let mut lines = case.case.evidence.agreements.of_host("flow", case.case.system, case.id());
    (!lines.any(|line| covers(&line))).then_some(*why)
}

type Cause = fn(&HostCase<'_>, &[&Latest<FlowSeen>]) -> Verdict;

/// What is open, gravest first.
const OPEN: [(Why, Cause); 3] = [
    (Why::NoList, |case, open| {
        unknown(
            case,
            open,
            (
                "一覧の合意より前に観測され、一覧にない通信が",
                "seen before the list was agreed, and not on it",
            ),
            Sentence::new(
                "受託者は、不要なら遮断し、必要なら通信要件を届け出てください。続いていれば、1日以内に不適合になります。",
                "The contractor blocks it, or declares why it is needed. If it goes on, it is a breach within a day.",
            ),
        )
    }),
    (Why::Declared, |case, open| {
        unknown(
            case,
            open,
            ("届け出済みで市の確認待ちの通信が", "declared, waiting for the city"),
            city_looks(),
        )
    }),
    (Why::PeerNotTold, |case, open| {
        unknown(
            case,
            open,
            (
                "相手の番号までは記録しないため、合意した相手かどうか分からない通信が",
                "the other side is not told closely enough to say whether it is the agreed one",
            ),
            Sentence::new(
                "受託者は、ファイアウォールで相手を限っていることを示すか、相手の範囲を広げて届け出てください。",
                "The contractor shows that a firewall limits the other side, or declares a wider one.",
            ),
        )
    }),
];

fn unknown(
    case: &HostCase<'_>,
    open: &[&Latest<FlowSeen>],
    (ja, en): (&str, &str),
    next: Sentence,
) -> Verdict {
    let (id, count) = (case.id(), open.len());
    let first = || open.iter().take(SAID).map(|flow| &flow.value.path);
    let names_ja: Vec<String> = first().map(in_words).collect();
    let names_en: Vec<String> = first().map(FlowPath::name).collect();
    let (names_ja, names_en) = (names_ja.join("、"), names_en.join(", "));
    Verdict::unknown(
        Sentence::new(
            format!("{id} で、{ja} {count} 件あります（{names_ja}）。"),
            format!("{count} communications of {id} ({names_en}): {en}."),
        ),
        next,
    )
    .with_evidence(EvidenceClass::E1, open.iter().map(|flow| flow.stamp.entry))
}

fn left_out<T>(case: &HostCase<'_>, count: u32, looked: &Latest<T>) -> Verdict {
    let id = case.id();
    Verdict::unknown(
        Sentence::new(
            format!("{id} の通信が多すぎ、{count} 件以上を記録できていません。"),
            format!("{id} communicates too much to be told: {count} or more were left out."),
        ),
        Sentence::new(
            "受託者は、多数の相手と通信する理由を調べ、市に説明してください。",
            "The contractor finds out why there are so many others, and tells the city.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [looked.stamp.entry])
}

/// What the city has to do.
pub(super) fn city_looks() -> Sentence {
    Sentence::new("市は、通信要件の届出を確認してください。", "The city looks at the declared communication.")
}

/// A communication, for a sentence.
pub(crate) fn in_words(path: &FlowPath) -> String {
    let protocol = path.protocol.name();
    let (port, peer) = (path.port, path.peer_name());
    let peer = if path.peer.prefix_len() == 0 { "インターネット" } else { &peer };
    match path.direction {
        Direction::In => format!("{peer} から {protocol} {port}"),
        Direction::Out => format!("{peer} の {protocol} {port} へ"),
    }
}
