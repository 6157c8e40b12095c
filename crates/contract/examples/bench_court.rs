//! How long the court takes over one new fact: with 10,000 hosts, and as the ledger grows older.
//!
//! `cargo run --release -p yakujo-contract --example bench_court [-- HOSTS ENTRIES…]`

use jiff::{SignedDuration, Timestamp};
use std::time::Instant;
use yakujo_contract::act::{
    Act, Environment, FindingClass, HostPlace, Importance, Matter, Segment, System, Trit,
};
use yakujo_contract::court::Court;
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::fact::host::ClockState;
use yakujo_contract::fact::software::{Package, PackageChange};
use yakujo_contract::fact::state::Seen;
use yakujo_contract::fact::{Coverage, Fact};
use yakujo_contract::finding::Rule;
use yakujo_contract::id::{EntryNumber, HostId};
use yakujo_contract::occurrence::finding_id;
use yakujo_contract::terms::Terms;
use yakujo_contract::thing::Object;

const SAMPLE: u64 = 2_000;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let hosts = numbers.first().copied().unwrap_or(10_000);
    let named: Vec<u64> = numbers.iter().skip(1).copied().collect();
    let ages = if named.is_empty() { vec![10_000, 100_000, 1_000_000] } else { named };
    let terms = Terms::standard();
    let mut bench = Bench::with_hosts(&terms, hosts);
    let first = bench.first_contacts(&terms, hosts);
    println!("{:>12} {:>16} {:>14}", "entries", "µs per fact", "entries/s");
    let mut costs = Vec::new();
    for age in ages {
        let began = (Instant::now(), bench.next);
        while bench.next < age {
            bench.fact(&terms, hosts);
        }
        let entered = bench.next - began.1;
        let per_second = entered as f64 / began.0.elapsed().as_secs_f64().max(1e-9);
        let sample = Instant::now();
        for _ in 0..SAMPLE {
            bench.fact(&terms, hosts);
        }
        let cost = sample.elapsed().as_secs_f64() * 1e6 / SAMPLE as f64;
        println!("{:>12} {:>16.1} {:>14.0}", bench.next, cost, per_second);
        costs.push(cost);
    }
    let found = with_findings(&terms);
    let growth = costs.last().copied().unwrap_or_default() / costs.first().copied().unwrap_or(1.0);
    println!(
        "bench court hosts={hosts} judge_us={:.1} judge_growth={growth:.2} first_contact_us={first:.0} {found} peer=absent",
        costs.last().unwrap_or(&0.0)
    );
}

/// What was found and settled stays in the list for ever: a change that is judged, a list made anew after it, and a list
/// that is asked for again, as findings pile up.
fn with_findings(terms: &Terms) -> String {
    let mut bench = Bench::with_hosts(terms, 1);
    println!("{:>12} {:>16} {:>14} {:>14}", "findings", "µs per change", "list anew ms", "list again µs");
    let mut figures = String::new();
    let mut settled = 0;
    for count in [100, 1_000, 10_000] {
        (settled..count).for_each(|_| bench.settled_change(terms));
        settled = count;
        let sample = Instant::now();
        (0..20).for_each(|_| bench.settled_change(terms));
        let change = sample.elapsed().as_secs_f64() * 1e6 / 20.0;
        let anew = Instant::now();
        let listed = bench.court.roll(terms).all().len();
        let anew = anew.elapsed().as_secs_f64() * 1e3;
        let again = Instant::now();
        (0..1_000).for_each(|_| drop(bench.court.roll(terms)));
        let again = again.elapsed().as_secs_f64() * 1e3;
        println!("{listed:>12} {change:>16.0} {anew:>14.1} {again:>14.2}");
        figures = format!(
            "findings={listed} change_us={change:.0} list_anew_ms={anew:.1} list_again_us={again:.2}"
        );
    }
    figures
}

struct Bench {
    court: Court,
    next: u64,
    now: Timestamp,
}

