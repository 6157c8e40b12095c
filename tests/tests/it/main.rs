//! The stories, in one program.

mod first_minutes;
