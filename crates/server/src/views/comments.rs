//! What the parties said to each other, by its thing. Without the texts: these are kept where they can be erased.

use super::{ViewError, Views, damaged, party_word};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use yakujo_contract::act::Act;
use yakujo_contract::entry::{Author, Body, Entry, Party};
use yakujo_contract::id::{Digest, PersonId};
use yakujo_contract::topic::Topic;

/// Something one party said to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its entry.
    pub number: u64,
    /// On what.
    pub about: Topic,
    /// By whom.
    pub person: PersonId,
    /// For which party.
    pub party: Party,
    /// When.
    pub at: Timestamp,
    /// The salted digest of the text.
    pub digest: Digest,
}

impl Views {
    /// What was said on something before an instant, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn comments(
        &self,
        about: &Topic,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Comment>, ViewError> {
        let rows = sqlx::query(
            "SELECT * FROM comment WHERE about = ? AND at < ? ORDER BY at DESC, number DESC LIMIT ?",
        );
        let rows = rows.bind(about.to_string()).bind(before.as_microsecond()).bind(limit);
        rows.fetch_all(&self.pool).await?.iter().map(comment).collect()
    }

    /// The comment of this entry.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn comment(&self, number: u64) -> Result<Option<Comment>, ViewError> {
        let row = sqlx::query("SELECT * FROM comment WHERE number = ?");
        let row = row.bind(i64::try_from(number).unwrap_or(i64::MAX));
        row.fetch_optional(&self.pool).await?.as_ref().map(comment).transpose()
    }

    /// Whether the ledger holds a comment with this text.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_said(&self, digest: &Digest) -> Result<bool, ViewError> {
        let row = sqlx::query("SELECT 1 FROM comment WHERE digest = ?").bind(digest.as_str());
        Ok(row.fetch_optional(&self.pool).await?.is_some())
    }
}

/// Takes the entry in, if it is a comment of a person.
pub(super) async fn insert(
    change: &mut SqliteConnection,
    number: u64,
    entry: &Entry,
) -> Result<(), ViewError> {
    let (Author::Person { id, party, .. }, Body::Act(Act::CommentMade { about, text })) =
        (&entry.author, &entry.body)
    else {
        return Ok(());
    };
    sqlx::query("INSERT OR REPLACE INTO comment VALUES (?, ?, ?, ?, ?, ?)")
        .bind(i64::try_from(number).map_err(damaged)?)
        .bind(about.to_string())
        .bind(id.as_str())
        .bind(party_word(*party))
        .bind(entry.received.as_microsecond())
        .bind(text.digest.as_str())
        .execute(change)
        .await?;
    Ok(())
}

fn comment(row: &SqliteRow) -> Result<Comment, ViewError> {
    let party: String = row.try_get("party")?;
    Ok(Comment {
        number: row.try_get::<i64, _>("number")?.try_into().map_err(damaged)?,
        about: row.try_get::<String, _>("about")?.try_into().map_err(damaged)?,
        person: row.try_get::<String, _>("person")?.try_into().map_err(damaged)?,
        party: super::party_from(&party).ok_or_else(|| damaged(format!("party {party}")))?,
        at: Timestamp::from_microsecond(row.try_get("at")?).map_err(damaged)?,
        digest: row.try_get::<String, _>("digest")?.try_into().map_err(damaged)?,
    })
}
