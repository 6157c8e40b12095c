//! Communication beside the agreed list (4.5.b, R-11): who comes in, and where a host goes out to.

use super::c07_stops;
use crate::act::{Direction, Matter, Protocol};
use crate::case::HostCase;
use crate::evidence::agreement::Line;
use crate::evidence::latest::Latest;
use crate::fact::network::{FlowSeen, FlowSource};
use crate::reconcile::Join;
use crate::standing::{EvidenceClass, Sentence, Verdict};
use crate::thing::Object;
use crate::weigh::{self, Deadlines, P22};

/// Names said of many.
const SAID: usize = 3;

/// What was seen within a day, all of it on the list.
pub(super) struct Listed {
    /// Different communications.
    pub count: usize,
    /// How they were looked at.
    pub by: FlowSource,
}

/// Looks for what stands on no list.
///
/// # Errors
/// 不適合 where something stands on no list; 未確認 where it waits for the city, or nobody looks.
pub(super) fn beside(case: &HostCase<'_>, lines: &[Line<'_>]) -> Result<Listed, Box<Verdict>> {
    case.fresh("flows")?;
    let Some(looked) = case.host.flows.looked() else {
        return Err(Box::new(case.not_observed("ほかの機器との通信", "communication with other hosts")));
    };
    let seen: Vec<&Latest<FlowSeen>> = case.host.flows.current(case.case).collect();
    let covers = |flow: &FlowSeen, line: &Line<'_>| {
        let Matter::Flow(needed) = line.matter else { return false };
        flow.path.is_within(needed) && !needed.until.is_some_and(|until| case.case.passed(until))
    };
    let listed = |flow: &FlowSeen| lines.iter().any(|line| line.is_agreed() && covers(flow, line));
    let told = |flow: &FlowSeen| lines.iter().any(|line| line.is_declared() && covers(flow, line));
    let open = seen.iter().filter(|flow| !listed(&flow.value) && !is_on_a_ticket(case, flow));
    let (waiting, unlisted): (Vec<_>, Vec<_>) = open.copied().partition(|flow| told(&flow.value));
    if !unlisted.is_empty() {
        return Err(Box::new(unneeded(case, &unlisted)));
    }
    found_before(case)?;
    let (by, coverage) = &looked.value;
    let what = Sentence::new("ほかの機器との通信", "communications with other hosts");
    case.whole(what, coverage, &[looked.stamp.entry])?;
    if !waiting.is_empty() {
        return Err(Box::new(waits(case, &waiting)));
    }
    Ok(Listed { count: seen.len(), by: *by })
}

/// What a change covers (F-09) needs no line of its own while it lasts.
fn is_on_a_ticket(case: &HostCase<'_>, flow: &Latest<FlowSeen>) -> bool {
    let key = (flow.value.to, Object::Flow, flow.value.path.name());
    matches!(case.case.joins.of(case.id(), &key), Some(Join::AsApproved(_)))
}

/// What is over was still seen: somebody has to say what it was.
fn found_before(case: &HostCase<'_>) -> Result<(), Box<Verdict>> {
    let of_system = case.case;
    let ours = of_system
        .joins
        .weighing(of_system.system)
        .filter(|found| found.object == Object::Flow && found.host.as_ref() == Some(case.id()));
    let found = ours.map(|found| (found, c07_stops::settled(of_system, found)));
    let deadlines = Deadlines { classify_bd: of_system.measure(P22, "emergency_bd").value };
    weigh::findings(of_system, found, &deadlines).map(drop)
}

fn unneeded(case: &HostCase<'_>, unlisted: &[&Latest<FlowSeen>]) -> Verdict {
    let (id, count) = (case.id(), unlisted.len());
    let first = || unlisted.iter().take(SAID).map(|flow| &flow.value);
    let ja: Vec<String> = first().map(described_ja).collect();
    let en: Vec<String> = first().map(described).collect();
    let (ja, en) = (ja.join("、"), en.join(", "));
    Verdict::broken(
        Sentence::new(
            format!("{id} で、通信要件の一覧にない通信が {count} 件観測されています（{ja}）。"),
            format!("{count} communications of {id} stand on no list ({en})."),
        ),
        Sentence::new(
            "受託者は、不要なら遮断し、必要なら通信要件を届け出てください。",
            "The contractor blocks it, or declares why it is needed.",
        ),
    )
    .with_evidence(EvidenceClass::E1, unlisted.iter().map(|flow| flow.stamp.entry))
}

fn waits(case: &HostCase<'_>, waiting: &[&Latest<FlowSeen>]) -> Verdict {
    let (id, count) = (case.id(), waiting.len());
    Verdict::unknown(
        Sentence::new(
            format!("{id} の通信 {count} 件が、届け出済みで市の確認待ちです。"),
            format!("{count} declared communications of {id} wait for the city."),
        ),
        city_looks(),
    )
    .with_evidence(EvidenceClass::E1, waiting.iter().map(|flow| flow.stamp.entry))
}

/// What the city has to do.
pub(super) fn city_looks() -> Sentence {
    Sentence::new("市は、通信要件の届出を確認してください。", "The city looks at the declared communication.")
}

fn described(flow: &FlowSeen) -> String {
    let program = flow.program.as_deref().map(|program| format!(" {program}")).unwrap_or_default();
    format!("{}{program}", flow.path.name())
}

fn described_ja(flow: &FlowSeen) -> String {
    let protocol = match flow.path.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    let (port, peer) = (flow.path.port, flow.path.peer_name());
    let peer = if flow.path.peer.prefix_len() == 0 { "インターネット" } else { &peer };
    let program = flow.program.as_deref().map(|program| format!("、{program}")).unwrap_or_default();
    match flow.path.direction {
        Direction::In => format!("{peer} から {protocol} {port}{program}"),
        Direction::Out => format!("{peer} の {protocol} {port} へ{program}"),
    }
}
