//! What has to happen to malware that was detected (2.1.c, 2.1.e): into the quarantine at once, off the network where it may
//! have run, and back only with the city's consent. R-05 for what came too late, or stands on no approval.

use super::outside;
use crate::case::{Case, HostCase};
use crate::entry::Party;
use crate::evidence::host::{CutOff, Host};
use crate::evidence::latest::Stamp;
use crate::fact::integrity::Explanation;
use crate::fact::malware::{AvAction, AvDetection, Done, IsolationCause};
use crate::finding::{Finding, Rule};
use crate::id::{EntryNumber, HostId};
use crate::occurrence::{End, Occurrence, Sure, When, finding_id};
use crate::reconcile::{Join, Missing, NEAR, Place, Question, join, minus, plus};
use crate::request::flow::{Progress, State};
use crate::request::form::Form;
use crate::request::{Outcome, Trigger};
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Automatic is what happens within so long (obligations, 2.1.c).
const AUTOMATIC: SignedDuration = SignedDuration::from_secs(60);
/// What did not work automatically has to be handled within so long.
const HANDLED: SignedDuration = SignedDuration::from_hours(1);
/// Whether it is removed for good is decided within so many open days.
pub(super) const DECIDED_BD: i64 = 1;
/// A proof that the quarantine works, or that a host can be cut off, is a month old at most.
const PROVES_FOR: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Two programs on one host may tell of one event in any order, so far apart.
const TOGETHER: SignedDuration = SignedDuration::from_secs(5);
/// Approvals of cutting a host off.
const MAY_CUT: [Form; 3] = [Form::F26, Form::F07, Form::F09];
/// Approvals of connecting it again.
const MAY_RELEASE: [Form; 3] = [Form::F06, Form::F07, Form::F09];

/// The name of a finding about cutting a host off.
const CUT: &str = "isolation";
/// The name of a finding about connecting it again.
pub(crate) const RELEASE: &str = "release";

/// One detection, and what was done.
pub(super) struct Contained<'a> {
    /// The host.
    pub host: &'a HostId,
    /// What was detected.
    pub detection: &'a AvDetection,
    /// When and where.
    pub stamp: Stamp,
    /// In the quarantine, or removed, since.
    pub held: Option<(Timestamp, EntryNumber)>,
    /// It may have run: nothing stopped it before.
    pub suspected: bool,
}

impl Contained<'_> {
    /// When it has to be handled.
    pub(super) fn due(&self) -> Timestamp {
        plus(self.stamp.observed, HANDLED)
    }

    fn is_automatic(&self) -> bool {
        self.held.is_some_and(|(at, _)| at <= plus(self.stamp.observed, AUTOMATIC))
    }

    /// The entries that tell of it.
    pub(super) fn entries(&self) -> BTreeSet<EntryNumber> {
        self.held.map(|(_, entry)| entry).into_iter().chain([self.stamp.entry]).collect()
    }
}

/// Every detection on the hosts of the system.
pub(super) fn detections<'a>(case: &Case<'a>) -> Vec<Contained<'a>> {
    let mut all = Vec::new();
    for (place, host) in case.hosts() {
        let Some(host) = host else { continue };
        for (stamp, detection) in &host.detections {
            let done = detection.result == Done::Done;
            let by_itself = done && matches!(detection.action, AvAction::Quarantined | AvAction::Removed);
            let held =
                if by_itself { Some((stamp.observed, stamp.entry)) } else { held(host, *stamp, detection) };
            let suspected = detection.may_have_run();
            all.push(Contained { host: &place.host, detection, stamp: *stamp, held, suspected });
        }
    }
    all
}

/// When it was put into the quarantine, after a detection.
fn held(host: &Host, since: Stamp, detection: &AvDetection) -> Option<(Timestamp, EntryNumber)> {
    let after = minus(since.observed, TOGETHER);
    let held = host.held(after, detection);
    held.map(|(stamp, _)| (stamp.observed.max(since.observed), stamp.entry)).min()
}

