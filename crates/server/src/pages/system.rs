//! One information system: what was declared, its hosts, and who can get in: the accounts of all its hosts beside the
//! agreed ledger of accounts, for the city to look at and to sign off (11.b).

use super::block::{self, Block, Cell, Field, Input, Link, Table};
use super::frame::{self, Page};
use super::host::{DECLARED, declared_account};
use super::list::{List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::{systems, words};
use crate::audience::Audience;
use yakujo_contract::act::Act;
use yakujo_contract::court::Court;
use yakujo_contract::id::SystemId;

/// The page.
///
/// # Errors
/// Absent, where there is no such system.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let id: SystemId = visit.part("system")?.parse().map_err(|_| Refusal::Absent)?;
    let wanted = Wanted::of(&visit);
    let (about, name, (rows, next)) = {
        let court = visit.office.court();
        let (about, name) = about(&visit, &court, &id)?;
        (about, name, accounts(&visit, &court, &id, &wanted))
    };
    let heads = [
        visit.of("アカウント", "Account"),
        visit.of("ホスト", "Host"),
        visit.of("特権", "Privileged"),
        visit.of("最後の利用", "Last use"),
        visit.of(DECLARED.0, DECLARED.1),
    ];
    let table = Table {
        caption: visit.of("ログインできるアカウント", "Accounts that can log in").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ観測されていません。", "Not observed yet.").to_owned(),
    };
    let list = List { name: "accounts", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&wanted, lang) {
        return download;
    }
    let mut page = Page::new("systems", name, "");
    page.trail = vec![Link::new(format!("{}/systems", visit.base()), visit.of("情報システム", "Systems"))];
    page.push(Block::Fields(about));
    page.push(Block::Heading(visit.of("アカウントと権限", "Accounts and rights").to_owned()));
    page.blocks.extend(list.blocks(&visit, &wanted));
    if visit.may(Audience::City) {
        page.push(Block::Heading(visit.of("権限の棚卸しを記録する", "Sign off the review").to_owned()));
        let text = visit.of(
            "上の一覧を確かめたら、気づいたことを書いて記録してください（条項11）。",
            "Look at the list above, then record what you found (clause 11).",
        );
        page.push(Block::Text(text.to_owned()));
        let remark = visit.of("確かめた結果", "What was found");
        let fields = vec![Field::new("remark", remark, Input::Lines(String::new()))];
        let label = visit.of("棚卸しを記録する", "Record the review");
        page.push(Block::Form(visit.form(&format!("/systems/{id}/review"), label, fields)));
    }
    frame::show(&visit, &page)
}

type About = (Vec<(String, Cell)>, String);

fn about(visit: &Visit, court: &Court, id: &SystemId) -> Result<About, Refusal> {
    let lang = visit.lang;
    let evidence = court.evidence();
    let line = evidence.agreements.systems().get(id).copied().ok_or(Refusal::Absent)?;
    let system = systems::declared(&line).ok_or(Refusal::Absent)?;
    let hosts: Vec<Cell> = court
        .places()
        .get(id)
        .into_iter()
        .flatten()
        .take(20)
        .map(|(host, place)| {
            let words = format!("{host}（{}）", words::environment(lang, place.environment));
            Cell::link(format!("{}/hosts/{host}", visit.base()), words)
        })
        .collect();
    let review = evidence.access_reviews.get(id).map(|latest| latest.stamp);
    let review = review.map_or_else(
        || Cell::text(visit.of("まだ記録がありません", "None yet")),
        |stamp| {
            Cell::Many(vec![Cell::time(lang, stamp.received), block::entries(&visit.base(), &[stamp.entry])])
        },
    );
    let facing = visit.of("インターネットに公開", "Internet-facing");
    let fields = vec![
        ("ID".to_owned(), Cell::code(id.as_str())),
        (
            visit.of("業務の重要度", "Importance").to_owned(),
            Cell::text(words::importance(lang, system.importance)),
        ),
        (visit.of("ネットワーク", "Network").to_owned(), Cell::text(words::segment(lang, system.segment))),
        (facing.to_owned(), Cell::text(words::trit(lang, system.internet_facing))),
        (visit.of("申告の状態", "Stage").to_owned(), Cell::text(words::stage(lang, line.stage))),
        (visit.of("ホスト", "Hosts").to_owned(), Cell::Many(hosts)),
        (visit.of("最後の棚卸し（市）", "Last review by the city").to_owned(), review),
    ];
    Ok((fields, system.name.clone()))
}

fn accounts(
    visit: &Visit,
    court: &Court,
    id: &SystemId,
    wanted: &Wanted,
) -> (Vec<Vec<Cell>>, Option<String>) {
    let evidence = court.evidence();
    let hosts = court.places().get(id).into_iter().flatten();
    let seen = hosts.filter_map(|(host, _)| Some((host, evidence.hosts.get(host)?.accounts.newest()?)));
    let mut all: Vec<_> = seen
        .flat_map(|(host, list)| list.items.into_iter().map(move |account| (host, account)))
        .filter(|(_, account)| account.can_log_in())
        .collect();
    all.sort_by(|one, other| (&one.1.name, one.0).cmp(&(&other.1.name, other.0)));
    wanted.take(
        all.into_iter(),
        |(host, account)| format!("{}|{host}", account.name),
        |(host, account)| {
            vec![
                Cell::code(account.name.as_str()),
                Cell::link(format!("{}/hosts/{host}?tab=accounts", visit.base()), host.as_str()),
                Cell::text(if account.privileged {
                    visit.of("あり", "Yes")
                } else {
                    visit.of("なし", "No")
                }),
                Cell::maybe_time(visit.lang, account.last_login),
                declared_account(visit, court, Some(id), host, account),
            ]
        },
    )
}

/// The city looked at accounts and rights.
///
/// # Errors
/// When it is refused.
pub async fn review(visit: Visit) -> Answer {
    let system: SystemId = visit.part("system")?.parse().map_err(|_| Refusal::Absent)?;
    visit
        .act(Act::AccessReviewed { system: system.clone(), remark: visit.typed("remark").to_owned() })
        .await?;
    visit.go(&format!("/systems/{system}"))
}
