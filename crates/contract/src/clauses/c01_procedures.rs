//! Clause 1, 操作手順: work that is done has a procedure, the procedure is current, and whoever needs it can read it.

use crate::act::{Document, DocumentKind, WorkType};
use crate::calendar::Holidays;
use crate::case::Case;
use crate::clauses::c07_stops::settled;
use crate::entry::Party;
use crate::evidence::documents::Registered;
use crate::evidence::host::Host;
use crate::evidence::latest::{Latest, Stamp};
use crate::finding::{Finding, Rule, Settled};
use crate::id::{DocumentId, EntryNumber, PersonId};
use crate::occurrence::{When, finding_id};
use crate::parameter::ParameterId;
use crate::reconcile::Join;
use crate::standing::{EvidenceClass, Sentence, Verdict};
use crate::thing::Object;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

const P34: ParameterId = ParameterId::new(34);
const P37: ParameterId = ParameterId::new(37);

/// Work counts as recurring when it is seen twice within so long (obligations, 1.a).
const RECURS_WITHIN: SignedDuration = SignedDuration::from_hours(90 * 24);

struct Procedure<'a> {
    id: &'a DocumentId,
    registered: &'a Registered,
    newest: &'a Latest<Document>,
}

impl Procedure<'_> {
    fn entry(&self) -> EntryNumber {
        self.newest.stamp.entry
    }

    /// Registering a version counts as looking at it.
    fn last_review(&self) -> Stamp {
        let reviewed = self.registered.reviewed.as_ref().map(|latest| latest.stamp);
        reviewed.map_or(self.newest.stamp, |reviewed| reviewed.max(self.newest.stamp))
    }
}

fn procedures<'a>(case: &Case<'a>) -> Vec<Procedure<'a>> {
    let system = case.system;
    let in_use = case.evidence.documents.in_use().filter(|(_, _, newest)| {
        let document = &newest.value;
        let concerns = document.systems.is_empty() || document.systems.contains(system);
        document.kind == DocumentKind::Procedure && concerns
    });
    in_use.map(|(id, registered, newest)| Procedure { id, registered, newest }).collect()
}

fn nothing_registered() -> Verdict {
    Verdict::unknown(
        Sentence::new("操作手順書が一つも登録されていません。", "No procedure is registered."),
        Sentence::new(
            "受託者は、操作手順書を台帳（F-20）に登録してください。",
            "The contractor registers the procedures (F-20).",
        ),
    )
}

/// 1.a 情報システム等の操作手順は文書化し、
///
/// Work that recurred needs an approved procedure, however long ago it was done: time alone writes none.
pub fn judge_1_a(case: &Case<'_>) -> Verdict {
    let recurring = recurring_work(case);
    let procedures = procedures(case);
    let approved: BTreeSet<WorkType> = procedures
        .iter()
        .filter(|procedure| procedure.registered.approval().is_some())
        .flat_map(|procedure| procedure.newest.value.work.iter().copied())
        .collect();
    let missing: Vec<(&WorkType, &Vec<EntryNumber>)> =
        recurring.iter().filter(|(work, _)| !approved.contains(work)).collect();
    if procedures.is_empty() {
        let seen = recurring.into_values().flatten();
        return nothing_registered().with_evidence(EvidenceClass::E1, seen);
    }
    let entries = procedures.iter().map(Procedure::entry);
    let Some((work, seen)) = missing.first() else {
        if let Some(unwatched) = unwatched(case) {
            return unwatched.with_evidence(EvidenceClass::E3, entries);
        }
        return documented(&procedures, recurring.len()).with_evidence(EvidenceClass::E3, entries);
    };
    let (name_ja, name_en) = work_name(**work);
    let times = seen.len();
    Verdict::broken(
        Sentence::new(
            format!("{name_ja}が90日以内に{times}回行われましたが、承認済みの手順書がありません。"),
            format!("{name_en} was done {times} times within 90 days without an approved procedure."),
        ),
        Sentence::new(
            format!("受託者は{name_ja}の手順書を登録し、市の承認を得てください。"),
            format!("The contractor registers a procedure for {name_en}; the city approves it."),
        ),
    )
    .with_evidence(EvidenceClass::E1, seen.iter().copied())
}

