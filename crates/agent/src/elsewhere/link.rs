//! All parts are one process there: a way between them cannot exist.

use crate::outbox::{Note, OutboxError};
use jiff::Timestamp;
use yakujo_contract::fact::Fact;

/// The way to the keeper: there is none.
#[derive(Debug, Clone, Copy)]
pub enum Link {}

impl Link {
    pub(crate) async fn put_with(self, _: Timestamp, _: &[Fact], _: &[Note]) -> Result<(), OutboxError> {
        match self {}
    }

    pub(crate) async fn recall(self, _: &str) -> Result<Option<String>, OutboxError> {
        match self {}
    }

    pub(crate) async fn recall_all(self, _: &str) -> Result<Vec<(String, String)>, OutboxError> {
        match self {}
    }

    pub(crate) async fn waiting(self) -> Result<u64, OutboxError> {
        match self {}
    }
}
