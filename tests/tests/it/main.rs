//! The stories, in one program.

mod breaks;
mod first_minutes;
mod losses;
