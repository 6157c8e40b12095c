//! The stories, in one program.

mod acting;
mod breaks;
mod bursts;
mod changes;
mod environment;
mod first_minutes;
mod flows;
mod losses;
mod malware;
mod outside;
mod releases;
mod stops;
mod town_hall;
mod watched_files;
mod windows;
