//! Clause 10, バックアップ: what work stops without is saved often enough, can be restored, and cannot be read by others.
//!
//! Which data that is stands in the register of assets (F-22), as both parties agreed. An asset is called in a job as it
//! is called there. How old a backup is counts from when it began, but never from later than the server heard of it.

use super::assets::{Asset, assets};
use super::{deliveries, generations};
use crate::act::Importance;
use crate::case::Case;
use crate::evidence::latest::Stamp;
use crate::fact::backup::{BackupCheck, BackupRun, RestoreDrill};
use crate::fact::malware::Done;
use crate::id::EntryNumber;
use crate::parameter::ParameterId;
use crate::request::flow::Progress;
use crate::standing::{EvidenceClass, Sentence, Standing, Verdict, jst};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

const P25: ParameterId = ParameterId::new(25);
const P26: ParameterId = ParameterId::new(26);
/// A backup older than so many intervals is missing (obligations, 10.a: "newest good > RPO×2").
const INTERVALS: i64 = 2;
/// How the tool of a result is marked that came by file, and of one that was tried on a copy.
const AT_SECOND_HAND: [&str; 2] = [" (imported)", BackupCheck::OF_A_COPY];

/// The worst of the verdicts on the assets; of several, the first by name.
fn worst(verdicts: Vec<Verdict>) -> Option<Verdict> {
    let rank = |verdict: &Verdict| match verdict.standing {
        Standing::Broken => 0,
        Standing::Unknown => 1,
        Standing::Exempt(_) | Standing::NotApplicable | Standing::Kept => 2,
    };
    let mut verdicts = verdicts.into_iter();
    let first = verdicts.next()?;
    Some(verdicts.fold(first, |worst, verdict| if rank(&verdict) < rank(&worst) { verdict } else { worst }))
}

fn no_register() -> Verdict {
    Verdict::unknown(
        Sentence::new(
            "業務継続に必要なデータの一覧（情報資産台帳）が合意されていません。",
            "No register of the data that work stops without has been agreed.",
        ),
        Sentence::new(
            "受託者は、情報資産を申告し、市は確認してください。",
            "The contractor declares the assets, and the city confirms them.",
        ),
    )
}

/// 10.a 業務継続に支障が発生する恐れのあるデータは、定期的にバックアップをとること。
pub fn judge_10_a(case: &Case<'_>) -> Verdict {
    let assets = assets(case, longest(case));
    let verdicts: Vec<Verdict> = assets.iter().map(|asset| saved(case, asset)).collect();
    let all_kept = verdicts.iter().all(|verdict| verdict.standing == Standing::Kept);
    match worst(verdicts.clone()) {
        None => no_register(),
        Some(verdict) if all_kept => {
            let names: BTreeSet<&str> = assets.iter().map(|asset| asset.line.asset.as_str()).collect();
            all_saved(names.len(), &verdicts, &verdict.cause)
        }
        Some(verdict) => verdict,
    }
}

/// Every asset is saved; the entries of all of them say so.
fn all_saved(count: usize, verdicts: &[Verdict], says: &Sentence) -> Verdict {
    let entries = verdicts.iter().flat_map(|verdict| verdict.evidence.iter().copied());
    // What another product says of itself is the weakest of it.
    let class = verdicts.iter().filter_map(|verdict| verdict.class).max().unwrap_or(EvidenceClass::E1);
    Verdict::kept(Sentence::new(
        format!("業務継続に必要な資産 {count} 件は、すべて定期的に保存され、復元を試しています。{}", says.ja),
        format!(
            "All {count} assets that work stops without are saved in time, and restores were tried. {}",
            says.en
        ),
    ))
    .measured_by([P25, P26])
    .with_evidence(class, entries)
}

