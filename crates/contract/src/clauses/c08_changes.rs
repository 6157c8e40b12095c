//! Clause 8, 変更管理: changes are discussed beforehand, and their history is complete.

use crate::act::HostPlace;
use crate::case::{Case, HostCase, P37};
use crate::clauses::c07_stops::settled;
use crate::entry::Party;
use crate::evidence::host::Host;
use crate::finding::{Finding, Rule, Settled};
use crate::id::EntryNumber;
use crate::occurrence::{End, When, finding_id};
use crate::parameter::ParameterId;
use crate::reconcile::{Doubt, Join};
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use crate::thing::Object;
use crate::weigh::{self, Deadlines};
use jiff::{SignedDuration, Timestamp};

const P17: ParameterId = ParameterId::new(17);
const P22: ParameterId = weigh::P22;
const P23: ParameterId = ParameterId::new(23);

/// The rules about changes.
const OF_CHANGES: [Rule; 4] = [Rule::R03, Rule::R09, Rule::R10, Rule::R11];

/// The collectors that see changes.
const LOOKS: [&str; 9] =
    ["packages", "files", "jobs", "kernel", "network", "firewall", "accounts", "listeners", "containers"];

fn is_change(rule: Rule, object: Object) -> bool {
    // Communication is beside its own list (4.5.b), what users meet beside its announcement (12.2.a).
    OF_CHANGES.contains(&rule) && !matches!(object, Object::Environment | Object::Flow)
}

/// Changes that are not settled.
fn changes<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Finding> {
    case.joins.weighing(case.system).filter(|finding| is_change(finding.rule, finding.object))
}

/// 8.a 受託者が調達・管理する情報処理設備及び情報システムの変更において、市に影響を及ぼすものは、事前に市と協議を行うこと。
///
/// Every change is taken to affect the city unless both agreed otherwise (標準変更, 除外の合意).
pub fn judge_8_a(case: &Case<'_>) -> Verdict {
    let unwatched = unwatched_assets(case);
    let found = changes(case).chain(&unwatched).map(|finding| (finding, settled(case, finding)));
    let deadlines = Deadlines { classify_bd: case.measure(P22, "emergency_bd").value };
    let weighed = weigh::findings(case, found, &deadlines);
    match weighed.map(|settled| settled.saturating_add(case.joins.settled(case.system, is_change))) {
        Err(verdict) => *verdict,
        Ok(settled) => match watching(case) {
            Err(unknown) => *unknown,
            Ok((hosts, entries)) => Verdict::kept(Sentence::new(
                format!(
                    "{hosts} 台で観測した変更は、すべて事前の協議と一致しています（処置済み {settled} 件）。"
                ),
                format!("Every change seen on {hosts} hosts was discussed beforehand ({settled} settled)."),
            ))
            .with_evidence(EvidenceClass::E1, entries),
        },
    }
}

/// 8.b また、情報システムの変更が行われた際には変更履歴を市に明示すること。
///
/// The history (F-10) lists what was observed; a change is in it with its ticket, or with the contractor's word on what it
/// was. One that has neither when P-23 has passed is missing from it.
pub fn judge_8_b(case: &Case<'_>) -> Verdict {
    let shown_bd = case.measure(P23, "shown_bd").value;
    let mut waits = None;
    for finding in changes(case) {
        let told = !matches!(settled(case, finding), Settled::Open);
        if told || finding.request().is_some() {
            continue;
        }
        let due = case.after_open_days(finding.since, shown_bd).at;
        if case.passed(due) {
            return missing(case, finding, &jst(due)).measured_by([P23, P37]);
        }
        waits = Some((finding, jst(due)));
    }
    if let Some((finding, due)) = waits {
        return not_yet(case, finding, &due);
    }
    match watching(case) {
        Err(unknown) => *unknown,
        Ok((hosts, entries)) => Verdict::kept(Sentence::new(
            format!("{hosts} 台で観測した変更は、すべて変更履歴に票または説明とともに載っています。"),
            format!(
                "Every change seen on {hosts} hosts stands in the history with a ticket or a word on it."
            ),
        ))
        .with_evidence(EvidenceClass::E1, entries)
        .measured_by([P23, P37]),
    }
}

