//! The collectors: one module each, functions from [`crate::reading::Sources`] to a [`crate::reading::Reading`].
//! A collector whose clause has one main evidence carries the clause's key.

pub mod c02_malware;
pub mod c03_software;
pub mod c03_support;
pub mod c04_network;
pub mod c06_clocks;
pub mod c07_stops;
pub mod c09_capacity;
pub mod c11_access;
