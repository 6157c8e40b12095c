//! Long runs by name: measurements and soaks. To add one, add a row.

use std::process::Stdio;

use anyhow::Context;

use crate::cache::Place;
use crate::steps::{self, Outcome, Overall};

/// A measurement or a soak: cargo commands, one after the other.
struct Named {
    name: &'static str,
    what: &'static str,
    /// Arguments of cargo, one row per program.
    commands: &'static [&'static [&'static str]],
    /// Figures that must stay within something.
    bars: &'static [Bar],
}

/// What a figure of a measurement has to keep.
enum Bar {
    /// At most so much.
    Most(&'static str, f64),
    /// At least so much.
    Least(&'static str, f64),
}

impl Bar {
    /// Whether the figures keep it, and how that is said; a figure that is not there is not kept.
    fn of(&self, figures: &[String]) -> (bool, String) {
        let (Self::Most(name, bar) | Self::Least(name, bar)) = self;
        let values = figures.iter().filter_map(|figure| figure.split_once('='));
        let value = values.filter(|(key, _)| key == name).find_map(|(_, value)| value.parse::<f64>().ok());
        let (is_kept, word) = match self {
            Self::Most(..) => (value.is_some_and(|value| value <= *bar), "at most"),
            Self::Least(..) => (value.is_some_and(|value| value >= *bar), "at least"),
        };
        let shown = value.map_or_else(|| "not measured".to_owned(), |value| value.to_string());
        (is_kept, format!("bar {}: {name} {shown}, {word} {bar}", if is_kept { "kept" } else { "MISSED" }))
    }
}

const BENCHES: &[Named] = &[
    Named {
        name: "court",
        what: "judging after one new fact with 10,000 hosts, and as the ledger grows older",
        commands: &[COURT],
        bars: &[],
    },
    Named {
        name: "ledger",
        what: "append, replay, judge, pages, start and verification, as the ledger grows to 1,000,000 entries",
        commands: &[
            &example("yakujo-ledger", "bench_ledger"),
            COURT,
            &example("yakujo-server", "bench_server"),
            &example("yakujo-ledger", "bench_verify"),
        ],
        bars: &[],
    },
    Named {
        name: "backup",
        what: "backup and restore of 2 GiB by rustic and by restic, in turn: user time and memory",
        commands: &[&example("yakujo-backup", "bench_backup")],
        bars: &[
            Bar::Most("backup_ratio", 0.8),
            Bar::Most("restore_ratio", 0.5),
            Bar::Most("rustic_restore_mib", 256.0),
        ],
    },
    Named {
        name: "integrity",
        what: "reading every watched content again, and a sweep by the outside, beside `aide --check` on the same tree",
        commands: &[&example("yakujo-agent", "bench_integrity")],
        bars: &[Bar::Least("aide_over_own", 20.0), Bar::Most("sweep_cpu_ms_per_150000", 1_000.0)],
    },
    Named {
        name: "malware",
        what: "scanning 10,000 files beside `clamdscan -m --fdpass`",
        commands: &[&example("yakujo-agent", "bench_malware")],
        bars: &[Bar::Most("percent", 120.0)],
    },
    Named {
        name: "probes",
        what: "1,000 targets tried once a minute, and the outages of a year of them",
        commands: &[&example("yakujo-probe", "bench_probe")],
        bars: &[],
    },
];

const COURT: &[&str] = &example("yakujo-contract", "bench_court");

/// An optimised example of a package.
const fn example(package: &'static str, name: &'static str) -> [&'static str; 7] {
    ["run", "--release", "--locked", "--package", package, "--example", name]
}

/// A story, optimised: with the features of the whole workspace, as the story itself builds the programs it starts.
const fn story(name: &'static str) -> [&'static str; 9] {
    ["test", "--release", "--locked", "--workspace", "--test", "it", "--", name, "--nocapture"]
}

const SOAKS: &[Named] = &[
    Named {
        name: "kills",
        what: "facts sent = stored + declared lost: 100 runs (or YAKUJO_RUNS) of kills, cuts, full disks, replays",
        commands: &[&story("losses::")],
        bars: &[],
    },
    Named {
        name: "parts",
        what: "kill -9 of every process of agent and server, 1,000 times (or YAKUJO_KILLS): all told once, no gap",
        commands: &[&story("parts::")],
        bars: &[],
    },
    Named {
        name: "idle",
        what: "what the agent costs a quiet host: 10 minutes (or YAKUJO_SECONDS) within 1 % of a core, each part in its memory",
        commands: &[&story("idle::")],
        bars: &[],
    },
    Named {
        name: "day",
        what: "a day (or YAKUJO_HOURS) of this host by the real collectors, without the waiting: within 1 % of a core",
        commands: &[&example("yakujo-agent", "day")],
        bars: &[],
    },
    Named {
        name: "bytes",
        what: "every byte of every file of a small ledger changed: the full check finds each and names its file",
        commands: &[&example("yakujo-ledger", "soak")],
        bars: &[],
    },
];

/// Runs a measurement and closes with `bench NAME key=value …`, the figures of all its programs in one line.
///
/// # Errors
/// Unknown name, or cargo cannot be started.
pub fn bench(place: &Place, name: Option<&str>) -> anyhow::Result<Overall> {
    let Some(named) = find("bench", BENCHES, name)? else { return Ok(Overall::Passed) };
    let mut figures = Vec::new();
    for arguments in named.commands {
        let output =
            place.cargo().args(*arguments).stderr(Stdio::inherit()).output().context("running cargo")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{}", without_closing_line(&text));
        if !output.status.success() {
            eprintln!("bench {}: `cargo {}` failed", named.name, arguments.join(" "));
            return Ok(Overall::Failed);
        }
        figures.extend(figures_of(&text));
    }
    anyhow::ensure!(!figures.is_empty(), "the programs of `bench {}` printed no key=value line", named.name);
    println!("bench {} {}", named.name, figures.join(" "));
    let bars: Vec<(bool, String)> = named.bars.iter().map(|bar| bar.of(&figures)).collect();
    bars.iter().for_each(|(_, said)| println!("{said}"));
    Ok(if bars.iter().all(|(is_kept, _)| *is_kept) { Overall::Passed } else { Overall::Failed })
}

/// Runs a soak to its end.
///
/// # Errors
/// Unknown name, or cargo cannot be started.
pub fn soak(place: &Place, name: Option<&str>) -> anyhow::Result<Overall> {
    let Some(named) = find("soak", SOAKS, name)? else { return Ok(Overall::Passed) };
    for arguments in named.commands {
        let outcome = steps::run(place.cargo().args(*arguments).env("YAKUJO_SOAK", "1"))?;
        if let Outcome::Failed(reason) = outcome {
            eprintln!("soak {}: {reason}", named.name);
            return Ok(Overall::Failed);
        }
    }
    println!("soak {}: passed", named.name);
    Ok(Overall::Passed)
}

/// Starts the product on a data folder of its own.
///
/// # Errors
/// cargo cannot be started.
pub fn demo(place: &Place) -> anyhow::Result<Overall> {
    let folder = std::env::temp_dir().join("yakujo-demo");
    println!("data folder {}; stop with Ctrl-C; delete the folder to start again", folder.display());
    let mut command = place.cargo();
    command.args(["run", "--release", "--locked", "--package", "yakujo", "--", "up", "--data"]).arg(folder);
    Ok(match steps::run(&mut command)? {
        Outcome::Passed | Outcome::Remark(_) => Overall::Passed,
        Outcome::Failed(_) => Overall::Failed,
    })
}

fn find(kind: &str, table: &'static [Named], name: Option<&str>) -> anyhow::Result<Option<&'static Named>> {
    if let Some(named) = table.iter().find(|row| Some(row.name) == name) {
        return Ok(Some(named));
    }
    for row in table {
        println!("cargo xtask {kind} {}  {}", row.name, row.what);
    }
    match name {
        None => Ok(None),
        Some(unknown) => anyhow::bail!("there is no {kind} `{unknown}`; the list stands above"),
    }
}

/// The `key=value` words of the last line that starts with `bench `.
fn figures_of(text: &str) -> Vec<String> {
    let closing = text.lines().rev().find(|line| line.starts_with("bench ")).unwrap_or_default();
    closing.split_whitespace().filter(|word| word.contains('=')).map(str::to_owned).collect()
}

/// What a program printed before its closing line.
fn without_closing_line(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("bench ")).fold(String::new(), |all, line| all + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "entries  appends/s\n10000    8000\nbench ledger appends_per_s=8000 peer=absent\n";

    #[test]
    fn the_figures_are_the_words_of_the_closing_line() {
        assert_eq!(figures_of(PRINTED), ["appends_per_s=8000", "peer=absent"]);
        assert!(figures_of("a=1 in a table\n").is_empty());
    }

    #[test]
    fn a_bar_is_kept_by_a_figure_that_was_measured_alone() {
        let figures = ["ratio=0.69".to_owned(), "peer=absent".to_owned()];
        assert!(Bar::Most("ratio", 0.8).of(&figures).0 && !Bar::Least("ratio", 0.8).of(&figures).0);
        let (is_kept, said) = Bar::Most("other", 0.8).of(&figures);
        assert!(!is_kept && said == "bar MISSED: other not measured, at most 0.8", "{said}");
    }

    #[test]
    fn the_table_is_shown_and_the_closing_line_comes_once() {
        assert_eq!(without_closing_line(PRINTED), "entries  appends/s\n10000    8000\n");
    }

    #[test]
    fn an_unknown_name_is_refused_and_no_name_shows_the_list() {
        assert!(find("bench", BENCHES, Some("none")).is_err());
        assert!(find("bench", BENCHES, None).unwrap().is_none());
        assert!(find("bench", BENCHES, Some("court")).unwrap().is_some());
    }

    #[test]
    fn every_program_that_a_row_names_exists() {
        let place = Place::find().unwrap();
        for row in BENCHES.iter().chain(SOAKS) {
            for command in row.commands {
                let after = |option| command.iter().skip_while(|it| **it != option).nth(1);
                // The one program that needs the whole workspace holds the stories.
                let package =
                    after("--package").map_or("../tests", |name| name.trim_start_matches("yakujo-"));
                let file = after("--example").map(|name| format!("examples/{name}.rs"));
                let file = file.or(after("--test").map(|name| format!("tests/{name}/main.rs"))).unwrap();
                let path = place.root.join("crates").join(package).join(file);
                assert!(path.exists(), "{} of `{}`", path.display(), row.name);
            }
        }
    }
}
