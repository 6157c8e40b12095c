//! One information system: what was declared, its hosts, and who can get in: the accounts of all its hosts beside the
//! agreed ledger of accounts, for the city to look at and to sign off (11.b).

use super::block::{self, Block, Cell, Field, Input, Link, Table};
use super::frame::{self, Page};
use super::host::{DECLARED, declared_account};
use super::list::{List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::words::Lang;
use super::{systems, words};
use crate::audience::Audience;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::act::{AccountUse, Act, Matter, ReviewedAccount, Trit};
use yakujo_contract::court::Court;
use yakujo_contract::evidence::agreement::Line;
use yakujo_contract::fact::host::Account;
use yakujo_contract::id::{HostId, SystemId};
use yakujo_contract::parameter::ParameterId;

const P27: ParameterId = ParameterId::new(27);
/// Accounts that one form offers; a longer list is reviewed system by system.
const MOST_CHOICES: usize = 200;

/// The page.
///
/// # Errors
/// Absent, where there is no such system.
pub async fn show(visit: Visit) -> Answer {
    let id: SystemId = visit.part("system")?.parse().map_err(|_| Refusal::Absent)?;
    let wanted = Wanted::of(&visit);
    // Asked before the court is taken: the office looks at it, too.
    let days = visit.office.measure(P27, "dormant_d");
    let (about, name, targets, revocable, (rows, next)) = {
        let court = visit.office.court();
        let (about, name) = about(&visit, &court, &id)?;
        let targets = super::targets::of_system(&visit, &court, &id);
        let revocable = revocable(&visit, &court, &id, days);
        (about, name, targets, revocable, accounts(&visit, &court, &id, &wanted, days))
    };
    let heads = [
        visit.of("アカウント", "Account"),
        visit.of("ホスト", "Host"),
        visit.of("特権", "Privileged"),
        visit.of("最後の利用", "Last use"),
        visit.of("注意する点", "Marks"),
        visit.of(DECLARED.0, DECLARED.1),
    ];
    let table = Table {
        caption: visit.of("ログインできるアカウント", "Accounts that can log in").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ観測されていません。", "Not observed yet.").to_owned(),
    };
    let list = List { name: "accounts", table, next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let mut page = Page::new("systems", name, "");
    page.trail = vec![Link::new(format!("{}/systems", visit.base()), visit.of("情報システム", "Systems"))];
    page.push(Block::Fields(about));
    page.push(Block::Heading(visit.of("監視対象", "Targets").to_owned()));
    page.push(Block::Table(targets));
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
        let mut fields = vec![Field::new("remark", remark, Input::Lines(String::new()))];
        if !revocable.is_empty() {
            let label =
                visit.of("廃止を求めるアカウント（ほかは継続）", "Accounts that have to go; all others stay");
            fields.push(Field::any_of("revoke", label, revocable.clone()));
        }
        let label = visit.of("棚卸しを記録する", "Record the review");
        let mut form = visit.form(&format!("/systems/{id}/review"), label, fields);
        // Whatever comes between this look and the record was not looked at.
        form.hidden.extend(revocable.into_iter().map(|(account, _)| ("shown".to_owned(), account)));
        page.push(Block::Form(form));
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
    let review = evidence.access_reviews.get(id);
    let review = review.map_or_else(
        || Cell::text(visit.of("まだ記録がありません", "None yet")),
        |review| {
            let (stamp, kept, revoked) = (review.stamp, review.value.kept.len(), review.value.revoke.len());
            let words = match lang {
                Lang::Ja => format!("継続 {kept} 件、廃止 {revoked} 件"),
                Lang::En => format!("{kept} kept, {revoked} to be revoked"),
            };
            let entries = block::entries(&visit.base(), &[stamp.entry]);
            Cell::Many(vec![Cell::time(lang, stamp.received), Cell::text(words), entries])
        },
    );
    let due = court.review_due(visit.office.terms(), id);
    let due = due.map_or_else(
        || Cell::text(visit.of("観測されたアカウントがまだありません", "No account was seen yet")),
        |due| {
            let late = visit.of("（過ぎています）", " (over)");
            Cell::Many(vec![Cell::time(lang, due), Cell::text(if visit.now > due { late } else { "" })])
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
        (visit.of("次の棚卸しの期限", "Next review due").to_owned(), due),
    ];
    Ok((fields, system.name.clone()))
}

fn accounts(
    visit: &Visit,
    court: &Court,
    id: &SystemId,
    wanted: &Wanted,
    days: i64,
) -> (Vec<Vec<Cell>>, Option<String>) {
    let all = seen(court, id);
    let marks = Marks::of(visit, court, id, &all, days);
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
                Cell::maybe_time(visit.lang, last_use(court, host, account)),
                Cell::text(marks.words(visit, host, account)),
                declared_account(visit, court, Some(id), host, account),
            ]
        },
    )
}

/// Accounts of a system that can log in, by name and host.
fn seen<'a>(court: &'a Court, id: &SystemId) -> Vec<(&'a HostId, &'a Account)> {
    let hosts = court.places().get(id).into_iter().flatten();
    let lists =
        hosts.filter_map(|(host, _)| Some((host, court.evidence().hosts.get(host)?.accounts.newest()?)));
    let accounts = lists.flat_map(|(host, list)| list.items.into_iter().map(move |account| (host, account)));
    let mut all: Vec<_> = accounts.filter(|(_, account)| account.can_log_in()).collect();
    all.sort_by(|one, other| (&one.1.name, one.0).cmp(&(&other.1.name, other.0)));
    all
}

