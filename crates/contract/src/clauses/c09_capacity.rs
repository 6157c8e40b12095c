//! Clause 9, データベース管理: the limits of capacity are disclosed, and its use can be seen.

use super::deliveries;
use crate::act::{LimitLine, Matter};
use crate::case::{HostCase, P37};
use crate::duty::DutyId;
use crate::evidence::agreement::Line;
use crate::evidence::latest::{Latest, Stamp};
use crate::fact::host::{CapacitySample, ResourceUse};
use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::SignedDuration;
use std::collections::BTreeMap;

const P24: ParameterId = ParameterId::new(24);
/// Limits are disclosed within so many open days (obligations, F-13).
const LIMITS_BD: i64 = 10;
/// Figures the city asked for are given within so many open days (obligations, F-13).
const FIGURES_BD: i64 = 3;
/// Resources named of many that passed an alarm.
const ALARMS_SAID: usize = 3;
/// Samples are five minutes long; an hour without one is a stale picture.
const SAMPLE_LIVES: SignedDuration = SignedDuration::from_hours(1);

/// 9.a 市に割り当てられる容量・能力の限界値を開示すること。
///
/// A declared line is a disclosure: the city sees it in the portal. It must not promise more than is configured, comes
/// within ten open days of the resource, and a sheet (F-13) that was handed in follows it in that time.
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
            Some((limit, entry)) if used.limit > 0 && limit.limit > used.limit => {
                evidence.push(entry.entry);
                return promises_too_much(case, limit, used, &evidence);
            }
            Some((_, entry)) => evidence.push(entry.entry),
        }
    }
    let id = case.id();
    let what = Sentence::new("資源", "resources");
    if let Err(unknown) = case.whole(what, &sample.value.coverage, &evidence) {
        return *unknown;
    }
    if let Some(old) = sheet_out_of_date(case, limits.values().map(|(_, proposed)| *proposed)) {
        return old;
    }
    if undeclared.is_empty() {
        let count = sample.value.resources.len();
        return Verdict::kept(Sentence::new(
            format!("{id} の資源 {count} 件すべてに限界値が開示されています。"),
            format!("Limits are disclosed for all {count} resources of {id}."),
        ))
        .with_evidence(EvidenceClass::E3, evidence);
    }
    not_disclosed(case, &undeclared).with_evidence(EvidenceClass::E1, evidence)
}

fn not_disclosed(case: &HostCase<'_>, undeclared: &[&str]) -> Verdict {
    let (id, count, names) = (case.id(), undeclared.len(), first_names(undeclared));
    let first = undeclared.iter().filter_map(|name| case.host.resource_first_seen.get(*name)).min();
    let due = first.map(|first| case.case.after_open_days(first.received, LIMITS_BD).at);
    let next = Sentence::new(
        "受託者は、容量・能力の限界値（F-13）を届け出てください。",
        "The contractor declares the limits of capacity (F-13).",
    );
    if let Some(due) = due.filter(|due| case.case.passed(*due)) {
        let due = jst(due);
        let cause = Sentence::new(
            format!("{id} の資源 {count} 件の限界値が、期限 {due} までに開示されていません（{names}）。"),
            format!("The limits of {count} resources of {id} were not disclosed by {due} ({names})."),
        );
        return Verdict::broken(cause, next).measured_by([P37]);
    }
    let cause = Sentence::new(
        format!("{id} の資源 {count} 件の限界値が開示されていません（{names}）。"),
        format!("No limit is disclosed for {count} resources of {id} ({names})."),
    );
    Verdict::unknown(cause, next)
}

/// A limit was declared anew, and the sheet (F-13) that the city has does not say so in time.
fn sheet_out_of_date(case: &HostCase<'_>, lines: impl Iterator<Item = Stamp>) -> Option<Verdict> {
    let sheets = case.case.requests(Form::F13).map(|(_, progress)| progress);
    let sheet = sheets.filter(|sheet| sheet.state != State::Withdrawn).max_by_key(|sheet| sheet.handed_in)?;
    let changed =
        lines.filter(|line| line.received > sheet.handed_in.received).min_by_key(|line| line.received)?;
    let due = case.case.after_open_days(changed.received, LIMITS_BD).at;
    if !case.case.passed(due) {
        return None;
    }
    let (id, due) = (case.id(), jst(due));
    let verdict = Verdict::broken(
        Sentence::new(
            format!("{id} の限界値の変更が、期限 {due} までに開示書（F-13）に反映されていません。"),
            format!(
                "The sheet of limits (F-13) of {id} does not tell the change of a limit; it was due at {due}."
            ),
        ),
        Sentence::new("受託者は、F-13 を提出し直してください。", "The contractor hands in F-13 anew."),
    );
    Some(verdict.measured_by([P37]).with_evidence(EvidenceClass::E3, [sheet.handed_in.entry, changed.entry]))
}

