//! Generations of backups (10.a, P-25): which the server removed, by which rule, and whether those that have to be there are.

use super::assets::jobs_of;
use crate::case::Case;
use crate::evidence::agreement::{Line, Stage};
use crate::evidence::backups::Job;
use crate::evidence::latest::{Latest, Stamp};
use crate::fact::backup::{BackupRetention, Lost};
use crate::id::{EntryNumber, HostId};
use crate::parameter::ParameterId;
use crate::retention::Generations;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::Timestamp;

const P25: ParameterId = ParameterId::new(25);

/// What is wrong with the generations of an asset: too few by the rule itself, or some of them gone. What was lost before
/// both parties last agreed on the asset (`since`) is settled between them. Every job is asked, given up or not: its
/// generations are needed as long.
pub(super) fn wrong(case: &Case<'_>, asset: &str, since: Option<Timestamp>) -> Option<Verdict> {
    jobs_of(case, asset).into_iter().find_map(|saved_by| {
        let told = [&saved_by.job.planned, &saved_by.job.retention].into_iter().flatten();
        let told = told.max_by_key(|told| told.stamp)?;
        let called = saved_by.called(asset);
        too_few(case, &called, saved_by.host, told).or_else(|| gone(&called, told, since))
    })
}

/// The rule keeps fewer than both parties had agreed on when it was used.
fn too_few(
    case: &Case<'_>,
    (ja, en): &(String, String),
    host: &HostId,
    told: &Latest<BackupRetention>,
) -> Option<Verdict> {
    let agreements = &case.evidence.agreements;
    let agreed_by_then = |line: &Line<'_>| match line.stage {
        Stage::Agreed(stamp) => stamp.received <= told.stamp.received,
        Stage::Open | Stage::Refused | Stage::Ended => false,
    };
    // Which rank held before the last agreement is not asked: the next removal is by the new one.
    let place = agreements.place_line(host).is_some_and(|line| agreed_by_then(&line));
    let system = agreements.systems().get(case.system).is_some_and(agreed_by_then);
    if !place || !system {
        return None;
    }
    let asked = Generations::of_rank(case.terms, case.evidence, case.importance(), told.stamp.received);
    if told.value.generations.keeps_as_much_as(&asked) {
        return None;
    }
    Some(broken(
        (
            format!("資産{ja}の古い控えが、合意した世代（P-25）より少なく残す規則で削除されました。"),
            format!(
                "Old backups of {en} were removed by a rule that keeps fewer generations than agreed (P-25)."
            ),
        ),
        (
            "受託者は、合意した世代で整理し直し、失われた世代を市に報告してください。",
            "The contractor removes by the agreed generations, and reports to the city which are lost.",
        ),
        told.stamp.entry,
    ))
}

/// Snapshots that the generations need are gone, and no removal in the ledger that kept its own rule names them.
fn gone(
    (ja, en): &(String, String),
    told: &Latest<BackupRetention>,
    since: Option<Timestamp>,
) -> Option<Verdict> {
    let lost: Vec<&Lost> = told.value.lost.iter().filter(|lost| Some(lost.heard) >= since).collect();
    let first = lost.first()?;
    let (count, of) = (lost.len(), jst(first.heard));
    Some(broken(
        (
            format!(
                "資産{ja}の必要な世代のうち {count} 件（{of} のものなど）が、規則どおりの削除の記録がないまま保存先からなくなっています。"
            ),
            format!(
                "{count} needed generations of {en} (of {of} and others) are gone from the repository, and no removal by the rule explains it."
            ),
        ),
        (
            "受託者は、なくなった原因を調べて市に報告し、資産を申告し直して市の確認を受けてください。",
            "The contractor finds out why, reports it, and declares the asset anew for the city to confirm.",
        ),
        told.stamp.entry,
    ))
}

fn broken(cause: (String, String), next: (&str, &str), entry: EntryNumber) -> Verdict {
    Verdict::broken(Sentence::new(cause.0, cause.1), Sentence::new(next.0, next.1))
        .measured_by([P25])
        .with_evidence(EvidenceClass::E1, [entry])
}

/// How many generations there are, and where that was seen. That a run was told does not show that it is still there.
pub(super) fn counted<'a>(jobs: impl Iterator<Item = &'a Job>) -> (Sentence, Option<Stamp>) {
    let told = jobs.filter_map(|job| job.retention.as_ref()).max_by_key(|told| told.stamp);
    let Some(told) = told else {
        let sentence = Sentence::new(
            "世代の数は、保存先で確かめていません。",
            " How many generations there are was not looked up in the repository.",
        );
        return (sentence, None);
    };
    let (kept, at) = (told.value.kept, jst(told.stamp.received));
    let sentence = Sentence::new(
        format!("世代は {kept} 件です（{at} に保存先で確認）。"),
        format!(" There are {kept} generations (looked up in the repository at {at})."),
    );
    (sentence, Some(told.stamp))
}
