//! A program that has seconds of work to do gets its time in small pieces, so that with it the agent stays within what it
//! declared for any ten seconds (10 % of a core).
//!
//! It is stopped and let go by signals to a process group of its own. When whoever waits for it is killed meanwhile, the
//! kernel ends the group itself (POSIX: a group that is orphaned with stopped members gets SIGHUP and SIGCONT).

use crate::system::{ms, own_ticks};
use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Child;
use std::time::{Duration, Instant};

/// Of a core, in thousandths.
const MOST_PER_MILLE: u128 = 70;
/// Between two looks: so long it may run on beyond its share.
pub const STEP: Duration = Duration::from_millis(20);

/// The share of one program.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    group: Pid,
    is_stopped: bool,
}

impl Pace {
    /// Of a program that was just started as the first of a process group.
    pub fn of(child: &Child) -> Self {
        Self { began: Instant::now(), group: Pid::from_child(child), is_stopped: false }
    }

    /// Stops the program where it is ahead of its share, and lets it go on where it is not.
    pub fn step(&mut self) {
        let Some(used) = used_ms(self.group) else { return };
        let allowed = self.began.elapsed().as_millis() * MOST_PER_MILLE / 1_000;
        let is_ahead = u128::from(used) > allowed;
        if is_ahead != self.is_stopped {
            let signal = if is_ahead { Signal::STOP } else { Signal::CONT };
            // Where it ended in between, whoever waits for it sees that next.
            if self.tell(signal) {
                self.is_stopped = is_ahead;
            }
        }
    }

    /// Ends the program with all it started. Call it before the program was waited for: its number is its own until then.
    pub fn end(&self) {
        self.tell(Signal::KILL);
    }

    fn tell(&self, signal: Signal) -> bool {
        kill_process_group(self.group, signal).is_ok()
    }
}

/// Processor time of a process, ms.
fn used_ms(process: Pid) -> Option<u64> {
    let stat = Process::new(process.as_raw_nonzero().get()).and_then(|process| process.stat()).ok()?;
    Some(ms(own_ticks(&stat)))
}
