//! Laws: what holds for every duty, whatever the entries are.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test needs fails like the test"
)]

#[path = "laws/readings.rs"]
mod readings;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use readings::reading;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use yakujo_contract::court::{Court, Ruling};
use yakujo_contract::duty::{Clause, DUTIES, DutyId, Judge};
use yakujo_contract::entry::Entry;
use yakujo_contract::id::{EntryNumber, SystemId};
use yakujo_contract::standing::{Sentence, Standing};
use yakujo_contract::terms::Terms;

static TERMS: LazyLock<Terms> = LazyLock::new(Terms::standard);

/// Entries of one scenario, as they were received.
type Story = (String, Vec<Entry>);

static STORIES: LazyLock<Vec<Story>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let mut stories: Vec<Story> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let mut entries = yakujo_contract::scenario::entries(&TERMS, &text).unwrap();
            entries.sort_by_key(|entry| entry.received);
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), entries)
        })
        .collect();
    stories.sort_by(|a, b| a.0.cmp(&b.0));
    stories
});

fn entry(text: &str) -> Entry {
    Entry::from_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{error:?}: {text}"))
}

fn act(party: &str, at: &str, act: &str) -> Entry {
    let author = format!(r#"{{"person":{{"id":"p-{party}","party":"{party}"}}}}"#);
    entry(&format!(r#"{{"v":1,"author":{author},"observed":"{at}","received":"{at}","act":{act}}}"#))
}

const BEGIN: &str = "2026-11-22T00:00:00Z";

fn declared_system() -> Entry {
    let system = r#"{"kind":"proposed","proposal":"s1","matter":"system","system":"main","name":"台帳","importance":"B","segment":"internet","internet_facing":"no"}"#;
    act("contractor", BEGIN, system)
}

fn declared_host(host: &str) -> Entry {
    let matter = format!(
        r#"{{"kind":"proposed","proposal":"host-{host}","matter":"host","host":"{host}","system":"main","environment":"production"}}"#
    );
    act("contractor", BEGIN, &matter)
}

/// A court that numbers what it is told.
#[derive(Clone, Default)]
struct Run {
    court: Court,
    next: u64,
}

impl Run {
    fn of(entries: &[Entry]) -> Self {
        let mut run = Self::default();
        for entry in entries {
            run.enter(entry);
        }
        run
    }

    fn enter(&mut self, entry: &Entry) -> Vec<Ruling> {
        self.next += 1;
        self.court.enter(&TERMS, EntryNumber(self.next - 1), entry)
    }

    fn advance(&mut self, to: Timestamp) -> Vec<Ruling> {
        self.court.advance(&TERMS, to)
    }

    fn rulings(&self) -> Vec<Ruling> {
        self.court.rulings().collect()
    }
}

/// Each case judges whole courts, so a hundred are enough; a failure prints its input, nothing is kept beside the tests.
fn few() -> ProptestConfig {
    ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() }
}

fn main_system() -> SystemId {
    "main".parse().unwrap()
}

// (a)

fn is_japanese(text: &str) -> bool {
    text.ends_with('。') && text.chars().any(|c| ('ぁ'..='ん').contains(&c))
}

fn is_english(text: &str) -> bool {
    text.ends_with('.') && !text.chars().any(|c| ('ぁ'..='龠').contains(&c))
}

fn says(duty: DutyId, what: &str, sentence: &Sentence) {
    assert!(is_japanese(&sentence.ja), "{duty} {what}: {}", sentence.ja);
    assert!(is_english(&sentence.en), "{duty} {what}: {}", sentence.en);
}

#[test]
fn without_evidence_every_duty_is_unknown_and_says_what_is_missing_and_who_supplies_it() {
    let mut stories = vec![vec![declared_system()], vec![declared_system(), declared_host("web-1")]];
    for (importance, segment, facing) in [("S", "lgwan", "yes"), ("A", "my_number", "unsaid")] {
        let system = format!(
            r#"{{"kind":"proposed","proposal":"s1","matter":"system","system":"main","name":"台帳","importance":"{importance}","segment":"{segment}","internet_facing":"{facing}"}}"#
        );
        stories.push(vec![act("contractor", BEGIN, &system), declared_host("web-1")]);
    }
    for entries in stories {
        let run = Run::of(&entries);
        let rulings = run.rulings();
        assert_eq!(rulings.len(), 49);
        for Ruling { duty, verdict, .. } in rulings {
            assert_eq!(verdict.standing, Standing::Unknown, "{duty}: {:?}", verdict.cause);
            says(duty, "cause", &verdict.cause);
            says(duty, "next", &verdict.next);
            assert!(verdict.next.ja.contains("受託者") || verdict.next.ja.contains('市'), "{duty}");
            assert!(verdict.evidence.is_empty() && verdict.class.is_none(), "{duty}");
        }
    }
}

#[test]
fn duties_of_different_clauses_miss_different_evidence() {
    let run = Run::of(&[declared_system()]);
    let mut said: BTreeMap<String, Clause> = BTreeMap::new();
    for ruling in run.rulings().into_iter().filter(|r| matches!(r.duty.row().judge, Judge::PerSystem(_))) {
        let clause = ruling.duty.row().clause;
        let other = said.insert(ruling.verdict.cause.ja.clone(), clause);
        assert!(other.is_none_or(|other| other == clause), "{}: {}", ruling.duty, ruling.verdict.cause.ja);
    }
}

// (b)

/// Facts of three hosts, each with its own numbers and its own clock.
fn facts() -> impl Strategy<Value = Vec<Entry>> {
    let host = |name: &'static str| {
        prop::collection::vec((reading(), -86_400_i64..600), 1..12).prop_map(move |readings| {
            let begin: Timestamp = BEGIN.parse().unwrap();
            let numbered = (1_u64..).zip(readings);
            let facts = numbered.map(|(seq, (fact, second))| {
                let observed = begin + SignedDuration::from_secs(second);
                entry(&format!(
                    r#"{{"v":1,"author":{{"agent":"{name}"}},"host":"{name}","seq":{seq},"observed":"{observed}","received":"{BEGIN}","fact":{fact}}}"#
                ))
            });
            facts.collect::<Vec<_>>()
        })
    };
    (host("web-1"), host("web-2"), host("db-1")).prop_map(|(a, b, c)| [a, b, c].concat())
}

/// Systems, hosts, and agreement on every number at its proposed value.
fn agreed_contract() -> Vec<Entry> {
    let mut entries = vec![declared_system()];
    entries.extend(["web-1", "web-2", "db-1"].map(declared_host));
    let values: BTreeMap<_, _> = TERMS.parameters.iter().map(|(id, terms)| (*id, &terms.defaults)).collect();
    let values = serde_json::to_string(&values).unwrap();
    entries.push(act(
        "contractor",
        BEGIN,
        &format!(r#"{{"kind":"proposed","proposal":"all","matter":"parameters","from":"{BEGIN}","values":{values}}}"#),
    ));
    let lines = [
        r#""matter":"software","pattern":"p*","ruling":"allowed","reason":"r""#,
        r#""matter":"flow","system":"main","protocol":"tcp","port":22,"purpose":"p""#,
        r#""matter":"flow","system":"main","protocol":"tcp","port":22,"direction":"out","peer":"10.0.0.0/29","purpose":"p""#,
        r#""matter":"account","system":"main","account":"user00","use":"person","privileged":"no","need":"n","from":"2026-01-01T00:00:00Z""#,
    ];
    for (number, line) in lines.iter().enumerate() {
        entries.push(act(
            "contractor",
            BEGIN,
            &format!(r#"{{"kind":"proposed","proposal":"l{number}",{line}}}"#),
        ));
        entries.push(act("city", BEGIN, &format!(r#"{{"kind":"agreed","proposal":"l{number}"}}"#)));
    }
    entries.push(act("city", BEGIN, r#"{"kind":"agreed","proposal":"all"}"#));
    entries
}

fn words(run: &Run) -> Vec<(DutyId, Standing, Sentence, Sentence)> {
    let word =
        |ruling: Ruling| (ruling.duty, ruling.verdict.standing, ruling.verdict.cause, ruling.verdict.next);
    run.rulings().into_iter().map(word).collect()
}

/// Delivers the facts within twenty minutes, in their order, and waits for the end.
fn delivered(facts: impl Iterator<Item = Entry>) -> Run {
    let mut run = Run::of(&agreed_contract());
    let slot: Timestamp = "2026-11-22T00:10:00Z".parse().unwrap();
    for (second, mut fact) in (0_i64..).zip(facts) {
        fact.received = slot + SignedDuration::from_secs(second);
        run.enter(&fact);
    }
    run.advance(slot + SignedDuration::from_mins(20));
    run
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (sent, shuffled) in facts().prop_flat_map(|sent| (Just(sent.clone()), Just(sent).prop_shuffle()))
    ) {
        let straight = delivered(sent.into_iter());
        let turned = delivered(shuffled.into_iter());
        for (a, b) in words(&straight).into_iter().zip(words(&turned)) {
            prop_assert_eq!(a, b);
        }
    }
}

proptest! {
    #![proptest_config(few())]

    /// (c), (e) over evidence of any kind: until the hosts fall silent, and long after.
    #[test]
    fn whatever_was_observed_time_heals_nothing_and_judging_again_changes_nothing(sent in facts(), steps in steps()) {
        let mut run = delivered(sent.into_iter());
        let mut now = run.court.now();
        for step in steps {
            let before = standings(&run);
            now += SignedDuration::from_secs(step);
            run.advance(now);
            for (key, standing) in standings(&run) {
                let healed = before.get(&key) == Some(&Standing::Broken) && standing == Standing::Kept;
                prop_assert!(!healed, "{key:?} at {now}");
            }
            let changed = run.clone().enter(&act("city", &now.to_string(), NOWHERE));
            prop_assert!(changed.is_empty(), "{changed:?}");
        }
    }
}

// (c), (d), (e): over the scenarios

/// An exception for a system that is not there makes the court judge everything again, at the same instant.
const NOWHERE: &str = r#"{"kind":"proposed","proposal":"law","matter":"exemption","duty":"6.a","system":"nowhere","until":"2030-01-01T00:00:00Z","reason":"r"}"#;

type Standings = BTreeMap<(DutyId, SystemId), Standing>;

fn standings(run: &Run) -> Standings {
    run.rulings().into_iter().map(|ruling| ((ruling.duty, ruling.system), ruling.verdict.standing)).collect()
}

/// One scenario, cut off somewhere.
fn cut() -> impl Strategy<Value = (&'static str, &'static [Entry], &'static [Entry])> {
    (0..STORIES.len(), any::<prop::sample::Index>()).prop_map(|(story, place)| {
        let (name, entries) = &STORIES[story];
        let (before, after) = entries.split_at(place.index(entries.len() + 1));
        (name.as_str(), before, after)
    })
}

fn steps() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(prop_oneof![1_i64..3_600, 3_600_i64..86_400, 86_400_i64..15_000_000], 1..20)
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn time_alone_never_turns_a_breach_into_a_duty_kept((name, entries, _) in cut(), steps in steps()) {
        let mut run = Run::of(entries);
        let mut now = run.court.now().max(BEGIN.parse().unwrap());
        let end = now + SignedDuration::from_hours(2 * 366 * 24);
        let mut last = standings(&run);
        for step in steps {
            now = (now + SignedDuration::from_secs(step)).min(end);
            for ruling in run.advance(now) {
                let key = (ruling.duty, ruling.system);
                let before = last.insert(key, ruling.verdict.standing.clone());
                let healed = before == Some(Standing::Broken) && ruling.verdict.standing == Standing::Kept;
                prop_assert!(!healed, "{name}: {} at {now}: {:?}", ruling.duty, ruling.verdict.cause);
            }
        }
    }

    #[test]
    fn a_court_that_was_kept_and_read_again_goes_on_the_same((_, before, after) in cut(), steps in steps()) {
        let mut run = Run::of(before);
        let kept = serde_json::to_string(&run.court).unwrap();
        let mut read = Run { court: serde_json::from_str(&kept).unwrap(), next: run.next };
        prop_assert_eq!(run.rulings(), read.rulings());
        for entry in after {
            prop_assert_eq!(run.enter(entry), read.enter(entry));
        }
        let mut now = run.court.now().max(BEGIN.parse().unwrap());
        for step in steps {
            now += SignedDuration::from_secs(step);
            prop_assert_eq!(run.advance(now), read.advance(now));
        }
        prop_assert_eq!(run.rulings(), read.rulings());
    }

    #[test]
    fn judging_everything_again_changes_nothing((name, before, after) in cut(), step in 0_i64..40_000_000) {
        let mut run = Run::of(before);
        let mut told = standings(&run);
        for entry in after.iter().map(Some).chain([None]) {
            let rulings = match entry {
                Some(entry) => run.enter(entry),
                None => run.advance(run.court.now().max(BEGIN.parse().unwrap()) + SignedDuration::from_secs(step)),
            };
            // What the court tells is all that changed.
            told.extend(rulings.into_iter().map(|r| ((r.duty, r.system), r.verdict.standing)));
            prop_assert_eq!(&told, &standings(&run));
            // Not a moment later: a story may be older than the others, and time alone changes things.
            let at = if run.court.now() == Timestamp::MIN { BEGIN.parse().unwrap() } else { run.court.now() };
            let changed = run.clone().enter(&act("city", &at.to_string(), NOWHERE));
            prop_assert!(changed.is_empty(), "{name}: {changed:?}");
        }
    }
}

// (g)

/// Numbers no duty needs to be kept: they say until when something has to be done that is still open, or when to warn.
/// 4.5.a and 13.a are never kept: not everything they ask for is seen.
const ONLY_DEADLINES: [(&str, &str); 10] = [
    ("3.5.a", "P-10"),
    ("4.5.a", "P-13"),
    ("4.5.a", "P-14"),
    ("7.a", "P-22"),
    ("8.a", "P-17"),
    ("8.a", "P-22"),
    ("9.a", "P-37"),
    ("9.b", "P-37"),
    ("9.b", "P-24"),
    ("13.a", "P-22"),
];

/// The story without the agreement on one parameter.
fn without(entries: &[Entry], parameter: &str) -> Vec<Entry> {
    let mut told = entries.to_vec();
    for entry in &mut told {
        let text = String::from_utf8(entry.to_bytes().unwrap()).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        if value["act"]["matter"] == "parameters" {
            value["act"]["values"].as_object_mut().unwrap().remove(parameter);
            *entry = Entry::from_bytes(value.to_string().as_bytes()).unwrap();
        }
    }
    told
}

/// Every verdict 適合 of a story that names a parameter: at which instant, on what, by which.
fn kept_by_parameters(entries: &[Entry]) -> Vec<(Timestamp, DutyId, SystemId, Vec<String>)> {
    let mut run = Run::default();
    let mut kept = Vec::new();
    for entry in entries {
        let rulings = run.enter(entry);
        let good = rulings.into_iter().filter(|ruling| ruling.verdict.standing == Standing::Kept);
        kept.extend(good.map(|ruling| {
            let named = ruling.verdict.parameters.iter().map(ToString::to_string).collect();
            (run.court.now(), ruling.duty, ruling.system, named)
        }));
    }
    kept
}

#[test]
fn without_agreement_on_a_number_it_needs_no_duty_is_kept_and_the_reason_names_the_parameter() {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (name, entries) in STORIES.iter() {
        let kept = kept_by_parameters(entries);
        let all: std::collections::BTreeSet<&String> =
            kept.iter().flat_map(|(_, _, _, named)| named).collect();
        for parameter in all {
            let less = without(entries, parameter);
            let (mut run, mut waiting) = (Run::default(), less.iter().peekable());
            for (at, duty, system, _) in kept.iter().filter(|(_, _, _, named)| named.contains(parameter)) {
                while let Some(entry) = waiting.next_if(|entry| entry.received <= *at) {
                    run.enter(entry);
                }
                run.advance(*at);
                let Some(ruling) = run.court.ruling(*duty, system) else { continue };
                let verdict = ruling.verdict;
                assert_ne!(verdict.standing, Standing::Kept, "{name}: {duty} without {parameter}");
                if verdict.cause.ja.contains("未合意") && verdict.cause.ja.contains(parameter.as_str()) {
                    *seen.entry((duty.key().to_owned(), parameter.clone())).or_default() += 1;
                }
            }
        }
    }
    let mut never: Vec<(&str, String)> = Vec::new();
    for measured in &yakujo_contract::duty::MEASURES {
        let pair = (measured.duty.to_owned(), measured.parameter.to_string());
        if !seen.contains_key(&pair) && !never.contains(&(measured.duty, pair.1.clone())) {
            never.push((measured.duty, pair.1));
        }
    }
    let never: Vec<(&str, &str)> =
        never.iter().map(|(duty, parameter)| (*duty, parameter.as_str())).collect();
    assert_eq!(never, ONLY_DEADLINES);
}

// (f)

static GOLDEN: LazyLock<Vec<(&'static str, serde_json::Value)>> = LazyLock::new(|| {
    let mut golden = Vec::new();
    for (folder, body) in [("facts", "fact"), ("acts", "act")] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden").join(folder);
        for file in std::fs::read_dir(path).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let sample: serde_json::Value = serde_json::from_str(&text).unwrap();
            // Kinds that judges weigh come often; one after which nothing is judged any more would hide the others.
            let kind = sample["kind"].as_str().unwrap();
            let weighed = DUTIES.iter().any(|row| row.uses.contains(&kind));
            let times = if weighed { 6 } else { usize::from(kind != "agent.stop") };
            golden.extend(std::iter::repeat_n((body, sample), times));
        }
    }
    golden
});

const INSTANTS: [&str; 6] = [
    "-009999-01-02T01:59:59Z",
    "1970-01-01T00:00:00Z",
    "2026-11-22T00:00:00Z",
    "2026-11-22T00:00:01Z",
    "2028-02-29T12:00:00Z",
    "9999-12-30T22:00:00.999999999Z",
];

/// Puts something else into some of the leaves, by the seeds.
fn disturb(value: &mut serde_json::Value, seeds: &mut impl Iterator<Item = u64>) {
    match value {
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| disturb(field, seeds)),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| disturb(item, seeds)),
        leaf => {
            let seed = seeds.next().unwrap();
            // Few at once: a number that does not fit its field makes the whole entry unreadable.
            if !seed.is_multiple_of(4) {
                return;
            }
            let seed = seed / 4;
            *leaf = match leaf {
                serde_json::Value::Number(_) => match seed % 6 {
                    0 => 0.into(),
                    1 => u64::MAX.into(),
                    2 => i64::MIN.into(),
                    3 => i64::MAX.into(),
                    4 => 1.into(),
                    _ => return,
                },
                serde_json::Value::String(text) if text.parse::<Timestamp>().is_ok() => {
                    INSTANTS[usize::try_from(seed).unwrap() % INSTANTS.len()].into()
                }
                _ => return,
            };
        }
    }
}

/// An entry of any kind, at its place in a story: mostly by whom and when it may be, sometimes by anybody at any time.
fn any_entry(place: usize, which: usize, seeds: &[u16]) -> Option<Entry> {
    let (body, sample) = &GOLDEN[which % GOLDEN.len()];
    let mut sample = sample.clone();
    let mut next = seeds.iter().map(|seed| u64::from(*seed)).cycle();
    let mut odd = |times: u64| next.next().filter(|seed| seed % times == 0);
    let instant = |seed: u64| INSTANTS[usize::try_from(seed).unwrap() % INSTANTS.len()].to_owned();
    let now = BEGIN.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(i64::try_from(place).unwrap());
    let observed = odd(8).map_or(now.to_string(), |seed| instant(seed / 8));
    let received = odd(16).map_or(now.to_string(), |seed| instant(seed / 16));
    let foreign = odd(8).is_some();
    let author = match (*body, foreign) {
        ("fact", false) => r#"{"agent":"web-1"}"#,
        ("act", false) if place.is_multiple_of(2) => r#"{"person":{"id":"p-tanaka","party":"contractor"}}"#,
        ("act", false) => r#"{"person":{"id":"p-sato","party":"city"}}"#,
        _ => r#""server""#,
    };
    let seq = place + 1;
    disturb(&mut sample, &mut next);
    let text = format!(
        r#"{{"v":1,"author":{author},"host":"web-1","seq":{seq},"observed":"{observed}","received":"{received}","{body}":{sample}}}"#
    );
    Entry::from_bytes(text.as_bytes()).ok()
}

/// What is kept of the roll says the same as a roll that was made anew, and every running clock belongs to an open request.
fn roll_is_true(court: &Court, at: &str) {
    let anew = court.clone();
    let (kept, anew) = (court.roll(&TERMS), anew.roll(&TERMS));
    assert_eq!(kept.all(), anew.all(), "{at}");
    assert_eq!(kept.unreported(), anew.unreported(), "{at}");
    let requests = &court.evidence().requests;
    let open: Vec<_> = requests.open().map(|(id, _)| id).collect();
    for (id, request) in requests.all() {
        let Some(progress) = &request.progress else { continue };
        let runs = court.clocks(&TERMS, progress).iter().any(|clock| clock.met.is_none());
        assert!(open.contains(&id) || (!runs && progress.state.is_over()), "{at}: {id} is not open");
    }
}

#[test]
fn the_roll_that_is_kept_is_the_roll_that_would_be_made() {
    for (name, entries) in STORIES.iter() {
        let mut run = Run::default();
        for entry in entries {
            // Time passes between two entries, and pages are looked at meanwhile.
            let between = run.court.now().max(entry.received - SignedDuration::from_secs(1));
            run.advance(between);
            roll_is_true(&run.court, &format!("{name} before {}", run.next));
            run.enter(entry);
            roll_is_true(&run.court, &format!("{name} after {}", run.next));
        }
        for days in [1, 3, 10, 40] {
            run.advance(run.court.now() + SignedDuration::from_hours(days * 24));
            roll_is_true(&run.court, &format!("{name}, {days} days later"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..few() })]

    #[test]
    fn no_entry_makes_the_court_panic(
        seeds in prop::collection::vec((any::<usize>(), prop::collection::vec(any::<u16>(), 64)), 1..60)
    ) {
        let mut run = Run::of(&[declared_system(), declared_host("web-1")]);
        for (place, (which, seeds)) in seeds.iter().enumerate() {
            if let Some(entry) = any_entry(place, *which, seeds) {
                run.enter(&entry);
            }
        }
        run.advance(Timestamp::MAX);
        for ruling in run.rulings().into_iter().filter(|ruling| ruling.system == main_system()) {
            prop_assert!(!ruling.verdict.cause.ja.is_empty() && !ruling.verdict.cause.en.is_empty());
        }
    }
}
