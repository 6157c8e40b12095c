//! Where and when a person wants mail, and the mails that still have to go out. An address counts once a code that was
//! mailed there came back.

use super::notices::{Kept, kept};
use super::webhooks::one_line;
use super::{People, PeopleError, random};
use crate::notices::pacing::{Pace, Pacing};
use crate::notices::plan::Kind;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use sqlx::Row;
use subtle::ConstantTimeEq as _;
use yakujo_contract::id::PersonId;

/// A code counts so long.
const CODE_LIVES: SignedDuration = SignedDuration::from_mins(30);
/// A new code may be asked for so often.
const CODE_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Wrong codes before the code counts no more.
const MOST_WRONG: i64 = 5;

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Address.
    pub address: String,
    /// The code came back.
    pub verified: Option<Timestamp>,
    /// How often.
    pub pace: Pace,
    /// What is not mailed to this person, unless it is urgent.
    pub muted: Vec<Kind>,
    /// Mails that wait, and those given up.
    pub waiting: i64,
    /// Given up.
    pub given_up: i64,
    /// What was wrong the last time.
    pub why: String,
}

/// One notice on its way to one person.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Number of the delivery.
    pub number: i64,
    /// Whose.
    pub person: String,
    /// Where to.
    pub address: String,
    /// How often that person wants mail.
    pub pace: Pace,
    /// The notice.
    pub kept: Kept,
    tries: i64,
}

/// Whether it may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Later.
    Later,
    /// Never: the other side said so for good.
    Never,
}

fn digest(code: &str) -> Vec<u8> {
    Sha256::digest(code.as_bytes()).to_vec()
}

impl People {
    /// A person names an address: returns the code to mail there. None where one was asked for just now.
    ///
    /// # Errors
    /// When the database or the random source fails.
    pub async fn choose_address(
        &self,
        person: &PersonId,
        address: &str,
        now: Timestamp,
    ) -> Result<Option<String>, PeopleError> {
        let bytes = random::<8>()?;
        let number = u64::from_be_bytes(*bytes) % 100_000_000;
        let code = format!("{number:08}");
        let until = now.saturating_add(CODE_LIVES).unwrap_or(Timestamp::MAX);
        let soon = until.saturating_sub(CODE_EVERY).unwrap_or(until);
        let kept = sqlx::query(
            "INSERT INTO mail_choice (person, address, verified, code, code_until, tries, pace)
             VALUES (?1, ?2, NULL, ?3, ?4, 0, 'digest')
             ON CONFLICT (person) DO UPDATE SET address = excluded.address, verified = NULL, code = excluded.code,
                 code_until = excluded.code_until, tries = 0
             WHERE mail_choice.code_until IS NULL OR mail_choice.code_until < ?5",
        )
        .bind(person.as_str())
        .bind(address)
        .bind(digest(&code))
        .bind(until.as_millisecond())
        .bind(soon.as_millisecond())
        .execute(&self.pool)
        .await?;
        Ok((kept.rows_affected() > 0).then_some(code))
    }

