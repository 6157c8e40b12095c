//! How the protection of a host stands (2.1.a): whether it works, and how old its engine and its definitions are.

use crate::case::HostCase;
use crate::evidence::engine_offers::is_of_engine;
use crate::fact::malware::{AvEngine, DaemonState};
use crate::id::EntryNumber;
use crate::standing::{EvidenceClass, Sentence, Verdict, jst};
use jiff::{SignedDuration, Timestamp};

/// The product whose packages the lists of a distributor tell of.
const CLAMAV: &str = "clamav";

/// The engine beside what its publisher offers, where nothing is wrong with it.
pub(super) struct Compared {
    /// What is to be said of it.
    pub words: Sentence,
    /// There are lists to compare it with.
    pub by_the_lists: bool,
    /// The entries that say so.
    pub entries: Vec<EntryNumber>,
}

/// Compares the engine with what the lists of the distributor offer; `lag` is how long it may be behind.
///
/// # Errors
/// 不適合 where a newer one has been on offer for longer, 未確認 where the lists cannot be read or are as old themselves.
pub(super) fn compared(
    case: &HostCase<'_>,
    engine: &AvEngine,
    lag: SignedDuration,
) -> Result<Compared, Box<Verdict>> {
    if engine.product != CLAMAV {
        let words = Sentence::new(
            "エンジンの新しさ（P-03）を比べる配布元の一覧は、この製品にはありません。",
            "There is no list of the publisher of this product to compare the engine with (P-03).",
        );
        return Ok(Compared { words, by_the_lists: false, entries: Vec::new() });
    }
    case.looks(&["updates"])?;
    let mut installed = case.host.packages.installed();
    if case.host.packages.whole_list().is_some() && !installed.any(|(package, _)| is_of_engine(&package.name))
    {
        return Err(Box::new(not_a_package(case)));
    }
    let Some(offers) = case.host.engine_offers.newest() else {
        return Err(Box::new(case.not_observed("適用できる更新の一覧", "list of updates on offer")));
    };
    let what = Sentence::new("更新の一覧", "lists of updates");
    case.whole(what, &offers.coverage, &offers.entries)?;
    let behind = offers.items.iter().map(|update| (case.host.engine_offers.behind_since(update), *update));
    let first = behind.min_by_key(|(since, _)| *since);
    if let Some((since, update)) = first.filter(|(since, _)| case.case.older_than(*since, lag)) {
        let (id, days, since) = (case.id(), lag.as_hours() / 24, jst(since));
        let (name, installed, candidate) = (&update.name, &update.installed, &update.candidate);
        let cause = Sentence::new(
            format!(
                "{id} の対策ソフトウェア {name} は {installed} のままで、新しい版（今は {candidate}）が {since} に出てから {days} 日を過ぎています。"
            ),
            format!(
                "The engine {name} of {id} is still {installed}; a newer one (now {candidate}) has been on offer since {since}, for over {days} days."
            ),
        );
        let next = Sentence::new(
            "受託者は、対策ソフトウェアを新しい版に更新してください。",
            "The contractor updates the engine.",
        );
        return Err(Box::new(Verdict::broken(cause, next).with_evidence(EvidenceClass::E1, offers.entries)));
    }
    let lists = case.host.engine_offers.lists();
    let Some(lists) = lists.filter(|lists| !case.case.older_than(*lists, lag)) else {
        return Err(Box::new(
            lists_too_old(case, lists, lag).with_evidence(EvidenceClass::E1, offers.entries),
        ));
    };
    Ok(Compared {
        words: stands(first.map(|(since, _)| since), lists),
        by_the_lists: true,
        entries: offers.entries,
    })
}

/// Lists tell of packages alone.
fn not_a_package(case: &HostCase<'_>) -> Verdict {
    let id = case.id();
    let cause = Sentence::new(
        format!("{id} の ClamAV は配布元のパッケージではなく、エンジンが新しいか分かりません。"),
        format!(
            "ClamAV on {id} is no package of the distributor: whether its engine is the newest is not known."
        ),
    );
    let next = Sentence::new(
        "受託者は、配布元のパッケージを使うか、更新の方法について市と例外を合意してください。",
        "The contractor uses the package of the distributor, or both parties agree on an exception.",
    );
    Verdict::unknown(cause, next)
}

fn stands(behind: Option<Timestamp>, lists: Timestamp) -> Sentence {
    let lists = jst(lists);
    match behind.map(jst) {
        None => Sentence::new(
            format!("配布元の一覧（{lists}）に、これより新しいエンジンはありません。"),
            format!("The lists of the distributor ({lists}) have no newer engine."),
        ),
        Some(since) => Sentence::new(
            format!("新しいエンジンが {since} に出ています。受託者は更新してください。"),
            format!("A newer engine has been on offer since {since}: the contractor updates it."),
        ),
    }
}

