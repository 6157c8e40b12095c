//! 6.a: the clock. A daemon's "synchronised" is written down but not believed: after its only source died chronyd still
//! says "Normal". So each configured source is asked once more by an SNTP exchange of our own.

use crate::command::output_of;
use crate::reach::{self, Question};
use crate::reading::{Reading, Sources};
use jiff::Timestamp;
use std::time::Duration;
use yakujo_contract::fact::host::{ClockSource, ClockState};
use yakujo_contract::fact::{Coverage, Fact};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const SNTP_WITHIN: Duration = Duration::from_secs(1);
/// More sources are not measured; that many are enough to judge.
const MOST_SOURCES: usize = 8;

/// What chronyd says of itself (`chronyc -c tracking`).
#[derive(Debug, Clone, PartialEq)]
pub struct Tracking {
    /// Last update of the clock, seconds since 1970.
    pub reference_time: f64,
    /// `Normal`, `Not synchronised` …
    pub leap: String,
}

/// What a daemon says.
#[derive(Debug, Clone, Default)]
struct Said {
    daemon: &'static str,
    synchronised: bool,
    sources: Vec<ClockSource>,
    last_update_age_s: Option<u64>,
    trouble: String,
}

/// Reads the clock's daemon and measures its sources.
#[must_use]
pub fn collect(sources: &Sources, now: Timestamp) -> Reading {
    let mut said = ask_daemon(sources, now);
    for address in &sources.time_sources {
        said.sources.push(ClockSource {
            address: address.clone(),
            stratum: 0,
            reach: 0,
            measured_offset_us: None,
        });
    }
    if !sources.time_sources.is_empty() {
        let named = &sources.time_sources;
        said.sources.retain(|source| named.contains(&source.address));
    }
    let skipped = said.sources.len().saturating_sub(MOST_SOURCES);
    said.sources.truncate(MOST_SOURCES);
    let best = measure(sources, &mut said);
    let unreadable = u32::from(!said.trouble.is_empty());
    let skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
    let state = ClockState {
        daemon: said.daemon.to_owned(),
        says_synchronised: said.synchronised,
        kernel_unsynchronised: !said.synchronised,
        sources: said.sources,
        measured_offset_us: best.map(|(offset, _)| offset),
        round_trip_us: best.map(|(_, round_trip)| round_trip),
        last_update_age_s: said.last_update_age_s,
        coverage: Coverage { unreadable, skipped, reason: said.trouble.clone() },
    };
    Reading::of(vec![Fact::ClockState(state)], said.trouble)
}

fn ask_daemon(sources: &Sources, now: Timestamp) -> Said {
    match running_daemon(sources) {
        Some("chronyd") => ask_chrony(sources, now),
        Some("systemd-timesyn") => ask_timesyncd(now),
        Some("ntpd") => Said {
            daemon: "ntpd",
            trouble: "ntpd is not asked by this program; use chrony, or name the sources in the settings"
                .to_owned(),
            ..Said::default()
        },
        Some(_) | None => Said { daemon: "none", ..Said::default() },
    }
}

fn running_daemon(sources: &Sources) -> Option<&'static str> {
    if sources.chrony_command.is_some() {
        return Some("chronyd");
    }
    let mut found = None;
    for (_, name) in super::c07_stops::processes(sources) {
        for daemon in ["chronyd", "systemd-timesyn", "ntpd"] {
            if name == daemon {
                found = found.or(Some(daemon));
            }
        }
    }
    found
}

fn ask_chrony(sources: &Sources, now: Timestamp) -> Said {
    let mut said = Said { daemon: "chrony", ..Said::default() };
    let (tracking, named) = match reach::ask::<ChronySays>(sources, &Question::Chrony) {
        Ok(both) => both,
        Err(trouble) => return Said { trouble, ..said },
    };
    match tracking {
        Ok(text) => match parse_tracking(&text) {
            Some(tracking) => {
                said.synchronised = tracking.leap != "Not synchronised";
                let age = now.as_second() as f64 - tracking.reference_time;
                said.last_update_age_s = (tracking.reference_time > 0.0).then_some(age.max(0.0) as u64);
            }
            None => said.trouble = "chronyc gave an answer that is not understood".to_owned(),
        },
        Err(trouble) => said.trouble = trouble,
    }
    match named {
        Ok(text) => said.sources = parse_sources(&text),
        Err(trouble) => said.trouble = trouble,
    }
    said
}

