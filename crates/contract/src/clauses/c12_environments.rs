//! Clause 12. A judge that cannot decide yet says which evidence is missing and who can supply it.

use crate::case::{Case, HostCase};
use crate::clauses::c07_stops::{WATCH_LIVES, settled};
use crate::entry::Party;
use crate::evidence::agreement::Watched;
use crate::evidence::host::Host;
use crate::finding::{Finding, Rule};
use crate::id::{EntryNumber, FindingId};
use crate::occurrence::{Occurrence, finding_id};
use crate::parameter::ParameterId;
use crate::reconcile::{FOR_USERS, Join, NEAR, Place, Question, join};
use crate::request::RequestNumber;
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use crate::target::Means;
use crate::thing::Object;
use crate::weigh::{self, Deadlines};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

const P22: ParameterId = weigh::P22;
/// The collector that sees what is laid on a host.
const RELEASES: &str = "releases";
/// The collector that inspects test data.
const TEST_DATA: &str = "test_data";

/// 12.1.a 開発及び運用において、運用環境とテスト環境を分離すること。
pub fn judge_12_1_a(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "運用環境とテスト環境の一覧と、分離の試験の結果がありません。",
            "Neither the list of environments nor a test of their separation is on record.",
        ),
        Sentence::new(
            "受託者は、各ホストの環境区分を届け出て、分離の試験を受けてください。",
            "The contractor declares the environment of each host and has the separation tested.",
        ),
    )
}

/// 12.1.b 運用内容を変更する際には、テスト実施及び検証結果を事前に市へ報告し、承認を得ること。
///
/// What lies on a host has to be the very artefact that was tested and approved (F-14), before it was laid there.
pub fn judge_12_1_b(case: &Case<'_>) -> Verdict {
    match weighed(case, Rule::R04) {
        Err(verdict) => *verdict,
        Ok(settled) => match (covered(case, Object::Release), seen_everywhere(case, RELEASES)) {
            (entries, _) if entries.is_empty() && settled == 0 => no_release(),
            (_, Err(unknown)) => *unknown,
            (entries, Ok(())) => Verdict::kept(Sentence::new(
                format!(
                    "観測したリリース {} 件は、試験・検証の承認を受けた版と一致しています。",
                    entries.len()
                ),
                format!(
                    "All {} releases seen are the versions that were tested and approved.",
                    entries.len()
                ),
            ))
            .with_evidence(EvidenceClass::E1, entries)
            .measured_by([P22]),
        },
    }
}

/// Whether every host is looked at now: that one thing was as approved says nothing of what came since.
fn seen_everywhere(case: &Case<'_>, collector: &str) -> Result<(), Box<Verdict>> {
    let silent = Host::default();
    for (place, host) in case.hosts() {
        HostCase { case, place, host: host.unwrap_or(&silent) }.looks(&[collector])?;
    }
    Ok(())
}

/// What the findings of a rule say, or how many of them are settled.
fn weighed(case: &Case<'_>, rule: Rule) -> Result<u32, Box<Verdict>> {
    let found = case.joins.weighing(case.system).filter(|finding| finding.rule == rule);
    let found = found.map(|finding| (finding, settled(case, finding)));
    let deadlines = Deadlines { classify_bd: case.measure(P22, "emergency_bd").value };
    let settled = case.joins.settled(case.system, |of, _| of == rule);
    weigh::findings(case, found, &deadlines).map(|others| others.saturating_add(settled))
}

/// The entries of what happened as approved.
fn covered(case: &Case<'_>, object: Object) -> Vec<EntryNumber> {
    let keys = case
        .hosts()
        .flat_map(|(place, _)| case.joins.approved(&place.host, object).map(move |key| (&place.host, key)));
    let happened = keys.filter_map(|(host, key)| case.evidence.occurrences.get(host, key));
    happened.map(|occurrence| occurrence.stamp.entry).collect()
}

fn no_release() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "試験・検証結果の報告（F-14）とその承認の記録がありません。",
            "No report of test results (F-14) with its approval is on record.",
        ),
        Sentence::new(
            "受託者は、変更の前に F-14 を提出し、市の承認を得てください。",
            "The contractor hands in F-14 before changes; the city approves.",
        ),
    )
}

/// 12.1.c なお、外部でテストをする際は、必要に応じて実施及び検証のテストデータに、個人情報及び一般に公表することを前提としていない情報資産の実在データが含まれないようにすること。
pub fn judge_12_1_c(_case: &Case<'_>) -> Verdict {
    Verdict::unknown(
        Sentence::new("テストデータの検査の結果がありません。", "Test data were not inspected."),
        Sentence::new(
            "受託者は、外部で使うテストデータを届け出（F-15）、検査を受けてください。",
            "The contractor declares test data (F-15) and has them inspected.",
        ),
    )
}

