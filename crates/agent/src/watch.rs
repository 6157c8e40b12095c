//! Watched files: what they were, which of them changed, who did it, what explains it.
//!
//! [`events`] gives hints, [`files`] compares and is the only one to say that something changed, [`packages`] explains.

pub mod actor;
pub mod events;
pub mod file;
pub mod files;
pub mod idle;
pub mod packages;
