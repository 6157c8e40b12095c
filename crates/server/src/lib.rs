//! Portal, intake, decisions, judging, disclosure.

pub mod audience;
pub mod checksheets;
pub mod console;
pub mod decide;
pub mod disclose;
mod doors;
pub mod entering;
pub mod heads;
pub mod intake;
pub mod monthly;
pub mod notices;
pub mod office;
pub mod orders;
pub mod pages;
pub mod people;
pub mod probing;
pub mod resent;
pub mod routes;
pub mod security;
pub mod server;
pub mod settings;
pub mod shelf;
mod snapshot;
pub mod tls;
pub mod views;
pub mod watch;
pub mod writer;
