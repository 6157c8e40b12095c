//! stub
mod command;
pub mod outbox;
pub mod reading;
