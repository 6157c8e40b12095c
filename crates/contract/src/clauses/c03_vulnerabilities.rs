//! Clause 3. A judge that cannot decide yet says which evidence is missing and who can supply it.

use super::measures;
use crate::act::{Importance, Matter, Ruling, SoftwareLine};
use crate::case::{Case, HostCase, P37};
use crate::fact::software::{Phase, ProductSupport};
use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use crate::request::RequestNumber;
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::civil::{Time, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const P08: ParameterId = ParameterId::new(8);
const P10: ParameterId = ParameterId::new(10);
/// Information older than this says nothing of what came after (obligations, 3.2).
pub const GATHERED_WITHIN: SignedDuration = SignedDuration::from_hours(72);
/// Of a day on which support ends, by the table of dates (UTC).
const LAST_SECOND: Time = time(23, 59, 59, 0);
/// What is not urgent is presented once a month (obligations, 3.2).
const MONTH: SignedDuration = SignedDuration::from_hours(24 * 31);

/// 3.1.a 情報セキュリティ上問題となりうるソフトウェアを使用しないこと (the part that the inventory decides).
///
/// On the agreed list of refused software: a breach. On no agreed list of allowed software: nobody looked at it yet.
pub fn judge_3_1_a(case: &HostCase<'_>) -> Verdict {
    if let Err(unknown) = case.fresh("packages") {
        return *unknown;
    }
    let inventory = &case.host.packages;
    let Some(whole) = inventory.whole_list() else {
        return case.not_observed("ソフトウェアの一覧", "list of software");
    };
    let lines = software_lines(case);
    let mut unlisted: Vec<&str> = Vec::new();
    let mut count = 0_usize;
    for (package, entry) in inventory.installed() {
        count = count.saturating_add(1);
        match ruling(&lines, &package.name) {
            Some((Ruling::Refused, line)) => return refused(case, &package.name, [entry, line]),
            Some((Ruling::Allowed, _)) => {}
            None => unlisted.push(&package.name),
        }
    }
    let id = case.id();
    let what = Sentence::new("ソフトウェア", "packages");
    if let Err(unknown) = case.whole(what, &whole.coverage, &whole.entries) {
        return *unknown;
    }
    if !inventory.is_unbroken() {
        return change_missing(case, &whole.entries);
    }
    if let Some(exploited) = exploited(case) {
        return exploited;
    }
    if unlisted.is_empty() {
        return Verdict::kept(Sentence::new(
            format!("{id} のソフトウェア {count} 件はすべて利用可の一覧にあります。"),
            format!("All {count} packages of {id} stand on the list of allowed software."),
        ))
        .with_evidence(EvidenceClass::E1, whole.entries);
    }
    let (open, first) = (unlisted.len(), unlisted.iter().take(3).copied().collect::<Vec<_>>().join(", "));
    Verdict::unknown(
        Sentence::new(
            format!(
                "{id} のソフトウェア {count} 件のうち {open} 件が、合意した一覧にありません（{first} など）。"
            ),
            format!("{open} of {count} packages of {id} stand on no agreed list ({first} and others)."),
        ),
        Sentence::new(
            "受託者は利用するソフトウェアを届け出て、市は確認してください。",
            "The contractor declares the software in use and the city agrees.",
        ),
    )
    .with_evidence(EvidenceClass::E1, whole.entries)
}

/// Software with a vulnerability that is known to be exploited may be agreed on, and is a question all the same.
fn exploited(case: &HostCase<'_>) -> Option<Verdict> {
    let found: Vec<_> = case.case.evidence.vulnerabilities.exploited_on(case.id()).collect();
    let first = found.first()?;
    let (id, count) = (case.id(), found.len());
    let (cve, source, version) = (&first.value.id, &first.value.source, &first.value.version);
    let verdict = Verdict::unknown(
        Sentence::new(
            format!(
                "{id} に、悪用が確認されている脆弱性が {count} 件残っています（{source} {version} の {cve} など）。"
            ),
            format!(
                "{count} vulnerabilities of {id} are known to be exploited ({cve} of {source} {version} and others)."
            ),
        ),
        Sentence::new(
            "受託者は更新するか、対策を F-16 で提示してください。",
            "The contractor updates the software or presents measures (F-16).",
        ),
    );
    Some(verdict.with_evidence(EvidenceClass::E1, found.iter().map(|found| found.stamp.entry)))
}

fn change_missing(case: &HostCase<'_>, entries: &[EntryNumber]) -> Verdict {
    let id = case.id();
    Verdict::unknown(
        Sentence::new(
            format!("{id} のソフトウェアの変化の一部が届いておらず、今の一覧が分かりません。"),
            format!(
                "A change of the software of {id} did not arrive, so the list as it is now is not known."
            ),
        ),
        Sentence::new(
            "受託者は、エージェントを起動し直し、一覧全体を送らせてください。",
            "The contractor restarts the agent, which then sends the whole list.",
        ),
    )
    .with_evidence(EvidenceClass::E1, entries.iter().copied())
}

fn software_lines<'a>(case: &HostCase<'a>) -> Vec<(&'a SoftwareLine, EntryNumber)> {
    let lines = case.case.evidence.agreements.of_system("software", &case.place.system);
    let agreed = lines.filter(|line| line.is_agreed());
    agreed
        .filter_map(|line| match line.matter {
            Matter::Software(software) => Some((software, line.proposed.entry)),
            _ => None,
        })
        .collect()
}

