//! Texts with personal data. The ledger holds SHA-256(salt ‖ text); erasing the row here leaves the tree valid.

use super::{People, PeopleError, hex, random};
use sha2::{Digest as _, Sha256};
use sqlx::{Row, SqliteConnection};
use yakujo_contract::act::Withheld;
use yakujo_contract::id::Digest;

impl People {
    /// Keeps a text and returns what goes into the ledger.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&self, text: &str) -> Result<Withheld, PeopleError> {
        let mut connection = self.pool.acquire().await?;
        keep(&mut connection, text).await
    }

    /// The salt and the text, while they are not erased.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withheld(&self, digest: &Digest) -> Result<Option<(Vec<u8>, String)>, PeopleError> {
        let row = sqlx::query("SELECT salt, text FROM personal WHERE digest = ?").bind(digest.as_str());
        let Some(row) = row.fetch_optional(&self.pool).await? else { return Ok(None) };
        Ok(Some((row.try_get("salt")?, row.try_get("text")?)))
    }

    /// Erases the text and its salt: what remains in the ledger can no longer be tied to it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase(&self, digest: &Digest) -> Result<(), PeopleError> {
        sqlx::query("DELETE FROM personal WHERE digest = ?")
            .bind(digest.as_str())
            .execute(&self.pool)
            .await?;
        self.scrub().await
    }
}

/// Keeps a text with a salt of its own.
pub(super) async fn keep(connection: &mut SqliteConnection, text: &str) -> Result<Withheld, PeopleError> {
    let salt = random::<32>()?;
    let digest = hex(&Sha256::new().chain_update(*salt).chain_update(text.as_bytes()).finalize());
    sqlx::query("INSERT INTO personal (digest, salt, text) VALUES (?, ?, ?)")
        .bind(&digest)
        .bind(salt.as_slice())
        .bind(text)
        .execute(connection)
        .await?;
    Ok(Withheld { digest: Digest::try_from(digest)? })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{is_in_the_files, people};

    #[tokio::test]
    async fn a_text_is_bound_by_its_salted_digest_and_can_be_erased() {
        let (folder, people) = people().await;
        let (one, other) = (people.keep("山田 花子").await.unwrap(), people.keep("山田 花子").await.unwrap());
        assert_ne!(one.digest, other.digest, "the salt hides that two texts are the same");
        let (salt, text) = people.withheld(&one.digest).await.unwrap().unwrap();
        assert_eq!(yakujo_ledger::bundle::personal_digest(&salt, &text), one.digest.as_str());
        people.erase(&one.digest).await.unwrap();
        assert!(people.withheld(&one.digest).await.unwrap().is_none());
        assert!(people.withheld(&other.digest).await.unwrap().is_some());
        people.erase(&other.digest).await.unwrap();
        assert!(!is_in_the_files(folder.path(), "山田 花子".as_bytes()));
    }
}
