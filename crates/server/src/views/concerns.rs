//! What is known of vulnerabilities that concerns a host, as it was worked out last. What is over (fixed, never concerned) is
//! counted; only of what is known to be exploited it is listed, too.

use super::{ViewError, Views, damaged};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;
use yakujo_contract::fact::vulnerability::VulnStatus;
use yakujo_contract::id::HostId;

/// A host beside a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Serial number of the feed.
    pub serial: u64,
    /// The entry its packages and its system were known by.
    pub inventory: u64,
    /// When.
    pub at: Timestamp,
    /// Why nothing can be said; none where something can.
    pub untold: Option<Untold>,
    /// How many stand how.
    pub counts: Counts,
}

/// Why nothing can be said of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// The feed knows other systems.
    OtherSystem,
    /// Its release is not known.
    NoRelease,
}

/// Pairs of a source package and a vulnerability, by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Known to be exploited, and not over.
    pub exploited: u32,
    /// A fixed version is on offer.
    pub update: u32,
    /// No fixed version yet.
    pub open: u32,
    /// Unknown to the feed; source packages it does not know count once.
    pub unknown: u32,
    /// The distributor will not fix it.
    pub left: u32,
    /// Never concerned it.
    pub not_affected: u32,
    /// Fixed.
    pub fixed: u32,
}

/// One vulnerability of one source package, or a source package that the feed does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// Its place in the list: what has to be done first stands first.
    pub place: String,
    /// `CVE-2026-12345`; none where the feed does not know the package.
    pub id: Option<String>,
    /// Source package.
    pub source: String,
    /// Its installed version.
    pub version: String,
    /// How it stands.
    pub status: VulnStatus,
    /// First version without it.
    pub fixed_version: Option<String>,
    /// What the distributor said of it.
    pub note: Option<String>,
    /// Known to be exploited; none where the feed has no list of what is.
    pub exploited: Option<bool>,
    /// EPSS in millionths.
    pub epss_millionths: Option<u32>,
}

impl Views {
    /// Every host that was compared.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compared(&self) -> Result<BTreeMap<HostId, Compared>, ViewError> {
        let rows = sqlx::query("SELECT * FROM compared").fetch_all(&self.pool).await?;
        rows.iter().map(compared).collect()
    }

    /// One host, where it was compared.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compared_host(&self, host: &HostId) -> Result<Option<Compared>, ViewError> {
        let row = sqlx::query("SELECT * FROM compared WHERE host = ?").bind(host.as_str());
        let row = row.fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(compared).transpose()?.map(|(_, compared)| compared))
    }

    /// Puts what concerns a host in the place of what was known before, in one transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn compare(
        &self,
        host: &HostId,
        compared: &Compared,
        concerns: &[Concern],
    ) -> Result<(), ViewError> {
        let mut change = self.pool.begin().await?;
        sqlx::query("DELETE FROM concern WHERE host = ?").bind(host.as_str()).execute(&mut *change).await?;
        for one in concerns {
            sqlx::query("INSERT INTO concern VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(host.as_str())
                .bind(&one.place)
                .bind(&one.id)
                .bind(&one.source)
                .bind(&one.version)
                .bind(status_word(one.status))
                .bind(&one.fixed_version)
                .bind(&one.note)
                .bind(one.exploited)
                .bind(one.epss_millionths)
                .execute(&mut *change)
                .await?;
        }
        let counts = &compared.counts;
        sqlx::query("INSERT OR REPLACE INTO compared VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(host.as_str())
            .bind(i64::try_from(compared.serial).map_err(damaged)?)
            .bind(i64::try_from(compared.inventory).map_err(damaged)?)
            .bind(compared.at.as_microsecond())
            .bind(compared.untold.map(Untold::word))
            .bind(counts.exploited)
            .bind(counts.update)
            .bind(counts.open)
            .bind(counts.unknown)
            .bind(counts.left)
            .bind(counts.not_affected)
            .bind(counts.fixed)
            .execute(&mut *change)
            .await?;
        change.commit().await?;
        Ok(())
    }

    /// What concerns a host, after a place in the list; `find` is part of an id or of a package's name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn concerns(
        &self,
        host: &HostId,
        after: &str,
        find: &str,
        limit: u32,
    ) -> Result<Vec<Concern>, ViewError> {
        let rows = sqlx::query(
            "SELECT * FROM concern WHERE host = ?1 AND place > ?2
             AND (?3 = '' OR instr(lower(coalesce(id, '') || ' ' || source), ?3) > 0) ORDER BY place LIMIT ?4",
        );
        let rows = rows.bind(host.as_str()).bind(after).bind(find.to_lowercase()).bind(limit);
        rows.fetch_all(&self.pool).await?.iter().map(concern).collect()
    }
}

impl Untold {
    fn word(self) -> &'static str {
        match self {
            Self::OtherSystem => "other_system",
            Self::NoRelease => "no_release",
        }
    }
}

const STATUSES: [(VulnStatus, &str); 6] = [
    (VulnStatus::UpdateAvailable, "update_available"),
    (VulnStatus::Open, "open"),
    (VulnStatus::UnknownToFeed, "unknown_to_feed"),
    (VulnStatus::WillNotFix, "will_not_fix"),
    (VulnStatus::NotAffected, "not_affected"),
    (VulnStatus::Fixed, "fixed"),
];

fn status_word(status: VulnStatus) -> &'static str {
    STATUSES.iter().find(|(known, _)| *known == status).map_or("unknown_to_feed", |(_, word)| word)
}

fn compared(row: &SqliteRow) -> Result<(HostId, Compared), ViewError> {
    let number = |name| u64::try_from(row.try_get::<i64, _>(name)?).map_err(damaged);
    let untold = match row.try_get::<Option<String>, _>("untold")?.as_deref() {
        None => None,
        Some("other_system") => Some(Untold::OtherSystem),
        Some(_) => Some(Untold::NoRelease),
    };
    let counts = Counts {
        exploited: row.try_get("exploited")?,
        update: row.try_get("updates")?,
        open: row.try_get("open")?,
        unknown: row.try_get("unknown")?,
        left: row.try_get("not_fixed")?,
        not_affected: row.try_get("not_affected")?,
        fixed: row.try_get("fixed")?,
    };
    let host: HostId = row.try_get::<String, _>("host")?.parse().map_err(damaged)?;
    let at = Timestamp::from_microsecond(row.try_get("at")?).map_err(damaged)?;
    Ok((host, Compared { serial: number("serial")?, inventory: number("inventory")?, at, untold, counts }))
}

fn concern(row: &SqliteRow) -> Result<Concern, ViewError> {
    let word: String = row.try_get("status")?;
    let status = STATUSES.iter().find(|(_, known)| *known == word);
    let (status, _) = status.ok_or_else(|| damaged(format!("`{word}` is no state")))?;
    Ok(Concern {
        place: row.try_get("place")?,
        id: row.try_get("id")?,
        source: row.try_get("source")?,
        version: row.try_get("version")?,
        status: *status,
        fixed_version: row.try_get("fixed_version")?,
        note: row.try_get("note")?,
        exploited: row.try_get("exploited")?,
        epss_millionths: row.try_get("epss")?,
    })
}
