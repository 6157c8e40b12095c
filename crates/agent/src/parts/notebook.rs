//! Where the parts keep what they see: the outbox itself in the keeper, the way to the keeper elsewhere.

use super::link::Link;
use crate::outbox::{Note, Outbox, OutboxError};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;
use yakujo_contract::fact::Fact;

/// Takes facts in, and remembers.
#[derive(Debug, Clone)]
pub enum Notebook {
    /// The outbox, and what tells that there is something to deliver.
    Outbox(Arc<Outbox>, watch::Sender<u64>),
    /// The keeper.
    Keeper(Link),
}

impl Notebook {
    /// As [`Outbox::put_with`]. Where the keeper has to be asked, this waits until it answers.
    ///
    /// # Errors
    /// As [`Outbox::put_with`].
    pub async fn put_with(
        &self,
        observed: Timestamp,
        facts: &[Fact],
        notes: &[Note],
    ) -> Result<(), OutboxError> {
        match self {
            Self::Outbox(outbox, news) => {
                let put = outbox.put_with(observed, facts, notes).await;
                news.send_modify(|count| *count = count.wrapping_add(1));
                put
            }
            Self::Keeper(link) => link.put_with(observed, facts, notes).await,
        }
    }

    /// As [`Outbox::recall`].
    ///
    /// # Errors
    /// As [`Outbox::recall`].
    pub async fn recall(&self, key: &str) -> Result<Option<String>, OutboxError> {
        match self {
            Self::Outbox(outbox, _) => outbox.recall(key).await,
            Self::Keeper(link) => link.recall(key).await,
        }
    }

    /// As [`Outbox::recall_all`].
    ///
    /// # Errors
    /// As [`Outbox::recall_all`].
    pub async fn recall_all(&self, prefix: &str) -> Result<Vec<(String, String)>, OutboxError> {
        match self {
            Self::Outbox(outbox, _) => outbox.recall_all(prefix).await,
            Self::Keeper(link) => link.recall_all(prefix).await,
        }
    }

    /// Facts that wait for the server.
    ///
    /// # Errors
    /// As [`Outbox::depth`].
    pub async fn waiting(&self) -> Result<u64, OutboxError> {
        match self {
            Self::Outbox(outbox, _) => Ok(outbox.depth().await?.0),
            Self::Keeper(link) => link.waiting().await,
        }
    }
}
