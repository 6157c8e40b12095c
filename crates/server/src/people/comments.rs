//! What people say. What is said to the other party is in the ledger, by its digest; its text is kept here. What is said
//! inside one organisation is here alone: not in the ledger, not in the views, not in a bundle. Whoever reads it names
//! the party he belongs to, and there is no way to ask for both.

use super::{People, PeopleError, new_id, personal};
use crate::views::party_word;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use yakujo_contract::act::Withheld;
use yakujo_contract::entry::Party;
use yakujo_contract::id::{Digest, PersonId};
use yakujo_contract::topic::Topic;

/// Something said inside one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its id.
    pub id: String,
    /// On what.
    pub about: Topic,
    /// By whom.
    pub person: PersonId,
    /// When.
    pub at: Timestamp,
    /// What; none after it was erased.
    pub text: Option<String>,
}

impl People {
    /// Keeps a text for the ledger. Until [`People::said`] it is erased at the next start, unless the ledger has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn about_to_say(&self, text: &str) -> Result<Withheld, PeopleError> {
        let mut change = self.pool.begin().await?;
        let kept = personal::keep(&mut change, text).await?;
        let unsaid = sqlx::query("INSERT INTO unsaid (digest) VALUES (?)").bind(kept.digest.as_str());
        unsaid.execute(&mut *change).await?;
        change.commit().await?;
        Ok(kept)
    }

    /// The ledger has it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn said(&self, text: &Digest) -> Result<(), PeopleError> {
        sqlx::query("DELETE FROM unsaid WHERE digest = ?").bind(text.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// The ledger refused it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn not_said(&self, text: &Digest) -> Result<(), PeopleError> {
        self.said(text).await?;
        self.erase(text).await
    }

    /// Texts of which an end that came too early left open whether the ledger has them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unsaid(&self) -> Result<Vec<Digest>, PeopleError> {
        let rows = sqlx::query("SELECT digest FROM unsaid").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok(Digest::try_from(row.try_get::<String, _>("digest")?)?)).collect()
    }

    /// Says something inside one organisation. Returns its id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remark(
        &self,
        own: Party,
        person: &PersonId,
        about: &Topic,
        text: &str,
        now: Timestamp,
    ) -> Result<String, PeopleError> {
        let id = new_id('c')?;
        sqlx::query("INSERT INTO remark (id, about, party, person, at, text) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&id)
            .bind(about.to_string())
            .bind(party_word(own))
            .bind(person.as_str())
            .bind(now.as_microsecond())
            .bind(text)
            .execute(&self.pool)
            .await?;
        Ok(id)
    }

    /// What the own organisation said on something before an instant, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remarks(
        &self,
        own: Party,
        about: &Topic,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<Remark>, PeopleError> {
        let rows = sqlx::query(
            "SELECT * FROM remark WHERE party = ? AND about = ? AND at < ? ORDER BY at DESC, id DESC LIMIT ?",
        )
        .bind(party_word(own))
        .bind(about.to_string())
        .bind(before.as_microsecond())
        .bind(limit);
        rows.fetch_all(&self.pool).await?.iter().map(remark).collect()
    }

    /// One remark of the own organisation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn one_remark(&self, own: Party, id: &str) -> Result<Option<Remark>, PeopleError> {
        let row =
            sqlx::query("SELECT * FROM remark WHERE party = ? AND id = ?").bind(party_word(own)).bind(id);
        row.fetch_optional(&self.pool).await?.as_ref().map(remark).transpose()
    }

    /// Erases the text of a remark of the own organisation. That something was said, by whom and when, stays.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erase_remark(&self, own: Party, id: &str, now: Timestamp) -> Result<(), PeopleError> {
        sqlx::query(
            "UPDATE remark SET text = NULL, erased = ? WHERE party = ? AND id = ? AND text IS NOT NULL",
        )
        .bind(now.as_microsecond())
        .bind(party_word(own))
        .bind(id)
        .execute(&self.pool)
        .await?;
        self.scrub().await
    }
}

fn remark(row: &SqliteRow) -> Result<Remark, PeopleError> {
    let about: String = row.try_get("about")?;
    Ok(Remark {
        id: row.try_get("id")?,
        about: about.parse().map_err(|_| PeopleError::Damaged(format!("topic {about}")))?,
        person: row.try_get::<String, _>("person")?.try_into()?,
        at: Timestamp::from_microsecond(row.try_get("at")?)
            .map_err(|error| PeopleError::Damaged(error.to_string()))?,
        text: row.try_get("text")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, is_in_the_files, people, tanaka};
    use super::*;
    use yakujo_contract::act::Role;

    #[tokio::test]
    async fn what_one_organisation_says_the_other_cannot_ask_for() {
        let (folder, people) = people().await;
        let id = tanaka(&people, Role::CityStaff).await;
        let about: Topic = "duty/7.a/main".parse().unwrap();
        let other: Topic = "duty/8.a/main".parse().unwrap();
        let said = people.remark(Party::City, &id, &about, "内々の話", at(1)).await.unwrap();
        for party in [Party::Contractor, Party::Auditor] {
            assert!(people.remarks(party, &about, Timestamp::MAX, 10).await.unwrap().is_empty());
            assert!(people.one_remark(party, &said).await.unwrap().is_none());
            people.erase_remark(party, &said, at(2)).await.unwrap();
        }
        assert!(people.remarks(Party::City, &other, Timestamp::MAX, 10).await.unwrap().is_empty());
        let own = people.remarks(Party::City, &about, Timestamp::MAX, 10).await.unwrap();
        assert_eq!(own.iter().map(|one| one.text.as_deref()).collect::<Vec<_>>(), [Some("内々の話")]);
        people.erase_remark(Party::City, &said, at(2)).await.unwrap();
        let left = people.one_remark(Party::City, &said).await.unwrap().unwrap();
        assert_eq!((left.text, left.person, left.at), (None, id, at(1)));
        assert!(!is_in_the_files(folder.path(), "内々の話".as_bytes()));
    }

    #[tokio::test]
    async fn a_text_that_the_ledger_never_took_is_known_as_such() {
        let (_folder, people) = people().await;
        let (one, other) =
            (people.about_to_say("一つ").await.unwrap(), people.about_to_say("二つ").await.unwrap());
        people.said(&one.digest).await.unwrap();
        assert_eq!(people.unsaid().await.unwrap(), std::slice::from_ref(&other.digest));
        people.not_said(&other.digest).await.unwrap();
        assert!(people.unsaid().await.unwrap().is_empty());
        assert!(people.withheld(&one.digest).await.unwrap().is_some());
        assert!(people.withheld(&other.digest).await.unwrap().is_none());
    }
}
