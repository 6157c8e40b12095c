//! Words and chips of findings and of what the join says of an occurrence.

use super::block::{Cell, Chip};
use super::era;
use super::visit::Visit;
use super::words::Lang;
use yakujo_contract::act::FindingClass;
use yakujo_contract::fact::state::Actor;
use yakujo_contract::finding::Settled;
use yakujo_contract::occurrence::{End, When};
use yakujo_contract::reconcile::{Beyond, Doubt, Join, Missing, Why};

/// What a finding is.
#[must_use]
pub fn class(lang: Lang, class: FindingClass) -> &'static str {
    match class {
        FindingClass::Violation => lang.of("違反", "Violation"),
        FindingClass::Justified => lang.of("正当", "Justified"),
        FindingClass::Mistaken => lang.of("誤検知", "Mistaken"),
        FindingClass::CausedByCity => lang.of("市起因", "Caused by the city"),
        FindingClass::ForceMajeure => lang.of("不可抗力", "Force majeure"),
    }
}

/// Where a finding stands, as a chip.
#[must_use]
pub fn settled(lang: Lang, state: Settled) -> Chip {
    let (class_name, sign, word) = match state {
        Settled::Open => ("unknown", "－", lang.of("分類待ち", "To be classified").to_owned()),
        Settled::Proposed(it) => {
            let said = class(lang, it);
            let word = match lang {
                Lang::Ja => format!("受託者の説明「{said}」（市の確認待ち）"),
                Lang::En => format!("Contractor: {said}; waits for the city"),
            };
            ("wait", "◇", word)
        }
        Settled::Violation => ("broken", "×", class(lang, FindingClass::Violation).to_owned()),
        Settled::Excused(it) => ("kept", "○", class(lang, it).to_owned()),
        Settled::Closed => ("not_applicable", "／", lang.of("処置済み", "Closed").to_owned()),
    };
    Chip { class: class_name, sign, word, href: String::new() }
}

/// What the join says, as a chip.
#[must_use]
pub fn join(lang: Lang, join: &Join) -> Chip {
    let (class, sign, word) = match join {
        Join::AsApproved(_) => ("kept", "○", lang.of("承認どおり", "As approved")),
        Join::NotSubject(_) => ("not_applicable", "／", lang.of("承認を要しない", "Needs no approval")),
        Join::Waiting { .. } => ("wait", "◇", lang.of("電話による了承（書面待ち）", "Consent by telephone")),
        Join::NotApproved(_) => ("broken", "×", lang.of("承認なし", "Not approved")),
        Join::OutsideWindow { .. } => ("broken", "×", lang.of("時間外", "Outside the window")),
        Join::OutsideScope { .. } => ("broken", "×", lang.of("範囲外", "Outside the scope")),
        Join::Undecided { .. } => ("unknown", "－", lang.of("判定不能", "Undecided")),
        Join::NotDone(_) => ("exempt", "△", lang.of("承認されたが未実施", "Approved, not done")),
        Join::Late { .. } => ("broken", "×", lang.of("期限超過", "Late")),
    };
    Chip { class, sign, word: word.to_owned(), href: String::new() }
}

/// Why the join says so, in a few words; empty: the chip says it all.
#[must_use]
pub fn because(lang: Lang, join: &Join) -> String {
    let text = match join {
        Join::AsApproved(_) | Join::NotDone(_) | Join::Waiting { .. } => "",
        Join::NotApproved(missing) => return missing_words(lang, missing).to_owned(),
        Join::OutsideWindow { by_s, .. } => {
            let (minutes, seconds) = (by_s / 60, by_s % 60);
            return match lang {
                Lang::Ja => format!("承認された時間から {minutes}分{seconds}秒 外れています。"),
                Lang::En => format!("{minutes} min {seconds} s outside the approved window."),
            };
        }
        Join::OutsideScope { beyond, .. } => beyond_words(lang, *beyond),
        Join::Undecided { doubt, .. } => doubt_words(lang, *doubt),
        Join::NotSubject(why) => why_words(lang, *why),
        Join::Late { due, .. } => {
            return format!("{}{}", lang.of("期限：", "Due: "), era::wareki(lang, *due));
        }
    };
    text.to_owned()
}

fn missing_words(lang: Lang, missing: &Missing) -> &'static str {
    match missing {
        Missing::Request => lang.of("対応する申請・承認がありません。", "No request covers it."),
        Missing::AfterTheFact(_) => {
            lang.of("承認は、始まった後に与えられたものです。", "It was approved after it had begun.")
        }
        Missing::Revoked(_) => lang.of("承認は、取り消された後でした。", "The approval had been taken back."),
    }
}

