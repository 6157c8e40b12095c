//! Whether what is watched is known to be right, and could be put back (2.1.f).

use crate::baseline::{self, Stands};
use crate::case::Case;
use crate::evidence::latest::Latest;
use crate::fact::integrity::IntegrityHeld;
use crate::finding::Finding;
use crate::id::{EntryNumber, HostId};
use crate::standing::{EvidenceClass, Sentence, Verdict};
use crate::weigh;
use jiff::SignedDuration;

/// What is held is told once a day at least; two of these may be missed.
const TOLD_WITHIN: SignedDuration = SignedDuration::from_hours(72);

/// The entries that show it for every host, or what is missing first.
pub(super) fn ready(case: &Case<'_>) -> Result<Vec<EntryNumber>, Box<Verdict>> {
    let mut entries = Vec::new();
    for (place, host) in case.hosts() {
        entries.push(is_agreed(case, &place.host)?);
        let held = host.and_then(|host| host.held.as_ref());
        entries.push(can_be_put_back(case, &place.host, held)?);
    }
    Ok(entries)
}

fn is_agreed(case: &Case<'_>, host: &HostId) -> Result<EntryNumber, Box<Verdict>> {
    let stands = baseline::stands(case.evidence, case.joins, case.system, host);
    let (ja, en) = match stands {
        Stands::Agreed { stamp, .. } => return Ok(stamp.entry),
        Stands::NotTold => ("監視の基準がまだ届いていません", "has told no baseline yet"),
        Stands::NotAgreed => ("監視の基準は未合意です", "has a baseline that nobody agreed to"),
        Stands::Waiting(_) => ("監視の基準は合意待ちです", "has a baseline that waits to be agreed"),
        Stands::Anew(_) => (
            "監視の基準は、合意の後に作り直されたか、監視の範囲が変わったため、未合意です",
            "has a baseline that was made anew, or of other trees, after it was agreed",
        ),
        Stands::Changed { first, .. } => return Err(Box::new(changed(case, host, first))),
    };
    Err(Box::new(Verdict::unknown(
        Sentence::new(format!("{host} の{ja}。"), format!("{host} {en}.")),
        Sentence::new(
            "受託者はホストの画面から基準を市に示し、市は合意してください。",
            "The contractor puts the baseline before the city from the host's page, and the city agrees.",
        ),
    )))
}

fn changed(case: &Case<'_>, host: &HostId, first: &Finding) -> Verdict {
    let words = weigh::words(case.evidence, first);
    Verdict::unknown(
        Sentence::new(
            format!("{host} の監視の基準は、合意の後の変化（{}）が承認と結び付かず、未合意です。", words.ja),
            format!("The baseline of {host} is not agreed: {} is covered by no approval.", words.en),
        ),
        Sentence::new(
            "受託者は変化を説明するか元に戻し、正しいものなら新しい基準を市に示してください。",
            "The contractor explains or undoes the change; where it is right, he puts the new baseline before the city.",
        ),
    )
    .with_evidence(EvidenceClass::E1, first.entries.iter().copied())
}

fn can_be_put_back(
    case: &Case<'_>,
    host: &HostId,
    held: Option<&Latest<IntegrityHeld>>,
) -> Result<EntryNumber, Box<Verdict>> {
    let Some(held) = held.filter(|held| !case.older_than(held.stamp.received, TOLD_WITHIN)) else {
        return Err(Box::new(Verdict::unknown(
            Sentence::new(
                format!("{host} が正しい内容の控えを持っているか、報告がありません。"),
                format!("{host} does not tell whether the right content is held."),
            ),
            Sentence::new(
                "受託者は、エージェントの実行部（yakujo-act）を有効にしてください。",
                "The contractor enables the part of the agent that acts (yakujo-act).",
            ),
        )));
    };
    if held.value.lost == 0 {
        return Ok(held.stamp.entry);
    }
    let first = held.value.missing.iter().find(|missing| missing.saved_by.is_none());
    let first = first.map_or("", |missing| missing.path.as_str());
    let count = held.value.lost;
    let verdict = Verdict::unknown(
        Sentence::new(
            format!("{host} のファイル {count} 件（{first} など）は、控えがなく、改ざんされても戻せません。"),
            format!("{count} files of {host} ({first} …) are held nowhere and could not be put back."),
        ),
        Sentence::new(
            "受託者は、そのファイルをバックアップの対象に入れてください。",
            "The contractor has these files backed up.",
        ),
    );
    Err(Box::new(verdict.with_evidence(EvidenceClass::E1, [held.stamp.entry])))
}

/// The right content of a tampered file was sought, and is nowhere.
pub(super) fn is_nowhere(case: &Case<'_>, finding: &Finding) -> Option<Verdict> {
    let held = case.evidence.hosts.get(finding.host.as_ref()?)?.held.as_ref()?;
    let nowhere =
        |it: &&crate::fact::integrity::Sought| it.source.is_none() && finding.names.contains(&it.path);
    let sought = held.value.sought.iter().find(nowhere)?;
    let (path, reason) = (&sought.path, &sought.reason);
    let verdict = Verdict::unknown(
        Sentence::new(
            format!(
                "改ざんされた {path} の正しい内容は、控えにもバックアップにもありません。この内容は戻せません（{reason}）。"
            ),
            format!("The right content of {path}, which was tampered with, is nowhere to be had ({reason})."),
        ),
        Sentence::new(
            "受託者は、正しい内容を別に用意し、市と相談（F-06・F-09）してください。",
            "The contractor finds the right content elsewhere and talks with the city (F-06, F-09).",
        ),
    );
    let entries = finding.entries.iter().copied().chain([held.stamp.entry]);
    Some(verdict.with_evidence(EvidenceClass::E1, entries))
}
