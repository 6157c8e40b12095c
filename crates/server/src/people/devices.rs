//! Device certificates, and the one-time codes with which an agent gets one.

use super::{People, PeopleError, digest, instant, new_secret};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;
use yakujo_contract::id::{DeviceId, HostId};
use zeroize::Zeroizing;

/// A device certificate.
#[derive(Debug, Clone)]
pub struct Device {
    /// Id.
    pub id: DeviceId,
    /// The host it speaks for.
    pub host: HostId,
    /// SHA-256 of the certificate, hexadecimal.
    pub fingerprint: String,
    /// The certificate ends.
    pub not_after: Timestamp,
    /// Refused since.
    pub revoked: Option<Timestamp>,
    /// Last used.
    pub used: Timestamp,
}

impl Device {
    /// Neither revoked nor expired.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.not_after
    }
}

impl People {
    /// A one-time code with which the agent of a host enrols.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn issue_enrolment(
        &self,
        host: &HostId,
        now: Timestamp,
        valid: SignedDuration,
    ) -> Result<Zeroizing<String>, PeopleError> {
        let code = new_secret()?;
        let expires = now.saturating_add(valid).unwrap_or(now);
        sqlx::query("INSERT INTO enrolment (digest, host, expires) VALUES (?, ?, ?)")
            .bind(digest(&code))
            .bind(host.as_str())
            .bind(expires.as_millisecond())
            .execute(&self.pool)
            .await?;
        Ok(code)
    }

    /// Uses a code up. None when it is unknown, used or expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn redeem_enrolment(&self, code: &str, now: Timestamp) -> Result<Option<HostId>, PeopleError> {
        let used = sqlx::query(
            "UPDATE enrolment SET used = ? WHERE digest = ? AND used IS NULL AND expires > ? RETURNING host",
        )
        .bind(now.as_millisecond())
        .bind(digest(code))
        .bind(now.as_millisecond())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = used else { return Ok(None) };
        Ok(Some(row.try_get::<String, _>("host")?.try_into()?))
    }

    /// Registers an issued certificate.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_device(&self, device: &Device) -> Result<(), PeopleError> {
        sqlx::query("INSERT INTO device (id, host, fingerprint, not_after, used) VALUES (?, ?, ?, ?, ?)")
            .bind(device.id.as_str())
            .bind(device.host.as_str())
            .bind(&device.fingerprint)
            .bind(device.not_after.as_millisecond())
            .bind(device.used.as_millisecond())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The device with this certificate.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn device_by_fingerprint(&self, fingerprint: &str) -> Result<Option<Device>, PeopleError> {
        let row = sqlx::query("SELECT * FROM device WHERE fingerprint = ?").bind(fingerprint);
        row.fetch_optional(&self.pool).await?.as_ref().map(device).transpose()
    }

    /// All devices, by host.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn devices(&self) -> Result<Vec<Device>, PeopleError> {
        let rows = sqlx::query("SELECT * FROM device ORDER BY host, id").fetch_all(&self.pool).await?;
        rows.iter().map(device).collect()
    }

    /// Refuses a device from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_device(&self, id: &DeviceId, now: Timestamp) -> Result<(), PeopleError> {
        let revoke = sqlx::query("UPDATE device SET revoked = ? WHERE id = ? AND revoked IS NULL");
        revoke.bind(now.as_millisecond()).bind(id.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// Notes that devices were used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn device_used(&self, id: &DeviceId, now: Timestamp) -> Result<(), PeopleError> {
        let used = sqlx::query("UPDATE device SET used = ? WHERE id = ?");
        used.bind(now.as_millisecond()).bind(id.as_str()).execute(&self.pool).await?;
        Ok(())
    }
}

fn device(row: &sqlx::sqlite::SqliteRow) -> Result<Device, PeopleError> {
    Ok(Device {
        id: row.try_get::<String, _>("id")?.try_into()?,
        host: row.try_get::<String, _>("host")?.try_into()?,
        fingerprint: row.try_get("fingerprint")?,
        not_after: instant(row.try_get("not_after")?)?,
        revoked: row.try_get::<Option<i64>, _>("revoked")?.map(instant).transpose()?,
        used: instant(row.try_get("used")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, people};
    use super::*;

    #[tokio::test]
    async fn an_enrolment_code_counts_once_and_not_after_its_time() {
        let (_folder, people) = people().await;
        let host: HostId = "web-1".parse().unwrap();
        let code = people.issue_enrolment(&host, at(0), SignedDuration::from_mins(60)).await.unwrap();
        assert_eq!(people.redeem_enrolment("false", at(1)).await.unwrap(), None);
        let (one, two) =
            tokio::join!(people.redeem_enrolment(&code, at(1)), people.redeem_enrolment(&code, at(1)));
        let both = [one.unwrap(), two.unwrap()];
        assert_eq!(both.iter().flatten().count(), 1);
        let late = people.issue_enrolment(&host, at(0), SignedDuration::from_mins(1)).await.unwrap();
        assert_eq!(people.redeem_enrolment(&late, at(60)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_revoked_device_is_no_longer_in_force() {
        let (_folder, people) = people().await;
        let device = Device {
            id: "d-1".parse().unwrap(),
            host: "web-1".parse().unwrap(),
            fingerprint: "ab".repeat(32),
            not_after: at(1000),
            revoked: None,
            used: at(0),
        };
        people.add_device(&device).await.unwrap();
        let found = people.device_by_fingerprint(&device.fingerprint).await.unwrap().unwrap();
        assert!(found.is_in_force(at(999)) && !found.is_in_force(at(1000)));
        people.revoke_device(&device.id, at(5)).await.unwrap();
        assert!(!people.devices().await.unwrap()[0].is_in_force(at(6)));
    }
}
