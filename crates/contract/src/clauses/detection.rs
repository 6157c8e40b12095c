//! What shows that malware would be detected on a host (2.1.b). A product that is installed shows nothing: a harmless sample
//! that was written and found does, with everything scanned lately and nothing left out that matters.

use crate::case::HostCase;
use crate::fact::malware::{AvEngine, AvSelfTest, DaemonState, RealTime};
use crate::id::EntryNumber;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::{SignedDuration, Timestamp};

/// A sample that was found proves the detection for so long (obligations, 2.1.b: monthly).
const PROVES_FOR: SignedDuration = SignedDuration::from_hours(31 * 24);
/// Everything is scanned within so long (obligations, 2.1.b: weekly).
const SCANNED_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// 2.1.b of one host.
pub(super) fn judge(case: &HostCase<'_>) -> Verdict {
    if let Err(unknown) = case.fresh("malware") {
        return *unknown;
    }
    let Some(engine) = &case.host.av else {
        return case.not_observed("不正プログラムを検出する措置", "detection of malware");
    };
    let entry = engine.stamp.entry;
    if let Some(verdict) = by_engine(case, &engine.value, entry) {
        return verdict;
    }
    let Some(test) = &case.host.selftest else { return untested(case, None, entry) };
    if test.value.found_after_ms.is_none() {
        return not_found(case, &test.value, test.stamp.entry);
    }
    if case.case.older_than(test.stamp.when(test.value.placed), PROVES_FOR) {
        return untested(case, Some(test.value.placed), test.stamp.entry);
    }
    by_scans(case, [entry, test.stamp.entry])
}

/// What the product says of itself, where that is enough to judge.
fn by_engine(case: &HostCase<'_>, engine: &AvEngine, entry: EntryNumber) -> Option<Verdict> {
    if engine.product == "none" {
        return Some(super::engine::no_protection(case, &engine.not_protection, entry));
    }
    match engine.daemon {
        DaemonState::Scanning => {}
        DaemonState::Unreadable => return Some(super::engine::unread(case, engine, entry)),
        DaemonState::Silent if super::engine::is_told_by_a_file(engine) => {
            return Some(super::engine::unread(case, engine, entry));
        }
        DaemonState::Blind | DaemonState::Silent | DaemonState::Absent => {
            let words = ("働いていません", "does not work");
            return Some(super::engine::not_scanning(case, entry, words));
        }
    }
    let left_out: Vec<&str> =
        engine.exclusions.iter().flat_map(|rule| &rule.leaves_out).map(String::as_str).collect();
    if !left_out.is_empty() {
        return Some(excluded(case, &left_out, entry));
    }
    match engine.real_time {
        RealTime::On => None,
        RealTime::Off => Some(no_real_time(case, entry)),
        RealTime::Unreadable => Some(real_time_unknown(case, entry)),
    }
}

fn by_scans(case: &HostCase<'_>, before: [EntryNumber; 2]) -> Verdict {
    let id = case.id();
    let Some(scan) = &case.host.scan else {
        return Verdict::unknown(
            Sentence::new(
                format!("{id} の全体の検査がまだ終わっていません。"),
                format!("No scan of everything on {id} has ended yet."),
            ),
            Sentence::new(
                "受託者は、全体の検査の終わりを待ってください。",
                "The contractor waits for the end of the scan.",
            ),
        )
        .with_evidence(EvidenceClass::E1, before);
    };
    let entries = before.into_iter().chain([scan.stamp.entry]);
    if case.case.older_than(scan.stamp.when(scan.value.ended), SCANNED_WITHIN) {
        return not_scanned_lately(case, scan.value.ended, scan.stamp.entry);
    }
    if let Some(gap) = case.host.not_scanned.as_ref().filter(|gap| gap.value.to > scan.value.started) {
        return gap_open(case, gap.value.to, gap.stamp.entry);
    }
    let (files, errors, ended) = (scan.value.files, scan.value.errors, jst(scan.value.ended));
    let note = if errors == 0 {
        (String::new(), String::new())
    } else {
        (
            format!("検査できなかったものが {errors} 件あります。"),
            format!(" {errors} files could not be scanned."),
        )
    };
    Verdict::kept(Sentence::new(
        format!(
            "{id} では無害な検体が検知され、書き込まれたファイルと全体（{files} 件、{ended}）が検査されています。{}",
            note.0
        ),
        format!(
            "A harmless sample is found on {id}; what is written and everything ({files} files, {ended}) is scanned.{}",
            note.1
        ),
    ))
    .with_evidence(EvidenceClass::E1, entries)
}

