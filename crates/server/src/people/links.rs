//! One-time links: the first sign-in and the way back for somebody who lost password or device.
//!
//! The link is a secret that is shown once; its digest is stored. It is used up when the new password and the TOTP
//! device are both set: one statement finds and deletes it, so that two people who open it at once cannot both
//! succeed, and nothing of it remains.

use super::passwords::{self, Weak};
use super::{People, PeopleError, Person, digest, forget_credentials, known, new_secret, person, random};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use totp_rs::{Builder, Secret, Totp};
use yakujo_contract::fact::server::SessionClose;
use yakujo_contract::id::PersonId;
use zeroize::Zeroizing;

/// Recovery codes given out at once.
const RECOVERY_CODES: usize = 10;

/// Why a link was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Unknown, used, expired, or of somebody who may not sign in. Which of these is nobody's business.
    #[error("the link is not valid (any more): ask for a new one")]
    Invalid,
    /// The password is refused.
    #[error("the password is refused")]
    Weak(Weak),
    /// The code of the TOTP device is wrong.
    #[error("the code is wrong")]
    WrongCode,
    /// The database failed.
    #[error(transparent)]
    People(#[from] PeopleError),
}

impl From<sqlx::Error> for LinkError {
    fn from(error: sqlx::Error) -> Self {
        Self::People(error.into())
    }
}

/// What the page of a link shows.
pub struct Opened {
    /// For whom.
    pub person: Person,
    /// The secret for the authenticator, base32.
    pub secret: Zeroizing<String>,
    /// The same as an `otpauth` address, for a QR code.
    pub address: Zeroizing<String>,
}

/// What a redeemed link leaves behind.
pub struct Redeemed {
    /// Whose.
    pub person: Person,
    /// Fresh recovery codes: the only moment they are known.
    pub codes: Vec<Zeroizing<String>>,
    /// For the cookie of the device, which is known from now on.
    pub device: Zeroizing<String>,
    /// The sessions that ended: the caller states them.
    pub closed: Vec<SessionClose>,
}

impl People {
    /// A new link for a person; earlier ones become useless. Shown once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grant_link(
        &self,
        id: &PersonId,
        now: Timestamp,
        valid: SignedDuration,
    ) -> Result<Zeroizing<String>, PeopleError> {
        let secret = new_secret()?;
        let totp = random::<20>()?;
        let expires = now.saturating_add(valid).unwrap_or(now);
        let mut change = self.pool.begin().await?;
        for statement in ["DELETE FROM link WHERE person = ?", "UPDATE person SET entered = 1 WHERE id = ?"] {
            sqlx::query(statement).bind(id.as_str()).execute(&mut *change).await?;
        }
        sqlx::query("INSERT INTO link (digest, person, expires, totp) VALUES (?, ?, ?, ?)")
            .bind(digest(&secret))
            .bind(id.as_str())
            .bind(expires.as_millisecond())
            .bind(totp.as_slice())
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(secret)
    }

    /// Looks at a link without using it up.
    ///
    /// # Errors
    /// [`LinkError::Invalid`].
    pub async fn open_link(&self, secret: &str, now: Timestamp) -> Result<Opened, LinkError> {
        let row = sqlx::query(
            "SELECT somebody.*, link.totp AS new_totp FROM link JOIN somebody ON somebody.id = link.person
             WHERE link.digest = ? AND link.expires > ?",
        )
        .bind(digest(secret))
        .bind(now.as_millisecond())
        .fetch_optional(&self.pool)
        .await?
        .ok_or(LinkError::Invalid)?;
        let person = person(&row)?;
        if !person.is_active(now) {
            return Err(LinkError::Invalid);
        }
        let totp: Zeroizing<Vec<u8>> = Zeroizing::new(row.try_get("new_totp")?);
        let device = device(&totp, &person.login)?;
        Ok(Opened {
            person,
            secret: Zeroizing::new(Secret::from(totp.to_vec()).to_base32()),
            address: Zeroizing::new(
                device.to_url().map_err(|error| PeopleError::Damaged(error.to_string()))?,
            ),
        })
    }

    /// Uses the link up: sets the password and the TOTP device, ends all sessions, forgets all devices but this one.
    ///
    /// # Errors
    /// Any [`LinkError`]; the link stays usable unless it is invalid.
    pub async fn redeem_link(
        &self,
        secret: &str,
        password: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Redeemed, LinkError> {
        let opened = self.open_link(secret, now).await?;
        passwords::check(password, &opened.person.login, &self.contract).map_err(LinkError::Weak)?;
        let row = sqlx::query("SELECT totp FROM link WHERE digest = ?").bind(digest(secret));
        let row = row.fetch_optional(&self.pool).await?.ok_or(LinkError::Invalid)?;
        let totp: Zeroizing<Vec<u8>> = Zeroizing::new(row.try_get("totp")?);
        let step = step_of(&totp, &opened.person.login, code, now)?.ok_or(LinkError::WrongCode)?;
        let hash = self.hash(password).await?;
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
        let id = &opened.person.id;
        let mut change = self.pool.begin().await?;
        let used = sqlx::query("DELETE FROM link WHERE digest = ? AND expires > ?")
            .bind(digest(secret))
            .bind(now.as_millisecond())
            .execute(&mut *change)
            .await?;
        if used.rows_affected() != 1 {
            return Err(LinkError::Invalid);
        }
        sqlx::query("UPDATE person SET password = ?, totp = ?, totp_step = ? WHERE id = ?")
            .bind(&hash)
            .bind(totp.as_slice())
            .bind(step)
            .bind(id.as_str())
            .execute(&mut *change)
            .await?;
        let closed = forget_credentials(&mut change, id).await?;
        for code in &codes {
            let keep = sqlx::query("INSERT INTO recovery (digest, person) VALUES (?, ?)");
            keep.bind(digest(code)).bind(id.as_str()).execute(&mut *change).await?;
        }
        let device = known::remember(&mut change, id, "", now).await?;
        change.commit().await?;
        Ok(Redeemed { person: opened.person, codes, device, closed })
    }
}

/// The authenticator of a person (RFC 6238: SHA-1, 6 digits, 30 s, one step to either side).
pub(super) fn device(secret: &[u8], login: &str) -> Result<Totp, PeopleError> {
    Builder::new()
        .with_secret(secret.to_vec())
        .with_account_name(login)
        .with_issuer(Some("Yakujo"))
        .build()
        .map_err(|error| PeopleError::Damaged(error.to_string()))
}

/// The time step a code belongs to, if it is right.
pub(super) fn step_of(
    secret: &[u8],
    login: &str,
    code: &str,
    now: Timestamp,
) -> Result<Option<i64>, PeopleError> {
    let digits: String = unicode_normalization::UnicodeNormalization::nfkc(code.trim()).take(16).collect();
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let step = device(secret, login)?.check(&digits, seconds);
    Ok(step.and_then(|step| i64::try_from(step).ok()))
}

fn recovery_code() -> Result<Zeroizing<String>, PeopleError> {
    let bytes = random::<10>()?;
    let text = super::hex(&*bytes);
    let groups: Vec<&str> =
        text.as_bytes().chunks(5).filter_map(|five| std::str::from_utf8(five).ok()).collect();
    Ok(Zeroizing::new(groups.join("-")))
}
