//! What programs observed that belongs to a request: its stops, its changes, the samples of its hosts. The fields of a
//! form that the program fills in (●) are made from it.

use super::request_show::Seen;
use super::visit::{Refusal, Visit};
use super::words::Lang;
use super::{era, finding_words};
use crate::views::EntryFilter;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::court::Court;
use yakujo_contract::entry::{Body, Entry};
use yakujo_contract::evidence::host::Host;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::content::ContentTestData;
use yakujo_contract::fact::host::CapacitySample;
use yakujo_contract::id::{Digest, EntryNumber, HostId, SystemId};
use yakujo_contract::occurrence::Occurrence;
use yakujo_contract::outage::{self, Threshold, Weight};
use yakujo_contract::parameter::ParameterId;
use yakujo_contract::reconcile::Join;
use yakujo_contract::request::auto::{Gap, Missing, Outage};
use yakujo_contract::request::flow::Progress;
use yakujo_contract::request::form::Form;

/// A stop that was over for longer than this was another one than the one that is reported.
const REPORTED_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// Changes before a form was asked that may be what it is about.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The actual figures of a year.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Changes on one form.
const SHOWN: usize = 50;
/// Inspections of test data that are looked through.
const INSPECTIONS: u32 = 500;
/// Entries that are looked through for samples of a host, and samples a trend is made from.
const SAMPLES: (u32, usize) = (2_000, 90);

/// Entries of each kind that are looked through for missing times of a host.
const GAPS: u32 = 3_000;

/// What belongs to a request.
#[derive(Debug, Default)]
pub struct Observed {
    /// Stops; none: nobody watches the systems.
    pub outages: Option<Vec<Outage>>,
    /// Changes since it was asked; none: nobody watches the hosts.
    pub changes: Option<Vec<String>>,
    /// Changes of its things before it was asked.
    pub earlier: Option<Vec<String>>,
    /// What its things held before they were changed without an approval.
    pub good: Option<Vec<String>>,
}

/// What was observed of a request until now.
#[must_use]
pub fn observed(visit: &Visit, seen: &Seen) -> Observed {
    let p20 = ParameterId::try_from("P-20".to_owned()).ok();
    let threshold = p20.map(|p20| Threshold {
        stop: SignedDuration::from_secs(visit.office.measure(p20, "stop_s")),
        tries: u32::try_from(visit.office.measure(p20, "probes")).unwrap_or(u32::MAX),
    });
    let court = visit.office.court();
    let systems = &seen.progress.scope().systems;
    Observed {
        outages: threshold.and_then(|threshold| outages(visit, &court, seen, threshold)),
        changes: changes(visit, &court, systems, |it, join| belongs(seen, it, join)),
        earlier: changes(visit, &court, systems, |it, _| is_earlier(&seen.progress, it)),
        good: good(visit, &court, &seen.progress),
    }
}

/// A change of a thing the request names, of the month before it was asked.
fn is_earlier(progress: &Progress, it: &Occurrence) -> bool {
    let (asked, mark) = (progress.asked.received, it.when.mark());
    is_named(progress, it) && mark <= asked && asked.duration_since(mark) <= LOOKED_BACK
}

/// What each thing held before the first change since the last one that was approved, host by host.
fn good(visit: &Visit, court: &Court, progress: &Progress) -> Option<Vec<String>> {
    if progress.form() != Form::F06 {
        return None;
    }
    let mut watched = false;
    let mut held: BTreeMap<(&HostId, &str), Option<(Timestamp, &Digest)>> = BTreeMap::new();
    let earlier = |it: &Occurrence| is_named(progress, it) && it.when.mark() <= progress.asked.received;
    for system in &progress.scope().systems {
        let mut hosts = court.places().get(system).into_iter().flat_map(|hosts| hosts.keys());
        watched |= hosts.any(|host| court.evidence().hosts.contains_key(host));
        for (host, it, join) in court.occurrences(system).filter(|(_, it, _)| earlier(it)) {
            let known = held.entry((host, it.name.as_str())).or_default();
            if join.is_covered() {
                *known = None;
            } else if known.is_none() {
                *known = it.digest_before.as_ref().map(|digest| (it.when.mark(), digest));
            }
        }
    }
    let lines = held.into_iter().filter_map(|((host, name), known)| {
        let (at, digest) = known?;
        let until = era::wareki(visit.lang, at);
        Some(match visit.lang {
            Lang::Ja => format!("{host} {name} SHA-256 {digest}（{until}まで）"),
            Lang::En => format!("{host} {name} SHA-256 {digest} (until {until})"),
        })
    });
    watched.then(|| lines.take(SHOWN).collect())
}