impl Bench {
    fn with_hosts(terms: &Terms, hosts: u64) -> Self {
        let now = "2026-11-22T00:00:00Z".parse().expect("a constant instant");
        let mut bench = Self { court: Court::default(), next: 0, now };
        let system = System {
            system: "main".parse().expect("a constant id"),
            name: "試験".to_owned(),
            importance: Importance::B,
            segment: Segment::Internet,
            internet_facing: Trit::No,
        };
        bench.propose(terms, "system", Matter::System(system));
        let began = Instant::now();
        for number in 0..hosts {
            let place = HostPlace {
                host: host(number),
                system: "main".parse().expect("a constant id"),
                environment: Environment::Production,
            };
            bench.propose(terms, &format!("host-{number}"), Matter::Host(place));
        }
        println!("{hosts} hosts declared in {:.1} s", began.elapsed().as_secs_f64());
        bench
    }

    fn propose(&mut self, terms: &Terms, id: &str, matter: Matter) {
        let act = Act::Proposed { proposal: id.parse().expect("a constant id"), matter };
        self.enter(terms, Author::Server, None, Body::Act(act));
    }

    /// The first fact of every host, which may change how its system stands as a whole; µs for each.
    fn first_contacts(&mut self, terms: &Terms, hosts: u64) -> f64 {
        let began = Instant::now();
        for number in 0..hosts {
            self.fact_of(terms, host(number));
        }
        let each = began.elapsed().as_secs_f64() * 1e6 / hosts as f64;
        println!("the first fact of each host: {each:.0} µs");
        each
    }

    fn fact(&mut self, terms: &Terms, hosts: u64) {
        self.fact_of(terms, host(self.next.wrapping_mul(2_654_435_761) % hosts));
    }

    fn fact_of(&mut self, terms: &Terms, id: HostId) {
        self.now += SignedDuration::from_millis(20);
        let state = ClockState {
            daemon: "chrony".to_owned(),
            says_synchronised: true,
            kernel_unsynchronised: false,
            sources: Vec::new(),
            measured_offset_us: Some(i64::try_from(self.next % 3_000_000).unwrap_or_default()),
            round_trip_us: None,
            last_update_age_s: None,
            coverage: Coverage::default(),
        };
        self.enter(terms, Author::Agent(id.clone()), Some(id), Body::Fact(Fact::ClockState(state)));
    }

    /// A package nobody asked for, and the city's word that it is none.
    fn settled_change(&mut self, terms: &Terms) {
        self.now += SignedDuration::from_mins(30);
        let (host, now) = (host(0), self.now);
        // One package again and again: how many are installed is another figure.
        let (name, version) = ("tool".to_owned(), self.next.to_string());
        let installed = Package { name, version, source: None, source_version: None };
        let change = PackageChange {
            present: vec![installed],
            elsewhere: None,
            removed: Vec::new(),
            before: String::new(),
            after: String::new(),
            was: Vec::new(),
            since: Some(now),
            at: Some(now),
            seen: Seen::Running,
            by: None,
        };
        self.enter(
            terms,
            Author::Agent(host.clone()),
            Some(host.clone()),
            Body::Fact(Fact::PackageChange(change)),
        );
        let finding = finding_id(Rule::R03, host.as_str(), Object::Package, now);
        let act =
            Act::FindingClassified {
                finding, class: FindingClass::Justified, reason: "依頼した".to_owned()
            };
        let city =
            Author::Person { id: "p-sato".parse().expect("a constant id"), party: Party::City, post: None };
        self.enter(terms, city, None, Body::Act(act));
    }

    fn enter(&mut self, terms: &Terms, author: Author, host: Option<HostId>, body: Body) {
        let (observed, received) = (self.now, self.now);
        let seq = host.as_ref().map(|_| self.next);
        let entry = Entry { v: 1, author, host, seq, observed, received, seen: None, body };
        let _ = self.court.enter(terms, EntryNumber(self.next), &entry);
        self.next += 1;
    }
}

fn host(number: u64) -> HostId {
    format!("host-{number}").parse().expect("letters and digits")
}