/// How chronyd follows, and whom, each as its program says it.
pub(crate) type ChronySays = (Result<String, String>, Result<String, String>);

/// Both, asked by this process.
pub(crate) fn chrony_says(sources: &Sources) -> ChronySays {
    (chronyc(sources, "tracking"), chronyc(sources, "sources"))
}

fn chronyc(sources: &Sources, what: &str) -> Result<String, String> {
    let mut arguments = vec!["-n", "-c"];
    let port;
    if let Some((host, number)) = &sources.chrony_command {
        port = number.to_string();
        arguments.extend(["-h", host.as_str(), "-p", port.as_str()]);
    }
    arguments.push(what);
    output_of(&sources.chronyc, &arguments, ANSWER_WITHIN).map_err(|error| error.to_string())
}

/// Reads the line of `chronyc -c tracking`.
#[must_use]
pub fn parse_tracking(text: &str) -> Option<Tracking> {
    let fields: Vec<&str> = text.lines().next()?.split(',').collect();
    let reference_time: f64 = fields.get(3)?.parse().ok()?;
    let leap = (*fields.get(13)?).to_owned();
    reference_time.is_finite().then_some(Tracking { reference_time, leap })
}

/// Reads the lines of `chronyc -c sources`; reference clocks (`#`) have no address to ask and are left to the daemon.
#[must_use]
pub fn parse_sources(text: &str) -> Vec<ClockSource> {
    text.lines().take(64).filter_map(parse_source).collect()
}

fn parse_source(line: &str) -> Option<ClockSource> {
    let fields: Vec<&str> = line.split(',').collect();
    let mode = *fields.first()?;
    if mode != "^" && mode != "=" {
        return None;
    }
    let address = *fields.get(2)?;
    let stratum = fields.get(3)?.parse().ok()?;
    let reach = u8::from_str_radix(fields.get(5)?, 8).ok()?;
    Some(ClockSource { address: address.to_owned(), stratum, reach, measured_offset_us: None })
}

fn ask_timesyncd(now: Timestamp) -> Said {
    let mut said = Said { daemon: "systemd-timesyncd", ..Said::default() };
    let program = std::path::Path::new("/usr/bin/timedatectl");
    match output_of(
        program,
        &["show-timesync", "--property=ServerAddress", "--property=ServerName"],
        ANSWER_WITHIN,
    ) {
        Ok(text) => said.sources = parse_timesync(&text),
        Err(error) => said.trouble = error.to_string(),
    }
    match output_of(program, &["show", "--property=NTPSynchronized"], ANSWER_WITHIN) {
        Ok(text) => said.synchronised = text.trim() == "NTPSynchronized=yes",
        Err(error) => said.trouble = error.to_string(),
    }
    let changed = std::fs::metadata("/var/lib/systemd/timesync/clock").and_then(|file| file.modified()).ok();
    let changed = changed.and_then(|time| Timestamp::try_from(time).ok());
    said.last_update_age_s = changed.and_then(|at| u64::try_from(now.duration_since(at).as_secs()).ok());
    said
}

/// Reads the properties of `timedatectl show-timesync`.
#[must_use]
pub fn parse_timesync(text: &str) -> Vec<ClockSource> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let address = value("ServerAddress").or(value("ServerName")).filter(|address| !address.is_empty());
    let source = |address: &str| ClockSource {
        address: address.to_owned(),
        stratum: 0,
        reach: 0,
        measured_offset_us: None,
    };
    address.map(source).into_iter().collect()
}

/// Has all sources asked; the answer with the shortest way is the best one.
fn measure(sources: &Sources, said: &mut Said) -> Option<(i64, u64)> {
    let named: Vec<String> = said.sources.iter().map(|source| source.address.clone()).collect();
    if named.is_empty() {
        return None;
    }
    let answers: Vec<Option<Exchange>> = match reach::ask(sources, &Question::Times(named)) {
        Ok(answers) => answers,
        Err(trouble) => {
            said.trouble = trouble;
            return None;
        }
    };
    let mut best: Option<(i64, u64)> = None;
    for (source, answer) in said.sources.iter_mut().zip(answers) {
        let Some((offset, round_trip, stratum)) = answer else { continue };
        source.measured_offset_us = Some(offset);
        if source.stratum == 0 {
            source.stratum = stratum;
        }
        if best.is_none_or(|(_, shortest)| round_trip < shortest) {
            best = Some((offset, round_trip));
        }
    }
    best
}

