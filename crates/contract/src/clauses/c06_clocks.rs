//! Clause 6, 時刻の同期: every clock follows an accurate source.
//!
//! A daemon's "synchronised" flag is not believed: what counts is the offset our own SNTP exchange measured against the
//! configured sources.

use crate::case::HostCase;
use crate::evidence::latest::{Latest, Stamp};
use crate::fact::host::ClockState;
use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use crate::standing::{EvidenceClass, Sentence, Standing, Verdict};
use jiff::{SignedDuration, Timestamp};

const P18: ParameterId = ParameterId::new(18);

/// A daemon that heard no source for so long is no longer synchronised (obligations, 6.a: "un-synced ≤24 h").
const UNSYNCHRONISED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// 6.a 全ての情報システム内の時刻は、正確な時刻源と同期させること。
///
/// An offset counts until the clock is set by more than it may be off: then it has to be measured again.
pub fn judge_6_a(case: &HostCase<'_>) -> Verdict {
    if let Err(unknown) = case.fresh("clock") {
        return *unknown;
    }
    let Some(clock) = &case.host.clock else { return case.not_observed("時刻", "clock") };
    let entry = clock.stamp.entry;
    if clock.value.daemon == "none" {
        return no_daemon(case, entry);
    }
    let by_itself = not_synchronised(case, clock);
    let verdict = match clock.value.measured_offset_us {
        Some(offset_us) if by_itself.is_none() => by_offset(case, offset_us, entry),
        Some(offset_us) => {
            let verdict = by_offset(case, offset_us, entry);
            // A clock that is right by luck follows no source.
            if verdict.standing == Standing::Kept { by_itself.unwrap_or(verdict) } else { verdict }
        }
        None => by_itself.unwrap_or_else(|| unmeasured(case, &clock.value, entry)),
    };
    // What was measured before the clock was set excuses nothing; what it showed to be wrong stays until it is measured again.
    if verdict.standing == Standing::Kept { stepped(case, clock.stamp).unwrap_or(verdict) } else { verdict }
}

/// The clock was set by more than it may be off (P-18) since it was measured.
fn stepped(case: &HostCase<'_>, measured: Stamp) -> Option<Verdict> {
    let (moved, last) = case.host.clocks.moved_after(measured)?;
    let limit = case.case.measure(P18, "breach_ms").value;
    if moved.as_millis() <= i128::from(limit) {
        return None;
    }
    let (id, moved_ms) = (case.id(), moved.as_millis());
    let cause = Sentence::new(
        format!(
            "{id} の時刻が、最後に測った後に {moved_ms} ミリ秒動かされました（限度 {limit} ミリ秒）。正しいかは、測り直すまで分かりません。"
        ),
        format!(
            "The clock of {id} was moved by {moved_ms} ms since it was measured (limit {limit} ms). Whether it is right is not known until it is measured again."
        ),
    );
    let next = Sentence::new(
        "受託者は、時刻が動いた原因を確かめてください。エージェントは10分以内に測り直します。",
        "The contractor finds out why it moved. The agent measures again within ten minutes.",
    );
    let verdict = Verdict::unknown(cause, next).measured_by([P18]);
    Some(verdict.with_evidence(EvidenceClass::E1, [last.entry, measured.entry]))
}

/// The daemon runs, but its last update is too long ago: the clock has been on its own since.
fn not_synchronised(case: &HostCase<'_>, clock: &Latest<ClockState>) -> Option<Verdict> {
    let (id, daemon) = (case.id(), &clock.value.daemon);
    let age = SignedDuration::from_secs(i64::try_from(clock.value.last_update_age_s?).ok()?);
    let last_update = clock.stamp.observed.checked_sub(age).unwrap_or(Timestamp::MIN);
    if !case.case.older_than(last_update, UNSYNCHRONISED_FOR) {
        return None;
    }
    let cause = Sentence::new(
        format!("{id} は24時間以上、時刻源と同期していません（{daemon}）。"),
        format!("{id} has had no time source for over 24 hours ({daemon})."),
    );
    let next = Sentence::new(
        "受託者は、時刻源との通信を直してください。",
        "The contractor mends the path to the time source.",
    );
    Some(Verdict::broken(cause, next).with_evidence(EvidenceClass::E1, [clock.stamp.entry]))
}

fn no_daemon(case: &HostCase<'_>, entry: EntryNumber) -> Verdict {
    let id = case.id();
    Verdict::broken(
        Sentence::new(
            format!("{id} には時刻を合わせる仕組みが動いていません。"),
            format!("Nothing on {id} keeps its clock right."),
        ),
        Sentence::new(
            "受託者は、chrony などの時刻同期を動かしてください。",
            "The contractor runs chrony or another time daemon.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

fn by_offset(case: &HostCase<'_>, offset_us: i64, entry: EntryNumber) -> Verdict {
    let id = case.id();
    let offset_ms = offset_us.saturating_abs() / 1_000;
    let breach = case.case.measure(P18, "breach_ms");
    let warn = case.case.measure(P18, "warn_ms");
    if offset_ms > breach.value {
        let limit = breach.value;
        return Verdict::broken(
            Sentence::new(
                format!("{id} の時刻が {offset_ms} ミリ秒ずれています（限度 {limit} ミリ秒）。"),
                format!("The clock of {id} is {offset_ms} ms off (limit {limit} ms)."),
            ),
            Sentence::new(
                "受託者は、時刻源との通信と同期の設定を直してください。",
                "The contractor mends the path to the time source and its settings.",
            ),
        )
        .measured_by([P18])
        .with_evidence(EvidenceClass::E1, [entry]);
    }
    let note = if offset_ms > warn.value { ("注意が必要です。", " Watch it.") } else { ("", "") };
    Verdict::kept(Sentence::new(
        format!("{id} の時刻のずれは {offset_ms} ミリ秒です。{}", note.0),
        format!("The clock of {id} is {offset_ms} ms off.{}", note.1),
    ))
    .measured_by([P18])
    .with_evidence(EvidenceClass::E1, [entry])
}

/// The daemon runs, but our own exchange got no answer.
fn unmeasured(case: &HostCase<'_>, clock: &ClockState, entry: EntryNumber) -> Verdict {
    let (id, daemon) = (case.id(), &clock.daemon);
    Verdict::unknown(
        Sentence::new(
            format!("{id} の時刻源が応答せず、ずれを測れません（{daemon}）。"),
            format!("No time source of {id} answers, so the offset cannot be measured ({daemon})."),
        ),
        Sentence::new(
            "受託者は、時刻源の設定と通信を確認してください。",
            "The contractor checks the configured time sources and the path to them.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}
