//! The outbox: facts wait here, numbered without gaps, until the server has stored them.
//!
//! A fact that was taken in is on the disk. It leaves in two ways only: the server says it is durable there, or a
//! numbered `agent.loss` takes its place. Numbers stay gapless because only facts that were never offered to the server
//! may be dropped, and the ones behind them move up. What could not even be taken in (disk full) is counted aside and
//! declared with the next fact that fits.

mod losses;

use crate::system::private_folder;
use jiff::{SignedDuration, Timestamp};
use losses::{Losses, Undeclared};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, SqliteConnection};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::agent::AgentLoss;

/// Most facts in one delivery.
pub const BATCH_FACTS: i64 = 500;
/// Most bytes in one delivery.
pub const BATCH_BYTES: u64 = 900 * 1024;

/// Malware may have run, and the part that acts does not know of it yet.
pub const SUSPECTED_KEY: &str = "act/suspected";
/// Under this key the data base remembers which losses were declared.
const DECLARED: &str = "declared";

/// What was remembered as JSON under a key; the default where nothing was, or an older version wrote it otherwise.
pub(crate) fn remembered<T: DeserializeOwned + Default>(text: Option<&str>) -> T {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Bytes of facts.
    pub bytes: u64,
    /// Age of the oldest.
    pub age: SignedDuration,
}

impl Default for Bound {
    fn default() -> Self {
        Self { bytes: 512 * 1024 * 1024, age: SignedDuration::from_hours(30 * 24) }
    }
}