/// No work without a procedure was seen. That alone keeps nothing while the city has not approved a single one.
fn documented(procedures: &[Procedure<'_>], works: usize) -> Verdict {
    let approved = procedures.iter().filter(|procedure| procedure.registered.approval().is_some()).count();
    if approved == 0 {
        return Verdict::unknown(
            Sentence::new(
                "登録された操作手順書を、市がまだ一つも承認していません。",
                "The city has not approved any of the registered procedures yet.",
            ),
            Sentence::new(
                "市は、登録された操作手順書を確かめて承認してください。",
                "The city looks at the registered procedures and approves them.",
            ),
        );
    }
    let cause = if works == 0 {
        Sentence::new(
            format!(
                "承認済みの操作手順書が {approved} 件あります。繰り返し行われた作業は、まだ観測されていません。"
            ),
            format!("{approved} procedures are approved. No recurring work was seen yet."),
        )
    } else {
        let count = procedures.len();
        Sentence::new(
            format!("繰り返し行われた作業 {works} 種すべてに承認済みの手順書があります（登録 {count} 件）。"),
            format!("All {works} kinds of recurring work have an approved procedure ({count} registered)."),
        )
    };
    Verdict::kept(cause)
}

fn recurring_work(case: &Case<'_>) -> BTreeMap<WorkType, Vec<EntryNumber>> {
    let mut seen: BTreeMap<WorkType, Vec<(Timestamp, EntryNumber)>> = BTreeMap::new();
    for (_, host) in case.hosts() {
        for (stamp, work) in host.into_iter().flat_map(Host::work_seen) {
            seen.entry(work).or_default().push((stamp.observed, stamp.entry));
        }
    }
    let mut recurring = BTreeMap::new();
    for (work, mut times) in seen {
        times.sort_unstable();
        let near = |a: Timestamp, b: Timestamp| b.duration_since(a) <= RECURS_WITHIN;
        if times.iter().zip(times.iter().skip(1)).any(|((a, _), (b, _))| near(*a, *b)) {
            recurring.insert(work, times.into_iter().rev().map(|(_, entry)| entry).collect());
        }
    }
    recurring
}

/// Work on a host that says nothing is not seen, so nothing can be said to be kept.
fn unwatched(case: &Case<'_>) -> Option<Verdict> {
    if case.hosts().next().is_none() {
        return Some(nobody_watches());
    }
    case.silent_host().map(|silent| *silent)
}

fn nobody_watches() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "この情報システムの作業と変更を観測するエージェントがなく、手順書が揃い最新かを確かめられません。",
            "No agent watches this system, so it is not known whether its procedures are complete and current.",
        ),
        Sentence::new(
            "受託者は、対象ホストにエージェントを入れてください。",
            "The contractor installs the agent.",
        ),
    )
}

fn work_name(work: WorkType) -> (&'static str, &'static str) {
    match work {
        WorkType::StartStop => ("起動・停止", "starting and stopping"),
        WorkType::Patching => ("ソフトウェアの更新", "updating software"),
        WorkType::Accounts => ("アカウントの発行・廃止", "issuing and removing accounts"),
        WorkType::Backup => ("バックアップ・復元", "backup and restore"),
        WorkType::LogExtraction => ("ログの取得", "extracting logs"),
        WorkType::IncidentResponse => ("事案の初動", "first response to incidents"),
        WorkType::Media => ("媒体の取扱い", "handling media"),
        WorkType::ServerRoom => ("サーバ室での作業", "work in the server room"),
        WorkType::Configuration => ("設定の変更", "changing settings"),
        WorkType::Other => ("その他の作業", "other work"),
    }
}

/// Whether a procedure is current.
enum Currency {
    Current,
    /// Overdue by age, since an instant.
    Old(Timestamp),
    /// Not looked at after a change, since an instant.
    Changed(Timestamp, Stamp),
    /// Whether it is overdue hangs on holidays nobody knows yet.
    NotSure(Stamp),
}

