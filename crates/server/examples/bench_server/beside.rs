//! Durable appends of the ledger and of SQLite, alone and a thousand at once, on the same disk.

use super::Result;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::time::Instant;
use yakujo_ledger::files::Ledger;
use yakujo_ledger::note::SigningKey;

/// Appends one by one.
const SINGLE: u32 = 300;
/// Batches.
const BATCHES: u32 = 30;
/// Entries of a batch.
const BATCH: u32 = 1_000;
/// Bytes of an entry.
const BYTES: usize = 400;

/// Prints a table; returns the figures. Both take turns, and the median counts: what else the machine does hits both.
pub async fn sqlite() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let key = SigningKey::from_seed("bench.example/main", &[7; 32])?;
    let mut ledger = Ledger::create(&folder.path().join("ledger"), key)?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("peer.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    sqlx::query("CREATE TABLE entry (number INTEGER PRIMARY KEY, body BLOB NOT NULL)").execute(&pool).await?;
    let (ledger_one, peer_one) = in_turns(&mut ledger, &pool, SINGLE, 1).await?;
    let (ledger_batch, peer_batch) = in_turns(&mut ledger, &pool, BATCHES, BATCH).await?;
    pool.close().await;
    println!("| durable appends of {BYTES} bytes (/s) | one by one | {BATCH} at once |\n|---|---|---|");
    println!("| ledger | {ledger_one:.0} | {ledger_batch:.0} |");
    println!("| SQLite, WAL, synchronous=FULL | {peer_one:.0} | {peer_batch:.0} |");
    Ok(format!(
        "append_one_per_s={ledger_one:.0} append_batch_per_s={ledger_batch:.0} to_sqlite_one={:.2} to_sqlite_batch={:.2}",
        ledger_one / peer_one,
        ledger_batch / peer_batch
    ))
}

/// Entries per second of the ledger and of SQLite, for batches of this size.
async fn in_turns(ledger: &mut Ledger, pool: &SqlitePool, times: u32, batch: u32) -> Result<(f64, f64)> {
    let entries = vec![[b'x'; BYTES]; batch as usize];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let began = Instant::now();
        ledger.append(&entries)?;
        ours.push(began.elapsed().as_secs_f64());
        let began = Instant::now();
        let mut change = pool.begin().await?;
        for entry in &entries {
            let insert = sqlx::query("INSERT INTO entry (body) VALUES (?)").bind(entry.as_slice());
            insert.execute(&mut *change).await?;
        }
        change.commit().await?;
        theirs.push(began.elapsed().as_secs_f64());
    }
    Ok((f64::from(batch) / median(&mut ours), f64::from(batch) / median(&mut theirs)))
}

/// The one in the middle.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