/// malware that was not in the quarantine in time.
pub(super) fn not_held(case: &Case<'_>) -> Vec<Finding> {
    let late = detections(case).into_iter().filter(|one| match one.held {
        Some((at, _)) => at > one.due(),
        None => case.passed(one.due()),
    });
    let found = late.map(|one| {
        let when = When::Between { earliest: Some(one.stamp.observed), latest: one.stamp.observed };
        let join = Join::Late { request: None, due: one.due() };
        finding(case, one.host, (Object::Device, &one.detection.path), when, join, one.due(), one.entries())
    });
    found.collect()
}

pub(super) fn finding(
    case: &Case<'_>,
    host: &HostId,
    (object, name): (Object, &str),
    when: When,
    join: Join,
    since: Timestamp,
    entries: BTreeSet<EntryNumber>,
) -> Finding {
    Finding {
        id: finding_id(Rule::R05, host.as_str(), object, when.mark()),
        rule: Rule::R05,
        system: case.system.clone(),
        host: Some(host.clone()),
        object,
        names: vec![name.to_owned()],
        count: 1,
        join,
        when,
        since,
        entries: entries.into_iter().collect(),
        by: None,
        against: Party::Contractor,
    }
}

/// Whether it was decided what becomes of it: removed, given back, or told in a report that is final or accepted.
pub(super) fn is_decided(case: &Case<'_>, one: &Contained<'_>) -> bool {
    let removed = one.detection.action == AvAction::Removed && one.detection.result == Done::Done;
    let host = case.evidence.hosts.get(one.host);
    let given_back = host.is_some_and(|host| host.was_given_back(one.stamp.observed, one.detection));
    let told = incidents(case).any(|report| {
        let last = report.reports.iter().any(|told| told.edition == crate::request::Edition::Final);
        let is_settled = last || matches!(report.state, State::Consulted | State::Confirmed);
        is_settled && report.reports_detection(one.stamp.entry, one.stamp.observed)
    });
    removed || given_back || told
}

/// Reports of malware about the system (F-05).
fn incidents<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Progress> {
    case.requests(Form::F05).map(|(_, report)| report).filter(|report| report.reports_malware())
}

/// Whether any host of the system is observed at all.
pub(super) fn is_observed(case: &Case<'_>) -> bool {
    case.hosts().next().is_some()
}

/// The first host nothing proves the quarantine of: no harmless sample and no detection was held at once within a month.
pub(super) fn unproven<'a>(case: &Case<'a>) -> Option<&'a HostId> {
    let detections = detections(case);
    case.hosts().find_map(|(place, host)| {
        let tried = host.and_then(|host| {
            let test = host.selftest.as_ref()?;
            let found = test.value.found_after_ms.and_then(|ms| i64::try_from(ms).ok())?;
            let until = plus(test.value.placed, SignedDuration::from_millis(found) + AUTOMATIC);
            let held = host.quarantined.iter().any(|(stamp, item)| {
                let in_time = stamp.observed >= test.value.placed && stamp.observed <= until;
                item.from == test.value.path && item.result == Done::Done && in_time
            });
            let told = test.value.held_after_ms.and_then(|ms| i64::try_from(ms).ok());
            let longest = AUTOMATIC.as_secs() * 1_000;
            let held = held || told.is_some_and(|ms| ms <= longest);
            (held && found <= longest).then_some(test.stamp.when(test.value.placed))
        });
        let real = detections.iter().filter(|one| *one.host == place.host && one.is_automatic());
        let newest = real.map(|one| one.stamp.received).chain(tried).max();
        let proven = newest.is_some_and(|newest| !case.older_than(newest, PROVES_FOR));
        (!proven).then_some(&place.host)
    })
}

