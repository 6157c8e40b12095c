//! What notices are made of: the entries and turns that came after those that were looked at before.

use super::{Change, ViewError, Views, change, damaged};
use jiff::Timestamp;
use sqlx::Row;

impl Views {
    /// Numbers of the entries from this one on that people made, or that tell of a silence, of malware, of a host that is cut off, or of what an
    /// agent did by itself or by an order; lowest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn told_from(&self, from: u64, limit: u32) -> Result<Vec<u64>, ViewError> {
        let from = i64::try_from(from).map_err(damaged)?;
        let rows = sqlx::query(
            "SELECT number FROM entry WHERE number >= ?1 AND party IS NOT NULL UNION
             SELECT number FROM entry WHERE kind IN ('host.silence', 'av.detection', 'isolation.state', 'isolation.seen', 'order.outcome')
             AND number >= ?1 ORDER BY number LIMIT ?2",
        );
        let rows = rows.bind(from).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(|row| u64::try_from(row.try_get::<i64, _>("number")?).map_err(damaged)).collect()
    }

    /// Turns of standings after an instant, oldest first. The first turn of a duty is its beginning, not a turn.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn turns_after(&self, at: Timestamp, limit: u32) -> Result<Vec<Change>, ViewError> {
        let rows = sqlx::query(
            "SELECT * FROM change WHERE at > ?1 AND EXISTS (SELECT 1 FROM change AS earlier
             WHERE earlier.duty = change.duty AND earlier.system = change.system AND earlier.at < change.at)
             ORDER BY at LIMIT ?2",
        );
        let rows = rows.bind(at.as_microsecond()).bind(limit);
        rows.fetch_all(&self.pool).await?.iter().map(change).collect()
    }
}
