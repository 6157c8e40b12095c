//! What watching contents costs beside `aide --check`: the same tree, the same machine, in turn. The agent reads every
//! content again and goes through all files by their outside, both as it does in its own turns; the first reading is told, too.
//! `YAKUJO_TREE` names the tree (`/usr`). Needs Debian's `aide`; without it the agent is measured alone. Closes with one
//! line `bench integrity …`; times are of the processor.
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::{Command, Stdio};
use yakujo_agent::reading::Sources;
use yakujo_agent::watch::files::{Files, Left};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::integrity::IntegrityBaseline;

const ROUNDS: usize = 3;
/// Sweeps of a round: one of them is too short for the clock of the processor.
const SWEEPS: u64 = 10;
const AIDE: &str = "/usr/bin/aide";
/// A round by the outside of the files comes every ten minutes.
const NEXT_ROUND: SignedDuration = SignedDuration::from_secs(601);
/// More of them are a tree that never comes to rest.
const MOST_TURNS: usize = 100_000;

/// Processor time of this process (user, system), and user time of the programs it ran; ms.
#[derive(Clone, Copy, Default)]
struct Used {
    user: u64,
    system: u64,
    programs: u64,
}

impl Used {
    fn now() -> std::io::Result<Self> {
        let stat = procfs::process::Process::myself().and_then(|process| process.stat());
        let stat = stat.map_err(std::io::Error::other)?;
        let ms = |ticks: u64| ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1);
        let programs = u64::try_from(stat.cutime).unwrap_or(0);
        Ok(Self { user: ms(stat.utime), system: ms(stat.stime), programs: ms(programs) })
    }

    fn since(before: Self) -> std::io::Result<Self> {
        let now = Self::now()?;
        Ok(Self {
            user: now.user.saturating_sub(before.user),
            system: now.system.saturating_sub(before.system),
            programs: now.programs.saturating_sub(before.programs),
        })
    }
}

/// The watched tree, and the hour as it is told.
struct Watched {
    files: Files,
    clock: Timestamp,
}

impl Watched {
    /// Turns until nothing is left to do; what is told of the whole.
    fn rest(&mut self) -> std::io::Result<(Option<IntegrityBaseline>, usize)> {
        let (mut told, mut changes) = (None, 0);
        for _ in 0..MOST_TURNS {
            for fact in self.files.turn(self.clock) {
                match fact {
                    Fact::IntegrityBaseline(baseline) => told = Some(baseline),
                    Fact::IntegrityChange(change) => changes += change.files.len(),
                    _ => {}
                }
            }
            drop(self.files.notes());
            if !self.files.is_busy() {
                return Ok((told, changes));
            }
        }
        Err(std::io::Error::other("the tree does not come to rest"))
    }

    fn reread(&mut self) -> std::io::Result<(Used, usize)> {
        let before = Used::now()?;
        self.files.read_all_now();
        let (_, changes) = self.rest()?;
        Ok((Used::since(before)?, changes))
    }

    fn sweeps(&mut self) -> std::io::Result<Used> {
        let before = Used::now()?;
        for _ in 0..SWEEPS {
            self.clock = self.clock.saturating_add(NEXT_ROUND).map_err(std::io::Error::other)?;
            self.rest()?;
        }
        Used::since(before)
    }
}

/// AIDE with one worker on what the agent compares, by the same digest that goes into facts.
fn aide(folder: &Path, tree: &str, verb: &str) -> std::io::Result<Used> {
    let at = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "database_in=file:{}\ndatabase_out=file:{}\ngzip_dbout=no\nnum_workers=1\nreport_url=file:{}\n\
         Own = p+u+g+s+i+m+c+l+sha256\n{tree} Own\n",
        at("aide.db"),
        at("aide.new"),
        at("aide.report")
    );
    std::fs::write(at("aide.conf"), config)?;
    let before = Used::now()?;
    let config = format!("--config={}", at("aide.conf"));
    let ended = Command::new(AIDE).args([&config, verb]).stdout(Stdio::null()).status()?;
    // Up to 7 it says which kinds of changes there are.
    if ended.code().is_none_or(|code| code > 7) {
        return Err(std::io::Error::other(format!("aide {verb}: {ended}")));
    }
    Used::since(before)
}

fn main() -> std::io::Result<()> {
    let tree = std::env::var("YAKUJO_TREE").unwrap_or_else(|_| "/usr".to_owned());
    let files = Files::new(Sources::of_this_host(), vec![tree.clone()], &Left::default(), [7; 32]);
    let mut watched = Watched { files, clock: Timestamp::now() };
    let before = Used::now()?;
    let (baseline, _) = watched.rest()?;
    let first = Used::since(before)?;
    let (entries, bytes) = baseline.map(|it| (it.entries, it.bytes)).unwrap_or_default();
    println!("{tree}: {entries} entries, {bytes} bytes; first reading {} ms user", first.user);
    let folder = tempfile::tempdir()?;
    let peer = Path::new(AIDE).exists();
    if peer {
        println!("aide --init {} ms user", aide(folder.path(), &tree, "--init")?.programs);
        std::fs::rename(folder.path().join("aide.new"), folder.path().join("aide.db"))?;
    }
    let (mut reread, mut sweep, mut other) = (0, 0, 0);
    for round in 1..=ROUNDS {
        let (own, changes) = watched.reread()?;
        let outside = watched.sweeps()?;
        let check = if peer { aide(folder.path(), &tree, "--check")?.programs } else { 0 };
        println!(
            "round {round}: reading again {} ms user, {} ms system, {changes} changes; {SWEEPS} sweeps {} + {} ms; aide --check {check} ms user",
            own.user, own.system, outside.user, outside.system
        );
        reread += own.user;
        sweep += outside.user.saturating_add(outside.system);
        other += check;
    }
    let rounds = u64::try_from(ROUNDS).unwrap_or(1);
    let each = sweep * 150_000 / (entries * rounds * SWEEPS).max(1);
    let times = if peer { format!("{:.1}", ratio(other, reread)) } else { "absent".to_owned() };
    println!(
        "bench integrity entries={entries} bytes={bytes} reread_user_ms={} aide_check_user_ms={} aide_over_own={times} sweep_cpu_ms_per_150000={each} peer={}",
        reread / rounds,
        other / rounds,
        if peer { "aide" } else { "absent" }
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few minutes")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other.max(1) as f64
}
