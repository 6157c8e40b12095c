//! The words of the verdicts, in Japanese and English. `web/verify.html` has the same verdict names.

use super::report::Line;
use super::{Finding, How, Report, Verdict};
use crate::policy::{Level, PolicyError};
use std::fmt::Write as _;

/// What the chain does not prove, in Japanese.
pub const LIMITS_JA: &str = "この検証が示すのは「台帳に入った記録が、その後変えられていないこと」です。台帳に届かなかった出来事や、\
記録された内容が事実どおりかどうかは示しません。届かなかった期間は、画面上で「未確認」として表示されます。";

/// What the chain does not prove, in English.
pub const LIMITS_EN: &str = "This shows that what entered the ledger was not changed afterwards. It does not show what never reached the \
server, nor whether what was recorded is true. Times from which nothing arrived are shown as Unknown by the portal.";

/// The name of a verdict.
pub(super) fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Intact => ("無傷", "intact"),
        Verdict::Unproved => ("照合できない", "cannot be compared with the record you hold"),
        Verdict::Unreadable => ("読めない", "unreadable"),
        Verdict::Signature => ("署名が方針を満たさない", "not signed as the policy asks"),
        Verdict::Older => ("手元の記録より古い", "older than the record you hold"),
        Verdict::TailMissing => ("末尾欠落", "tail missing"),
        Verdict::Altered => ("改ざん", "altered"),
        Verdict::Forked => ("分岐", "forked"),
    }
}

fn line(ja: impl Into<String>, en: impl Into<String>) -> Line {
    Line { ja: ja.into(), en: en.into() }
}

/// A finding in words, with what it means.
pub(super) fn finding(finding: &Finding) -> Line {
    match finding {
        Finding::BundleUnreadable(why) => bundle_unreadable(why),
        Finding::PolicyUnreadable(why) => line(
            format!("方針ファイルを読めません（{why}）。"),
            format!("The policy cannot be followed: {why}."),
        ),
        Finding::HeadUnreadable(name) => line(
            format!("手元の記録「{name}」は署名付きチェックポイントとして読めません。"),
            format!("The kept head \"{name}\" is no signed checkpoint."),
        ),
        Finding::EntryUnreadable { at, count } => entry_unreadable(*at, *count),
        Finding::Signature(why) => signature(why),
        Finding::ForeignHead(name) => foreign_head(name),
        Finding::ForkedFromHead { head, size } => forked_from_head(head, *size),
        Finding::ForkedFromPublished { size } => line(
            format!("台帳が以前に署名したチェックポイント（{size} 件の時点）と矛盾します。"),
            format!("The tree contradicts a checkpoint that the log itself had signed at {size} entries."),
        ),
        Finding::ForkedDecision { at, size } => forked_decision(*at, *size),
        Finding::Entry { at, how, count } => entry(*at, *how, *count),
        Finding::EntrySomewhere => line(
            "記録か証明が書き換えられています。場所を示す一覧も変えられているため、どの記録かは特定できません。",
            "Entries or proofs were changed; the list that would name the place was changed too.",
        ),
        Finding::Header(field) => line(
            format!("ファイルの見出し（{field}）が書き換えられています。"),
            format!("The header of the file was changed ({field})."),
        ),
        Finding::Personal(number) => line(
            format!("開示された個人情報の文面（{number} 件目）は、台帳に記録されたものと一致しません。"),
            format!("Disclosed personal text {number} is not the one the ledger knows."),
        ),
        Finding::TailMissing { at, missing } => tail_missing(*at, *missing),
        Finding::Older { head, held, shown } => older(head, *held, *shown),
        Finding::HeadUnproved { head, size } => head_unproved(head, *size),
    }
}

fn bundle_unreadable(why: &str) -> Line {
    line(
        format!(
            "ファイルを読めません。途中で切れているか、変換されたか、この形式ではありません（{why}）。もう一度受け取り直してください。"
        ),
        format!("The file cannot be read: {why}. Take it away again."),
    )
}

fn entry_unreadable(at: u64, count: u64) -> Line {
    line(
        format!(
            "記録 {at} 番など {count} 件は、この検証器が知らない形式です。新しい版の検証器を使ってください。"
        ),
        format!("Entry {at} ({count} in all) is of a form this verifier does not know; use a newer one."),
    )
}

fn foreign_head(name: &str) -> Line {
    line(
        format!(
            "手元の記録「{name}」は、方針にある台帳の鍵で署名されていません。別の台帳か、鍵が替えられています。"
        ),
        format!(
            "The kept head \"{name}\" is not signed by this log's key: another log, or the key was exchanged."
        ),
    )
}

