//! What stands in for the parts that look into a Linux host and act on it, on every other system.
//!
//! There the agent keeps and delivers facts, shows that it lives, tries agreed targets, and passes on what other products say in
//! files. It sees nothing else and does nothing to the host: each collector says so in every beat, and what it would tell stays
//! unknown. This is compiled on other systems and run by the tests on Linux; nobody has run it elsewhere.

pub mod observe;
pub mod unseen;

#[cfg(not(target_os = "linux"))]
pub mod act;
#[cfg(not(target_os = "linux"))]
pub mod link;
#[cfg(not(target_os = "linux"))]
pub mod process;
#[cfg(not(target_os = "linux"))]
pub mod system;
