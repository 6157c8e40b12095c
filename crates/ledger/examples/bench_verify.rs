//! How long the city's verifier takes over a bundle, with one worker and with two; and that it finds one changed byte.
//! Usage: `bench_verify [ENTRIES]`, default 1000000.

#[path = "make_large.rs"]
#[expect(dead_code, reason = "its own main is not wanted here")]
mod make_large;

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;
use yakujo_ledger::verdict::{Means, Verdict, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("large.yakujo");
    make_large::write(count, &file)?;
    let megabytes = std::fs::metadata(&file)?.len() as f64 / 1e6;
    println!(
        "| entries | size (MB) | workers | verified in (s) | processor time (s) | entries/s |\n|---|---|---|---|---|---|"
    );
    let (mut last, mut used) = (0.0, 0.0);
    for workers in [1, 2] {
        let before = processor_seconds();
        let (verdict, seconds) = timed(&file, workers)?;
        used = processor_seconds() - before;
        if verdict != Verdict::Intact {
            return Err(format!("{verdict:?}").into());
        }
        let rate = count as f64 / seconds;
        println!("| {count} | {megabytes:.0} | {workers} | {seconds:.2} | {used:.2} | {rate:.0} |");
        last = seconds;
    }
    let mut altered = File::options().write(true).open(&file)?;
    altered.seek(SeekFrom::End(-40))?;
    altered.write_all(b"?")?;
    drop(altered);
    let (verdict, _) = timed(&file, 2)?;
    if verdict == Verdict::Intact {
        return Err("a changed byte was not found".into());
    }
    println!("One changed byte: {verdict:?}.");
    println!("bench verify verify_entries={count} verify_s={last:.2} verify_processor_s={used:.2}");
    Ok(())
}

/// Processor time of this program so far: what is measured is also true while the machine has other work.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: fields 14 and 15, in hundredths of a second.
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn timed(file: &Path, workers: usize) -> Result<(Verdict, f64), Box<dyn Error>> {
    let means = Means { policy: None, heads: &[], workers: NonZeroUsize::new(workers).ok_or("no worker")? };
    let began = Instant::now();
    let verdict = verify(BufReader::new(File::open(file)?), &means)?.verdict();
    Ok((verdict, began.elapsed().as_secs_f64()))
}
