//! `views.db`: what pages look up that is not in the court's memory. Rebuildable: drop the file, start again, and the
//! same rows stand there.
//!
//! Lists are paged by key, never by counting, so a page costs the same however long the list is.

pub mod comments;
pub mod concerns;
pub mod news;

use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use yakujo_contract::court::{Ruling, Turned};
use yakujo_contract::duty::DutyId;
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::fact::Fact;
use yakujo_contract::id::{HostId, SystemId};
use yakujo_contract::standing::Verdict;

/// Rows on a page at most.
pub const PAGE: u32 = 200;

/// Why a view could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The database failed.
    #[error(
        "views.db cannot be used: stop the server, delete the file, start again; it is rebuilt from the ledger"
    )]
    Database(#[from] sqlx::Error),
    /// A row does not hold what it should.
    #[error("views.db holds a damaged row: delete the file, it is rebuilt from the ledger")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn damaged(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ViewError {
    ViewError::Damaged(error.into())
}

/// The views of one contract.
pub struct Views {
    pool: SqlitePool,
}

/// One row of the list of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Number.
    pub number: u64,
    /// Kind.
    pub kind: String,
    /// Host.
    pub host: Option<String>,
    /// Person.
    pub person: Option<String>,
    /// Party of the person.
    pub party: Option<String>,
    /// Sequence number of the host.
    pub seq: Option<u64>,
    /// By the author's clock.
    pub observed: Timestamp,
    /// By the server's clock.
    pub received: Timestamp,
    /// Size.
    pub bytes: u32,
}

/// Who made an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// Whoever.
    #[default]
    Anybody,
    /// Agents.
    Agents,
    /// People.
    People,
    /// The server itself.
    Server,
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Who made it.
    pub by: By,
    /// This number alone.
    pub only: Option<u64>,
    /// Kind, exactly.
    pub kind: Option<String>,
    /// Host, exactly.
    pub host: Option<String>,
    /// Person, exactly.
    pub person: Option<String>,
    /// Numbers below this one (entries are listed newest first); none: from the newest.
    pub before: Option<u64>,
    /// Rows, at most [`PAGE`] on pages; exports ask for more.
    pub limit: u32,
}

/// A turn of a standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Duty.
    pub duty: DutyId,
    /// System.
    pub system: SystemId,
    /// When.
    pub at: Timestamp,
    /// The verdict at that instant.
    pub verdict: Verdict,
}

/// An entry as the writer hands it over.
pub struct Stored<'a> {
    /// Number.
    pub number: u64,
    /// The entry.
    pub entry: &'a Entry,
    /// Its size.
    pub bytes: usize,
}

