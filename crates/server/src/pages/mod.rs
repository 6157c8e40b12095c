//! The pages of the portal: one file per page. A page reads the court and the views and never judges; what a person
//! does on it goes through `decide`.

pub mod absent;
pub mod account;
pub mod agreement;
pub mod agreements;
pub mod assets;
pub mod block;
pub mod board;
pub mod bundle;
pub mod clause;
pub mod devices;
pub mod disclosures;
pub mod document;
pub mod documents;
pub mod door;
pub mod duty;
pub mod era;
pub mod first;
pub mod frame;
pub mod guide;
pub mod host;
pub mod hosts;
pub mod ledger;
pub mod ledger_entry;
pub mod link;
pub mod list;
pub mod matter;
pub mod parameters;
pub mod people;
pub mod person;
pub mod propose;
pub mod sign_in;
pub mod system;
pub mod systems;
pub mod visit;
pub mod words;