/// The limit disclosed for each resource: the host's own line before its system's, the newest before older ones.
fn declared_limits<'a>(case: &HostCase<'a>) -> BTreeMap<&'a str, (&'a LimitLine, Stamp)> {
    let lines = case.case.evidence.agreements.of_host("limit", &case.place.system, &case.place.host);
    let mut declared: Vec<Line<'a>> = lines.filter(Line::is_declared).collect();
    declared.sort_by_key(|line| (line.matter.host().is_some(), line.proposed));
    let limits = declared.iter().filter_map(|line| match line.matter {
        Matter::Limit(limit) => Some((limit.resource.as_str(), (limit, line.proposed))),
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
/// The city sees the figures at any time; a formal request (F-19) is answered within three open days, by a delivery or by a
/// sheet (F-13). A resource that passed a step of the alarms (P-24), or soon will be full, is named: to show that keeps the duty.
pub fn judge_9_b(case: &HostCase<'_>) -> Verdict {
    if let Some(late) = asked_for(case) {
        return late;
    }
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
    let (alarm, filling) = (alarm(case, &sample.value), filling(case, &sample.value));
    let mut verdict = Verdict::kept(Sentence::new(
        format!("{id} の資源の利用率を市がいつでも確認できます。{ja}{}{}", alarm.ja, filling.ja),
        format!("The city can see the use of resources of {id} at any time.{en}{}{}", alarm.en, filling.en),
    ));
    if alarm != Sentence::default() || filling != Sentence::default() {
        verdict.next = Sentence::new(
            "受託者は、整理か増量の予定を市に示してください。",
            "The contractor tells the city when it clears or adds space.",
        );
    }
    verdict.with_evidence(EvidenceClass::E1, [sample.stamp.entry])
}

/// The steps of the alarms, highest first: what each is called, and its percentage.
fn steps(case: &HostCase<'_>) -> [(&'static str, &'static str, i64); 3] {
    [
        ("満杯間近", "almost full", case.case.measure(P24, "full_percent").value),
        ("警戒", "high", case.case.measure(P24, "high_percent").value),
        ("注意", "warning", case.case.measure(P24, "warn_percent").value),
    ]
}

/// The resources that passed a step, fullest first; empty where none did. A peak of a moment is no alarm: what
/// was used for nineteen twentieths of the time counts.
fn alarm(case: &HostCase<'_>, sample: &CapacitySample) -> Sentence {
    let steps = steps(case);
    let passed = |used: &ResourceUse| {
        let percent = used.p95.saturating_mul(100).checked_div(used.limit)?;
        let is_over =
            |(_, _, step): &&(&str, &str, i64)| i64::try_from(percent).is_ok_and(|now| now >= *step);
        Some((percent, steps.iter().find(is_over)?))
    };
    let mut full: Vec<_> = sample.resources.iter().filter_map(|used| Some((passed(used)?, used))).collect();
    full.sort_by(|((a, _), one), ((b, _), other)| b.cmp(a).then_with(|| one.resource.cmp(&other.resource)));
    if full.is_empty() {
        return Sentence::default();
    }
    let one_ja = |((percent, (name, _, step)), used): &((u64, &(&str, &str, i64)), &ResourceUse)| {
        format!("{} は {percent}％（{name} {step}％ 以上）", used.resource)
    };
    let one_en = |((percent, (_, name, step)), used): &((u64, &(&str, &str, i64)), &ResourceUse)| {
        format!("{} {percent} % ({name}, {step} % or more)", used.resource)
    };
    let (count, shown) = (full.len(), full.iter().take(ALARMS_SAID));
    let ja = shown.clone().map(one_ja).collect::<Vec<_>>().join("、");
    let en = shown.map(one_en).collect::<Vec<_>>().join(", ");
    Sentence::new(
        format!("容量の警報（P-24）が {count} 件あります: {ja}。"),
        format!(" {count} resources passed an alarm (P-24): {en}."),
    )
}

/// Places and data bases that will be full within the days agreed (P-24) if they go on growing as in the last month, soonest
/// first; empty where none will. What is used anew at every moment (processor, memory, connections) does not fill up.
fn filling(case: &HostCase<'_>, sample: &CapacitySample) -> Sentence {
    let within = case.case.measure(P24, "forecast_d").value;
    let fills = |used: &&ResourceUse| {
        used.limit > 0 && ["disk:", "inodes:", "database:"].iter().any(|kind| used.resource.starts_with(kind))
    };
    let soon = |used: &ResourceUse| {
        let days = case.host.usage.days_to_full(&used.resource, used.limit)?;
        (days < within).then_some((days, used.resource.clone()))
    };
    let mut full: Vec<_> = sample.resources.iter().filter(fills).filter_map(soon).collect();
    full.sort();
    let Some((days, resource)) = full.first() else { return Sentence::default() };
    let count = full.len();
    Sentence::new(
        format!(
            "この増え方では、{within} 日以内に満杯になる資源が {count} 件あります（最も早いのは {resource} の約 {days} 日後）。"
        ),
        format!(
            " As they grow now, {count} resources are full within {within} days (first {resource}, in about {days})."
        ),
    )
}

/// A formal request for the figures (F-19) that was not answered in time.
fn asked_for(case: &HostCase<'_>) -> Option<Verdict> {
    let due = |progress: &Progress| {
        let agreed = case.case.after_open_days(progress.handed_in.received, FIGURES_BD).at;
        progress.filled.moment("due").map_or(agreed, |asked| asked.max(agreed))
    };
    let what = Sentence::new("資源の利用率", "use of resources");
    let sheets: Vec<Stamp> = case.case.requests(Form::F13).map(|(_, progress)| progress.handed_in).collect();
    let late = deliveries::late(case.case, &what, &["capacity"], due, &sheets)?;
    Some(late.measured_by([P37]))
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
