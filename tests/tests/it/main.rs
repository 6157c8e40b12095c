//! The stories, in one program.

mod acting;
mod breaks;
mod bursts;
mod changes;
mod containers;
mod environment;
mod feeds;
mod first_minutes;
mod flows;
mod idle;
mod known_good;
mod losses;
mod malware;
mod outside;
mod package;
mod parts;
mod releases;
mod stops;
mod town_hall;
mod units;
mod watched_files;
mod windows;
