//! Notices, who has read them, and what still has to go out. Not rebuildable: what somebody has read is nowhere else.

use super::{People, PeopleError};
use crate::audience::{Audience, Caller};
use crate::notices::plan::{Circle, Kind, Notice, Urgency};
use crate::views::{party_from, party_word};
use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeSet;
use yakujo_contract::act::Role;
use yakujo_contract::id::{FindingId, PersonId};
use yakujo_contract::standing::Sentence;

/// A notice as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number, in the order in which notices were made.
    pub number: i64,
    /// The notice.
    pub notice: Notice,
    /// The person who asks has read it.
    pub read: bool,
}

/// Where the planner stands in one of its sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// Entries of the ledger, by number.
    Entries,
    /// Turns of standings, by instant (microseconds).
    Turns,
    /// Deadlines, by the instant they were last looked at (microseconds).
    Dues,
    /// Findings, by the instant they were last looked at (microseconds).
    Findings,
}

impl Cursor {
    fn word(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Turns => "turns",
            Self::Dues => "dues",
            Self::Findings => "findings",
        }
    }
}

/// Unread notices are counted up to here: a number nobody reads costs nothing.
pub const MOST_COUNTED: u32 = 100;

/// Queues the notices after a number for the webhooks of their party.
const TO_WEBHOOKS: &str =
    "INSERT OR IGNORE INTO delivery (channel, recipient, notice, due, tries, state, why)
    SELECT 'webhook', webhook.id, notice.number, 0, 0, 'waiting', '' FROM notice
    JOIN webhook ON webhook.party = notice.party WHERE notice.number > ?";
/// The same for the people of their party who want mail and proved their address.
const TO_MAIL: &str = "INSERT OR IGNORE INTO delivery (channel, recipient, notice, due, tries, state, why)
    SELECT 'mail', mail_choice.person, notice.number, 0, 0, 'waiting', '' FROM notice
    JOIN person ON person.left_at IS NULL AND notice.party = CASE
        WHEN person.role LIKE 'city_%' THEN 'city'
        WHEN person.role IN ('operator', 'security_lead') THEN 'contractor' ELSE '' END
    JOIN mail_choice ON mail_choice.person = person.id
    WHERE notice.number > ? AND mail_choice.verified IS NOT NULL AND mail_choice.pace <> 'none'
        AND (notice.circle = 'all' OR person.role IN ('city_approver', 'city_security', 'security_lead'))
        AND (notice.urgent = 1 OR instr(mail_choice.muted, ',' || notice.kind || ',') = 0)";

impl People {
    /// Where the planner stands; none at the first start.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cursor(&self, cursor: Cursor) -> Result<Option<i64>, PeopleError> {
        let row = sqlx::query("SELECT value FROM notice_cursor WHERE name = ?").bind(cursor.word());
        let row = row.fetch_optional(&self.pool).await?;
        row.map(|row| Ok(row.try_get("value")?)).transpose()
    }

    /// Keeps notices and moves the cursor, both or neither: what was planned is never lost and never told twice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_notices(&self, cursor: Cursor, to: i64, notices: &[Notice]) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        keep(&mut change, (cursor, to), notices).await?;
        Ok(change.commit().await?)
    }

    /// Findings that people were told of; none before the first time.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn told_findings(&self) -> Result<Option<BTreeSet<FindingId>>, PeopleError> {
        if self.cursor(Cursor::Findings).await?.is_none() {
            return Ok(None);
        }
        let rows = sqlx::query("SELECT id FROM told_finding").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| Ok(row.try_get::<String, _>("id")?.try_into()?))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Keeps notices of findings and remembers which ones were told, both or neither.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_found(
        &self,
        told: &[FindingId],
        to: i64,
        notices: &[Notice],
    ) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        keep(&mut change, (Cursor::Findings, to), notices).await?;
        for id in told {
            let told = sqlx::query("INSERT OR IGNORE INTO told_finding (id) VALUES (?)");
            told.bind(id.as_str()).execute(&mut *change).await?;
        }
        Ok(change.commit().await?)
    }

    /// The notices for a person, newest first, below a number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn notices(
        &self,
        person: &PersonId,
        role: Role,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Kept>, PeopleError> {
        let rows = sqlx::query(
            "SELECT notice.*, (notice.number <= COALESCE((SELECT upto FROM notice_begun WHERE person = ?1), 0)
                 OR EXISTS (SELECT 1 FROM notice_read WHERE person = ?1 AND notice = notice.number)) AS seen
             FROM notice WHERE party = ?2 AND number < ?3 AND (circle = 'all' OR ?5) ORDER BY number DESC LIMIT ?4",
        )
        .bind(person.as_str())
        .bind(party_word(role.party()))
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .bind(leads(role));
        rows.fetch_all(&self.pool).await?.iter().map(kept).collect()
    }

    /// How many a person has not read, at most [`MOST_COUNTED`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unread(&self, person: &PersonId, role: Role) -> Result<u32, PeopleError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS unread FROM (SELECT 1 FROM notice WHERE party = ?2 AND (circle = 'all' OR ?4)
                 AND number > COALESCE((SELECT upto FROM notice_begun WHERE person = ?1), 0)
                 AND NOT EXISTS (SELECT 1 FROM notice_read WHERE person = ?1 AND notice = notice.number) LIMIT ?3)",
        )
        .bind(person.as_str())
        .bind(party_word(role.party()))
        .bind(MOST_COUNTED)
        .bind(leads(role));
        let unread = row.fetch_one(&self.pool).await?.try_get::<i64, _>("unread")?;
        Ok(u32::try_from(unread).unwrap_or(MOST_COUNTED))
    }

    /// A person has read one notice.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_notice(&self, person: &PersonId, number: i64) -> Result<(), PeopleError> {
        sqlx::query("INSERT OR IGNORE INTO notice_read (person, notice) VALUES (?, ?)")
            .bind(person.as_str())
            .bind(number)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A person has read everything up to a number.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_notices(&self, person: &PersonId, upto: i64) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO notice_begun (person, upto) VALUES (?, ?)
             ON CONFLICT (person) DO UPDATE SET upto = MAX(upto, excluded.upto)",
        )
        .bind(person.as_str())
        .bind(upto)
        .execute(&mut *change)
        .await?;
        sqlx::query("DELETE FROM notice_read WHERE person = ? AND notice <= ?")
            .bind(person.as_str())
            .bind(upto)
            .execute(&mut *change)
            .await?;
        Ok(change.commit().await?)
    }
}

