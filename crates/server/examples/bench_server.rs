//! A whole server as its ledger grows: a fact from the door of the intake until it is judged and shown, the pages over
//! HTTPS with a real session, and starting again. Beside it, in the same run on the same disk, the nearest thing
//! everybody has: SQLite with `synchronous=FULL`.
//!
//! `cargo run --release -p yakujo-server --example bench_server [-- SIZE…]`, sizes in entries. The data is made in the
//! folder for temporary files (`TMPDIR`): point that at the disk that matters.

#[path = "bench_server/beside.rs"]
mod beside;
#[path = "bench_server/portal.rs"]
mod portal;

use beside::median;
use jiff::Timestamp;
use portal::Portal;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yakujo_contract::act::{Act, Environment, HostPlace, Matter};
use yakujo_contract::fact::host::ClockState;
use yakujo_contract::fact::{Coverage, Fact};
use yakujo_contract::id::HostId;
use yakujo_server::office::Office;
use yakujo_server::server::Running;
use yakujo_server::settings::Settings;
use yakujo_server::writer::NumberedFact;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Declared hosts.
const HOSTS: u64 = 1_000;
/// Facts of a delivery.
const DELIVERY: u64 = 500;

#[tokio::main]
async fn main() -> Result<()> {
    let mut sizes = Vec::new();
    for size in std::env::args().skip(1) {
        sizes.push(size.parse()?);
    }
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a TLS provider was there")?;
    let peer = beside::sqlite().await?;
    let folder = tempfile::tempdir()?;
    println!(
        "\n| entries | one fact, until shown (ms) | fact: append, judge, show (µs) | ledger, newest page (ms) \
         | ledger, page in the middle (ms) | hosts page (ms) | board (ms) | start again (ms) |\n\
         |---|---|---|---|---|---|---|---|"
    );
    let mut city = City::found(&folder.path().join("data")).await?;
    let mut rows = Vec::new();
    for size in sizes {
        let mut row = city.row(size).await?;
        (city, row.start_ms) = city.start_again().await?;
        println!("{}", row.line());
        rows.push(row);
    }
    city.running.stop().await;
    if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
        println!(
            "bench server server_entries={} fact_us={:.0} fact_growth={:.2} page_ms={:.1} page_growth={:.2} start_ms={:.0} {peer}",
            last.entries,
            last.fact_us,
            last.fact_us / first.fact_us,
            last.middle_ms,
            last.middle_ms / first.middle_ms,
            last.start_ms,
        );
    }
    Ok(())
}

struct Row {
    entries: u64,
    single_ms: f64,
    fact_us: f64,
    newest_ms: f64,
    middle_ms: f64,
    hosts_ms: f64,
    board_ms: f64,
    start_ms: f64,
}

impl Row {
    fn line(&self) -> String {
        format!(
            "| {} | {:.2} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
            self.entries,
            self.single_ms,
            self.fact_us,
            self.newest_ms,
            self.middle_ms,
            self.hosts_ms,
            self.board_ms,
            self.start_ms
        )
    }
}

struct City {
    settings: Settings,
    running: Running,
    portal: Portal,
    /// Facts that were delivered.
    delivered: u64,
    /// Deliveries.
    rounds: u64,
}

impl City {
    async fn found(data: &Path) -> Result<Self> {
        let settings = Settings {
            data: data.to_owned(),
            listen: "127.0.0.1:0".parse()?,
            clock: Arc::new(Timestamp::now),
            this_host: "host-0".to_owned(),
        };
        let running = Running::start(settings.clone()).await?;
        let office = running.house.office("main").ok_or("the first contract")?;
        for number in 1..HOSTS {
            let place = HostPlace {
                host: host(number)?,
                system: "main".parse()?,
                environment: Environment::Production,
            };
            let proposal = format!("host-{number}").parse()?;
            office.decide(None, Act::Proposed { proposal, matter: Matter::Host(place) }, None).await?;
        }
        let portal = Portal::sign_in(&running).await?;
        Ok(Self { settings, running, portal, delivered: 0, rounds: 0 })
    }

    /// One delivery of one host, as the intake hands it to the office.
    async fn deliver(&mut self, office: &Office, count: u64) -> Result<()> {
        let first = self.delivered;
        let mut facts = Vec::new();
        for number in first..first + count {
            let state = ClockState {
                daemon: "chrony".to_owned(),
                says_synchronised: true,
                kernel_unsynchronised: false,
                sources: Vec::new(),
                measured_offset_us: i64::try_from(number % 900).ok(),
                round_trip_us: Some(500),
                last_update_age_s: Some(30),
                coverage: Coverage::default(),
            };
            facts.push(NumberedFact {
                seq: number + 1,
                observed: Timestamp::now(),
                fact: Fact::ClockState(state),
            });
        }
        // All hosts count together here; what a host skips is declared as a gap, one more entry for each delivery.
        office.store_facts(host(self.rounds % HOSTS)?, first + 1, facts).await?;
        self.delivered += count;
        self.rounds += 1;
        Ok(())
    }

    /// Delivers so often; says how long each took until it was shown, µs.
    async fn timed(&mut self, office: &Office, times: u32, count: u64) -> Result<Vec<f64>> {
        let mut took = Vec::new();
        for _ in 0..times {
            let began = Instant::now();
            self.deliver(office, count).await?;
            shown(office).await?;
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
        Ok(took)
    }

    async fn row(&mut self, size: u64) -> Result<Row> {
        let office = self.running.house.office("main").ok_or("the first contract")?;
        while office.size() + 40 * DELIVERY < size {
            self.deliver(&office, DELIVERY).await?;
        }
        shown(&office).await?;
        let mut delivery_us = self.timed(&office, 40, DELIVERY).await?;
        let mut single_us = self.timed(&office, 100, 1).await?;
        let entries = office.size();
        let middle = format!("/c/main/ledger?before={}", entries / 2);
        Ok(Row {
            entries,
            single_ms: median(&mut single_us) / 1e3,
            fact_us: median(&mut delivery_us) / DELIVERY as f64,
            newest_ms: self.portal.page("/c/main/ledger").await?,
            middle_ms: self.portal.page(&middle).await?,
            hosts_ms: self.portal.page("/c/main/hosts").await?,
            board_ms: self.portal.page("/c/main/board").await?,
            start_ms: 0.0,
        })
    }

    /// Stops in good order, starts again, and says how long the start took, ms.
    async fn start_again(self) -> Result<(Self, f64)> {
        self.running.stop().await;
        // The writer's thread gives the lock back a moment after it has said that it stopped.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        let running = Running::start(self.settings.clone()).await?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        let portal = self.portal.elsewhere(&running);
        Ok((Self { running, portal, ..self }, took))
    }
}

/// Waits until everything that is durable is shown, too.
async fn shown(office: &Office) -> Result<()> {
    while office.views().entries().await? < office.size() {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(())
}

fn host(number: u64) -> Result<HostId> {
    Ok(format!("host-{number}").parse()?)
}