    /// The code came back: whether it was the right one, in time, and not guessed too often.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_address(
        &self,
        person: &PersonId,
        code: &str,
        now: Timestamp,
    ) -> Result<bool, PeopleError> {
        // Counted before it is looked at: two at once count twice.
        let counted = sqlx::query(
            "UPDATE mail_choice SET tries = tries + 1 WHERE person = ? AND code IS NOT NULL AND code_until > ? AND tries < ?
             RETURNING code",
        );
        let counted = counted.bind(person.as_str()).bind(now.as_millisecond()).bind(MOST_WRONG);
        let Some(row) = counted.fetch_optional(&self.pool).await? else { return Ok(false) };
        let known: Vec<u8> = row.try_get("code")?;
        if !bool::from(known.ct_eq(&digest(code))) {
            return Ok(false);
        }
        let verified =
            sqlx::query("UPDATE mail_choice SET verified = ?, code = NULL WHERE person = ? AND code = ?");
        let verified = verified.bind(now.as_millisecond()).bind(person.as_str()).bind(known);
        let is_right = verified.execute(&self.pool).await?.rows_affected() > 0;
        if is_right {
            // What could not be mailed to the old address goes to the new one.
            let again = sqlx::query(
                "UPDATE delivery SET state = 'waiting', due = 0, tries = 0, why = '', failing = NULL
                 WHERE channel = 'mail' AND recipient = ? AND state <> 'sent'",
            );
            again.bind(person.as_str()).execute(&self.pool).await?;
        }
        Ok(is_right)
    }

    /// What is not mailed to a person, unless it is urgent.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mute(&self, person: &PersonId, kinds: &[Kind]) -> Result<(), PeopleError> {
        let muted: String = kinds.iter().map(|kind| format!(",{},", kind.word())).collect();
        let chosen = sqlx::query("UPDATE mail_choice SET muted = ? WHERE person = ?");
        chosen.bind(muted).bind(person.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// How often a person wants mail. What waits for one who wants none is dropped.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn choose_pace(&self, person: &PersonId, pace: Pace) -> Result<(), PeopleError> {
        let mut change = self.pool.begin().await?;
        let chosen = sqlx::query("UPDATE mail_choice SET pace = ? WHERE person = ?");
        chosen.bind(pace.word()).bind(person.as_str()).execute(&mut *change).await?;
        if pace == Pace::None {
            let dropped = sqlx::query(
                "DELETE FROM delivery WHERE channel = 'mail' AND recipient = ? AND state = 'waiting'",
            );
            dropped.bind(person.as_str()).execute(&mut *change).await?;
        }
        Ok(change.commit().await?)
    }

    /// What a person chose.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mail_choice(&self, person: &PersonId) -> Result<Option<Choice>, PeopleError> {
        let row = sqlx::query(
            "SELECT address, verified, pace, muted,
                 (SELECT COUNT(*) FROM delivery WHERE channel = 'mail' AND recipient = person AND state = 'waiting') AS waiting,
                 (SELECT COUNT(*) FROM delivery WHERE channel = 'mail' AND recipient = person AND state = 'given_up') AS given_up,
                 COALESCE((SELECT why FROM delivery WHERE channel = 'mail' AND recipient = person AND why <> ''
                     AND state <> 'sent' ORDER BY number DESC LIMIT 1), '') AS why
             FROM mail_choice WHERE person = ?",
        );
        let Some(row) = row.bind(person.as_str()).fetch_optional(&self.pool).await? else { return Ok(None) };
        let pace: String = row.try_get("pace")?;
        let verified: Option<i64> = row.try_get("verified")?;
        let muted: String = row.try_get("muted")?;
        Ok(Some(Choice {
            address: row.try_get("address")?,
            verified: verified.and_then(|at| Timestamp::from_millisecond(at).ok()),
            pace: Pace::of(&pace).ok_or_else(|| PeopleError::Damaged("mail_choice.pace".to_owned()))?,
            muted: muted.split(',').filter_map(Kind::of).collect(),
            waiting: row.try_get("waiting")?,
            given_up: row.try_get("given_up")?,
            why: row.try_get("why")?,
        }))
    }

    /// Mails that may go out now: urgent ones first, then by person, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn letters(
        &self,
        pacing: Pacing,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Letter>, PeopleError> {
        // What waits for its hour is left out here, not by the caller: else it would fill the list before what may go.
        let rows = sqlx::query(
            "SELECT notice.*, 0 AS seen, delivery.number AS delivery, delivery.recipient, delivery.tries AS delivery_tries,
                 mail_choice.address, mail_choice.pace FROM delivery
             JOIN mail_choice ON mail_choice.person = delivery.recipient AND mail_choice.verified IS NOT NULL
             JOIN person ON person.id = delivery.recipient AND person.left_at IS NULL
             JOIN notice ON notice.number = delivery.notice
             WHERE channel = 'mail' AND state = 'waiting' AND due <= ?1
                 AND (urgent = 1 OR pace = 'at_once' OR (pace = 'digest' AND at <= ?2) OR (pace = 'hours' AND ?3))
             ORDER BY urgent DESC, delivery.recipient, delivery.number LIMIT ?4",
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
                let pace: String = row.try_get("pace")?;
                Ok(Letter {
                    number: row.try_get("delivery")?,
                    person: row.try_get("recipient")?,
                    address: row.try_get("address")?,
                    pace: Pace::of(&pace)
                        .ok_or_else(|| PeopleError::Damaged("mail_choice.pace".to_owned()))?,
                    kept: kept(row)?,
                    tries: row.try_get("delivery_tries")?,
                })
            })
            .collect()
    }

    /// It did not go out: later again, or never.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn not_mailed(
        &self,
        letter: &Letter,
        again: Again,
        why: &str,
        now: Timestamp,
    ) -> Result<(), PeopleError> {
        self.put_off((letter.number, letter.tries), again, why, now).await
    }

    /// Nothing goes out at all, for this reason: said of every mail that waits, so that people can be told.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_mail(&self, why: &str, now: Timestamp) -> Result<(), PeopleError> {
        let held = sqlx::query(
            "UPDATE delivery SET failing = ?, why = ? WHERE channel = 'mail' AND state = 'waiting' AND failing IS NULL",
        );
        held.bind(now.as_millisecond()).bind(one_line(why)).execute(&self.pool).await?;
        Ok(())
    }

    /// What was held and never tried is as if nothing had been wrong.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_mail(&self) -> Result<(), PeopleError> {
        sqlx::query(
            "UPDATE delivery SET failing = NULL, why = '' WHERE channel = 'mail' AND state = 'waiting' AND tries = 0",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