impl Views {
    /// Opens `views.db`, making it where it is missing.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn open(file: &Path) -> Result<Self, ViewError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What is lost at a power failure is rebuilt from the ledger.
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        crate::settings::only_for_owner(file).map_err(sqlx::Error::Io)?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// How many entries stand in the views.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn entries(&self) -> Result<u64, ViewError> {
        let row = sqlx::query("SELECT entries FROM progress").fetch_one(&self.pool).await?;
        u64::try_from(row.try_get::<i64, _>("entries")?).map_err(damaged)
    }

    /// Empties the views, for rebuilding.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clear(&self) -> Result<(), ViewError> {
        sqlx::raw_sql(
            "DELETE FROM entry; DELETE FROM change; DELETE FROM comment; DELETE FROM compared;
             DELETE FROM concern; UPDATE progress SET entries = 0;",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes entries and turns of standings in, in one transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn apply(&self, stored: &[Stored<'_>], rulings: &[Ruling]) -> Result<(), ViewError> {
        let mut change = self.pool.begin().await?;
        for one in stored {
            insert_entry(&mut change, one).await?;
            comments::insert(&mut change, one.number, one.entry).await?;
        }
        for ruling in rulings.iter().filter(|ruling| ruling.turned == Turned::Yes) {
            insert_change(&mut change, ruling).await?;
        }
        if let Some(last) = stored.last() {
            let entries = i64::try_from(last.number.saturating_add(1)).map_err(damaged)?;
            let done = sqlx::query("UPDATE progress SET entries = ? WHERE entries < ?");
            done.bind(entries).bind(entries).execute(&mut *change).await?;
        }
        change.commit().await?;
        Ok(())
    }

    /// Entries, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_entries(&self, filter: &EntryFilter) -> Result<Vec<EntryRow>, ViewError> {
        // One fixed statement per filter, so that each walks its own index from the newest on.
        let rows = match (filter.by, &filter.kind, &filter.host, &filter.person, filter.only) {
            (_, _, _, _, Some(_)) => sqlx::query("SELECT * FROM entry WHERE number < ?1 AND number = ?6 LIMIT ?5"),
            (By::Anybody, Some(_), None, None, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND kind = ?2 ORDER BY number DESC LIMIT ?5",
            ),
            (By::Anybody, Some(_), Some(_), None, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND kind = ?2 AND host = ?3 ORDER BY number DESC LIMIT ?5",
            ),
            (By::Anybody, None, Some(_), None, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND host = ?3 ORDER BY number DESC LIMIT ?5",
            ),
            (_, None, None, Some(_), None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND person = ?4 ORDER BY number DESC LIMIT ?5",
            ),
            (By::Anybody, None, None, None, None) => {
                sqlx::query("SELECT * FROM entry WHERE number < ?1 ORDER BY number DESC LIMIT ?5")
            }
            (By::People, None, None, None, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND party IS NOT NULL ORDER BY number DESC LIMIT ?5",
            ),
            (By::Server, None, None, None, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND party IS NULL AND seq IS NULL ORDER BY number DESC LIMIT ?5",
            ),
            (By::Agents, None, None, None, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND seq IS NOT NULL ORDER BY number DESC LIMIT ?5",
            ),
            (_, _, _, _, None) => sqlx::query(
                "SELECT * FROM entry WHERE number < ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR host = ?3)
                 AND (?4 IS NULL OR person = ?4) AND (?7 = 0 OR (?7 = 1 AND seq IS NOT NULL)
                 OR (?7 = 2 AND party IS NOT NULL) OR (?7 = 3 AND party IS NULL AND seq IS NULL))
                 ORDER BY number DESC LIMIT ?5",
            ),
        };
        let before = filter.before.and_then(|number| i64::try_from(number).ok()).unwrap_or(i64::MAX);
        let rows =
            rows.bind(before).bind(&filter.kind).bind(&filter.host).bind(&filter.person).bind(filter.limit);
        let rows =
            rows.bind(filter.only.and_then(|number| i64::try_from(number).ok())).bind(match filter.by {
                By::Anybody => 0,
                By::Agents => 1,
                By::People => 2,
                By::Server => 3,
            });
        rows.fetch_all(&self.pool).await?.iter().map(entry_row).collect()
    }

    /// The entries that hold these numbers of a host, by number of the host.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn numbered(
        &self,
        host: &HostId,
        numbers: RangeInclusive<u64>,
    ) -> Result<BTreeMap<u64, u64>, ViewError> {
        let signed = |number: &u64| i64::try_from(*number).unwrap_or(i64::MAX);
        let rows = sqlx::query(
            "SELECT seq, number FROM entry WHERE host = ? AND seq IS NOT NULL AND seq BETWEEN ? AND ?",
        );
        let rows = rows.bind(host.as_str()).bind(signed(numbers.start())).bind(signed(numbers.end()));
        let number = |row: &SqliteRow, name| u64::try_from(row.try_get::<i64, _>(name)?).map_err(damaged);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((number(row, "seq")?, number(row, "number")?))).collect()
    }

    /// The kinds of entries there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn kinds(&self) -> Result<Vec<String>, ViewError> {
        // A walk from kind to kind over the index: as many steps as there are kinds.
        let rows = sqlx::query(
            "WITH RECURSIVE kinds(kind) AS (SELECT MIN(kind) FROM entry UNION ALL
             SELECT (SELECT MIN(kind) FROM entry WHERE kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL)
             SELECT kind FROM kinds WHERE kind IS NOT NULL",
        );
        rows.fetch_all(&self.pool).await?.iter().map(|row| Ok(row.try_get("kind")?)).collect()
    }

    /// The turns of one duty, newest first, of one system or of all, before an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn turns(
        &self,
        duty: DutyId,
        system: Option<&SystemId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Change>, ViewError> {
        let rows = sqlx::query(
            "SELECT * FROM change WHERE duty = ? AND (? IS NULL OR system = ?) AND at < ? ORDER BY at DESC LIMIT ?",
        )
        .bind(duty.key())
        .bind(system.map(SystemId::as_str))
        .bind(system.map(SystemId::as_str))
        .bind(before.as_microsecond())
        .bind(limit);
        rows.fetch_all(&self.pool).await?.iter().map(change).collect()
    }

    /// The newest turns of all duties.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_turns(&self, before: Timestamp, limit: u32) -> Result<Vec<Change>, ViewError> {
        let rows = sqlx::query("SELECT * FROM change WHERE at < ? ORDER BY at DESC, duty, system LIMIT ?");
        let rows = rows.bind(before.as_microsecond()).bind(limit);
        rows.fetch_all(&self.pool).await?.iter().map(change).collect()
    }

    /// How one duty of one system stood at a past instant: its last turn up to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing_at(
        &self,
        duty: DutyId,
        system: &SystemId,
        at: Timestamp,
    ) -> Result<Option<Change>, ViewError> {
        let row = sqlx::query(
            "SELECT * FROM change WHERE duty = ? AND system = ? AND at <= ? ORDER BY at DESC LIMIT 1",
        )
        .bind(duty.key())
        .bind(system.as_str())
        .bind(at.as_microsecond());
        row.fetch_optional(&self.pool).await?.as_ref().map(change).transpose()
    }
}

