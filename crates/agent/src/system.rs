//! What the parts of the agent that know no system ask of this one. `elsewhere::system` has the same functions.

use crate::budget::Used;
pub(crate) use crate::malware::target::read_small;
use crate::parts::Part;
pub(crate) use crate::watch::file::{path_of, text_of};
use procfs::process::{Process, Stat};
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::Result as IoResult;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// One file has one path: two spellings are two files.
pub(crate) const ONE_PATH_EACH: bool = true;

/// Looks at a process whose programs end as they are counted.
const LOOKS: usize = 4;

/// The rights of this process, in a word.
pub(crate) fn rights() -> &'static str {
    if rustix::process::geteuid().is_root() { "root" } else { "user" }
}

/// The program that runs, even where its file was replaced meanwhile.
pub(crate) fn own_program() -> IoResult<File> {
    File::open("/proc/self/exe")
}

/// Makes a folder only its owner may enter.
///
/// # Errors
/// Those of the operating system.
pub fn private_folder(folder: &Path) -> IoResult<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Only its owner may read the file that is made.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// What tells one state of a file from another without reading it.
pub(crate) fn mark(about: &Metadata) -> String {
    format!("{} {} {} {}", about.ino(), about.size(), about.mtime(), about.mtime_nsec())
}

/// What this process, the one that started it and the other parts of that one used. Where nobody started it as a part,
/// this process alone counts, as a collector.
#[must_use]
pub fn used_by_all() -> Used {
    let mut used = Used::default();
    let Ok(own) = Process::myself() else { return used };
    let parent = own.stat().ok().and_then(|stat| Process::new(stat.ppid).ok());
    let Some(parent) = parent.filter(|parent| part_of(&own).is_some() && parent.pid > 1) else {
        add(&mut used, &own, Some(Part::Collect));
        return used;
    };
    let children = parent.task_main_thread().and_then(|thread| thread.children()).unwrap_or_default();
    add(&mut used, &parent, None);
    for child in children.into_iter().filter_map(|pid| Process::new(i32::try_from(pid).ok()?).ok()) {
        add(&mut used, &child, part_of(&child));
    }
    used
}

/// A process, and the ticks of the programs it ran and runs. Backups are made by processes with a limit of their own.
fn stat_of(process: &Process, part: Option<Part>) -> Option<(Stat, u64)> {
    let of_ended = |stat: &Stat| u64::try_from(stat.cutime.saturating_add(stat.cstime)).unwrap_or(0);
    let mut stat = process.stat().ok()?;
    if part == Some(Part::Save) {
        return Some((stat, 0));
    }
    let mut running = 0;
    for _ in 0..LOOKS {
        let before = of_ended(&stat);
        running = if part == Some(Part::Collect) { of_running(process) } else { 0 };
        stat = process.stat().ok()?;
        // One that ended in between would be counted twice, or not at all.
        if of_ended(&stat) == before {
            break;
        }
    }
    let ended = of_ended(&stat);
    Some((stat, ended.saturating_add(running)))
}

/// Ticks of the programs a process has started that have not ended.
fn of_running(process: &Process) -> u64 {
    let threads = process.tasks().into_iter().flatten().flatten();
    let children = threads.flat_map(|thread| thread.children().unwrap_or_default());
    let stats = children.filter_map(|pid| Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok());
    stats.map(|stat| own_ticks(&stat)).sum()
}

/// Processor time of a process itself, in ticks of the kernel.
pub(crate) fn own_ticks(stat: &Stat) -> u64 {
    stat.utime.saturating_add(stat.stime)
}

/// Ticks of the kernel, in ms.
pub(crate) fn ms(ticks: u64) -> u64 {
    ticks.saturating_mul(1_000) / procfs::ticks_per_second().max(1)
}

/// Which part a process is, by the words it was started with.
fn part_of(process: &Process) -> Option<Part> {
    let words = process.cmdline().ok()?;
    let word = words.iter().skip_while(|word| *word != "part").nth(1)?;
    Part::ALL.into_iter().find(|part| part.word() == word)
}

fn add(used: &mut Used, process: &Process, part: Option<Part>) {
    let Some((stat, of_children)) = stat_of(process, part) else { return };
    used.cpu_ms = used.cpu_ms.saturating_add(ms(own_ticks(&stat).saturating_add(of_children)));
    let memory = stat.rss.saturating_mul(procfs::page_size());
    let place = match part {
        Some(Part::Keep) => &mut used.keeper,
        Some(Part::Collect) => &mut used.collector,
        Some(Part::Save) | None => &mut used.others,
    };
    *place = place.saturating_add(memory);
}