/// Refused wins over allowed, whichever was agreed later.
fn ruling(lines: &[(&SoftwareLine, EntryNumber)], package: &str) -> Option<(Ruling, EntryNumber)> {
    let name = package.split_once(':').map_or(package, |(name, _)| name);
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let matching = lines.iter().filter(|(line, _)| matches(&line.pattern));
    matching.map(|(line, entry)| (line.ruling, *entry)).max_by_key(|(ruling, _)| *ruling)
}

fn refused(case: &HostCase<'_>, package: &str, entries: [EntryNumber; 2]) -> Verdict {
    let id = case.id();
    Verdict::broken(
        Sentence::new(
            format!("{id} に、利用禁止と合意したソフトウェア {package} があります。"),
            format!("{package} on {id} is software both parties refused."),
        ),
        Sentence::new("受託者は、削除してください。", "The contractor removes it."),
    )
    .with_evidence(EvidenceClass::E1, entries)
}

/// 3.2.a 受託者は、情報システムの脆弱性を突いて行われる攻撃等のリスクについて情報収集を行い、
///
/// What was brought in is observed, and how old it is by upstream's own time. That somebody weighed what concerns the system
/// (P-07) is not: so far nothing is 適合.
pub fn judge_3_2_a(case: &Case<'_>) -> Verdict {
    let feeds: Vec<_> = case.evidence.vulnerabilities.feeds().collect();
    let Some(newest) = feeds.iter().map(|feed| feed.value.upstream_time).max() else {
        return Verdict::unknown(
            Sentence::new(
                "脆弱性情報を取り込んだ記録がありません。",
                "No record of gathering vulnerability information exists.",
            ),
            Sentence::new(
                "受託者は、JVN・KEV などの情報を取り込んでください。",
                "The contractor imports JVN, KEV and other advisories.",
            ),
        );
    };
    let entries = feeds.iter().map(|feed| feed.stamp.entry);
    let (gathered, hours) = (jst(newest), GATHERED_WITHIN.as_hours());
    if case.older_than(newest, GATHERED_WITHIN) {
        return Verdict::unknown(
            Sentence::new(
                format!("取り込んだ脆弱性情報は最も新しいものでも {gathered} のもので、{hours} 時間を過ぎています。"),
                format!("The newest vulnerability information is of {gathered}, older than {hours} hours."),
            ),
            Sentence::new(
                "受託者は、新しい脆弱性情報を取り込んでください。",
                "The contractor imports newer vulnerability information.",
            ),
        )
        .with_evidence(EvidenceClass::E1, entries);
    }
    let exploited: Vec<EntryNumber> = case
        .hosts()
        .flat_map(|(place, _)| case.evidence.vulnerabilities.exploited_on(&place.host))
        .map(|found| found.stamp.entry)
        .collect();
    let (count, names) = (exploited.len(), feeds.iter().map(|feed| feed.value.name.as_str()));
    let names = names.collect::<Vec<_>>().join("、");
    Verdict::unknown(
        Sentence::new(
            format!("脆弱性情報（{names}、{gathered} まで）を取り込んでいます。悪用が確認されている脆弱性で機器に残っているものは {count} 件です。影響を判断した記録がありません。"),
            format!("Vulnerability information up to {gathered} was imported ({names}); {count} vulnerabilities of the machines are known to be exploited. That somebody weighed them is not on record."),
        ),
        Sentence::new(
            "受託者は、影響を判断し、該当するものの対策を F-16 で提示してください。",
            "The contractor weighs them and presents measures for what concerns the system (F-16).",
        ),
    )
    .with_evidence(EvidenceClass::E1, entries.chain(exploited))
}

