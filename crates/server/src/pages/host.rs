//! One host: how its duties stand, and what was observed: listeners, accounts, packages, containers, capacity.

use super::block::{self, Block, Cell, Link, Table, Tone};
use super::duty;
use super::era;
use super::frame::{self, Page};
use super::host_containers;
use super::list::{List, Wanted};
use super::visit::{Answer, Refusal, Visit};
use super::words::{self, Lang};
use super::{host_logins, host_malware, host_vulnerabilities, known_good, request_show};
use crate::audience::Audience;
use crate::views::EntryFilter;
use yakujo_contract::act::Matter;
use yakujo_contract::court::Court;
use yakujo_contract::evidence::agreement::Line;
use yakujo_contract::evidence::host::Host;
use yakujo_contract::evidence::latest::Latest;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentBudget;
use yakujo_contract::fact::host::Account;
use yakujo_contract::fact::network::{Beside, FlowPath, FlowSeen, Listener};
use yakujo_contract::id::{EntryNumber, HostId, SystemId};

/// What a tab is asked by, beside the first.
const TABS: [&str; 10] = [
    "malware",
    "logins",
    "listeners",
    "flows",
    "accounts",
    "packages",
    "containers",
    "vulnerabilities",
    "images",
    "capacity",
];

/// The page.
///
/// # Errors
/// Absent, where the host was neither declared nor heard of.
pub async fn show(visit: Visit) -> Answer {
    let id: HostId = visit.part("host")?.parse().map_err(|_| Refusal::Absent)?;
    let wanted = Wanted::of(&visit);
    let asked = visit.asked("tab");
    let tab = if TABS.contains(&asked) { asked } else { "duties" }.to_owned();
    let fetched = match tab.as_str() {
        "logins" => Some(host_logins::list(&visit, &id, &wanted).await?),
        "vulnerabilities" => Some(host_vulnerabilities::list(&visit, &id, &wanted).await?),
        _ => None,
    };
    let told = told(&visit, &id).await?;
    let (silence, remarks, mut about, (table, next)) = {
        let court = visit.office.court();
        let evidence = court.evidence();
        let declared = evidence.agreements.declared_hosts().any(|known| *known == id);
        if !evidence.hosts.contains_key(&id) && !declared {
            return Err(Refusal::Absent);
        }
        let silent = Host::default();
        let host = evidence.hosts.get(&id).unwrap_or(&silent);
        let rows = match tab.as_str() {
            "malware" => host_malware::list(&visit, host, &wanted),
            "listeners" => listeners(&visit, &court, (&id, host), &wanted),
            "flows" => flows(&visit, &court, (&id, host), &wanted),
            "accounts" => accounts(&visit, &court, (&id, host), &wanted),
            "packages" => packages(&visit, host, &wanted),
            "containers" => host_containers::containers(&visit, host, &wanted),
            "images" => host_containers::images(&visit, host, &wanted),
            "capacity" => capacity(&visit, host, &wanted),
            _ => fetched.unwrap_or_else(|| duties(&visit, &court, &id, &wanted)),
        };
        let remarks = host_containers::remarks(&visit, host);
        (super::hosts::is_silent(host), remarks, about(&visit, &court, (&id, host)), rows)
    };
    let list = List { name: "host", table, next, keep: vec![("tab".to_owned(), tab.clone())] };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let mut page = Page::new("hosts", id.as_str(), "");
    page.trail = vec![Link::new(format!("{}/hosts", visit.base()), visit.of("ホスト", "Hosts"))];
    if silence {
        let text = visit.of(
            "このホストからの通信が途絶えています。判定は未確認になります。",
            "Nothing is heard of this host: its duties are unknown.",
        );
        page.push(Block::note(Tone::Bad, "", text));
    }
    about.extend(told);
    page.blocks.extend(remarks);
    page.push(Block::Fields(about));
    let devices = format!("{}/hosts/{id}/devices", visit.base());
    let words = visit.of("機器証明書とエージェントの登録", "Certificates and enrolment").to_owned();
    page.push(Block::Buttons(vec![(devices, words, "second")]));
    page.push(Block::Tabs(tabs(&visit, &tab)));
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn tabs(visit: &Visit, current: &str) -> Vec<Link> {
    [
        ("duties", visit.of("判定", "Duties")),
        ("malware", visit.of("不正プログラム", "Malware")),
        ("logins", visit.of("ログイン", "Log-ons")),
        ("listeners", visit.of("待受け", "Listeners")),
        ("flows", visit.of("通信", "Communication")),
        ("accounts", visit.of("アカウント", "Accounts")),
        ("packages", visit.of("ソフトウェア", "Software")),
        ("vulnerabilities", visit.of("脆弱性", "Vulnerabilities")),
        ("containers", visit.of("コンテナ", "Containers")),
        ("images", visit.of("コンテナイメージ", "Container images")),
        ("capacity", visit.of("容量", "Capacity")),
    ]
    .into_iter()
    .map(|(tab, words)| Link::new(format!("{}?tab={tab}", visit.uri_path), words).here_if(tab == current))
    .collect()
}

fn about(visit: &Visit, court: &Court, (id, host): (&HostId, &Host)) -> Vec<(String, Cell)> {
    let lang = visit.lang;
    let system = host.system.as_ref().map_or_else(
        || visit.of("未観測", "Not observed").to_owned(),
        |seen| format!("{} {} / {}", seen.value.os, seen.value.version, seen.value.kernel),
    );
    let rights = host.started.as_ref().map_or("－", |started| started.value.rights.as_str());
    let waiting = host.beat.as_ref().map_or_else(|| "－".to_owned(), |beat| beat.value.waiting.to_string());
    let mut rows = vec![
        (visit.of("OSとカーネル", "System and kernel").to_owned(), Cell::text(system)),
        (visit.of("最初の記録", "First entry").to_owned(), Cell::maybe_time(lang, host.first_received)),
        (
            visit.of("最後の記録", "Last entry").to_owned(),
            Cell::maybe_time(lang, host.last_received.map(|stamp| stamp.received)),
        ),
        (
            visit.of("最後の起動", "Last boot").to_owned(),
            Cell::maybe_time(lang, host.boot.as_ref().map(|boot| boot.value.at)),
        ),
        (visit.of("エージェントの権限", "Rights of the agent").to_owned(), Cell::text(rights)),
        (visit.of("送信待ちの記録", "Facts waiting").to_owned(), Cell::text(waiting)),
        (visit.of("ネットワークからの遮断", "Cut off from the network").to_owned(), isolation(visit, host)),
    ];
    rows.extend(known_good::rows(visit, court, id, host));
    rows
}

/// Whether the host is cut off, as its agent said last, with the entry and the request it rests on.
fn isolation(visit: &Visit, host: &Host) -> Cell {
    let Some((stamp, state)) = host.isolations.last_key_value() else {
        return Cell::text(visit.of("未観測", "Not observed"));
    };
    let text = match state.isolated {
        true => visit.of("遮断中", "Cut off"),
        false => {
            visit.of("遮断していない（遮断できることを確認済み）", "Not cut off; that it could be was seen")
        }
    };
    let mut cells = vec![Cell::text(text), Cell::time(visit.lang, state.verified_at)];
    cells.extend(state.approval.as_ref().filter(|_| state.isolated).map(|request| {
        let label = visit.of("根拠の申請・報告", "The request it rests on");
        Cell::link(format!("{}/requests/{request}", visit.base()), label)
    }));
    cells.push(block::entries(&visit.base(), &[stamp.entry]));
    if state.isolated {
        cells.extend(from_outside(visit, host));
    }
    Cell::Many(cells)
}

/// How a host that is cut off looks from outside: since when, and as of when.
fn from_outside(visit: &Visit, host: &Host) -> Vec<Cell> {
    let Some(run) = host.seen_from_outside() else {
        let not_yet = visit.of("外からはまだ確かめていません。", "Nobody has tried it from outside yet.");
        return vec![Cell::text(not_yet)];
    };
    let (since, last) =
        (era::wareki(visit.lang, run.first.observed), era::wareki(visit.lang, run.last.observed));
    let words = visit.lang.say(&run.words());
    let text = match visit.lang {
        Lang::Ja => format!("外からの確認：{words}（{since}から。最後の記録は{last}）"),
        Lang::En => format!("From outside: {words} (since {since}; last on record {last})"),
    };
    vec![Cell::text(text), block::entries(&visit.base(), &[run.first.entry, run.last.entry])]
}

/// What the agent told of itself last: that it used more than it may, and that it was replaced.
async fn told(visit: &Visit, id: &HostId) -> Result<Vec<(String, Cell)>, Refusal> {
    let mut rows = Vec::new();
    for (kind, label) in [
        ("agent.budget", visit.of("エージェントの資源超過（最後）", "Agent over its budget, last")),
        ("agent.update", visit.of("エージェントの更新（最後）", "Agent replaced, last")),
    ] {
        let filter = EntryFilter {
            kind: Some(kind.to_owned()),
            host: Some(id.to_string()),
            limit: 1,
            ..EntryFilter::default()
        };
        let Some(newest) = visit.office.views().list_entries(&filter).await?.into_iter().next() else {
            continue;
        };
        let number = EntryNumber(newest.number);
        let Some(entry) = request_show::entry(visit, number) else { continue };
        let text = match entry.fact() {
            Some(Fact::AgentBudget(it)) => over_budget(visit.lang, it),
            Some(Fact::AgentUpdate(it)) => format!("{} → {}", it.before, it.after),
            _ => continue,
        };
        let cells = vec![
            Cell::text(text),
            Cell::time(visit.lang, entry.observed),
            block::entries(&visit.base(), &[number]),
        ];
        rows.push((label.to_owned(), Cell::Many(cells)));
    }
    Ok(rows)
}

fn over_budget(lang: Lang, told: &AgentBudget) -> String {
    let (resource, shown): (&str, fn(u64) -> String) = match told.resource.as_str() {
        "cpu" => (lang.of("CPU（1日）", "CPU of a day"), of_a_core),
        "cpu_10s" => (lang.of("CPU（10秒）", "CPU of 10 s"), of_a_core),
        "memory" => (lang.of("メモリ", "memory"), mib),
        "disk" => (lang.of("ディスク", "disk"), mib),
        other => (other, |number| number.to_string()),
    };
    let (used, declared) = (shown(told.used), shown(told.declared));
    match lang {
        Lang::Ja => format!("{resource}：{used}（枠 {declared}）"),
        Lang::En => format!("{resource}: {used} (declared {declared})"),
    }
}

fn of_a_core(per_mille: u64) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A table, and where it goes on.
pub type Listed = (Table, Option<String>);

/// A table of a host.
pub fn table(
    caption: &str,
    heads: &[&str],
    (rows, next): (Vec<Vec<Cell>>, Option<String>),
    empty: &str,
) -> Listed {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    (Table { caption: caption.to_owned(), heads, rows, empty: empty.to_owned() }, next)
}

fn duties(visit: &Visit, court: &Court, id: &HostId, wanted: &Wanted) -> Listed {
    let mut rows = Vec::new();
    for system in court.places().keys() {
        for (place, terms) in visit.office.terms().duties.iter().enumerate() {
            let of_host = court.of_hosts(terms.duty, system).find(|(host, _)| *host == id);
            rows.extend(of_host.map(|(_, verdict)| (place, terms.duty, verdict.clone())));
        }
    }
    let cells = |(_, duty, verdict): &(usize, _, yakujo_contract::standing::Verdict)| {
        vec![
            Cell::link(format!("{}/duty/{duty}", visit.base()), duty::title(visit, *duty)),
            Cell::standing(visit.lang, &verdict.standing),
            Cell::text(visit.lang.say(&verdict.cause)),
            Cell::text(visit.lang.say(&verdict.next)),
            block::entries(&visit.base(), &verdict.evidence),
        ]
    };
    let taken = wanted.take(rows.into_iter(), |(place, _, _)| format!("{place:03}"), cells);
    let heads = [
        visit.of("義務", "Duty"),
        visit.of("判定", "Standing"),
        visit.of("理由", "Cause"),
        visit.of("次の行動", "Next action"),
        visit.of("証拠", "Entries"),
    ];
    let empty = visit.of(
        "このホストはまだどのシステムにも申告されていないため、判定していません。",
        "Not declared for any system, so nothing is judged.",
    );
    table(visit.of("このホストの判定", "Duties of this host"), &heads, taken, empty)
}

/// What stands there where nothing was told.
pub fn not_observed(visit: &Visit) -> &str {
    visit.of("まだ観測されていません。", "Not observed yet.")
}

/// Heading of the column that says what was declared and agreed.
pub const DECLARED: (&str, &str) = ("申告と合意", "Declared and agreed");

/// Where the declared lines stand for something that was observed; where there is none, the way to declare it.
fn declared<'a>(visit: &Visit, lines: impl Iterator<Item = Line<'a>>, declare: &str) -> Cell {
    let mut lines: Vec<Line<'_>> = lines.filter(Line::is_declared).collect();
    lines.sort_by_key(|line| (!line.is_agreed(), line.proposed));
    if let Some(line) = lines.first() {
        let href = format!("{}/agreements/{}", visit.base(), line.id);
        return Cell::link(href, words::stage(visit.lang, line.stage));
    }
    let missing = Cell::Tag(visit.of("申告なし", "Not declared").to_owned());
    if !visit.may(Audience::Parties) {
        return missing;
    }
    let href = format!("{}/agreements/new/{declare}", visit.base());
    Cell::Many(vec![missing, Cell::link(href, visit.of("申告する", "Declare"))])
}