fn forked_from_head(head: &str, size: u64) -> Line {
    line(
        format!(
            "手元の記録「{head}」（{size} 件の時点）の続きになっていません。台帳が書き換えられ、別の枝が示されています。"
        ),
        format!(
            "The tree does not continue the kept head \"{head}\" ({size} entries): history was rewritten."
        ),
    )
}

fn forked_decision(at: u64, size: u64) -> Line {
    line(
        format!(
            "記録 {at} 番の判断は {size} 件の時点の台帳を見て行われましたが、この台帳はその続きではありません。"
        ),
        format!("Entry {at} was decided under a head of {size} entries that this tree does not continue."),
    )
}

fn tail_missing(at: u64, missing: u64) -> Line {
    line(
        format!("末尾の {missing} 件（{at} 番以降）がファイルにありません。署名された台帳には存在します。"),
        format!(
            "The last {missing} entries (from number {at}) are not in the file, but are in the signed ledger."
        ),
    )
}

fn older(head: &str, held: u64, shown: u64) -> Line {
    line(
        format!(
            "手元の記録「{head}」は {held} 件ですが、示された台帳は {shown} 件です。台帳が巻き戻されたか、古いファイルです。\
             以前の時点を確かめるときは、その時点の手元の記録を使ってください。"
        ),
        format!(
            "The kept head \"{head}\" has {held} entries, this ledger only {shown}: it was rolled back, or the file \
             is an old one. To check an old file, give the heads of that time."
        ),
    )
}

fn head_unproved(head: &str, size: u64) -> Line {
    line(
        format!(
            "手元の記録「{head}」（{size} 件の時点）と照合する証明がファイルにありません。0 番からのファイルを受け取ってください。"
        ),
        format!(
            "The file holds no proof for the kept head \"{head}\" ({size} entries); ask for a bundle from entry 0."
        ),
    )
}

fn signature(why: &PolicyError) -> Line {
    match why {
        PolicyError::QuorumNotMet { .. } => line(
            "台帳の署名はありますが、市の立会署名がありません。チェックポイントに市が立会署名（yakujo-verify cosign）してから、もう一度受け取ってください。",
            format!(
                "{why}. Let the city cosign the checkpoint (yakujo-verify cosign) and take the bundle away again."
            ),
        ),
        PolicyError::UnknownLog { origin } => line(
            format!("「{origin}」は方針にない台帳です。別の台帳か、別の契約のファイルです。"),
            format!("{why}."),
        ),
        PolicyError::LogSignatureMissing { .. } => line(
            "方針にある台帳の鍵による署名がありません。別の鍵で署名されたか、署名が外されています。",
            format!("{why}."),
        ),
        PolicyError::FalseSignature { name } => {
            line(format!("「{name}」の名の署名が正しくありません。"), format!("{why}."))
        }
        PolicyError::Checkpoint(error) => line(
            format!("署名された文がチェックポイントではありません（{error}）。"),
            format!("{why}: {error}."),
        ),
    }
}

fn entry(at: u64, how: How, count: u64) -> Line {
    match how {
        How::Removed => {
            line(format!("記録 {at} 番が抜き取られています。"), format!("Entry {at} was cut out."))
        }
        How::Reordered => line(
            format!("記録 {at} 番から順序が入れ替えられています（{count} か所）。"),
            format!("From entry {at} on the order was changed ({count} places)."),
        ),
        How::Added => line(
            format!("{at} 番の位置に、台帳にない行が加えられています。"),
            format!("At entry {at} a line was added that is not in the ledger."),
        ),
        How::Changed | How::Header | How::Personal | How::Unknown => line(
            format!("記録 {at} 番の内容が書き換えられています（{count} か所）。"),
            format!("The content of entry {at} was changed ({count} places)."),
        ),
    }
}

pub(super) fn backwards(at: u64, count: usize) -> (String, String) {
    (
        format!(
            "受信時刻が前の記録より早い記録があります（{at} 番など {count} 件）。サーバーの時計が戻った可能性があります。"
        ),
        format!(
            "The time of arrival runs backwards at entry {at} ({count} in all): the server's clock was set back."
        ),
    )
}

pub(super) fn unmentioned(number: usize) -> (String, String) {
    (
        format!("開示された個人情報の文面（{number} 件目）を参照する記録は、このファイルにありません。"),
        format!("No entry in this file refers to disclosed personal text {number}."),
    )
}

pub(super) fn partial(first: u64, count: u64, size: u64) -> (String, String) {
    (
        format!("このファイルは台帳の一部です（{first} 番から {count} 件、台帳全体は {size} 件）。"),
        format!("This file is a part of the ledger: {count} entries from number {first}, of {size}."),
    )
}