/// 12.1.d 個人情報及び一般に公表することを前提としていない情報資産の実在データを含む場合は、市役所内にテスト環境をつくる等の対策を行うこと。
///
/// Real data that were found have to stand on a permit (F-15) that was given before, for this set, at this time. When its
/// period is over, their erasure has to be reported; what was seen once says nothing of what is there afterwards.
pub fn judge_12_1_d(case: &Case<'_>) -> Verdict {
    let settled = match weighed(case, Rule::R17) {
        Err(verdict) => return *verdict,
        Ok(settled) => settled,
    };
    let permits = case
        .requests(Form::F15)
        .filter(|(_, permit)| permit.approved.is_some() && permit.filled.text("origin") == Some("real"));
    let (open, over): (Vec<_>, Vec<_>) = permits.partition(|(_, permit)| is_in_its_time(case, permit));
    if let Some((number, permit)) = over.iter().find(|(_, permit)| !is_erased(permit)) {
        return not_erased_yet(number, permit);
    }
    let entries = covered(case, Object::TestData);
    match seen_everywhere(case, TEST_DATA) {
        _ if entries.is_empty() && settled == 0 => no_test_data(),
        _ if open.is_empty() => all_erased(&over),
        Err(unknown) => *unknown,
        Ok(()) => Verdict::kept(Sentence::new(
            format!("実在データを含むテストデータ {} 件は、すべて利用許可の範囲内です。", entries.len()),
            format!("All {} sets with real data stand on a permit.", entries.len()),
        ))
        .with_evidence(EvidenceClass::E1, entries)
        .measured_by([P22]),
    }
}

fn is_in_its_time(case: &Case<'_>, permit: &Progress) -> bool {
    permit.revoked.is_none() && permit.window().is_some_and(|window| !case.passed(window.last()))
}

/// A report says when, and the city has not given it back.
fn is_erased(permit: &Progress) -> bool {
    let stands = matches!(permit.state, State::Reported | State::Confirmed);
    stands && permit.reports.iter().any(|report| report.fields.contains_key("erased"))
}

fn all_erased(permits: &[(&RequestNumber, &Progress)]) -> Verdict {
    let entries: Vec<EntryNumber> =
        permits.iter().flat_map(|(_, permit)| &permit.reports).map(|report| report.stamp.entry).collect();
    Verdict::unknown(
        Sentence::new(
            "許可を得た実在データは、すべて消去が報告されています。いま実在データを使っているかは、観測されていません。",
            "All real data under a permit were reported as erased; whether any are used now is not observed.",
        ),
        Sentence::new(
            "実在データをもう使わない場合は、市と対象外を合意してください。",
            "Where no real data are used any more, both agree that the duty does not apply.",
        ),
    )
    .with_evidence(EvidenceClass::E3, entries)
}

fn not_erased_yet(number: &RequestNumber, permit: &Progress) -> Verdict {
    let end = permit.window().map(|window| window.last());
    let revoked = permit.revoked.map(|stamp| stamp.received);
    let end = revoked.into_iter().chain(end).min().map_or_else(String::new, jst);
    Verdict::unknown(
        Sentence::new(
            format!(
                "実在データの利用許可 {number} の期間が {end} に終わりましたが、消去の報告がありません。"
            ),
            format!(
                "The permit {number} for real data ended on {end}; that they were erased was not reported."
            ),
        ),
        Sentence::new(
            "受託者は、実在データを消去し、消去日と確認者を F-15 で報告してください。",
            "The contractor erases the data and reports by F-15 when, and who saw it.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [permit.asked.entry])
}

fn no_test_data() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "実在データの利用許可（F-15）の有無と、利用の観測がありません。",
            "Neither a permit for real data (F-15) nor any observation of their use exists.",
        ),
        Sentence::new(
            "受託者は、実在データを使う場合は F-15 で許可を得てください。使わない場合は、市と対象外を合意してください。",
            "The contractor asks for a permit (F-15), or both agree that the duty does not apply.",
        ),
    )
}

/// Everything is told once a day; a sight older than that and half a day more is no picture of now.
const SIGHT_LIVES: SignedDuration = SignedDuration::from_hours(36);

/// 12.2.a 受託者は、情報システムの利用環境に変更が生じる場合は、あらかじめ市に通知し、了承を得ること。
///
/// What probes saw change for users – addresses, authorities, encryption, redirects, policies, forms – is joined with what
/// was approved before (F-11). Without a sight of every agreed page nothing is 適合.
pub fn judge_12_2_a(case: &Case<'_>) -> Verdict {
    let changed = unannounced(case);
    let found = changed.iter().map(|finding| (finding, settled(case, finding)));
    let deadlines = Deadlines { classify_bd: case.measure(P22, "emergency_bd").value };
    let settled = match weigh::findings(case, found, &deadlines) {
        Err(verdict) => return *verdict,
        Ok(settled) => settled,
    };
    match looked_at(case) {
        Err(unknown) => *unknown,
        Ok(sights) => Verdict::kept(Sentence::new(
            format!(
                "監視対象 {} 件の利用環境（接続先・証明書・暗号・画面）に、了承のない変更は観測されていません（処置済み {settled} 件）。",
                sights.len()
            ),
            format!(
                "What users meet at {} targets was not seen to change without consent ({settled} settled).",
                sights.len()
            ),
        ))
        .with_evidence(EvidenceClass::E1, sights)
        .measured_by([P22]),
    }
}