fn excluded(case: &HostCase<'_>, left_out: &[&str], entry: EntryNumber) -> Verdict {
    let (id, trees) = (case.id(), left_out.join("、"));
    Verdict::broken(
        Sentence::new(
            format!("{id} では、検査すべき {trees} が検査から外されています。"),
            format!("On {id} the scans leave out {trees}."),
        ),
        Sentence::new(
            "受託者は、除外の設定をやめるか、市と例外を合意してください。",
            "The contractor drops the exclusion, or both parties agree on an exception.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn no_real_time(case: &HostCase<'_>, entry: EntryNumber) -> Verdict {
    let id = case.id();
    Verdict::broken(
        Sentence::new(
            format!("{id} の常時の検査が切られています。書き込まれたファイルは、すぐには検査されません。"),
            format!("Real-time protection of {id} is off: what is written is not scanned at once."),
        ),
        Sentence::new(
            "受託者は、常時の検査を有効にしてください。",
            "The contractor switches real-time protection on.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn real_time_unknown(case: &HostCase<'_>, entry: EntryNumber) -> Verdict {
    let id = case.id();
    Verdict::unknown(
        Sentence::new(
            format!("{id} の常時の検査が全体に及んでいるかを確かめられません。"),
            format!("Whether real-time protection of {id} covers everything cannot be found out."),
        ),
        Sentence::new(
            "受託者は、ホストの画面の「不正プログラム」で理由を確かめてください。",
            "The contractor reads the reason in the state of the protection.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn untested(case: &HostCase<'_>, last: Option<Timestamp>, entry: EntryNumber) -> Verdict {
    let id = case.id();
    let (ja, en) = match last {
        None => ("まだありません".to_owned(), "does not exist yet".to_owned()),
        Some(last) => (format!("{} より後にありません", jst(last)), format!("is older than {}", jst(last))),
    };
    Verdict::unknown(
        Sentence::new(
            format!("{id} で無害な検体を検知した試験の結果が{ja}。"),
            format!("A detection test with a harmless sample on {id} {en}."),
        ),
        Sentence::new(
            "受託者は、エージェントの検知試験が動いていることを確かめてください。",
            "The contractor makes sure that the detection test of the agent runs.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn not_found(case: &HostCase<'_>, test: &AvSelfTest, entry: EntryNumber) -> Verdict {
    let (id, placed) = (case.id(), jst(test.placed));
    Verdict::broken(
        Sentence::new(
            format!("{id} に {placed} に置いた無害な検体が検知されませんでした。"),
            format!("The harmless sample written on {id} at {placed} was not found."),
        ),
        Sentence::new(
            "受託者は、検査の常駐プログラムと定義ファイルを確かめ、起動し直してください。",
            "The contractor checks the scanning daemon and its definitions and restarts it.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn not_scanned_lately(case: &HostCase<'_>, ended: Timestamp, entry: EntryNumber) -> Verdict {
    let (id, ended) = (case.id(), jst(ended));
    Verdict::broken(
        Sentence::new(
            format!("{id} の全体の検査が {ended} から7日を超えて行われていません。"),
            format!("Everything on {id} was last scanned at {ended}, more than 7 days ago."),
        ),
        Sentence::new(
            "受託者は、全体の検査が動かない理由を除いてください。",
            "The contractor removes what keeps the scan from running.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn gap_open(case: &HostCase<'_>, until: Timestamp, entry: EntryNumber) -> Verdict {
    let (id, until) = (case.id(), jst(until));
    Verdict::unknown(
        Sentence::new(
            format!(
                "{id} で {until} までに検査が漏れたファイルがあり、その後の全体の検査がまだ終わっていません。"
            ),
            format!("Files of {id} were missed until {until}, and no scan of everything has ended since."),
        ),
        Sentence::new(
            "受託者は、検査し直しの終わりを待ってください。",
            "The contractor waits for the end of the new scan.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}
