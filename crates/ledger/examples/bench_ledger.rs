//! How long the ledger takes on this disk. Usage: `bench_ledger [SIZE…]`, sizes in entries; default 10000, 100000 and
//! 1000000. The ledger of each size is made in the folder for temporary files (`TMPDIR`), so point that at the disk
//! that matters.

use std::time::{Duration, Instant};

use yakujo_ledger::files::{Ledger, Reader};
use yakujo_ledger::fsck::fsck;
use yakujo_ledger::note::SigningKey;

/// A fact has about this many bytes.
const ENTRY_BYTES: usize = 400;
/// Entries in a batch, as a busy server gathers them.
const BATCH: usize = 1_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes: Vec<u64> = std::env::args().skip(1).map(|size| size.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    println!(
        "| entries | append one (/s) | append {BATCH} (/s) | integrate 1 (ms) | integrate {BATCH} (ms) | open (ms) \
         | read all (/s) | inclusion proof (µs) | full check (s) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut replay = 0.0;
    for size in sizes {
        let (line, entries_per_s) = row(size)?;
        println!("{line}");
        replay = entries_per_s;
    }
    println!("bench files replay_per_s={replay:.0}");
    Ok(())
}

/// A line of the table, and entries read per second.
fn row(size: u64) -> Result<(String, f64), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("ledger");
    let key = || SigningKey::from_seed("bench.example/main", &[7; 32]);
    let entry = vec![b'x'; ENTRY_BYTES];
    let batch = vec![entry.clone(); BATCH];
    let mut ledger = Ledger::create(&path, key()?)?;
    while ledger.size() < size {
        let missing = usize::try_from(size - ledger.size())?.min(50_000);
        ledger.append(&vec![entry.clone(); missing])?;
        ledger.integrate()?;
    }
    let single = rate(300, || ledger.append(std::slice::from_ref(&entry)).map(|_| ()))?;
    let batched = rate(20, || ledger.append(&batch).map(|_| ()))? * BATCH as f64;
    ledger.integrate()?;
    let integrate_one = publication(&mut ledger, std::slice::from_ref(&entry))?;
    let integrate_batch = publication(&mut ledger, &batch)?;
    drop(ledger);

    let begin = Instant::now();
    let (ledger, _) = Ledger::open(&path, key()?)?;
    let open = begin.elapsed();
    drop(ledger);
    let reader = Reader::open(&path, &key()?.verifier())?;
    let size = reader.size();
    let begin = Instant::now();
    for entry in reader.entries(0..size) {
        entry?;
    }
    let replay = size as f64 / begin.elapsed().as_secs_f64();
    let mut number = 0;
    let proofs = rate(1_000, || {
        number = (number + 7_919) % size;
        reader.inclusion_proof(size, number).map(|_| ())
    })?;
    let begin = Instant::now();
    let damage = fsck(&path, &key()?.verifier(), &[])?.damage;
    let check = begin.elapsed().as_secs_f64();
    if !damage.is_empty() {
        return Err(format!("the ledger is damaged: {damage:?}").into());
    }
    let line = format!(
        "| {size} | {single:.0} | {batched:.0} | {:.1} | {:.1} | {:.1} | {replay:.0} | {:.0} | {check:.2} |",
        milliseconds(integrate_one),
        milliseconds(integrate_batch),
        milliseconds(open),
        1e6 / proofs,
    );
    Ok((line, replay))
}

/// How often a second something can be done.
fn rate<E>(times: u32, mut action: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let begin = Instant::now();
    for _ in 0..times {
        action()?;
    }
    Ok(f64::from(times) / begin.elapsed().as_secs_f64())
}

/// The median time of a publication of these entries.
fn publication(ledger: &mut Ledger, entries: &[Vec<u8>]) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut times = Vec::new();
    for _ in 0..21 {
        ledger.append(entries)?;
        let begin = Instant::now();
        ledger.integrate()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times.get(10).copied().unwrap_or_default())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
