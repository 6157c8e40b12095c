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
    println!("| entries | size (MB) | workers | verified in (s) | entries/s |\n|---|---|---|---|---|");
    let mut last = 0.0;
    for workers in [1, 2] {
        let (verdict, seconds) = timed(&file, workers)?;
        if verdict != Verdict::Intact {
            return Err(format!("{verdict:?}").into());
        }
        println!("| {count} | {megabytes:.0} | {workers} | {seconds:.2} | {:.0} |", count as f64 / seconds);
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
    println!("bench verify verify_entries={count} verify_s={last:.2}");
    Ok(())
}

fn timed(file: &Path, workers: usize) -> Result<(Verdict, f64), Box<dyn Error>> {
    let means = Means { policy: None, heads: &[], workers: NonZeroUsize::new(workers).ok_or("no worker")? };
    let began = Instant::now();
    let verdict = verify(BufReader::new(File::open(file)?), &means)?.verdict();
    Ok((verdict, began.elapsed().as_secs_f64()))
}