fn declared_socket(visit: &Visit, court: &Court, host: &HostId, socket: &Listener) -> Cell {
    if socket.is_local_only() {
        return Cell::text(visit.of("不要（外から届かない）", "Not needed: local only"));
    }
    let agreements = &court.evidence().agreements;
    let Some(place) = agreements.place_of(host) else { return Cell::text("－") };
    let covers = |line: &Line<'_>| {
        matches!(line.matter, Matter::Flow(flow) if flow.direction.is_in()
            && flow.protocol == socket.protocol
            && flow.port == socket.port
            && flow.until.is_none_or(|until| visit.now < until))
    };
    let lines = agreements.of_host("flow", &place.system, host).filter(covers);
    let protocol = socket.protocol.word();
    let declare =
        format!("flow?system={}&host={host}&protocol={protocol}&port={}", place.system, socket.port);
    declared(visit, lines, &declare)
}

/// Where the ledger of accounts stands for an observed account.
#[must_use]
pub fn declared_account(
    visit: &Visit,
    court: &Court,
    system: Option<&SystemId>,
    host: &HostId,
    account: &Account,
) -> Cell {
    if !account.can_log_in() {
        return Cell::text(visit.of("不要（ログインできない）", "Not needed: cannot log in"));
    }
    let agreements = &court.evidence().agreements;
    let place = agreements.place_of(host);
    let Some(system) = system.or(place.map(|place| &place.system)) else { return Cell::text("－") };
    let names = |line: &Line<'_>| {
        matches!(line.matter, Matter::Account(declared) if declared.account == account.name
            && declared.until.is_none_or(|until| visit.now < until))
    };
    let lines = agreements.of_host("account", system, host).filter(names);
    let name = super::list::escape(&account.name);
    let privileged = if account.privileged { "yes" } else { "no" };
    let declare = format!("account?system={system}&host={host}&account={name}&privileged={privileged}");
    declared(visit, lines, &declare)
}