/// Why the outbox did not work.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The data base.
    #[error("the outbox of the agent cannot be used: check the free space and the rights of its folder")]
    Database(#[from] sqlx::Error),
    /// The folder.
    #[error("the folder of the agent cannot be used: check its rights")]
    Folder(#[from] std::io::Error),
    /// A fact that is not text.
    #[error("a fact in the outbox is damaged")]
    Json(#[from] serde_json::Error),
    /// Nothing may be dropped and nothing fits.
    #[error("the outbox is full of facts that may not be dropped: connect this host to the server again")]
    Full,
    /// What the keeper said to another part.
    #[error("the keeper of the agent could not do it: {0}")]
    Keeper(String),
}

/// A fact with its number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    /// Gapless, from 1.
    pub seq: u64,
    /// When it was observed.
    pub observed: Timestamp,
    /// The fact.
    pub fact: Fact,
}

/// What the agent should know at its next start: a key, and its value, or none when it is to be forgotten.
pub type Note = (String, Option<String>);

/// The outbox.
#[derive(Debug)]
pub struct Outbox {
    pool: SqlitePool,
    bound: Bound,
    epoch: String,
    undeclared: Mutex<Undeclared>,
    /// Counts up when a fact says that malware may have run.
    suspected: watch::Sender<u64>,
}

impl Outbox {
    /// Opens or makes the outbox in `folder`. `epoch` names this run of the agent.
    ///
    /// # Errors
    /// When the folder or the data base cannot be used.
    pub async fn open(folder: &Path, epoch: String, bound: Bound) -> Result<Self, OutboxError> {
        private_folder(folder)?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("outbox.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // There is no folder for temporary files where the agent may write.
            .pragma("temp_store", "memory")
            .busy_timeout(Duration::from_secs(5));
        // One connection: the numbers are given one after the other.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, observed TEXT NOT NULL, kind TEXT NOT NULL,
             rank INTEGER NOT NULL, bytes INTEGER NOT NULL, body TEXT NOT NULL)",
        )
        .execute(&pool)
        .await?;
        // Covers the sum and the first droppable fact, so that neither walks the bodies.
        sqlx::query("CREATE INDEX IF NOT EXISTS outbox_rank ON outbox (rank, seq, bytes)")
            .execute(&pool)
            .await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            .execute(&pool)
            .await?;
        let declared = recall(&pool, DECLARED).await?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let undeclared = Mutex::new(Undeclared::open(folder, declared)?);
        let (suspected, _) = watch::channel(0);
        Ok(Self { pool, bound, epoch, undeclared, suspected })
    }

    /// Told each time a fact says that malware may have run.
    #[must_use]
    pub fn suspected(&self) -> watch::Receiver<u64> {
        self.suspected.subscribe()
    }

    /// The name of this run.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Takes facts in. When this returns, they are on the disk.
    ///
    /// # Errors
    /// They are not on the disk; they are counted and will be declared as lost.
    pub async fn put(&self, observed: Timestamp, facts: &[Fact]) -> Result<(), OutboxError> {
        self.put_with(observed, facts, &[]).await
    }

    /// As [`Outbox::put`], and remembers or forgets what `notes` say in the same transaction.
    ///
    /// # Errors
    /// As [`Outbox::put`].
    pub async fn put_with(
        &self,
        observed: Timestamp,
        facts: &[Fact],
        notes: &[Note],
    ) -> Result<(), OutboxError> {
        let suspicion = facts
            .iter()
            .any(Fact::suspects_that_malware_ran)
            .then(|| (SUSPECTED_KEY.to_owned(), Some(observed.to_string())));
        let notes: Vec<Note> = notes.iter().cloned().chain(suspicion.clone()).collect();
        let mut undeclared = self.undeclared.lock().await;
        let result = self.try_put(observed, facts, &notes, &undeclared).await;
        if suspicion.is_some() {
            self.suspected.send_modify(|count| *count = count.wrapping_add(1));
        }
        match result {
            Ok(()) => undeclared.clear(),
            Err(_) => undeclared.add(observed, facts),
        }
        result
    }

    async fn try_put(
        &self,
        observed: Timestamp,
        facts: &[Fact],
        notes: &[Note],
        undeclared: &Undeclared,
    ) -> Result<(), OutboxError> {
        let mut connection = self.pool.acquire().await?;
        let written = self.write_facts(&mut connection, observed, facts, notes, undeclared).await;
        end(connection, written).await
    }

    async fn write_facts(
        &self,
        write: &mut SqliteConnection,
        observed: Timestamp,
        facts: &[Fact],
        notes: &[Note],
        undeclared: &Undeclared,
    ) -> Result<(), OutboxError> {
        begin(write).await?;
        let mut next = number(write, "next").await?.max(1);
        let declared = undeclared.fact();
        if declared.is_some() {
            remember(write, DECLARED, &undeclared.number().to_string()).await?;
        }
        for fact in declared.iter().chain(facts) {
            insert(write, next, observed, fact).await?;
            next = next.saturating_add(1);
        }
        remember(write, "next", &next.to_string()).await?;
        for (key, value) in notes {
            match value {
                Some(value) => remember(write, key, value).await?,
                None => forget(write, key).await?,
            }
        }
        self.keep_bound(write, observed).await?;
        commit(write).await
    }

    /// Drops the oldest facts of the least rank until the bound holds again, and puts a declared loss in their place.
    async fn keep_bound(&self, write: &mut SqliteConnection, now: Timestamp) -> Result<(), OutboxError> {
        let bytes = sum_of_bytes(write).await?;
        let oldest_allowed = now.checked_sub(self.bound.age).unwrap_or(Timestamp::MIN);
        let first: Option<String> =
            sqlx::query_scalar("SELECT observed FROM outbox WHERE rank > 0 ORDER BY seq LIMIT 1")
                .fetch_optional(&mut *write)
                .await?;
        let too_old =
            first.and_then(|text| text.parse::<Timestamp>().ok()).is_some_and(|at| at < oldest_allowed);
        if bytes <= self.bound.bytes && !too_old {
            return Ok(());
        }
        let offered = number(write, "offered").await?;
        // A tenth more than needed, so that this is rare.
        let keep = if bytes > self.bound.bytes { self.bound.bytes / 10 * 9 } else { bytes };
        let victims = victims(write, offered, bytes.saturating_sub(keep), oldest_allowed).await?;
        if victims.is_empty() {
            return if bytes > self.bound.bytes { Err(OutboxError::Full) } else { Ok(()) };
        }
        replace(write, &victims, now).await
    }

    /// The oldest facts, at most [`BATCH_FACTS`] and [`BATCH_BYTES`] (at least one).
    ///
    /// From now on they count as offered: the server may have them.
    ///
    /// # Errors
    /// When the data base does not answer.
    pub async fn take(&self, at_most: i64) -> Result<Vec<Numbered>, OutboxError> {
        let mut connection = self.pool.acquire().await?;
        let taken = offer(&mut connection, at_most).await;
        end(connection, taken).await
    }

    /// The server has everything up to this number: it is deleted here.
    ///
    /// # Errors
    /// When the data base does not answer; they are then sent once more, which does no harm.
    pub async fn acked(&self, stored_to: u64) -> Result<(), OutboxError> {
        sqlx::query("DELETE FROM outbox WHERE seq <= ?").bind(signed(stored_to)).execute(&self.pool).await?;
        Ok(())
    }

    /// The server has everything up to `stored_to`, but other facts of this host up to `taken_to`: this outbox was set
    /// back with its disk, or is a new one. What still waits gets free numbers, in the same order, behind a declared loss
    /// of unknown size: what waited in the other outbox is gone.
    ///
    /// # Errors
    /// When the data base does not answer; nothing has changed then.
    pub async fn move_behind(&self, stored_to: u64, taken_to: u64) -> Result<(), OutboxError> {
        let mut connection = self.pool.acquire().await?;
        let moved = renumber(&mut connection, stored_to, taken_to).await;
        end(connection, moved).await
    }

    /// Facts that wait, and the next number.
    ///
    /// # Errors
    /// When the data base does not answer.
    pub async fn depth(&self) -> Result<(u64, u64), OutboxError> {
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&self.pool).await?;
        let next = self.recall("next").await?.and_then(|text| text.parse().ok()).unwrap_or(1);
        Ok((unsigned(waiting), next))
    }

    /// Something remembered by [`Outbox::put_with`].
    ///
    /// # Errors
    /// When the data base does not answer.
    pub async fn recall(&self, key: &str) -> Result<Option<String>, OutboxError> {
        recall(&self.pool, key).await
    }

    /// Everything remembered whose key begins with `prefix`, without it.
    ///
    /// # Errors
    /// When the data base does not answer.
    pub async fn recall_all(&self, prefix: &str) -> Result<Vec<(String, String)>, OutboxError> {
        self.recall_some(prefix, "", i64::MAX).await
    }

    /// As [`Outbox::recall_all`], at most so many, in the order of their keys, behind the one that is named.
    ///
    /// # Errors
    /// When the data base does not answer.
    pub async fn recall_some(
        &self,
        prefix: &str,
        after: &str,
        at_most: i64,
    ) -> Result<Vec<(String, String)>, OutboxError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT substr(key, length(?1) + 1), value FROM memory
             WHERE key > ?1 || ?2 AND substr(key, 1, length(?1)) = ?1 ORDER BY key LIMIT ?3",
        )
        .bind(prefix)
        .bind(after)
        .bind(at_most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows)
    }

    /// Closes the data base.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Copies the outbox of an agent that may be running into a folder that holds none.
