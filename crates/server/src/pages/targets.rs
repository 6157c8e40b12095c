//! 監視対象: every target with how its probes see it now, and its last 24 hours. A target nobody watches is 未確認.

use super::block::{Block, Cell, Chip, Stretch, Table};
use super::frame::{self, Page};
use super::list::{List, Wanted};
use super::visit::{Answer, Visit};
use super::words;
use crate::audience::Audience;
use jiff::{SignedDuration, Timestamp};
use yakujo_contract::court::Court;
use yakujo_contract::evidence::agreement::Watched;
use yakujo_contract::fact::probe::Availability;
use yakujo_contract::outage::{Outage, Stands, Threshold, Weight};
use yakujo_contract::parameter::ParameterId;

/// What the strip shows.
pub const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The page.
///
/// # Errors
/// When a template fails.
pub async fn show(visit: Visit) -> Answer {
    let wanted = Wanted::of(&visit);
    let threshold = threshold(&visit);
    let (rows, next) = {
        let court = visit.office.court();
        let agreements = &court.evidence().agreements;
        let known = agreements.targets().filter(|watched| watched.ended.is_none());
        wanted.take(
            known,
            |watched| format!("{} {}", watched.target.target, watched.target.name),
            |watched| row(&visit, &court, watched, threshold),
        )
    };
    let list = List { name: "targets", table: table(&visit, rows), next, keep: Vec::new() };
    if let Some(download) = list.download(&visit, &wanted).await {
        return download;
    }
    let lead = visit.of(
        "監視点が外から確かめている情報システムの入口です。停止と運用制限は、二つ以上の監視点が一致したときに数えます。",
        "What probes try from outside. A stop or a restriction counts when two of them agree.",
    );
    let mut page = Page::new("targets", visit.of("監視対象", "Targets"), lead);
    if visit.may(Audience::Parties) {
        let href = format!("{}/agreements/new/target", visit.base());
        let words = visit.of("監視対象を申告する", "Declare a target").to_owned();
        page.push(Block::Buttons(vec![(href, words, "second")]));
    }
    page.blocks.extend(list.blocks(&visit, &wanted));
    frame::show(&visit, &page)
}

/// The targets of one system, for its page.
#[must_use]
pub fn of_system(visit: &Visit, court: &Court, system: &yakujo_contract::id::SystemId) -> Table {
    let threshold = threshold(visit);
    let known = court.evidence().agreements.targets();
    let own = known.filter(|watched| watched.ended.is_none() && watched.target.system == *system);
    table(visit, own.take(50).map(|watched| row(visit, court, &watched, threshold)).collect())
}

/// What counts as a stop (P-20).
#[must_use]
pub fn threshold(visit: &Visit) -> Threshold {
    let p20 = ParameterId::new(20);
    let tries = visit.office.measure(p20, "probes");
    Threshold {
        stop: SignedDuration::from_secs(visit.office.measure(p20, "stop_s")),
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
    }
}

fn table(visit: &Visit, rows: Vec<Vec<Cell>>) -> Table {
    let heads = [
        visit.of("監視対象", "Target"),
        visit.of("いま", "Now"),
        visit.of("いつから", "Since"),
        visit.of("24時間（古い順）", "24 hours, oldest first"),
        visit.of("情報システム", "System"),
        visit.of("最後の確認", "Last checked"),
        visit.of("次の確認", "Next check"),
    ];
    Table {
        caption: visit.of("監視対象の一覧", "Targets").to_owned(),
        heads: heads.into_iter().map(str::to_owned).collect(),
        rows,
        empty: visit
            .of(
                "合意された監視対象がありません。停止は観測されていません（未確認）。",
                "No target is agreed on: stops are not observed.",
            )
            .to_owned(),
    }
}

fn row(visit: &Visit, court: &Court, watched: &Watched<'_>, threshold: Threshold) -> Vec<Cell> {
    let evidence = court.evidence();
    let target = watched.target;
    let (stands, since) = evidence.stands(watched, visit.now);
    let day = Day::of(visit, court, watched, threshold);
    let every = target.every_s;
    vec![
        Cell::link(format!("{}/targets/{}", visit.base(), target.target), target.name.as_str()),
        chip(visit, stands),
        Cell::maybe_time(visit.lang, since),
        Cell::Code(day.symbols()),
        Cell::link(format!("{}/systems/{}", visit.base(), target.system), target.system.as_str()),
        Cell::maybe_time(visit.lang, evidence.watched_until(watched, 1)),
        Cell::text(match visit.lang {
            words::Lang::Ja => format!("{every}秒ごと"),
            words::Lang::En => format!("every {every} s"),
        }),
    ]
}

