//! Threads that hash or scan wait for everybody else at the disk: they are in the idle class of the kernel's I/O scheduler,
//! however the agent was started. The class is of a thread, and threads and programs it starts begin with it.
//!
//! The kernel's call (`ioprio_set`) is in neither rustix nor nix, the crate ioprio rests on a nix of 2021, and there is no
//! `unsafe` here: so the program of util-linux is asked, once a thread. Threads for which somebody waits stay as they are: those
//! that answer held opens. clamd reads in its own class.

use crate::command::output_of;
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

const IONICE: &str = "/usr/bin/ionice";
const WITHIN: Duration = Duration::from_secs(5);

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread waits for everybody else at the disk. Where that is not to be had it goes on as before.
pub fn wait_for_others() {
    if ASKED.replace(true) {
        return;
    }
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    if let Err(error) = output_of(Path::new(IONICE), &["-c", "3", "-p", &thread], WITHIN) {
        tracing::warn!("hashing and scanning do not wait for others at the disk: {error}");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The class of this thread, as the kernel says.
    pub fn class() -> String {
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        output_of(Path::new(IONICE), &["-p", &thread], WITHIN).unwrap().trim().to_owned()
    }

    #[test]
    fn one_thread_waits_for_others_and_no_other_does() {
        let before = class();
        std::thread::spawn(|| {
            wait_for_others();
            wait_for_others();
            assert_eq!(class(), "idle");
            assert_eq!(std::thread::spawn(class).join().unwrap(), "idle", "what it starts begins with it");
        })
        .join()
        .unwrap();
        assert_eq!(class(), before);
    }
}