///
/// # Errors
/// When it cannot be read or written.
pub async fn copy(folder: &Path, to: &Path) -> Result<(), OutboxError> {
    let options =
        SqliteConnectOptions::new().filename(folder.join("outbox.db")).busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let target = to.join("outbox.db").to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO ?").bind(target).execute(&pool).await?;
    pool.close().await;
    Ok(())
}

// Transactions are spoken out: a full disk makes SQLite end one by itself, which a counting wrapper does not notice.

async fn begin(write: &mut SqliteConnection) -> Result<(), OutboxError> {
    sqlx::query("BEGIN IMMEDIATE").execute(write).await?;
    Ok(())
}

async fn commit(write: &mut SqliteConnection) -> Result<(), OutboxError> {
    sqlx::query("COMMIT").execute(write).await?;
    Ok(())
}

/// After a failure the connection is closed, whatever state it is in; nothing of it is then on the disk.
async fn end<T>(
    connection: PoolConnection<Sqlite>,
    result: Result<T, OutboxError>,
) -> Result<T, OutboxError> {
    if result.is_err() {
        // Its own failure changes nothing: the next write opens another one.
        let _ = connection.close().await;
    }
    result
}

/// Reads the oldest facts and writes down that the server may have them from now on. Sizes first: after a burst five
/// hundred bodies would be many times what one delivery takes.
async fn offer(write: &mut SqliteConnection, at_most: i64) -> Result<Vec<Numbered>, OutboxError> {
    begin(write).await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as("SELECT seq, bytes FROM outbox ORDER BY seq LIMIT ?")
        .bind(at_most.clamp(1, BATCH_FACTS))
        .fetch_all(&mut *write)
        .await?;
    let rows = sqlx::query("SELECT seq, observed, body FROM outbox WHERE seq <= ? ORDER BY seq")
        .bind(last_of_batch(&sizes))
        .fetch_all(&mut *write)
        .await?;
    let mut taken = Vec::new();
    for row in rows {
        let observed = row.get::<String, _>("observed").parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let fact = serde_json::from_str(&row.get::<String, _>("body"))?;
        taken.push(Numbered { seq: unsigned(row.get("seq")), observed, fact });
    }
    if let Some(last) = taken.last()
        && last.seq > number(write, "offered").await?
    {
        remember(write, "offered", &last.seq.to_string()).await?;
    }
    commit(write).await?;
    Ok(taken)
}

