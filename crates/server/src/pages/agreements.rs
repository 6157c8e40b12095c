//! 申告と合意: every line one party declared and the other confirmed or not. One page for all kinds of matters.

use super::block::{Block, Cell, Link, Table};
use super::era;
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::words::{self, Lang};
use crate::audience::Audience;
use yakujo_contract::act::Matter;
use yakujo_contract::evidence::agreement::Proposal;
use yakujo_contract::evidence::agreement::Stage;
use yakujo_contract::id::ProposalId;

/// What a kind of matter is called.
#[must_use]
pub fn kind_name(lang: Lang, word: &str) -> &'static str {
    match word {
        "system" => lang.of("情報システム", "Systems"),
        "host" => lang.of("ホストの所属", "Hosts"),
        "target" => lang.of("監視対象", "Targets"),
        "flow" => lang.of("通信要件", "Flows"),
        "account" => lang.of("アカウント台帳", "Accounts"),
        "software" => lang.of("ソフトウェア", "Software"),
        "limit" => lang.of("容量の上限", "Limits"),
        "asset" => lang.of("情報資産台帳", "Assets"),
        "device_need" => lang.of("端末認証の要否", "Device authentication"),
        "support" => lang.of("延長サポート", "Extended support"),
        "holidays" => lang.of("祝日表", "Holidays"),
        "freeze" => lang.of("変更凍結期間", "Freeze periods"),
        "ignore" => lang.of("除外する変化", "Changes left out"),
        "baseline" => lang.of("ファイル監視の基準", "Baselines of watched files"),
        "exemption" => lang.of("例外承認", "Exceptions"),
        "not_applicable" => lang.of("対象外", "Not applicable"),
        "parameters" => lang.of("基準値", "Parameters"),
        _ => lang.of("すべて", "All"),
    }
}

/// What a matter is called.
#[must_use]
pub fn matter_name(lang: Lang, matter: &Matter) -> &'static str {
    kind_name(lang, matter.word())
}