fn currency(case: &Case<'_>, procedure: &Procedure<'_>) -> Currency {
    let reviewed = procedure.last_review();
    let age = SignedDuration::from_hours(case.measure(P34, "review_months").value.saturating_mul(365 * 2));
    if case.older_than(reviewed.observed, age) {
        return Currency::Old(reviewed.observed.saturating_add(age).unwrap_or(Timestamp::MAX));
    }
    let Some(change) = first_change_after(case, reviewed.observed) else { return Currency::Current };
    let due = case.after_open_days(change.observed, case.measure(P34, "after_change_bd").value);
    match (case.passed(due.at), due.holidays) {
        (false, _) => Currency::Current,
        (true, Holidays::Known) => Currency::Changed(due.at, change),
        (true, Holidays::NotKnown) => Currency::NotSure(change),
    }
}

/// a procedure nobody looked at in time, unless it is current.
fn not_looked_at(case: &Case<'_>, procedure: &Procedure<'_>) -> Option<Finding> {
    let (due, entry) = match currency(case, procedure) {
        Currency::Old(due) => (due, procedure.last_review().entry),
        Currency::Changed(due, change) => (due, change.entry),
        Currency::Current | Currency::NotSure(_) => return None,
    };
    Some(Finding {
        id: finding_id(Rule::R24, procedure.id.as_str(), Object::Watch, due),
        rule: Rule::R24,
        system: case.system.clone(),
        host: None,
        object: Object::Watch,
        names: vec![procedure.newest.value.title.clone()],
        count: 1,
        join: Join::Late { request: None, due },
        when: When::Between { earliest: Some(due), latest: due },
        since: due,
        entries: vec![entry],
        by: None,
        against: Party::Contractor,
    })
}

/// the procedures of a system nobody looked at in time.
pub(crate) fn outdated(case: &Case<'_>) -> Vec<Finding> {
    procedures(case).iter().filter_map(|procedure| not_looked_at(case, procedure)).collect()
}

/// The city said that it is no violation, or closed it.
fn is_excused(case: &Case<'_>, procedure: &Procedure<'_>) -> bool {
    let finding = not_looked_at(case, procedure);
    let state = finding.map(|finding| settled(case, &finding));
    matches!(state, Some(Settled::Excused(_) | Settled::Closed))
}

/// 1.b 最新の状態を維持すること。
///
/// Overdue by age (P-34 `review_months`), or because the system changed and nobody looked again (`after_change_bd`).
pub fn judge_1_b(case: &Case<'_>) -> Verdict {
    let procedures = procedures(case);
    if procedures.is_empty() {
        return nothing_registered();
    }
    let entries: Vec<EntryNumber> =
        procedures.iter().map(|procedure| procedure.last_review().entry).collect();
    let mut measures = vec![P34];
    let mut not_sure = None;
    for procedure in procedures.iter().filter(|procedure| !is_excused(case, procedure)) {
        let reviewed = procedure.last_review();
        let title = &procedure.newest.value.title;
        if first_change_after(case, reviewed.observed).is_some() {
            measures = vec![P34, P37];
        }
        match currency(case, procedure) {
            Currency::Current => {}
            Currency::Old(_) => {
                let words = ("見直しの期限を過ぎています", "is overdue for review");
                return stale(title, words, [reviewed.entry]).measured_by([P34]);
            }
            Currency::Changed(_, change) => {
                let words = ("変更の後に見直されていません", "was not looked at after a change");
                return stale(title, words, [change.entry, reviewed.entry]).measured_by(measures);
            }
            Currency::NotSure(change) => not_sure = Some(change.entry),
        }
    }
    if let Some(change) = not_sure {
        return holidays_not_known(case).with_evidence(EvidenceClass::E1, [change]);
    }
    if let Some(unwatched) = unwatched(case) {
        return unwatched.with_evidence(EvidenceClass::E3, entries);
    }
    let count = procedures.len();
    Verdict::kept(Sentence::new(
        format!("手順書 {count} 件すべてが期限内に見直されています。"),
        format!("All {count} procedures were reviewed in time."),
    ))
    .measured_by(measures)
    .with_evidence(EvidenceClass::E3, entries)
}

/// The oldest change nobody looked at: newer ones do not give more time.
fn first_change_after(case: &Case<'_>, reviewed: Timestamp) -> Option<Stamp> {
    let work = case.hosts().flat_map(|(_, host)| host.into_iter().flat_map(Host::work_seen));
    work.filter(|(_, work)| matches!(work, WorkType::Patching | WorkType::Configuration))
        .map(|(stamp, _)| stamp)
        .filter(|stamp| stamp.observed > reviewed)
        .min_by_key(|stamp| (stamp.observed, stamp.entry))
}