fn beyond_words(lang: Lang, beyond: Beyond) -> &'static str {
    match beyond {
        Beyond::Place => lang.of("承認と別のホスト・環境です。", "Another host or environment."),
        Beyond::Thing => lang.of("承認と別の対象です。", "Another thing."),
        Beyond::Content => lang.of("承認と別の内容です。", "Another content."),
        Beyond::Class => {
            lang.of("運用制限の承認で、停止しています。", "A stop, where a restriction was approved.")
        }
        Beyond::Limit => lang.of("承認された回数を超えています。", "More often than approved."),
        Beyond::Uses => {
            lang.of("包括承認の回数を超えています。", "The standing approval was used too often.")
        }
        Beyond::RecordedLate => lang.of(
            "包括承認の発動の記録が遅れています。",
            "The use of the standing approval was recorded late.",
        ),
    }
}

fn doubt_words(lang: Lang, doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Time => lang.of("時刻の幅が、承認の端にかかります。", "It lies across an edge of the window."),
        Doubt::Clock => {
            lang.of("ホストの時計を信頼できません。", "The clock of the host cannot be believed.")
        }
        Doubt::Content => lang.of("変更後の内容を確かめられません。", "The content could not be seen."),
        Doubt::OneProbe => lang.of("一つの監視点だけが見ています。", "One probe alone saw it."),
        Doubt::BaselineLost => lang.of("監視の基準が失われています。", "The baseline was lost."),
        Doubt::NotWatched => lang
            .of("観測が届いていないため、何が起きたか分かりません。", "Nobody watches, so nothing is known."),
    }
}

fn why_words(lang: Lang, why: Why) -> &'static str {
    match why {
        Why::Package => lang.of("パッケージの更新による変更です。", "Explained by a package."),
        Why::Agreed => lang.of("合意した一覧にあります。", "On an agreed list."),
        Why::NoList => lang.of(
            "通信要件の一覧が合意される前の通信です。",
            "Seen before a list of needed communication was agreed.",
        ),
        Why::Declared => {
            lang.of("届け出済みで、相手方の確認待ちです。", "Declared, and waits for the other party.")
        }
        Why::PeerNotTold => lang.of(
            "相手の番号までは記録しないため、合意した範囲の中かは分かりません。",
            "Whether the other side is within what was agreed is not told.",
        ),
        Why::Ignored => lang.of("見ないと合意した対象です。", "Agreed not to be looked at."),
        Why::TestHost => lang.of("テスト環境のホストです。", "A host of the test environment."),
        Why::Beginning => lang.of("監視の始まりです。", "The beginning of watching."),
    }
}

/// When it happened.
#[must_use]
pub fn when(lang: Lang, when: &When) -> Cell {
    let time = |at| era::wareki(lang, at);
    let text = match *when {
        When::Between { earliest: Some(earliest), latest } if earliest < latest => {
            format!("{}{}{}", time(earliest), lang.of("から、次の間：", " to "), time(latest))
        }
        When::Between { latest, .. } => time(latest),
        When::Lasting { from, end: End::Open, .. } => {
            format!("{}{}", time(from), lang.of("から（継続中）", " and lasts"))
        }
        When::Lasting { from, to, end: End::Over } => {
            let seconds = to.duration_since(from).as_secs().max(0);
            let length = super::request_show::length(lang, seconds);
            format!("{}{}{}（{length}）", time(from), lang.of("から", " to "), time(to))
        }
    };
    Cell::Time { iso: when.mark().to_string(), shown: text, wareki: era::exact(when.mark()) }
}

/// Who did it. What is missing is not known; it never means nobody.
#[must_use]
pub fn actor(visit: &Visit, actor: Option<&Actor>) -> Cell {
    let Some(actor) = actor else { return Cell::text(visit.of("分かりません", "Not known")) };
    let part = |ja, en, value: &Option<String>| {
        value.as_ref().map(|value| Cell::text(format!("{}：{value}", visit.lang.of(ja, en))))
    };
    let parts = [
        part("ログインした利用者", "Signed in", &actor.login),
        part("実行した利用者", "Ran as", &actor.account),
        part("プログラム", "Program", &actor.exe),
    ];
    Cell::Many(parts.into_iter().flatten().collect())
}
