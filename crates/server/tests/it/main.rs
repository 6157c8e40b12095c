//! The server as its visitors meet it: the running server, spoken to over TLS as a browser or an agent speaks.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helper functions as well"
)]

mod actions;
mod at_once;
mod attack;
mod backups;
mod browser;
mod bystanders;
mod cells;
mod certificate;
mod checksheets;
mod comments;
mod contracts;
mod findings;
mod flows;
mod forms;
mod hosts;
mod idle_cut;
mod inside;
mod intake;
mod known_good;
mod leaving;
mod lists;
mod mail;
mod matrix;
mod notices;
mod orders;
mod posts;
#[path = "../../../yakujo/src/paper.rs"]
mod press;
mod request_races;
mod site;
mod smtp;
mod stage;
mod targets;
mod twice;
mod v01_sql_injection;
mod v02_os_command_injection;
mod v03_directory_traversal;
mod v04a_guessable_session_id;
mod v04b_session_id_leak;
mod v04c_cookie_attributes;
mod v04d_session_fixation;
mod v05_xss;
mod v06a_csrf;
mod v06b_clickjacking;
mod v07_mail_header_injection;
mod v08a_access_control;
mod v08b_authorisation;
mod v09_http_header_injection;
mod v10_eval_injection;
mod v11_race_condition;
mod v12_unintended_files;
mod v13_uploaded_scripts;
mod v14_cached_secrets;
mod v15_open_redirect;
mod v16_crawlers;
mod walk;
mod webhooks;
mod wire;