fn last_use(court: &Court, host: &HostId, account: &Account) -> Option<Timestamp> {
    court.evidence().hosts.get(host)?.last_use(account)
}

/// What a reviewer should look at twice.
struct Marks<'a> {
    court: &'a Court,
    system: &'a SystemId,
    /// Keys that open accounts of several names.
    shared: BTreeSet<&'a str>,
    /// Not used since this instant: dormant.
    since: Timestamp,
}

impl<'a> Marks<'a> {
    fn of(
        visit: &Visit,
        court: &'a Court,
        system: &'a SystemId,
        all: &[(&'a HostId, &'a Account)],
        dormant_days: i64,
    ) -> Self {
        let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (_, account) in all {
            for key in &account.keys {
                names.entry(key).or_default().insert(&account.name);
            }
        }
        let shared = names.into_iter().filter(|(_, names)| names.len() > 1).map(|(key, _)| key).collect();
        let since = visit.now.checked_sub(SignedDuration::from_hours(dormant_days.saturating_mul(24)));
        Self { court, system, shared, since: since.unwrap_or(Timestamp::MIN) }
    }

    /// Nobody used it since, and it was there before. What nothing tells of counts from when it was first seen; of a role of a
    /// data base nobody knows.
    fn is_dormant(&self, host: &HostId, account: &Account) -> bool {
        if account.database().is_some() {
            return false;
        }
        let known = self.court.evidence().hosts.get(host);
        let first = known.and_then(|host| host.account_first_seen.get(&account.name));
        let used = last_use(self.court, host, account).or(first.map(|stamp| stamp.received));
        used.is_none_or(|used| used < self.since)
    }

    /// A role of a data base that was not seen in use lately: it may have been used while nobody looked.
    fn is_use_unknown(&self, host: &HostId, account: &Account) -> bool {
        let used = last_use(self.court, host, account);
        account.database().is_some() && used.is_none_or(|used| used < self.since)
    }

    fn words(&self, visit: &Visit, host: &HostId, account: &Account) -> String {
        let agreements = &self.court.evidence().agreements;
        let lines = agreements.of_host("account", self.system, host).filter(Line::is_agreed);
        let line = lines.into_iter().find_map(|line| match line.matter {
            Matter::Account(declared) if declared.account == account.name => Some(declared),
            _ => None,
        });
        let rests = line.is_some_and(|line| matches!(line.use_, AccountUse::Service | AccountUse::Emergency));
        let more = line.is_some_and(|line| line.privileged == Trit::No && account.privileged);
        let owner = line.and_then(|line| line.owner.as_ref());
        let left = owner.and_then(|owner| self.court.evidence().leaves(owner));
        let marks = [
            (account.database().is_some(), ("データベースのロール", "role of a data base")),
            (left.is_some_and(|left| left <= visit.now), ("持ち主が離任", "its owner left")),
            (line.is_none(), ("台帳にない", "in no line of the ledger")),
            (!rests && self.is_dormant(host, account), ("長く未使用", "dormant")),
            (!rests && self.is_use_unknown(host, account), ("使われているか不明", "use not known")),
            (account.keys.iter().any(|key| self.shared.contains(key.as_str())), ("鍵が共用", "shares a key")),
            (more, ("台帳より強い特権", "more privilege than its line gives")),
        ];
        let said: Vec<&str> =
            marks.iter().filter(|(holds, _)| *holds).map(|(_, (ja, en))| visit.of(ja, en)).collect();
        said.join(visit.of("、", ", "))
    }
}

/// What the city may ask to be revoked, as choices of a form.
fn revocable(visit: &Visit, court: &Court, id: &SystemId, days: i64) -> Vec<(String, String)> {
    let all = seen(court, id);
    let marks = Marks::of(visit, court, id, &all, days);
    let choice = |(host, account): (&HostId, &Account)| {
        let words = marks.words(visit, host, account);
        let words = if words.is_empty() { words } else { format!("（{words}）") };
        (format!("{host}|{}", account.name), format!("{} / {host}{words}", account.name))
    };
    all.into_iter().take(MOST_CHOICES).map(choice).collect()
}

/// The city looked at accounts and rights.
///
/// # Errors
/// When it is refused.
pub async fn review(visit: Visit) -> Answer {
    let system: SystemId = visit.part("system")?.parse().map_err(|_| Refusal::Absent)?;
    let account = |typed: &str| {
        let (host, account) = typed.split_once('|')?;
        Some(ReviewedAccount { host: host.parse().ok()?, account: account.to_owned() })
    };
    let revoke: Vec<ReviewedAccount> =
        visit.typed_all("revoke").filter_map(account).take(MOST_CHOICES).collect();
    let shown = visit.typed_all("shown").filter_map(account).take(MOST_CHOICES);
    let kept = shown.filter(|account| !revoke.contains(account)).collect();
    let remark = visit.typed("remark").to_owned();
    visit.act(Act::AccessReviewed { system: system.clone(), remark, revoke, kept }).await?;
    visit.go(&format!("/systems/{system}"))
}
