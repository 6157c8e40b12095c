//! 変更履歴 (F-10): everything that happened, beside the ticket it stands on, with the ratio. Made of what was observed:
//! nobody can leave a line out.

use super::block::{Block, Cell, Figure, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::words::Lang;
use super::{block, board, finding_words, first, request_show};
use yakujo_contract::court::reconciled::Ratio;
use yakujo_contract::id::{EntryNumber, HostId, SystemId};
use yakujo_contract::occurrence::Occurrence;
use yakujo_contract::reconcile::Join;

type Line = (SystemId, HostId, Occurrence, Join);

/// The list.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let (lines, ratio) = lines(&visit);
    let (rows, next) = wanted.take(lines.iter(), place, |line| row(&visit, line));
    let heads = [
        visit.of("観測した日時", "Observed"),
        visit.of("場所", "Place"),
        visit.of("対象", "Thing"),
        visit.of("前 → 後", "Before, after"),
        visit.of("実施者", "Done by"),
        visit.of("突合と申請番号", "Join, ticket"),
        visit.of("証拠", "Entries"),
    ];
    let table = Table {
        caption: visit.of("変更履歴（F-10、新しい順）", "Changes (F-10), newest first").to_owned(),
        heads: heads.map(str::to_owned).to_vec(),
        rows,
        empty: visit.of("観測された変更はありません（0件）。", "No change was observed (0).").to_owned(),
    };
    let list = List { name: "changes", table, next, keep: Vec::new() };
    if let Some(download) = list.download_with(&visit, &wanted, vec![share(&visit, ratio)]).await {
        return download;
    }
    let lead = visit.of(
        "機器が観測したすべての変更と、対応する申請です。観測から作るため、書き漏らしがありません。",
        "Every observed change and the request it stands on.",
    );
    let mut page = Page::new("changes", visit.of("変更履歴", "Changes"), lead);
    page.push(Block::Figures(figures(&visit, ratio)));
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

fn lines(visit: &Visit) -> (Vec<Line>, Ratio) {
    let court = visit.office.court();
    let mut ratio = Ratio::default();
    let mut lines = Vec::new();
    for system in court.places().keys() {
        let own = court.history_ratio(system);
        ratio.all = ratio.all.saturating_add(own.all);
        ratio.with_ticket = ratio.with_ticket.saturating_add(own.with_ticket);
        let happened = court.occurrences(system);
        lines.extend(
            happened.map(|(host, it, join)| (system.clone(), host.clone(), it.clone(), join.clone())),
        );
    }
    lines.sort_by_cached_key(place_of);
    (lines, ratio)
}

fn place_of((system, host, it, _): &Line) -> String {
    let newest = i64::MAX.saturating_sub(it.when.mark().as_second());
    format!("{newest:020}{system}{host}{}{}", it.object.word(), it.name)
}

fn place(line: &&Line) -> String {
    place_of(line)
}

fn figures(visit: &Visit, ratio: Ratio) -> Vec<Figure> {
    let percent = ratio.percent().map_or_else(|| "－".to_owned(), |percent| format!("{percent}％"));
    vec![
        first::figure(ratio.all, visit.of("承認を要する変更", "changes that need an approval")),
        first::figure(ratio.with_ticket, visit.of("申請と突き合ったもの", "joined with a request")),
        first::figure(percent, visit.of("申請のある割合", "with a request")),
    ]
}

/// The ratio in a sentence, for paper; of the whole list, whatever part of it was asked for.
fn share(visit: &Visit, ratio: Ratio) -> String {
    let Ratio { all, with_ticket } = ratio;
    let percent = ratio.percent().map_or_else(String::new, |percent| format!("（{percent}％）"));
    match visit.lang {
        Lang::Ja => {
            format!(
                "承認を要する変更 {all} 件のうち、申請と突き合ったもの {with_ticket} 件{percent}（全期間）"
            )
        }
        Lang::En => format!("{with_ticket} of {all} changes that need an approval are joined with a request"),
    }
}

fn row(visit: &Visit, (system, host, it, join): &Line) -> Vec<Cell> {
    let lang = visit.lang;
    let name = board::system_names(visit).get(system).cloned();
    let digest = |digest: Option<&yakujo_contract::id::Digest>| {
        digest.map(|digest| digest.as_str().chars().take(12).collect::<String>())
    };
    let shown = |text: &Option<String>, digest: Option<String>| {
        let none = || "－".to_owned();
        Cell::code(text.clone().or(digest).unwrap_or_else(none))
    };
    let entries: Vec<EntryNumber> = it.entries.iter().copied().take(3).collect();
    let ticket = match join.request() {
        Some(request) => request_show::links(visit, std::iter::once(request)),
        None => Cell::text("－"),
    };
    vec![
        finding_words::when(lang, &it.when),
        Cell::Many(vec![
            Cell::link(format!("{}/hosts/{host}", visit.base()), host.as_str()),
            Cell::text(name.unwrap_or_else(|| system.to_string())),
        ]),
        Cell::Many(vec![
            Cell::text(lang.of(it.object.name().0, it.object.name().1)),
            Cell::code(it.name.as_str()),
        ]),
        Cell::Many(vec![
            shown(&it.texts.0, digest(it.digest_before.as_ref())),
            shown(&it.texts.1, digest(it.digest_after.as_ref())),
        ]),
        finding_words::actor(visit, it.by.as_ref()),
        Cell::Many(vec![Cell::Chip(finding_words::join(lang, join)), ticket]),
        block::entries(&visit.base(), &entries),
    ]
}