/// Where cutting a host off has come to.
pub(super) enum Waits<'a> {
    /// It is not cut off yet.
    Cut(&'a HostId, Timestamp, EntryNumber),
    /// Cut off without a standing approval: the report is due.
    Report(&'a HostId, Timestamp, EntryNumber),
    /// Reported: the city has not accepted it.
    City(&'a HostId, EntryNumber),
}

/// What was found of cutting hosts off and connecting them again, and what is not yet over.
pub(super) fn isolation<'a>(
    case: &Case<'a>,
    limit: SignedDuration,
    report_bd: i64,
) -> (Vec<Finding>, Vec<Waits<'a>>) {
    let (mut found, mut waits) = (Vec::new(), Vec::new());
    for one in detections(case).iter().filter(|one| one.suspected) {
        not_cut(case, one, limit, &mut found, &mut waits);
    }
    found.extend(outside::answered(case));
    for (place, host) in case.hosts() {
        for span in host.map(Host::cut_off).unwrap_or_default() {
            without_approval(case, &place.host, &span, report_bd, &mut found, &mut waits);
            if let Some((over, cause)) = span.over {
                found.extend(released(case, &place.host, &span, (over, cause)));
            }
        }
    }
    (found, waits)
}

fn not_cut<'a>(
    case: &Case<'a>,
    one: &Contained<'a>,
    limit: SignedDuration,
    found: &mut Vec<Finding>,
    waits: &mut Vec<Waits<'a>>,
) {
    let due = plus(one.stamp.observed, limit);
    let spans = case.evidence.hosts.get(one.host).map(Host::cut_off).unwrap_or_default();
    let begun =
        spans.iter().filter(|span| span.over.is_none_or(|(over, _)| over.observed >= one.stamp.observed));
    let first = begun.map(|span| span.from.observed).min();
    if first.is_some_and(|first| first <= due) {
        return;
    }
    if first.is_none() && !case.passed(due) {
        waits.push(Waits::Cut(one.host, due, one.stamp.entry));
        return;
    }
    let when = When::Between { earliest: Some(one.stamp.observed), latest: one.stamp.observed };
    let join = Join::Late { request: None, due };
    let thing = (Object::Network, one.detection.path.as_str());
    found.push(finding(case, one.host, thing, when, join, due, BTreeSet::from([one.stamp.entry])));
}

/// Cut off without a standing approval is an emergency: it has to be reported, and the city accepts it.
fn without_approval<'a>(
    case: &Case<'a>,
    host: &'a HostId,
    span: &CutOff,
    report_bd: i64,
    found: &mut Vec<Finding>,
    waits: &mut Vec<Waits<'a>>,
) {
    let end = if span.over.is_some() { End::Over } else { End::Open };
    let to = span.over.map_or(span.last, |(over, _)| over).observed;
    let when = When::Lasting { from: span.from.observed, to, end };
    let join = joined(case, host, CUT, when, span.from, &MAY_CUT);
    if join.is_covered() || matches!(join, Join::Waiting { .. }) {
        return;
    }
    let due = case.after_open_days(span.from.received, report_bd).at;
    let since = minus(span.from.observed, NEAR);
    let report =
        incidents(case).filter(|report| report.asked.received >= since).min_by_key(|report| report.asked);
    match report {
        Some(report) if report.asked.received <= due => {
            if report.state != State::Confirmed {
                waits.push(Waits::City(host, report.handed_in.entry));
            }
        }
        None if !case.passed(due) => waits.push(Waits::Report(host, due, span.from.entry)),
        Some(_) | None => {
            let entries = BTreeSet::from([span.from.entry]);
            found.push(finding(case, host, (Object::Firewall, CUT), when, join, due, entries));
        }
    }
}

/// Connected again without the city's consent. That a standing approval ends after its longest time is part of it.
fn released(
    case: &Case<'_>,
    host: &HostId,
    span: &CutOff,
    (over, cause): (Stamp, Option<IsolationCause>),
) -> Option<Finding> {
    if cause == Some(IsolationCause::TimeLimit) {
        let when = When::Lasting { from: span.from.observed, to: over.observed, end: End::Over };
        if joined(case, host, CUT, when, span.from, &MAY_CUT).is_covered() {
            return None;
        }
    }
    let when = When::Between { earliest: Some(span.last.observed), latest: over.observed };
    let talked = incidents(case).any(|report| {
        let agreed =
            report.consulted.filter(|(_, outcome)| *outcome == Outcome::Agreed).map(|(stamp, _)| stamp);
        let confirmed = (report.state == State::Confirmed).then_some(report.since);
        agreed
            .into_iter()
            .chain(confirmed)
            .any(|stamp| stamp.received >= span.from.observed && stamp.received <= over.observed)
    });
    let join = joined(case, host, RELEASE, when, over, &MAY_RELEASE);
    if talked || join.is_covered() {
        return None;
    }
    let entries = BTreeSet::from([span.from.entry, over.entry]);
    Some(finding(case, host, (Object::Firewall, RELEASE), when, join, over.received, entries))
}

