//! Why a bundle is refused. Whatever was imported before stays as it was.

use crate::manifest::Kind;
use jiff::Timestamp;

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no bundle.
    #[error("this is no feed bundle: {0}")]
    NoBundle(String),
    /// Nobody known signed it.
    #[error("the signature is not that of a maker this site knows: {0}")]
    Signature(String),
    /// It, or a later one, was imported already.
    #[error("serial {offered} is not above {known}, which was imported already")]
    Serial {
        /// Of this bundle.
        offered: u64,
        /// Of the one in use.
        known: u64,
    },
    /// It is older than the maker wanted it to be used.
    #[error("it was to be used until {0}")]
    Stale(Timestamp),
    /// Upstream's time of a part went back.
    #[error("{}: upstream's time {offered} is before {known}, which is in use", .kind.word())]
    Older {
        /// The part.
        kind: Kind,
        /// Upstream's time in this bundle.
        offered: Timestamp,
        /// Upstream's time of what is in use.
        known: Timestamp,
    },
    /// Upstream's time lies in the future.
    #[error("{}: upstream's time {offered} is not over yet", .kind.word())]
    Future {
        /// The part.
        kind: Kind,
        /// Upstream's time in this bundle.
        offered: Timestamp,
    },
    /// A part that is in use is missing.
    #[error("{} is in use and not in this bundle", .0.word())]
    Missing(Kind),
    /// A part is not what was signed: cut short, longer, or other bytes.
    #[error("{}: {what}", .kind.word())]
    NotAsSigned {
        /// The part.
        kind: Kind,
        /// What differs.
        what: String,
    },
    /// A part cannot be read.
    #[error("{}: cannot be read: {why}", .kind.word())]
    Unreadable {
        /// The part.
        kind: Kind,
        /// Why.
        why: String,
    },
    /// A part lost more than a fifth of its records.
    #[error(
        "{}: {offered} records, after {known}: if upstream really dropped so many, import it with the reason",
        .kind.word()
    )]
    Fewer {
        /// The part.
        kind: Kind,
        /// Records in this bundle.
        offered: u64,
        /// Records in use.
        known: u64,
    },
    /// The store of feeds fails.
    #[error("the folder of feeds fails")]
    Store(#[from] std::io::Error),
}
