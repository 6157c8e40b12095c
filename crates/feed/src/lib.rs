//! Signed bundles of what is known of vulnerabilities (3.1, 3.2), for networks that nobody fetches from; and what of it
//! concerns a host.
//!
//! One code path: a connected site imports the same file. A bundle is believed for its signature, its serial number, the
//! time upstream gave each part, and that no part lost much of what it had; refused, the previous one stays.
//!
//! A match is a state, not a count: it is made of the release, the source package and the source version alone, and what
//! did not come from the distributor is unknown to the feed.

pub mod build;
pub mod debian;
pub mod import;
pub mod manifest;
pub mod matching;
pub mod parts;
pub mod refused;
pub mod signed;
pub mod store;