fn holidays_not_known(case: &Case<'_>) -> Verdict {
    let until = case.calendar().holidays_until;
    Verdict::unknown(
        Sentence::new(
            format!(
                "祝日表が {until} で終わっているため、変更の後の見直しの期限が過ぎたかを決められません。"
            ),
            format!(
                "The table of holidays ends on {until}, so it is not known whether the review is overdue."
            ),
        ),
        Sentence::new(
            "受託者は新しい祝日表を申告し、市は合意してください。",
            "The contractor declares the new table of holidays and the city agrees.",
        ),
    )
}

fn stale(title: &str, (ja, en): (&str, &str), entries: impl IntoIterator<Item = EntryNumber>) -> Verdict {
    Verdict::broken(
        Sentence::new(format!("「{title}」は{ja}。"), format!("“{title}” {en}.")),
        Sentence::new(
            "受託者は手順書を見直し、改定するか、改定不要の理由を記録してください。",
            "The contractor reviews it and revises it, or records why no revision is needed.",
        ),
    )
    .with_evidence(EvidenceClass::E3, entries)
}

/// 1.c また、その手順は、必要とする全ての利用者に対して利用可能とすること。
pub fn judge_1_c(case: &Case<'_>) -> Verdict {
    let procedures = procedures(case);
    if procedures.is_empty() {
        return nothing_registered();
    }
    let people = active_people(case);
    if !people.iter().any(|(_, role)| role.party() == Party::Contractor) {
        return Verdict::unknown(
            Sentence::new("作業に当たる人が登録されていません。", "Nobody who does the work is registered."),
            Sentence::new(
                "受託者は、運用担当者を登録してください。",
                "The contractor registers its operators.",
            ),
        );
    }
    let mut unread = 0_u32;
    for (person, role) in &people {
        let needed: Vec<_> = procedures.iter().filter(|p| p.newest.value.audience.contains(role)).collect();
        if needed.is_empty() && role.party() == Party::Contractor {
            return nothing_to_read(&procedures);
        }
        let read = |p: &&&Procedure<'_>| {
            let key = (p.newest.value.version.clone(), (*person).clone());
            p.registered.read.contains_key(&key)
        };
        unread = unread
            .saturating_add(u32::try_from(needed.iter().filter(|p| !read(p)).count()).unwrap_or(u32::MAX));
    }
    let entries = procedures.iter().map(Procedure::entry);
    if unread > 0 {
        return Verdict::unknown(
            Sentence::new(
                format!("手順書を必要とする人のうち、既読の確認がないものが {unread} 件あります。"),
                format!("{unread} confirmations of reading are missing."),
            ),
            Sentence::new(
                "該当者は、台帳で手順書を開き「読みました」を押してください。",
                "Whoever is named opens the procedure in the register and confirms.",
            ),
        )
        .with_evidence(EvidenceClass::E3, entries);
    }
    let count = people.len();
    Verdict::kept(Sentence::new(
        format!("手順書を必要とする {count} 人すべてが、最新版を読めることを確認しています。"),
        format!("All {count} people who need the procedures confirmed the newest versions."),
    ))
    .with_evidence(EvidenceClass::E4, entries)
}

fn active_people<'a>(case: &Case<'a>) -> Vec<(&'a PersonId, crate::act::Role)> {
    let working = case.evidence.people.iter().filter(|((_, role), holder)| {
        let held = &holder.entered.value;
        let left = holder.left.is_some_and(|left| left > holder.entered.stamp);
        let started = case.passed(held.from);
        let ended = held.until.is_some_and(|until| case.passed(until));
        role.party() != Party::Auditor && started && !ended && !left
    });
    working.map(|((person, role), _)| (person, *role)).collect()
}

fn nothing_to_read(procedures: &[Procedure<'_>]) -> Verdict {
    Verdict::broken(
        Sentence::new(
            "作業に当たる役割のうち、どの手順書の対象にもなっていないものがあります。",
            "A role that does the work is in the audience of no procedure.",
        ),
        Sentence::new(
            "受託者は、手順書の対象者を改めて登録してください。",
            "The contractor registers the audience of its procedures anew.",
        ),
    )
    .with_evidence(EvidenceClass::E3, procedures.iter().map(Procedure::entry))
}
