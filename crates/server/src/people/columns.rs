//! Columns that tables of `people.db` got after they were first made: a database of an older version is opened as it is.

use super::{People, PeopleError};

/// Table, column, and the statement that adds it.
const ADDED: [(&str, &str, &str); 4] = [
    ("notice", "circle", "ALTER TABLE notice ADD COLUMN circle TEXT NOT NULL DEFAULT 'all'"),
    ("mail_choice", "muted", "ALTER TABLE mail_choice ADD COLUMN muted TEXT NOT NULL DEFAULT ''"),
    ("delivery", "failing", "ALTER TABLE delivery ADD COLUMN failing INTEGER"),
    ("webhook", "pace", "ALTER TABLE webhook ADD COLUMN pace TEXT NOT NULL DEFAULT 'at_once'"),
];

impl People {
    /// Adds what is missing.
    pub(super) async fn add_columns(&self) -> Result<(), PeopleError> {
        for (table, column, statement) in ADDED {
            let known = sqlx::query("SELECT 1 FROM pragma_table_info(?) WHERE name = ?");
            if known.bind(table).bind(column).fetch_optional(&self.pool).await?.is_none() {
                sqlx::raw_sql(statement).execute(&self.pool).await?;
            }
        }
        Ok(())
    }
}
