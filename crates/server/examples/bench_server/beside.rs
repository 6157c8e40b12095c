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

/// Prints a table; returns the figures.
pub async fn sqlite() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let (ledger_one, ledger_batch) = ledger(&folder.path().join("ledger"))?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("peer.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let (peer_one, peer_batch) = peer(&pool).await?;
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

fn ledger(folder: &std::path::Path) -> Result<(f64, f64)> {
    let mut ledger = Ledger::create(folder, SigningKey::from_seed("bench.example/main", &[7; 32])?)?;
    let began = Instant::now();
    for _ in 0..SINGLE {
        ledger.append(&[[b'x'; BYTES]])?;
    }
    let one = f64::from(SINGLE) / began.elapsed().as_secs_f64();
    let batch = vec![[b'x'; BYTES]; BATCH as usize];
    let began = Instant::now();
    for _ in 0..BATCHES {
        ledger.append(&batch)?;
    }
    Ok((one, f64::from(BATCHES * BATCH) / began.elapsed().as_secs_f64()))
}

async fn peer(pool: &SqlitePool) -> Result<(f64, f64)> {
    sqlx::query("CREATE TABLE entry (number INTEGER PRIMARY KEY, body BLOB NOT NULL)").execute(pool).await?;
    let entry = vec![b'x'; BYTES];
    let insert = || sqlx::query("INSERT INTO entry (body) VALUES (?)").bind(&entry);
    let began = Instant::now();
    for _ in 0..SINGLE {
        insert().execute(pool).await?;
    }
    let one = f64::from(SINGLE) / began.elapsed().as_secs_f64();
    let began = Instant::now();
    for _ in 0..BATCHES {
        let mut change = pool.begin().await?;
        for _ in 0..BATCH {
            insert().execute(&mut *change).await?;
        }
        change.commit().await?;
    }
    Ok((one, f64::from(BATCHES * BATCH) / began.elapsed().as_secs_f64()))
}
