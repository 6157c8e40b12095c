//! Drafts (下書き) of requests: each person's own, outside the ledger. They may name people, so they are deleted for good.

use super::{People, PeopleError};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use yakujo_contract::id::PersonId;

/// Drafts that one person may keep.
const MOST: i64 = 50;

/// One draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Id.
    pub id: String,
    /// Key of its form.
    pub form: String,
    /// Title, as far as it was typed.
    pub title: String,
    /// What was typed: names and values.
    pub fields: Vec<(String, String)>,
    /// Kept at.
    pub at: Timestamp,
}

impl People {
    /// Keeps a draft; one with the same id is replaced. Beyond what one person may keep, the oldest go.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_draft(&self, person: &PersonId, draft: &Draft) -> Result<(), PeopleError> {
        let fields = serde_json::to_string(&draft.fields).map_err(|e| PeopleError::Damaged(e.to_string()))?;
        let mut change = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO draft (id, person, form, title, fields, at) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, fields = excluded.fields, at = excluded.at
             WHERE person = excluded.person",
        )
        .bind(&draft.id)
        .bind(person.as_str())
        .bind(&draft.form)
        .bind(&draft.title)
        .bind(fields)
        .bind(draft.at.as_millisecond())
        .execute(&mut *change)
        .await?;
        sqlx::query(
            "DELETE FROM draft WHERE person = ? AND id NOT IN
                 (SELECT id FROM draft WHERE person = ? ORDER BY at DESC, id LIMIT ?)",
        )
        .bind(person.as_str())
        .bind(person.as_str())
        .bind(MOST)
        .execute(&mut *change)
        .await?;
        Ok(change.commit().await?)
    }

    /// The drafts of a person, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drafts(&self, person: &PersonId) -> Result<Vec<Draft>, PeopleError> {
        let rows = sqlx::query("SELECT * FROM draft WHERE person = ? ORDER BY at DESC, id");
        rows.bind(person.as_str()).fetch_all(&self.pool).await?.iter().map(draft).collect()
    }

    /// Deletes a draft of this person, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_draft(&self, person: &PersonId, id: &str) -> Result<(), PeopleError> {
        let gone = sqlx::query("DELETE FROM draft WHERE person = ? AND id = ?");
        gone.bind(person.as_str()).bind(id).execute(&self.pool).await?;
        Ok(())
    }
}

fn draft(row: &SqliteRow) -> Result<Draft, PeopleError> {
    let fields: String = row.try_get("fields")?;
    let at = Timestamp::from_millisecond(row.try_get("at")?);
    Ok(Draft {
        id: row.try_get("id")?,
        form: row.try_get("form")?,
        title: row.try_get("title")?,
        fields: serde_json::from_str(&fields).map_err(|e| PeopleError::Damaged(e.to_string()))?,
        at: at.map_err(|error| PeopleError::Damaged(error.to_string()))?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::people;
    use super::*;

    fn draft(id: &str, at: i64) -> Draft {
        let fields = vec![("title".to_owned(), "停止".to_owned()), ("systems".to_owned(), "main".to_owned())];
        let at = Timestamp::from_second(at).unwrap();
        Draft { id: id.to_owned(), form: "F-07".to_owned(), title: "停止".to_owned(), fields, at }
    }

    #[tokio::test]
    async fn a_draft_is_its_owners_and_nobody_elses() {
        let (_folder, people) = people().await;
        let (one, other): (PersonId, PersonId) = ("p-1".parse().unwrap(), "p-2".parse().unwrap());
        people.keep_draft(&one, &draft("d-1", 1)).await.unwrap();
        people.keep_draft(&other, &Draft { title: "x".to_owned(), ..draft("d-1", 2) }).await.unwrap();
        assert_eq!(people.drafts(&one).await.unwrap(), [draft("d-1", 1)], "not overwritten by another");
        assert!(people.drafts(&other).await.unwrap().is_empty());
        people.drop_draft(&other, "d-1").await.unwrap();
        assert_eq!(people.drafts(&one).await.unwrap().len(), 1);
        people.drop_draft(&one, "d-1").await.unwrap();
        assert!(people.drafts(&one).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_oldest_drafts_go_when_there_are_too_many() {
        let (_folder, people) = people().await;
        let one: PersonId = "p-1".parse().unwrap();
        for number in 0..MOST + 5 {
            people.keep_draft(&one, &draft(&format!("d-{number}"), number)).await.unwrap();
        }
        let kept = people.drafts(&one).await.unwrap();
        assert_eq!((kept.len(), kept[0].id.as_str()), (50, "d-54"));
    }
}