/// How it stands, as sign, word and colour.
#[must_use]
pub fn chip(visit: &Visit, stands: Stands) -> Cell {
    let (class, sign, word) = match stands {
        Stands::As(state) => {
            let (class, sign) = colour(state);
            (class, sign, words::availability(visit.lang, state).to_owned())
        }
        Stands::Differ => (
            "unknown",
            "－",
            visit.of("未確認（監視点が一致しません）", "Unknown (probes differ)").to_owned(),
        ),
        Stands::OneProbe(state) => {
            let seen = words::availability(visit.lang, state);
            let words = match visit.lang {
                words::Lang::Ja => format!("未確認（監視点が一つだけ：{seen}）"),
                words::Lang::En => format!("Unknown (one probe only: {seen})"),
            };
            ("unknown", "－", words)
        }
        Stands::Nobody => (
            "unknown",
            "－",
            visit.of("未確認（だれも監視していません）", "Unknown (nobody watches)").to_owned(),
        ),
    };
    Cell::Chip(Chip { class, sign, word, href: String::new() })
}

fn colour(state: Availability) -> (&'static str, &'static str) {
    match state {
        Availability::Up => ("kept", "○"),
        Availability::Restricted => ("exempt", "△"),
        Availability::Down => ("broken", "×"),
    }
}

/// The last 24 hours of a target.
pub struct Day {
    from: Timestamp,
    /// What was seen, and gaps, in the order they are painted over each other.
    spans: Vec<(Timestamp, Timestamp, &'static str, &'static str)>,
    /// The outages that reach into it.
    pub outages: Vec<Outage>,
}

impl Day {
    /// Looks back from now.
    #[must_use]
    pub fn of(visit: &Visit, court: &Court, watched: &Watched<'_>, threshold: Threshold) -> Self {
        let evidence = court.evidence();
        let from = visit.now.checked_sub(DAY).unwrap_or(visit.now);
        let unknown = |from, to| (from, to, "unknown", "－");
        let mut spans = vec![unknown(from, watched.since.received)];
        // Behind the last round nothing can be known yet.
        let told = evidence.watched_until(watched, 2).unwrap_or(visit.now);
        let recent = SignedDuration::from_secs(i64::from(yakujo_contract::outage::WATCH_EVERY_S) * 2);
        let until = if visit.now.duration_since(told) < recent { told } else { visit.now };
        let gaps = evidence.gaps_of(watched, from, until, 2);
        spans.extend(gaps.into_iter().map(|gap| unknown(gap.from, gap.to)));
        let mut outages = evidence.outages_of_target(watched, threshold);
        outages.retain(|outage| outage.seen_to >= from);
        for weight in [Weight::OneProbe, Weight::Agreed] {
            for outage in outages.iter().filter(|outage| outage.weight == weight) {
                let (class, sign) = match weight {
                    Weight::Agreed => colour(outage.state),
                    Weight::OneProbe | Weight::Blip => ("unknown", "－"),
                };
                spans.push((outage.from, outage.seen_to, class, sign));
            }
        }
        spans.retain(|(begin, end, _, _)| *end > from && begin <= end);
        Self { from, spans, outages }
    }

    /// One sign per hour, the worst of it.
    #[must_use]
    pub fn symbols(&self) -> String {
        (0..24)
            .map(|hour| {
                let hours = |hours| SignedDuration::from_hours(hours);
                let begin = self.from.saturating_add(hours(hour)).unwrap_or(self.from);
                let end = begin.saturating_add(hours(1)).unwrap_or(begin);
                let seen = self.spans.iter().filter(|(from, to, _, _)| *from < end && *to >= begin);
                let worst = seen.map(|(_, _, _, sign)| *sign).max_by_key(|sign| match *sign {
                    "×" => 3,
                    "△" => 2,
                    _ => 1,
                });
                worst.unwrap_or("○")
            })
            .collect()
    }

    /// The same as stretches of a bar 1000 wide.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        let place = |at: Timestamp| {
            let passed = at.duration_since(self.from).as_secs().clamp(0, DAY.as_secs());
            u32::try_from(passed.saturating_mul(1_000) / DAY.as_secs()).unwrap_or(0)
        };
        let whole = Stretch { class: "kept", x: 0, width: 1_000 };
        let spans = self.spans.iter().map(|(from, to, class, _)| {
            let x = place(*from);
            Stretch { class, x: x.min(998), width: place(*to).saturating_sub(x).max(2) }
        });
        std::iter::once(whole).chain(spans).collect()
    }
}