fn joined(case: &Case<'_>, host: &HostId, name: &str, when: When, stamp: Stamp, forms: &[Form]) -> Join {
    let place = Place { system: case.system, host: Some(host), environment: None };
    let occurrence = Occurrence {
        rule: Rule::R05,
        host: Some(host.clone()),
        object: Object::Network,
        name: name.to_owned(),
        effect: None,
        when,
        digest_before: None,
        digest_after: None,
        beside: (None, None),
        texts: (None, None),
        by: None,
        explained_by: Explanation::None,
        sure: Sure::Yes,
        stamp,
        entries: BTreeSet::from([stamp.entry]),
    };
    let clocks = case.evidence.hosts.get(host).map(|host| host.clocks.tolerance(stamp));
    let tolerance = clocks.unwrap_or(SignedDuration::ZERO);
    let question = Question { occurrence: &occurrence, place, tolerance, earlier: &|_| 0 };
    let after = minus(when.first(), NEAR + NEAR);
    match join(&question, case.evidence.requests.grants_after(case.system, forms, after)) {
        Join::NotDone(_) | Join::Late { .. } => Join::NotApproved(Missing::Request),
        other => other,
    }
}

/// Whether everything is ready to cut hosts off: a standing approval in force, and every host whose agent could do it.
///
/// # Errors
/// The first host that cannot, or none where the approval is missing.
pub(super) fn is_ready<'a>(case: &Case<'a>) -> Result<Vec<EntryNumber>, Option<&'a HostId>> {
    let standing = case.requests(Form::F26).find(|(_, progress)| {
        let malware =
            progress.filled.standing.as_ref().is_some_and(|terms| terms.trigger == Trigger::MalwareSuspected);
        let window =
            progress.window().is_some_and(|window| case.passed(window.from) && !case.passed(window.last()));
        malware && window && progress.approved.is_some() && progress.revoked.is_none()
    });
    let Some((_, progress)) = standing else { return Err(None) };
    let mut entries = vec![progress.since.entry];
    let silent = Host::default();
    for (place, host) in case.hosts() {
        let one = HostCase { case, place, host: host.unwrap_or(&silent) };
        let newest = one.host.isolations.last_key_value();
        let proven = newest.filter(|(stamp, _)| !case.older_than(stamp.received, PROVES_FOR));
        match proven {
            Some((stamp, _)) if one.alive().is_ok() => entries.push(stamp.entry),
            Some(_) | None => return Err(Some(&place.host)),
        }
    }
    if entries.len() < 2 { Err(None) } else { Ok(entries) }
}