fn outages(visit: &Visit, court: &Court, seen: &Seen, threshold: Threshold) -> Option<Vec<Outage>> {
    let evidence = court.evidence();
    let systems = &seen.progress.scope().systems;
    let watched = evidence.agreements.targets().any(|watched| systems.contains(&watched.target.system));
    if !watched {
        return None;
    }
    let all = systems.iter().flat_map(|system| evidence.outages_of(system, threshold));
    let agreed = all.filter(|outage| outage.weight == Weight::Agreed);
    let of = |outage: outage::Outage| Outage { from: outage.from, to: outage.to };
    Some(agreed.filter(|outage| is_of(visit.now, seen, outage)).map(of).collect())
}

/// Whether a stop belongs to a form: to an application where it overlaps its window, to a report where it lasted when
/// it was made, had ended shortly before, or is the entry it names; to a statement of measures where it was this year.
fn is_of(now: Timestamp, seen: &Seen, outage: &outage::Outage) -> bool {
    let end = outage.to.unwrap_or(now);
    let asked = seen.progress.asked.received;
    match seen.progress.form() {
        Form::F08 => match seen.progress.filled.about {
            Some(entry) => outage.entries.contains(&entry) || lasted(outage.from, end, asked),
            None => lasted(outage.from, end, asked),
        },
        Form::F17 => now.duration_since(end) <= YEAR,
        _ => seen.progress.window().is_some_and(|window| {
            let reserve = SignedDuration::from_mins(i64::from(window.reserve_min));
            let until = window.to.checked_add(reserve).unwrap_or(window.to);
            outage.from <= until && end >= window.from
        }),
    }
}

fn lasted(from: Timestamp, end: Timestamp, asked: Timestamp) -> bool {
    from <= asked && asked.duration_since(end) <= REPORTED_WITHIN
}

/// Whether a change belongs to a form: the join says so; to a form that is no approval, where it is of a thing it names
/// and came after it.
fn belongs(seen: &Seen, it: &Occurrence, join: &Join) -> bool {
    let joined = join.request() == Some(&seen.id);
    let after = it.when.mark() >= seen.progress.asked.received;
    joined || (seen.progress.form() != Form::F09 && after && is_named(&seen.progress, it))
}

fn is_named(progress: &Progress, it: &Occurrence) -> bool {
    let mut things = progress.scope().things.iter();
    things.any(|thing| thing.object == it.object && thing.name == it.name)
}

fn changes(
    visit: &Visit,
    court: &Court,
    systems: &BTreeSet<SystemId>,
    is_wanted: impl Fn(&Occurrence, &Join) -> bool,
) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut watched = false;
    for system in systems {
        let mut hosts = court.places().get(system).into_iter().flat_map(|hosts| hosts.keys());
        watched |= hosts.any(|host| court.evidence().hosts.contains_key(host));
        let happened = court.occurrences(system).filter(|(_, it, join)| is_wanted(it, join));
        found.extend(happened.map(|(host, it, join)| (it.when.mark(), line(visit, host, it, join))));
    }
    found.sort();
    let lines = found.into_iter().map(|(_, line)| line).take(SHOWN).collect();
    watched.then_some(lines)
}

/// `令和8年11月22日（日）14時05分 web-1 ファイル /etc/hosts（承認どおり）台帳 #12`
fn line(visit: &Visit, host: &HostId, it: &Occurrence, join: &Join) -> String {
    let lang = visit.lang;
    let at = era::wareki(lang, it.when.mark());
    let object = lang.of(it.object.name().0, it.object.name().1);
    let word = finding_words::join(lang, join).word;
    let entries: Vec<String> = it.entries.iter().take(3).map(|number| format!("#{number}")).collect();
    let ledger = lang.of("台帳", "ledger");
    format!("{at} {host} {object} {}（{word}）{ledger} {}", it.name, entries.join("、"))
}

