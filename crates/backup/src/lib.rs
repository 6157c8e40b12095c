//! Makes, checks and restores backups in restic's repository format, and says what came of it as facts.
//!
//! A crate of its own because what it needs is heavy, and because it runs in a process of its own: it reads everything on
//! a host, needs much memory, and ends when its one job is done. Two implementations of the format stand behind one trait,
//! so that what one wrote is restored by the other: a mistake that both make is far less likely than one of either.

pub mod command;
pub mod content;
pub mod dump;
pub mod engine;
pub mod escrow;
pub mod job;
pub mod limits;
pub mod manifest;
pub mod restic;
pub mod rustic;
