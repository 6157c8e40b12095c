//! The judges, one file per clause.

mod account_use;
pub mod c01_procedures;
pub mod c02_malware;
pub mod c03_vulnerabilities;
pub mod c04_network;
pub mod c05_logs;
pub mod c06_clocks;
pub mod c07_stops;
pub mod c08_changes;
pub mod c09_capacity;
pub mod c10_backups;
pub mod c11_access;
pub mod c12_environments;
pub mod c13_entry;
pub mod c14_surveillance;
pub(crate) mod containment;
mod deliveries;
mod detection;
mod encryption;
mod engine;
mod firewall;
pub(crate) mod flows;
mod idle_cuts;
mod login_methods;
mod measures;
mod outside;
pub(crate) mod reviews;