/// How one job saves an asset: the first thing that is wrong.
fn saved(case: &Case<'_>, asset: &Asset<'_>) -> Verdict {
    let (ja, en) = asset.called();
    let Some((of, stamp, run)) = asset.newest() else { return never_saved(asset) };
    let hours = interval(case);
    if case.older_than(of, longest(case)) {
        let of = jst(of);
        return asset
            .broken(
                (
                    format!(
                        "資産{ja}の最新のバックアップは {of} のもので、間隔 {hours} 時間の2倍を過ぎています。"
                    ),
                    format!(
                        "The newest backup of {en} is of {of}, over twice the interval of {hours} hours ago."
                    ),
                ),
                (
                    "受託者は、バックアップの失敗の原因を除き、取り直してください。",
                    "The contractor mends the job and backs up again.",
                ),
                [asset.entry, stamp.entry],
            )
            .measured_by([P25]);
    }
    let doubts =
        [damaged(asset), drill_failed(asset), emptied(asset), shrunk(asset), partial(asset, run, stamp)];
    let doubts =
        doubts.into_iter().flatten().chain(generations::wrong(case, &asset.line.asset, asset.agreed));
    if let Some(doubt) = worst(doubts.collect()) {
        return doubt;
    }
    if asset.agreed.is_none() {
        return not_agreed(asset);
    }
    if let Some(overdue) = drill_overdue(case, asset).or_else(|| read_overdue(case, asset)) {
        return overdue;
    }
    proven(case, asset, (of, stamp), hours)
}

/// How often an asset is saved, in hours.
fn interval(case: &Case<'_>) -> i64 {
    case.measure(P25, interval_key(case.importance())).value
}

/// A backup older than this is missing.
fn longest(case: &Case<'_>) -> SignedDuration {
    SignedDuration::from_hours(interval(case).saturating_mul(INTERVALS))
}

fn interval_key(importance: Importance) -> &'static str {
    match importance {
        Importance::S => "s_h",
        Importance::A => "a_h",
        Importance::B => "b_h",
    }
}

fn drill_key(importance: Importance) -> &'static str {
    match importance {
        Importance::S => "s_d",
        Importance::A => "a_d",
        Importance::B => "b_d",
    }
}

fn never_saved(asset: &Asset<'_>) -> Verdict {
    let (ja, en) = asset.called();
    let last = asset.job().and_then(|job| job.last.as_ref());
    let Some(last) = last else {
        return asset.unknown(
            (
                format!("資産{ja}を保存するジョブの記録が、一度も届いていません。"),
                format!("No job has ever reported that it saves {en}."),
            ),
            (
                "受託者は、この資産名でバックアップのジョブを設定するか、他の製品の結果を取り込んでください。",
                "The contractor sets a job up for this asset, or has the results of another product imported.",
            ),
            [asset.entry],
        );
    };
    let reason = &last.value.reason;
    asset.unknown(
        (
            format!("資産{ja}のバックアップは、まだ一度も成功していません（{reason}）。"),
            format!("No backup of {en} has worked yet ({reason})."),
        ),
        ("受託者は、ジョブの失敗の原因を除いてください。", "The contractor mends the job."),
        [asset.entry, last.stamp.entry],
    )
}

/// The last check found damage, or the last one that read content back did.
fn damaged(asset: &Asset<'_>) -> Option<Verdict> {
    let repository = asset.repository()?;
    let mut checks = [&repository.check, &repository.read].into_iter().flatten();
    let check = checks.find(|check| check.value.errors > 0)?;
    let ((ja, en), errors) = (asset.called(), check.value.errors);
    Some(asset.broken(
        (
            format!("資産{ja}の保存先に {errors} 件の破損があります。"),
            format!("The repository with {en} has {errors} errors."),
        ),
        (
            "受託者は、別の保存先へ取り直し、破損の原因を調べてください。",
            "The contractor backs up elsewhere and looks for the cause of the damage.",
        ),
        [check.stamp.entry],
    ))
}

fn drill_failed(asset: &Asset<'_>) -> Option<Verdict> {
    let (_, drill) = asset.drill()?;
    if drill.value.is_good() {
        return None;
    }
    let ((ja, en), wrong) = (asset.called(), drill.value.mismatches);
    let reason = &drill.value.reason;
    Some(asset.broken(
        (
            format!("資産{ja}の復元試験で、原本と一致しないものが {wrong} 件ありました（{reason}）。"),
            format!("The restore drill of {en} found {wrong} that differ from the originals ({reason})."),
        ),
        (
            "受託者は、復元できない原因を除き、取り直してから復元試験をやり直してください。",
            "The contractor mends the cause, backs up again and repeats the drill.",
        ),
        [drill.stamp.entry],
    ))
}