fn missing(case: &Case<'_>, finding: &Finding, due: &str) -> Verdict {
    let words = weigh::words(case.evidence, finding);
    Verdict::broken(
        Sentence::new(
            format!("{}の票も説明も、期限 {due} までに変更履歴に載っていません。", words.ja),
            format!("{} stands in the history without ticket and without a word on it; due {due}.", words.en),
        ),
        write_it(),
    )
    .with_evidence(EvidenceClass::E1, finding.entries.iter().copied())
}

fn not_yet(case: &Case<'_>, finding: &Finding, due: &str) -> Verdict {
    let words = weigh::words(case.evidence, finding);
    Verdict::unknown(
        Sentence::new(
            format!("{}の票か説明を、{due} まで待っています。", words.ja),
            format!("{} waits until {due} for a ticket or a word on it.", words.en),
        ),
        write_it(),
    )
    .with_evidence(EvidenceClass::E1, finding.entries.iter().copied())
}

fn write_it() -> Sentence {
    Sentence::new(
        "受託者は、変更の内容と理由を記録してください。",
        "The contractor records what the change was, and why.",
    )
}

/// declared hosts of which nothing was heard for longer than both agreed (P-17). What happens there is not known;
/// after the days in which it has to be explained that is the contractor's breach.
pub(crate) fn unwatched_assets(case: &Case<'_>) -> Vec<Finding> {
    let longest = SignedDuration::from_hours(case.measure(P17, "breach_h").value);
    let mut found = Vec::new();
    for (place, host) in case.hosts() {
        let Some(line) = case.evidence.agreements.place_line(&place.host) else { continue };
        let heard = host.and_then(|host| Some((host, host.last_received?)));
        let (since, entry) = match heard {
            None => (line.proposed.received, line.proposed.entry),
            Some((host, last)) => (host.silent_since().unwrap_or(last.received), last.entry),
        };
        if case.older_than(since, longest) {
            found.push(unwatched(case, place, since, entry));
        }
    }
    found
}

fn unwatched(case: &Case<'_>, place: &HostPlace, since: Timestamp, entry: EntryNumber) -> Finding {
    Finding {
        id: finding_id(Rule::R22, place.host.as_str(), Object::Watch, since),
        rule: Rule::R22,
        system: case.system.clone(),
        host: Some(place.host.clone()),
        object: Object::Watch,
        names: vec![place.host.to_string()],
        count: 1,
        join: Join::Undecided { doubt: Doubt::NotWatched, request: None },
        when: When::Lasting { from: since, to: since, end: End::Open },
        since,
        entries: vec![entry],
        by: None,
        against: Party::Contractor,
    }
}

/// An engine whose containers or images could not be read is none without changes.
fn sees_containers(case: &HostCase<'_>) -> Result<(), Box<Verdict>> {
    if let Some(list) = case.host.containers.newest() {
        case.whole(Sentence::new("コンテナ", "containers"), &list.coverage, &list.entries)?;
    }
    if let Some(list) = case.host.images.newest() {
        case.whole(Sentence::new("コンテナイメージ", "container images"), &list.coverage, &list.entries)?;
    }
    Ok(())
}

/// Whether every host is watched for changes.
fn watching(case: &Case<'_>) -> Result<(usize, Vec<EntryNumber>), Box<Verdict>> {
    let (mut hosts, mut entries) = (0_usize, Vec::new());
    let silent = Host::default();
    for (place, host) in case.hosts() {
        let one = HostCase { case, place, host: host.unwrap_or(&silent) };
        one.looks(&LOOKS)?;
        sees_containers(&one)?;
        hosts = hosts.saturating_add(1);
        let begun = one.host.started.as_ref().map(|start| start.stamp.entry);
        let declared = case.evidence.agreements.place_line(one.id()).map(|line| line.proposed.entry);
        entries.extend(begun.or(declared));
    }
    if hosts > 0 {
        return Ok((hosts, entries));
    }
    Err(Box::new(Verdict::unknown(
        Sentence::new(
            "変更を観測するホストがないため、協議（F-09）と突き合わせられません。",
            "No host is watched, so changes cannot be joined with their discussion (F-09).",
        ),
        Sentence::new(
            "受託者は、対象ホストを届け出て、エージェントを入れてください。",
            "The contractor declares the hosts and installs the agent.",
        ),
    )))
}
