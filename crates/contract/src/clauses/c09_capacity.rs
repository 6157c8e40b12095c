//! Clause 9, データベース管理: the limits of capacity are disclosed, and its use can be seen.

use crate::act::{LimitLine, Matter};
use crate::case::HostCase;
use crate::duty::DutyId;
use crate::evidence::agreement::Line;
use crate::evidence::latest::Latest;
use crate::fact::host::{CapacitySample, ResourceUse};
use crate::id::EntryNumber;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Samples are five minutes long; an hour without one is a stale picture.
const SAMPLE_LIVES: SignedDuration = SignedDuration::from_hours(1);

/// 9.a 市に割り当てられる容量・能力の限界値を開示すること。
///
/// A declared line is a disclosure: the city sees it in the portal. It must not promise more than is configured.
pub fn judge_9_a(case: &HostCase<'_>) -> Verdict {
    let sample = match current_sample(case) {
        Ok(sample) => sample,
        Err(unknown) => return *unknown,
    };
    let limits = declared_limits(case);
    let mut undeclared = Vec::new();
    let mut evidence = vec![sample.stamp.entry];
    for used in &sample.value.resources {
        match limits.get(used.resource.as_str()) {
            None => undeclared.push(used.resource.as_str()),
            Some((limit, entry)) if limit.limit > used.limit => {
                evidence.push(*entry);
                return promises_too_much(case, limit, used, &evidence);
            }
            Some((_, entry)) => evidence.push(*entry),
        }
    }
    let id = case.id();
    let what = Sentence::new("資源", "resources");
    if let Err(unknown) = case.whole(what, &sample.value.coverage, &evidence) {
        return *unknown;
    }
    if undeclared.is_empty() {
        let count = sample.value.resources.len();
        return Verdict::kept(Sentence::new(
            format!("{id} の資源 {count} 件すべてに限界値が開示されています。"),
            format!("Limits are disclosed for all {count} resources of {id}."),
        ))
        .with_evidence(EvidenceClass::E3, evidence);
    }
    let (count, names) = (undeclared.len(), first_names(&undeclared));
    Verdict::unknown(
        Sentence::new(
            format!("{id} の資源 {count} 件の限界値が開示されていません（{names}）。"),
            format!("No limit is disclosed for {count} resources of {id} ({names})."),
        ),
        Sentence::new(
            "受託者は、容量・能力の限界値（F-13）を届け出てください。",
            "The contractor declares the limits of capacity (F-13).",
        ),
    )
    .with_evidence(EvidenceClass::E1, evidence)
}

/// The limit disclosed for each resource: the host's own line before its system's, the newest before older ones.
fn declared_limits<'a>(case: &HostCase<'a>) -> BTreeMap<&'a str, (&'a LimitLine, EntryNumber)> {
    let lines = case.case.evidence.agreements.of_host("limit", &case.place.system, &case.place.host);
    let mut declared: Vec<Line<'a>> = lines.filter(Line::is_declared).collect();
    declared.sort_by_key(|line| (line.matter.host().is_some(), line.proposed));
    let limits = declared.iter().filter_map(|line| match line.matter {
        Matter::Limit(limit) => Some((limit.resource.as_str(), (limit, line.proposed.entry))),
        _ => None,
    });
    limits.collect()
}

fn promises_too_much(
    case: &HostCase<'_>,
    limit: &LimitLine,
    used: &ResourceUse,
    evidence: &[EntryNumber],
) -> Verdict {
    let id = case.id();
    let (resource, declared, real) = (&limit.resource, limit.limit, used.limit);
    Verdict::broken(
        Sentence::new(
            format!("{id} の {resource} の開示値 {declared} は、実際の限界 {real} を超えています。"),
            format!("The disclosed limit {declared} of {resource} on {id} is above the real limit {real}."),
        ),
        Sentence::new(
            "受託者は、開示値を実際の限界に合わせて届け直してください。",
            "The contractor declares the limit as it really is.",
        ),
    )
    .with_evidence(EvidenceClass::E1, evidence.iter().copied())
}

/// 9.b 市から要請があった場合は、資源の利用率などを明示すること。
///
/// The city sees the figures at any time; a formal request must be answered by its date.
pub fn judge_9_b(case: &HostCase<'_>) -> Verdict {
    let duty = DutyId::parse("9.b").expect("9.b stands in the table of duties");
    for asked in case.case.evidence.disclosures.values().filter(|request| request.delivered.is_none()) {
        let Some(asked) = &asked.asked else { continue };
        let (of, system, due) = &asked.value;
        if *of == duty && *system == case.place.system && case.case.passed(*due) {
            return overdue(jst(*due), asked.stamp.entry);
        }
    }
    let sample = match current_sample(case) {
        Ok(sample) => sample,
        Err(unknown) => return *unknown,
    };
    let id = case.id();
    let worst =
        sample.value.resources.iter().filter_map(|used| Some((percent(used)?, used))).max_by_key(|(p, _)| *p);
    let (ja, en) = worst.map_or((String::new(), String::new()), |(percent, used)| {
        let resource = &used.resource;
        (format!("最大は {resource} の {percent}％です。"), format!(" Fullest: {resource}, {percent} %."))
    });
    Verdict::kept(Sentence::new(
        format!("{id} の資源の利用率を市がいつでも確認できます。{ja}"),
        format!("The city can see the use of resources of {id} at any time.{en}"),
    ))
    .with_evidence(EvidenceClass::E1, [sample.stamp.entry])
}

fn overdue(due: String, entry: EntryNumber) -> Verdict {
    Verdict::broken(
        Sentence::new(
            format!("市の求めた資源利用率が、期限 {due} までに示されていません。"),
            format!("The figures the city asked for were not shown by {due}."),
        ),
        Sentence::new("受託者は、直ちに回答してください。", "The contractor answers at once."),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn percent(used: &ResourceUse) -> Option<u64> {
    used.max.saturating_mul(100).checked_div(used.limit)
}

fn current_sample<'a>(case: &HostCase<'a>) -> Result<&'a Latest<CapacitySample>, Box<Verdict>> {
    case.fresh("capacity")?;
    let Some(sample) = &case.host.capacity else {
        return Err(Box::new(case.not_observed("資源の利用状況", "use of resources")));
    };
    // A period that ends ahead of our clock would never grow stale.
    let to = sample.value.to.min(sample.stamp.received);
    if !case.case.older_than(to, SAMPLE_LIVES) {
        return Ok(sample);
    }
    let (id, since) = (case.id(), jst(to));
    let cause = Sentence::new(
        format!("{id} の資源の利用状況は {since} より後の記録がありません。"),
        format!("The use of resources of {id} is not known after {since}."),
    );
    let next = Sentence::new(
        "受託者は、エージェントの稼働を確認してください。",
        "The contractor checks that the agent works.",
    );
    Err(Box::new(Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, [sample.stamp.entry])))
}

fn first_names(names: &[&str]) -> String {
    let shown = names.iter().take(3).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 3 { format!("{shown} …") } else { shown }
}