/// One line that says what is proposed.
#[must_use]
pub fn summary(lang: Lang, matter: &Matter) -> String {
    let host = |host: &Option<yakujo_contract::id::HostId>| {
        host.as_ref().map_or_else(|| lang.of("全ホスト", "every host").to_owned(), ToString::to_string)
    };
    match matter {
        Matter::Parameters { from, values } => {
            let ids: Vec<String> = values.keys().map(ToString::to_string).collect();
            let from = era::wareki(lang, *from);
            match ids.as_slice() {
                [first, .., last] => {
                    let count = ids.len();
                    match lang {
                        Lang::Ja => format!("基準値 {first}–{last}（{count}項目、{from}から）"),
                        Lang::En => format!("Parameters {first}–{last} ({count}, from {from})"),
                    }
                }
                _ => match lang {
                    Lang::Ja => format!("基準値 {}（{from}から）", ids.join("、")),
                    Lang::En => format!("Parameter {} (from {from})", ids.join(", ")),
                },
            }
        }
        Matter::System(system) => format!(
            "{} {}「{}」 {}・{}",
            lang.of("情報システム", "System"),
            system.system,
            system.name,
            words::importance(lang, system.importance),
            words::segment(lang, system.segment)
        ),
        Matter::Host(place) => {
            let (host, system) = (&place.host, &place.system);
            let environment = words::environment(lang, place.environment);
            match lang {
                Lang::Ja => {
                    format!("ホスト {host} を情報システム {system} に置く（{environment}）")
                }
                Lang::En => format!("Host {host} belongs to system {system} ({environment})"),
            }
        }
        Matter::Flow(flow) => {
            let port = format!("{}/{}", flow.port, flow.protocol.name());
            let direction = words::direction(lang, flow.direction);
            let peer = flow.peer.map(|peer| format!(" {peer}")).unwrap_or_default();
            format!("{direction} {port}{peer} {} {}：{}", flow.system, host(&flow.host), flow.purpose)
        }
        Matter::Account(line) => {
            let privileged =
                format!("{}：{}", lang.of("特権", "privileged"), words::trit(lang, line.privileged));
            let purpose = words::account_use(lang, line.use_);
            format!(
                "{} {} {}（{purpose}、{privileged}）：{}",
                line.account,
                line.system,
                host(&line.host),
                line.need
            )
        }
        Matter::Software(line) => {
            format!("{} {}：{}", line.pattern, words::ruling(lang, line.ruling), line.reason)
        }
        Matter::Limit(line) => {
            format!(
                "{} {} {}：{}（{}）",
                line.system,
                host(&line.host),
                line.resource,
                line.limit,
                line.at_limit
            )
        }
        Matter::Asset(line) => super::asset_form::shown(lang, line),
        Matter::DeviceNeed(need) => {
            format!("{} {}：{}", need.system, words::trit(lang, need.needed), need.reason)
        }
        Matter::Target(target) => super::target_form::summary(lang, target),
        Matter::Holidays(table) => super::calendar_form::holidays(lang, table),
        Matter::Freeze(freeze) => super::calendar_form::freeze(lang, freeze),
        Matter::Ignore(line) => {
            let (ja, en) = line.object.name();
            format!(
                "{} {} {} {}：{}",
                line.system,
                host(&line.host),
                lang.of(ja, en),
                line.pattern,
                line.reason
            )
        }
        Matter::Baseline(line) => super::baseline_form::summary(lang, line),
        Matter::Support(line) => {
            format!(
                "{} {} {} {}（{}）",
                line.system,
                line.product,
                line.cycle,
                era::wareki(lang, line.until),
                line.basis
            )
        }
        Matter::Exemption { duty, system, until, reason } => {
            let system = system
                .as_ref()
                .map_or_else(|| lang.of("全システム", "every system").to_owned(), ToString::to_string);
            format!("{duty} {system} {} {}：{reason}", lang.of("期限", "until"), era::wareki(lang, *until))
        }
        Matter::NotApplicable { duty, system, reason } => {
            let system = system
                .as_ref()
                .map_or_else(|| lang.of("全システム", "every system").to_owned(), ToString::to_string);
            format!("{duty} {system}：{reason}")
        }
    }
}

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let lang = visit.lang;
    let wanted = Wanted::of(&visit);
    let of = Matter::WORDS.into_iter().find(|word| *word == visit.asked("of")).unwrap_or("");
    let (rows, next) = {
        let court = visit.office.court();
        let mut all: Vec<(&ProposalId, &Proposal)> = court.evidence().agreements.all().collect();
        all.retain(|(_, proposal)| {
            proposal.matter().is_some_and(|matter| of.is_empty() || matter.word() == of)
        });
        all.sort_by_cached_key(|(id, proposal)| (place(proposal), *id));
        wanted.take(
            all.into_iter(),
            |(id, proposal)| key(id, proposal),
            |(id, proposal)| row(&visit, id, proposal),
        )
    };
    let heads = [
        visit.of("内容", "What"),
        visit.of("種類", "Kind"),
        visit.of("申告した側", "Declared by"),
        visit.of("状態", "Stage"),
        visit.of("申告した日時", "Declared"),
        visit.of("合意した日時", "Agreed"),
    ];
    let table = Table {
        caption: visit.of("申告と合意の一覧", "Declared and agreed").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit.of("まだ申告がありません。", "Nothing was declared yet.").to_owned(),
    };
    let list = List { name: "agreements", table, next, keep: vec![("of".to_owned(), of.to_owned())] };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "一方が申告（提案）し、もう一方が合意して、はじめて取り決めになります。観測された実態は、ホストの画面で並べて確かめられます。",
        "One party declares, the other agrees: only then it holds. What is observed stands on the pages of the hosts.",
    );
    let mut page = Page::new("agreements", visit.of("申告と合意", "Declared and agreed"), lead);
    let tab = |word: &str| {
        let href =
            if word.is_empty() { visit.uri_path.clone() } else { format!("{}?of={word}", visit.uri_path) };
        Link::new(href, kind_name(lang, word)).here_if(of == word)
    };
    page.push(Block::Tabs(std::iter::once("").chain(Matter::WORDS).map(tab).collect()));
    if visit.may(Audience::Parties) {
        page.push(Block::Buttons(declare_buttons(&visit, of)));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// One button under the tab of a kind; under すべて the most frequent ones.
fn declare_buttons(visit: &Visit, of: &str) -> Vec<(String, String, &'static str)> {
    let declare = |word: &str| {
        let href = match word {
            "parameters" => format!("{}/parameters/propose", visit.base()),
            word => format!("{}/agreements/new/{word}", visit.base()),
        };
        let text = format!("{}{}", kind_name(visit.lang, word), visit.of("を申告する", ": declare"));
        (href, text, "second")
    };
    match of {
        "" => ["system", "host", "flow", "account"].into_iter().map(declare).collect(),
        word => vec![declare(word)],
    }
}

/// Open ones first, then the newest.
fn place(proposal: &Proposal) -> (u8, u64) {
    let open = if proposal.stage() == Stage::Open { 0 } else { 1 };
    let entry = proposal.proposed.as_ref().map_or(0, |proposed| proposed.stamp.entry.0);
    (open, u64::MAX - entry)
}

/// The place as text that sorts alike: where a page of the list goes on.
fn key(id: &ProposalId, proposal: &Proposal) -> String {
    let (open, newest) = place(proposal);
    format!("{open}{newest:020}{id}")
}

fn row(visit: &Visit, id: &ProposalId, proposal: &Proposal) -> Vec<Cell> {
    let lang = visit.lang;
    let text = proposal.matter().map(|matter| (summary(lang, matter), matter_name(lang, matter)));
    let (text, kind) = text.unwrap_or_default();
    let by = proposal.proposed.as_ref().map_or("－", |proposed| words::party(lang, proposed.value.0));
    let confirmed = match proposal.stage() {
        Stage::Agreed(stamp) => Some(stamp.received),
        Stage::Open | Stage::Refused | Stage::Ended => None,
    };
    vec![
        Cell::link(format!("{}/agreements/{id}", visit.base()), text),
        Cell::text(kind),
        Cell::text(by),
        Cell::text(words::stage(lang, proposal.stage())),
        Cell::maybe_time(lang, proposal.proposed.as_ref().map(|proposed| proposed.stamp.received)),
        Cell::maybe_time(lang, confirmed),
    ]
}
