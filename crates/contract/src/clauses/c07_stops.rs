//! Clause 7, 停止等: nothing stops, and nothing is restricted, without the city's consent beforehand.

use crate::case::Case;
use crate::evidence::agreement::Watched;
use crate::finding::{Finding, Rule, Settled};
use crate::occurrence::{Occurrence, When, finding_id};
use crate::outage::{Threshold, WATCH_EVERY_S};
use crate::parameter::ParameterId;
use crate::reconcile::{NEAR, Place, Question, forms_for, join};
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use crate::thing::Object;
use crate::weigh::{self, Deadlines};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

const P20: ParameterId = ParameterId::new(20);
const P22: ParameterId = weigh::P22;

/// Probes tell that all is well every five minutes; after three times that the picture is stale.
pub(super) const WATCH_LIVES: SignedDuration = SignedDuration::from_secs(3 * WATCH_EVERY_S as i64);
/// A time without two probes keeps the duty from being 適合 for so long.
const GAP_COUNTS: SignedDuration = SignedDuration::from_hours(24);
/// A stop counts when so many probes saw it.
const PROBES: usize = 2;

/// 7.a 情報システムを停止する場合や運用制限が生じる場合は、事前に市の了承を得ること。
///
/// What two probes saw, and every boot and stop of a service, is joined with what was approved before. Without two probes
/// nothing is 適合: a stop that nobody could see is no stop that did not happen.
pub fn judge_7_a(case: &Case<'_>) -> Verdict {
    let outages = stops(case);
    let on_hosts = case.joins.weighing(case.system).filter(|finding| finding.rule == Rule::R01);
    let found = outages.iter().chain(on_hosts).map(|finding| (finding, settled(case, finding)));
    let deadlines = Deadlines { classify_bd: case.measure(P22, "emergency_bd").value };
    let settled_on_hosts = || case.joins.settled(case.system, |rule, _| rule == Rule::R01);
    let weighed = weigh::findings(case, found, &deadlines);
    match weighed.map(|settled| settled.saturating_add(settled_on_hosts())) {
        Err(verdict) => verdict.measured_by([P20]),
        Ok(settled) => match watched(case) {
            Err(unknown) => *unknown,
            Ok(targets) => Verdict::kept(Sentence::new(
                format!(
                    "監視対象 {targets} 件を 2 か所以上から観測しており、承認のない停止・制限はありません（処置済み {settled} 件）。"
                ),
                format!("{targets} targets are watched from two places; nothing stopped without approval ({settled} settled)."),
            ))
            .with_evidence(EvidenceClass::E1, newest(case))
            .measured_by([P20]),
        },
    }
}

/// What counts as a stop, as both parties agreed.
pub(crate) fn threshold(case: &Case<'_>) -> Threshold {
    Threshold {
        stop: SignedDuration::from_secs(case.measure(P20, "stop_s").value),
        tries: u32::try_from(case.measure(P20, "probes").value).unwrap_or(u32::MAX),
    }
}

/// Stops and restrictions that probes saw and that are not as approved.
pub(crate) fn stops(case: &Case<'_>) -> Vec<Finding> {
    let outages = case.evidence.outages_of(case.system, threshold(case));
    let seen: Vec<(Occurrence, SignedDuration)> = outages
        .iter()
        .filter_map(|outage| Some((Occurrence::of_outage(outage)?, outage.tolerance)))
        .collect();
    seen.iter().filter_map(|(stop, tolerance)| not_as_approved(case, &seen, stop, *tolerance)).collect()
}

fn not_as_approved(
    case: &Case<'_>,
    all: &[(Occurrence, SignedDuration)],
    stop: &Occurrence,
    tolerance: SignedDuration,
) -> Option<Finding> {
    let earlier = |since: Timestamp| {
        let same = all.iter().filter(|(other, _)| other.name == stop.name && other.rule == stop.rule);
        let before =
            same.filter(|(other, _)| other.when.mark() >= since && other.when.mark() < stop.when.mark());
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    };
    let place = Place { system: case.system, host: None, environment: None };
    let question = Question { occurrence: stop, place, tolerance, earlier: &earlier };
    let after = stop.when.first().checked_sub(NEAR + NEAR).unwrap_or(Timestamp::MIN);
    let forms = forms_for(Object::Target);
    let join = join(&question, case.evidence.requests.grants_after(case.system, forms, after));
    if join.is_covered() {
        return None;
    }
    let received = case.evidence.received_of(stop);
    Some(Finding {
        id: finding_id(stop.rule, &stop.name, Object::Target, stop.when.mark()),
        rule: stop.rule,
        system: case.system.clone(),
        host: None,
        object: Object::Target,
        names: vec![stop.name.clone()],
        count: 1,
        join,
        when: stop.when,
        since: received,
        entries: stop.entries.iter().copied().take(8).collect(),
        by: None,
        against: crate::entry::Party::Contractor,
    })
}