/// Moves the cursor, keeps the notices, and queues what goes out.
async fn keep(
    change: &mut SqliteConnection,
    (cursor, to): (Cursor, i64),
    notices: &[Notice],
) -> Result<(), PeopleError> {
    // Writing first takes the lock at once: a transaction that reads first cannot wait for another writer.
    sqlx::query(
        "INSERT INTO notice_cursor (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(cursor.word())
    .bind(to)
    .execute(&mut *change)
    .await?;
    let newest = sqlx::query("SELECT COALESCE(MAX(number), 0) AS newest FROM notice");
    let newest: i64 = newest.fetch_one(&mut *change).await?.try_get("newest")?;
    for notice in notices {
        sqlx::query(
            "INSERT INTO notice (key, party, kind, urgent, ja, en, link, at, circle)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (party, key) DO NOTHING",
        )
        .bind(&notice.key)
        .bind(party_word(notice.party))
        .bind(notice.kind.word())
        .bind(i64::from(notice.urgency == Urgency::Urgent))
        .bind(&notice.sentence.ja)
        .bind(&notice.sentence.en)
        .bind(&notice.link)
        .bind(notice.at.as_millisecond())
        .bind(notice.circle.word())
        .execute(&mut *change)
        .await?;
    }
    // Whatever goes out is queued with the notice itself: a crash between the two loses neither.
    for queue in [TO_WEBHOOKS, TO_MAIL] {
        sqlx::query(queue).bind(newest).execute(&mut *change).await?;
    }
    Ok(())
}

/// Whether notices for those who lead are for this role.
fn leads(role: Role) -> bool {
    Audience::Leads.admits(Caller::Person(role))
}

pub(super) fn kept(row: &SqliteRow) -> Result<Kept, PeopleError> {
    let damaged = |what: &str| PeopleError::Damaged(format!("notice.{what}"));
    let party: String = row.try_get("party")?;
    let kind: String = row.try_get("kind")?;
    let circle: String = row.try_get("circle")?;
    let urgency = if row.try_get::<i64, _>("urgent")? == 0 { Urgency::Plain } else { Urgency::Urgent };
    Ok(Kept {
        number: row.try_get("number")?,
        notice: Notice {
            key: row.try_get("key")?,
            party: party_from(&party).ok_or_else(|| damaged("party"))?,
            circle: Circle::of(&circle).ok_or_else(|| damaged("circle"))?,
            kind: Kind::of(&kind).ok_or_else(|| damaged("kind"))?,
            urgency,
            sentence: Sentence::new(row.try_get::<String, _>("ja")?, row.try_get::<String, _>("en")?),
            link: row.try_get("link")?,
            at: Timestamp::from_millisecond(row.try_get("at")?).map_err(|_| damaged("at"))?,
        },
        read: row.try_get::<i64, _>("seen")? != 0,
    })
}
