//! 9.a, 9.b: use of file systems (bytes and inodes), memory, swap and processor. One look gives a [`Look`]; the schedule
//! keeps the looks of five minutes and states least, mean, 95th percentile and most.

use crate::reading::Sources;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use yakujo_contract::fact::Coverage;
use yakujo_contract::fact::host::{CapacitySample, ResourceUse};

/// File systems that hold something; the others (proc, cgroup …) have no capacity.
const REAL: [&str; 12] =
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "nfs", "nfs4", "overlay", "fuseblk"];
/// Rows of a sample at most.
const MOST_FILE_SYSTEMS: usize = 100;

/// One look: limit and use per resource, and the processor's counters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// Resource → (limit, used).
    pub used: BTreeMap<String, (u64, u64)>,
    /// Processor time since boot: (busy, all), in ticks, and the number of cores.
    pub processor: Option<(u64, u64, u64)>,
    /// What could not be read.
    pub coverage: Coverage,
}

/// Looks once.
#[must_use]
pub fn look(sources: &Sources) -> Look {
    let mut look = Look::default();
    match sources.read("/proc/meminfo") {
        Ok(text) => memory(&text, &mut look.used),
        Err(error) => missed(&mut look.coverage, &format!("/proc/meminfo: {error}")),
    }
    match sources.read("/proc/stat") {
        Ok(text) => look.processor = processor(&text),
        Err(error) => missed(&mut look.coverage, &format!("/proc/stat: {error}")),
    }
    match sources.read("/proc/self/mounts").or_else(|_| sources.read("/etc/mtab")) {
        Ok(text) => file_systems(sources, &text, &mut look),
        Err(error) => missed(&mut look.coverage, &format!("/proc/self/mounts: {error}")),
    }
    look
}

fn missed(coverage: &mut Coverage, reason: &str) {
    coverage.unreadable = coverage.unreadable.saturating_add(1);
    reason.clone_into(&mut coverage.reason);
}

/// Memory and swap of `/proc/meminfo`, in bytes. What the kernel can give back counts as free.
pub fn memory(text: &str, used: &mut BTreeMap<String, (u64, u64)>) {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
    };
    if let (Some(all), Some(free)) = (value("MemTotal"), value("MemAvailable")) {
        used.insert("memory".to_owned(), (all, all.saturating_sub(free)));
    }
    if let (Some(all), Some(free)) = (value("SwapTotal"), value("SwapFree"))
        && all > 0
    {
        used.insert("swap".to_owned(), (all, all.saturating_sub(free)));
    }
}

/// The processor's counters of `/proc/stat`: busy, all, cores.
#[must_use]
pub fn processor(text: &str) -> Option<(u64, u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|word| word.parse().ok()).collect();
    let all = ticks.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let idle = ticks.get(3)?.saturating_add(*ticks.get(4).unwrap_or(&0));
    let is_core = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let cores = u64::try_from(text.lines().filter(is_core).count()).unwrap_or(1).max(1);
    Some((all.saturating_sub(idle), all, cores))
}

/// Device and mount point of the real file systems of a mount table, each device once.
#[must_use]
pub fn mounts(text: &str) -> Vec<String> {
    let mut devices = BTreeSet::new();
    let mut found = Vec::new();
    for line in text.lines().take(10_000) {
        let fields: Vec<&str> = line.split(' ').collect();
        let (Some(device), Some(point), Some(kind)) = (fields.first(), fields.get(1), fields.get(2)) else {
            continue;
        };
        if REAL.contains(kind) && devices.insert(*device) {
            found.push(point.replace("\\040", " "));
        }
    }
    found
}

fn file_systems(sources: &Sources, table: &str, look: &mut Look) {
    let points = mounts(table);
    let skipped = points.len().saturating_sub(MOST_FILE_SYSTEMS);
    look.coverage.skipped = u32::try_from(skipped).unwrap_or(u32::MAX);
    for point in points.into_iter().take(MOST_FILE_SYSTEMS) {
        let shape = match rustix::fs::statvfs(sources.path(&point)) {
            Ok(shape) => shape,
            Err(error) => {
                missed(&mut look.coverage, &format!("{point}: {error}"));
                continue;
            }
        };
        // As `df`: what is kept for root is not there for others.
        let used = shape.f_blocks.saturating_sub(shape.f_bfree);
        let limit = used.saturating_add(shape.f_bavail);
        let bytes = |blocks: u64| blocks.saturating_mul(shape.f_frsize);
        if limit > 0 {
            look.used.insert(format!("disk:{point}"), (bytes(limit), bytes(used)));
        }
        if shape.f_files > 0 {
            look.used.insert(
                format!("inodes:{point}"),
                (shape.f_files, shape.f_files.saturating_sub(shape.f_ffree)),
            );
        }
    }
}