/// What was said of a finding. The beginning of a stop may move while probes go on telling: what was said of an instant
/// within it was said of it.
pub(crate) fn said<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a crate::finding::Said> {
    let sayings = &case.evidence.sayings;
    match (finding.object, finding.when) {
        (Object::Target, When::Lasting { from, to, .. }) => {
            let id = finding.id.as_str();
            let begin = id.rsplit_once('.').map_or(id, |(begin, _)| begin);
            sayings.within(&format!("{begin}."), from, to)
        }
        _ => sayings.of(&finding.id),
    }
}

/// Where a finding stands.
pub(crate) fn settled(case: &Case<'_>, finding: &Finding) -> Settled {
    said(case, finding).map_or(Settled::Open, crate::finding::Said::settled)
}

/// The agreed targets in force.
fn targets<'a>(case: &Case<'a>) -> Vec<Watched<'a>> {
    let all = case.evidence.agreements.targets();
    all.filter(|watched| watched.target.system == *case.system && watched.ended.is_none()).collect()
}

/// Whether two probes watch every target, and did lately.
fn watched(case: &Case<'_>) -> Result<usize, Box<Verdict>> {
    let targets = targets(case);
    if targets.is_empty() {
        return Err(Box::new(no_targets()));
    }
    for watched in &targets {
        let name = &watched.target.name;
        let Some(until) = case.evidence.watched_until(watched, PROBES) else {
            return Err(Box::new(not_watched(name)));
        };
        if case.older_than(until, WATCH_LIVES) {
            return Err(Box::new(no_longer_watched(name, until)));
        }
        let from = until.checked_sub(GAP_COUNTS).unwrap_or(Timestamp::MIN);
        if let Some(gap) = case.evidence.gaps_of(watched, from, until, PROBES).last() {
            let (ja, en) = (
                format!(
                    "{name} は {} から {} まで、2 か所から観測されていません。",
                    jst(gap.from),
                    jst(gap.to)
                ),
                format!("{name} was not watched from two places from {} to {}.", jst(gap.from), jst(gap.to)),
            );
            return Err(Box::new(Verdict::unknown(Sentence::new(ja, en), look_after_probes())));
        }
    }
    Ok(targets.len())
}

fn newest(case: &Case<'_>) -> BTreeSet<crate::id::EntryNumber> {
    let watching = &case.evidence.watching;
    let seen = targets(case).into_iter().flat_map(|watched| watching.of(&watched.target.target));
    seen.filter_map(|(_, seen)| seen.newest.map(|(_, _, entry)| entry)).collect()
}

fn no_targets() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "停止の観測（複数の監視点からの確認）がないため、事前の了承と突き合わせられません。",
            "Stops are not observed by probes, so they cannot be joined with approvals.",
        ),
        Sentence::new(
            "受託者は監視する口を届け出て、市は合意してください。",
            "The contractor declares what to probe, and the city agrees.",
        ),
    )
}

fn not_watched(name: &str) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("{name} は、まだ 2 か所の監視点から観測されていません。"),
            format!("{name} is not watched from two places yet."),
        ),
        look_after_probes(),
    )
}

fn no_longer_watched(name: &str, until: Timestamp) -> Verdict {
    let until = jst(until);
    Verdict::unknown(
        Sentence::new(
            format!("{name} は {until} より後、2 か所の監視点から観測されていません。"),
            format!("{name} has not been watched from two places since {until}."),
        ),
        look_after_probes(),
    )
}

fn look_after_probes() -> Sentence {
    Sentence::new(
        "受託者は、監視点の稼働と回線を確認してください。",
        "The contractor checks the probes and their lines.",
    )
}
