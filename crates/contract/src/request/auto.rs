//! The fields of a form that the program fills in (●), from what is known now. Nothing of it is stored: it is what the
//! ledger says at the instant the form is looked at. Where nothing is known, that is what stands there, never nothing.

use super::contained;
use super::flow::{Progress, State};
use super::forecast::{Forecast, forecasts};
use super::form::{Form, Path};
use crate::act::{Importance, LimitLine, Matter, Segment, System};
use crate::entry::Entry;
use crate::evidence::Evidence;
use crate::evidence::usage::Used;
use crate::fact::content::ContentTestData;
use crate::fact::host::CapacitySample;
use crate::fact::malware::{AvAction, Done};
use crate::id::{Digest, HostId};
use crate::request::Window;
use crate::standing::Sentence;
use crate::thing::{Object, Thing};
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// One line of what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An instant that was observed.
    Moment(Timestamp),
    /// An instant that the contractor stated.
    Stated(Timestamp),
    /// How long, in seconds.
    Length(i64),
    /// A host.
    Host(HostId),
    /// A network of the city.
    Segment(Segment),
    /// The rank of a system.
    Rank(Importance),
    /// A thing.
    Thing(Thing),
    /// What a program did about it, and whether it worked.
    Action(AvAction, Done),
    /// The machine was cut off from the network: since when, and until when, where it is over.
    CutOff(Timestamp, Option<Timestamp>),
    /// How it looked from outside meanwhile, since when.
    FromOutside(Sentence, Timestamp),
    /// An agreed limit.
    Limit(LimitLine),
    /// Use of a resource of a host over these days.
    Use(HostId, String, Used, (Date, Date)),
    /// Something that was handed over: name, bytes, digest.
    File(String, u64, Digest),
    /// An observed change, in words of the program that saw it.
    Change(String),
    /// The version of a package on a host.
    Version(HostId, String, String),
    /// When a resource reaches its limit.
    Full(Forecast),
    /// How many stops there were, and how long the longest lasted, in seconds.
    Stops(u32, i64),
    /// A time of which a host's records are missing.
    Gap(Gap),
    /// What an inspector found in test data; the host, where one told it.
    Inspected(Option<HostId>, ContentTestData),
}

/// Why a time is missing in what a host told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// Nobody observed the host yet.
    Unobserved,
    /// There is more on record than was looked through.
    NotSearched,
    /// The host was silent.
    Silent,
    /// Its agent had to drop what it saw.
    Dropped,
    /// Lines of its log are missing.
    Log,
}

/// A time of which something is missing on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// From.
    pub from: Timestamp,
    /// Until; none: it lasts.
    pub to: Option<Timestamp>,
    /// The host.
    pub host: HostId,
    /// Why.
    pub why: Missing,
}

/// What stands in a field that the program fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auto {
    /// This is known.
    Known(Vec<Item>),
    /// It cannot be known before something happens.
    NotYet,
    /// No program has observed it: 未観測.
    NotObserved,
    /// The program has looked, and there is nothing.
    Nothing,
    /// The matter is closed: nothing more comes.
    Over,
    /// The form names nothing that could be looked up.
    NotNamed,
}

/// A stop or a restriction of a system, as probes saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Began.
    pub from: Timestamp,
    /// Ended; none: not yet.
    pub to: Option<Timestamp>,
}

/// What is known about a request besides itself.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Everything that was observed and agreed.
    pub evidence: &'a Evidence,
    /// The entry it is about.
    pub about: Option<&'a Entry>,
    /// Observed outages of its systems that belong to it; none: nobody watches them.
    pub outages: Option<&'a [Outage]>,
    /// Observed changes that belong to it, in words; none: nobody watches.
    pub changes: Option<&'a [String]>,
    /// Observed changes of the things it names before it was asked, in words; none: nobody watches.
    pub earlier: Option<&'a [String]>,
    /// The content of the things it names as it was before they were tampered with, in words; none: nobody watches.
    pub good: Option<&'a [String]>,
    /// Samples of capacity of the hosts of its systems; none: not looked up.
    pub samples: Option<&'a [(HostId, Vec<CapacitySample>)]>,
    /// Inspections of test data, the newest first; none: not looked up.
    pub inspections: Option<&'a [(Option<HostId>, ContentTestData)]>,
    /// Times of which records of the hosts are missing; none: not looked up, or no host of the systems is watched.
    pub gaps: Option<&'a [Gap]>,
    /// When the next report is due.
    pub next_report: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
}

