//! People are told (お知らせ): on a page of the portal, by mail, by webhook.
//!
//! One task per contract follows the ledger and the turns of standings from where it stood, plans notices, and keeps them
//! before it moves on; a crash repeats the planning, and the same key is told once. A notice tells that there is
//! something and where; it approves nothing and holds no details.

pub mod due;
pub mod found;
pub mod mail;
pub mod pacing;
pub mod plan;
pub mod webhook;

use crate::office::{Office, OfficeError};
use crate::people::notices::Cursor;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use yakujo_contract::entry::Entry;

/// Entries and turns planned at once.
const AT_ONCE: u32 = 500;
/// How often deadlines are looked at: the shortest of them is of minutes.
const LOOKS: Duration = Duration::from_secs(60);

/// Follows one contract until the server ends.
pub async fn tell(office: Arc<Office>, mut ended: watch::Receiver<()>) {
    let mut news = office.news();
    let mut looks = tokio::time::interval(LOOKS);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if let Err(error) = plan_all(&office).await {
            tracing::error!("notices of {} cannot be planned: {error}", office.id());
        }
        tokio::select! {
            _ = ended.changed() => return,
            changed = news.changed() => if changed.is_err() { return },
            _ = looks.tick() => if let Err(error) = plan_dues(&office).await {
                tracing::error!("deadlines of {} cannot be told: {error}", office.id());
            },
        }
    }
}

/// Tells of the deadlines that are near or over now, and of what was found.
///
/// # Errors
/// When the database fails; the next look tells of them again.
pub async fn plan_dues(office: &Arc<Office>) -> Result<(), OfficeError> {
    let now = office.now();
    let told = office.people.told_findings().await?;
    let asked = office.clone();
    let planned = move || {
        let court = asked.court();
        let roll = court.roll(asked.terms());
        let dues = due::notices(asked.terms(), &court, &roll, now);
        drop(court);
        let (news, ids) = found::notices(roll.all(), told.as_ref().unwrap_or(&BTreeSet::new()), now);
        // What was found before anybody could be told is history.
        (dues, if told.is_some() { news } else { Vec::new() }, ids)
    };
    let planned = tokio::task::spawn_blocking(planned).await;
    let (dues, news, ids) =
        planned.map_err(|error| OfficeError::File(office.folder().to_owned(), error.into()))?;
    office.people.keep_notices(Cursor::Dues, now.as_microsecond(), &dues).await?;
    Ok(office.people.keep_found(&ids, now.as_microsecond(), &news).await?)
}

/// Plans whatever came since the last time.
///
/// # Errors
/// When a database or the ledger cannot be read; the next time begins where this one stopped.
pub async fn plan_all(office: &Office) -> Result<(), OfficeError> {
    while plan_entries(office).await? || plan_turns(office).await? {}
    Ok(())
}

/// Whether there may be more.
async fn plan_entries(office: &Office) -> Result<bool, OfficeError> {
    let Some(from) = office.people.cursor(Cursor::Entries).await? else {
        // What was there before anybody could be told is history.
        office.people.keep_notices(Cursor::Entries, signed(office.size()), &[]).await?;
        return Ok(true);
    };
    let told = office.views().told_from(u64::try_from(from).unwrap_or_default(), AT_ONCE).await?;
    let Some(last) = told.last() else { return Ok(false) };
    let mut notices = Vec::new();
    for number in &told {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| OfficeError::Entry(*number, error);
        let bytes = office.reader().entry(*number).map_err(|error| failed(Box::new(error)))?;
        let entry = Entry::from_bytes(&bytes).map_err(|error| failed(Box::new(error)))?;
        notices.extend(plan::of_entry(&office.court(), *number, &entry));
    }
    office.people.keep_notices(Cursor::Entries, signed(last.saturating_add(1)), &notices).await?;
    Ok(true)
}

async fn plan_turns(office: &Office) -> Result<bool, OfficeError> {
    let Some(after) = office.people.cursor(Cursor::Turns).await? else {
        office.people.keep_notices(Cursor::Turns, office.now().as_microsecond(), &[]).await?;
        return Ok(true);
    };
    let after = Timestamp::from_microsecond(after).unwrap_or(Timestamp::MIN);
    let turns = office.views().turns_after(after, AT_ONCE).await?;
    let Some(last) = turns.last() else { return Ok(false) };
    let notices = plan::of_turns(&turns);
    office.people.keep_notices(Cursor::Turns, last.at.as_microsecond(), &notices).await?;
    Ok(true)
}

/// What may go out now, by the contract's calendar.
fn pacing_of(office: &Office) -> pacing::Pacing {
    let court = office.court();
    let calendar = office.terms().calendar.with(&court.evidence().agreements.holidays());
    pacing::Pacing::at(&calendar, office.now())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