/// Changes that users meet and that are not as approved. What changed of one target at one look is one finding.
pub(crate) fn unannounced(case: &Case<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<FindingId, Finding> = BTreeMap::new();
    for watched in agreed_targets(case) {
        for (change, tolerance) in case.evidence.environment_changes(&watched) {
            let place = Place { system: case.system, host: None, environment: None };
            let question = Question { occurrence: &change, place, tolerance, earlier: &|_| 0 };
            let after = change.when.first().checked_sub(NEAR + NEAR).unwrap_or(Timestamp::MIN);
            let join = join(&question, case.evidence.requests.grants_after(case.system, &FOR_USERS, after));
            if join.is_covered() {
                continue;
            }
            let id =
                finding_id(change.rule, watched.target.target.as_str(), change.object, change.when.mark());
            let Some(same) = found.get_mut(&id) else {
                found.insert(id.clone(), changed(case, id, &change, join));
                continue;
            };
            same.count = same.count.saturating_add(1);
            same.names.push(change.name.clone());
            if join.gravity() > same.join.gravity() {
                same.join = join;
            }
        }
    }
    found.into_values().collect()
}

fn changed(case: &Case<'_>, id: FindingId, change: &Occurrence, join: Join) -> Finding {
    Finding {
        id,
        rule: change.rule,
        system: case.system.clone(),
        host: None,
        object: change.object,
        names: vec![change.name.clone()],
        count: 1,
        join,
        when: change.when,
        since: change.stamp.received,
        entries: change.entries.iter().copied().collect(),
        by: None,
        against: Party::Contractor,
    }
}

fn agreed_targets<'a>(case: &Case<'a>) -> impl Iterator<Item = Watched<'a>> {
    let system = case.system;
    case.evidence.agreements.targets().filter(move |watched| watched.target.system == *system)
}

/// Whether every agreed page is looked at, lately and as a whole. Returns the entries of the sights.
fn looked_at(case: &Case<'_>) -> Result<Vec<EntryNumber>, Box<Verdict>> {
    let pages = agreed_targets(case).filter(|watched| {
        watched.ended.is_none() && matches!(watched.target.means, Means::Http | Means::Https)
    });
    let mut entries = Vec::new();
    for watched in pages {
        let name = &watched.target.name;
        let alive = case.evidence.watched_until(&watched, 1);
        let lives = alive.is_some_and(|until| !case.older_than(until, WATCH_LIVES));
        let sight = case.evidence.newest_sight(&watched);
        let Some((stamp, seen)) =
            sight.filter(|(stamp, _)| lives && !case.older_than(stamp.observed, SIGHT_LIVES))
        else {
            return Err(Box::new(not_looked_at(name)));
        };
        let encrypted = watched.target.means == Means::Https;
        if seen.page.is_none() || (encrypted && seen.tls.is_none()) {
            return Err(Box::new(half_seen(name, stamp.entry)));
        }
        entries.push(stamp.entry);
    }
    if entries.is_empty() { Err(Box::new(nothing_to_look_at())) } else { Ok(entries) }
}

fn not_looked_at(name: &str) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("{name} の利用環境（接続先・証明書・画面）を、いま観測している監視点がありません。"),
            format!("No probe looks at what users meet at {name} now."),
        ),
        Sentence::new(
            "受託者は、監視点の稼働と回線を確認してください。",
            "The contractor checks the probes and their lines.",
        ),
    )
}

fn half_seen(name: &str, entry: EntryNumber) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("{name} の証明書または画面が、約束どおりの応答としては見えていません。"),
            format!("The certificate or the page of {name} was not seen as promised."),
        ),
        Sentence::new(
            "受託者は、監視対象の応答と証明書を確認してください。",
            "The contractor checks the answer and the certificate of the target.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn nothing_to_look_at() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "利用環境の変更の届（F-11）と突き合わせる、利用者の画面（HTTP・HTTPS の監視対象）が合意されていません。",
            "No page of users (a target by HTTP or HTTPS) is agreed on, so nothing can be joined with F-11.",
        ),
        Sentence::new(
            "受託者は利用者が使う画面を監視対象として届け出て、市は合意してください。",
            "The contractor declares the pages users use as targets, and the city agrees.",
        ),
    )
}