/// What the looks of a period amount to. The processor needs two looks.
#[must_use]
pub fn summarise(looks: &[Look], from: Timestamp, to: Timestamp) -> CapacitySample {
    let mut values: BTreeMap<String, (u64, Vec<u64>)> = BTreeMap::new();
    for look in looks {
        for (resource, (limit, used)) in &look.used {
            let row = values.entry(resource.clone()).or_default();
            row.0 = *limit;
            row.1.push(*used);
        }
    }
    for pair in looks.windows(2) {
        let [earlier, later] = pair else { continue };
        if let Some((limit, busy)) = busy_between(earlier, later) {
            let row = values.entry("cpu".to_owned()).or_default();
            row.0 = limit;
            row.1.push(busy);
        }
    }
    let resources =
        values.into_iter().filter_map(|(resource, (limit, used))| row(resource, limit, used)).collect();
    let coverage = looks.last().map(|look| look.coverage.clone()).unwrap_or_default();
    CapacitySample { from, to, resources, coverage }
}

/// Thousandths of a core: all there are, and those that were busy.
fn busy_between(earlier: &Look, later: &Look) -> Option<(u64, u64)> {
    let ((busy_before, all_before, _), (busy_after, all_after, cores)) =
        (earlier.processor?, later.processor?);
    let all = all_after.checked_sub(all_before).filter(|all| *all > 0)?;
    let limit = cores.saturating_mul(1_000);
    let busy = busy_after.saturating_sub(busy_before).saturating_mul(limit) / all;
    Some((limit, busy.min(limit)))
}

fn row(resource: String, limit: u64, mut used: Vec<u64>) -> Option<ResourceUse> {
    used.sort_unstable();
    let count = u64::try_from(used.len()).ok()?;
    let mean = used.iter().fold(0_u64, |sum, n| sum.saturating_add(*n)).checked_div(count)?;
    // Nearest rank.
    let rank = used.len().saturating_mul(95).div_ceil(100).saturating_sub(1);
    Some(ResourceUse {
        resource,
        limit,
        min: *used.first()?,
        mean,
        p95: *used.get(rank)?,
        max: *used.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn least_mean_percentile_and_most_of_a_period() {
        let looks: Vec<Look> = (1..=20)
            .map(|n| Look {
                used: [("memory".to_owned(), (1_000, n * 10))].into(),
                processor: Some((n * 50, n * 200, 2)),
                ..Look::default()
            })
            .collect();
        let sample = summarise(&looks, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let memory = sample.resources.iter().find(|row| row.resource == "memory").unwrap();
        assert_eq!(
            (memory.min, memory.mean, memory.p95, memory.max, memory.limit),
            (10, 105, 190, 200, 1_000)
        );
        let cpu = sample.resources.iter().find(|row| row.resource == "cpu").unwrap();
        assert_eq!((cpu.limit, cpu.mean), (2_000, 500), "a quarter of two cores");
    }

    #[test]
    fn this_host_has_memory_a_processor_and_a_root_file_system() {
        let look = look(&Sources::of_this_host());
        assert!(look.used.contains_key("memory"));
        assert!(look.processor.is_some());
        assert!(look.used.keys().any(|resource| resource.starts_with("disk:")), "{look:?}");
    }

    #[test]
    fn a_device_mounted_twice_counts_once() {
        assert_eq!(
            mounts(
                "/dev/a / ext4 rw 0 0\n/dev/a /again ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/b /with\\040space xfs rw\n"
            ),
            ["/", "/with space"]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}", numbers in "(cpu[0-9 ]{0,60}\n|MemTotal: [0-9]{0,25} kB\n){0,5}") {
            for text in [&text, &numbers] {
                memory(text, &mut BTreeMap::new());
                let _ = (processor(text), mounts(text));
            }
        }
    }
}
