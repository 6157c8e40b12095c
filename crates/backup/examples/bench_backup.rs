//! Backup and restore of one set of files by rustic and by restic, in turn: user time and the most memory of each.
//!
//! Every step runs in a process of its own (this program again, as `one TOOL STEP …`), so that its figures are its own.
//! `YAKUJO_MIB` says how large the set is (2048).
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use yakujo_backup::engine::{Engine, Place};
use yakujo_backup::restic::{PROGRAM, Restic};
use yakujo_backup::rustic::Rustic;

/// Pairs, in turn.
const ROUNDS: usize = 3;
/// Of the clock in `/proc/PID/stat`.
const TICKS: f64 = 100.0;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["one", tool, step, repository, password, path] => one(tool, step, (repository, password), path),
        _ => all(),
    }
}

fn place(repository: &str, password: &str) -> Place {
    let (repository, password) = (repository.to_owned(), PathBuf::from(password));
    Place { repository, password, ssh_config: None, credentials: None }
}

/// One step of one tool.
fn one(tool: &str, step: &str, (repository, password): (&str, &str), path: &str) {
    let place = place(repository, password);
    let engine: Box<dyn Engine> =
        if tool == "rustic" { Box::new(Rustic::new(place)) } else { Box::new(Restic::new(place)) };
    match step {
        "make" => engine.make().unwrap(),
        "backup" => println!("{}", engine.back_up(&[PathBuf::from(path)], "bench", "bench").unwrap().id),
        _ => {
            let (snapshot, into) = path.split_once('@').unwrap();
            engine.restore(snapshot, Path::new(into)).unwrap();
        }
    }
}

/// What a step cost: user time in seconds, and the most memory of one process in MiB.
#[derive(Clone, Copy)]
struct Cost {
    user: f64,
    memory: f64,
}

fn all() {
    let mib: usize = std::env::var("YAKUJO_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(2_048);
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let set = folder.path().join("set");
    make_set(&set, mib);
    let password = folder.path().join("password");
    std::fs::write(&password, "bench\n").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let peer = Path::new(PROGRAM).exists();
    let tools: &[&str] = if peer { &["rustic", "restic"] } else { &["rustic"] };
    let mut sums: Vec<(&str, &str, Vec<Cost>)> = Vec::new();
    for round in 0..ROUNDS {
        for tool in tools {
            let repository = folder.path().join(format!("{tool}-{round}")).display().to_string();
            let secret = password.display().to_string();
            step(&["one", tool, "make", &repository, &secret, "-"]);
            let (cost, id) = step(&["one", tool, "backup", &repository, &secret, &set.display().to_string()]);
            note(&mut sums, tool, "backup", cost);
            let into = folder.path().join("restored");
            std::fs::create_dir(&into).unwrap();
            let what = format!("{}@{}", id.trim(), into.display());
            let (cost, _) = step(&["one", tool, "restore", &repository, &secret, &what]);
            note(&mut sums, tool, "restore", cost);
            std::fs::remove_dir_all(&into).unwrap();
            std::fs::remove_dir_all(&repository).unwrap();
        }
    }
    println!("tool    step     user s   MiB");
    for (tool, what, costs) in &sums {
        for cost in costs {
            println!("{tool:7} {what:8} {:6.2} {:6.0}", cost.user, cost.memory);
        }
    }
    tell(&sums, mib, peer);
}

fn note<'a>(sums: &mut Vec<(&'a str, &'a str, Vec<Cost>)>, tool: &'a str, step: &'a str, cost: Cost) {
    match sums.iter_mut().find(|(t, s, _)| *t == tool && *s == step) {
        Some((_, _, costs)) => costs.push(cost),
        None => sums.push((tool, step, vec![cost])),
    }
}

fn tell(sums: &[(&str, &str, Vec<Cost>)], mib: usize, peer: bool) {
    let of = |tool: &str, step: &str, value: fn(&Cost) -> f64| {
        let (_, _, costs) = sums.iter().find(|(t, s, _)| *t == tool && *s == step)?;
        let mut values: Vec<f64> = costs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let user: fn(&Cost) -> f64 = |cost| cost.user;
    let memory: fn(&Cost) -> f64 = |cost| cost.memory;
    let ratio = |step: &str| Some(of("rustic", step, user)? / of("restic", step, user)?);
    let shown = |value: Option<f64>| value.map_or_else(|| "absent".to_owned(), |value| format!("{value:.2}"));
    println!(
        "bench backup mib={mib} backup_ratio={} restore_ratio={} rustic_restore_mib={} restic_restore_mib={} rustic_backup_mib={} restic_backup_mib={} peer={}",
        shown(ratio("backup")),
        shown(ratio("restore")),
        shown(of("rustic", "restore", memory)),
        shown(of("restic", "restore", memory)),
        shown(of("rustic", "backup", memory)),
        shown(of("restic", "backup", memory)),
        if peer { "restic" } else { "absent" }
    );
}

/// Runs a step and watches it: the user time of its process and of what it started, and the largest of them.
fn step(words: &[&str]) -> (Cost, String) {
    let before = children_user();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let child = command.args(words).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let watching = std::thread::spawn(move || {
        let mut most = 0.0_f64;
        loop {
            let Some(own) = peak(pid) else { return most };
            let started = children_of(pid).into_iter().filter_map(peak);
            most = started.fold(most.max(own), f64::max);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}");
    let memory = watching.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (Cost { user: children_user() - before, memory }, text)
}

/// The most memory a process had resident, MiB; nothing when it is gone.
fn peak(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1_024.0)
}

fn children_of(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// User time of all children that ended, s.
fn children_user() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let rest = stat.rsplit_once(')').unwrap().1;
    rest.split_whitespace().nth(13).unwrap().parse::<f64>().unwrap() / TICKS
}

/// Files as they are on hosts: many small texts, some large ones that cannot be compressed, logs that can.
fn make_set(root: &Path, mib: usize) {
    let mut state = 7_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for folder in 0..mib / 16 {
        let folder = root.join(format!("{folder}"));
        std::fs::create_dir_all(&folder).unwrap();
        let noise: Vec<u8> =
            std::iter::repeat_with(&mut next).take(1 << 19).flat_map(u64::to_be_bytes).collect();
        std::fs::write(folder.join("picture"), noise).unwrap();
        let log: String =
            (0..60_000).map(|n| format!("{n} {} GET /page/{} 200\n", next() % 7, next() % 900)).collect();
        for name in ["log.1", "log.2", "log.3"] {
            std::fs::write(folder.join(name), format!("{name}\n{log}")).unwrap();
        }
        for n in 0..160 {
            let line = format!("{} {n}\n", next());
            std::fs::write(folder.join(format!("text-{n}")), line.repeat(1_000)).unwrap();
        }
    }
}