fn listeners(visit: &Visit, court: &Court, (id, host): (&HostId, &Host), wanted: &Wanted) -> Listed {
    let list = host.listeners.newest();
    let mut items = list.map(|list| list.items).unwrap_or_default();
    items.sort_by_key(|item| (item.port, item.address));
    let key = |item: &&Listener| format!("{:05}|{}|{:?}", item.port, item.address, item.protocol);
    let cells = |item: &&Listener| {
        vec![
            Cell::code(format!("{}/{}", item.port, item.protocol.name())),
            Cell::code(item.address.to_string()),
            Cell::text(item.program.clone().unwrap_or_else(|| visit.of("不明", "Unknown").to_owned())),
            declared_socket(visit, court, id, item),
        ]
    };
    let taken = wanted.take(items.into_iter(), key, cells);
    let heads = [
        visit.of("ポート", "Port"),
        visit.of("アドレス", "Address"),
        visit.of("プログラム", "Program"),
        visit.of(DECLARED.0, DECLARED.1),
    ];
    table(visit.of("待受けポート", "Listening sockets"), &heads, taken, not_observed(visit))
}

fn flows(visit: &Visit, court: &Court, (id, host): (&HostId, &Host), wanted: &Wanted) -> Listed {
    let items = host.flows.all();
    let key = |item: &&Latest<FlowSeen>| item.value.path.name();
    let cells = |item: &&Latest<FlowSeen>| {
        let path = &item.value.path;
        let program = item.value.program.clone();
        vec![
            Cell::text(words::direction(visit.lang, path.direction)),
            other_side(visit, path),
            Cell::code(format!("{}/{}", path.port, path.protocol.name())),
            Cell::text(program.unwrap_or_else(|| visit.of("不明", "Unknown").to_owned())),
            Cell::time(visit.lang, item.value.to),
            declared_flow(visit, court, id, path),
        ]
    };
    let taken = wanted.take(items, key, cells);
    let heads = [
        visit.of("向き", "Direction"),
        visit.of("相手", "Other side"),
        visit.of("ポート", "Port"),
        visit.of("プログラム", "Program"),
        visit.of("最後の報告", "Last told"),
        visit.of(DECLARED.0, DECLARED.1),
    ];
    let none = visit
        .of("ほかの機器との通信は観測されていません。", "No communication with other hosts was observed.");
    let none = if host.flows.looked().is_some() { none } else { not_observed(visit) };
    table(visit.of("ほかの機器との通信", "Communication with other hosts"), &heads, taken, none)
}