/// 未確認: it is not in the quarantine yet.
pub(super) fn not_held_yet(one: &Contained<'_>) -> Verdict {
    let (host, due) = (one.host, jst(one.due()));
    Verdict::unknown(
        Sentence::new(
            format!("{host} で検知した不正プログラムの隔離を {due} まで待っています。"),
            format!("The malware detected on {host} has to be in the quarantine by {due}."),
        ),
        Sentence::new(
            "受託者は、直ちに隔離してください。",
            "The contractor puts it into the quarantine at once.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [one.stamp.entry])
}

/// What becomes of it is not decided.
pub(super) fn undecided(one: &Contained<'_>, due: Timestamp, over: bool) -> Verdict {
    let (host, due) = (one.host, jst(due));
    let next = Sentence::new(
        "受託者は、駆除したか、誤検知として戻したかを事案報告（F-05）の確報で示してください。",
        "The contractor says in the final report (F-05) whether it was removed or given back.",
    );
    let verdict = if over {
        let cause = Sentence::new(
            format!(
                "{host} で検知した不正プログラムを駆除するかどうかが、期限 {due} までに決まっていません。"
            ),
            format!("Whether the malware of {host} is removed was not decided by {due}."),
        );
        Verdict::broken(cause, next)
    } else {
        let cause = Sentence::new(
            format!("{host} で検知した不正プログラムを駆除するかどうかの判断を {due} まで待っています。"),
            format!("Whether the malware of {host} is removed has to be decided by {due}."),
        );
        Verdict::unknown(cause, next)
    };
    verdict.with_evidence(EvidenceClass::E1, one.entries())
}

/// 未確認: nothing proves that the quarantine works.
pub(super) fn quarantine_unproven(host: &HostId) -> Verdict {
    Verdict::unknown(
        Sentence::new(
            format!("{host} で自動の隔離が働くことは、この1か月に確かめられていません。"),
            format!("That the quarantine of {host} works was not proven within a month."),
        ),
        Sentence::new(
            "受託者は、無害な検体による検知試験を有効にし、検体が隔離されることを示してください。",
            "The contractor lays out the harmless sample and shows that it is put into the quarantine.",
        ),
    )
}

/// 未確認: somebody has to act, and has time to.
pub(super) fn waiting(waits: &Waits<'_>) -> Verdict {
    let (cause, next, entry) = match waits {
        Waits::Cut(host, due, entry) => {
            let due = jst(*due);
            let ja = format!("{host} のネットワークからの遮断を {due} まで待っています。");
            let en = format!("{host} has to be cut off by {due}.");
            let next =
                Sentence::new("受託者は、直ちに遮断してください。", "The contractor cuts it off at once.");
            (Sentence::new(ja, en), next, entry)
        }
        Waits::Report(host, due, entry) => {
            let due = jst(*due);
            let ja = format!(
                "{host} は包括承認なしに遮断されました（緊急措置）。事後の報告（F-05）を {due} まで待っています。"
            );
            let en =
                format!("{host} was cut off in an emergency without approval; its report is due at {due}.");
            let next = Sentence::new("受託者は、F-05 を提出してください。", "The contractor hands in F-05.");
            (Sentence::new(ja, en), next, entry)
        }
        Waits::City(host, entry) => {
            let ja = format!("{host} の緊急の遮断は報告されました。市の確認を待っています。");
            let en = format!("The emergency isolation of {host} is reported and waits for the city.");
            let next = Sentence::new("市は、F-05 を確認してください。", "The city confirms F-05.");
            (Sentence::new(ja, en), next, entry)
        }
    };
    Verdict::unknown(cause, next).with_evidence(EvidenceClass::E1, [*entry])
}

/// 未確認: nothing shows that a host could be cut off.
pub(super) fn not_ready(host: Option<&HostId>) -> Verdict {
    let (ja, en) = match host {
        Some(host) => (
            format!("{host} をネットワークから遮断できることは、この1か月に確かめられていません。"),
            format!("That {host} can be cut off was not seen within a month."),
        ),
        None => (
            "検知した機器を遮断する事前包括承認（F-26）が、いまありません。".to_owned(),
            "No standing approval to cut machines off (F-26) is in force.".to_owned(),
        ),
    };
    Verdict::unknown(
        Sentence::new(ja, en),
        Sentence::new(
            "受託者と市は、遮断の事前包括承認（F-26）を定め、受託者は遮断機能を用意してください。",
            "Both parties settle the standing approval (F-26) and the contractor provides the isolation.",
        ),
    )
}

/// 未確認: no host is observed.
pub(super) fn no_record() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "検知した不正プログラムを自動で隔離した記録も、隔離の働きの観測もありません。",
            "Neither a record of automatic quarantine nor any proof that it works exists.",
        ),
        Sentence::new(
            "受託者は、対象ホストを届け出て、検知試験を有効にしてください。",
            "The contractor declares the hosts and enables the detection test.",
        ),
    )
}