/// The last run says that it worked, and nothing is in it.
fn emptied(asset: &Asset<'_>) -> Option<Verdict> {
    let last = asset.job()?.failing().filter(|last| last.value.result == Done::Done)?;
    let (ja, en) = asset.called();
    Some(asset.unknown(
        (
            format!("資産{ja}の最新のバックアップは、成功と報告されましたが中身がありません。"),
            format!("The last backup of {en} is said to have worked, but nothing is in it."),
        ),
        (
            "受託者は、ジョブの対象と、元のデータが失われていないかを確かめてください。",
            "The contractor checks what the job saves, and whether the data itself is lost.",
        ),
        [last.stamp.entry],
    ))
}

fn shrunk(asset: &Asset<'_>) -> Option<Verdict> {
    let since = asset.agreed.unwrap_or(Timestamp::MIN);
    let (stamp, newest, larger) = asset.job()?.shrunk(since)?;
    let ((ja, en), now, then) = (asset.called(), newest.bytes, larger.bytes);
    Some(asset.unknown(
        (
            format!("資産{ja}のバックアップが急に小さくなりました（{then} バイトから {now} バイト）。"),
            format!("The backup of {en} is suddenly smaller ({then} bytes before, {now} now)."),
        ),
        (
            "受託者は、データが失われていないかを確かめ、正しければ資産を申告し直して市の確認を受けてください。",
            "The contractor checks whether data is lost; if it is right, declares the asset anew for the city to confirm.",
        ),
        [stamp.entry],
    ))
}

fn partial(asset: &Asset<'_>, run: &BackupRun, stamp: Stamp) -> Option<Verdict> {
    if run.coverage.is_complete() {
        return None;
    }
    let ((ja, en), reason) = (asset.called(), &run.coverage.reason);
    let missed = run.coverage.unreadable.saturating_add(run.coverage.skipped);
    Some(asset.unknown(
        (
            format!("資産{ja}の最新のバックアップでは、{missed} 件を読み取れていません（{reason}）。"),
            format!("The newest backup of {en} could not read {missed} files ({reason})."),
        ),
        (
            "受託者は、ジョブに必要な権限を与えてください。",
            "The contractor gives the job the rights it needs.",
        ),
        [stamp.entry],
    ))
}

fn not_agreed(asset: &Asset<'_>) -> Verdict {
    let (ja, en) = asset.called();
    asset.unknown(
        (
            format!("資産{ja}は保存されていますが、台帳の内容を市がまだ確認していません。"),
            format!("{en} is saved, but the city has not confirmed the register yet."),
        ),
        ("市は、情報資産の申告を確認してください。", "The city confirms the asset."),
        [asset.entry],
    )
}

fn drill_overdue(case: &Case<'_>, asset: &Asset<'_>) -> Option<Verdict> {
    let days = case.measure(P26, drill_key(case.importance())).value;
    let drill = asset.drill();
    let limit = SignedDuration::from_hours(days.saturating_mul(24));
    if drill.is_some_and(|(at, _)| !case.older_than(at, limit)) {
        return None;
    }
    let (ja, en) = asset.called();
    let last = drill.map(|(_, drill)| drill.stamp.entry);
    let overdue = asset.unknown(
        (
            format!("資産{ja}のバックアップはありますが、{days} 日以内の復元試験がなく、復元できるか確かめられていません。"),
            format!("{en} is backed up, but without a restore drill within {days} days nobody knows whether it can be restored."),
        ),
        ("受託者は、復元試験を行ってください。", "The contractor makes a restore drill."),
        std::iter::once(asset.entry).chain(last),
    );
    Some(overdue.measured_by([P26]))
}

fn read_overdue(case: &Case<'_>, asset: &Asset<'_>) -> Option<Verdict> {
    let days = case.measure(P26, "check_d").value;
    // As with the backups themselves, one check may be late.
    let limit = SignedDuration::from_hours(days.saturating_mul(24).saturating_mul(INTERVALS));
    let read = asset.last_read();
    if read.is_some_and(|(at, _)| !case.older_than(at, limit)) {
        return None;
    }
    let (ja, en) = asset.called();
    let last = read.map(|(_, read)| read.stamp.entry);
    let overdue = asset.unknown(
        (
            format!("資産{ja}の保存先を読み返す検査が、{days} 日ごとに行われていません。"),
            format!("The repository with {en} is not read back every {days} days."),
        ),
        ("受託者は、保存先の検査を行ってください。", "The contractor checks the repository."),
        std::iter::once(asset.entry).chain(last),
    );
    Some(overdue.measured_by([P26]))
}

