//! What was promised, what is known, how it stands.
//!
//! Pure on purpose: no input or output, no clock, no randomness, no async. The city's auditor can read this crate
//! with the contract in the other hand, and the same entries give the same standings on any machine, at any time.
//!
//! The way of a thing: an [`entry::Entry`] (a fact or an act) is folded into [`evidence::Evidence`]; a judge (one plain
//! function per duty, in the clause's file) looks at the evidence through a [`case::Case`] and returns a
//! [`standing::Verdict`]; the [`court::Court`] drives both over time.

pub mod act;
pub mod baseline;
pub mod calendar;
pub mod case;
pub mod change;
pub mod clauses;
pub mod court;
pub mod duty;
pub mod entry;
pub mod environment;
pub mod evidence;
pub mod fact;
pub mod finding;
pub mod id;
pub mod occurrence;
pub mod order;
pub mod outage;
pub mod parameter;
pub mod reconcile;
pub mod report;
pub mod request;
pub mod retention;
pub mod scenario;
pub mod standing;
pub mod target;
pub mod terms;
pub mod thing;
pub mod topic;
pub mod weigh;
