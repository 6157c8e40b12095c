//! 競合状態 (CWE-362, 367).
//!
//! What may happen once is decided in one place and in one step: acts in the writer's turn, one after the other; one-time
//! links, codes and enrolments by one statement that finds and uses up; tries to sign in are counted before they are
//! verified.
