//! 変更履歴 of the month (F-10): what was observed to change, beside the request it stands on, and what nothing observed.

use super::sections::{Rows, Title, Within, both, number, plain, section};
use super::{Cell, Observed, Section};
use crate::court::reconciled::Ratio;
use crate::id::{HostId, RequestId};
use crate::occurrence::Occurrence;
use crate::reconcile::Join;
use crate::request::flow::Progress;
use crate::standing::Sentence;
use crate::thing::Object;
use crate::weigh;
use jiff::{SignedDuration, Timestamp};

const CHANGE: [Title; 7] = [
    ("観測した日時", "Observed"),
    ("ホスト", "Host"),
    ("種類", "Kind"),
    ("対象", "What"),
    ("突合", "Join"),
    ("申請番号", "Request"),
    ("記録番号", "Entry"),
];

/// A change that is told so long after it was done still stands in the report of the month in which it was told.
const TOLD_LATE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// What was observed to change, beside the request it stands on, with the ratio (F-10).
pub(super) fn changes(
    month: &Within<'_>,
    key: &str,
    title: Title,
    (observed, missing): (Observed, Sentence),
    wanted: &dyn Fn(Object) -> bool,
) -> Section {
    let court = month.court;
    let is_earlier = |it: &Occurrence| it.when.mark() < month.begin();
    // What was told too late for the report of its own month stands in this one: nothing is in none.
    let of_month = |it: &Occurrence| {
        wanted(it.object) && (month.holds(it.when.mark()) || (is_earlier(it) && month.told(&it.entries)))
    };
    let mut happened: Vec<(&HostId, &Occurrence, &Join)> = court
        .places()
        .keys()
        .flat_map(|system| court.occurrences(system))
        .filter(|(_, it, _)| of_month(it))
        .collect();
    happened.sort_by_key(|(host, it, _)| (it.when.mark(), *host, it.object, &it.name));
    let (mut rows, mut ratio, mut earlier) = (Rows::default(), Ratio::default(), 0_u32);
    for (host, it, join) in happened {
        earlier = earlier.saturating_add(u32::from(is_earlier(it)));
        ratio.count(join);
        rows.push(change(month, host, it, join));
    }
    let told = if key == "changes" { told(month) } else { Vec::new() };
    for (id, progress, begun) in &told {
        rows.push(told_change(month, id, progress, *begun));
    }
    let mut note = Sentence::default();
    let Ratio { all, with_ticket: with } = ratio;
    if all > 0 {
        note.ja = format!("承認を要するもの {all} 件のうち、申請と突き合ったもの {with} 件。");
        note.en = format!("{with} of {all} that need an approval are joined with a request.");
    }
    if earlier > 0 {
        note.ja.push_str(&format!("前月以前に起きて当月に届いたもの {earlier} 件を含む。"));
        note.en.push_str(&format!(" {earlier} happened earlier and were told in this month."));
    }
    if !told.is_empty() {
        note.ja.push_str(&format!("ほかに、観測がなく受託者の申告のみの変更 {} 件。", told.len()));
        note.en.push_str(&format!(" {} more were only told by the contractor.", told.len()));
    }
    note.ja.push_str(&missing.ja);
    note.en.push_str(&missing.en);
    Section { note, ..section(key, title, observed, &CHANGE, rows) }
}

/// Changes of the month, and earlier ones that were told in it, of which nothing was observed.
fn told<'a>(month: &'a Within<'_>) -> Vec<(&'a RequestId, &'a Progress, Timestamp)> {
    let from = month.begin().checked_sub(TOLD_LATE).unwrap_or(Timestamp::MIN);
    let all = month.court.told_changes((from, month.until)).into_iter();
    let mut told: Vec<_> = all
        .filter_map(|(id, progress)| {
            let (stamp, begun, _) = progress.done?;
            let late = begun < month.begin() && stamp.entry >= month.first;
            (month.holds(begun) || late).then_some((id, progress, begun))
        })
        .collect();
    told.sort_by_key(|(id, _, begun)| (*begun, *id));
    told
}

fn told_change(month: &Within<'_>, id: &RequestId, progress: &Progress, begun: Timestamp) -> Vec<Cell> {
    let scope = progress.scope();
    let joined = |names: Vec<&str>| if names.is_empty() { "－".to_owned() } else { names.join("、") };
    let entry = progress.done.map_or_else(|| plain("－"), |(stamp, _, _)| plain(stamp.entry));
    vec![
        Cell::At(begun),
        plain(joined(scope.hosts.iter().map(HostId::as_str).collect())),
        both("受託者の申告", "Told"),
        plain(joined(scope.things.iter().map(|thing| thing.name.as_str()).collect())),
        both("申告のみ（観測なし）", "Told, not observed"),
        plain(number(month, id)),
        entry,
    ]
}

fn change(month: &Within<'_>, host: &HostId, it: &Occurrence, join: &Join) -> Vec<Cell> {
    let (ja, en) = it.object.name();
    let entry = it.entries.first().copied().unwrap_or(it.stamp.entry);
    vec![
        Cell::At(it.when.mark()),
        plain(host),
        both(ja, en),
        plain(&it.name),
        Cell::Both(weigh::verdict_of(join)),
        join.request().map_or_else(|| plain("－"), |request| plain(number(month, request))),
        plain(entry),
    ]
}