/// Who comes in from the Internet is everybody.
fn other_side(visit: &Visit, path: &FlowPath) -> Cell {
    match path.peer.prefix_len() {
        0 => Cell::text(visit.of("インターネット", "The Internet")),
        _ => Cell::code(path.peer_name()),
    }
}

fn declared_flow(visit: &Visit, court: &Court, host: &HostId, path: &FlowPath) -> Cell {
    let agreements = &court.evidence().agreements;
    let Some(place) = agreements.place_of(host) else { return Cell::text("－") };
    let covers = |line: &Line<'_>| {
        matches!(line.matter, Matter::Flow(flow) if path.beside(flow) == Beside::Within
            && flow.until.is_none_or(|until| visit.now < until))
    };
    let lines = agreements.of_host("flow", &place.system, host).filter(covers);
    let (direction, protocol) = (path.direction.word(), path.protocol.word());
    let peer = if path.peer.prefix_len() == 0 { String::new() } else { path.peer_name() };
    let (system, port, peer) = (&place.system, path.port, super::list::escape(&peer));
    let declare = format!(
        "flow?system={system}&host={host}&direction={direction}&protocol={protocol}&port={port}&peer={peer}"
    );
    declared(visit, lines, &declare)
}

fn accounts(visit: &Visit, court: &Court, (id, host): (&HostId, &Host), wanted: &Wanted) -> Listed {
    let list = host.accounts.newest();
    let mut items = list.map(|list| list.items).unwrap_or_default();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    let yes = |yes: bool| if yes { visit.of("あり", "Yes") } else { visit.of("なし", "No") };
    let cells = |item: &&Account| {
        vec![
            Cell::code(item.name.as_str()),
            match item.database() {
                Some(_) => Cell::text(visit.of("ロール", "Role")),
                None => Cell::number(item.uid),
            },
            Cell::text(yes(item.privileged)),
            Cell::text(item.groups.join("、")),
            Cell::number(item.keys.len()),
            Cell::maybe_time(visit.lang, host.last_use(item)),
            declared_account(visit, court, None, id, item),
        ]
    };
    let taken = wanted.take(items.into_iter(), |item| item.name.clone(), cells);
    let heads = [
        visit.of("アカウント", "Account"),
        "UID",
        visit.of("特権", "Privileged"),
        visit.of("グループ", "Groups"),
        visit.of("鍵の数", "Keys"),
        visit.of("最終利用", "Last use"),
        visit.of(DECLARED.0, DECLARED.1),
    ];
    table(visit.of("アカウント", "Accounts"), &heads, taken, not_observed(visit))
}