/// The number up to which facts of these sizes go in one delivery; at least one goes.
fn last_of_batch(sizes: &[(i64, i64)]) -> i64 {
    let mut bytes = 0_u64;
    let mut last = sizes.first().map_or(0, |(seq, _)| *seq);
    for (seq, size) in sizes {
        bytes = bytes.saturating_add(unsigned(*size).saturating_add(100));
        if bytes > BATCH_BYTES {
            break;
        }
        last = *seq;
    }
    last
}

async fn renumber(write: &mut SqliteConnection, stored_to: u64, taken_to: u64) -> Result<(), OutboxError> {
    begin(write).await?;
    sqlx::query("DELETE FROM outbox WHERE seq <= ?").bind(signed(stored_to)).execute(&mut *write).await?;
    let next = number(write, "next").await?.max(1);
    let waiting: Option<(i64, String)> =
        sqlx::query_as("SELECT seq, observed FROM outbox ORDER BY seq LIMIT 1")
            .fetch_optional(&mut *write)
            .await?;
    let first = taken_to.saturating_add(1);
    let by = match &waiting {
        Some((lowest, _)) => first.saturating_add(1).saturating_sub(unsigned(*lowest)),
        None => first.saturating_sub(next),
    };
    // Over negative numbers: no number is held twice on the way.
    sqlx::query("UPDATE outbox SET seq = -(seq + ?)").bind(signed(by)).execute(&mut *write).await?;
    sqlx::query("UPDATE outbox SET seq = -seq").execute(&mut *write).await?;
    remember(write, "next", &next.saturating_add(by).to_string()).await?;
    // What was offered under its old number stays protected from being dropped: the server may have looked at it.
    let offered = number(write, "offered").await?.saturating_add(by);
    remember(write, "offered", &offered.to_string()).await?;
    if let Some((_, observed)) = waiting {
        let at = observed.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let reason = "an earlier outbox is lost, with what waited in it".to_owned();
        let loss = AgentLoss { count: 0, kinds: BTreeMap::new(), from: at, to: at, reason };
        insert(write, first, at, &Fact::AgentLoss(loss)).await?;
    }
    commit(write).await
}

