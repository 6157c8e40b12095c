//! What still has to go out, and what was wrong with it: for those who lead a party, for everybody whose own mail does
//! not arrive, and for the operator.

use super::notices::{Kept, kept};
use super::{People, PeopleError};
use crate::views::{party_from, party_word};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use std::path::Path;
use yakujo_contract::entry::Party;
use yakujo_contract::id::PersonId;

/// What fails for longer than this is told to the people it concerns: a restart of a mail server takes less.
pub const LONG: SignedDuration = SignedDuration::from_hours(1);

/// The ways out of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// By mail.
    Mail,
    /// By webhook.
    Webhook,
}

impl Channel {
    /// The word in the database and in what programs read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }

    fn of(word: &str) -> Result<Self, PeopleError> {
        let known = [Self::Mail, Self::Webhook].into_iter().find(|channel| channel.word() == word);
        known.ok_or_else(|| PeopleError::Damaged("delivery.channel".to_owned()))
    }
}

/// One notice that has not arrived.
#[derive(Debug)]
pub struct Queued {
    /// Number of the delivery.
    pub number: i64,
    /// How.
    pub channel: Channel,
    /// To whom: the sign-in name of a person, or the address of a webhook.
    pub to: String,
    /// The notice.
    pub kept: Kept,
    /// Tries so far.
    pub tries: i64,
    /// When it is tried again, at the earliest; none where it was given up.
    pub due: Option<Timestamp>,
    /// Since when it fails.
    pub failing: Option<Timestamp>,
    /// What was wrong the last time.
    pub why: String,
}

/// How one channel of one party stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Whose.
    pub party: Party,
    /// How.
    pub channel: Channel,
    /// Notices that wait, those among them that wait for their hour included.
    pub waiting: i64,
    /// Since when the oldest of them waits.
    pub since: Option<Timestamp>,
    /// Those that were tried, or could not be.
    pub failing: i64,
    /// Since when.
    pub failing_since: Option<Timestamp>,
    /// Given up.
    pub given_up: i64,
    /// The last error; empty: none.
    pub why: String,
}

impl Backlog {
    /// Whether somebody has to look at it.
    #[must_use]
    pub fn is_trouble(&self, now: Timestamp) -> bool {
        self.given_up > 0 || self.failing_since.is_some_and(|since| now.duration_since(since) >= LONG)
    }
}

/// The party of a delivery is that of its notice: mail and webhooks go to the own side only.
const BACKLOG: &str = "SELECT notice.party, channel,
        SUM(state = 'waiting') AS waiting, MIN(CASE WHEN state = 'waiting' THEN notice.at END) AS since,
        SUM(state = 'waiting' AND failing IS NOT NULL) AS failing_now,
        MIN(CASE WHEN state = 'waiting' THEN failing END) AS failing_since, SUM(state = 'given_up') AS given_up,
        COALESCE((SELECT why FROM delivery AS last JOIN notice AS of ON of.number = last.notice
            WHERE last.channel = delivery.channel AND of.party = notice.party AND last.state <> 'sent' AND last.why <> ''
            ORDER BY last.tries = 0, last.number DESC LIMIT 1), '') AS why
    FROM delivery JOIN notice ON notice.number = delivery.notice
    WHERE state <> 'sent' AND (?1 IS NULL OR notice.party = ?1) AND (?2 IS NULL OR (channel = 'mail' AND recipient = ?2))
    GROUP BY notice.party, channel ORDER BY notice.party, channel";

/// Reads how every channel stands, beside a server that runs or not. Nothing is written.
///
/// # Errors
/// When the file cannot be read.
pub async fn backlog_of(file: &Path) -> Result<Vec<Backlog>, PeopleError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let rows = sqlx::query(BACKLOG).bind(None::<&str>).bind(None::<&str>).fetch_all(&pool).await?;
    rows.iter().map(backlog).collect()
}

fn backlog(row: &sqlx::sqlite::SqliteRow) -> Result<Backlog, PeopleError> {
    let party: String = row.try_get("party")?;
    let channel: String = row.try_get("channel")?;
    Ok(Backlog {
        party: party_from(&party).ok_or_else(|| PeopleError::Damaged("notice.party".to_owned()))?,
        channel: Channel::of(&channel)?,
        waiting: row.try_get("waiting")?,
        since: instant(row.try_get("since")?),
        failing: row.try_get("failing_now")?,
        failing_since: instant(row.try_get("failing_since")?),
        given_up: row.try_get("given_up")?,
        why: row.try_get("why")?,
    })
}

fn instant(milliseconds: Option<i64>) -> Option<Timestamp> {
    milliseconds.and_then(|at| Timestamp::from_millisecond(at).ok())
}

impl People {
    /// How the channels of a party stand; those with nothing on them are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn backlog(&self, party: Party) -> Result<Vec<Backlog>, PeopleError> {
        let rows = sqlx::query(BACKLOG).bind(party_word(party)).bind(None::<&str>);
        rows.fetch_all(&self.pool).await?.iter().map(backlog).collect()
    }

    /// How the mail of one person stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn own_backlog(&self, person: &PersonId) -> Result<Option<Backlog>, PeopleError> {
        let rows = sqlx::query(BACKLOG).bind(None::<&str>).bind(person.as_str());
        rows.fetch_optional(&self.pool).await?.as_ref().map(backlog).transpose()
    }

    /// What has not arrived of a party's notices: given up first, then what fails, then what waits, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queue(&self, party: Party, limit: u32) -> Result<Vec<Queued>, PeopleError> {
        let rows = sqlx::query(
            "SELECT notice.*, 0 AS seen, delivery.number AS delivery, channel, tries, due, state, failing, why,
                 COALESCE(person.login, webhook.url, '') AS recipient_name FROM delivery
             JOIN notice ON notice.number = delivery.notice
             LEFT JOIN person ON channel = 'mail' AND person.id = recipient
             LEFT JOIN webhook ON channel = 'webhook' AND webhook.id = recipient
             WHERE state <> 'sent' AND notice.party = ?
             ORDER BY state = 'waiting', failing IS NULL, delivery.number LIMIT ?",
        );
        let rows = rows.bind(party_word(party)).bind(limit).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let channel: String = row.try_get("channel")?;
                let state: String = row.try_get("state")?;
                let due: i64 = row.try_get("due")?;
                Ok(Queued {
                    number: row.try_get("delivery")?,
                    channel: Channel::of(&channel)?,
                    to: row.try_get("recipient_name")?,
                    kept: kept(row)?,
                    tries: row.try_get("tries")?,
                    due: instant((state == "waiting").then_some(due)),
                    failing: instant(row.try_get("failing")?),
                    why: row.try_get("why")?,
                })
            })
            .collect()
    }

    /// What failed or was given up of a party's notices is tried again now. Returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn try_again(&self, party: Party) -> Result<u64, PeopleError> {
        let again = sqlx::query(
            "UPDATE delivery SET state = 'waiting', due = 0, tries = 0 WHERE state <> 'sent' AND failing IS NOT NULL
                 AND notice IN (SELECT number FROM notice WHERE party = ?)",
        );
        Ok(again.bind(party_word(party)).execute(&self.pool).await?.rows_affected())
    }

    /// What was given up of a party's notices is not shown any more. Returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_given_up(&self, party: Party) -> Result<u64, PeopleError> {
        let dropped = sqlx::query(
            "DELETE FROM delivery WHERE state = 'given_up' AND notice IN (SELECT number FROM notice WHERE party = ?)",
        );
        Ok(dropped.bind(party_word(party)).execute(&self.pool).await?.rows_affected())
    }
}