fn packages(visit: &Visit, host: &Host, wanted: &Wanted) -> Listed {
    let mut items: Vec<_> = host.packages.installed().collect();
    items.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let cells = |(package, number): &(
        &yakujo_contract::fact::software::Package,
        yakujo_contract::id::EntryNumber,
    )| {
        vec![
            Cell::code(package.name.as_str()),
            Cell::code(package.version.as_str()),
            Cell::text(package.source.clone().unwrap_or_default()),
            block::entries(&visit.base(), &[*number]),
        ]
    };
    let taken = wanted.take(items.into_iter(), |(package, _)| package.name.clone(), cells);
    let heads = [
        visit.of("名", "Name"),
        visit.of("版", "Version"),
        visit.of("元のパッケージ", "Source"),
        visit.of("証拠", "Entry"),
    ];
    table(visit.of("導入済みソフトウェア", "Installed software"), &heads, taken, not_observed(visit))
}

fn capacity(visit: &Visit, host: &Host, wanted: &Wanted) -> Listed {
    let resources = host.capacity.as_ref().map(|seen| seen.value.resources.clone()).unwrap_or_default();
    let percent = |used: u64, limit: u64| match limit {
        0 => "－".to_owned(),
        limit => format!("{} %", u128::from(used) * 100 / u128::from(limit)),
    };
    let cells = |row: &yakujo_contract::fact::host::ResourceUse| {
        vec![
            Cell::code(row.resource.as_str()),
            Cell::number(words::amount(&row.resource, row.limit)),
            Cell::number(percent(row.mean, row.limit)),
            Cell::number(percent(row.p95, row.limit)),
            Cell::number(percent(row.max, row.limit)),
        ]
    };
    let taken = wanted.take(resources.into_iter(), |row| row.resource.clone(), cells);
    let heads = [
        visit.of("資源", "Resource"),
        visit.of("上限", "Limit"),
        visit.of("平均", "Mean"),
        visit.of("95 %点", "95th percentile"),
        visit.of("最大", "Most"),
    ];
    table(visit.of("容量の使用状況", "Capacity"), &heads, taken, not_observed(visit))
}
