//! What of the vulnerabilities that are known concerns a host, as it was worked out when the feed or the packages last changed:
//! what has to be done first stands first.

use super::block::Cell;
use super::era;
use super::host::{Listed, table};
use super::list::Wanted;
use super::visit::{Refusal, Visit};
use super::words::Lang;
use crate::views::concerns::{Compared, Concern, Untold};
use yakujo_contract::evidence::vulnerabilities::is_over;
use yakujo_contract::fact::vulnerability::VulnStatus;
use yakujo_contract::id::HostId;

/// The list.
///
/// # Errors
/// When the views cannot be read.
pub async fn list(visit: &Visit, host: &HostId, wanted: &Wanted) -> Result<Listed, Refusal> {
    let views = visit.office.views();
    let compared = views.compared_host(host).await?;
    // One more than is wanted tells whether there are more.
    let limit = u32::try_from(wanted.limit.saturating_add(1)).unwrap_or(u32::MAX);
    let mut concerns = views.concerns(host, &wanted.after, &wanted.find, limit).await?;
    let more = concerns.len() > wanted.limit;
    concerns.truncate(wanted.limit);
    let next = concerns.last().filter(|_| more).map(|last| last.place.clone());
    let rows = concerns.iter().map(|one| row(visit.lang, one)).collect();
    let heads = [
        visit.of("番号", "Number"),
        visit.of("パッケージと版", "Package and version"),
        visit.of("状態", "State"),
        visit.of("修正された版", "Fixed version"),
        visit.of("参考", "More"),
    ];
    Ok(table(&caption(visit, compared.as_ref()), &heads, (rows, next), empty(visit, compared.as_ref())))
}

fn caption(visit: &Visit, compared: Option<&Compared>) -> String {
    let Some(compared) = compared.filter(|compared| compared.untold.is_none()) else {
        return visit.of("脆弱性", "Vulnerabilities").to_owned();
    };
    let (serial, at, counts) = (compared.serial, era::wareki(visit.lang, compared.at), &compared.counts);
    let (fixed, never) = (counts.fixed, counts.not_affected);
    match visit.lang {
        Lang::Ja => format!(
            "脆弱性（通し番号 {serial} の情報と {at} に照合。修正済み {fixed} 件、該当しないもの {never} 件は、悪用が確認されたものだけを示します）"
        ),
        Lang::En => format!(
            "Vulnerabilities (feed {serial}, compared {at}; of {fixed} that are fixed and {never} that never concerned it only those known to be exploited are listed)"
        ),
    }
}

fn empty<'a>(visit: &'a Visit, compared: Option<&Compared>) -> &'a str {
    match compared.map(|compared| compared.untold) {
        None => visit.of(
            "まだ照合していません。脆弱性情報とソフトウェアの一覧がそろうと照合します。",
            "Not compared yet: a feed and the list of software are needed.",
        ),
        Some(Some(Untold::OtherSystem)) => visit.of(
            "取り込んだ情報は Debian のものだけで、このホストとは照合できません。",
            "The feed knows Debian alone: nothing can be said of this host.",
        ),
        Some(Some(Untold::NoRelease)) => visit.of(
            "OS の版の名前が届いていないため、照合できません。",
            "The name of its release is not known: nothing can be said of this host.",
        ),
        Some(None) => visit.of("この一覧に当たるものはありません。", "There are none."),
    }
}

fn row(lang: Lang, one: &Concern) -> Vec<Cell> {
    let mut number = vec![Cell::code(one.id.as_deref().unwrap_or("－"))];
    if one.exploited == Some(true) {
        let words = if is_over(one.status) {
            ("悪用あり", "exploited")
        } else {
            ("悪用あり・未解決", "exploited, open")
        };
        number.push(Cell::Tag(lang.of(words.0, words.1).to_owned()));
    }
    let mut more = Vec::new();
    if let Some(score) = one.epss_millionths {
        more.push(Cell::text(format!("EPSS {}.{:04}", score / 1_000_000, score % 1_000_000 / 100)));
    }
    more.extend(one.note.as_ref().map(|note| Cell::Small(note.clone())));
    vec![
        Cell::Many(number),
        Cell::Many(vec![Cell::code(&one.source), Cell::Small(one.version.clone())]),
        Cell::text(status(lang, one.status)),
        Cell::code(one.fixed_version.as_deref().unwrap_or("－")),
        Cell::Many(more),
    ]
}

/// How a vulnerability stands, in a word.
fn status(lang: Lang, status: VulnStatus) -> &'static str {
    match status {
        VulnStatus::Fixed => lang.of("修正済み", "fixed"),
        VulnStatus::UpdateAvailable => lang.of("修正版あり（未適用）", "a fixed version is on offer"),
        VulnStatus::Open => lang.of("未修正（修正版なし）", "no fixed version yet"),
        VulnStatus::NotAffected => lang.of("該当しない", "does not concern it"),
        VulnStatus::WillNotFix => lang.of("配布元は修正しない", "the distributor will not fix it"),
        VulnStatus::UnknownToFeed => lang.of("この情報では分からない", "unknown to this feed"),
    }
}
