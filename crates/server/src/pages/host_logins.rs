//! Who came to a host, who was refused, who used somebody else's rights, and who went (4.2.a, 4.3.a, 5.a), newest first. Read
//! from the ledger, a page at a time: however old it is, a page costs the same.

use super::block::{self, Cell};
use super::host::{Listed, table};
use super::list::Wanted;
use super::request_show;
use super::visit::{Refusal, Visit};
use super::words::Lang;
use crate::views::EntryFilter;
use yakujo_contract::entry::Entry;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::access::LoginEnd;
use yakujo_contract::id::{EntryNumber, HostId};

const KINDS: [&str; 4] = ["login.open", "login.close", "login.failure", "priv.use"];

/// The list.
///
/// # Errors
/// When the views cannot be read.
pub async fn list(visit: &Visit, host: &HostId, wanted: &Wanted) -> Result<Listed, Refusal> {
    let mut numbers = Vec::new();
    for kind in KINDS {
        let filter = EntryFilter {
            kind: Some(kind.to_owned()),
            host: Some(host.to_string()),
            before: wanted.after.parse().ok(),
            // One more than the page shows tells whether there is another page.
            limit: u32::try_from(wanted.limit.saturating_add(1)).unwrap_or(u32::MAX),
            ..EntryFilter::default()
        };
        let rows = visit.office.views().list_entries(&filter).await?;
        numbers.extend(rows.into_iter().map(|row| row.number));
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let more = numbers.len() > wanted.limit;
    numbers.truncate(wanted.limit);
    let next = numbers.last().filter(|_| more).map(u64::to_string);
    let needle = wanted.find.to_lowercase();
    let rows = numbers.into_iter().filter_map(|number| {
        let number = EntryNumber(number);
        let cells = row(visit, number, &request_show::entry(visit, number)?)?;
        let is_wanted =
            needle.is_empty() || cells.iter().any(|cell| cell.plain().to_lowercase().contains(&needle));
        is_wanted.then_some(cells)
    });
    let heads = [
        visit.of("日時", "When"),
        visit.of("出来事", "What"),
        visit.of("アカウント", "Account"),
        visit.of("どこから・何を", "From where, what"),
        visit.of("証拠", "Entry"),
    ];
    let caption = visit.of("ログインと特権の使用（新しい順）", "Log-ons and use of privilege, newest first");
    let empty = visit.of("記録はありません。", "There are none.");
    Ok(table(caption, &heads, (rows.collect(), next), empty))
}

fn row(visit: &Visit, number: EntryNumber, entry: &Entry) -> Option<Vec<Cell>> {
    let lang = visit.lang;
    let (at, what, account, text) = match entry.fact()? {
        Fact::LoginOpen(it) => {
            let text = format!("{}（{}）", it.from, it.method);
            (it.at, lang.of("ログイン", "Log-on"), it.account.clone(), text)
        }
        Fact::LoginClose(it) => {
            let lasted = i64::try_from(it.lasted_s).unwrap_or(i64::MAX);
            let text = format!("{}（{}）", end(lang, it.reason), request_show::length(lang, lasted));
            (it.at, lang.of("ログアウト", "Log-out"), it.account.clone(), text)
        }
        Fact::LoginFailure(it) => {
            let unknown = || lang.of("（存在しない名前）", "(no such account)").to_owned();
            let text = match lang {
                Lang::Ja => format!("{}（{}） {} 回", it.from, it.method, it.count),
                Lang::En => format!("{} ({}), {} times", it.from, it.method, it.count),
            };
            (it.until, lang.of("ログイン失敗", "Refused"), it.account.clone().unwrap_or_else(unknown), text)
        }
        Fact::PrivilegeUse(it) => {
            let refused = if it.allowed { "" } else { lang.of("（拒否）", " (refused)") };
            let text = format!("{} → {}{refused}", it.command, it.target);
            (it.at, lang.of("特権の使用", "Privilege"), it.account.clone(), text)
        }
        _ => return None,
    };
    Some(vec![
        Cell::time(lang, at),
        Cell::text(what),
        Cell::code(account),
        Cell::text(text),
        block::entries(&visit.base(), &[number]),
    ])
}

fn end(lang: Lang, reason: LoginEnd) -> &'static str {
    match reason {
        LoginEnd::LoggedOut => lang.of("本人が終了", "logged out"),
        LoginEnd::Idle => lang.of("無操作のため切断", "cut for idleness"),
        LoginEnd::Ended => lang.of("他の者が終了", "ended by somebody else"),
        LoginEnd::Lost => lang.of("通信が途絶", "connection lost"),
        LoginEnd::Inferred => lang.of("終了の記録なし（推定）", "no end on record (inferred)"),
        LoginEnd::NotTold => lang.of("終わり方は記録されていない", "how it ended is not on record"),
    }
}