/// Asks these sources at the same time, from this process.
pub(crate) fn exchanges(named: &[String]) -> Vec<Option<Exchange>> {
    let ask = |address: &String| {
        let address = address.clone();
        std::thread::spawn(move || exchange(&address))
    };
    let asked: Vec<_> = named.iter().take(MOST_SOURCES).map(ask).collect();
    asked.into_iter().map(|thread| thread.join().ok().flatten()).collect()
}

/// Clock minus source and round trip in µs, and the stratum of the source.
pub(crate) type Exchange = (i64, u64, u8);

/// One SNTP exchange (RFC 4330).
fn exchange(address: &str) -> Option<Exchange> {
    let config = rsntp::Config::default().timeout(SNTP_WITHIN);
    let config = if address.contains("::") {
        config.bind_address((std::net::Ipv6Addr::UNSPECIFIED, 0).into())
    } else {
        config
    };
    let answer = rsntp::SntpClient::with_config(config).synchronize(address).ok()?;
    let stratum = answer.stratum();
    // A source that is itself without a source says 16 (or 0, kiss of death): its time is worth nothing.
    if stratum == 0 || stratum >= 16 {
        return None;
    }
    let offset = -answer.clock_offset().as_secs_f64() * 1e6;
    let round_trip = answer.round_trip_delay().as_secs_f64() * 1e6;
    Some((offset as i64, round_trip.max(0.0) as u64, stratum))
}

/// What must change for the clock to be reported before its regular time: everything but the figures that always move.
#[must_use]
pub fn class_of(state: &ClockState) -> String {
    let sources: Vec<_> = state
        .sources
        .iter()
        .map(|source| (&source.address, source.reach == 0, source.measured_offset_us.is_some()))
        .collect();
    format!(
        "{} {} {} {sources:?} {} {:?}",
        state.daemon,
        state.says_synchronised,
        state.kernel_unsynchronised,
        state.measured_offset_us.is_some(),
        state.coverage
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACKING: &str = "7F000001,127.0.0.1,4,1700000000.123456789,0.000001234,-0.000002,0.000003,-1.5,0.0,0.1,0.0002,0.0003,2.0,Normal\n";

    #[test]
    fn the_answers_of_chronyc_are_read() {
        let tracking = parse_tracking(TRACKING).unwrap();
        assert_eq!(tracking.leap, "Normal");
        assert!((tracking.reference_time - 1_700_000_000.123).abs() < 0.01);
        let sources = parse_sources(
            "^,*,192.0.2.1,3,6,377,12,0.1,0.1,0.1\n#,?,PPS0,0,4,0,1,0,0,0\n^,?,192.0.2.2,0,6,0,1,0,0,0\n",
        );
        assert_eq!(sources.len(), 2);
        assert_eq!((sources[0].reach, sources[0].stratum), (255, 3));
        assert_eq!(sources[1].reach, 0);
    }

    #[test]
    fn a_tree_without_a_time_daemon_says_none() {
        let tree = tempfile::tempdir().unwrap();
        let reading = collect(&Sources::under(tree.path()), Timestamp::UNIX_EPOCH);
        assert!(
            matches!(&reading.facts[0], Fact::ClockState(state) if state.daemon == "none" && state.measured_offset_us.is_none())
        );
    }

    proptest! {
        #[test]
        fn no_answer_of_a_daemon_makes_it_panic(text in ".{0,300}", lines in "([\\^=#],[*?],[a-z0-9.:]{0,9},[0-9]{0,4},6,[0-9]{0,4},1\n){0,4}") {
            let _ = parse_tracking(&text);
            let _ = parse_sources(&text);
            let _ = parse_sources(&lines);
            let _ = parse_timesync(&text);
        }
    }
}