/// What came after the lists is not known.
fn lists_too_old(case: &HostCase<'_>, lists: Option<Timestamp>, lag: SignedDuration) -> Verdict {
    let (id, days) = (case.id(), lag.as_hours() / 24);
    let cause = lists.map(jst).map_or_else(
        || {
            Sentence::new(
                format!("{id} には配布元の更新の一覧がなく、エンジンが新しいか分かりません。"),
                format!("{id} has no lists of the distributor: whether its engine is the newest is not known."),
            )
        },
        |lists| {
            Sentence::new(
                format!("{id} の更新の一覧は {lists} のもので {days} 日より古く、エンジンが新しいか分かりません。"),
                format!("The lists of updates of {id} are of {lists}, older than {days} days: whether its engine is the newest is not known."),
            )
        },
    );
    let next = Sentence::new(
        "受託者は、更新の一覧を取り直してください（apt-get update）。",
        "The contractor fetches the lists anew (apt-get update).",
    );
    Verdict::unknown(cause, next)
}

pub(super) fn no_protection(case: &HostCase<'_>, instead: &[String], entry: EntryNumber) -> Verdict {
    let id = case.id();
    let also = if instead.is_empty() {
        (String::new(), String::new())
    } else {
        let names = instead.join("、");
        (
            format!("{names} はありますが、不正プログラム対策ソフトウェアではありません。"),
            format!(" {names} is there, which is no malware protection."),
        )
    };
    Verdict::broken(
        Sentence::new(
            format!("{id} に不正プログラム対策ソフトウェアがありません。{}", also.0),
            format!("{id} has no malware protection.{}", also.1),
        ),
        Sentence::new(
            "受託者は、対策ソフトウェアを導入するか、市と例外を合意してください。",
            "The contractor installs protection, or both parties agree on an exception.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

/// Other products than ClamAV are not asked by the agent: it reads what they export.
pub(super) fn is_told_by_a_file(engine: &AvEngine) -> bool {
    engine.product != CLAMAV
}

/// Where nobody could ask the protection, nothing is known of it: neither that it works nor that it does not.
pub(super) fn unread(case: &HostCase<'_>, engine: &AvEngine, entry: EntryNumber) -> Verdict {
    let (id, reason) = (case.id(), &engine.reason);
    let (ja, en, next) = if !is_told_by_a_file(engine) {
        (
            format!("{id} の対策ソフトウェアが働いているかを確かめる権限がありません。"),
            format!("Whether the protection of {id} works may not be asked."),
            Sentence::new(
                "受託者は、エージェントに clamd のソケットを使う権限を与えてください。",
                "The contractor lets the agent use the socket of clamd.",
            ),
        )
    } else if engine.daemon == DaemonState::Silent {
        (
            format!("{id} の対策ソフトウェアの結果のファイルは新しくありません（{reason}）。"),
            format!("The file with the results of the protection of {id} is not of now ({reason})."),
            Sentence::new(
                "受託者は、結果のファイルの書き出しが動いているかを確かめてください。",
                "The contractor checks that the export of the results works.",
            ),
        )
    } else {
        (
            format!("{id} の対策ソフトウェアの結果のファイルを読み取れません（{reason}）。"),
            format!("The file with the results of the protection of {id} cannot be read ({reason})."),
            Sentence::new(
                "受託者は、結果のファイルを決まった形で書き出してください。",
                "The contractor has the results exported in the documented form.",
            ),
        )
    };
    Verdict::unknown(Sentence::new(ja, en), next).with_evidence(EvidenceClass::E1, [entry])
}

pub(super) fn not_scanning(case: &HostCase<'_>, entry: EntryNumber, (ja, en): (&str, &str)) -> Verdict {
    let id = case.id();
    Verdict::broken(
        Sentence::new(
            format!("{id} の不正プログラム検査が{ja}。"),
            format!("The malware scanner of {id} {en}."),
        ),
        Sentence::new(
            "受託者は、検査の常駐プログラムを起動し直してください。",
            "The contractor restarts the scanning daemon.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

pub(super) fn too_old(
    case: &HostCase<'_>,
    made: Timestamp,
    breach: SignedDuration,
    entry: EntryNumber,
) -> Verdict {
    let (id, made, hours) = (case.id(), jst(made), breach.as_hours());
    Verdict::broken(
        Sentence::new(
            format!("{id} の定義ファイルは {made} のもので、限度の {hours} 時間を過ぎています。"),
            format!("The definitions of {id} are of {made}, older than {hours} hours."),
        ),
        Sentence::new(
            "受託者は、定義ファイルを更新してください。",
            "The contractor updates the definitions.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}

pub(super) fn dated_ahead(case: &HostCase<'_>, made: Timestamp, entry: EntryNumber) -> Verdict {
    let (id, made) = (case.id(), jst(made));
    Verdict::unknown(
        Sentence::new(
            format!("{id} の定義ファイルの日時 {made} は未来のもので、信用できません。"),
            format!(
                "The date of the definitions of {id}, {made}, lies in the future and cannot be believed."
            ),
        ),
        Sentence::new(
            "受託者は、定義ファイルと時刻を確かめてください。",
            "The contractor checks the definitions and the clock.",
        ),
    )
    .with_evidence(EvidenceClass::E1, [entry])
}