/// 3.2.b 業務の重要度に応じた情報セキュリティ対策を提示し、
///
/// Presented in time, counted from when the contractor knew. Whether something was known and not presented, nobody else
/// can tell without the feeds of 3.2.a: nothing presented for a month is 未確認.
pub fn judge_3_2_b(case: &Case<'_>) -> Verdict {
    let presented: Vec<_> = case.requests(Form::F16).collect();
    let late = presented.iter().find_map(|(number, progress)| presented_late(case, number, progress));
    let newest = presented.iter().max_by_key(|(_, progress)| progress.handed_in);
    let verdict = match (late, newest) {
        (Some(late), _) => late,
        (None, Some((number, progress))) if !case.older_than(progress.handed_in.received, MONTH) => {
            let class = match progress.received {
                Some(_) => EvidenceClass::E3,
                None => EvidenceClass::E4,
            };
            Verdict::kept(Sentence::new(
                format!(
                    "脆弱性への対策 {} 件が期限までに提示されています（最新 {number}）。",
                    presented.len()
                ),
                format!(
                    "{} proposals of measures were presented in time (newest {number}).",
                    presented.len()
                ),
            ))
            .with_evidence(class, [progress.handed_in.entry])
        }
        (None, Some(_) | None) => Verdict::unknown(
            Sentence::new(
                "この1か月、脆弱性と対策の提示（F-16）がありません。",
                "Nothing was presented (F-16) within a month.",
            ),
            Sentence::new(
                "受託者は、該当がない月も、月次の一覧を F-16 で提示してください。",
                "The contractor presents a monthly list by F-16, also when nothing concerns the system.",
            ),
        ),
    };
    verdict.measured_by([P08, P37])
}

/// Presented after its time, until the city has confirmed it.
fn presented_late(case: &Case<'_>, number: &RequestNumber, progress: &Progress) -> Option<Verdict> {
    let known = progress.filled.moment("known")?;
    let urgent = progress.filled.text("severity") == Some("critical")
        || progress.filled.text("exploited") == Some("yes");
    let due = match (urgent, case.importance()) {
        (true, Importance::S) => case.after_open_days(known, case.measure(P08, "s_bd").value).at,
        (true, Importance::A | Importance::B) => {
            case.after_open_days(known, case.measure(P08, "a_bd").value).at
        }
        (false, _) => known.saturating_add(MONTH).unwrap_or(Timestamp::MAX),
    };
    let settled = matches!(progress.state, State::Confirmed | State::Withdrawn);
    if progress.asked.received <= due || settled {
        return None;
    }
    let due = jst(due);
    let verdict = Verdict::broken(
        Sentence::new(
            format!("{number} は、期限 {due} を過ぎて提示されました。"),
            format!("{number} was presented after {due}."),
        ),
        Sentence::new(
            "受託者は遅れた理由を説明し、市は確認してください。",
            "The contractor explains why, and the city confirms.",
        ),
    );
    Some(verdict.with_evidence(EvidenceClass::E3, [progress.asked.entry]))
}

