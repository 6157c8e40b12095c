//! Devices on which a person has proved who he is. Such a device is no stranger to the throttle; it opens nothing.

use super::throttle::Origin;
use super::{People, PeopleError, digest, hex, random};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Row, SqliteConnection};
use yakujo_contract::id::PersonId;
use zeroize::Zeroizing;

/// A device is known for so long after its last use.
pub const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(180 * 24);
/// Devices remembered of one person; the longest unused is forgotten first.
const DEVICES: i64 = 10;

/// What is stored of a device.
pub(super) fn stored(cookie: &str) -> String {
    hex(&digest(cookie))
}

impl People {
    /// What the caller is to the account: his device, an address from which the person is signed in, or a stranger.
    pub(super) async fn origin<'a>(
        &self,
        login: &str,
        device: &'a str,
        address: &'a str,
        now: Timestamp,
    ) -> Result<Origin<'a>, PeopleError> {
        let since = now.saturating_sub(KNOWN_FOR).unwrap_or(Timestamp::MIN);
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM known_device JOIN person ON person.id = known_device.person
                            WHERE known_device.digest = ? AND person.login = ? AND seen > ?) AS device,
                    EXISTS (SELECT 1 FROM session JOIN person ON person.id = session.person
                            WHERE session.address = ? AND person.login = ?) AS address",
        )
        .bind(stored(device))
        .bind(login)
        .bind(since.as_millisecond())
        .bind(address)
        .bind(login)
        .fetch_one(&self.pool)
        .await?;
        if row.try_get("device")? {
            return Ok(Origin::Device(device));
        }
        Ok(if row.try_get("address")? { Origin::SignedIn(address) } else { Origin::Stranger(address) })
    }
}

/// Makes the device known under a fresh name and forgets its earlier one. Returns what its cookie holds.
pub(super) async fn remember(
    change: &mut SqliteConnection,
    id: &PersonId,
    earlier: &str,
    now: Timestamp,
) -> Result<Zeroizing<String>, PeopleError> {
    let cookie = Zeroizing::new(hex(&*random::<16>()?));
    sqlx::query("DELETE FROM known_device WHERE digest = ?")
        .bind(stored(earlier))
        .execute(&mut *change)
        .await?;
    sqlx::query("INSERT INTO known_device (digest, person, seen) VALUES (?, ?, ?)")
        .bind(stored(&cookie))
        .bind(id.as_str())
        .bind(now.as_millisecond())
        .execute(&mut *change)
        .await?;
    sqlx::query(
        "DELETE FROM known_device WHERE person = ?1 AND digest NOT IN
             (SELECT digest FROM known_device WHERE person = ?1 ORDER BY seen DESC, rowid DESC LIMIT ?2)",
    )
    .bind(id.as_str())
    .bind(DEVICES)
    .execute(&mut *change)
    .await?;
    Ok(cookie)
}
