//! Webhooks of a party, and what still has to go out to them.

use super::{People, PeopleError, new_id, random};
use crate::notices::pacing::{Pace, Pacing};
use crate::people::mail::Again;
use crate::people::notices::{Kept, kept};
use crate::views::party_word;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use yakujo_contract::entry::Party;
use zeroize::Zeroizing;

/// Webhooks of one party at most.
const MOST: i64 = 10;
/// Tries before a delivery is given up: about a week, so that a mail server may be away over New Year.
const MOST_TRIES: i64 = 40;
/// Pause after the first failure, seconds; it doubles each time up to [`LONGEST_PAUSE_S`].
const FIRST_PAUSE_S: i64 = 30;
/// Longest pause, seconds.
const LONGEST_PAUSE_S: i64 = 6 * 3_600;

/// One webhook.
pub struct Webhook {
    /// Id.
    pub id: String,
    /// Where to.
    pub url: String,
    /// Since.
    pub made: Timestamp,
    /// How often.
    pub pace: Pace,
    /// Notices that wait, and those given up.
    pub waiting: i64,
    /// Given up.
    pub given_up: i64,
    /// What was wrong the last time.
    pub why: String,
}

/// One notice on its way.
pub struct Outgoing {
    /// Number of the delivery.
    pub number: i64,
    /// Id of the webhook.
    pub webhook: String,
    /// Where to.
    pub url: String,
    /// How often that system wants notices.
    pub pace: Pace,
    /// The secret it is signed with.
    pub secret: Zeroizing<Vec<u8>>,
    /// The notice.
    pub kept: Kept,
    tries: i64,
}

impl People {
    /// Makes a webhook; its secret is shown once. None when the party has this one already, or as many as it may have.
    ///
    /// # Errors
    /// When the database or the random source fails.
    pub async fn add_webhook(
        &self,
        party: Party,
        url: &str,
        pace: Pace,
        now: Timestamp,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, PeopleError> {
        let secret = random::<32>()?;
        let added = sqlx::query(
            "INSERT INTO webhook (id, party, url, secret, made, pace)
             SELECT ?1, ?2, ?3, ?4, ?5, ?7 WHERE (SELECT COUNT(*) FROM webhook WHERE party = ?2) < ?6
                 AND NOT EXISTS (SELECT 1 FROM webhook WHERE party = ?2 AND url = ?3)",
        )
        .bind(new_id('w')?)
        .bind(party_word(party))
        .bind(url)
        .bind(secret.as_slice())
        .bind(now.as_millisecond())
        .bind(MOST)
        .bind(pace.word())
        .execute(&self.pool)
        .await?;
        Ok((added.rows_affected() > 0).then(|| Zeroizing::new(secret.to_vec())))
    }

    /// Removes a webhook of a party with everything that waits for it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_webhook(&self, party: Party, id: &str) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        let removed = sqlx::query("DELETE FROM webhook WHERE id = ? AND party = ?");
        let removed = removed.bind(id).bind(party_word(party)).execute(&mut *change).await?;
        if removed.rows_affected() > 0 {
            let waiting = sqlx::query("DELETE FROM delivery WHERE channel = 'webhook' AND recipient = ?");
            waiting.bind(id).execute(&mut *change).await?;
        }
        Ok(change.commit().await?)
    }