/// 3.2.c 実施すること。
pub fn judge_3_2_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "提示した対策の実施を確かめる、修正済みの版の情報がありません。",
            "Which versions are fixed is not known, so carrying out cannot be confirmed.",
        ),
        Sentence::new(
            "受託者は、脆弱性情報を取り込み、対策の実施を記録してください。",
            "The contractor imports advisories and records what was carried out.",
        ),
    )
}

/// 3.3.a 受託者は、システム障害を未然に防止するための措置、
pub fn judge_3_3_a(case: &Case<'_>) -> Verdict {
    match measures::stated(case) {
        Ok(stated) => stated.kept(&Sentence::new("障害を未然に防ぐ措置", "measures that prevent failures")),
        Err(verdict) => *verdict,
    }
    .measured_by([P37])
}

/// 3.3.b 障害発生を早期発見するための措置
///
/// Stated is not enough: something of the system is watched from outside, by what both parties agreed on.
pub fn judge_3_3_b(case: &Case<'_>) -> Verdict {
    let verdict = match measures::stated(case) {
        Ok(stated) if is_watched(case) => {
            stated.kept(&Sentence::new("障害を早く見つける措置", "measures that find failures early"))
        }
        Ok(stated) => stated.not_seen(
            Sentence::new(
                format!("早期発見の措置は {} で明示されていますが、監視対象が合意されていないため、働いているか分かりません。", stated.number),
                format!("{} states how failures are found, but no target is agreed that probes could watch.", stated.number),
            ),
            Sentence::new(
                "受託者は監視対象を届け出て、市は合意してください。",
                "The contractor declares what to watch and the city agrees.",
            ),
        ),
        Err(verdict) => *verdict,
    };
    verdict.measured_by([P37])
}

fn is_watched(case: &Case<'_>) -> bool {
    case.evidence.agreements.of_system("target", case.system).any(|line| line.is_agreed())
}

/// 3.3.c 及び障害発生時の拡大防止や迅速復旧のための措置について、業務の重要度に応じた対策を明示すること。
///
/// For a system of the highest rank the recovery was drilled within a year.
pub fn judge_3_3_c(case: &Case<'_>) -> Verdict {
    let verdict = match measures::stated(case) {
        Ok(stated) if case.importance() == Importance::S && !stated.drilled(case) => stated.not_seen(
            Sentence::new(
                format!(
                    "復旧の措置は {} で明示されていますが、この1年の訓練の記録がありません。",
                    stated.number
                ),
                format!("{} states the recovery, but no drill of the last year is on record.", stated.number),
            ),
            Sentence::new(
                "受託者は訓練を行い、訓練日を記入した F-17 を提出してください。",
                "The contractor drills it and hands in F-17 with the date.",
            ),
        ),
        Ok(stated) => {
            stated.kept(&Sentence::new("拡大防止と迅速な復旧の措置", "measures of containment and recovery"))
        }
        Err(verdict) => *verdict,
    };
    verdict.measured_by([P37])
}

/// 3.4.a ウェブアプリケーションではセキュリティを考慮した実装を行い、
pub fn judge_3_4_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "ウェブアプリケーションの実装の点検記録がありません。",
            "No review record of web applications exists.",
        ),
        Sentence::new(
            "受託者は、リリースごとの点検表と部品の検査結果を提出してください。",
            "The contractor hands in the checklist and dependency checks of each release.",
        ),
    )
}

/// 3.4.b 特にインターネットに接続する情報システムでは、「脆弱性一覧」に示す脆弱性に対応すること。
pub fn judge_3_4_b(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "脆弱性一覧16項目の診断の結果がありません。",
            "There is no diagnosis of the 16 listed classes.",
        ),
        Sentence::new(
            "受託者は、市の許可を得て診断を行い、結果を記録してください。",
            "With the city's permit, the contractor has the diagnosis run and recorded.",
        ),
    )
}