pub(super) fn policy_of_the_maker() -> (String, String) {
    (
        "鍵はファイルに付いていたものを使いました。作成者が誰かは確かめていません。市が別に受け取った方針ファイルを指定してください。".to_owned(),
        "The keys were taken from the file itself: this does not show who made it. Give the policy you received apart."
            .to_owned(),
    )
}

pub(super) fn unproved_decisions(count: usize) -> (String, String) {
    (
        format!("判断の時点の台帳を照合できない記録が {count} 件あります（この範囲より前の時点のため）。"),
        format!("{count} entries were decided under heads before this range, which cannot be compared here."),
    )
}

impl Report {
    /// The report as Japanese text for people.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        let mut out = String::new();
        let symbol = if self.verdict() == Verdict::Intact { "○" } else { "×" };
        let place = self.at().map(|at| format!("（記録 {at} 番）")).unwrap_or_default();
        let _ = writeln!(out, "{symbol} {}{place}", verdict(self.verdict()).0);
        for found in &self.findings {
            let _ = writeln!(out, "  × {}", finding(found).ja);
        }
        if let Some((origin, size, root)) = &self.head {
            let _ = writeln!(out, "台帳 {origin}　{size} 件　根（ハッシュ） {root}");
            let _ = writeln!(out, "範囲（番号は 0 から） {} 番から {} 件", self.first, self.count);
        }
        let _ = match (self.level, self.cosigned) {
            (None, _) => Ok(()),
            (Some(Level::Cosigned), _) => writeln!(out, "署名 台帳と市の立会人"),
            (Some(Level::LogOnly), None) => writeln!(out, "署名 台帳のみ（市の立会署名なし）"),
            (Some(Level::LogOnly), Some(size)) => {
                writeln!(out, "署名 台帳のみ（市の立会署名は {size} 件まで）")
            }
        };
        for head in &self.heads {
            let size = head.size.map(|size| format!("（{size} 件）")).unwrap_or_default();
            let _ = writeln!(out, "手元の記録 {}{size}: {}", head.name, head_words(head.result).0);
        }
        for note in &self.notes {
            let _ = writeln!(out, "△ {}", note.ja);
        }
        let _ = writeln!(out, "{LIMITS_JA}");
        out
    }

    /// The report as English text for people.
    #[must_use]
    pub fn to_english(&self) -> String {
        let mut out = String::new();
        let symbol = if self.verdict() == Verdict::Intact { "○" } else { "×" };
        let place = self.at().map(|at| format!(" (at entry {at})")).unwrap_or_default();
        let _ = writeln!(out, "{symbol} {}{place}", verdict(self.verdict()).1);
        for found in &self.findings {
            let _ = writeln!(out, "  × {}", finding(found).en);
        }
        if let Some((origin, size, root)) = &self.head {
            let _ = writeln!(out, "ledger {origin}, {size} entries, root {root}");
            let _ = writeln!(out, "range: {} entries from number {}", self.count, self.first);
        }
        let _ = match (self.level, self.cosigned) {
            (None, _) => Ok(()),
            (Some(Level::Cosigned), _) => writeln!(out, "signed by the log and by the city's witness"),
            (Some(Level::LogOnly), None) => writeln!(out, "signed by the log only, not cosigned by the city"),
            (Some(Level::LogOnly), Some(size)) => {
                writeln!(out, "signed by the log only; cosigned by the city up to {size} entries")
            }
        };
        for head in &self.heads {
            let size = head.size.map(|size| format!(" ({size} entries)")).unwrap_or_default();
            let _ = writeln!(out, "kept head {}{size}: {}", head.name, head_words(head.result).1);
        }
        for note in &self.notes {
            let _ = writeln!(out, "△ {}", note.en);
        }
        let _ = writeln!(out, "{LIMITS_EN}");
        out
    }
}

fn head_words(result: super::HeadResult) -> (&'static str, &'static str) {
    use super::HeadResult as R;
    match result {
        R::Same => ("○ 一致", "○ the same"),
        R::Continued => ("○ 続きになっている", "○ continued"),
        R::Older => ("× 手元の方が新しい", "× newer than this file"),
        R::Forked => ("× 続きになっていない", "× not continued"),
        R::Unproved => ("△ 照合できない", "△ cannot be compared"),
        R::Foreign => ("× 別の鍵または別の台帳", "× another key or another log"),
        R::Unreadable => ("△ 読めない", "△ unreadable"),
    }
}