/// The samples of capacity of the hosts of a request, for its trend; only where its form asks for one.
///
/// # Errors
/// When the views cannot be read.
pub async fn samples(
    visit: &Visit,
    progress: &Progress,
) -> Result<Vec<(HostId, Vec<CapacitySample>)>, Refusal> {
    if progress.form() != Form::F13 {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for host in hosts_of(visit, progress) {
        let filter = EntryFilter {
            kind: Some("capacity.sample".to_owned()),
            host: Some(host.to_string()),
            limit: SAMPLES.0,
            ..EntryFilter::default()
        };
        let rows = visit.office.views().list_entries(&filter).await?;
        let step = rows.len().div_ceil(SAMPLES.1).max(1);
        let numbers = rows.iter().step_by(step).map(|row| EntryNumber(row.number));
        let samples = numbers.filter_map(|number| sample(visit, number)).collect();
        all.push((host, samples));
    }
    Ok(all)
}

/// Inspections of test data, the newest first; only where the form of a request asks for them.
///
/// # Errors
/// When the views cannot be read.
pub async fn inspections(
    visit: &Visit,
    progress: &Progress,
) -> Result<Vec<(Option<HostId>, ContentTestData)>, Refusal> {
    if progress.form() != Form::F15 {
        return Ok(Vec::new());
    }
    let filter = EntryFilter {
        kind: Some("content.test_data".to_owned()),
        limit: INSPECTIONS,
        ..EntryFilter::default()
    };
    let rows = visit.office.views().list_entries(&filter).await?;
    let read = |number| {
        let bytes = visit.office.reader().entry(number).ok()?;
        let entry = Entry::from_bytes(&bytes).ok()?;
        match entry.body {
            Body::Fact(Fact::ContentTestData(data)) => Some((entry.host, data)),
            Body::Fact(_) | Body::Act(_) => None,
        }
    };
    Ok(rows.into_iter().filter_map(|row| read(row.number)).collect())
}

/// Times of which records of the hosts of a request are missing; only where its form delivers logs. None: no host of its
/// systems is known.
///
/// # Errors
/// When the views cannot be read.
pub async fn gaps(visit: &Visit, progress: &Progress) -> Result<Option<Vec<Gap>>, Refusal> {
    if progress.form() != Form::F19 || progress.filled.text("subject") != Some("logs") {
        return Ok(None);
    }
    let hosts = hosts_of(visit, progress);
    let mut all = BTreeSet::new();
    for host in &hosts {
        all.extend(known_gaps(host, visit.office.court().evidence().hosts.get(host)));
        for kind in ["host.heard", "agent.loss", "log.source"] {
            let filter = EntryFilter {
                kind: Some(kind.to_owned()),
                host: Some(host.to_string()),
                limit: GAPS,
                ..EntryFilter::default()
            };
            let rows = visit.office.views().list_entries(&filter).await?;
            let is_all = rows.len() < usize::try_from(GAPS).unwrap_or(usize::MAX);
            let oldest = rows.last().filter(|_| !is_all).map(|row| row.received);
            all.extend(oldest.map(|to| Gap {
                from: Timestamp::MIN,
                to: Some(to),
                host: host.clone(),
                why: Missing::NotSearched,
            }));
            all.extend(rows.into_iter().flat_map(|row| gaps_of(visit, host, EntryNumber(row.number))));
        }
    }
    Ok((!hosts.is_empty()).then(|| all.into_iter().collect()))
}

/// The time before anything was observed, a silence that lasts, and that no log is read.
fn known_gaps(host: &HostId, known: Option<&Host>) -> Vec<Gap> {
    let gap = |from, to, why| Gap { from, to, host: host.clone(), why };
    let first = known.and_then(|known| known.first_received);
    let before = gap(Timestamp::MIN, first, Missing::Unobserved);
    let silent = known.and_then(Host::silent_since).map(|from| gap(from, None, Missing::Silent));
    let reads = first.filter(|_| known.is_some_and(|known| known.log.is_none()));
    let unread = reads.map(|from| gap(from, None, Missing::Log));
    std::iter::once(before).chain(silent).chain(unread).collect()
}

fn gaps_of(visit: &Visit, host: &HostId, number: EntryNumber) -> Vec<Gap> {
    let read = visit.office.reader().entry(number.0).ok().and_then(|bytes| Entry::from_bytes(&bytes).ok());
    let Some(entry) = read else { return Vec::new() };
    let gap = |from, to, why| Gap { from, to: Some(to), host: host.clone(), why };
    match entry.fact() {
        Some(Fact::HostHeard(heard)) => vec![gap(heard.silent_since, entry.received, Missing::Silent)],
        Some(Fact::AgentLoss(loss)) => vec![gap(loss.from, loss.to, Missing::Dropped)],
        Some(Fact::LogSource(source)) => {
            source.gaps.iter().map(|lost| gap(lost.from, lost.to, Missing::Log)).collect()
        }
        _ => Vec::new(),
    }
}

/// The hosts of the systems of a request, or those of them that it names.
fn hosts_of(visit: &Visit, progress: &Progress) -> BTreeSet<HostId> {
    let court = visit.office.court();
    let scope = progress.scope();
    let places = scope.systems.iter().filter_map(|system| court.places().get(system));
    let named = |host: &&HostId| scope.hosts.is_empty() || scope.hosts.contains(*host);
    places.flat_map(|hosts| hosts.keys()).filter(named).cloned().collect()
}

fn sample(visit: &Visit, number: EntryNumber) -> Option<CapacitySample> {
    let bytes = visit.office.reader().entry(number.0).ok()?;
    match Entry::from_bytes(&bytes).ok()?.body {
        Body::Fact(Fact::CapacitySample(sample)) => Some(sample),
        Body::Fact(_) | Body::Act(_) => None,
    }
}
