//! A real browser, Debian's Chromium, at the portal: every page for each side, the keyboard alone, no script, paper.

mod ask_first;
mod asked;
mod bystanders;
mod chromium;
mod cut;
mod keyboard;
mod laws;
mod paper;
mod paperwork;
mod person;
mod plain;
#[path = "../../../crates/yakujo/src/paper.rs"]
mod press;
mod walk;
