//! The server as its visitors meet it: the running server, spoken to over TLS as a browser or an agent speaks.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helper functions as well"
)]

mod browser;
mod contracts;
mod intake;
mod site;
mod walk;
mod wire;
