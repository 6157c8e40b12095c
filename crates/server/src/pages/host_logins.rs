//! Who came to a host, who was refused, who used somebody else's rights, and who went (4.2.a, 4.3.a, 5.a), newest first. Read
//! from the ledger, a page at a time: however old it is, a page costs the same.

use super::block::{self, Cell};
use super::host::{Listed, table};
use super::list::Wanted;
use super::request_show;
use super::visit::{Refusal, Visit};
use super::words::Lang;
use crate::views::EntryFilter;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::access::LoginEnd;
use yakujo_contract::id::{EntryNumber, HostId};

/// Pages that a filter looks through at once.
const MOST_STEPS: usize = 20;

const KINDS: [&str; 4] = ["login.open", "login.close", "login.failure", "priv.use"];

/// The list.
///
/// # Errors
/// When the views cannot be read.
pub async fn list(visit: &Visit, host: &HostId, wanted: &Wanted) -> Result<Listed, Refusal> {
    let needle = wanted.find.to_lowercase();
    let is_wanted = |cells: &[Cell]| {
        needle.is_empty() || cells.iter().any(|cell| cell.plain().to_lowercase().contains(&needle))
    };
    let (mut rows, mut before, mut more) = (Vec::new(), wanted.after.parse().ok(), true);
    // A filter walks on through what it does not show, for a while; the list says where it goes on from there.
    for _ in 0..MOST_STEPS {
        let numbers;
        (numbers, more) = newest(visit, host, before, wanted.limit).await?;
        for number in numbers {
            if rows.len() == wanted.limit {
                more = true;
                break;
            }
            before = Some(number);
            let cells = row(visit, EntryNumber(number));
            rows.extend(cells.filter(|cells| is_wanted(cells)));
        }
        if !more || needle.is_empty() || rows.len() == wanted.limit {
            break;
        }
        tokio::task::yield_now().await;
    }
    let next = before.filter(|_| more).map(|number| number.to_string());
    let heads = [
        visit.of("日時", "When"),
        visit.of("出来事", "What"),
        visit.of("アカウント", "Account"),
        visit.of("どこから・何を", "From where, what"),
        visit.of("証拠", "Entry"),
    ];
    let caption = visit.of("ログインと特権の使用（新しい順）", "Log-ons and use of privilege, newest first");
    let empty = match next {
        None => visit.of("記録はありません。", "There are none."),
        Some(_) => visit.of("ここまでには、該当がありません。次へ進んでください。", "None so far: go on."),
    };
    Ok(table(caption, &heads, (rows, next), empty))
}

/// Numbers below one, newest first, and whether there are more.
async fn newest(
    visit: &Visit,
    host: &HostId,
    before: Option<u64>,
    limit: usize,
) -> Result<(Vec<u64>, bool), Refusal> {
    let mut numbers = Vec::new();
    for kind in KINDS {
        let filter = EntryFilter {
            kind: Some(kind.to_owned()),
            host: Some(host.to_string()),
            before,
            // One more than is wanted tells whether there are more.
            limit: u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX),
            ..EntryFilter::default()
        };
        let rows = visit.office.views().list_entries(&filter).await?;
        numbers.extend(rows.into_iter().map(|row| row.number));
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let more = numbers.len() > limit;
    numbers.truncate(limit);
    Ok((numbers, more))
}

fn row(visit: &Visit, number: EntryNumber) -> Option<Vec<Cell>> {
    let lang = visit.lang;
    let entry = request_show::entry(visit, number)?;
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
