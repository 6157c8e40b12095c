//! Portal, intake, decisions, judging, disclosure.

pub mod audience;
pub mod console;
pub mod decide;
pub mod disclose;
mod doors;
pub mod heads;
pub mod intake;
pub mod office;
pub mod pages;
pub mod people;
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
