//! What an earlier run left, as the outbox kept it.

use super::{MEMORY_KEY, Observer, Past, devices, flows, logins, packages, releases, states, updates};
use crate::outbox::OutboxError;
use crate::parts::Notebook;
use crate::watch::files::{FILE_KEY, LEFT, Left};
use crate::{Settings, malware};

/// An observer that goes on where the last kept fact ended.
pub(crate) async fn observer(
    settings: &Settings,
    seal: [u8; 32],
    notebook: &Notebook,
) -> Result<Observer, OutboxError> {
    // What an older version remembered otherwise is simply seen anew.
    let memory = notebook.recall(MEMORY_KEY).await?.and_then(|text| serde_json::from_str(&text).ok());
    let mut files = Left { files: notebook.recall_all(FILE_KEY).await?, ..Left::default() };
    for key in LEFT {
        if let Some(text) = notebook.recall(key).await? {
            files.rest.insert(key.to_owned(), text);
        }
    }
    let states = (notebook.recall_all(states::ITEM_KEY).await?, notebook.recall_all(states::LIST_KEY).await?);
    let packages =
        (notebook.recall_all(packages::PACKAGE_KEY).await?, notebook.recall(packages::LOOKED_KEY).await?);
    let releases = notebook.recall_all(releases::RELEASE_KEY).await?;
    let held = notebook.recall_all(malware::HELD_KEY).await?.into_iter().map(|(item, _)| item).collect();
    let malware = malware::Left { memory: notebook.recall(malware::MEMORY_KEY).await?, held };
    let logins = notebook.recall(logins::LOGINS_KEY).await?;
    let devices = notebook.recall(devices::DEVICES_KEY).await?;
    let flows = notebook.recall_all(flows::FLOW_KEY).await?;
    let updates = notebook.recall(updates::UPDATES_KEY).await?;
    let memory = memory.unwrap_or_default();
    let past = Past { memory, files, states, packages, releases, logins, devices, flows, updates, malware };
    let sources = settings.sources.clone();
    let made = tokio::task::spawn_blocking(move || Observer::new(sources, &past, seal));
    made.await.map_err(|error| OutboxError::Folder(std::io::Error::other(error)))
}