/// 3.5.a 開発元のサポートが終了したソフトウェアを利用しないこと。
///
/// Long-term support by the distributor counts; paid support counts while an agreed line says so.
pub fn judge_3_5_a(case: &HostCase<'_>) -> Verdict {
    if let Err(unknown) = case.fresh("support") {
        return *unknown;
    }
    let Some(support) = &case.host.support else {
        return case.not_observed("サポート期限", "support dates");
    };
    let entry = support.stamp.entry;
    let mut unlisted: Vec<String> = Vec::new();
    let mut soon: Vec<String> = Vec::new();
    let warn = SignedDuration::from_hours(case.case.measure(P10, "warn_d").value.saturating_mul(24));
    for product in &support.value.products {
        let name = format!("{} {}", product.product, product.cycle);
        let paid_until = paid_support(case, product);
        let until = paid_until.max(product.until);
        match (product.phase, until) {
            // No date is no promise, whatever the phase is called.
            (Phase::NotListed | Phase::Full | Phase::Lts, None) => unlisted.push(name),
            (Phase::Ended | Phase::Extended, _) if paid_until.is_none() => {
                return ended(case, &name, product, entry);
            }
            (_, Some(until)) if case.case.passed(until) => return ended(case, &name, product, entry),
            (_, Some(until)) if case.case.passed(until.checked_sub(warn).unwrap_or(until)) => {
                soon.push(format!("{name} {}", last_day(until)));
            }
            _ => {}
        }
    }
    if let Some(first) = unlisted.first() {
        return dates_missing(case, first, unlisted.len(), entry);
    }
    let (id, count) = (case.id(), support.value.products.len());
    let (ja, en) = match soon.first() {
        Some(first) => (format!("期限の近いもの: {first}。"), format!(" Ending soon: {first}.")),
        None => (String::new(), String::new()),
    };
    Verdict::kept(Sentence::new(
        format!("{id} の製品 {count} 件はすべてサポート期間内です。{ja}"),
        format!("All {count} products of {id} are supported.{en}"),
    ))
    .with_evidence(EvidenceClass::E1, [entry])
}

/// The end of paid support, where both parties agreed that it holds and it has not passed.
fn paid_support(case: &HostCase<'_>, product: &ProductSupport) -> Option<Timestamp> {
    let lines = case.case.evidence.agreements.of_system("support", &case.place.system);
    let agreed = lines.filter(|line| line.is_agreed()).filter_map(|line| match line.matter {
        Matter::Support(support) => Some(support),
        _ => None,
    });
    let same = agreed.filter(|line| line.product == product.product && line.cycle == product.cycle);
    same.map(|line| line.until).filter(|until| !case.case.passed(*until)).max()
}

/// Until when support holds: the last day, where its publisher named a day, or the instant both parties agreed on.
fn last_day(until: Timestamp) -> String {
    let published = until.to_zoned(TimeZone::UTC);
    if published.time() == LAST_SECOND { published.date().to_string() } else { jst(until) }
}

fn ended(case: &HostCase<'_>, name: &str, product: &ProductSupport, entry: EntryNumber) -> Verdict {
    let id = case.id();
    let until = product.until.map_or_else(String::new, |until| format!("（{}まで）", last_day(until)));
    let basis = &product.basis;
    Verdict::broken(
        Sentence::new(
            format!("{id} の {name} はサポートが終了しています{until}。根拠: {basis}"),
            format!("{name} on {id} is no longer supported. By {basis}."),
        ),
        Sentence::new(
            "受託者は、更新するか、延長サポート契約を届け出て市の確認を得てください。",
            "The contractor upgrades, or declares paid support for the city to agree to.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn dates_missing(case: &HostCase<'_>, first: &str, count: usize, entry: EntryNumber) -> Verdict {
    let id = case.id();
    Verdict::unknown(
        Sentence::new(
            format!("{id} の {first} など {count} 件のサポート期限が分かりません。"),
            format!("The support dates of {first} and others ({count}) on {id} are not known."),
        ),
        Sentence::new(
            "受託者は、期限表を更新するか、期限と根拠を届け出てください。",
            "The contractor updates the table of dates, or declares date and basis.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}
