//! The collectors: one module each, functions from [`crate::reading::Sources`] to a [`crate::reading::Reading`].
//! A collector whose clause has one main evidence carries the clause's key.

pub mod c02_malware;
pub mod c03_software;
pub mod c03_support;
pub mod c03_updates;
pub mod c04_certificates;
pub mod c04_flows;
pub mod c04_network;
pub mod c04_segment;
pub mod c04_sessions;
pub mod c04_tls;
pub(crate) mod c05_lines;
pub(crate) mod c05_logins;
pub(crate) mod c05_records;
pub(crate) mod c05_wtmpdb;
pub mod c06_clocks;
pub mod c07_stops;
pub mod c08_containers;
pub mod c08_jobs;
pub mod c08_kernel;
pub mod c08_schema;
pub mod c09_capacity;
pub mod c09_databases;
pub mod c11_access;
pub mod c12_releases;
pub mod c13_devices;
pub(crate) mod databases;
