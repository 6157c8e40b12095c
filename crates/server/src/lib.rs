//! Portal, intake, decisions, judging, disclosure.

pub mod people;
pub mod settings;
pub mod tls;
