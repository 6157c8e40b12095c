//! What is known of vulnerabilities, beside what is installed on the hosts (3.1.a, 3.2.a).
//!
//! The command puts a bundle into use (`yakujo feed import`), in a folder that all contracts of the server share. Whether
//! another one is in use, or a host has other packages, is looked at every quarter of a minute; only then the bundle is read,
//! and what concerns the host is worked out. The ledger gets the import, and what is known to be exploited as it comes and
//! goes; the whole list is a view, which can be worked out again.

mod beside;

use crate::causes::with_causes;
use crate::office::Office;
use crate::views::ViewError;
use crate::writer::NotStored;
use beside::{Subject, beside, is_listed, news};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use yakujo_contract::fact::Fact;
use yakujo_contract::fact::vulnerability::{Feed, FeedImported};
use yakujo_contract::id::{HostId, PersonId};
use yakujo_feed::import::CHECKS;
use yakujo_feed::manifest::{Manifest, Part};
use yakujo_feed::parts::Known;
use yakujo_feed::store::{InUse, Store};

/// Name of the folder in the data folder.
pub const FOLDER: &str = "feeds";
/// It is looked at so often.
const EVERY: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the folder of feeds cannot be read: import the bundle again")]
    Store(#[from] std::io::Error),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error(transparent)]
    NotStored(#[from] NotStored),
    #[error("the comparison was cut off")]
    CutOff(#[from] tokio::task::JoinError),
}

/// Compares until the end.
pub async fn follow(offices: Vec<Arc<Office>>, data: PathBuf, mut ended: watch::Receiver<()>) {
    let store = Store::of(&data.join(FOLDER));
    let mut turns = tokio::time::interval(EVERY);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut trouble = String::new();
    loop {
        tokio::select! {
            _ = ended.changed() => return,
            _ = turns.tick() => {}
        }
        let result = tokio::select! {
            _ = ended.changed() => return,
            result = round(&offices, &store) => result,
        };
        let now = result.err().map(|error| with_causes(&error)).unwrap_or_default();
        if now != trouble && !now.is_empty() {
            tracing::error!("hosts are not compared with what is known of vulnerabilities: {now}");
        }
        trouble = now;
    }
}

async fn round(offices: &[Arc<Office>], store: &Store) -> Result<(), FeedError> {
    let reading = store.clone();
    let Some(in_use) = tokio::task::spawn_blocking(move || reading.in_use()).await?? else { return Ok(()) };
    // It takes much memory: it is kept for this round alone.
    let mut read: Option<Arc<(Manifest, Known)>> = None;
    for office in offices {
        tell_import(office, &in_use).await?;
        let compared = office.views().compared().await?;
        let inventories = beside::inventories(&office.court());
        let is_due = |(host, inventory): &(HostId, u64)| {
            let known = compared.get(host);
            known.is_none_or(|it| (it.serial, it.inventory) != (in_use.manifest.serial, *inventory))
        };
        for (host, _) in inventories.into_iter().filter(is_due) {
            let known = match &read {
                Some(known) => known.clone(),
                None => {
                    let reading = store.clone();
                    let known = tokio::task::spawn_blocking(move || reading.known()).await??;
                    let Some(known) = known.map(Arc::new) else { return Ok(()) };
                    read.insert(known).clone()
                }
            };
            let subject = beside::subject(&office.court(), &host);
            if let Some(subject) = subject.map(Arc::new) {
                compare(office, &known, subject).await?;
            }
        }
    }
    Ok(())
}

/// States each part of a bundle once.
async fn tell_import(office: &Office, in_use: &InUse) -> Result<(), FeedError> {
    let serial = in_use.manifest.serial;
    let is_told = |name: &str| {
        let court = office.court();
        court.evidence().vulnerabilities.feeds().any(|it| it.value.name == name && it.value.serial >= serial)
    };
    for part in &in_use.manifest.parts {
        if is_told(part.kind.word()) {
            continue;
        }
        let imported = FeedImported {
            name: part.kind.word().to_owned(),
            upstream_time: part.upstream_time,
            serial,
            digest: in_use.digest.clone(),
            importer: person(office, in_use.import.by.as_deref()).await,
            confirmer: person(office, in_use.import.confirmed_by.as_deref()).await,
            checks: CHECKS.map(str::to_owned).to_vec(),
        };
        office.state(None, Fact::FeedImported(imported)).await?;
    }
    Ok(())
}

/// Who a sign-in name is, in this contract.
async fn person(office: &Office, login: Option<&str>) -> Option<PersonId> {
    let login = login?;
    match office.people.by_login(login).await {
        Ok(person) => Some(person.id),
        Err(error) => {
            tracing::warn!("who brought the feed in is not recorded: {login}: {error}");
            None
        }
    }
}

async fn compare(
    office: &Office,
    known: &Arc<(Manifest, Known)>,
    subject: Arc<Subject>,
) -> Result<(), FeedError> {
    let (bundle, about, at) = (known.clone(), subject.clone(), office.now());
    let work = move || beside(&bundle.1, bundle.0.serial, &about, at);
    let (compared, mut found) = tokio::task::spawn_blocking(work).await?;
    let feed = |part: &Part| Feed { name: part.kind.word().to_owned(), time: part.upstream_time };
    let feeds: Vec<Feed> = known.0.parts.iter().map(feed).collect();
    // What the view shows as compared is in the ledger before.
    let news = news(&office.court().evidence().vulnerabilities, &subject, &found, &feeds);
    for fact in news {
        office.state(Some(subject.host.clone()), Fact::VulnMatch(fact)).await?;
    }
    found.retain(is_listed);
    office.views().compare(&subject.host, &compared, &found).await?;
    Ok(())
}