async fn insert_entry(change: &mut SqliteConnection, stored: &Stored<'_>) -> Result<(), ViewError> {
    let entry = stored.entry;
    let kind = match &entry.body {
        Body::Fact(fact) => fact.kind(),
        Body::Act(act) => act.kind(),
    };
    let (person, party) = match (&entry.author, &entry.body) {
        (Author::Person { id, party, .. }, _) => (Some(id.as_str()), Some(party_word(*party))),
        // What the server says of somebody is found where that person's acts are.
        (Author::Server, Body::Fact(Fact::SessionOpen(open))) => (Some(open.person.as_str()), None),
        (Author::Server, Body::Fact(Fact::SessionClose(close))) => (Some(close.person.as_str()), None),
        (Author::Server, Body::Fact(Fact::AuthFailure(failure))) => {
            (failure.person.as_ref().map(|person| person.as_str()), None)
        }
        (Author::Agent(_) | Author::Server, _) => (None, None),
    };
    sqlx::query("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(i64::try_from(stored.number).map_err(damaged)?)
        .bind(kind)
        .bind(entry.host.as_ref().map(|host| host.as_str()))
        .bind(person)
        .bind(party)
        .bind(entry.seq.and_then(|seq| i64::try_from(seq).ok()))
        .bind(entry.observed.as_microsecond())
        .bind(entry.received.as_microsecond())
        .bind(i64::try_from(stored.bytes).map_err(damaged)?)
        .execute(change)
        .await?;
    Ok(())
}

async fn insert_change(change: &mut SqliteConnection, ruling: &Ruling) -> Result<(), ViewError> {
    sqlx::query("INSERT OR REPLACE INTO change VALUES (?, ?, ?, ?, ?)")
        .bind(ruling.duty.key())
        .bind(ruling.system.as_str())
        .bind(ruling.at.as_microsecond())
        .bind(ruling.verdict.standing.word())
        .bind(serde_json::to_string(&ruling.verdict).map_err(damaged)?)
        .execute(change)
        .await?;
    Ok(())
}

/// The word of a party in databases.
#[must_use]
pub fn party_word(party: Party) -> &'static str {
    match party {
        Party::City => "city",
        Party::Contractor => "contractor",
        Party::Auditor => "auditor",
    }
}

/// The party with this word.
#[must_use]
pub fn party_from(word: &str) -> Option<Party> {
    [Party::City, Party::Contractor, Party::Auditor].into_iter().find(|party| party_word(*party) == word)
}

fn entry_row(row: &SqliteRow) -> Result<EntryRow, ViewError> {
    Ok(EntryRow {
        number: row.try_get::<i64, _>("number")?.try_into().map_err(damaged)?,
        kind: row.try_get("kind")?,
        host: row.try_get("host")?,
        person: row.try_get("person")?,
        party: row.try_get("party")?,
        seq: row.try_get::<Option<i64>, _>("seq")?.and_then(|seq| seq.try_into().ok()),
        observed: Timestamp::from_microsecond(row.try_get("observed")?).map_err(damaged)?,
        received: Timestamp::from_microsecond(row.try_get("received")?).map_err(damaged)?,
        bytes: row.try_get::<i64, _>("bytes")?.try_into().map_err(damaged)?,
    })
}

fn change(row: &SqliteRow) -> Result<Change, ViewError> {
    Ok(Change {
        duty: DutyId::parse(&row.try_get::<String, _>("duty")?).map_err(damaged)?,
        system: row.try_get::<String, _>("system")?.try_into().map_err(damaged)?,
        at: Timestamp::from_microsecond(row.try_get("at")?).map_err(damaged)?,
        verdict: serde_json::from_str(&row.try_get::<String, _>("verdict")?).map_err(damaged)?,
    })
}