fn proven(case: &Case<'_>, asset: &Asset<'_>, (of, stamp): (Timestamp, Stamp), hours: i64) -> Verdict {
    let (ja, en) = asset.called();
    let late = if case.older_than(of, SignedDuration::from_hours(hours)) {
        ("間隔を過ぎており、注意が必要です。", " It is late. Watch it.")
    } else {
        ("", "")
    };
    let (drill, read) = (asset.drill().map(|(_, drill)| drill), asset.last_read().map(|(_, read)| read));
    let tools = [
        asset.newest().map(|(_, _, run)| run.tool.as_str()),
        drill.map(|drill| drill.value.tool.as_str()),
        read.map(|read| read.value.tool.as_str()),
    ];
    let class = class_of(tools.into_iter().flatten());
    let alone = drill.map(|drill| by_the_same(asset, &drill.value)).unwrap_or_default();
    let (counted, looked) = generations::counted(asset.job().into_iter());
    let of = jst(of);
    Verdict::kept(Sentence::new(
        format!("{ja}の最新のものは {of} です。{}{}{}", late.0, alone.ja, counted.ja),
        format!("The newest of {en} is of {of}.{}{}{}", late.1, alone.en, counted.en),
    ))
    .measured_by([P25, P26])
    .with_evidence(
        class,
        [asset.entry, stamp.entry]
            .into_iter()
            .chain(drill.map(|drill| drill.stamp.entry))
            .chain(read.map(|read| read.stamp.entry))
            .chain(looked.map(|looked| looked.entry)),
    )
}

/// What an agent saw is stronger than what another product says of itself.
fn class_of<'a>(mut tools: impl Iterator<Item = &'a str>) -> EvidenceClass {
    let is_second_hand = |tool: &str| AT_SECOND_HAND.iter().any(|mark| tool.ends_with(mark));
    if tools.any(is_second_hand) { EvidenceClass::E2 } else { EvidenceClass::E1 }
}

