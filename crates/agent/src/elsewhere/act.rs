//! Nobody acts there: a hand cannot exist, and no permit be given.

/// What nobody may do.
pub type QuarantinePermit = std::convert::Infallible;

/// What a hand would have said of the quarantine.
pub type Permitted = tokio::sync::watch::Receiver<Option<QuarantinePermit>>;

/// The way to the part that acts.
pub mod hand {
    /// There is none.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Hand {}
}

/// Orders stay on the server, where they show as not carried out.
pub mod follow {
    use super::QuarantinePermit;
    use crate::Settings;
    use crate::deliver::Line;
    use crate::outbox::Outbox;
    use std::sync::Arc;
    use tokio::sync::watch;
    use tokio::task::JoinHandle;

    /// Follows nobody's orders.
    pub(crate) fn start(
        settings: &Settings,
        _: &Line,
        _: &Arc<Outbox>,
        _: (&watch::Sender<u64>, watch::Sender<Option<QuarantinePermit>>),
        _: &watch::Receiver<()>,
    ) -> Option<JoinHandle<()>> {
        settings.hand.map(|hand| match hand {})
    }
}