impl<'a> Known<'a> {
    /// Nothing but what was observed and agreed.
    #[must_use]
    pub fn nothing(evidence: &'a Evidence, now: Timestamp) -> Self {
        Self {
            evidence,
            about: None,
            outages: None,
            changes: None,
            earlier: None,
            good: None,
            samples: None,
            inspections: None,
            gaps: None,
            next_report: None,
            now,
        }
    }
}

/// What a report of this detection would show by itself now, by the keys of its fields: nobody has to begin one first.
#[must_use]
pub fn of_detection(evidence: &Evidence, entry: &Entry, now: Timestamp) -> [(&'static str, Auto); 3] {
    let known = Known { about: Some(entry), ..Known::nothing(evidence, now) };
    [
        ("detected", Auto::Known(vec![Item::Moment(entry.observed)])),
        ("isolated", contained::cut_off(&known, None)),
        ("removed", contained::put_away(&known)),
    ]
}

/// What stands in a field. `key` is one of the fields of the form that are filled in by the program.
#[must_use]
pub fn auto(progress: &Progress, key: &str, known: &Known<'_>) -> Auto {
    match (progress.form(), key) {
        (Form::F05 | Form::F08, "detected") => {
            known.about.map_or(Auto::NotObserved, |entry| Auto::Known(vec![Item::Moment(entry.observed)]))
        }
        (Form::F05, "machine") => machine(progress, known),
        (Form::F05, "segment") => of_systems(progress, known, |system| Item::Segment(system.segment)),
        (Form::F05, "rank") => of_systems(progress, known, |system| Item::Rank(system.importance)),
        (Form::F05, "isolated") => {
            let closed = progress.state.is_over().then_some(progress.since.received);
            contained::cut_off(known, closed)
        }
        (Form::F05, "removed") => contained::put_away(known),
        (Form::F05, "next") => match (known.next_report, progress.state) {
            (Some(due), _) => Auto::Known(vec![Item::Moment(due)]),
            (None, State::Confirmed | State::Withdrawn) => Auto::Over,
            (None, _) => Auto::NotYet,
        },
        (Form::F06, "place") | (Form::F14, "version") => {
            some(progress.scope().things.iter().cloned().map(Item::Thing))
        }
        (Form::F06, "difference") => match known.earlier {
            None => Auto::NotObserved,
            Some([]) => Auto::Nothing,
            Some(changes) => some(changes.iter().cloned().map(Item::Change)),
        },
        (Form::F16, "versions" | "done") if progress.scope().things.is_empty() => Auto::NotNamed,
        (Form::F06, "good") => match known.good {
            None => Auto::NotObserved,
            Some([]) => Auto::Nothing,
            Some(good) => some(good.iter().cloned().map(Item::Change)),
        },
        (Form::F06, "compared") | (Form::F09, "matched") | (Form::F16, "done") => changes(progress, known),
        (Form::F15, "gone") => gone(progress, known),
        (Form::F19, "missing") => missing(progress, known),
        (Form::F16, "versions") => versions(progress, known),
        (Form::F17, "actual") => stops(known),
        (Form::F13, "forecast") => full(known),
        (Form::F15, "inspected") => inspected(progress, known),
        (Form::F07, "began") => ends(progress, known, |outage| Some(outage.from), |(_, from, _)| from),
        (Form::F07, "ended") => ends(progress, known, |outage| outage.to, |(_, _, to)| to),
        (Form::F08, "happened") => outage(known, |outage| Some(Item::Moment(outage.from))),
        (Form::F08, "first") => Auto::Known(vec![Item::Moment(progress.asked.received)]),
        (Form::F08, "recovered") => outage(known, |outage| outage.to.map(Item::Moment)),
        (Form::F08, "length") => outage(known, |outage| length(outage, known.now)),
        (Form::F13, "limits") => limits(progress, known),
        (Form::F13, "use") => uses(progress, known),
        (Form::F19, "delivered") => delivered(progress),
        // What nobody observes yet is said so.
        _ => Auto::NotObserved,
    }
}

fn some(items: impl Iterator<Item = Item>) -> Auto {
    let items: Vec<Item> = items.collect();
    if items.is_empty() { Auto::NotObserved } else { Auto::Known(items) }
}

fn machine(progress: &Progress, known: &Known<'_>) -> Auto {
    let seen = known.about.and_then(|entry| entry.host.clone());
    let named = progress.scope().hosts.iter().filter(|host| Some(*host) != seen.as_ref()).cloned();
    some(seen.clone().into_iter().chain(named).map(Item::Host))
}

fn of_systems(progress: &Progress, known: &Known<'_>, item: impl Fn(&System) -> Item) -> Auto {
    let systems = known.evidence.agreements.systems();
    let of = progress.scope().systems.iter().filter_map(|id| match systems.get(id)?.matter {
        Matter::System(system) => Some(item(system)),
        _ => None,
    });
    some(of)
}

fn changes(progress: &Progress, known: &Known<'_>) -> Auto {
    match known.changes {
        None => Auto::NotObserved,
        Some([]) if progress.window().is_some_and(|window| window.from > known.now) => Auto::NotYet,
        Some([]) => Auto::Nothing,
        Some(changes) => some(changes.iter().cloned().map(Item::Change)),
    }
}

type Stated = (crate::evidence::latest::Stamp, Timestamp, Timestamp);

/// What probes saw; beside it what the contractor stated, under its own name.
fn ends(
    progress: &Progress,
    known: &Known<'_>,
    seen: impl Fn(&Outage) -> Option<Timestamp>,
    stated: impl Fn(Stated) -> Timestamp,
) -> Auto {
    let observed = known.outages.into_iter().flatten().filter_map(seen).map(Item::Moment);
    let stated = progress.done.map(|done| Item::Stated(stated(done)));
    let items: Vec<Item> = observed.chain(stated).collect();
    match (items.is_empty(), known.outages, progress.window()) {
        (false, _, _) => Auto::Known(items),
        (true, _, Some(window)) if window.from > known.now => Auto::NotYet,
        (true, Some(_), _) => Auto::Nothing,
        (true, None, _) => Auto::NotObserved,
    }
}

fn outage(known: &Known<'_>, of: impl Fn(&Outage) -> Option<Item>) -> Auto {
    match known.outages {
        None => Auto::NotObserved,
        Some([]) => Auto::Nothing,
        Some(outages) => {
            let items: Vec<Item> = outages.iter().filter_map(of).collect();
            if items.is_empty() { Auto::NotYet } else { Auto::Known(items) }
        }
    }
}

fn length(outage: &Outage, now: Timestamp) -> Option<Item> {
    Some(Item::Length(outage.to.unwrap_or(now).duration_since(outage.from).as_secs()))
}

fn limits(progress: &Progress, known: &Known<'_>) -> Auto {
    let lines = progress.scope().systems.iter().flat_map(|system| {
        let lines = known.evidence.agreements.of_system("limit", system);
        lines.filter(|line| line.is_agreed()).filter_map(|line| match line.matter {
            Matter::Limit(limit) => Some(Item::Limit(limit.clone())),
            _ => None,
        })
    });
    some(lines)
}

/// Whether a host is one of those the request is about.
fn is_of_scope(progress: &Progress, known: &Known<'_>, host: &HostId) -> bool {
    let scope = progress.scope();
    let named = scope.hosts.is_empty() || scope.hosts.contains(host);
    let place = known.evidence.agreements.place_of(host);
    named && place.is_some_and(|place| scope.systems.contains(&place.system))
}

/// The packages the form names, as they are installed.
fn versions(progress: &Progress, known: &Known<'_>) -> Auto {
    let things = &progress.scope().things;
    let named = |name: &str| {
        let plain = name.split_once(':').map_or(name, |(plain, _)| plain);
        let mut packages = things.iter().filter(|thing| thing.object == Object::Package);
        packages.any(|thing| thing.name == name || thing.name == plain)
    };
    let hosts = known.evidence.hosts.iter().filter(|(id, _)| is_of_scope(progress, known, id));
    let mut looked = false;
    let mut items = Vec::new();
    for (id, host) in hosts {
        looked |= host.packages.whole_list().is_some();
        let installed = host.packages.installed().filter(|(package, _)| named(&package.name));
        items
            .extend(installed.map(|(package, _)| {
                Item::Version(id.clone(), package.name.clone(), package.version.clone())
            }));
    }
    match (items.is_empty(), looked) {
        (false, _) => Auto::Known(items),
        (true, true) => Auto::Nothing,
        (true, false) => Auto::NotObserved,
    }
}

/// What the measures against failures were worth: the stops of the year.
fn stops(known: &Known<'_>) -> Auto {
    let Some(outages) = known.outages else { return Auto::NotObserved };
    let longest = outages.iter().map(|outage| outage.to.unwrap_or(known.now).duration_since(outage.from));
    let longest = longest.max().map_or(0, |length| length.as_secs());
    Auto::Known(vec![Item::Stops(u32::try_from(outages.len()).unwrap_or(u32::MAX), longest)])
}

fn full(known: &Known<'_>) -> Auto {
    let samples = known.samples.into_iter().flatten();
    some(samples.flat_map(|(host, samples)| forecasts(host, samples)).map(Item::Full))
}

/// The newest inspection of each data set the form names, at each place.
fn inspected(progress: &Progress, known: &Known<'_>) -> Auto {
    let mut things = progress.scope().things.iter().filter(|thing| thing.object == Object::TestData);
    let mut seen = BTreeSet::new();
    let of_form = known.inspections.into_iter().flatten().filter(|(host, data)| {
        let named = things.clone().any(|thing| thing.covers(Object::TestData, &data.set));
        named && seen.insert((host, &data.set, &data.place))
    });
    let items: Vec<Item> = of_form.map(|(host, data)| Item::Inspected(host.clone(), data.clone())).collect();
    match (items.is_empty(), things.next()) {
        (false, _) => Auto::Known(items),
        (true, None) => Auto::NotNamed,
        (true, Some(_)) => Auto::NotObserved,
    }
}

/// The newest inspections of the data sets that found nothing there any more.
fn gone(progress: &Progress, known: &Known<'_>) -> Auto {
    let items = match inspected(progress, known) {
        Auto::Known(items) => items,
        unknown => return unknown,
    };
    let is_gone = |item: &Item| matches!(item, Item::Inspected(_, data) if data.rows == 0 && data.columns == 0 && data.coverage.is_complete());
    let gone: Vec<Item> = items.into_iter().filter(is_gone).collect();
    if gone.is_empty() { Auto::Nothing } else { Auto::Known(gone) }
}

/// What each host of the systems used within the last month.
fn uses(progress: &Progress, known: &Known<'_>) -> Auto {
    let hosts = known.evidence.hosts.iter().filter(|(id, _)| is_of_scope(progress, known, id));
    some(hosts.flat_map(|(id, host)| {
        let days = host.usage.days();
        let whole = host.usage.whole().into_iter();
        whole.filter_map(move |(name, used)| Some(Item::Use(id.clone(), name.to_owned(), used, days?)))
    }))
}

/// Times that are missing in the logs that were asked for: those of the period, where the request names one.
fn missing(progress: &Progress, known: &Known<'_>) -> Auto {
    if progress.filled.text("subject") != Some("logs") {
        return Auto::NotNamed;
    }
    let Some(gaps) = known.gaps else { return Auto::NotObserved };
    let of_period = |gap: &&Gap| {
        let touches = |window: Window| gap.from <= window.to && gap.to.is_none_or(|to| to >= window.from);
        progress.filled.window.is_none_or(touches)
    };
    let items: Vec<Item> = gaps.iter().filter(of_period).cloned().map(Item::Gap).collect();
    if items.is_empty() { Auto::Nothing } else { Auto::Known(items) }
}

fn delivered(progress: &Progress) -> Auto {
    debug_assert_eq!(progress.form().row().path, Path::Delivery);
    if progress.reports.is_empty() {
        return Auto::NotYet;
    }
    let files = progress.reports.iter().flat_map(|report| &report.attachments);
    let items: Vec<Item> =
        files.map(|file| Item::File(file.name.clone(), file.bytes, file.digest.clone())).collect();
    if items.is_empty() { Auto::Nothing } else { Auto::Known(items) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::latest::Stamp;
    use crate::id::EntryNumber;
    use crate::request::form::{Ask, Kind, Part};
    use crate::request::{FieldValue, Filled, Scope, StandingTerms, Trigger, flow::By};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + minute * 60).unwrap()
    }

    fn begun(form: Form) -> Progress {
        let row = form.row();
        let stamp = Stamp { seq: 0, observed: at(0), received: at(0), entry: EntryNumber(1) };
        let party = if row.path == Path::Delivery {
            crate::entry::Party::City
        } else {
            crate::entry::Party::Contractor
        };
        let must = row.fields.iter().filter(|field| field.part == Part::Ask && field.need == Ask::Must);
        let value = |kind: Kind| match kind {
            Kind::Choice(choices) => choices[0].0.to_owned(),
            Kind::Count => "1".to_owned(),
            Kind::Moment => at(0).to_string(),
            _ => "x".to_owned(),
        };
        let thing = Thing { object: Object::File, name: "/etc/x".to_owned(), digest: None };
        let filled = Filled {
            form,
            title: "x".to_owned(),
            scope: Scope {
                systems: ["main".parse().unwrap()].into(),
                things: if row.things == Ask::Must { [thing].into() } else { [].into() },
                ..Scope::default()
            },
            window: (row.window != Ask::Never).then(|| Window { from: at(60), to: at(120), reserve_min: 0 }),
            limit: None,
            standing: (form == Form::F26).then_some(StandingTerms {
                trigger: Trigger::FailureRepair,
                longest_min: 1,
                uses: 1,
                report_h: 1,
            }),
            fields: must.map(|f| (f.key.to_owned(), FieldValue::Clear(value(f.kind)))).collect(),
            attachments: Vec::new(),
            links: [].into(),
            about: None,
        };
        Progress::begin(By { person: "p-1".parse().unwrap(), party }, stamp, filled).unwrap()
    }

    fn known<'a>(evidence: &'a Evidence, outages: Option<&'a [Outage]>, now: i64) -> Known<'a> {
        Known { outages, ..Known::nothing(evidence, at(now)) }
    }

    #[test]
    fn every_field_that_the_program_fills_in_says_something_even_where_nothing_is_known() {
        let evidence = Evidence::default();
        for form in Form::ALL {
            let progress = begun(form);
            for field in form.row().fields.iter().filter(|field| field.kind == Kind::Auto) {
                let shown = auto(&progress, field.key, &known(&evidence, None, 0));
                assert_ne!(shown, Auto::Known(Vec::new()), "{} {}", form.row().key, field.key);
            }
        }
    }

    #[test]
    fn a_delivery_of_logs_says_which_times_are_missing_of_the_period_that_was_asked_for() {
        let (evidence, mut progress) = (Evidence::default(), begun(Form::F19));
        progress.filled.fields.insert("subject".to_owned(), FieldValue::Clear("logs".to_owned()));
        progress.filled.window = Some(Window { from: at(60), to: at(120), reserve_min: 0 });
        let gap = |from, to: Option<i64>| Gap {
            from: at(from),
            to: to.map(at),
            host: "web-1".parse().unwrap(),
            why: Missing::Silent,
        };
        let shown = |gaps: Option<&[Gap]>| {
            let known = Known { gaps, ..known(&evidence, None, 200) };
            auto(&progress, "missing", &known)
        };
        assert_eq!(shown(None), Auto::NotObserved);
        assert_eq!(shown(Some(&[gap(1, Some(59)), gap(121, None)])), Auto::Nothing, "at other times");
        let within = gap(100, None);
        assert_eq!(shown(Some(&[gap(1, Some(2)), within.clone()])), Auto::Known(vec![Item::Gap(within)]));
    }

    #[test]
    fn a_stop_that_nobody_watched_is_not_observed_and_one_that_was_watched_has_its_instants() {
        let (evidence, progress) = (Evidence::default(), begun(Form::F07));
        assert_eq!(auto(&progress, "began", &known(&evidence, None, 200)), Auto::NotObserved);
        assert_eq!(auto(&progress, "began", &known(&evidence, Some(&[]), 0)), Auto::NotYet);
        assert_eq!(auto(&progress, "began", &known(&evidence, Some(&[]), 200)), Auto::Nothing);
        let seen = [Outage { from: at(61), to: None }];
        let shown = |key| auto(&progress, key, &known(&evidence, Some(&seen), 70));
        assert_eq!(shown("began"), Auto::Known(vec![Item::Moment(at(61))]));
        assert_eq!(shown("ended"), Auto::Nothing);
    }

    #[test]
    fn every_stop_of_the_year_is_counted_and_none_is_a_figure_of_its_own() {
        let (evidence, progress) = (Evidence::default(), begun(Form::F17));
        let seen = [Outage { from: at(1), to: Some(at(11)) }, Outage { from: at(20), to: Some(at(22)) }];
        let shown = |outages| auto(&progress, "actual", &known(&evidence, outages, 30));
        assert_eq!(shown(Some(&seen[..])), Auto::Known(vec![Item::Stops(2, 600)]));
        assert_eq!(shown(Some(&[])), Auto::Known(vec![Item::Stops(0, 0)]));
        assert_eq!(shown(None), Auto::NotObserved, "nobody watched: that is no zero");
    }

    #[test]
    fn test_data_show_their_newest_inspection_and_nothing_of_other_data() {
        let (evidence, mut progress) = (Evidence::default(), begun(Form::F15));
        let inspection = |set: &str, rows| {
            let data = serde_json::json!({ "set": set, "place": "test-1", "origin": "masked", "rows": rows,
                "columns": 3, "personal": [], "matches": 0, "inspector": "1" });
            (None, serde_json::from_value::<ContentTestData>(data).unwrap())
        };
        let told = [inspection("b", 9), inspection("a", 2), inspection("a", 1)];
        let shown = |progress: &Progress, told| {
            auto(progress, "inspected", &Known { inspections: told, ..known(&evidence, None, 200) })
        };
        assert_eq!(shown(&progress, Some(&told[..])), Auto::NotNamed, "it names a file");
        let data = Thing { object: Object::TestData, name: "a".to_owned(), digest: None };
        progress.filled.scope.things = [data].into();
        assert_eq!(shown(&progress, None), Auto::NotObserved);
        assert_eq!(shown(&progress, Some(&told[..1])), Auto::NotObserved);
        let newest = Item::Inspected(None, told[1].1.clone());
        assert_eq!(shown(&progress, Some(&told[..])), Auto::Known(vec![newest]));
    }

    #[test]
    fn a_vulnerability_without_a_package_says_that_it_names_none() {
        let (evidence, progress) = (Evidence::default(), begun(Form::F16));
        for key in ["versions", "done"] {
            assert_eq!(auto(&progress, key, &known(&evidence, None, 0)), Auto::NotNamed, "{key}");
        }
    }

    #[test]
    fn what_the_contractor_stated_never_passes_for_what_was_observed() {
        let evidence = Evidence::default();
        let mut progress = begun(Form::F07);
        progress.done = Some((progress.asked, at(60), at(90)));
        let shown = auto(&progress, "ended", &known(&evidence, None, 200));
        assert_eq!(shown, Auto::Known(vec![Item::Stated(at(90))]));
    }
}