/// The name of a program without its version: `restic 0.14.0` and `restic 0.18.1` are one implementation.
fn implementation(tool: &str) -> String {
    let is_version =
        |word: &&str| word.trim_start_matches(['v', 'V']).starts_with(|c: char| c.is_ascii_digit());
    let tool = AT_SECOND_HAND.iter().fold(tool, |tool, mark| tool.trim_end_matches(mark));
    let words = tool.split_whitespace().take_while(|word| !is_version(word));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// A drill by the program that made the backup shows that this program can read what it wrote, not that another one can. The
/// contract asks for a restore that was tried: it counts, and the verdict says by whom.
fn by_the_same(asset: &Asset<'_>, drill: &RestoreDrill) -> Sentence {
    let (made, restored) = (implementation(asset.made_by(drill)), implementation(&drill.tool));
    if made.is_empty() || restored.is_empty() {
        return Sentence::new(
            "復元試験が、取ったものとは別の実装によるかは分かりません。",
            " Whether the restore was tried by another implementation than made it is not known.",
        );
    }
    if made != restored {
        return Sentence::default();
    }
    Sentence::new(
        format!(
            "注意: 復元試験は取ったものと同じ実装（{restored}）によるもので、別の実装で戻せることは確かめられていません。"
        ),
        format!(
            " Watch it: the restore was tried by the implementation that made the backup ({restored}); that another one can restore it was not tried."
        ),
    )
}

/// 10.b その際に個人情報等の機密性の高い情報資産の保護を行うこと。
pub fn judge_10_b(case: &Case<'_>) -> Verdict {
    let assets = assets(case, longest(case));
    if assets.is_empty() {
        return no_register();
    }
    // A job that never made a backup has nothing to protect, where another one has.
    let has_backup = |asset: &&Asset<'_>| asset.newest().is_some();
    let made: BTreeSet<&str> =
        assets.iter().filter(has_backup).map(|asset| asset.line.asset.as_str()).collect();
    let counts = |asset: &&Asset<'_>| has_backup(asset) || !made.contains(asset.line.asset.as_str());
    let verdicts = assets.iter().filter(counts).map(|asset| protected(case, asset)).collect();
    worst(verdicts).unwrap_or_else(no_register)
}

fn protected(case: &Case<'_>, asset: &Asset<'_>) -> Verdict {
    let (ja, en) = asset.called();
    let Some((_, stamp, run)) = asset.newest() else {
        return asset.unknown(
            (
                format!("資産{ja}のバックアップがまだなく、暗号化されているかを観測できていません。"),
                format!("There is no backup of {en} yet of which to see whether it is encrypted."),
            ),
            ("受託者は、バックアップを取ってください。", "The contractor makes a backup."),
            [asset.entry],
        );
    };
    if !run.encrypted {
        return plain(asset, stamp.entry);
    }
    if asset.agreed.is_none() {
        return not_agreed(asset);
    }
    let days = case.measure(P26, "key_d").value;
    let limit = SignedDuration::from_hours(days.saturating_mul(24).saturating_mul(INTERVALS));
    match asset.city_key() {
        Some((_, tried)) if tried.value.errors > 0 => key_lost(asset, tried.stamp.entry),
        Some((at, tried)) if !case.older_than(at, limit) => Verdict::kept(Sentence::new(
            format!("{ja}のバックアップは暗号化され、市のために預けた鍵で開くことを確かめています。"),
            format!("The backup of {en} is encrypted, and the key kept for the city was tried."),
        ))
        .measured_by([P26])
        .with_evidence(
            class_of([run.tool.as_str(), tried.value.tool.as_str()].into_iter()),
            [asset.entry, stamp.entry, tried.stamp.entry],
        ),
        tried => asset
            .unknown(
                (
                    format!("{ja}のバックアップは暗号化されていますが、預託した鍵で開くかを {days} 日ごとに確かめていません。"),
                    format!("The backup of {en} is encrypted, but the key kept for the city is not tried every {days} days."),
                ),
                (
                    "市は、預かっている鍵で保存先が開くかを、受託者と日を決めて確かめてください。",
                    "The city tries the key that it keeps, on a day agreed with the contractor.",
                ),
                [asset.entry, stamp.entry].into_iter().chain(tried.map(|(_, tried)| tried.stamp.entry)),
            )
            .measured_by([P26]),
    }
}

fn plain(asset: &Asset<'_>, entry: EntryNumber) -> Verdict {
    let (ja, en) = asset.called();
    let next = ("受託者は、暗号化して取り直してください。", "The contractor backs up anew, encrypted.");
    if asset.is_confidential() {
        return asset.broken(
            (
                format!("機密性の高い資産{ja}のバックアップが暗号化されていません。"),
                format!("The backup of the confidential asset {en} is not encrypted."),
            ),
            next,
            [asset.entry, entry],
        );
    }
    asset.unknown(
        (
            format!("資産{ja}のバックアップは暗号化されておらず、守られているかを観測できません。"),
            format!(
                "The backup of {en} is not encrypted; whether it is protected otherwise is not observed."
            ),
        ),
        next,
        [asset.entry, entry],
    )
}

fn key_lost(asset: &Asset<'_>, entry: EntryNumber) -> Verdict {
    let (ja, en) = asset.called();
    asset.broken(
        (
            format!("市のために預けた鍵では、資産{ja}の保存先が開きません。"),
            format!("The key kept for the city does not open the repository with {en}."),
        ),
        (
            "受託者は、鍵を作り直して市に預け直し、開くことを確かめてください。",
            "The contractor makes a new key for the city and tries it.",
        ),
        [entry],
    )
}

/// 10.c また、市がバックアップ手順を策定する場合は情報を提供すること。
pub fn judge_10_c(case: &Case<'_>) -> Verdict {
    let due = |progress: &Progress| progress.filled.moment("due").unwrap_or(progress.handed_in.received);
    let what = Sentence::new("バックアップ手順の情報", "information on backups");
    deliveries::answered(case, &what, &["backup"], due)
}