/// 0: never dropped. 1: dropped after 2.
fn rank(fact: &Fact) -> i64 {
    match fact {
        Fact::CapacitySample(_) | Fact::AgentBeat(_) => 2,
        Fact::AgentStart(_)
        | Fact::AgentStop(_)
        | Fact::AgentLoss(_)
        | Fact::AgentBudget(_)
        | Fact::AgentUpdate(_)
        | Fact::AvEngine(_)
        | Fact::AvDetection(_)
        | Fact::QuarantineItem(_)
        | Fact::QuarantineRestore(_)
        | Fact::IsolationState(_)
        | Fact::OrderOutcome(_)
        | Fact::ClockStep(_) => 0,
        _ => 1,
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

async fn recall(pool: &SqlitePool, key: &str) -> Result<Option<String>, OutboxError> {
    let value = sqlx::query_scalar("SELECT value FROM memory WHERE key = ?").bind(key).fetch_optional(pool);
    Ok(value.await?)
}

async fn number(write: &mut SqliteConnection, key: &str) -> Result<u64, OutboxError> {
    let value: Option<String> = sqlx::query_scalar("SELECT value FROM memory WHERE key = ?")
        .bind(key)
        .fetch_optional(&mut *write)
        .await?;
    Ok(value.and_then(|text| text.parse().ok()).unwrap_or(0))
}

async fn sum_of_bytes(write: &mut SqliteConnection) -> Result<u64, OutboxError> {
    let sum: Option<i64> = sqlx::query_scalar("SELECT sum(bytes) FROM outbox").fetch_one(&mut *write).await?;
    Ok(unsigned(sum.unwrap_or(0)))
}

async fn remember(write: &mut SqliteConnection, key: &str, value: &str) -> Result<(), OutboxError> {
    sqlx::query("INSERT INTO memory (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(&mut *write)
        .await?;
    Ok(())
}

async fn forget(write: &mut SqliteConnection, key: &str) -> Result<(), OutboxError> {
    sqlx::query("DELETE FROM memory WHERE key = ?").bind(key).execute(&mut *write).await?;
    Ok(())
}

async fn insert(
    write: &mut SqliteConnection,
    seq: u64,
    observed: Timestamp,
    fact: &Fact,
) -> Result<(), OutboxError> {
    let body = serde_json::to_string(fact)?;
    sqlx::query("INSERT INTO outbox (seq, observed, kind, rank, bytes, body) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(signed(seq))
        .bind(observed.to_string())
        .bind(fact.kind())
        .bind(rank(fact))
        .bind(i64::try_from(body.len()).unwrap_or(i64::MAX))
        .bind(body)
        .execute(&mut *write)
        .await?;
    Ok(())
}

struct Victim {
    seq: i64,
    kind: String,
    observed: Timestamp,
}

async fn victims(
    write: &mut SqliteConnection,
    offered: u64,
    bytes: u64,
    oldest_allowed: Timestamp,
) -> Result<Vec<Victim>, OutboxError> {
    let rows = sqlx::query(
        "SELECT seq, kind, observed, bytes FROM outbox WHERE rank > 0 AND seq > ? ORDER BY rank DESC, seq",
    )
    .bind(signed(offered))
    .fetch_all(&mut *write)
    .await?;
    let mut freed = 0_u64;
    let mut victims = Vec::new();
    for row in rows {
        let observed: Timestamp = row.get::<String, _>("observed").parse().unwrap_or(Timestamp::UNIX_EPOCH);
        if freed < bytes || observed < oldest_allowed {
            freed = freed.saturating_add(unsigned(row.get("bytes")));
            victims.push(Victim { seq: row.get("seq"), kind: row.get("kind"), observed });
        }
    }
    victims.sort_by_key(|victim| victim.seq);
    Ok(victims)
}

/// Takes the victims out, puts the loss at the first one's place and closes the numbers up.
async fn replace(
    write: &mut SqliteConnection,
    victims: &[Victim],
    now: Timestamp,
) -> Result<(), OutboxError> {
    let Some(first) = victims.first().map(|victim| victim.seq) else { return Ok(()) };
    let mut losses = Losses::default();
    for victim in victims {
        losses.add(&victim.kind, victim.observed);
        sqlx::query("DELETE FROM outbox WHERE seq = ?").bind(victim.seq).execute(&mut *write).await?;
    }
    let behind: Vec<i64> = sqlx::query_scalar("SELECT seq FROM outbox WHERE seq > ? ORDER BY seq")
        .bind(first)
        .fetch_all(&mut *write)
        .await?;
    let mut next = first.saturating_add(1);
    for seq in behind {
        if seq != next {
            sqlx::query("UPDATE outbox SET seq = ? WHERE seq = ?")
                .bind(next)
                .bind(seq)
                .execute(&mut *write)
                .await?;
        }
        next = next.saturating_add(1);
    }
    if let Some(fact) = losses.declared("outbox limit") {
        insert(write, unsigned(first), now, &fact).await?;
    }
    remember(write, "next", &next.to_string()).await
}

#[cfg(test)]
mod tests;