    /// The webhooks of a party.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn webhooks(&self, party: Party) -> Result<Vec<Webhook>, PeopleError> {
        let rows = sqlx::query(
            "SELECT webhook.id, url, made, pace,
                 (SELECT COUNT(*) FROM delivery WHERE channel = 'webhook' AND recipient = webhook.id AND state = 'waiting')
                     AS waiting,
                 (SELECT COUNT(*) FROM delivery WHERE channel = 'webhook' AND recipient = webhook.id AND state = 'given_up')
                     AS given_up,
                 COALESCE((SELECT why FROM delivery WHERE channel = 'webhook' AND recipient = webhook.id AND state <> 'sent'
                     ORDER BY number LIMIT 1), '') AS why
             FROM webhook WHERE party = ? ORDER BY made",
        );
        let rows = rows.bind(party_word(party)).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let made = Timestamp::from_millisecond(row.try_get("made")?);
                Ok(Webhook {
                    id: row.try_get("id")?,
                    url: row.try_get("url")?,
                    made: made.map_err(|_| PeopleError::Damaged("webhook.made".to_owned()))?,
                    pace: pace(row)?,
                    waiting: row.try_get("waiting")?,
                    given_up: row.try_get("given_up")?,
                    why: row.try_get("why")?,
                })
            })
            .collect()
    }

    /// What may go out now: what is urgent first, then oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn outgoing(
        &self,
        pacing: Pacing,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Outgoing>, PeopleError> {
        let rows = sqlx::query(
            "SELECT notice.*, 0 AS seen, delivery.number AS delivery, tries, webhook.id AS webhook, url, secret, pace
             FROM delivery JOIN webhook ON webhook.id = delivery.recipient JOIN notice ON notice.number = delivery.notice
             WHERE channel = 'webhook' AND state = 'waiting' AND due <= ?1
                 AND (urgent = 1 OR pace = 'at_once' OR (pace = 'digest' AND at <= ?2) OR (pace = 'hours' AND ?3))
             ORDER BY urgent DESC, delivery.number LIMIT ?4",
        );
        let rows = rows
            .bind(now.as_millisecond())
            .bind(pacing.morning.map(Timestamp::as_millisecond))
            .bind(pacing.opened.is_some())
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Outgoing {
                    number: row.try_get("delivery")?,
                    webhook: row.try_get("webhook")?,
                    url: row.try_get("url")?,
                    pace: pace(row)?,
                    secret: Zeroizing::new(row.try_get("secret")?),
                    kept: kept(row)?,
                    tries: row.try_get("tries")?,
                })
            })
            .collect()
    }

    /// It arrived. Whatever else waits for the same recipient after a failure may go at once: he is there again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sent(&self, delivery: i64) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        for statement in [
            "UPDATE delivery SET state = 'sent', why = '', failing = NULL WHERE number = ?",
            "UPDATE delivery SET due = 0 WHERE state = 'waiting' AND due > 0
                 AND (channel, recipient) = (SELECT channel, recipient FROM delivery WHERE number = ?)",
        ] {
            sqlx::query(statement).bind(delivery).execute(&mut *change).await?;
        }
        Ok(change.commit().await?)
    }

    /// It did not arrive: later again, or never.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn not_sent(&self, outgoing: &Outgoing, why: &str, now: Timestamp) -> Result<(), PeopleError> {
        self.put_off((outgoing.number, outgoing.tries), Again::Later, why, now).await
    }

    /// A delivery, by its number and the tries so far, did not arrive: it is tried again after a longer pause, and
    /// nothing that waits for the same recipient is tried before; or never.
    pub(super) async fn put_off(
        &self,
        (number, tried): (i64, i64),
        again: Again,
        why: &str,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        let tries = tried.saturating_add(1);
        let due = now.saturating_add(pause(tried)).unwrap_or(Timestamp::MAX).as_millisecond();
        let given_up = again == Again::Never || tries >= MOST_TRIES;
        let mut change = self.pool.begin().await?;
        let kept = sqlx::query(
            "UPDATE delivery SET tries = ?, due = ?, state = ?, why = ?, failing = COALESCE(failing, ?) WHERE number = ?",
        );
        kept.bind(tries)
            .bind(due)
            .bind(if given_up { "given_up" } else { "waiting" })
            .bind(one_line(why))
            .bind(now.as_millisecond())
            .bind(number)
            .execute(&mut *change)
            .await?;
        if again == Again::Later {
            let others = sqlx::query(
                "UPDATE delivery SET due = MAX(due, ?) WHERE state = 'waiting'
                     AND (channel, recipient) = (SELECT channel, recipient FROM delivery WHERE number = ?)",
            );
            others.bind(due).bind(number).execute(&mut *change).await?;
        }
        Ok(change.commit().await?)
    }
}

/// The pause after so many tries: it doubles.
fn pause(tried: i64) -> SignedDuration {
    let doubled = u32::try_from(tried).ok().and_then(|tries| 2_i64.checked_pow(tries));
    let pause = doubled.map_or(LONGEST_PAUSE_S, |doubled| doubled.saturating_mul(FIRST_PAUSE_S));
    SignedDuration::from_secs(pause.min(LONGEST_PAUSE_S))
}

/// The words of another server, short and in one line.
pub(super) fn one_line(why: &str) -> String {
    why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

fn pace(row: &sqlx::sqlite::SqliteRow) -> Result<Pace, PeopleError> {
    let word: String = row.try_get("pace")?;
    Pace::of(&word).ok_or_else(|| PeopleError::Damaged("webhook.pace".to_owned()))
}
